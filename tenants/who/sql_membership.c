#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/membership.h"

/* Whoever may be the last owner is looked at by one at a time: all owners' rows are locked, in one order. */
static const dm_pg_stmt owners = {"membership_owners",
        "SELECT person_no FROM dm.member WHERE account_no = $1 AND project_no = 0 AND role = 'owner'"
        " ORDER BY person_no FOR UPDATE",
        DM_PG_ROWS};
static const dm_pg_stmt find = {"membership_find",
        "SELECT m.person_no, m.role FROM dm.member m JOIN dm.people() p ON p.person_no = m.person_no"
        " WHERE m.account_no = $1 AND m.project_no = $2 AND p.id = $3::uuid FOR UPDATE OF m",
        DM_PG_MAYBE};
static const dm_pg_stmt alter = {"membership_alter",
        "UPDATE dm.member SET role = $4 WHERE account_no = $1 AND project_no = $2 AND person_no = $3", DM_PG_NONE};
static const dm_pg_stmt end = {"membership_end",
        "DELETE FROM dm.member WHERE account_no = $1 AND project_no = $2 AND person_no = $3", DM_PG_NONE};
static const dm_pg_stmt withdraw = {"membership_withdraw",
        "UPDATE dm.invitation SET withdrawn_at = now() WHERE account_no = $1 AND ($2 = 0 OR project_no = $2)"
        " AND made_by = 'person:' || $3 AND taken_at IS NULL AND withdrawn_at IS NULL",
        DM_PG_NONE};

static const dm_pg_stmt list = {"membership_list",
        "SELECT (m.project_no = 0)::int::bigint, p.confirmed::int::bigint, p.totp::int::bigint, dm.us(m.added_at),"
        " p.id, p.email, p.name, m.role"
        " FROM dm.member m JOIN dm.people() p ON p.person_no = m.person_no"
        " WHERE m.account_no = $1 AND m.project_no IN (0, $2) ORDER BY m.added_at, m.person_no, m.project_no LIMIT $3",
        DM_PG_ROWS};
static const dm_pg_field listed[] = {{DM_COL_I64, offsetof(dm_membership_row, whole_account)},
        {DM_COL_I64, offsetof(dm_membership_row, confirmed)}, {DM_COL_I64, offsetof(dm_membership_row, totp)},
        {DM_COL_I64, offsetof(dm_membership_row, added_us)}, {DM_COL_STR, offsetof(dm_membership_row, id)},
        {DM_COL_STR, offsetof(dm_membership_row, email)}, {DM_COL_STR, offsetof(dm_membership_row, name)},
        {DM_COL_STR, offsetof(dm_membership_row, role)}};

bool dm_membership_role_ok(dm_owner owner, dm_role role)
{
    return role <= DM_ROLE_OWNER && (owner.project.v == 0 || (role != DM_ROLE_OWNER && role != DM_ROLE_BILLING));
}

static int audit(dm_pg *c, const dm_caller *by, const char *verb, const char *person, const char *was, const char *is,
        dm_err *err)
{
    char object[64], detail[128];
    (void)snprintf(object, sizeof object, "person:%s", person);
    (void)snprintf(
            detail, sizeof detail, is != NULL ? "{\"was\": \"%s\", \"is\": \"%s\"}" : "{\"was\": \"%s\"}", was, is);
    const dm_audit line = {
            .owner = by->owner, .who = by->who, .verb = verb, .object = object, .detail = dm_str_c(detail)};
    return dm_audit_add(c, &line, err);
}

typedef struct member {
    dm_person_no no;
    dm_role role;
    bool last_owner;
} member;

/* Owners first, then the one: the order in which all lock. */
static int find_member(dm_pg *c, dm_owner owner, const char *person, member *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(person)};
    DM_AUTO(dm_pg_rows) all = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = owner.project.v == 0 ? dm_pg_exec(c, &owners, args, 1, &all, NULL, err) : 0;
    if (r == 0)
        r = dm_pg_exec(c, &find, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_MEMBERSHIP_NONE;
    out->no = (dm_person_no){dm_pg_i64(rows, 0, 0)};
    out->role = dm_role_named(dm_pg_str(rows, 0, 1));
    if (out->role == DM_ROLES)
        return dm_fail(err, DM_E_CORRUPT, "a member has a role that is none");
    out->last_owner = out->role == DM_ROLE_OWNER && dm_pg_count(all) == 1;
    return 0;
}

static bool has_all(const dm_caller *by, dm_role role)
{
    return (dm_rights_of(role) & ~by->rights) == 0;
}

static int set_role(dm_pg *c, dm_owner owner, dm_person_no person, dm_role role, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(person.v), dm_pa_c(dm_role_name(role))};
    return dm_pg_exec(c, &alter, args, DM_LEN(args), NULL, NULL, err);
}

int dm_membership_alter(dm_pg *c, const dm_caller *by, const char *person, dm_role role, dm_err *err)
{
    member m;
    if (!dm_membership_role_ok(by->owner, role))
        return DM_MEMBERSHIP_ROLE;
    int r = find_member(c, by->owner, person, &m, err);
    if (r != 0)
        return r;
    if (!has_all(by, m.role) || !has_all(by, role))
        return DM_MEMBERSHIP_MORE;
    if (m.last_owner && role != DM_ROLE_OWNER)
        return DM_MEMBERSHIP_LAST;
    if (role == m.role)
        return 0;
    r = set_role(c, by->owner, m.no, role, err);
    return r < 0 ? r : audit(c, by, "member.change", person, dm_role_name(m.role), dm_role_name(role), err);
}

int dm_membership_end(dm_pg *c, const dm_caller *by, const char *person, dm_err *err)
{
    member m;
    int r = find_member(c, by->owner, person, &m, err);
    if (r != 0)
        return r;
    bool himself = by->person.v != 0 && by->person.v == m.no.v;
    if (!himself && (!dm_may(by->rights, DM_RIGHT_MEMBER_CHANGE) || !has_all(by, m.role)))
        return DM_MEMBERSHIP_MORE;
    if (m.last_owner)
        return DM_MEMBERSHIP_LAST;
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_i64(m.no.v)};
    const dm_pg_arg his[] = {args[0], args[1], dm_pa_c(person)};
    r = dm_pg_exec(c, &end, args, DM_LEN(args), NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &withdraw, his, DM_LEN(his), NULL, NULL, err);
    return r < 0 ? r
                 : audit(c, by, himself ? "member.leave" : "member.remove", person, dm_role_name(m.role), NULL, err);
}

int dm_membership_transfer(dm_pg *c, const dm_caller *by, const char *person, dm_err *err)
{
    member m;
    int r = find_member(c, by->owner, person, &m, err);
    if (r != 0)
        return r;
    if (!dm_may(by->rights, DM_RIGHT_ACCOUNT_OWN) || m.no.v == by->person.v)
        return DM_MEMBERSHIP_MORE;
    r = set_role(c, by->owner, m.no, DM_ROLE_OWNER, err);
    if (r == 0)
        r = set_role(c, by->owner, by->person, DM_ROLE_ADMIN, err);
    return r < 0 ? r : audit(c, by, "account.transfer", person, dm_role_name(m.role), "owner", err);
}

int dm_membership_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_MEMBERS_SHOWN)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), out, NULL, err);
}

void dm_membership_row_read(const dm_pg_rows *rows, size_t row, dm_membership_row *out)
{
    dm_pg_read(rows, row, 0, listed, DM_LEN(listed), out);
}
