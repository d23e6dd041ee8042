/* When a process is over for those who listen to it. Three things end in their own time: the process, of which SIGCHLD
 * tells, and each of its two output pipes, which every child it leaves behind holds open as well. The end event is the
 * last word of a stream, so it waits for all three. settle() alone looks whether they are there, and whoever may have
 * brought about the last one calls it; it frees the process, so nobody touches one after it.
 *
 * Who ended the process (a signal, a time limit) wants its end now, and a terminal has no end of its own while a
 * background job holds it. Such a process is cut: what stands in its pipes at that moment is the last of it. It stays
 * marked, because a full listener may be in the way, and the rest is read when that one has room again.
 *
 * Pace. Output is queued nowhere here. A piece is read into one buffer that all processes share and put into each
 * listener's connection; where one of those is full, the process is stalled: its pipes leave the loop, fill up, and the
 * process itself waits in its write. So memory is bounded by the connections, and the slowest listener sets the pace.
 * Without listeners output is read and dropped: a process never waits for nobody.
 *
 * Numbers. A pid is the process's own until it is reaped, and dm_procs_reap alone reaps; before that a signal cannot
 * reach another, after it none is sent. An exited process may stay in the table behind its children's pipes while its
 * number is given away, so two entries can bear one: the newer one stands first in its bucket and is the one that is
 * found; removal goes by address. As process 1 the agent also reaps orphans, which are in no table. */
#include "workers/guest/process/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "workers/guest/process/oom.h"
#include "workers/guest/process/parts.h"
#include "workers/guest/process/pty.h"
#include "workers/guest/who/path.h"

enum { CHUNK = 32 * 1024, PTY_CHUNK = 16 * 1024, READS_MAX = 8 };

static void on_output(void *arg, uint32_t events);
static void settle(dm_proc *proc);

/* --- the table ---------------------------------------------------------------------------------------------- */

int dm_procs_new(dm_guest *g, dm_procs **out, dm_err *err)
{
    DM_AUTO(dm_procs) p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "process table");
    p->g = g;
    p->null_fd = -1;
    p->chunk = malloc(CHUNK);
    if (p->chunk == NULL)
        return dm_fail(err, DM_E_NOMEM, "process table");
    p->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (p->null_fd < 0)
        return dm_fail_sys(err, errno, "/dev/null");
    const char *path = getenv("PATH");
    p->path = path != NULL ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    int r = dm_spawner_new(&p->spawner, err);
    if (r < 0)
        return r;
    *out = dm_steal(&p);
    return 0;
}

static void close_output(dm_output *o)
{
    dm_watch_free(o->watch);
    o->watch = NULL;
    if (o->fd >= 0)
        (void)close(o->fd);
    o->fd = -1;
}

static void proc_free(dm_proc *proc)
{
    dm_input_drop_all(proc, EPIPE);
    for (unsigned i = 0; i < 2; i++)
        close_output(&proc->out[i]);
    while (proc->listeners != NULL) {
        dm_listener *l = proc->listeners;
        assert(l->c->state == proc && proc->listeners_n > 0);
        proc->listeners = l->next;
        proc->listeners_n--;
        l->c->state = NULL;
        free(l);
    }
    assert(proc->listeners_n == 0);
    dm_timer_free(proc->limit);
    dm_message_done(&proc->message);
    free(proc);
}

void dm_procs_free(dm_procs *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < DM_PROC_BUCKETS; i++) {
        while (p->buckets[i] != NULL) {
            dm_proc *proc = p->buckets[i];
            p->buckets[i] = proc->next;
            p->n--;
            proc_free(proc);
        }
    }
    assert(p->n == 0);
    dm_procs_forget_ended(p);
    dm_spawner_free(p->spawner);
    if (p->null_fd >= 0)
        (void)close(p->null_fd);
    free(p->chunk);
    free(p);
}

static dm_proc **bucket(dm_procs *p, pid_t pid)
{
    return &p->buckets[(unsigned)pid % DM_PROC_BUCKETS];
}

static dm_proc *find_pid(dm_procs *p, pid_t pid)
{
    dm_proc *proc = *bucket(p, pid);
    while (proc != NULL && proc->pid != pid)
        proc = proc->next;
    return proc;
}

