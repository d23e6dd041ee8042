/* Covers api/dm/wallet.c, metering/read/sql_wallet.c, and of api/dm/sandbox_history.c what was given back. */
#include <stdio.h>

#include "base/parse.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

#define DEMO "(SELECT account_no FROM dm.project WHERE slug = 'demo')"
#define GRANT(kind, amount, priority, expires, cause, key)                                                             \
    "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, expires_at, idem_key, "    \
    "cause, who, why, remaining) VALUES (" DEMO ", '" kind "', 'CNY', " amount ", " priority                           \
    ", '2026-01-01Z', " expires ", '" key "', " cause ", 'test', 'because', 0);"

static const char *at(const char *rest)
{
    static char text[2][200];
    static unsigned next;
    char *out = text[next++ % 2];
    (void)snprintf(out, sizeof text[0], "/v1/accounts/%s/wallet%s", rig.tenants.demo.project.account_id, rest);
    return out;
}

static dm_said as_owner(const char *target)
{
    static unsigned n;
    char email[40];
    (void)snprintf(email, sizeof email, "owner%u@example.com", n++);
    const dm_rig_in in = dm_rig_person(&rig, email, "owner", true);
    return dm_rig_call_in(&rig, &in, "GET", target, NULL);
}

static const json_t *nth(const dm_said *s, const char *list, size_t i)
{
    return json_array_get(json_object_get(s->body, list), i);
}

static void an_empty_one(void **state)
{
    (void)state;
    DM_AUTO_SAID said = as_owner(at(""));
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "currency"), "CNY");
    assert_string_equal(dm_said_str(&said, "left"), "0.000000000000000000");
    static const char *const lists[] = {"balances", "grants", "holds", "pending"};
    for (size_t i = 0; i < DM_LEN(lists); i++)
        assert_int_equal(json_array_size(json_object_get(said.body, lists[i])), 0);
    DM_AUTO_SAID none = as_owner(at("/entries"));
    assert_int_equal(json_array_size(json_object_get(none.body, "rows")), 0);
    assert_true(json_is_null(json_object_get(none.body, "next")));
}

/* Paid 10, given 5 that end in 2100 and 4 that never do; 2 are held and 3 were burnt, of what ends first. */
static void filled(void)
{
    dm_rig_sql(&rig, GRANT("paid", "10", "200", "NULL", "NULL", "a") GRANT("our_fault", "4", "100", "NULL",
                             "'vmm_crashed'", "b") GRANT("promo", "5", "100", "'2100-01-01Z'", "NULL", "c")
                             GRANT("promo", "7", "100", "'2026-02-01Z'", "NULL", "over"));
    dm_rig_sql(&rig,
            "BEGIN; INSERT INTO dm.wallet_burn (account_no, idem_key, kind, currency, asked, promo, paid, against, "
            "statement_no, reference, at) VALUES (" DEMO ", 'x', 'statement', 'CNY', 3, 3, 0, 'unbilled', 7, "
            "'statement:7', '2026-03-01Z');"
            "INSERT INTO dm.wallet_burn_part SELECT account_no, burn_no, 1, (SELECT grant_no FROM dm.wallet_grant "
            "WHERE "
            "idem_key = 'c'), 3 FROM dm.wallet_burn;"
            "INSERT INTO dm.wallet_hold (account_no, idem_key, currency, amount, reference, made_at, expires_at) "
            "VALUES "
            "(" DEMO ", 'h', 'CNY', 2, 'dispute:1', now(), '2100-01-01Z');"
            "INSERT INTO dm.wallet_hold_part SELECT account_no, hold_no, 1, (SELECT grant_no FROM dm.wallet_grant "
            "WHERE "
            "idem_key = 'c'), 2 FROM dm.wallet_hold;"
            "INSERT INTO dm.wallet_fault SELECT account_no, (SELECT project_no FROM dm.project WHERE slug = 'demo'), "
            "decode(repeat('00', 15) || '01', 'hex'), 2, 'vmm_crashed', '2026-03-01Z', 'CNY', 4, false, '{7,6}', "
            "grant_no FROM dm.wallet_grant WHERE idem_key = 'b';"
            "INSERT INTO dm.wallet_order (account_no, kind, currency, amount, ordered_by, reason) VALUES (" DEMO
            ", 'operator', 'CNY', 5000, 'operator:ada', 'secret'); COMMIT");
}

