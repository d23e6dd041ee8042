/* The bytes are what protoc's own code makes of the same messages. */
#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/guest/rpc/message.h"

enum { BYTES_MAX = 1024 };

static dm_str bytes_of(const char *hex, uint8_t out[BYTES_MAX])
{
    dm_str text = dm_str_c(hex);
    assert_true(text.n / 2 <= BYTES_MAX);
    assert_int_equal(dm_parse_hex(text, out, text.n / 2, NULL), 0);
    return (dm_str){(const char *)out, text.n / 2};
}

static void reads(const dm_mdesc *d, const char *hex, dm_message *m, void *out)
{
    uint8_t raw[BYTES_MAX];
    dm_err err = {0};
    *m = (dm_message){.tree = NULL};
    if (dm_codec_proto.decode(d, bytes_of(hex, raw), m, out, &err) != 0)
        fail_msg("%s: %s", hex, err.msg);
}

static void refused(const dm_mdesc *d, const char *hex)
{
    _Alignas(max_align_t) char out[1024];
    uint8_t raw[BYTES_MAX];
    dm_message m = {.tree = NULL};
    dm_err err = {0};
    assert_true(d->size <= sizeof out);
    int r = dm_codec_proto.decode(d, bytes_of(hex, raw), &m, out, &err);
    dm_message_done(&m);
    if (r != DM_E_INVALID || err.msg[0] == '\0')
        fail_msg("%s: %d %s", hex, r, err.msg);
}

static void writes(const dm_mdesc *d, const void *msg, const char *hex)
{
    char got[2 * BYTES_MAX + 1];
    DM_AUTO_BUF b;
    dm_buf_init(&b, BYTES_MAX);
    assert_int_equal(dm_codec_proto.encode(d, msg, &b, NULL), 0);
    dm_hex(b.p != NULL ? b.p : "", b.len, got);
    assert_string_equal(got, hex);
}

static void reads_a_start(void **state)
{
    (void)state;
    dm_message m;
    dm_m_start s;
    reads(&dm_m_start_desc, "0a220a092f62696e2f6261736812022d6c12022d63120269641a060a014112013122012f2000", &m, &s);
    assert_true(s.has_process && s.process.has_cwd && s.has_stdin && !s.stdin_ && !s.has_pty && !s.has_tag);
    assert_string_equal(s.process.cmd, "/bin/bash");
    assert_int_equal(s.process.args.n, 3);
    assert_string_equal(s.process.args.v[2], "id");
    assert_string_equal(s.process.envs.v[0].key, "A");
    assert_string_equal(s.process.envs.v[0].value, "1");
    assert_string_equal(s.process.cwd, "/");
    assert_string_equal(s.tag, "");
    dm_message_done(&m);
    reads(&dm_m_start_desc, "0a040a02736812060a04085010181a0174", &m, &s);
    assert_true(s.has_pty && s.pty.has_size && s.has_tag);
    assert_int_equal(s.pty.size.cols, 80);
    assert_int_equal(s.pty.size.rows, 24);
    assert_string_equal(s.tag, "t");
    dm_message_done(&m);
    reads(&dm_m_start_desc, "", &m, &s); /* no bytes are a message */
    assert_true(!s.has_process);
    assert_string_equal(s.process.cmd, "");
    dm_message_done(&m);
}

static void reads_the_others(void **state)
{
    (void)state;
    dm_message m;
    dm_m_send_input input;
    reads(&dm_m_send_input_desc, "0a02080512030a0161", &m, &input);
    assert_true(input.process.has_pid && input.input.has_stdin && !input.input.has_pty);
    assert_int_equal(input.process.pid, 5);
    assert_memory_equal(input.input.stdin_.p, "a", 1);
    dm_message_done(&m);
    dm_m_signal signal;
    reads(&dm_m_signal_desc, "0a031201741009", &m, &signal);
    assert_string_equal(signal.process.tag, "t");
    assert_int_equal(signal.signal, 9);
    dm_message_done(&m);
    dm_m_stream_input stream;
    reads(&dm_m_stream_input_desc, "0a040a020805", &m, &stream);
    assert_true(stream.has_start && !stream.has_data && stream.start.process.pid == 5);
    dm_message_done(&m);
    reads(&dm_m_stream_input_desc, "12051203120161", &m, &stream);
    assert_true(stream.has_data && stream.data.input.has_pty);
    assert_int_equal(stream.data.input.pty.n, 1);
    dm_message_done(&m);
    reads(&dm_m_stream_input_desc, "1a00", &m, &stream);
    assert_true(stream.has_keepalive);
    dm_message_done(&m);
    dm_m_watch watch;
    reads(&dm_m_watch_desc, "0a022f6110011801", &m, &watch);
    assert_true(watch.recursive && watch.include_entry && !watch.allow_network_mounts);
    dm_message_done(&m);
}

/* What a newer client knows is skipped, whatever its kind; the last of a number wins. */
static void skips_and_overlays(void **state)
{
    (void)state;
    dm_message m;
    dm_m_list_dir list;
    reads(&dm_m_list_dir_desc,
            "0a012f"
            "3005"
            "3a03616263"
            "41"
            "0000000000000000"
            "4d"
            "00000000"
            "1001"
            "1002",
            &m, &list);
    assert_string_equal(list.path, "/");
    assert_int_equal(list.depth, 2);
    dm_message_done(&m);
    dm_m_update update;
    reads(&dm_m_update_desc,
            "0a020805"
            "12040a020850"
            "12040a021018",
            &m, &update);
    assert_int_equal(update.pty.size.cols, 80);
    assert_int_equal(update.pty.size.rows, 24);
    dm_message_done(&m);
}

