/* An operation on a VM is a row of steps; each is a command to QEMU, answered later, or a job on the pool. `next` is
 * what happens then, and dm_qemu_op_end is where every way ends: well, refused, too late, or with QEMU gone. It calls
 * the owner, who may destroy the VM on the spot, so it says whether the VM is still there, and `gone` carries the same
 * through callbacks inside callbacks.
 *
 * A step that failed or came too late may have half happened: nobody knows whether the guest runs. Such a VM is BROKEN,
 * and all that is left is to destroy it. From where QEMU has done its part, an operation is `harmless` (a save that
 * finds no room on the disk): its failure leaves the VM as it was, unless it is too late, when an answer may still be
 * under way.
 *
 * Two messengers bring the end of a process, its pidfd and the end of its QMP socket, in either order. The socket may
 * still hold what it said last (the guest shut down; it panicked), and that decides what the end is called, so
 * whichever comes first waits for the second, for END_WAIT at most. If QMP is gone and the process is not, nobody can
 * steer it any more, and it is killed. For the same reason a command that fails because the socket closed does not end
 * its operation: the end of the process does, in better words.
 *
 * A job on the pool cannot be called back. It has copies of all it needs, and knows its VM only to return to; when the
 * VM is destroyed meanwhile it loses that, finishes alone and frees itself. A process takes its time to die (its memory
 * is given back, page by page: 9 ms of a small one on a busy host), and the loop has others to serve: it is left to a
 * mourner there, which reaps it. */
#include "workers/vmm/qemu/vm.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "workers/vmm/qemu/host.h"
#include "workers/vmm/qemu/sock.h"

enum {
    QMP_GRACE_MS = 2000, /* the operation's own deadline comes first */
    END_WAIT_US = 1000000,
    SLOW_US = 1000000, /* so long a process takes to die before that is said */
};

/* --- operations --------------------------------------------------------------------------------------------- */

int dm_qemu_op_begin(dm_vm *vm, const char *name, unsigned limit_ms, dm_vm_done_fn done, void *arg, dm_err *err)
{
    if (vm->op.name != NULL)
        return dm_fail(err, DM_E_CONFLICT, "%s: %s is under way", name, vm->op.name);
    if (vm->state == DM_QEMU_BROKEN || vm->state == DM_QEMU_GONE)
        return dm_fail(err, DM_E_UNAVAILABLE, "%s: the VM is broken", name);
    vm->op = (struct dm_qemu_op){.name = name, .done = done, .arg = arg, .limit_ms = limit_ms, .device = -1};
    dm_timer_in(vm->op_timer, (int64_t)limit_ms * 1000);
    return 0;
}

void dm_qemu_op_forget(dm_vm *vm)
{
    free(vm->op.dir);
    dm_fd_closep(&vm->op.device);
    vm->op = (struct dm_qemu_op){.name = NULL, .device = -1};
    dm_timer_clear(vm->op_timer);
}

bool dm_qemu_op_end(dm_vm *vm, int r, const dm_err *err)
{
    if (vm->op.name == NULL)
        return true;
    struct dm_qemu_op op = vm->op; /* of its resources nothing is used any more */
    dm_err why = {.code = 0};
    dm_qemu_op_forget(vm);
    if (vm->poll_timer != NULL)
        dm_timer_clear(vm->poll_timer);
    if (r < 0) {
        why = *err;
        (void)dm_wrap(&why, "%s", op.name);
        if (vm->state != DM_QEMU_GONE && (!op.harmless || r == DM_E_TIMEOUT))
            vm->state = DM_QEMU_BROKEN;
    }
    bool gone = false, *outer = vm->gone;
    vm->gone = &gone;
    op.done(op.arg, r, r < 0 ? &why : NULL);
    if (!gone)
        vm->gone = outer;
    else if (outer != NULL)
        *outer = true;
    return !gone;
}

static void op_late(void *arg)
{
    dm_vm *vm = arg;
    dm_err err;
    (void)dm_fail(&err, DM_E_TIMEOUT, "not done within %u ms", vm->op.limit_ms);
    (void)dm_qemu_op_end(vm, err.code, &err);
}

