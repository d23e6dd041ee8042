/* The stream has two halves and the guest's half lies in its memory: a restored guest may finish a line that an earlier
 * worker asked for. So each attachment starts with a newline, which ends whatever the guest had half read, and a sync
 * with a nonce; all that comes before its echo is dropped. The same is done after a call that got no answer in time,
 * so that a late answer is never taken for another's.
 *
 * Calls wait in a queue of bounded length; one is out at a time. */
#include "workers/vmm/agent.h"

#include <assert.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/parse.h"

#include "workers/vmm/agent_line.h"
#include "workers/vmm/lines.h"

/* A guest's flood is read so slowly that it costs the loop some hundredths of its time. */
enum { CALLS_MAX = 32, BURST = 64, BURST_BYTES = 256 * 1024, SEND_MAX = 2 * DM_GUEST_LINE_MAX };

struct call {
    struct call *next;
    uint64_t seq;
    int64_t deadline_us;
    dm_agent_done_fn done;
    void *arg;
    char *line;              /* ready to be sent; NULL: it is a resume, written when it is sent */
    dm_guest_resume *resume; /* a copy */
};

struct dm_agent {
    dm_loop *loop;
    dm_lines *lines;
    dm_timer *timer;
    dm_agent_event_fn on_event;
    void *arg;
    char nonce[DM_GUEST_NONCE + 1];
    bool synced, lost;
    uint64_t last_seq;
    struct call *first, *last; /* first is out when `out` says so */
    unsigned waiting;
    bool out;
    bool *gone; /* of the innermost callback: set when we are freed */
};

static void call_free(struct call *c)
{
    if (c->resume != NULL) {
        dm_guest_resume_done(c->resume);
        free(c->resume);
    }
    free(c->line);
    free(c);
}

/* The earliest deadline of all that wait. */
static void set_timer(dm_agent *a)
{
    int64_t first = INT64_MAX;
    for (const struct call *c = a->first; c != NULL; c = c->next)
        if (c->deadline_us < first)
            first = c->deadline_us;
    if (first == INT64_MAX)
        dm_timer_clear(a->timer);
    else
        dm_timer_at(a->timer, first);
}

static void unlink_call(dm_agent *a, struct call *c)
{
    struct call **p = &a->first, *before = NULL;
    while (*p != c) {
        assert(*p != NULL);
        before = *p;
        p = &(*p)->next;
    }
    *p = c->next;
    if (a->last == c)
        a->last = before;
    assert(a->waiting > 0);
    a->waiting--;
}

/* False when the owner freed us. */
static bool finish(dm_agent *a, struct call *c, int r, const json_t *answer, const dm_err *err)
{
    if (c == a->first)
        a->out = false;
    unlink_call(a, c);
    set_timer(a);
    bool gone = false, *outer = a->gone;
    a->gone = &gone;
    c->done(c->arg, r, answer, err);
    call_free(c);
    if (!gone)
        a->gone = outer;
    else if (outer != NULL)
        *outer = true;
    return !gone;
}

/* Fails all calls and tells the owner, once. a may be gone afterwards. */
static void lose(dm_agent *a, const dm_err *why)
{
    if (a->lost)
        return;
    a->lost = true;
    dm_err copy = *why;
    while (a->first != NULL)
        if (!finish(a, a->first, copy.code, NULL, &copy))
            return;
    DM_AUTO(json_t) line = json_pack("{s:s, s:s}", "event", "lost", "message", copy.msg);
    if (a->on_event != NULL)
        a->on_event(a->arg, "lost", line);
}

static int sync_send(dm_agent *a, dm_err *err)
{
    uint8_t random[DM_GUEST_NONCE / 2];
    char line[96];
    int r = dm_random(random, sizeof(random), err);
    if (r < 0)
        return r;
    dm_hex(random, sizeof(random), a->nonce);
    a->synced = false;
    int n = snprintf(line, sizeof(line), "\n{\"op\":\"sync\",\"nonce\":\"%s\"}\n", a->nonce);
    return dm_lines_send(a->lines, (dm_str){line, (size_t)n}, -1, err);
}

static int resume_write(dm_agent *a, struct call *c, dm_buf *b, dm_err *err)
{
    uint8_t seed[DM_GUEST_SEED];
    char hex[2 * DM_GUEST_SEED + 1];
    int r = dm_random(seed, sizeof(seed), err);
    if (r < 0)
        return r;
    dm_hex(seed, sizeof(seed), hex);
    dm_guest_resume m = *c->resume;
    m.seed = hex;
    m.wall_us = dm_wall_us(dm_loop_clock(a->loop));
    dm_jw w;
    dm_jw_init(&w, b);
    (void)dm_guest_resume_write(&w, &m, c->seq);
    (void)dm_buf_ch(b, '\n');
    r = dm_buf_ok(b, err);
    explicit_bzero(seed, sizeof(seed));
    explicit_bzero(hex, sizeof(hex));
    return r;
}

