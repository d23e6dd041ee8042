#include "tests/support/bundlerig.h"

#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/kit/sql_kit.h"
#include "metering/read/read.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

enum { SANDBOXES = 8192, SMALL = 12, MINUTES = BUNDLE_PERIOD_S / 60, LIVES = 3 };

/* What became of what a worker saw. Late: half of its frames, its oath, or all of it. */
typedef enum said { SWORN, SILENT, FRAMES_LESS, OATH_LESS, OATH_ALONE, HALF_LATE, OATH_LATE, ALL_LATE } said;

typedef struct life {
    int account, project, spec, region, worker;
    unsigned sandbox;
    uint32_t epoch;
    said how;
    int period, due; /* due: in which what is late of it comes */
    uint8_t state[BUNDLE_PERIOD_S];
    uint32_t disk[MINUTES];
} life;

static uint64_t dice(bundlerig *b, uint64_t n)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random % n;
}

static dm_sandbox_id id_of(unsigned n)
{
    uint8_t random[16] = {0};
    random[3] = (uint8_t)(n * 37);
    random[9] = (uint8_t)(n >> 8);
    random[15] = (uint8_t)n;
    return dm_sandbox_id_of_random(random);
}

static void hex_of(const void *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", ((const uint8_t *)p)[i]);
}

/* --- evidence ----------------------------------------------------------------------------------------------- */

static void put_row(bundlerig *b, const life *l)
{
    char text[900], id[33], parent[40] = "NULL";
    dm_sandbox_id sandbox = id_of(l->sandbox), first = id_of(l->sandbox / 4 * 4);
    hex_of(sandbox.b, 16, id);
    if (l->sandbox % 4 == 3) { /* some began with another's memory */
        (void)snprintf(parent, sizeof(parent), "'\\x");
        hex_of(first.b, 16, parent + 3);
        (void)snprintf(parent + 35, sizeof(parent) - 35, "'");
    }
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, "
            "template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, "
            "parent_id) VALUES (%d, %d, '\\x%s', 'running', %u, %d, %d, 1, 'aaaaaaaaaaaaaaaaaaaa', "
            "'00000000-0000-4000-8000-000000000001', 1, 512, 1, %d, 1024, false, 300, %s) "
            "ON CONFLICT (sandbox_id) DO UPDATE SET epoch = greatest(sandbox.epoch, excluded.epoch);",
            l->account, l->project, id, l->epoch, l->region, l->worker, l->spec, parent);
    (void)dm_buf_c(&b->text[l->period], text);
}

/* Those of seconds [from, to); late: they come when the period is written. */
static void put_frames(bundlerig *b, const life *l, int64_t start, int from, int to, bool late)
{
    char text[1400], id[33], run[BUNDLE_PERIOD_S + 1], hib[BUNDLE_PERIOD_S + 1], disk[40];
    dm_sandbox_id sandbox = id_of(l->sandbox);
    bool less = false;
    hex_of(sandbox.b, 16, id);
    for (int s = 0; s < BUNDLE_PERIOD_S; s++) {
        bool there = l->state[s] != 0 && s >= from && s < to && !(l->how == FRAMES_LESS && !less);
        less = less || l->state[s] != 0; /* the first second of it is missing */
        run[s] = there && l->state[s] == DM_SAMPLE_RUN ? '1' : '0';
        hib[s] = there && l->state[s] == DM_SAMPLE_HIB ? '1' : '0';
    }
    run[BUNDLE_PERIOD_S] = hib[BUNDLE_PERIOD_S] = '\0';
    (void)snprintf(disk, sizeof(disk), "{%d,%d}", (int)l->disk[0], (int)l->disk[1]);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.usage_%s VALUES (%d, %d, dm.ts(%lld000000), '\\x%s', %u, 1, %d, %d, %d, '%s'::varbit, "
            "'%s'::varbit, '%s');",
            late ? "late" : "period", l->account, l->project, (long long)start, id, l->epoch, l->spec, l->region,
            l->worker, run, hib, disk);
    (void)dm_buf_c(&b->text[late ? l->due : l->period], text);
    if (!late)
        return;
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) VALUES (%d, dm.ts(%lld000000), '\\x%s');",
            l->account, (long long)start, id);
    (void)dm_buf_c(&b->text[l->due], text);
}

