/* Statements of accounts that pay by the hour, orders of people, what is over, and who is held: against a real ledger
 * and its statements. */
/* Covers metering/wallet/settle.c, metering/wallet/order.c, metering/wallet/turn.c, metering/wallet/sql_settle.c. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/wallet/chores.h"
#include "metering/wallet/wallet.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { LATER = 600 };

static cluster pg;

/* --- the chores --------------------------------------------------------------------------------------------- */

typedef int (*chore_fn)(const dm_chore_config *c, dm_err *err);

static int chore_on(rig *r, dm_pg *c, chore_fn fn, rig_fence *f)
{
    dm_err err = {0};
    const dm_chore_config conf = {.pg = c,
            .key = r->service,
            .clock = &r->clock.base,
            .period_s = r->period_s,
            .held = rig_ask_fence,
            .held_arg = f};
    int x = fn(&conf, &err);
    if (x < 0)
        fail_msg("%s", err.msg);
    return x;
}

static void chore(rig *r, chore_fn fn)
{
    rig_fence f = {0};
    assert_int_equal(chore_on(r, r->pg, fn, &f), 0);
}

/* A process of its own begins, and dies of SIGKILL at its n-th step; false: it had fewer. */
static bool dies(rig *r, chore_fn fn, int n)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_pg *c = NULL;
        rig_fence f = {.at = n};
        if (cluster_open(&pg, r->db, "dm_meter", &c) == 0)
            (void)chore_on(r, c, fn, &f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* --- what is there ------------------------------------------------------------------------------------------ */

static int give(dm_pg *c, void *arg, dm_err *err)
{
    int64_t grant_no;
    return dm_wallet_give(c, arg, &grant_no, err);
}

static void give_to(rig *r, int account, const char *kind, const char *amount, int64_t expires_s)
{
    static unsigned n;
    char key[32];
    dm_wallet_grant g = {.account_no = {account},
            .kind = kind,
            .currency = "CNY",
            .expires_s = expires_s,
            .idem_key = key,
            .who = "test",
            .why = "test",
            .at_s = T0};
    (void)snprintf(key, sizeof(key), "given:%u", n++);
    assert_int_equal(dm_money_parse(dm_str_c(amount), &g.amount, NULL), 0);
    assert_int_equal(dm_pg_tx_on(r->pg, &(dm_pg_scope){0}, give, &g, NULL), 0);
}

/* Account 1 pays by the hour. In each of two periods a sandbox of 1 vCPU and 2 GiB runs for 47 s: CNY 0.00203792. */
static void two_statements(rig *r, const char *db)
{
    rig_open(r, &pg, db, 60);
    sql(r, "UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = 1");
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    r->acts[r->nacts++] = (act){2, 1, 1, 4, 2, GIB, 65, 112, -1, -1};
    rig_rows(r);
    work(r, 0, 120);
    feed(r);
    flush(r);
    clock_at(r, LATER);
    assert_int_equal(close_due(r, -1), 2);
    assert_sql(r, "SELECT string_agg(total::text, ' ' ORDER BY number) FROM dm.statement",
            "0.002037920000000000 0.002037920000000000");
}

#define LEFT "SELECT sum(remaining)::numeric(38,8) FROM dm.wallet_grant WHERE account_no = 1"
#define BURNT                                                                                                          \
    "SELECT string_agg(statement_no || ' ' || (promo + paid)::numeric(38,8), ', ' ORDER BY burn_no) FROM "             \
    "dm.wallet_burn WHERE kind = 'statement'"
#define UNBILLED                                                                                                       \
    "SELECT sum(e.amount)::numeric(38,8) FROM dm.journal_entry e JOIN dm.ledger_account l USING (ledger_no) WHERE "    \
    "l.account_no = 1 AND l.name = 'unbilled'"
#define SOUND                                                                                                          \
    "SELECT (SELECT sum(remaining) FROM dm.wallet_grant) = (SELECT -sum(e.amount) FROM dm.journal_entry e JOIN "       \
    "dm.ledger_account l USING (ledger_no) JOIN dm.journal_txn t ON t.id = e.txn WHERE l.name LIKE 'wallet%' AND "     \
    "t.effective_at <= now()) AND NOT EXISTS (SELECT FROM dm.journal_entry GROUP BY txn HAVING sum(amount) <> 0)"

/* --- settlement --------------------------------------------------------------------------------------------- */

static void statements_are_settled_in_their_order(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "settle");
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn", "0"); /* of nothing nothing is paid */
    give_to(&r, 1, "paid", "0.003", DM_BURN_NEVER);
    for (int i = 0; i < 3; i++) { /* once more is no other */
        chore(&r, dm_wallet_chore_settle);
        assert_sql(&r, BURNT, "1 0.00203792, 2 0.00096208");
        assert_sql(&r, "SELECT settled_through FROM dm.wallet", "1");
    }
    assert_sql(&r, UNBILLED, "0.00107584");
    give_to(&r, 1, "promo", "1", DM_BURN_NEVER); /* the next one pays the rest */
    for (int i = 0; i < 2; i++) {
        chore(&r, dm_wallet_chore_settle);
        assert_sql(&r, BURNT, "1 0.00203792, 2 0.00096208, 2 0.00107584");
    }
    assert_sql(&r, "SELECT settled_through FROM dm.wallet", "2");
    assert_sql(&r, UNBILLED, "0.00000000");
    assert_sql(&r, LEFT, "0.99892416");
    assert_sql(&r, SOUND, "t");
    rig_close(&r);
}

