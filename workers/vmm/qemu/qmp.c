#include "workers/vmm/qemu/qmp.h"

#include <assert.h>

#include "workers/vmm/lines.h"

enum { SEND_MAX = 256 * 1024, BURST = 1024, COMMAND_MAX = 64 * 1024, HELLO_TIMEOUT_MS = 10000 };

struct call {
    uint64_t id; /* 0: the place is free */
    int64_t deadline_us;
    dm_qmp_done_fn done;
    void *arg;
};

struct dm_qmp {
    dm_qmp_config config;
    dm_loop *loop;
    dm_lines *lines;
    dm_timer *timer;
    uint64_t last_id;
    struct call calls[DM_QMP_CALLS];
    bool greeted, ended;
    char version[64];
    bool *gone; /* of the innermost callback: set when we are freed */
};

static void set_timer(dm_qmp *q)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < DM_QMP_CALLS; i++)
        if (q->calls[i].id != 0 && q->calls[i].deadline_us < first)
            first = q->calls[i].deadline_us;
    if (first == INT64_MAX)
        dm_timer_clear(q->timer);
    else
        dm_timer_at(q->timer, first);
}

/* False when the owner freed us. */
static bool finish(dm_qmp *q, struct call *c, int r, const json_t *value, const dm_err *err)
{
    struct call was = *c;
    assert(was.id != 0 && was.id <= q->last_id);
    c->id = 0;
    set_timer(q);
    bool gone = false, *outer = q->gone;
    q->gone = &gone;
    was.done(was.arg, r, value, err);
    if (!gone)
        q->gone = outer;
    else if (outer != NULL)
        *outer = true;
    return !gone;
}

/* Fails every command under way, then tells the owner. q may be gone afterwards. */
static void end(dm_qmp *q, const dm_err *why)
{
    if (q->ended)
        return;
    q->ended = true;
    dm_err copy = *why;
    for (size_t i = 0; i < DM_QMP_CALLS; i++)
        if (q->calls[i].id != 0 && !finish(q, &q->calls[i], copy.code, NULL, &copy))
            return;
    q->config.on_end(q->config.arg, &copy);
}

static void on_timer(void *arg)
{
    dm_qmp *q = arg;
    int64_t now = dm_mono_us(dm_loop_clock(q->loop));
    dm_err why;
    (void)dm_fail(&why, DM_E_TIMEOUT, "QEMU did not answer in time");
    for (size_t i = 0; i < DM_QMP_CALLS; i++)
        if (q->calls[i].id != 0 && q->calls[i].deadline_us <= now && !finish(q, &q->calls[i], why.code, NULL, &why))
            return;
    set_timer(q);
}

static struct call *call_of(dm_qmp *q, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < DM_QMP_CALLS; i++)
        if (q->calls[i].id == id)
            return &q->calls[i];
    return NULL;
}

static void on_hello(void *arg, int r, const json_t *value, const dm_err *err)
{
    dm_qmp *q = arg;
    (void)value;
    if (r < 0)
        end(q, err);
    else
        q->config.on_ready(q->config.arg, q->version);
}

static void handle(dm_qmp *q, const dm_qmp_msg *m)
{
    dm_err err;
    struct call *c;
    switch (m->kind) {
    case DM_QMP_GREETING:
        if (q->greeted) {
            (void)dm_fail(&err, DM_E_PROTO, "QEMU greeted twice");
            end(q, &err);
            return;
        }
        q->greeted = true;
        memcpy(q->version, m->version, sizeof(q->version));
        if (dm_qmp_call(q, "qmp_capabilities", (dm_str){.n = 0}, -1, HELLO_TIMEOUT_MS, on_hello, q, &err) < 0)
            end(q, &err);
        return;
    case DM_QMP_EVENT:
        q->config.on_event(q->config.arg, m->word, m->value);
        return;
    case DM_QMP_RETURN:
        if ((c = call_of(q, m->id)) != NULL)
            (void)finish(q, c, 0, m->value, NULL);
        return;
    case DM_QMP_ERROR:
        /* Without an id it may answer what a client before us left half written. */
        if ((c = call_of(q, m->id)) != NULL) {
            (void)dm_fail(&err, DM_E_DENIED, "QEMU says: %s", m->word);
            (void)finish(q, c, err.code, NULL, &err);
        }
        return;
    }
}

static void on_line(void *arg, dm_str line)
{
    dm_qmp *q = arg;
    dm_qmp_msg m;
    dm_err err;
    if (q->ended)
        return;
    if (dm_qmp_msg_read(line, &m, &err) < 0) {
        end(q, &err);
        return;
    }
    handle(q, &m);
    dm_qmp_msg_done(&m);
}

static void on_lines_end(void *arg, const dm_err *why)
{
    end(arg, why);
}

int dm_qmp_call(dm_qmp *q, const char *command, dm_str arguments, int pass_fd, unsigned timeout_ms, dm_qmp_done_fn done,
        void *arg, dm_err *err)
{
    if (q->ended)
        return dm_fail(err, DM_E_UNAVAILABLE, "the channel to QEMU is broken");
    struct call *c = NULL;
    for (size_t i = 0; c == NULL && i < DM_QMP_CALLS; i++)
        if (q->calls[i].id == 0)
            c = &q->calls[i];
    if (c == NULL)
        return dm_fail(err, DM_E_LIMIT, "%d commands are under way", DM_QMP_CALLS);
    DM_AUTO_BUF b;
    dm_buf_init(&b, COMMAND_MAX);
    int r = dm_qmp_msg_write(&b, command, arguments, q->last_id + 1, err);
    if (r == 0)
        r = dm_lines_send(q->lines, dm_buf_view(&b), pass_fd, err);
    if (r < 0)
        return dm_wrap(err, "%s", command);
    *c = (struct call){.id = ++q->last_id,
            .deadline_us = dm_mono_us(dm_loop_clock(q->loop)) + (int64_t)timeout_ms * 1000,
            .done = done,
            .arg = arg};
    set_timer(q);
    return 0;
}

int dm_qmp_new(dm_loop *loop, int fd, const dm_qmp_config *config, dm_qmp **out, dm_err *err)
{
    DM_AUTO(dm_qmp) q = calloc(1, sizeof(*q));
    if (q == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a monitor");
    q->config = *config;
    q->loop = loop;
    const dm_lines_config lines = {.line_max = DM_QMP_LINE_MAX,
            .send_max = SEND_MAX,
            .burst = BURST,
            .on_line = on_line,
            .on_end = on_lines_end,
            .arg = q};
    int r = dm_loop_timer(loop, on_timer, q, &q->timer, err);
    if (r == 0)
        r = dm_lines_new(loop, fd, &lines, &q->lines, err);
    if (r < 0)
        return r;
    *out = dm_steal(&q);
    return 0;
}

void dm_qmp_free(dm_qmp *q)
{
    if (q == NULL)
        return;
    if (q->gone != NULL)
        *q->gone = true;
    dm_timer_free(q->timer);
    dm_lines_free(q->lines);
    free(q);
}