static void grants_stand_in_the_order_in_which_they_are_used(void **state)
{
    (void)state;
    filled();
    DM_AUTO_SAID said = as_owner(at(""));
    assert_int_equal(said.status, 200);
    assert_string_equal(dm_said_str(&said, "left"), "14.000000000000000000");
    assert_int_equal(json_array_size(json_object_get(said.body, "grants")), 3);
    assert_string_equal(dm_json_c(nth(&said, "grants", 0), "kind"), "promo");
    assert_string_equal(dm_json_c(nth(&said, "grants", 0), "remaining"), "2.000000000000000000");
    assert_string_equal(dm_json_c(nth(&said, "grants", 0), "held"), "2.000000000000000000");
    assert_string_equal(dm_json_c(nth(&said, "grants", 0), "expires_at"), "2100-01-01T00:00:00.000000Z");
    assert_true(json_is_null(json_object_get(nth(&said, "grants", 0), "fault")));
    assert_string_equal(dm_json_c(nth(&said, "grants", 2), "kind"), "paid");
    const json_t *fault = json_object_get(nth(&said, "grants", 1), "fault");
    assert_string_equal(dm_json_c(fault, "sandbox"), "i00000000000000000001");
    assert_string_equal(dm_json_c(fault, "cause"), "vmm_crashed");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(fault, "statements"), 1)), 6);
    assert_int_equal(json_array_size(json_object_get(said.body, "balances")), 3);
    assert_string_equal(dm_json_c(nth(&said, "balances", 0), "free"), "4.000000000000000000");
    assert_string_equal(dm_json_c(nth(&said, "holds", 0), "reference"), "dispute:1");
    assert_string_equal(dm_json_c(nth(&said, "pending", 0), "state"), "waiting");
    assert_null(strstr(said.text, "secret"));
}

static bool alike(const dm_said *a, const dm_said *b, const char *list)
{
    return json_equal(json_object_get(a->body, list), json_object_get(b->body, list));
}

/* What was there at a moment is a sum of what had happened by then; as of now it is what there is. */
static void as_it_was(void **state)
{
    char now[40];
    (void)state;
    filled();
    DM_AUTO_SAID said = as_owner(at("?as_of=2026-01-15T00:00:00Z"));
    assert_int_equal(said.status, 200);
    assert_true(json_is_null(json_object_get(said.body, "left")));
    assert_int_equal(json_array_size(json_object_get(said.body, "grants")), 4);
    assert_int_equal(json_array_size(json_object_get(said.body, "balances")), 3);
    assert_string_equal(dm_json_c(nth(&said, "balances", 1), "kind"), "promo");
    assert_string_equal(dm_json_c(nth(&said, "balances", 1), "free"), "12.000000000000000000");
    assert_int_equal(json_array_size(json_object_get(said.body, "holds")), 0);
    assert_int_equal(json_array_size(json_object_get(said.body, "pending")), 0);
    DM_AUTO_SAID ended = as_owner(at("?as_of=2026-02-01T00:00:00Z"));
    assert_string_equal(dm_json_c(nth(&ended, "balances", 1), "free"), "5.000000000000000000");
    DM_AUTO_SAID burnt = as_owner(at("?as_of=2026-03-01T00:00:00Z"));
    assert_string_equal(dm_json_c(nth(&burnt, "balances", 1), "free"), "2.000000000000000000");
    assert_string_equal(dm_json_c(nth(&burnt, "grants", 0), "remaining"), "2.000000000000000000");
    DM_AUTO_SAID none = as_owner(at("?as_of=2025-12-31T23:59:59Z"));
    assert_int_equal(json_array_size(json_object_get(none.body, "grants")), 0);
    dm_rfc3339(dm_wall_us(&dm_clock_real), now);
    char target[64];
    (void)snprintf(target, sizeof target, "?as_of=%s", now);
    DM_AUTO_SAID is = as_owner(at("")), was = as_owner(at(target));
    assert_true(alike(&is, &was, "balances") && alike(&is, &was, "grants") && alike(&is, &was, "holds"));
    assert_true(alike(&is, &was, "pending"));
    DM_AUTO_SAID ahead = as_owner(at("?as_of=2200-01-01T00:00:00Z")), bad = as_owner(at("?as_of=then"));
    assert_int_equal(ahead.status, 400);
    assert_int_equal(bad.status, 400);
}

