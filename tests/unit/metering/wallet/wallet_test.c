/* Grants, burns, holds and expiry on a real PostgreSQL: what is taken is there, in rows and in the journal alike. */
/* Covers metering/wallet/burn.c, metering/wallet/book.c, metering/wallet/hold.c, metering/wallet/sql_wallet.c,
 * metering/kit/journal.c, metering/kit/sql_journal.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/parse.h"

#include "metering/wallet/wallet.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

enum { T0 = 1772323200, DAY = 86400 };

static cluster pg;
static dm_pg *meter;
static dm_account_no who; /* each test has an account of its own */

static const char *ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *ask(const char *format, ...)
{
    char text[2000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return cluster_ask(pg.super, text);
}

static int64_t number(const char *digits)
{
    int64_t v;
    assert_int_equal(dm_parse_i64(dm_str_c(digits), INT64_MIN, INT64_MAX, &v, NULL), 0);
    return v;
}

static dm_money money(const char *text)
{
    dm_money m;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, NULL), 0);
    return m;
}

static int fresh(void **state)
{
    (void)state;
    who.v = number(ask("INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('W', 'DE', 'CNY', 'payg') "
                       "RETURNING account_no"));
    return 0;
}

static int tx(dm_pg *c, dm_pg_fn fn, void *arg)
{
    dm_err err = {0};
    int r = dm_pg_tx_on(c, &(dm_pg_scope){0}, fn, arg, &err);
    if (r < 0 && r != DM_E_NOTFOUND && r != DM_E_INVALID)
        fail_msg("%s", err.msg);
    return r;
}

/* --- acts --------------------------------------------------------------------------------------------------- */

typedef struct act {
    dm_wallet_grant grant;
    dm_wallet_burn_what burn;
    dm_wallet_unburn_what unburn;
    dm_wallet_hold_what hold;
    int64_t no, at;
    dm_wallet_burnt out;
} act;

static int do_give(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_give(c, &a->grant, &a->no, err);
}

static int do_burn(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_burn(c, &a->burn, &a->out, err);
}

static int do_unburn(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_unburn(c, &a->unburn, &a->out, err);
}

static int do_hold(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_hold(c, &a->hold, &a->no, err);
}

static int do_post(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_post(c, a->no, &a->burn, &a->out, err);
}

static int do_void(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_void(c, who, a->no, a->at, err);
}

static int do_expire(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    return dm_wallet_expire(c, who, a->no, a->at, err);
}

static const char *key(const char *what)
{
    static char text[8][64];
    static unsigned at, n;
    char *out = text[at++ % DM_LEN(text)];
    (void)snprintf(out, sizeof(text[0]), "%s:%lld:%u", what, (long long)who.v, n++);
    return out;
}

static int64_t give(const char *kind, const char *amount, int64_t at, int64_t expires)
{
    act a = {.grant = {.account_no = who,
                     .kind = kind,
                     .currency = "CNY",
                     .amount = money(amount),
                     .expires_s = expires,
                     .idem_key = key("grant"),
                     .cause = strcmp(kind, "our_fault") == 0 ? "vmm_crashed" : NULL,
                     .who = "test",
                     .why = "test",
                     .at_s = at}};
    assert_int_equal(tx(meter, do_give, &a), 0);
    return a.no;
}

static act burn_of(const char *amount, int64_t at)
{
    return (act){.burn = {.account_no = who,
                         .currency = "CNY",
                         .amount = money(amount),
                         .kind = "invoice",
                         .against = "unbilled",
                         .idem_key = key("burn"),
                         .reference = "invoice:1",
                         .at_s = at}};
}

static act burn(const char *amount, int64_t at)
{
    act a = burn_of(amount, at);
    assert_int_equal(tx(meter, do_burn, &a), 0);
    return a;
}

static act unburn(int64_t burn_no, const char *amount, int64_t at)
{
    act a = {.unburn = {.account_no = who,
                     .burn_no = burn_no,
                     .amount = money(amount),
                     .idem_key = key("unburn"),
                     .reference = "correction",
                     .at_s = at}};
    assert_int_equal(tx(meter, do_unburn, &a), 0);
    return a;
}

static act hold_of(const char *amount, int64_t at)
{
    return (act){.hold = {.account_no = who,
                         .currency = "CNY",
                         .amount = money(amount),
                         .idem_key = key("hold"),
                         .reference = "dispute:1",
                         .at_s = at,
                         .until_s = at + DAY}};
}

