/* Covers api/ops/simulation.c, metering/ask/book.c: a simulation is ordered, looked at and cancelled, and a price book
 * that concerns a closed month is approved by a finished one. What the meter does of it stands in the tables by hand.
 */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_rig_in ben;

#define STATEMENT                                                                                                      \
    "SET session_replication_role = replica;"                                                                          \
    "INSERT INTO dm.period (period_start, period_s, closed_at) VALUES ('2026-02-10Z', 3600, now()), ('2026-04-01Z', "  \
    "3600, now());"                                                                                                    \
    "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s, hibernated_s, " \
    "unattested, body, sha256, previous_sha256, public_key, signature) SELECT account_no, '2026-02-10Z', 3600, 1, "    \
    "currency, 5, 0, 0, 0, 'x', sha256('x'), sha256('x'), sha256('x'), decode(repeat('00', 64), 'hex') FROM "          \
    "dm.account WHERE legal_name = 'Demo'; RESET session_replication_role"

static int64_t draft_of(const char *tier)
{
    char body[900];
    (void)snprintf(body, sizeof body,
            "{\"price_group\":\"other\",\"tier\":\"%s\",\"currency\":\"CNY\",\"rated_by\":\"resources\",\"valid_from\":"
            "\"2130-01-01T00:00:00Z\",\"reason\":\"a new year\",\"prices\":[{\"sku\":\"vcpu-run\",\"per_unit\":"
            "\"0.00003\"},{\"sku\":\"mem-run\",\"per_unit\":\"0.00001\"},{\"sku\":\"disk-run-over-30\",\"per_unit\":"
            "\"0.0000004\"},{\"sku\":\"disk-hib\",\"per_unit\":\"0.0000004\"},{\"sku\":\"snapshot\",\"per_unit\":"
            "\"0.0000004\"}]}",
            tier);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/price-books", body);
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    assert_string_equal(dm_said_str(&said, "tried"), "no");
    return json_integer_value(json_object_get(said.body, "id"));
}

static dm_said ask(const char *method, const char *format_with_number, int64_t no, const char *body)
{
    char target[160];
    const char *hash = strchr(format_with_number, '#');
    assert_non_null(hash);
    (void)snprintf(target, sizeof target, "/v1/ops/%.*s%lld%s", (int)(hash - format_with_number), format_with_number,
            (long long)no, hash + 1);
    return dm_rig_operate(&rig, method, target, body);
}

static dm_said approve(int64_t book)
{
    char target[80], body[200];
    DM_AUTO_SAID said = ask("GET", "price-books/#", book, NULL);
    (void)snprintf(target, sizeof target, "/v1/ops/price-books/%lld/approve", (long long)book);
    (void)snprintf(body, sizeof body, "{\"reason\":\"looked at\",\"sha256\":\"%s\"}", dm_said_str(&said, "sha256"));
    return dm_rig_call_in(&rig, &ben, "POST", target, body);
}

static const char *rule(const dm_said *said)
{
    return dm_json_c(json_object_get(said->body, "denial"), "rule");
}

#define WHY "{\"reason\":\"to see\"}"

