/* GET /v1/projects/{slug}/audit and /v1/accounts/{id}/audit: who did what, newest first. */
#include "tenants/plan/audit.h"

#include "base/parse.h"

#include "api/dm/csv.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"

enum { WORD_MAX = 128 };

typedef struct work {
    dm_audit_find find;
    dm_pg_rows *rows;
    dm_pg_total total;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_audit_list(c, &w->find, &w->rows, &w->total, err);
}

/* --- asked -------------------------------------------------------------------------------------------------- */

static int read_time(const dm_req *req, const char *name, int64_t def, int64_t *out, dm_err *err)
{
    dm_str text = dm_req_query(req, name);
    *out = def;
    if (text.n == 0 || dm_parse_rfc3339(text, out, NULL) == 0)
        return 0;
    return dm_fail(err, DM_E_INVALID, "%s must be a time in UTC, as 2027-01-31T12:00:00Z", name);
}

static int read_find(const dm_req *req, dm_audit_find *f, dm_err *err)
{
    static const int64_t ever_us = INT64_C(253402300799000000); /* the last second of 9999 */
    dm_page page;
    int r = dm_rows_read(req, 'a', &page, err);
    if (r == 0)
        r = read_time(req, "from", 0, &f->from_us, err);
    if (r == 0)
        r = read_time(req, "to", ever_us, &f->to_us, err);
    if (r < 0)
        return r;
    f->who = dm_req_query(req, "who");
    f->verb = dm_req_query(req, "verb");
    f->before = page.from ? page.us : INT64_MAX;
    f->limit = page.limit + 1;
    return f->who.n <= WORD_MAX && f->verb.n <= WORD_MAX ? 0 : dm_fail(err, DM_E_INVALID, "who or verb is too long");
}

/* --- answered ----------------------------------------------------------------------------------------------- */

static int write_row(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *of = list;
    dm_audit_row row;
    (void)err;
    dm_audit_row_read(of->rows, i, &row);
    dm_jw_obj(w);
    dm_write_time(w, "at", row.at_us);
    dm_jw_kstr(w, "who", row.who);
    dm_jw_kstr(w, "verb", row.verb);
    dm_jw_kstr(w, "object", row.object);
    dm_jw_key(w, "detail");
    dm_jw_raw(w, row.detail);
    dm_jw_end(w);
    at->us = row.no;
    return 0;
}

/* It has no place for a cursor but a header. */
static int write_csv(dm_req *req, const work *w, const dm_rows_kind *kind, dm_err *err)
{
    static const dm_str head[] = {
            DM_STR_INIT("at"), DM_STR_INIT("who"), DM_STR_INIT("verb"), DM_STR_INIT("object"), DM_STR_INIT("detail")};
    size_t n = dm_pg_count(w->rows), limit = (size_t)w->find.limit - 1;
    dm_audit_row row = {.no = 0};
    dm_reply_text(&req->reply, 200, "text/csv; charset=utf-8; header=present", DM_STR(""));
    dm_hint(&req->reply, "Content-Disposition", DM_STR("attachment; filename=\"audit.csv\""));
    dm_csv_line(&req->reply.body, head, DM_LEN(head));
    for (size_t i = 0; i < n && i < limit; i++) {
        char at[32];
        dm_audit_row_read(w->rows, i, &row);
        dm_rfc3339(row.at_us, at);
        const dm_str cells[] = {dm_str_c(at), row.who, row.verb, row.object, row.detail};
        dm_csv_line(&req->reply.body, cells, DM_LEN(cells));
    }
    return n > limit ? dm_page_next(req, kind->order, row.no, dm_str_c(kind->id), err) : 0;
}

static int answer(dm_req *req, const work *w, bool csv, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'a', .id = "audit", .write = write_row};
    int r = csv ? write_csv(req, w, &kind, err)
                : dm_rows_write(req, &kind, w, dm_pg_count(w->rows), w->find.limit - 1, w->total, err);
    return r < 0 ? r : dm_buf_ok(&req->reply.body, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_str format = dm_req_query(req, "format");
    bool csv = dm_str_eq_c(format, "csv");
    work w = {.find = {.owner = caller->owner}};
    if (format.n > 0 && !csv && !dm_str_eq_c(format, "json"))
        return dm_fail(err, DM_E_INVALID, "format must be json or csv");
    int r = read_find(req, &w.find, err);
    if (r == 0)
        r = dm_api_tx(ctx, caller, query, &w, err);
    if (r == 0)
        r = answer(req, &w, csv, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_audit_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
