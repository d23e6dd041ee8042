#include "tests/support/billrig.h"

#include <sys/wait.h>
#include <unistd.h>

#include "metering/bill/bill.h"
#include "metering/invoice/doc.h"
#include "metering/wallet/chores.h"
#include "metering/wallet/wallet.h"
#include "tests/unit/test.h"

void bill_open(rig *r, const cluster *c, const char *db)
{
    rig_open(r, c, db, 60);
    sql(r, "UPDATE dm.account SET invoice_email = 'pay@one.test' WHERE account_no = 1");
}

static int always(void *arg, dm_pg *c, bool *held, dm_err *err)
{
    (void)arg;
    (void)c;
    (void)err;
    *held = true;
    return 0;
}

void bill_minute(rig *r, int account, int64_t start, unsigned sandboxes)
{
    char text[2600];
    long long at = start;
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica;"
            "SELECT dm.add_partitions(%lld, %lld);"
            "INSERT INTO dm.period (period_start, period_s) VALUES (dm.ts(%lld000000), 60) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.worker_period VALUES (1, dm.ts(%lld000000), true, false) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.account_period (account_no, period_start) VALUES (%d, dm.ts(%lld000000));"
            "CREATE TEMP TABLE made AS SELECT decode(lpad(to_hex(%d * 65536 + i), 32, '0'), 'hex') AS id"
            " FROM generate_series(1, %u) i;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no,"
            " template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s)"
            " SELECT %d, %d, id, 'running', 1, 2, 1, 1, 'aaaaaaaaaaaaaaaaaaaa',"
            " '00000000-0000-4000-8000-000000000001', 1, 2048, 1, 4, 1024, false, 300 FROM made"
            " ON CONFLICT (sandbox_id) DO NOTHING;"
            "INSERT INTO dm.usage_period SELECT %d, %d, dm.ts(%lld000000), id, 1, 1, 4, 2, 1,"
            " (repeat('0', 5) || repeat('1', 47) || repeat('0', 8))::varbit, repeat('0', 60)::varbit, '{64}' FROM made;"
            "DROP TABLE made; SET session_replication_role = DEFAULT",
            at, at, at, at, account, at, account, sandboxes, account, account, account, account, at);
    sql(r, text);
    dm_err err;
    dm_bill_config conf = {.pg = r->pg, .key = r->service, .held = always};
    if (dm_bill_owed(&conf, &err) != 0)
        fail_msg("bill: %s", err.msg);
}

void bill_through(rig *r, int64_t second)
{
    char text[200];
    (void)snprintf(text, sizeof text,
            "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES (dm.ts(%lld000000), 60, now()) ON "
            "CONFLICT DO NOTHING",
            (long long)second - 60);
    sql(r, text);
}

dm_chore_config bill_chores(rig *r)
{
    return (dm_chore_config){.pg = r->pg,
            .key = r->service,
            .clock = &r->clock.base,
            .period_s = 60,
            .invoice_delay_s = DAY,
            .held = always};
}

static void run(rig *r, int64_t now, dm_chore_fn fn)
{
    dm_err err;
    dm_chore_config c = bill_chores(r);
    clock_at(r, now - T0);
    if (fn(&c, &err) != 0)
        fail_msg("chore: %s", err.msg);
}

void bill_months(rig *r, int64_t now)
{
    run(r, now, dm_invoice_months);
}

void bill_orders(rig *r, int64_t now)
{
    run(r, now, dm_invoice_orders);
}

void bill_overdue(rig *r, int64_t now)
{
    run(r, now, dm_invoice_overdue);
}

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no = 0;
    return dm_wallet_give(c, arg, &grant_no, err);
}

void bill_give(rig *r, int account, const char *kind, const char *amount, int64_t at)
{
    static unsigned n;
    char key[32];
    dm_err err;
    dm_wallet_grant g = {.account_no = {account},
            .kind = kind,
            .currency = "CNY",
            .expires_s = DM_BURN_NEVER,
            .idem_key = key,
            .reference = "",
            .who = "operator:ada",
            .why = "",
            .at_s = at};
    (void)snprintf(key, sizeof key, "given:%u", n++);
    assert_int_equal(dm_money_parse(dm_str_c(amount), &g.amount, &err), 0);
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, give, &g, &err) < 0)
        fail_msg("%s", err.msg);
}

