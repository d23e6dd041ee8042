/* How a worker begins: its folder, its key, its journal; and when the API has told it which worker it is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/host/machine/place.h"
#include "workers/host/parts.h"

/* --- what frames are sealed with ---------------------------------------------------------------------------- */

static int frame_key_path(const dm_worker *w, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/frame.key", w->conf->data_dir);
}

static int seal_with(dm_worker *w, const uint8_t key[DM_KEY], dm_err *err)
{
    dm_mac *seal;
    uint64_t print;
    int r = dm_frame_key_print(key, &print, err);
    if (r == 0)
        r = dm_mac_new(key, &seal, err);
    if (r < 0)
        return r;
    dm_mac_free(w->seal);
    w->seal = seal;
    w->at.frame_key = print;
    memcpy(w->frame_key, key, DM_KEY);
    return 0;
}

/* Of an earlier start, so that frames are made while the API is away. One that cannot be read is as good as none: the
 * API gives it again, and frames wait until then. */
static int load_frame_key(dm_worker *w, dm_err *err)
{
    char path[PATH_MAX];
    uint8_t key[DM_KEY];
    int r = frame_key_path(w, path, err);
    if (r < 0)
        return r;
    dm_err why = {0};
    r = dm_key_read(path, key, &why);
    if (r < 0 && r != DM_E_NOTFOUND)
        dm_log_err(w->h->log, DM_WARN, "worker.frame_key_unread", &why);
    r = r == 0 ? seal_with(w, key, err) : 0;
    explicit_bzero(key, sizeof(key));
    return r;
}

/* Beside the number. Another one than before it is when the deployment's secret was changed: what is framed from here
 * on is sealed with it, and what is in the journal stays as it was made. Where there is no room for it now, frames are
 * sealed all the same, and the next start asks again.
 */
static void keep_frame_key(dm_worker *w, const char *hex)
{
    char path[PATH_MAX], text[2 * DM_KEY + 2];
    dm_err err = {0};
    (void)snprintf(text, sizeof(text), "%s\n", hex);
    int r = frame_key_path(w, path, &err);
    if (r == 0)
        r = dm_file_write(path, dm_str_c(text), 0600, &err);
    if (r < 0)
        dm_log_err(w->h->log, DM_WARN, "worker.frame_key_not_kept", &err);
    explicit_bzero(text, sizeof(text));
}

static void take_frame_key(dm_worker *w, const char *hex)
{
    uint8_t key[DM_KEY];
    dm_err err = {0};
    if (hex == NULL || dm_parse_hex(dm_str_c(hex), key, sizeof(key), &err) < 0 ||
            (w->seal != NULL && memcmp(key, w->frame_key, DM_KEY) == 0))
        return;
    if (seal_with(w, key, &err) < 0) {
        dm_log_err(w->h->log, DM_ERROR, "worker.no_evidence", &err);
        abort();
    }
    keep_frame_key(w, hex);
    explicit_bzero(key, sizeof(key));
}

/* --- beginning ---------------------------------------------------------------------------------------------- */

void dm_worker_enrolled(dm_worker *w, const dm_wk_enrolled *e, int64_t within_us)
{
    dm_err err = {0};
    if (w->at.enrolled && (w->at.no.v != (uint64_t)e->worker_no || w->at.period_s != e->period_s)) {
        /* Evidence of two workers, or two sorts of period, cannot share a journal. */
        DM_LOG(w->h->log, DM_ERROR, "worker.identity_changed", dm_fu("was", w->at.no.v), dm_fi("is", e->worker_no));
        return;
    }
    dm_usage_clock_hear(&w->time, e->now_us, within_us, w->h->log);
    take_frame_key(w, e->frame_key);
    if (w->at.enrolled)
        return;
    dm_worker_is(w, e);
    if (dm_seconds_usage(w, &err) < 0 || dm_seconds_start(w, &err) < 0) {
        dm_log_err(w->h->log, DM_ERROR, "worker.no_evidence", &err);
        abort();
    }
    dm_worker_journal_enrolled(w);
}

/* Two workers on one folder would both write its journal and both own its VMs. The lock goes with the process. */
static int take_folder(const dm_worker_config *conf, dm_err *err)
{
    char path[PATH_MAX];
    int r = dm_mkdir_p(conf->data_dir, 0700, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/lock", conf->data_dir);
    if (r < 0)
        return r;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    int e = errno;
    (void)close(fd);
    if (e == EWOULDBLOCK)
        return dm_fail(err, DM_E_EXISTS, "another worker has %s", conf->data_dir);
    return dm_fail_sys(err, e, "lock %s", path);
}

/* One that did not come to be: no machine is made or adopted before nothing can fail any more, so that no VM goes with
 * it. The folder's lock stays with the process. */
static void dm_worker_free(dm_worker *w)
{
    if (w == NULL)
        return;
    dm_journal_free(w->journal); /* first: it tells those who wait for what is being written */
    dm_usage_free(w->usage);
    dm_pools_free(w->pools);
    dm_events_free(w->events);
    dm_boxes_free(w->boxes);
    dm_store_free(w->store); /* what stands on it is told of */
    dm_leases_free(w->leases);
    dm_timer_free(w->tick);
    dm_sign_key_free(w->key);
    dm_mac_free(w->seal);
    free(w);
}
DM_DEFINE_FREEP(dm_worker)

static void stands(void *arg, const char *base, int by)
{
    dm_store_count(arg, base, by);
}

static int open_store(dm_worker *w, dm_err *err)
{
    char root[PATH_MAX];
    dm_host *h = w->h;
    int r = dm_place_store(&h->conf, root, err);
    if (r < 0)
        return r;
    const dm_store_config c = {
            .root = root, .loop = h->loop, .exec = h->env.images != NULL ? h->env.images : h->exec, .log = h->log};
    return dm_store_open(&c, &w->store, err);
}

int dm_worker_new(const dm_worker_config *conf, dm_host *h, dm_worker **out, dm_err *err)
{
    char path[PATH_MAX];
    int r = take_folder(conf, err);
    if (r < 0)
        return r;
    DM_AUTO(dm_worker) w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the worker");
    w->conf = conf;
    w->copy_ends = &dm_life_copy_ends;
    w->h = h;
    dm_usage_clock_start(&w->time, h->clock);

    DM_AUTO_BUF boot_id;
    dm_buf_init(&boot_id, 64);
    r = dm_file_read("/proc/sys/kernel/random/boot_id", &boot_id, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_trim(dm_buf_view(&boot_id)), w->kernel_boot, sizeof(w->kernel_boot), err);
    if (r == 0)
        r = dm_place_make(&h->conf, err);
    if (r == 0)
        r = dm_mkdir_p(conf->live_dir, 0755, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/worker.key", conf->data_dir);
    if (r == 0)
        r = dm_sign_key_open(path, &w->key, err);
    if (r == 0)
        r = load_frame_key(w, err);
    if (r == 0)
        r = open_store(w, err);
    if (r == 0)
        r = dm_boxes_new(&w->boxes, err);
    if (r == 0)
        dm_boxes_watch_bases(w->boxes, stands, w->store);
    if (r == 0)
        r = dm_leases_new(dm_worker_pause, &w->leases, err);
    if (r == 0)
        dm_boxes_watch(w->boxes, dm_leases_run, w->leases);
    if (r == 0)
        r = dm_events_new(&w->events, err);
    if (r == 0)
        r = dm_pools_new(h, &w->pools, err);
    if (r == 0)
        r = dm_worker_recover(w, err);
    if (r < 0)
        return r;
    *out = dm_steal(&w);
    return 0;
}
