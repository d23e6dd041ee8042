#include "metering/export/data/sql_cost.h"

#include "metering/export/data/sql_parts.h"

const dm_data_source dm_cost_lines = {
        .open = {"cost_lines_open",
                "DECLARE cost_lines NO SCROLL CURSOR FOR SELECT l.kind, s.number, l.line_no, i.number, "
                "dm.s(l.period_start), dm.s(l.period_start) + s.period_s, dm.s(l.charge_from), dm.s(l.charge_to), "
                "dm.s(l.corrects_period), p.id, p.name, l.sandbox_id, l.epoch, l.template_id, k.id, r.name, l.sku, "
                "l.tier, l.book_id, NULL, NULL, NULL, l.seconds, l.qty, NULL, l.per_unit, l.amount, s.currency "
                "FROM " DM_LINES
                "LEFT JOIN dm.api_key k ON k.account_no = l.account_no AND k.key_no = l.key_no " DM_LINES_IN_ORDER,
                DM_PG_NONE},
        .fetch = {"cost_lines_fetch", "FETCH 1000 FROM cost_lines", DM_PG_ROWS},
        .close = {"cost_lines_close", "CLOSE cost_lines", DM_PG_NONE},
};

const dm_data_source dm_cost_documents = {
        .open = {"cost_documents_open",
                "DECLARE cost_documents NO SCROLL CURSOR FOR SELECT d.kind, NULL, d.line, d.number, dm.s(d.from_at), "
                "dm.s(d.to_at), dm.s(d.from_at), dm.s(d.to_at), NULL, d.project, d.project_name, NULL::bytea, NULL, "
                "NULL, NULL, NULL, d.sku, d.tier, d.book, d.tax_category, d.tax_rate, d.tax_jurisdiction, d.seconds, "
                "d.qty, NULL, d.per_unit, d.amount, d.currency FROM " DM_DOCUMENTS DM_DOCUMENTS_IN_ORDER,
                DM_PG_NONE},
        .fetch = {"cost_documents_fetch", "FETCH 1000 FROM cost_documents", DM_PG_ROWS},
        .close = {"cost_documents_close", "CLOSE cost_documents", DM_PG_NONE},
};

const dm_pg_stmt dm_cost_count = {"cost_count",
        "SELECT count(*) FROM dm.statement_line l WHERE l.account_no = $1::bigint AND l.period_start >= " DM_FROM
        " AND l.period_start < " DM_TO,
        DM_PG_ONE};

/* Of a credit note below 0. */
const dm_pg_stmt dm_cost_totals = {"cost_totals",
        "SELECT i.number, CASE i.kind WHEN 'invoice' THEN i.total ELSE -i.total END, i.currency, NOT EXISTS (SELECT "
        "FROM dm.invoice_statement x WHERE x.account_no = i.account_no AND x.invoice_no = i.invoice_no AND i.kind = "
        "'invoice' AND (x.period_start < " DM_FROM " OR x.period_start >= " DM_TO
        ")) FROM dm.invoice i WHERE " DM_STANDS "ORDER BY i.number COLLATE \"C\"",
        DM_PG_ROWS};
