/* Covers api/dm/invitation.c, api/dm/member.c, tenants/who/sql_invitation.c,
 * tenants/who/sql_membership.c. */
#include <pthread.h>
#include <stdio.h>

#include "tests/support/asperson.h"
#include "tests/unit/test.h"

static dm_rig rig;
static char members[128], invitations[128]; /* of the demo account */

static dm_tenantrig_person person(const char *email, const char *role, bool whole_account)
{
    return dm_tenantrig_add_person(&rig.tenants, email, role, whole_account);
}

static void expect(const dm_tenantrig_person *who, const char *method, const char *path, const char *body, int status)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, path, body);
    if (said.status != status)
        fail_msg("%s %s %s: %d, not %d: %s", method, path, body != NULL ? body : "", said.status, status, said.text);
}

static void refused_by(const dm_tenantrig_person *who, const char *method, const char *path, const char *body,
        int status, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_as_person(&rig, who, method, path, body);
    const char *is = json_string_value(json_object_get(json_object_get(said.body, "denial"), "rule"));
    if (said.status != status || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s %s %s: %d, not %d %s: %s", method, path, body != NULL ? body : "", said.status, status, rule,
                said.text);
}

static const char *of(const char *list, const char *id)
{
    static char path[4][256];
    static unsigned at;
    char *out = path[at++ % 4];
    (void)snprintf(out, sizeof path[0], "%s/%s", list, id);
    return out;
}

static const char project_members[] = "/v1/projects/demo/members";
static const char project_invitations[] = "/v1/projects/demo/invitations";

static int64_t rows(const char *sql)
{
    return dm_rig_number(&rig, sql);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(members, sizeof members, "/v1/accounts/%s/members", rig.tenants.demo.project.account_id);
    (void)snprintf(invitations, sizeof invitations, "/v1/accounts/%s/invitations", rig.tenants.demo.project.account_id);
    return 0;
}

/* --- members ------------------------------------------------------------------------------------------------ */

static void who_is_shown(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), dev = person("dev@m.test", "developer", false);
    dm_rig_other(&rig);
    (void)person("far@m.test", "", false);
    dm_rig_sql(&rig, "INSERT INTO dm.member (account_no, person_no, role) SELECT a.account_no, p.person_no, 'owner'"
                     " FROM dm.account a, dm.person p WHERE a.legal_name = 'Other' AND p.email = 'far@m.test'");
    DM_AUTO_SAID both = dm_rig_as_person(&rig, &dev, "GET", project_members, NULL);
    assert_int_equal(json_integer_value(json_object_get(both.body, "total")), 2);
    const json_t *first = json_array_get(json_object_get(both.body, "rows"), 0);
    assert_string_equal(dm_json_c(first, "email"), "own@m.test");
    assert_string_equal(dm_json_c(first, "role"), "owner");
    assert_string_equal(dm_json_c(first, "of"), "account");
    assert_string_equal(dm_json_c(json_array_get(json_object_get(both.body, "rows"), 1), "of"), "project");
    assert_null(strstr(both.text, "far@m.test"));
    DM_AUTO_SAID account = dm_rig_as_person(&rig, &own, "GET", members, NULL);
    assert_int_equal(json_integer_value(json_object_get(account.body, "total")), 1);
    expect(&dev, "GET", members, NULL, 404); /* he is nothing in the account */
    dm_rig_sql(&rig,
            "DELETE FROM dm.member WHERE person_no = (SELECT person_no FROM dm.person WHERE email = 'far@m.test')");
}

/* From the next request on. */
static void a_change_binds_at_once(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), dev = person("dev@m.test", "viewer", false);
    expect(&dev, "GET", "/v1/projects/demo/keys", NULL, 403);
    expect(&own, "PATCH", of(project_members, dev.id), "{\"role\":\"developer\"}", 204);
    char object[64];
    (void)snprintf(object, sizeof object, "person:%s", dev.id);
    assert_true(dm_tenantrig_audited(&rig.tenants, rig.tenants.demo.project.owner, own.who, "member.change", object));
    expect(&dev, "GET", "/v1/projects/demo/keys", NULL, 200);
    expect(&own, "DELETE", of(project_members, dev.id), NULL, 204);
    assert_true(dm_tenantrig_audited(&rig.tenants, rig.tenants.demo.project.owner, own.who, "member.remove", object));
    expect(&dev, "GET", "/v1/projects/demo/keys", NULL, 404);
    refused_by(&own, "DELETE", of(project_members, dev.id), NULL, 404, "member.unknown");
}

