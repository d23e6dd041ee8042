/* Covers tenants/who/sql_key.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/key.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

static dm_tenantrig rig;

/* The SHA-256 of the 20 decoded bytes 00..13, worked out with sha256sum. */
static void hashes_the_decoded_bytes(void **state)
{
    (void)state;
    dm_digest d;
    char hex[2 * DM_SHA256 + 1];
    assert_int_equal(dm_key_hash(DM_STR("e2b_000102030405060708090a0b0c0d0e0f10111213"), &d, NULL), 0);
    dm_hex(d.b, sizeof d.b, hex);
    assert_string_equal(hex, "e7aebf577f60412f0312d442c70a1fa6148c090bf5bab404caec29482ae779e8");
}

static void refuses_what_is_no_key(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "e2b_", "e2b_0", "e2b_0g", "E2B_00", "sk_e2b_00", "e2b-00", "e2b_00 ",
            "e2b_é0",
            "e2b_"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000"};
    dm_digest d;
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_key_hash(dm_str_c(bad[i]), &d, NULL), DM_E_INVALID);
}

static void a_new_key_has_the_shape(void **state)
{
    (void)state;
    dm_key a, b;
    dm_digest d;
    assert_int_equal(dm_key_random(&a, NULL), 0);
    assert_int_equal(dm_key_random(&b, NULL), 0);
    assert_int_equal(strlen(a.s), 44);
    assert_true(dm_str_only((dm_str){a.s + 4, 40}, "0123456789abcdef"));
    assert_string_not_equal(a.s, b.s);
    assert_int_equal(dm_key_hash(dm_str_c(a.s), &d, NULL), 0);
    dm_key_mask m = dm_key_mask_of(&a);
    assert_int_equal(strlen(m.s), 4 + 2 + 3 + 4);
    assert_memory_equal(m.s, a.s, 6);
    assert_memory_equal(m.s + 9, a.s + 40, 4);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

typedef struct work {
    dm_caller by;
    const char *text; /* of a key, or its id */
    dm_key_new want;
    dm_key_change change;
    dm_key_made made;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} work;

static dm_caller operator_in(dm_owner owner)
{
    return dm_caller_of_operator("operator:ada", owner);
}

static dm_caller member(const dm_tenantrig_person *p, dm_role role)
{
    dm_caller c = {.owner = rig.demo.project.owner, .person = p->no, .rights = dm_rights_of(role)};
    (void)snprintf(c.who, sizeof c.who, "%s", p->who);
    return c;
}

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_add(c, &w->by, &w->want, &w->made, err);
}

static int valid(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_valid(c, w->by.owner, dm_str_c(w->text), w->id, err);
}

static int revoke_key(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_revoke(c, &w->by, w->text, err);
}

static int alter(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_key_alter(c, &w->by, w->text, &w->change, err);
}

static int list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_key_list(c, w->by.owner, &w->rows, err);
}

static int as_ops(dm_pg_fn fn, work *w)
{
    dm_err err = {0};
    return dm_tenantrig_as_ops(&rig, fn, w, &err);
}

static int as_api(dm_pg_fn fn, work *w)
{
    dm_err err = {0};
    return dm_tenantrig_as_api(&rig, w->by.owner, fn, w, &err);
}

static int is_valid(dm_owner owner, const char *text, char id[DM_UUID_TEXT])
{
    work w = {.by = operator_in(owner), .text = text};
    int r = as_ops(valid, &w);
    memcpy(id, w.id, sizeof w.id);
    return r;
}

static int64_t about(const char *id, const char *condition)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.api_key WHERE id = '%s' AND %s", id, condition);
    return dm_tenantrig_number(&rig, sql);
}

