/* Covers api/ops/price_book.c, metering/ask/book.c, metering/ask/sql_ask.c, metering/read/book.c,
 * metering/read/sql_books.c: a price book needs two people, and what holds stays as it is. */
#include <stdio.h>

#include "tests/support/opsrig.h"
#include "tests/unit/test.h"

static dm_rig rig;
static dm_rig_in ben;

#define PRICES                                                                                                         \
    "[{\"sku\":\"vcpu-run\",\"per_unit\":\"0.00003\",\"label\":\"CNY 0.108 an hour\"},"                                \
    "{\"sku\":\"mem-run\",\"list_per_unit\":\"0.00001711\",\"discount_bp\":1000},"                                     \
    "{\"sku\":\"disk-run-over-30\",\"per_unit\":\"0.0000004\"},{\"sku\":\"disk-hib\",\"per_unit\":\"0.0000004\"},"     \
    "{\"sku\":\"snapshot\",\"per_unit\":\"0.0000004\"}]"

static bool refused_as(dm_pg *role, const char *sql)
{
    dm_err err;
    return dm_pg_script(role, sql, &err) < 0;
}

static int64_t draft_of(const char *tier, const char *begin, const char *prices)
{
    char body[2000];
    (void)snprintf(body, sizeof body,
            "{\"price_group\":\"other\",\"tier\":\"%s\",\"currency\":\"CNY\",\"rated_by\":\"resources\","
            "\"valid_from\":\"%s\",\"prices\":%s,\"reason\":\"a new year\"}",
            tier, begin, prices);
    DM_AUTO_SAID said = dm_rig_operate(&rig, "POST", "/v1/ops/price-books", body);
    if (said.status != 201)
        fail_msg("%d %s", said.status, said.text);
    return json_integer_value(json_object_get(said.body, "id"));
}

static dm_said act(const dm_rig_in *who, int64_t id, const char *verb, const char *sha256)
{
    char target[80], body[200];
    (void)snprintf(target, sizeof target, "/v1/ops/price-books/%lld/%s", (long long)id, verb);
    (void)snprintf(body, sizeof body, "{\"reason\":\"looked at\",\"sha256\":\"%s\"}", sha256);
    return who == NULL ? dm_rig_operate(&rig, "POST", target, body) : dm_rig_call_in(&rig, who, "POST", target, body);
}

static dm_said one(int64_t id)
{
    char target[80];
    (void)snprintf(target, sizeof target, "/v1/ops/price-books/%lld", (long long)id);
    return dm_rig_operate(&rig, "GET", target, NULL);
}

static void hash_of(int64_t id, char out[72])
{
    DM_AUTO_SAID said = one(id);
    assert_int_equal(said.status, 200);
    (void)snprintf(out, 72, "%s", dm_said_str(&said, "sha256"));
}

/* The hashes that statements have named since the first of them. */
static void the_books_of_the_house_are_what_they_were(void **state)
{
    (void)state;
    static const char *const hashes[] = {"f4ceaa5653824264f94a8bd11e600cca3e7c7afb952373c90d925c319e9c24c6",
            "17e0ccbb262b39cd39f1e07695bfd3635fe11d64e11fadccd1a76b5e134994e6",
            "a609c41dd98159642f3f3d8a9e9974d172d5408c7a902582902fca118621073b",
            "a264c31ae65e0fd8ca475891ce2ffdbf6b66d6a08c45069c0daef96676080eea",
            "92103505ce8ff4007eecbc81d3228f1bfe94b1a956e3b1d5a97855d9f2b593b0",
            "81cf39196f9bcf4a9aa7c0600d43edefa3499ab9f99121d5e27cd7c25ac911de",
            "9b24471c02489cbd19a33a4ae3f13441bf561bdb6fde2c3eb7312f9e75e5cf5d",
            "090ceeb574698defc499a0bf29270dab2ae96e1f68a51377591b5899e33284a5"};
    for (size_t i = 0; i < DM_LEN(hashes); i++) {
        char got[72];
        hash_of((int64_t)i + 1, got);
        assert_string_equal(got, hashes[i]);
    }
    DM_AUTO_SAID none = one(9999);
    assert_string_equal(dm_said_rule(&none), "price_book.unknown");
}

