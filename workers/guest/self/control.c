/* Edge-triggered, because a port whose host side is not connected reports a hang-up for as long as that lasts, and we
 * are to sleep then. The kernel wakes us when bytes come, when the host connects, and when there is room again.
 *
 * Requests are answered in order, one at a time: while one is under way (only warming takes a while) later lines wait
 * in the buffer. A sync is answered at once all the same: it means that whoever asked before is gone. */
#include "workers/guest/self/control.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/utsname.h>

#include "workers/guest/http/server.h"
#include "workers/guest/process/oom.h"
#include "workers/guest/process/process.h"
#include "workers/guest/self/boot.h"
#include "workers/guest/self/forward.h"
#include "workers/guest/self/resume.h"
#include "workers/guest/self/warm.h"

enum { OUT_MAX = 4 * DM_GUEST_LINE_MAX, READ = 16 * 1024 };

struct dm_control {
    dm_guest *g;
    int fd;
    dm_watch *watch;
    dm_buf in, out;
    bool skipping; /* a line that was too long: up to its end */
    bool ready_due;
    dm_warm *warm;
    uint64_t warm_seq;
};

typedef struct request {
    char *op;
    int64_t seq;
    bool has_seq;
    char *nonce;
    bool has_nonce;
    int64_t rounds;
    bool has_rounds;
    int64_t port;
    bool has_port;
} request;

static const dm_json_field request_fields[] = {
        {"op", DM_JSON_STR, offsetof(request, op), DM_JSON_NEED, 1, 32},
        {"seq", DM_JSON_I64, offsetof(request, seq), offsetof(request, has_seq), 0, INT64_MAX},
        {"nonce", DM_JSON_STR, offsetof(request, nonce), offsetof(request, has_nonce), 1, 128},
        {"rounds", DM_JSON_I64, offsetof(request, rounds), offsetof(request, has_rounds), 0, DM_WARM_ROUNDS_MAX},
        {"port", DM_JSON_I64, offsetof(request, port), offsetof(request, has_port), 1, 65535},
};

/* --- lines out ---------------------------------------------------------------------------------------------- */

