#include "metering/ask/tax_rule.h"

/* --- drafts ------------------------------------------------------------------------------------------------- */

static int may(dm_pg *c, const char *buyer, bool *area, bool *room, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_tax_may",
            "SELECT EXISTS (SELECT FROM dm.tax_area WHERE area = $1), (SELECT count(*) FROM dm.tax_rule "
            "WHERE status <> 'withdrawn' AND (valid_to IS NULL OR valid_to > now())) < $2::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_c(buyer), dm_pa_i64(DM_TAX_RULES_MAX)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *area = dm_pg_bool(rows, 0, 0);
    *room = dm_pg_bool(rows, 0, 1);
    return 0;
}

int dm_ask_tax_draft(
        dm_pg *c, const char *who, const char *why, const dm_tax_rule *rule, bool country, int64_t *no, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_tax_add",
            "INSERT INTO dm.tax_rule (seller, buyer, business, category, rate_ppm, reverse_charge, jurisdiction, "
            "reason_code, reason, valid_from, status, drafted_by, drafted_at, drafted_why) VALUES ($1, $2, "
            "$3::boolean, "
            "$4, $5::int, $6::boolean, $7, $8, $9, dm.ts($10::bigint * 1000000), 'draft', $11, now(), $12) RETURNING "
            "rule_no",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_c(rule->seller), dm_pa_c(rule->buyer),
            rule->business < 0 ? dm_pa_null() : dm_pa_bool(rule->business == 1), dm_pa_c(rule->category),
            dm_pa_i64(rule->rate_ppm), dm_pa_bool(rule->reverse_charge), dm_pa_c(rule->jurisdiction),
            dm_pa_c(rule->reason_code), dm_pa_c(rule->reason), dm_pa_i64(rule->from_s), dm_pa_c(who), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    bool area = false, room = false;
    int r = dm_tax_check(rule, err);
    if (r == 0)
        r = may(c, rule->buyer, &area, &room, err);
    if (r == 0 && !country && !area)
        return DM_ASK_TAX_AREA;
    if (r == 0 && !room)
        return DM_ASK_TAX_MANY;
    if (r == 0)
        r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *no = dm_pg_i64(rows, 0, 0);
    return r;
}

/* --- the second person -------------------------------------------------------------------------------------- */

const dm_draft_kind dm_ask_tax = {
        .turn = {"ask_tax_turn", "SELECT pg_advisory_xact_lock(hashtext('dm.tax_rule'))", DM_PG_ONE},
        .find = {"ask_tax_find",
                "SELECT t.status = 'draft', t.drafted_by = $2, "
                "floor(extract(epoch FROM t.valid_from - clock_timestamp()))::bigint, EXISTS (SELECT FROM dm.tax_rule "
                "o "
                "WHERE o.status = 'approved' AND (o.seller, o.buyer, o.valid_from) = (t.seller, t.buyer, t.valid_from) "
                "AND o.business IS NOT DISTINCT FROM t.business) FROM dm.tax_rule t WHERE t.rule_no = $1::bigint "
                "FOR UPDATE OF t",
                DM_PG_MAYBE},
        .approve = {"ask_tax_approve",
                "UPDATE dm.tax_rule SET status = 'approved', approved_by = $2, approved_at = now(), approved_why = $3 "
                "WHERE rule_no = $1::bigint",
                DM_PG_NONE},
        .withdraw = {"ask_tax_withdraw",
                "UPDATE dm.tax_rule SET status = 'withdrawn', withdrawn_by = $2, withdrawn_at = now(), withdrawn_why = "
                "$3 "
                "WHERE rule_no = $1::bigint",
                DM_PG_NONE},
};

/* --- what there is ------------------------------------------------------------------------------------------ */

#define FOUND                                                                                                          \
    "FROM dm.tax_rule t WHERE ($1::text IS NULL OR t.seller = $1 OR t.buyer = $1 OR t.buyer = (SELECT a.area FROM "    \
    "dm.tax_area a WHERE a.country = $1)) AND ($2::text IS NULL OR t.status = $2) AND ($3::bigint = 0 OR "             \
    "t.valid_from <= dm.ts($3::bigint) AND (t.valid_to IS NULL OR t.valid_to > dm.ts($3::bigint))) "                   \
    "AND $4::bigint IN (0, t.rule_no) "

int dm_tax_rows(dm_pg *c, const dm_tax_which *which, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"tax_rules",
            "SELECT t.rule_no, t.rate_ppm, dm.us(t.valid_from), dm.us(t.valid_to), dm.us(t.drafted_at), "
            "dm.us(t.approved_at), dm.us(t.withdrawn_at), t.reverse_charge, t.business IS NULL, "
            "coalesce(t.business, false), t.seller, t.buyer, t.category, t.jurisdiction, t.reason_code, t.reason, "
            "t.status, t.drafted_by, t.drafted_why, t.approved_by, t.approved_why, t.withdrawn_by, "
            "t.withdrawn_why " FOUND "AND t.rule_no < $5::bigint ORDER BY t.rule_no DESC LIMIT $6::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"count_tax_rules", DM_PG_COUNT(FOUND), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(which->country), dm_pa_text(which->status), dm_pa_i64(which->at_us),
            dm_pa_i64(which->no), dm_pa_i64(which->before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 4, total, err);
}

#define COL(type, name)                                                                                                \
    {                                                                                                                  \
        DM_COL_##type, offsetof(dm_tax_row, name)                                                                      \
    }
void dm_tax_row_read(const dm_pg_rows *rows, size_t i, dm_tax_row *out)
{
    static const dm_pg_field columns[] = {COL(I64, no), COL(I64, rate_ppm), COL(I64, from_us), COL(I64, to_us),
            COL(I64, drafted_us), COL(I64, approved_us), COL(I64, withdrawn_us), COL(BOOL, reverse_charge),
            COL(BOOL, either), COL(BOOL, business), COL(STR, seller), COL(STR, buyer), COL(STR, category),
            COL(STR, jurisdiction), COL(MAYBE, reason_code), COL(MAYBE, reason), COL(STR, status),
            COL(MAYBE, drafted_by), COL(MAYBE, drafted_why), COL(MAYBE, approved_by), COL(MAYBE, approved_why),
            COL(MAYBE, withdrawn_by), COL(MAYBE, withdrawn_why)};
    dm_pg_read(rows, i, 0, columns, DM_LEN(columns), out);
}
#undef COL
