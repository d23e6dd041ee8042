#include <stddef.h>

#include "tenants/who/accounts.h"

#define ACCOUNT                                                                                                        \
    "SELECT a.account_no, a.id, coalesce(a.name, a.legal_name), a.country, a.currency, a.tier, a.blocked, a.banned,"   \
    " (SELECT count(*) FROM dm.project p WHERE p.account_no = a.account_no),"                                          \
    " (SELECT coalesce(sum(q.running), 0) FROM dm.quota_use q WHERE q.account_no = a.account_no"                       \
    "  AND q.project_no = 0),"                                                                                         \
    " (SELECT coalesce(sum(q.asleep_mib), 0) FROM dm.quota_use q WHERE q.account_no = a.account_no),"                  \
    " dm.us(a.created_at) FROM dm.account a"

static const dm_pg_field account_fields[] = {
        {DM_COL_I64, offsetof(dm_accounts_row, no.v)},
        {DM_COL_STR, offsetof(dm_accounts_row, id)},
        {DM_COL_STR, offsetof(dm_accounts_row, name)},
        {DM_COL_STR, offsetof(dm_accounts_row, country)},
        {DM_COL_STR, offsetof(dm_accounts_row, currency)},
        {DM_COL_STR, offsetof(dm_accounts_row, tier)},
        {DM_COL_MAYBE, offsetof(dm_accounts_row, blocked)},
        {DM_COL_BOOL, offsetof(dm_accounts_row, banned)},
        {DM_COL_I64, offsetof(dm_accounts_row, projects)},
        {DM_COL_I64, offsetof(dm_accounts_row, running)},
        {DM_COL_I64, offsetof(dm_accounts_row, asleep_mib)},
        {DM_COL_I64, offsetof(dm_accounts_row, created_us)},
};

/* An address is looked for where it is one: each costs a look at all who have signed up. */
#define LEFT                                                                                                           \
    " WHERE ($1::text IS NULL OR a.tier = $1::text)"                                                                   \
    " AND ($2::boolean IS NULL OR (a.blocked IS NOT NULL OR a.banned) = $2::boolean)"                                  \
    " AND ($3::text IS NULL OR strpos(lower(concat_ws(' ', a.name, a.legal_name)), lower($3::text)) > 0"               \
    "  OR a.id::text = lower($3::text)"                                                                                \
    "  OR EXISTS (SELECT FROM dm.project p WHERE p.account_no = a.account_no"                                          \
    "   AND strpos(p.slug, lower($3::text)) > 0)"                                                                      \
    "  OR a.account_no IN (SELECT m.account_no FROM dm.accounts_of_address($3::text) m))"

static const dm_pg_stmt count = {"accounts_count", DM_PG_COUNT("FROM dm.account a" LEFT), DM_PG_ONE};
static const dm_pg_stmt list = {
        "accounts_list", ACCOUNT LEFT " AND a.account_no > $4 ORDER BY a.account_no LIMIT $5", DM_PG_ROWS};
static const dm_pg_stmt find = {"accounts_find", ACCOUNT " WHERE a.id = $1::uuid", DM_PG_MAYBE};

int dm_accounts_list(dm_pg *c, const dm_accounts_filter *f, dm_pg_rows **rows, dm_pg_total *total, dm_err *err)
{
    enum { OF_FILTER = 3 };
    const dm_pg_arg args[] = {dm_pa_text(f->tier), f->blocked < 0 ? dm_pa_null() : dm_pa_bool(f->blocked != 0),
            dm_pa_text(f->q), dm_pa_i64(f->after.v), dm_pa_i64(f->limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, OF_FILTER, total, err);
}

void dm_accounts_read(const dm_pg_rows *rows, size_t i, dm_accounts_row *out)
{
    dm_pg_read(rows, i, 0, account_fields, DM_LEN(account_fields), out);
}

/* --- what it has -------------------------------------------------------------------------------------------- */

/* Of each: its columns are read by their place in accounts.c. */
static const dm_pg_stmt plans = {"accounts_plans",
        "SELECT tier, included_s, dm.us(valid_from) FROM dm.account_plan WHERE account_no = $1"
        " ORDER BY valid_from DESC LIMIT $2",
        DM_PG_ROWS};
static const dm_pg_stmt limits = {"accounts_limits",
        "SELECT NULL AS slug, name, value, set_by, reason, dm.us(until), dm.us(set_at) FROM dm.account_limit"
        " WHERE account_no = $1"
        " UNION ALL SELECT p.slug, l.name, l.value, l.set_by, l.reason, dm.us(l.until), dm.us(l.set_at)"
        " FROM dm.project_limit l JOIN dm.project p USING (account_no, "
        "project_no)"
        " WHERE account_no = $1 ORDER BY slug NULLS FIRST, name LIMIT $2",
        DM_PG_ROWS};
/* What runs is counted where it is charged: whatever was created, it is one row. */
static const dm_pg_stmt holds = {"accounts_holds",
        "SELECT p.slug, h.cause, h.set_by, h.reason, coalesce(q.running, 0), dm.us(h.at), dm.us(h.until)"
        " FROM dm.hold h LEFT JOIN dm.project p USING (account_no, project_no)"
        " LEFT JOIN dm.quota_use q USING (account_no, project_no)"
        " WHERE account_no = $1 AND (h.until IS NULL OR h.until > now())"
        " ORDER BY p.slug NULLS FIRST, h.cause LIMIT $2",
        DM_PG_ROWS};
static const dm_pg_stmt projects = {"accounts_projects",
        "SELECT p.id, p.slug, p.name, r.name, coalesce(q.running, 0), coalesce(q.asleep_mib, 0), dm.us(p.created_at)"
        " FROM dm.project p JOIN dm.region r USING (region_no) LEFT JOIN dm.quota_use q USING (account_no, project_no)"
        " WHERE account_no = $1 ORDER BY project_no LIMIT $2",
        DM_PG_ROWS};
static const dm_pg_stmt members = {"accounts_members",
        "SELECT m.id, m.email, m.name, p.slug, m.role, m.confirmed, m.totp, dm.us(m.added_at)"
        " FROM dm.members_of($1) m LEFT JOIN dm.project p ON p.account_no = $1 AND p.project_no = m.project_no"
        " ORDER BY m.email, p.slug NULLS FIRST LIMIT $2",
        DM_PG_ROWS};

void dm_accounts_one_done(dm_accounts_one *o)
{
    dm_pg_rows_free(o->account);
    dm_pg_rows_free(o->plans);
    dm_pg_rows_free(o->limits);
    dm_pg_rows_free(o->holds);
    dm_pg_rows_free(o->projects);
    dm_pg_rows_free(o->members);
    *o = (dm_accounts_one){.account = NULL};
}

int dm_accounts_find(dm_pg *c, const char *account_id, dm_accounts_one *o, dm_err *err)
{
    const dm_pg_arg id = dm_pa_c(account_id);
    dm_accounts_row a;
    dm_accounts_one_done(o);
    int r = dm_pg_exec(c, &find, &id, 1, &o->account, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(o->account) == 0)
        return DM_ACCOUNTS_NONE;
    dm_accounts_read(o->account, 0, &a);
    const dm_pg_arg args[] = {dm_pa_i64(a.no.v), dm_pa_i64(DM_ACCOUNTS_PARTS_MAX)};
    r = dm_pg_exec(c, &plans, args, DM_LEN(args), &o->plans, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &limits, args, DM_LEN(args), &o->limits, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &holds, args, DM_LEN(args), &o->holds, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &projects, args, DM_LEN(args), &o->projects, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &members, args, DM_LEN(args), &o->members, NULL, err);
}