/* What is sworn to of a life, signed at once: the next one names its hash. */
static void put_oath(bundlerig *b, const life *l, int64_t start)
{
    DM_AUTO_BUF message;
    bool less = false;
    dm_err err;
    assert_int_equal(dm_grow(&b->oaths, &b->oaths_room, b->noaths, 1 << 16, "oaths", &err), 0);
    bundle_oath *o = &b->oaths[b->noaths++];
    o->late = l->how == OATH_LATE || l->how == ALL_LATE;
    o->due = o->late ? l->due : l->period;
    dm_attest *a = &o->what;
    *a = (dm_attest){.worker_no = (uint64_t)l->worker,
            .worker_boot = 1,
            .project_no = (uint32_t)l->project,
            .sandbox = id_of(l->sandbox),
            .epoch = l->epoch,
            .spec_table = 1,
            .spec = (uint16_t)l->spec,
            .region_no = (uint16_t)l->region,
            .period_start = start,
            .period_s = BUNDLE_PERIOD_S,
            .first_frame = 1,
            .last_frame = 9,
            .previous = b->previous[l->sandbox]};
    for (int s = 0; s < BUNDLE_PERIOD_S; s++) {
        a->state[s] = l->how == OATH_LESS && l->state[s] != 0 && !less ? 0 : l->state[s];
        less = less || l->state[s] != 0;
    }
    for (int m = 0; m < DM_ATTEST_MINUTES_MAX; m++)
        a->disk_16mib[m] = m < MINUTES ? l->disk[m] : DM_DISK_UNKNOWN;
    dm_buf_init(&message, DM_ATTEST_BYTES_MAX);
    assert_int_equal(dm_attest_write(&message, a, b->r.worker, &o->hash, NULL), 0);
    b->previous[l->sandbox] = o->hash;
    o->n = message.len;
    o->message = dm_buf_take(&message);
}

typedef struct writing {
    bundlerig *b;
    int period;
    bool late;
} writing;

static int oaths_tx(dm_pg *c, void *arg, dm_err *err)
{
    const writing *w = arg;
    const bundlerig *b = w->b;
    DM_AUTO_MANY rows;
    int r = 0;
    dm_sql_attests(&rows, c, w->late ? INT64_MAX : 0, false);
    for (size_t i = 0; r == 0 && i < b->noaths; i++) {
        const bundle_oath *o = &b->oaths[i];
        if (o->due == w->period && o->late == w->late)
            r = dm_sql_attest_add(&rows, &o->what, (dm_str){o->message, o->n}, &o->hash, err);
    }
    return r == 0 ? dm_many_flush(&rows, err) : r;
}

static void put_life(bundlerig *b, const life *l, int64_t start)
{
    enum { HALF = BUNDLE_PERIOD_S / 2 };
    put_row(b, l);
    if (l->how == HALF_LATE)
        put_frames(b, l, start, 0, HALF, false);
    else if (l->how != OATH_ALONE && l->how != ALL_LATE)
        put_frames(b, l, start, 0, BUNDLE_PERIOD_S, false);
    if (l->how == HALF_LATE || l->how == ALL_LATE)
        put_frames(b, l, start, l->how == HALF_LATE ? HALF : 0, BUNDLE_PERIOD_S, true);
    if (l->how != SILENT)
        put_oath(b, l, start);
}

/* All that was gathered for a period, in a few transactions: one for each life would take minutes on a busy machine. */
static void write_lives(bundlerig *b, int period)
{
    dm_err err;
    dm_buf *text = &b->text[period];
    assert_int_equal(dm_buf_ok(text, NULL), 0);
    if (text->len > 0)
        sql(&b->r, text->p);
    for (int late = 0; late < 2; late++) {
        writing w = {b, period, late == 1};
        if (dm_pg_tx_on(b->r.pg, &(dm_pg_scope){.flush_later = true}, oaths_tx, &w, &err) < 0)
            fail_msg("attestations: %s", err.msg);
    }
    size_t kept = 0;
    for (size_t i = 0; i < b->noaths; i++) {
        if (b->oaths[i].due == period)
            free(b->oaths[i].message);
        else
            b->oaths[kept++] = b->oaths[i];
    }
    b->noaths = kept;
}

