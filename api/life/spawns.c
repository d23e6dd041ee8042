#include "api/life/spawns.h"

#include <pthread.h>
#include <stdio.h>

#include "tenants/sandbox/template.h"

typedef struct tally {
    size_t n;
    struct {
        char template_id[DM_TEMPLATE_ID_TEXT];
        int64_t count, last_us;
    } of[DM_SPAWNS_MAX];
} tally;

struct dm_spawns {
    pthread_mutex_t lock;
    tally t;
};

int dm_spawns_new(dm_spawns **out, dm_err *err)
{
    dm_spawns *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "spawns");
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

void dm_spawns_free(dm_spawns *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void dm_spawns_add(dm_spawns *spawns, dm_str template_id, int64_t at_us)
{
    tally *s = &spawns->t;
    size_t i = 0;
    (void)pthread_mutex_lock(&spawns->lock);
    while (i < s->n && !dm_str_eq_c(template_id, s->of[i].template_id))
        i++;
    if (i == s->n && s->n < DM_SPAWNS_MAX) {
        (void)snprintf(s->of[i].template_id, sizeof s->of[i].template_id, "%.*s", (int)template_id.n, template_id.p);
        s->of[i].count = 0;
        s->n++;
    }
    if (i < s->n) {
        s->of[i].count++;
        s->of[i].last_us = at_us;
    }
    (void)pthread_mutex_unlock(&spawns->lock);
}

static int write_all(dm_pg *c, void *arg, dm_err *err)
{
    const tally *taken = arg;
    for (size_t i = 0; i < taken->n; i++) {
        int r = dm_template_spawned(c, taken->of[i].template_id, taken->of[i].count, taken->of[i].last_us, err);
        if (r < 0)
            return r;
    }
    return dm_pg_batch_flush(c, err);
}

int dm_spawns_write(dm_spawns *s, dm_pg_pool *ops, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    tally taken;
    (void)pthread_mutex_lock(&s->lock);
    memcpy(taken.of, s->t.of, sizeof taken.of);
    taken.n = s->t.n;
    s->t.n = 0;
    (void)pthread_mutex_unlock(&s->lock);
    return taken.n > 0 ? dm_pg_tx(ops, &everybody, write_all, &taken, err) : 0;
}