static void those_of_others_are_left_alone(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "monthly");
    sql(&r, "UPDATE dm.account SET billing_cycle = 'monthly' WHERE account_no = 1");
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER);
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn", "0");
    /* nor does a wallet pay what its month's invoice has by then */
    sql(&r, "UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = 1");
    clock_at(&r, 40 * 86400);
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn", "0");
    rig_close(&r);
}

static void what_a_statement_gives_back_goes_where_it_came_from(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "giveback");
    give_to(&r, 1, "promo", "0.003", DM_BURN_NEVER);
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER);
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, LEFT, "0.99892416");
    /* a third statement says that of the first 0.00300000 was too much: more than it was */
    sql(&r, "SET session_replication_role = replica; INSERT INTO dm.period (period_start, period_s) SELECT "
            "max(period_start) + interval '60 s', 60 FROM dm.period;"
            "INSERT INTO dm.statement SELECT account_no, period_start + interval '60 s', 60, 3, currency, -0.003, 0, "
            "0, "
            "NULL, 0, 'x', sha256('x'), previous_sha256, public_key, signature FROM dm.statement WHERE number = 2;"
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, sku, charge_from, charge_to, "
            "seconds, "
            "qty, per_unit, amount, corrects_period) SELECT 1, s.period_start, 1, 'correction', 'vcpu-run', "
            "c.period_start, c.period_start, 0, -1, 0.003, -0.003, c.period_start FROM dm.statement s, dm.statement c "
            "WHERE s.number = 3 AND c.number = 1; SET session_replication_role = DEFAULT");
    chore(&r, dm_wallet_chore_settle);
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r,
            "SELECT string_agg(undoes || ' ' || (promo + paid)::numeric(38,8), ', ' ORDER BY burn_no) FROM "
            "dm.wallet_burn WHERE statement_no = 3",
            "1 -0.00203792, 2 -0.00096208"); /* its own first */
    assert_sql(&r, LEFT, "1.00192416");
    assert_sql(&r, "SELECT settled_through FROM dm.wallet", "3");
    assert_sql(&r, SOUND, "t");
    rig_close(&r);
}