/* Sends the first call that waits, when the line is free. */
static int send_next(dm_agent *a, dm_err *err)
{
    struct call *c = a->first;
    if (c == NULL || a->out || !a->synced || a->lost)
        return 0;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_GUEST_LINE_MAX);
    int r = c->line != NULL ? dm_buf_c(&b, c->line) : resume_write(a, c, &b, err);
    if (r == 0)
        r = dm_lines_send(a->lines, dm_buf_view(&b), -1, err);
    if (r == 0)
        a->out = true;
    return r;
}

static void go_on(dm_agent *a)
{
    dm_err err;
    if (send_next(a, &err) < 0)
        lose(a, &err);
}

static void on_timer(void *arg)
{
    dm_agent *a = arg;
    int64_t now = dm_mono_us(dm_loop_clock(a->loop));
    dm_err err;
    bool was_out = false;
    for (struct call *c = a->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->deadline_us > now)
            continue;
        was_out = was_out || (c == a->first && a->out);
        (void)dm_fail(&err, DM_E_TIMEOUT, "the guest's agent did not answer in time");
        if (!finish(a, c, err.code, NULL, &err) || a->lost)
            return;
    }
    set_timer(a);
    if (was_out && sync_send(a, &err) < 0)
        lose(a, &err);
    else
        go_on(a);
}

static void on_answer(dm_agent *a, const dm_agent_line *l)
{
    dm_err err;
    struct call *c = a->first;
    assert(!a->out || c != NULL);
    if (!a->out || l->seq != c->seq) {
        (void)dm_fail(&err, DM_E_PROTO, "the guest answers what was not asked");
        lose(a, &err);
        return;
    }
    bool here;
    if (l->ok) {
        here = finish(a, c, 0, l->root, NULL);
    } else {
        (void)dm_fail(&err, DM_E_DENIED, "the guest's agent says: %s", l->error);
        here = finish(a, c, err.code, NULL, &err);
    }
    if (here)
        go_on(a);
}

static void on_good_line(dm_agent *a, const dm_agent_line *l)
{
    dm_err err;
    switch (l->kind) {
    case DM_AGENT_SYNC:
        /* An older one than ours is the answer to a worker before us. */
        if (dm_str_eq_c(dm_str_c(l->nonce), a->nonce)) {
            a->synced = true;
            go_on(a);
        }
        return;
    case DM_AGENT_ANSWER:
        if (a->synced)
            on_answer(a, l);
        return;
    case DM_AGENT_EVENT:
        if (!a->synced || a->on_event == NULL)
            return;
        if (strcmp(l->event, "lost") == 0) { /* ours to say */
            (void)dm_fail(&err, DM_E_PROTO, "the guest says that it is lost");
            lose(a, &err);
        } else {
            a->on_event(a->arg, l->event, l->root);
        }
        return;
    }
}

static void on_line(void *arg, dm_str line)
{
    dm_agent *a = arg;
    dm_agent_line l;
    dm_err err;
    if (a->lost || line.n == 0)
        return;
    if (dm_agent_line_read(line, &l, &err) < 0) {
        if (a->synced) /* before, it may be the end of a line that was cut */
            lose(a, &err);
        return;
    }
    on_good_line(a, &l);
    dm_agent_line_done(&l);
}

static void on_end(void *arg, const dm_err *why)
{
    lose(arg, why);
}

int dm_agent_new(dm_loop *loop, int fd, dm_agent_event_fn on_event, void *arg, dm_agent **out, dm_err *err)
{
    DM_AUTO(dm_agent) a = calloc(1, sizeof(*a));
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an agent's channel");
    a->loop = loop;
    a->on_event = on_event;
    a->arg = arg;
    /* Too long a line before the sync may be the end of one that was cut; after it, it is not JSON we can read, and the
     * call it should have answered times out. */
    const dm_lines_config lines = {.line_max = DM_GUEST_LINE_MAX,
            .skip_long = true,
            .send_max = SEND_MAX,
            .burst = BURST,
            .burst_bytes = BURST_BYTES,
            .on_line = on_line,
            .on_end = on_end,
            .arg = a};
    int r = dm_loop_timer(loop, on_timer, a, &a->timer, err);
    if (r == 0)
        r = dm_lines_new(loop, fd, &lines, &a->lines, err);
    if (r < 0)
        return r;
    r = sync_send(a, err);
    if (r < 0) {
        dm_lines_keep_fd(a->lines);
        return r;
    }
    *out = dm_steal(&a);
    return 0;
}