/* Each role against each: nobody gives, changes or takes away more than he has. */
static void nobody_gives_more_than_he_has(void **state)
{
    (void)state;
    static const char *const names[] = {"viewer", "developer", "billing", "admin", "owner"};
    static const bool may[] = {false, false, false, true, true};
    (void)person("first@m.test", "owner", true); /* so that no owner is the last */
    for (size_t by = 0; by < DM_LEN(names); by++) {
        for (size_t to = 0; to < DM_LEN(names); to++) {
            char body[64];
            dm_rig_sql(&rig, "DELETE FROM dm.member WHERE role <> 'owner' OR person_no <>"
                             " (SELECT person_no FROM dm.person WHERE email = 'first@m.test')");
            dm_tenantrig_person does = person("does@m.test", names[by], true);
            dm_tenantrig_person has = person("has@m.test", "viewer", true);
            bool fits = may[by] && (strcmp(names[to], "owner") != 0 || strcmp(names[by], "owner") == 0);
            (void)snprintf(body, sizeof body, "{\"role\":\"%s\"}", names[to]);
            expect(&does, "PATCH", of(members, has.id), body, fits ? 204 : 403);
            (void)snprintf(body, sizeof body, "{\"email\":\"new@m.test\",\"role\":\"%s\"}", names[to]);
            expect(&does, "POST", invitations, body, fits ? 201 : 403);
            /* The same of who has the role already. */
            char sql[256];
            (void)snprintf(sql, sizeof sql,
                    "UPDATE dm.member SET role = '%s' WHERE person_no = (SELECT person_no FROM dm.person WHERE email ="
                    " 'has@m.test')",
                    names[to]);
            dm_rig_sql(&rig, sql);
            expect(&does, "PATCH", of(members, has.id), "{\"role\":\"viewer\"}", fits ? 204 : 403);
            dm_rig_sql(&rig, sql);
            expect(&does, "DELETE", of(members, has.id), NULL, fits ? 204 : 403);
        }
    }
}

static void whoever_wants_leaves(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), v = person("v@m.test", "viewer", false);
    expect(&v, "DELETE", of(project_members, own.id), NULL, 404); /* he is no member of the project alone */
    expect(&v, "DELETE", of(project_members, v.id), NULL, 204);
    char object[64];
    (void)snprintf(object, sizeof object, "person:%s", v.id);
    assert_true(dm_tenantrig_audited(&rig.tenants, rig.tenants.demo.project.owner, v.who, "member.leave", object));
    expect(&v, "GET", project_members, NULL, 404);
}

static void an_account_keeps_an_owner(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), two = person("two@m.test", "admin", true);
    refused_by(&own, "DELETE", of(members, own.id), NULL, 409, "member.last_owner");
    refused_by(&own, "PATCH", of(members, own.id), "{\"role\":\"admin\"}", 409, "member.last_owner");
    expect(&own, "PATCH", of(members, own.id), "{\"role\":\"owner\"}", 204);
    expect(&own, "PATCH", of(members, two.id), "{\"role\":\"owner\"}", 204);
    expect(&own, "DELETE", of(members, own.id), NULL, 204);
    refused_by(&two, "DELETE", of(members, two.id), NULL, 409, "member.last_owner");
    refused_by(&two, "PATCH", of(project_members, two.id), "{\"role\":\"viewer\"}", 404, "member.unknown");
}

typedef struct leaving {
    dm_tenantrig_person who;
    int status;
} leaving;

static void *leave(void *arg)
{
    leaving *l = arg;
    DM_AUTO_SAID said = dm_rig_as_person(&rig, &l->who, "DELETE", of(members, l->who.id), NULL);
    l->status = said.status;
    return NULL;
}

