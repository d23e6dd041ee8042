/* Covers metering/bill/simulate.c, metering/bill/sql_simulate.c, metering/bill/try.c, metering/ask/sql_simulation.c:
 * a price book tried over a closed month, on ledgers that real evidence made. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/ask/simulation.h"
#include "metering/bill/simulate.h"
#include "tests/support/bundlerig.h"
#include "tests/unit/test.h"

static cluster pg;

/* --- ordering and carrying out ------------------------------------------------------------------------------ */

typedef struct order {
    int64_t book, no;
    const char *month;
} order;

static int order_tx(dm_pg *c, void *arg, dm_err *err)
{
    order *o = arg;
    return dm_simulation_order(c, o->book, o->month, "operator:ada", "to see", &o->no, err);
}

static int order_of(rig *r, int64_t book, const char *month, int64_t *no)
{
    dm_pg *ops = NULL;
    dm_err err = {0};
    order o = {.book = book, .month = month};
    assert_int_equal(cluster_open(&pg, r->db, "dm_ops", &ops), 0);
    int x = dm_pg_tx_on(ops, &(dm_pg_scope){0}, order_tx, &o, &err);
    if (x < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(ops);
    *no = o.no;
    return x;
}

static int64_t ordered(rig *r, int64_t book)
{
    int64_t no;
    assert_int_equal(order_of(r, book, "2026-03-01", &no), 0);
    return no;
}

/* Each look at it is seconds later: a run of the chore comes no further than one period of one account. */
static int64_t later_us(const dm_clock *c)
{
    static _Thread_local int64_t at;
    (void)c;
    return at += 3 * DM_SIMULATE_MS * 1000LL;
}

static const dm_clock no_time = {later_us, later_us};

static int run_on(rig *r, dm_pg *c, const dm_clock *clock, rig_fence *f)
{
    dm_err err = {0};
    const dm_chore_config conf = {
            .pg = c, .key = r->service, .clock = clock, .period_s = r->period_s, .held = rig_ask_fence, .held_arg = f};
    int x = dm_simulate(&conf, &err);
    if (x < 0)
        fail_msg("%s", err.msg);
    return x;
}

static void run(rig *r)
{
    rig_fence f = {0};
    assert_int_equal(run_on(r, r->pg, &r->clock.base, &f), 0);
}

/* A meter of its own goes on, and dies of SIGKILL at its n-th step; false: it had fewer. */
static bool dies(rig *r, int n)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_pg *c = NULL;
        rig_fence f = {.at = n};
        if (cluster_open(&pg, r->db, "dm_meter", &c) == 0)
            (void)run_on(r, c, &no_time, &f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* The number stands where text has a #. */
static const char *of(rig *r, const char *text, int64_t no)
{
    char all[2000];
    const char *hash = strchr(text, '#');
    assert_non_null(hash);
    (void)snprintf(all, sizeof all, "%.*s%lld%s", (int)(hash - text), text, (long long)no, hash + 1);
    return ask(r, all);
}

#define STATE                                                                                                          \
    "SELECT state || ' ' || done || '/' || accounts || ' ' || failed FROM dm.simulation WHERE simulation_no = #"
#define ROWS                                                                                                           \
    "SELECT string_agg(concat_ws(' ', account_no, through, periods, pool_s, counts, charged, tried, difference, "      \
    "done, "                                                                                                           \
    "failed), '|' ORDER BY account_no) FROM dm.simulation_account WHERE simulation_no = #"
/* Found another way: what each account's usage lines of March come to, with the prices of the book where a book of its
 * kind had charged them. */
#define RATED_BY_LINES                                                                                                 \
    "WITH s AS (SELECT * FROM dm.simulation WHERE simulation_no = #), x AS (SELECT l.account_no, sum(l.amount) AS "    \
    "was, sum(CASE WHEN k.book_id IS NULL THEN l.amount WHEN l.sku = 'minutes' AND l.tier = 0 THEN 0 ELSE l.qty * "    \
    "p.per_unit END) AS is FROM s, dm.statement_line l JOIN dm.price_book b USING (book_id) LEFT JOIN dm.price_book "  \
    "k "                                                                                                               \
    "ON k.book_id = (SELECT book_id FROM s) AND (k.book_id = b.book_id OR dm.same_book(k, b)) LEFT JOIN dm.price p "   \
    "ON "                                                                                                              \
    "p.book_id = k.book_id AND p.sku = l.sku WHERE l.kind <> 'correction' AND l.period_start >= '2026-03-01Z' AND "    \
    "l.period_start < '2026-04-01Z' GROUP BY 1) SELECT count(*) FILTER (WHERE x.was = a.charged AND x.is = a.tried "   \
    "AND a.done) || ' of ' || count(*) FROM dm.simulation_account a LEFT JOIN x USING (account_no) WHERE "             \
    "a.simulation_no = (SELECT simulation_no FROM s)"

#define ALL_OF_THEM "SELECT accounts || ' of ' || accounts FROM dm.simulation WHERE simulation_no = #"

/* --- over ledgers of all kinds ------------------------------------------------------------------------------ */

/* Each book of those that charged anything, in its own place: nothing changes, to the last decimal. (Some held for a
 * part of the month: these are tried for all of it, which their lines tell.) */
static void in_its_own_place_nothing_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        bundlerig b;
        char db[32];
        unsigned same = 0;
        (void)snprintf(db, sizeof db, "self%u", (unsigned)seed);
        bundlerig_open(&b, &pg, db, seed, 0);
        PGresult *books = PQexec(b.r.owner,
                "SELECT k.book_id, k.valid_from <= '2026-03-01Z' AND NOT EXISTS (SELECT FROM dm.price_book o WHERE "
                "dm.same_book(k, o)), k.contract_no IS NULL FROM dm.price_book k WHERE book_id IN (SELECT book_id FROM "
                "dm.statement_line WHERE period_start < '2026-04-01Z') ORDER BY 1");
        for (int i = 0; i < PQntuples(books); i++) {
            int64_t no = ordered(&b.r, strtoll(PQgetvalue(books, i, 0), NULL, 10));
            run(&b.r);
            assert_string_equal(of(&b.r, "SELECT state FROM dm.simulation WHERE simulation_no = #", no), "done");
            if (PQgetvalue(books, i, 1)[0] == 't') {
                assert_string_equal(of(&b.r,
                                            "SELECT count(*) FILTER (WHERE difference <> 0) || ' ' || bool_and(done "
                                            "AND periods > 0) FROM dm.simulation_account WHERE simulation_no = #",
                                            no),
                        "0 true");
                assert_string_equal(
                        of(&b.r,
                                "SELECT dearer || ' ' || cheaper || ' ' || tried - charged FROM dm.simulation WHERE "
                                "simulation_no = #",
                                no),
                        "0 0 0.000000000000000000");
                same++;
            }
            if (PQgetvalue(books, i, 2)[0] == 't') /* tiers begin anew with each book of a contract */
                assert_string_equal(of(&b.r, RATED_BY_LINES, no), of(&b.r, ALL_OF_THEM, no));
        }
        assert_true(same >= 2 && PQntuples(books) >= 4);
        PQclear(books);
        /* nothing was sworn to, and nothing is there that was not */
        assert_sql(&b.r,
                "SELECT count(*) FROM dm.statement_page p LEFT JOIN dm.statement s USING (account_no, "
                "period_start) WHERE s.number IS NULL",
                "0");
        bundlerig_close(&b);
    }
}

