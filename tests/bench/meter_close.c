/* meter_close: the end of a period in which one account had very many sandboxes. The real ledger takes what a fleet
 * said and swore to, from memory instead of a broker; then the period is written and its statement made, as
 * dormouse-meter does it, and each is timed. The database is one that nobody else uses, and has migrations and nothing
 * more; OWNER is a superuser's connection to it, METER one of role dm_meter. One line of JSON.
 *
 * The last hour is the period. A sandbox runs for RUN_S seconds of it, they begin one after the other, and each has a
 * row and an event, as if it had been created through the API. FOLDER keeps the workers' keys, and, when there are at
 * most PAGES_KEPT pages, the statement (statement.json): head and pages with what leads from each to the root. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/wire/attest.h"
#include "base/wire/frame.h"
#include "base/wire/topic.h"

#include "metering/bill/bill.h"
#include "metering/ledger/ledger.h"
#include "metering/read/read.h"

enum { WORKERS = 30, PERIOD_S = 3600, RUN_S = 20, ACCOUNT = 900, PROJECT = 900, SPEC = 4, REGION = 2, DISK = 64 };
enum { SANDBOXES_MAX = 2000000, ROWS_MAX = 1 << 24, SCRIPT_MAX = 1 << 14, PAGES_KEPT = 200, KEPT_MAX = 256 << 20 };
enum { KEEP_MAX = 1 << 20 };

typedef struct bench {
    uint32_t n;
    int64_t start;
    const char *folder;
    uint8_t secret[DM_KEY];
    dm_pg *owner, *pg, *pg_bill;
    dm_sign_key *service, *keys[WORKERS];
    dm_mac *seals[WORKERS];
    dm_ledger *ledger;
    char uuid[DM_UUID_TEXT];
    int64_t next[2]; /* offsets: usage, attest */
    int64_t took_us; /* by the ledger, since it was last set to zero */
    dm_sample *samples;
    dm_attest *attest;
    dm_digest *hashes;
} bench;

/* --- the account -------------------------------------------------------------------------------------------- */

static int put_fleet(const bench *b, dm_buf *sql, dm_err *err)
{
    long long start = (long long)b->start;
    int r = dm_buf_fmt(sql,
            "INSERT INTO dm.account (account_no, legal_name, country, currency, tier) OVERRIDING SYSTEM VALUE VALUES "
            "(%d, 'Bench', 'CN', 'CNY', 'payg');"
            "DELETE FROM dm.account_plan WHERE account_no = %d;"
            "INSERT INTO dm.account_plan VALUES (%d, dm.ts(0), 'payg', 0);"
            "INSERT INTO dm.project (account_no, project_no, slug, name, region_no) OVERRIDING SYSTEM VALUE VALUES "
            "(%d, %d, 'bench', 'Bench', %d);"
            "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
            "sealed_from_boot) OVERRIDING SYSTEM VALUE SELECT w, 'bench-' || w, %d, 1, 'w' || w, 'none', 0, 0, "
            "dm.ts(%lld000000), 1 FROM generate_series(1, %d) w;",
            ACCOUNT, ACCOUNT, ACCOUNT, ACCOUNT, PROJECT, REGION, REGION, start, WORKERS);
    for (unsigned w = 0; w < WORKERS; w++) {
        dm_public_key public;
        char hex[2 * DM_ED25519_KEY + 1];
        dm_sign_key_public(b->keys[w], &public);
        dm_hex(public.b, sizeof(public.b), hex);
        r = dm_buf_fmt(sql, "INSERT INTO dm.worker_key VALUES (%u, '\\x%s', dm.ts(%lld000000));", w + 1, hex, start);
    }
    (void)dm_buf_ch(sql, '\0');
    return r < 0 ? dm_buf_ok(sql, err) : 0;
}

