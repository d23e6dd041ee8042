/* Covers workers/guest/rpc/message.c. */
#include "tests/unit/test.h"
#include "workers/guest/rpc/message.h"

static int decode(const dm_mdesc *d, const char *text, dm_message *m, void *out)
{
    *m = (dm_message){.tree = NULL};
    return dm_codec_json.decode(d, dm_str_c(text), m, out, NULL);
}

/* Just whether it is taken. */
static bool takes(const dm_mdesc *d, const char *text)
{
    dm_message m = {.tree = NULL};
    _Alignas(max_align_t) char out[1024];
    assert_true(d->size <= sizeof(out));
    int r = dm_codec_json.decode(d, dm_str_c(text), &m, out, NULL);
    dm_message_done(&m);
    if (r != 0)
        assert_int_equal(r, DM_E_INVALID);
    return r == 0;
}

static void reads_a_start(void **state)
{
    (void)state;
    dm_message m;
    dm_m_start s;
    assert_int_equal(
            decode(&dm_m_start_desc,
                    "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-l\",\"-c\",\"id\"],\"envs\":{\"A\":\"1\"},"
                    "\"cwd\":\"/\"},\"stdin\":false,\"pty\":{\"size\":{\"cols\":80,\"rows\":\"24\"}},"
                    "\"unknown\":[1]}",
                    &m, &s),
            0);
    assert_string_equal(s.process.cmd, "/bin/bash");
    assert_int_equal(s.process.args.n, 3);
    assert_string_equal(s.process.args.v[2], "id");
    assert_string_equal(s.process.envs.v[0].key, "A");
    assert_string_equal(s.process.envs.v[0].value, "1");
    assert_true(s.process.has_cwd && s.has_stdin && !s.stdin_ && s.has_pty && s.pty.has_size && !s.has_tag);
    assert_int_equal(s.pty.size.cols, 80);
    assert_int_equal(s.pty.size.rows, 24);
    assert_string_equal(s.tag, "");
    dm_message_done(&m);
    assert_int_equal(decode(&dm_m_start_desc, "{}", &m, &s), 0);
    assert_false(s.has_process);
    assert_string_equal(s.process.cmd, ""); /* never NULL */
    dm_message_done(&m);
}

static void takes_all_spellings(void **state)
{
    (void)state;
    dm_message m;
    dm_m_select sel;
    assert_int_equal(decode(&dm_m_select_desc, "{\"process\":{\"pid\":\"77\"}}", &m, &sel), 0);
    assert_int_equal(sel.process.pid, 77);
    dm_message_done(&m);
    assert_int_equal(decode(&dm_m_select_desc, "{\"process\":{\"pid\":77.0,\"tag\":null}}", &m, &sel), 0);
    assert_true(sel.process.has_pid && !sel.process.has_tag);
    dm_message_done(&m);
    dm_m_watch w;
    assert_int_equal(decode(&dm_m_watch_desc, "{\"include_entry\":true,\"allowNetworkMounts\":true}", &m, &w), 0);
    assert_true(w.include_entry && w.allow_network_mounts);
    dm_message_done(&m);
    dm_m_signal sig;
    assert_int_equal(decode(&dm_m_signal_desc, "{\"signal\":\"SIGNAL_SIGTERM\"}", &m, &sig), 0);
    assert_int_equal(sig.signal, 15);
    dm_message_done(&m);
    assert_int_equal(decode(&dm_m_signal_desc, "{\"signal\":\"SIGNAL_OTHER\"}", &m, &sig), 0);
    assert_int_equal(sig.signal, 0);
    dm_message_done(&m);
    assert_int_equal(decode(&dm_m_signal_desc, "{\"signal\":9}", &m, &sig), 0);
    assert_int_equal(sig.signal, 9);
    dm_message_done(&m);
    dm_m_send_input in;
    assert_int_equal(decode(&dm_m_send_input_desc, "{\"input\":{\"stdin\":\"_-8\"}}", &m, &in), 0);
    assert_true(in.input.has_stdin && in.input.stdin_.n == 2);
    assert_memory_equal(in.input.stdin_.p, "\xff\xef", 2);
    dm_message_done(&m);
    assert_int_equal(decode(&dm_m_send_input_desc, "{\"input\":{\"stdin\":\"\"}}", &m, &in), 0);
    assert_true(in.input.has_stdin && in.input.stdin_.n == 0);
    dm_message_done(&m);
}

