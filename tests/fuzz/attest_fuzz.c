/* Attestations and end records: read whole and within their ranges, or refused with words. When the first byte is odd,
 * kind and version are put right, so that what lies behind them is reached. */
#include <string.h>

#include "base/wire/attest.h"
#include "base/wire/frame.h"

#include "tests/fuzz/fuzz.h"

static void check(const dm_attest *a)
{
    HOLDS(a->period_s >= 1 && a->period_s <= DM_ATTEST_PERIOD_MAX && a->period_start % a->period_s == 0);
    HOLDS(a->epoch > 0 && a->first_frame <= a->last_frame && (unsigned)a->cause < DM_CAUSE_COUNT);
    for (size_t s = 0; s < DM_ATTEST_PERIOD_MAX; s++)
        HOLDS(a->state[s] <= (s < a->period_s ? DM_SAMPLE_HIB : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a));
    DM_AUTO_MEM uint8_t *copy = malloc(size + 1);
    dm_attest_end e;
    dm_attest_kind kind;
    dm_err err;
    HOLDS(a != NULL && copy != NULL);
    memcpy(copy, data, size);
    if (size > 3 && data[0] % 2 != 0) {
        copy[0] = data[0] % 4 == 1 ? DM_ATTEST_SANDBOX : DM_ATTEST_END;
        copy[1] = DM_ATTEST_VERSION;
        copy[2] = 0;
    }
    dm_str message = {(const char *)copy, size};
    bool known = dm_attest_kind_of(message, &kind, &err) == 0;
    int r = dm_attest_read(message, a, NULL, &err);
    HOLDS(r == 0 || err.msg[0] != '\0');
    HOLDS(r < 0 || (known && kind == DM_ATTEST_SANDBOX));
    if (r == 0)
        check(a);
    r = dm_attest_end_read(message, &e, &err);
    HOLDS(r < 0 || (known && kind == DM_ATTEST_END && e.period_s >= 1));
    return 0;
}
