#include "metering/export/data/entity.h"

#include "metering/export/data/cell.h"
#include "metering/export/data/columns.h"
#include "metering/export/data/sql_entity.h"

/* --- ledger accounts ---------------------------------------------------------------------------------------- */

static const dm_ledger_kind kinds[] = {
        {"bad_debt", "expense", "given up"},
        {"breakage", "income", "lapsed"},
        {"cash", "asset", "cash"},
        {"credits", "expense", "credited"},
        {"discounts", "expense", "given"},
        {"receivable", "asset", "receivable"},
        {"revenue:", "income", "recognised"},
        {"rounding", "expense", "rounding"},
        {"tax:", "liability", "tax"},
        {"unbilled", "asset", "unbilled"},
        {"wallet_paid", "liability", "deferred"},
        {"wallet_promo", "liability", "credit"},
};

const dm_ledger_kind *dm_ledger_kind_of(dm_str name)
{
    for (size_t i = 0; i < DM_LEN(kinds); i++) {
        dm_str is = dm_str_c(kinds[i].name);
        bool all = is.p[is.n - 1] == ':';
        if (all ? dm_str_starts(name, is) : dm_str_eq(name, is))
            return &kinds[i];
    }
    return NULL;
}

/* A ledger account that this table does not know would be in no book of who reads it. */
static int kind_of(dm_str name, const dm_ledger_kind **out, dm_err *err)
{
    *out = dm_ledger_kind_of(name);
    return *out != NULL ? 0 : dm_fail(err, DM_E_INTERNAL, "an unknown ledger account %.*s", (int)name.n, name.p);
}

/* --- journal ------------------------------------------------------------------------------------------------ */

static const dm_data_column journal_columns[] = {
        [DM_JOURNAL_DAY] = DM_COLUMN_TIME("day", true),
        [DM_JOURNAL_ACCOUNT] = DM_COLUMN_TEXT("account", true),
        [DM_JOURNAL_KIND] = DM_COLUMN_TEXT("kind", true),
        [DM_JOURNAL_REFERENCE] = DM_COLUMN_TEXT("reference", false),
        [DM_JOURNAL_LEDGER] = DM_COLUMN_TEXT("ledger", true),
        [DM_JOURNAL_CLASS] = DM_COLUMN_TEXT("class", true),
        [DM_JOURNAL_ENTRIES] = DM_COLUMN_INT("entries", true),
        [DM_JOURNAL_FIRST] = DM_COLUMN_INT("first_booking", true),
        [DM_JOURNAL_LAST] = DM_COLUMN_INT("last_booking", true),
        [DM_JOURNAL_DEBIT] = DM_COLUMN_MONEY("debit", false),
        [DM_JOURNAL_CREDIT] = DM_COLUMN_MONEY("credit", false),
        [DM_JOURNAL_AMOUNT] = DM_COLUMN_MONEY("amount", true),
        [DM_JOURNAL_CURRENCY] = DM_COLUMN_TEXT("currency", true),
};

static int journal_row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    const dm_ledger_kind *kind;
    (void)text;
    dm_data_summed(rows, i, DM_JOURNAL_COLUMNS, out);
    int r = kind_of(out->cells[DM_JOURNAL_LEDGER], &kind, err);
    if (r == 0)
        out->cells[DM_JOURNAL_CLASS] = dm_str_c(kind->class_);
    return r;
}

const dm_data_set dm_data_journal = {
        .name = "journal",
        .title = "the general ledger's journal, by day",
        .columns = journal_columns,
        .ncolumns = DM_LEN(journal_columns),
        .sources = {&dm_entity_journal},
        .documents = &dm_entity_days,
        .row = journal_row,
        .entity = true,
        .daily = true,
        .cells_guarded = true,
};

/* --- tax ---------------------------------------------------------------------------------------------------- */

