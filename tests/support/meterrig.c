#include "tests/support/meterrig.h"

#include <signal.h>

#include "base/wire/topic.h"

#include "metering/bill/bill.h"
#include "tests/unit/test.h"

int64_t rig_t0 = 1772359200;
const uint8_t rig_frame_secret[DM_KEY] = {1, 2, 3};

dm_sandbox_id sandbox_no(unsigned n)
{
    uint8_t random[16] = {0};
    random[15] = (uint8_t)n;
    random[7] = 1;
    return dm_sandbox_id_of_random(random);
}

/* --- the database ------------------------------------------------------------------------------------------- */

void sql(rig *r, const char *text)
{
    PGresult *res = PQexec(r->owner, text);
    ExecStatusType s = PQresultStatus(res);
    if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(r->owner));
    PQclear(res);
}

const char *ask(rig *r, const char *text)
{
    static char answer[4][4096];
    static unsigned at;
    PGresult *res = PQexec(r->owner, text);
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(r->owner));
    char *out = answer[at++ % 4];
    (void)snprintf(out, sizeof(answer[0]), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "(no row)");
    PQclear(res);
    return out;
}

void refused(rig *r, const char *role, const char *text)
{
    PGconn *c = PQconnectdb(cluster_conninfo(r->c, r->db, role));
    PGresult *res = PQexec(c, text);
    if (PQresultStatus(res) != PGRES_FATAL_ERROR)
        fail_msg("%s may: %s", role, text);
    PQclear(res);
    PQfinish(c);
}

void rig_plan(rig *r, int account, int64_t second, const char *tier, int64_t included_s)
{
    char text[400];
    (void)snprintf(text, sizeof(text),
            "SET session_replication_role = replica; INSERT INTO dm.account_plan VALUES (%d, dm.ts(%lld000000), '%s', "
            "%lld); SET session_replication_role = DEFAULT",
            account, (long long)(T0 + second), tier, (long long)included_s);
    sql(r, text);
}

void rig_sandbox(rig *r, unsigned n, int account, int project, int spec, int region, int epoch, int64_t ended)
{
    char text[1200], hex[33], end[64] = "NULL";
    dm_sandbox_id id = sandbox_no(n);
    for (int i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id.b[i]);
    if (ended >= 0)
        (void)snprintf(end, sizeof(end), "dm.ts(%lld500000)", (long long)(T0 + ended));
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, cause, region_no, worker_no, "
            "key_no, "
            "template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, "
            "ended_at) "
            "VALUES (%d, %d, '\\x%s', '%s', %d, %s, %d, 1, 1, 'aaaaaaaaaaaaaaaaaaaa', "
            "'00000000-0000-4000-8000-000000000001', 1, 512, 1, %d, 1024, false, 300, %s)",
            account, project, hex, ended >= 0 ? "ended" : "running", epoch, ended >= 0 ? "'killed'" : "NULL", region,
            spec, end);
    sql(r, text);
}

/* As the API would have written it before the worker heard of it; a row that a test made is left as it is. */
static void row_of(rig *r, const act *a)
{
    char text[1200], hex[33];
    dm_sandbox_id id = sandbox_no(a->sandbox);
    for (int i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id.b[i]);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, "
            "template_id, build_id, alias, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s) "
            "SELECT p.account_no, p.project_no, '\\x%s', 'running', %u, g.region_no, 1, 1, 'aaaaaaaaaaaaaaaaaaaa', "
            "'00000000-0000-4000-8000-000000000001', 'act', 1, 512, x.spec_table, x.spec, 1024, false, 300 "
            "FROM dm.project p, dm.region g, dm.spec x WHERE p.project_no = %u AND g.region_no = %u "
            "AND x.spec_table = 1 AND x.spec = %u "
            "ON CONFLICT (sandbox_id) DO UPDATE SET epoch = greatest(sandbox.epoch, excluded.epoch) "
            "WHERE sandbox.alias = 'act'",
            hex, a->epoch, a->project_no, a->region_no, a->spec);
    sql(r, text);
}

void rig_rows(rig *r)
{
    for (size_t i = 0; i < r->nacts && !r->rowless; i++)
        row_of(r, &r->acts[i]);
}