static void assert_burnt(const act *a, const char *promo, const char *paid)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(a->out.promo, text);
    assert_string_equal(text, promo);
    dm_money_print(a->out.paid, text);
    assert_string_equal(text, paid);
}

/* --- what must hold ----------------------------------------------------------------------------------------- */

/* What grants have at a moment, held or not; and what the journal says by then. */
static const char *rows_at(int64_t at)
{
    return ask("SELECT coalesce(sum(CASE WHEN valid_from > dm.ts(%lld000000) THEN 0 WHEN expires_at <= "
               "dm.ts(%lld000000) THEN held ELSE remaining END), 0)::numeric(38,18) FROM dm.wallet_grant "
               "WHERE account_no = %lld",
            (long long)at, (long long)at, (long long)who.v);
}

static const char *journal_at(int64_t at)
{
    return ask("SELECT coalesce(-sum(e.amount), 0)::numeric(38,18) FROM dm.journal_entry e JOIN dm.ledger_account l "
               "USING (ledger_no) JOIN dm.journal_txn t ON t.id = e.txn WHERE l.account_no = %lld AND l.name LIKE "
               "'wallet%%' AND t.effective_at <= dm.ts(%lld000000)",
            (long long)who.v, (long long)at);
}

static void assert_sound(int64_t at)
{
    const int64_t later[] = {0, 1, DAY, 3 * DAY, 400 * DAY};
    for (size_t i = 0; i < DM_LEN(later); i++) {
        const char *rows = rows_at(at + later[i]), *journal = journal_at(at + later[i]);
        if (strcmp(rows, journal) != 0)
            fail_msg("at +%lld the rows say %s, the journal %s", (long long)later[i], rows, journal);
    }
    assert_string_equal(ask("SELECT count(*) FROM dm.wallet_grant g WHERE account_no = %lld AND (remaining < 0 OR "
                            "remaining <> amount - (SELECT coalesce(sum(p.amount), 0) FROM dm.wallet_burn_part p WHERE "
                            "p.account_no = g.account_no AND p.grant_no = g.grant_no) OR held <> (SELECT "
                            "coalesce(sum(p.amount), 0) FROM dm.wallet_hold h JOIN dm.wallet_hold_part p USING "
                            "(account_no, hold_no) WHERE h.state = 'pending' AND p.account_no = g.account_no AND "
                            "p.grant_no = g.grant_no))",
                                (long long)who.v),
            "0");
    assert_string_equal(ask("SELECT count(*) FROM (SELECT FROM dm.journal_entry GROUP BY txn, currency HAVING "
                            "sum(amount) <> 0) x"),
            "0");
    assert_string_equal(ask("SELECT count(*) FROM (SELECT number, row_number() OVER (ORDER BY number) AS n, prev_hash, "
                            "lag(hash) OVER (ORDER BY number) AS before FROM dm.journal_txn WHERE account_no = %lld) j "
                            "WHERE number <> n OR (n > 1 AND prev_hash <> before)",
                                (long long)who.v),
            "0");
}

