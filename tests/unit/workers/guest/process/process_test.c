/* process.Process over the wire. cwd is always given: a native run by somebody else may not enter root's home. */
/* Covers workers/guest/process/ended.c, workers/guest/process/input.c, workers/guest/process/pty.c,
 * workers/guest/process/rpc.c, workers/guest/process/spawn.c, workers/guest/rpc/rpc.c. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/file.h"

#include "tests/support/wire.h"
#include "tests/unit/alloc_fail.h"
#include "workers/guest/process/process.h"

#define START "process.Process/Start"
#define SH(text) "{\"process\":{\"cmd\":\"/bin/sh\",\"args\":[\"-c\",\"" text "\"],\"cwd\":\"/\"},\"stdin\":false}"
#define SH_IN(text) "{\"process\":{\"cmd\":\"/bin/sh\",\"args\":[\"-c\",\"" text "\"],\"cwd\":\"/\"}}"

static int64_t pid_in(const wire *w)
{
    const char *p = memmem(w->in.p, w->in.len, "\"pid\":", 6);
    assert_non_null(p);
    return strtol(p + 6, NULL, 10);
}

/* "{"process":{"pid":N}" and the rest. */
static const char *about(int64_t pid, const char *rest, char out[256])
{
    (void)snprintf(out, 256, "{\"process\":{\"pid\":%lld}%s}", (long long)pid, rest);
    return out;
}

static void runs(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    const char *f = wire_run(w, START, "", SH("echo hi; echo no >&2; exit 3"), &b);
    assert_has(f, "0:{\"event\":{\"start\":{\"pid\":");
    assert_has(f, "{\"stdout\":\"aGkK\"}");
    assert_has(f, "{\"stderr\":\"bm8K\"}");
    assert_has(f,
            "{\"end\":{\"exitCode\":3,\"exited\":true,\"status\":\"exit status 3\",\"error\":\"exit status 3\"}}}2:{}");
    f = wire_run(w, START, "", SH("read x"), &b); /* no stdin: the end of it at once */
    assert_has(f, "\"exitCode\":1");
    f = wire_run(w, START, "", SH("kill -SEGV $$"), &b);
    assert_has(f, "{\"end\":{\"exitCode\":-1,\"status\":\"signal: segmentation fault\",\"error\":\"signal: "
                  "segmentation fault\"}}");
    f = wire_run(w, START, "", SH("kill -USR1 $$"), &b);
    assert_has(f, "\"signal: user defined signal 1\"");
    f = wire_run(w, START, "",
            "{\"process\":{\"cmd\":\"sh\",\"args\":[\"-c\",\"echo $A-$PWD-$E2B_SANDBOX-$NOT\"],\"cwd\":\"/tmp\","
            "\"envs\":{\"A\":\"x\"}}}",
            &b);
    assert_has(f, "{\"stdout\":\"eC0vdG1wLXRydWUtCg==\"}"); /* x-/tmp-true- */
    assert_int_equal(wire_unary(w, "process.Process/List", "{}"), 200);
    assert_string_equal(wire_body(w), "{}");
    assert_true(wire_has(w, "Content-Type: application/json\r\n"));
}

