#include <stdio.h>

#include "tenants/who/sql.h"

/* All give the same columns, so that one function reads them. Then: of a key the rights it was made with, "*"
 * for all, of a person his roles; how long these limits hold; and what keeps it from running. A key has two more: how
 * long it is valid, and what the person is whose token fetched it, "*" for no such person. */
static const dm_pg_stmt find_key = {"key_find",
        "SELECT k.account_no, k.project_no, k.key_no, k.key_id, k.account_id, k.project_id, k.slug, k.tier, k.currency,"
        " k.region_no, k.region, coalesce(k.blocked, ''), k.banned, k.limits, dm.account_limits(k.account_no),"
        " coalesce(array_to_string(k.rights, ','), '*'), k.limits_left_us,"
        " coalesce(dm.held(k.account_no, k.project_no), ''), k.left_us,"
        " coalesce(array_to_string(k.roles, ','), '*')"
        " FROM dm.find_key($1) k",
        DM_PG_MAYBE};

static const dm_pg_stmt find_project = {"project_find",
        "SELECT p.account_no, p.project_no, 0, a.id, a.id, p.id, p.slug, a.tier, a.currency, p.region_no, r.name,"
        " coalesce(a.blocked, ''), a.banned,"
        " dm.project_limits(p.account_no, p.project_no), dm.account_limits(p.account_no), '',"
        " dm.limits_left_us(p.account_no, p.project_no),"
        " coalesce(dm.held(p.account_no, p.project_no), '')"
        " FROM dm.project p JOIN dm.account a USING (account_no) JOIN dm.region r USING (region_no)"
        " WHERE p.account_no = $1 AND p.project_no = $2",
        DM_PG_MAYBE};

static const dm_pg_stmt find_member = {"member_find",
        "SELECT m.account_no, m.project_no, 0, '', m.account_id, m.project_id, m.slug, m.tier, m.currency,"
        " m.region_no, m.region, coalesce(m.blocked, ''), m.banned, m.limits, dm.account_limits(m.account_no),"
        " array_to_string(m.roles, ','), m.limits_left_us, coalesce(dm.held(m.account_no, m.project_no), '')"
        " FROM dm.find_member($1, $2) m",
        DM_PG_MAYBE};

static const dm_pg_stmt find_account_member = {"account_member_find",
        "SELECT m.account_no, 0, 0, '', m.account_id, '', '', m.tier, m.currency, 0, '',"
        " coalesce(m.blocked, ''), m.banned, m.limits, m.limits, array_to_string(m.roles, ','), NULL::bigint,"
        " coalesce(dm.held(m.account_no, 0), '')"
        " FROM dm.find_account_member($1, $2::uuid) m",
        DM_PG_MAYBE};

/* A right that is no more, or a role, gives nothing. */
static dm_rights rights_of_key(dm_str list)
{
    const dm_rights all = dm_rights_of(DM_ROLE_KEY);
    return dm_str_eq_c(list, "*") ? all : dm_rights_named(list) & all;
}

static dm_rights rights_of_roles(dm_str list)
{
    dm_rights rights = 0;
    for (dm_str name; dm_str_split(&list, ',', &name);) {
        dm_role role = dm_role_named(name);
        rights |= role < DM_ROLES ? dm_rights_of(role) : 0;
    }
    return rights;
}

int dm_sql_caller_read(const dm_pg_rows *r, dm_caller *out, dm_err *err)
{
    dm_caller c = {.owner = {{dm_pg_i64(r, 0, 0)}, {dm_pg_i64(r, 0, 1)}},
            .key = {dm_pg_i64(r, 0, 2)},
            .region_no = dm_pg_i64(r, 0, 9),
            .banned = dm_pg_bool(r, 0, 12),
            .limits_left_us = dm_pg_is_null(r, 0, 16) ? INT64_MAX : dm_pg_i64(r, 0, 16)};
    const struct {
        unsigned col;
        char *to;
        size_t cap;
    } texts[] = {
            {3, c.key_id, sizeof c.key_id},
            {4, c.account_id, sizeof c.account_id},
            {5, c.project_id, sizeof c.project_id},
            {6, c.slug, sizeof c.slug},
            {7, c.tier, sizeof c.tier},
            {8, c.currency, sizeof c.currency},
            {10, c.region, sizeof c.region},
            {17, c.held, sizeof c.held},
    };
    for (size_t i = 0; i < DM_LEN(texts); i++)
        if (dm_str_to_array(dm_pg_str(r, 0, texts[i].col), texts[i].to, texts[i].cap, err) < 0)
            return dm_wrap(err, "column %u of a caller", texts[i].col);
    if (c.key.v != 0) {
        c.rights = rights_of_key(dm_pg_str(r, 0, 15));
        (void)snprintf(c.who, sizeof c.who, "key:%s", c.key_id);
    }
    /* Words for people: too many are cut, so that a long reason still blocks. */
    dm_str why = dm_pg_str(r, 0, 11);
    if (why.n >= sizeof c.blocked)
        why.n = sizeof c.blocked - 1;
    memcpy(c.blocked, why.p, why.n);
    int e = dm_limits_read(dm_pg_str(r, 0, 13), dm_pg_str(r, 0, 14), &c.limits, err);
    if (e == 0)
        *out = c;
    return e;
}

static int find(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, dm_caller *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, n, &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(rows) == 0 ? DM_SQL_NOBODY : dm_sql_caller_read(rows, out, err);
}

int dm_sql_caller_of_key(dm_pg *c, const dm_digest *digest, dm_caller *out, int64_t *left_us, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_bytes(digest->b, sizeof digest->b)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &find_key, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_SQL_NOBODY;
    if (r == 0)
        r = dm_sql_caller_read(rows, out, err);
    if (r < 0)
        return r;
    if (!dm_str_eq_c(dm_pg_str(rows, 0, 19), "*"))
        out->rights &= rights_of_roles(dm_pg_str(rows, 0, 19));
    *left_us = dm_pg_is_null(rows, 0, 18) ? INT64_MAX : dm_pg_i64(rows, 0, 18);
    return 0;
}

int dm_sql_caller_of_project(dm_pg *c, dm_owner owner, dm_caller *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    return find(c, &find_project, args, DM_LEN(args), out, err);
}

static int find_of_person(
        dm_pg *c, const dm_pg_stmt *st, dm_person_no person, dm_str which, dm_caller *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(person.v), dm_pa_text(which)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_SQL_NOBODY;
    if (r == 0)
        r = dm_sql_caller_read(rows, out, err);
    if (r < 0)
        return r;
    out->person = person;
    out->rights = rights_of_roles(dm_pg_str(rows, 0, 15));
    return 0;
}

int dm_sql_caller_of_member(dm_pg *c, dm_person_no person, dm_str slug, dm_caller *out, dm_err *err)
{
    return find_of_person(c, &find_member, person, slug, out, err);
}

int dm_sql_caller_of_account_member(dm_pg *c, dm_person_no person, dm_str account_id, dm_caller *out, dm_err *err)
{
    if (!dm_uuid_ok(account_id))
        return DM_SQL_NOBODY;
    return find_of_person(c, &find_account_member, person, account_id, out, err);
}
