/* /v1/ops/sellers: who sells, as two people say it. */
#include "metering/ask/seller.h"

#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/draft.h"
#include "api/ops/routes.h"
#include "tenants/limits.h"
#include "tenants/who/codes.h"
#include "tenants/who/login.h"
#include "tenants/who/name.h"

enum { USUAL_ENTITY = 1, USUAL_TERMS = 14, TEXT_BYTES_MAX = 4096 };

/* --- shown -------------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_seller_which which;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->which.before = dm_rows_below(&l->db.page);
    return dm_seller_rows(c, &l->which, l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_seller_row s;
    (void)err;
    dm_seller_row_read(l->db.rows, i, &s);
    dm_seller_row_write(w, &s);
    at->us = s.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind listed = {.order = 's', .id = "seller", .query = query, .write = write_one};
    listing l = {.which.no = 0};
    dm_str at = dm_req_query(req, "valid_at");
    l.which.status = dm_req_query(req, "status");
    if (dm_ops_status_ok(l.which.status, err) < 0)
        return DM_E_INVALID;
    if (at.p != NULL && (dm_parse_rfc3339(at, &l.which.at_us, err) < 0 || l.which.at_us <= 0))
        return dm_fail(err, DM_E_INVALID, "valid_at must be a time");
    return dm_rows_ops(req, ctx, &listed, &l, err);
}

int dm_route_ops_seller_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- acts --------------------------------------------------------------------------------------------------- */

static int draft(dm_pg *c, const char *who, const char *why, const void *of, int64_t *no, dm_err *err)
{
    return dm_ask_seller_draft(c, who, why, of, no, err);
}

static int find(dm_pg *c, int64_t no, dm_pg_rows **rows, dm_err *err)
{
    const dm_seller_which one = {.no = no, .before = INT64_MAX};
    return dm_seller_rows(c, &one, 1, rows, NULL, err);
}

static void write_found(dm_jw *j, const dm_pg_rows *rows)
{
    dm_seller_row row;
    dm_seller_row_read(rows, 0, &row);
    dm_seller_row_write(j, &row);
}

static int refuse(dm_req *req, int r, const char *what)
{
    switch (r) {
    case DM_DRAFT_NONE:
        return dm_deny(req, DM_NO_SELLER_UNKNOWN, what, "no such seller");
    case DM_DRAFT_STATE:
        return dm_deny(req, DM_NO_SELLER_STAYS, what, "this seller is no draft any more");
    case DM_DRAFT_OWN:
        return dm_deny(req, DM_NO_SELLER_SECOND, what, "who has drafted a seller does not approve it");
    case DM_DRAFT_LATE:
        return dm_deny(req, DM_NO_SELLER_LATE, what, "a seller begins %d seconds after its approval at the earliest",
                DM_DRAFT_AHEAD_S);
    case DM_DRAFT_SAME:
        return dm_deny(req, DM_NO_SELLER_SAME, what, "another seller of that entity begins in that second");
    case DM_ASK_SELLER_ENTITY:
        return dm_deny(req, DM_NO_SELLER_ENTITY, what, "no legal entity has that number");
    case DM_ASK_SELLER_MANY:
        return dm_deny(req, DM_NO_SELLER_MANY, what, "there are %d drafts of sellers", DM_ASK_SELLER_DRAFTS_MAX);
    default:
        return r;
    }
}

static const dm_ops_draft_kind kind = {.name = "seller",
        .add = "seller.draft",
        .approve = "seller.approve",
        .withdraw = "seller.withdraw",
        .ask = &dm_ask_seller,
        .draft = draft,
        .find = find,
        .write = write_found,
        .refuse = refuse};

/* --- drafts ------------------------------------------------------------------------------------------------- */

typedef struct draft_body {
    char *name, *address, *country, *tax_id, *legal_id, *email, *iban, *bic, *valid_from, *reason;
    int64_t entity, terms;
    bool has_entity, has_terms;
} draft_body;

#define TEXT(name, has, least, most)                                                                                   \
    {                                                                                                                  \
#name, DM_JSON_STR, offsetof(draft_body, name), has, least, most                                               \
    }
static const dm_json_field draft_fields[] = {
        {"entity", DM_JSON_I64, offsetof(draft_body, entity), offsetof(draft_body, has_entity), 1, INT16_MAX},
        TEXT(name, DM_JSON_NEED, 1, TEXT_BYTES_MAX),
        TEXT(address, DM_JSON_OPT, 0, TEXT_BYTES_MAX),
        TEXT(country, DM_JSON_NEED, 1, 2),
        TEXT(tax_id, DM_JSON_OPT, 0, DM_TAX_ID_MAX),
        TEXT(legal_id, DM_JSON_OPT, 0, 4 * DM_NAME_MAX),
        TEXT(email, DM_JSON_OPT, 0, DM_EMAIL_MAX),
        TEXT(iban, DM_JSON_OPT, 0, DM_IBAN_TEXT),
        TEXT(bic, DM_JSON_OPT, 0, 11),
        {"payment_terms_days", DM_JSON_I64, offsetof(draft_body, terms), offsetof(draft_body, has_terms), 0,
                DM_ASK_SELLER_TERMS_MAX},
        TEXT(valid_from, DM_JSON_NEED, 1, 64),
        TEXT(reason, DM_JSON_OPT, 0, DM_REASON_BYTES_MAX),
};

