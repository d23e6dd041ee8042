/* /v1/accounts/{id}/exports: what its people have written out as files: ordered, looked at while it is made, cancelled;
 * one that is ready comes with a link to its file (download.c). dormouse-export makes them (metering/export/data). */
#include "metering/ask/export.h"

#include <stdio.h>

#include "base/parse.h"

#include "api/dm/download.h"
#include "api/dm/month.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "tenants/plan/audit.h"

enum { MONTHS_MAX_S = 400 * 86400, MANIFEST_MAX = 1 << 20 };

static int unknown(dm_req *req, const char *what)
{
    return dm_deny(req, DM_NO_EXPORT_UNKNOWN, what, "export not found");
}

static void write_count(dm_jw *j, const char *name, int64_t v)
{
    if (v < 0)
        dm_jw_kc(j, name, NULL);
    else
        dm_jw_ki64(j, name, v);
}

static void write_members(dm_jw *j, const dm_export *e)
{
    bool made = e->sha256.p != NULL;
    dm_jw_kstr(j, "id", e->id);
    dm_jw_kstr(j, "dataset", e->dataset);
    dm_jw_kstr(j, "format", e->format);
    dm_jw_ktime(j, "from", e->from_us);
    dm_jw_ktime(j, "to", e->to_us);
    dm_jw_kstr(j, "state", e->state);
    dm_jw_kmaybe(j, "why", e->why);
    dm_jw_kstr(j, "asked_by", e->who);
    dm_jw_ktime(j, "asked_at", e->asked_us);
    dm_jw_ktime(j, "ended_at", e->ended_us);
    dm_jw_ktime(j, "expires_at", e->expires_us);
    dm_jw_ki64(j, "rows_done", e->rows_done);
    write_count(j, "rows_total", e->rows_all);
    write_count(j, "bytes", made ? e->bytes : -1);
    dm_jw_kmaybe(j, "sha256", e->sha256);
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_account_no account;
} listing;

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_export_list(
            c, l->account, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_row(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_export e;
    (void)err;
    dm_export_read(l->db.rows, i, &e);
    dm_jw_obj(j);
    write_members(j, &e);
    dm_jw_end(j);
    at->us = e.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'e', .id = "export", .query = query_list, .write = write_row};
    const dm_caller *caller = &dm_session_of(req)->caller;
    listing l = {.account = caller->owner.account};
    return dm_rows_own(req, ctx, caller, &kind, &l, err);
}

int dm_route_export_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one, and what is done to it ---------------------------------------------------------------------------- */

typedef struct work {
    const dm_caller *by;
    dm_export_new order;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} work;

static int read_one(dm_pg *c, work *w, dm_err *err)
{
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_export_find(c, w->by->owner.account, dm_str_c(w->id), &w->rows, err);
}

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    return read_one(c, arg, err);
}

static int write_one(dm_req *req, dm_api *api, const work *w, int status, dm_err *err)
{
    char url[DM_DOWNLOAD_URL];
    int64_t until = 0;
    dm_export e;
    dm_export_read(w->rows, 0, &e);
    bool ready = dm_str_eq_c(e.state, "ready");
    int r = ready ? dm_download_url(api, w->by->owner.account, e.id, url, &until, err) : 0;
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, status);
    dm_jw_obj(&j);
    write_members(&j, &e);
    dm_jw_key(&j, "download");
    if (ready) {
        dm_jw_obj(&j);
        dm_jw_kc(&j, "url", url);
        dm_jw_ktime(&j, "until", until);
        dm_jw_end(&j);
    } else {
        dm_jw_null(&j);
    }
    dm_jw_key(&j, "manifest");
    if (e.manifest.p != NULL)
        dm_jw_raw(&j, e.manifest);
    else
        dm_jw_null(&j);
    dm_jw_end(&j);
    return 0;
}

static int audit(dm_pg *c, const work *w, const char *verb, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "export:%s", w->id);
    const dm_audit a = {.owner = {.account = w->by->owner.account},
            .who = w->by->who,
            .verb = verb,
            .object = object,
            .detail = detail};
    return dm_audit_add(c, &a, err);
}

