/* Statements of many sandboxes, made page by page, against a real PostgreSQL. */
/* Covers metering/bill/bill.c, metering/bill/gather.c, metering/bill/head.c, metering/bill/sql_bill.c,
 * metering/bill/load.c, metering/bill/pages.c, metering/read/read.c. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/parse.h"

#include "metering/bill/bill.h"
#include "metering/read/read.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* A written period in which n sandboxes of account 1 ran for 47 s (1 vCPU, 2 GiB, mainland: CNY 0.00203792 each), and
 * the worker could swear to none. */
static void evidence(rig *r, unsigned n)
{
    char text[2400];
    (void)snprintf(text, sizeof(text),
            "SET session_replication_role = replica;"
            "INSERT INTO dm.period (period_start, period_s) VALUES (dm.ts(%lld000000), 60);"
            "INSERT INTO dm.worker_period VALUES (1, dm.ts(%lld000000), true, false);"
            "INSERT INTO dm.account_period (account_no, period_start) VALUES (1, dm.ts(%lld000000));"
            "CREATE TEMP TABLE made AS SELECT decode(lpad(to_hex(i), 32, '0'), 'hex') AS id FROM generate_series(1, "
            "%u) i;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no,"
            " template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s)"
            " SELECT 1, 1, id, 'running', 1, 2, 1, 1, 'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', "
            "1,"
            " 2048, 1, 4, 1024, false, 300 FROM made;"
            "INSERT INTO dm.usage_period SELECT 1, 1, dm.ts(%lld000000), id, 1, 1, 4, 2, 1,"
            " (repeat('0', 5) || repeat('1', 47) || repeat('0', 8))::varbit, repeat('0', 60)::varbit, '{64}' FROM made;"
            "DROP TABLE made; SET session_replication_role = DEFAULT",
            (long long)T0, (long long)T0, (long long)T0, n, (long long)T0);
    sql(r, text);
}

static int bill(rig *r, dm_pg *c, rig_fence *f)
{
    dm_err err;
    dm_bill_config conf = {.pg = c, .key = r->service, .held = rig_ask_fence, .held_arg = f};
    int x = dm_bill_owed(&conf, &err);
    if (x < 0)
        fail_msg("bill: %s", err.msg);
    return x;
}

static void bill_all(rig *r)
{
    rig_fence f = {0};
    assert_int_equal(bill(r, r->pg, &f), 0);
}

/* A process of its own begins, and dies of SIGKILL at the n-th step. */
static void bill_and_die(rig *r, int n)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_pg *c = NULL;
        rig_fence f = {.at = n};
        if (cluster_open(&pg, r->db, "dm_meter", &c) == 0)
            (void)bill(r, c, &f);
        _exit(0); /* it lived: that is told below */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Head and pages as bytes, and the rows. */
static char *made(rig *r)
{
    return strdup(ask(r,
            "SELECT md5((SELECT string_agg(encode(body, 'hex'), '|') FROM dm.statement) ||"
            " (SELECT string_agg(page_no || encode(body, 'hex'), '|' ORDER BY page_no) FROM dm.statement_page) ||"
            " (SELECT string_agg(l::text, '|' ORDER BY line_no) FROM dm.statement_line l))"));
}

