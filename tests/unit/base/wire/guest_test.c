#include "base/wire/guest.h"

#include "tests/unit/test.h"

static char seed[2 * DM_GUEST_SEED + 1];
static char sandbox[] = "i0123456789abcdefghij", template_id[] = "base", hostname[] = "e2b.local", user[] = "user";
static char none[] = "";

static dm_guest_resume resume_of(json_t *env)
{
    memset(seed, 'a', sizeof(seed) - 1);
    return (dm_guest_resume){
            .generation = 3,
            .wall_us = 1700000000123456,
            .seed = seed,
            .sandbox = sandbox,
            .template_id = template_id,
            .hostname = hostname,
            .token = none,
            .user = user,
            .workdir = none,
            .env = env,
            .fresh = true,
    };
}

static void write_resume(dm_buf *text, json_t *env, uint64_t seq)
{
    dm_guest_resume m = resume_of(env);
    dm_jw w;
    dm_jw_init(&w, text);
    assert_int_equal(dm_guest_resume_write(&w, &m, seq), 0);
}

static void resume_goes_both_ways(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_pack("{s:s, s:s}", "PATH", "/bin", "EMPTY", "");
    DM_AUTO_BUF text;
    dm_err err = {0};
    dm_guest_resume back;
    json_t *j = NULL;
    dm_buf_init(&text, DM_GUEST_LINE_MAX);
    write_resume(&text, env, 7);
    assert_null(memchr(text.p, '\n', text.len)); /* a message is one line */
    assert_int_equal(dm_json_load(dm_buf_view(&text), DM_GUEST_LINE_MAX, &j, &err), 0);
    assert_string_equal(json_string_value(json_object_get(j, "op")), "resume");
    assert_int_equal(json_integer_value(json_object_get(j, "seq")), 7);
    assert_int_equal(dm_guest_resume_read(j, &back, &err), 0);
    json_decref(j); /* what was read is its own */
    assert_int_equal(back.generation, 3);
    assert_true(back.wall_us == 1700000000123456);
    assert_string_equal(back.seed, seed);
    assert_string_equal(back.sandbox, "i0123456789abcdefghij");
    assert_string_equal(back.hostname, "e2b.local");
    assert_string_equal(back.token, "");
    assert_string_equal(back.workdir, "");
    assert_true(back.fresh);
    assert_int_equal(json_object_size(back.env), 2);
    assert_string_equal(json_string_value(json_object_get(back.env, "EMPTY")), "");
    dm_guest_resume_done(&back);
}

static void a_new_line_in_a_value_stays_inside_the_line(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_pack("{s:s}", "TWO", "a\nb\r\n{\"op\":\"poweroff\"}");
    DM_AUTO_BUF text;
    dm_buf_init(&text, DM_GUEST_LINE_MAX);
    write_resume(&text, env, 1);
    assert_null(memchr(text.p, '\n', text.len));
}

/* Each bound holds and the message names the member; nothing is left allocated (the sanitizer build looks). */
static void bounds_hold(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        json_int_t number;
        const char *text;
    } cases[] = {
            {"generation", 0, NULL},
            {"generation", 2147483648, NULL},
            {"wall_us", -1, NULL},
            {"seed", 0, "aa"},
            {"sandbox", 0, ""},
            {"hostname", 0, ""},
            {"user", 0, ""},
            {"fresh", 0, "true"},
            {"env", 0, "A=1"},
            {"token", 3, NULL},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        DM_AUTO(json_t) env = json_object();
        DM_AUTO_BUF text;
        dm_err err = {0};
        dm_guest_resume back;
        DM_AUTO(json_t) j = NULL;
        dm_buf_init(&text, DM_GUEST_LINE_MAX);
        write_resume(&text, env, 1);
        assert_int_equal(dm_json_load(dm_buf_view(&text), DM_GUEST_LINE_MAX, &j, &err), 0);
        json_t *wrong = cases[i].text != NULL ? json_string(cases[i].text) : json_integer(cases[i].number);
        assert_int_equal(json_object_set_new(j, cases[i].member, wrong), 0);
        assert_int_equal(dm_guest_resume_read(j, &back, &err), DM_E_INVALID);
        assert_says(err, cases[i].member);
    }
}

static void a_writer_out_of_room_says_so(void **state)
{
    (void)state;
    DM_AUTO(json_t) env = json_object();
    DM_AUTO_BUF text;
    dm_jw w;
    dm_guest_resume m = resume_of(env);
    dm_buf_init(&text, 64);
    dm_jw_init(&w, &text);
    assert_int_equal(dm_guest_resume_write(&w, &m, 1), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(resume_goes_both_ways),
            cmocka_unit_test(a_new_line_in_a_value_stays_inside_the_line),
            cmocka_unit_test(bounds_hold),
            cmocka_unit_test(a_writer_out_of_room_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