static const char *maybe(const char *z)
{
    return z != NULL && z[0] != '\0' ? z : NULL;
}

/* Of what may be left out. */
static bool is(bool (*ok)(dm_str text), const char *z)
{
    return maybe(z) == NULL || ok(dm_str_c(z));
}

static int check_names(const draft_body *b, dm_err *err)
{
    char email[DM_EMAIL_MAX + 1];
    dm_str country = dm_str_c(b->country);
    if (!dm_name_fits(dm_str_c(b->name), DM_LEGAL_NAME_MAX))
        return dm_fail(err, DM_E_INVALID, "\"name\" must have 1 to %d characters and no controls", DM_LEGAL_NAME_MAX);
    if (!is(dm_address_ok, b->address))
        return dm_fail(err, DM_E_INVALID, "\"address\" must have at most %d lines of 1 to %d characters",
                DM_ADDRESS_LINES_MAX, DM_NAME_MAX);
    if (!dm_country_ok(country))
        return dm_fail(err, DM_E_INVALID, "\"country\" must be the two letters of a country (ISO 3166-1)");
    if (maybe(b->tax_id) != NULL && !dm_tax_id_ok(country, dm_str_c(b->tax_id)))
        return dm_fail(err, DM_E_INVALID,
                "\"tax_id\" must be a tax id of that country: 4 to %d capital letters, digits, blanks or . - /",
                DM_TAX_ID_MAX);
    if (!is(dm_name_ok, b->legal_id))
        return dm_fail(err, DM_E_INVALID, "\"legal_id\" must have 1 to %d characters and no controls", DM_NAME_MAX);
    if (maybe(b->email) != NULL && dm_email_read(dm_str_c(b->email), email, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"email\" must be an address for mail");
    return 0;
}

static int check_bank(const draft_body *b, dm_err *err)
{
    if (!is(dm_iban_ok, b->iban))
        return dm_fail(err, DM_E_INVALID,
                "\"iban\" must be an IBAN, in capital letters and digits without blanks: its check digits have to fit");
    if (!is(dm_bic_ok, b->bic))
        return dm_fail(err, DM_E_INVALID, "\"bic\" must be a BIC: 8 or 11 capital letters and digits");
    if (maybe(b->bic) != NULL && maybe(b->iban) == NULL)
        return dm_fail(err, DM_E_INVALID, "\"bic\" is of an \"iban\", which is missing");
    return 0;
}

static int read_seller(const draft_body *b, dm_seller_draft *out, dm_err *err)
{
    int64_t us;
    *out = (dm_seller_draft){.entity_no = b->has_entity ? b->entity : USUAL_ENTITY,
            .terms_days = b->has_terms ? b->terms : USUAL_TERMS,
            .name = b->name,
            .address = maybe(b->address),
            .country = b->country,
            .tax_id = maybe(b->tax_id),
            .legal_id = maybe(b->legal_id),
            .email = maybe(b->email),
            .iban = maybe(b->iban),
            .bic = maybe(b->bic)};
    int r = check_names(b, err);
    if (r == 0)
        r = check_bank(b, err);
    if (r == 0 && (dm_parse_rfc3339(dm_str_c(b->valid_from), &us, err) < 0 || us % 1000000 != 0 || us <= 0))
        return dm_fail(err, DM_E_INVALID, "\"valid_from\" must be a time, in whole seconds");
    if (r == 0)
        out->from_s = us / 1000000;
    return r;
}

int dm_route_ops_seller_add(dm_req *req, void *ctx, dm_err *err)
{
    draft_body b = {.has_entity = false};
    dm_seller_draft seller;
    int r = dm_body_read(req, draft_fields, DM_LEN(draft_fields), &b, err);
    if (r == 0)
        r = read_seller(&b, &seller, err);
    if (r == 0)
        r = dm_ops_draft_add(req, ctx, &kind, b.reason, &seller, err);
    dm_json_done(draft_fields, DM_LEN(draft_fields), &b);
    return r < 0 ? r : 0;
}

/* --- the second person -------------------------------------------------------------------------------------- */

int dm_route_ops_seller_approve(dm_req *req, void *ctx, dm_err *err)
{
    return dm_ops_draft_approve(req, ctx, &kind, err);
}

int dm_route_ops_seller_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    return dm_ops_draft_withdraw(req, ctx, &kind, err);
}
