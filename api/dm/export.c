/* /v1/accounts/{id}/exports: what its people have written out as files: ordered, looked at while it is made, cancelled;
 * one that is ready comes with a link to its file (download.c). dormouse-export makes them (metering/export/data). */
#include "metering/ask/export.h"

#include <stdio.h>

#include "base/clock.h"

#include "api/dm/routes.h"
#include "api/export/shown.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "tenants/plan/audit.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_account_no account;
} listing;

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_export_list(c, dm_export_of(l->account), dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows,
            &l->db.total, err);
}

static int write_row(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_export e;
    (void)err;
    dm_export_read(l->db.rows, i, &e);
    dm_jw_obj(j);
    dm_export_write(j, &e);
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
    dm_export_whose whose;
    dm_export_new order;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} work;

static work work_of(const dm_req *req)
{
    const dm_caller *by = &dm_session_of(req)->caller;
    return (work){.by = by, .whose = dm_export_of(by->owner.account), .order = {.who = by->who}};
}

static int read_one(dm_pg *c, work *w, dm_err *err)
{
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_export_find(c, w->whose, dm_str_c(w->id), &w->rows, err);
}

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    return read_one(c, arg, err);
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

/* In its transaction, answered with how it is then, or why not. */
static int answer(dm_req *req, dm_api *api, dm_pg_fn fn, work *w, const char *what, int status, dm_err *err)
{
    int r = dm_api_tx(api, w->by, fn, w, err);
    r = r == 0 ? dm_export_answer(req, api, w->whose, w->rows, status, err) : dm_export_refuse(req, r, what);
    dm_pg_rows_free(w->rows);
    return r;
}

/* Of the path's, where that is an id: else the export is unknown. */
static int answer_of(dm_req *req, dm_api *api, dm_pg_fn fn, const char *what, dm_err *err)
{
    work w = work_of(req);
    if (!dm_uuid_ok(req->params[1]) || dm_str_to_array(req->params[1], w.id, sizeof w.id, NULL) < 0)
        return dm_export_refuse(req, DM_EXPORT_NONE, what);
    return answer(req, api, fn, &w, what, 200, err);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    return answer_of(req, ctx, query_one, "export.get", err);
}

int dm_route_export_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

static int query_cancel(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_export_cancel(c, w->whose, dm_str_c(w->id), err);
    if (r == 0)
        r = audit(c, w, "export.cancel", (dm_str){NULL, 0}, err);
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static int cancel(dm_req *req, void *ctx, dm_err *err)
{
    return answer_of(req, ctx, query_cancel, "export.cancel", err);
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
    int r = dm_export_order(c, w->whose, &w->order, w->id, err);
    if (r == 0) {
        dm_export_detail(&w->order, detail);
        r = audit(c, w, "export.add", dm_str_c(detail), err);
    }
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static int add_as(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    char key[DM_EXPORT_KEY_MAX + 8];
    work w = work_of(req);
    const dm_export_asked asked = {.dataset = b->dataset,
            .format = b->format,
            .from = b->from,
            .to = b->to,
            .now_s = dm_wall_us(api->clock) / 1000000};
    int r = dm_export_asked_read(&asked, &w.order, err);
    if (r == 0)
        r = dm_export_key_read(req, key, &w.order, err);
    return r < 0 ? r : answer(req, api, query_order, &w, "export.add", 202, err);
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
