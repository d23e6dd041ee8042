#include <stdio.h>

#include "base/parse.h"

#include "tenants/who/access.h"
#include "tenants/who/sql.h"

static const char prefix[] = "sk_e2b_";

static const dm_pg_stmt one_by_one = {
        "access_one_by_one", "SELECT pg_advisory_xact_lock(hashtext('dm.person_token'), $1::int)", DM_PG_ONE};
static const dm_pg_stmt room = {
        "access_room", "SELECT count(*) FROM dm.person_token WHERE person_no = $1 AND revoked_at IS NULL", DM_PG_ONE};
static const dm_pg_stmt add = {"access_add",
        "INSERT INTO dm.person_token (person_no, name, sha256, mask) VALUES ($1, $2, $3, $4)"
        " RETURNING id, dm.us(created_at)",
        DM_PG_ONE};
static const dm_pg_stmt revoke_one = {"access_revoke",
        "UPDATE dm.person_token SET revoked_at = now() WHERE person_no = $1 AND id = $2::uuid AND revoked_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt end_one = {"access_end",
        "UPDATE dm.person_token SET revoked_at = now() WHERE person_no = $1 AND token_no = $2 AND revoked_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt list = {"access_list",
        "SELECT id, name, mask, dm.us(created_at) FROM dm.person_token WHERE person_no = $1 AND revoked_at IS NULL"
        " ORDER BY token_no DESC LIMIT $2",
        DM_PG_ROWS};
static const dm_pg_field listed[] = {{DM_COL_STR, offsetof(dm_access_row, id)},
        {DM_COL_STR, offsetof(dm_access_row, name)}, {DM_COL_STR, offsetof(dm_access_row, mask)},
        {DM_COL_I64, offsetof(dm_access_row, created_us)}};

static const dm_pg_stmt find = {
        "access_find", "SELECT person_no, person_id, token_no FROM dm.find_token($1)", DM_PG_MAYBE};
static const dm_pg_stmt first = {"access_first", "SELECT project_id FROM dm.projects_of($1) LIMIT 1", DM_PG_MAYBE};
static const dm_pg_stmt teams = {"access_teams",
        "SELECT account_no, project_no, project_id, slug, name FROM dm.projects_of($1) LIMIT $2", DM_PG_ROWS};
static const dm_pg_field team[] = {{DM_COL_I64, offsetof(dm_team_row, account_no)},
        {DM_COL_I64, offsetof(dm_team_row, project_no)}, {DM_COL_STR, offsetof(dm_team_row, project_id)},
        {DM_COL_STR, offsetof(dm_team_row, slug)}, {DM_COL_STR, offsetof(dm_team_row, name)}};

/* --- made and ended ----------------------------------------------------------------------------------------- */

int dm_access_add(dm_pg *c, const dm_caller *by, dm_str name, dm_access_made *out, dm_err *err)
{
    const dm_pg_arg person = dm_pa_i64(by->person.v);
    uint8_t raw[DM_ACCESS_BYTES];
    char hex[2 * DM_ACCESS_BYTES + 1];
    dm_digest digest;
    DM_AUTO(dm_pg_rows) there = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &one_by_one, &person, 1, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &room, &person, 1, &there, NULL, err);
    if (r == 0 && dm_pg_i64(there, 0, 0) >= DM_TOKENS_MAX)
        return DM_ACCESS_FULL;
    if (r == 0)
        r = dm_random(raw, sizeof raw, err);
    if (r == 0)
        r = dm_sha256((dm_str){(const char *)raw, sizeof raw}, &digest, err);
    if (r < 0)
        return r;
    dm_hex(raw, sizeof raw, hex);
    dm_access_made made;
    (void)snprintf(made.token, sizeof made.token, "%s%s", prefix, hex);
    (void)snprintf(made.mask, sizeof made.mask, "%s%.2s...%s", prefix, hex, hex + sizeof hex - 5);
    const dm_pg_arg args[] = {person, dm_pa_text(name), dm_pa_bytes(digest.b, sizeof digest.b), dm_pa_c(made.mask)};
    r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 0), made.id, sizeof made.id, err);
    if (r == 0) {
        made.created_us = dm_pg_i64(rows, 0, 1);
        *out = made;
    }
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(hex, sizeof hex);
    explicit_bzero(&made, sizeof made);
    return r;
}

