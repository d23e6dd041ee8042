#include "tenants/who/auth.h"

#include <stdlib.h>

#include "tenants/who/kept.h"
#include "tenants/who/key.h"
#include "tenants/who/sql.h"

/* A stranger who sends many keys costs known ones a look-up, no more: unknown keys are not kept. */
struct dm_auth {
    dm_pg_pool *pool;
    const dm_clock *clock;
    dm_kept *kept;
};

int dm_auth_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_auth **out, dm_err *err)
{
    dm_auth *a = calloc(1, sizeof *a);
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "key cache");
    a->pool = pool;
    a->clock = clock;
    int r = dm_kept_new(sizeof(dm_caller), keep_ms, clock, &a->kept, err);
    if (r < 0)
        free(a);
    else
        *out = a;
    return r;
}

void dm_auth_free(dm_auth *a)
{
    if (a == NULL)
        return;
    dm_kept_free(a->kept);
    free(a);
}

bool dm_auth_met(dm_auth *a, dm_str key)
{
    dm_digest digest;
    return dm_key_hash(key, &digest, NULL) == 0 && dm_kept_met(a->kept, &digest, NULL);
}

bool dm_auth_met_of(dm_auth *a, dm_str key, dm_project_no *out)
{
    dm_digest digest;
    dm_caller caller;
    if (dm_key_hash(key, &digest, NULL) != 0 || !dm_kept_met(a->kept, &digest, &caller))
        return false;
    *out = caller.owner.project;
    return true;
}

typedef struct lookup {
    const dm_digest *digest;
    dm_caller *out;
    int64_t left_us;
} lookup;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    lookup *l = arg;
    return dm_sql_caller_of_key(c, l->digest, l->out, &l->left_us, err);
}

int dm_auth_find(dm_auth *a, dm_str key, dm_caller *out, dm_err *err)
{
    dm_digest digest;
    uint64_t mark;
    dm_err why;
    int r = dm_key_hash(key, &digest, &why);
    if (r == DM_E_INVALID)
        return DM_AUTH_UNKNOWN;
    if (r < 0) {
        if (err != NULL)
            *err = why;
        return r;
    }
    if (dm_kept_get(a->kept, &digest, out, &mark))
        return 0;
    dm_caller caller;
    lookup l = {&digest, &caller, 0};
    int64_t asked_us = dm_mono_us(a->clock); /* before the database looks at its own clock: nothing ends later */
    static const dm_pg_scope nobody = {.read_only = true};
    r = dm_pg_tx(a->pool, &nobody, find, &l, err);
    if (r < 0)
        return dm_wrap(err, "find a key");
    if (r == DM_SQL_NOBODY) {
        dm_kept_drop(a->kept, &digest);
        return DM_AUTH_UNKNOWN;
    }
    caller.limits_until_us = caller.limits_left_us < INT64_MAX ? asked_us + caller.limits_left_us : INT64_MAX;
    int64_t end_us = l.left_us < INT64_MAX ? asked_us + l.left_us : INT64_MAX;
    dm_kept_put(a->kept, &digest, &caller, end_us < caller.limits_until_us ? end_us : caller.limits_until_us, mark);
    *out = caller;
    return 0;
}

void dm_auth_forget(dm_auth *a)
{
    dm_kept_all_changed(a->kept);
}

int dm_auth_of_project(dm_pg *c, dm_owner owner, dm_caller *out, dm_err *err)
{
    int r = dm_sql_caller_of_project(c, owner, out, err);
    if (r == DM_SQL_NOBODY)
        return dm_fail(err, DM_E_NOTFOUND, "no project %lld", (long long)owner.project.v);
    return r;
}

int dm_auth_limits(dm_pg *c, const dm_caller *caller, int64_t now_mono_us, dm_limits *out, dm_err *err)
{
    dm_caller fresh;
    if (caller->limits_until_us == 0 || now_mono_us < caller->limits_until_us) { /* 0: read just now */
        *out = caller->limits;
        return 0;
    }
    int r = dm_auth_of_project(c, caller->owner, &fresh, err);
    if (r == 0)
        *out = fresh.limits;
    return r;
}
