#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/support/workerrig.h"
#include "workers/vmm/manifest.h"

static rig *rig_of_env(const dm_vmm_env *env)
{
    return (rig *)(uintptr_t)((const char *)env - offsetof(dm_host, env));
}

/* --- the guest ---------------------------------------------------------------------------------------------- */

static void guest_line(rig *r, rig_proc *p, const char *line)
{
    char out[512];
    DM_AUTO(json_t) o = NULL;
    if (*line == '\0')
        return;
    assert_int_equal(dm_json_load(dm_str_c(line), 4096, &o, NULL), 0);
    const char *op = json_string_value(json_object_get(o, "op"));
    r->stats += strcmp(op, "stats") == 0;
    if (r->deaf)
        return;
    long long seq = json_integer_value(json_object_get(o, "seq"));
    if (strcmp(op, "sync") == 0)
        (void)snprintf(out, sizeof(out), "%s\n", line);
    else if (r->confused)
        (void)snprintf(out, sizeof(out), "{\"seq\":%lld,\"ok\":false,\"error\":\"I cannot\"}\n", seq);
    else
        (void)snprintf(out, sizeof(out), "{\"seq\":%lld,\"ok\":true,\"mem_used\":2097152,\"wall_us\":7000000}\n", seq);
    if (strcmp(op, "resume") == 0) {
        r->resumed++;
        (void)snprintf(r->told, sizeof(r->told), "%s", line);
    }
    r->quiesced += strcmp(op, "quiesce") == 0;
    assert_int_equal(send(p->guest, out, strlen(out), MSG_NOSIGNAL), (int)strlen(out));
}

typedef struct rig_ear {
    rig *r;
    rig_proc *p;
} rig_ear;

static rig_ear rig_ears[RIG_PROCS];

static void guest_hears(void *arg, uint32_t events)
{
    const rig_ear *e = arg;
    rig_proc *p = e->p;
    (void)events;
    ssize_t got = recv(p->guest, p->line + p->n, sizeof(p->line) - 1 - p->n, MSG_DONTWAIT);
    if (got <= 0) { /* the worker let go */
        dm_watch_free(dm_steal(&p->hear));
        (void)close(p->guest);
        p->guest = -1;
        return;
    }
    p->n += (size_t)got;
    char *end;
    while ((end = memchr(p->line, '\n', p->n)) != NULL) {
        *end = '\0';
        guest_line(e->r, p, p->line);
        p->n -= (size_t)(end + 1 - p->line);
        memmove(p->line, end + 1, p->n);
    }
}

/* --- the VMM ------------------------------------------------------------------------------------------------ */

void rig_proc_die(rig_proc *p)
{
    p->alive = p->running = false;
    dm_watch_free(p->hear);
    p->hear = NULL;
    if (p->guest >= 0)
        (void)close(p->guest);
    p->guest = -1;
    p->n = 0;
}

static void vm_answers(void *arg)
{
    dm_vm *vm = arg;
    rig *r = vm->r;
    dm_err err = {0};
    int result = vm->result;
    if (r->hangs[vm->call]) {
        dm_timer_in(vm->later, 1000);
        return;
    }
    if (r->dies[vm->call]) {
        r->dies[vm->call] = false;
        rig_proc_die(vm->proc);
        vm->on_event(vm->event_arg, &(dm_vm_event){DM_VM_SIGNALLED, 11});
        result = DM_E_UNAVAILABLE;
    }
    if (result < 0)
        (void)dm_fail(&err, result, "as the test wants it");
    vm->done(vm->done_arg, result, &err); /* may free vm */
}

static int vm_call(dm_vm *vm, rig_call call, dm_vm_done_fn done, void *arg, dm_err *err)
{
    rig *r = vm->r;
    (void)err;
    r->calls[call]++;
    vm->call = call;
    vm->done = done;
    vm->done_arg = arg;
    vm->result = r->fails[call];
    r->fails[call] = 0;
    dm_timer_in(vm->later, 0);
    return 0;
}

static int vm_new(rig *r, rig_proc *p, dm_vm_event_fn on_event, void *arg, dm_vm **out, dm_err *err)
{
    dm_vm *vm = calloc(1, sizeof(*vm));
    assert_non_null(vm);
    *vm = (dm_vm){.r = r, .proc = p, .on_event = on_event, .event_arg = arg};
    assert_int_equal(dm_loop_timer(r->h.loop, vm_answers, vm, &vm->later, err), 0);
    p->vm = vm;
    *out = vm;
    return 0;
}

static int play_check(const dm_vmm_env *env, const dm_vm_config *config, dm_err *err)
{
    (void)env;
    (void)config;
    (void)err;
    return 0;
}

