/* process.Process: each method maps its request onto process.h and says what went wrong in Connect's terms. */
#include "workers/guest/process/rpc.h"

#include <errno.h>
#include <signal.h>

#include "workers/guest/process/process.h"

static const dm_m_nothing nothing;
static const dm_m_event keepalive = {.has_event = true, .event = {.has_keepalive = true}};

static void not_found(dm_rpc *c, const dm_m_selector *sel)
{
    if (sel->has_pid)
        dm_rpc_fail(c, DM_CC_NOT_FOUND, "process with pid %u not found", sel->pid);
    else
        dm_rpc_fail(c, DM_CC_NOT_FOUND, "process with tag '%s' not found", sel->tag);
}

/* NULL after the call has been failed. */
static dm_proc *find(dm_rpc *c, const dm_m_selector *sel)
{
    if (!sel->has_pid && !sel->has_tag) {
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "a process is chosen by pid or by tag");
        return NULL;
    }
    dm_proc *proc = dm_proc_find(c->g->procs, sel);
    if (proc == NULL)
        not_found(c, sel);
    return proc;
}

static void list(dm_rpc *c, const void *in)
{
    (void)in;
    dm_m_list out;
    dm_err err;
    if (dm_procs_list(c->g->procs, &c->message, &out, &err) != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
    else
        dm_rpc_reply(c, &out);
}

static void start(dm_rpc *c, const void *in)
{
    dm_err err = {.code = 0};
    int r = dm_proc_start(c->g->procs, c, in, &err);
    switch (r) {
    case 0:
        return;
    case DM_PROC_BAD_CWD:
    case DM_PROC_TOO_LONG:
    case DM_E_INVALID:
    case DM_E_LIMIT:
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "%s", err.msg);
        return;
    case DM_PROC_FULL:
        dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "%d processes are running, which is the most", DM_PROCS_MAX);
        return;
    default:
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
        return;
    }
}

static void connect_to(dm_rpc *c, const void *in)
{
    const dm_m_select *req = in;
    const dm_m_selector *sel = &req->process;
    if (!sel->has_pid && !sel->has_tag) {
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "a process is chosen by pid or by tag");
        return;
    }
    dm_proc *proc = dm_proc_find(c->g->procs, sel);
    if (proc != NULL) {
        if (!dm_proc_listen(proc, c))
            dm_rpc_fail(c, DM_CC_RESOURCE_EXHAUSTED, "too many listen to this process");
    } else if (!dm_proc_replay(c->g->procs, sel, c)) {
        not_found(c, sel);
    }
}

static void update(dm_rpc *c, const void *in)
{
    const dm_m_update *req = in;
    dm_err err;
    dm_proc *proc = find(c, &req->process);
    if (proc == NULL)
        return;
    if (req->has_pty && req->pty.has_size && dm_proc_resize(proc, &req->pty.size, &err) != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
    else if (req->has_pty && !dm_proc_is_pty(proc))
        dm_rpc_fail(c, DM_CC_INTERNAL, "the process has no terminal");
    else
        dm_rpc_reply(c, &nothing);
}

static void send_signal(dm_rpc *c, const void *in)
{
    const dm_m_signal *req = in;
    dm_err err;
    dm_proc *proc = find(c, &req->process);
    if (proc == NULL)
        return;
    if (req->signal != SIGKILL && req->signal != SIGTERM)
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "only SIGNAL_SIGKILL and SIGNAL_SIGTERM can be sent");
    else if (dm_proc_signal(proc, req->signal, &err) != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
    else
        dm_rpc_reply(c, &nothing);
}

static void close_stdin(dm_rpc *c, const void *in)
{
    const dm_m_select *req = in;
    dm_proc *proc = find(c, &req->process);
    if (proc == NULL)
        return;
    if (dm_proc_is_pty(proc)) {
        dm_rpc_fail(c, DM_CC_UNKNOWN, "the stdin of a terminal cannot be closed: send an end of file (Ctrl+D)");
        return;
    }
    dm_proc_close_input(proc);
    dm_rpc_reply(c, &nothing);
}

/* --- input -------------------------------------------------------------------------------------------------- */

/* Sends what there is; 0 when it is in the pipe, DM_INPUT_LATER when done will be called, negative after a failure. */
static int give(dm_rpc *c, dm_proc *proc, const dm_m_input *input, dm_input_done done)
{
    dm_err err;
    if (!input->has_stdin && !input->has_pty) {
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "input is either stdin or pty");
        return -1;
    }
    int r = dm_proc_input(proc, c, input->has_pty ? input->pty : input->stdin_, input->has_pty, done, &err);
    if (r < 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
    return r;
}

static void sent(dm_rpc *c, int sys)
{
    if (sys != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "write: %s", strerror(sys));
    else
        dm_rpc_reply(c, &nothing);
}

static void send_input(dm_rpc *c, const void *in)
{
    const dm_m_send_input *req = in;
    dm_proc *proc = find(c, &req->process);
    if (proc != NULL && give(c, proc, &req->input, sent) == 0)
        sent(c, 0);
}

static void input_gone(dm_rpc *c)
{
    dm_proc_input_forget(c->g->procs, c);
}

/* A stream names its process once. It is looked up again for each piece: it may have ended meanwhile. */
typedef struct target {
    uint32_t pid;
} target;

static void piece_sent(dm_rpc *c, int sys)
{
    if (sys != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "write: %s", strerror(sys));
    else
        dm_rpc_release(c);
}

static void stream_start(dm_rpc *c, const dm_m_selector *sel)
{
    dm_proc *proc = find(c, sel);
    if (proc == NULL)
        return;
    if (c->state == NULL)
        c->state = calloc(1, sizeof(target));
    if (c->state == NULL) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory for a stream");
        return;
    }
    *(target *)c->state = (target){dm_proc_pid(proc)};
}