dm_proc *dm_proc_find(dm_procs *p, const dm_m_selector *sel)
{
    if (sel->has_pid)
        return sel->pid <= INT32_MAX ? find_pid(p, (pid_t)sel->pid) : NULL;
    for (size_t i = 0; i < DM_PROC_BUCKETS; i++)
        for (dm_proc *proc = p->buckets[i]; proc != NULL; proc = proc->next)
            if (proc->tag != NULL && strcmp(proc->tag, sel->tag) == 0)
                return proc;
    return NULL;
}

static void forget(dm_proc *proc)
{
    dm_proc **at = bucket(proc->procs, proc->pid);
    while (*at != proc) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = proc->next;
    assert(proc->procs->n > 0);
    proc->procs->n--;
}

unsigned dm_procs_count(const dm_procs *p)
{
    return p->n;
}

int64_t dm_procs_active_us(const dm_procs *p)
{
    return p->active_us;
}

/* --- output ------------------------------------------------------------------------------------------------- */

static void tell(dm_proc *proc, const dm_m_event *event)
{
    for (dm_listener *l = proc->listeners; l != NULL; l = l->next) {
        dm_rpc_send(l->c, event);
        dm_rpc_flush(l->c);
    }
}

static bool somebody_full(dm_proc *proc)
{
    bool full = false;
    for (dm_listener *l = proc->listeners; l != NULL; l = l->next)
        full = dm_rpc_full(l->c) || full; /* each full one must be asked, to say when it has room */
    return full;
}

/* Taken off the loop, not just asked for nothing: a pipe whose writers are gone reports that whatever was asked. */
static void stall(dm_proc *proc)
{
    proc->stalled = true;
    for (unsigned i = 0; i < 2; i++) {
        dm_watch_free(proc->out[i].watch);
        proc->out[i].watch = NULL;
    }
}

static void watch_output(dm_output *o)
{
    if (o->fd >= 0 && o->watch == NULL &&
            dm_loop_watch(o->proc->procs->g->loop, o->fd, EPOLLIN, on_output, o, &o->watch, NULL) != 0)
        close_output(o);
}

static void tell_output(dm_proc *proc, const dm_output *o, dm_str bytes)
{
    dm_m_event e = {.has_event = true};
    dm_m_event_data *data = &e.event.data;
    e.event.has_data = true;
    if (proc->pty) {
        data->has_pty = true;
        data->pty = bytes;
    } else if (o == &proc->out[0]) {
        data->has_stdout = true;
        data->stdout_ = bytes;
    } else {
        data->has_stderr = true;
        data->stderr_ = bytes;
    }
    tell(proc, &e);
}

/* Moves what is there. At the end, or where nothing more is waited for, the descriptor is closed. */
static void pump(dm_proc *proc, dm_output *o)
{
    dm_procs *p = proc->procs;
    for (unsigned i = 0; o->fd >= 0 && (proc->cut || i < READS_MAX); i++) {
        if (somebody_full(proc)) {
            stall(proc);
            return;
        }
        ssize_t n = read(o->fd, p->chunk, proc->pty ? PTY_CHUNK : CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && !proc->cut)
            return;
        if (n <= 0) { /* a terminal whose other side is closed gives EIO */
            close_output(o);
            return;
        }
        p->active_us = dm_mono_us(p->g->clock);
        tell_output(proc, o, (dm_str){p->chunk, (size_t)n});
        if (n < PTY_CHUNK && !proc->cut)
            return; /* surely emptied it; more would come as a new event */
    }
}

static void on_output(void *arg, uint32_t events)
{
    dm_output *o = arg;
    (void)events;
    pump(o->proc, o);
    settle(o->proc);
}

static void resume(dm_proc *proc)
{
    if (!proc->stalled)
        return;
    proc->stalled = false;
    for (unsigned i = 0; i < 2 && !proc->stalled; i++) {
        watch_output(&proc->out[i]);
        pump(proc, &proc->out[i]);
    }
    settle(proc);
}

/* The end, once everything before it has been told. The process is gone after this if it was one. */
static void settle(dm_proc *proc)
{
    if (!proc->exited || proc->out[0].fd >= 0 || proc->out[1].fd >= 0)
        return;
    dm_end_words words;
    dm_m_event e;
    assert(proc->in < 0 && proc->inputs == NULL);
    dm_ended_event(&proc->end, &words, &e);
    forget(proc);
    dm_ended_add(proc->procs, proc);
    for (dm_listener *l = proc->listeners; l != NULL; l = l->next) {
        dm_rpc_send(l->c, &e);
        dm_rpc_done(l->c);
    }
    proc_free(proc);
}