static int play_spawn(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
        void *arg, dm_vm **out, dm_err *err)
{
    rig *r = rig_of_env(env);
    rig_proc *p = r->procs;
    while (p < r->procs + RIG_PROCS && (p->alive || p->hear != NULL))
        p++;
    assert_true(p < r->procs + RIG_PROCS);
    struct stat st;
    assert_int_equal(stat(config->disk, &st), 0);
    *p = (rig_proc){.alive = true, .guest = -1};
    (void)snprintf(p->run_dir, sizeof(p->run_dir), "%s", config->run_dir);
    assert_int_equal(vm_new(r, p, on_event, arg, out, err), 0);
    return vm_call(*out, CALL_SPAWN, done, arg, err);
}

static int play_adopt(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
        void *arg, dm_vm **out, dm_err *err)
{
    rig *r = rig_of_env(env);
    for (rig_proc *p = r->procs; p < r->procs + RIG_PROCS; p++) {
        if (!p->alive || strcmp(p->run_dir, config->run_dir) != 0)
            continue;
        assert_int_equal(vm_new(r, p, on_event, arg, out, err), 0);
        int x = vm_call(*out, CALL_ADOPT, done, arg, err);
        if ((*out)->result == 0)
            (*out)->result = p->running ? 0 : 1;
        return x;
    }
    return dm_fail(err, DM_E_NOTFOUND, "no such process");
}

static int play_load(dm_vm *vm, const char *delta_dir, dm_vm_done_fn done, void *arg, dm_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    if (delta_dir != NULL) {
        (void)snprintf(path, sizeof(path), "%s/delta", delta_dir);
        if (stat(path, &st) < 0)
            return dm_fail(err, DM_E_NOTFOUND, "%s is not there", path);
    }
    return vm_call(vm, CALL_LOAD, done, arg, err);
}

static int play_run(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err)
{
    vm->proc->running = true;
    return vm_call(vm, CALL_RUN, done, arg, err);
}

static int play_stop(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err)
{
    vm->proc->running = false;
    return vm_call(vm, CALL_STOP, done, arg, err);
}

static int play_save(dm_vm *vm, enum dm_vm_save kind, const char *dir, dm_vm_done_fn done, void *arg, dm_err *err)
{
    static const char *const files[] = {"delta", "device"};
    static char text[] = "x", delta[] = "delta";
    const dm_manifest m = {.format = DM_MANIFEST_FORMAT,
            .id = text,
            .kind = delta,
            .base = text,
            .vmm = text,
            .machine = text,
            .devices = text,
            .accel = text,
            .cpu = text,
            .firmware = text,
            .image = text,
            .vcpus = 1,
            .mem_mib = 256};
    (void)kind;
    assert_false(vm->proc->running);
    for (size_t i = 0; i < DM_LEN(files); i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        assert_int_equal(dm_file_write(path, DM_STR("x"), 0600, err), 0);
    }
    assert_int_equal(dm_manifest_write(dir, &m, err), 0);
    return vm_call(vm, CALL_SAVE, done, arg, err);
}

static int play_stats(dm_vm *vm, dm_vm_stats *out, dm_err *err)
{
    (void)err;
    *out = (dm_vm_stats){.cpu_us = (uint64_t)vm->r->clock.mono / 10, .rss_private_kib = 4096, .rss_shared_kib = 8192};
    return 0;
}

static int64_t play_pid(const dm_vm *vm)
{
    return vm->proc - vm->r->procs + 1;
}

static int play_agent_fd(dm_vm *vm, int *out, dm_err *err)
{
    int fd[2];
    rig_proc *p = vm->proc;
    size_t i = (size_t)(p - vm->r->procs);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    if (p->guest >= 0) {
        dm_watch_free(p->hear);
        (void)close(p->guest);
    }
    p->guest = fd[0];
    p->n = 0;
    rig_ears[i] = (rig_ear){vm->r, p};
    assert_int_equal(dm_loop_watch(vm->r->h.loop, p->guest, EPOLLIN, guest_hears, &rig_ears[i], &p->hear, err), 0);
    *out = fd[1];
    return 0;
}

static void play_destroy(dm_vm *vm, int *dies)
{
    rig *r = vm->r;
    if (dies != NULL)
        *dies = r->lingers ? fcntl(r->grave[0], F_DUPFD_CLOEXEC, 0) : -1;
    rig_proc_die(vm->proc);
    vm->proc->vm = NULL;
    dm_timer_free(vm->later);
    free(vm);
}

const dm_vmm_driver rig_vmm = {.name = "play",
        .check = play_check,
        .spawn = play_spawn,
        .adopt = play_adopt,
        .load = play_load,
        .run = play_run,
        .stop = play_stop,
        .save = play_save,
        .stats = play_stats,
        .pid = play_pid,
        .agent_fd = play_agent_fd,
        .destroy = play_destroy};

void rig_linger(rig *r)
{
    assert_int_equal(pipe2(r->grave, O_CLOEXEC), 0);
    r->lingers = true;
}

void rig_bury_vmms(rig *r)
{
    assert_int_equal(write(r->grave[1], "x", 1), 1);
    r->lingers = false;
}

void rig_vm_ended(rig_proc *p, dm_vm_event how)
{
    dm_vm *vm = p->vm;
    rig_proc_die(p);
    vm->on_event(vm->event_arg, &how);
}
