/* /v1/accounts/{id}/export-target: the bucket of its own that an account wants its scheduled exports put into. Its
 * secret is sealed before it is written, and shown to nobody. */
#include <stddef.h>
#include <stdio.h>

#include "base/bucket.h"
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "metering/ask/target.h"
#include "tenants/plan/audit.h"

enum { SECRET_MAX = 500, DETAIL_MAX = 4096 };

typedef struct work {
    const dm_caller *by;
    dm_target_new t;
    dm_pg_rows *rows;
} work;

static int none(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_EXPORT_UNKNOWN, what, "the account has named no bucket");
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_target_find(c, w->by->owner.account, &w->rows, err);
}

static void write_one(dm_req *req, const work *w)
{
    dm_target t;
    dm_target_read(w->rows, &t);
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "endpoint", t.endpoint);
    dm_jw_kstr(&j, "region", t.region);
    dm_jw_kstr(&j, "bucket", t.bucket);
    dm_jw_kstr(&j, "prefix", t.prefix);
    dm_jw_kstr(&j, "key_id", t.key_id);
    dm_jw_kstr(&j, "set_by", t.who);
    dm_jw_ktime(&j, "set_at", t.set_us);
    dm_jw_end(&j);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, query, &w, err);
    if (r == DM_TARGET_NONE)
        r = none(req, "export_target.get");
    else if (r == 0)
        write_one(req, &w);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_export_target_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

static int audit(dm_pg *c, const work *w, const char *verb, dm_str detail, dm_err *err)
{
    const dm_audit a = {.owner = {.account = w->by->owner.account},
            .who = w->by->who,
            .verb = verb,
            .object = "export_target",
            .detail = detail};
    return dm_audit_add(c, &a, err);
}

/* --- set ---------------------------------------------------------------------------------------------------- */

typedef struct body {
    char *endpoint, *region, *bucket, *prefix, *key_id, *secret;
} body;

#define AT(name) offsetof(body, name)
static const dm_json_field fields[] = {
        {"bucket", DM_JSON_STR, AT(bucket), DM_JSON_NEED, 3, 63},
        {"endpoint", DM_JSON_STR, AT(endpoint), DM_JSON_NEED, 9, 300},
        {"key_id", DM_JSON_STR, AT(key_id), DM_JSON_NEED, 1, 200},
        {"prefix", DM_JSON_STR, AT(prefix), DM_JSON_OPT, 0, 200},
        {"region", DM_JSON_STR, AT(region), DM_JSON_NEED, 1, 40},
        {"secret", DM_JSON_STR, AT(secret), DM_JSON_NEED, 1, SECRET_MAX},
};
#undef AT

static bool prefix_ok(dm_str prefix)
{
    return prefix.n == 0 || (prefix.p[prefix.n - 1] == '/' && dm_bucket_object_ok((dm_str){prefix.p, prefix.n - 1}));
}

/* What goes into a header stays in its line. */
static bool key_ok(const char *z)
{
    for (; *z != '\0'; z++)
        if (*z <= 0x20 || *z == 0x7f)
            return false;
    return true;
}

static int check(const dm_api *api, const body *b, dm_err *err)
{
    int r = dm_bucket_endpoint_ok(b->endpoint, api->config->delivery_loopback, err);
    if (r < 0)
        return r;
    if (!dm_bucket_region_ok(dm_str_c(b->region)))
        return dm_fail(err, DM_E_INVALID, "\"region\" is one of the bucket's service, as eu-central-1");
    if (!dm_bucket_name_ok(dm_str_c(b->bucket)))
        return dm_fail(err, DM_E_INVALID, "\"bucket\" is of a-z, 0-9, '.' and '-', 3 to 63 of them");
    if (b->prefix != NULL && !prefix_ok(dm_str_c(b->prefix)))
        return dm_fail(err, DM_E_INVALID, "\"prefix\" is of A-Z, a-z, 0-9, '.', '_', '-', with '/' after each part");
    return key_ok(b->key_id) && key_ok(b->secret)
                   ? 0
                   : dm_fail(err, DM_E_INVALID,
                             "\"key_id\" and \"secret\" are without spaces and other such characters");
}

static int query_set(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    DM_AUTO_BUF text;
    dm_jw j;
    dm_buf_init(&text, DETAIL_MAX);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "endpoint", w->t.endpoint);
    dm_jw_kc(&j, "bucket", w->t.bucket);
    dm_jw_kc(&j, "key_id", w->t.key_id);
    dm_jw_end(&j);
    int r = dm_buf_ok(&text, err);
    if (r == 0)
        r = dm_target_set(c, w->by->owner.account, &w->t, err);
    if (r == 0)
        r = audit(c, w, "export_target.set", dm_buf_view(&text), err);
    return r < 0 ? r : query(c, w, err);
}

static int set_as(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    char bound[DM_TARGET_BOUND];
    DM_AUTO_BUF sealed;
    work w = {.by = &dm_session_of(req)->caller};
    dm_buf_init(&sealed, SECRET_MAX + 100);
    if (!api->has_delivery_key)
        return dm_fail(err, DM_E_INVALID, "this deployment puts nothing into buckets: fetch exports by their links");
    int r = check(api, b, err);
    dm_target_bound(w.by->owner.account, bound);
    if (r == 0)
        r = dm_seal(api->delivery_key, dm_str_c(bound), dm_str_c(b->secret), &sealed, err);
    w.t = (dm_target_new){.endpoint = b->endpoint,
            .region = b->region,
            .bucket = b->bucket,
            .prefix = b->prefix != NULL ? b->prefix : "",
            .key_id = b->key_id,
            .who = w.by->who,
            .sealed = dm_buf_view(&sealed)};
    if (r == 0)
        r = dm_api_tx(api, w.by, query_set, &w, err);
    if (r == 0)
        write_one(req, &w);
    dm_pg_rows_free(w.rows);
    return r;
}

static int set(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = set_as(req, ctx, &b, err);
    explicit_bzero(b.secret, strlen(b.secret));
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_export_target_set(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, set, err);
}

/* --- ended -------------------------------------------------------------------------------------------------- */

static int query_end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    int r = dm_target_end(c, w->by->owner.account, err);
    return r == 0 ? audit(c, w, "export_target.end", (dm_str){NULL, 0}, err) : r;
}

static int end(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, query_end, &w, err);
    if (r == DM_TARGET_NONE)
        return none(req, "export_target.end");
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

int dm_route_export_target_end(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, end, err);
}
