/* Everything to sleep: for room, for an operator, or for good. What is nobody's ends: nobody would wake it. Who is
 * starting or waking meanwhile is not met here; a drained worker takes nobody in, and whoever drains it looks again:
 * the API's answer to each beat says that an operator wants it empty, a launcher asks until it is idle.
 *
 * What an operator asked for he takes back: then it is as it was before. What the host itself asked for, which is about
 * to stop, he does not.
 *
 * Or everything down: of a worker that was written off nothing is left for anybody, images included. It ends where it
 * is proven to have been, as on a host that was lost. */
#include "workers/host/parts.h"

void dm_worker_sleep_all(dm_worker *w, dm_cause cause)
{
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        dm_err err = {0};
        if (dm_box_nobodys(b) && !dm_seconds_reached(w, b))
            dm_life_end(w, b, cause, "", dm_worker_now_us(w));
        else if (b->state == DM_BOX_RUNNING && dm_worker_pause(w, b, b->epoch, cause, 0, NULL, &err) < 0)
            dm_log_err(w->h->log, DM_ERROR, "worker.sleep_failed", &err);
    }
}

void dm_worker_drain(dm_worker *w)
{
    if (!w->draining)
        DM_LOG(w->h->log, DM_INFO, "worker.draining", dm_fu("running", dm_boxes_running(w->boxes)));
    w->draining = true;
    dm_pools_drain(w->pools);
    dm_worker_sleep_all(w, DM_CAUSE_OPERATOR_DRAINED);
}

void dm_worker_leave(dm_worker *w)
{
    w->leaving = true;
    dm_worker_drain(w);
}

void dm_worker_undrain(dm_worker *w)
{
    if (!w->draining || w->leaving || w->written_off)
        return;
    w->draining = false;
    DM_LOG(w->h->log, DM_INFO, "worker.undrained", dm_fu("asleep", dm_boxes_asleep(w->boxes)));
    dm_pools_undrain(w->pools);
}

bool dm_worker_draining(const dm_worker *w)
{
    return w->draining;
}

void dm_worker_put_down(dm_worker *w)
{
    if (w->written_off)
        return;
    w->written_off = w->draining = true;
    if (w->tick != NULL)
        dm_timer_clear(w->tick);
    dm_pools_drain(w->pools);
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        if (b->state != DM_BOX_ENDED)
            dm_life_end(w, b, DM_CAUSE_HOST_LOST, "its host was written off", dm_seconds_proven_us(w, b));
    }
}

bool dm_worker_written_off(const dm_worker *w)
{
    return w->written_off;
}

bool dm_worker_idle(const dm_worker *w)
{
    return dm_boxes_running(w->boxes) == 0 && w->h->slots_free == w->h->conf.slots && dm_journal_quiet(w->journal);
}
