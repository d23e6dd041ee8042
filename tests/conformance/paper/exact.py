"""An e-invoice's amounts to the last digit, which the official rules do not ask: they let a tax be off by almost a whole
unit. Written from EN 16931 (BT numbers) and from nothing of ours; both syntaxes become one shape first."""

import datetime
import xml.etree.ElementTree as ET
from decimal import ROUND_HALF_UP, Decimal

CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


def spelled(path, *spaces):
    """"b:Name" and "a:Name" as ElementTree spells them."""
    return "/".join(dict(zip("ab", spaces))[part[0]] + part[2:] if part[1:2] == ":" else part for part in path.split("/"))


def number(text):
    value = Decimal(text)
    assert "e" not in text.lower(), f"{text} is no number of XML Schema's decimal"
    return value


def ubl(root):
    def all_of(at, path):
        return at.findall(spelled(path, CAC, CBC))

    def text(at, path):
        found = at.find(spelled(path, CAC, CBC))
        return None if found is None else found.text

    def tax(at):
        return text(at, "b:ID"), number(text(at, "b:Percent") or "0")
    credit = root.tag.endswith("CreditNote")
    total = all_of(root, "a:LegalMonetaryTotal")[0]
    return {
        "number": text(root, "b:ID"), "credit": credit, "issued": text(root, "b:IssueDate"), "due_on": text(root, "b:DueDate"),
        "currency": text(root, "b:DocumentCurrencyCode"), "account": text(root, "a:PaymentMeans/a:PayeeFinancialAccount/b:ID"),
        "lines": [{"net": number(text(li, "b:LineExtensionAmount")), "price": number(text(li, "a:Price/b:PriceAmount")),
                   "qty": number(text(li, "b:CreditedQuantity" if credit else "b:InvoicedQuantity")),
                   "tax": tax(all_of(li, "a:Item/a:ClassifiedTaxCategory")[0])}
                  for li in all_of(root, "a:CreditNoteLine" if credit else "a:InvoiceLine")],
        "allowances": [(tax(all_of(a, "a:TaxCategory")[0]), number(text(a, "b:Amount"))) for a in all_of(root, "a:AllowanceCharge")],
        "taxes": [(tax(all_of(t, "a:TaxCategory")[0]), number(text(t, "b:TaxableAmount")), number(text(t, "b:TaxAmount")))
                  for t in all_of(root, "a:TaxTotal/a:TaxSubtotal")],
        "tax": number(text(root, "a:TaxTotal/b:TaxAmount")), "sum": number(text(total, "b:LineExtensionAmount")),
        "net": number(text(total, "b:TaxExclusiveAmount")), "total": number(text(total, "b:TaxInclusiveAmount")),
        "allowance": number(text(total, "b:AllowanceTotalAmount") or "0"),
        "prepaid": number(text(total, "b:PrepaidAmount") or "0"), "due": number(text(total, "b:PayableAmount"))}


