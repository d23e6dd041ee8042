/* What operators have written out of a legal entity, against the journal and the documents, as text; and faults that
 * are planted there. Rows are read back by PostgreSQL, whose JSON and numbers are not ours. */
/* Covers metering/export/data/entity.c, metering/export/data/sql_entity.c. */
#include <stdio.h>

#include "metering/export/data/entity.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;

enum { JUNE = MAY + 31 * DAY, ENTITY = -1 };
#define CAME "'{\"received_on\":\"2026-06-03\",\"reference\":\"TX 9\"}'"

/* Rows of a file of JSON lines into the table `got`. */
static void load(desk *d, const dm_buf *file)
{
    dm_str rest = dm_buf_view(file), line;
    sql(&d->r, "DROP TABLE IF EXISTS got; CREATE TEMP TABLE got (r jsonb)");
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO_BUF text;
        dm_buf_init(&text, 1 << 20);
        (void)dm_buf_str(&text, line);
        assert_int_equal(dm_buf_ok(&text, NULL), 0);
        const char *const args[] = {text.p};
        PGresult *res = PQexecParams(d->r.owner, "INSERT INTO got VALUES ($1)", 1, NULL, args, NULL, NULL, 0);
        assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
        PQclear(res);
    }
}

static void make(desk *d, const char *set, const char *from, const char *to)
{
    DM_AUTO_BUF file;
    desk_make(d, ENTITY, set, "jsonl", from, to, &file);
    load(d, &file);
}

/* Of both queries the rows are the same, and there are some. */
static void assert_same(desk *d, const char *one, const char *other)
{
    char text[3000];
    (void)snprintf(text, sizeof text,
            "WITH a AS (%s), b AS (%s) SELECT CASE WHEN NOT EXISTS (SELECT FROM a) THEN 'nothing' ELSE "
            "coalesce((SELECT string_agg(x::text, '; ') FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT "
            "ALL TABLE a)) x), 'same') END",
            one, other);
    assert_sql(&d->r, text, "same");
}

/* One that has two customers, of whom another entity's is none; with an invoice paid in part, and one given up. */
static void books(desk *d, const char *db)
{
    desk_open(d, &pg, db);
    desk_rich(d);
    bill_minute(&d->r, 2, JUNE + 36000, 3);
    (void)bill_order(&d->r, "pay", "INV-2026-000003", "1.00", CAME);
    (void)bill_order(&d->r, "uncollectible", "INV-2026-000004", "9", "'{}'");
    bill_orders(&d->r, JUNE + 3 * DAY);
    assert_string_equal(bill_status(&d->r, "INV-2026-000003"), "overdue 1.76");
    sql(&d->r, "INSERT INTO dm.legal_entity DEFAULT VALUES; UPDATE dm.account SET entity_no = 2 WHERE account_no = 2");
}

#define OURS                                                                                                           \
    "dm.journal_txn t JOIN dm.journal_entry e ON e.txn = t.id JOIN dm.ledger_account n USING (ledger_no) WHERE "       \
    "t.account_no = 1 "

static void the_journal_is_the_journal(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "journal");
    make(&d, "journal", "2026-03-01", "2026-07-01");
    assert_same(&d,
            "SELECT r->>'ledger', sum((r->>'debit')::numeric)::text, sum((r->>'credit')::numeric)::text, "
            "sum((r->>'amount')::numeric)::text, sum((r->>'entries')::int) FROM got GROUP BY 1",
            "SELECT n.name, (sum(e.amount) FILTER (WHERE e.amount > 0))::text, (-sum(e.amount) FILTER (WHERE e.amount "
            "< 0))::text, sum(e.amount)::text, count(*) FROM " OURS "GROUP BY 1");
    /* Each day comes to nothing, and what a document booked is under its number. */
    assert_sql(&d.r,
            "SELECT count(*) FROM (SELECT FROM got GROUP BY r->>'day', r->>'currency' HAVING "
            "sum((r->>'amount')::numeric) <> 0) x",
            "0");
    assert_same(&d,
            "SELECT (r->>'debit')::numeric::text, left(r->>'day', 10) FROM got WHERE r->>'reference' = "
            "'INV-2026-000001' AND r->>'ledger' = 'receivable' AND r->>'kind' = 'issue'",
            "SELECT total::text, to_char(issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM dm.invoice WHERE number = "
            "'INV-2026-000001'");
    /* A period's bookings are of the day that it ends with: those of March's last minute are March's. */
    assert_sql(&d.r, "SELECT count(*) FROM got WHERE r->>'kind' = 'close' AND r->>'day' > '2026-05'", "0");
    assert_sql(&d.r, "SELECT string_agg(DISTINCT r->>'class', ',' ORDER BY r->>'class') FROM got",
            "asset,expense,income,liability");
    char text[200];
    (void)snprintf(text, sizeof text, "%s", desk_of(&d, "manifest::jsonb->>'entity'", "journal jsonl 2026-03-01"));
    assert_string_equal(text, "1");
    assert_string_equal(
            desk_of(&d, "manifest::jsonb->'sums'->0->>'amount'", "journal jsonl 2026-03-01"), "0.000000000000000000");
    desk_close(&d);
}

