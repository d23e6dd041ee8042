/* /v1/ops/tax-rules: which tax holds, as two people make it. */
#include "metering/ask/tax_rule.h"

#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/draft.h"
#include "api/ops/routes.h"
#include "tenants/who/codes.h"

/* --- shown -------------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_tax_which which;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->which.before = dm_rows_below(&l->db.page);
    return dm_tax_rows(c, &l->which, l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_tax_row t;
    (void)err;
    dm_tax_row_read(l->db.rows, i, &t);
    dm_tax_row_write(w, &t);
    at->us = t.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind listed = {.order = 'x', .id = "tax", .query = query, .write = write_one};
    listing l = {.which.no = 0};
    dm_str at = dm_req_query(req, "valid_at"), *country = &l.which.country, *status = &l.which.status;
    *country = dm_req_query(req, "country");
    *status = dm_req_query(req, "status");
    if (country->p != NULL && !dm_country_ok(*country))
        return dm_fail(err, DM_E_INVALID, "country must be a country, as two capital letters");
    if (dm_ops_status_ok(*status, err) < 0)
        return DM_E_INVALID;
    if (at.p != NULL && (dm_parse_rfc3339(at, &l.which.at_us, err) < 0 || l.which.at_us <= 0))
        return dm_fail(err, DM_E_INVALID, "valid_at must be a time");
    return dm_rows_ops(req, ctx, &listed, &l, err);
}

int dm_route_ops_tax_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- acts --------------------------------------------------------------------------------------------------- */

typedef struct tax_draft {
    const dm_tax_rule *tax;
    bool country; /* it names the buyer's */
} tax_draft;

static int draft(dm_pg *c, const char *who, const char *why, const void *of, int64_t *no, dm_err *err)
{
    const tax_draft *d = of;
    return dm_ask_tax_draft(c, who, why, d->tax, d->country, no, err);
}

static int find(dm_pg *c, int64_t no, dm_pg_rows **rows, dm_err *err)
{
    const dm_tax_which one = {.no = no, .before = INT64_MAX};
    return dm_tax_rows(c, &one, 1, rows, NULL, err);
}

static void write_found(dm_jw *j, const dm_pg_rows *rows)
{
    dm_tax_row row;
    dm_tax_row_read(rows, 0, &row);
    dm_tax_row_write(j, &row);
}

static int refuse(dm_req *req, int r, const char *what)
{
    switch (r) {
    case DM_DRAFT_NONE:
        return dm_deny(req, DM_NO_TAX_RULE_UNKNOWN, what, "no such rule of tax");
    case DM_DRAFT_STATE:
        return dm_deny(req, DM_NO_TAX_RULE_STAYS, what, "this rule of tax is no draft any more");
    case DM_DRAFT_OWN:
        return dm_deny(req, DM_NO_TAX_RULE_SECOND, what, "who has drafted a rule of tax does not approve it");
    case DM_DRAFT_LATE:
        return dm_deny(req, DM_NO_TAX_RULE_LATE, what,
                "a rule of tax begins %d seconds after its approval at the earliest", DM_DRAFT_AHEAD_S);
    case DM_DRAFT_SAME:
        return dm_deny(req, DM_NO_TAX_RULE_SAME, what, "another rule for the same begins in that second");
    case DM_ASK_TAX_AREA:
        return dm_deny(req, DM_NO_TAX_RULE_WRONG, what, "the buyer is neither a country nor an area of taxes");
    case DM_ASK_TAX_MANY:
        return dm_deny(req, DM_NO_TAX_RULE_MANY, what, "there are %d rules of tax", DM_TAX_RULES_MAX);
    default:
        return r;
    }
}

static const dm_ops_draft_kind kind = {.name = "tax_rule",
        .add = "tax_rule.draft",
        .approve = "tax_rule.approve",
        .withdraw = "tax_rule.withdraw",
        .ask = &dm_ask_tax,
        .draft = draft,
        .find = find,
        .write = write_found,
        .refuse = refuse};

/* --- drafts ------------------------------------------------------------------------------------------------- */

typedef struct draft_body {
    char *seller, *buyer, *category, *rate, *jurisdiction, *exemption_code, *exemption, *valid_from, *reason;
    json_t *business;
} draft_body;

#define TEXT(name, has, least, most)                                                                                   \
    {                                                                                                                  \
#name, DM_JSON_STR, offsetof(draft_body, name), has, least, most                                               \
    }
