/* Judges e-invoices by EN 16931's official rules: for each file a line, "valid FILE" or "invalid FILE: why". It is run
 * from its source. */
import com.helger.diver.api.coord.DVRCoordinate;
import com.helger.io.resource.FileSystemResource;
import com.helger.phive.api.execute.ValidationExecutionManager;
import com.helger.phive.api.executorset.ValidationExecutorSetRegistry;
import com.helger.phive.api.validity.IValidityDeterminator;
import com.helger.phive.en16931.EN16931Validation;
import com.helger.phive.xml.source.IValidationSourceXML;
import com.helger.phive.xml.source.ValidationSourceXML;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

class Invoices {
    static DVRCoordinate rulesOf(String head) {
        if (head.contains("<rsm:CrossIndustryInvoice"))
            return EN16931Validation.VID_CII_1316;
        return head.contains("<CreditNote") ? EN16931Validation.VID_UBL_CREDIT_NOTE_1316 : EN16931Validation.VID_UBL_INVOICE_1316;
    }

    public static void main(String[] files) throws Exception {
        var registry = new ValidationExecutorSetRegistry<IValidationSourceXML>();
        EN16931Validation.initEN16931(registry);
        for (String file : files) {
            String text = Files.readString(Path.of(file));
            var rules = registry.getOfID(rulesOf(text.substring(0, Math.min(500, text.length()))));
            var result = ValidationExecutionManager.executeValidation(
                IValidityDeterminator.createDefault(), rules, ValidationSourceXML.create(new FileSystemResource(file)), Locale.US);
            var why = new StringBuilder();
            for (var layer : result)
                for (var error : layer.getErrorList())
                    if (error.isError() && why.length() < 400)
                        why.append(' ').append(error.getErrorText(Locale.US).replace('\n', ' '));
            System.out.println(result.containsNoError() ? "valid " + file : "invalid " + file + ":" + why);
        }
    }
}
