/* Covers tenants/who/sql_accounts.c. */
#include <stdio.h>

#include "tenants/who/account.h"
#include "tenants/who/accounts.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;
static const dm_accounts_filter any = {.blocked = -1, .limit = 100};

typedef struct listing {
    dm_accounts_filter f;
    char names[256]; /* of all that were found, in order */
    dm_account_no last;
} listing;

static int do_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    size_t n = 0;
    int r = dm_accounts_list(c, &l->f, &rows, NULL, err);
    l->names[0] = '\0';
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_accounts_row a;
        dm_accounts_read(rows, i, &a);
        n += (size_t)snprintf(l->names + n, sizeof l->names - n, "%s%.*s", i > 0 ? "," : "", (int)a.name.n, a.name.p);
        l->last = a.no;
    }
    return r;
}

static const char *found(dm_accounts_filter f)
{
    static listing l;
    dm_err err = {0};
    l = (listing){.f = f};
    if (dm_tenantrig_as_ops(&rig, do_list, &l, &err) < 0)
        fail_msg("%s", err.msg);
    return l.names;
}

static const char *by(const char *q)
{
    dm_accounts_filter f = any;
    f.q = dm_str_c(q);
    return found(f);
}

static int make(void **state)
{
    (void)state;
    dm_tenantrig_start(&rig);
    dm_tenantrig_sql(&rig,
            "INSERT INTO dm.account (legal_name, country, currency, tier, blocked) VALUES"
            " ('Ada & Co 100%', 'GB', 'CNY', 'payg', NULL), ('Blocked_', 'GB', 'CNY', 'free', 'no invoice was paid');"
            "INSERT INTO dm.project (account_no, slug, name, region_no)"
            " SELECT account_no, 'engine', 'Engine', 1 FROM dm.account WHERE legal_name LIKE 'Ada%';"
            "INSERT INTO dm.person (email, name, confirmed_at, password) VALUES"
            " ('ada@example.org', 'Ada', now(), 'argon'), ('bob@example.org', 'Bob', NULL, NULL);"
            "INSERT INTO dm.member (account_no, project_no, person_no, role)"
            " SELECT a.account_no, 0, person_no, 'owner' FROM dm.account a, dm.person p"
            " WHERE a.legal_name LIKE 'Ada%' AND p.name = 'Ada';"
            "INSERT INTO dm.member (account_no, project_no, person_no, role)"
            " SELECT account_no, project_no, person_no, 'viewer' FROM dm.project, dm.person p"
            " WHERE slug = 'engine' AND p.name = 'Bob';"
            "INSERT INTO dm.account_limit (account_no, name, value)"
            " SELECT account_no, 'running_max', 7 FROM dm.account WHERE legal_name LIKE 'Ada%';"
            "INSERT INTO dm.quota_use (account_no, project_no, running, asleep_mib)"
            " SELECT account_no, 0, 2, 0 FROM dm.account WHERE legal_name LIKE 'Ada%';"
            "INSERT INTO dm.quota_use (account_no, project_no, running, asleep_mib)"
            " SELECT account_no, project_no, 2, 160 FROM dm.project WHERE slug = 'engine'");
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    dm_tenantrig_stop(&rig);
    return 0;
}

static void are_found_by_what_one_knows(void **state)
{
    (void)state;
    char id[256];
    assert_string_equal(found(any), "Demo,Ada & Co 100%,Blocked_");
    assert_string_equal(by("ada"), "Ada & Co 100%");
    assert_string_equal(by("0%"), "Ada & Co 100%"); /* no pattern: these are its characters */
    assert_string_equal(by("_"), "Blocked_");
    assert_string_equal(by("engi"), "Ada & Co 100%");
    assert_string_equal(by("Bob@Example.org"), "Ada & Co 100%");
    assert_string_equal(by("nobody@example.org"), "");
    assert_string_equal(by("example.org"), ""); /* a part of an address finds nobody */
    dm_tenantrig_text(&rig, "SELECT id FROM dm.account WHERE legal_name = 'Blocked_'", id);
    assert_string_equal(by(id), "Blocked_");
    dm_accounts_filter f = any;
    f.blocked = 1;
    assert_string_equal(found(f), "Blocked_");
    f.blocked = 0;
    assert_string_equal(found(f), "Demo,Ada & Co 100%");
    f = any;
    f.tier = DM_STR("free");
    assert_string_equal(found(f), "Blocked_");
    f = any;
    f.limit = 1;
    assert_string_equal(found(f), "Demo");
    f.after = rig.demo.project.owner.account;
    assert_string_equal(found(f), "Ada & Co 100%");
}

typedef struct showing {
    const char *id;
    dm_buf text;
} showing;

static int do_show(dm_pg *c, void *arg, dm_err *err)
{
    showing *s = arg;
    dm_accounts_one one = {.account = NULL};
    dm_jw w;
    int r = dm_accounts_find(c, s->id, &one, err);
    if (r == 0) {
        dm_jw_init(&w, &s->text);
        dm_accounts_one_write(&w, &one);
    }
    dm_accounts_one_done(&one);
    return r;
}

static void one_is_shown_with_all_that_is_its_own(void **state)
{
    (void)state;
    char id[256];
    dm_err err = {0};
    showing s = {.id = id};
    dm_buf_init(&s.text, 8192);
    dm_tenantrig_text(&rig, "SELECT id FROM dm.account WHERE legal_name LIKE 'Ada%'", id);
    assert_int_equal(dm_tenantrig_as_ops(&rig, do_show, &s, &err), 0);
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(dm_buf_view(&s.text), 8192, &j, &err), 0);
    assert_string_equal(dm_json_c(j, "id"), id);
    assert_string_equal(dm_json_c(json_array_get(json_object_get(j, "plans"), 0), "tier"), "payg");
    assert_int_equal(json_integer_value(json_object_get(j, "running")), 2);
    assert_int_equal(json_integer_value(json_object_get(j, "asleep_mib")), 160);
    const json_t *limit = json_array_get(json_object_get(j, "limits"), 0);
    assert_string_equal(dm_json_c(limit, "name"), "running_max");
    assert_int_equal(json_integer_value(json_object_get(limit, "limit")), 7);
    const json_t *project = json_array_get(json_object_get(j, "projects"), 0);
    assert_string_equal(dm_json_c(project, "slug"), "engine");
    assert_int_equal(json_integer_value(json_object_get(project, "running")), 2);
    const json_t *members = json_object_get(j, "members");
    assert_int_equal(json_array_size(members), 2);
    assert_string_equal(dm_json_c(json_array_get(members, 0), "email"), "ada@example.org");
    assert_string_equal(dm_json_c(json_array_get(members, 0), "role"), "owner");
    assert_true(json_is_null(json_object_get(json_array_get(members, 0), "project")));
    assert_string_equal(dm_json_c(json_array_get(members, 1), "project"), "engine");
    assert_true(json_is_false(json_object_get(json_array_get(members, 1), "confirmed")));
    assert_null(strstr(s.text.p, "argon"));
    dm_buf_reset(&s.text);
    s.id = "00000000-0000-0000-0000-000000000000";
    assert_int_equal(dm_tenantrig_as_ops(&rig, do_show, &s, &err), DM_ACCOUNTS_NONE);
    dm_buf_done(&s.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(are_found_by_what_one_knows),
            cmocka_unit_test(one_is_shown_with_all_that_is_its_own),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