static void says_what_cannot_run(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    const char *f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"no-such-thing\",\"cwd\":\"/\"}}", &b);
    assert_has(f, "\"start\"");
    assert_has(f, "\"stderr\"");
    assert_has(f, "\"exitCode\":127");
    f = wire_run(w, START, "", "{\"process\":{\"cwd\":\"/\"}}", &b);
    assert_has(f, "\"exitCode\":127");
    f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"/etc\",\"cwd\":\"/\"}}", &b);
    assert_has(f, "\"exitCode\":126");
    f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"true\",\"cwd\":\"/nope\"}}", &b);
    assert_has(f, "2:{\"error\":{\"code\":\"invalid_argument\"");
    assert_lacks(f, "start");
    f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"true\",\"cwd\":\"/etc/passwd\"}}", &b);
    assert_has(f, "\"invalid_argument\"");
    f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"true\",\"cwd\":\"~other\"}}", &b);
    assert_has(f, "\"invalid_argument\"");
    f = wire_run(w, START, "", "{\"process\":{\"cmd\":\"a\\u0000b\",\"cwd\":\"/\"}}", &b);
    assert_has(f, "\"invalid_argument\"");
    f = wire_run(w, START, "Authorization: Basic bm9ib2R5IG9mIHRoYXQ6\r\n", SH("true"), &b);
    assert_string_equal(
            f, "2:{\"error\":{\"code\":\"unauthenticated\",\"message\":\"invalid username: 'nobody of that'\"}}");
    f = wire_run(w, START, "Connect-Timeout-Ms: 0\r\n", SH("true"), &b);
    assert_has(f, "2:{\"error\":{\"code\":\"deadline_exceeded\"");
    f = wire_run(w, START, "Connect-Timeout-Ms: soon\r\n", SH("true"), &b);
    assert_has(f, "\"invalid_argument\"");
    /* A script that names no interpreter is the shell's. */
    char path[64], json[256];
    (void)snprintf(path, sizeof(path), "%s/script", w->dir);
    assert_int_equal(dm_file_write(path, DM_STR("echo $1\n"), 0755, NULL), 0);
    (void)snprintf(json, sizeof(json), "{\"process\":{\"cmd\":\"%s\",\"args\":[\"hi\"],\"cwd\":\"/\"}}", path);
    assert_has(wire_run(w, START, "", json, &b), "{\"stdout\":\"aGkK\"}");
}

/* A child that holds the pipe delays the end. */
static void waits_for_pipes(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    int64_t begun = dm_mono_us(&dm_clock_real);
    const char *f = wire_run(w, START, "", SH("(sleep 0.3; echo late) & exit 0"), &b);
    assert_true(dm_mono_us(&dm_clock_real) - begun >= 290000);
    assert_has(f, "bGF0ZQo=");
}

/* But not after our own signal or time limit. */
static void kills(void **state)
{
    wire *w = *state;
    char json[256];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    int64_t begun = dm_mono_us(&dm_clock_real);
    DM_AUTO_FD fd = wire_stream(w, START, "", SH("sleep 5 & echo up; wait"));
    assert_int_equal(wire_read(w, fd, "dXAK"), 0);
    int64_t pid = pid_in(w);
    assert_int_equal(
            wire_unary(w, "process.Process/SendSignal", about(pid, ",\"signal\":\"SIGNAL_SIGKILL\"", json)), 200);
    assert_int_equal(wire_read(w, fd, "0\r\n\r\n"), 0);
    assert_true(wire_has(w, "{\"end\":{\"exitCode\":-1,\"status\":\"signal: killed\",\"error\":\"signal: killed\"}}"));
    assert_int_not_equal(kill((pid_t)pid, 0), 0); /* reaped */
    assert_true(dm_mono_us(&dm_clock_real) - begun < 4000000);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", about(pid, ",\"signal\":15", json)), 404);
    assert_has(wire_body(w), "{\"code\":\"not_found\"");
    /* The limit: no end event, only the trailer. */
    begun = dm_mono_us(&dm_clock_real);
    const char *f = wire_run(w, START, "Connect-Timeout-Ms: 100\r\n", SH("sleep 5 & sleep 5"), &b);
    assert_has(f, "2:{\"error\":{\"code\":\"deadline_exceeded\"");
    assert_lacks(f, "\"end\"");
    assert_true(dm_mono_us(&dm_clock_real) - begun < 4000000);
    wire_turn_for(w, 50000);
    assert_int_equal(dm_procs_count(w->g->procs), 0);
    /* A survivor of SIGTERM goes on, its output with it. */
    DM_AUTO_FD tough = wire_stream(w, START, "", SH("trap 'echo no' TERM; echo up; sleep 0.3; sleep 0.2; echo end"));
    assert_int_equal(wire_read(w, tough, "dXAK"), 0);
    pid = pid_in(w);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", about(pid, ",\"signal\":15", json)), 200);
    assert_int_equal(wire_read(w, tough, "0\r\n\r\n"), 0);
    assert_true(wire_has(w, "bm8K"));
    assert_true(wire_has(w, "ZW5kCg=="));
    /* Signals but for the two are not sent. */
    DM_AUTO_FD other = wire_stream(w, START, "", SH("sleep 5"));
    assert_int_equal(wire_read(w, other, "pid"), 0);
    pid = pid_in(w);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", about(pid, ",\"signal\":2", json)), 501);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", about(pid, ",\"signal\":9", json)), 200);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", "{\"signal\":9}"), 501);
}