/* What stands in the pipes now is the last of it. */
static void cut(dm_proc *proc)
{
    proc->cut = true;
    for (unsigned i = 0; i < 2 && !proc->stalled; i++)
        pump(proc, &proc->out[i]);
}

static void exited(dm_proc *proc, int wstatus)
{
    proc->exited = true;
    proc->end.wstatus = wstatus;
    if (WIFSIGNALED(wstatus) && WTERMSIG(wstatus) == SIGKILL && !proc->hurry && proc->procs->g->oom != NULL)
        proc->end.oom = dm_oom_killed(proc->procs->g->oom, proc->pid);
    dm_input_drop_all(proc, EPIPE);
    if (proc->hurry || proc->pty)
        cut(proc);
    settle(proc);
}

void dm_procs_reap(dm_procs *p)
{
    int wstatus;
    pid_t pid;
    while ((pid = waitpid(-1, &wstatus, WNOHANG)) > 0) {
        dm_proc *proc = find_pid(p, pid);
        if (proc != NULL)
            exited(proc, wstatus);
    }
}

/* --- listeners ---------------------------------------------------------------------------------------------- */

static void tell_start(dm_proc *proc, dm_rpc *c)
{
    dm_m_event e = {.has_event = true};
    e.event.has_start = true;
    e.event.start.pid = (uint32_t)proc->pid;
    dm_rpc_open(c);
    dm_rpc_send(c, &e);
    dm_rpc_flush(c);
}

bool dm_proc_listen(dm_proc *proc, dm_rpc *c)
{
    dm_listener *l = proc->listeners_n < DM_PROC_LISTENERS_MAX ? calloc(1, sizeof(*l)) : NULL;
    if (l == NULL)
        return false;
    assert(c->state == NULL);
    l->c = c;
    l->next = proc->listeners;
    proc->listeners = l;
    proc->listeners_n++;
    c->state = proc;
    tell_start(proc, c);
    return true;
}

bool dm_proc_replay(dm_procs *p, const dm_m_selector *sel, dm_rpc *c)
{
    const dm_ended *ended = dm_ended_find(p, sel);
    if (ended == NULL)
        return false;
    dm_end_words words;
    dm_m_event e = {.has_event = true};
    e.event.has_start = true;
    e.event.start.pid = ended->pid;
    dm_rpc_open(c);
    dm_rpc_send(c, &e);
    dm_ended_event(&ended->end, &words, &e);
    dm_rpc_send(c, &e);
    dm_rpc_done(c);
    return true;
}

void dm_proc_listener_room(dm_rpc *c)
{
    if (c->state != NULL)
        resume(c->state);
}

void dm_proc_listener_gone(dm_rpc *c)
{
    dm_proc *proc = c->state;
    if (proc == NULL)
        return;
    for (dm_listener **at = &proc->listeners; *at != NULL; at = &(*at)->next) {
        dm_listener *l = *at;
        if (l->c != c)
            continue;
        *at = l->next;
        proc->listeners_n--;
        free(l);
        break;
    }
    if (proc->owner == c)
        proc->owner = NULL;
    c->state = NULL;
    resume(proc);
}

/* --- starting ----------------------------------------------------------------------------------------------- */

static void on_limit(void *arg)
{
    static const char cure[] =
            "look for endless loops, speed up slow operations, break the task into smaller steps, or ask"
            " for a longer timeout";
    dm_proc *proc = arg;
    char line[320];
    proc->hurry = true;
    if (!proc->exited)
        (void)kill(proc->pid, SIGKILL);
    (void)snprintf(line, sizeof(line), "process %d was ended after its timeout: %s", (int)proc->pid, cure);
    dm_guest_say(proc->procs->g, "warn", line);
    if (proc->owner != NULL) {
        dm_rpc *c = proc->owner;
        proc->owner = NULL;
        dm_rpc_fail(c, DM_CC_DEADLINE_EXCEEDED, "context deadline exceeded: %s", cure);
    }
    if (proc->exited) {
        cut(proc);
        settle(proc);
    }
}