void bill_settle(rig *r, int64_t now)
{
    dm_err err;
    dm_chore_config c = bill_chores(r);
    clock_at(r, now - T0);
    if (dm_wallet_chore_settle(&c, &err) != 0)
        fail_msg("%s", err.msg);
}

int bill_order(rig *r, const char *kind, const char *number, const char *amount, const char *detail)
{
    char text[1200];
    bool month = number[0] == '2';
    (void)snprintf(text, sizeof text,
            "SET ROLE dm_ops; INSERT INTO dm.invoice_order (account_no, kind, invoice_no, month, currency, amount, "
            "detail, who, why, idem_key) SELECT a.account_no, '%s', i.invoice_no, %s%s%s, a.currency, %s, %s, "
            "'operator:ada', 'because', gen_random_uuid()::text FROM dm.account a LEFT JOIN dm.invoice i ON "
            "i.account_no = a.account_no AND i.number = '%s' WHERE %s;"
            "UPDATE dm.invoice_order SET approved_by = 'operator:bob' WHERE state = 'waiting'; RESET ROLE",
            kind, month ? "'" : "", month ? number : "NULL", month ? "'" : "", amount, detail, number,
            month ? "a.account_no = 1" : "i.invoice_no IS NOT NULL");
    sql(r, text);
    long long no = 0;
    const char *digits = ask(r, "SELECT max(order_no) FROM dm.invoice_order");
    for (; *digits >= '0' && *digits <= '9'; digits++)
        no = no * 10 + (*digits - '0');
    return (int)no;
}

const char *bill_balance(rig *r, int account, const char *name)
{
    char text[300];
    (void)snprintf(text, sizeof text,
            "SELECT trim_scale(coalesce(sum(e.amount), 0)) FROM dm.journal_entry e JOIN dm.ledger_account l USING "
            "(ledger_no) WHERE l.account_no = %d AND l.name = '%s'",
            account, name);
    return ask(r, text);
}

const char *bill_status(rig *r, const char *number)
{
    char text[300];
    (void)snprintf(text, sizeof text,
            "SELECT concat_ws(' ', s.status, trim_scale(s.open)) FROM dm.invoice_state s JOIN dm.invoice USING "
            "(invoice_no) WHERE number = '%s'",
            number);
    return ask(r, text);
}

/* --- what must hold ----------------------------------------------------------------------------------------- */

typedef struct again {
    int64_t invoice_no;
    dm_buf body;
} again;

static int load(dm_pg *c, void *arg, dm_err *err)
{
    again *a = arg;
    DM_AUTO_MEM dm_doc *d = calloc(1, sizeof *d);
    assert_non_null(d);
    dm_buf_reset(&a->body);
    int r = dm_doc_load(c, a->invoice_no, d, err);
    if (r == 0)
        r = dm_invoice_body(&d->v, &a->body, err);
    dm_doc_done(d);
    return r;
}

/* Made again from its rows a document has the same bytes, and they are what was signed. */
static void same_again(rig *r, PGresult *res, int i)
{
    dm_err err;
    again a = {.invoice_no = strtoll(PQgetvalue(res, i, 0), NULL, 10)};
    size_t n;
    dm_public_key key;
    dm_signature signature;
    unsigned char *body = PQunescapeBytea((const unsigned char *)PQgetvalue(res, i, 1), &n);
    dm_buf_init(&a.body, 16 << 20);
    if (dm_pg_tx_on(r->pg, &(dm_pg_scope){.read_only = true}, load, &a, &err) != 0)
        fail_msg("%s", err.msg);
    assert_int_equal(a.body.len, n);
    assert_memory_equal(a.body.p, body, n);
    size_t m;
    unsigned char *k = PQunescapeBytea((const unsigned char *)PQgetvalue(res, i, 2), &m);
    memcpy(key.b, k, sizeof key.b);
    unsigned char *s = PQunescapeBytea((const unsigned char *)PQgetvalue(res, i, 3), &m);
    memcpy(signature.b, s, sizeof signature.b);
    assert_true(dm_verify(&key, (dm_str){(const char *)body, n}, &signature));
    PQfreemem(body);
    PQfreemem(k);
    PQfreemem(s);
    dm_buf_done(&a.body);
}

