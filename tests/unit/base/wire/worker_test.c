
#include "base/wire/worker.h"

#include "tests/unit/test.h"

static char sandbox[] = "i0123456789abcdefghij";
static char template_id[] = "abcdefghij0123456789";
static char build[] = "0d4c1d0c-6b0e-4f3a-9f0e-0123456789ab";
static char nothing[] = "", image[] = "base", user[] = "user", hostname[] = "e2b.local";

static json_t *parsed(dm_str text)
{
    json_t *j = NULL;
    dm_err err = {0};
    if (dm_json_load(text, DM_WK_BODY_MAX, &j, &err) < 0)
        fail_msg("%s in %.*s", err.msg, (int)text.n, text.p);
    return j;
}

static dm_wk_admit admit_of(json_t *env)
{
    return (dm_wk_admit){.sandbox = sandbox,
            .epoch = 1,
            .project_no = 7,
            .region_no = 1,
            .spec_table = 1,
            .spec = 6,
            .disk_mib = 1024,
            .template_id = template_id,
            .build_id = build,
            .image = image,
            .timeout_us = 300000000,
            .pause_on_timeout = true,
            .internet = true,
            .token = nothing,
            .user = user,
            .workdir = nothing,
            .hostname = hostname,
            .env = env,
            .previous = nothing};
}

static void admit_goes_both_ways(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_pack("{s:s, s:s}", "A", "1", "EMPTY", "");
    DM_AUTO_BUF text;
    dm_jw w;
    dm_err err = {0};
    dm_wk_admit m = admit_of(env), back = {0};
    dm_buf_init(&text, DM_WK_BODY_MAX);
    dm_jw_init(&w, &text);
    dm_wk_admit_write(&w, &m);
    assert_int_equal(dm_buf_ok(&text, &err), 0);
    DM_AUTO(json_t) j = parsed(dm_buf_view(&text));
    if (dm_wk_admit_read(j, &back, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(back.sandbox, sandbox);
    assert_int_equal(back.epoch, 1);
    assert_int_equal(back.timeout_us, 300000000);
    assert_true(back.pause_on_timeout);
    assert_true(back.internet);
    assert_string_equal(back.token, "");
    assert_string_equal(json_string_value(json_object_get(back.env, "A")), "1");
    dm_wk_admit_done(&back);
}

static void copy_goes_both_ways(void **state)
{
    (void)state;
    DM_AUTO_BUF text;
    dm_jw w;
    dm_wk_copy back = {0};
    const dm_wk_copy m = {.epoch = 3, .name = (char[]){"cp-1"}, .kept = true, .hold_s = 60};
    dm_wk_copied out = {.name = (char[]){"cp-1"}, .at_us = 7, .image_mib = 80, .unique_mib = 3}, read = {0};
    dm_buf_init(&text, 4096);
    dm_jw_init(&w, &text);
    dm_wk_copy_write(&w, &m);
    DM_AUTO(json_t) j = parsed(dm_buf_view(&text));
    assert_int_equal(dm_wk_copy_read(j, &back, NULL), 0);
    assert_string_equal(back.name, "cp-1");
    assert_true(back.kept && back.epoch == 3 && back.hold_s == 60);
    dm_wk_copy_done(&back);
    dm_buf_reset(&text);
    dm_jw_init(&w, &text);
    dm_wk_copied_write(&w, &out);
    DM_AUTO(json_t) k = parsed(dm_buf_view(&text));
    assert_int_equal(dm_wk_copied_read(k, &read, NULL), 0);
    assert_string_equal(read.name, "cp-1");
    assert_true(read.at_us == 7 && read.image_mib == 80 && read.unique_mib == 3);
    dm_wk_copied_done(&read);
}

static void event_goes_both_ways(void **state)
{
    (void)state;
    DM_AUTO_BUF text;
    dm_jw w;
    dm_err err = {0};
    dm_wk_event back = {0}, m = {.seq = INT64_MAX,
                                    .sandbox = sandbox,
                                    .epoch = 2,
                                    .state = (char[]){"ended"},
                                    .cause = (char[]){"vmm_crashed"},
                                    .detail = (char[]){"signal 9 \"x\""},
                                    .at_us = 1};
    dm_buf_init(&text, DM_WK_BODY_MAX);
    dm_jw_init(&w, &text);
    dm_wk_event_write(&w, &m);
    DM_AUTO(json_t) j = parsed(dm_buf_view(&text));
    assert_int_equal(dm_wk_event_read(j, &back, &err), 0);
    assert_true(back.seq == INT64_MAX);
    assert_string_equal(back.detail, m.detail);
    dm_wk_event_done(&back);
}

/* Each member is needed, and each bound holds: the message names the field. */
static void refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } cases[] = {
            {"{\"epoch\":1}", "cause"},
            {"{\"cause\":\"killed\"}", "epoch"},
            {"{\"epoch\":0,\"cause\":\"killed\"}", "epoch"},
            {"{\"epoch\":2147483648,\"cause\":\"killed\"}", "epoch"},
            {"{\"epoch\":1.0,\"cause\":\"killed\"}", "epoch"},
            {"{\"epoch\":\"1\",\"cause\":\"killed\"}", "epoch"},
            {"{\"epoch\":1,\"cause\":\"\"}", "cause"},
            {"{\"epoch\":1,\"cause\":null}", "cause"},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_wk_stop m = {0};
        dm_err err = {0};
        DM_AUTO(json_t) j = parsed(dm_str_c(cases[i].text));
        assert_int_equal(dm_wk_stop_read(j, &m, &err), DM_E_INVALID);
        assert_non_null(strstr(err.msg, cases[i].names));
        assert_null(m.cause);
    }
}

static void unknown_members_are_ignored(void **state)
{
    (void)state;
    dm_wk_beat_answer m = {0};
    dm_err err = {0};
    DM_AUTO(json_t)
    j = parsed(DM_STR("{\"durable_boot\":1,\"durable_frame\":9,\"enrol_again\":false,\"of_next_year\":[1]}"));
    assert_int_equal(dm_wk_beat_answer_read(j, &m, &err), 0);
    assert_int_equal(m.durable_frame, 9);
    dm_wk_beat_answer_done(&m);
}

/* A worker that was told of a period no ledger has stopped when it opened its seconds. */
static void a_period_is_one_of_the_ledgers(void **state)
{
    static const struct {
        int period_s, r;
    } cases[] = {{60, 0}, {3600, 0}, {900, 0}, {90, DM_E_INVALID}, {1, DM_E_INVALID}, {420, DM_E_INVALID},
            {7200, DM_E_INVALID}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO(json_t) j = json_pack("{s:i, s:i, s:i}", "worker_no", 1, "region_no", 1, "period_s", cases[i].period_s);
        dm_wk_enrolled m;
        dm_err err = {0};
        assert_int_equal(dm_wk_enrolled_read(j, &m, &err), cases[i].r);
        assert_true(cases[i].r == 0 ? m.period_s == cases[i].period_s : strstr(err.msg, "period_s") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_period_is_one_of_the_ledgers),
            cmocka_unit_test(admit_goes_both_ways), cmocka_unit_test(event_goes_both_ways),
            cmocka_unit_test(copy_goes_both_ways), cmocka_unit_test(refuses_what_cannot_be),
            cmocka_unit_test(unknown_members_are_ignored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