static void entries_say_who_gave(void **state)
{
    (void)state;
    filled();
    DM_AUTO_SAID said = as_owner(at("/entries?limit=1"));
    const json_t *row = nth(&said, "rows", 0);
    assert_string_equal(dm_json_c(row, "kind"), "statement");
    assert_int_equal(json_integer_value(json_object_get(row, "statement")), 7);
    assert_string_equal(dm_json_c(row, "amount"), "3.000000000000000000");
    assert_string_equal(dm_json_c(json_array_get(json_object_get(row, "parts"), 0), "amount"), "3.000000000000000000");
    assert_int_equal(json_integer_value(json_object_get(said.body, "total")), 1);
    DM_AUTO_SAID bad = as_owner(at("/entries?cursor=x"));
    assert_int_equal(bad.status, 400);
}

/* Another account's owner finds nothing, and who has no right to money is told so. */
static void others_see_nothing(void **state)
{
    (void)state;
    filled();
    dm_rig_other(&rig);
    char id[256], target[300];
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.account WHERE legal_name = 'Other'", id);
    (void)snprintf(target, sizeof target, "/v1/accounts/%s/wallet", id);
    DM_AUTO_SAID stranger = as_owner(target);
    assert_int_equal(stranger.status, 404);
    const dm_rig_in viewer = dm_rig_person(&rig, "viewer@example.com", "viewer", true);
    DM_AUTO_SAID no = dm_rig_call_in(&rig, &viewer, "GET", at(""), NULL);
    assert_int_equal(no.status, 403);
    DM_AUTO_SAID key = dm_rig_call_as(&rig, DM_RIG_OTHER_KEY, "GET", at(""), NULL, NULL, 0);
    assert_true(key.status >= 400);
}

static void an_end_by_our_fault_says_what_was_given_back(void **state)
{
    (void)state;
    char id[32], target[120], sql[700];
    dm_rig_create(&rig, "", id);
    dm_rig_sql(&rig, GRANT("our_fault", "4", "100", "NULL", "'vmm_crashed'", "b"));
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, cause, "
            "why, who) SELECT account_no, project_no, sandbox_id, now(), epoch, 'running', 'ended', 'vmm_crashed', "
            "'it is gone', 'worker:1' FROM dm.sandbox;"
            "INSERT INTO dm.wallet_fault SELECT account_no, project_no, sandbox_id, epoch, 'vmm_crashed', now(), "
            "'CNY', "
            "4, true, '{7}', (SELECT grant_no FROM dm.wallet_grant) FROM dm.sandbox");
    dm_rig_sql(&rig, sql);
    (void)snprintf(target, sizeof target, "/v1/projects/demo/sandboxes/%s/events", id);
    DM_AUTO_SAID said = as_owner(target);
    assert_int_equal(said.status, 200);
    const json_t *last = nth(&said, "rows", 0), *credited = json_object_get(last, "credited");
    assert_true(json_is_true(json_object_get(last, "credit")));
    assert_string_equal(dm_json_c(credited, "amount"), "4.000000000000000000");
    assert_true(json_is_true(json_object_get(credited, "split")));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(credited, "statements"), 0)), 7);
    assert_true(json_is_null(json_object_get(nth(&said, "rows", 1), "credited")));
    dm_rig_sql(&rig, "DELETE FROM dm.sandbox_event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(an_empty_one, &rig),
            DM_RIG_TEST(grants_stand_in_the_order_in_which_they_are_used, &rig),
            DM_RIG_TEST(as_it_was, &rig),
            DM_RIG_TEST(entries_say_who_gave, &rig),
            DM_RIG_TEST(others_see_nothing, &rig),
            DM_RIG_TEST(an_end_by_our_fault_says_what_was_given_back, &rig),
    };
    dm_rig_start(&rig, 0);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return r;
}