static int set_up(bench *b, dm_err *err)
{
    DM_AUTO_BUF sql;
    dm_buf_init(&sql, SCRIPT_MAX);
    int r = 0;
    for (unsigned w = 0; r == 0 && w < WORKERS; w++) {
        char path[4096];
        uint8_t key[DM_KEY];
        (void)snprintf(path, sizeof(path), "%s/worker-%u.key", b->folder, w + 1);
        r = dm_sign_key_open(path, &b->keys[w], err);
        if (r == 0)
            r = dm_frame_key(b->secret, (dm_worker_no){w + 1}, key, err);
        if (r == 0)
            r = dm_mac_new(key, &b->seals[w], err);
    }
    if (r == 0)
        r = dm_pg_script(b->owner, "SET session_replication_role = replica", err); /* a plan of long ago */
    if (r == 0)
        r = put_fleet(b, &sql, err);
    if (r == 0)
        r = dm_buf_ok(&sql, err);
    return r < 0 ? r : dm_pg_script(b->owner, sql.p, err);
}

/* The rows that the API would have made, once it is known which sandboxes there are. */
static int put_rows(const bench *b, dm_err *err)
{
    char sql[SCRIPT_MAX];
    (void)snprintf(sql, sizeof(sql),
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, "
            "template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s) "
            "SELECT account_no, project_no, sandbox_id, 'running', epoch, region_no, worker_no, 1, "
            "'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', 1, 2048, spec_table, spec, 1024, false, "
            "300 FROM dm.attestation;"
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, why, who, "
            "worker_no) SELECT account_no, project_no, sandbox_id, dm.ts(%lld000000), epoch, 'starting', 'bench', "
            "'bench', worker_no FROM dm.attestation;"
            "ANALYZE dm.sandbox; ANALYZE dm.sandbox_event",
            (long long)b->start);
    return dm_pg_script(b->owner, sql, err);
}

/* --- what the fleet says ------------------------------------------------------------------------------------ */

static dm_sandbox_id id_of(uint32_t i)
{
    uint8_t bytes[16];
    for (unsigned half = 0; half < 2; half++) { /* splitmix64 */
        uint64_t z = (2 * (uint64_t)i + half + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        memcpy(bytes + (size_t)half * sizeof(z), &z, sizeof(z));
    }
    return dm_sandbox_id_of_random(bytes);
}

/* From which second of the period on it runs. */
static uint32_t begin_of(const bench *b, uint32_t i)
{
    return (uint32_t)((uint64_t)i * (PERIOD_S - RUN_S) / b->n);
}

static int give(bench *b, const char *topic, int64_t *next, dm_str value, int64_t second, dm_err *err)
{
    dm_message m = {.topic = topic, .offset = (*next)++, .timestamp_ms = (second + 1) * 1000, .value = value};
    int64_t began = dm_mono_us(&dm_clock_real);
    int r = dm_ledger_take(b->ledger, &m, err);
    if (r == 0 && dm_ledger_full(b->ledger))
        r = dm_ledger_flush(b->ledger, err);
    b->took_us += dm_mono_us(&dm_clock_real) - began;
    return r;
}

/* Sandboxes first..last-1 are those that run. */
static int say_second(bench *b, uint32_t s, uint32_t first, uint32_t last, dm_buf *bytes, dm_err *err)
{
    int r = 0;
    for (uint32_t w = 0; r == 0 && w < WORKERS; w++) {
        dm_frame_head h = {.worker_no = w + 1,
                .worker_boot = 1,
                .frame_no = s + 1,
                .second = b->start + s,
                .complete_through = b->start + s,
                .parts = 1};
        for (uint32_t i = first + (w + WORKERS - first % WORKERS) % WORKERS; i < last; i += WORKERS)
            b->samples[h.n++] = (dm_sample){.sandbox = id_of(i),
                    .epoch = 1,
                    .project_no = PROJECT,
                    .spec_table = 1,
                    .spec = SPEC,
                    .state = DM_SAMPLE_RUN,
                    .span_s = 1,
                    .region_no = REGION,
                    .disk_16mib = s % 60 == 0 || s == begin_of(b, i) ? DISK : DM_DISK_UNKNOWN};
        dm_buf_reset(bytes);
        r = dm_frame_write(bytes, &h, b->samples, b->seals[w], err);
        if (r == 0)
            r = give(b, DM_TOPIC_USAGE, &b->next[0], dm_buf_view(bytes), b->start + s, err);
    }
    return r;
}

static int say_all(bench *b, dm_buf *bytes, dm_err *err)
{
    int r = 0;
    for (uint32_t s = 0, first = 0, last = 0; r == 0 && s < PERIOD_S; s++) {
        while (last < b->n && begin_of(b, last) <= s)
            last++;
        while (first < last && begin_of(b, first) + RUN_S <= s)
            first++;
        r = say_second(b, s, first, last, bytes, err);
    }
    return r < 0 ? r : dm_ledger_flush(b->ledger, err);
}

/* --- what it swears to -------------------------------------------------------------------------------------- */

static int swear_one(bench *b, uint32_t i, dm_buf *bytes, dm_digest *hash, dm_err *err)
{
    uint32_t begin = begin_of(b, i), w = i % WORKERS;
    *b->attest = (dm_attest){.worker_no = w + 1,
            .worker_boot = 1,
            .project_no = PROJECT,
            .sandbox = id_of(i),
            .epoch = 1,
            .spec_table = 1,
            .spec = SPEC,
            .region_no = REGION,
            .period_start = b->start,
            .period_s = PERIOD_S,
            .first_frame = begin + 1,
            .last_frame = begin + RUN_S,
            .cause = DM_CAUSE_NONE};
    memset(b->attest->state + begin, DM_SAMPLE_RUN, RUN_S);
    for (uint32_t m = 0; m < DM_ATTEST_MINUTES_MAX; m++)
        b->attest->disk_16mib[m] = m >= begin / 60 && m <= (begin + RUN_S - 1) / 60 ? DISK : DM_DISK_UNKNOWN;
    dm_buf_reset(bytes);
    int r = dm_attest_write(bytes, b->attest, b->keys[w], hash, err);
    return r < 0 ? r : give(b, DM_TOPIC_ATTEST, &b->next[1], dm_buf_view(bytes), b->start + PERIOD_S, err);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(dm_digest));
}

