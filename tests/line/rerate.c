/* What the meter's own code makes of a recorded stream: frames are merged, judged and rated as in production, but for
 * the database around them and without the attestations, so that nothing but the comparison can notice a fault.
 *
 *     rerate PERIOD_S < frames        frames, each with its length in front (u32, little-endian)
 *
 * prints "use PERIOD PROJECT SANDBOX EPOCH RUNNING HIBERNATED" and
 * "line PERIOD PROJECT SANDBOX EPOCH SKU SECONDS QTY PER_UNIT AMOUNT". */
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/wire/spec.h"

#include "metering/ledger/accum.h"
#include "metering/rules/judge.h"

enum { ROWS_MAX = 100000, CLAIMS_MAX = 256 };

/* promises.md, section 4: other regions. */
static const dm_rate_book book = {
        .id = 1,
        .has = {[DM_SKU_VCPU_RUN] = true,
                [DM_SKU_MEM_RUN] = true,
                [DM_SKU_DISK_HIB] = true,
                [DM_SKU_DISK_RUN_OVER_30] = true},
        .per_unit = {[DM_SKU_VCPU_RUN] = {34200000},
                [DM_SKU_MEM_RUN] = {17110000},
                [DM_SKU_DISK_HIB] = {400000},
                [DM_SKU_DISK_RUN_OVER_30] = {400000}},
};

static void or_stop(int r, const dm_err *err)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "rerate: %s\n", err->msg);
    exit(1);
}

static dm_claim *claim_of(const dm_accum_row *row, const dm_rate_segment *segment)
{
    dm_claim *c = calloc(1, sizeof(*c));
    const dm_spec *spec = dm_spec_get(row->key.spec_table, row->key.spec);
    if (c == NULL || spec == NULL)
        or_stop(DM_E_INVALID, &(dm_err){.msg = "no memory, or no such spec"});
    *c = (dm_claim){
            .project_no = {row->key.project_no},
            .sandbox = row->key.sandbox,
            .epoch = row->key.epoch,
            .spec_table = row->key.spec_table,
            .spec = row->key.spec,
            .region_no = row->key.region_no,
            .worker_no = row->key.worker_no,
            .has_spec = true,
            .has_region = true,
            .vcpus = spec->vcpus,
            .mem_mib = spec->mem_mib,
            .framed = true,
            .worker_known = true,
            .has_row = true, /* which says what the stamp does: there is no database here */
            .row_project_no = {row->key.project_no},
            .row_epoch = row->key.epoch,
            .row_spec_table = row->key.spec_table,
            .row_spec = row->key.spec,
            .row_region_no = row->key.region_no,
            .row_worker_no = row->key.worker_no,
            .began_s = -1,
            .slept_s = -1,
            .ended_s = -1,
            .segments = segment,
            .nsegments = 1,
    };
    for (uint32_t s = 0; s < segment->to; s++)
        c->frames.state[s] = dm_accum_bit(&row->run, s)   ? DM_SAMPLE_RUN
                             : dm_accum_bit(&row->hib, s) ? DM_SAMPLE_HIB
                                                          : 0;
    for (uint32_t m = 0; m < segment->to / 60; m++)
        c->frames.disk_16mib[m] = dm_accum_disk(row, m);
    return c;
}

static void print(const dm_claim *c, int64_t start, uint32_t period_s)
{
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    dm_err err = {0};
    dm_sandbox_name name = dm_sandbox_name_of(&c->sandbox);
    dm_rate_use use = dm_claim_use(c, period_s);
    or_stop(dm_rate_use_lines(&use, c->segments, c->nsegments, lines, &n, &err), &err);
    printf("use %lld %lld %s %u %llu %llu\n", (long long)start, (long long)c->project_no.v, name.s, c->epoch,
            (unsigned long long)dm_rate_count(&use, DM_SAMPLE_RUN, 0, period_s),
            (unsigned long long)dm_rate_count(&use, DM_SAMPLE_HIB, 0, period_s));
    for (size_t i = 0; i < n; i++) {
        char qty[DM_MONEY_TEXT], price[DM_MONEY_TEXT], amount[DM_MONEY_TEXT];
        dm_qty_print(lines[i].qty, qty);
        dm_price_print(lines[i].per_unit, price);
        dm_money_print(lines[i].amount, amount);
        printf("line %lld %lld %s %u %s %llu %s %s %s\n", (long long)start, (long long)c->project_no.v, name.s,
                c->epoch, dm_sku_name(lines[i].sku), (unsigned long long)lines[i].seconds, qty, price, amount);
    }
}

static void one_period(const dm_accum *a, int64_t start, uint32_t period_s)
{
    const dm_accum_row **rows;
    dm_rate_segment segment = {0, period_s, &book};
    dm_anomalies anomalies = {0};
    dm_err err = {0};
    size_t n;
    or_stop(dm_accum_rows(a, start, &rows, &n, &err), &err);
    for (size_t i = 0, j; i < n; i = j) { /* sorted: one project's sandbox after the other */
        dm_claim *claims[CLAIMS_MAX];
        size_t k = 0;
        for (j = i; j < n && k < CLAIMS_MAX && rows[j]->key.project_no == rows[i]->key.project_no &&
                    dm_sandbox_id_eq(&rows[j]->key.sandbox, &rows[i]->key.sandbox);
                j++)
            claims[k++] = claim_of(rows[j], &segment);
        or_stop(dm_judge(claims, k, start, period_s, &anomalies, &err), &err);
        for (size_t c = 0; c < k; c++) {
            if (claims[c]->billed != NULL)
                print(claims[c], start, period_s);
            free(claims[c]);
        }
    }
    dm_anomalies_done(&anomalies);
    free(rows);
}

static bool next(dm_buf *b)
{
    uint8_t head[4];
    if (fread(head, 1, sizeof(head), stdin) != sizeof(head))
        return false;
    size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    dm_buf_reset(b);
    char *p = head[3] == 0 ? dm_buf_want(b, n) : NULL;
    if (p == NULL || fread(p, 1, n, stdin) != n)
        or_stop(DM_E_IO, &(dm_err){.msg = "the input ends in a frame"});
    dm_buf_grew(b, n);
    return true;
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t period_s = 0;
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    or_stop(dm_parse_u64(dm_str_c(argc == 2 ? argv[1] : ""), 60, 3600, &period_s, &err), &err);
    or_stop(dm_accum_new((uint32_t)period_s, ROWS_MAX, ROWS_MAX, &a, &err), &err);
    int64_t last = -1;
    while (next(&b)) {
        dm_frame_head head;
        const uint8_t *samples;
        or_stop(dm_frame_open(dm_buf_view(&b), &head, &samples, &err), &err);
        or_stop(dm_accum_frame(a, &head, samples, NULL, NULL, &err), &err);
        last = head.second > last ? head.second : last;
    }
    int64_t first = dm_accum_first(a);
    for (int64_t start = first; first >= 0 && start <= last; start += (int64_t)period_s)
        one_period(a, start, (uint32_t)period_s);
    return 0;
}
