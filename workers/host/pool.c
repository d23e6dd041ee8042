#include "workers/host/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/host/disk.h"
#include "workers/vmm/template.h"

static const int64_t retry_us = 5 * 1000 * 1000;

typedef enum pool_state { POOL_NEW, POOL_BUILDING, POOL_READY, POOL_FAILED } pool_state;

typedef struct pool pool;

struct dm_pool_ticket {
    dm_pool_ticket *next;
    pool *of;
    dm_pool_done_fn done;
    void *arg;
};

/* A machine of a pool's own: being made, then warm. */
typedef struct spare {
    struct spare *next;
    pool *of;
    dm_machine *m;
} spare;

struct pool {
    pool *next;
    dm_pools *all;
    pool_state state;
    char image[65];
    uint32_t vcpus, mem_mib, depth;
    char image_dir[PATH_MAX], template_dir[PATH_MAX];
    spare *warm, *makings;
    uint32_t nwarm, nmaking, nwaiting;
    dm_pool_ticket *first, **last;
    dm_timer *retry;
    dm_err why;      /* of POOL_FAILED */
    int32_t slot_no; /* that the template is made in */
    dm_template_build *build;
    dm_job job;
    dm_call back;
    int job_r;
};

struct dm_pools {
    dm_host *h;
    pool *pools;
    uint32_t n;
    bool draining;
    uint32_t nmaking;
};

static void pool_step(pool *p);

/* --- the template ------------------------------------------------------------------------------------------- */

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
    dm_str digest = dm_str_c(json_string_value(json_object_get(manifest, "digest")));
    if (digest.n < 16 || !dm_str_only(digest, "0123456789abcdef"))
        return dm_fail(err, DM_E_CORRUPT, "%s: 'digest' is not a hash", path);
    return dm_str_to_array((dm_str){digest.p, 16}, out, 17, err);
}

/* Where the image is, and where its snapshot of this size goes: digest-size, so that another image has another. */
static int find_dirs(pool *p, dm_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    char digest[17];
    struct stat st;
    if (*p->image == '\0' || *p->image == '.' || !dm_str_only(dm_str_c(p->image), allowed))
        return dm_fail(err, DM_E_INVALID, "'%.64s' is not the name of an image", p->image);
    int r = dm_path(p->image_dir, PATH_MAX, err, "%s/%s", p->all->h->conf->images_dir, p->image);
    if (r == 0 && stat(p->image_dir, &st) < 0)
        r = dm_fail(err, DM_E_NOTFOUND, "this worker has no image '%s'", p->image);
    if (r == 0)
        r = image_digest(p->image_dir, digest, err);
    if (r == 0)
        r = dm_path(p->template_dir, PATH_MAX, err, "%s/%s-%uc%um", p->all->h->conf->templates_dir, digest, p->vcpus,
                p->mem_mib);
    return r;
}

static void fail_waiters(pool *p, int r, const dm_err *err)
{
    while (p->first != NULL) {
        dm_pool_ticket *t = p->first;
        p->first = t->next;
        p->nwaiting--;
        t->done(t->arg, NULL, false, r, err);
        free(t);
    }
    p->last = &p->first;
}

static void template_failed(pool *p, int r, const dm_err *err)
{
    p->state = POOL_FAILED;
    p->why = *err;
    p->why.code = r;
    dm_log_err(p->all->h->log, DM_ERROR, "pool.template_failed", err);
    fail_waiters(p, r, err);
    dm_timer_in(p->retry, retry_us);
}

static void build_done(void *arg, int r, const dm_err *err)
{
    pool *p = arg;
    dm_template_build_free(p->build);
    p->build = NULL;
    dm_host_slot_shut(p->all->h, (uint32_t)p->slot_no);
    dm_host_slot_give(p->all->h, (uint32_t)p->slot_no);
    p->slot_no = -1;
    if (r < 0) {
        template_failed(p, r, err);
        return;
    }
    p->state = POOL_READY;
    DM_LOG(p->all->h->log, DM_INFO, "pool.template_ready", dm_fs("template", p->template_dir));
    pool_step(p);
}

