/* Covers api/dm/invoice.c, metering/read/invoices.c, metering/read/sql_invoices.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define BODY "{\"a\":\"b\\\\n\",\"c\":\"\xc3\xa9\"}"

/* An invoice of an account; the signature is not looked into here. */
static void add(const char *legal_name, int n, const char *status, const char *open)
{
    char sql[3000];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.service_key (public_key) VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.invoice (account_no, kind, number, entity_no, chain, currency, period_start, period_end, "
            "issued_at, due_on, exact_total, discount, net, tax, total, prepaid, rounding, frozen, body, sha256, "
            "previous_sha256, public_key, signature) SELECT account_no, 'invoice', 'INV-2026-00000%d', 1, %d, "
            "currency, "
            "'2026-03-01Z', '2026-04-01Z', '2026-04-02Z', '2026-04-16', 5, 0, 5, 1, 6, 0, 0, '{}', convert_to('%s', "
            "'UTF8'), sha256(convert_to('%s', 'UTF8')), decode(repeat('00', 32), 'hex'), decode(repeat('ab', 32), "
            "'hex'), decode(repeat('cd', 64), 'hex') FROM dm.account WHERE legal_name = '%s';"
            "SET session_replication_role = replica; INSERT INTO dm.invoice_line (account_no, invoice_no, line_no, "
            "kind, "
            "project_no, project_id, project_name, sku, tier, book_id, qty, per_unit, seconds, amount, net, tax_no) "
            "SELECT account_no, invoice_no, n, 'usage', NULL, NULL, NULL, 'minutes', 1, 2, 500, 0.005, 30000, 2.5, "
            "2.5, "
            "1 FROM dm.invoice, generate_series(1, 2) n WHERE chain = %d; SET session_replication_role = DEFAULT;"
            "INSERT INTO dm.invoice_state (account_no, invoice_no, status, open, paid, due_on, events) SELECT "
            "account_no, "
            "invoice_no, '%s', %s, total - %s, due_on, 1 FROM dm.invoice WHERE chain = %d;"
            "INSERT INTO dm.invoice_event SELECT account_no, invoice_no, 1, issued_at, '%s', 'because', 'operator:ada' "
            "FROM dm.invoice WHERE chain = %d",
            n, n, BODY, BODY, legal_name, n, status, open, open, n, status, n);
    dm_rig_sql(&rig, sql);
}

static void forget(void)
{
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.invoice; DELETE FROM dm.invoice_line; "
                     "DELETE FROM dm.invoice_event; DELETE FROM dm.invoice_state; SET session_replication_role = "
                     "DEFAULT");
}

static const char *at(const char *rest)
{
    static char text[2][200];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/accounts/%s/invoices%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static dm_said get(const char *rest)
{
    static unsigned n;
    char email[40];
    (void)snprintf(email, sizeof email, "bill%u@demo.test", n++);
    dm_rig_in in = dm_rig_person(&rig, email, "billing", true);
    return dm_rig_call_in(&rig, &in, "GET", at(rest), NULL);
}

static const json_t *row(const dm_said *said, size_t i)
{
    return json_array_get(json_object_get(said->body, "rows"), i);
}

static void none_and_nothing_owed(void **state)
{
    (void)state;
    DM_AUTO_SAID said = get("");
    assert_int_equal(said.status, 200);
    assert_int_equal(json_array_size(json_object_get(said.body, "rows")), 0);
    assert_string_equal(dm_said_str(&said, "owed"), "0.000000000000000000");
    assert_true(json_is_null(json_object_get(said.body, "due")));
    DM_AUTO_SAID one = get("/INV-2026-000001");
    assert_int_equal(one.status, 404);
    DM_AUTO_SAID bytes = get("/.json");
    assert_int_equal(bytes.status, 404);
    DM_AUTO_SAID lines = get("/INV-2026-000001/lines");
    assert_int_equal(lines.status, 404);
}

static void what_is_owed_and_why(void **state)
{
    (void)state;
    dm_rig_other(&rig);
    add("Demo", 1, "overdue", "6");
    add("Demo", 2, "paid", "0");
    add("Demo", 3, "partially_paid", "1.5");
    add("Other", 4, "issued", "6");
    DM_AUTO_SAID said = get("?limit=2");
    assert_string_equal(dm_said_str(&said, "owed"), "7.500000000000000000");
    assert_string_equal(dm_said_str(&said, "overdue"), "6.000000000000000000");
    assert_string_equal(dm_said_str(&said, "due"), "2026-04-16");
    assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 3);
    assert_string_equal(dm_json_c(row(&said, 0), "number"), "INV-2026-000003");
    assert_string_equal(dm_json_c(row(&said, 0), "status"), "partially_paid");
    assert_string_equal(dm_json_c(row(&said, 0), "why"), "because");
    char rest[200];
    (void)snprintf(rest, sizeof rest, "?limit=2&cursor=%s", dm_said_str(&said, "next"));
    DM_AUTO_SAID next = get(rest);
    assert_int_equal(json_array_size(json_object_get(next.body, "rows")), 1);
    assert_string_equal(dm_json_c(row(&next, 0), "number"), "INV-2026-000001");
    DM_AUTO_SAID some = get("?status=overdue");
    assert_int_equal(json_array_size(json_object_get(some.body, "rows")), 1);
    DM_AUTO_SAID bad = get("?status=lost");
    assert_int_equal(bad.status, 400);
    DM_AUTO_SAID foreign = get("/INV-2026-000004");
    assert_int_equal(foreign.status, 404);
    DM_AUTO_SAID bytes = get("/INV-2026-000004.json");
    assert_int_equal(bytes.status, 404);
    DM_AUTO_SAID lines = get("/INV-2026-000004/lines");
    assert_int_equal(lines.status, 404);
    forget();
}

