#include "workers/guest/process/env.h"

#include <assert.h>
#include <stdio.h>

#include "base/grow.h"

static size_t place(const dm_env *e, const char *name)
{
    size_t len = strlen(name);
    size_t i = 0;
    while (i < e->n && !(strncmp(e->v[i], name, len) == 0 && e->v[i][len] == '='))
        i++;
    return i;
}

void dm_env_done(dm_env *e)
{
    assert(e->n == 0 || (e->n < e->room && e->v[e->n] == NULL)); /* what execve reads ends */
    for (size_t i = 0; i < e->n; i++)
        free(e->v[i]);
    free(e->v);
    *e = (dm_env){.v = NULL};
}

int dm_env_set(dm_env *e, const char *name, const char *value, dm_err *err)
{
    size_t size = strlen(name) + strlen(value) + 2;
    if (e->n + 1 == DM_ENV_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d environment variables", DM_ENV_MAX - 1);
    int r = dm_grow(&e->v, &e->room, e->n + 1, DM_ENV_MAX, "environment variables", err); /* and the NULL */
    if (r < 0)
        return r;
    char *line = malloc(size);
    if (line == NULL)
        return dm_fail(err, DM_E_NOMEM, "environment");
    (void)snprintf(line, size, "%s=%s", name, value);
    size_t i = place(e, name);
    if (i < e->n)
        free(e->v[i]);
    else
        e->v[++e->n] = NULL;
    e->v[i] = line;
    return 0;
}

const char *dm_env_get(const dm_env *e, const char *name)
{
    size_t i = place(e, name);
    return i < e->n ? e->v[i] + strlen(name) + 1 : NULL;
}