static void killed_anywhere(void **state)
{
    rig r;
    int n = 1;
    (void)state;
    two_statements(&r, "killed");
    give_to(&r, 1, "paid", "0.001", DM_BURN_NEVER);
    give_to(&r, 1, "promo", "1", T0 + 100 * 86400);
    while (dies(&r, dm_wallet_chore_settle, n)) {
        assert_sql(&r, SOUND, "t");
        n++;
        assert_true(n < 10);
    }
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, BURNT, "1 0.00203792, 2 0.00203792");
    assert_sql(&r, UNBILLED, "0.00000000");
    assert_sql(&r, SOUND, "t");
    rig_close(&r);
}

/* It has burnt, and dies before its commit. */
static int burn_and_die(dm_pg *c, void *arg, dm_err *err)
{
    dm_wallet_burnt out;
    const dm_wallet_burn_what w = {.account_no = {1},
            .currency = "CNY",
            .amount = {1},
            .kind = "invoice",
            .against = "unbilled",
            .idem_key = "dies",
            .at_s = T0};
    (void)arg;
    if (dm_wallet_burn(c, &w, &out, err) == 0)
        (void)raise(SIGKILL);
    return 0;
}

static void killed_before_its_commit(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "commit");
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_pg *c = NULL;
        int x = cluster_open(&pg, r.db, "dm_meter", &c);
        if (x == 0)
            x = dm_pg_tx_on(c, &(dm_pg_scope){0}, burn_and_die, NULL, NULL);
        _exit(x != 0); /* it lived: that is told below */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_burn", "0");
    assert_sql(&r, LEFT, "1.00000000");
    chore(&r, dm_wallet_chore_settle); /* nor does what it held stand in the way */
    assert_sql(&r, BURNT, "1 0.00203792, 2 0.00203792");
    rig_close(&r);
}

static void a_zombie_settles_nothing(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "zombie");
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER);
    rig_fence f = {.at = 2, .lost = true};
    assert_int_equal(chore_on(&r, r.pg, dm_wallet_chore_settle, &f), DM_CHORE_ZOMBIE);
    assert_sql(&r, BURNT, "1 0.00203792");
    rig_close(&r);
}

/* --- orders ------------------------------------------------------------------------------------------------- */

#define ORDER(key, kind, currency, amount, more)                                                                       \
    "INSERT INTO dm.wallet_order (account_no, idem_key, kind, currency, amount, ordered_by, reason, expires_at) "      \
    "VALUES (1, '" key "', '" kind "', '" currency "', " amount ", 'operator:ada', 'because', " more ")"
#define STATES                                                                                                         \
    "SELECT string_agg(idem_key || ' ' || dm.wallet_order_state(o), ', ' ORDER BY order_no) FROM dm.wallet_order o"

static const char *as_ops(rig *r, const char *text)
{
    PGconn *c = PQconnectdb(cluster_conninfo(&pg, r->db, "dm_ops"));
    const char *said = cluster_try(c, text);
    PQfinish(c);
    return said;
}

