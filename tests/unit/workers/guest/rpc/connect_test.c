#include "tests/unit/test.h"
#include "workers/guest/rpc/connect.h"

/* The example of the contract: {"a":1}, and a clean end. */
static const char stream[] = "\0\0\0\0\7{\"a\":1}\2\0\0\0\2{}";

static void cuts_frames(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof(stream); step++) {
        dm_frames f;
        dm_buf seen;
        dm_frames_init(&f, 100);
        dm_buf_init(&seen, 1000);
        dm_str all = {stream, sizeof(stream) - 1};
        while (all.n > 0) {
            dm_str in = {all.p, all.n < step ? all.n : step}, payload;
            size_t given = in.n;
            uint8_t flags;
            int r;
            while ((r = dm_frames_next(&f, &in, &flags, &payload, NULL)) == 0)
                (void)dm_buf_fmt(&seen, "%u:%.*s ", flags, (int)payload.n, payload.p);
            assert_int_equal(r, DM_FRAMES_MORE);
            assert_int_equal(in.n, 0);
            all = (dm_str){all.p + given, all.n - given};
        }
        assert_string_equal(seen.p, "0:{\"a\":1} 2:{} ");
        assert_true(dm_frames_empty(&f));
        dm_buf_done(&seen);
        dm_frames_done(&f);
    }
}

static void bounds_frames(void **state)
{
    (void)state;
    dm_frames f;
    dm_str in = {"\0\xff\xff\xff\xff", 5}, payload;
    uint8_t flags;
    dm_err err;
    dm_frames_init(&f, 1000);
    assert_int_equal(dm_frames_next(&f, &in, &flags, &payload, &err), DM_E_LIMIT);
    dm_frames_done(&f);
    dm_frames_init(&f, 1000);
    in = (dm_str){"\0\0\0\0\0", 5};
    assert_int_equal(dm_frames_next(&f, &in, &flags, &payload, &err), 0);
    assert_int_equal(payload.n, 0);
    in = (dm_str){"\0\0\0", 3};
    assert_int_equal(dm_frames_next(&f, &in, &flags, &payload, &err), DM_FRAMES_MORE);
    assert_false(dm_frames_empty(&f));
    dm_frames_done(&f);
}

static void writes_frames_and_errors(void **state)
{
    (void)state;
    uint8_t head[DM_FRAME_HEAD];
    dm_frame_head(head, 2, 0x01020304);
    assert_memory_equal(head, "\2\1\2\3\4", 5);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    dm_connect_write_error(&b, DM_CC_NOT_FOUND, "no \"x\"");
    assert_string_equal(b.p, "{\"code\":\"not_found\",\"message\":\"no \\\"x\\\"\"}");
    assert_int_equal(dm_connect_status(DM_CC_UNKNOWN), 500);
    assert_int_equal(dm_connect_status(DM_CC_UNAUTHENTICATED), 401);
}

static dm_head head_with(const char *name, const char *value, dm_head_field *field)
{
    *field = (dm_head_field){dm_str_c(name), dm_str_c(value)};
    return (dm_head){.fields = field, .n = 1};
}

static int64_t timeout_of(const char *value)
{
    dm_head_field field;
    dm_head h = head_with("Connect-Timeout-Ms", value, &field);
    int64_t ms;
    return dm_connect_timeout(&h, &ms, NULL) == 0 ? ms : -2;
}

static void reads_headers(void **state)
{
    (void)state;
    dm_head_field field;
    assert_int_equal(timeout_of("60000"), 60000);
    assert_int_equal(timeout_of(""), -1);
    assert_int_equal(timeout_of("0"), 0);
    assert_int_equal(timeout_of("-5"), 0);
    assert_int_equal(timeout_of("9999999999"), 9999999999);
    assert_int_equal(timeout_of("10000000000"), -2);
    assert_int_equal(timeout_of("1s"), -2);
    dm_head h = head_with("Keepalive-Ping-Interval", "50", &field);
    assert_int_equal(dm_connect_keepalive(&h), 50);
    h = head_with("Keepalive-Ping-Interval", "0", &field);
    assert_int_equal(dm_connect_keepalive(&h), 90);
    h = head_with("Keepalive-Ping-Interval", "x", &field);
    assert_int_equal(dm_connect_keepalive(&h), 90);
    h = head_with("Connect-Protocol-Version", "2", &field);
    assert_false(dm_connect_version_ok(&h));
    h = head_with("Other", "2", &field);
    assert_true(dm_connect_version_ok(&h));
    dm_str type;
    bool charset;
    dm_connect_content_type(DM_STR("application/JSON ; Charset=UTF-8"), &type, &charset);
    assert_str(type, "application/JSON");
    assert_true(charset);
    dm_connect_content_type(DM_STR(""), &type, &charset);
    assert_str(type, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cuts_frames), cmocka_unit_test(bounds_frames),
            cmocka_unit_test(writes_frames_and_errors), cmocka_unit_test(reads_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
