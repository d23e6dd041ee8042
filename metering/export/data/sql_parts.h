/* metering/export/data/sql_parts.h: what the statements of several datasets say alike. $1: the account; $2, $3: the
 * range, seconds of UTC. */
#ifndef DM_METERING_EXPORT_DATA_SQL_PARTS_H
#define DM_METERING_EXPORT_DATA_SQL_PARTS_H

#define DM_FROM "to_timestamp($2::bigint)"
#define DM_TO "to_timestamp($3::bigint)"

/* Of documents i those that are in the range, and stand: a voided one, and what was credited to it, counts nowhere. */
#define DM_STANDS                                                                                                      \
    "i.account_no = $1::bigint AND (i.kind = 'invoice' AND i.period_end > " DM_FROM " AND i.period_end <= " DM_TO      \
    " OR i.kind = 'credit_note' AND i.issued_at >= " DM_FROM " AND i.issued_at < " DM_TO                               \
    ") AND NOT EXISTS (SELECT FROM dm.invoice_state v WHERE v.account_no = i.account_no AND v.invoice_no = "           \
    "coalesce(i.refers_to, i.invoice_no) AND v.voided) "

/* Lines l of statements s, with the invoice i that they are on. */
#define DM_LINES                                                                                                       \
    "dm.statement_line l JOIN dm.statement s ON s.account_no = l.account_no AND s.period_start = l.period_start "      \
    "LEFT JOIN dm.invoice_statement x ON x.account_no = l.account_no AND x.period_start = l.period_start AND x.live "  \
    "LEFT JOIN dm.invoice i ON i.account_no = x.account_no AND i.invoice_no = x.invoice_no "                           \
    "LEFT JOIN dm.project p ON p.account_no = l.account_no AND p.project_no = l.project_no "                           \
    "LEFT JOIN dm.region r ON r.region_no = l.region_no "
/* Along the primary key, so that the first row is there at once and none is sorted. */
#define DM_LINES_IN_ORDER                                                                                              \
    "WHERE l.account_no = $1::bigint AND l.period_start >= " DM_FROM " AND l.period_start < " DM_TO                    \
    " ORDER BY l.account_no, l.period_start, l.line_no"

/* What documents have of their own, line by line and tax by tax. */
#define DM_DOCUMENT(line)                                                                                              \
    line "::bigint, i.invoice_no, i.number, i.period_start, i.period_end, i.currency, t.category, "                    \
         "(t.rate_ppm / 10000.0)::numeric(7, 4), t.jurisdiction, "
#define DM_DOCUMENT_LINES                                                                                              \
    "SELECT CASE i.kind WHEN 'invoice' THEN l.kind ELSE 'credit' END, " DM_DOCUMENT(                                   \
            "l.line_no") "l.project_id, l.project_name, l.sku, l.tier::int, l.book_id, l.seconds, CASE i.kind WHEN "   \
                         "'invoice' THEN l.qty "                                                                       \
                         "ELSE -l.qty END, l.per_unit, CASE i.kind WHEN 'invoice' THEN l.amount ELSE -l.net END FROM " \
                         "dm.invoice i "                                                                               \
                         "JOIN dm.invoice_line l USING (account_no, invoice_no) "                                      \
                         "JOIN dm.invoice_tax t USING (account_no, invoice_no, tax_no) "                               \
                         "WHERE (i.kind = 'credit_note' OR l.kind NOT IN ('usage', 'correction')) AND " DM_STANDS
#define DM_DOCUMENT_TAXES                                                                                              \
    "SELECT v.kind, " DM_DOCUMENT(                                                                                     \
            "t.tax_no") "NULL::uuid, NULL::text, NULL::text, NULL::int, NULL::bigint, NULL::bigint, NULL::numeric, "   \
                        "NULL::numeric, "                                                                              \
                        "v.amount FROM dm.invoice i JOIN dm.invoice_tax t USING (account_no, invoice_no) CROSS JOIN "  \
                        "LATERAL (VALUES "                                                                             \
                        "('discount', -t.discount), ('rounding', -t.rounding), "                                       \
                        "('tax', CASE i.kind WHEN 'invoice' THEN t.amount ELSE -t.amount END)) v (kind, amount) "      \
                        "WHERE (v.kind = 'tax' OR i.kind = 'invoice' AND v.amount <> 0) AND " DM_STANDS
#define DM_DOCUMENTS                                                                                                   \
    "(" DM_DOCUMENT_LINES "UNION ALL " DM_DOCUMENT_TAXES ") d (kind, line, invoice_no, number, from_at, to_at, "       \
    "currency, tax_category, tax_rate, tax_jurisdiction, project, project_name, sku, tier, book, seconds, qty, "       \
    "per_unit, amount) "
/* By period, document, and what of it a row is. */
#define DM_DOCUMENTS_IN_ORDER                                                                                          \
    "ORDER BY d.from_at, d.number COLLATE \"C\", array_position(ARRAY['fee', 'commitment', 'credit', 'discount', "     \
    "'rounding', 'tax'], d.kind), d.line"

#endif