/* A draft whose prices are another's, times ten. */
static int64_t draft(rig *r, int64_t like, const char *times)
{
    char text[900];
    (void)snprintf(text, sizeof text,
            "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from, contract_no, "
            "status, "
            "authors, drafted_by) SELECT price_group, rated_by, tier, currency, '2027-01-01Z', contract_no, 'draft', "
            "'{a}', 'a' FROM dm.price_book WHERE book_id = %lld RETURNING book_id) INSERT INTO dm.price (book_id, sku, "
            "per_unit, unit, label, mode) SELECT b.book_id, sku, per_unit * %s, unit, label, mode FROM b, dm.price p "
            "WHERE p.book_id = %lld RETURNING book_id",
            (long long)like, times, (long long)like);
    return strtoll(ask(r, text), NULL, 10);
}

static void a_draft_says_what_it_would_have_come_to(void **state)
{
    (void)state;
    bundlerig b;
    bundlerig_open(&b, &pg, "draft", 7, 600); /* a statement of more sandboxes than one reading has */
    static const struct {
        int64_t like;
        const char *times, *sign;
    } cases[] = {{1, "10", "dearer"}, {3, "0.5", "cheaper"}, {6, "3", "dearer"}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        int64_t no = ordered(&b.r, draft(&b.r, cases[i].like, cases[i].times));
        run(&b.r);
        char text[200];
        assert_string_equal(of(&b.r, RATED_BY_LINES, no), of(&b.r, ALL_OF_THEM, no));
        (void)snprintf(text, sizeof text, "SELECT %s > 0 FROM dm.simulation WHERE simulation_no = #", cases[i].sign);
        assert_string_equal(of(&b.r, text, no), "t");
        assert_string_equal(of(&b.r,
                                    "SELECT (s.charged, s.tried) = (SELECT sum(a.charged), sum(a.tried) FROM "
                                    "dm.simulation_account a WHERE a.simulation_no = s.simulation_no) FROM "
                                    "dm.simulation s WHERE simulation_no = #",
                                    no),
                "t");
    }
    bundlerig_close(&b);
}

