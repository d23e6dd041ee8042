/* A build happens in a folder beside out_dir:
 *
 *     OUT.new/disk.ext4   the writable disk the template boots with
 *     OUT.new/run/        the VM's own folder
 *     OUT.new/image/      links to the guest image's root and manifest, kept with the snapshot
 *     OUT.new/snap/       what becomes OUT, by rename, when everything in it is synced
 *
 * prepare (job) -> spawn -> run -> warm -> stop -> save -> finish (job). A boot under an emulated processor fails now
 * and then; all that can fail so is tried once more from the start. */
#include "workers/vmm/template.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "workers/vmm/agent.h"
#include "workers/vmm/sparse.h"

#define ASIDE ".new"

/* A boot is a matter of seconds; with two processors emulated on a busy machine it took half a minute. */
enum { PATH_ROOM = 4096, TRIES = 2, BOOT_MS = 90000, WARM_ROUNDS = 3, SETTLE_US = 300000 };

/* The blocking halves. Outlives a build that is freed meanwhile. */
struct work {
    dm_job job; /* first */
    dm_call call;
    dm_loop *loop;
    dm_exec *exec;
    int64_t began_us;
    dm_template_build *build; /* NULL once it is freed */
    int (*fn)(const struct work *w, dm_err *err);
    void (*then)(dm_template_build *b);
    char out[PATH_ROOM], aside[PATH_ROOM], disk_image[PATH_ROOM], image[PATH_ROOM];
    int r;
    dm_err err;
};

struct dm_template_build {
    const dm_vmm_driver *driver;
    const dm_vmm_env *env;
    dm_vm_config vm_config;
    char out[PATH_ROOM], aside[PATH_ROOM], disk_image[PATH_ROOM], image[PATH_ROOM], run[PATH_ROOM], disk[PATH_ROOM],
            snap[PATH_ROOM];
    dm_vm_done_fn done;
    void *arg;
    dm_vm *vm;
    dm_agent *agent;
    dm_timer *settle;
    struct work *work;
    unsigned tries;
    int64_t began_us;
};

static void fail(dm_template_build *b, const dm_err *err);

static int64_t age_ms(const dm_template_build *b)
{
    return (dm_mono_us(dm_loop_clock(b->env->loop)) - b->began_us) / 1000;
}

static void progress(const dm_template_build *b, const char *step)
{
    DM_LOG(b->env->log, DM_INFO, "template.step", dm_fs("out", b->out), dm_fs("step", step), dm_fi("ms", age_ms(b)));
}

/* --- the blocking halves ------------------------------------------------------------------------------------ */

/* Hard links: an image is replaced whole, never written to. */
static int keep_image(const struct work *w, dm_err *err)
{
    static const char *const parts[] = {"root.erofs", "manifest.json"};
    char from[PATH_ROOM], to[PATH_ROOM];
    int r = dm_path(to, sizeof(to), err, "%s/" DM_TEMPLATE_IMAGE, w->aside);
    if (r == 0)
        r = dm_mkdir_p(to, 0700, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(parts); i++) {
        r = dm_path(from, sizeof(from), err, "%s/%s", w->image, parts[i]);
        if (r == 0)
            r = dm_path(to, sizeof(to), err, "%s/" DM_TEMPLATE_IMAGE "/%s", w->aside, parts[i]);
        if (r == 0 && link(from, to) < 0)
            r = errno == EXDEV ? dm_sparse_copy(from, to, true, err) : dm_fail_sys(err, errno, "link %s", to);
    }
    return r;
}

