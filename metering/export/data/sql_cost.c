#include "metering/export/data/sql_cost.h"

/* A range's months; of documents those that are in it. */
#define FROM "to_timestamp($2::bigint)"
#define TO "to_timestamp($3::bigint)"
#define STANDS                                                                                                         \
    "i.account_no = $1::bigint AND (i.kind = 'invoice' AND i.period_end > " FROM " AND i.period_end <= " TO            \
    " OR i.kind = 'credit_note' AND i.issued_at >= " FROM " AND i.issued_at < " TO                                     \
    ") AND NOT EXISTS (SELECT FROM dm.invoice_state v WHERE v.account_no = i.account_no AND v.invoice_no = "           \
    "coalesce(i.refers_to, i.invoice_no) AND v.voided) "

/* Along the primary key, so that the first row is there at once and none is sorted. */
#define LINE                                                                                                           \
    "l.kind, s.number, l.line_no, i.number, dm.s(l.period_start), dm.s(l.period_start) + s.period_s, "                 \
    "dm.s(l.charge_from), dm.s(l.charge_to), dm.s(l.corrects_period), p.id, p.name, l.sandbox_id, l.epoch, "           \
    "l.template_id, k.id, r.name, l.sku, l.tier, l.book_id, NULL, NULL, NULL, l.seconds, l.qty, NULL, l.per_unit, "    \
    "l.amount, s.currency "
#define LINES                                                                                                          \
    "FROM dm.statement_line l JOIN dm.statement s ON s.account_no = l.account_no AND s.period_start = l.period_start " \
    "LEFT JOIN dm.invoice_statement x ON x.account_no = l.account_no AND x.period_start = l.period_start AND x.live "  \
    "LEFT JOIN dm.invoice i ON i.account_no = x.account_no AND i.invoice_no = x.invoice_no "                           \
    "LEFT JOIN dm.project p ON p.account_no = l.account_no AND p.project_no = l.project_no "                           \
    "LEFT JOIN dm.api_key k ON k.account_no = l.account_no AND k.key_no = l.key_no "                                   \
    "LEFT JOIN dm.region r ON r.region_no = l.region_no "                                                              \
    "WHERE l.account_no = $1::bigint AND l.period_start >= " FROM " AND l.period_start < " TO                          \
    " ORDER BY l.account_no, l.period_start, l.line_no"

const dm_data_source dm_cost_lines = {
        .open = {"cost_lines_open", "DECLARE cost_lines NO SCROLL CURSOR FOR SELECT " LINE LINES, DM_PG_NONE},
        .fetch = {"cost_lines_fetch", "FETCH 1000 FROM cost_lines", DM_PG_ROWS},
        .close = {"cost_lines_close", "CLOSE cost_lines", DM_PG_NONE},
};

/* What a document has of its own, line by line and tax by tax. */
#define DOCUMENT(line)                                                                                                 \
    "NULL::bigint AS statement, " line "::bigint AS line, i.number, dm.s(i.period_start), dm.s(i.period_end), "        \
    "dm.s(i.period_start), dm.s(i.period_end), NULL::bigint, "
#define NOBODYS "NULL::bytea, NULL::int, NULL::text, NULL::uuid, NULL::text, "
#define TAX "t.category, (t.rate_ppm / 10000.0)::numeric(7, 4), t.jurisdiction, "
#define LINES_OF                                                                                                       \
    "SELECT CASE i.kind WHEN 'invoice' THEN l.kind ELSE 'credit' END AS kind, " DOCUMENT(                              \
            "l.line_no") "l.project_id, l.project_name, " NOBODYS "l.sku, l.tier::int, l.book_id, " TAX                \
                         "l.seconds, CASE i.kind WHEN 'invoice' THEN l.qty ELSE -l.qty END, NULL::text, l.per_unit, "  \
                         "CASE i.kind WHEN 'invoice' THEN l.amount ELSE -l.net END, i.currency FROM dm.invoice i "     \
                         "JOIN dm.invoice_line l USING (account_no, invoice_no) "                                      \
                         "JOIN dm.invoice_tax t USING (account_no, invoice_no, tax_no) "                               \
                         "WHERE (i.kind = 'credit_note' OR l.kind NOT IN ('usage', 'correction')) AND " STANDS
#define TAXES_OF                                                                                                       \
    "SELECT v.kind, " DOCUMENT(                                                                                        \
            "t.tax_no") "NULL::uuid, NULL::text, " NOBODYS "NULL::text, NULL::int, NULL::bigint, " TAX                 \
                        "NULL::bigint, NULL::numeric, NULL::text, NULL::numeric, v.amount, i.currency FROM "           \
                        "dm.invoice i "                                                                                \
                        "JOIN dm.invoice_tax t USING (account_no, invoice_no) CROSS JOIN LATERAL (VALUES "             \
                        "('discount', -t.discount), "                                                                  \
                        "('rounding', -t.rounding), ('tax', CASE i.kind WHEN 'invoice' THEN t.amount ELSE -t.amount "  \
                        "END)) v (kind, "                                                                              \
                        "amount) WHERE (v.kind = 'tax' OR i.kind = 'invoice' AND v.amount <> 0) AND " STANDS
/* By period, document, and what of it a row is. */
#define IN_ORDER                                                                                                       \
    "ORDER BY d.from_s, d.number COLLATE \"C\", array_position(ARRAY['fee', 'commitment', 'credit', 'discount', "      \
    "'rounding', 'tax'], d.kind), d.line"

const dm_data_source dm_cost_documents = {
        .open = {"cost_documents_open",
                "DECLARE cost_documents NO SCROLL CURSOR FOR SELECT d.* FROM (" LINES_OF "UNION ALL " TAXES_OF
                ") d (kind, statement, line, number, from_s) " IN_ORDER,
                DM_PG_NONE},
        .fetch = {"cost_documents_fetch", "FETCH 1000 FROM cost_documents", DM_PG_ROWS},
        .close = {"cost_documents_close", "CLOSE cost_documents", DM_PG_NONE},
};

const dm_pg_stmt dm_cost_count = {"cost_count",
        "SELECT count(*) FROM dm.statement_line l WHERE l.account_no = $1::bigint AND l.period_start >= " FROM
        " AND l.period_start < " TO,
        DM_PG_ONE};

/* Of a credit note below 0. */
const dm_pg_stmt dm_cost_totals = {"cost_totals",
        "SELECT i.number, CASE i.kind WHEN 'invoice' THEN i.total ELSE -i.total END, i.currency, NOT EXISTS (SELECT "
        "FROM dm.invoice_statement x WHERE x.account_no = i.account_no AND x.invoice_no = i.invoice_no AND i.kind = "
        "'invoice' AND (x.period_start < " FROM " OR x.period_start >= " TO ")) FROM dm.invoice i WHERE " STANDS
        "ORDER BY i.number COLLATE \"C\"",
        DM_PG_ROWS};