static void stream_message(dm_rpc *c, const void *in)
{
    const dm_m_stream_input *req = in;
    if (req->has_start) {
        stream_start(c, &req->start.process);
        return;
    }
    if (req->has_keepalive)
        return;
    if (!req->has_data) {
        dm_rpc_fail(c, DM_CC_UNIMPLEMENTED, "an input event is start, data or keepalive");
        return;
    }
    const target *to = c->state;
    if (to == NULL) {
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "the first input event must be start");
        return;
    }
    const dm_m_selector sel = {.has_pid = true, .pid = to->pid, .tag = ""};
    dm_proc *proc = find(c, &sel);
    if (proc != NULL && give(c, proc, &req->data.input, piece_sent) == DM_INPUT_LATER)
        dm_rpc_hold(c);
}

static void stream_end(dm_rpc *c)
{
    dm_rpc_reply(c, &nothing);
}

static void stream_gone(dm_rpc *c)
{
    input_gone(c);
    free(c->state);
    c->state = NULL;
}

const dm_rpc_method dm_process_methods[] = {
        {.path = "/process.Process/List",
                .kind = DM_RPC_UNARY,
                .in = &dm_m_nothing_desc,
                .out = &dm_m_list_desc,
                .message = list},
        {.path = "/process.Process/Start",
                .kind = DM_RPC_SERVER_STREAM,
                .in = &dm_m_start_desc,
                .out = &dm_m_event_desc,
                .message = start,
                .room = dm_proc_listener_room,
                .gone = dm_proc_listener_gone,
                .keepalive = &keepalive,
                .own_deadline = true},
        {.path = "/process.Process/Connect",
                .kind = DM_RPC_SERVER_STREAM,
                .in = &dm_m_select_desc,
                .out = &dm_m_event_desc,
                .message = connect_to,
                .room = dm_proc_listener_room,
                .gone = dm_proc_listener_gone,
                .keepalive = &keepalive},
        {.path = "/process.Process/Update",
                .kind = DM_RPC_UNARY,
                .in = &dm_m_update_desc,
                .out = &dm_m_nothing_desc,
                .message = update},
        {.path = "/process.Process/SendInput",
                .kind = DM_RPC_UNARY,
                .in = &dm_m_send_input_desc,
                .out = &dm_m_nothing_desc,
                .message = send_input,
                .gone = input_gone},
        {.path = "/process.Process/StreamInput",
                .kind = DM_RPC_CLIENT_STREAM,
                .in = &dm_m_stream_input_desc,
                .out = &dm_m_nothing_desc,
                .message = stream_message,
                .end = stream_end,
                .gone = stream_gone},
        {.path = "/process.Process/SendSignal",
                .kind = DM_RPC_UNARY,
                .in = &dm_m_signal_desc,
                .out = &dm_m_nothing_desc,
                .message = send_signal},
        {.path = "/process.Process/CloseStdin",
                .kind = DM_RPC_UNARY,
                .in = &dm_m_select_desc,
                .out = &dm_m_nothing_desc,
                .message = close_stdin},
        {.path = NULL},
};