static const dm_data_column tax_columns[] = {
        DM_COLUMN_TIME("month", true),
        DM_COLUMN_TEXT("jurisdiction", true),
        DM_COLUMN_TEXT("category", true),
        DM_COLUMN_DECIMAL("rate", 7, 4, true),
        DM_COLUMN_TEXT("reverse_charge", true), /* yes, no */
        DM_COLUMN_TEXT("document", true),       /* invoice, credit_note, void */
        DM_COLUMN_INT("documents", true),
        DM_COLUMN_MONEY("base", true),
        DM_COLUMN_MONEY("tax", true),
        DM_COLUMN_TEXT("currency", true),
};

static int tax_row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    (void)text;
    (void)err;
    dm_data_summed(rows, i, DM_LEN(tax_columns), out);
    return 0;
}

const dm_data_set dm_data_tax = {
        .name = "tax",
        .title = "tax by jurisdiction and rate",
        .columns = tax_columns,
        .ncolumns = DM_LEN(tax_columns),
        .sources = {&dm_entity_taxes},
        .documents = &dm_entity_taxes_booked,
        .row = tax_row,
        .entity = true,
        .cells_guarded = true,
};

/* --- ageing ------------------------------------------------------------------------------------------------- */

static const dm_data_column ageing_columns[] = {
        DM_COLUMN_TIME("as_of", true),
        DM_COLUMN_TEXT("account", true),
        DM_COLUMN_TEXT("name", true),
        DM_COLUMN_TEXT("invoice", true),
        DM_COLUMN_TIME("issued_at", true),
        DM_COLUMN_TIME("due_on", true),
        DM_COLUMN_INT("days_overdue", true),
        DM_COLUMN_TEXT("overdue", true), /* not due, 1 to 30 days, 31 to 60 days, 61 to 90 days, over 90 days */
        DM_COLUMN_TEXT("status", true),
        DM_COLUMN_MONEY("total", true),
        DM_COLUMN_MONEY("open", true),
        DM_COLUMN_TEXT("currency", true),
};

static int ageing_row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    (void)text;
    (void)err;
    dm_data_summed(rows, i, DM_LEN(ageing_columns), out);
    return 0;
}

const dm_data_set dm_data_ageing = {
        .name = "ageing",
        .title = "what customers owed, and for how long",
        .columns = ageing_columns,
        .ncolumns = DM_LEN(ageing_columns),
        .sources = {&dm_entity_ageing},
        .documents = &dm_entity_receivable,
        .row = ageing_row,
        .entity = true,
        .cells_guarded = true,
};

/* --- revenue ------------------------------------------------------------------------------------------------ */

static const dm_data_column revenue_columns[] = {
        [DM_REVENUE_FROM] = DM_COLUMN_TIME("from", true),
        [DM_REVENUE_TO] = DM_COLUMN_TIME("to", true),
        [DM_REVENUE_ACCOUNT] = DM_COLUMN_TEXT("account", true),
        [DM_REVENUE_NAME] = DM_COLUMN_TEXT("name", true),
        [DM_REVENUE_LEDGER] = DM_COLUMN_TEXT("ledger", true),
        [DM_REVENUE_POSITION] = DM_COLUMN_TEXT("position", true),
        [DM_REVENUE_ITEM] = DM_COLUMN_TEXT("item", true), /* opening, a kind of booking, closing */
        [DM_REVENUE_AMOUNT] = DM_COLUMN_MONEY("amount", true),
        [DM_REVENUE_CURRENCY] = DM_COLUMN_TEXT("currency", true),
};

static int revenue_row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    const dm_ledger_kind *kind;
    (void)text;
    dm_data_summed(rows, i, DM_REVENUE_COLUMNS, out);
    int r = kind_of(out->cells[DM_REVENUE_LEDGER], &kind, err);
    if (r == 0)
        out->cells[DM_REVENUE_POSITION] = dm_str_c(kind->position);
    return r;
}

const dm_data_set dm_data_revenue = {
        .name = "revenue",
        .title = "revenue recognised, deferred and unbilled, from opening to closing",
        .columns = revenue_columns,
        .ncolumns = DM_LEN(revenue_columns),
        .sources = {&dm_entity_revenue},
        .documents = &dm_entity_rolled,
        .row = revenue_row,
        .entity = true,
        .cells_guarded = true,
};
