#include "metering/export/data/sql_focus.h"

#include "metering/export/data/sql_parts.h"

/* The month of UTC in which t lies. */
#define MONTH(t) "date_trunc('month', " t ", 'UTC')"
/* Looked up once, not for each row. */
#define WHOSE                                                                                                          \
    "(SELECT a.id FROM dm.account a WHERE a.account_no = $1::bigint), "                                                \
    "(SELECT a.legal_name FROM dm.account a WHERE a.account_no = $1::bigint), "                                        \
    "(SELECT o.name FROM dm.account a JOIN dm.seller o USING (entity_no) WHERE a.account_no = $1::bigint AND o.status" \
    " = 'approved' AND o.valid_from <= now() ORDER BY o.valid_from DESC LIMIT 1) "
/* A price is before its discount where it is the one that the book has discounted: minutes within an allowance, and
 * what is only measured, have none. */
#define LIST                                                                                                           \
    "coalesce(CASE l.per_unit WHEN t.per_unit THEN t.list_per_unit WHEN q.per_unit THEN q.list_per_unit END, "         \
    "l.per_unit)"

/* Of the books that have discounted anything, which are few, if there are any: so that no line asks for its price. */
#define LISTED                                                                                                         \
    "WITH listed AS MATERIALIZED (SELECT book_id FROM dm.price WHERE list_per_unit IS NOT NULL UNION SELECT book_id "  \
    "FROM dm.price_tier WHERE list_per_unit IS NOT NULL), "                                                            \
    "q AS MATERIALIZED (SELECT p.book_id, p.sku, p.per_unit, p.list_per_unit FROM listed JOIN dm.price p USING "       \
    "(book_id)), "                                                                                                     \
    "t AS MATERIALIZED (SELECT p.book_id, p.sku, p.tier_no, p.per_unit, p.list_per_unit FROM listed JOIN "             \
    "dm.price_tier p USING (book_id)) "

const dm_data_source dm_focus_lines = {
        .open = {"focus_lines_open",
                "DECLARE focus_lines NO SCROLL CURSOR FOR " LISTED
                "SELECT l.kind, l.amount, s.currency, i.number, dm.s(l.period_start), dm.s(l.charge_from),"
                " dm.s(l.charge_to), CASE WHEN l.corrects_period IS NOT NULL THEN l.corrects_period < " MONTH(
                        "l.period_start") " END,"
                                          " p.id, p.name, l.sandbox_id, NULLIF(b.metadata, '{}'), r.name, l.sku, "
                                          "l.tier, l.book_id, l.qty,"
                                          " l.per_unit, " LIST ", (" LIST
                                          " * l.qty)::numeric(38, 18), s.number, l.line_no, l.epoch,"
                                          " dm.s(l.corrects_period), NULL, NULL, NULL, " WHOSE " FROM " DM_LINES
                                          " LEFT JOIN dm.sandbox b ON b.sandbox_id = l.sandbox_id AND b.account_no = "
                                          "l.account_no"
                                          " LEFT JOIN q ON q.book_id = l.book_id AND q.sku = l.sku"
                                          " LEFT JOIN t ON t.book_id = l.book_id AND t.sku = l.sku AND t.tier_no = "
                                          "l.tier"
                                          " " DM_LINES_IN_ORDER,
                DM_PG_NONE},
        .fetch = {"focus_lines_fetch", "FETCH 1000 FROM focus_lines", DM_PG_ROWS},
        .close = {"focus_lines_close", "CLOSE focus_lines", DM_PG_NONE},
};

/* An invoice's month is the one that its period ends in, a credit note's the one in which it was issued. */
#define ISSUED "CASE i.kind WHEN 'invoice' THEN i.period_end - interval '1 us' ELSE i.issued_at END"

const dm_data_source dm_focus_documents = {
        .open = {"focus_documents_open",
                "DECLARE focus_documents NO SCROLL CURSOR FOR SELECT d.kind, d.amount, d.currency, "
                "d.number, dm.s(" MONTH(ISSUED) "), dm.s(d.from_at), dm.s(d.to_at),"
                                                " o.period_end - interval '1 us' < " MONTH(
                                                        ISSUED) ", d.project, d.project_name, NULL::bytea, NULL,"
                                                                " NULL, d.sku, NULL, NULL, NULL, NULL, NULL, d.amount, "
                                                                "NULL, d.line, NULL, NULL, d.tax_category,"
                                                                " d.tax_rate, d.tax_jurisdiction, " WHOSE
                                                                " FROM " DM_DOCUMENTS
                                                                " JOIN dm.invoice i ON i.account_no = $1::bigint AND "
                                                                "i.invoice_no = d.invoice_no"
                                                                " LEFT JOIN dm.invoice o ON o.account_no = $1::bigint "
                                                                "AND o.invoice_no = i.refers_to"
                                                                " " DM_DOCUMENTS_IN_ORDER,
                DM_PG_NONE},
        .fetch = {"focus_documents_fetch", "FETCH 1000 FROM focus_documents", DM_PG_ROWS},
        .close = {"focus_documents_close", "CLOSE focus_documents", DM_PG_NONE},
};