/* What a ledger account of the customer's stands at; of the business's, what this customer's bookings made of it. */
static const char *booked(const char *name)
{
    return ask("SELECT coalesce(sum(e.amount), 0)::numeric(38,2) FROM dm.journal_entry e JOIN dm.ledger_account l "
               "USING (ledger_no) JOIN dm.journal_txn t ON t.id = e.txn WHERE t.account_no = %lld AND l.name = '%s'",
            (long long)who.v, name);
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void what_is_given_stands_in_the_journal(void **state)
{
    (void)state;
    (void)give("paid", "100", T0, DM_BURN_NEVER);
    (void)give("promo", "10", T0, T0 + DAY);
    (void)give("our_fault", "5", T0, DM_BURN_NEVER);
    (void)give("operator", "2", T0, DM_BURN_NEVER);
    assert_string_equal(booked("cash"), "100.00");
    assert_string_equal(booked("wallet_paid"), "-100.00");
    assert_string_equal(booked("discounts"), "10.00");
    assert_string_equal(booked("credits"), "7.00");
    assert_string_equal(journal_at(T0), "117.000000000000000000");
    assert_string_equal(journal_at(T0 + DAY - 1), "117.000000000000000000");
    assert_string_equal(journal_at(T0 + DAY), "107.000000000000000000"); /* booked ahead */
    assert_sound(T0);
}

static void a_grant_is_made_once(void **state)
{
    (void)state;
    act a = {.grant = {.account_no = who,
                     .kind = "paid",
                     .currency = "CNY",
                     .amount = money("3"),
                     .expires_s = DM_BURN_NEVER,
                     .idem_key = key("once"),
                     .who = "test",
                     .why = "test",
                     .at_s = T0}};
    assert_int_equal(tx(meter, do_give, &a), 0);
    int64_t first = a.no;
    assert_int_equal(tx(meter, do_give, &a), 0);
    assert_int_equal(a.no, first);
    assert_string_equal(rows_at(T0), "3.000000000000000000");
    assert_sound(T0);
    a.grant.idem_key = key("never");
    a.grant.expires_s = T0;
    assert_int_equal(tx(meter, do_give, &a), DM_E_INVALID);
}

static void given_goes_before_paid_and_what_expires_first_first(void **state)
{
    (void)state;
    (void)give("paid", "10", T0, DM_BURN_NEVER);
    int64_t late = give("promo", "1", T0, T0 + 3 * DAY), never = give("operator", "1", T0, DM_BURN_NEVER),
            soon = give("promo", "1", T0, T0 + DAY);
    act a = burn("4.25", T0 + 1);
    assert_burnt(&a, "3.000000000000000000", "1.250000000000000000");
    char want[100];
    (void)snprintf(want, sizeof(want), "%lld,%lld,%lld", (long long)soon, (long long)late, (long long)never);
    assert_string_equal(ask("SELECT string_agg(grant_no::text, ',' ORDER BY n) FROM dm.wallet_burn_part WHERE "
                            "account_no = %lld AND burn_no = %lld AND n <= 3",
                                (long long)who.v, (long long)a.out.burn_no),
            want);
    assert_string_equal(booked("unbilled"), "-4.25");
    assert_sound(T0 + 1);
    act all = burn("100", T0 + 2);
    assert_burnt(&all, "0.000000000000000000", "8.750000000000000000");
    act none = burn("1", T0 + 2);
    assert_int_equal(none.out.burn_no, 0);
    assert_sound(T0 + 2);
}

static void promo_and_paid_can_be_taken_apart(void **state)
{
    (void)state;
    (void)give("paid", "10", T0, DM_BURN_NEVER);
    (void)give("promo", "3", T0, T0 + DAY);
    act a = burn_of("5", T0);
    a.burn.of = DM_WALLET_OF_PROMO;
    assert_int_equal(tx(meter, do_burn, &a), 0);
    assert_burnt(&a, "3.000000000000000000", "0.000000000000000000");
    a = burn_of("2", T0);
    a.burn.of = DM_WALLET_OF_PAID;
    a.burn.against = "receivable";
    assert_int_equal(tx(meter, do_burn, &a), 0);
    assert_burnt(&a, "0.000000000000000000", "2.000000000000000000");
    assert_string_equal(booked("receivable"), "-2.00");
    assert_sound(T0);
}

static void a_burn_is_done_once(void **state)
{
    (void)state;
    (void)give("paid", "10", T0, DM_BURN_NEVER);
    act a = burn("4", T0), again = a;
    assert_int_equal(tx(meter, do_burn, &again), 0);
    assert_int_equal(again.out.burn_no, a.out.burn_no);
    assert_burnt(&again, "0.000000000000000000", "4.000000000000000000");
    assert_string_equal(rows_at(T0), "6.000000000000000000");
    assert_sound(T0);
}

/* Today's order would be another: a grant that came later, and would go first, has nothing to do with it. */
static void a_correction_unwinds_what_was_recorded(void **state)
{
    (void)state;
    int64_t promo = give("promo", "3", T0, T0 + 2 * DAY), paid = give("paid", "10", T0, DM_BURN_NEVER);
    act a = burn("5", T0);
    (void)give("promo", "3", T0 + 1, T0 + DAY);
    act back = unburn(a.out.burn_no, "2.5", T0 + 2);
    assert_burnt(&back, "0.500000000000000000", "2.000000000000000000");
    assert_string_equal(
            ask("SELECT remaining::numeric(38,1) FROM dm.wallet_grant WHERE grant_no = %lld", (long long)promo), "0.5");
    assert_string_equal(
            ask("SELECT remaining::numeric(38,1) FROM dm.wallet_grant WHERE grant_no = %lld", (long long)paid), "10.0");
    assert_sound(T0 + 2);
    act rest = unburn(a.out.burn_no, "100", T0 + 3); /* what is left of it, and no more */
    assert_burnt(&rest, "2.500000000000000000", "0.000000000000000000");
    act none = unburn(a.out.burn_no, "1", T0 + 3);
    assert_int_equal(none.out.burn_no, 0);
    assert_string_equal(booked("unbilled"), "0.00");
    assert_sound(T0 + 3);
    act again = back;
    assert_int_equal(tx(meter, do_unburn, &again), 0);
    assert_burnt(&again, "0.500000000000000000", "2.000000000000000000");
    again.unburn.burn_no = 1 << 30;
    again.unburn.idem_key = key("nobody");
    assert_int_equal(tx(meter, do_unburn, &again), DM_E_NOTFOUND);
}

static void what_goes_back_to_a_grant_that_is_over_expires(void **state)
{
    (void)state;
    int64_t grant = give("promo", "3", T0, T0 + DAY);
    act a = burn("2", T0);
    act e = {.no = grant, .at = T0 + DAY};
    assert_int_equal(tx(meter, do_expire, &e), 0);
    assert_int_equal(tx(meter, do_expire, &e), 0);
    assert_string_equal(rows_at(T0 + DAY), "0.000000000000000000");
    assert_string_equal(booked("breakage"), "-1.00");
    (void)unburn(a.out.burn_no, "2", T0 + 2 * DAY);
    assert_sound(T0 + 2 * DAY);
    e.at = T0 + 2 * DAY;
    assert_int_equal(tx(meter, do_expire, &e), 0);
    assert_string_equal(
            ask("SELECT remaining::numeric(38,1) FROM dm.wallet_grant WHERE grant_no = %lld", (long long)grant), "0.0");
    assert_string_equal(booked("breakage"), "-3.00");
    assert_sound(T0 + 2 * DAY);
}

static void what_is_held_is_nobodys_and_does_not_expire(void **state)
{
    (void)state;
    int64_t grant = give("promo", "5", T0, T0 + DAY);
    (void)give("paid", "1", T0, DM_BURN_NEVER);
    act h = hold_of("4", T0);
    assert_int_equal(tx(meter, do_hold, &h), 0);
    int64_t hold = h.no;
    assert_int_equal(tx(meter, do_hold, &h), 0); /* once more is no other */
    assert_int_equal(h.no, hold);
    assert_sound(T0);
    act more = hold_of("3", T0);
    assert_int_equal(tx(meter, do_hold, &more), DM_WALLET_SHORT);
    act b = burn("10", T0);
    assert_burnt(&b, "1.000000000000000000", "1.000000000000000000");
    act e = {.no = grant, .at = T0 + DAY};
    assert_int_equal(tx(meter, do_expire, &e), 0);
    assert_string_equal(rows_at(T0 + DAY), "4.000000000000000000");
    assert_sound(T0 + DAY);
    act p = burn_of("3", T0 + DAY + 1);
    p.no = hold;
    assert_int_equal(tx(meter, do_post, &p), 0);
    assert_burnt(&p, "3.000000000000000000", "0.000000000000000000");
    assert_sound(T0 + DAY + 1); /* the fourth went with its grant */
    act again = p;
    assert_int_equal(tx(meter, do_post, &again), 0);
    assert_int_equal(again.out.burn_no, p.out.burn_no);
    act other = burn_of("1", T0 + DAY + 1);
    other.no = hold;
    assert_int_equal(tx(meter, do_post, &other), DM_WALLET_OVER);
    act v = {.no = hold, .at = T0 + DAY + 2};
    assert_int_equal(tx(meter, do_void, &v), DM_WALLET_OVER);
    e.at = T0 + DAY + 2;
    assert_int_equal(tx(meter, do_expire, &e), 0);
    assert_string_equal(rows_at(T0 + DAY + 2), "0.000000000000000000");
    assert_string_equal(booked("breakage"), "-1.00");
    assert_sound(T0 + DAY + 2);
}

static void what_is_voided_is_there_again(void **state)
{
    (void)state;
    (void)give("promo", "5", T0, T0 + DAY);
    act h = hold_of("5", T0);
    assert_int_equal(tx(meter, do_hold, &h), 0);
    act v = {.no = h.no, .at = T0 + 1};
    assert_int_equal(tx(meter, do_void, &v), 0);
    assert_int_equal(tx(meter, do_void, &v), 0);
    assert_sound(T0 + 1);
    act p = burn_of("1", T0 + 1);
    p.no = h.no;
    assert_int_equal(tx(meter, do_post, &p), DM_WALLET_OVER);
    act b = burn("5", T0 + 1);
    assert_burnt(&b, "5.000000000000000000", "0.000000000000000000");
    assert_sound(T0 + 1);
}

/* The database itself gives nothing twice, and takes nothing back. */
static void the_database_refuses(void **state)
{
    (void)state;
    int64_t grant = give("paid", "5", T0, DM_BURN_NEVER);
    act a = burn("2", T0);
    char text[500];
    (void)snprintf(text, sizeof(text), "INSERT INTO dm.wallet_burn_part VALUES (%lld, %lld, 9, %lld, 4)",
            (long long)who.v, (long long)a.out.burn_no, (long long)grant);
    assert_string_equal(cluster_try(pg.super, text), "23514");
    (void)snprintf(text, sizeof(text), "INSERT INTO dm.wallet_burn_part VALUES (%lld, %lld, 9, %lld, 1)",
            (long long)who.v, (long long)a.out.burn_no, (long long)grant);
    assert_string_equal(
            cluster_try(pg.super, text), "done"); /* of a burn's parts: only with the burn is the sum asked */
    static const char *const never[] = {"UPDATE dm.wallet_grant SET amount = amount + 1", "DELETE FROM dm.wallet_grant",
            "UPDATE dm.wallet_burn SET promo = 0", "DELETE FROM dm.wallet_burn_part", "TRUNCATE dm.wallet_burn_part"};
    for (size_t i = 0; i < DM_LEN(never); i++)
        assert_string_equal(cluster_try(pg.super, never[i]), "42501");
}

/* --- by chance ---------------------------------------------------------------------------------------------- */

static uint64_t seed = 7;

static int64_t chance(int64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((seed >> 33) % (uint64_t)below);
}

static const char *some(void)
{
    static char text[4][32];
    static unsigned at;
    char *out = text[at++ % 4];
    (void)snprintf(out, sizeof(text[0]), "%d.%09d", (int)chance(5), 1 + (int)chance(999999998));
    return out;
}

/* A burn takes what is asked or what is there. */
static void a_burn_by_chance(int64_t at, int64_t *last)
{
    char want[64], got[64];
    act a = burn_of(some(), at);
    char asked[DM_MONEY_TEXT];
    dm_money_print(a.burn.amount, asked);
    (void)snprintf(want, sizeof(want), "%s",
            ask("SELECT least(%s, coalesce(sum(dm.wallet_free(g, dm.ts(%lld000000))), 0))::numeric(38,18) FROM "
                "dm.wallet_grant g WHERE account_no = %lld",
                    asked, (long long)at, (long long)who.v));
    assert_int_equal(tx(meter, do_burn, &a), 0);
    dm_money_print((dm_money){a.out.promo.v + a.out.paid.v}, got);
    assert_string_equal(got, want);
    if (a.out.burn_no != 0)
        *last = a.out.burn_no;
}

static void whatever_is_done_in_whatever_order(void **state)
{
    enum { STEPS = 250, HOLDS = 4 };
    int64_t at = T0, last = 0, holds[HOLDS] = {0}, grants[STEPS];
    size_t ngrants = 0;
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        int64_t which = chance(HOLDS);
        at += chance(DAY / 3);
        act a = {.no = holds[which], .at = at};
        switch (chance(8)) {
        case 0:
        case 1:
            grants[ngrants++] = give("promo", some(), at, at + 1 + chance(2 * DAY));
            break;
        case 2:
            (void)give("paid", some(), at, DM_BURN_NEVER);
            break;
        case 3:
            a_burn_by_chance(at, &last);
            break;
        case 4:
            if (last != 0)
                (void)unburn(last, some(), at);
            break;
        case 5:
            a = hold_of(some(), at);
            if (tx(meter, do_hold, &a) == 0)
                holds[which] = a.no;
            break;
        case 6:
            if (holds[which] != 0 && chance(2) == 0) {
                assert_true(tx(meter, do_void, &a) >= 0);
            } else if (holds[which] != 0) {
                act p = burn_of(some(), at);
                p.no = holds[which];
                assert_true(tx(meter, do_post, &p) >= 0);
            }
            break;
        default:
            for (size_t k = 0; k < ngrants; k++) {
                a.no = grants[k];
                assert_int_equal(tx(meter, do_expire, &a), 0);
            }
        }
        assert_sound(at);
    }
}

