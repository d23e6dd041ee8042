/* Covers tenants/who/sql_access.c, tenants/who/sql_key.c, tenants/who/sql_caller.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/access.h"
#include "tenants/who/auth.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static dm_pg_pool *pool;
static dm_auth *auth;

typedef struct work {
    dm_caller by;
    dm_str name;
    const char *text; /* a token, an id, or a project */
    dm_access_made made;
    dm_caller found;
    int64_t token_no, revoked;
    dm_key key;
    dm_pg_rows *rows;
} work;

static dm_caller self(const dm_tenantrig_person *p)
{
    dm_caller c = {.person = p->no, .rights = UINT64_C(1) << DM_RIGHT_SELF};
    (void)snprintf(c.who, sizeof c.who, "%s", p->who);
    return c;
}

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_access_add(c, &w->by, w->name, &w->made, err);
}

static int end_one(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_access_revoke(c, &w->by, w->text, err);
}

static int list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_access_list(c, &w->by, &w->rows, err);
}

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_access_find(c, dm_str_c(w->text), &w->found, &w->token_no, err);
}

static int project(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_access_project(c, &w->by, dm_str_c(w->text), &w->found, err);
}

static int teams(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_access_teams(c, &w->by, &w->rows, err);
}

static int fetched(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_fetched(c, &w->by, w->token_no, &w->revoked, err);
}

static int fetch(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_fetch(c, &w->by, w->token_no, &w->key, err);
}

static int as_person(dm_pg_fn fn, work *w)
{
    dm_err err = {0};
    int r = dm_tenantrig_as_who(&rig, w->by.person, fn, w, &err);
    if (r < 0)
        print_message("%s\n", err.msg);
    return r;
}

static int as_nobody(dm_pg_fn fn, work *w)
{
    dm_err err = {0};
    return dm_tenantrig_as_who(&rig, (dm_person_no){0}, fn, w, &err);
}

static void is_made_found_and_ended(void **state)
{
    (void)state;
    char sql[512];
    dm_access_row row;
    dm_tenantrig_person ann = dm_tenantrig_add_person(&rig, "ann@access.test", "developer", false);
    dm_tenantrig_person eve = dm_tenantrig_add_person(&rig, "eve@access.test", "owner", true);
    work w = {.by = self(&ann), .name = DM_STR_INIT("laptop")};
    assert_int_equal(as_person(add, &w), 0);
    assert_int_equal(strlen(w.made.token), 7 + 40);
    assert_true(dm_str_starts(dm_str_c(w.made.token), DM_STR("sk_e2b_")));
    assert_memory_equal(w.made.mask, w.made.token, 9);
    assert_string_equal(w.made.mask + 12, w.made.token + 43);
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.person_token t WHERE name = 'laptop' AND position('%s' IN t::text) = 0",
            w.made.token + 7);
    assert_int_equal(dm_tenantrig_number(&rig, sql), 1);

    w.text = w.made.token;
    assert_int_equal(as_nobody(find, &w), 0);
    assert_int_equal(w.found.person.v, ann.no.v);
    assert_string_equal(w.found.who, ann.who);
    assert_int_equal(w.found.rights, UINT64_C(1) << DM_RIGHT_SELF);
    assert_int_equal(w.found.owner.account.v, 0);

    /* Another's is not there. */
    work hers = {.by = self(&eve), .text = w.made.id};
    assert_int_equal(as_person(end_one, &hers), DM_ACCESS_NONE);
    assert_int_equal(as_person(list, &hers), 0);
    assert_int_equal(dm_pg_count(hers.rows), 0);
    dm_pg_rows_free(hers.rows);
    assert_int_equal(as_person(list, &w), 0);
    assert_int_equal(dm_pg_count(w.rows), 1);
    dm_access_row_read(w.rows, 0, &row);
    assert_true(dm_str_eq_c(row.mask, w.made.mask));
    dm_pg_rows_free(w.rows);

    work last = {.by = w.by, .text = w.made.id};
    assert_int_equal(as_person(end_one, &last), 0);
    assert_int_equal(as_person(end_one, &last), DM_ACCESS_NONE);
    assert_int_equal(as_nobody(find, &w), DM_ACCESS_NONE);
}

