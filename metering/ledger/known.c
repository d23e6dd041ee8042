#include "metering/ledger/known.h"

#include "base/sorted.h"

#include "metering/ledger/sql_ledger.h"

static int by_no(const void *element, const void *key)
{
    uint64_t a = ((const dm_known_worker *)element)->no.v, b = ((const dm_worker_no *)key)->v;
    return a < b ? -1 : a > b;
}

static dm_known_worker *find(const dm_known *k, dm_worker_no worker_no)
{
    bool there;
    size_t i = dm_sorted_place(k->v, k->n, sizeof(*k->v), &worker_no, by_no, &there);
    return there ? &k->v[i] : NULL;
}

bool dm_known_has(const dm_known *k, dm_worker_no worker_no)
{
    return find(k, worker_no) != NULL;
}

/* --- seals -------------------------------------------------------------------------------------------------- */

static int seal_of(const dm_known *k, dm_worker_no worker_no, dm_mac **out, dm_err *err)
{
    uint8_t key[DM_KEY];
    int r = dm_frame_key(k->secret, worker_no, key, err);
    if (r == 0)
        r = dm_mac_new(key, out, err);
    explicit_bzero(key, sizeof(key));
    return r;
}

/* Of a number that nobody knows nothing is kept: there are as many as a stranger likes. */
static int judge_unknown(const dm_known *k, dm_worker_no worker_no, dm_str bytes, dm_err *err)
{
    DM_AUTO(dm_mac) seal = NULL;
    int r = seal_of(k, worker_no, &seal, err);
    if (r < 0)
        return r;
    return dm_frame_sealed_by(bytes, seal) ? DM_KNOWN_ASK : DM_KNOWN_FALSE;
}

static int judge_sealed(const dm_known *k, dm_known_worker *w, uint64_t boot, dm_str bytes, dm_err *err)
{
    int r = w->seal == NULL ? seal_of(k, w->no, &w->seal, err) : 0;
    if (r < 0)
        return r;
    if (!dm_frame_sealed_by(bytes, w->seal))
        return DM_KNOWN_FALSE;
    if (w->sealed_from == 0)
        w->sealed_from = boot; /* who seals has enrolled with a key, whatever the last look saw */
    return DM_KNOWN_TRUE;
}

/* Without a seal nobody can tell. It is believed of boots before the first that seals, once there is such a one: before
 * that it waits for the next look, which may find one. */
static int judge_unsealed(const dm_known_worker *w, uint64_t boot)
{
    if (w == NULL || w->sealed_from == 0)
        return DM_KNOWN_ASK;
    return boot < w->sealed_from ? DM_KNOWN_TRUE : DM_KNOWN_FALSE;
}

int dm_known_judge(dm_known *k, const dm_frame_head *head, dm_str bytes, dm_err *err)
{
    dm_known_worker *w = find(k, (dm_worker_no){head->worker_no});
    if (head->version != DM_FRAME_SEALED)
        return judge_unsealed(w, head->worker_boot);
    return w != NULL ? judge_sealed(k, w, head->worker_boot, bytes, err)
                     : judge_unknown(k, (dm_worker_no){head->worker_no}, bytes, err);
}

/* --- looking ------------------------------------------------------------------------------------------------ */

static int read_all(dm_pg *c, void *arg, dm_err *err)
{
    dm_pg_rows **rows = arg;
    dm_pg_rows_free(*rows);
    *rows = NULL;
    return dm_sql_workers(c, DM_WORKERS_MAX, rows, err);
}

int dm_known_load(dm_known *k, dm_pg *pg, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_tx_on(pg, &(dm_pg_scope){.read_only = true}, read_all, &rows, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(rows);
    dm_known_worker *v = calloc(n + 1, sizeof(*v));
    if (v == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu workers", n);
    for (size_t i = 0; i < n; i++) {
        v[i].no.v = (uint64_t)dm_pg_i64(rows, i, 0);
        v[i].sealed_from = dm_pg_is_null(rows, i, 1) ? 0 : (uint64_t)dm_pg_i64(rows, i, 1);
        dm_known_worker *was = find(k, v[i].no);
        v[i].seal = was != NULL ? dm_steal(&was->seal) : NULL;
    }
    dm_known_done(k);
    k->v = v;
    k->n = n;
    return 0;
}

void dm_known_done(dm_known *k)
{
    for (size_t i = 0; i < k->n; i++)
        dm_mac_free(k->v[i].seal);
    free(k->v);
    k->v = NULL;
    k->n = 0;
}