static void two_people_make_a_price(void **state)
{
    (void)state;
    char sha256[72], was[72];
    int64_t audits = dm_tenantrig_audits(&rig.tenants);
    int64_t id = draft_of("payg", dm_rig_ahead(&rig, "2 hours"), PRICES);
    hash_of(id, sha256);
    DM_AUTO_SAID own = act(NULL, id, "approve", sha256);
    assert_int_equal(own.status, 409);
    assert_string_equal(dm_said_rule(&own), "book.second_person");
    DM_AUTO_SAID seen = one(id);
    const json_t *mem = json_array_get(json_object_get(seen.body, "prices"), 2);
    assert_string_equal(dm_json_c(mem, "sku"), "mem-run");
    assert_string_equal(dm_json_c(mem, "per_unit"), "0.000015399000");
    assert_string_equal(dm_json_c(mem, "list_per_unit"), "0.000017110000");
    (void)snprintf(was, sizeof was, "%064d", 0);
    DM_AUTO_SAID other = act(&ben, id, "approve", was);
    assert_string_equal(dm_said_rule(&other), "book.changed");
    DM_AUTO_SAID yes = act(&ben, id, "approve", sha256);
    assert_int_equal(yes.status, 200);
    assert_string_equal(dm_said_str(&yes, "status"), "approved");
    assert_string_equal(dm_json_c(json_object_get(yes.body, "approved"), "by"), "operator:ben");
    assert_string_equal(dm_json_c(json_object_get(yes.body, "approved"), "reason"), "looked at");
    assert_int_equal(dm_tenantrig_audits(&rig.tenants), audits + 2);
    /* what held before ends where it begins, and nothing of either is changed any more */
    assert_string_equal(
            dm_rig_text(&rig, "SELECT count(*) FROM dm.price_book a JOIN dm.price_book b ON a.valid_to = b.valid_from "
                              "AND dm.same_book(a, b) WHERE a.status = 'approved'"),
            "1");
    DM_AUTO_SAID again = act(&ben, id, "approve", sha256);
    assert_string_equal(dm_said_rule(&again), "book.stays");
    char target[80], body[1200];
    (void)snprintf(target, sizeof target, "/v1/ops/price-books/%lld", (long long)id);
    (void)snprintf(body, sizeof body, "{\"valid_from\":\"%s\",\"prices\":" PRICES ",\"reason\":\"x\"}",
            dm_rig_ahead(&rig, "3 hours"));
    DM_AUTO_SAID edit = dm_rig_operate(&rig, "PUT", target, body);
    assert_string_equal(dm_said_rule(&edit), "book.stays");
    /* it does not hold yet: what it would have followed goes on */
    DM_AUTO_SAID back = act(NULL, id, "withdraw", sha256);
    assert_int_equal(back.status, 200);
    assert_string_equal(dm_rig_text(&rig, "SELECT count(*) FROM dm.price_book WHERE valid_to IS NOT NULL"), "0");
    DM_AUTO_SAID twice = act(NULL, id, "withdraw", sha256);
    assert_string_equal(dm_said_rule(&twice), "book.stays");
}

static void who_edits_is_an_author(void **state)
{
    (void)state;
    char target[80], body[1200], sha256[72];
    int64_t id = draft_of("payg", dm_rig_ahead(&rig, "2 hours"), PRICES);
    (void)snprintf(target, sizeof target, "/v1/ops/price-books/%lld", (long long)id);
    (void)snprintf(body, sizeof body, "{\"valid_from\":\"%s\",\"prices\":" PRICES ",\"reason\":\"x\"}",
            dm_rig_ahead(&rig, "3 hours"));
    hash_of(id, sha256);
    DM_AUTO_SAID edit = dm_rig_call_in(&rig, &ben, "PUT", target, body);
    assert_int_equal(edit.status, 200);
    assert_string_not_equal(dm_said_str(&edit, "sha256"), sha256);
    hash_of(id, sha256);
    DM_AUTO_SAID no = act(&ben, id, "approve", sha256);
    assert_string_equal(dm_said_rule(&no), "book.second_person");
    DM_AUTO_SAID neither = act(NULL, id, "approve", sha256);
    assert_string_equal(dm_said_rule(&neither), "book.second_person");
    DM_AUTO_SAID gone = act(NULL, id, "withdraw", "");
    assert_int_equal(gone.status, 200);
}

