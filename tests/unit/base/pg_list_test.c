#include "base/buf.h"
#include "base/pg.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

static void numbers_as_an_array(void **state)
{
    static const struct {
        int64_t v, other;
    } rows[] = {{7, 1}, {INT64_MIN, 2}, {INT64_MAX, 3}};
    static const char *const texts[] = {
            "{}", "{7}", "{7,-9223372036854775808}", "{7,-9223372036854775808,9223372036854775807}"};
    (void)state;
    for (size_t n = 0; n <= DM_LEN(rows); n++) {
        DM_AUTO_BUF text;
        assert_int_equal(dm_pg_list(&text, &rows->v, n, sizeof rows[0], NULL), 0);
        assert_string_equal(text.p, texts[n]);
    }
}

/* As PostgreSQL reads an array: in quotes all is itself but a quote and a backslash; NULL without them is none. */
static void rows_as_columns(void **state)
{
    static const uint8_t bytes[] = {0, 0x22, 0xff};
    const dm_pg_arg rows[][5] = {
            {dm_pa_i64(-7), dm_pa_c("a \"b\" \\c,{d}\n"), dm_pa_bytes(bytes, sizeof bytes), dm_pa_bool(true),
                    dm_pa_null()},
            {dm_pa_i64(INT64_MAX), dm_pa_c("NULL"), dm_pa_null(), dm_pa_bool(false), dm_pa_c("")},
    };
    static const char *const wanted[] = {"{-7,9223372036854775807}", "{\"a \\\"b\\\" \\\\c,{d}\n\",\"NULL\"}",
            "{\"\\\\x0022ff\",NULL}", "{t,f}", "{NULL,\"\"}"};
    dm_pg_arg out[DM_LEN(wanted)];
    DM_AUTO_BUF text;
    (void)state;
    dm_buf_init(&text, 1 << 10);
    assert_int_equal(dm_pg_columns(&text, rows[0], DM_LEN(rows), DM_LEN(wanted), out, NULL), 0);
    for (size_t k = 0; k < DM_LEN(wanted); k++)
        assert_true(out[k].type == DM_PG_TEXT_ARG && dm_str_eq_c(out[k].s, wanted[k]));
}

static void columns_have_bounds(void **state)
{
    const dm_pg_arg row[] = {dm_pa_c("0123456789")};
    dm_pg_arg out[DM_PG_ARGS_MAX];
    (void)state;
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 10);
    assert_int_equal(dm_pg_columns(&text, row, 0, 1, out, NULL), 0);
    assert_true(dm_str_eq_c(out[0].s, "{}"));
    assert_int_equal(dm_pg_columns(&text, row, 0, DM_PG_ARGS_MAX + 1, out, NULL), DM_E_INVALID);
    for (size_t room = 0; room < sizeof "{\"0123456789\"}" - 1; room++) {
        DM_AUTO_BUF small;
        dm_buf_init(&small, room);
        assert_int_equal(dm_pg_columns(&small, row, 1, 1, out, NULL), DM_E_LIMIT);
    }
}

static void any_allocation_may_fail(void **state)
{
    const dm_pg_arg row[] = {dm_pa_c("text"), dm_pa_bytes("bytes", 5)};
    dm_pg_arg out[DM_LEN(row)];
    (void)state;
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO_BUF text;
        dm_buf_init(&text, 1 << 10);
        int r = dm_pg_columns(&text, row, 1, DM_LEN(row), out, NULL);
        assert_int_equal(r, alloc_fail_hit() ? DM_E_NOMEM : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(numbers_as_an_array),
            cmocka_unit_test(rows_as_columns),
            cmocka_unit_test(columns_have_bounds),
            cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