/* --- several at once ---------------------------------------------------------------------------------------- */

enum { BURNERS = 8, BURNS = 12 };

typedef struct burner {
    int no;
    bool serializable;
    dm_i128 took;
    pthread_t thread;
} burner;

static void *burns(void *arg)
{
    burner *b = arg;
    dm_pg *c = NULL;
    if (cluster_open(&pg, "wallet", "dm_meter", &c) < 0)
        return NULL;
    for (int i = 0; i < BURNS; i++) {
        char idem[64];
        (void)snprintf(idem, sizeof(idem), "many:%lld:%d:%d", (long long)who.v, b->no, i);
        act a = {.burn = {.account_no = who,
                         .currency = "CNY",
                         .amount = {(dm_i128)1700000000 * 1000000000},
                         .kind = "invoice",
                         .against = "unbilled",
                         .idem_key = idem,
                         .at_s = T0}};
        dm_err err;
        if (dm_pg_tx_on(c, &(dm_pg_scope){.serializable = b->serializable}, do_burn, &a, &err) == 0)
            b->took += a.out.promo.v + a.out.paid.v;
        else
            i--; /* of eight that are serializable one may be turned away */
    }
    dm_pg_close(c);
    return NULL;
}

static void at_once(bool serializable)
{
    burner all[BURNERS];
    dm_i128 took = 0;
    for (int i = 0; i < 10; i++)
        (void)give(i % 2 == 0 ? "paid" : "promo", "10", T0, i % 2 == 0 ? DM_BURN_NEVER : T0 + DAY + i);
    for (int i = 0; i < BURNERS; i++) {
        all[i] = (burner){.no = i, .serializable = serializable};
        assert_int_equal(pthread_create(&all[i].thread, NULL, burns, &all[i]), 0);
    }
    for (int i = 0; i < BURNERS; i++) {
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
        took += all[i].took;
    }
    assert_true(took == (dm_i128)100 * 1000000000 * 1000000000); /* they asked for 163.2 */
    assert_string_equal(rows_at(T0), "0.000000000000000000");
    assert_string_equal(booked("unbilled"), "-100.00");
    assert_sound(T0);
}