static const dm_json_field draft_fields[] = {
        TEXT(seller, DM_JSON_NEED, 1, 2),
        TEXT(buyer, DM_JSON_NEED, 1, 3),
        {"business", DM_JSON_NODE, offsetof(draft_body, business), DM_JSON_OPT, 0, 0},
        TEXT(category, DM_JSON_NEED, 1, 2),
        TEXT(rate, DM_JSON_OPT, 0, 16),
        TEXT(jurisdiction, DM_JSON_NEED, 1, 20),
        TEXT(exemption_code, DM_JSON_OPT, 0, 40),
        TEXT(exemption, DM_JSON_OPT, 0, 200),
        TEXT(valid_from, DM_JSON_NEED, 1, 64),
        TEXT(reason, DM_JSON_OPT, 0, DM_REASON_BYTES_MAX),
};

static const char *maybe(const char *z)
{
    return z != NULL && z[0] != '\0' ? z : NULL;
}

/* Percent, with at most four decimals. */
static int read_rate(const char *text, uint32_t *ppm, dm_err *err)
{
    dm_qty q = {0};
    int r = text != NULL && text[0] != '\0' ? dm_qty_parse(dm_str_c(text), &q, err) : 0;
    if (r < 0 || q.v < 0 || q.v % 100 != 0 || q.v / 100 > DM_TAX_PPM)
        return dm_fail(err, DM_E_INVALID, "\"rate\" must be percent, 0 to 100, with at most four decimals");
    *ppm = (uint32_t)(q.v / 100);
    return 0;
}

static int check_names(const draft_body *b, dm_err *err)
{
    if (strcmp(b->seller, "*") != 0 && !dm_country_ok(dm_str_c(b->seller)))
        return dm_fail(err, DM_E_INVALID, "\"seller\" must be a country, as two capital letters, or *");
    if (b->business != NULL && !json_is_boolean(b->business) && !json_is_null(b->business))
        return dm_fail(err, DM_E_INVALID, "\"business\" must be true, false or null");
    for (const char *p = b->jurisdiction; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && (*p < '0' || *p > '9') && *p != '-')
            return dm_fail(err, DM_E_INVALID, "\"jurisdiction\" must be letters, digits and dashes");
    }
    return 0;
}

static int read_rule(const draft_body *b, dm_tax_rule *out, dm_err *err)
{
    int64_t us;
    int r = check_names(b, err);
    *out = (dm_tax_rule){.seller = b->seller,
            .buyer = b->buyer,
            .business = json_is_boolean(b->business) ? json_is_true(b->business) : -1,
            .category = b->category,
            .reverse_charge = strcmp(b->category, "AE") == 0,
            .jurisdiction = b->jurisdiction,
            .reason_code = maybe(b->exemption_code),
            .reason = maybe(b->exemption),
            .to_s = INT64_MAX};
    if (r == 0)
        r = read_rate(b->rate, &out->rate_ppm, err);
    if (r == 0 && (dm_parse_rfc3339(dm_str_c(b->valid_from), &us, err) < 0 || us % 1000000 != 0 || us <= 0))
        return dm_fail(err, DM_E_INVALID, "\"valid_from\" must be a time, in whole seconds");
    if (r == 0)
        out->from_s = us / 1000000;
    return r < 0 ? r : dm_tax_check(out, err);
}

int dm_route_ops_tax_add(dm_req *req, void *ctx, dm_err *err)
{
    draft_body b = {.business = NULL};
    dm_tax_rule rule;
    int r = dm_body_read(req, draft_fields, DM_LEN(draft_fields), &b, err);
    if (r == 0)
        r = read_rule(&b, &rule, err);
    if (r == 0) {
        const tax_draft d = {.tax = &rule, .country = strcmp(b.buyer, "*") == 0 || dm_country_ok(dm_str_c(b.buyer))};
        r = dm_ops_draft_add(req, ctx, &kind, b.reason, &d, err);
    }
    dm_json_done(draft_fields, DM_LEN(draft_fields), &b);
    return r < 0 ? r : 0;
}

/* --- the second person -------------------------------------------------------------------------------------- */

int dm_route_ops_tax_approve(dm_req *req, void *ctx, dm_err *err)
{
    return dm_ops_draft_approve(req, ctx, &kind, err);
}

int dm_route_ops_tax_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    return dm_ops_draft_withdraw(req, ctx, &kind, err);
}