def cii(root):
    def all_of(at, path):
        return at.findall(spelled(path, RAM))

    def text(at, path):
        found = next(iter(at.findall(spelled(path, RAM))), None)
        return None if found is None else "".join(found.itertext()).strip()

    def tax(at):
        return text(at, "a:CategoryCode"), number(text(at, "a:RateApplicablePercent") or "0")

    def day(at, path):
        found = text(at, path)
        return f"{found[:4]}-{found[4:6]}-{found[6:]}" if found else None
    head, trade = root[1], root[2]
    settled = all_of(trade, "a:ApplicableHeaderTradeSettlement")[0]
    total = all_of(settled, "a:SpecifiedTradeSettlementHeaderMonetarySummation")[0]
    return {
        "number": text(head, "a:ID"), "credit": text(head, "a:TypeCode") == "381", "issued": day(head, "a:IssueDateTime"),
        "due_on": day(settled, "a:SpecifiedTradePaymentTerms/a:DueDateDateTime"), "currency": text(settled, "a:InvoiceCurrencyCode"),
        "account": text(settled, "a:SpecifiedTradeSettlementPaymentMeans/a:PayeePartyCreditorFinancialAccount/a:IBANID"),
        "lines": [{"net": number(text(li, "a:SpecifiedLineTradeSettlement/a:SpecifiedTradeSettlementLineMonetarySummation/a:LineTotalAmount")),
                   "price": number(text(li, "a:SpecifiedLineTradeAgreement/a:NetPriceProductTradePrice/a:ChargeAmount")),
                   "qty": number(text(li, "a:SpecifiedLineTradeDelivery/a:BilledQuantity")),
                   "tax": tax(all_of(li, "a:SpecifiedLineTradeSettlement/a:ApplicableTradeTax")[0])}
                  for li in all_of(trade, "a:IncludedSupplyChainTradeLineItem")],
        "allowances": [(tax(all_of(a, "a:CategoryTradeTax")[0]), number(text(a, "a:ActualAmount")))
                       for a in all_of(settled, "a:SpecifiedTradeAllowanceCharge")],
        "taxes": [(tax(t), number(text(t, "a:BasisAmount")), number(text(t, "a:CalculatedAmount")))
                  for t in all_of(settled, "a:ApplicableTradeTax")],
        "tax": number(text(total, "a:TaxTotalAmount")), "sum": number(text(total, "a:LineTotalAmount")),
        "net": number(text(total, "a:TaxBasisTotalAmount")), "total": number(text(total, "a:GrandTotalAmount")),
        "allowance": number(text(total, "a:AllowanceTotalAmount") or "0"),
        "prepaid": number(text(total, "a:TotalPrepaidAmount") or "0"), "due": number(text(total, "a:DuePayableAmount"))}


def read(text):
    root = ET.fromstring(text)
    return cii(root) if root.tag.endswith("CrossIndustryInvoice") else ubl(root)


def check(e, unit):
    """e of read(); unit: the smallest amount of the currency. Raises AssertionError, which says what is wrong."""
    def same(what, got, want):
        assert got == want, f"{what} is {got}, and should be {want}"
    lines, allowed = {}, {}
    for i, line in enumerate(e["lines"], 1):
        lines[line["tax"]] = lines.get(line["tax"], 0) + line["net"]
        same(f"the net of line {i} in parts of {unit}", line["net"] % unit, 0)
        assert line["price"] >= 0, f"the price of line {i} is below nothing"
        off = abs(line["net"] - line["qty"] * line["price"])
        assert off < unit, f"the net of line {i} is {off} away from quantity times price"
    for tax, amount in e["allowances"]:
        allowed[tax] = allowed.get(tax, 0) + amount
    same("the sum of lines", e["sum"], sum(line["net"] for line in e["lines"]))
    same("the allowance", e["allowance"], sum(allowed.values()))
    same("the number of taxes", len(e["taxes"]), len({tax for tax, _, _ in e["taxes"]}))
    same("what is taxed", {tax for tax, _, _ in e["taxes"]} >= set(lines) | set(allowed), True)
    for tax, base, amount in e["taxes"]:
        same(f"the base of {tax}", base, lines.get(tax, 0) - allowed.get(tax, 0))
        same(f"the tax of {tax}", amount, (base * tax[1] / 100).quantize(unit, ROUND_HALF_UP))
    same("the tax", e["tax"], sum(amount for _, _, amount in e["taxes"]))
    same("the net total", e["net"], sum(base for _, base, _ in e["taxes"]))
    same("the total", e["total"], e["net"] + e["tax"])
    same("what is due", e["due"], e["total"] - e["prepaid"])
    if e["credit"]:
        same("the day a credit note is due", e["due_on"], None)
    else:
        assert e["due_on"], "no day on which it is due"
        assert datetime.date.fromisoformat(e["due_on"]) >= datetime.date.fromisoformat(e["issued"]), "it was due before it was issued"
