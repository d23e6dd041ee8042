/* Each kind of charge as a row, against the ledger: what statements have, and what only documents have. */
/* Covers metering/export/data/cost.c, metering/export/data/sql_cost.c. */
#include <stdio.h>

#include "base/json.h"

#include "metering/rules/money.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* What the rows of a kind come to, those of a document or (NULL) all, and how many they are: "N AMOUNT". */
static const char *of_kind(dm_str rows, const char *kind, const char *invoice, char out[80])
{
    dm_str rest = rows, line;
    dm_money sum = {0}, m;
    char text[DM_MONEY_TEXT];
    size_t n = 0;
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        const char *of = dm_json_c(row, "invoice");
        if (strcmp(dm_json_c(row, "kind"), kind) != 0 || (invoice != NULL && (of == NULL || strcmp(of, invoice) != 0)))
            continue;
        assert_int_equal(dm_money_parse(dm_json_text(row, "amount"), &m, NULL), 0);
        assert_int_equal(dm_money_add(sum, m, &sum, NULL), 0);
        n++;
    }
    dm_money_print(sum, text);
    (void)snprintf(out, 80, "%zu %s", n, text);
    return out;
}

static void each_kind_is_what_the_ledger_says(void **state)
{
    (void)state;
    desk d = {0};
    DM_AUTO_BUF rows;
    char got[80];
    desk_open(&d, &pg, "kinds");
    desk_rich(&d);
    desk_make(&d, 1, "cost", "jsonl", "2026-03-01", "2026-06-01", &rows);
    static const struct {
        const char *kind, *invoice, *sql;
    } kinds[] = {
            {"usage", NULL, "SELECT concat_ws(' ', count(*), sum(amount)) FROM dm.statement_line WHERE kind = 'usage'"},
            {"correction", "INV-2026-000003",
                    "SELECT concat_ws(' ', count(*), sum(amount)) FROM dm.statement_line WHERE kind = 'correction'"},
            {"commitment", "INV-2026-000001",
                    "SELECT concat_ws(' ', count(*), sum(l.amount)) FROM dm.invoice_line l JOIN dm.invoice USING "
                    "(account_no, invoice_no) WHERE l.kind = 'commitment' AND number = 'INV-2026-000001'"},
            {"commitment", "INV-2026-000004",
                    "SELECT concat_ws(' ', count(*), sum(l.amount)) FROM dm.invoice_line l JOIN dm.invoice USING "
                    "(account_no, invoice_no) WHERE l.kind = 'commitment' AND number = 'INV-2026-000004'"},
            {"discount", NULL, "SELECT '1 -0.250100000000000000'"},
            {"credit", "CN-2026-000001",
                    "SELECT concat_ws(' ', count(*), -sum(l.net)) FROM dm.invoice_line l JOIN dm.invoice USING "
                    "(account_no, invoice_no) WHERE number = 'CN-2026-000001'"},
            {"tax", "CN-2026-000001", "SELECT concat_ws(' ', 1, -tax) FROM dm.invoice WHERE number = 'CN-2026-000001'"},
            {"tax", "INV-2026-000003",
                    "SELECT concat_ws(' ', 1, tax) FROM dm.invoice WHERE number = 'INV-2026-000003'"},
            {"rounding", "INV-2026-000003",
                    "SELECT concat_ws(' ', 1, -rounding) FROM dm.invoice WHERE number = 'INV-2026-000003'"},
            {"usage", "INV-2026-000002", "SELECT '0 0.000000000000000000'"}, /* it was voided */
            {"tax", "INV-2026-000002", "SELECT '0 0.000000000000000000'"},
    };
    for (size_t i = 0; i < DM_LEN(kinds); i++) {
        (void)of_kind(dm_buf_view(&rows), kinds[i].kind, kinds[i].invoice, got);
        if (strcmp(got, ask(&d.r, kinds[i].sql)) != 0)
            fail_msg("%s of %s: %s, and the ledger says %s", kinds[i].kind, kinds[i].invoice, got,
                    ask(&d.r, kinds[i].sql));
    }
    assert_string_not_equal(of_kind(dm_buf_view(&rows), "correction", NULL, got), "0 0.000000000000000000");
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_kind_is_what_the_ledger_says),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
