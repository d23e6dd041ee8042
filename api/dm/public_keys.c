/* GET /v1/keys: what attestations and statements are verified with; whoever has a statement may ask. */
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "metering/read/read.h"

enum { KEYS_MAX = 2000 };

typedef struct keys {
    size_t n;
    dm_read_key keys[KEYS_MAX];
} keys;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    keys *k = arg;
    return dm_read_keys(c, KEYS_MAX, k->keys, &k->n, err);
}

static void write_keys(dm_jw *w, const keys *k, bool service)
{
    char hex[2 * DM_ED25519_KEY + 1];
    dm_jw_key(w, service ? "service" : "workers");
    dm_jw_arr(w);
    for (size_t i = 0; i < k->n; i++) {
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

int dm_route_public_keys(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    keys *k = calloc(1, sizeof *k);
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "keys");
    int r = dm_api_tx(ctx, &nobody, query, k, err);
    if (r == 0) {
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&w);
        write_keys(&w, k, true);
        write_keys(&w, k, false);
        dm_jw_end(&w);
    }
    free(k);
    return r;
}
