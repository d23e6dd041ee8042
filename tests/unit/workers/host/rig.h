/* tests/unit/workers/host/rig.h: a whole worker without a VM: its real loop, journal, pools, machines, slots (in
 * namespaces: root is needed) and orders, on a clock that stands until it is moved. Of the rest only the VMM is played:
 * a driver whose processes are rows of a table that outlive the worker, as real ones do, and whose guests answer the
 * agent's lines. A test says which call fails, hangs or kills its VM. A crash leaves the old worker where it is and
 * begins a new one on the same folder: what was not in the journal is gone. */
#ifndef DM_TESTS_UNIT_WORKERS_HOST_RIG_H
#define DM_TESTS_UNIT_WORKERS_HOST_RIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/wire/attest.h"
#include "base/wire/frame.h"

#include "tests/unit/test.h"
#include "workers/host/orders.h"
#include "workers/host/parts.h"

enum {
    RIG_PROCS = 64,
    RIG_SLOTS = 3,
    RIG_ORDERS = 32,
    RIG_PERIOD = 60,
    RIG_GRAVES = 256,
    RIG_SPINS = 60000,
    RIG_THREADS = 2
};

#define RIG_T0 1772359200ll /* 2026-03-01T10:00:00Z, where a period begins */

typedef enum rig_call { CALL_SPAWN, CALL_ADOPT, CALL_LOAD, CALL_RUN, CALL_STOP, CALL_SAVE, CALLS } rig_call;

/* A VMM's process with its guest. */
typedef struct rig_proc {
    bool alive, running;
    dm_vm *vm; /* the worker's hold on it, or NULL */
    char run_dir[PATH_MAX];
    int guest; /* the guest's end of the agent's channel, or -1 */
    dm_watch *hear;
    char line[4096];
    size_t n;
} rig_proc;

typedef struct rig rig;

struct dm_vm {
    rig *r;
    rig_proc *proc;
    dm_timer *later;
    dm_vm_done_fn done;
    dm_vm_event_fn on_event;
    void *done_arg, *event_arg;
    rig_call call;
    int result;
};

typedef struct rig_order {
    dm_req *req;
    int r; /* DM_HTTP_LATER while it waits */
} rig_order;

struct rig {
    dm_host h; /* h.env finds the rig */
    dm_worker_config conf;
    dm_clock_fake clock;
    dm_worker *w;
    dm_orders ctx;
    dm_http_config http;
    char dir[64], data[96], images[96], templates[96], live[96], prefix[8], base[16];
    rig_proc procs[RIG_PROCS];
    unsigned calls[CALLS];
    int fails[CALLS];  /* the next of these fails with this code */
    bool dies[CALLS];  /* the VM is gone in the next of these */
    bool hangs[CALLS]; /* these do not answer until rig_let */
    bool cold;         /* of the host that is booted next: restored guests need to be warmed */
    bool deaf;         /* guests do not answer */
    bool confused;     /* guests answer that they cannot */
    unsigned resumed, quiesced;
    char told[4096]; /* the last resume line */
    rig_order orders[RIG_ORDERS];
    size_t norders;
    bool frozen;
    int thaw;
};

static inline rig *rig_of_env(const dm_vmm_env *env)
{
    return (rig *)(uintptr_t)((const char *)env - offsetof(dm_host, env));
}

/* --- the guest ---------------------------------------------------------------------------------------------- */

static inline void guest_line(rig *r, rig_proc *p, const char *line)
{
    char out[512];
    DM_AUTO(json_t) o = NULL;
    if (*line == '\0' || r->deaf)
        return;
    assert_int_equal(dm_json_load(dm_str_c(line), 4096, &o, NULL), 0);
    const char *op = json_string_value(json_object_get(o, "op"));
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

/* Dead workers: they end with their process, and here it is the test's. */
static struct {
    dm_host h;
    dm_worker *w;
} rig_graves[RIG_GRAVES];
static size_t rig_ngraves;

static inline void rig_bury(const rig *r)
{
    assert_true(rig_ngraves < RIG_GRAVES);
    rig_graves[rig_ngraves].h = r->h;
    rig_graves[rig_ngraves++].w = r->w;
}

static inline void guest_hears(void *arg, uint32_t events)
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

static inline void proc_die(rig_proc *p)
{
    p->alive = p->running = false;
    dm_watch_free(p->hear);
    p->hear = NULL;
    if (p->guest >= 0)
        (void)close(p->guest);
    p->guest = -1;
    p->n = 0;
}

static inline void vm_answers(void *arg)
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
        proc_die(vm->proc);
        vm->on_event(vm->event_arg, &(dm_vm_event){DM_VM_SIGNALLED, 11});
        result = DM_E_UNAVAILABLE;
    }
    if (result < 0)
        (void)dm_fail(&err, result, "as the test wants it");
    vm->done(vm->done_arg, result, &err); /* may free vm */
}

