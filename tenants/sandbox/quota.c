#include "tenants/sandbox/quota.h"

#include "tenants/sandbox/sql.h"

static int64_t limit_of(const dm_limit_totals *l, dm_quota_what what)
{
    return what == DM_QUOTA_RUNNING ? l->running_max
           : what == DM_QUOTA_VCPUS ? l->vcpus_total_max
                                    : l->mem_mib_total_max;
}

/* Which of them has no room for one more, with what is counted now. */
static bool find_over(const dm_quota_size *size, const dm_limit_totals *l, const int64_t used[3], dm_quota_over *over)
{
    const int64_t more[3] = {1, size->vcpus, size->mem_mib};
    for (int what = DM_QUOTA_RUNNING; what <= DM_QUOTA_MEM; what++) {
        int64_t limit = limit_of(l, (dm_quota_what)what);
        if (used[what] > limit - more[what]) {
            *over = (dm_quota_over){
                    .what = (dm_quota_what)what, .account = over->account, .limit = limit, .current = used[what]};
            return true;
        }
    }
    return false;
}

/* What is counted may have become less since it was refused: then the number that was met is said, as it was then. */
int dm_quota_judge(const dm_sql_met *met, const dm_quota_size *size, const dm_limits *limits, dm_quota_over *over)
{
    if (met->whose == DM_SQL_TAKEN)
        return 0;
    bool account = met->whose == DM_SQL_ACCOUNT_FULL;
    const dm_limit_totals *l = account ? &limits->account : &limits->at_once;
    *over = (dm_quota_over){.account = account, .limit = l->running_max, .current = l->running_max};
    (void)find_over(size, l, met->used, over);
    return DM_QUOTA_OVER;
}

int dm_quota_take(
        dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *limits, dm_quota_over *over, dm_err *err)
{
    dm_sql_met met;
    int r = dm_sql_quota_take(c, owner, size, limits, &met, err);
    return r < 0 ? dm_wrap(err, "take quota") : dm_quota_judge(&met, size, limits, over);
}

int dm_quota_give(dm_pg *c, dm_owner owner, const dm_quota_size *size, int64_t asleep_mib, dm_err *err)
{
    int r = dm_sql_quota_give(c, owner, size, asleep_mib, err);
    return r < 0 ? dm_wrap(err, "give quota back") : 0;
}

int dm_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err)
{
    int r = more_mib != 0 ? dm_sql_quota_asleep(c, owner, more_mib, err) : 0;
    return r < 0 ? dm_wrap(err, "count what sleeps") : 0;
}

int dm_quota_room(dm_pg *c, dm_owner owner, const dm_limits *limits, int64_t *mib, dm_quota_over *over, dm_err *err)
{
    *over = (dm_quota_over){.what = DM_QUOTA_ASLEEP, .limit = limits->asleep_disk_mib_max};
    int r = dm_sql_quota_asleep_read(c, owner, &over->current, err);
    if (r < 0)
        return dm_wrap(err, "room for sleepers");
    *mib = over->limit - over->current;
    return *mib > 0 ? 0 : DM_QUOTA_OVER;
}
