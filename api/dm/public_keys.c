/* GET /v1/keys: what attestations and statements are verified with; whoever has a statement may ask. The keys of the
 * service come first; one page has as many as most deployments ever have. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/page.h"
#include "api/limits.h"
#include "metering/read/read.h"

typedef struct keys {
    dm_page page;
    dm_read_key after;
    size_t n;
    dm_read_key keys[DM_PUBLIC_KEYS_MAX + 1]; /* one more says whether there is another page */
} keys;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    keys *k = arg;
    return dm_read_keys(c, k->page.from ? &k->after : NULL, (size_t)k->page.limit + 1, k->keys, &k->n, err);
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
        return dm_fail(err, DM_E_INVALID, "nextToken is not one of ours");
    return 0;
}

static int write_cursor(dm_req *req, const dm_read_key *last, dm_err *err)
{
    char hex[2 * DM_ED25519_KEY + 1], id[DM_PAGE_ID_MAX];
    dm_hex(last->key.b, sizeof last->key.b, hex);
    (void)snprintf(id, sizeof id, "%llu-%s", (unsigned long long)last->worker_no.v, hex);
    return dm_page_next(req, 'k', last->valid_from_us, dm_str_c(id), err);
}

static void write_keys(dm_jw *w, const keys *k, size_t n, bool service)
{
    char hex[2 * DM_ED25519_KEY + 1];
    dm_jw_key(w, service ? "service" : "workers");
    dm_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const dm_read_key *key = &k->keys[i];
        if (key->service != service)
            continue;
        dm_hex(key->key.b, sizeof key->key.b, hex);
        dm_jw_obj(w);
        if (!service)
            dm_jw_ku64(w, "workerNo", key->worker_no.v);
        dm_jw_kc(w, "algorithm", "Ed25519");
        dm_jw_kc(w, "publicKey", hex);
        dm_write_time(w, "validFrom", key->valid_from_us);
        dm_write_time(w, "validTo", key->valid_to_us == INT64_MAX ? 0 : key->valid_to_us);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static int list(dm_req *req, dm_api *api, keys *k, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    int r = dm_page_read_most(req, 'k', DM_PUBLIC_KEYS_MAX, &k->page, err);
    if (r == 0)
        r = read_cursor(k, err);
    if (r == 0)
        r = dm_api_tx(api, &nobody, query, k, err);
    if (r < 0)
        return r;
    bool more = k->n > (size_t)k->page.limit;
    size_t n = more ? (size_t)k->page.limit : k->n;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    write_keys(&w, k, n, true);
    write_keys(&w, k, n, false);
    dm_jw_end(&w);
    return more ? write_cursor(req, &k->keys[n - 1], err) : 0;
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
