#include "tenants/sandbox/quota.h"

#include "tenants/who/sql.h"

/* The account's row is everybody's and is taken last, so that it is held shortest; all take in this order. */
static const int64_t account_row = 0;

static int take_one(dm_pg *c, int64_t account_no, int64_t project_no, int64_t limit, dm_quota_over *over, dm_err *err)
{
    int r = limit > 0 ? dm_sql_quota_take(c, account_no, project_no, limit, err) : DM_SQL_NONE;
    if (r != DM_SQL_NONE)
        return r;
    *over = (dm_quota_over){.account = project_no == account_row, .limit = limit};
    r = dm_sql_quota_read(c, account_no, project_no, &over->current, err);
    return r < 0 ? r : DM_QUOTA_OVER;
}

int dm_quota_take(
        dm_pg *c, int64_t account_no, int64_t project_no, const dm_limits *limits, dm_quota_over *over, dm_err *err)
{
    int r = take_one(c, account_no, project_no, limits->running_max, over, err);
    if (r == 0)
        r = take_one(c, account_no, account_row, limits->account_running_max, over, err);
    return r < 0 ? dm_wrap(err, "take quota") : r;
}

int dm_quota_give(dm_pg *c, int64_t account_no, int64_t project_no, dm_err *err)
{
    int r = dm_sql_quota_give(c, account_no, project_no, err);
    if (r == 0)
        r = dm_sql_quota_give(c, account_no, account_row, err);
    return r < 0 ? dm_wrap(err, "give quota back") : 0;
}