void dm_agent_free(dm_agent *a)
{
    if (a == NULL)
        return;
    if (a->gone != NULL)
        *a->gone = true;
    for (struct call *c = a->first, *next; c != NULL; c = next) {
        next = c->next;
        a->waiting--;
        call_free(c);
    }
    assert(a->waiting == 0);
    dm_timer_free(a->timer);
    dm_lines_free(a->lines);
    free(a);
}

/* c becomes the agent's, or is freed. */
static int submit(dm_agent *a, struct call *c, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err)
{
    if (a->lost || a->waiting >= CALLS_MAX) {
        call_free(c);
        return a->lost ? dm_fail(err, DM_E_UNAVAILABLE, "the channel to the guest's agent is broken")
                       : dm_fail(err, DM_E_LIMIT, "%d calls wait for the guest's agent", CALLS_MAX);
    }
    c->deadline_us = dm_mono_us(dm_loop_clock(a->loop)) + (int64_t)timeout_ms * 1000;
    c->done = done;
    c->arg = arg;
    if (a->last != NULL)
        a->last->next = c;
    else
        a->first = c;
    a->last = c;
    a->waiting++;
    set_timer(a);
    int r = send_next(a, err);
    if (r < 0) {
        unlink_call(a, c);
        set_timer(a);
        call_free(c);
    }
    return r;
}

static struct call *call_new(dm_agent *a, dm_err *err)
{
    struct call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        (void)dm_fail(err, DM_E_NOMEM, "no memory for a call");
    else
        c->seq = ++a->last_seq;
    return c;
}

/* name and value: the one member that the op takes, if it takes one. */
static int ask(dm_agent *a, const char *op, const char *name, unsigned value, unsigned timeout_ms,
        dm_agent_done_fn done, void *arg, dm_err *err)
{
    struct call *c = call_new(a, err);
    if (c == NULL)
        return DM_E_NOMEM;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 512);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "op", op);
    dm_jw_ku64(&w, "seq", c->seq);
    if (name != NULL)
        dm_jw_ku64(&w, name, value);
    dm_jw_end(&w);
    (void)dm_buf_ch(&b, '\n');
    int r = dm_buf_ok(&b, err);
    if (r < 0) {
        call_free(c);
        return r;
    }
    c->line = dm_buf_take(&b);
    return submit(a, c, timeout_ms, done, arg, err);
}

int dm_agent_warm(dm_agent *a, unsigned rounds, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err)
{
    return ask(a, "warm", "rounds", rounds, timeout_ms, done, arg, err);
}

int dm_agent_simple(dm_agent *a, const char *op, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err)
{
    return ask(a, op, NULL, 0, timeout_ms, done, arg, err);
}

int dm_agent_port(dm_agent *a, uint16_t port, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err)
{
    return ask(a, "port", "port", port, timeout_ms, done, arg, err);
}

void dm_agent_port_read(const json_t *answer, dm_agent_port_at *out)
{
    bool listening = false;
    int64_t port = 0;
    (void)!dm_json_bool(answer, "listening", &listening, NULL);
    (void)!dm_json_i64(answer, "forward", 0, UINT16_MAX, &port, NULL);
    *out = (dm_agent_port_at){.listening = listening, .forward = (uint16_t)port};
}

/* A deep copy: written out without seed and time, and read back. */
static int resume_copy(const dm_guest_resume *m, dm_guest_resume *out, dm_err *err)
{
    char zeros[2 * DM_GUEST_SEED + 1];
    memset(zeros, '0', sizeof(zeros) - 1);
    zeros[sizeof(zeros) - 1] = '\0';
    dm_guest_resume bare = *m;
    bare.seed = zeros;
    bare.wall_us = 0;
    DM_AUTO_BUF b;
    DM_AUTO(json_t) root = NULL;
    dm_buf_init(&b, DM_GUEST_LINE_MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    if (dm_guest_resume_write(&w, &bare, 1) < 0)
        return dm_buf_ok(&b, err);
    int r = dm_json_load(dm_buf_view(&b), DM_GUEST_LINE_MAX, &root, err);
    return r < 0 ? r : dm_guest_resume_read(root, out, err);
}

int dm_agent_resume(
        dm_agent *a, const dm_guest_resume *m, unsigned timeout_ms, dm_agent_done_fn done, void *arg, dm_err *err)
{
    struct call *c = call_new(a, err);
    if (c == NULL)
        return DM_E_NOMEM;
    dm_guest_resume copy;
    int r = resume_copy(m, &copy, err);
    if (r == 0 && (c->resume = malloc(sizeof(copy))) == NULL) {
        dm_guest_resume_done(&copy);
        r = dm_fail(err, DM_E_NOMEM, "no memory for a call");
    }
    if (r < 0) {
        call_free(c);
        return dm_wrap(err, "resume");
    }
    *c->resume = copy;
    return submit(a, c, timeout_ms, done, arg, err);
}
