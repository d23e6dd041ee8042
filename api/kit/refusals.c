#include "api/kit/refusals.h"

#include <pthread.h>
#include <stdio.h>

#include "base/json.h"

#include "tenants/plan/denials.h"

enum { TEXT_MAX = 2048, APART_MAX = 8, SANDBOX_MAX = 40 };

typedef struct entry {
    dm_owner owner;
    int64_t at_us, last_us, count;
    char who[64], sandbox[SANDBOX_MAX + 1], rule[64];
    char text[TEXT_MAX];
} entry;

typedef struct pile {
    size_t n;
    uint64_t dropped;
    entry of[DM_REFUSALS_MAX];
} pile;

struct dm_refusals {
    const dm_clock *clock;
    pthread_mutex_t lock, writing; /* writing: whoever has the pile that is not filled */
    pile piles[2], *filled;
};

int dm_refusals_new(const dm_clock *clock, dm_refusals **out, dm_err *err)
{
    dm_refusals *r = calloc(1, sizeof *r);
    if (r == NULL)
        return dm_fail(err, DM_E_NOMEM, "refusals");
    r->clock = clock;
    r->filled = &r->piles[0];
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_mutex_init(&r->writing, NULL);
    *out = r;
    return 0;
}

void dm_refusals_free(dm_refusals *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_mutex_destroy(&r->writing);
    free(r);
}

/* With the lock. A place for it, or NULL: *newest is the one like it whose count rises, or NULL, too. */
static entry *place(pile *p, const dm_refusal *one, entry **newest)
{
    size_t like = 0, mine = 0;
    *newest = NULL;
    for (size_t i = 0; i < p->n; i++) {
        entry *e = &p->of[i];
        if (e->owner.project.v != one->owner.project.v)
            continue;
        mine++;
        if (strcmp(e->rule, one->denial->rule) == 0) {
            like++;
            *newest = e;
        }
    }
    bool room = like < APART_MAX && mine < DM_REFUSALS_MAX / DM_SHARE && p->n < DM_REFUSALS_MAX;
    return room ? &p->of[p->n++] : NULL;
}

/* What does not fit, of what another made, is said by our own denial. */
static void write_text(const dm_refusal *one, char out[TEXT_MAX])
{
    DM_AUTO_BUF text;
    dm_jw w;
    if (one->text != NULL && one->text[0] != '\0' && strlen(one->text) < TEXT_MAX) {
        (void)snprintf(out, TEXT_MAX, "%s", one->text);
        return;
    }
    dm_buf_init(&text, TEXT_MAX - 1);
    dm_jw_init(&w, &text);
    dm_denial_write(&w, one->denial);
    (void)snprintf(out, TEXT_MAX, "%s", dm_buf_ok(&text, NULL) == 0 ? text.p : "{}");
}

void dm_refusals_add(dm_refusals *r, const dm_refusal *one)
{
    int64_t now = dm_wall_us(r->clock);
    if (one->owner.project.v == 0)
        return;
    (void)pthread_mutex_lock(&r->lock);
    entry *newest, *e = place(r->filled, one, &newest);
    if (e != NULL) {
        *e = (entry){.owner = one->owner, .at_us = now, .last_us = now, .count = 1};
        (void)snprintf(e->who, sizeof e->who, "%s", one->who);
        (void)snprintf(e->rule, sizeof e->rule, "%s", one->denial->rule);
        if (one->sandbox.n <= SANDBOX_MAX)
            (void)snprintf(e->sandbox, sizeof e->sandbox, "%.*s", (int)one->sandbox.n, one->sandbox.p);
        write_text(one, e->text);
    } else if (newest != NULL) {
        newest->count++;
        newest->last_us = now;
    } else {
        r->filled->dropped++;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static int write_all(dm_pg *c, void *arg, dm_err *err)
{
    const pile *p = arg;
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        const entry *e = &p->of[i];
        const dm_denied d = {.at_us = e->at_us,
                .last_us = e->last_us,
                .count = e->count,
                .who = dm_str_c(e->who),
                .sandbox = dm_str_c(e->sandbox),
                .rule = dm_str_c(e->rule),
                .denial = dm_str_c(e->text)};
        r = dm_denial_add(c, e->owner, &d, err);
    }
    return r < 0 ? r : dm_denials_expire(c, err);
}

int dm_refusals_write(dm_refusals *r, dm_pg_pool *ops, uint64_t *dropped, dm_err *err)
{
    static const dm_pg_scope everybody = {.flush_later = true};
    (void)pthread_mutex_lock(&r->writing);
    (void)pthread_mutex_lock(&r->lock);
    pile *full = r->filled;
    r->filled = full == &r->piles[0] ? &r->piles[1] : &r->piles[0];
    (void)pthread_mutex_unlock(&r->lock);
    int done = full->n > 0 ? dm_pg_tx(ops, &everybody, write_all, full, err) : 0;
    *dropped = full->dropped + (done < 0 ? full->n : 0);
    full->n = 0;
    full->dropped = 0;
    (void)pthread_mutex_unlock(&r->writing);
    return done < 0 ? done : 0;
}
