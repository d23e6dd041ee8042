/* /v1/accounts/{id}/export-schedules: what an account wants written out of each month once that is closed. What was
 * ordered so is an export like any other (export.c). */
#include <stddef.h>
#include <stdio.h>

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "metering/ask/export.h"
#include "metering/ask/schedule.h"
#include "tenants/plan/audit.h"

typedef struct work {
    const dm_caller *by;
    const char *dataset, *format;
    char id[DM_UUID_TEXT];
    bool again;
    dm_pg_rows *rows;
} work;

/* --- shown -------------------------------------------------------------------------------------------------- */

static dm_str id_of(const void *of, size_t i)
{
    dm_schedule s;
    dm_schedule_read(of, i, &s);
    return s.id;
}

static void write_one(dm_jw *j, const void *of, size_t i)
{
    dm_schedule s;
    dm_schedule_read(of, i, &s);
    dm_jw_kstr(j, "id", s.id);
    dm_jw_kstr(j, "dataset", s.dataset);
    dm_jw_kstr(j, "format", s.format);
    dm_jw_kstr(j, "asked_by", s.who);
    dm_jw_ktime(j, "made_at", s.made_us);
    dm_jw_kmaybe(j, "through", s.through);
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_schedule_list(c, w->by->owner.account, dm_str_maybe(w->id), &w->rows, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, query, &w, err);
    const dm_rows_all all = {
            .order = 'w', .of = w.rows, .n = r == 0 ? dm_pg_count(w.rows) : 0, .id = id_of, .write = write_one};
    if (r == 0)
        r = dm_rows_answer(req, &all, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_export_schedule_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- made and ended ----------------------------------------------------------------------------------------- */

static int audit(dm_pg *c, const work *w, const char *verb, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "export_schedule:%s", w->id);
    const dm_audit a = {.owner = {.account = w->by->owner.account},
            .who = w->by->who,
            .verb = verb,
            .object = object,
            .detail = detail};
    return dm_audit_add(c, &a, err);
}

static int query_add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char detail[200];
    int r = dm_schedule_add(c, w->by->owner.account, w->dataset, w->format, w->by->who, w->id, err);
    w->again = r == DM_SCHEDULE_AGAIN;
    (void)snprintf(detail, sizeof detail, "{\"dataset\":\"%s\",\"format\":\"%s\"}", w->dataset, w->format);
    if (r == 0)
        r = audit(c, w, "export_schedule.add", dm_str_c(detail), err);
    return r == 0 || w->again ? query(c, w, err) : r;
}

typedef struct body {
    char *dataset, *format;
} body;

static const dm_json_field fields[] = {
        {"dataset", DM_JSON_STR, offsetof(body, dataset), DM_JSON_NEED, 1, 40},
        {"format", DM_JSON_STR, offsetof(body, format), DM_JSON_NEED, 1, 16},
};

static int add_as(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller, .dataset = b->dataset, .format = b->format};
    int r = dm_export_offered(false, b->dataset, b->format) ? 0 : dm_export_not_offered(false, err);
    if (r == 0)
        r = dm_api_tx(api, w.by, query_add, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, w.again ? 200 : 201);
        dm_jw_obj(&j);
        write_one(&j, w.rows, 0);
        dm_jw_end(&j);
    }
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

int dm_route_export_schedule_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, add, err);
}

static int query_end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    int r = dm_schedule_end(c, w->by->owner.account, dm_str_c(w->id), err);
    return r == 0 ? audit(c, w, "export_schedule.end", (dm_str){NULL, 0}, err) : r;
}

static int end(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = DM_SCHEDULE_NONE;
    if (dm_uuid_ok(req->params[1]) && dm_str_to_array(req->params[1], w.id, sizeof w.id, NULL) == 0)
        r = dm_api_tx(ctx, w.by, query_end, &w, err);
    if (r == DM_SCHEDULE_NONE)
        return dm_deny(req, DM_NO_EXPORT_UNKNOWN, "export_schedule.end", "no such schedule");
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}

int dm_route_export_schedule_end(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, end, err);
}
