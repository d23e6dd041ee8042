#include "tests/support/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/guest/http/server.h"
#include "workers/guest/process/process.h"
#include "workers/guest/rpc/connect.h"
#include "workers/guest/setup.h"

int wire_set_up(void **state)
{
    wire *w = calloc(1, sizeof(*w));
    dm_err err;
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)umask(022);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/dm-wire-XXXXXX");
    dm_buf_init(&w->in, 64 << 20);
    if (mkdtemp(w->dir) == NULL || dm_loop_new(&dm_clock_real, &w->loop, &err) != 0)
        return -1;
    const dm_guest_conf conf = {.loop = w->loop, .clock = &dm_clock_real, .loopback_only = true};
    *state = w;
    return dm_guest_new(&conf, &w->g, &err);
}

int wire_tear_down(void **state)
{
    wire *w = *state;
    dm_guest_free(w->g);
    int r = dm_loop_once(w->loop, 0, NULL);
    dm_loop_free(w->loop);
    dm_buf_done(&w->in);
    r |= dm_remove_tree(w->dir, NULL);
    free(w);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return r;
}

void wire_turn(wire *w, int64_t us)
{
    assert_int_equal(dm_loop_once(w->loop, us, NULL), 0);
    dm_procs_reap(w->g->procs);
}

void wire_turn_for(wire *w, int64_t us)
{
    int64_t until = dm_mono_us(&dm_clock_real) + us;
    while (dm_mono_us(&dm_clock_real) < until)
        wire_turn(w, 1000);
}

int wire_open(wire *w)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(dm_server_port(w->g->server))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

void wire_send(wire *w, int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            assert_true(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
            if (errno != EAGAIN)
                return;
            sent = 0;
        }
        at += sent;
        n -= (size_t)sent;
        wire_turn(w, 0);
    }
}

int wire_read_more(wire *w, int fd, const char *until)
{
    int64_t deadline = dm_mono_us(&dm_clock_real) + 10000000;
    while (until == NULL || w->in.p == NULL || memmem(w->in.p, w->in.len, until, strlen(until)) == NULL) {
        if (dm_mono_us(&dm_clock_real) > deadline)
            fail_msg("no \"%s\" in: %s", until != NULL ? until : "end", w->in.p != NULL ? w->in.p : "");
        wire_turn(w, 1000);
        char *to = dm_buf_want(&w->in, 65536);
        assert_non_null(to);
        ssize_t n = recv(fd, to, 65536, MSG_DONTWAIT);
        if (n > 0)
            dm_buf_grew(&w->in, (size_t)n);
        else if (n == 0)
            return WIRE_CLOSED;
        else if (errno == ECONNRESET)
            return WIRE_RESET;
    }
    return 0;
}

int wire_read(wire *w, int fd, const char *until)
{
    dm_buf_reset(&w->in);
    return wire_read_more(w, fd, until);
}

int wire_status(const wire *w)
{
    uint64_t status = 0;
    assert_true(w->in.len > 12);
    assert_int_equal(dm_parse_u64((dm_str){w->in.p + 9, 3}, 100, 599, &status, NULL), 0);
    return (int)status;
}

const char *wire_body(const wire *w)
{
    const char *p = strstr(w->in.p, "\r\n\r\n");
    assert_non_null(p);
    return p + 4;
}

int wire_ask(wire *w, const char *line, const char *head, const void *body, size_t n)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64 << 20);
    DM_AUTO_FD fd = wire_open(w);
    (void)dm_buf_fmt(&b, "%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s", line, head);
    if (body != NULL)
        (void)dm_buf_fmt(&b, "Content-Length: %zu\r\n", n);
    (void)dm_buf_c(&b, "\r\n");
    (void)dm_buf_add(&b, body, n);
    wire_send(w, fd, b.p, b.len);
    (void)wire_read(w, fd, NULL);
    return wire_status(w);
}

int wire_unary(wire *w, const char *method, const char *json)
{
    char line[160];
    (void)snprintf(line, sizeof(line), "POST /%s", method);
    return wire_ask(w, line, "Content-Type: application/json\r\n", json, strlen(json));
}

void wire_frame(dm_buf *b, const char *json)
{
    uint8_t head[DM_FRAME_HEAD];
    dm_frame_head(head, 0, (uint32_t)strlen(json));
    (void)dm_buf_add(b, head, sizeof(head));
    (void)dm_buf_c(b, json);
}

int wire_stream(wire *w, const char *method, const char *head, const char *json)
{
    DM_AUTO_BUF b, all;
    dm_buf_init(&b, 1 << 20);
    dm_buf_init(&all, 1 << 20);
    wire_frame(&b, json);
    (void)dm_buf_fmt(&all,
            "POST /%s HTTP/1.1\r\nHost: h\r\nContent-Type: application/connect+json\r\n%sContent-Length: %zu\r\n\r\n",
            method, head, b.len);
    (void)dm_buf_str(&all, dm_buf_view(&b));
    int fd = wire_open(w);
    wire_send(w, fd, all.p, all.len);
    return fd;
}

const char *wire_frames(wire *w, dm_buf *out)
{
    DM_AUTO_BUF plain;
    dm_frames f;
    dm_str piece, in = dm_str_c("");
    uint8_t flags;
    dm_chunked chunked = {.state = 0};
    dm_buf_init(&plain, 64 << 20);
    dm_buf_reset(out);
    const char *body = wire_body(w);
    in = (dm_str){body, (size_t)(w->in.p + w->in.len - body)};
    if (strstr(w->in.p, "Transfer-Encoding: chunked") != NULL) {
        while (dm_chunked_next(&chunked, &in, &piece) == DM_CHUNKED_PIECE)
            (void)dm_buf_str(&plain, piece);
        in = dm_buf_view(&plain);
    }
    dm_frames_init(&f, 1 << 24);
    while (dm_frames_next(&f, &in, &flags, &piece, NULL) == 0)
        (void)dm_buf_fmt(out, "%u:%.*s", flags, (int)piece.n, piece.p);
    dm_frames_done(&f);
    return out->p != NULL ? out->p : "";
}

const char *wire_run(wire *w, const char *method, const char *head, const char *json, dm_buf *out)
{
    char heads[512];
    (void)snprintf(heads, sizeof(heads), "%sConnection: close\r\n", head);
    DM_AUTO_FD fd = wire_stream(w, method, heads, json);
    (void)wire_read(w, fd, NULL);
    assert_int_equal(wire_status(w), 200);
    return wire_frames(w, out);
}

bool wire_has(const wire *w, const char *words)
{
    return w->in.len > 0 && memmem(w->in.p, w->in.len, words, strlen(words)) != NULL;
}