static void what_is_no_token(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "sk_e2b_", "sk_e2b_00", "e2b_000102030405060708090a0b0c0d0e0f10111213",
            "sk_e2b_000102030405060708090a0b0c0d0e0f1011121g", "sk_e2b_000102030405060708090a0b0c0d0e0f10111213",
            "SK_E2B_000102030405060708090a0b0c0d0e0f10111213"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        work w = {.text = bad[i]};
        assert_int_equal(as_nobody(find, &w), DM_ACCESS_NONE);
    }
}

static void whoever_has_gone_has_none(void **state)
{
    (void)state;
    dm_tenantrig_person gone = dm_tenantrig_add_person(&rig, "gone@access.test", "owner", true);
    work w = {.by = self(&gone), .name = DM_STR_INIT("x")};
    assert_int_equal(as_person(add, &w), 0);
    w.text = w.made.token;
    assert_int_equal(as_nobody(find, &w), 0);
    dm_tenantrig_sql(&rig, "UPDATE dm.person SET closed_at = now() WHERE email = 'gone@access.test'");
    assert_int_equal(as_nobody(find, &w), DM_ACCESS_NONE);
}

static void no_more_than_so_many(void **state)
{
    (void)state;
    dm_tenantrig_person many = dm_tenantrig_add_person(&rig, "many@access.test", "", false);
    work w = {.by = self(&many), .name = DM_STR_INIT("x")};
    for (int i = 0; i < DM_TOKENS_MAX; i++)
        assert_int_equal(as_person(add, &w), 0);
    assert_int_equal(as_person(add, &w), DM_ACCESS_FULL);
}

/* By slug, by id, by none; a slug that looks like another project's id does not take its place. */
static void which_project(void **state)
{
    (void)state;
    char sql[512];
    dm_tenantrig_person p = dm_tenantrig_add_person(&rig, "p@access.test", "viewer", false);
    dm_tenantrig_person none = dm_tenantrig_add_person(&rig, "none@access.test", "", false);
    work w = {.by = self(&p), .text = "demo"};
    const char *const names[] = {"demo", rig.demo.project.id, ""};
    for (size_t i = 0; i < DM_LEN(names); i++) {
        w.text = names[i];
        assert_int_equal(as_person(project, &w), 0);
        assert_string_equal(w.found.slug, "demo");
        assert_string_equal(w.found.who, p.who);
        assert_int_equal(w.found.rights, dm_rights_of(DM_ROLE_VIEWER));
    }
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.project (account_no, slug, name, region_no) SELECT account_no, '%s', 'Thief', 1"
            " FROM dm.project WHERE slug = 'demo'",
            rig.demo.project.id);
    dm_tenantrig_sql(&rig, sql);
    w.text = rig.demo.project.id;
    assert_int_equal(as_person(project, &w), 0);
    assert_string_equal(w.found.slug, "demo");
    dm_tenantrig_sql(&rig, "DELETE FROM dm.project WHERE name = 'Thief'");
    w.text = "nosuch";
    assert_int_equal(as_person(project, &w), DM_ACCESS_NONE);
    work nobody = {.by = self(&none), .text = "demo"};
    assert_int_equal(as_person(project, &nobody), DM_ACCESS_NONE);
    nobody.text = "";
    assert_int_equal(as_person(project, &nobody), DM_ACCESS_NONE);
}

/* An account's member is in all its projects; the one he came to first is in front. */
static void his_projects(void **state)
{
    (void)state;
    dm_team_row team;
    dm_tenantrig_person p = dm_tenantrig_add_person(&rig, "q@access.test", "developer", true);
    dm_tenantrig_sql(&rig,
            "INSERT INTO dm.project (account_no, slug, name, region_no) SELECT account_no, 'later', 'L', 1"
            " FROM dm.project WHERE slug = 'demo'");
    work w = {.by = self(&p)};
    assert_int_equal(as_person(teams, &w), 0);
    assert_int_equal(dm_pg_count(w.rows), 2);
    dm_team_row_read(w.rows, 0, &team);
    assert_str(team.slug, "demo");
    dm_pg_rows_free(w.rows);
    w.rows = NULL;
    dm_tenantrig_sql(&rig, "UPDATE dm.member SET project_no = (SELECT project_no FROM dm.project WHERE slug = 'later')"
                           " WHERE person_no = (SELECT person_no FROM dm.person WHERE email = 'q@access.test')");
    assert_int_equal(as_person(teams, &w), 0);
    assert_int_equal(dm_pg_count(w.rows), 1);
    dm_team_row_read(w.rows, 0, &team);
    assert_str(team.slug, "later");
    dm_pg_rows_free(w.rows);
}

