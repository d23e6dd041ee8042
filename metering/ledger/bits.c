#include "metering/ledger/bits.h"

#include <assert.h>
#include <stdlib.h>

static_assert(DM_MINUTES_MAX <= 64 && DM_PERIOD_S_MAX <= UINT16_MAX, "a row's short forms hold a period");

static void set_bits(uint64_t *map, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        map[i / 64] |= (uint64_t)1 << i % 64;
}

int dm_accum_bits_add(dm_accum_bits *b, uint32_t period_s, uint32_t from, uint32_t end, dm_err *err)
{
    assert(from < end && end <= period_s);
    if (b->map == NULL) {
        if (b->from == b->to) { /* the first */
            b->from = (uint16_t)from;
            b->to = (uint16_t)end;
            return 0;
        }
        if (from <= b->to && end >= b->from) { /* no gap between */
            b->from = from < b->from ? (uint16_t)from : b->from;
            b->to = end > b->to ? (uint16_t)end : b->to;
            return 0;
        }
        b->map = calloc((period_s + 63) / 64, sizeof(uint64_t));
        if (b->map == NULL)
            return dm_fail(err, DM_E_NOMEM, "no memory for a bit map");
        set_bits(b->map, b->from, b->to);
    }
    set_bits(b->map, from, end);
    return 0;
}

static int list_disk(dm_accum_row *row, uint32_t period_s, dm_err *err)
{
    uint32_t minutes = period_s / 60;
    uint32_t *disk = malloc(minutes * sizeof(*disk));
    if (disk == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for disk figures");
    for (uint32_t m = 0; m < minutes; m++)
        disk[m] = dm_accum_disk(row, m);
    row->disk = disk;
    return 0;
}

int dm_accum_disk_add(dm_accum_row *row, uint32_t period_s, uint32_t minute, uint32_t grains, dm_err *err)
{
    assert(minute < period_s / 60);
    uint64_t bit = (uint64_t)1 << minute;
    if (row->disk == NULL && (row->minutes == 0 || row->disk_one == grains)) {
        row->minutes |= bit;
        row->disk_one = grains;
        return 0;
    }
    int r = row->disk == NULL ? list_disk(row, period_s, err) : 0;
    if (r == 0 && (row->disk[minute] == DM_DISK_UNKNOWN || row->disk[minute] < grains))
        row->disk[minute] = grains;
    return r;
}
