#include "workers/host/boxes.h"

#include <assert.h>

enum { BUCKETS = 4096 };

struct dm_boxes {
    dm_box *of[BUCKETS];
    uint32_t linked, running, asleep;
};

static size_t bucket(const dm_sandbox_id *id)
{
    uint32_t h;
    memcpy(&h, id->b + DM_SANDBOX_ID_BYTES - sizeof(h), sizeof(h));
    return h % BUCKETS;
}

static bool runs(dm_box_state s)
{
    return s == DM_BOX_RUNNING || s == DM_BOX_PAUSING;
}

static bool sleeps(dm_box_state s)
{
    return s == DM_BOX_ASLEEP || s == DM_BOX_WAKING;
}

static void count(dm_boxes *t, dm_box_state s)
{
    t->linked++;
    t->running += runs(s);
    t->asleep += sleeps(s);
    assert(t->running + t->asleep <= t->linked);
}

static void discount(dm_boxes *t, dm_box_state s)
{
    assert(t->linked > 0 && t->running >= runs(s) && t->asleep >= sleeps(s));
    t->linked--;
    t->running -= runs(s);
    t->asleep -= sleeps(s);
}

int dm_boxes_new(dm_boxes **out, dm_err *err)
{
    dm_boxes *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for sandboxes");
    *out = t;
    return 0;
}

void dm_boxes_free(dm_boxes *t)
{
    if (t == NULL)
        return;
    for (dm_box *b; (b = dm_boxes_after(t, NULL)) != NULL;)
        dm_boxes_drop(t, b);
    assert(t->linked == 0 && t->running == 0 && t->asleep == 0);
    free(t);
}

void dm_boxes_link(dm_boxes *t, dm_box *b)
{
    assert(dm_boxes_find(t, &b->id) == NULL);
    dm_box **at = &t->of[bucket(&b->id)];
    b->next = *at;
    *at = b;
    count(t, b->state);
}

void dm_boxes_drop(dm_boxes *t, dm_box *b)
{
    for (dm_box **at = &t->of[bucket(&b->id)]; *at != NULL; at = &(*at)->next) {
        if (*at == b) {
            *at = b->next;
            discount(t, b->state);
            break;
        }
    }
    dm_box_free(b);
}

dm_box *dm_boxes_find(const dm_boxes *t, const dm_sandbox_id *id)
{
    for (dm_box *b = t->of[bucket(id)]; b != NULL; b = b->next) {
        if (dm_sandbox_id_eq(&b->id, id))
            return b;
    }
    return NULL;
}

dm_box *dm_boxes_after(const dm_boxes *t, const dm_box *b)
{
    if (b != NULL && b->next != NULL)
        return b->next;
    for (size_t i = b != NULL ? bucket(&b->id) + 1 : 0; i < BUCKETS; i++) {
        if (t->of[i] != NULL)
            return t->of[i];
    }
    return NULL;
}

const dm_box_row *dm_boxes_move(dm_boxes *t, dm_box *b, dm_box_event event)
{
    const dm_box_row *row = dm_box_next(b->state, event);
    assert(row != NULL);
    discount(t, b->state);
    b->state = row->to;
    count(t, b->state);
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
