/* Covers tenants/who/sql_session.c. */
#include <stdio.h>

#include "tenants/who/refresh.h"
#include "tenants/who/session.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static dm_pg_pool *pool;
static dm_person_no anna, ben;
static dm_operator_no olga;
static const dm_session_life life = {3600, 86400};

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_pgtest_conninfo(rig.pg, "dm_who", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 4, .wait_ms = 1000, .statement_ms = 5000};
    dm_tenantrig_sql(&rig, "INSERT INTO dm.person (email, name) VALUES ('anna@x.test', 'Anna'), ('ben@x.test', 'Ben');"
                           "INSERT INTO dm.operator (email, name) VALUES ('olga@x.test', 'olga')");
    anna.v = dm_tenantrig_number(&rig, "SELECT person_no FROM dm.person WHERE email = 'anna@x.test'");
    ben.v = dm_tenantrig_number(&rig, "SELECT person_no FROM dm.person WHERE email = 'ben@x.test'");
    olga.v = dm_tenantrig_number(&rig, "SELECT operator_no FROM dm.operator");
    return dm_pg_pool_new(&config, &pool, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_pg_pool_free(pool);
    return 0;
}

/* --- acts, each in a transaction of somebody's -------------------------------------------------------------- */

typedef struct act {
    enum { BEGIN, TURN, END, END_ALL, LIST } what;
    dm_person_no person;
    dm_operator_no operator_;
    char id[DM_UUID_TEXT];
    const char *why;
    int64_t turn;
    dm_session_row rows[DM_SESSIONS_MAX];
    size_t n;
    int outcome;
} act;

static int do_it(dm_pg *c, void *arg, dm_err *err)
{
    act *a = arg;
    const dm_session_new n = {.person = a->person,
            .operator_ = a->operator_,
            .proven = true,
            .agent = DM_STR("Mozilla/5.0"),
            .address = DM_STR("192.0.2.1"),
            .life = life};
    switch (a->what) {
    case BEGIN:
        a->outcome = dm_session_begin(c, &n, a->id, err);
        break;
    case TURN:
        a->outcome = dm_session_turn(c, a->id, life, &a->turn, err);
        break;
    case END:
        a->outcome = dm_session_end(c, a->id, a->why, err);
        break;
    case END_ALL:
        a->outcome = dm_session_end_all(c, a->id[0] != '\0' ? a->id : NULL, a->why, err);
        break;
    case LIST:
        a->outcome = dm_session_list(c, a->rows, &a->n, err);
        break;
    }
    return a->outcome < 0 ? a->outcome : 0;
}

static int run(act *a)
{
    const dm_pg_scope scope = {.person_no = a->person.v, .operator_no = a->operator_.v};
    dm_err err = {0};
    if (dm_pg_tx(pool, &scope, do_it, a, &err) < 0)
        fail_msg("%s", err.msg);
    return a->outcome;
}

static act begun(dm_person_no who)
{
    act a = {.what = BEGIN, .person = who};
    assert_int_equal(run(&a), 0);
    return a;
}

static int turned(act *a, int64_t from, int64_t *to)
{
    a->what = TURN;
    a->turn = from;
    int r = run(a);
    *to = a->turn;
    return r;
}

static const char *why_of(const act *a)
{
    static char why[256];
    char sql[200];
    (void)snprintf(sql, sizeof sql, "SELECT coalesce(ended_why, '') FROM dm.session WHERE id = '%s'", a->id);
    dm_tenantrig_text(&rig, sql, why);
    return why;
}

/* --- turns -------------------------------------------------------------------------------------------------- */

static void each_turn_is_good_once(void **state)
{
    (void)state;
    act a = begun(anna);
    int64_t turn = 0;
    for (int64_t i = 0; i < 5; i++) {
        assert_int_equal(turned(&a, i, &turn), 0);
        assert_int_equal(turn, i + 1);
    }
    assert_string_equal(why_of(&a), "");
    assert_int_equal(turned(&a, 4, &turn), DM_SESSION_REUSED);
    assert_string_equal(why_of(&a), "reused");
    /* The thief's and the owner's are both over. */
    assert_int_equal(turned(&a, 5, &turn), DM_SESSION_NONE);
    assert_int_equal(turned(&a, 4, &turn), DM_SESSION_NONE);
}

/* What only the reading of the token can say (refresh_test): a turn that was not given yet ends nothing. */
static void a_turn_of_the_future_ends_nothing(void **state)
{
    (void)state;
    act a = begun(anna);
    int64_t turn;
    assert_int_equal(turned(&a, 1, &turn), DM_SESSION_NONE);
    assert_string_equal(why_of(&a), "");
    assert_int_equal(turned(&a, 0, &turn), 0);
}

