/* Covers tenants/sandbox/sql_idem.c. */
#include "tenants/sandbox/idem.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

enum { STALE_S = 60 };

static dm_sandbox_id id_of(uint8_t n)
{
    dm_sandbox_id id = {{0}};
    id.b[sizeof id.b - 1] = n;
    return id;
}

static dm_idem idem_of(const char *key, uint8_t body)
{
    dm_idem i = {.owner = rig.demo.project.owner, .key = dm_str_c(key)};
    i.body.b[0] = body;
    return i;
}

typedef struct work {
    const dm_idem *idem;
    dm_sandbox_id *sandbox;
    int status;
} work;

static int do_begin(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_idem_begin(c, w->idem, STALE_S, w->sandbox, err);
}

static int do_settle(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_idem_settle(c, w->idem, w->status, err);
}

static int do_drop(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_idem_drop(c, w->idem, err);
}

static int do_expire(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_idem_expire(c, err);
}

static int call(dm_pg_fn fn, const dm_idem *idem, dm_sandbox_id *sandbox, int status)
{
    dm_err err = {0};
    work w = {.idem = idem, .sandbox = sandbox, .status = status};
    int r = dm_tenantrig_as_api(&rig, idem->owner, fn, &w, &err);
    if (r < 0)
        print_message("%s\n", err.msg);
    return r;
}

static int begin(const dm_idem *idem, dm_sandbox_id *sandbox)
{
    return call(do_begin, idem, sandbox, 0);
}

static int clean(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "DELETE FROM dm.idempotency; DELETE FROM dm.project WHERE slug = 'beside'");
    return 0;
}

/* The first request has the key; whoever comes meanwhile is told so, and later gets what the first one made. */
static void the_same_request_is_made_once(void **state)
{
    (void)state;
    const dm_idem i = idem_of("job-1", 1);
    dm_sandbox_id first = id_of(1), second = id_of(2);
    assert_int_equal(begin(&i, &first), 0);
    assert_int_equal(begin(&i, &second), DM_IDEM_RUNNING);
    assert_true(second.b[sizeof second.b - 1] == 2);
    assert_int_equal(call(do_settle, &i, NULL, 201), 0);
    assert_int_equal(begin(&i, &second), DM_IDEM_DONE);
    assert_true(dm_sandbox_id_eq(&second, &first));
}

static void another_body_is_another_request(void **state)
{
    (void)state;
    const dm_idem i = idem_of("job-1", 1), other = idem_of("job-1", 2);
    dm_sandbox_id first = id_of(1), second = id_of(2);
    assert_int_equal(begin(&i, &first), 0);
    assert_int_equal(begin(&other, &second), DM_IDEM_MISMATCH);
    assert_int_equal(call(do_settle, &i, NULL, 201), 0);
    assert_int_equal(begin(&other, &second), DM_IDEM_MISMATCH);
}

/* Nobody can say what became of a first request that has been under way for too long; once it has settled, it is known
 * however old it is. */
static void a_request_that_was_cut_off(void **state)
{
    (void)state;
    const dm_idem i = idem_of("job-1", 1);
    dm_sandbox_id first = id_of(1), second = id_of(2);
    assert_int_equal(begin(&i, &first), 0);
    dm_tenantrig_sql(&rig, "UPDATE dm.idempotency SET created_at = now() - interval '55 s'");
    assert_int_equal(begin(&i, &second), DM_IDEM_RUNNING);
    dm_tenantrig_sql(&rig, "UPDATE dm.idempotency SET created_at = now() - interval '61 s'");
    assert_int_equal(begin(&i, &second), DM_IDEM_UNKNOWN);
    assert_int_equal(call(do_settle, &i, NULL, 201), 0);
    assert_int_equal(begin(&i, &second), DM_IDEM_DONE);
}

/* A start that left nothing behind gives the key back. */
static void what_is_dropped_is_new_again(void **state)
{
    (void)state;
    const dm_idem i = idem_of("job-1", 1), other = idem_of("job-1", 2);
    dm_sandbox_id first = id_of(1), second = id_of(2);
    assert_int_equal(begin(&i, &first), 0);
    assert_int_equal(call(do_drop, &i, NULL, 0), 0);
    assert_int_equal(begin(&other, &second), 0);
}

static void a_key_is_a_projects_own(void **state)
{
    (void)state;
    dm_tenantrig_sql(&rig, "INSERT INTO dm.project (account_no, slug, name, region_no)"
                           " SELECT account_no, 'beside', 'Beside', region_no FROM dm.project WHERE slug = 'demo'");
    dm_idem own = idem_of("job-1", 1), beside = own;
    beside.owner.project.v = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'beside'");
    dm_sandbox_id first = id_of(1), second = id_of(2);
    assert_int_equal(begin(&own, &first), 0);
    assert_int_equal(begin(&beside, &second), 0);
    assert_int_equal(call(do_drop, &beside, NULL, 0), 0);
    assert_int_equal(begin(&own, &second), DM_IDEM_RUNNING);
}

static void a_day_later_it_is_forgotten(void **state)
{
    (void)state;
    const dm_idem i = idem_of("old", 1), young = idem_of("young", 1);
    dm_sandbox_id first = id_of(1), second = id_of(2);
    dm_err err = {0};
    assert_int_equal(begin(&i, &first), 0);
    assert_int_equal(begin(&young, &second), 0);
    dm_tenantrig_sql(&rig, "UPDATE dm.idempotency SET created_at = now() - interval '25 h' WHERE key = 'old';"
                           "UPDATE dm.idempotency SET created_at = now() - interval '23 h' WHERE key = 'young'");
    assert_int_equal(dm_tenantrig_as_ops(&rig, do_expire, NULL, &err), 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.idempotency"), 1);
    assert_int_equal(begin(&i, &first), 0);
    assert_int_equal(begin(&young, &second), DM_IDEM_UNKNOWN);
}

static void what_a_key_may_be(void **state)
{
    (void)state;
    char longest[DM_IDEM_KEY_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(dm_idem_key_ok((dm_str){longest, DM_IDEM_KEY_MAX}));
    assert_false(dm_idem_key_ok((dm_str){longest, DM_IDEM_KEY_MAX + 1}));
    assert_true(dm_idem_key_ok(DM_STR("0-9-a-z")));
    static const char *const bad[] = {"", "A", "a b", "a_b", "a.b", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (dm_idem_key_ok(dm_str_c(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(the_same_request_is_made_once, clean),
            cmocka_unit_test_teardown(another_body_is_another_request, clean),
            cmocka_unit_test_teardown(a_request_that_was_cut_off, clean),
            cmocka_unit_test_teardown(what_is_dropped_is_new_again, clean),
            cmocka_unit_test_teardown(a_key_is_a_projects_own, clean),
            cmocka_unit_test_teardown(a_day_later_it_is_forgotten, clean), cmocka_unit_test(what_a_key_may_be)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