/* Two owners leave in the same moment: one of them stays. */
static void two_owners_do_not_leave_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        leaving both[2] = {{.who = person("one@m.test", "owner", true)}, {.who = person("two@m.test", "owner", true)}};
        pthread_t threads[2];
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, leave, &both[i]), 0);
        for (size_t i = 0; i < 2; i++)
            (void)pthread_join(threads[i], NULL);
        assert_int_equal(both[0].status + both[1].status, 204 + 409);
        assert_int_equal(rows("SELECT count(*) FROM dm.member"), 1);
        dm_rig_sql(&rig, "DELETE FROM dm.member");
    }
}

static void ownership_is_handed_over(void **state)
{
    (void)state;
    char path[128], body[96];
    dm_tenantrig_person own = person("own@m.test", "owner", true), two = person("two@m.test", "viewer", true);
    dm_tenantrig_person dev = person("dev@m.test", "developer", false);
    (void)snprintf(path, sizeof path, "/v1/accounts/%s/transfer", rig.tenants.demo.project.account_id);
    (void)snprintf(body, sizeof body, "{\"person\":\"%s\"}", dev.id);
    refused_by(&own, "POST", path, body, 404, "member.unknown"); /* a member of the account, not of a project */
    (void)snprintf(body, sizeof body, "{\"person\":\"%s\"}", two.id);
    expect(&two, "POST", path, body, 403);
    expect(&own, "POST", path, body, 204);
    assert_int_equal(rows("SELECT count(*) FROM dm.member m JOIN dm.person p USING (person_no)"
                          " WHERE (p.email, m.role) IN (('own@m.test', 'admin'), ('two@m.test', 'owner'))"),
            2);
    expect(&own, "POST", path, body, 403);
    expect(&two, "POST", path, body, 403); /* to himself */
    expect(&two, "POST", path, "{}", 400);
}

static void what_is_no_role(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true), dev = person("dev@m.test", "viewer", false);
    refused_by(&own, "PATCH", of(project_members, dev.id), "{\"role\":\"owner\"}", 400, "member.role");
    refused_by(&own, "PATCH", of(project_members, dev.id), "{\"role\":\"billing\"}", 400, "member.role");
    refused_by(&own, "POST", project_invitations, "{\"email\":\"a@b.test\",\"role\":\"owner\"}", 400, "member.role");
    expect(&own, "PATCH", of(project_members, dev.id), "{\"role\":\"key\"}", 400);
    expect(&own, "PATCH", of(project_members, dev.id), "{}", 400);
    expect(&own, "PATCH", of(project_members, "x"), "{\"role\":\"viewer\"}", 404);
    expect(&own, "POST", invitations, "{\"email\":\"a@b.test\",\"role\":\"operator\"}", 400);
    expect(&own, "POST", invitations, "{\"email\":\"a@b\\r\\nBcc: c@d\",\"role\":\"viewer\"}", 400);
    expect(&own, "POST", invitations, "{\"role\":\"viewer\"}", 400);
}

static void of_another_tenant(void **state)
{
    (void)state;
    char path[256], text[256];
    dm_tenantrig_person own = person("own@m.test", "owner", true), far = person("far@m.test", "", false);
    dm_rig_other(&rig);
    dm_rig_sql(&rig, "INSERT INTO dm.member (account_no, person_no, role) SELECT a.account_no, p.person_no, 'owner'"
                     " FROM dm.account a, dm.person p WHERE a.legal_name = 'Other' AND p.email = 'far@m.test'");
    expect(&own, "GET", "/v1/projects/other/members", NULL, 404);
    expect(&own, "DELETE", of(members, far.id), NULL, 404);
    expect(&own, "PATCH", of(members, far.id), "{\"role\":\"viewer\"}", 404);
    expect(&far, "POST", "/v1/projects/other/invitations", "{\"email\":\"a@b.test\",\"role\":\"viewer\"}", 201);
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.invitation", text);
    expect(&own, "DELETE", of(invitations, text), NULL, 404);
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.account WHERE legal_name = 'Other'", text);
    (void)snprintf(path, sizeof path, "/v1/accounts/%.40s/members", text);
    expect(&own, "GET", path, NULL, 404);
    expect(&far, "GET", path, NULL, 200);
    dm_rig_sql(&rig, "DELETE FROM dm.invitation; DELETE FROM dm.member WHERE person_no ="
                     " (SELECT person_no FROM dm.person WHERE email = 'far@m.test')");
}

