/* base/wire/attest.c: the canonical bytes. There is one encoding of each attestation and decoding refuses any other, so
 * that the bytes that were signed are the bytes anybody would write. Little-endian, version 1:
 *
 *   sandbox  u8 kind=1  u16 version  u64 worker_no  u64 worker_boot  u32 project_no  u8[16] sandbox  u32 epoch
 *            u16 spec_table  u16 spec  u16 region_no  i64 period_start  u32 period_s  u64 first_frame  u64 last_frame
 *            u8[32] previous  u16 cause
 *            u16 runs     runs x {u8 state, u16 seconds}: neighbours differ, the seconds add up to period_s
 *            u16 minutes  minutes x u32 disk_16mib: one each begun minute of the period
 *            u8[64] signature
 *            worker_boot 0: the worker could not sign, and the service did, with its own key
 *   end      u8 kind=2  u16 version  u64 worker_no  u64 worker_boot  i64 period_start  u32 period_s  u32 count
 *            u8[32] all  u64 last_frame  u8[64] signature */
#include "base/wire/attest.h"

#include "base/wire/frame.h"

static uint32_t minutes_of(uint32_t period_s)
{
    return (period_s + 59) / 60;
}

static int check_period(int64_t start, uint32_t period_s, dm_err *err)
{
    if (period_s == 0 || period_s > DM_ATTEST_PERIOD_MAX)
        return dm_fail(err, DM_E_INVALID, "attestation: a period of %u s", period_s);
    if (start < 0 || start > 253402300799 || !dm_period_begins(start, period_s))
        return dm_fail(err, DM_E_INVALID, "attestation: no period of %u s begins at %lld", period_s, (long long)start);
    return 0;
}

static int check_worker(uint64_t worker_no, uint64_t boot, uint64_t frame, dm_err *err)
{
    if (worker_no == 0 || worker_no > INT64_MAX || boot > INT64_MAX || frame > INT64_MAX)
        return dm_fail(err, DM_E_INVALID, "attestation: worker, boot or frame cannot be");
    return 0;
}