static void takes_input(void **state)
{
    wire *w = *state;
    char json[256];
    DM_AUTO_FD fd = wire_stream(w, START, "", SH_IN("cat; echo end"));
    assert_int_equal(wire_read(w, fd, "pid"), 0);
    int64_t pid = pid_in(w);
    assert_int_equal(
            wire_unary(w, "process.Process/SendInput", about(pid, ",\"input\":{\"stdin\":\"aGkK\"}", json)), 200);
    assert_string_equal(wire_body(w), "{}");
    assert_int_equal(wire_read(w, fd, "aGkK"), 0);
    assert_int_equal(
            wire_unary(w, "process.Process/SendInput", about(pid, ",\"input\":{\"pty\":\"aGkK\"}", json)), 500);
    assert_has(wire_body(w), "\"internal\"");
    assert_int_equal(wire_unary(w, "process.Process/SendInput", about(pid, "", json)), 501);
    assert_int_equal(
            wire_unary(w, "process.Process/Update", about(pid, ",\"pty\":{\"size\":{\"cols\":1}}", json)), 500);
    assert_int_equal(wire_unary(w, "process.Process/Update", about(pid, "", json)), 200);
    assert_int_equal(wire_unary(w, "process.Process/CloseStdin", about(pid, "", json)), 200);
    assert_int_equal(wire_read(w, fd, "0\r\n\r\n"), 0);
    assert_true(wire_has(w, "ZW5kCg=="));
    assert_int_equal(wire_unary(w, "process.Process/CloseStdin", about(pid, "", json)), 404);
}

static void has_terminals(void **state)
{
    wire *w = *state;
    char json[256];
    DM_AUTO_FD fd = wire_stream(w, START, "",
            "{\"process\":{\"cmd\":\"/bin/sh\",\"args\":[\"-c\",\"stty size; read x; stty size; sleep 3 & "
            "tty\"],\"cwd\":\"/\"},"
            "\"pty\":{\"size\":{\"cols\":80,\"rows\":24}}}");
    assert_int_equal(wire_read(w, fd, "\"pty\":\"MjQgODANCg==\""), 0); /* 24 80 */
    int64_t pid = pid_in(w);
    assert_int_equal(
            wire_unary(w, "process.Process/Update", about(pid, ",\"pty\":{\"size\":{\"cols\":100,\"rows\":30}}", json)),
            200);
    assert_int_equal(wire_unary(w, "process.Process/CloseStdin", about(pid, "", json)), 500);
    assert_has(wire_body(w), "{\"code\":\"unknown\"");
    assert_int_equal(
            wire_unary(w, "process.Process/SendInput", about(pid, ",\"input\":{\"stdin\":\"Cg==\"}", json)), 500);
    int64_t begun = dm_mono_us(&dm_clock_real);
    assert_int_equal(
            wire_unary(w, "process.Process/SendInput", about(pid, ",\"input\":{\"pty\":\"Cg==\"}", json)), 200);
    assert_int_equal(wire_read(w, fd, "0\r\n\r\n"), 0);
    assert_true(wire_has(w, "\"end\":{\"exited\":true"));
    assert_true(dm_mono_us(&dm_clock_real) - begun < 2500000); /* it does not wait for the child */
}