static void one_with_its_events_lines_and_bytes(void **state)
{
    (void)state;
    dm_digest digest;
    char hex[2 * DM_SHA256 + 1];
    add("Demo", 1, "issued", "6");
    DM_AUTO_SAID one = get("/INV-2026-000001");
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_said_str(&one, "total"), "6.000000000000000000");
    const json_t *event = json_array_get(json_object_get(one.body, "events"), 0);
    assert_string_equal(dm_json_c(event, "status"), "issued");
    assert_string_equal(dm_json_c(event, "who"), "operator"); /* which of ours is no matter of his */
    DM_AUTO_SAID lines = get("/INV-2026-000001/lines?limit=1");
    assert_int_equal(json_array_size(json_object_get(lines.body, "rows")), 1);
    assert_string_equal(dm_json_c(row(&lines, 0), "amount"), "2.500000000000000000");
    assert_true(json_is_null(json_object_get(row(&lines, 0), "project")));
    char rest[200];
    (void)snprintf(rest, sizeof rest, "/INV-2026-000001/lines?limit=1&cursor=%s", dm_said_str(&lines, "next"));
    DM_AUTO_SAID second = get(rest);
    assert_int_equal(json_integer_value(json_object_get(row(&second, 0), "line")), 2);
    assert_true(json_is_null(json_object_get(second.body, "next")));
    DM_AUTO_SAID bytes = get("/INV-2026-000001.json");
    assert_int_equal(bytes.status, 200);
    assert_string_equal(bytes.text, BODY);
    assert_int_equal(dm_sha256(DM_STR(BODY), &digest, NULL), 0);
    dm_hex(digest.b, sizeof digest.b, hex);
    assert_string_equal(dm_said_header(&bytes, "Dormouse-SHA256"), hex);
    assert_int_equal(strlen(dm_said_header(&bytes, "Dormouse-Signature")), 128);
    assert_int_equal(strlen(dm_said_header(&bytes, "Dormouse-Public-Key")), 64);
    forget();
}

static void who_bills_not_sees_none(void **state)
{
    (void)state;
    add("Demo", 1, "issued", "6");
    dm_rig_in dev = dm_rig_person(&rig, "dev@demo.test", "developer", true);
    DM_AUTO_SAID said = dm_rig_call_in(&rig, &dev, "GET", at(""), NULL);
    assert_int_equal(said.status, 403);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(none_and_nothing_owed, &rig),
            DM_RIG_TEST(what_is_owed_and_why, &rig),
            DM_RIG_TEST(one_with_its_events_lines_and_bytes, &rig),
            DM_RIG_TEST(who_bills_not_sees_none, &rig),
    };
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