static int prepare(const struct work *w, dm_err *err)
{
    char path[PATH_ROOM];
    int r = dm_remove_tree(w->aside, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/run", w->aside);
    if (r == 0)
        r = dm_mkdir_p(path, 0700, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/snap", w->aside);
    if (r == 0)
        r = dm_mkdir_p(path, 0700, err);
    if (r == 0)
        r = keep_image(w, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/" DM_TEMPLATE_DISK, w->aside);
    return r < 0 ? r : dm_sparse_copy(w->disk_image, path, false, err);
}

/* The disk goes to where it stays by a copy: in a file that was written in pieces the extents are many, and every clone
 * copies them. */
static int finish(const struct work *w, dm_err *err)
{
    char from[PATH_ROOM], to[PATH_ROOM], snap[PATH_ROOM];
    int r = dm_path(from, sizeof(from), err, "%s/" DM_TEMPLATE_DISK, w->aside);
    if (r == 0)
        r = dm_path(snap, sizeof(snap), err, "%s/snap", w->aside);
    if (r == 0)
        r = dm_path(to, sizeof(to), err, "%s/" DM_TEMPLATE_DISK, snap);
    if (r == 0)
        r = dm_sparse_copy(from, to, true, err);
    if (r == 0)
        r = dm_path(from, sizeof(from), err, "%s/" DM_TEMPLATE_IMAGE, w->aside);
    if (r == 0)
        r = dm_path(to, sizeof(to), err, "%s/" DM_TEMPLATE_IMAGE, snap);
    if (r == 0)
        r = dm_sync_dir(from, err);
    if (r == 0 && rename(from, to) < 0)
        r = dm_fail_sys(err, errno, "rename to %s", to);
    if (r == 0)
        r = dm_sync_dir(snap, err);
    if (r < 0)
        return r;
    if (rename(snap, w->out) < 0)
        return dm_fail_sys(err, errno, "rename to %s", w->out);
    r = dm_path(to, sizeof(to), err, "%s/..", w->out);
    if (r == 0)
        r = dm_sync_dir(to, err);
    return r < 0 ? r : dm_remove_tree(w->aside, err);
}

static int remove_aside(const struct work *w, dm_err *err)
{
    return dm_remove_tree(w->aside, err);
}

/* Under another name, so that the next build of the same is in nobody's way. What is not removed now is swept when a
 * worker starts. */
static void drop_aside(struct work *w)
{
    char gone[PATH_ROOM];
    if (w->fn != remove_aside &&
            dm_path(gone, sizeof(gone), NULL, "%s.%lld" ASIDE, w->out, (long long)w->began_us) == 0 &&
            rename(w->aside, gone) == 0) {
        w->fn = remove_aside;
        memcpy(w->aside, gone, sizeof(w->aside));
        if (dm_exec_submit(w->exec, &w->job) == 0)
            return;
    }
    free(w);
}

static void work_back(void *arg)
{
    struct work *w = arg;
    dm_template_build *b = w->build;
    if (b == NULL) {
        drop_aside(w);
        return;
    }
    b->work = NULL;
    if (w->r < 0)
        fail(b, &w->err);
    else
        w->then(b);
    free(w);
}

static void work_run(dm_job *job)
{
    struct work *w = (struct work *)(void *)job;
    w->r = w->fn(w, &w->err);
    dm_loop_post(w->loop, &w->call);
}

static struct work *work_new(dm_template_build *b)
{
    struct work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->job.fn = work_run;
    w->call = (dm_call){.fn = work_back, .arg = w};
    w->loop = b->env->loop;
    w->exec = b->env->exec;
    w->began_us = b->began_us;
    w->build = b;
    memcpy(w->out, b->out, sizeof(w->out));
    memcpy(w->aside, b->aside, sizeof(w->aside));
    memcpy(w->disk_image, b->disk_image, sizeof(w->disk_image));
    memcpy(w->image, b->image, sizeof(w->image));
    return w;
}

/* What a build leaves, when nothing of its works on it any more. */
static void discard(dm_template_build *b)
{
    struct work *w = work_new(b);
    if (w == NULL)
        return; /* the next build removes it */
    w->build = NULL;
    drop_aside(w);
}

static int work_start(dm_template_build *b, int (*fn)(const struct work *w, dm_err *err),
        void (*then)(dm_template_build *b), dm_err *err)
{
    assert(b->work == NULL);
    struct work *w = work_new(b);
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a job");
    w->fn = fn;
    w->then = then;
    if (dm_exec_submit(b->env->exec, &w->job) == DM_EXEC_FULL) {
        free(w);
        return dm_fail(err, DM_E_LIMIT, "too many jobs are waiting");
    }
    b->work = w;
    return 0;
}

/* --- the steps ---------------------------------------------------------------------------------------------- */

static void drop_vm(dm_template_build *b)
{
    dm_timer_clear(b->settle);
    dm_agent_free(b->agent);
    b->agent = NULL;
    if (b->vm != NULL)
        b->driver->destroy(b->vm, NULL);
    b->vm = NULL;
}

static void fail_at_last(dm_template_build *b, const dm_err *err)
{
    dm_err why = *err;
    (void)dm_wrap(&why, "build a template");
    discard(b);
    b->done(b->arg, why.code, &why);
}

static void start_try(dm_template_build *b);

static void fail(dm_template_build *b, const dm_err *err)
{
    dm_err why = *err;
    drop_vm(b);
    DM_LOG(b->env->log, DM_WARN, "template.failed", dm_fs("out", b->out), dm_fu("try", b->tries),
            dm_fs("message", why.msg));
    if (b->tries < TRIES)
        start_try(b);
    else
        fail_at_last(b, &why);
}

static void finished(dm_template_build *b)
{
    progress(b, "done");
    b->done(b->arg, 0, NULL);
}

static void on_saved(void *arg, int r, const dm_err *err)
{
    dm_template_build *b = arg;
    dm_err why;
    if (r < 0) {
        fail(b, err);
        return;
    }
    progress(b, "saved");
    drop_vm(b);
    if (work_start(b, finish, finished, &why) < 0)
        fail(b, &why);
}

static void on_stopped(void *arg, int r, const dm_err *err)
{
    dm_template_build *b = arg;
    dm_err why;
    if (r < 0)
        fail(b, err);
    else if (b->driver->save(b->vm, DM_SAVE_FULL, b->snap, on_saved, b, &why) < 0)
        fail(b, &why);
}

static void on_settled(void *arg)
{
    dm_template_build *b = arg;
    dm_err why;
    dm_agent_free(b->agent);
    b->agent = NULL;
    if (b->driver->stop(b->vm, on_stopped, b, &why) < 0)
        fail(b, &why);
}

/* Its own children's last pages and the disk's writes come to rest, then it is stopped. */
static void on_warm(void *arg, int r, const json_t *answer, const dm_err *err)
{
    dm_template_build *b = arg;
    (void)answer;
    if (r < 0) {
        fail(b, err);
        return;
    }
    progress(b, "warm");
    dm_timer_in(b->settle, SETTLE_US);
}

/* The first answer is also the proof that the guest is up. */
static void on_running(void *arg, int r, const dm_err *err)
{
    dm_template_build *b = arg;
    dm_err why;
    if (r < 0) {
        fail(b, err);
        return;
    }
    progress(b, "boots");
    DM_AUTO_FD fd = -1;
    r = b->driver->agent_fd(b->vm, &fd, &why);
    if (r == 0)
        r = dm_agent_new(b->env->loop, fd, NULL, b, &b->agent, &why);
    if (r == 0) {
        (void)dm_steal_fd(&fd);
        r = dm_agent_warm(b->agent, WARM_ROUNDS, BOOT_MS, on_warm, b, &why);
    }
    if (r < 0)
        fail(b, &why);
}

static void on_spawned(void *arg, int r, const dm_err *err)
{
    dm_template_build *b = arg;
    dm_err why;
    if (r < 0)
        fail(b, err);
    else if (b->driver->run(b->vm, on_running, b, &why) < 0)
        fail(b, &why);
}

/* While nothing is under way, that is, while it settles. */
static void on_vm_end(void *arg, const dm_vm_event *ev)
{
    dm_template_build *b = arg;
    dm_err why;
    (void)dm_fail(&why, DM_E_UNAVAILABLE, "the VM ended before it was saved (%d, %d)", (int)ev->end, ev->status);
    fail(b, &why);
}

static void prepared(dm_template_build *b)
{
    dm_err why;
    assert(b->vm == NULL && b->agent == NULL);
    progress(b, "prepared");
    if (b->driver->spawn(b->env, &b->vm_config, on_spawned, on_vm_end, b, &b->vm, &why) < 0)
        fail(b, &why);
}

static void start_try(dm_template_build *b)
{
    dm_err why;
    b->tries++;
    if (work_start(b, prepare, prepared, &why) < 0) {
        b->tries = TRIES;
        fail_at_last(b, &why);
    }
}

static int set_paths(dm_template_build *b, const dm_template_config *c, dm_err *err)
{
    int r = dm_path(b->out, sizeof(b->out), err, "%s", c->out_dir);
    if (r == 0)
        r = dm_path(b->aside, sizeof(b->aside), err, "%s" ASIDE, c->out_dir);
    if (r == 0)
        r = dm_path(b->run, sizeof(b->run), err, "%s/run", b->aside);
    if (r == 0)
        r = dm_path(b->snap, sizeof(b->snap), err, "%s/snap", b->aside);
    if (r == 0)
        r = dm_path(b->disk, sizeof(b->disk), err, "%s/" DM_TEMPLATE_DISK, b->aside);
    if (r == 0)
        r = dm_path(b->disk_image, sizeof(b->disk_image), err, "%s", c->disk_image);
    if (r == 0)
        r = dm_path(b->image, sizeof(b->image), err, "%s", c->image_dir);
    return r;
}

int dm_template_build_start(
        const dm_template_config *config, dm_vm_done_fn done, void *arg, dm_template_build **out, dm_err *err)
{
    dm_template_build *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a build");
    b->driver = config->driver;
    b->env = config->env;
    b->done = done;
    b->arg = arg;
    b->tries = 1;
    b->began_us = dm_mono_us(dm_loop_clock(config->env->loop));
    int r = set_paths(b, config, err);
    if (r == 0 && access(b->out, F_OK) == 0)
        r = dm_fail(err, DM_E_EXISTS, "%s is there", b->out);
    if (r == 0)
        r = dm_loop_timer(b->env->loop, on_settled, b, &b->settle, err);
    b->vm_config = (dm_vm_config){.vcpus = config->vcpus,
            .mem_mib = config->mem_mib,
            .image_dir = b->image,
            .run_dir = b->run,
            .disk = b->disk,
            .tap_fd = config->tap_fd,
            .uid = config->uid,
            .groups = config->groups,
            .group = config->group};
    if (r == 0)
        r = work_start(b, prepare, prepared, err);
    if (r < 0) {
        dm_template_build_free(b);
        return dm_wrap(err, "build a template");
    }
    *out = b;
    return 0;
}

void dm_template_build_free(dm_template_build *b)
{
    if (b == NULL)
        return;
    drop_vm(b);
    if (b->work != NULL)
        b->work->build = NULL; /* the job's end removes the folder */
    else
        discard(b);
    dm_timer_free(b->settle);
    free(b);
}

/* --- after a crash ------------------------------------------------------------------------------------------ */

static void nobody_asks(void *arg, int r, const dm_err *err)
{
    (void)arg;
    (void)r;
    (void)err;
}

static void nobody_minds(void *arg, const dm_vm_event *ev)
{
    (void)arg;
    (void)ev;
}

/* To be found is enough: it is not spoken to. */
static void end_left(const dm_vmm_driver *driver, const dm_vmm_env *env, const char *aside)
{
    char run[PATH_ROOM], disk[PATH_ROOM];
    dm_vm *vm = NULL;
    dm_err err = {0};
    int r = dm_path(run, sizeof(run), &err, "%s/run", aside);
    if (r == 0)
        r = dm_path(disk, sizeof(disk), &err, "%s/" DM_TEMPLATE_DISK, aside);
    const dm_vm_config c = {.vcpus = 1,
            .mem_mib = 1,
            .image_dir = aside,
            .base_dir = aside,
            .run_dir = run,
            .disk = disk,
            .tap_fd = -1};
    if (r == 0)
        r = driver->adopt(env, &c, nobody_asks, nobody_minds, NULL, &vm, &err);
    if (r < 0)
        return; /* there is none, or what there was has been told to quit */
    DM_LOG(env->log, DM_WARN, "template.left_running", dm_fs("folder", aside));
    driver->destroy(vm, NULL);
}

void dm_template_sweep(const dm_vmm_driver *driver, const dm_vmm_env *env, const char *dir,
        void (*left)(void *arg, const char *path), void *arg)
{
    char path[PATH_ROOM];
    dm_err err = {0};
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n < sizeof(ASIDE) || strcmp(e->d_name + n - (sizeof(ASIDE) - 1), ASIDE) != 0 ||
                dm_path(path, sizeof(path), &err, "%s/%s", dir, e->d_name) < 0)
            continue;
        end_left(driver, env, path);
        left(arg, path);
    }
    if (d != NULL)
        (void)closedir(d);
}

int dm_template_check(const dm_template_config *config, dm_err *err)
{
    static const char *const files[] = {"ram", "device", DM_TEMPLATE_DISK};
    char path[PATH_ROOM];
    for (size_t i = 0; i < DM_LEN(files); i++) {
        int r = dm_path(path, sizeof(path), err, "%s/%s", config->out_dir, files[i]);
        if (r < 0)
            return r;
        if (access(path, R_OK) < 0) {
            (void)dm_fail_sys(err, errno, "%s", path);
            return DM_TEMPLATE_STALE;
        }
    }
    const dm_vm_config vm = {.vcpus = config->vcpus,
            .mem_mib = config->mem_mib,
            .image_dir = config->image_dir,
            .base_dir = config->out_dir,
            .tap_fd = config->tap_fd};
    int r = config->driver->check(config->env, &vm, err);
    return r == DM_VMM_STALE ? DM_TEMPLATE_STALE : r;
}