/* The id of the path, which is one, or the export is unknown. */
static bool read_id(const dm_req *req, work *w)
{
    return dm_uuid_ok(req->params[1]) && dm_str_to_array(req->params[1], w->id, sizeof w->id, NULL) == 0;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "export.get";
    work w = {.by = &dm_session_of(req)->caller};
    if (!read_id(req, &w))
        return unknown(req, what);
    int r = dm_api_tx(ctx, w.by, query_one, &w, err);
    r = r == DM_EXPORT_NONE ? unknown(req, what) : r == 0 ? write_one(req, ctx, &w, 200, err) : r;
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_export_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

static int query_cancel(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_export_cancel(c, w->by->owner.account, dm_str_c(w->id), err);
    if (r == 0)
        r = audit(c, w, "export.cancel", (dm_str){NULL, 0}, err);
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static int cancel(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "export.cancel";
    work w = {.by = &dm_session_of(req)->caller};
    if (!read_id(req, &w))
        return unknown(req, what);
    int r = dm_api_tx(ctx, w.by, query_cancel, &w, err);
    if (r == DM_EXPORT_NONE)
        r = unknown(req, what);
    else if (r == DM_EXPORT_OVER)
        r = dm_deny(req, DM_NO_EXPORT_OVER, what, "it has ended");
    else if (r == 0)
        r = write_one(req, ctx, &w, 200, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_export_cancel(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, cancel, err);
}

/* --- an order ----------------------------------------------------------------------------------------------- */

typedef struct body {
    char *dataset, *format, *from, *to;
} body;

#define AT(name) offsetof(body, name)
static const dm_json_field fields[] = {
        {"dataset", DM_JSON_STR, AT(dataset), DM_JSON_NEED, 1, 40},
        {"format", DM_JSON_STR, AT(format), DM_JSON_NEED, 1, 16},
        {"from", DM_JSON_STR, AT(from), DM_JSON_NEED, 7, 7},
        {"to", DM_JSON_STR, AT(to), DM_JSON_OPT, 7, 7},
};
#undef AT

static int query_order(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char detail[300];
    int r = dm_export_order(c, w->by->owner.account, &w->order, w->id, err);
    if (r == 0) {
        (void)snprintf(detail, sizeof detail, "{\"dataset\":\"%s\",\"format\":\"%s\",\"from\":%lld,\"to\":%lld}",
                w->order.dataset, w->order.format, (long long)w->order.from, (long long)w->order.to);
        r = audit(c, w, "export.add", dm_str_c(detail), err);
    }
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static void add_names(dm_buf *b, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        (void)dm_buf_fmt(b, "%s%s", i > 0 ? ", " : "", names[i]);
}

static int not_offered(dm_err *err)
{
    DM_AUTO_BUF words;
    dm_buf_init(&words, 200);
    add_names(&words, dm_export_datasets);
    (void)dm_buf_c(&words, ", each as ");
    add_names(&words, dm_export_formats);
    return dm_fail(err, DM_E_INVALID, "there is no such dataset in that format: %s", words.p != NULL ? words.p : "");
}

static int read_order(const body *b, work *w, dm_err *err)
{
    int64_t skipped;
    if (!dm_export_offered(b->dataset, b->format))
        return not_offered(err);
    if (dm_month_read(dm_str_c(b->from), &w->order.from, &skipped) < 0 ||
            dm_month_read(dm_str_c(b->to != NULL ? b->to : b->from), &skipped, &w->order.to) < 0 ||
            w->order.from >= w->order.to || w->order.to - w->order.from > MONTHS_MAX_S)
        return dm_fail(err, DM_E_INVALID, "\"from\" and \"to\" are months (2026-03), in order, 13 of them at most");
    w->order.dataset = b->dataset;
    w->order.format = b->format;
    return 0;
}

static int read_key(const dm_req *req, char out[DM_EXPORT_KEY_MAX + 8], work *w, dm_err *err)
{
    dm_str key = dm_req_header(req, "Idempotency-Key");
    if (key.p == NULL)
        return 0;
    if (key.n == 0 || key.n > DM_EXPORT_KEY_MAX || !dm_str_only(key, "abcdefghijklmnopqrstuvwxyz0123456789-"))
        return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to %d of a-z, 0-9 and -", DM_EXPORT_KEY_MAX);
    (void)snprintf(out, DM_EXPORT_KEY_MAX + 8, "key:%.*s", (int)key.n, key.p);
    w->order.key = dm_str_c(out);
    return 0;
}

static int add_as(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    static const char what[] = "export.add";
    char key[DM_EXPORT_KEY_MAX + 8];
    work w = {.by = &dm_session_of(req)->caller};
    w.order.who = w.by->who;
    int r = read_order(b, &w, err);
    if (r == 0)
        r = read_key(req, key, &w, err);
    if (r == 0)
        r = dm_api_tx(api, w.by, query_order, &w, err);
    if (r == DM_EXPORT_OTHER)
        r = dm_deny(req, DM_NO_IDEM_MISMATCH, what, "this Idempotency-Key came with another request before");
    else if (r == DM_EXPORT_MANY)
        r = dm_deny(req, DM_NO_EXPORT_MANY, what, "%d exports are not done yet", DM_EXPORT_WAITING_MAX);
    else if (r == 0)
        r = write_one(req, api, &w, 202, err);
    dm_pg_rows_free(w.rows);
    return r;
}

static int add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add_as(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_export_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, add, err);
}
