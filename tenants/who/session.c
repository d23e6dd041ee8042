#include "tenants/who/session.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "tenants/who/kept.h"

struct dm_sessions {
    dm_pg_pool *pool;
    const dm_clock *clock;
    dm_kept *kept;
    atomic_bool hears;
};

int dm_sessions_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_sessions **out, dm_err *err)
{
    dm_sessions *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "sessions");
    s->pool = pool;
    s->clock = clock;
    int r = dm_kept_new(sizeof(dm_signed_in), keep_ms, clock, &s->kept, err);
    if (r < 0)
        free(s);
    else
        *out = s;
    return r;
}

void dm_sessions_free(dm_sessions *s)
{
    if (s == NULL)
        return;
    dm_kept_free(s->kept);
    free(s);
}

typedef struct lookup {
    const char *id;
    dm_signed_in *out;
} lookup;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    const lookup *l = arg;
    return dm_session_find(c, l->id, l->out, err);
}

int dm_sessions_find(dm_sessions *s, const char *id, dm_signed_in *out, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = true};
    dm_digest name;
    uint64_t mark;
    dm_signed_in in;
    int r = dm_sha256(dm_str_c(id), &name, err);
    if (r < 0 || (dm_kept_get(s->kept, &name, out, &mark) && atomic_load(&s->hears)))
        return r;
    lookup l = {id, &in};
    int64_t asked_us = dm_mono_us(s->clock); /* before the database looks at its own clock: no proof is good longer */
    r = dm_pg_tx(s->pool, &nobody, find, &l, err);
    if (r < 0)
        return dm_wrap(err, "find a session");
    if (r == DM_SESSION_NONE) {
        dm_kept_drop(s->kept, &name);
        return r;
    }
    in.proven_mono_us = in.proven_ago_us < 0 ? INT64_MIN : asked_us - in.proven_ago_us;
    if (atomic_load(&s->hears))
        dm_kept_put(s->kept, &name, &in, INT64_MAX, mark);
    *out = in;
    return 0;
}

int64_t dm_sessions_proven_ago_us(const dm_sessions *s, const dm_signed_in *in)
{
    return in->proven_mono_us == INT64_MIN ? -1 : dm_mono_us(s->clock) - in->proven_mono_us;
}

/* Whatever was said while nobody listened is forgotten after the listening has begun. */
void dm_sessions_hear(dm_sessions *s, bool hears)
{
    atomic_store(&s->hears, hears);
    dm_kept_all_changed(s->kept);
}

void dm_sessions_forget(dm_sessions *s, dm_str id)
{
    dm_digest name;
    if (id.n == 0 || dm_sha256(id, &name, NULL) < 0)
        dm_kept_all_changed(s->kept);
    else
        dm_kept_changed(s->kept, &name);
}
