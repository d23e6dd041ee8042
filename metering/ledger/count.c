#include "metering/ledger/count.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

#include "metering/rules/rate.h"

void dm_counts_init(dm_counts *s)
{
    *s = (dm_counts){.newest = -1};
    dm_map_init(&s->map, offsetof(dm_counter, c.key), sizeof(dm_counted_key), DM_COUNTED_MAX);
}

void dm_counts_done(dm_counts *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->v[i]);
    dm_map_done(&s->map);
    free(s->v);
    free(s->now);
    free(s->free);
}

/* --- which there are ---------------------------------------------------------------------------------------- */

/* Room for one number more, and for all to be free. */
static int room(dm_counts *s, dm_err *err)
{
    int r = dm_grow(&s->v, &s->v_room, s->n, DM_COUNTED_MAX + 1, "counters", err);
    if (r == 0)
        r = dm_grow(&s->free, &s->free_room, s->n, DM_COUNTED_MAX + 1, "counters", err);
    for (size_t i = 0; r == 0 && i < 2; i++)
        r = dm_grow(&s->now, &s->now_room, 2 * s->n + i, 2 * (DM_COUNTED_MAX + 1), "counters", err);
    return r;
}

static int add(dm_counts *s, const dm_counted_key *key, uint32_t *out, dm_err *err)
{
    int r = dm_map_reserve(&s->map, "counters", err);
    if (r == 0 && s->nfree == 0)
        r = room(s, err);
    if (r < 0)
        return r;
    dm_counter *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a counter");
    k->no = s->nfree > 0 ? s->free[--s->nfree] : s->n++;
    k->c.key = *key;
    s->v[k->no] = k;
    s->now[2 * k->no] = s->now[2 * k->no + 1] = 0;
    dm_map_add(&s->map, k);
    *out = k->no;
    return 0;
}

int dm_counts_get(dm_counts *s, const dm_counted_key *key, uint32_t *out, dm_err *err)
{
    static const dm_counted_key nobodys = {.period_start = INT64_MAX};
    if (s->n == 0) { /* number 0 */
        int r = add(s, &nobodys, out, err);
        if (r < 0)
            return r;
        s->v[0]->fresh = true; /* so it never comes among those that are taken */
    }
    const dm_counter *k = dm_map_find(&s->map, key);
    if (k == NULL && s->map.n < DM_COUNTED_MAX)
        return add(s, key, out, err);
    *out = k != NULL ? k->no : 0;
    return 0;
}

static void drop(dm_counts *s, dm_counter *k)
{
    (void)dm_map_remove(&s->map, k);
    s->v[k->no] = NULL;
    s->free[s->nfree++] = k->no;
    free(k);
}

/* --- counting ----------------------------------------------------------------------------------------------- */

static uint32_t over_30(uint32_t grains)
{
    return grains > DM_RATE_FREE_GRAINS ? grains - DM_RATE_FREE_GRAINS : 0;
}

static void changed(dm_counts *s, dm_counter *k)
{
    if (k->fresh)
        return;
    k->fresh = true;
    k->next = s->fresh;
    s->fresh = k;
}

static void add_run(dm_counted *c, uint32_t at, uint32_t n, uint64_t over)
{
    c->run_s += n;
    c->over_30 += over;
    if (at > c->at) {
        bool next = at == c->at + 1;
        c->ran_before = next ? c->ran : 0;
        c->over_before = next ? c->over : 0;
        c->at = at;
        c->ran = n;
        c->over = over;
    } else if (at == c->at) {
        c->ran += n;
        c->over += over;
    } else if (at + 1 == c->at) {
        c->ran_before += n;
        c->over_before += over;
    }
}

static void add_hib(dm_counted *c, uint32_t at, uint64_t grains)
{
    uint32_t minute = at / 60;
    c->hib += grains;
    if (minute > c->minute) {
        c->slept_before = minute == c->minute + 1 ? c->slept : 0;
        c->minute = minute;
        c->slept = grains;
    } else if (minute == c->minute) {
        c->slept += grains;
    } else if (minute + 1 == c->minute) {
        c->slept_before += grains;
    }
}

