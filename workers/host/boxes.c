#include "workers/host/boxes.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/wire/spec.h"

struct dm_boxes {
    dm_map by_id;
    uint32_t running, asleep, nunclaimed;
    uint64_t mem_mib, asleep_mib;
    dm_box *unclaimed;
    dm_boxes_run_fn run;
    void *run_arg;
    dm_boxes_stand_fn stand;
    void *stand_arg;
};

static bool runs(dm_box_state s)
{
    return s == DM_BOX_RUNNING || s == DM_BOX_PAUSING;
}

static bool sleeps(dm_box_state s)
{
    return s == DM_BOX_ASLEEP || s == DM_BOX_WAKING;
}

static uint64_t mem_of(const dm_box *b)
{
    if (b->state == DM_BOX_ASLEEP || b->state == DM_BOX_ENDED)
        return 0;
    const dm_spec *spec = dm_spec_get((uint16_t)b->admit.spec_table, (uint16_t)b->admit.spec);
    return spec != NULL ? spec->mem_mib : 0;
}

static uint64_t image_of(const dm_box *b)
{
    return sleeps(b->state) && b->image_mib > 0 ? (uint64_t)b->image_mib : 0;
}

static void stand(const dm_boxes *t, const dm_box *b, int by)
{
    if (t->stand != NULL && b->base[0] != '\0' && b->state != DM_BOX_ENDED)
        t->stand(t->stand_arg, b->base, by);
}

static void list(dm_boxes *t, dm_box *b)
{
    assert(b->link_unclaimed == NULL);
    b->next_unclaimed = t->unclaimed;
    b->link_unclaimed = &t->unclaimed;
    if (b->next_unclaimed != NULL)
        b->next_unclaimed->link_unclaimed = &b->next_unclaimed;
    t->unclaimed = b;
    t->nunclaimed++;
}

static void unlist(dm_boxes *t, dm_box *b)
{
    assert(t->nunclaimed > 0 && *b->link_unclaimed == b);
    *b->link_unclaimed = b->next_unclaimed;
    if (b->next_unclaimed != NULL)
        b->next_unclaimed->link_unclaimed = b->link_unclaimed;
    b->next_unclaimed = NULL;
    b->link_unclaimed = NULL;
    t->nunclaimed--;
}

static void tell(const dm_boxes *t, const dm_box *b, int by)
{
    if (t->run != NULL && runs(b->state))
        t->run(t->run_arg, b->admit.project_no, by);
}

static void count(dm_boxes *t, dm_box *b)
{
    tell(t, b, 1);
    t->running += runs(b->state);
    t->asleep += sleeps(b->state);
    t->mem_mib += mem_of(b);
    t->asleep_mib += image_of(b);
    if (dm_box_nobodys(b))
        list(t, b);
    assert(t->running + t->asleep <= t->by_id.n && t->nunclaimed <= t->running);
}

static void discount(dm_boxes *t, dm_box *b)
{
    assert(t->running >= runs(b->state) && t->asleep >= sleeps(b->state));
    assert(t->mem_mib >= mem_of(b) && t->asleep_mib >= image_of(b));
    tell(t, b, -1);
    t->running -= runs(b->state);
    t->asleep -= sleeps(b->state);
    t->mem_mib -= mem_of(b);
    t->asleep_mib -= image_of(b);
    if (dm_box_nobodys(b))
        unlist(t, b);
}

int dm_boxes_new(dm_boxes **out, dm_err *err)
{
    dm_boxes *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for sandboxes");
    dm_map_init(&t->by_id, offsetof(dm_box, id), sizeof(dm_sandbox_id), DM_BOXES_MAX);
    *out = t;
    return 0;
}

void dm_boxes_free(dm_boxes *t)
{
    if (t == NULL)
        return;
    dm_map_walk walk = dm_boxes_walk(t);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;)
        dm_boxes_drop(t, b);
    assert(t->by_id.n == 0 && t->running == 0 && t->asleep == 0 && t->unclaimed == NULL);
    dm_map_done(&t->by_id);
    free(t);
}

void dm_boxes_watch(dm_boxes *t, dm_boxes_run_fn fn, void *arg)
{
    assert(t->by_id.n == 0);
    t->run = fn;
    t->run_arg = arg;
}

void dm_boxes_watch_bases(dm_boxes *t, dm_boxes_stand_fn fn, void *arg)
{
    assert(t->by_id.n == 0);
    t->stand = fn;
    t->stand_arg = arg;
}

/* The new one first: nothing is let go that is still stood on. */
void dm_boxes_stand_on(dm_boxes *t, dm_box *b, const char *base)
{
    char next[sizeof(b->base)], old[sizeof(b->base)];
    (void)snprintf(next, sizeof(next), "%s", base);
    memcpy(old, b->base, sizeof(old));
    memcpy(b->base, next, sizeof(next));
    stand(t, b, 1);
    if (t->stand != NULL && old[0] != '\0')
        t->stand(t->stand_arg, old, -1);
}

int dm_boxes_link(dm_boxes *t, dm_box *b, dm_err *err)
{
    int r = dm_map_reserve(&t->by_id, "sandboxes", err);
    if (r < 0)
        return r;
    dm_map_add(&t->by_id, b);
    count(t, b);
    stand(t, b, 1);
    return 0;
}

void dm_boxes_drop(dm_boxes *t, dm_box *b)
{
    if (dm_map_remove(&t->by_id, b)) {
        discount(t, b);
        stand(t, b, -1);
    }
    dm_box_free(b);
}

dm_box *dm_boxes_find(const dm_boxes *t, const dm_sandbox_id *id)
{
    return dm_map_find(&t->by_id, id);
}

dm_map_walk dm_boxes_walk(const dm_boxes *t)
{
    return dm_map_begin(&t->by_id);
}

const dm_box_row *dm_boxes_move(dm_boxes *t, dm_box *b, dm_box_event event)
{
    const dm_box_row *row = dm_box_next(b->state, event);
    assert(row != NULL);
    assert(b->claimed || event == DM_BOX_HANDED_OUT || event == DM_BOX_END);
    discount(t, b);
    if (row->to == DM_BOX_ENDED)
        stand(t, b, -1);
    b->state = row->to;
    count(t, b);
    return row;
}

uint32_t dm_boxes_running(const dm_boxes *t)
{
    return t->running;
}

uint32_t dm_boxes_asleep(const dm_boxes *t)
{
    return t->asleep;
}

uint64_t dm_boxes_mem_mib(const dm_boxes *t)
{
    return t->mem_mib;
}

uint64_t dm_boxes_asleep_mib(const dm_boxes *t)
{
    return t->asleep_mib;
}

dm_box *dm_boxes_unclaimed(const dm_boxes *t)
{
    return t->unclaimed;
}

uint32_t dm_boxes_nunclaimed(const dm_boxes *t)
{
    return t->nunclaimed;
}

void dm_boxes_claim(dm_boxes *t, dm_box *b)
{
    assert(dm_box_nobodys(b));
    unlist(t, b);
    b->claimed = true;
}