/* The oracle, which knows nothing of the project, finds the same sums. */
static void ask_oracle(PGresult *res)
{
    char name[] = "/tmp/dormouse-invoices-XXXXXX";
    int fd = mkstemp(name), some = 0;
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (int i = 0; i < PQntuples(res); i++) {
        size_t n;
        unsigned char *body = PQunescapeBytea((const unsigned char *)PQgetvalue(res, i, 1), &n);
        if (strcmp(PQgetvalue(res, i, 4), "invoice") == 0) {
            assert_int_equal(fwrite(body, 1, n, f), n);
            assert_int_equal(fputc('\n', f), '\n');
            some++;
        }
        PQfreemem(body);
    }
    assert_int_equal(fclose(f), 0);
    pid_t pid = some > 0 ? fork() : -1;
    if (pid == 0) {
        (void)execlp("python3", "python3", DM_SOURCE_DIR "/tests/support/py/oracle/invoice.py", name, (char *)NULL);
        _exit(77); /* no Python here */
    }
    int status = 0;
    if (pid > 0)
        assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)unlink(name);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
}

void bill_whole(rig *r)
{
    PGresult *res =
            PQexec(r->owner, "SELECT invoice_no, body, public_key, signature, kind FROM dm.invoice ORDER BY chain");
    assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
    for (int i = 0; i < PQntuples(res); i++)
        same_again(r, res, i);
    ask_oracle(res);
    PQclear(res);
    assert_sql(
            r, "SELECT count(*) FROM (SELECT FROM dm.journal_entry GROUP BY currency HAVING sum(amount) <> 0) x", "0");
    assert_sql(r, /* a document names the one before it */
            "SELECT count(*) FROM (SELECT chain = row_number() OVER w AND previous_sha256 = coalesce(lag(sha256) OVER "
            "w,"
            " decode(repeat('00', 32), 'hex')) AS good FROM dm.invoice WINDOW w AS (ORDER BY chain)) x WHERE NOT good",
            "0");
    assert_sql(r, /* numbers have no gap */
            "SELECT count(*) FROM (SELECT right(number, 6)::int = row_number() OVER (PARTITION BY left(number, -6) "
            "ORDER "
            "BY chain) AS good FROM dm.invoice) x WHERE NOT good",
            "0");
    assert_sql(r, /* what a live invoice is of comes to it */
            "SELECT count(*) FROM dm.invoice i WHERE kind = 'invoice' AND exact_total <> (SELECT "
            "coalesce(sum(s.total), "
            "0) FROM dm.invoice_statement s WHERE s.invoice_no = i.invoice_no) + (SELECT coalesce(sum(m.amount), 0) "
            "FROM dm.invoice_commitment m WHERE m.invoice_no = i.invoice_no)",
            "0");
    assert_sql(r, /* each state is what its document, payments and credit notes come to */
            "SELECT count(*) FROM dm.invoice_state s JOIN dm.invoice i USING (invoice_no) WHERE NOT s.voided AND "
            "(s.paid <> coalesce((SELECT sum(p.amount - p.to_wallet) FROM dm.invoice_payment p WHERE p.invoice_no = "
            "i.invoice_no), 0) OR s.credited <> coalesce((SELECT sum(n.total) FROM dm.invoice n WHERE n.refers_to = "
            "i.invoice_no), 0) OR s.open <> greatest(i.total - i.prepaid - s.paid - s.credited, 0) AND NOT s.paid + "
            "s.credited > i.total)",
            "0");
    assert_sql(r, /* and what customers still owe stands in the books */
            "SELECT (SELECT coalesce(sum(e.amount), 0) FROM dm.journal_entry e JOIN dm.ledger_account l USING "
            "(ledger_no) WHERE l.name = 'receivable') = (SELECT coalesce(sum(open), 0) FROM dm.invoice_state WHERE NOT "
            "uncollectible)",
            "t");
    assert_sql(r,
            "SELECT count(*) FROM dm.invoice_state s WHERE s.events <> (SELECT count(*) FROM dm.invoice_event e WHERE "
            "e.invoice_no = s.invoice_no) OR s.status <> (SELECT e.status FROM dm.invoice_event e WHERE e.invoice_no = "
            "s.invoice_no ORDER BY n DESC LIMIT 1)",
            "0");
}
