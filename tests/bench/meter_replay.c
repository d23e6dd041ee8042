/* meter_replay: how long a meter that starts anew needs to rebuild the open periods from the ledger's chunks. It opens
 * the ledger as dormouse-meter does, takes no partition over, and leaves. No meter may be flushing meanwhile, or the
 * figure is of another ledger at each moment. One line of JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/wire/id.h"

#include "metering/ledger/ledger.h"

enum { ROWS_MAX = 1 << 24, WAIT_S = 3600 };

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t period_s = 0;
    int r = argc == 4 ? dm_parse_u64(dm_str_c(argv[3]), 60, 3600, &period_s, &err) : -1;
    if (r < 0) {
        (void)fprintf(stderr, "usage: meter_replay CONNINFO SIGNING-KEY-FILE PERIOD-S\n%s\n", err.msg);
        return 2;
    }
    DM_AUTO(dm_sign_key) key = NULL;
    DM_AUTO(dm_ledger) ledger = NULL;
    dm_pg *pg = NULL;
    uint8_t random[16];
    static const uint8_t none[DM_KEY];
    r = dm_sign_key_open(argv[2], &key, &err);
    if (r == 0)
        r = dm_random(random, sizeof(random), &err);
    if (r == 0)
        r = dm_pg_open(argv[1], &pg, &err);
    if (r == 0) {
        dm_uuid owner = dm_uuid_of_random(random);
        dm_ledger_config config = {.pg = pg,
                .clock = &dm_clock_real,
                .key = key,
                .frame_secret = none, /* what is in chunks was sealed when it came */
                .owner = owner.s,
                .period_s = (uint32_t)period_s,
                .wait_s = WAIT_S,
                .rows_max = ROWS_MAX,
                .worker_rows_max = ROWS_MAX};
        int64_t began = dm_mono_us(&dm_clock_real);
        r = dm_ledger_open(&config, &ledger, &err);
        if (r == 0)
            (void)printf("{\"replay_ms\": %lld}\n", (long long)((dm_mono_us(&dm_clock_real) - began) / 1000));
        dm_ledger_free(dm_steal(&ledger)); /* before what it borrows */
    }
    if (pg != NULL)
        dm_pg_close(pg);
    if (r < 0)
        (void)fprintf(stderr, "meter_replay: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