/* The pages' hashes make the root in the head, and their lines its total. */
static void whole(rig *r, unsigned n)
{
    char text[400];
    dm_merkle tree = {0};
    dm_digest hash, root;
    char hex[2 * DM_SHA256 + 1];
    PGresult *res = PQexecParams(
            r->owner, "SELECT sha256 FROM dm.statement_page ORDER BY page_no", 0, NULL, NULL, NULL, NULL, 1);
    for (int i = 0; i < PQntuples(res); i++) {
        memcpy(hash.b, PQgetvalue(res, i, 0), sizeof(hash.b));
        assert_int_equal(dm_merkle_add(&tree, &hash, NULL), 0);
    }
    PQclear(res);
    assert_int_equal(dm_merkle_root(&tree, &root, NULL), 0);
    dm_hex(root.b, sizeof(root.b), hex);
    assert_sql(r, "SELECT convert_from(body, 'UTF8')::jsonb->'pages'->>'root' FROM dm.statement", hex);
    (void)snprintf(text, sizeof(text),
            "SELECT concat_ws(' ', %u, (%u + 499) / 500, 2 * %u, 47 * %u, %u * 0.002037920000000000)", n, n, n, n, n);
    DM_AUTO_MEM char *want = strdup(ask(r, text));
    assert_sql(r,
            "SELECT concat_ws(' ', h->'attestations'->>'count', h->'pages'->>'count', h->'pages'->>'lines',"
            " h->>'running_s', h->>'total') FROM (SELECT convert_from(body, 'UTF8')::jsonb AS h FROM dm.statement) s",
            want);
    assert_sql(r,
            "SELECT concat_ws(' ', count(DISTINCT sandbox_id), max(p.n), count(*), (sum(seconds) / 2)::int, "
            "sum(amount)) FROM"
            " dm.statement_line, (SELECT count(*) AS n FROM dm.statement_page) p",
            want);
    assert_sql(r,
            "SELECT concat_ws(' ', count(DISTINCT x->>'sandbox'), max(page_no), count(*), sum((x->>'seconds')::int) / "
            "2,"
            " sum((x->>'amount')::numeric)) FROM dm.statement_page,"
            " jsonb_array_elements(convert_from(body, 'UTF8')::jsonb->'lines') x",
            want);
    assert_sql(r,
            "SELECT bool_and(line_no = n) FROM (SELECT line_no, row_number() OVER (ORDER BY line_no) AS n FROM"
            " dm.statement_line) x",
            "t");
    assert_sql(r, "SELECT count(*) FROM (SELECT sum(amount) FROM dm.journal_entry HAVING sum(amount) <> 0) x", "0");
    assert_sql(r,
            "SELECT bool_and(in_order) FROM (SELECT page_no, ord, x->>'sandbox' > lag(x->>'sandbox', 1, '') OVER "
            "(ORDER BY"
            " page_no, ord) AS in_order FROM dm.statement_page,"
            " jsonb_array_elements(convert_from(body, 'UTF8')::jsonb->'sandboxes') WITH ORDINALITY e(x, ord)) y",
            "t");
}

static void each_size(void **state)
{
    static const unsigned sizes[] = {1, DM_STATED_PAGE - 1, DM_STATED_PAGE, DM_STATED_PAGE + 1, 10000};
    (void)state;
    for (size_t i = 0; i < DM_LEN(sizes); i++) {
        rig r;
        char db[32];
        (void)snprintf(db, sizeof(db), "size%u", sizes[i]);
        rig_open(&r, &pg, db, 60);
        evidence(&r, sizes[i]);
        bill_all(&r);
        whole(&r, sizes[i]);
        assert_sql(&r, "SELECT count(*) FROM dm.attestation WHERE by_service",
                ask(&r, "SELECT count(*) FROM dm.usage_period"));
        rig_close(&r);
    }
}

static void of_nothing_there_is_no_statement(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "size0", 60);
    evidence(&r, 0);
    bill_all(&r);
    assert_sql(&r, "SELECT state FROM dm.account_period", "empty");
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    rig_close(&r);
    /* nor where all that was sworn to comes to no second: its pages go again */
    rig_open(&r, &pg, "idle", 60);
    evidence(&r, DM_STATED_PAGE + 1);
    sql(&r, "SET session_replication_role = replica; UPDATE dm.usage_period SET run_bits = hib_bits;"
            " SET session_replication_role = DEFAULT");
    bill_all(&r);
    assert_sql(&r, "SELECT state FROM dm.account_period", "empty");
    assert_sql(&r, "SELECT count(*) FROM dm.statement_page", "0");
    rig_close(&r);
}

static int look(dm_pg *c, void *arg, dm_err *err)
{
    dm_read_line line;
    dm_read_page page;
    size_t n = 0;
    dm_buf_init(&page.body, DM_READ_PAGE_BYTES);
    int *seen = arg;
    int r = dm_read_statement_page(c, (dm_account_no){1}, (dm_statement_no){1}, 1, &page, err);
    dm_buf_done(&page.body);
    *seen = r == 0;
    if (r == 0 || r == DM_READ_NONE)
        r = dm_read_lines(c, (dm_account_no){1}, (dm_statement_no){1}, (dm_project_no){0}, 0, 1, &line, &n, NULL, err);
    *seen += n > 0;
    return r;
}