/* --- invitations -------------------------------------------------------------------------------------------- */

/* The link of the newest letter, as a path. */
static void link_of(char out[128])
{
    char body[256];
    dm_tenantrig_text(&rig.tenants,
            "SELECT substring(body FROM '/invite/([0-9a-f]{40})') FROM dm.mail"
            " ORDER BY mail_no DESC LIMIT 1",
            body);
    (void)snprintf(out, 128, "/v1/invitations/%.64s", body);
}

static const char *accept(const char *link)
{
    static char path[160];
    (void)snprintf(path, sizeof path, "%s/accept", link);
    return path;
}

static void a_link_brings_in_once(void **state)
{
    (void)state;
    char link[128];
    dm_tenantrig_person own = person("own@m.test", "owner", true), new = person("new@m.test", "", false);
    dm_tenantrig_person eve = person("eve@m.test", "", false);
    dm_rig_sql(&rig, "UPDATE dm.person SET confirmed_at = NULL WHERE email = 'new@m.test'");
    DM_AUTO_SAID made = dm_rig_as_person(
            &rig, &own, "POST", project_invitations, "{\"email\":\" New@M.test \",\"role\":\"developer\"}");
    assert_int_equal(made.status, 201);
    assert_string_equal(dm_said_str(&made, "email"), "new@m.test");
    assert_int_equal(
            rows("SELECT count(*) FROM dm.mail WHERE recipient = 'new@m.test' AND body LIKE 'own@m.test %'"), 1);
    link_of(link);
    assert_null(strstr(made.text, link + strlen("/v1/invitations/"))); /* the link is in the letter alone */
    DM_AUTO_SAID seen = dm_rig_call_as(&rig, "", "GET", link, NULL, NULL, 0);
    assert_int_equal(seen.status, 200);
    assert_string_equal(dm_said_str(&seen, "role"), "developer");
    assert_string_equal(dm_json_c(json_object_get(seen.body, "project"), "slug"), "demo");
    refused_by(&eve, "POST", accept(link), NULL, 403, "invitation.address");
    expect(&new, "GET", project_members, NULL, 404);
    expect(&new, "POST", accept(link), NULL, 204);
    expect(&new, "GET", project_members, NULL, 200);
    assert_int_equal(rows("SELECT count(*) FROM dm.person WHERE email = 'new@m.test' AND confirmed_at IS NOT NULL"), 1);
    refused_by(&new, "POST", accept(link), NULL, 404, "invitation.unknown");
    DM_AUTO_SAID gone = dm_rig_call_as(&rig, "", "GET", link, NULL, NULL, 0);
    assert_int_equal(gone.status, 404);
    refused_by(&own, "POST", project_invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 409,
            "invitation.member");
}

static void asked_again_it_is_the_same_with_another_link(void **state)
{
    (void)state;
    char old[128], link[128];
    dm_tenantrig_person own = person("own@m.test", "owner", true), new = person("new@m.test", "", false);
    expect(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 201);
    link_of(old);
    expect(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"admin\"}", 201);
    link_of(link);
    assert_string_not_equal(old, link);
    assert_int_equal(rows("SELECT count(*) FROM dm.invitation"), 1);
    assert_int_equal(rows("SELECT count(*) FROM dm.mail"), 2);
    expect(&new, "POST", accept(old), NULL, 404);
    expect(&new, "POST", accept(link), NULL, 204);
    assert_int_equal(rows("SELECT count(*) FROM dm.member WHERE role = 'admin' AND project_no = 0"), 1);
}