/* --- the keys that it fetches ------------------------------------------------------------------------------- */

static int key_is(const work *w, dm_caller *out)
{
    dm_err err = {0};
    dm_auth_forget(auth);
    return dm_auth_find(auth, dm_str_c(w->key.s), out, &err);
}

/* A key is fetched once however often it is asked for; it is worth what its person is now, and ends with the token. */
static void a_fetched_key_is_its_persons(void **state)
{
    (void)state;
    static const uint8_t bytes[DM_KEY_BYTES] = {1, 2, 3};
    dm_caller c;
    dm_err err = {0};
    dm_tenantrig_person p = dm_tenantrig_add_person(&rig, "cli@access.test", "admin", false);
    work w = {.by = self(&p), .name = DM_STR_INIT("cli")};
    assert_int_equal(as_person(add, &w), 0);
    w.text = w.made.token;
    assert_int_equal(as_nobody(find, &w), 0);
    w.by.owner = rig.demo.project.owner;
    w.key = dm_key_of_bytes(bytes);
    assert_int_equal(dm_tenantrig_as_api(&rig, w.by.owner, fetched, &w, &err), 0);
    assert_int_equal(w.revoked, 0);
    int64_t audits = dm_tenantrig_audits(&rig);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dm_tenantrig_as_api(&rig, w.by.owner, fetch, &w, &err), 0);
    assert_int_equal(dm_tenantrig_audits(&rig), audits + 1);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.api_key WHERE fetched_by IS NOT NULL"), 1);

    assert_int_equal(key_is(&w, &c), 0);
    assert_int_equal(c.rights, dm_rights_of(DM_ROLE_ADMIN) & dm_rights_of(DM_ROLE_KEY));
    dm_tenantrig_sql(&rig, "UPDATE dm.member SET role = 'viewer' WHERE person_no ="
                           " (SELECT person_no FROM dm.person WHERE email = 'cli@access.test')");
    assert_int_equal(key_is(&w, &c), 0);
    assert_int_equal(c.rights, dm_rights_of(DM_ROLE_VIEWER) & dm_rights_of(DM_ROLE_KEY));
    dm_tenantrig_sql(&rig, "DELETE FROM dm.member WHERE person_no ="
                           " (SELECT person_no FROM dm.person WHERE email = 'cli@access.test')");
    assert_int_equal(key_is(&w, &c), DM_AUTH_UNKNOWN);
    (void)dm_tenantrig_add_person(&rig, "cli@access.test", "owner", true);
    assert_int_equal(key_is(&w, &c), 0);
    w.text = w.made.id;
    assert_int_equal(as_person(end_one, &w), 0);
    assert_int_equal(key_is(&w, &c), DM_AUTH_UNKNOWN);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.api_key WHERE revoked_at IS NOT NULL"), 0);
}

static int start(void **state)
{
    (void)state;
    char conninfo[256];
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    const dm_pg_config config = {.conninfo = conninfo, .max = 2, .wait_ms = 5000, .statement_ms = 20000};
    int r = dm_pg_pool_new(&config, &pool, NULL);
    return r < 0 ? r : dm_auth_new(pool, &dm_clock_real, 60000, &auth, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_auth_free(auth);
    dm_pg_pool_free(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_made_found_and_ended), cmocka_unit_test(what_is_no_token),
            cmocka_unit_test(whoever_has_gone_has_none), cmocka_unit_test(no_more_than_so_many),
            cmocka_unit_test(which_project), cmocka_unit_test(his_projects),
            cmocka_unit_test(a_fetched_key_is_its_persons)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, start, stop);
    dm_tenantrig_stop(&rig);
    return failed;
}