static void orders_are_booked_when_nobody_is_waited_for(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "orders", 60);
    assert_string_equal(as_ops(&r, ORDER("small", "promo", "CNY", "700", "NULL")), "done");
    assert_string_equal(as_ops(&r, ORDER("large", "operator", "CNY", "700.01", "NULL")), "done");
    assert_string_equal(as_ops(&r, ORDER("taken-back", "operator", "CNY", "5", "NULL")), "done");
    assert_string_equal(as_ops(&r, ORDER("other", "promo", "JPY", "0.01", "NULL")), "done"); /* no threshold: two */
    assert_string_equal(as_ops(&r, ORDER("late", "promo", "CNY", "1", "'2026-02-01Z'")), "done");
    assert_string_equal(as_ops(&r, "UPDATE dm.wallet_order SET withdrawn_by = 'operator:ada', withdrawn_at = now() "
                                   "WHERE idem_key = 'taken-back'"),
            "done");
    for (int i = 0; i < 2; i++) {
        chore(&r, dm_wallet_chore_orders);
        assert_sql(&r, STATES, "small booked, large waiting, taken-back withdrawn, other waiting, late refused");
        assert_sql(&r, LEFT, "700.00000000");
    }
    /* the same person is refused by the database, and so is a step after the last */
    assert_string_equal(as_ops(&r, "UPDATE dm.wallet_order SET approved_by = 'operator:ada', approved_at = now() "
                                   "WHERE idem_key = 'large'"),
            "23514");
    assert_string_equal(as_ops(&r, "UPDATE dm.wallet_order SET approved_by = 'operator:bob', approved_at = now() "
                                   "WHERE idem_key = 'taken-back'"),
            "23514");
    assert_string_equal(as_ops(&r, "UPDATE dm.wallet_order SET withdrawn_by = 'operator:bob', withdrawn_at = now() "
                                   "WHERE idem_key = 'small'"),
            "23514");
    assert_string_equal(as_ops(&r, "UPDATE dm.wallet_order SET approved_by = 'operator:bob', approved_at = now() "
                                   "WHERE idem_key IN ('large', 'other')"),
            "done");
    chore(&r, dm_wallet_chore_orders);
    assert_sql(&r, STATES, "small booked, large booked, taken-back withdrawn, other refused, late refused");
    assert_sql(&r, LEFT, "1400.01000000");
    assert_sql(&r,
            "SELECT string_agg(kind || ' ' || who || ' ' || coalesce(approved_by, '-') || ' ' || why, ', ' ORDER BY "
            "grant_no) FROM dm.wallet_grant",
            "promo operator:ada - because, operator operator:ada operator:bob because");
    /* money is the meter's to write, and an order nobody's to grant without its second person */
    refused(&r, "dm_ops",
            "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, "
            "idem_key, who, why, remaining) VALUES (1, 'promo', 'CNY', 1, 100, '2026-03-01Z', 'k', 'w', "
            "'y', 1)");
    refused(&r, "dm_ops", "UPDATE dm.wallet_order SET amount = 1000000");
    refused(&r, "dm_ops", ORDER("sly", "promo", "CNY", "1", "NULL) RETURNING dm.nothing("));
    assert_string_equal(as_ops(&r, ORDER("waits", "operator", "CNY", "701", "NULL")), "done");
    refused(&r, "dm_meter", "UPDATE dm.wallet_order SET booked_at = now(), grant_no = 1 WHERE idem_key = 'waits'");
    rig_close(&r);
}

static void an_order_is_booked_once_whoever_dies(void **state)
{
    rig r;
    int n = 1;
    (void)state;
    rig_open(&r, &pg, "orderdies", 60);
    assert_string_equal(as_ops(&r, ORDER("one", "promo", "CNY", "1", "NULL")), "done");
    assert_string_equal(as_ops(&r, ORDER("two", "promo", "CNY", "2", "NULL")), "done");
    while (dies(&r, dm_wallet_chore_orders, n))
        n++;
    chore(&r, dm_wallet_chore_orders);
    assert_sql(&r, STATES, "one booked, two booked");
    assert_sql(&r, LEFT, "3.00000000");
    assert_sql(&r, SOUND, "t");
    rig_close(&r);
}

/* --- what is over ------------------------------------------------------------------------------------------- */

static int hold(dm_pg *c, void *arg, dm_err *err)
{
    const dm_wallet_hold_what w = {.account_no = {1},
            .currency = "CNY",
            .amount = *(dm_money *)arg,
            .idem_key = "kept",
            .at_s = T0,
            .until_s = T0 + 200};
    int64_t hold_no;
    return dm_wallet_hold(c, &w, &hold_no, err);
}