static int swear_worker(bench *b, uint32_t w, dm_buf *bytes, dm_err *err)
{
    dm_attest_end e = {.worker_no = w + 1,
            .worker_boot = 1,
            .period_start = b->start,
            .period_s = PERIOD_S,
            .last_frame = PERIOD_S};
    int r = 0;
    for (uint32_t i = w; r == 0 && i < b->n; i += WORKERS)
        r = swear_one(b, i, bytes, &b->hashes[e.count++], err);
    qsort(b->hashes, e.count, sizeof(b->hashes[0]), by_bytes);
    if (r == 0)
        r = dm_sha256((dm_str){(const char *)b->hashes, e.count * sizeof(b->hashes[0])}, &e.all, err);
    dm_buf_reset(bytes);
    if (r == 0)
        r = dm_attest_end_write(bytes, &e, b->keys[w], err);
    return r < 0 ? r : give(b, DM_TOPIC_ATTEST, &b->next[1], dm_buf_view(bytes), b->start + PERIOD_S, err);
}

static int swear_all(bench *b, dm_buf *bytes, dm_err *err)
{
    int r = 0;
    b->took_us = 0;
    for (uint32_t w = 0; r == 0 && w < WORKERS; w++)
        r = swear_worker(b, w, bytes, err);
    int64_t began = dm_mono_us(&dm_clock_real);
    if (r == 0)
        r = dm_ledger_flush(b->ledger, err);
    b->took_us += dm_mono_us(&dm_clock_real) - began;
    return r;
}

/* --- what is measured --------------------------------------------------------------------------------------- */

/* The most memory since the peak was last forgotten, in KiB; 0 when it is not to be had. */
static uint64_t peak_kib(void)
{
    char line[200];
    uint64_t kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL && kib == 0)
        kib = strncmp(line, "VmHWM:", 6) == 0 ? strtoull(line + 6, NULL, 10) : 0;
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (f != NULL) {
        (void)fputs("5", f);
        (void)fclose(f);
    }
}