static void flush(dm_control *c)
{
    size_t done = 0;
    while (done < c->out.len) {
        ssize_t n = write(c->fd, c->out.p + done, c->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* full, or nobody there: an edge will tell */
        done += (size_t)n;
    }
    dm_buf_eat(&c->out, done);
    if (c->out.len == 0)
        dm_buf_done(&c->out);
}

/* A whole line or none of it: with the host away for long, the newest are lost. */
static void put_line(dm_control *c, dm_buf *line)
{
    if (dm_buf_ch(line, '\n') != 0 || line->failed || line->len > DM_GUEST_LINE_MAX)
        return;
    if (c->out.len + line->len > OUT_MAX)
        return;
    (void)dm_buf_str(&c->out, dm_buf_view(line));
    flush(c);
}

static void begin_answer(dm_jw *w, dm_buf *b, uint64_t seq, bool ok)
{
    dm_buf_init(b, DM_GUEST_LINE_MAX);
    dm_jw_init(w, b);
    dm_jw_obj(w);
    dm_jw_ku64(w, "seq", seq);
    dm_jw_kbool(w, "ok", ok);
}

/* error NULL: it went well. */
static void answer(dm_control *c, uint64_t seq, const char *error)
{
    DM_AUTO_BUF b;
    dm_jw w;
    begin_answer(&w, &b, seq, error == NULL);
    if (error != NULL)
        dm_jw_kc(&w, "error", error);
    dm_jw_end(&w);
    put_line(c, &b);
}

static void begin_event(dm_jw *w, dm_buf *b, const char *name)
{
    dm_buf_init(b, DM_GUEST_LINE_MAX);
    dm_jw_init(w, b);
    dm_jw_obj(w);
    dm_jw_kc(w, "event", name);
}

static void say_log(void *arg, const char *level, const char *message)
{
    dm_control *c = arg;
    DM_AUTO_BUF b;
    dm_jw w;
    begin_event(&w, &b, "log");
    dm_jw_kc(&w, "level", level);
    dm_jw_kc(&w, "message", message);
    dm_jw_end(&w);
    put_line(c, &b);
}

static void say_ready(dm_control *c)
{
    DM_AUTO_BUF b;
    dm_jw w;
    struct utsname u;
    begin_event(&w, &b, "ready");
    dm_jw_kc(&w, "agent", DM_AGENT_VERSION);
    dm_jw_kc(&w, "kernel", uname(&u) == 0 ? u.release : "");
    dm_jw_end(&w);
    put_line(c, &b);
}

static void on_oom(void *arg, pid_t pid, const char *comm)
{
    dm_control *c = arg;
    DM_AUTO_BUF b;
    dm_jw w;
    char message[400], cure[256];
    begin_event(&w, &b, "oom");
    dm_jw_ki64(&w, "pid", pid);
    dm_jw_kc(&w, "comm", comm);
    dm_jw_end(&w);
    put_line(c, &b);
    dm_oom_cure(cure, sizeof(cure));
    (void)snprintf(message, sizeof(message), "process %d (%s) was ended: %s", (int)pid, comm, cure);
    dm_guest_say(c->g, "error", message);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

static void do_stats(dm_control *c, uint64_t seq)
{
    DM_AUTO_BUF b;
    dm_jw w;
    dm_metrics_now now;
    dm_guest *g = c->g;
    int64_t input = dm_server_active_us(g->server), output = dm_procs_active_us(g->procs);
    int64_t idle_us = dm_mono_us(g->clock) - (input > output ? input : output), wall_us = dm_wall_us(g->clock);
    dm_metrics_read(&g->cpu, wall_us, &now);
    begin_answer(&w, &b, seq, true);
    dm_metrics_write(&w, &now);
    /* What the worker reads: whole numbers. The time that all CPUs together were busy, in a second of this load. */
    dm_jw_ki64(&w, "wall_us", wall_us);
    dm_jw_ku64(&w, "cpu_used_us", (uint64_t)now.cpu_hundredths * 100 * now.cpus);
    dm_jw_ku64(&w, "processes", dm_procs_count(g->procs));
    dm_jw_ku64(&w, "connections", dm_server_count(g->server) + dm_forwards_pairs(g->forwards));
    dm_jw_ki64(&w, "idle_ms", idle_us / 1000); /* since a byte came in or went out of a process */
    dm_jw_end(&w);
    put_line(c, &b);
}

/* What listens where others reach it needs no second port. */
static int find_port(dm_guest *g, uint16_t port, bool *listening, uint16_t *forward, dm_err *err)
{
    dm_listening at;
    int r = dm_listen_now(port, &at, err);
    if (r < 0)
        return r;
    *listening = at.outside || at.any6 || at.loopback;
    *forward = 0;
    return at.loopback && !at.outside && !at.any6 ? dm_forwards_open(g->forwards, &at, forward, err) : 0;
}

static void do_port(dm_control *c, uint64_t seq, uint16_t port)
{
    DM_AUTO_BUF b;
    dm_jw w;
    bool listening = false;
    uint16_t forward = 0;
    dm_err err;
    if (find_port(c->g, port, &listening, &forward, &err) < 0) {
        answer(c, seq, err.msg);
        return;
    }
    begin_answer(&w, &b, seq, true);
    dm_jw_kbool(&w, "listening", listening);
    if (forward != 0)
        dm_jw_ku64(&w, "forward", forward);
    dm_jw_end(&w);
    put_line(c, &b);
}

static void do_resume(dm_control *c, uint64_t seq, const json_t *obj)
{
    dm_guest_resume m;
    dm_err err;
    int r = dm_guest_resume_read(obj, &m, &err);
    if (r == 0) {
        r = dm_resume(c->g, &m, &err);
        dm_guest_resume_done(&m);
    }
    answer(c, seq, r < 0 ? err.msg : NULL);
}

static void take_lines(dm_control *c);

static void on_warm(void *arg, const dm_err *err)
{
    dm_control *c = arg;
    assert(c->warm != NULL);
    c->warm = NULL;
    /* A journal commit left for later would meet the first writes of each clone, and they would wait for its disk. */
    sync();
    answer(c, c->warm_seq, err != NULL ? err->msg : NULL);
    take_lines(c);
}

static void do_warm(dm_control *c, uint64_t seq, unsigned rounds)
{
    dm_err err;
    c->warm_seq = seq;
    for (unsigned i = 0; i <= rounds; i++)
        dm_resume_rehearse(c->g);
    if (rounds == 0)
        answer(c, seq, NULL);
    else if (dm_warm_new(c->g, rounds, DM_GUEST_PORT, on_warm, c, &c->warm, &err) != 0)
        answer(c, seq, err.msg);
}

static void do_sync(dm_control *c, const char *nonce)
{
    DM_AUTO_BUF b;
    dm_jw w;
    dm_warm_free(c->warm);
    c->warm = NULL;
    /* Nobody waits for what is queued; and half of its first line may be out already. */
    dm_buf_done(&c->out);
    dm_buf_init(&b, DM_GUEST_LINE_MAX);
    (void)dm_buf_ch(&b, '\n');
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "op", "sync");
    dm_jw_kc(&w, "nonce", nonce);
    dm_jw_end(&w);
    put_line(c, &b);
    if (c->ready_due)
        say_ready(c);
    c->ready_due = false;
}

static void dispatch(dm_control *c, const request *req, const json_t *obj)
{
    uint64_t seq = (uint64_t)req->seq;
    if (strcmp(req->op, "resume") == 0) {
        do_resume(c, seq, obj);
    } else if (strcmp(req->op, "warm") == 0) {
        do_warm(c, seq, req->has_rounds ? (unsigned)req->rounds : 1);
    } else if (strcmp(req->op, "quiesce") == 0) {
        dm_server_drop_all(c->g->server);
        dm_forwards_drop(c->g->forwards);
        answer(c, seq, NULL);
    } else if (strcmp(req->op, "stats") == 0) {
        do_stats(c, seq);
    } else if (strcmp(req->op, "port") == 0 && req->has_port) {
        do_port(c, seq, (uint16_t)req->port);
    } else if (strcmp(req->op, "poweroff") == 0) {
        answer(c, seq, NULL);
        dm_boot_power_off();
    } else {
        answer(c, seq, "unknown op");
    }
}

/* A line that is no whole object is the remains of one: dropped without a word. */
static void take_line(dm_control *c, dm_str line)
{
    DM_AUTO(json_t) obj = NULL;
    request req;
    if (line.n == 0 || dm_json_load(line, DM_GUEST_LINE_MAX, &obj, NULL) != 0 || !json_is_object(obj) ||
            dm_json_decode(obj, request_fields, DM_LEN(request_fields), &req, NULL) != 0)
        return;
    if (strcmp(req.op, "sync") == 0 && req.has_nonce)
        do_sync(c, req.nonce);
    else if (req.has_seq)
        dispatch(c, &req, obj);
    dm_json_done(request_fields, DM_LEN(request_fields), &req);
}

static bool is_sync(dm_str line)
{
    return memmem(line.p, line.n, "\"sync\"", 6) != NULL;
}

static void take_lines(dm_control *c)
{
    size_t used = 0;
    while (used < c->in.len) {
        const char *from = c->in.p + used;
        const char *nl = memchr(from, '\n', c->in.len - used);
        if (nl == NULL)
            break;
        dm_str line = {from, (size_t)(nl - from)};
        if (c->warm != NULL && line.n > 0 && !is_sync(line))
            break;
        used += line.n + 1;
        if (!c->skipping)
            take_line(c, line);
        c->skipping = false;
    }
    dm_buf_eat(&c->in, used);
    if (c->in.len >= DM_GUEST_LINE_MAX && memchr(c->in.p, '\n', c->in.len) == NULL) {
        c->skipping = true;
        dm_buf_reset(&c->in);
    }
    if (c->in.len == 0)
        dm_buf_done(&c->in);
}

static void on_port(void *arg, uint32_t events)
{
    dm_control *c = arg;
    (void)events;
    for (;;) {
        char *to = dm_buf_want(&c->in, READ);
        if (to == NULL) { /* a worker that sends on and on while a request is under way */
            dm_buf_reset(&c->in);
            continue;
        }
        ssize_t n = read(c->fd, to, READ);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* nothing more, or nobody there */
            break;
        dm_buf_grew(&c->in, (size_t)n);
        take_lines(c);
    }
    take_lines(c);
    flush(c);
}

int dm_control_new(dm_guest *g, int fd, dm_control **out, dm_err *err)
{
    DM_AUTO(dm_control) c = calloc(1, sizeof(*c));
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "control");
    c->g = g;
    c->fd = fd;
    dm_buf_init(&c->in, 2 * DM_GUEST_LINE_MAX);
    dm_buf_init(&c->out, OUT_MAX);
    int r = dm_loop_watch(g->loop, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_port, c, &c->watch, err);
    if (r < 0)
        return r;
    dm_err why;
    if (g->oom == NULL && dm_oom_new(g->loop, on_oom, c, &g->oom, &why) != 0)
        dm_log_err(g->log, DM_WARN, "guest.kmsg", &why); /* ends without a cause are still ends */
    g->say = say_log;
    g->say_arg = c;
    c->ready_due = true; /* said behind the first sync: what comes before one, the worker drops */
    *out = dm_steal(&c);
    return 0;
}

void dm_control_shutdown(dm_control *c)
{
    DM_AUTO_BUF b;
    dm_jw w;
    begin_event(&w, &b, "shutdown");
    dm_jw_end(&w);
    put_line(c, &b);
}

void dm_control_free(dm_control *c)
{
    if (c == NULL)
        return;
    assert(c->out.len <= OUT_MAX);
    c->g->say = NULL;
    dm_warm_free(c->warm);
    dm_watch_free(c->watch);
    dm_buf_done(&c->in);
    dm_buf_done(&c->out);
    free(c);
}