/* The order is the contract's: later wins. */
static int make_env(
        dm_procs *p, const dm_user *user, const dm_m_config *config, const char *cwd, dm_env *env, dm_err *err)
{
    int r = dm_env_set(env, "PATH", p->path, err);
    r = r < 0 ? r : dm_env_set(env, "HOME", user->home, err);
    r = r < 0 ? r : dm_env_set(env, "USER", user->name, err);
    r = r < 0 ? r : dm_env_set(env, "LOGNAME", user->name, err);
    json_t *defaults = p->g->identity.env;
    for (void *i = json_object_iter(defaults); i != NULL && r == 0; i = json_object_iter_next(defaults, i)) {
        const char *value = json_string_value(json_object_iter_value(i));
        r = value == NULL ? 0 : dm_env_set(env, json_object_iter_key(i), value, err);
    }
    for (size_t i = 0; i < config->envs.n && r == 0; i++)
        r = dm_env_set(env, config->envs.v[i].key, config->envs.v[i].value, err);
    return r < 0 ? r : dm_env_set(env, "PWD", cwd, err);
}

/* The child's three descriptors and our ends of them. */
typedef struct plumbing {
    int child[3];
    int in, out[2];
} plumbing;

static void plumbing_done(plumbing *p)
{
    for (unsigned i = 0; i < 3; i++)
        dm_fd_closep(&p->child[i]);
    dm_fd_closep(&p->in);
    for (unsigned i = 0; i < 2; i++)
        dm_fd_closep(&p->out[i]);
}

static int make_pipe(int *read_end, int *write_end, const int *ours, dm_err *err)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
        return dm_fail_sys(err, errno, "pipe");
    *read_end = fd[0];
    *write_end = fd[1];
    if (fcntl(*ours, F_SETFL, O_NONBLOCK) != 0)
        return dm_fail_sys(err, errno, "pipe");
    return 0;
}

static int plumb(dm_procs *p, const dm_m_start *req, const dm_user *user, plumbing *out, dm_err *err)
{
    if (req->has_pty)
        return dm_pty_open(&req->pty, user, out->child, &out->in, &out->out[0], err);
    int r;
    if (!req->has_stdin || req->stdin_) {
        r = make_pipe(&out->child[0], &out->in, &out->in, err);
    } else {
        out->child[0] = fcntl(p->null_fd, F_DUPFD_CLOEXEC, 3);
        r = out->child[0] < 0 ? dm_fail_sys(err, errno, "dup") : 0;
    }
    for (unsigned i = 0; i < 2 && r == 0; i++)
        r = make_pipe(&out->out[i], &out->child[1 + i], &out->out[i], err);
    return r;
}

static int run(dm_procs *p, const dm_user *user, const dm_m_start *req, const char *cwd, const plumbing *pl, pid_t *pid,
        dm_err *err)
{
    const dm_m_config *config = &req->process;
    DM_AUTO_ENV env = {.v = NULL};
    int r = make_env(p, user, config, cwd, &env, err);
    if (r < 0)
        return r;
    /* One slot in front for the spawner. */
    DM_AUTO_MEM char **argv = calloc(config->args.n + 3, sizeof(*argv));
    if (argv == NULL)
        return dm_fail(err, DM_E_NOMEM, "arguments");
    union {
        const char *from;
        char *to; /* execve takes what it does not change */
    } word = {.from = config->cmd};
    argv[1] = word.to;
    for (size_t i = 0; i < config->args.n; i++) {
        word.from = config->args.v[i];
        argv[2 + i] = word.to;
    }
    gid_t groups[DM_USER_GROUPS];
    const char *path = dm_env_get(&env, "PATH");
    dm_spawn what = {
            .cmd = config->cmd,
            .argv = argv + 1,
            .envp = env.v,
            .path = path != NULL ? path : "",
            .cwd = cwd,
            .uid = user->uid,
            .gid = user->gid,
            .groups = groups,
            .groups_n = dm_users_groups(p->g->users, user, groups),
            .fd = {pl->child[0], pl->child[1], pl->child[2]},
            .tty = req->has_pty,
    };
    return dm_spawn_run(p->spawner, &what, pid, err);
}