static void on_step(void *arg, int r, const json_t *value, const dm_err *err)
{
    dm_vm *vm = arg;
    if (vm->op.name == NULL) /* it was given up */
        return;
    if (r == DM_E_UNAVAILABLE) /* QEMU is about to end: its last words say more */
        return;
    if (r == DM_E_DENIED && vm->op.refused != NULL) {
        dm_qemu_step_fn refused = vm->op.refused;
        vm->op.refused = NULL;
        vm->op.why = *err;
        refused(vm, NULL);
        return;
    }
    if (r < 0)
        (void)dm_qemu_op_end(vm, r, err);
    else
        vm->op.next(vm, value);
}

int dm_qemu_step_try(dm_vm *vm, const char *command, dm_str arguments, int fd, dm_qemu_step_fn next, dm_err *err)
{
    assert(vm->op.name != NULL && vm->qmp != NULL);
    vm->op.next = next;
    return dm_qmp_call(vm->qmp, command, arguments, fd, vm->op.limit_ms + QMP_GRACE_MS, on_step, vm, err);
}

void dm_qemu_step(dm_vm *vm, const char *command, dm_str arguments, int fd, dm_qemu_step_fn next)
{
    dm_err err;
    int r = dm_qemu_step_try(vm, command, arguments, fd, next, &err);
    if (r < 0)
        (void)dm_qemu_op_end(vm, r, &err);
}

/* --- jobs --------------------------------------------------------------------------------------------------- */

static void work_free(dm_qemu_work *w)
{
    dm_qemu_snap_done(&w->snap);
    free(w);
}

static void work_back(void *arg)
{
    dm_qemu_work *w = arg;
    dm_vm *vm = w->vm;
    if (vm != NULL) {
        vm->work = NULL;
        if (vm->op.name == NULL)
            ; /* given up meanwhile */
        else if (w->r < 0)
            (void)dm_qemu_op_end(vm, w->r, &w->err);
        else
            w->then(vm, w);
    }
    work_free(w);
}

static void work_run(dm_job *job)
{
    dm_qemu_work *w = (dm_qemu_work *)(void *)job;
    w->r = w->fn(w, &w->err);
    dm_loop_post(w->loop, &w->call);
}

int dm_qemu_work_start(dm_vm *vm, int (*fn)(dm_qemu_work *w, dm_err *err), void (*then)(dm_vm *vm, dm_qemu_work *w),
        const char *dir, int device, dm_err *err)
{
    DM_AUTO_FD own = device;
    assert(vm->op.name != NULL && vm->work == NULL);
    dm_qemu_work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a job");
    *w = (dm_qemu_work){.job.fn = work_run, .loop = vm->env->loop, .vm = vm, .fn = fn, .then = then};
    w->call = (dm_call){.fn = work_back, .arg = w};
    w->kind = vm->op.kind;
    int r = dm_qemu_snap_init(&w->snap, &vm->config, vm->accel, vm->version, dir, err);
    if (r == 0 && vm->proc.pidfd >= 0)
        r = dm_proc_dir(&vm->proc, &w->snap.proc_dir, err);
    w->snap.device = dm_steal_fd(&own);
    w->snap.tsc_khz = vm->tsc_khz;
    w->snap.now_us = dm_wall_us(dm_loop_clock(vm->env->loop));
    dm_exec *exec = dir != NULL && vm->env->images != NULL ? vm->env->images : vm->env->exec;
    if (r == 0 && dm_exec_submit(exec, &w->job) == DM_EXEC_FULL)
        r = dm_fail(err, DM_E_LIMIT, "too many jobs are waiting");
    if (r < 0) {
        work_free(w);
        return r;
    }
    vm->work = w;
    return 0;
}

/* --- the process's end -------------------------------------------------------------------------------------- */

static void tell_end(dm_vm *vm)
{
    assert(vm->exited && vm->state != DM_QEMU_GONE);
    int status = dm_proc_reap(&vm->proc);
    dm_vm_event ev = {.end = vm->end, .status = -1};
    if (status != -1 && WIFSIGNALED(status)) {
        ev.status = WTERMSIG(status);
        if (ev.end == DM_VM_EXITED)
            ev.end = DM_VM_SIGNALLED;
    } else if (status != -1) {
        ev.status = WEXITSTATUS(status);
    }
    vm->state = DM_QEMU_GONE;
    dm_watch_free(vm->exit_watch);
    vm->exit_watch = NULL;
    dm_timer_clear(vm->end_timer);
    dm_err err;
    const char *last = dm_sink_last(vm->sink);
    (void)dm_fail(&err, DM_E_UNAVAILABLE, "QEMU has ended%s%s", last[0] != '\0' ? ": " : "", last);
    DM_LOG(vm->env->log, DM_INFO, "vmm.ended", dm_fi("pid", vm->proc.pid), dm_fi("status", ev.status),
            dm_fi("end", (int)ev.end), dm_fs("last", last));
    if (!dm_qemu_op_end(vm, err.code, &err))
        return;
    if (vm->on_event != NULL)
        vm->on_event(vm->event_arg, &ev);
}