static void build_config(const pool *p, const char *disk_image, dm_template_config *c)
{
    *c = (dm_template_config){
            .driver = p->all->h->driver,
            .env = &p->all->h->env,
            .image_dir = p->image_dir,
            .out_dir = p->template_dir,
            .disk_image = disk_image,
            .vcpus = p->vcpus,
            .mem_mib = p->mem_mib,
            .tap_fd = p->slot_no >= 0 ? p->all->h->slots[p->slot_no].net.tap_fd : -1,
    };
}

static void slot_job(dm_job *job)
{
    pool *p = (void *)((char *)job - offsetof(pool, job));
    dm_host *h = p->all->h;
    p->why = (dm_err){0};
    p->job_r = dm_host_slot_ready(h, (uint32_t)p->slot_no, &(dm_slot_policy){.internet = true}, false, &p->why);
    dm_loop_post(h->loop, &p->back);
}

static void slot_opened(void *arg)
{
    pool *p = arg;
    dm_template_config c;
    char disk_image[PATH_MAX];
    dm_err err = {0};
    int r = p->job_r;
    if (r < 0) {
        build_done(p, r, &p->why);
        return;
    }
    r = dm_path(disk_image, sizeof(disk_image), &err, "%s/disk-1g.ext4", p->image_dir);
    build_config(p, disk_image, &c);
    if (r == 0)
        r = dm_template_build_start(&c, build_done, p, &p->build, &err);
    if (r < 0)
        build_done(p, r, &err);
}

/* A snapshot made by another QEMU or on another host does not load. It is not removed: sleepers may stand on it, and a
 * host that goes back finds it again. The new one gets the next free name. 0: one that fits is there. */
enum { BUILD_IT = 1, TEMPLATES_MAX = 100 };
static int choose_template(pool *p, dm_err *err)
{
    char first[PATH_MAX];
    dm_template_config c;
    struct stat st;
    memcpy(first, p->template_dir, sizeof(first));
    for (unsigned i = 0; i < TEMPLATES_MAX; i++) {
        int r = i == 0 ? 0 : dm_path(p->template_dir, PATH_MAX, err, "%s.%u", first, i);
        if (r < 0)
            return r;
        if (stat(p->template_dir, &st) < 0)
            return BUILD_IT;
        build_config(p, NULL, &c);
        if (dm_template_check(&c, err) == 0)
            return 0;
        DM_LOG(p->all->h->log, DM_INFO, "pool.template_stale", dm_fs("template", p->template_dir),
                dm_fs("why", err->msg));
    }
    return dm_fail(err, DM_E_LIMIT, "%d snapshots of this image and size do not fit this host", TEMPLATES_MAX);
}

static void begin_template(pool *p)
{
    dm_host *h = p->all->h;
    dm_err err = {0};
    int r = find_dirs(p, &err);
    if (r == 0)
        r = choose_template(p, &err);
    if (r == 0) {
        p->state = POOL_READY;
        return;
    }
    if (r < 0) {
        template_failed(p, r, &err);
        return;
    }
    p->slot_no = dm_host_slot_take(h);
    if (p->slot_no < 0) {
        (void)dm_fail(&err, DM_E_LIMIT, "no slot is free to make a template in");
        template_failed(p, DM_E_LIMIT, &err);
        return;
    }
    p->state = POOL_BUILDING;
    DM_LOG(h->log, DM_INFO, "pool.template_building", dm_fs("template", p->template_dir));
    p->job.fn = slot_job;
    p->back = (dm_call){.fn = slot_opened, .arg = p};
    if (dm_exec_submit(h->exec, &p->job) != 0) {
        p->job_r = dm_fail(&p->why, DM_E_LIMIT, "too much waits for the disk");
        slot_opened(p);
    }
}

static void template_again(void *arg)
{
    pool *p = arg;
    if (!p->all->draining) {
        p->state = POOL_NEW;
        pool_step(p);
    }
}

/* --- machines ----------------------------------------------------------------------------------------------- */

static void spare_drop(spare **list, spare *k)
{
    for (spare **at = list; *at != NULL; at = &(*at)->next) {
        if (*at == k) {
            *at = k->next;
            break;
        }
    }
    free(k);
}