/* What the API finds of pages and lines: 2 of both. */
static int visible(rig *r)
{
    dm_pg *c = NULL;
    dm_err err;
    int seen = 0;
    assert_int_equal(cluster_open(&pg, r->db, "dm_api", &c), 0);
    if (dm_pg_tx_on(c, &(dm_pg_scope){.account_no = 1, .read_only = true}, look, &seen, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(c);
    return seen;
}

/* Three pages: it dies at the beginning of each of its steps, and the next run comes to the same bytes. */
static void killed_between_pages(void **state)
{
    enum { BOXES = 2 * DM_STATED_PAGE + 100, BEGIN = 1, PAGES = 3, HEAD };
    rig r;
    (void)state;
    rig_open(&r, &pg, "unkilled", 60);
    evidence(&r, BOXES);
    bill_all(&r);
    DM_AUTO_MEM char *want = made(&r);
    assert_int_equal(visible(&r), 2);
    rig_close(&r);
    for (int step = BEGIN; step <= BEGIN + HEAD; step++) {
        char db[32], pages[16];
        (void)snprintf(db, sizeof(db), "killed%d", step);
        (void)snprintf(pages, sizeof(pages), "%d", step > BEGIN ? step - BEGIN - 1 : 0);
        rig_open(&r, &pg, db, 60);
        evidence(&r, BOXES);
        bill_and_die(&r, step);
        assert_sql(&r, "SELECT count(*) FROM dm.statement_page", pages);
        assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
        assert_sql(&r, "SELECT state FROM dm.account_period", "open");
        assert_sql(&r, "SELECT count(*) FROM dm.journal_txn", "0");
        assert_int_equal(visible(&r), 0);
        bill_all(&r);
        DM_AUTO_MEM char *got = made(&r);
        assert_string_equal(got, want);
        assert_int_equal(visible(&r), 2);
        rig_close(&r);
    }
}

/* What it left says something else than what is made now: nothing of it stays. */
static void leftovers_are_replaced(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "leftovers", 60);
    evidence(&r, 2 * DM_STATED_PAGE + 100);
    bill_and_die(&r, 4);
    assert_sql(&r, "SELECT count(*) FROM dm.statement_page", "2");
    sql(&r, "SET session_replication_role = replica; DELETE FROM dm.usage_period WHERE sandbox_id >"
            " decode(lpad('1', 32, '0'), 'hex'); SET session_replication_role = DEFAULT");
    bill_all(&r);
    whole(&r, 1);
    rig_close(&r);
}

static void a_zombie_makes_no_page(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "zombie", 60);
    evidence(&r, DM_STATED_PAGE + 1);
    for (int step = 1; step <= 4; step++) {
        rig_fence f = {.at = step, .lost = true};
        assert_int_equal(bill(&r, r.pg, &f), DM_BILL_ZOMBIE);
        assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    }
    assert_sql(&r, "SELECT count(*) FROM dm.statement_page", "2"); /* of the last, before the fence was lost */
    bill_all(&r);
    whole(&r, DM_STATED_PAGE + 1);
    rig_close(&r);
}

static void what_is_stated_is_not_added_to(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "added", 60);
    evidence(&r, 1);
    bill_all(&r);
    refused(&r, "dm_meter",
            "INSERT INTO dm.statement_page SELECT account_no, period_start, 2, body, sha256 FROM dm.statement_page");
    refused(&r, "dm_meter",
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, sku, charge_from, charge_to, "
            "seconds, qty, per_unit, amount) SELECT account_no, period_start, 9, 'usage', 'x', now(), now(), 1, 2, "
            "0.5, 1 FROM dm.statement");
    refused(&r, "dm_migrate", "UPDATE dm.statement_page SET page_no = 2");
    refused(&r, "dm_migrate", "DELETE FROM dm.statement_line");
    assert_sql(&r, "SELECT dm.drop_draft(account_no, period_start) FROM dm.statement", "0");
    whole(&r, 1);
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_size),
            cmocka_unit_test(of_nothing_there_is_no_statement),
            cmocka_unit_test(killed_between_pages),
            cmocka_unit_test(leftovers_are_replaced),
            cmocka_unit_test(a_zombie_makes_no_page),
            cmocka_unit_test(what_is_stated_is_not_added_to),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