/* Whichever of pidfd and QMP is second, or the wait for it. */
static void on_end_timer(void *arg)
{
    dm_vm *vm = arg;
    if (vm->exited) {
        tell_end(vm);
        return;
    }
    /* QMP is gone, the process is not: nobody can steer it any more. */
    vm->end = DM_VM_KILLED_BY_US;
    (void)pidfd_send_signal(vm->proc.pidfd, SIGKILL, NULL, 0);
}

static void on_exit_fd(void *arg, uint32_t events)
{
    dm_vm *vm = arg;
    (void)events;
    vm->exited = true;
    dm_watch_free(vm->exit_watch);
    vm->exit_watch = NULL;
    if (vm->qmp_ended || vm->qmp == NULL)
        tell_end(vm);
    else
        dm_timer_in(vm->end_timer, END_WAIT_US);
}

static void on_qmp_end(void *arg, const dm_err *why)
{
    dm_vm *vm = arg;
    vm->qmp_ended = true;
    if (vm->state == DM_QEMU_GONE) /* this was waited for too long, and the end told */
        return;
    if (vm->exited) {
        tell_end(vm);
        return;
    }
    dm_timer_in(vm->end_timer, END_WAIT_US);
    vm->state = DM_QEMU_BROKEN;
    if (why->code != DM_E_UNAVAILABLE && !dm_qemu_op_end(vm, why->code, why))
        return;
}

static void on_qmp_ready(void *arg, const char *version)
{
    dm_vm *vm = arg;
    memcpy(vm->version, version, sizeof(vm->version));
    if (vm->op.name != NULL) /* else it was given up, and is broken */
        vm->on_ready(vm, NULL);
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
    dm_vm *vm = arg;
    if (strcmp(name, "GUEST_PANICKED") == 0) {
        vm->end = DM_VM_GUEST_PANIC;
        return;
    }
    if (strcmp(name, "SHUTDOWN") != 0 || vm->end != DM_VM_EXITED)
        return;
    const char *reason = dm_json_c(data, "reason");
    if (reason == NULL)
        return;
    /* Our kernels reset the machine when they panic (panic=-1). A reset that the guest's own users wish comes after the
     * agent's "shutdown", which the worker has heard. */
    if (strcmp(reason, "guest-panic") == 0 || strcmp(reason, "guest-reset") == 0)
        vm->end = DM_VM_GUEST_PANIC;
    else if (strcmp(reason, "guest-shutdown") == 0)
        vm->end = DM_VM_GUEST_SHUTDOWN;
}