static dm_machine *warm_pop(pool *p)
{
    spare *k = p->warm;
    dm_machine *m = k->m;
    p->warm = k->next;
    p->nwarm--;
    free(k);
    dm_machine_own(m, &(dm_machine_owner){0});
    return m;
}

static void warm_gone(void *arg, const dm_vm_event *ev)
{
    spare *k = arg;
    pool *p = k->of;
    (void)ev;
    DM_LOG(p->all->h->log, DM_WARN, "pool.warm_machine_died", dm_fu("slot", dm_machine_slot(k->m)));
    dm_machine_free(k->m);
    p->nwarm--;
    spare_drop(&p->warm, k);
    pool_step(p);
}

static void keep_warm(pool *p, dm_machine *m)
{
    spare *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        dm_machine_free(m);
        return;
    }
    *k = (spare){.next = p->warm, .of = p, .m = m};
    p->warm = k;
    p->nwarm++;
    dm_machine_own(m, &(dm_machine_owner){.gone = warm_gone, .arg = k});
}

static void give_or_keep(pool *p, dm_machine *m)
{
    dm_pool_ticket *t = p->first;
    if (t == NULL) {
        keep_warm(p, m);
        return;
    }
    p->first = t->next;
    if (p->first == NULL)
        p->last = &p->first;
    p->nwaiting--;
    t->done(t->arg, m, false, 0, NULL);
    free(t);
}

static void made(void *arg, int r, const dm_err *err)
{
    spare *k = arg;
    pool *p = k->of;
    dm_machine *m = k->m;
    p->nmaking--;
    p->all->nmaking--;
    spare_drop(&p->makings, k);
    if (r < 0) {
        dm_log_err(p->all->h->log, DM_ERROR, "pool.machine_failed", err);
        fail_waiters(p, r, err);
        dm_machine_free(m);
        dm_timer_in(p->retry, retry_us);
        return;
    }
    if (p->all->draining && p->first == NULL)
        dm_machine_free(m);
    else
        give_or_keep(p, m);
    pool_step(p);
}

static int make_one(pool *p, dm_err *err)
{
    dm_machine_config c = {.template_dir = p->template_dir, .vcpus = p->vcpus, .mem_mib = p->mem_mib, .internet = true};
    spare *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to make a machine");
    k->of = p;
    int r = dm_machine_make(p->all->h, &c, made, k, &k->m, err);
    if (r < 0) {
        free(k);
        return r;
    }
    k->next = p->makings;
    p->makings = k;
    p->nmaking++;
    p->all->nmaking++;
    return 0;
}

/* Brings the pool nearer to where it should be. */
static void pool_step(pool *p)
{
    dm_pools *all = p->all;
    if (p->state == POOL_NEW)
        begin_template(p);
    if (p->state != POOL_READY || all->draining)
        return;
    uint32_t most = (uint32_t)all->h->conf->warming_max;
    while (p->nwarm + p->nmaking < p->depth + p->nwaiting && all->nmaking < (p->nwaiting > 0 ? most + 1 : most)) {
        dm_err err = {0};
        int r = make_one(p, &err);
        if (r < 0) {
            /* Without a free slot whoever waits is told so, once nothing is under way that could still serve him. */
            if (p->nwaiting > 0 && p->nmaking == 0)
                fail_waiters(p, r, &err);
            dm_timer_in(p->retry, retry_us);
            return;
        }
    }
}

static void pool_free(pool *p)
{
    while (p->makings != NULL) {
        dm_machine *m = p->makings->m;
        spare_drop(&p->makings, p->makings);
        dm_machine_free(m);
    }
    while (p->warm != NULL)
        dm_machine_free(warm_pop(p));
    dm_template_build_free(p->build);
    while (p->first != NULL) {
        dm_pool_ticket *t = p->first;
        p->first = t->next;
        free(t);
    }
    dm_timer_free(p->retry);
    free(p);
}

