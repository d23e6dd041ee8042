#include <stdio.h>

#include "base/json.h"

#include "tenants/plan/audit.h"
#include "tenants/who/codes.h"
#include "tenants/who/profile.h"
#include "tenants/who/sql.h"

/* 'ZZ' stands for no country in the lists of the standard, and here until somebody has said one. */
#define COUNTRY "nullif(a.country, 'ZZ')"

static const dm_pg_stmt find = {"profile_find",
        "SELECT a.id, coalesce(a.name, a.legal_name), a.tier,"
        " coalesce((SELECT string_agg(m.role, ',') FROM dm.member m"
        "  WHERE m.account_no = $1 AND m.project_no = 0 AND m.person_no = $2), ''),"
        " a.blocked, a.banned, h.cause, h.reason, a.legal_name, a.address, " COUNTRY
        ", a.tax_id, a.currency, a.billing_cycle, a.invoice_email, a.purchase_order,"
        " EXISTS (SELECT FROM dm.statement s WHERE s.account_no = $1), dm.us(a.created_at), dm.projects_in($1),"
        " (SELECT count(DISTINCT m.person_no) FROM dm.member m WHERE m.account_no = $1)"
        " FROM dm.account a"
        " LEFT JOIN LATERAL (SELECT cause, reason FROM dm.hold h WHERE h.account_no = $1 AND h.project_no = 0"
        "  AND (h.until IS NULL OR h.until > now()) ORDER BY h.cause DESC LIMIT 1) h ON true"
        " WHERE a.account_no = $1",
        DM_PG_ONE};
static const dm_pg_field found[] = {{DM_COL_STR, offsetof(dm_profile, id)}, {DM_COL_STR, offsetof(dm_profile, name)},
        {DM_COL_STR, offsetof(dm_profile, tier)}, {DM_COL_STR, offsetof(dm_profile, roles)},
        {DM_COL_MAYBE, offsetof(dm_profile, blocked)}, {DM_COL_BOOL, offsetof(dm_profile, banned)},
        {DM_COL_MAYBE, offsetof(dm_profile, held)}, {DM_COL_MAYBE, offsetof(dm_profile, held_why)},
        {DM_COL_STR, offsetof(dm_profile, legal_name)}, {DM_COL_STR, offsetof(dm_profile, address)},
        {DM_COL_MAYBE, offsetof(dm_profile, country)}, {DM_COL_MAYBE, offsetof(dm_profile, tax_id)},
        {DM_COL_STR, offsetof(dm_profile, currency)}, {DM_COL_STR, offsetof(dm_profile, billing_cycle)},
        {DM_COL_MAYBE, offsetof(dm_profile, invoice_email)}, {DM_COL_MAYBE, offsetof(dm_profile, purchase_order)},
        {DM_COL_BOOL, offsetof(dm_profile, stated)}, {DM_COL_I64, offsetof(dm_profile, created_us)},
        {DM_COL_I64, offsetof(dm_profile, projects)}, {DM_COL_I64, offsetof(dm_profile, members)}};

int dm_profile_read(dm_pg *c, const dm_caller *by, dm_pg_rows **rows, dm_profile *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->person.v)};
    int r = dm_pg_exec(c, &find, args, DM_LEN(args), rows, NULL, err);
    if (r == 0)
        dm_pg_read(*rows, 0, 0, found, DM_LEN(found), out);
    return r;
}

/* --- changed ------------------------------------------------------------------------------------------------ */

static const dm_pg_stmt lock = {"profile_lock",
        "SELECT a.id, " COUNTRY ", a.currency, a.tax_id, a.tier FROM dm.account a WHERE a.account_no = $1"
        " FOR NO KEY UPDATE",
        DM_PG_ONE};
static const dm_pg_stmt stated = {
        "profile_stated", "SELECT EXISTS (SELECT FROM dm.statement WHERE account_no = $1)", DM_PG_ONE};
static const dm_pg_stmt alter = {"profile_alter",
        "UPDATE dm.account SET name = coalesce($2, name), legal_name = coalesce($3, legal_name),"
        " address = coalesce($4, address), country = coalesce($5, country), currency = coalesce($6, currency),"
        " billing_cycle = coalesce($7, billing_cycle), tax_id = CASE WHEN $8::text IS NULL THEN tax_id ELSE nullif($8, "
        "'') END,"
        " invoice_email = CASE WHEN $9::text IS NULL THEN invoice_email ELSE nullif($9, '') END,"
        " purchase_order = CASE WHEN $10::text IS NULL THEN purchase_order ELSE nullif($10, '') END"
        " WHERE account_no = $1",
        DM_PG_NONE};

static bool of_billing(const dm_profile_change *w)
{
    return w->legal_name.p != NULL || w->address.p != NULL || w->country.p != NULL || w->currency.p != NULL ||
           w->billing_cycle.p != NULL || w->tax_id.p != NULL || w->invoice_email.p != NULL ||
           w->purchase_order.p != NULL;
}