static void order_look_and_approve(void **state)
{
    (void)state;
    dm_rig_sql(&rig, STATEMENT);
    int64_t book = draft_of("payg"), audits = dm_tenantrig_audits(&rig.tenants);
    DM_AUTO_SAID untried = approve(book);
    assert_int_equal(untried.status, 409);
    assert_string_equal(rule(&untried), "book.untried");

    DM_AUTO_SAID said = ask("POST", "price-books/#/simulate", book, WHY);
    assert_int_equal(said.status, 202);
    assert_string_equal(dm_said_str(&said, "month"), "2026-02");
    assert_string_equal(dm_said_str(&said, "state"), "ordered");
    assert_string_equal(dm_said_str(&said, "ordered_by"), DM_RIG_OPERATOR);
    assert_string_equal(dm_said_str(&said, "reason"), "to see");
    int64_t no = json_integer_value(json_object_get(said.body, "number"));
    DM_AUTO_SAID again = ask("POST", "price-books/#/simulate", book, "{\"reason\":\"x\",\"month\":\"2026-02\"}");
    assert_int_equal(again.status, 200);
    assert_int_equal(json_integer_value(json_object_get(again.body, "number")), no);
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 1);
    DM_AUTO_SAID early = approve(book);
    assert_string_equal(rule(&early), "book.untried");

    /* the meter's work */
    dm_rig_other(&rig);
    dm_rig_sql(&rig,
            "UPDATE dm.simulation SET state = 'running', started_at = now(), accounts = 2 WHERE state = 'ordered';"
            "INSERT INTO dm.simulation_account (simulation_no, account_no, through, periods, charged, tried, done) "
            "SELECT simulation_no, account_no, '2026-03-01Z', 1, 5, CASE legal_name WHEN 'Demo' THEN "
            "4.000000000000000001 "
            "ELSE 5.5 END, true FROM dm.simulation, dm.account WHERE state = 'running' AND legal_name IN ('Demo', "
            "'Other'); UPDATE dm.simulation SET state = 'done', done = 2, dearer = 1, cheaper = 1, charged = 10, "
            "tried = 9.500000000000000001, ended_at = now() WHERE state = 'running'");
    DM_AUTO_SAID one = ask("GET", "money/simulations/#", no, NULL);
    assert_int_equal(one.status, 200);
    assert_string_equal(dm_said_str(&one, "difference"), "-0.499999999999999999");
    assert_string_equal(dm_said_str(&one, "currency"), "CNY");
    DM_AUTO_SAID first = ask("GET", "money/simulations/#/accounts?limit=1", no, NULL);
    const json_t *row = json_array_get(json_object_get(first.body, "rows"), 0);
    assert_string_equal(dm_json_c(row, "name"), "Demo"); /* the larger difference */
    assert_string_equal(dm_json_c(row, "difference"), "-0.999999999999999999");
    assert_int_equal(json_integer_value(json_object_get(first.body, "total")), 2);
    char target[200];
    (void)snprintf(
            target, sizeof target, "money/simulations/#/accounts?limit=1&cursor=%s", dm_said_str(&first, "next"));
    DM_AUTO_SAID second = ask("GET", target, no, NULL);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(second.body, "rows"), 0), "name"), "Other");
    assert_true(json_is_null(json_object_get(second.body, "next")));
    DM_AUTO_SAID over = ask("POST", "money/simulations/#/cancel", no, WHY);
    assert_string_equal(rule(&over), "simulation.over");

    DM_AUTO_SAID looked = ask("GET", "price-books/#", book, NULL);
    assert_string_equal(dm_said_str(&looked, "tried"), "yes");
    DM_AUTO_SAID yes = approve(book);
    assert_int_equal(yes.status, 200);
    assert_string_equal(dm_said_str(&yes, "tried"), "yes");
    assert_int_equal(json_integer_value(json_object_get(yes.body, "simulation")), no);
}

/* An edit makes it another book, which was not tried; and the database holds to it, whoever asks. */
static void what_was_tried_is_what_is_approved(void **state)
{
    (void)state;
    dm_err err;
    dm_rig_sql(&rig, STATEMENT);
    int64_t book = draft_of("payg");
    DM_AUTO_SAID said = ask("POST", "price-books/#/simulate", book, WHY);
    dm_rig_sql(&rig, "UPDATE dm.simulation SET state = 'done', ended_at = now()");
    DM_AUTO_SAID edit = ask("PUT", "price-books/#", book,
            "{\"valid_from\":\"2130-01-01T00:00:00Z\",\"reason\":\"x\",\"prices\":[{\"sku\":\"vcpu-run\",\"per_unit\":"
            "\"0.00004\"},{\"sku\":\"mem-run\",\"per_unit\":\"0.00001\"},{\"sku\":\"disk-run-over-30\",\"per_unit\":"
            "\"0.0000004\"},{\"sku\":\"disk-hib\",\"per_unit\":\"0.0000004\"},{\"sku\":\"snapshot\",\"per_unit\":"
            "\"0.0000004\"}]}");
    assert_int_equal(edit.status, 200);
    assert_string_equal(dm_said_str(&edit, "tried"), "no");
    DM_AUTO_SAID no = approve(book);
    assert_string_equal(rule(&no), "book.untried");
    static const char *const tries[] = {
            "UPDATE dm.price_book SET status = 'approved', approved_by = 'operator:x' WHERE status = 'draft'",
            "UPDATE dm.price_book SET status = 'approved', approved_by = 'operator:x', simulation_no = 999 WHERE "
            "status = "
            "'draft'",
            "UPDATE dm.price_book SET simulation_no = (SELECT max(simulation_no) FROM dm.simulation) WHERE status = "
            "'draft'",
            "UPDATE dm.simulation SET state = 'done', ended_at = now()",
            "INSERT INTO dm.simulation (book_id, book_sha256, month, ordered_by, ordered_why, state, ended_at) SELECT "
            "book_id, sha256('x'), '2026-02-01', 'x', 'x', 'done', now() FROM dm.price_book LIMIT 1"};
    for (size_t i = 0; i < DM_LEN(tries); i++)
        assert_true(dm_pg_script(rig.tenants.ops, tries[i], &err) < 0);
}

