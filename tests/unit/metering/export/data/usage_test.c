/* Usage by day, against statements. */
/* Covers metering/export/data/usage.c, metering/export/data/sql_usage.c. */
#include <stdio.h>

#include "base/json.h"

#include "metering/rules/money.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;

static void days_are_what_statements_say(void **state)
{
    (void)state;
    desk d = {0};
    DM_AUTO_BUF file;
    char text[300];
    desk_open(&d, &pg, "usage");
    desk_rich(&d);
    desk_make(&d, 1, "usage", "jsonl", "2026-03-01", "2026-06-01", &file);
    dm_str rest = dm_buf_view(&file), line;
    dm_money sum = {0}, m;
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        assert_int_equal(dm_money_parse(dm_json_text(row, "amount"), &m, NULL), 0);
        assert_int_equal(dm_money_add(sum, m, &sum, NULL), 0);
        assert_true(json_is_null(json_object_get(row, "sku")) == json_is_null(json_object_get(row, "unit")));
    }
    char total[DM_MONEY_TEXT];
    dm_money_print(sum, total);
    assert_string_equal(total, ask(&d.r, "SELECT sum(total) FROM dm.statement WHERE account_no = 1"));
    (void)snprintf(text, sizeof text, "%s",
            desk_of(&d,
                    "(SELECT string_agg(x->>'number' || ' ' || (x->>'total'), ', ') FROM "
                    "jsonb_array_elements(manifest::jsonb->"
                    "'documents') x)",
                    "usage jsonl 2026-03-01"));
    assert_string_equal(text,
            ask(&d.r, "SELECT string_agg(concat_ws(' ', day, total), ', ' ORDER BY day) FROM (SELECT (period_start AT "
                      "TIME ZONE 'UTC')::date AS day, sum(total) AS total FROM dm.statement WHERE account_no = 1 GROUP "
                      "BY 1) s"));
    /* A day that says otherwise than its statements. */
    sql(&d.r, "UPDATE dm.usage_day SET amount = amount + 0.000000000000000001 WHERE account_no = 1 AND day = "
              "'2026-04-01'");
    desk_order(&d, 1, "usage", "csv", "2026-03-01", "2026-06-01", "one");
    dm_log *log = d.h.log;
    d.h.log = NULL; /* it is said as an error */
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_string_equal(desk_of(&d, "state", "one"), "failed");
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(days_are_what_statements_say)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