/* Meter after meter dies at whichever step, each going on where the one before was: the rows are those of one that
 * lived. */
static void who_goes_on_ends_with_the_same_rows(void **state)
{
    (void)state;
    bundlerig b;
    rig_fence f = {.at = 1, .lost = true};
    bundlerig_open(&b, &pg, "killed", 11, 0);
    int64_t book = draft(&b.r, 1, "7"), no = ordered(&b.r, book), again;
    run(&b.r);
    DM_AUTO_MEM char *rows = strdup(of(&b.r, ROWS, no));
    again = ordered(&b.r, book);
    assert_int_equal(run_on(&b.r, b.r.pg, &b.r.clock.base, &f), DM_CHORE_ZOMBIE); /* one that lost its fence: nothing */
    assert_string_equal(of(&b.r, "SELECT state FROM dm.simulation WHERE simulation_no = #", again), "ordered");
    int died = 0, lived = 0;
    for (int i = 0; i < 400; i++) {
        if (strcmp(of(&b.r, "SELECT state FROM dm.simulation WHERE simulation_no = #", again), "done") == 0)
            break;
        if (dies(&b.r, 1 + i % 3)) /* at the first or the second; there is no third */
            died++;
        else
            lived++;
    }
    assert_true(died >= 10 && lived >= 10);
    assert_string_equal(of(&b.r, ROWS, again), rows);
    assert_string_equal(of(&b.r, STATE, again), of(&b.r, STATE, no));
    bundlerig_close(&b);
}

/* --- pools, tiers, and what came late ----------------------------------------------------------------------- */

static void april(rig *r)
{
    sql(r, "SELECT dm.add_partitions(1775001600, 1775001600); INSERT INTO dm.period (period_start, period_s, "
           "closed_at) "
           "VALUES ('2026-04-01Z', 60, now())");
}

static int next_period(rig *r, int64_t from, int64_t to)
{
    work(r, from, to);
    feed(r);
    flush(r);
    clock_at(r, to + 602);
    return close_due(r, T0);
}

/* 60 s are included. Forty seconds of the first period come when it is stated, and move the pool before the third: 30 s
 * there pass no minute more, where they would have by what was stated first. */