static void never_backwards(void **state)
{
    (void)state;
    static const char *const begins[] = {"-1 hours", "0 seconds", "50 seconds"};
    for (size_t i = 0; i < DM_LEN(begins); i++) {
        char sha256[72];
        int64_t id = draft_of("payg", dm_rig_ahead(&rig, begins[i]), PRICES);
        hash_of(id, sha256);
        DM_AUTO_SAID no = act(&ben, id, "approve", sha256);
        assert_string_equal(dm_said_rule(&no), "book.late");
    }
}

static void what_is_no_book_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *tier, *prices, *rule;
    } cases[] = {{"nosuch", PRICES, "book.wrong"}, {"payg", "[]", "request.invalid"},
            {"payg", "[{\"sku\":\"gpu\",\"per_unit\":\"1\"}]", "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"per_unit\":1}]", "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"per_unit\":\"1\"},{\"sku\":\"mem-run\",\"per_unit\":\"1\"}]",
                    "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"per_unit\":\"-1\"}]", "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"list_per_unit\":\"0.000000000001\",\"discount_bp\":5000}]",
                    "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"list_per_unit\":\"1\"}]", "request.invalid"},
            {"payg", "[{\"sku\":\"mem-run\",\"per_unit\":\"1\",\"mode\":\"volume\"}]", "request.invalid"},
            {"payg",
                    "[{\"sku\":\"mem-run\",\"per_unit\":\"1\",\"mode\":\"volume\",\"tiers\":[{\"from\":\"2\",\"per_"
                    "unit\":"
                    "\"1\"},{\"from\":\"2\",\"per_unit\":\"1\"}]}]",
                    "request.invalid"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char body[2000];
        (void)snprintf(body, sizeof body,
                "{\"price_group\":\"other\",\"tier\":\"%s\",\"currency\":\"CNY\",\"rated_by\":\"resources\","
                "\"valid_from\":\"2130-01-01T00:00:00Z\",\"prices\":%s,\"reason\":\"x\"}",
                cases[i].tier, cases[i].prices);
        DM_AUTO_SAID no = dm_rig_operate(&rig, "POST", "/v1/ops/price-books", body);
        if (no.status != 400 || strcmp(dm_said_rule(&no), cases[i].rule) != 0)
            fail_msg("%s: %d %s", cases[i].prices, no.status, no.text);
    }
    /* one that lacks a price, or has tiers and no contract, is drafted and not approved */
    static const char *const parts[] = {"[{\"sku\":\"vcpu-run\",\"per_unit\":\"0.00003\"}]",
            "[{\"sku\":\"vcpu-run\",\"per_unit\":\"0.00003\",\"mode\":\"volume\",\"tiers\":[{\"from\":\"9\",\"per_"
            "unit\":"
            "\"1\"}]},{\"sku\":\"mem-run\",\"per_unit\":\"1\"},{\"sku\":\"disk-run-over-30\",\"per_unit\":\"1\"},{"
            "\"sku\":"
            "\"disk-hib\",\"per_unit\":\"1\"},{\"sku\":\"snapshot\",\"per_unit\":\"1\"}]"};
    for (size_t i = 0; i < DM_LEN(parts); i++) {
        char sha256[72];
        int64_t id = draft_of("enterprise", "2130-01-01T00:00:00Z", parts[i]);
        hash_of(id, sha256);
        DM_AUTO_SAID no = act(&ben, id, "approve", sha256);
        assert_string_equal(dm_said_rule(&no), "book.wrong");
    }
}

