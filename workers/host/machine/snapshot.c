#include "workers/host/machine/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/host/machine/place.h"
#include "workers/vmm/template.h"

static const int64_t retry_us = 5 * 1000 * 1000;

struct dm_snapshot {
    dm_host *h;
    dm_snapshot_state state;
    void (*changed)(void *arg);
    void *arg;
    char image[65];
    uint32_t vcpus, mem_mib;
    char image_dir[PATH_MAX], template_dir[PATH_MAX];
    dm_timer *retry;
    dm_err why;
    int32_t slot_no; /* that it is made in, or -1 */
    dm_template_build *build;
    dm_job job;
    dm_call back;
    int job_r;
};

static int image_digest(const char *image_dir, char out[17], dm_err *err)
{
    char path[PATH_MAX];
    DM_AUTO_BUF text;
    DM_AUTO(json_t) manifest = NULL;
    dm_buf_init(&text, 1 << 20);
    int r = dm_path(path, sizeof(path), err, "%s/manifest.json", image_dir);
    if (r == 0)
        r = dm_file_read(path, &text, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&text), 1 << 20, &manifest, err);
    if (r < 0)
        return r;
    dm_str digest = dm_str_c(dm_json_c(manifest, "digest"));
    if (digest.n < 16 || !dm_str_only(digest, "0123456789abcdef"))
        return dm_fail(err, DM_E_CORRUPT, "%s: 'digest' is not a hash", path);
    return dm_str_to_array((dm_str){digest.p, 16}, out, 17, err);
}

/* Where the image is, and where its snapshot of this size goes: digest-size, so that another image has another. */
static int find_dirs(dm_snapshot *s, dm_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    char digest[17];
    struct stat st;
    if (*s->image == '\0' || *s->image == '.' || !dm_str_only(dm_str_c(s->image), allowed))
        return dm_fail(err, DM_E_INVALID, "'%.64s' is not the name of an image", s->image);
    int r = dm_place_image(&s->h->conf, s->image, s->image_dir, err);
    if (r == 0 && stat(s->image_dir, &st) < 0)
        r = dm_fail(err, DM_E_NOTFOUND, "this worker has no image '%s'", s->image);
    if (r == 0)
        r = image_digest(s->image_dir, digest, err);
    if (r == 0)
        r = dm_place_snapshot(&s->h->conf, digest, s->vcpus, s->mem_mib, s->template_dir, err);
    return r;
}

static void build_failed(dm_snapshot *s, int r, const dm_err *err)
{
    s->state = DM_SNAPSHOT_FAILED;
    s->why = *err;
    s->why.code = r;
    dm_log_err(s->h->log, DM_ERROR, "pool.template_failed", err);
    dm_timer_in(s->retry, retry_us);
    s->changed(s->arg);
}

static void build_done(void *arg, int r, const dm_err *err)
{
    dm_snapshot *s = arg;
    dm_template_build_free(s->build);
    s->build = NULL;
    dm_host_slot_shut(s->h, (uint32_t)s->slot_no);
    dm_host_slot_give(s->h, (uint32_t)s->slot_no);
    s->slot_no = -1;
    if (r < 0) {
        build_failed(s, r, err);
        return;
    }
    s->state = DM_SNAPSHOT_READY;
    DM_LOG(s->h->log, DM_INFO, "pool.template_ready", dm_fs("template", s->template_dir));
    s->changed(s->arg);
}

static void build_config(const dm_snapshot *s, const char *disk_image, dm_template_config *c)
{
    *c = (dm_template_config){
            .driver = s->h->driver,
            .env = &s->h->env,
            .image_dir = s->image_dir,
            .out_dir = s->template_dir,
            .disk_image = disk_image,
            .vcpus = s->vcpus,
            .mem_mib = s->mem_mib,
            .tap_fd = s->slot_no >= 0 ? s->h->slots[s->slot_no].net.tap_fd : -1,
            .uid = s->slot_no >= 0 ? dm_host_uid(s->h, (uint32_t)s->slot_no) : 0,
            .groups = s->h->groups,
            .group = s->slot_no >= 0 ? (uint32_t)s->slot_no : 0,
    };
}

static void slot_job(dm_job *job)
{
    dm_snapshot *s = (void *)((char *)job - offsetof(dm_snapshot, job));
    dm_host *h = s->h;
    const dm_slot_policy policy = dm_policy_open();
    s->why = (dm_err){0};
    s->job_r = dm_host_slot_ready(h, (uint32_t)s->slot_no, &policy, false, &s->why);
    if (s->job_r == 0)
        s->job_r = dm_host_group_make(h, (uint32_t)s->slot_no, s->mem_mib, s->vcpus, &s->why);
    dm_loop_post(h->loop, &s->back);
}

static void slot_opened(void *arg)
{
    dm_snapshot *s = arg;
    dm_template_config c;
    char disk_image[PATH_MAX];
    dm_err err = {0};
    int r = s->job_r;
    if (r < 0) {
        build_done(s, r, &s->why);
        return;
    }
    r = dm_path(disk_image, sizeof(disk_image), &err, "%s/disk-1g.ext4", s->image_dir);
    build_config(s, disk_image, &c);
    if (r == 0)
        r = dm_template_build_start(&c, build_done, s, &s->build, &err);
    if (r < 0)
        build_done(s, r, &err);
}

