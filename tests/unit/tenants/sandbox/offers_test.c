#include "tenants/sandbox/offers.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

typedef struct asking {
    dm_offers *offers;
    const char *name;
    dm_template *out;
} asking;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    const asking *a = arg;
    dm_template_name name;
    int r = dm_template_name_parse(dm_str_c(a->name), &name, err);
    return r < 0 ? r : dm_offers_find(a->offers, c, rig.demo.project.owner.project, &name, a->out, err);
}

static int ask(dm_offers *o, const char *name, dm_template *out)
{
    dm_err err = {0};
    asking a = {.offers = o, .name = name, .out = out};
    return dm_tenantrig_as_api(&rig, rig.demo.project.owner, find, &a, &err);
}

static dm_offers *offers(const dm_clock *clock, unsigned keep_ms)
{
    dm_offers *o = NULL;
    dm_err err = {0};
    if (dm_offers_new(clock, keep_ms, &o, &err) < 0)
        fail_msg("%s", err.msg);
    return o;
}

static int64_t vcpus_of(dm_offers *o, const char *name)
{
    DM_AUTO_TEMPLATE t = {.rows = NULL};
    assert_int_equal(ask(o, name, &t), 0);
    return t.vcpus;
}

/* Told the same from memory as from the database, until it is forgotten or too old; none is asked for each time. */
static void kept_until_forgotten(void **state)
{
    (void)state;
    dm_clock_fake clock;
    dm_clock_fake_init(&clock, 0);
    DM_AUTO(dm_offers) o = offers(&clock.base, 1000);
    DM_AUTO_TEMPLATE fresh = {.rows = NULL};
    DM_AUTO_TEMPLATE kept = {.rows = NULL};
    assert_int_equal(ask(o, "other", &fresh), DM_TEMPLATE_NONE);
    assert_int_equal(ask(o, "base", &fresh), 0);
    assert_non_null(fresh.rows);
    assert_int_equal(ask(o, "base", &kept), 0);
    assert_null(kept.rows); /* it did not ask */
    assert_true(kept.public == fresh.public && kept.tagged == fresh.tagged && kept.owner.v == fresh.owner.v);
    assert_true(kept.vcpus == fresh.vcpus && kept.mem_mib == fresh.mem_mib && kept.disk_mib == fresh.disk_mib);
    const dm_str texts[][2] = {{kept.template_id, fresh.template_id}, {kept.alias, fresh.alias},
            {kept.build_id, fresh.build_id}, {kept.image, fresh.image}, {kept.user, fresh.user},
            {kept.workdir, fresh.workdir}, {kept.env, fresh.env}};
    for (size_t i = 0; i < DM_LEN(texts); i++) {
        assert_int_equal(texts[i][0].p == NULL, texts[i][1].p == NULL);
        assert_true(dm_str_eq(texts[i][0], texts[i][1]));
    }
    int64_t was = kept.vcpus;
    dm_tenantrig_sql(&rig, "UPDATE dm.template_build SET vcpus = vcpus + 1");
    assert_int_equal(vcpus_of(o, "base"), was);
    dm_offers_forget(o);
    assert_int_equal(vcpus_of(o, "base"), was + 1);
    dm_tenantrig_sql(&rig, "UPDATE dm.template_build SET vcpus = vcpus - 1");
    dm_clock_fake_move(&clock, 1000001);
    assert_int_equal(vcpus_of(o, "base"), was);
    assert_int_equal(ask(o, "base:nothing", &kept), 0); /* another tag is another name, and none of it is not kept */
    assert_false(kept.tagged);
    assert_null(kept.build_id.p);
}

/* What is too long to be kept is right all the same. */
static void a_long_environment(void **state)
{
    (void)state;
    DM_AUTO(dm_offers) o = offers(&dm_clock_real, 60000);
    DM_AUTO_TEMPLATE t = {.rows = NULL};
    dm_tenantrig_sql(&rig, "UPDATE dm.template_build SET env = jsonb_build_object('LONG', repeat('x', 5000))");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(o, "base", &t), 0);
        assert_non_null(t.rows);
        assert_true(t.env.n > 5000);
    }
    dm_tenantrig_sql(&rig, "UPDATE dm.template_build SET env = '{}'");
}

/* Whatever makes a name mean something else is told, and that a template was used is not. */
static void changes_are_told(void **state)
{
    (void)state;
    static const char *const told[] = {"UPDATE dm.template_build SET vcpus = vcpus",
            "UPDATE dm.template_tag SET build_id = build_id", "UPDATE dm.template_alias SET alias = alias",
            "UPDATE dm.template SET public = public"};
    dm_pg *c = dm_tenantrig_open(&rig);
    dm_err err = {0};
    dm_pg_note note = {.channel = ""};
    dm_buf_init(&note.payload, 8192);
    assert_int_equal(dm_pg_script(c, "LISTEN dm_templates", &err), 0);
    for (size_t i = 0; i < DM_LEN(told); i++) {
        dm_tenantrig_sql(&rig, "UPDATE dm.template SET spawn_count = spawn_count + 1");
        assert_int_equal(dm_pg_wait_notify(c, 0, &note, &err), DM_E_TIMEOUT);
        dm_tenantrig_sql(&rig, told[i]);
        assert_int_equal(dm_pg_wait_notify(c, 10000, &note, &err), 0);
        assert_string_equal(note.channel, "dm_templates");
    }
    dm_buf_done(&note.payload);
    dm_pg_close(c);
}

static int start(void **state)
{
    (void)state;
    dm_tenantrig_start(&rig);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_tenantrig_stop(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_until_forgotten), cmocka_unit_test(a_long_environment),
            cmocka_unit_test(changes_are_told)};
    return cmocka_run_group_tests(tests, start, stop);
}