static void a_day_that_does_not_balance_is_no_file(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "unbalanced");
    sql(&d.r, "SET session_replication_role = replica; DELETE FROM dm.journal_entry WHERE (txn, n) IN (SELECT e.txn, "
              "e.n FROM dm.journal_entry e JOIN dm.journal_txn t ON t.id = e.txn WHERE t.kind = 'issue' LIMIT 1); SET "
              "session_replication_role = DEFAULT");
    desk_order(&d, ENTITY, "journal", "csv", "2026-03-01", "2026-07-01", "one");
    dm_log *log = d.h.log;
    d.h.log = NULL; /* it is said as an error */
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_string_equal(desk_of(&d, "state", "one"), "failed");
    desk_close(&d);
}

static void tax_is_what_the_journal_owes(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "tax");
    make(&d, "tax", "2026-03-01", "2026-07-01");
    assert_same(&d, "SELECT r->>'jurisdiction', sum((r->>'tax')::numeric)::text FROM got GROUP BY 1",
            "SELECT substr(n.name, 5), (-sum(e.amount))::text FROM " OURS "AND n.name LIKE 'tax:%' GROUP BY 1");
    assert_same(&d,
            "SELECT r->>'document', (r->>'documents')::int, (r->>'base')::numeric::text, r->>'rate' FROM got WHERE "
            "r->>'month' = '2026-06-01T00:00:00Z' OR r->>'document' <> 'invoice'",
            "VALUES ('invoice', 1, '2.000000000000000000', '19.0000'), ('void', 1, (SELECT -net FROM dm.invoice WHERE "
            "number = 'INV-2026-000002')::text, '19.0000'), ('credit_note', 1, '-0.100000000000000000', '19.0000')");
    /* A document that says another tax than was booked. */
    sql(&d.r, "SET session_replication_role = replica; UPDATE dm.invoice_tax SET amount = amount + 0.01 WHERE "
              "invoice_no = (SELECT invoice_no FROM dm.invoice WHERE number = 'INV-2026-000003'); SET "
              "session_replication_role = DEFAULT");
    desk_order(&d, ENTITY, "tax", "csv", "2026-03-01", "2026-07-01", "one");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_string_equal(desk_of(&d, "state", "one"), "failed");
    desk_close(&d);
}

#define SHOWN                                                                                                          \
    "SELECT coalesce(string_agg(concat_ws(' ', r->>'invoice', trim_scale((r->>'open')::numeric), r->>'days_overdue', " \
    "r->>'overdue', r->>'status'), ', ' ORDER BY r->>'invoice'), 'nothing') FROM got"

static void ageing_is_of_its_day(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "ageing");
    make(&d, "ageing", "2026-03-01", "2026-04-01");
    assert_sql(&d.r, SHOWN, "nothing"); /* March was invoiced in April */
    make(&d, "ageing", "2026-04-01", "2026-05-01");
    assert_sql(&d.r, SHOWN, "INV-2026-000001 2.08 14 1 to 30 days issued");
    make(&d, "ageing", "2026-05-01", "2026-06-01");
    assert_sql(
            &d.r, SHOWN, "INV-2026-000001 1.96 45 31 to 60 days overdue, INV-2026-000003 2.76 14 1 to 30 days issued");
    make(&d, "ageing", "2026-06-01", "2026-07-01");
    assert_sql(&d.r, SHOWN,
            "INV-2026-000001 1.96 75 61 to 90 days overdue, INV-2026-000003 1.76 44 31 to 60 days overdue");
    assert_same(&d, "SELECT sum((r->>'open')::numeric)::text FROM got",
            "SELECT sum(e.amount)::text FROM " OURS "AND n.name = 'receivable'");
    /* Money that came and is in no book. */
    sql(&d.r, "SET session_replication_role = replica; UPDATE dm.invoice_payment SET amount = amount + 0.01; SET "
              "session_replication_role = DEFAULT");
    desk_order(&d, ENTITY, "ageing", "csv", "2026-06-01", "2026-07-01", "one");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_string_equal(desk_of(&d, "state", "one"), "failed");
    desk_close(&d);
}