/* --- a scenario --------------------------------------------------------------------------------------------- */

static void fill(life *l, uint8_t state, int from, int to)
{
    for (int s = from; s < to && s < BUNDLE_PERIOD_S; s++)
        l->state[s] = state;
}

/* Runs, sleeps, and wakes in the very second, or runs throughout; each wake is another life. */
static void live(bundlerig *b, life *l, int64_t start, bool plain)
{
    unsigned lives = plain ? 1 : 1 + (unsigned)dice(b, LIVES);
    int at = plain ? 0 : (int)dice(b, 30);
    for (unsigned i = 0; i < lives; i++) {
        memset(l->state, 0, sizeof(l->state));
        int slept = at + 1 + (int)dice(b, 30), woke = slept + (int)dice(b, 30);
        fill(l, DM_SAMPLE_RUN, at, slept);
        fill(l, DM_SAMPLE_HIB, slept, i + 1 < lives ? woke + 1 : BUNDLE_PERIOD_S);
        if (plain)
            fill(l, DM_SAMPLE_RUN, 0, BUNDLE_PERIOD_S);
        if (at >= BUNDLE_PERIOD_S)
            return;
        put_life(b, l, start);
        l->epoch++;
        at = woke;
    }
}

static said how_of(bundlerig *b, const life *l)
{
    uint64_t n = dice(b, 20);
    if (l->account == 2 && l->period == 2)
        return ALL_LATE; /* it has no statement of that period */
    if (l->worker == 2)
        return SILENT;
    if (l->due < BUNDLE_PERIODS && n >= 3 && n < 7)
        return n == 3 ? OATH_LATE : n == 4 ? ALL_LATE : HALF_LATE;
    return n == 0 ? FRAMES_LESS : n == 1 ? OATH_LESS : n == 2 ? OATH_ALONE : SWORN;
}

static void one(bundlerig *b, int account, unsigned sandbox, int period, int64_t start, bool plain)
{
    life l = {.account = account,
            .project = account == 1 && sandbox % 3 == 0 ? 4
                       : account > 3                    ? 100 + account
                                                        : account,
            .spec = 1 + (int)(sandbox % 19),
            .region = account == 3 ? 1 + (int)(sandbox % 3) : 1 + (int)(sandbox % 2),
            .worker = 1 + (sandbox % 5 == 0 && !(account == 2 && period == 2)),
            .period = period,
            .due = account == 2 && period < 2 ? 3 : period + 1 + (int)dice(b, 2), /* nothing comes to it in the third */
            .sandbox = sandbox,
            .epoch = 1 + (uint32_t)period * LIVES};
    l.how = how_of(b, &l);
    l.disk[0] = sandbox % 7 == 0 ? DM_DISK_UNKNOWN : (uint32_t)dice(b, 40 * GIB);
    l.disk[1] = sandbox % 4 == 0 ? DM_DISK_UNKNOWN : (uint32_t)dice(b, 40 * GIB);
    live(b, &l, start, plain);
}

static int64_t start_of(int period)
{
    return period + 1 < BUNDLE_PERIODS ? T0 + period * BUNDLE_PERIOD_S : APRIL;
}

static void period_rows(bundlerig *b, int period)
{
    char text[800];
    long long start = start_of(period);
    (void)snprintf(text, sizeof(text),
            "SELECT dm.add_partitions(%lld, %lld);"
            "INSERT INTO dm.period (period_start, period_s) VALUES (dm.ts(%lld000000), %d);"
            "INSERT INTO dm.worker_period VALUES (1, dm.ts(%lld000000), true, true), (2, dm.ts(%lld000000), true, "
            "false);"
            "INSERT INTO dm.account_period (account_no, period_start) SELECT account_no, dm.ts(%lld000000) FROM "
            "dm.account WHERE account_no <= %d",
            start, start, start, BUNDLE_PERIOD_S, start, start, start, BUNDLE_ACCOUNTS);
    sql(&b->r, text);
}

static void evidence(bundlerig *b, int period, unsigned big)
{
    period_rows(b, period);
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        unsigned first = (unsigned)account * 1200, n = account == 1 && period == 1 && big > 0 ? big : SMALL;
        for (unsigned i = 0; i < n; i++) {
            if (n > SMALL || dice(b, 4) > 0)
                one(b, account, first + i, period, start_of(period), n > SMALL && i > SMALL);
        }
    }
    write_lives(b, period);
}

