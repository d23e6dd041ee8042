#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/lookas.h"
#include "tenants/who/sql.h"

/* Whoever ends one tells the same of it: account's number and id, its own id, who, why. */
#define TOLD " RETURNING l.account_no, (SELECT a.id FROM dm.account a WHERE a.account_no = l.account_no), l.id, l.who, "
static const dm_pg_stmt end_one = {"look_end",
        "UPDATE dm.look l SET ended_at = now(), ended_why = $2 WHERE session_id = $1::uuid AND ended_at IS NULL"
        " AND until > now()" TOLD "l.ended_why",
        DM_PG_MAYBE};
static const dm_pg_stmt over = {
        "looks_over", "SELECT account_no, account_id, id, who, why FROM dm.looks_over()", DM_PG_ROWS};
static const dm_pg_stmt begin = {"look_begin",
        "INSERT INTO dm.look (account_no, session_id, who, reason, until)"
        " SELECT account_no, $2::uuid, $3, $4, now() + make_interval(secs => $5) FROM dm.account WHERE id = $1::uuid"
        " ON CONFLICT (session_id) WHERE ended_at IS NULL DO NOTHING RETURNING account_no, id, dm.us(until)",
        DM_PG_MAYBE};
static const dm_pg_stmt account = {
        "look_account", "SELECT legal_name FROM dm.account WHERE id = $1::uuid", DM_PG_MAYBE};
static const dm_pg_stmt current = {"look_current",
        "SELECT l.id, a.id, a.legal_name, l.who, l.reason, dm.us(l.until) FROM dm.look l JOIN dm.account a"
        " USING (account_no) WHERE l.session_id = $1::uuid AND l.ended_at IS NULL AND l.until > now()",
        DM_PG_MAYBE};
/* The first columns as in sql_caller.c. */
static const dm_pg_stmt find = {"look_find",
        "SELECT account_no, project_no, 0, '', account_id, coalesce(project_id::text, ''), coalesce(slug, ''), tier,"
        " currency, coalesce(region_no, 0), coalesce(region, ''), '', false, limits, dm.account_limits(account_no), '',"
        " NULL::bigint, '', account_name, who, reason, until_us, operator_no FROM dm.find_look($1::uuid, $2)",
        DM_PG_MAYBE};
static const dm_pg_stmt projects = {
        "look_projects", "SELECT id, slug, name, account_id, 'look' FROM dm.look_projects($1::uuid)", DM_PG_ROWS};

typedef struct text {
    unsigned col;
    char *to;
    size_t cap;
} text;

static int read_texts(const dm_pg_rows *rows, size_t row, const text *all, size_t n, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = dm_str_to_array(dm_pg_str(rows, row, all[i].col), all[i].to, all[i].cap, err);
    return r < 0 ? dm_wrap(err, "a look") : 0;
}

/* --- the audit ---------------------------------------------------------------------------------------------- */

static int audit(dm_pg *c, int64_t account_no, const dm_lookas *l, const char *verb, const char *why, dm_err *err)
{
    char object[64], detail[160];
    (void)snprintf(object, sizeof object, "account:%s", l->account_id);
    (void)snprintf(detail, sizeof detail, why != NULL ? "{\"look\": \"%s\", \"why\": \"%s\"}" : "{\"look\": \"%s\"}",
            l->id, why);
    const dm_audit line = {.owner = {.account = {account_no}},
            .who = l->who,
            .verb = verb,
            .object = object,
            .detail = dm_str_c(detail),
            .reason = why == NULL ? l->reason : NULL};
    return dm_audit_add(c, &line, err);
}

static int told(dm_pg *c, const dm_pg_rows *rows, size_t row, dm_err *err)
{
    dm_lookas l = {.id = ""};
    char why[16];
    const text all[] = {{1, l.account_id, sizeof l.account_id}, {2, l.id, sizeof l.id}, {3, l.who, sizeof l.who},
            {4, why, sizeof why}};
    int r = read_texts(rows, row, all, DM_LEN(all), err);
    return r < 0 ? r : audit(c, dm_pg_i64(rows, row, 0), &l, "look.end", why, err);
}