/* Another person's scope neither turns nor ends it. */
static void a_session_is_its_persons(void **state)
{
    (void)state;
    act a = begun(anna), b = a;
    int64_t turn;
    b.person = ben;
    assert_int_equal(turned(&b, 0, &turn), DM_SESSION_NONE);
    b.what = END;
    b.why = "signed_out";
    assert_int_equal(run(&b), DM_SESSION_NONE);
    b.what = END_ALL;
    b.id[0] = '\0';
    assert_int_equal(run(&b), 0);
    b.what = LIST;
    assert_int_equal(run(&b), 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(turned(&a, 0, &turn), 0);
    a.what = LIST;
    assert_int_equal(run(&a), 0);
    assert_true(a.n >= 1);
    assert_string_equal(a.rows[0].agent, "Mozilla/5.0");
    assert_string_equal(a.rows[0].address, "192.0.2.1");
    assert_true(a.rows[0].expires_at_us > a.rows[0].begun_at_us);
}

static void everywhere_but_here(void **state)
{
    (void)state;
    act here = begun(ben), there = begun(ben), others = begun(anna);
    int64_t turn;
    here.what = END_ALL;
    here.why = "everywhere";
    assert_int_equal(run(&here), 0);
    assert_string_equal(why_of(&there), "everywhere");
    assert_string_equal(why_of(&others), "");
    assert_int_equal(turned(&here, 0, &turn), 0);
}

/* --- whether it goes on ------------------------------------------------------------------------------------- */

static int finds(dm_sessions *s, const act *a, dm_signed_in *in)
{
    dm_err err = {0};
    int r = dm_sessions_find(s, a->id, in, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

static dm_sessions *replica(void)
{
    dm_sessions *s = NULL;
    assert_int_equal(dm_sessions_new(pool, &dm_clock_real, 60000, &s, NULL), 0);
    return s;
}

/* A replica that hears of ends remembers; its memory is the word that it was told. Another one needs no word: it asks.
 */
static void two_replicas(void **state)
{
    (void)state;
    DM_AUTO(dm_sessions) hears = replica();
    DM_AUTO(dm_sessions) deaf = replica();
    act a = begun(anna), b = begun(anna);
    dm_signed_in in;
    dm_pg_note note = {.channel = ""};
    dm_err err = {0};
    dm_pg *ear = NULL;
    char conninfo[256];
    dm_buf_init(&note.payload, 8192);
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &ear, &err), 0);
    assert_int_equal(dm_pg_script(ear, "LISTEN dm_sessions", &err), 0);
    dm_sessions_hear(hears, true);
    assert_int_equal(finds(hears, &a, &in), 0);
    assert_int_equal(in.person.v, anna.v);
    assert_string_equal(in.session, a.id);
    assert_int_equal(finds(hears, &b, &in), 0);
    assert_int_equal(finds(deaf, &a, &in), 0);
    a.what = END;
    a.why = "signed_out";
    assert_int_equal(run(&a), 0);
    assert_int_equal(finds(deaf, &a, &in), DM_SESSION_NONE);
    assert_int_equal(finds(hears, &a, &in), 0); /* it was not told yet */
    assert_int_equal(dm_pg_wait_notify(ear, 5000, &note, &err), 0);
    assert_string_equal(note.channel, "dm_sessions");
    assert_string_equal(note.payload.p, a.id);
    dm_sessions_forget(hears, dm_buf_view(&note.payload));
    assert_int_equal(finds(hears, &a, &in), DM_SESSION_NONE);
    assert_int_equal(finds(hears, &b, &in), 0);
    /* Whoever has lost its ear believes nothing that it remembers. */
    b.what = END;
    b.why = "signed_out";
    assert_int_equal(run(&b), 0);
    assert_int_equal(finds(hears, &b, &in), 0);
    dm_sessions_hear(hears, false);
    assert_int_equal(finds(hears, &b, &in), DM_SESSION_NONE);
    dm_pg_close(ear);
    dm_buf_done(&note.payload);
}

static void what_does_not_go_on(void **state)
{
    (void)state;
    DM_AUTO(dm_sessions) s = replica();
    static const char *const ends[] = {"UPDATE dm.session SET expires_at = now() WHERE id = ",
            "UPDATE dm.person p SET closed_at = now() FROM dm.session s WHERE s.person_no = p.person_no AND s.id = "};
    for (size_t i = 0; i < DM_LEN(ends); i++) {
        act a = begun(ben);
        dm_signed_in in;
        char sql[256];
        assert_int_equal(finds(s, &a, &in), 0);
        (void)snprintf(sql, sizeof sql, "%s'%s'", ends[i], a.id);
        dm_tenantrig_sql(&rig, sql);
        assert_int_equal(finds(s, &a, &in), DM_SESSION_NONE);
        dm_tenantrig_sql(&rig, "UPDATE dm.person SET closed_at = NULL");
    }
    act never = {.id = "0b6dbf0e-5f0a-4a6e-9a53-0f7c3c1f6f11"};
    dm_signed_in in;
    assert_int_equal(finds(s, &never, &in), DM_SESSION_NONE);
}

/* An operator's is ready when his first sign-in is through, and is over with him. */
static void an_operators(void **state)
{
    (void)state;
    DM_AUTO(dm_sessions) s = replica();
    act a = {.what = BEGIN, .operator_ = olga};
    dm_signed_in in;
    assert_int_equal(run(&a), 0);
    assert_int_equal(finds(s, &a, &in), 0);
    assert_int_equal(in.operator_.v, olga.v);
    assert_int_equal(in.person.v, 0);
    assert_string_equal(in.name, "olga");
    assert_false(in.ready);
    dm_tenantrig_sql(&rig, "UPDATE dm.operator SET one_time = false");
    assert_int_equal(finds(s, &a, &in), 0);
    assert_false(in.ready);
    dm_tenantrig_sql(&rig, "UPDATE dm.operator SET totp_from = now()");
    assert_int_equal(finds(s, &a, &in), 0);
    assert_true(in.ready);
    dm_tenantrig_sql(&rig, "UPDATE dm.operator SET disabled_at = now()");
    assert_int_equal(finds(s, &a, &in), DM_SESSION_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_turn_is_good_once),
            cmocka_unit_test(a_turn_of_the_future_ends_nothing), cmocka_unit_test(a_session_is_its_persons),
            cmocka_unit_test(everywhere_but_here), cmocka_unit_test(two_replicas),
            cmocka_unit_test(what_does_not_go_on), cmocka_unit_test(an_operators)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