/* An end record of worker 2 comes after all: it swore to all that it had, which was nothing. */
static void end_record(bundlerig *b, int of, int due)
{
    char text[600];
    long long start = start_of(of);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.worker_period_late VALUES (2, dm.ts(%lld000000));"
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT DISTINCT account_no, period_start, "
            "sandbox_id FROM dm.usage_period WHERE worker_no = 2 AND period_start = dm.ts(%lld000000);",
            start, start);
    (void)dm_buf_c(&b->text[due], text);
}

/* Accounts 4 and 5 have contracts. That of 4 sells vCPUs in steps and memory at the price of the month's sum, with ten
 * percent off what is asleep, in one group; in the other it begins within the second period, without tiers. That of 5
 * sells minutes in steps. Each month costs the one more than it uses, the other what it uses. */
static void contracts(bundlerig *b)
{
    char text[4000];
    long long at = start_of(1) + 50;
    (void)snprintf(text, sizeof(text),
            "SET session_replication_role = replica;"
            "INSERT INTO dm.account (account_no, id, legal_name, country, currency, tier) OVERRIDING SYSTEM VALUE "
            "VALUES "
            "(4, '00000000-0000-4000-8000-0000000000a4', 'Four', 'CN', 'CNY', 'enterprise'), "
            "(5, '00000000-0000-4000-8000-0000000000a5', 'Five', 'CN', 'CNY', 'enterprise');"
            "INSERT INTO dm.project (account_no, project_no, id, slug, name, region_no) OVERRIDING SYSTEM VALUE VALUES "
            "(4, 104, '00000000-0000-4000-8000-0000000000b5', 'five', 'Five', 2), "
            "(5, 105, '00000000-0000-4000-8000-0000000000b6', 'six', 'Six', 2);"
            "INSERT INTO dm.account_plan VALUES (4, dm.ts(0), 'enterprise', 0), (5, dm.ts(0), 'enterprise', 600);"
            "INSERT INTO dm.contract (account_no, name, currency, valid_from, least_monthly, status, drafted_by, "
            "drafted_why, approved_by) VALUES (4, 'C', 'CNY', '2026-03-01Z', 100, 'approved', 'a', 'x', 'b'), "
            "(5, 'D', 'CNY', '2026-03-01Z', 0.01, 'approved', 'a', 'x', 'b');"
            "INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, contract_no) SELECT "
            "x.price_group, x.rated_by, 'enterprise', 'CNY', x.valid_from, c.contract_no FROM dm.contract c JOIN "
            "(VALUES (4, 'mainland', 'resources', '2026-03-01Z'::timestamptz), (4, 'other', 'resources', "
            "dm.ts(%lld000000)), (5, 'mainland', 'minutes', '2026-03-01Z')) x (account_no, price_group, rated_by, "
            "valid_from) USING (account_no);"
            "INSERT INTO dm.price (book_id, sku, per_unit, unit, label, list_per_unit, discount_bp, mode) SELECT "
            "b.book_id, p.sku, CASE WHEN p.sku = 'disk-hib' THEN 0.00000027 ELSE p.per_unit END, p.unit, '', CASE WHEN "
            "p.sku = 'disk-hib' THEN 0.0000003 END, CASE WHEN p.sku = 'disk-hib' THEN 1000 END, CASE WHEN "
            "b.price_group "
            "= 'mainland' THEN CASE p.sku WHEN 'vcpu-run' THEN 'graduated' WHEN 'mem-run' THEN 'volume' END END FROM "
            "dm.price_book b JOIN dm.price_book k ON k.price_group = b.price_group AND k.tier = 'payg' AND k.valid_to "
            "IS NULL JOIN dm.price p ON p.book_id = k.book_id WHERE b.contract_no IS NOT NULL AND b.rated_by = "
            "'resources';"
            "INSERT INTO dm.price (book_id, sku, per_unit, unit, label, mode) SELECT b.book_id, x.sku, x.per_unit, "
            "x.unit, '', x.mode FROM dm.price_book b, (VALUES ('minutes', 0.05, 'minute', 'graduated'), ('disk-hib', "
            "0.0000003, 'GiB-s', NULL)) x (sku, per_unit, unit, mode) WHERE b.contract_no IS NOT NULL AND b.rated_by = "
            "'minutes';"
            "INSERT INTO dm.price_tier (book_id, sku, tier_no, from_qty, per_unit) SELECT p.book_id, p.sku, t.no, "
            "t.from_qty * CASE p.sku WHEN 'minutes' THEN 0.01 ELSE 1 END, trim_scale(p.per_unit / t.no / 2) FROM "
            "dm.price p, (VALUES (1, 1500), (2, 4000)) t (no, from_qty) WHERE p.mode IS NOT NULL;"
            "SET session_replication_role = DEFAULT",
            at);
    sql(&b->r, text);
}

