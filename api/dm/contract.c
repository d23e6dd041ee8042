/* GET /v1/accounts/{id}/contracts: what the account has agreed on, the newest first. */
#include "metering/read/contract.h"

#include "api/dm/routes.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"

typedef struct listing {
    dm_rows_db db;
    dm_contract_find find;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->find.before = dm_rows_below(&l->db.page);
    l->find.limit = l->db.page.limit + 1;
    return dm_read_contracts(c, &l->find, &l->db.rows, &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_contract_row row;
    (void)err;
    dm_contract_row_read(l->db.rows, i, &row);
    dm_contract_row_write(w, &row, false);
    at->us = row.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'k', .id = "contract", .query = query, .write = write_one};
    const dm_caller *caller = &dm_session_of(req)->caller;
    listing l = {.find = {.account_no = caller->owner.account}};
    return dm_rows_own(req, ctx, caller, &kind, &l, err);
}

int dm_route_contract_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
