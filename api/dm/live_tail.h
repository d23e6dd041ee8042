/* api/dm/live_tail.h: what of the watched projects was written since the last look: sandboxes, refusals and alerts, and
 * whether a period has closed; and what they are coming to, each second and a half.
 *
 * A row's time is taken when it is written, and the row is seen when its transaction has committed. So each look goes
 * back by more than a transaction takes, most times by a little and now and then by as long as a statement may take;
 * what was met before is known by what it is and when it was written. One thread's. */
#ifndef DM_API_DM_LIVE_TAIL_H
#define DM_API_DM_LIVE_TAIL_H

#include "api/kit/api.h"
#include "metering/read/cost.h"

enum { DM_LIVE_FAR_BACK_US = 12000000 };

typedef enum dm_live_kind { DM_LIVE_SANDBOX, DM_LIVE_DENIAL, DM_LIVE_ALERT, DM_LIVE_KINDS } dm_live_kind;

/* Something that was written: a sandbox, or a refusal or an alert, whose number stands in id. */
typedef struct dm_live_mark {
    dm_project_no project;
    dm_sandbox_id id;
    dm_live_kind kind;
    bool fresh; /* no look has met it before */
    int64_t at_us, count;
} dm_live_mark;

typedef struct dm_live_tail {
    int64_t now_us;         /* of the database, at the last look */
    int64_t whole_from_us;  /* it has all that was written from here on */
    int64_t closed_through; /* as dm_read_closed_through */
    bool closed;            /* a period has, since the look before */
    bool torn;              /* so much was written that some of it may never be met */
    dm_live_mark *marks;    /* by project, the newest first */
    size_t nmarks;
    dm_read_spend *spends; /* by project: what the watched ones are coming to; not read at each look */
    size_t nspends;
    struct dm_live_memory *memory;
} dm_live_tail;

dm_live_tail *dm_live_tail_new(dm_err *err) DM_NODISCARD;
void dm_live_tail_free(dm_live_tail *t);
DM_DEFINE_FREEP(dm_live_tail)

/* since_us: as far back as somebody wants who comes again, but DM_LIVE_RESUME_S at most; 0: nobody does. */
int dm_live_look(dm_live_tail *t, dm_api *api, const dm_project_no *projects, size_t n, int64_t since_us,
        dm_err *err) DM_NODISCARD;
/* What was met may not have been told, or (nobody) nobody is there who was told: the next look goes far back, and all
 * is fresh. */
void dm_live_forget(dm_live_tail *t, bool nobody);

#endif