/* What was counted of a second for now, of one of them. */
static void settle(dm_counts *s, dm_counter *k, int64_t second)
{
    uint32_t *n = &s->now[2 * k->no + ((uint64_t)second & 1)];
    if (*n == 0)
        return;
    add_run(&k->c, (uint32_t)(second - k->c.key.period_start), *n, 0);
    *n = 0;
    changed(s, k);
}

static void settle_all(dm_counts *s, int64_t second)
{
    for (uint32_t i = 1; i < s->n; i++) {
        if (s->now[2 * i + ((uint64_t)second & 1)] > 0)
            settle(s, s->v[i], second);
    }
}

void dm_counts_second(dm_counts *s, int64_t second)
{
    if (second <= s->newest)
        return;
    settle_all(s, s->newest - 1);
    if (second > s->newest + 1)
        settle_all(s, s->newest);
    s->newest = second;
}

void dm_counts_add(dm_counts *s, uint32_t no, bool run, uint32_t at, uint32_t n, uint32_t grains)
{
    dm_counter *k = s->v[no];
    if (run)
        add_run(&k->c, at, n, (uint64_t)n * over_30(grains));
    else
        add_hib(&k->c, at, (uint64_t)n * grains);
    changed(s, k);
}

/* What is told of the newest second and minute is not kept by sandbox: a figure that rose meanwhile leaves it rough. */
static void less(uint64_t *of, uint64_t by)
{
    *of -= *of < by ? *of : by;
}

static void back_run(dm_counted *c, uint32_t at, uint32_t over)
{
    c->run_s--;
    c->over_30 -= over;
    if (at == c->at) {
        c->ran -= c->ran > 0;
        less(&c->over, over);
    } else if (at + 1 == c->at) {
        c->ran_before -= c->ran_before > 0;
        less(&c->over_before, over);
    }
}

static void back_hib(dm_counted *c, uint32_t at, uint32_t grains)
{
    c->hib -= grains;
    if (at / 60 == c->minute)
        less(&c->slept, grains);
    else if (at / 60 + 1 == c->minute)
        less(&c->slept_before, grains);
}

void dm_counts_back(dm_counts *s, uint32_t no, bool run, uint32_t at, uint32_t grains)
{
    dm_counter *k = s->v[no];
    settle(s, k, s->newest - 1);
    settle(s, k, s->newest);
    if (run)
        back_run(&k->c, at, over_30(grains));
    else
        back_hib(&k->c, at, grains);
    changed(s, k);
}

void dm_counts_disk(dm_counts *s, uint32_t no, bool run, uint64_t n, uint32_t before, uint32_t after)
{
    dm_counter *k = s->v[no];
    if (n == 0)
        return;
    if (run)
        k->c.over_30 += n * over_30(after) - n * over_30(before); /* modulo 2^64, as what it adds to */
    else
        k->c.hib += n * after - n * before;
    changed(s, k);
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static void settle_now(dm_counts *s)
{
    settle_all(s, s->newest - 1);
    settle_all(s, s->newest);
}

void dm_counts_close_before(dm_counts *s, int64_t second)
{
    settle_now(s);
    for (uint32_t i = 1; i < s->n; i++) {
        dm_counter *k = s->v[i];
        if (k == NULL || k->c.key.period_start >= second)
            continue;
        k->closed = true;
        if (!k->fresh)
            drop(s, k);
    }
}

size_t dm_counts_take(dm_counts *s, dm_counted *out, size_t max)
{
    size_t n = 0;
    settle_now(s);
    while (s->fresh != NULL && n < max) {
        dm_counter *k = s->fresh;
        s->fresh = k->next;
        k->fresh = false;
        out[n++] = k->c;
        if (k->closed)
            drop(s, k);
    }
    return n;
}
