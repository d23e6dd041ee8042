#include "metering/read/sql_books.h"

#define BOOK(simulation, of)                                                                                           \
    "SELECT b.book_id, b.status, b.price_group, b.tier, b.currency, b.rated_by, b.compute_type, b.compute_quality, "   \
    "c.id, dm.us(b.valid_from), dm.us(b.valid_to), array_to_json(b.authors)::text, b.drafted_by, "                     \
    "dm.us(b.drafted_at), b.drafted_why, b.approved_by, dm.us(b.approved_at), b.approved_why, b.withdrawn_by, "        \
    "dm.us(b.withdrawn_at), b.withdrawn_why, p.sku, p.unit, p.per_unit, p.label, p.list_per_unit, p.discount_bp, "     \
    "p.mode, (SELECT string_agg(concat(t.from_qty, ',', t.per_unit, ',', t.list_per_unit, ',', t.discount_bp), ';' "   \
    "ORDER BY t.tier_no) FROM dm.price_tier t WHERE t.book_id = p.book_id AND t.sku = p.sku), " simulation             \
    " FROM dm.price_book b LEFT JOIN dm.price p USING (book_id) LEFT JOIN dm.contract c USING (contract_no) " of
#define NOT_TENANTS BOOK("NULL::bigint, NULL::text", "")
#define TRIED                                                                                                          \
    BOOK("s.simulation_no, encode(s.book_sha256, 'hex')",                                                              \
            "LEFT JOIN LATERAL (SELECT s.simulation_no, s.book_sha256 FROM dm.simulation s WHERE s.book_id = "         \
            "b.book_id "                                                                                               \
            "AND s.state = 'done' AND s.simulation_no = coalesce(b.simulation_no, s.simulation_no) ORDER BY "          \
            "s.simulation_no DESC LIMIT 1) s ON true ")
#define LEFT "WHERE ($1::text IS NULL OR b.status = $1::text)"

int dm_sql_books_list(dm_pg *c, dm_str status, int64_t before, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_books",
            TRIED "WHERE b.book_id IN (SELECT b.book_id FROM dm.price_book b " LEFT " AND b.book_id < $2::bigint "
                  "ORDER BY b.book_id DESC LIMIT $3::bigint) ORDER BY b.book_id DESC, p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_text(status), dm_pa_i64(before), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_books_count(dm_pg *c, dm_str status, dm_pg_total *out, dm_err *err)
{
    static const dm_pg_stmt st = {"count_books", DM_PG_COUNT("FROM dm.price_book b " LEFT), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(status)};
    return dm_pg_count_of(c, &st, args, DM_LEN(args), out, err);
}

int dm_sql_book_find(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "read_book", TRIED "WHERE b.book_id = $1::bigint ORDER BY p.sku COLLATE \"C\"", DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(id)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_book_of(dm_pg *c, dm_account_no account_no, int64_t id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_book_of",
            NOT_TENANTS "WHERE b.book_id = $2::bigint AND b.status = 'approved' AND ($1::bigint = 0 OR "
                        "coalesce(c.account_no, $1::bigint) = $1::bigint AND EXISTS (SELECT FROM dm.account_plan a "
                        "WHERE a.account_no = $1::bigint AND a.tier = b.tier)) ORDER BY p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(id)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_book_at(dm_pg *c, dm_account_no account_no, dm_str tier, dm_str currency, dm_str group, int64_t at_us,
        dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_book_at",
            NOT_TENANTS
            "WHERE b.price_group = $4 AND b.compute_type = 'agent-sandbox' AND b.compute_quality = 'default' "
            "AND b.book_id IN (SELECT h.book_id FROM dm.books_of($1::bigint, $2, $3, date_trunc('second', "
            "dm.ts($5::bigint)), date_trunc('second', dm.ts($5::bigint)) + interval '1 second') h) "
            "ORDER BY p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_text(tier), dm_pa_text(currency), dm_pa_text(group), dm_pa_i64(at_us)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