static void serves_late_comers(void **state)
{
    wire *w = *state;
    char json[256];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    DM_AUTO_FD fd = wire_stream(w, START, "",
            "{\"process\":{\"cmd\":\"/bin/sh\",\"args\":[\"-c\",\"echo early; read x; echo "
            "late\"],\"cwd\":\"/\"},\"tag\":\"t1\"}");
    DM_AUTO_FD sleeper = wire_stream(
            w, START, "", "{\"process\":{\"cmd\":\"sleep\",\"args\":[\"9\"],\"cwd\":\"/\"},\"tag\":\"t2\"}");
    assert_int_equal(wire_read(w, fd, "ZWFybHkK"), 0);
    int64_t pid = pid_in(w);
    (void)close(dm_steal_fd(&fd)); /* its leaving ends nothing */
    wire_turn_for(w, 5000);
    assert_int_equal(dm_procs_count(w->g->procs), 2);
    assert_int_equal(wire_unary(w, "process.Process/List", "{}"), 200);
    assert_has(wire_body(w), "\"cmd\":\"sleep\",\"args\":[\"9\"],\"cwd\":\"/\"");
    assert_has(wire_body(w), "\"tag\":\"t1\"");
    assert_lacks(wire_body(w), "envs");
    DM_AUTO_FD late = wire_stream(w, "process.Process/Connect", "", "{\"process\":{\"tag\":\"t1\"}}");
    assert_int_equal(wire_read(w, late, "\"start\""), 0);
    assert_int_equal(
            wire_unary(w, "process.Process/SendInput", about(pid, ",\"input\":{\"stdin\":\"Cg==\"}", json)), 200);
    assert_int_equal(wire_read(w, late, "0\r\n\r\n"), 0);
    assert_true(wire_has(w, "bGF0ZQo="));
    assert_false(wire_has(w, "ZWFybHkK"));
    const char *f = wire_run(w, "process.Process/Connect", "", about(pid, "", json), &b);
    assert_has(f, "\"start\"");
    assert_has(f, "\"exit status 0\"");
    assert_lacks(f, "data");
    dm_procs_forget_ended(w->g->procs);
    f = wire_run(w, "process.Process/Connect", "", about(pid, "", json), &b);
    assert_has(f, "2:{\"error\":{\"code\":\"not_found\"");
    f = wire_run(w, "process.Process/Connect", "", "{}", &b);
    assert_has(f, "\"unimplemented\"");
    /* On Connect the timeout ends the stream and nothing else. */
    f = wire_run(w, "process.Process/Connect", "Connect-Timeout-Ms: 50\r\n", "{\"process\":{\"tag\":\"t2\"}}", &b);
    assert_has(f, "\"deadline_exceeded\"");
    assert_int_equal(dm_procs_count(w->g->procs), 1);
    assert_int_equal(wire_unary(w, "process.Process/SendSignal", "{\"process\":{\"tag\":\"t2\"},\"signal\":9}"), 200);
}

static void keeps_alive(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    const char *f = wire_run(w, START, "Keepalive-Ping-Interval: 1\r\n", SH("sleep 1.5"), &b);
    assert_has(f, "0:{\"event\":{\"keepalive\":{}}}0:{\"event\":{\"end\"");
}

/* A listener that reads nothing stops the writer; when it leaves, the writer goes on. */
static void pushes_back(void **state)
{
    wire *w = *state;
    DM_AUTO_FD fd = wire_stream(w, START, "", SH("head -c 33554432 /dev/zero"));
    wire_turn_for(w, 500000);
    assert_int_equal(dm_procs_count(w->g->procs), 1);
    (void)close(dm_steal_fd(&fd));
    int64_t until =
            dm_mono_us(&dm_clock_real) + 20000000; /* not so many turns: a machine that is busy makes small pieces */
    while (dm_procs_count(w->g->procs) > 0 && dm_mono_us(&dm_clock_real) < until)
        wire_turn(w, 1000);
    assert_int_equal(dm_procs_count(w->g->procs), 0);
    /* And one that reads gets all of it. */
    DM_AUTO_FD reader = wire_stream(w, START, "Connection: close\r\n", SH("head -c 3000000 /dev/zero"));
    assert_int_equal(wire_read(w, reader, NULL), WIRE_CLOSED);
    assert_memory_equal(w->in.p + w->in.len - 9, "{}\r\n0\r\n\r\n", 9);
    assert_true(w->in.len > 4000000);
}