/* A snapshot made by another QEMU or on another host does not load. It is not removed: sleepers may stand on it, and a
 * host that goes back finds it again. The new one gets the next free name. 0: one that fits is there. */
enum { BUILD_IT = 1 };
static int choose(dm_snapshot *s, dm_err *err)
{
    char first[PATH_MAX];
    dm_template_config c;
    struct stat st;
    memcpy(first, s->template_dir, sizeof(first));
    for (unsigned i = 0; i < DM_SNAPSHOTS_MAX; i++) {
        int r = i == 0 ? 0 : dm_path(s->template_dir, PATH_MAX, err, "%s.%u", first, i);
        if (r < 0)
            return r;
        if (stat(s->template_dir, &st) < 0)
            return BUILD_IT;
        build_config(s, NULL, &c);
        if (dm_template_check(&c, err) == 0)
            return 0;
        DM_LOG(s->h->log, DM_INFO, "pool.template_stale", dm_fs("template", s->template_dir), dm_fs("why", err->msg));
    }
    return dm_fail(err, DM_E_LIMIT, "%d snapshots of this image and size do not fit this host", DM_SNAPSHOTS_MAX);
}

static void begin(dm_snapshot *s)
{
    dm_host *h = s->h;
    dm_err err = {0};
    int r = find_dirs(s, &err);
    if (r == 0)
        r = choose(s, &err);
    if (r == 0) {
        s->state = DM_SNAPSHOT_READY;
        return;
    }
    if (r < 0) {
        build_failed(s, r, &err);
        return;
    }
    if (dm_host_short_of_disk(h)) { /* it is as large as a guest's memory */
        r = dm_fail(&err, DM_E_UNAVAILABLE, "this worker makes no templates now: its disk is needed as a reserve");
        build_failed(s, r, &err);
        return;
    }
    s->slot_no = dm_host_slot_take(h);
    if (s->slot_no < 0) {
        (void)dm_fail(&err, DM_E_LIMIT, "no slot is free to make a template in");
        build_failed(s, DM_E_LIMIT, &err);
        return;
    }
    s->state = DM_SNAPSHOT_BUILDING;
    DM_LOG(h->log, DM_INFO, "pool.template_building", dm_fs("template", s->template_dir));
    s->job.fn = slot_job;
    s->back = (dm_call){.fn = slot_opened, .arg = s};
    if (dm_exec_submit(h->exec, &s->job) != 0) {
        s->job_r = dm_fail(&s->why, DM_E_LIMIT, "too much waits for the disk");
        slot_opened(s);
    }
}

static void again(void *arg)
{
    dm_snapshot *s = arg;
    assert(s->state == DM_SNAPSHOT_FAILED && s->slot_no < 0 && s->build == NULL);
    s->state = DM_SNAPSHOT_NEW;
    s->changed(s->arg);
}

void dm_snapshot_want(dm_snapshot *s)
{
    if (s->state == DM_SNAPSHOT_NEW)
        begin(s);
}

dm_snapshot_state dm_snapshot_is(const dm_snapshot *s)
{
    return s->state;
}

const dm_err *dm_snapshot_why(const dm_snapshot *s)
{
    return &s->why;
}

bool dm_snapshot_of(const dm_snapshot *s, const char *image, uint32_t vcpus, uint32_t mem_mib)
{
    return s->vcpus == vcpus && s->mem_mib == mem_mib && strcmp(s->image, image) == 0;
}

void dm_snapshot_config(const dm_snapshot *s, dm_machine_config *out)
{
    *out = (dm_machine_config){.template_dir = s->template_dir, .vcpus = s->vcpus, .mem_mib = s->mem_mib};
}

int dm_snapshot_new(dm_host *h, const char *image, uint32_t vcpus, uint32_t mem_mib, void (*changed)(void *arg),
        void *arg, dm_snapshot **out, dm_err *err)
{
    dm_snapshot *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool");
    s->h = h;
    s->changed = changed;
    s->arg = arg;
    s->vcpus = vcpus;
    s->mem_mib = mem_mib;
    s->slot_no = -1;
    int r = dm_str_to_array(dm_str_c(image), s->image, sizeof(s->image), err);
    if (r == 0)
        r = find_dirs(s, err);
    if (r == 0)
        r = dm_loop_timer(h->loop, again, s, &s->retry, err);
    if (r < 0)
        dm_snapshot_free(s);
    else
        *out = s;
    return r;
}

void dm_snapshot_free(dm_snapshot *s)
{
    if (s == NULL)
        return;
    assert(s->slot_no < 0 || s->build != NULL); /* else the executor has it */
    dm_template_build_free(s->build);
    if (s->slot_no >= 0) {
        dm_host_slot_shut(s->h, (uint32_t)s->slot_no);
        dm_host_slot_give(s->h, (uint32_t)s->slot_no);
    }
    dm_timer_free(s->retry);
    free(s);
}
