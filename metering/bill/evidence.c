#include "metering/bill/evidence.h"

#include "base/parse.h"
#include "base/wire/frame.h"

#include "metering/bill/sql_bill.h"

static uint16_t u16_of(const dm_pg_rows *rows, size_t i, unsigned col)
{
    int64_t v = dm_pg_i64(rows, i, col);
    return v >= 0 && v <= UINT16_MAX ? (uint16_t)v : 0;
}

/* As varbit_send has it: four bytes say how many bits follow, the first in the highest place. */
static const uint8_t *bits_of(dm_str sent, uint32_t period_s)
{
    const uint8_t *p = (const uint8_t *)sent.p;
    bool whole = sent.n == 4 + (period_s + 7) / 8 &&
                 ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) == period_s;
    return whole ? p + 4 : NULL;
}

static int read_states(dm_str run, dm_str hib, uint32_t period_s, dm_evidence *out, dm_err *err)
{
    const uint8_t *ran = bits_of(run, period_s), *slept = bits_of(hib, period_s);
    if (ran == NULL || slept == NULL)
        return dm_fail(err, DM_E_CORRUPT, "bit maps of %zu and %zu bytes", run.n, hib.n);
    for (uint32_t s = 0; s < period_s; s++) {
        uint8_t bit = (uint8_t)(0x80 >> s % 8);
        out->state[s] = (ran[s / 8] & bit) != 0 ? DM_SAMPLE_RUN : (slept[s / 8] & bit) != 0 ? DM_SAMPLE_HIB : 0;
    }
    return 0;
}

/* "{1,-1,...}" */
static int read_disk(dm_str text, uint32_t minutes, dm_evidence *out, dm_err *err)
{
    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}')
        return dm_fail(err, DM_E_CORRUPT, "disk figures are no list");
    dm_str rest = {text.p + 1, text.n - 2}, word;
    uint32_t m = 0;
    while (dm_str_split(&rest, ',', &word)) {
        int64_t v;
        if (m == minutes || dm_parse_i64(word, -1, INT32_MAX, &v, err) < 0)
            return dm_fail(err, DM_E_CORRUPT, "disk figure %u cannot be", m);
        out->disk_16mib[m++] = v < 0 ? DM_DISK_UNKNOWN : (uint32_t)v;
    }
    return m == minutes ? 0 : dm_fail(err, DM_E_CORRUPT, "%u disk figures in %u minutes", m, minutes);
}

static int read_frames(const dm_pg_rows *rows, size_t i, uint32_t period_s, dm_claim *out, dm_err *err)
{
    out->framed = !dm_pg_is_null(rows, i, DM_EV_RUN);
    if (!out->framed)
        return 0;
    int r = read_states(dm_pg_str(rows, i, DM_EV_RUN), dm_pg_str(rows, i, DM_EV_HIB), period_s, &out->frames, err);
    return r < 0 ? r : read_disk(dm_pg_str(rows, i, DM_EV_DISK), period_s / 60, &out->frames, err);
}

static int read_oath(const dm_pg_rows *rows, size_t i, uint32_t period_s, dm_attest *a, dm_claim *out, dm_err *err)
{
    out->sworn = !dm_pg_is_null(rows, i, DM_EV_MESSAGE);
    if (!out->sworn)
        return 0;
    int r = dm_attest_read(dm_pg_str(rows, i, DM_EV_MESSAGE), a, NULL, err);
    if (r < 0)
        return r;
    if (a->period_s != period_s)
        return dm_fail(err, DM_E_CORRUPT, "an attestation of %u seconds", a->period_s);
    memcpy(out->oath.state, a->state, period_s);
    memcpy(out->oath.disk_16mib, a->disk_16mib, (size_t)(period_s / 60) * sizeof(uint32_t));
    out->sworn_region = a->region_no;
    return 0;
}

static int64_t second_or_none(const dm_pg_rows *rows, size_t i, unsigned col)
{
    return dm_pg_is_null(rows, i, col) ? -1 : dm_pg_i64(rows, i, col);
}

static void read_row(const dm_pg_rows *rows, size_t i, dm_claim *out)
{
    out->has_row = !dm_pg_is_null(rows, i, DM_EV_ROW_PROJECT);
    out->row_project_no.v = dm_pg_i64(rows, i, DM_EV_ROW_PROJECT);
    out->row_epoch = (uint32_t)dm_pg_i64(rows, i, DM_EV_ROW_EPOCH);
    out->row_spec_table = u16_of(rows, i, DM_EV_ROW_SPEC_TABLE);
    out->row_spec = u16_of(rows, i, DM_EV_ROW_SPEC);
    out->row_region_no = u16_of(rows, i, DM_EV_ROW_REGION);
    out->row_worker_no.v =
            dm_pg_is_null(rows, i, DM_EV_ROW_WORKER) ? 0 : (uint64_t)dm_pg_i64(rows, i, DM_EV_ROW_WORKER);
    out->began_s = second_or_none(rows, i, DM_EV_BEGAN);
    out->slept_s = second_or_none(rows, i, DM_EV_SLEPT);
    out->ended_s = second_or_none(rows, i, DM_EV_ENDED);
}