/* From here on nothing may fail: the process runs. */
static void adopt(dm_proc *proc, dm_rpc *c, const dm_m_start *req, plumbing *pl)
{
    dm_procs *p = proc->procs;
    assert(proc->pid > 0 && proc->listeners == NULL);
    proc->message = c->message;
    c->message = (dm_message){.tree = NULL};
    proc->config = req->process;
    proc->tag = req->has_tag ? req->tag : NULL;
    proc->pty = req->has_pty;
    proc->inputs_end = &proc->inputs;
    proc->in = dm_steal_fd(&pl->in);
    for (unsigned i = 0; i < 2; i++) {
        dm_output *o = &proc->out[i];
        *o = (dm_output){.proc = proc, .fd = dm_steal_fd(&pl->out[i])};
        watch_output(o);
    }
    dm_proc **at = bucket(p, proc->pid);
    proc->next = *at;
    *at = proc;
    p->n++;
    if (proc->limit != NULL)
        dm_timer_in(proc->limit, c->timeout_ms * 1000);
    if (dm_proc_listen(proc, c))
        proc->owner = c;
    else
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory to listen to the process");
}

int dm_proc_start(dm_procs *p, dm_rpc *c, const dm_m_start *req, dm_err *err)
{
    dm_guest_path cwd;
    struct stat st;
    if (p->n >= DM_PROCS_MAX)
        return DM_PROC_FULL;
    if (req->has_tag && strlen(req->tag) > DM_TAG_MAX)
        return dm_fail(err, DM_E_INVALID, "a tag of more than %d bytes", DM_TAG_MAX);
    const char *asked = req->process.has_cwd ? req->process.cwd : "";
    int r = dm_path_resolve(asked, &c->user, p->g->identity.workdir, &cwd, err);
    if (r < 0)
        return r;
    if (stat(cwd.s, &st) != 0 || !S_ISDIR(st.st_mode)) {
        (void)dm_fail(err, DM_E_INVALID, "cwd '%s' does not exist or is not a directory", cwd.s);
        return DM_PROC_BAD_CWD;
    }
    __attribute__((cleanup(plumbing_done))) plumbing pl = {{-1, -1, -1}, -1, {-1, -1}};
    r = plumb(p, req, &c->user, &pl, err);
    if (r < 0)
        return r;
    dm_proc *proc = calloc(1, sizeof(*proc));
    if (proc == NULL)
        return dm_fail(err, DM_E_NOMEM, "process");
    proc->procs = p;
    r = c->timeout_ms > 0 ? dm_loop_timer(p->g->loop, on_limit, proc, &proc->limit, err) : 0;
    if (r == 0)
        r = run(p, &c->user, req, cwd.s, &pl, &proc->pid, err);
    if (r != 0) {
        dm_timer_free(proc->limit);
        free(proc);
        return r == DM_SPAWN_CWD ? DM_PROC_BAD_CWD : r == DM_SPAWN_TOO_LONG ? DM_PROC_TOO_LONG : r;
    }
    adopt(proc, c, req, &pl);
    return 0;
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

bool dm_proc_is_pty(const dm_proc *proc)
{
    return proc->pty;
}

uint32_t dm_proc_pid(const dm_proc *proc)
{
    return (uint32_t)proc->pid;
}

int dm_proc_resize(dm_proc *proc, const dm_m_size *size, dm_err *err)
{
    if (!proc->pty || proc->out[0].fd < 0)
        return dm_fail(err, DM_E_INVALID, "the process has no terminal");
    return dm_pty_resize(proc->out[0].fd, size, err);
}

int dm_proc_signal(dm_proc *proc, int signal, dm_err *err)
{
    /* An exited one is only waiting for its children to let go of its pipes; its number may be somebody else's. */
    if (!proc->exited && kill(proc->pid, signal) != 0)
        return dm_fail_sys(err, errno, "signal");
    if (proc->exited) {
        cut(proc);
        settle(proc);
    } else {
        proc->hurry = true;
    }
    return 0;
}

int dm_procs_list(dm_procs *p, dm_message *memory, dm_m_list *out, dm_err *err)
{
    dm_m_process *v = dm_message_alloc(memory, (p->n + 1) * sizeof(*v));
    if (v == NULL)
        return dm_fail(err, DM_E_NOMEM, "list");
    size_t n = 0;
    for (size_t i = 0; i < DM_PROC_BUCKETS; i++) {
        for (const dm_proc *proc = p->buckets[i]; proc != NULL && n < p->n; proc = proc->next)
            v[n++] = (dm_m_process){.has_config = true,
                    .config = proc->config,
                    .pid = (uint32_t)proc->pid,
                    .has_tag = proc->tag != NULL,
                    .tag = proc->tag};
    }
    assert(n == p->n);
    *out = (dm_m_list){{v, n}};
    return 0;
}
