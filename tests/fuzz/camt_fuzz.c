/* A bank's file: read whole, or refused with words; what is told of it is within its bounds. */
#include <string.h>

#include "metering/invoice/camt.h"
#include "tests/fuzz/fuzz.h"

static int check(void *arg, const dm_camt_entry *e, dm_err *err)
{
    size_t *n = arg;
    (void)err;
    HOLDS(++*n <= 2 * (size_t)DM_CAMT_ENTRIES_MAX);
    HOLDS(e->amount.v >= 0 && strlen(e->currency) == 3 && e->account[0] != '\0' && e->reference[0] != '\0');
    HOLDS(strlen(e->text) < DM_CAMT_TEXT && strlen(e->day) <= 10);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dm_err err = {0};
    size_t n = 0;
    int r = dm_camt_read((dm_str){(const char *)data, size}, check, &n, &err);
    HOLDS(r <= 0 && (r == 0 || err.msg[0] != '\0'));
    return 0;
}