static void is_strict(void **state)
{
    (void)state;
    assert_false(takes(&dm_m_path_desc, ""));
    assert_false(takes(&dm_m_path_desc, "null"));
    assert_false(takes(&dm_m_path_desc, "[]"));
    assert_false(takes(&dm_m_path_desc, "{\"path\":\"a\",\"path\":\"b\"}"));
    assert_false(takes(&dm_m_path_desc, "{\"path\":1}"));
    assert_false(takes(&dm_m_path_desc, "{\"path\":\"\xff\"}"));
    assert_false(takes(&dm_m_path_desc, "{\"path\":\"a\\u0000b\"}"));
    assert_false(takes(&dm_m_path_desc, "{\"path\":\"a\"} x"));
    assert_false(takes(&dm_m_select_desc, "{\"process\":{\"pid\":1,\"tag\":\"t\"}}"));
    assert_false(takes(&dm_m_select_desc, "{\"process\":{\"pid\":-1}}"));
    assert_false(takes(&dm_m_select_desc, "{\"process\":{\"pid\":1.5}}"));
    assert_false(takes(&dm_m_select_desc, "{\"process\":{\"pid\":4294967296}}"));
    assert_false(takes(&dm_m_watch_desc, "{\"recursive\":\"true\"}"));
    assert_false(takes(&dm_m_watch_desc, "{\"includeEntry\":true,\"include_entry\":true}"));
    assert_false(takes(&dm_m_start_desc, "{\"process\":{\"args\":[1]}}"));
    assert_false(takes(&dm_m_start_desc, "{\"process\":{\"envs\":{\"A\":1}}}"));
    assert_false(takes(&dm_m_send_input_desc, "{\"input\":{\"stdin\":\"*\"}}"));
    assert_true(takes(&dm_m_path_desc, "{\"path\":null,\"other\":{\"a\":[null]}}"));
}

static void assert_encoded(const dm_mdesc *d, const void *msg, const char *expected)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    assert_int_equal(dm_codec_json.encode(d, msg, &b, NULL), 0);
    assert_string_equal(b.p, expected);
}

static void writes_events(void **state)
{
    (void)state;
    dm_m_event e = {.has_event = true};
    e.event.has_end = true;
    e.event.end = (dm_m_event_end){.exited = true, .status = "exit status 0"};
    assert_encoded(&dm_m_event_desc, &e, "{\"event\":{\"end\":{\"exited\":true,\"status\":\"exit status 0\"}}}");
    e.event.end = (dm_m_event_end){.exit_code = -1, .status = "signal: killed", .has_error = true, .error = "e"};
    assert_encoded(&dm_m_event_desc, &e,
            "{\"event\":{\"end\":{\"exitCode\":-1,\"status\":\"signal: killed\",\"error\":\"e\"}}}");
    e = (dm_m_event){.has_event = true};
    e.event.has_data = e.event.data.has_stdout = true;
    e.event.data.stdout_ = DM_STR("hi\n");
    assert_encoded(&dm_m_event_desc, &e, "{\"event\":{\"data\":{\"stdout\":\"aGkK\"}}}");
    e = (dm_m_event){.has_event = true};
    e.event.has_keepalive = true;
    assert_encoded(&dm_m_event_desc, &e, "{\"event\":{\"keepalive\":{}}}");
    const dm_m_list none = {{NULL, 0}};
    assert_encoded(&dm_m_list_desc, &none, "{}");
}

static void writes_entries(void **state)
{
    (void)state;
    dm_pair meta = {"a", "b"};
    dm_m_entry_reply r = {.has_entry = true,
            .entry = {.name = "f",
                    .type = DM_FILE_FILE,
                    .path = "/f",
                    .size = 5,
                    .mode = 420,
                    .permissions = "-rw-r--r--",
                    .owner = "user",
                    .group = "user",
                    .has_modified = true,
                    .modified = {1767225600, 5},
                    .has_target = true,
                    .symlink_target = "/x",
                    .metadata = {&meta, 1},
                    .is_symlink = true}};
    assert_encoded(&dm_m_entry_reply_desc, &r,
            "{\"entry\":{\"name\":\"f\",\"type\":\"FILE_TYPE_FILE\",\"path\":\"/f\",\"size\":\"5\",\"mode\":420,"
            "\"permissions\":\"-rw-r--r--\",\"owner\":\"user\",\"group\":\"user\","
            "\"modifiedTime\":\"2026-01-01T00:00:00.000000005Z\",\"symlinkTarget\":\"/x\",\"metadata\":{\"a\":\"b\"},"
            "\"isSymlink\":true}}");
    static const struct {
        long ns;
        const char *text;
    } times[] = {
            {0, "2026-01-01T00:00:00Z"}, {5000000, "2026-01-01T00:00:00.005Z"}, {5000, "2026-01-01T00:00:00.000005Z"}};
    for (size_t i = 0; i < DM_LEN(times); i++) {
        char expected[100];
        dm_m_entry_reply only = {
                .has_entry = true, .entry = {.has_modified = true, .modified = {1767225600, times[i].ns}}};
        (void)snprintf(expected, sizeof(expected), "{\"entry\":{\"modifiedTime\":\"%s\"}}", times[i].text);
        assert_encoded(&dm_m_entry_reply_desc, &only, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_a_start), cmocka_unit_test(takes_all_spellings),
            cmocka_unit_test(is_strict), cmocka_unit_test(writes_events), cmocka_unit_test(writes_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