/* The row has the hash of the key and its mask, and nothing of which the key could be made again. */
static void is_added_valid_and_revoked(void **state)
{
    (void)state;
    char object[64], sql[512], id[DM_UUID_TEXT], hex[2 * DM_SHA256 + 1];
    dm_err err = {0};
    dm_digest digest;
    dm_owner owner = rig.demo.project.owner;
    work w = {.by = operator_in(owner), .want = {.name = DM_STR_INIT("till")}};
    assert_int_equal(as_ops(add, &w), 0);
    assert_int_equal(dm_key_hash(dm_str_c(w.made.key.s), &digest, &err), 0);
    dm_hex(digest.b, sizeof digest.b, hex);
    (void)snprintf(sql, sizeof sql,
            "SELECT count(*) FROM dm.api_key k WHERE id = '%s' AND name = 'till' AND sha256 = decode('%s', 'hex')"
            " AND mask = '%s' AND revoked_at IS NULL AND rights IS NULL AND made_by = 'operator:ada'"
            " AND position('%s' IN k::text) = 0",
            w.made.id, hex, dm_key_mask_of(&w.made.key).s, w.made.key.s + 4);
    assert_int_equal(dm_tenantrig_number(&rig, sql), 1);
    (void)snprintf(object, sizeof object, "key:%s", w.made.id);
    assert_true(dm_tenantrig_audited(&rig, owner, "operator:ada", "key.add", object));

    assert_int_equal(is_valid(owner, w.made.key.s, id), 0);
    assert_string_equal(id, w.made.id);
    dm_owner another = owner;
    another.project.v++;
    assert_int_equal(is_valid(another, w.made.key.s, id), DM_KEY_NONE);
    assert_int_equal(is_valid(owner, "e2b_00", id), DM_KEY_NONE);
    assert_int_equal(is_valid(owner, "no key", id), DM_KEY_NONE);

    w.text = w.made.id;
    w.by = operator_in((dm_owner){{0}, {0}});
    assert_int_equal(as_ops(revoke_key, &w), 0);
    assert_true(dm_tenantrig_audited(&rig, owner, "operator:ada", "key.revoke", object));
    assert_int_equal(is_valid(owner, w.made.key.s, id), DM_KEY_NONE);
    assert_int_equal(is_valid(owner, rig.demo.key.key.s, id), 0); /* the other one still is */

    int64_t audits = dm_tenantrig_audits(&rig);
    assert_int_equal(as_ops(revoke_key, &w), DM_KEY_NONE);
    w.text = "00000000-0000-4000-8000-000000000000";
    assert_int_equal(as_ops(revoke_key, &w), DM_KEY_NONE);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);
}

/* Nobody gives more than he has: not by name, and not by asking for all. */
static void rights_are_the_makers_at_most(void **state)
{
    (void)state;
    char condition[600], names[DM_RIGHTS_TEXT];
    dm_tenantrig_person dev = dm_tenantrig_add_person(&rig, "dev@key.test", "developer", false);
    work w = {.by = member(&dev, DM_ROLE_DEVELOPER), .want = {.name = DM_STR_INIT("all that I may")}};
    assert_int_equal(as_api(add, &w), 0);
    dm_rights_names(dm_rights_of(DM_ROLE_DEVELOPER) & dm_rights_of(DM_ROLE_KEY), names);
    (void)snprintf(condition, sizeof condition, "array_to_string(rights, ',') = '%s'", names);
    assert_int_equal(about(w.made.id, condition), 1);
    assert_null(strstr(names, "billing.read"));

    int64_t audits = dm_tenantrig_audits(&rig);
    w.want.rights = UINT64_C(1) << DM_RIGHT_BILLING_READ;
    assert_int_equal(as_api(add, &w), DM_KEY_MORE);
    w.want.rights = UINT64_C(1) << DM_RIGHT_KEY_READ; /* which no key has, whoever makes it */
    w.by = member(&dev, DM_ROLE_OWNER);
    assert_int_equal(as_api(add, &w), DM_KEY_MORE);
    assert_int_equal(dm_tenantrig_audits(&rig), audits);

    w.want.rights = UINT64_C(1) << DM_RIGHT_SANDBOX_READ | UINT64_C(1) << DM_RIGHT_SANDBOX_KILL;
    w.by = member(&dev, DM_ROLE_DEVELOPER);
    assert_int_equal(as_api(add, &w), 0);
    assert_int_equal(about(w.made.id, "array_to_string(rights, ',') = 'sandbox.read,sandbox.kill'"), 1);

    /* Nor does he lengthen what is more than he is; a name is nobody's harm. */
    work all = {.by = operator_in(rig.demo.project.owner), .want = {.name = DM_STR_INIT("all")}};
    assert_int_equal(as_ops(add, &all), 0);
    work longer = {.by = member(&dev, DM_ROLE_DEVELOPER), .text = all.made.id, .change = {.expiry = true}};
    assert_int_equal(as_api(alter, &longer), DM_KEY_MORE);
    longer.change = (dm_key_change){.name = DM_STR_INIT("ours")};
    assert_int_equal(as_api(alter, &longer), 0);
    assert_int_equal(about(all.made.id, "name = 'ours' AND expires_at IS NULL"), 1);
}