static inline int vm_call(dm_vm *vm, rig_call call, dm_vm_done_fn done, void *arg, dm_err *err)
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

static inline int vm_new(rig *r, rig_proc *p, dm_vm_event_fn on_event, void *arg, dm_vm **out, dm_err *err)
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
    static const char *const files[] = {"delta", "device", "manifest.json"};
    (void)kind;
    assert_false(vm->proc->running);
    for (size_t i = 0; i < DM_LEN(files); i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        assert_int_equal(dm_file_write(path, DM_STR("x"), 0600, err), 0);
    }
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

static void play_destroy(dm_vm *vm)
{
    proc_die(vm->proc);
    vm->proc->vm = NULL;
    dm_timer_free(vm->later);
    free(vm);
}

static const dm_vmm_driver play = {.name = "play",
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

/* It ends of itself, while nothing is asked of it. */
static inline void rig_vm_ended(rig_proc *p, dm_vm_event how)
{
    dm_vm *vm = p->vm;
    proc_die(p);
    vm->on_event(vm->event_arg, &how);
}

/* --- turning ------------------------------------------------------------------------------------------------ */

static inline void rig_turn(rig *r)
{
    dm_err err;
    if (dm_loop_once(r->h.loop, 500, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Turns until it is so; never for ever. */
#define rig_until(r, condition)                                                                                        \
    do {                                                                                                               \
        int spins_ = 0;                                                                                                \
        while (!(condition)) {                                                                                         \
            if (spins_++ == RIG_SPINS)                                                                                 \
                fail_msg("it never came: %s", #condition);                                                             \
            rig_turn(r);                                                                                               \
        }                                                                                                              \
    } while (0)

static inline void rig_settle(rig *r)
{
    for (int still = 0; still < 6;) {
        rig_turn(r);
        still = dm_exec_waiting(r->h.exec) == 0 && dm_journal_quiet(r->w->journal) ? still + 1 : 0;
    }
}

/* Second by second, so that nothing is framed in a lump. */
static inline void rig_seconds(rig *r, int n)
{
    while (n-- > 0) {
        dm_clock_fake_move(&r->clock, 1000000);
        int64_t ended = dm_second_of(dm_worker_now_us(r->w) - 20000) - 1;
        rig_until(r, r->w->at.last_second >= ended);
    }
}

/* Machines that nobody has yet. */
static inline uint32_t rig_ready(const rig *r)
{
    dm_pools_count n;
    dm_pools_counted(r->w->pools, &n);
    return n.ready;
}

static inline void rig_let(rig *r, rig_call call)
{
    r->hangs[call] = false;
    dm_clock_fake_move(&r->clock, 1000);
}

/* --- orders ------------------------------------------------------------------------------------------------- */

static inline dm_sandbox_id box_id(unsigned n)
{
    uint8_t random[16] = {0};
    random[15] = (uint8_t)n;
    random[7] = 1;
    return dm_sandbox_id_of_random(random);
}

static inline const char *box_name(unsigned n)
{
    static dm_sandbox_name name[4];
    static unsigned at;
    dm_sandbox_id id = box_id(n);
    name[at % 4] = dm_sandbox_name_of(&id);
    return name[at++ % 4].s;
}

static inline dm_box *box(rig *r, unsigned n)
{
    dm_sandbox_id id = box_id(n);
    return dm_boxes_find(r->w->boxes, &id);
}

static inline rig_order *rig_ask(rig *r, const char *method, const char *path, const char *body)
{
    dm_err err;
    assert_true(r->norders < RIG_ORDERS);
    rig_order *o = &r->orders[r->norders++];
    o->r = dm_http_call(&r->http, method, path, NULL, 0, dm_str_c(body), &o->req, &err);
    if (o->r < 0)
        fail_msg("%s", err.msg);
    return o;
}

static inline bool told(const rig_order *o)
{
    return o->req->reply.status != 0;
}

typedef struct admitting {
    int64_t timeout_s;
    bool pause_on_timeout, offline;
    int spec; /* 0: 1 vCPU, 256 MiB */
    const char *image, *previous;
} admitting;

static inline rig_order *rig_admit(rig *r, const char *verb, unsigned n, int epoch, admitting a)
{
    static char body[2048];
    char path[128];
    (void)snprintf(body, sizeof(body),
            "{\"sandbox\":\"%s\",\"epoch\":%d,\"project_no\":5,\"region_no\":2,\"spec_table\":1,\"spec\":%d,"
            "\"disk_mib\":1024,\"template_id\":\"aaaaaaaaaaaaaaaaaaaa\","
            "\"build_id\":\"00000000-0000-4000-8000-000000000001\",\"image\":\"%s\",\"timeout_us\":%lld,"
            "\"pause_on_timeout\":%s,\"internet\":%s,\"token\":\"t\",\"user\":\"user\",\"workdir\":\"\","
            "\"hostname\":\"h\",\"env\":{\"A\":\"b\"},\"previous\":\"%s\"}",
            box_name(n), epoch, a.spec != 0 ? a.spec : 1, a.image != NULL ? a.image : "base",
            (long long)(a.timeout_s != 0 ? a.timeout_s : 3600) * 1000000, a.pause_on_timeout ? "true" : "false",
            a.offline ? "false" : "true", a.previous != NULL ? a.previous : "");
    if (strcmp(verb, "start") == 0)
        (void)snprintf(path, sizeof(path), "/v1/sandboxes");
    else
        (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/resume", box_name(n));
    return rig_ask(r, "POST", path, body);
}

static inline rig_order *rig_start(rig *r, unsigned n, int epoch)
{
    return rig_admit(r, "start", n, epoch, (admitting){0});
}

static inline rig_order *rig_resume(rig *r, unsigned n, int epoch)
{
    return rig_admit(r, "resume", n, epoch, (admitting){0});
}

static inline rig_order *rig_stop(rig *r, const char *verb, unsigned n, int epoch, const char *cause)
{
    char path[128];
    static char body[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/%s", box_name(n), verb);
    (void)snprintf(body, sizeof(body), "{\"epoch\":%d,\"cause\":\"%s\"}", epoch, cause);
    return rig_ask(r, "POST", path, body);
}

static inline rig_order *rig_pause(rig *r, unsigned n, int epoch)
{
    return rig_stop(r, "pause", n, epoch, "paused");
}

static inline rig_order *rig_kill(rig *r, unsigned n, int epoch)
{
    return rig_stop(r, "kill", n, epoch, "killed");
}

static inline int status_of(rig *r, rig_order *o)
{
    rig_until(r, told(o));
    return o->req->reply.status;
}

/* A member of an answer that has come; "" when there is none. */
static inline const char *said(const rig_order *o, const char *member)
{
    static char text[4][128];
    static unsigned at;
    DM_AUTO(json_t) j = NULL;
    char *out = text[at++ % 4];
    assert_int_equal(dm_json_load(dm_buf_view(&o->req->reply.body), 1 << 20, &j, NULL), 0);
    const json_t *v = json_object_get(j, member);
    if (json_is_integer(v))
        (void)snprintf(out, sizeof(text[0]), "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        (void)snprintf(out, sizeof(text[0]), "%s", json_is_true(v) ? "true" : "false");
    else
        (void)snprintf(out, sizeof(text[0]), "%s", json_is_string(v) ? json_string_value(v) : "");
    return out;
}

/* The door's file of this epoch. */
static inline bool live(const rig *r, unsigned n, int epoch)
{
    char prefix[64];
    bool found = false;
    (void)snprintf(prefix, sizeof(prefix), "%s.%d.", box_name(n), epoch);
    DIR *d = opendir(r->live);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        found = found || strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d != NULL)
        (void)closedir(d);
    return found;
}

static inline bool has_image(const rig *r, unsigned n, int epoch)
{
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/sleepers/%s.%d/disk.ext4", r->data, box_name(n), epoch);
    return stat(path, &st) == 0;
}

static inline unsigned procs_alive(const rig *r)
{
    unsigned n = 0;
    for (size_t i = 0; i < RIG_PROCS; i++)
        n += r->procs[i].alive;
    return n;
}

/* --- evidence ----------------------------------------------------------------------------------------------- */

enum { EV_SECONDS = 600, EV_KEYS = 8 };

/* What the journal can prove, as the meter would read it: seconds from RIG_T0 on. */
typedef struct evidence {
    size_t nkeys;
    struct {
        dm_sandbox_id id;
        uint32_t epoch;
        uint8_t framed[EV_SECONDS], sworn[EV_SECONDS];
        bool attested[EV_SECONDS / RIG_PERIOD];
        dm_cause cause;
    } key[EV_KEYS];
    uint8_t seconds[EV_SECONDS]; /* how many frames there are of it */
    bool ended[EV_SECONDS / RIG_PERIOD];
    unsigned frames, attests;
    uint64_t boot, frame;
    int64_t second;
} evidence;

static inline size_t ev_key(evidence *e, const dm_sandbox_id *id, uint32_t epoch)
{
    size_t i = 0;
    while (i < e->nkeys && (!dm_sandbox_id_eq(&e->key[i].id, id) || e->key[i].epoch != epoch))
        i++;
    if (i == e->nkeys) {
        assert_true(e->nkeys < EV_KEYS);
        e->key[e->nkeys].id = *id;
        e->key[e->nkeys++].epoch = epoch;
    }
    return i;
}

static inline void ev_frame(evidence *e, dm_str bytes)
{
    dm_frame_head h;
    const uint8_t *samples;
    assert_int_equal(dm_frame_open(bytes, &h, &samples, NULL), 0);
    if (h.worker_boot == e->boot && h.frame_no <= e->frame)
        fail_msg("frame %llu again", (unsigned long long)h.frame_no);
    /* Numbers are gapless within a boot, and each boot names where the one before it that framed anything ended. */
    if (h.worker_boot == e->boot)
        assert_int_equal(h.frame_no, e->frame + 1);
    else {
        assert_true(h.worker_boot > e->boot);
        assert_int_equal(h.frame_no, 1);
        assert_int_equal(h.prev_boot_last_frame, e->frame);
    }
    if (e->second != 0)
        assert_int_equal(h.second, e->second + 1);
    assert_true(h.complete_through <= h.second);
    e->boot = h.worker_boot;
    e->frame = h.frame_no;
    e->second = h.second;
    e->frames++;
    if (h.second >= RIG_T0 && h.second < RIG_T0 + EV_SECONDS)
        e->seconds[h.second - RIG_T0]++;
    for (uint32_t i = 0; i < h.n; i++) {
        dm_sample s;
        assert_int_equal(dm_frame_sample(samples, i, &s, NULL), 0);
        assert_int_equal(s.project_no, 5);
        size_t k = ev_key(e, &s.sandbox, s.epoch);
        for (int64_t at = h.second - s.span_s + 1; at <= h.second; at++) {
            if (at < RIG_T0 || at >= RIG_T0 + EV_SECONDS)
                continue;
            uint8_t *was = &e->key[k].framed[at - RIG_T0];
            if (*was != DM_SAMPLE_RUN)
                *was = s.state;
        }
    }
}

static inline void ev_attest(evidence *e, dm_str message, const dm_public_key *key)
{
    static dm_attest a;
    dm_attest_end end;
    dm_attest_kind kind;
    assert_true(dm_attest_signed_by(message, key));
    assert_int_equal(dm_attest_kind_of(message, &kind, NULL), 0);
    e->attests++;
    if (kind == DM_ATTEST_END) {
        assert_int_equal(dm_attest_end_read(message, &end, NULL), 0);
        assert_true(end.period_start >= RIG_T0); /* before it was enrolled there is nothing to swear to */
        e->ended[(end.period_start - RIG_T0) / RIG_PERIOD] = true;
        return;
    }
    assert_int_equal(dm_attest_read(message, &a, NULL, NULL), 0);
    size_t k = ev_key(e, &a.sandbox, a.epoch), p = (size_t)(a.period_start - RIG_T0) / RIG_PERIOD;
    e->key[k].attested[p] = true;
    memcpy(e->key[k].sworn + p * RIG_PERIOD, a.state, RIG_PERIOD);
    if (a.cause != DM_CAUSE_NONE)
        e->key[k].cause = a.cause;
}

static inline void ev_read(rig *r, evidence *e)
{
    dm_journal_pos pos = {0};
    dm_record type;
    DM_AUTO_BUF b;
    dm_public_key key;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    dm_sign_key_public(r->w->key, &key);
    *e = (evidence){0};
    int x;
    dm_err err;
    while ((x = dm_journal_read(r->w->journal, &pos, &type, &b, &err)) == 0) {
        if (type == DM_RECORD_FRAME)
            ev_frame(e, dm_buf_view(&b));
        else if (type == DM_RECORD_ATTEST)
            ev_attest(e, dm_buf_view(&b), &key);
    }
    assert_int_equal(x, DM_JOURNAL_END);
    /* What is sworn is what was framed, second by second; RUN of a higher epoch has the second they share. */
    for (size_t k = 0; k < e->nkeys; k++) {
        for (size_t p = 0; p < DM_LEN(e->ended); p++) {
            if (!e->key[k].attested[p])
                continue;
            assert_memory_equal(e->key[k].sworn + p * RIG_PERIOD, e->key[k].framed + p * RIG_PERIOD, RIG_PERIOD);
        }
    }
}

static inline unsigned ev_count(const evidence *e, unsigned n, uint32_t epoch, uint8_t state)
{
    dm_sandbox_id id = box_id(n);
    unsigned count = 0;
    for (size_t k = 0; k < e->nkeys; k++) {
        for (size_t s = 0; s < EV_SECONDS && e->key[k].epoch == epoch && dm_sandbox_id_eq(&e->key[k].id, &id); s++)
            count += e->key[k].framed[s] == state;
    }
    return count;
}

static inline dm_cause ev_cause(const evidence *e, unsigned n, uint32_t epoch)
{
    dm_sandbox_id id = box_id(n);
    for (size_t k = 0; k < e->nkeys; k++) {
        if (e->key[k].epoch == epoch && dm_sandbox_id_eq(&e->key[k].id, &id))
            return e->key[k].cause;
    }
    return DM_CAUSE_NONE;
}

/* Events the API has not taken: "asleep 1 paused, ended 2 killed". */
static inline const char *events_of(const rig *r, unsigned n)
{
    static char text[4][512];
    static unsigned at;
    char *out = text[at++ % 4];
    size_t len = 0;
    *out = '\0';
    const dm_events *all = r->w->events;
    for (const dm_wk_event *e = dm_events_after(all, NULL); e != NULL; e = dm_events_after(all, e)) {
        if (strcmp(e->sandbox, box_name(n)) == 0)
            len += (size_t)snprintf(out + len, sizeof(text[0]) - len, "%s%s %lld %s", len > 0 ? ", " : "", e->state,
                    (long long)e->epoch, e->cause);
    }
    return out;
}

/* --- beginning, crashing, ending ---------------------------------------------------------------------------- */

static inline void rig_boot(rig *r)
{
    dm_err err;
    r->h = (dm_host){.clock = &r->clock.base, .driver = &play};
    dm_worker_config_host(&r->conf, &r->h.conf);
    assert_int_equal(dm_loop_new(r->h.clock, &r->h.loop, &err), 0);
    assert_int_equal(dm_exec_new(RIG_THREADS, 4096, &r->h.exec, &err), 0);
    assert_int_equal(dm_metrics_new(&r->h.metrics, &err), 0);
    r->h.env = (dm_vmm_env){.loop = r->h.loop, .exec = r->h.exec};
    r->h.caps = (dm_vmm_caps){.flags = DM_VMM_DELTA_LOAD | (r->cold ? DM_VMM_NEEDS_WARM : 0), .accel = "tcg"};
    assert_int_equal(dm_host_init(&r->h, &err), 0);
    if (dm_worker_new(&r->conf, &r->h, &r->w, &err) < 0)
        fail_msg("%s", err.msg);
    r->ctx.w = r->w;
    r->http = (dm_http_config){
            .routes = dm_orders_routes, .nroutes = dm_orders_nroutes, .ctx = &r->ctx, .clock = &r->clock.base};
}

static inline void rig_enrol(rig *r)
{
    dm_wk_enrolled me = {.worker_no = 1, .region_no = 2, .period_s = RIG_PERIOD};
    dm_worker_enrolled(r->w, &me);
}

static inline void rig_file(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    dm_err err;
    assert_int_equal(dm_mkdir_p(dir, 0755, &err), 0);
    assert_int_equal(dm_path(path, sizeof(path), &err, "%s/%s", dir, name), 0);
    assert_int_equal(dm_file_write(path, dm_str_c(text), 0644, &err), 0);
}

static inline void rig_template(rig *r, const char *name)
{
    static const char *const files[] = {"ram", "device", "disk.ext4"};
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/%s", r->templates, name);
    for (size_t i = 0; i < DM_LEN(files); i++)
        rig_file(dir, files[i], "x");
}

/* Names and addresses of its slots are this process's own, so that programs, and checkouts, may run side by side. */
static inline void rig_open(rig *r)
{
    char dir[PATH_MAX];
    *r = (rig){0};
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/dm-worker-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->data, sizeof(r->data), "%s/data", r->dir);
    (void)snprintf(r->images, sizeof(r->images), "%s/images", r->dir);
    (void)snprintf(r->templates, sizeof(r->templates), "%s/templates", r->dir);
    (void)snprintf(r->live, sizeof(r->live), "%s/live", r->dir);
    (void)snprintf(r->prefix, sizeof(r->prefix), "u%04x", (unsigned)getpid() & 0xffff);
    (void)snprintf(r->base, sizeof(r->base), "10.%u.0.0", 128 + (unsigned)getpid() % 100);
    (void)snprintf(dir, sizeof(dir), "%s/base", r->images);
    rig_file(dir, "manifest.json", "{\"digest\":\"0123456789abcdef0123456789abcdef\"}");
    rig_template(r, "0123456789abcdef-1c256m");
    static char name[] = "w", image[] = "base", none[] = "";
    r->conf = (dm_worker_config){.name = name,
            .data_dir = r->data,
            .images_dir = r->images,
            .templates_dir = r->templates,
            .live_dir = r->live,
            .brokers = none,
            .door = name,
            .slot_prefix = r->prefix,
            .slot_base = r->base,
            .default_image = image,
            .default_vcpus = 1,
            .default_mem_mib = 256,
            .slots = RIG_SLOTS,
            .pool_size = 0,
            .making_max = 2,
            .warming_max = 1,
            .mem_reserve_mib = 64,
            .journal_bytes_max = 64 << 20,
            .journal_segment_bytes = 1 << 16};
    for (size_t i = 0; i < RIG_PROCS; i++)
        r->procs[i].guest = -1;
    dm_clock_fake_init(&r->clock, RIG_T0 * 1000000 + 100000);
    rig_boot(r);
}

static inline void rig_forget(rig *r)
{
    for (size_t i = 0; i < r->norders; i++) {
        if (told(&r->orders[i])) /* else it is the dead worker's */
            dm_req_free(r->orders[i].req);
    }
    r->norders = 0;
}

/* The executor's threads wait for a byte: what is queued behind them is not done before rig_thaw, or never. */
typedef struct rig_block {
    dm_job job;
    int in, out;
} rig_block;

static inline void rig_blocked(dm_job *job)
{
    const rig_block *b = (rig_block *)job;
    char byte = 'x';
    if (write(b->in, &byte, 1) == 1 && read(b->out, &byte, 1) < 0)
        (void)pause();
}

/* From here on nothing reaches the disk: what is added to the journal is lost by a crash. */
static inline void rig_freeze(rig *r)
{
    static rig_block blocks[RIG_THREADS * 2 * RIG_GRAVES];
    static size_t n;
    int in[2], out[2];
    char byte;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    for (int i = 0; i < RIG_THREADS; i++) {
        rig_block *b = &blocks[n++];
        assert_true(n <= DM_LEN(blocks));
        *b = (rig_block){.job = {.fn = rig_blocked}, .in = in[1], .out = out[0]};
        assert_int_equal(dm_exec_submit(r->h.exec, &b->job), 0);
    }
    for (int i = 0; i < RIG_THREADS; i++)
        assert_int_equal(read(in[0], &byte, 1), 1);
    (void)close(in[0]);
    (void)close(in[1]);
    r->thaw = out[1];
    r->frozen = true;
}

static inline void rig_thaw(rig *r)
{
    char bytes[RIG_THREADS] = {0};
    assert_int_equal(write(r->thaw, bytes, sizeof(bytes)), sizeof(bytes));
    (void)close(r->thaw);
    r->frozen = false;
}

/* The lock goes with the process. */
static inline void rig_unlock(rig *r)
{
    char want[PATH_MAX], link[64], is[PATH_MAX];
    (void)snprintf(want, sizeof(want), "%s/lock", r->data);
    for (int fd = 3; fd < 1024; fd++) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, is, sizeof(is) - 1);
        if (n < 0)
            continue;
        is[n] = '\0';
        if (strcmp(is, want) == 0)
            (void)close(fd);
    }
}

static inline void rig_crash(rig *r)
{
    if (!r->frozen)
        rig_freeze(r);
    r->frozen = false;
    rig_bury(r);
    for (size_t i = 0; i < RIG_PROCS; i++) { /* the worker's end of each channel is closed with it */
        rig_proc *p = &r->procs[i];
        dm_watch_free(p->hear);
        p->hear = NULL;
        if (p->guest >= 0)
            (void)close(p->guest);
        p->guest = -1;
    }
    for (uint32_t i = 0; i < r->conf.slots; i++) /* the taps are open in the VMMs alone */
        dm_slot_close(&r->h.slots[i].net);
    memset(r->fails, 0, sizeof(r->fails));
    memset(r->hangs, 0, sizeof(r->hangs));
    memset(r->dies, 0, sizeof(r->dies));
    r->deaf = r->confused = false;
    rig_forget(r);
    rig_unlock(r);
    rig_boot(r);
}

static inline void rig_close(rig *r)
{
    dm_err err;
    if (!r->frozen) /* nobody may add to the folder while it goes */
        rig_freeze(r);
    rig_forget(r);
    for (size_t i = 0; i < RIG_PROCS; i++)
        proc_die(&r->procs[i]);
    rig_unlock(r);
    rig_bury(r);
    for (uint32_t i = 0; i < RIG_SLOTS; i++)
        assert_int_equal(dm_slot_destroy(r->prefix, i, &err), 0);
    assert_int_equal(dm_remove_tree(r->dir, &err), 0);
}

/* --- what most tests begin with ----------------------------------------------------------------------------- */

/* Slots are namespaces. */
#define NEED_ROOT()                                                                                                    \
    do {                                                                                                               \
        if (getuid() != 0)                                                                                             \
            skip();                                                                                                    \
    } while (0)

/* A worker that is enrolled and at rest, and its end; for cmocka. */
static inline int rig_setup(void **state)
{
    static rig one;
    *state = &one;
    if (getuid() != 0)
        return 0;
    rig_open(&one);
    rig_enrol(&one);
    rig_settle(&one);
    return 0;
}

static inline int rig_teardown(void **state)
{
    if (getuid() == 0)
        rig_close(*state);
    return 0;
}

static inline void run(rig *r, unsigned n, int epoch)
{
    assert_int_equal(status_of(r, rig_start(r, n, epoch)), 201);
}

static inline const char *state_of(rig *r, unsigned n)
{
    dm_box *b = box(r, n);
    return b != NULL ? dm_box_state_name(b->state) : "gone";
}

/* The evidence up to now, when whatever waits for a minute's end is in it. */
static inline evidence *proof(rig *r)
{
    static evidence e;
    rig_settle(r);
    ev_read(r, &e);
    return &e;
}

#endif