static void holds_and_grants_end(void **state)
{
    rig r;
    dm_money two;
    (void)state;
    rig_open(&r, &pg, "over", 60);
    give_to(&r, 1, "promo", "3", T0 + 100);
    assert_int_equal(dm_money_parse(DM_STR("2"), &two, NULL), 0);
    assert_int_equal(dm_pg_tx_on(r.pg, &(dm_pg_scope){0}, hold, &two, NULL), 0);
    clock_at(&r, 99);
    chore(&r, dm_wallet_chore_over);
    assert_sql(&r, LEFT, "3.00000000");
    clock_at(&r, 100);
    chore(&r, dm_wallet_chore_over);
    assert_sql(&r, LEFT, "2.00000000"); /* what is held stays */
    clock_at(&r, 200);
    for (int i = 0; i < 2; i++) {
        chore(&r, dm_wallet_chore_over);
        assert_sql(&r, LEFT, "0.00000000");
        assert_sql(&r, "SELECT state FROM dm.wallet_hold", "voided");
        assert_sql(&r, SOUND, "t");
    }
    rig_close(&r);
}

/* --- the third budget --------------------------------------------------------------------------------------- */

#define HOLDS                                                                                                          \
    "SELECT coalesce(string_agg(cause || ' ' || set_by, ', ' ORDER BY cause), '') FROM dm.hold WHERE account_no = 1"

static void who_has_nothing_left_is_held(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "held"); /* it pays by the hour from here on, and has nothing */
    assert_sql(&r, HOLDS, "spend_cap policy:wallet");
    assert_sql(&r, "SELECT dm.wallet_left(1)::numeric(38,8)", "-0.00407584");
    give_to(&r, 1, "paid", "0.004", DM_BURN_NEVER); /* too little */
    assert_sql(&r, HOLDS, "spend_cap policy:wallet");
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER); /* the top-up lifts it, at once */
    assert_sql(&r, HOLDS, "");
    assert_sql(&r, "SELECT dm.wallet_left(1)::numeric(38,8)", "0.99992416");
    chore(&r, dm_wallet_chore_settle); /* what is settled is not counted twice */
    assert_sql(&r, "SELECT dm.wallet_left(1)::numeric(38,8)", "0.99992416");
    sql(&r, "INSERT INTO dm.spend_open VALUES (1, 1, date_trunc('hour', now()), 0, 0.9, 10, 0.1, 1, now())");
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "");
    sql(&r, "UPDATE dm.spend_open SET amount = 1.5");
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "spend_cap policy:wallet");
    assert_sql(&r, "SELECT coalesce(until::text, 'no end') FROM dm.hold", "no end");
    /* a cap that has room does not lift it, nor does a top-up take back an operator's word */
    sql(&r, "INSERT INTO dm.account_limit (account_no, name, value) VALUES (1, 'spend_cap_micros', 5000000);"
            "INSERT INTO dm.budget_use VALUES (1, 0, date_trunc('month', now() AT TIME ZONE 'UTC'), 0, 1000000);"
            "INSERT INTO dm.hold (account_no, cause, set_by) VALUES (1, 'suspended_unpaid', 'operator:ada')");
    assert_sql(&r, HOLDS, "spend_cap policy:wallet, suspended_unpaid operator:ada");
    give_to(&r, 1, "paid", "10", DM_BURN_NEVER);
    assert_sql(&r, HOLDS, "suspended_unpaid operator:ada");
    /* who is over his cap, too, is held by that when he has topped up */
    sql(&r, "UPDATE dm.spend_open SET amount = 100; UPDATE dm.budget_use SET spent_micros = 6000000");
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "spend_cap policy:wallet, suspended_unpaid operator:ada");
    give_to(&r, 1, "paid", "200", DM_BURN_NEVER);
    assert_sql(&r, HOLDS, "spend_cap policy:budget, suspended_unpaid operator:ada");
    sql(&r, "UPDATE dm.spend_open SET amount = 1000");
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "spend_cap policy:wallet, suspended_unpaid operator:ada");
    sql(&r, "UPDATE dm.account SET billing_cycle = 'monthly' WHERE account_no = 1"); /* who pays later needs no wallet
                                                                                      */
    assert_sql(&r, HOLDS, "spend_cap policy:budget, suspended_unpaid operator:ada");
    rig_close(&r);
}

