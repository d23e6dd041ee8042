/* /v1/ops/bank-files and /v1/ops/bank-entries: what the bank says that came. A file is handed in as it is and read by
 * the meter within seconds; what of it names no invoice stays in the list of entries until somebody knows what it is
 * for. */
#include "metering/ask/bank.h"

#include <stddef.h>

#include "base/crypto.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"

/* --- a file ------------------------------------------------------------------------------------------------- */

typedef struct body {
    char *file, *reason;
} body;

static const dm_json_field fields[] = {
        {"file", DM_JSON_STR, offsetof(body, file), DM_JSON_NEED, 1, DM_BANK_FILE_MAX},
        {"reason", DM_JSON_STR, offsetof(body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

typedef struct work {
    dm_str file;
    dm_digest digest;
    const char *who, *why;
    dm_bank_handed handed;
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_ask_bank_file(c, w->file, &w->digest, w->who, w->why, &w->handed, err);
}

static void write_handed(dm_req *req, const dm_bank_handed *h)
{
    dm_jw j = dm_ops_ordered(req, "file", h->file_no, h->state);
    dm_jw_kbool(&j, "again", h->again);
    dm_jw_kc(&j, "outcome", h->outcome[0] != '\0' ? h->outcome : NULL);
    dm_jw_end(&j);
}

static int hand_in(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "bank.import";
    body b = {NULL, NULL};
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, what, b.reason);
    work w = {.file = dm_str_c(b.file), .who = dm_ops_who(req), .why = b.reason};
    if (r == 0)
        r = dm_sha256(w.file, &w.digest, err);
    if (r == 0) {
        r = dm_api_tx_ops(ctx, run, &w, err);
        if (r == 0)
            write_handed(req, &w.handed);
    }
    dm_json_done(fields, DM_LEN(fields), &b);
    return r < 0 ? r : 0;
}

int dm_route_ops_bank_file(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, hand_in, err);
}

/* --- entries ------------------------------------------------------------------------------------------------ */

typedef struct listing {
    dm_rows_db db;
    dm_str outcome;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_ask_bank_entries(
            c, l->outcome, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_row(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_bank_row row;
    (void)err;
    dm_bank_row_read(l->db.rows, i, &row);
    dm_bank_row_write(w, &row);
    at->us = row.no;
    return 0;
}

static int entries(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'b', .id = "entry", .query = query, .write = write_row};
    listing l = {.outcome = dm_req_query(req, "outcome")};
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_bank_entries(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, entries, err);
}