static void a_pool_stands_where_statements_left_it(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "simpool", 120);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 90, -1, -1};
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 120, 165, -1, -1};
    work(&r, 0, 120);
    msg *kept = rig_keep_back(&r, 10, 40);
    feed(&r);
    flush(&r);
    clock_at(&r, 120 + 602);
    assert_int_equal(close_due(&r, T0), 1);
    rig_bring(&r, kept, 40);
    rig_forget(kept, 40);
    assert_int_equal(next_period(&r, 120, 240), 1);
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, GIB, 240, 270, -1, -1};
    assert_int_equal(next_period(&r, 240, 360), 1);
    assert_sql(&r,
            "SELECT string_agg(total::numeric(8,3) || ' ' || pool_after_s, ', ' ORDER BY number) FROM dm.statement",
            "0.000 50, 0.005 135, 0.000 165");
    april(&r);
    int64_t no = ordered(&r, 8);
    run(&r);
    assert_string_equal(of(&r, STATE, no), "done 1/1 0");
    assert_string_equal(of(&r,
                                "SELECT concat_ws(' ', periods, pool_s, charged::numeric(8,3), difference) FROM "
                                "dm.simulation_account WHERE simulation_no = #",
                                no),
            "3 165 0.005 0.000000000000000000");
    rig_close(&r);
}

/* What a contract sells in tiers counts on from period to period; and a contract's draft takes the place of everybody's
 * book, for its account alone. */
static void tiers_are_counted_through_the_month(void **state)
{
    static const char *const modes[] = {"graduated", "volume"};
    (void)state;
    for (size_t i = 0; i < DM_LEN(modes); i++) {
        rig r;
        char text[900];
        rig_open(&r, &pg, modes[i], 60);
        rig_plan(&r, 1, -10, "enterprise", 0);
        rig_plan(&r, 2, -10, "enterprise", 0);
        r.acts[r.nacts++] = (act){1, 1, 1, 3, 2, GIB, 5, 115, -1, -1};
        r.acts[r.nacts++] = (act){2, 1, 2, 3, 2, GIB, 5, 115, -1, -1};
        work(&r, 0, 120);
        feed(&r);
        clock_at(&r, 130);
        flush(&r);
        assert_int_equal(close_due(&r, -1), 2);
        april(&r);
        (void)snprintf(text, sizeof text,
                "INSERT INTO dm.contract (account_no, name, valid_from, status, drafted_by, drafted_why, approved_by) "
                "VALUES (1, 'C', '2026-05-01Z', 'approved', 'a', 'x', 'b'); UPDATE dm.price SET mode = '%s' WHERE "
                "false",
                modes[i]);
        sql(&r, text);
        int64_t book = draft(&r, 2, "1");
        (void)snprintf(text, sizeof text,
                "UPDATE dm.price_book SET contract_no = 1 WHERE book_id = %lld; UPDATE dm.price SET mode = '%s' WHERE "
                "book_id = %lld AND sku = 'vcpu-run'; INSERT INTO dm.price_tier (book_id, sku, tier_no, from_qty, "
                "per_unit) VALUES (%lld, 'vcpu-run', 1, 100, 0.00001)",
                (long long)book, modes[i], (long long)book, (long long)book);
        sql(&r, text);
        int64_t no = ordered(&r, book);
        run(&r);
        assert_string_equal(of(&r, STATE, no), "done 1/1 0");
        /* 100 at the list's price and 10 at the other; or all 110 at the other */
        assert_string_equal(
                of(&r, "SELECT account_no || ' ' || difference FROM dm.simulation_account WHERE simulation_no = #", no),
                i == 0 ? "1 -0.000117000000000000" : "1 -0.001287000000000000");
        assert_string_equal(of(&r, "SELECT counts::text FROM dm.simulation_account WHERE simulation_no = #", no),
                "[[9, \"vcpu-run\", \"110.000000\"]]");
        rig_close(&r);
    }
}

/* --- what does not go on ------------------------------------------------------------------------------------ */

static int cancel_tx(dm_pg *c, void *arg, dm_err *err)
{
    const int64_t *no = arg;
    return dm_simulation_cancel(c, *no, "operator:ben", err);
}