static void they_are_listed(void **state)
{
    (void)state;
    (void)draft_of("payg", "2130-01-01T00:00:00Z", PRICES);
    (void)draft_of("payg", "2131-01-01T00:00:00Z", PRICES);
    DM_AUTO_SAID all = dm_rig_operate(&rig, "GET", "/v1/ops/price-books?limit=1&status=draft", NULL);
    assert_int_equal(all.status, 200);
    assert_int_equal(json_array_size(json_object_get(all.body, "rows")), 1);
    assert_int_equal(json_integer_value(json_object_get(all.body, "total")), 2);
    char target[200];
    (void)snprintf(
            target, sizeof target, "/v1/ops/price-books?limit=1&status=draft&cursor=%s", dm_said_str(&all, "next"));
    DM_AUTO_SAID rest = dm_rig_operate(&rig, "GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(rest.body, "rows")), 1);
    assert_true(json_is_null(json_object_get(rest.body, "next")));
    DM_AUTO_SAID bad = dm_rig_operate(&rig, "GET", "/v1/ops/price-books?status=x", NULL);
    assert_int_equal(bad.status, 400);
}

/* The database holds to it whoever asks, whatever asks. */
static void the_database_holds_to_it(void **state)
{
    (void)state;
    static const char *const tries[] = {
            "UPDATE dm.price_book SET valid_to = now() + interval '1 day' WHERE book_id = 1",
            "UPDATE dm.price_book SET valid_from = valid_from - interval '1 day' WHERE book_id = 1",
            "UPDATE dm.price_book SET status = 'withdrawn', withdrawn_by = 'x' WHERE book_id = 1",
            "UPDATE dm.price_book SET status = 'draft' WHERE book_id = 1", "DELETE FROM dm.price WHERE book_id = 1",
            "INSERT INTO dm.price (book_id, sku, per_unit, unit, label) VALUES (1, 'minutes', 1, 'x', '')",
            "INSERT INTO dm.price_tier (book_id, sku, tier_no, from_qty, per_unit) VALUES (1, 'vcpu-run', 1, 1, 1)",
            "INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES ('other', "
            "'resources', "
            "'payg', 'USD', '2030-01-01Z')",
            "UPDATE dm.price_book SET status = 'approved', approved_by = drafted_by WHERE status = 'draft'",
            "UPDATE dm.price_book SET status = 'approved', approved_by = NULL WHERE status = 'draft'"};
    (void)draft_of("payg", "2130-01-01T00:00:00Z", PRICES);
    for (size_t i = 0; i < DM_LEN(tries); i++)
        assert_true(refused_as(rig.tenants.ops, tries[i]));
    assert_true(refused_as(rig.tenants.api, "UPDATE dm.price_book SET valid_to = NULL"));
    assert_string_equal(dm_rig_text(&rig, "SELECT count(*) FROM dm.price WHERE book_id = 1"), "5");
}

static int clean(void **state)
{
    (void)state;
    dm_rig_sql(&rig,
            "DELETE FROM dm.price_book WHERE drafted_by IS NOT NULL AND book_id NOT IN (SELECT book_id FROM "
            "dm.price); WITH d AS (DELETE FROM dm.price p USING dm.price_book b WHERE b.book_id = p.book_id AND "
            "b.drafted_by IS NOT NULL RETURNING p.book_id) SELECT 1; DELETE FROM dm.price_book WHERE drafted_by "
            "IS NOT NULL; UPDATE dm.price_book SET valid_to = NULL");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_teardown(the_books_of_the_house_are_what_they_were, clean),
            cmocka_unit_test_teardown(two_people_make_a_price, clean),
            cmocka_unit_test_teardown(who_edits_is_an_author, clean),
            cmocka_unit_test_teardown(never_backwards, clean),
            cmocka_unit_test_teardown(what_is_no_book_is_refused, clean),
            cmocka_unit_test_teardown(they_are_listed, clean),
            cmocka_unit_test_teardown(the_database_holds_to_it, clean),
    };
    dm_rig_start(&rig, 0);
    ben = dm_rig_operator(&rig, "ben");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
