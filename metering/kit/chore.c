#include "metering/kit/chore.h"

int dm_chore_may(const dm_chore_config *c, dm_pg *pg, dm_err *err)
{
    bool held;
    int r = c->held(c->held_arg, pg, &held, err);
    return r == 0 && !held ? DM_CHORE_ZOMBIE : r;
}
