#include "tests/support/exportrig.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "metering/wallet/wallet.h"
#include "tests/unit/test.h"

void desk_open(desk *d, const cluster *c, const char *db)
{
    dm_err err;
    ssize_t n = readlink("/proc/self/exe", d->print, sizeof d->print - 1);
    assert_true(n > 0);
    d->print[n] = '\0';
    (void)snprintf(strrchr(d->print, '/'), 32, "/dormouse-print");
    bill_open(&d->r, c, db);
    (void)snprintf(d->folder, sizeof d->folder, "%s/exports-%s", c->dir, db);
    assert_int_equal(mkdir(d->folder, 0750), 0);
    atomic_store(&d->stop, false);
    d->h = (dm_hand){.folder = d->folder,
            .print = d->print,
            .keep_s = 3600,
            .file_max = 1 << 30,
            .stop = &d->stop,
            .clock = &dm_clock_real};
    if (dm_log_new(2, "test", DM_ERROR, &dm_clock_real, &d->h.log, &err) < 0 ||
            dm_pg_open(cluster_conninfo(c, db, "dm_export"), &d->h.say, &err) < 0 ||
            dm_pg_open(cluster_conninfo(c, db, "dm_export"), &d->h.read, &err) < 0)
        fail_msg("%s", err.msg);
}

void desk_close(desk *d)
{
    dm_pg_close(d->h.say);
    dm_pg_close(d->h.read);
    dm_log_free(d->h.log);
    rig_close(&d->r);
}

void desk_order(
        desk *d, int account, const char *set, const char *format, const char *from, const char *to, const char *key)
{
    char text[500], what[100];
    if (to == NULL)
        (void)snprintf(what, sizeof what, "NULL, NULL, '%s'", from);
    else
        (void)snprintf(what, sizeof what, "'%sZ', '%sZ', NULL", from, to);
    (void)snprintf(text, sizeof text,
            "SET ROLE dm_ops; SELECT dm.export_ask(%d, '%s', '%s', %s, 'person:ada', '%s'); RESET ROLE", account, set,
            format, what, key);
    sql(&d->r, text);
}

