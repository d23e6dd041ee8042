#include "base/pg_conn.h"
#include "base/pool.h"

/* Connections are opened when they are first needed and looked at when they are taken: one that a restarted server has
 * left behind is replaced then. */
struct dm_pg_pool {
    char *conninfo;
    unsigned wait_ms, statement_ms;
    dm_log *log;
    dm_pool *connections;
};

static void close_one(void *handle)
{
    dm_pg_close(handle);
}

int dm_pg_pool_new(const dm_pg_config *config, dm_pg_pool **out, dm_err *err)
{
    DM_AUTO(dm_pg_pool) p = NULL;

    if (config->conninfo == NULL)
        return dm_fail(err, DM_E_INVALID, "database pool: no connection string");
    int r = dm_pg_conninfo_check(config->conninfo, err);
    if (r < 0)
        return r;
    p = calloc(1, sizeof *p);
    if (p == NULL || (p->conninfo = strdup(config->conninfo)) == NULL)
        return dm_fail(err, DM_E_NOMEM, "database pool: no memory");
    p->wait_ms = config->wait_ms;
    p->statement_ms = config->statement_ms;
    p->log = config->log;
    r = dm_pool_new(config->max, "database connections", close_one, &p->connections, err);
    if (r < 0)
        return r;
    *out = dm_steal(&p);
    return 0;
}

void dm_pg_pool_free(dm_pg_pool *p)
{
    if (p == NULL)
        return;
    dm_pool_free(p->connections);
    free(p->conninfo);
    free(p);
}

/* Whose places a transaction takes: of the project whose rows it may see, or the account's where it is of no project.
 */
static int64_t party_of(const dm_pg_scope *scope)
{
    if (scope == NULL)
        return 0;
    return scope->project_no != 0 ? scope->project_no : -scope->account_no;
}

/* A connection that works; once it is the caller's, its place is, too. */
static int take(dm_pg_pool *p, int64_t party, dm_pg **out, dm_err *err)
{
    void *handle = NULL;
    int r = dm_pool_take(p->connections, party, p->wait_ms, &handle, err);

    if (r < 0)
        return r;
    dm_pg *c = handle;
    if (c != NULL && !dm_pg_usable(c)) {
        dm_pg_close(c);
        c = NULL;
    }
    if (c == NULL)
        r = dm_pg_dial(p->conninfo, p->statement_ms, p->log, &c, err);
    if (r < 0)
        dm_pool_give(p->connections, party, NULL);
    else
        *out = c;
    return r;
}

int dm_pg_tx(dm_pg_pool *p, const dm_pg_scope *scope, dm_pg_fn fn, void *arg, dm_err *err)
{
    dm_pg *c = NULL;
    int64_t party = party_of(scope);
    int r = take(p, party, &c, err);

    if (r < 0)
        return r;
    r = dm_pg_tx_on(c, scope, fn, arg, err);
    if (!dm_pg_usable(c)) {
        dm_pg_close(c);
        c = NULL;
    }
    dm_pool_give(p->connections, party, c);
    return r;
}

unsigned dm_pg_pool_waiting(dm_pg_pool *p)
{
    return dm_pool_waiting(p->connections);
}
