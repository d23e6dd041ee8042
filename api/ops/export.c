/* /v1/ops/exports: what operators have written out of all accounts of a legal entity: journal, tax, what is owed,
 * revenue. Orders like an account's (api/dm/export.c), which no tenant sees; each has a reason, and stands in the
 * audit.
 */
#include "metering/ask/export.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"

#include "api/export/shown.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/plan/audit.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
} listing;

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_export_list_entities(c, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
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
    static const dm_rows_kind kind = {.order = 'y', .id = "export", .query = query_list, .write = write_row};
    listing l = {.db = {.rows = NULL}};
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_export_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one, and what is done to it ---------------------------------------------------------------------------- */

typedef struct work {
    const char *what, *who, *reason;
    int64_t entity; /* that an order names; 0: none */
    dm_export_whose whose;
    dm_export_new order;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} work;

static int read_one(dm_pg *c, work *w, dm_err *err)
{
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_export_find(c, w->whose, dm_str_c(w->id), &w->rows, err);
}

/* An account's is none of these: that its people see, and a link to its file is theirs to give. */
static int find(dm_pg *c, work *w, dm_err *err)
{
    int r = dm_export_whose_of(c, dm_str_c(w->id), &w->whose, err);
    return r == 0 && w->whose.v > 0 ? DM_EXPORT_NONE : r;
}

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = find(c, w, err);
    return r == 0 ? read_one(c, w, err) : r;
}

static int audit(dm_pg *c, const work *w, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "export:%s", w->id);
    const dm_audit a = {.who = w->who, .verb = w->what, .object = object, .detail = detail, .reason = w->reason};
    return dm_audit_add(c, &a, err);
}

static int answer(dm_req *req, dm_api *api, dm_pg_fn fn, work *w, int status, dm_err *err)
{
    w->who = dm_ops_who(req);
    int r = dm_api_tx_ops(api, fn, w, err);
    if (r == DM_EXPORT_ENTITY)
        r = dm_fail(err, DM_E_INVALID, "\"entity\" must be the number of a legal entity, where there are several");
    else if (r == 0)
        r = dm_export_answer(req, api, w->whose, w->rows, status, err);
    else
        r = dm_export_refuse(req, r, w->what);
    dm_pg_rows_free(w->rows);
    return r;
}

static int answer_of(dm_req *req, dm_api *api, dm_pg_fn fn, work *w, dm_err *err)
{
    if (!dm_uuid_ok(req->params[0]) || dm_str_to_array(req->params[0], w->id, sizeof w->id, NULL) < 0)
        return dm_export_refuse(req, DM_EXPORT_NONE, w->what);
    return answer(req, api, fn, w, 200, err);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.what = "export.get"};
    return answer_of(req, ctx, query_one, &w, err);
}

int dm_route_ops_export_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

static int query_cancel(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = find(c, w, err);
    if (r == 0)
        r = dm_export_cancel(c, w->whose, dm_str_c(w->id), err);
    if (r == 0)
        r = audit(c, w, (dm_str){NULL, 0}, err);
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static int cancel(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    work w = {.what = "export.cancel"};
    int r = dm_ops_why_read(req, w.what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    w.reason = why.reason;
    return answer_of(req, ctx, query_cancel, &w, err);
}

int dm_route_ops_export_cancel(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, cancel, err);
}

/* --- an order ----------------------------------------------------------------------------------------------- */

typedef struct body {
    char *dataset, *format, *from, *to, *reason;
    int64_t entity;
} body;

#define AT(name) offsetof(body, name)
static const dm_json_field fields[] = {
        {"dataset", DM_JSON_STR, AT(dataset), DM_JSON_NEED, 1, 40},
        {"entity", DM_JSON_I64, AT(entity), DM_JSON_OPT, 1, INT16_MAX},
        {"format", DM_JSON_STR, AT(format), DM_JSON_NEED, 1, 16},
        {"from", DM_JSON_STR, AT(from), DM_JSON_NEED, 7, 7},
        {"reason", DM_JSON_STR, AT(reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
        {"to", DM_JSON_STR, AT(to), DM_JSON_OPT, 7, 7},
};
#undef AT

static int query_order(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char detail[300];
    int r = dm_export_entity(c, w->entity, &w->whose, err);
    if (r == 0)
        r = dm_export_order(c, w->whose, &w->order, w->id, err);
    if (r == 0) {
        dm_export_detail(&w->order, detail);
        r = audit(c, w, dm_str_c(detail), err);
    }
    return r == 0 || r == DM_EXPORT_AGAIN ? read_one(c, w, err) : r;
}

static int add_as(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    char key[DM_EXPORT_KEY_MAX + 8];
    work w = {.what = "export.add", .reason = b->reason, .entity = b->entity, .order = {.who = dm_ops_who(req)}};
    const dm_export_asked asked = {.entity = true,
            .dataset = b->dataset,
            .format = b->format,
            .from = b->from,
            .to = b->to,
            .now_s = dm_wall_us(api->clock) / 1000000};
    int r = dm_ops_reason(req, w.what, b->reason);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_export_asked_read(&asked, &w.order, err);
    if (r == 0)
        r = dm_export_key_read(req, key, &w.order, err);
    return r < 0 ? r : answer(req, api, query_order, &w, 202, err);
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

int dm_route_ops_export_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, add, err);
}