/* --- the ledger --------------------------------------------------------------------------------------------- */

void ledger_open(rig *r)
{
    dm_err err;
    uint8_t random[16];
    assert_int_equal(cluster_open(r->c, r->db, "dm_meter", &r->pg), 0);
    assert_int_equal(dm_random(random, sizeof(random), NULL), 0);
    dm_uuid owner = dm_uuid_of_random(random);
    memcpy(r->uuid, owner.s, sizeof(r->uuid));
    (void)snprintf(r->conninfo, sizeof(r->conninfo), "%s", cluster_conninfo(r->c, r->db, "dm_meter"));
    dm_ledger_config c = {.pg = r->pg,
            .db = r->aside ? r->conninfo : NULL,
            .clock = &r->clock.base,
            .key = r->service,
            .frame_secret = r->secret,
            .frame_secret_old = r->secret_old,
            .accept_unsealed = r->accept_unsealed,
            .owner = r->uuid,
            .period_s = r->period_s,
            .wait_s = r->wait_s,
            .rows_max = r->rows_max,
            .worker_rows_max = r->worker_rows_max};
    if (dm_ledger_open(&c, &r->ledger, &err) < 0)
        fail_msg("%s", err.msg);
}

void ledger_assign(rig *r)
{
    dm_err err;
    dm_offset offsets[8];
    assert_int_equal(dm_ledger_assign(r->ledger, DM_TOPIC_USAGE, 1, offsets, &err), 0);
    r->offsets[0] = offsets[0].next < 0 ? 0 : offsets[0].next;
    assert_int_equal(dm_ledger_assign(r->ledger, DM_TOPIC_ATTEST, 1, offsets, &err), 0);
    r->offsets[1] = offsets[0].next < 0 ? 0 : offsets[0].next;
}

void ledger_start(rig *r)
{
    ledger_open(r);
    ledger_assign(r);
}

void ledger_stop(rig *r)
{
    dm_ledger_free(r->ledger);
    if (r->pg != NULL)
        dm_pg_close(r->pg);
    r->ledger = NULL;
    r->pg = NULL;
}

void ledger_crash(rig *r)
{
    ledger_stop(r);
    ledger_start(r);
    size_t seen[2] = {0};
    r->fed = r->nmsgs;
    for (size_t i = 0; i < r->nmsgs; i++) {
        if (seen[r->msgs[i].attest] == (size_t)r->offsets[r->msgs[i].attest]) {
            r->fed = i;
            break;
        }
        seen[r->msgs[i].attest]++;
    }
}

void take(rig *r, const msg *m)
{
    dm_err err;
    dm_message km = {.topic = m->attest ? DM_TOPIC_ATTEST : DM_TOPIC_USAGE,
            .offset = r->offsets[m->attest]++,
            .timestamp_ms = m->ts_ms,
            .value = {m->p, m->n}};
    if (dm_ledger_take(r->ledger, &km, &err) < 0)
        fail_msg("%s", err.msg);
}

void feed(rig *r)
{
    for (; r->fed < r->nmsgs; r->fed++)
        take(r, &r->msgs[r->fed]);
}

void flush(rig *r)
{
    dm_err err;
    int x = dm_ledger_flush(r->ledger, &err);
    if (x != 0)
        fail_msg("flush: %d %s", x, x < 0 ? err.msg : "");
}

msg *rig_keep_back(rig *r, size_t from, size_t n)
{
    msg *kept = calloc(n, sizeof(*kept));
    assert_non_null(kept);
    memcpy(kept, r->msgs + from, n * sizeof(*kept));
    memmove(r->msgs + from, r->msgs + from + n, (r->nmsgs - from - n) * sizeof(*kept));
    r->nmsgs -= n;
    return kept;
}

void rig_bring(rig *r, const msg *kept, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, DM_FRAME_BYTES_MAX);
        assert_int_equal(dm_buf_add(&b, kept[i].p, kept[i].n), 0);
        rig_add(r, &b, kept[i].attest, kept[i].ts_ms / 1000 - T0 - 1);
    }
    feed(r);
    flush(r);
}

void rig_forget(msg *kept, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(kept[i].p);
    free(kept);
}