/* Within the second period a price changes, within the third both accounts that can change their plan. */
static void changes(bundlerig *b)
{
    char text[1600];
    long long at = start_of(1) + 37;
    (void)snprintf(text, sizeof(text),
            "SET session_replication_role = replica;"
            "UPDATE dm.price_book SET valid_to = dm.ts(%lld000000) WHERE (tier, price_group) IN (('payg', 'mainland'), "
            "('pro', 'other'));"
            "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES "
            "('mainland', 'resources', 'payg', 'CNY', dm.ts(%lld000000)), ('other', 'minutes', 'pro', 'USD', "
            "dm.ts(%lld000000)) RETURNING book_id, price_group, tier) "
            "INSERT INTO dm.price (book_id, sku, per_unit, unit, label) SELECT b.book_id, p.sku, p.per_unit * 2, "
            "p.unit, "
            "p.label FROM b JOIN dm.price_book o ON o.price_group = b.price_group AND o.tier = b.tier AND o.valid_to = "
            "dm.ts(%lld000000) JOIN dm.price p ON p.book_id = o.book_id;"
            "SET session_replication_role = DEFAULT",
            at, at, at, at);
    sql(&b->r, text);
    rig_plan(&b->r, 1, start_of(2) - T0 + 61, "enterprise", 0);
    rig_plan(&b->r, 3, start_of(3) - T0 + 50, "pro", 300);
}

static void workers(bundlerig *b)
{
    sql(&b->r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
               "sealed_from_boot) OVERRIDING SYSTEM VALUE VALUES (2, 'w2', 2, 1, 'w2', 'tcg', 10, 1000, "
               "dm.ts(1772359200000000), 1)");
}

/* Something of one line of an account's first invoice is taken back. */
static void credit(rig *r, int account, int64_t at)
{
    char text[200], number[40], detail[80];
    (void)snprintf(
            text, sizeof text, "SELECT number FROM dm.invoice WHERE account_no = %d AND kind = 'invoice'", account);
    (void)snprintf(number, sizeof(number), "%s", ask(r, text));
    (void)snprintf(text, sizeof text,
            "SELECT line_no FROM dm.invoice_line WHERE account_no = %d ORDER BY net DESC LIMIT 1", account);
    (void)snprintf(detail, sizeof(detail), "'{\"lines\":[{\"line\":%s,\"net\":\"0.01\"}]}'", ask(r, text));
    (void)bill_order(r, "credit", number, "0.01", detail);
    bill_orders(r, at);
}

/* Invoices of both months. Of account 1's first one line is credited, then all that is left; account 4, which has a
 * least, pays by the hour: given money first, then what it paid in, which is less than it owes. */
static void invoices(bundlerig *b)
{
    char number[40];
    rig *r = &b->r;
    sql(r, "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', 'CN', "
           "'S', 60000, 'CN', '2026-01-01Z');"
           "SET session_replication_role = replica; UPDATE dm.service_key SET valid_from = '2026-01-01Z';"
           "SET session_replication_role = DEFAULT"); /* an invoice is issued at the rig's time, which is not today */
    bill_give(r, 4, "promo", "0.001", APRIL - DAY);
    bill_give(r, 4, "paid", "30", APRIL - DAY);
    sql(r, "UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = 4");
    bill_settle(r, APRIL - 60);
    bill_through(r, APRIL);
    bill_months(r, APRIL + DAY + 60);
    (void)snprintf(number, sizeof(number), "%s", ask(r, "SELECT number FROM dm.invoice WHERE account_no = 1"));
    credit(r, 1, APRIL + DAY + 120);
    credit(r, 4, APRIL + DAY + 150);
    (void)bill_order(r, "credit", number, "9", "'{}'");
    bill_orders(r, APRIL + DAY + 180);
    bill_through(r, MAY);
    bill_months(r, MAY + DAY + 60);
    assert_string_equal(
            ask(r, "SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT account_no || ':' || count(*) AS n FROM "
                   "dm.invoice WHERE kind = 'credit_note' GROUP BY account_no) x"),
            "1:2 4:1");
    assert_string_equal(ask(r, "SELECT concat_ws(' ', trim_scale(discount), prepaid > 29, total > prepaid) FROM "
                               "dm.invoice WHERE account_no = 4 AND kind = 'invoice' AND period_start < '2026-04-01Z'"),
            "0.001 t t");
}