/* A large input waits in the agent, not in the way of others. */
static void waits_for_readers(void **state)
{
    wire *w = *state;
    char json[256];
    DM_AUTO_BUF b, in;
    dm_buf_init(&b, 1 << 23);
    dm_buf_init(&in, 1 << 23);
    DM_AUTO_FD fd = wire_stream(w, START, "", SH_IN("sleep 0.3; wc -c"));
    assert_int_equal(wire_read(w, fd, "pid"), 0);
    int64_t pid = pid_in(w);
    (void)dm_buf_fmt(&b, "{\"process\":{\"pid\":%lld},\"input\":{\"stdin\":\"", (long long)pid);
    for (unsigned i = 0; i < 1000000; i++)
        (void)dm_buf_c(&b, "AAAA");
    (void)dm_buf_c(&b, "\"}}");
    (void)dm_buf_fmt(&in,
            "POST /process.Process/SendInput HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
            "%zu\r\n\r\n",
            b.len);
    (void)dm_buf_str(&in, dm_buf_view(&b));
    DM_AUTO_FD sender = wire_open(w);
    wire_send(w, sender, in.p, in.len);
    wire_turn_for(w, 20000);
    assert_int_equal(wire_ask(w, "GET /health", "", NULL, 0), 204);
    assert_int_equal(wire_unary(w, "process.Process/CloseStdin", about(pid, "", json)), 200); /* behind what waits */
    assert_int_equal(wire_read(w, sender, "\r\n\r\n{}"), 0);
    assert_int_equal(wire_status(w), 200);
    assert_int_equal(wire_read(w, fd, "MzAwMDAwMAo="), 0); /* 3000000 */
}