int desk_next(desk *d)
{
    dm_err err;
    int r = dm_job_next(&d->h, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

const char *desk_of(desk *d, const char *column, const char *key)
{
    char text[300];
    (void)snprintf(text, sizeof text, "SELECT %s FROM dm.export WHERE idem_key = '%s'", column, key);
    return ask(&d->r, text);
}

void desk_file(desk *d, const char *key, dm_buf *out)
{
    char path[400];
    dm_err err;
    (void)snprintf(path, sizeof path, "%s/%s", d->folder, desk_of(d, "file", key));
    dm_buf_init(out, 64 << 20);
    if (dm_file_read(path, out, &err) < 0)
        fail_msg("%s", err.msg);
}

void desk_manifest(desk *d, const char *key, dm_buf *out)
{
    char text[300];
    (void)snprintf(text, sizeof text, "SELECT manifest FROM dm.export WHERE idem_key = '%s'", key);
    PGresult *res = PQexec(d->r.owner, text);
    assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
    assert_int_equal(PQntuples(res), 1);
    dm_buf_init(out, 1 << 20);
    (void)dm_buf_c(out, PQgetvalue(res, 0, 0));
    PQclear(res);
    assert_int_equal(dm_buf_ok(out, NULL), 0);
}

void desk_make(desk *d, int account, const char *set, const char *format, const char *from, const char *to, dm_buf *out)
{
    char key[200];
    (void)snprintf(key, sizeof key, "%s %s %s", set, format, from);
    desk_order(d, account, set, format, from, to, key);
    assert_int_equal(desk_next(d), 0);
    assert_string_equal(desk_of(d, "coalesce(why, state)", key), "ready");
    desk_file(d, key, out);
}

/* --- an account with everything ----------------------------------------------------------------------------- */

/* From March on it pays 2 a month at least; memory is ten percent off, in a book of its own. */
static void contract(rig *r)
{
    sql(r, "UPDATE dm.tax_rule SET category = 'S', rate_ppm = 190000, jurisdiction = 'DE', reason = NULL, reason_code "
           "= "
           "NULL");
    sql(r, "INSERT INTO dm.contract (account_no, name, valid_from, valid_to, least_monthly, status, drafted_by, "
           "drafted_why, approved_by) VALUES (1, 'C', '2026-03-01Z', '2026-06-01Z', 2, 'approved', 'a', 'x', 'b');"
           "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, contract_no) "
           "SELECT 'mainland', 'resources', 'enterprise', 'CNY', '2026-03-01Z', contract_no FROM dm.contract RETURNING "
           "book_id) INSERT INTO dm.price (book_id, sku, per_unit, unit, label, list_per_unit, discount_bp) SELECT "
           "b.book_id, p.sku, CASE WHEN p.sku = 'mem-run' THEN 0.000009747 ELSE p.per_unit END, p.unit, '', CASE WHEN "
           "p.sku = 'mem-run' THEN p.per_unit END, CASE WHEN p.sku = 'mem-run' THEN 1000 END FROM b, dm.price p JOIN "
           "dm.price_book k ON k.book_id = p.book_id AND k.tier = 'payg' AND k.price_group = 'mainland' AND "
           "k.contract_no IS NULL");
    rig_plan(r, 1, MARCH - T0, "enterprise", 0);
}

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no = 0;
    return dm_wallet_give(c, arg, &grant_no, err);
}

static void promo(rig *r, const char *amount)
{
    dm_err err;
    dm_wallet_grant g = {.account_no = {1},
            .kind = "promo",
            .currency = "CNY",
            .expires_s = DM_BURN_NEVER,
            .idem_key = "promo",
            .reference = "",
            .who = "operator:ada",
            .why = "",
            .at_s = MARCH};
    assert_int_equal(dm_money_parse(dm_str_c(amount), &g.amount, &err), 0);
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, give, &g, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Seconds of one more sandbox in that minute, of which nobody knew: some it ran and some it slept. */
static void late(rig *r, int64_t start)
{
    char text[1600];
    long long at = start;
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no,"
            " template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s)"
            " VALUES (1, 1, decode('00000000000000000000000000090001', 'hex'), 'running', 1, 2, 1, 1,"
            " 'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', 1, 2048, 1, 4, 1024, false, 300);"
            "INSERT INTO dm.usage_late VALUES (1, 1, dm.ts(%lld000000), decode('00000000000000000000000000090001', "
            "'hex'), 1, 1, 4, 2, 1, (repeat('0', 5) || repeat('1', 47) || repeat('0', 8))::varbit, (repeat('0', 52) || "
            "repeat('1', 8))::varbit, '{64}');"
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) VALUES (1, dm.ts(%lld000000), "
            "decode('00000000000000000000000000090001', 'hex'));"
            "SET session_replication_role = DEFAULT",
            at, at);
    sql(r, text);
}

static void month_ends(rig *r, int64_t next)
{
    bill_through(r, next);
    bill_months(r, next + DAY);
}

void desk_rich(desk *d)
{
    rig *r = &d->r;
    contract(r);
    bill_minute(r, 1, MARCH + 36000, 600);
    promo(r, "0.2501");
    month_ends(r, APRIL);
    late(r, MARCH + 36000);
    bill_minute(r, 1, APRIL + 36000, 1200);
    month_ends(r, MAY);
    (void)bill_order(r, "credit", "INV-2026-000001", "9", "'{\"lines\":[{\"line\":1,\"net\":\"0.10\"}]}'");
    (void)bill_order(r, "void", "INV-2026-000002", "9", "'{}'");
    (void)bill_order(r, "issue", "2026-04-01", "NULL", "'{}'");
    bill_orders(r, MAY + 2 * DAY);
    month_ends(r, MAY + 31 * DAY);
    sql(r, "UPDATE dm.project SET name = '=1+\"2\"' WHERE account_no = 1;"
           "SET session_replication_role = replica;"
           "UPDATE dm.sandbox SET metadata = '{\"team\": \"=cmd\", \"env\": \"test, \\\"two\\\"\"}' WHERE account_no = "
           "1 "
           "AND sandbox_id < decode('00000000000000000000000000010005', 'hex');"
           "SET session_replication_role = DEFAULT");
    assert_sql(r,
            "SELECT string_agg(concat_ws(' ', number, v.voided, trim_scale(total)), ', ' ORDER BY chain) FROM "
            "dm.invoice i LEFT JOIN dm.invoice_state v USING (account_no, invoice_no)",
            "INV-2026-000001 f 2.08, INV-2026-000002 t 2.76, CN-2026-000001 0.12, INV-2026-000003 f 2.76, "
            "INV-2026-000004 f 2.38");
}
