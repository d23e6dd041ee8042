/* An invoice's JSON: read whole, or refused with words; what was read is written in each form that needs no fonts, or
 * refused with words. */
#include <string.h>

#include "metering/export/format.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DM_AUTO(dm_export_doc) doc = NULL;
    dm_err err = {0};
    int r = dm_export_doc_read((dm_str){(const char *)data, size}, &doc, &err);
    HOLDS(r <= 0 && (r == 0) == (doc != NULL) && (r == 0 || err.msg[0] != '\0'));
    for (size_t i = 0; r == 0 && dm_export_at(i) != NULL; i++) {
        DM_AUTO_BUF out;
        dm_buf_init(&out, DM_EXPORT_BYTES_MAX);
        if (dm_export_at(i)->fonts)
            continue;
        int w = dm_export_at(i)->write(doc, &out, &err);
        HOLDS(w <= 0 && (w == 0 ? out.len > 0 : err.msg[0] != '\0'));
    }
    return 0;
}