static void it_ends(void **state)
{
    (void)state;
    char link[128], id[256];
    dm_tenantrig_person own = person("own@m.test", "owner", true), new = person("new@m.test", "", false);
    expect(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 201);
    link_of(link);
    dm_rig_sql(&rig, "UPDATE dm.invitation SET expires_at = now()");
    expect(&new, "POST", accept(link), NULL, 404);
    dm_rig_sql(&rig, "UPDATE dm.invitation SET expires_at = now() + interval '1 h'");
    DM_AUTO_SAID list = dm_rig_as_person(&rig, &own, "GET", invitations, NULL);
    assert_int_equal(json_integer_value(json_object_get(list.body, "total")), 1);
    dm_tenantrig_text(&rig.tenants, "SELECT id FROM dm.invitation", id);
    expect(&own, "DELETE", of(invitations, id), NULL, 204);
    expect(&own, "DELETE", of(invitations, id), NULL, 404);
    expect(&new, "POST", accept(link), NULL, 404);
    expect(&new, "POST", "/v1/invitations/x/accept", NULL, 404);
}

/* What somebody invited to goes with him: else he would come back by it. */
static void it_goes_with_who_made_it(void **state)
{
    (void)state;
    char link[128];
    dm_tenantrig_person own = person("own@m.test", "owner", true), adm = person("adm@m.test", "admin", true);
    dm_tenantrig_person new = person("new@m.test", "", false);
    expect(&adm, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"admin\"}", 201);
    link_of(link);
    expect(&own, "DELETE", of(members, adm.id), NULL, 204);
    expect(&new, "POST", accept(link), NULL, 404);
}

static void so_many_and_no_more(void **state)
{
    (void)state;
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_sql(&rig, "INSERT INTO dm.invitation (account_no, email, role, sha256, made_by, expires_at)"
                     " SELECT account_no, i || '@m.test', 'viewer', sha256(i::text::bytea), 'x', now() + interval '1 h'"
                     " FROM dm.account, generate_series(1, 50) i WHERE legal_name = 'Demo'");
    refused_by(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 429,
            "account.invitations_max");
    refused_by(&own, "POST", project_invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 429,
            "account.invitations_max");
    expect(&own, "POST", invitations, "{\"email\":\"7@m.test\",\"role\":\"viewer\"}", 201); /* one of them, renewed */
    dm_rig_sql(&rig, "UPDATE dm.invitation SET expires_at = now(), turn = 4");
    refused_by(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 429,
            "account.invitations_day");
    dm_rig_sql(&rig, "UPDATE dm.invitation SET made_at = now() - interval '25 h'");
    expect(&own, "POST", invitations, "{\"email\":\"new@m.test\",\"role\":\"viewer\"}", 201);
}

/* Of the account as of its projects; and whoever has been let go is in again. */
static void who_is_suspended_invites_nobody(void **state)
{
    (void)state;
    static const char body[] = "{\"email\":\"new@m.test\",\"role\":\"viewer\"}";
    dm_tenantrig_person own = person("own@m.test", "owner", true);
    dm_rig_sql(&rig,
            "INSERT INTO dm.hold (account_no, cause, set_by) SELECT account_no, 'suspended_unpaid', 'operator:t'"
            " FROM dm.account WHERE legal_name = 'Demo'");
    refused_by(&own, "POST", project_invitations, body, 403, "account.suspended");
    refused_by(&own, "POST", invitations, body, 403, "account.suspended");
    expect(&own, "GET", members, NULL, 200);
    dm_rig_sql(&rig, "DELETE FROM dm.hold");
    dm_members_forget(rig.api.members);
    expect(&own, "POST", invitations, body, 201);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_prestate_setup_teardown(fn, begin, dm_rig_after, &rig)
    const struct CMUnitTest tests[] = {TEST(who_is_suspended_invites_nobody), TEST(who_is_shown),
            TEST(a_change_binds_at_once), TEST(nobody_gives_more_than_he_has), TEST(whoever_wants_leaves),
            TEST(an_account_keeps_an_owner), TEST(two_owners_do_not_leave_at_once), TEST(ownership_is_handed_over),
            TEST(what_is_no_role), TEST(of_another_tenant), TEST(a_link_brings_in_once),
            TEST(asked_again_it_is_the_same_with_another_link), TEST(it_ends), TEST(it_goes_with_who_made_it),
            TEST(so_many_and_no_more)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