static void eight_burners_never_overdraw(void **state)
{
    (void)state;
    at_once(false);
}

static void nor_do_eight_that_are_serializable(void **state)
{
    (void)state;
    at_once(true);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
            cmocka_unit_test_setup(what_is_given_stands_in_the_journal, fresh),
            cmocka_unit_test_setup(a_grant_is_made_once, fresh),
            cmocka_unit_test_setup(given_goes_before_paid_and_what_expires_first_first, fresh),
            cmocka_unit_test_setup(promo_and_paid_can_be_taken_apart, fresh),
            cmocka_unit_test_setup(a_burn_is_done_once, fresh),
            cmocka_unit_test_setup(a_correction_unwinds_what_was_recorded, fresh),
            cmocka_unit_test_setup(what_goes_back_to_a_grant_that_is_over_expires, fresh),
            cmocka_unit_test_setup(what_is_held_is_nobodys_and_does_not_expire, fresh),
            cmocka_unit_test_setup(what_is_voided_is_there_again, fresh),
            cmocka_unit_test_setup(the_database_refuses, fresh),
            cmocka_unit_test_setup(whatever_is_done_in_whatever_order, fresh),
            cmocka_unit_test_setup(eight_burners_never_overdraw, fresh),
            cmocka_unit_test_setup(nor_do_eight_that_are_serializable, fresh),
    };
    if (cluster_make(&pg, "wallet") < 0 || cluster_open(&pg, "wallet", "dm_meter", &meter) < 0)
        return 1;
    int r = cmocka_run_group_tests(all, NULL, NULL);
    dm_pg_close(meter);
    return r;
}

int main(void)
{
    return cluster_main(&pg, tests);
}
