#include "tenants/who/member.h"

#include <stdlib.h>

#include "tenants/who/kept.h"
#include "tenants/who/sql.h"

enum { WHICH_MAX = 128 }; /* no slug is longer */

struct dm_members {
    dm_pg_pool *pool;
    const dm_clock *clock;
    dm_kept *kept;
};

int dm_members_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_members **out, dm_err *err)
{
    dm_members *m = calloc(1, sizeof *m);
    if (m == NULL)
        return dm_fail(err, DM_E_NOMEM, "members");
    m->pool = pool;
    m->clock = clock;
    int r = dm_kept_new(sizeof(dm_caller), keep_ms, clock, &m->kept, err);
    if (r < 0)
        free(m);
    else
        *out = m;
    return r;
}

void dm_members_free(dm_members *m)
{
    if (m == NULL)
        return;
    dm_kept_free(m->kept);
    free(m);
}

typedef int find_fn(dm_pg *c, dm_person_no person, dm_str which, dm_caller *out, dm_err *err);

typedef struct lookup {
    find_fn *fn;
    dm_person_no person;
    dm_str which;
    dm_caller *out;
} lookup;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    const lookup *l = arg;
    return l->fn(c, l->person, l->which, l->out, err);
}

static int look(dm_members *m, const char *kind, const lookup *l, dm_caller *out, dm_err *err)
{
    const dm_str parts[] = {dm_str_c(kind), {(const char *)&l->person.v, sizeof l->person.v}, l->which};
    const dm_pg_scope scope = {.person_no = l->person.v, .read_only = true};
    dm_digest name;
    uint64_t mark;
    if (l->which.n == 0 || l->which.n > WHICH_MAX)
        return DM_MEMBER_NONE;
    int r = dm_sha256_parts(parts, DM_LEN(parts), &name, err);
    if (r < 0 || dm_kept_get(m->kept, &name, out, &mark))
        return r;
    dm_caller caller;
    lookup mine = *l;
    mine.out = &caller;
    int64_t asked_us = dm_mono_us(m->clock); /* before the database looks at its own clock: a limit ends no later */
    r = dm_pg_tx(m->pool, &scope, find, &mine, err);
    if (r < 0)
        return dm_wrap(err, "find a member");
    if (r == DM_SQL_NOBODY) {
        dm_kept_drop(m->kept, &name);
        return DM_MEMBER_NONE;
    }
    caller.limits_until_us = caller.limits_left_us < INT64_MAX ? asked_us + caller.limits_left_us : INT64_MAX;
    dm_kept_put(m->kept, &name, &caller, caller.limits_until_us, mark);
    *out = caller;
    return 0;
}

int dm_members_of_project(dm_members *m, dm_person_no person, dm_str slug, dm_caller *out, dm_err *err)
{
    const lookup l = {.fn = dm_sql_caller_of_member, .person = person, .which = slug};
    return look(m, "project", &l, out, err);
}

int dm_members_of_account(dm_members *m, dm_person_no person, dm_str account_id, dm_caller *out, dm_err *err)
{
    const lookup l = {.fn = dm_sql_caller_of_account_member, .person = person, .which = account_id};
    return look(m, "account", &l, out, err);
}

void dm_members_forget(dm_members *m)
{
    dm_kept_all_changed(m->kept);
}
