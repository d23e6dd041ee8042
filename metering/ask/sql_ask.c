#include "metering/ask/sql_ask.h"

#include "metering/rules/book.h"

int dm_sql_ask_book_may(dm_pg *c, const dm_ask_book *b, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_may",
            "SELECT EXISTS (SELECT FROM dm.tier WHERE name = $1) AND EXISTS (SELECT FROM dm.region "
            "WHERE price_group = $2) AND ($3::text IS NULL OR EXISTS (SELECT FROM dm.contract WHERE id::text = $3))",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(b->tier), dm_pa_text(b->price_group), dm_pa_text(b->contract)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_sql_ask_book_add(dm_pg *c, const char *who, const char *why, const dm_ask_book *b, int64_t *id, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_add",
            "INSERT INTO dm.price_book (price_group, rated_by, tier, currency, compute_type, compute_quality, "
            "contract_no, valid_from, status, authors, drafted_by, drafted_at, drafted_why) SELECT $1, $2, $3, $4, $5, "
            "$6, (SELECT contract_no FROM dm.contract WHERE id::text = $7), dm.ts($8::bigint * 1000000), 'draft', "
            "ARRAY[$9], $9, now(), $10 RETURNING book_id",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(b->price_group), dm_pa_text(b->rated_by), dm_pa_text(b->tier),
            dm_pa_text(b->currency), dm_pa_text(b->compute_type.n > 0 ? b->compute_type : dm_str_c(DM_COMPUTE_TYPE)),
            dm_pa_text(b->compute_quality.n > 0 ? b->compute_quality : dm_str_c(DM_COMPUTE_QUALITY)),
            dm_pa_text(b->contract), dm_pa_i64(b->valid_from_s), dm_pa_c(who), dm_pa_c(why)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *id = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_ask_book_find(dm_pg *c, int64_t id, const char *who, dm_ask_found *out, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_find",
            "SELECT status, coalesce($2 = ANY (authors), false), "
            "floor(extract(epoch FROM valid_from - clock_timestamp()))::bigint FROM dm.price_book "
            "WHERE book_id = $1::bigint FOR UPDATE",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(id), dm_pa_c(who)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *out = (dm_ask_found){.there = dm_pg_count(rows) == 1};
    if (!out->there)
        return 0;
    dm_str status = dm_pg_str(rows, 0, 0);
    out->status = dm_str_eq_c(status, "draft")      ? DM_ASK_DRAFT
                  : dm_str_eq_c(status, "approved") ? DM_ASK_APPROVED
                                                    : DM_ASK_WITHDRAWN;
    out->wrote = dm_pg_bool(rows, 0, 1);
    out->in_s = dm_pg_i64(rows, 0, 2);
    return 0;
}

int dm_sql_ask_book_edit(dm_pg *c, int64_t id, const char *who, int64_t valid_from_s, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_edit",
            "UPDATE dm.price_book SET valid_from = dm.ts($3::bigint * 1000000), authors = CASE WHEN $2 = ANY (authors) "
            "THEN authors ELSE authors || $2 END WHERE book_id = $1::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(id), dm_pa_c(who), dm_pa_i64(valid_from_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_ask_prices_drop(dm_pg *c, int64_t id, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_prices_drop", "DELETE FROM dm.price WHERE book_id = $1::bigint", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(id)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_ask_prices_add(dm_pg *c, int64_t id, dm_str prices, dm_err *err)
{
    static const dm_pg_stmt rows = {"ask_prices_add",
            "INSERT INTO dm.price (book_id, sku, per_unit, unit, label, list_per_unit, discount_bp, mode) "
            "SELECT $1::bigint, sku, per_unit, unit, label, list_per_unit, discount_bp, mode FROM "
            "json_to_recordset($2::json) AS p (sku text, per_unit numeric, unit text, label text, "
            "list_per_unit numeric, discount_bp int, mode text)",
            DM_PG_NONE};
    static const dm_pg_stmt tiers = {"ask_tiers_add",
            "INSERT INTO dm.price_tier (book_id, sku, tier_no, from_qty, per_unit, list_per_unit, discount_bp) "
            "SELECT $1::bigint, p.sku, t.n, (t.x->>'from_qty')::numeric, (t.x->>'per_unit')::numeric, "
            "(t.x->>'list_per_unit')::numeric, (t.x->>'discount_bp')::int FROM json_to_recordset($2::json) AS p "
            "(sku text, tiers json), json_array_elements(p.tiers) WITH ORDINALITY t (x, n) WHERE p.tiers IS NOT NULL",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(id), dm_pa_text(prices)};
    int r = dm_pg_exec(c, &rows, args, DM_LEN(args), NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &tiers, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_ask_book_hash(dm_pg *c, int64_t id, dm_digest *out, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_hash",
            "SELECT b.currency, b.price_group, b.rated_by, b.tier, b.compute_type, b.compute_quality, c.id, "
            "dm.us(b.valid_from) / 1000000, p.sku, p.unit, p.per_unit, p.list_per_unit, p.discount_bp, p.mode, "
            "(SELECT string_agg(concat(t.from_qty, ',', t.per_unit, ',', t.list_per_unit, ',', t.discount_bp), ';' "
            "ORDER BY t.tier_no) FROM dm.price_tier t WHERE t.book_id = p.book_id AND t.sku = p.sku) "
            "FROM dm.price_book b JOIN dm.price p USING (book_id) LEFT JOIN dm.contract c USING (contract_no) "
            "WHERE b.book_id = $1::bigint ORDER BY p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_book_made made = {.n = 0};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_book_text t = {dm_pg_str(rows, i, 8), dm_pg_str(rows, i, 9), dm_pg_str(rows, i, 10), dm_pg_str(rows, i, 11),
                dm_pg_str(rows, i, 12), dm_pg_str(rows, i, 13), dm_pg_str(rows, i, 14)};
        r = dm_book_add(&made, &t, err);
    }
    if (r < 0)
        return r;
    if (made.n == 0)
        return dm_fail(err, DM_E_INTERNAL, "a price book without a price");
    dm_book_body body = {.currency = dm_pg_str(rows, 0, 0),
            .group = dm_pg_str(rows, 0, 1),
            .rated_by = dm_pg_str(rows, 0, 2),
            .tier = dm_pg_str(rows, 0, 3),
            .compute_type = dm_pg_str(rows, 0, 4),
            .compute_quality = dm_pg_str(rows, 0, 5),
            .contract = dm_pg_str(rows, 0, 6),
            .valid_from_s = dm_pg_i64(rows, 0, 7),
            .prices = made.prices,
            .terms = made.terms,
            .n = made.n};
    return dm_book_hash(&body, out, err);
}

int dm_sql_ask_book_tried(
        dm_pg *c, int64_t id, const dm_digest *sha256, int64_t *simulation, bool *concerns, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_tried",
            "SELECT t.no, t.no IS NULL AND dm.book_month($1::bigint) IS NOT NULL FROM (SELECT max(simulation_no) AS no "
            "FROM dm.simulation WHERE book_id = $1::bigint AND book_sha256 = $2 AND state = 'done') t",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(id), dm_pa_bytes(sha256->b, sizeof sha256->b)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *simulation = dm_pg_i64(rows, 0, 0);
    *concerns = dm_pg_bool(rows, 0, 1);
    return 0;
}

int dm_sql_ask_book_approve(dm_pg *c, int64_t id, const char *who, const char *why, int64_t simulation, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_approve",
            "UPDATE dm.price_book SET status = 'approved', approved_by = $2, approved_at = now(), approved_why = $3, "
            "simulation_no = $4::bigint WHERE book_id = $1::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {
            dm_pa_i64(id), dm_pa_c(who), dm_pa_c(why), simulation != 0 ? dm_pa_i64(simulation) : dm_pa_null()};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_ask_book_withdraw(dm_pg *c, int64_t id, const char *who, const char *why, dm_err *err)
{
    static const dm_pg_stmt st = {"ask_book_withdraw",
            "UPDATE dm.price_book SET status = 'withdrawn', withdrawn_by = $2, withdrawn_at = now(), withdrawn_why = "
            "$3 "
            "WHERE book_id = $1::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(id), dm_pa_c(who), dm_pa_c(why)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