int dm_qemu_vm_attach(dm_vm *vm, dm_qemu_step_fn on_ready, dm_err *err)
{
    const dm_qmp_config config = {.on_ready = on_qmp_ready, .on_event = on_qmp_event, .on_end = on_qmp_end, .arg = vm};
    DM_AUTO_FD fd = -1;
    vm->on_ready = on_ready;
    int r = dm_qemu_dial(vm->config.run_dir, DM_QEMU_QMP_SOCK, &fd, err);
    if (r == 0)
        r = dm_qmp_new(vm->env->loop, fd, &config, &vm->qmp, err);
    if (r < 0)
        return r;
    (void)dm_steal_fd(&fd);
    return dm_loop_watch(vm->env->loop, vm->proc.pidfd, EPOLLIN, on_exit_fd, vm, &vm->exit_watch, err);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static int copy(const char *from, const char **out, dm_err *err)
{
    if (from == NULL)
        return 0;
    *out = strdup(from);
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for a path");
}

static int fill(dm_vm *vm, const dm_vmm_env *env, const dm_vm_config *config, dm_err *err)
{
    vm->env = env;
    vm->proc.pidfd = -1;
    vm->op.device = -1;
    vm->config = (dm_vm_config){.vcpus = config->vcpus, .mem_mib = config->mem_mib, .tap_fd = config->tap_fd};
    vm->config.uid = config->uid;
    vm->config.groups = config->groups;
    vm->config.group = config->group;
    int r = dm_qemu_accel(env, &vm->accel, err);
    if (r == 0)
        r = copy(config->image_dir, &vm->config.image_dir, err);
    if (r == 0)
        r = copy(config->base_dir, &vm->config.base_dir, err);
    if (r == 0)
        r = copy(config->run_dir, &vm->config.run_dir, err);
    if (r == 0)
        r = copy(config->disk, &vm->config.disk, err);
    if (r == 0)
        r = dm_loop_timer(env->loop, op_late, vm, &vm->op_timer, err);
    if (r == 0)
        r = dm_loop_timer(env->loop, on_end_timer, vm, &vm->end_timer, err);
    return r;
}

int dm_qemu_vm_new(const dm_vmm_env *env, const dm_vm_config *config, dm_vm **out, dm_err *err)
{
    dm_vm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a VM");
    int r = fill(vm, env, config, err);
    if (r < 0) {
        dm_qemu_vm_free(vm);
        return r;
    }
    *out = vm;
    return 0;
}

/* Waits on the loop for a process that was killed. */
struct mourner {
    const dm_vmm_env *env;
    dm_proc proc;
    dm_watch *watch;
    dm_timer *slow;
};

static void leave_grave(struct mourner *m)
{
    dm_watch_free(m->watch);
    dm_timer_free(m->slow);
    (void)close(m->proc.pidfd);
    free(m);
}

static void on_dead(void *arg, uint32_t events)
{
    struct mourner *m = arg;
    (void)events;
    (void)dm_proc_reap(&m->proc);
    leave_grave(m);
}

static void on_slow(void *arg)
{
    const struct mourner *m = arg;
    DM_LOG(m->env->log, DM_WARN, "vmm.dies_slowly", dm_fi("pid", m->proc.pid));
}

static void mourn(const dm_vmm_env *env, const dm_proc *proc)
{
    struct mourner *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        (void)close(proc->pidfd);
        return;
    }
    *m = (struct mourner){.env = env, .proc = *proc};
    if (dm_loop_watch(env->loop, proc->pidfd, EPOLLIN, on_dead, m, &m->watch, NULL) < 0 ||
            dm_loop_timer(env->loop, on_slow, m, &m->slow, NULL) < 0)
        leave_grave(m);
    else
        dm_timer_in(m->slow, SLOW_US);
}

/* -1: nothing is left that would have to die, or it has to be waited for here. */
static int let_die(dm_vm *vm)
{
    int dies = vm->proc.pidfd >= 0 && !vm->exited ? fcntl(vm->proc.pidfd, F_DUPFD_CLOEXEC, 0) : -1;
    if (dies < 0)
        return -1;
    (void)pidfd_send_signal(vm->proc.pidfd, SIGKILL, NULL, 0);
    dm_watch_free(vm->exit_watch);
    vm->exit_watch = NULL;
    mourn(vm->env, &vm->proc);
    vm->proc.pidfd = -1;
    return dies;
}

void dm_qemu_vm_destroy(dm_vm *vm, int *dies)
{
    if (dies != NULL)
        *dies = let_die(vm);
    dm_qemu_vm_free(vm);
}

void dm_qemu_vm_free(dm_vm *vm)
{
    if (vm == NULL)
        return;
    if (vm->gone != NULL)
        *vm->gone = true;
    assert(vm->work == NULL || vm->work->vm == vm);
    if (vm->work != NULL)
        vm->work->vm = NULL;
    free(vm->op.dir);
    dm_fd_closep(&vm->op.device);
    dm_watch_free(vm->exit_watch);
    if (vm->proc.pidfd >= 0 && !dm_proc_kill(&vm->proc))
        mourn(vm->env, &vm->proc);
    dm_qmp_free(vm->qmp);
    dm_sink_free(vm->sink);
    dm_timer_free(vm->op_timer);
    dm_timer_free(vm->poll_timer);
    dm_timer_free(vm->end_timer);
    free((void *)(uintptr_t)vm->config.image_dir);
    free((void *)(uintptr_t)vm->config.base_dir);
    free((void *)(uintptr_t)vm->config.run_dir);
    free((void *)(uintptr_t)vm->config.disk);
    free(vm);
}
