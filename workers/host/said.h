/* workers/host/said.h: what sandboxes' agents say unasked, and what the worker says of their channels. A tenant who is
 * root in his sandbox can speak as its agent: so their lines have a log of their own, which is bounded, and of each
 * sandbox DM_SAID_BURST lines at once and one each DM_SAID_EACH_S s go into it. What is left out is counted, in one
 * line a minute. Belongs to the loop. */
#ifndef DM_WORKERS_HOST_SAID_H
#define DM_WORKERS_HOST_SAID_H

#include "base/log.h"

enum { DM_SAID_BURST = 20, DM_SAID_EACH_S = 3, DM_SAID_MORE_S = 60 };

/* Of one sandbox; zero to begin with. */
typedef struct dm_said {
    int64_t full_us; /* until then there is less than the burst to be had */
    uint64_t more;   /* lines that were left out, */
    int64_t since_us;
} dm_said;

/* log may be NULL. now_us: any clock that does not step. */
void dm_said_line(dm_said *s, dm_log *log, const char *sandbox, int64_t now_us, const char *event, const char *message);
/* The sandbox, or its VM, is gone: how many were left out is said now. */
void dm_said_end(dm_said *s, dm_log *log, const char *sandbox);

#endif