static void revenue_rolls_forward(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "revenue");
    make(&d, "revenue", "2026-04-01", "2026-06-01");
    /* Opening and what moved it is closing, of each position. */
    assert_sql(&d.r,
            "SELECT count(*) FROM (SELECT FROM got GROUP BY r->>'account', r->>'ledger', r->>'currency' HAVING "
            "sum(CASE r->>'item' WHEN 'closing' THEN -1 ELSE 1 END * (r->>'amount')::numeric) <> 0) x",
            "0");
    /* What was recognised is what statements charged, and months were short of; what is unbilled is the rest of it. */
    assert_same(&d,
            "SELECT (-sum((r->>'amount')::numeric))::text FROM got WHERE r->>'position' = 'recognised' AND r->>'item' "
            "= 'close'",
            "SELECT sum(total)::text FROM dm.statement WHERE account_no = 1 AND period_start >= '2026-04-01Z' AND "
            "period_start < '2026-06-01Z'");
    assert_same(&d, "SELECT r->>'ledger', (r->>'amount')::numeric::text FROM got WHERE r->>'item' = 'closing'",
            "SELECT n.name, sum(e.amount)::text FROM " OURS "AND t.effective_at <= '2026-06-01Z' AND (n.name LIKE "
            "'revenue:%' OR n.name IN ('unbilled', 'wallet_paid', 'wallet_promo', 'breakage', 'discounts', 'credits')) "
            "GROUP BY 1");
    assert_same(&d, "SELECT r->>'ledger', (r->>'amount')::numeric::text FROM got WHERE r->>'item' = 'opening'",
            "SELECT n.name, sum(e.amount)::text FROM " OURS "AND t.effective_at < '2026-04-01Z' AND (n.name LIKE "
            "'revenue:%' OR n.name IN ('unbilled', 'wallet_paid', 'wallet_promo', 'breakage', 'discounts', 'credits')) "
            "GROUP BY 1");
    desk_close(&d);
}

static void another_entitys_books_are_apart(void **state)
{
    (void)state;
    desk d = {0};
    DM_AUTO_BUF file;
    books(&d, "apart");
    desk_make(&d, -2, "journal", "jsonl", "2026-03-01", "2026-07-01", &file);
    load(&d, &file);
    assert_same(&d, "SELECT DISTINCT r->>'account' FROM got", "SELECT id::text FROM dm.account WHERE account_no = 2");
    /* An account's dataset is no entity's, and the other way round; and tenants see neither's order. */
    desk_order(&d, -2, "cost", "csv", "2026-03-01", "2026-04-01", "cost");
    desk_order(&d, 1, "journal", "csv", "2026-03-01", "2026-04-01", "journal");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_sql(&d.r,
            "SELECT string_agg(state || ' ' || why, ', ' ORDER BY dataset) FROM dm.export WHERE state = "
            "'failed'",
            "failed this version has no cost as csv, failed this version has no journal as csv");
    assert_sql(&d.r,
            "SET ROLE dm_api; SELECT set_config('dm.account_no', '1', false); SELECT count(*) FROM dm.export WHERE "
            "entity_no IS NOT NULL",
            "0");
    sql(&d.r, "RESET ROLE");
    refused(&d.r, "dm_api", "SELECT * FROM dm.entity_booking");
    refused(&d.r, "dm_api",
            "INSERT INTO dm.export (entity_no, dataset, format, from_at, to_at, who, idem_key) VALUES (1, 'journal', "
            "'csv', '2026-03-01Z', '2026-04-01Z', 'x', 'y')");
    desk_close(&d);
}

static void every_ledger_account_is_known(void **state)
{
    (void)state;
    desk d = {0};
    books(&d, "ledgers");
    PGresult *res = PQexec(d.r.owner, "SELECT DISTINCT name FROM dm.ledger_account");
    assert_true(PQntuples(res) > 6);
    for (int i = 0; i < PQntuples(res); i++)
        if (dm_ledger_kind_of(dm_str_c(PQgetvalue(res, i, 0))) == NULL)
            fail_msg("%s", PQgetvalue(res, i, 0));
    PQclear(res);
    assert_null(dm_ledger_kind_of(DM_STR("revenue")));
    assert_string_equal(dm_ledger_kind_of(DM_STR("tax:DE"))->class_, "liability");
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_journal_is_the_journal),
            cmocka_unit_test(a_day_that_does_not_balance_is_no_file),
            cmocka_unit_test(tax_is_what_the_journal_owes),
            cmocka_unit_test(ageing_is_of_its_day),
            cmocka_unit_test(revenue_rolls_forward),
            cmocka_unit_test(another_entitys_books_are_apart),
            cmocka_unit_test(every_ledger_account_is_known),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