static void it_ends_before_its_end(void **state)
{
    (void)state;
    bundlerig b;
    dm_pg *ops = NULL;
    rig_fence f = {0};
    dm_err err;
    int64_t no, more;
    bundlerig_open(&b, &pg, "cancel", 5, 0);
    rig *r = &b.r;
    assert_int_equal(cluster_open(&pg, r->db, "dm_ops", &ops), 0);

    /* somebody cancels it: what was rated is there, and no more comes */
    no = ordered(r, draft(r, 1, "2"));
    assert_int_equal(run_on(r, r->pg, &no_time, &f), 0);
    assert_int_equal(dm_pg_tx_on(ops, &(dm_pg_scope){0}, cancel_tx, &no, &err), 0);
    DM_AUTO_MEM char *rows = strdup(of(r, ROWS, no));
    run(r);
    assert_string_equal(of(r, ROWS, no), rows);
    assert_int_equal(dm_pg_tx_on(ops, &(dm_pg_scope){0}, cancel_tx, &no, &err), DM_SIMULATION_OVER);

    /* the draft is written anew: half by one and half by the other would be neither's */
    int64_t book = draft(r, 1, "3");
    no = ordered(r, book);
    assert_int_equal(run_on(r, r->pg, &no_time, &f), 0);
    char text[200];
    (void)snprintf(text, sizeof text, "UPDATE dm.price SET per_unit = 1 WHERE sku = 'vcpu-run' AND book_id = %lld",
            (long long)book);
    sql(r, text);
    run(r);
    assert_string_equal(of(r, "SELECT state || ': ' || outcome FROM dm.simulation WHERE simulation_no = #", no),
            "failed: the price book was written anew meanwhile");

    /* one that lacks a price: said of the account, and the rest goes on */
    book = draft(r, 1, "3");
    (void)snprintf(
            text, sizeof text, "DELETE FROM dm.price WHERE sku = 'vcpu-run' AND book_id = %lld", (long long)book);
    sql(r, text);
    no = ordered(r, book);
    run(r);
    assert_string_equal(
            of(r,
                    "SELECT state || ' ' || (done = accounts) || ' ' || (failed > 0) || ' ' || (outcome LIKE "
                    "'%no price for vcpu-run') FROM dm.simulation WHERE simulation_no = #",
                    no),
            "failed true true true");

    /* four at once, of which the same is one */
    assert_int_equal(order_of(r, 1, NULL, &no), 0);
    assert_int_equal(order_of(r, 1, NULL, &more), DM_SIMULATION_AGAIN);
    assert_int_equal(more, no);
    for (int64_t i = 2; i <= 4; i++)
        assert_int_equal(order_of(r, draft(r, 1, "4"), NULL, &more), 0);
    assert_int_equal(order_of(r, 3, NULL, &more), DM_SIMULATION_MANY);
    run(r);
    assert_sql(r, "SELECT count(*) FROM dm.simulation WHERE state IN ('ordered', 'running')", "0");

    /* no month of them */
    assert_int_equal(order_of(r, 3, "2027-04-01", &more), DM_SIMULATION_MONTH);
    assert_int_equal(order_of(r, 3, "2025-12-01", &more), DM_SIMULATION_MONTH);
    int64_t nobodys = strtoll(
            ask(r, "SELECT min(book_id) FROM dm.price_book k WHERE NOT EXISTS (SELECT FROM dm.account a "
                   "JOIN dm.account_plan p USING (account_no) WHERE a.currency = k.currency AND p.tier = k.tier)"),
            NULL, 10);
    assert_true(nobodys > 0);
    assert_int_equal(order_of(r, nobodys, NULL, &more), DM_SIMULATION_MONTH);
    assert_int_equal(order_of(r, 999, NULL, &more), DM_SIMULATION_NO_BOOK);
    refused(r, "dm_ops", "UPDATE dm.simulation SET state = 'done', ended_at = now()");
    refused(r, "dm_ops", "INSERT INTO dm.simulation_account (simulation_no, account_no, through) VALUES (1, 1, now())");
    refused(r, "dm_meter", "UPDATE dm.simulation SET state = 'running', ended_at = NULL");
    refused(r, "dm_api", "SELECT FROM dm.simulation_account");
    dm_pg_close(ops);
    bundlerig_close(&b);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(in_its_own_place_nothing_changes),
            cmocka_unit_test(a_draft_says_what_it_would_have_come_to),
            cmocka_unit_test(who_goes_on_ends_with_the_same_rows),
            cmocka_unit_test(a_pool_stands_where_statements_left_it),
            cmocka_unit_test(tiers_are_counted_through_the_month),
            cmocka_unit_test(it_ends_before_its_end),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