static void ends_by_itself(void **state)
{
    (void)state;
    char id[DM_UUID_TEXT], sql[160];
    int64_t now = dm_tenantrig_number(&rig, "SELECT dm.us(now())");
    work w = {.by = operator_in(rig.demo.project.owner), .want = {.name = DM_STR_INIT("brief"), .expires_us = now}};
    assert_int_equal(as_ops(add, &w), DM_KEY_PAST);
    w.want.expires_us = now + INT64_C(3600000000);
    assert_int_equal(as_ops(add, &w), 0);
    assert_int_equal(is_valid(w.by.owner, w.made.key.s, id), 0);
    w.text = w.made.id;
    w.change = (dm_key_change){.expiry = true, .expires_us = 1};
    assert_int_equal(as_ops(alter, &w), DM_KEY_PAST);
    w.change = (dm_key_change){.expiry = true};
    assert_int_equal(as_ops(alter, &w), 0);
    assert_int_equal(about(w.made.id, "expires_at IS NULL AND name = 'brief'"), 1);

    (void)snprintf(sql, sizeof sql, "UPDATE dm.api_key SET expires_at = now() WHERE id = '%s'", w.made.id);
    dm_tenantrig_sql(&rig, sql);
    assert_int_equal(is_valid(w.by.owner, w.made.key.s, id), DM_KEY_NONE);
    assert_int_equal(as_ops(alter, &w), DM_KEY_NONE); /* what is over is not called back */
}

/* Another project's key is not there, for whoever may do all in his own. */
static void of_another_project(void **state)
{
    (void)state;
    dm_tenantrig_person owner = dm_tenantrig_add_person(&rig, "owner@key.test", "owner", true);
    dm_tenantrig_sql(&rig, "INSERT INTO dm.project (account_no, slug, name, region_no)"
                           " SELECT account_no, 'second', 'Second', 1 FROM dm.project WHERE slug = 'demo'");
    work w = {.by = member(&owner, DM_ROLE_OWNER), .text = rig.demo.key.id, .change = {.name = DM_STR_INIT("mine")}};
    w.by.owner.project.v = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'second'");
    assert_int_equal(as_api(alter, &w), DM_KEY_NONE);
    assert_int_equal(as_api(revoke_key, &w), DM_KEY_NONE);
    assert_int_equal(as_ops(revoke_key, &w), DM_KEY_NONE); /* not by row-level security alone */
    assert_int_equal(as_api(list, &w), 0);
    assert_int_equal(dm_pg_count(w.rows), 0);
    dm_pg_rows_free(w.rows);
}

static void are_listed_with_their_maker(void **state)
{
    (void)state;
    dm_tenantrig_person ann = dm_tenantrig_add_person(&rig, "ann@key.test", "admin", true);
    work w = {.by = member(&ann, DM_ROLE_ADMIN), .want = {.name = DM_STR_INIT("newest")}};
    dm_key_row k;
    assert_int_equal(as_api(add, &w), 0);
    assert_int_equal(as_api(list, &w), 0);
    assert_true(dm_pg_count(w.rows) > 1);
    dm_key_row_read(w.rows, 0, &k);
    assert_true(dm_str_eq_c(k.id, w.made.id));
    assert_str(k.name, "newest");
    assert_str(k.rights, "*");
    assert_str(k.maker_email, "ann@key.test");
    assert_true(dm_str_eq_c(k.made_by, ann.who));
    assert_true(k.created_us > 0 && k.last_used_us == 0 && k.expires_us == 0);
    dm_pg_rows_free(w.rows);
}

static void no_more_than_so_many(void **state)
{
    (void)state;
    work w = {.by = operator_in(rig.demo.project.owner), .want = {.name = DM_STR_INIT("one more")}};
    dm_tenantrig_sql(&rig, "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask)"
                           " SELECT account_no, project_no, 'many', sha256(i::text::bytea), 'm' FROM dm.project,"
                           " generate_series(1, 200) i WHERE slug = 'demo'");
    assert_int_equal(as_ops(add, &w), DM_KEY_FULL);
    dm_tenantrig_sql(&rig, "UPDATE dm.api_key SET revoked_at = now() WHERE name = 'many'");
    assert_int_equal(as_ops(add, &w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_the_decoded_bytes),
            cmocka_unit_test(refuses_what_is_no_key), cmocka_unit_test(a_new_key_has_the_shape),
            cmocka_unit_test(is_added_valid_and_revoked), cmocka_unit_test(rights_are_the_makers_at_most),
            cmocka_unit_test(ends_by_itself), cmocka_unit_test(of_another_project),
            cmocka_unit_test(are_listed_with_their_maker), cmocka_unit_test(no_more_than_so_many)};
    dm_tenantrig_start(&rig);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return failed;
}