static int measure(bench *b, dm_err *err)
{
    dm_bill_config bill = {.pg = b->pg_bill, .key = b->service, .held = dm_ledger_held, .held_arg = b->ledger};
    int64_t sworn_us = b->took_us, began = dm_mono_us(&dm_clock_real);
    forget_peak();
    uint64_t before = peak_kib();
    int r = dm_ledger_close(b->ledger, -1, err);
    if (r == DM_LEDGER_WAIT)
        r = dm_fail(err, DM_E_INTERNAL, "the evidence is not whole: the period waits");
    int64_t written = dm_mono_us(&dm_clock_real);
    uint64_t peak_written = peak_kib();
    forget_peak();
    if (r == 0)
        r = dm_bill_owed(&bill, err);
    int64_t stated = dm_mono_us(&dm_clock_real);
    if (r == 0)
        (void)printf("{\"sandboxes\": %u, \"sworn_ms\": %lld, \"write_ms\": %lld, \"state_ms\": %lld, "
                     "\"before_kib\": %llu, \"write_kib\": %llu, \"state_kib\": %llu}\n",
                b->n, (long long)(sworn_us / 1000), (long long)((written - began) / 1000),
                (long long)((stated - written) / 1000), (unsigned long long)before, (unsigned long long)peak_written,
                (unsigned long long)peak_kib());
    return r;
}

/* --- the statement, for who verifies it --------------------------------------------------------------------- */

static void put_hex(dm_jw *w, const char *name, const void *p, size_t n)
{
    char hex[2 * DM_ED25519_SIG + 1];
    dm_hex(p, n, hex);
    if (name != NULL)
        dm_jw_kc(w, name, hex);
    else
        dm_jw_str(w, dm_str_c(hex));
}

static int put_page(dm_jw *w, dm_pg *c, uint32_t page_no, dm_read_page *page, dm_err *err)
{
    int r = dm_read_statement_page(c, (dm_account_no){ACCOUNT}, (dm_statement_no){1}, page_no, page, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "there is no page %u", page_no);
    dm_jw_obj(w);
    dm_jw_kstr(w, "body", dm_buf_view(&page->body));
    dm_jw_key(w, "proof");
    dm_jw_arr(w);
    for (size_t i = 0; i < page->nproof; i++)
        put_hex(w, NULL, page->proof[i].b, sizeof(page->proof[i].b));
    dm_jw_arr_end(w);
    dm_jw_end(w);
    return 0;
}

static int put_statement(dm_pg *c, void *arg, dm_err *err)
{
    dm_buf *out = arg;
    dm_read_signature sig;
    dm_read_page page;
    DM_AUTO_BUF body;
    dm_jw w;
    dm_buf_init(&body, KEEP_MAX);
    dm_buf_init(&page.body, DM_READ_PAGE_BYTES);
    dm_buf_reset(out);
    dm_jw_init(&w, out);
    int r = dm_read_statement_body(c, (dm_account_no){ACCOUNT}, (dm_statement_no){1}, &body, &sig, err);
    if (r > 0)
        r = dm_fail(err, DM_E_INTERNAL, "there is no statement");
    dm_jw_obj(&w);
    dm_jw_kstr(&w, "body", dm_buf_view(&body));
    put_hex(&w, "public_key", sig.key.b, sizeof(sig.key.b));
    put_hex(&w, "signature", sig.signature.b, sizeof(sig.signature.b));
    dm_jw_key(&w, "pages");
    dm_jw_arr(&w);
    for (uint32_t i = 1; r == 0 && i <= sig.pages; i++)
        r = put_page(&w, c, i, &page, err);
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
    dm_buf_done(&page.body);
    return r < 0 ? r : dm_buf_ok(out, err);
}