static void a_book_that_concerns_no_month(void **state)
{
    (void)state;
    int64_t book = draft_of("payg");
    DM_AUTO_SAID none = ask("POST", "price-books/#/simulate", book, WHY);
    assert_int_equal(none.status, 409);
    assert_string_equal(rule(&none), "simulation.month");
    DM_AUTO_SAID yes = approve(book);
    assert_int_equal(yes.status, 200);
    assert_string_equal(dm_said_str(&yes, "tried"), "needless");
    assert_true(json_is_null(json_object_get(yes.body, "simulation")));
}

static void they_are_listed_and_cancelled(void **state)
{
    (void)state;
    dm_rig_sql(&rig, STATEMENT);
    int64_t no = 0;
    for (int i = 0; i < 4; i++) {
        DM_AUTO_SAID said = ask("POST", "price-books/#/simulate", draft_of("payg"), WHY);
        assert_int_equal(said.status, 202);
        no = json_integer_value(json_object_get(said.body, "number"));
    }
    int64_t book = draft_of("payg");
    DM_AUTO_SAID many = ask("POST", "price-books/#/simulate", book, WHY);
    assert_int_equal(many.status, 429);
    assert_string_equal(rule(&many), "simulation.many");
    DM_AUTO_SAID gone = ask("POST", "money/simulations/#/cancel", no, WHY);
    assert_int_equal(gone.status, 200);
    assert_string_equal(dm_said_str(&gone, "state"), "cancelled");
    assert_string_equal(dm_said_str(&gone, "cancelled_by"), DM_RIG_OPERATOR);
    DM_AUTO_SAID now = ask("POST", "price-books/#/simulate", book, WHY);
    assert_int_equal(now.status, 202);
    DM_AUTO_SAID list = ask("GET", "money/simulations?limit=#", 3, NULL);
    assert_int_equal(json_array_size(json_object_get(list.body, "rows")), 3);
    assert_int_equal(json_integer_value(json_object_get(list.body, "total")), 5);
    DM_AUTO_SAID mine = ask("GET", "money/simulations?price_book=#", book, NULL);
    assert_int_equal(json_array_size(json_object_get(mine.body, "rows")), 1);
    DM_AUTO_SAID empty = ask("GET", "money/simulations/#/accounts", no, NULL);
    assert_int_equal(json_array_size(json_object_get(empty.body, "rows")), 0);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *body, *rule;
    } cases[] = {{"GET", "money/simulations/#", NULL, "simulation.unknown"},
            {"GET", "money/simulations/#/accounts", NULL, "simulation.unknown"},
            {"GET", "money/simulations/x#/accounts", NULL, "simulation.unknown"},
            {"POST", "money/simulations/#/cancel", WHY, "simulation.unknown"},
            {"POST", "money/simulations/#/cancel", "{}", "ops.reason"},
            {"POST", "price-books/#/simulate", WHY, "price_book.unknown"},
            {"POST", "price-books/#/simulate", "{}", "ops.reason"},
            {"POST", "price-books/#/simulate", "{\"month\":\"2026-13\",\"reason\":\"x\"}", "request.invalid"},
            {"POST", "price-books/#/simulate", "{\"month\":\"2026\",\"reason\":\"x\"}", "request.invalid"},
            {"GET", "money/simulations?price_book=x#", NULL, "request.invalid"},
            {"GET", "money/simulations/#/accounts?cursor=x", NULL, "request.invalid"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO_SAID no = ask(cases[i].method, cases[i].target, 9999, cases[i].body);
        if (no.status < 400 || no.status > 499 || strcmp(rule(&no), cases[i].rule) != 0)
            fail_msg("%s: %d %s", cases[i].target, no.status, no.text);
    }
}

static int clean(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "SET session_replication_role = replica; DELETE FROM dm.simulation_account; DELETE FROM dm.simulation; "
            "DELETE FROM dm.price p USING dm.price_book b WHERE b.book_id = p.book_id AND b.drafted_by IS NOT NULL; "
            "DELETE FROM dm.price_book WHERE drafted_by IS NOT NULL; UPDATE dm.price_book SET valid_to = NULL; DELETE "
            "FROM dm.statement; DELETE FROM dm.period; RESET session_replication_role");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_teardown(order_look_and_approve, clean),
            cmocka_unit_test_teardown(what_was_tried_is_what_is_approved, clean),
            cmocka_unit_test_teardown(a_book_that_concerns_no_month, clean),
            cmocka_unit_test_teardown(they_are_listed_and_cancelled, clean),
            cmocka_unit_test_teardown(what_is_none_is_refused, clean),
    };
    dm_rig_start(&rig, 0);
    ben = dm_rig_operator(&rig, "ben");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
