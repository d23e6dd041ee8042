#include "tenants/sandbox/quota.h"

#include "tenants/sandbox/sql.h"

/* The account's row is everybody's and is taken last, so that it is held shortest; all take in this order. */
static dm_owner account_row(dm_owner owner)
{
    return (dm_owner){.account = owner.account};
}

static int take_one(dm_pg *c, dm_owner owner, int64_t limit, dm_quota_over *over, dm_err *err)
{
    int r = limit > 0 ? dm_sql_quota_take(c, owner, limit, err) : DM_SQL_FULL;
    if (r != DM_SQL_FULL)
        return r;
    *over = (dm_quota_over){.account = owner.project.v == 0, .limit = limit};
    r = dm_sql_quota_read(c, owner, &over->current, err);
    return r < 0 ? r : DM_QUOTA_OVER;
}

int dm_quota_take(dm_pg *c, dm_owner owner, const dm_limits *limits, dm_quota_over *over, dm_err *err)
{
    int r = take_one(c, owner, limits->running_max, over, err);
    if (r == 0)
        r = take_one(c, account_row(owner), limits->account_running_max, over, err);
    return r < 0 ? dm_wrap(err, "take quota") : r;
}

int dm_quota_give(dm_pg *c, dm_owner owner, dm_err *err)
{
    int r = dm_sql_quota_give(c, owner, err);
    if (r == 0)
        r = dm_sql_quota_give(c, account_row(owner), err);
    return r < 0 ? dm_wrap(err, "give quota back") : 0;
}

int dm_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err)
{
    int r = more_mib != 0 ? dm_sql_quota_asleep(c, owner, more_mib, err) : 0;
    return r < 0 ? dm_wrap(err, "count what sleeps") : 0;
}

int dm_quota_room(dm_pg *c, dm_owner owner, const dm_limits *limits, int64_t *mib, dm_quota_over *over, dm_err *err)
{
    *over = (dm_quota_over){.limit = limits->asleep_disk_mib_max};
    int r = dm_sql_quota_asleep_read(c, owner, &over->current, err);
    if (r < 0)
        return dm_wrap(err, "room for sleepers");
    *mib = over->limit - over->current;
    return *mib > 0 ? 0 : DM_QUOTA_OVER;
}