int dm_evidence_claim(const dm_pg_rows *rows, size_t i, dm_account_no account_no, uint32_t period_s, dm_attest *scratch,
        dm_claim *out, dm_err *err)
{
    memset(out, 0, sizeof(*out));
    int r = dm_pg_bytes(rows, i, DM_EV_SANDBOX, out->sandbox.b, sizeof(out->sandbox.b), err);
    if (r < 0)
        return r;
    out->account_no = account_no;
    out->project_no.v = dm_pg_i64(rows, i, DM_EV_PROJECT);
    out->epoch = (uint32_t)dm_pg_i64(rows, i, DM_EV_EPOCH);
    out->spec_table = u16_of(rows, i, DM_EV_SPEC_TABLE);
    out->spec = u16_of(rows, i, DM_EV_SPEC);
    out->region_no = u16_of(rows, i, DM_EV_REGION);
    out->worker_no.v = (uint64_t)dm_pg_i64(rows, i, DM_EV_WORKER);
    out->has_spec = !dm_pg_is_null(rows, i, DM_EV_VCPUS);
    out->vcpus = (uint32_t)dm_pg_i64(rows, i, DM_EV_VCPUS);
    out->mem_mib = (uint32_t)dm_pg_i64(rows, i, DM_EV_MEM);
    out->has_region = !dm_pg_is_null(rows, i, DM_EV_REGION_NAME);
    out->worker_known = !dm_pg_is_null(rows, i, DM_EV_ATTESTED);
    out->worker_attested = dm_pg_bool(rows, i, DM_EV_ATTESTED);
    read_row(rows, i, out);
    r = read_frames(rows, i, period_s, out, err);
    return r < 0 ? r : read_oath(rows, i, period_s, scratch, out, err);
}

/* Names longer than their place are shortened: they are for reading. */
static void name_of(const dm_pg_rows *rows, size_t i, unsigned col, char *out, size_t cap)
{
    dm_str s = dm_pg_str(rows, i, col);
    if (s.n >= cap)
        s.n = cap - 1;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

int dm_evidence_stated(
        const dm_pg_rows *rows, size_t i, const dm_claim *c, uint32_t period_s, dm_stated *out, dm_err *err)
{
    *out = (dm_stated){
            .project_no = c->project_no,
            .sandbox = c->sandbox,
            .epoch = c->epoch,
            .spec_table = c->spec_table,
            .spec = c->spec,
            .region_no = c->region_no,
            .vcpus = c->vcpus,
            .mem_mib = c->mem_mib,
            .worker_no = c->worker_no,
            .basis = c->basis,
            .attested = c->sworn,
            .has_row = c->has_row,
            .key_no = {dm_pg_i64(rows, i, DM_EV_KEY)},
    };
    name_of(rows, i, DM_EV_PROJECT_ID, out->project, sizeof(out->project));
    name_of(rows, i, DM_EV_REGION_NAME, out->region, sizeof(out->region));
    name_of(rows, i, DM_EV_TEMPLATE, out->template_id, sizeof(out->template_id));
    name_of(rows, i, DM_EV_BUILD, out->build_id, sizeof(out->build_id));
    name_of(rows, i, DM_EV_TYPE, out->compute_type, sizeof(out->compute_type));
    name_of(rows, i, DM_EV_QUALITY, out->compute_quality, sizeof(out->compute_quality));
    out->forked = !dm_pg_is_null(rows, i, DM_EV_PARENT);
    int r = out->forked ? dm_pg_bytes(rows, i, DM_EV_PARENT, out->parent.b, sizeof(out->parent.b), err) : 0;
    if (r < 0)
        return r;
    if (c->billed != NULL) {
        dm_rate_use use = dm_claim_use(c, period_s);
        out->running_s = dm_rate_count(&use, DM_SAMPLE_RUN, 0, period_s);
        out->hibernated_s = dm_rate_count(&use, DM_SAMPLE_HIB, 0, period_s);
    }
    return c->sworn ? dm_sha256(dm_pg_str(rows, i, DM_EV_MESSAGE), &out->attestation, err) : 0;
}