void bundlerig_open(bundlerig *b, const cluster *c, const char *db, uint64_t seed, unsigned big)
{
    dm_err err;
    *b = (bundlerig){.random = seed * 2654435761u + 88172645463325252u};
    b->previous = calloc(SANDBOXES, sizeof(*b->previous));
    assert_non_null(b->previous);
    for (int p = 0; p < BUNDLE_PERIODS; p++)
        dm_buf_init(&b->text[p], 8 << 20);
    rig_open(&b->r, c, db, BUNDLE_PERIOD_S);
    sql(&b->r, "SET synchronous_commit = off");
    workers(b);
    changes(b);
    contracts(b);
    end_record(b, 0, 3);
    for (int p = 0; p < BUNDLE_PERIODS; p++) {
        evidence(b, p, big);
        if (bill_owed(&b->r, &err) != 0)
            fail_msg("bill: %s", err.msg);
    }
    invoices(b);
    assert_int_equal(cluster_open(c, db, "dm_api", &b->api), 0);
}

void bundlerig_close(bundlerig *b)
{
    dm_pg_close(b->api);
    free(b->previous);
    free(b->oaths);
    for (int p = 0; p < BUNDLE_PERIODS; p++)
        dm_buf_done(&b->text[p]);
    rig_close(&b->r);
}

/* --- a bundle ----------------------------------------------------------------------------------------------- */

static int in_scope(void *arg, dm_pg_fn fn, void *of, dm_err *err)
{
    const struct bundle_scope *s = arg;
    return dm_pg_tx_on(s->pg, &(dm_pg_scope){.account_no = s->account}, fn, of, err);
}

dm_bundle_db bundlerig_db(bundlerig *b, int account, struct bundle_scope *scope)
{
    *scope = (struct bundle_scope){b->api, account};
    return (dm_bundle_db){in_scope, scope};
}

static int into_buf(void *arg, dm_str bytes, dm_err *err)
{
    dm_buf *out = arg;
    (void)dm_buf_str(out, bytes);
    return dm_buf_ok(out, err);
}

typedef struct asked {
    int account;
    int64_t first, last;
    dm_bundle_what what;
} asked;

static int range(dm_pg *c, void *arg, dm_err *err)
{
    asked *a = arg;
    return dm_bundle_range(c, (dm_account_no){a->account}, (dm_statement_no){a->first}, (dm_statement_no){a->last}, 0,
            APRIL * 2LL, &a->what, err);
}

void bundlerig_write(bundlerig *b, int account, int64_t first, int64_t last, dm_buf *out)
{
    struct bundle_scope scope;
    char id[DM_UUID_TEXT];
    dm_err err;
    dm_bundle_db db = bundlerig_db(b, account, &scope);
    asked a = {.account = account, .first = first, .last = last};
    (void)snprintf(id, sizeof(id), "00000000-0000-4000-8000-0000000000a%d", account);
    if (in_scope(&scope, range, &a, &err) != 0)
        fail_msg("no statements of %d", account);
    a.what.account = id;
    dm_buf_reset(out);
    if (dm_bundle_write(&db, &a.what, into_buf, out, &err) < 0)
        fail_msg("%s", err.msg);
}

int bundle_bytes_next(void *arg, void *to, size_t room, size_t *n, dm_err *err)
{
    bundle_bytes *b = arg;
    (void)err;
    *n = b->n < room ? b->n : room;
    memcpy(to, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return 0;
}