static int keep_statement(const bench *b, dm_err *err)
{
    char path[4096];
    DM_AUTO_BUF out;
    dm_buf_init(&out, KEPT_MAX);
    int r = dm_pg_tx_on(b->owner, &(dm_pg_scope){.read_only = true}, put_statement, &out, err);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "%s/statement.json", b->folder);
    FILE *f = fopen(path, "we");
    bool written = f != NULL && fwrite(out.p, 1, out.len, f) == out.len;
    bool closed = f != NULL && fclose(f) == 0;
    return written && closed ? 0 : dm_fail_sys(err, errno, "%s", path);
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static int open_ledger(bench *b, dm_err *err)
{
    dm_ledger_config config = {.pg = b->pg,
            .clock = &dm_clock_real,
            .key = b->service,
            .frame_secret = b->secret,
            .owner = b->uuid,
            .period_s = PERIOD_S,
            .wait_s = PERIOD_S,
            .rows_max = ROWS_MAX,
            .worker_rows_max = ROWS_MAX};
    static const char *const topics[] = {DM_TOPIC_USAGE, DM_TOPIC_ATTEST};
    dm_offset offset;
    int r = dm_ledger_open(&config, &b->ledger, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(topics); i++)
        r = dm_ledger_assign(b->ledger, topics[i], 1, &offset, err);
    return r;
}

static int evidence(bench *b, dm_err *err)
{
    DM_AUTO_BUF bytes;
    dm_buf_init(&bytes, DM_FRAME_BYTES_MAX);
    b->samples = calloc(DM_FRAME_SAMPLES, sizeof(*b->samples));
    b->attest = calloc(1, sizeof(*b->attest));
    b->hashes = calloc(b->n / WORKERS + 1, sizeof(*b->hashes));
    int r = b->samples == NULL || b->attest == NULL || b->hashes == NULL ? dm_fail(err, DM_E_NOMEM, "no memory") : 0;
    if (r == 0)
        r = say_all(b, &bytes, err);
    if (r == 0)
        r = swear_all(b, &bytes, err);
    free(b->samples);
    free(b->attest);
    free(b->hashes);
    return r < 0 ? r : put_rows(b, err);
}

static int run(bench *b, char **argv, dm_err *err)
{
    uint8_t random[16];
    int r = dm_random(random, sizeof(random), err);
    dm_uuid uuid = dm_uuid_of_random(random);
    (void)snprintf(b->uuid, sizeof(b->uuid), "%s", uuid.s);
    if (r == 0)
        r = dm_pg_open(argv[1], &b->owner, err);
    if (r == 0)
        r = dm_pg_open(argv[2], &b->pg, err);
    if (r == 0)
        r = dm_pg_open(argv[2], &b->pg_bill, err);
    if (r == 0)
        r = dm_sign_key_open(argv[3], &b->service, err);
    if (r == 0)
        r = dm_key_read(argv[4], b->secret, err);
    if (r == 0)
        r = set_up(b, err);
    if (r == 0)
        r = open_ledger(b, err);
    if (r == 0)
        r = evidence(b, err);
    if (r == 0)
        r = measure(b, err);
    return r < 0 || b->n > PAGES_KEPT * DM_STATED_PAGE ? r : keep_statement(b, err);
}

static void done(bench *b)
{
    dm_pg *connections[] = {b->owner, b->pg, b->pg_bill};
    dm_ledger_free(b->ledger);
    for (size_t i = 0; i < DM_LEN(connections); i++) {
        if (connections[i] != NULL)
            dm_pg_close(connections[i]);
    }
    dm_sign_key_free(b->service);
    for (unsigned w = 0; w < WORKERS; w++) {
        dm_sign_key_free(b->keys[w]);
        dm_mac_free(b->seals[w]);
    }
}

int main(int argc, char **argv)
{
    dm_err err = {0};
    uint64_t n = 0;
    int r = argc == 7 ? dm_parse_u64(dm_str_c(argv[6]), 1, SANDBOXES_MAX, &n, &err) : -1;
    if (r < 0) {
        (void)fprintf(stderr, "usage: meter_close OWNER METER SIGNING-KEY-FILE FRAME-KEY-FILE FOLDER SANDBOXES\n%s\n",
                err.msg);
        return 2;
    }
    int64_t now = dm_second_of(dm_wall_us(&dm_clock_real));
    bench b = {.n = (uint32_t)n, .start = dm_period_start(now - PERIOD_S, PERIOD_S), .folder = argv[5]};
    r = run(&b, argv, &err);
    done(&b);
    if (r < 0)
        (void)fprintf(stderr, "meter_close: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