static int end(dm_pg *c, const dm_pg_stmt *how, const dm_caller *by, dm_pg_arg which, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->person.v), which};
    int64_t n = 0;
    int r = dm_pg_exec(c, how, args, DM_LEN(args), NULL, &n, err);
    return r < 0 || n > 0 ? r : DM_ACCESS_NONE;
}

int dm_access_revoke(dm_pg *c, const dm_caller *by, const char *id, dm_err *err)
{
    return end(c, &revoke_one, by, dm_pa_c(id), err);
}

int dm_access_end(dm_pg *c, const dm_caller *by, int64_t token_no, dm_err *err)
{
    return end(c, &end_one, by, dm_pa_i64(token_no), err);
}

int dm_access_list(dm_pg *c, const dm_caller *by, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->person.v), dm_pa_i64(DM_TOKENS_MAX)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), out, NULL, err);
}

void dm_access_row_read(const dm_pg_rows *rows, size_t row, dm_access_row *out)
{
    dm_pg_read(rows, row, 0, listed, DM_LEN(listed), out);
}

/* --- whose -------------------------------------------------------------------------------------------------- */

/* False: it has not the shape of one. */
static bool hash(dm_str token, dm_digest *out)
{
    uint8_t raw[DM_ACCESS_BYTES];
    const dm_str hex = {token.p + sizeof prefix - 1, token.n - (sizeof prefix - 1)};
    return dm_str_starts(token, dm_str_c(prefix)) && hex.n == sizeof raw * 2 &&
           dm_parse_hex(hex, raw, sizeof raw, NULL) == 0 &&
           dm_sha256((dm_str){(const char *)raw, sizeof raw}, out, NULL) == 0;
}

int dm_access_find(dm_pg *c, dm_str token, dm_caller *out, int64_t *token_no, dm_err *err)
{
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    if (!hash(token, &digest))
        return DM_ACCESS_NONE;
    const dm_pg_arg arg = dm_pa_bytes(digest.b, sizeof digest.b);
    int r = dm_pg_exec(c, &find, &arg, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_ACCESS_NONE;
    dm_str id = dm_pg_str(rows, 0, 1);
    *out = (dm_caller){.person = {dm_pg_i64(rows, 0, 0)}, .rights = UINT64_C(1) << DM_RIGHT_SELF};
    (void)snprintf(out->who, sizeof out->who, "person:%.*s", (int)id.n, id.p);
    *token_no = dm_pg_i64(rows, 0, 2);
    return 0;
}

int dm_access_project(dm_pg *c, const dm_caller *person, dm_str which, dm_caller *out, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(person->person.v);
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = 0;
    if (which.n == 0) {
        r = dm_pg_exec(c, &first, &arg, 1, &rows, NULL, err);
        if (r == 0 && dm_pg_count(rows) == 0)
            return DM_ACCESS_NONE;
        which = r == 0 ? dm_pg_str(rows, 0, 0) : which;
    }
    if (r == 0)
        r = dm_sql_caller_of_member(c, person->person, which, out, err);
    if (r == 0)
        memcpy(out->who, person->who, sizeof out->who);
    return r == DM_SQL_NOBODY ? DM_ACCESS_NONE : r;
}

int dm_access_teams(dm_pg *c, const dm_caller *person, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(person->person.v), dm_pa_i64(DM_TEAMS_MAX)};
    return dm_pg_exec(c, &teams, args, DM_LEN(args), out, NULL, err);
}

void dm_team_row_read(const dm_pg_rows *rows, size_t row, dm_team_row *out)
{
    dm_pg_read(rows, row, 0, team, DM_LEN(team), out);
}
