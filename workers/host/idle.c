#include "workers/host/idle.h"

#include "workers/host/parts.h"

/* While its second is measured, nothing may happen to it: it is lined up. */
void dm_idle_second(dm_box *b, const dm_sample *measured, uint64_t net_bytes, int64_t second)
{
    dm_worker *w = b->w;
    bool busy = measured->cpu_used_us > DM_IDLE_CPU_US || net_bytes > DM_IDLE_NET;
    if (b->admit.idle_s == 0 || b->state != DM_BOX_RUNNING)
        return;
    if (busy || b->idle.since_s == 0)
        b->idle.since_s = second;
    if (second - b->idle.since_s < b->admit.idle_s)
        return;
    dm_idle_afresh(b); /* one that cannot be put to sleep runs on, and is tried again after as long */
    b->idle.next = w->idle;
    w->idle = b;
}
