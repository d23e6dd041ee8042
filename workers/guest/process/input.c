#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "workers/guest/process/parts.h"

static void on_writable(void *arg, uint32_t events);

static void close_now(dm_proc *proc)
{
    dm_watch_free(proc->in_watch);
    proc->in_watch = NULL;
    if (proc->in >= 0)
        (void)close(proc->in);
    proc->in = -1;
}

static void pop(dm_proc *proc, int sys)
{
    dm_input *in = proc->inputs;
    assert(proc->inputs_n > 0);
    proc->inputs = in->next;
    if (proc->inputs == NULL)
        proc->inputs_end = &proc->inputs;
    proc->inputs_n--;
    dm_rpc *c = in->c;
    dm_input_done done = in->done;
    dm_buf_done(&in->rest);
    free(in);
    if (c != NULL)
        done(c, sys);
}

void dm_input_drop_all(dm_proc *proc, int sys)
{
    close_now(proc);
    while (proc->inputs != NULL)
        pop(proc, sys);
    assert(proc->inputs_n == 0);
}

/* How many of the bytes went in, or -1 with errno. */
static ssize_t write_some(int fd, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = write(fd, p + done, n - done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0 && errno == EAGAIN)
            break;
        if (w < 0)
            return -1;
        done += (size_t)w;
    }
    return (ssize_t)done;
}

static void pump(dm_proc *proc)
{
    while (proc->inputs != NULL && proc->in >= 0) {
        dm_input *in = proc->inputs;
        ssize_t n = write_some(proc->in, in->rest.p + in->at, in->rest.len - in->at);
        if (n < 0) {
            dm_input_drop_all(proc, errno);
            return;
        }
        in->at += (size_t)n;
        assert(in->at <= in->rest.len);
        if (in->at < in->rest.len)
            return;
        pop(proc, 0);
    }
    if (proc->close_input) {
        close_now(proc);
    } else {
        dm_watch_free(proc->in_watch);
        proc->in_watch = NULL;
    }
}

static void on_writable(void *arg, uint32_t events)
{
    (void)events; /* a broken pipe shows in the write */
    pump(arg);
}

int dm_proc_input(dm_proc *proc, dm_rpc *c, dm_str bytes, bool pty, dm_input_done done, dm_err *err)
{
    if (pty != proc->pty)
        return dm_fail(err, DM_E_INVALID, pty ? "the process has no terminal" : "the process has a terminal");
    if (proc->in < 0 || proc->close_input)
        return dm_fail(err, DM_E_INVALID, "stdin is not there or closed");
    size_t at = 0;
    if (proc->inputs == NULL) {
        ssize_t n = write_some(proc->in, bytes.p, bytes.n);
        if (n < 0)
            return dm_fail_sys(err, errno, "write");
        at = (size_t)n;
        if (at == bytes.n)
            return 0;
    }
    if (proc->inputs_n == DM_INPUTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "%d writers are waiting already", DM_INPUTS_MAX);
    if (proc->in_watch == NULL) {
        int r = dm_loop_watch(proc->procs->g->loop, proc->in, EPOLLOUT, on_writable, proc, &proc->in_watch, err);
        if (r < 0)
            return r;
    }
    dm_input *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return dm_fail(err, DM_E_NOMEM, "input");
    *in = (dm_input){.c = c, .done = done};
    dm_buf_init(&in->rest, DM_MESSAGE_MAX);
    if (dm_buf_add(&in->rest, bytes.p + at, bytes.n - at) != 0) {
        free(in);
        return dm_fail(err, DM_E_NOMEM, "input");
    }
    *proc->inputs_end = in;
    proc->inputs_end = &in->next;
    proc->inputs_n++;
    return DM_INPUT_LATER;
}

static void forget_in(dm_proc *proc, const dm_rpc *c)
{
    dm_input **at = &proc->inputs;
    while (*at != NULL) {
        dm_input *in = *at;
        if (in->c != c) {
            at = &in->next;
            continue;
        }
        *at = in->next;
        assert(proc->inputs_n > 0);
        proc->inputs_n--;
        dm_buf_done(&in->rest);
        free(in);
    }
    proc->inputs_end = at;
}

void dm_proc_input_forget(dm_procs *p, dm_rpc *c)
{
    for (size_t i = 0; i < DM_PROC_BUCKETS; i++)
        for (dm_proc *proc = p->buckets[i]; proc != NULL; proc = proc->next)
            if (proc->inputs != NULL)
                forget_in(proc, c);
}

void dm_proc_close_input(dm_proc *proc)
{
    proc->close_input = true;
    if (proc->inputs == NULL)
        close_now(proc);
}
