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

static int seal_of(const uint8_t *secret, dm_worker_no worker_no, dm_known_seal *out, dm_err *err)
{
    uint8_t key[DM_KEY];
    uint64_t print = 0;
    dm_mac *mac = NULL;
    int r = dm_frame_key(secret, worker_no, key, err);
    if (r == 0)
        r = dm_frame_key_print(key, &print, err);
    if (r == 0)
        r = dm_mac_new(key, &mac, err);
    explicit_bzero(key, sizeof(key));
    if (r == 0)
        *out = (dm_known_seal){mac, dm_frame_key_no(print)};
    return r;
}

static void seals_done(dm_known_seal seals[DM_FRAME_SECRETS])
{
    for (size_t i = 0; i < DM_FRAME_SECRETS; i++) {
        dm_mac_free(seals[i].mac);
        seals[i].mac = NULL;
    }
}

/* By the key that the frame names; where it names none, by each. */
static int judge_seal(const dm_known *k, dm_worker_no no, dm_known_seal seals[DM_FRAME_SECRETS],
        const dm_frame_head *head, dm_str bytes, dm_err *err)
{
    bool named = false;
    for (size_t i = 0; i < DM_FRAME_SECRETS; i++) {
        if (k->secrets[i] == NULL)
            continue;
        int r = seals[i].mac == NULL ? seal_of(k->secrets[i], no, &seals[i], err) : 0;
        if (r < 0)
            return r;
        if (head->key_no != 0 && head->key_no != seals[i].key_no)
            continue;
        named = true;
        if (dm_frame_sealed_by(bytes, seals[i].mac))
            return DM_KNOWN_TRUE;
    }
    return named ? DM_KNOWN_FALSE : DM_KNOWN_OLD_KEY;
}

/* Of a number that nobody knows nothing is kept: there are as many as a stranger likes. */
static int judge_unknown(const dm_known *k, const dm_frame_head *head, dm_str bytes, dm_err *err)
{
    dm_known_seal seals[DM_FRAME_SECRETS] = {0};
    int r = judge_seal(k, (dm_worker_no){head->worker_no}, seals, head, bytes, err);
    seals_done(seals);
    return r == DM_KNOWN_TRUE ? DM_KNOWN_ASK : r;
}

static int judge_sealed(const dm_known *k, dm_known_worker *w, const dm_frame_head *head, dm_str bytes, dm_err *err)
{
    int r = judge_seal(k, w->no, w->seals, head, bytes, err);
    if (r == DM_KNOWN_TRUE && w->sealed_from == 0)
        w->sealed_from = head->worker_boot; /* who seals has enrolled with a key, whatever the last look saw */
    return r;
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
    return w != NULL ? judge_sealed(k, w, head, bytes, err) : judge_unknown(k, head, bytes, err);
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
        for (size_t s = 0; was != NULL && s < DM_FRAME_SECRETS; s++)
            v[i].seals[s] = (dm_known_seal){dm_steal(&was->seals[s].mac), was->seals[s].key_no};
    }
    dm_known_done(k);
    k->v = v;
    k->n = n;
    return 0;
}

void dm_known_done(dm_known *k)
{
    for (size_t i = 0; i < k->n; i++)
        seals_done(k->v[i].seals);
    free(k->v);
    k->v = NULL;
    k->n = 0;
}