static int tell_all(dm_pg *c, const dm_pg_rows *rows, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++)
        r = told(c, rows, i, err);
    return r;
}

int dm_lookas_over(dm_pg *c, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &over, NULL, 0, &rows, NULL, err);
    return r < 0 ? r : tell_all(c, rows, err);
}

/* --- acts --------------------------------------------------------------------------------------------------- */

static int end(dm_pg *c, const char *session, const char *why, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(session), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &end_one, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_LOOKAS_NONE;
    return r < 0 ? r : tell_all(c, rows, err);
}

int dm_lookas_end(dm_pg *c, const char *session, dm_err *err)
{
    return end(c, session, "ended", err);
}

static int add(dm_pg *c, const dm_pg_arg *args, size_t n, dm_lookas *l, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &begin, args, n, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_CONFLICT, "another look begins in the same session");
    l->until_us = dm_pg_i64(rows, 0, 2);
    r = dm_str_to_array(dm_pg_str(rows, 0, 1), l->id, sizeof l->id, err);
    return r < 0 ? r : audit(c, dm_pg_i64(rows, 0, 0), l, "look.begin", NULL, err);
}

/* Those that are over are put down first, so that none stands in the way. */
int dm_lookas_begin(dm_pg *c, const char *who, const char *session, const char *account_id, const char *reason,
        dm_lookas *out, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_c(account_id), dm_pa_c(session), dm_pa_c(who), dm_pa_c(reason), dm_pa_i64(DM_LOOKAS_S)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_lookas l = {.id = ""};
    int r = dm_pg_exec(c, &account, args, 1, &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_LOOKAS_NONE;
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 0), l.account_name, sizeof l.account_name, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(account_id), l.account_id, sizeof l.account_id, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(who), l.who, sizeof l.who, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(reason), l.reason, sizeof l.reason, err);
    if (r == 0)
        r = dm_lookas_over(c, err);
    if (r == 0)
        r = end(c, session, "another", err);
    if (r == 0 || r == DM_LOOKAS_NONE)
        r = add(c, args, DM_LEN(args), &l, err);
    if (r == 0)
        *out = l;
    return r;
}

int dm_lookas_current(dm_pg *c, const char *session, dm_lookas *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_c(session);
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_lookas l;
    int r = dm_pg_exec(c, &current, &arg, 1, &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_LOOKAS_NONE;
    const text all[] = {{0, l.id, sizeof l.id}, {1, l.account_id, sizeof l.account_id},
            {2, l.account_name, sizeof l.account_name}, {3, l.who, sizeof l.who}, {4, l.reason, sizeof l.reason}};
    if (r == 0)
        r = read_texts(rows, 0, all, DM_LEN(all), err);
    if (r < 0)
        return r;
    l.until_us = dm_pg_i64(rows, 0, 5);
    *out = l;
    return 0;
}

/* --- what it sees ------------------------------------------------------------------------------------------- */

int dm_lookas_find(dm_pg *c, const char *id, dm_str project, dm_lookas *out, dm_caller *caller, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id), project.n > 0 ? dm_pa_text(project) : dm_pa_null()};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_lookas l;
    int r = dm_pg_exec(c, &find, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_LOOKAS_NONE;
    const text all[] = {{4, l.account_id, sizeof l.account_id}, {18, l.account_name, sizeof l.account_name},
            {19, l.who, sizeof l.who}, {20, l.reason, sizeof l.reason}};
    if (r == 0)
        r = dm_sql_caller_read(rows, caller, err);
    if (r == 0)
        r = read_texts(rows, 0, all, DM_LEN(all), err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(id), l.id, sizeof l.id, err);
    if (r < 0)
        return r;
    l.until_us = dm_pg_i64(rows, 0, 21);
    caller->operator_ = (dm_operator_no){dm_pg_i64(rows, 0, 22)};
    caller->rights = dm_rights_of(DM_ROLE_LOOK);
    (void)snprintf(caller->who, sizeof caller->who, "%s", l.who);
    *out = l;
    return 0;
}

int dm_lookas_projects(dm_pg *c, const char *id, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_c(id);
    return dm_pg_exec(c, &projects, &arg, 1, out, NULL, err);
}
