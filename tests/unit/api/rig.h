/* tests/unit/api/rig.h: one API on one throw-away database for all tests of a program, swept clean between them. */
#ifndef DM_TESTS_UNIT_API_RIG_H
#define DM_TESTS_UNIT_API_RIG_H

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

/* A test program is one translation unit: file-scope state is the simple way. */
static dm_rig rig;

static inline int rig_start(void **state)
{
    (void)state;
    dm_rig_start(&rig, 0);
    return 0;
}

static inline int rig_stop(void **state)
{
    (void)state;
    dm_rig_stop(&rig);
    return 0;
}

/* After each test nothing may be left that counts or runs. */
static inline int rig_clean(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "DELETE FROM dm.sandbox; DELETE FROM dm.idempotency; UPDATE dm.quota_use SET running = 0;"
                     "DELETE FROM dm.project_limit; DELETE FROM dm.account_limit; UPDATE dm.worker SET event_seq = 0");
    return 0;
}

#endif
