#include "base/wire/lease.h"

#include "tests/unit/test.h"

static char spend_cap[] = "spend_cap";

static json_t *parsed(const char *text)
{
    json_t *j = NULL;
    dm_err err = {0};
    if (dm_json_load(dm_str_c(text), 1 << 20, &j, &err) < 0)
        fail_msg("%s in %s", err.msg, text);
    return j;
}

static void asks_go_both_ways(void **state)
{
    (void)state;
    static const char text[] = "{\"boot\":3,\"seq\":9,\"asks\":[{\"project_no\":5,\"left_s\":120,\"need_s\":2,"
                               "\"running\":2,\"brought_s\":4}],\"ran\":[{\"project_no\":5,\"period_start\":1772359200,"
                               "\"seconds\":77}]}";
    DM_AUTO(json_t) obj = parsed(text);
    DM_AUTO_BUF out;
    dm_lease_asks m;
    dm_lease_ask a;
    dm_lease_ran r;
    dm_jw w;
    dm_buf_init(&out, 1 << 16);
    assert_int_equal(dm_lease_asks_read(obj, &m, NULL), 0);
    assert_int_equal(dm_lease_ask_read(json_array_get(m.asks, 0), &a, NULL), 0);
    assert_int_equal(dm_lease_ran_read(json_array_get(m.ran, 0), &r, NULL), 0);
    assert_true(m.boot == 3 && m.seq == 9 && a.left_s == 120 && a.need_s == 2 && a.running == 2 && a.brought_s == 4);
    assert_true(r.project_no == 5 && r.period_start == 1772359200 && r.seconds == 77);
    dm_jw_init(&w, &out);
    dm_lease_asks_write(&w, &m);
    assert_int_equal(out.len, sizeof text - 1);
    assert_memory_equal(out.p, text, out.len);
    dm_lease_asks_done(&m);
}

static void a_grant_goes_both_ways(void **state)
{
    (void)state;
    for (int s = 0; s < DM_LEASE_STATES; s++) {
        DM_AUTO(json_t) obj = NULL;
        DM_AUTO_BUF out;
        dm_jw w;
        const dm_lease_grant m = {5, (dm_lease_state)s, 60, s >= DM_LEASE_LAST ? spend_cap : NULL};
        dm_lease_grant back;
        dm_buf_init(&out, 1 << 16);
        dm_jw_init(&w, &out);
        dm_lease_grant_write(&w, &m);
        assert_int_equal(dm_json_load(dm_buf_view(&out), 1 << 16, &obj, NULL), 0);
        assert_int_equal(dm_lease_grant_read(obj, &back, NULL), 0);
        assert_true(back.project_no == 5 && back.state == m.state && back.left_s == 60);
        assert_int_equal(back.cause != NULL, m.cause != NULL);
        dm_lease_grant_done(&back);
    }
}

/* Nobody is put to sleep for no cause, or for one with which nothing sleeps; and one bad element is a bad telling. */
static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *lease, *says;
    } all[] = {
            {"{\"project_no\":5,\"state\":\"refused\",\"left_s\":0}", "for no cause"},
            {"{\"project_no\":5,\"state\":\"refused\",\"left_s\":0,\"cause\":\"killed\"}", "nothing sleeps"},
            {"{\"project_no\":5,\"state\":\"refused\",\"left_s\":0,\"cause\":\"x\"}", "x"},
            {"{\"project_no\":5,\"state\":\"lent\",\"left_s\":0}", "no lease"},
            {"{\"project_no\":0,\"state\":\"free\",\"left_s\":0}", "project_no"},
            {"{\"project_no\":5,\"state\":\"free\",\"left_s\":-1}", "left_s"},
    };
    for (size_t i = 0; i < DM_LEN(all); i++) {
        char text[256];
        dm_err err = {0};
        dm_lease_grants m;
        (void)snprintf(text, sizeof text, "{\"cap_s\":900,\"leases\":[%s]}", all[i].lease);
        DM_AUTO(json_t) obj = parsed(text);
        assert_int_equal(dm_lease_grants_read(obj, &m, &err), DM_E_INVALID);
        assert_says(err, all[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(asks_go_both_ways),
            cmocka_unit_test(a_grant_goes_both_ways),
            cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
