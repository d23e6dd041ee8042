#include <stdio.h>
#include <unistd.h>

#include "tenants/who/refresh.h"
#include "tests/unit/test.h"

static const char session[] = "0b6dbf0e-5f0a-4a6e-9a53-0f7c3c1f6f11";

static dm_master *master(const char *name)
{
    dm_master *m = NULL;
    char path[64];
    dm_err err = {0};
    (void)snprintf(path, sizeof path, "/tmp/dm-refresh-%d-%s", getpid(), name);
    if (dm_master_open(path, &m, &err) < 0)
        fail_msg("%s", err.msg);
    (void)unlink(path);
    return m;
}

static void what_is_made_is_read(void **state)
{
    (void)state;
    static const int64_t turns[] = {0, 1, 9, 10, INT32_MAX};
    DM_AUTO(dm_master) m = master("a");
    for (size_t i = 0; i < DM_LEN(turns); i++) {
        char text[DM_REFRESH_TEXT], id[DM_UUID_TEXT];
        int64_t turn;
        assert_int_equal(dm_refresh_make(m, session, turns[i], text, NULL), 0);
        assert_int_equal(dm_refresh_read(m, dm_str_c(text), id, &turn, NULL), 0);
        assert_string_equal(id, session);
        assert_int_equal(turn, turns[i]);
    }
}

/* Another turn, another session, another master, one byte: nothing of it is ours. */
static void what_is_made_up_is_not(void **state)
{
    (void)state;
    DM_AUTO(dm_master) m = master("a");
    DM_AUTO(dm_master) other = master("b");
    char text[DM_REFRESH_TEXT], id[DM_UUID_TEXT];
    int64_t turn;
    assert_int_equal(dm_refresh_make(m, session, 7, text, NULL), 0);
    assert_int_equal(dm_refresh_read(other, dm_str_c(text), id, &turn, NULL), DM_REFRESH_FORGED);
    for (size_t i = 0; text[i] != '\0'; i++) {
        text[i] ^= 1;
        assert_int_equal(dm_refresh_read(m, dm_str_c(text), id, &turn, NULL), DM_REFRESH_FORGED);
        text[i] ^= 1;
        assert_int_equal(dm_refresh_read(m, (dm_str){text, i}, id, &turn, NULL), DM_REFRESH_FORGED);
    }
    char more[DM_REFRESH_TEXT + 8];
    (void)snprintf(more, sizeof more, "%s0", text);
    assert_int_equal(dm_refresh_read(m, dm_str_c(more), id, &turn, NULL), DM_REFRESH_FORGED);
    (void)snprintf(more, sizeof more, "%.37s0%s", text, text + 37); /* one way to write a number */
    assert_int_equal(dm_refresh_read(m, dm_str_c(more), id, &turn, NULL), DM_REFRESH_FORGED);
    static const char *const not [] = {"", ".", "..", "a.1.b"};
    for (size_t i = 0; i < DM_LEN(not ); i++)
        assert_int_equal(dm_refresh_read(m, dm_str_c(not [i]), id, &turn, NULL), DM_REFRESH_FORGED);
    assert_int_equal(dm_refresh_read(m, (dm_str){NULL, 0}, id, &turn, NULL), DM_REFRESH_FORGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_made_is_read), cmocka_unit_test(what_is_made_up_is_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