int rig_ask_fence(void *fence, dm_pg *c, bool *held, dm_err *err)
{
    rig_fence *f = fence;
    (void)c;
    (void)err;
    bool now = ++f->asked == f->at;
    if (now && !f->lost)
        (void)raise(SIGKILL);
    *held = !now;
    return 0;
}

void clock_at(rig *r, int64_t second)
{
    dm_clock_fake_move(&r->clock, (T0 + second) * 1000000 - dm_wall_us(&r->clock.base));
}

int bill_owed(rig *r, dm_err *err)
{
    rig_rows(r);
    dm_bill_config c = {.pg = r->pg, .key = r->service, .held = dm_ledger_held, .held_arg = r->ledger};
    return dm_bill_owed(&c, err);
}

int close_due(rig *r, int64_t patient_from)
{
    dm_err err;
    int n = 0, x = 0, b = 0;
    while (x == 0 && b == 0) {
        x = dm_ledger_close(r->ledger, patient_from, &err);
        if (x == 0 || x == DM_LEDGER_WAIT)
            b = bill_owed(r, &err);
        n += x == 0 && b == 0;
    }
    if (x != DM_LEDGER_WAIT || b != 0)
        fail_msg("close: %d, bill: %d %s", x, b, x < 0 || b < 0 ? err.msg : "");
    return n;
}

/* --- the worker --------------------------------------------------------------------------------------------- */

void rig_add(rig *r, const dm_buf *b, bool attest, int64_t second)
{
    if (r->nmsgs == r->room) {
        r->room = r->room != 0 ? r->room * 2 : 64;
        r->msgs = realloc(r->msgs, r->room * sizeof(*r->msgs));
        assert_non_null(r->msgs);
    }
    msg *m = &r->msgs[r->nmsgs++];
    *m = (msg){malloc(b->len + 1), b->len, attest, (T0 + second + 1) * 1000};
    assert_non_null(m->p);
    memcpy(m->p, b->p, b->len);
}

uint8_t act_state(const act *a, int64_t s)
{
    if (s >= a->run_from && s < a->run_to)
        return DM_SAMPLE_RUN;
    return s >= a->hib_from && s < a->hib_to ? DM_SAMPLE_HIB : 0;
}

/* What is shown of a running second is the sandbox's number of hundredths of CPU, 16 times as many MiB, and a KiB. */
dm_sample sample_of(const act *a, uint8_t state, int64_t span, bool disk)
{
    uint32_t shown = state == DM_SAMPLE_RUN ? a->sandbox : 0;
    return (dm_sample){.sandbox = sandbox_no(a->sandbox),
            .epoch = a->epoch,
            .project_no = a->project_no,
            .spec_table = 1,
            .spec = a->spec,
            .state = state,
            .span_s = (uint8_t)span,
            .region_no = a->region_no,
            .disk_16mib = disk ? a->grains : DM_DISK_UNKNOWN,
            .cpu_used_us = 10000 * shown,
            .mem_private_mib = 16 * shown,
            .net_in_kib = shown > 0};
}

void work_second(rig *r, int64_t s)
{
    DM_AUTO_BUF b;
    dm_sample samples[ACTS_MAX];
    dm_frame_head h = {.key_no = r->key_no,
            .worker_no = 1,
            .worker_boot = r->boot,
            .frame_no = ++r->frame,
            .prev_boot_last_frame = r->prev,
            .second = T0 + s,
            .complete_through = T0 + s,
            .parts = 1};
    for (size_t i = 0; i < r->nacts; i++) {
        const act *a = &r->acts[i];
        uint8_t state = act_state(a, s);
        if (state == DM_SAMPLE_RUN) {
            samples[h.n++] = sample_of(a, state, 1, s % 60 == 0 || s == a->run_from);
        } else if (state == DM_SAMPLE_HIB) {
            if (r->hib_since[i] < 0)
                r->hib_since[i] = s;
            if ((s + 1) % 60 == 0 || s + 1 == a->hib_to) {
                samples[h.n++] = sample_of(a, state, s - r->hib_since[i] + 1, true);
                r->hib_since[i] = -1;
            } else if (T0 + r->hib_since[i] - 1 < h.complete_through) {
                h.complete_through = T0 + r->hib_since[i] - 1;
            }
        }
    }
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, samples, r->seal, NULL), 0);
    rig_add(r, &b, false, s);
}

