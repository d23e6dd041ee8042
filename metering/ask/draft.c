#include "metering/ask/draft.h"

static int find(dm_pg *c, const dm_draft_kind *kind, const char *who, int64_t no, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_c(who)};
    int r = dm_pg_exec(c, &kind->find, args, DM_LEN(args), rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(*rows) == 0)
        return DM_DRAFT_NONE;
    return dm_pg_bool(*rows, 0, 0) ? 0 : DM_DRAFT_STATE;
}

static int decide(dm_pg *c, const dm_pg_stmt *st, const char *who, const char *why, int64_t no, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_c(who), dm_pa_c(why)};
    return dm_pg_exec(c, st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_draft_approve(dm_pg *c, const dm_draft_kind *kind, const char *who, const char *why, int64_t no, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &kind->turn, NULL, 0, NULL, NULL, err);
    if (r == 0)
        r = find(c, kind, who, no, &rows, err);
    if (r != 0)
        return r;
    if (dm_pg_bool(rows, 0, 1))
        return DM_DRAFT_OWN;
    if (dm_pg_i64(rows, 0, 2) < DM_DRAFT_AHEAD_S + 1)
        return DM_DRAFT_LATE;
    if (dm_pg_bool(rows, 0, 3))
        return DM_DRAFT_SAME;
    return decide(c, &kind->approve, who, why, no, err);
}

int dm_draft_withdraw(dm_pg *c, const dm_draft_kind *kind, const char *who, const char *why, int64_t no, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = find(c, kind, who, no, &rows, err);
    return r != 0 ? r : decide(c, &kind->withdraw, who, why, no, err);
}