/* A client stream: pieces arrive while the request is open; the answer comes at its end, an error at once. */
static void streams_input(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF b;
    char json[256];
    dm_buf_init(&b, 1 << 20);
    DM_AUTO_FD fd = wire_stream(w, START, "", SH_IN("cat"));
    assert_int_equal(wire_read(w, fd, "pid"), 0);
    int64_t pid = pid_in(w);
    static const char head[] = "POST /process.Process/StreamInput HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                               "Content-Type: application/connect+json\r\nConnection: close\r\n\r\n";
    DM_AUTO_FD in = wire_open(w);
    wire_send(w, in, head, sizeof(head) - 1);
    (void)snprintf(json, sizeof(json), "{\"start\":{\"process\":{\"pid\":%lld}}}", (long long)pid);
    wire_frame(&b, json);
    wire_frame(&b, "{\"data\":{\"input\":{\"stdin\":\"b25l\"}}}");
    wire_frame(&b, "{\"keepalive\":{}}");
    for (size_t i = 0; i < b.len; i++) { /* a chunk a byte */
        wire_send(w, in, "1\r\n", 3);
        wire_send(w, in, b.p + i, 1);
        wire_send(w, in, "\r\n", 2);
    }
    assert_int_equal(wire_read(w, fd, "b25l"), 0);
    wire_send(w, in, "0\r\n\r\n", 5);
    assert_int_equal(wire_read(w, in, NULL), WIRE_CLOSED);
    assert_string_equal(wire_frames(w, &b), "0:{}2:{}");
    (void)snprintf(json, sizeof(json), "{\"process\":{\"pid\":%lld}}", (long long)pid);
    assert_int_equal(wire_unary(w, "process.Process/CloseStdin", json), 200); /* the stream's end was not stdin's */
    assert_int_equal(wire_read(w, fd, "0\r\n\r\n"), 0);
    DM_AUTO_FD lost = wire_open(w);
    wire_send(w, lost, head, sizeof(head) - 1);
    dm_buf_reset(&b);
    wire_frame(&b, "{\"start\":{\"process\":{\"pid\":1}}}");
    char size[16];
    wire_send(w, lost, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", b.len));
    wire_send(w, lost, b.p, b.len);
    wire_send(w, lost, "\r\n", 2);
    assert_int_equal(wire_read(w, lost, NULL), WIRE_CLOSED); /* without the body having ended */
    assert_has(wire_frames(w, &b), "2:{\"error\":{\"code\":\"not_found\"");
}

static bool came(const wire *w, const char *bytes, size_t n)
{
    return memmem(w->in.p, w->in.len, bytes, n) != NULL;
}
#define CAME(w, bytes) came(w, bytes, sizeof(bytes) - 1)

static void speaks_protobuf(void **state)
{
    wire *w = *state;
    const char *args[] = {"-c", "printf hi"};
    dm_m_start start;
    DM_AUTO_BUF message, envelope;
    uint8_t head[DM_FRAME_HEAD];
    dm_buf_init(&message, 4096);
    dm_buf_init(&envelope, 4096);
    dm_message_blank(&dm_m_start_desc, &start);
    start.has_process = true;
    start.process.cmd = "/bin/sh";
    start.process.args = (dm_strs){args, DM_LEN(args)};
    assert_int_equal(dm_codec_proto.encode(&dm_m_start_desc, &start, &message, NULL), 0);
    dm_frame_head(head, 0, (uint32_t)message.len);
    (void)dm_buf_add(&envelope, head, sizeof head);
    (void)dm_buf_str(&envelope, dm_buf_view(&message));
    static const char stream[] = "Content-Type: application/connect+proto\r\n";
    assert_int_equal(wire_ask(w, "POST /" START, stream, envelope.p, envelope.len), 200);
    assert_true(CAME(w, "Content-Type: application/connect+proto\r\n"));
    assert_true(CAME(w, "\x00\x00\x00\x00\x08\x0a\x06\x12\x04\x0a\x02hi"));
    assert_true(CAME(w, "\x0a\x13\x1a\x11\x10\x01\x1a\x0d"
                        "exit status 0"));
    assert_true(CAME(w, "\x02\x00\x00\x00\x02{}"));
    /* what is refused is worded in JSON, whatever it was asked in */
    assert_int_equal(wire_ask(w, "POST /" START, stream, "\x00\x00\x00\x00\x02\x0a\x05", 7), 200);
    assert_true(CAME(w, "\"code\":\"invalid_argument\""));

    static const char unary[] = "Content-Type: application/proto\r\n";
    assert_int_equal(wire_ask(w, "POST /process.Process/List", unary, "", 0), 200); /* no bytes are a message */
    assert_true(CAME(w, "Content-Type: application/proto\r\n"));
    assert_string_equal(wire_body(w), "");
    assert_int_equal(
            wire_ask(w, "POST /process.Process/SendSignal", unary, "\x0a\x04\x08\xff\xff\x03\x10\x09", 8), 404);
    assert_true(CAME(w, "Content-Type: application/json\r\n"));
    assert_int_equal(wire_ask(w, "POST /process.Process/List", stream, "", 0), 415);
}

/* Whatever a start finds no memory for, and the client long gone when the time limit comes: nobody is spoken to then,
 * and no process stays behind. */
static void starts_without_memory(void **state)
{
    wire *w = *state;
    DM_AUTO_BUF json, b;
    dm_buf_init(&json, 4096);
    dm_buf_init(&b, 4096);
    wire_frame(&json, SH("sleep 5"));
    (void)dm_buf_fmt(&b,
            "POST /" START " HTTP/1.1\r\nHost: h\r\nContent-Type: application/connect+json\r\nConnection: close\r\n"
            "Connect-Timeout-Ms: 30\r\nContent-Length: %zu\r\n\r\n",
            json.len);
    (void)dm_buf_str(&b, dm_buf_view(&json));
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO_FD fd = wire_open(w);
        assert_int_equal(send(fd, b.p, b.len, MSG_NOSIGNAL), b.len);
        wire_turn_for(w, 10000);
        (void)alloc_fail_hit();
        dm_fd_closep(&fd);
        for (int i = 0; i < 500 && dm_procs_count(w->g->procs) > 0; i++)
            wire_turn_for(w, 10000); /* its time is up after 30 ms; a busy machine takes longer to end it */
        assert_int_equal(dm_procs_count(w->g->procs), 0);
    }
    assert_true(alloc_fail.turn > 5);
    DM_AUTO_BUF out;
    dm_buf_init(&out, 1 << 20);
    assert_has(wire_run(w, START, "", SH("exit 3"), &out), "\"exitCode\":3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {WIRE_TEST(runs), WIRE_TEST(says_what_cannot_run), WIRE_TEST(waits_for_pipes),
            WIRE_TEST(kills), WIRE_TEST(takes_input), WIRE_TEST(has_terminals), WIRE_TEST(serves_late_comers),
            WIRE_TEST(keeps_alive), WIRE_TEST(pushes_back), WIRE_TEST(waits_for_readers), WIRE_TEST(streams_input),
            WIRE_TEST(speaks_protobuf), WIRE_TEST(starts_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