uint32_t act_disk(const act *a, int64_t minute_start)
{
    for (int64_t s = minute_start; s < minute_start + 60; s++) {
        uint8_t state = act_state(a, s);
        bool run = state == DM_SAMPLE_RUN && (s % 60 == 0 || s == a->run_from);
        bool hib = state == DM_SAMPLE_HIB && ((s + 1) % 60 == 0 || s + 1 == a->hib_to);
        if (run || hib)
            return a->grains;
    }
    return DM_DISK_UNKNOWN;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(dm_digest));
}

static bool act_in(const rig *r, const act *a, int64_t start)
{
    bool in = false;
    for (int64_t s = start; s < start + r->period_s; s++)
        in = in || act_state(a, s) != 0;
    return in;
}

void swear(rig *r, int64_t start, void (*change)(dm_attest *a))
{
    DM_AUTO_MEM dm_attest *a = malloc(sizeof(*a));
    dm_digest hashes[ACTS_MAX];
    dm_attest_end e = {.worker_no = 1,
            .worker_boot = r->boot,
            .period_start = T0 + start,
            .period_s = r->period_s,
            .last_frame = r->frame};
    DM_AUTO_BUF b;
    assert_non_null(a);
    dm_buf_init(&b, DM_ATTEST_BYTES_MAX);
    for (size_t i = 0; i < r->nacts; i++) {
        const act *c = &r->acts[i];
        if (!act_in(r, c, start))
            continue;
        *a = (dm_attest){.worker_no = 1,
                .worker_boot = r->boot,
                .project_no = c->project_no,
                .sandbox = sandbox_no(c->sandbox),
                .epoch = c->epoch,
                .spec_table = 1,
                .spec = c->spec,
                .region_no = c->region_no,
                .period_start = T0 + start,
                .period_s = r->period_s,
                .first_frame = 1,
                .last_frame = r->frame,
                .previous = r->previous[i]};
        for (uint32_t s = 0; s < r->period_s; s++)
            a->state[s] = act_state(c, start + s);
        for (uint32_t m = 0; m < DM_ATTEST_MINUTES_MAX; m++)
            a->disk_16mib[m] = m < r->period_s / 60 ? act_disk(c, start + 60 * (int64_t)m) : DM_DISK_UNKNOWN;
        if (change != NULL)
            change(a);
        dm_buf_reset(&b);
        assert_int_equal(dm_attest_write(&b, a, r->worker, &hashes[e.count], NULL), 0);
        r->previous[i] = hashes[e.count++];
        rig_add(r, &b, true, start + r->period_s);
    }
    qsort(hashes, e.count, sizeof(hashes[0]), by_digest);
    assert_int_equal(dm_sha256((dm_str){(const char *)hashes, e.count * sizeof(hashes[0])}, &e.all, NULL), 0);
    dm_buf_reset(&b);
    assert_int_equal(dm_attest_end_write(&b, &e, r->worker, NULL), 0);
    rig_add(r, &b, true, start + r->period_s);
}

void work(rig *r, int64_t from, int64_t to)
{
    for (int64_t s = from; s < to; s++) {
        work_second(r, s);
        if ((s + 1) % r->period_s == 0)
            swear(r, s + 1 - r->period_s, NULL);
    }
}

void work_reboot(rig *r)
{
    r->boot++;
    r->prev = r->frame;
    r->frame = 0;
}

/* --- setting up --------------------------------------------------------------------------------------------- */

dm_mac *rig_seal_under(const uint8_t secret[DM_KEY], uint64_t worker_no, uint16_t *key_no)
{
    uint8_t key[DM_KEY];
    uint64_t print;
    dm_mac *seal = NULL;
    assert_int_equal(dm_frame_key(secret, (dm_worker_no){worker_no}, key, NULL), 0);
    assert_int_equal(dm_frame_key_print(key, &print, NULL), 0);
    assert_int_equal(dm_mac_new(key, &seal, NULL), 0);
    if (key_no != NULL)
        *key_no = dm_frame_key_no(print);
    return seal;
}