static int check(const dm_attest *a, dm_err *err)
{
    static const dm_sandbox_id none;
    int r = check_worker(a->worker_no, a->worker_boot, a->last_frame, err);
    if (r == 0)
        r = check_period(a->period_start, a->period_s, err);
    if (r < 0)
        return r;
    if (a->epoch == 0 || a->epoch > INT32_MAX || dm_sandbox_id_eq(&a->sandbox, &none))
        return dm_fail(err, DM_E_INVALID, "attestation: sandbox or epoch cannot be");
    if (a->first_frame > a->last_frame)
        return dm_fail(err, DM_E_INVALID, "attestation: first frame after the last");
    if ((unsigned)a->cause >= DM_CAUSE_COUNT)
        return dm_fail(err, DM_E_INVALID, "attestation: cause %u", (unsigned)a->cause);
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static int sign_from(dm_buf *b, size_t start, const dm_sign_key *key, dm_digest *hash, dm_err *err)
{
    int r = dm_buf_ok(b, err);
    if (r < 0)
        return r;
    dm_signature sig;
    r = dm_sign(key, (dm_str){b->p + start, b->len - start}, &sig, err);
    if (r < 0)
        return r;
    (void)dm_buf_add(b, sig.b, sizeof(sig.b));
    r = dm_buf_ok(b, err);
    if (r < 0 || hash == NULL)
        return r;
    return dm_sha256((dm_str){b->p + start, b->len - start}, hash, err);
}

static uint32_t run_at(const dm_attest *a, uint32_t at)
{
    uint32_t n = 1;
    while (at + n < a->period_s && a->state[at + n] == a->state[at])
        n++;
    return n;
}

static int count_runs(const dm_attest *a, uint32_t *out, dm_err *err)
{
    uint32_t runs = 0;
    for (uint32_t at = 0; at < a->period_s; at += run_at(a, at)) {
        if (a->state[at] > DM_SAMPLE_HIB)
            return dm_fail(err, DM_E_INVALID, "attestation: state %u", a->state[at]);
        runs++;
    }
    *out = runs;
    return 0;
}

static void write_states(dm_buf *b, const dm_attest *a, uint32_t runs)
{
    (void)dm_buf_le16(b, (uint16_t)runs);
    for (uint32_t at = 0; at < a->period_s;) {
        uint32_t n = run_at(a, at);
        (void)dm_buf_u8(b, a->state[at]);
        (void)dm_buf_le16(b, (uint16_t)n);
        at += n;
    }
}

int dm_attest_write(dm_buf *b, const dm_attest *a, const dm_sign_key *key, dm_digest *hash, dm_err *err)
{
    uint32_t runs = 0;
    int r = check(a, err);
    if (r == 0)
        r = count_runs(a, &runs, err);
    if (r < 0)
        return r;
    size_t start = b->len;
    (void)dm_buf_u8(b, DM_ATTEST_SANDBOX);
    (void)dm_buf_le16(b, DM_ATTEST_VERSION);
    (void)dm_buf_le64(b, a->worker_no);
    (void)dm_buf_le64(b, a->worker_boot);
    (void)dm_buf_le32(b, a->project_no);
    (void)dm_buf_add(b, a->sandbox.b, sizeof(a->sandbox.b));
    (void)dm_buf_le32(b, a->epoch);
    (void)dm_buf_le16(b, a->spec_table);
    (void)dm_buf_le16(b, a->spec);
    (void)dm_buf_le16(b, a->region_no);
    (void)dm_buf_le64(b, (uint64_t)a->period_start);
    (void)dm_buf_le32(b, a->period_s);
    (void)dm_buf_le64(b, a->first_frame);
    (void)dm_buf_le64(b, a->last_frame);
    (void)dm_buf_add(b, a->previous.b, sizeof(a->previous.b));
    (void)dm_buf_le16(b, (uint16_t)a->cause);
    write_states(b, a, runs);
    uint32_t minutes = minutes_of(a->period_s);
    (void)dm_buf_le16(b, (uint16_t)minutes);
    for (uint32_t m = 0; m < minutes; m++)
        (void)dm_buf_le32(b, a->disk_16mib[m]);
    return sign_from(b, start, key, hash, err);
}

int dm_attest_end_write(dm_buf *b, const dm_attest_end *e, const dm_sign_key *key, dm_err *err)
{
    int r = check_worker(e->worker_no, e->worker_boot, e->last_frame, err);
    if (r == 0)
        r = check_period(e->period_start, e->period_s, err);
    if (r < 0)
        return r;
    size_t start = b->len;
    (void)dm_buf_u8(b, DM_ATTEST_END);
    (void)dm_buf_le16(b, DM_ATTEST_VERSION);
    (void)dm_buf_le64(b, e->worker_no);
    (void)dm_buf_le64(b, e->worker_boot);
    (void)dm_buf_le64(b, (uint64_t)e->period_start);
    (void)dm_buf_le32(b, e->period_s);
    (void)dm_buf_le32(b, e->count);
    (void)dm_buf_add(b, e->all.b, sizeof(e->all.b));
    (void)dm_buf_le64(b, e->last_frame);
    return sign_from(b, start, key, NULL, err);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* Takes kind, version and signature off a message. */
static int unwrap(dm_str *message, dm_attest_kind *kind, dm_err *err)
{
    uint8_t k;
    uint16_t version;
    if (message->n > DM_ATTEST_BYTES_MAX || message->n < 3 + DM_ED25519_SIG)
        return dm_fail(err, DM_E_INVALID, "attestation: %zu bytes", message->n);
    (void)dm_take_u8(message, &k);
    (void)dm_take_le16(message, &version);
    if (k != DM_ATTEST_SANDBOX && k != DM_ATTEST_END)
        return dm_fail(err, DM_E_INVALID, "attestation: kind %u is not known", k);
    if (version != DM_ATTEST_VERSION)
        return dm_fail(err, DM_E_INVALID, "attestation: version %u is not known", version);
    message->n -= DM_ED25519_SIG;
    *kind = (dm_attest_kind)k;
    return 0;
}

int dm_attest_kind_of(dm_str message, dm_attest_kind *out, dm_err *err)
{
    return unwrap(&message, out, err);
}

bool dm_attest_signed_by(dm_str message, const dm_public_key *key)
{
    if (message.n <= DM_ED25519_SIG)
        return false;
    dm_signature sig;
    size_t body = message.n - DM_ED25519_SIG;
    memcpy(sig.b, message.p + body, sizeof(sig.b));
    return dm_verify(key, (dm_str){message.p, body}, &sig);
}

static int short_of(dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "attestation: ends too early");
}

static int read_states(dm_str *in, dm_attest *a, dm_err *err)
{
    uint16_t runs;
    if (dm_take_le16(in, &runs) < 0)
        return short_of(err);
    uint32_t at = 0;
    unsigned before = UINT8_MAX;
    for (uint32_t i = 0; i < runs; i++) {
        uint8_t state;
        uint16_t n;
        if (dm_take_u8(in, &state) < 0 || dm_take_le16(in, &n) < 0)
            return short_of(err);
        if (state > DM_SAMPLE_HIB || state == before || n == 0 || n > a->period_s - at)
            return dm_fail(err, DM_E_INVALID, "attestation: run %u cannot be", i);
        memset(a->state + at, state, n);
        at += n;
        before = state;
    }
    if (at != a->period_s)
        return dm_fail(err, DM_E_INVALID, "attestation: runs cover %u of %u seconds", at, a->period_s);
    memset(a->state + at, 0, sizeof(a->state) - at);
    return 0;
}

static int read_disk(dm_str *in, dm_attest *a, dm_err *err)
{
    uint16_t minutes;
    if (dm_take_le16(in, &minutes) < 0)
        return short_of(err);
    if (minutes != minutes_of(a->period_s))
        return dm_fail(err, DM_E_INVALID, "attestation: %u minutes in %u seconds", minutes, a->period_s);
    for (uint32_t m = 0; m < DM_ATTEST_MINUTES_MAX; m++) {
        if (m >= minutes)
            a->disk_16mib[m] = DM_DISK_UNKNOWN;
        else if (dm_take_le32(in, &a->disk_16mib[m]) < 0)
            return short_of(err);
    }
    return 0;
}

static int read_head(dm_str *in, dm_attest *a, dm_err *err)
{
    uint64_t start;
    uint16_t cause;
    if (dm_take_le64(in, &a->worker_no) < 0 || dm_take_le64(in, &a->worker_boot) < 0 ||
            dm_take_le32(in, &a->project_no) < 0 || dm_take_bytes(in, a->sandbox.b, sizeof(a->sandbox.b)) < 0 ||
            dm_take_le32(in, &a->epoch) < 0 || dm_take_le16(in, &a->spec_table) < 0 || dm_take_le16(in, &a->spec) < 0 ||
            dm_take_le16(in, &a->region_no) < 0 || dm_take_le64(in, &start) < 0 || dm_take_le32(in, &a->period_s) < 0 ||
            dm_take_le64(in, &a->first_frame) < 0 || dm_take_le64(in, &a->last_frame) < 0 ||
            dm_take_bytes(in, a->previous.b, sizeof(a->previous.b)) < 0 || dm_take_le16(in, &cause) < 0)
        return short_of(err);
    a->period_start = (int64_t)start;
    a->cause = (dm_cause)cause;
    return check(a, err);
}

int dm_attest_read(dm_str message, dm_attest *out, dm_digest *hash, dm_err *err)
{
    dm_str in = message;
    dm_attest_kind kind;
    int r = unwrap(&in, &kind, err);
    if (r < 0)
        return r;
    if (kind != DM_ATTEST_SANDBOX)
        return dm_fail(err, DM_E_INVALID, "attestation: an end record where one of a sandbox was expected");
    r = read_head(&in, out, err);
    if (r == 0)
        r = read_states(&in, out, err);
    if (r == 0)
        r = read_disk(&in, out, err);
    if (r == 0 && in.n != 0)
        r = dm_fail(err, DM_E_INVALID, "attestation: %zu bytes too many", in.n);
    if (r < 0 || hash == NULL)
        return r;
    return dm_sha256(message, hash, err);
}

int dm_attest_end_read(dm_str message, dm_attest_end *out, dm_err *err)
{
    dm_str in = message;
    dm_attest_kind kind;
    int r = unwrap(&in, &kind, err);
    if (r < 0)
        return r;
    if (kind != DM_ATTEST_END)
        return dm_fail(err, DM_E_INVALID, "attestation: one of a sandbox where an end record was expected");
    uint64_t start;
    if (dm_take_le64(&in, &out->worker_no) < 0 || dm_take_le64(&in, &out->worker_boot) < 0 ||
            dm_take_le64(&in, &start) < 0 || dm_take_le32(&in, &out->period_s) < 0 ||
            dm_take_le32(&in, &out->count) < 0 || dm_take_bytes(&in, out->all.b, sizeof(out->all.b)) < 0 ||
            dm_take_le64(&in, &out->last_frame) < 0)
        return short_of(err);
    if (in.n != 0)
        return dm_fail(err, DM_E_INVALID, "attestation: %zu bytes too many", in.n);
    out->period_start = (int64_t)start;
    r = check_worker(out->worker_no, out->worker_boot, out->last_frame, err);
    return r < 0 ? r : check_period(out->period_start, out->period_s, err);
}