/* The tax that the month's invoice will take: on what was paid for, settled or not, and on nothing that was given. */
static void the_tax_is_kept(void **state)
{
    rig r;
    (void)state;
    two_statements(&r, "kept"); /* of 0.00407584 */
    sql(&r, "INSERT INTO dm.tax_rule (seller, buyer, business, category, rate_ppm, jurisdiction, valid_from) VALUES "
            "('*', '*', "
            "false, 'S', "
            "200000, 'test', '2020-01-01Z')");
    give_to(&r, 1, "promo", "0.001", DM_BURN_NEVER);
    give_to(&r, 1, "paid", "1", DM_BURN_NEVER);
    assert_sql(&r, "SELECT trim_scale(dm.wallet_left(1))", "0.996308992");
    chore(&r, dm_wallet_chore_settle);
    assert_sql(&r, "SELECT trim_scale(dm.wallet_left(1))", "0.996308992");
    sql(&r, "INSERT INTO dm.spend_open VALUES (1, 1, date_trunc('hour', now()), 0, 0.000000000000000001, 10, 0.1, 1, "
            "now())");
    assert_sql(&r, "SELECT trim_scale(dm.wallet_left(1))", "0.996308991999999998"); /* rounded up */
    sql(&r, "UPDATE dm.spend_open SET amount = 0.83");
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "");
    sql(&r, "UPDATE dm.spend_open SET amount = 0.8303"); /* 1 / 1.2 less what was paid */
    chore(&r, dm_wallet_chore_judge);
    assert_sql(&r, HOLDS, "spend_cap policy:wallet");
    rig_close(&r);
}

/* Open minutes count by the price of those that are not free. */
static void pooled_minutes_count_too(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "pooledleft", 60);
    sql(&r, "UPDATE dm.account SET billing_cycle = 'hourly' WHERE account_no = 3;" /* Pro, a minute of it free */
            "INSERT INTO dm.spend_open VALUES (3, 3, date_trunc('hour', now()), 0, 0, 59, 0, 1, now())");
    assert_sql(&r, "SELECT dm.wallet_left(3)::numeric(38,3)", "0.000");
    sql(&r, "UPDATE dm.spend_open SET running_s = 119");
    assert_sql(&r, "SELECT dm.wallet_left(3)::numeric(38,3)", "0.000");
    sql(&r, "UPDATE dm.spend_open SET running_s = 181, amount = 0.1");
    assert_sql(&r, "SELECT dm.wallet_left(3)::numeric(38,3)", "-0.110");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(statements_are_settled_in_their_order),
            cmocka_unit_test(those_of_others_are_left_alone),
            cmocka_unit_test(what_a_statement_gives_back_goes_where_it_came_from),
            cmocka_unit_test(killed_anywhere),
            cmocka_unit_test(killed_before_its_commit),
            cmocka_unit_test(a_zombie_settles_nothing),
            cmocka_unit_test(orders_are_booked_when_nobody_is_waited_for),
            cmocka_unit_test(an_order_is_booked_once_whoever_dies),
            cmocka_unit_test(holds_and_grants_end),
            cmocka_unit_test(who_has_nothing_left_is_held),
            cmocka_unit_test(the_tax_is_kept),
            cmocka_unit_test(pooled_minutes_count_too),
    };
    /* What is left is asked by the database's clock: the statements are of this hour, or the one before. */
    rig_t0 = dm_wall_us(&dm_clock_real) / 1000000 / 3600 * 3600 - 3600;
    char text[120];
    (void)snprintf(text, sizeof(text), "UPDATE dm.worker SET enrolled_at = dm.ts(%lld000000)", (long long)T0);
    if (house(&pg) < 0 || cluster_script(&pg, "house", "postgres", text) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