dm_mac *rig_seal(uint64_t worker_no)
{
    return rig_seal_under(rig_frame_secret, worker_no, NULL);
}

static void enrol(rig *r)
{
    char text[400], hex[65];
    dm_public_key public;
    dm_sign_key_public(r->worker, &public);
    for (int i = 0; i < DM_ED25519_KEY; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", public.b[i]);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.worker_key (worker_no, public_key, valid_from) VALUES (1, '\\x%s', dm.ts(%lld000000))", hex,
            (long long)T0);
    sql(r, text);
}

void rig_open(rig *r, const cluster *c, const char *db, uint32_t period_s)
{
    char text[200], path[100];
    *r = (rig){.c = c,
            .period_s = period_s,
            .wait_s = 600,
            .boot = 1,
            .rows_max = 100000,
            .worker_rows_max = 100000,
            .secret = rig_frame_secret};
    (void)snprintf(r->db, sizeof(r->db), "%s", db);
    (void)snprintf(text, sizeof(text), "CREATE DATABASE %s TEMPLATE house", db);
    assert_int_equal(cluster_script(c, "postgres", "postgres", text), 0);
    r->owner = PQconnectdb(cluster_conninfo(c, db, "postgres"));
    assert_int_equal(PQstatus(r->owner), CONNECTION_OK);
    dm_clock_fake_init(&r->clock, (int64_t)T0 * 1000000);
    for (size_t i = 0; i < ACTS_MAX; i++)
        r->hib_since[i] = -1;
    (void)snprintf(path, sizeof(path), "%s/service.key", c->dir);
    assert_int_equal(dm_sign_key_open(path, &r->service, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/worker.key", c->dir);
    assert_int_equal(dm_sign_key_open(path, &r->worker, NULL), 0);
    r->seal = rig_seal(1);
    enrol(r);
    ledger_start(r);
}

void rig_close(rig *r)
{
    ledger_stop(r);
    PQfinish(r->owner);
    dm_sign_key_free(r->service);
    dm_sign_key_free(r->worker);
    dm_mac_free(r->seal);
    for (size_t i = 0; i < r->nmsgs; i++)
        free(r->msgs[i].p);
    free(r->msgs);
}

int house(const cluster *c)
{
    static const char tenants[] =
            "SET session_replication_role = replica;" /* plans are of the scenario's time, not of this one */
            "INSERT INTO dm.account (account_no, id, legal_name, country, currency, tier) OVERRIDING SYSTEM VALUE "
            "VALUES "
            "(1, '00000000-0000-4000-8000-0000000000a1', 'One', 'CN', 'CNY', 'payg'), "
            "(2, '00000000-0000-4000-8000-0000000000a2', 'Two', 'CN', 'CNY', 'payg'), "
            "(3, '00000000-0000-4000-8000-0000000000a3', 'Three', 'US', 'USD', 'pro');"
            "INSERT INTO dm.project (account_no, project_no, id, slug, name, region_no) OVERRIDING SYSTEM VALUE VALUES "
            "(1, 1, '00000000-0000-4000-8000-0000000000b1', 'one', 'One', 2), "
            "(2, 2, '00000000-0000-4000-8000-0000000000b2', 'two', 'Two', 2), "
            "(3, 3, '00000000-0000-4000-8000-0000000000b3', 'three', 'Three', 1), "
            "(1, 4, '00000000-0000-4000-8000-0000000000b4', 'four', 'Four', 2);"
            "INSERT INTO dm.account_limit VALUES (3, 'included_seconds', 60);"
            "INSERT INTO dm.account_plan VALUES (1, dm.ts(0), 'payg', 0), (2, dm.ts(0), 'payg', 0), "
            "(3, dm.ts(0), 'pro', 60);"
            "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
            "sealed_from_boot) OVERRIDING SYSTEM VALUE VALUES (1, 'w1', 2, 1, 'w1', 'tcg', 10, 1000, dm.ts(1772359200 "
            "* "
            "1000000::bigint), 1);";
    if (cluster_script(c, "postgres", "postgres", "CREATE DATABASE house OWNER dm_migrate") < 0 ||
            cluster_migrate(c, "house") < 0)
        return -1;
    return cluster_script(c, "house", "postgres", tenants);
}