static int pool_get(
        dm_pools *all, const char *image, uint32_t vcpus, uint32_t mem_mib, uint32_t depth, pool **out, dm_err *err)
{
    for (pool *p = all->pools; p != NULL; p = p->next) {
        if (p->vcpus == vcpus && p->mem_mib == mem_mib && strcmp(p->image, image) == 0) {
            *out = p;
            return 0;
        }
    }
    if (all->n >= DM_POOLS_MAX)
        return dm_fail(err, DM_E_LIMIT, "this worker already serves %d sizes", DM_POOLS_MAX);
    pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool");
    p->all = all;
    p->vcpus = vcpus;
    p->mem_mib = mem_mib;
    p->depth = depth;
    p->slot_no = -1;
    p->last = &p->first;
    int r = dm_str_to_array(dm_str_c(image), p->image, sizeof(p->image), err);
    if (r == 0)
        r = find_dirs(p, err);
    if (r == 0)
        r = dm_loop_timer(all->h->loop, template_again, p, &p->retry, err);
    if (r < 0) {
        pool_free(p);
        return r;
    }
    p->next = all->pools;
    all->pools = p;
    all->n++;
    *out = p;
    return 0;
}

int dm_pools_new(dm_host *h, dm_pools **out, dm_err *err)
{
    dm_pools *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the pools");
    p->h = h;
    *out = p;
    return 0;
}

void dm_pools_free(dm_pools *p)
{
    if (p == NULL)
        return;
    while (p->pools != NULL) {
        pool *next = p->pools->next;
        pool_free(p->pools);
        p->pools = next;
    }
    free(p);
}

void dm_pools_start(dm_pools *p)
{
    const dm_worker_config *c = p->h->conf;
    pool *def;
    dm_err err = {0};
    if (pool_get(p, c->default_image, (uint32_t)c->default_vcpus, (uint32_t)c->default_mem_mib, (uint32_t)c->pool_size,
                &def, &err) < 0)
        dm_log_err(p->h->log, DM_ERROR, "pool.no_default", &err);
    else
        pool_step(def);
}

int dm_pools_take(dm_pools *all, const char *image, uint32_t vcpus, uint32_t mem_mib, dm_pool_done_fn done, void *arg,
        dm_pool_ticket **out, dm_err *err)
{
    pool *p;
    *out = NULL;
    if (all->draining)
        return dm_fail(err, DM_E_UNAVAILABLE, "this worker is being drained");
    int r = pool_get(all, image, vcpus, mem_mib, 0, &p, err);
    if (r < 0)
        return r;
    if (p->nwarm > 0) {
        done(arg, warm_pop(p), true, 0, NULL);
        pool_step(p);
        return 0;
    }
    if (p->state == POOL_FAILED) {
        if (err != NULL)
            *err = p->why;
        return p->why.code;
    }
    if (p->nwaiting >= DM_POOL_WAITERS_MAX)
        return dm_fail(err, DM_E_LIMIT, "%d sandboxes already wait for a machine", DM_POOL_WAITERS_MAX);
    dm_pool_ticket *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to wait for a machine");
    *t = (dm_pool_ticket){.of = p, .done = done, .arg = arg};
    *p->last = t;
    p->last = &t->next;
    p->nwaiting++;
    *out = t;
    pool_step(p);
    return 0;
}

void dm_pool_ticket_drop(dm_pool_ticket *t)
{
    if (t == NULL)
        return;
    pool *p = t->of;
    for (dm_pool_ticket **at = &p->first; *at != NULL; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            if (p->last == &t->next)
                p->last = at;
            p->nwaiting--;
            free(t);
            return;
        }
    }
}

uint32_t dm_pools_warm(const dm_pools *p)
{
    uint32_t n = 0;
    for (const pool *q = p->pools; q != NULL; q = q->next)
        n += q->nwarm;
    return n;
}

bool dm_pools_ready(const dm_pools *p)
{
    for (const pool *q = p->pools; q != NULL; q = q->next) {
        if (q->depth > 0)
            return q->state == POOL_READY && q->nwarm >= q->depth;
    }
    return p->h->conf->pool_size == 0;
}

void dm_pools_drain(dm_pools *p)
{
    p->draining = true;
    for (pool *q = p->pools; q != NULL; q = q->next) {
        while (q->warm != NULL)
            dm_machine_free(warm_pop(q));
    }
}