/* Whether it may have that currency from now on. A statement that is being written waits for this lock, or is there. */
static int can_have_currency(dm_pg *c, const dm_caller *by, dm_str tier, dm_str currency, dm_err *err)
{
    const dm_pg_arg arg = dm_pa_i64(by->owner.account.v);
    DM_AUTO(dm_pg_rows) rows = NULL;
    bool priced = false;
    int r = dm_pg_exec(c, &stated, &arg, 1, &rows, NULL, err);
    if (r == 0 && dm_pg_bool(rows, 0, 0))
        return DM_PROFILE_STATED;
    if (r == 0)
        r = dm_sql_priced(c, tier, currency, by->owner.account, &priced, err);
    return r < 0 || priced ? r : DM_PROFILE_NO_PRICES;
}

/* What a contract says a month costs is in its currency. */
static int committed(dm_pg *c, const dm_caller *by, const dm_profile_change *w, dm_err *err)
{
    static const dm_pg_stmt st = {"profile_committed",
            "SELECT EXISTS (SELECT FROM dm.contract k WHERE k.account_no = $1::bigint AND k.status = 'approved' AND "
            "k.least_monthly > 0 AND (k.valid_to IS NULL OR k.valid_to > now()) AND k.currency <> $2)",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_text(w->currency)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    return r == 0 && dm_pg_bool(rows, 0, 0) ? DM_PROFILE_COMMITTED : r;
}

static bool tax_id_fits(const dm_profile_change *w, dm_str country, dm_str tax_id)
{
    dm_str is = w->tax_id.p != NULL ? w->tax_id : tax_id, in = w->country.p != NULL ? w->country : country;
    return is.n == 0 || (w->tax_id.p == NULL && w->country.p == NULL) || dm_tax_id_ok(in, is);
}

static void say_change(dm_jw *j, const char *name, dm_str was, dm_str is)
{
    if (is.p == NULL || dm_str_eq(was, is))
        return;
    dm_jw_key(j, name);
    dm_jw_obj(j);
    dm_jw_kmaybe(j, "was", was);
    dm_jw_kstr(j, "is", is);
    dm_jw_end(j);
}

/* What is personal is named and not repeated: the audit is kept for ever. */
static int audit(dm_pg *c, const dm_caller *by, const dm_profile_change *w, const dm_pg_rows *was, dm_err *err)
{
    const struct {
        const char *name;
        dm_str is;
    } all[] = {{"name", w->name}, {"legal_name", w->legal_name}, {"address", w->address}, {"country", w->country},
            {"currency", w->currency}, {"billing_cycle", w->billing_cycle}, {"tax_id", w->tax_id},
            {"invoice_email", w->invoice_email}, {"purchase_order", w->purchase_order}};
    char object[64];
    DM_AUTO_BUF detail;
    dm_jw j;
    dm_buf_init(&detail, 4096);
    dm_jw_init(&j, &detail);
    dm_jw_obj(&j);
    dm_jw_key(&j, "changed");
    dm_jw_arr(&j);
    for (size_t i = 0; i < DM_LEN(all); i++)
        if (all[i].is.p != NULL)
            dm_jw_c(&j, all[i].name);
    dm_jw_arr_end(&j);
    dm_str country = dm_pg_is_null(was, 0, 1) ? (dm_str){NULL, 0} : dm_pg_str(was, 0, 1);
    say_change(&j, "country", country, w->country);
    say_change(&j, "currency", dm_pg_str(was, 0, 2), w->currency);
    dm_jw_end(&j);
    (void)snprintf(object, sizeof object, "account:%.40s", by->account_id);
    const dm_audit line = {.owner = {.account = by->owner.account},
            .who = by->who,
            .verb = "account.change",
            .object = object,
            .detail = dm_buf_view(&detail)};
    int r = dm_buf_ok(&detail, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

int dm_profile_alter(dm_pg *c, const dm_caller *by, const dm_profile_change *w, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_text(w->name), dm_pa_text(w->legal_name),
            dm_pa_text(w->address), dm_pa_text(w->country), dm_pa_text(w->currency), dm_pa_text(w->billing_cycle),
            dm_pa_text(w->tax_id), dm_pa_text(w->invoice_email), dm_pa_text(w->purchase_order)};
    DM_AUTO(dm_pg_rows) was = NULL;
    if (of_billing(w) && !dm_may(by->rights, DM_RIGHT_ACCOUNT_OWN))
        return DM_PROFILE_OWNER;
    int r = dm_pg_exec(c, &lock, args, 1, &was, NULL, err);
    if (r < 0)
        return r;
    if (!tax_id_fits(w, dm_pg_str(was, 0, 1), dm_pg_str(was, 0, 3)))
        return DM_PROFILE_TAX_ID;
    if (w->currency.p != NULL)
        r = committed(c, by, w, err);
    if (r == 0 && w->currency.p != NULL && !dm_str_eq(w->currency, dm_pg_str(was, 0, 2)))
        r = can_have_currency(c, by, dm_pg_str(was, 0, 4), w->currency, err);
    if (r == 0)
        r = dm_pg_exec(c, &alter, args, DM_LEN(args), NULL, NULL, err);
    return r == 0 ? audit(c, by, w, was, err) : r;
}