static void what_is_no_message(void **state)
{
    (void)state;
    refused(&dm_m_path_desc, "0a05616263"); /* cut short */
    refused(&dm_m_path_desc, "0a01");
    refused(&dm_m_path_desc, "0a");
    refused(&dm_m_path_desc, "80");
    refused(&dm_m_path_desc, "0801");       /* another wire type */
    refused(&dm_m_path_desc, "0a01ff");     /* no UTF-8 */
    refused(&dm_m_path_desc, "0a03610062"); /* a NUL */
    refused(&dm_m_path_desc, "0a016"
                             "1"
                             "0a0162");                 /* twice */
    refused(&dm_m_path_desc, "0001");                   /* number 0 */
    refused(&dm_m_path_desc, "13");                     /* a group */
    refused(&dm_m_path_desc, "1affffffffffffffffff7f"); /* a length without end */
    refused(&dm_m_select_desc, "0a05"
                               "0805"
                               "120174"); /* pid and tag */
    refused(&dm_m_start_desc, "0a03"
                              "0a0561"); /* longer than what it is in */
    refused(&dm_m_start_desc, "0a80808080800a");
}

static void writes_events(void **state)
{
    (void)state;
    dm_m_event e;
    dm_message_blank(&dm_m_event_desc, &e);
    e.has_event = e.event.has_start = true;
    e.event.start.pid = 300;
    writes(&dm_m_event_desc, &e, "0a050a0308ac02");
    dm_message_blank(&dm_m_event_desc, &e);
    e.has_event = e.event.has_data = e.event.data.has_stdout = true;
    e.event.data.stdout_ = DM_STR("hi\n");
    writes(&dm_m_event_desc, &e, "0a0712050a0368690a");
    dm_message_blank(&dm_m_event_desc, &e);
    e.has_event = e.event.has_end = e.event.end.exited = true;
    e.event.end.status = "exit status 0";
    writes(&dm_m_event_desc, &e, "0a131a1110011a0d65786974207374617475732030");
    e.event.end =
            (dm_m_event_end){.exit_code = -1, .status = "signal: killed", .has_error = true, .error = "signal: killed"};
    writes(&dm_m_event_desc, &e, "0a241a2208011a0e7369676e616c3a206b696c6c6564220e7369676e616c3a206b696c6c6564");
    dm_message_blank(&dm_m_event_desc, &e);
    e.has_event = e.event.has_keepalive = true;
    writes(&dm_m_event_desc, &e, "0a022200");
}

static void writes_files(void **state)
{
    (void)state;
    dm_pair pair = {"a", "b"};
    dm_m_entry_reply r;
    dm_message_blank(&dm_m_entry_reply_desc, &r);
    r.has_entry = true;
    r.entry = (dm_m_entry){.name = "f",
            .type = DM_FILE_FILE,
            .path = "/f",
            .size = 5,
            .mode = 420,
            .permissions = "-rw-r--r--",
            .owner = "user",
            .group = "user",
            .has_modified = true,
            .modified = {.tv_sec = 1767225600, .tv_nsec = 5},
            .has_target = true,
            .symlink_target = "/x",
            .metadata = {&pair, 1},
            .is_symlink = true};
    writes(&dm_m_entry_reply_desc, &r,
            "0a3e0a016610011a022f66200528a403320a2d72772d722d2d722d2d3a04757365724204757365724a080880f2d6ca06100552022f"
            "78"
            "5a060a01611201626001");
    dm_m_watch_reply w;
    dm_message_blank(&dm_m_watch_reply_desc, &w);
    w.has_start = true;
    writes(&dm_m_watch_reply_desc, &w, "0a00");
    w.has_start = false;
    w.has_filesystem = true;
    w.filesystem.name = "a";
    w.filesystem.type = DM_EVENT_WRITE;
    writes(&dm_m_watch_reply_desc, &w, "12050a01611002");
    writes(&dm_m_nothing_desc, &(dm_m_nothing){0}, "");
}

/* Many items, and one more than there may be. */
static void bounds_lists(void **state)
{
    (void)state;
    dm_message m = {.tree = NULL};
    dm_m_start s;
    DM_AUTO_BUF args, whole;
    dm_buf_init(&args, DM_MESSAGE_MAX);
    dm_buf_init(&whole, DM_MESSAGE_MAX);
    for (int i = 0; i < DM_MESSAGE_ITEMS_MAX; i++)
        (void)dm_buf_add(&args, "\x12\x01x", 3);
    /* field 1, and its length as three bytes of a varint */
    for (int more = 0; more < 2; more++) {
        size_t n = args.len;
        dm_buf_reset(&whole);
        const uint8_t head[] = {0x0a, (uint8_t)(n | 0x80), (uint8_t)(n >> 7 | 0x80), (uint8_t)(n >> 14)};
        (void)dm_buf_add(&whole, head, sizeof head);
        (void)dm_buf_str(&whole, dm_buf_view(&args));
        dm_err err = {0};
        m = (dm_message){.tree = NULL};
        int r = dm_codec_proto.decode(&dm_m_start_desc, dm_buf_view(&whole), &m, &s, &err);
        if (more == 0) {
            assert_int_equal(r, 0);
            assert_int_equal(s.process.args.n, DM_MESSAGE_ITEMS_MAX);
            assert_string_equal(s.process.args.v[DM_MESSAGE_ITEMS_MAX - 1], "x");
        } else {
            assert_int_equal(r, DM_E_INVALID);
        }
        dm_message_done(&m);
        (void)dm_buf_add(&args, "\x12\x01x", 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_a_start), cmocka_unit_test(reads_the_others),
            cmocka_unit_test(skips_and_overlays), cmocka_unit_test(what_is_no_message), cmocka_unit_test(writes_events),
            cmocka_unit_test(writes_files), cmocka_unit_test(bounds_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
