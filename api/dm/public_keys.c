/* GET /v1/keys: what attestations and statements are verified with; whoever has a statement may ask. The keys of the
 * service come first. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/read.h"

typedef struct keys {
    dm_page page;
    dm_read_key after;
    size_t n;
    dm_pg_total total;
    dm_read_key keys[DM_ROWS_MAX + 1]; /* one more says whether there is another page */
} keys;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    keys *k = arg;
    return dm_read_keys(c, k->page.from ? &k->after : NULL, (size_t)k->page.limit + 1, k->keys, &k->n, &k->total, err);
}

/* Where a page ends: the worker (0: the service) and the key, which stand in its token beside the key's beginning. */
static int read_cursor(keys *k, dm_err *err)
{
    dm_str rest = dm_str_c(k->page.id), worker, key;
    if (!k->page.from)
        return 0;
    k->after.valid_from_us = k->page.us;
    if (!dm_str_split(&rest, '-', &worker) || !dm_str_split(&rest, '-', &key) || rest.n > 0 ||
            dm_parse_u64(worker, 0, INT64_MAX, &k->after.worker_no.v, NULL) < 0 ||
            dm_parse_hex(key, k->after.key.b, sizeof k->after.key.b, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
    return 0;
}

static int write_key(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const keys *k = list;
    const dm_read_key *key = &k->keys[i];
    char hex[2 * DM_ED25519_KEY + 1];
    dm_hex(key->key.b, sizeof key->key.b, hex);
    dm_jw_obj(w);
    dm_jw_kc(w, "of", key->service ? "service" : "worker");
    dm_jw_key(w, "workerNo");
    if (key->service)
        dm_jw_null(w);
    else
        dm_jw_u64(w, key->worker_no.v);
    dm_jw_kc(w, "algorithm", "Ed25519");
    dm_jw_kc(w, "publicKey", hex);
    dm_write_time(w, "validFrom", key->valid_from_us);
    dm_write_time(w, "validTo", key->valid_to_us == INT64_MAX ? 0 : key->valid_to_us);
    dm_jw_end(w);
    at->us = key->valid_from_us;
    return dm_rows_at(at, err, "%llu-%s", (unsigned long long)key->worker_no.v, hex);
}

static int list(dm_req *req, dm_api *api, keys *k, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    static const dm_rows_kind kind = {.order = 'k', .write = write_key};
    int r = dm_rows_read(req, kind.order, &k->page, err);
    if (r == 0)
        r = read_cursor(k, err);
    if (r == 0)
        r = dm_api_tx(api, &nobody, query, k, err);
    return r < 0 ? r : dm_rows_write(req, &kind, k, k->n, k->page.limit, k->total, err);
}

int dm_route_public_keys(dm_req *req, void *ctx, dm_err *err)
{
    keys *k = calloc(1, sizeof *k); /* a page of rows: too much for this stack */
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "keys");
    int r = list(req, ctx, k, err);
    free(k);
    return r;
}
