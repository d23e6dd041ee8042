/* A worker's daemon: all of it but its orders and its machines. Its sandboxes are the plan's, which a death of the
 * daemon leaves alone; what the real one reads of its boxes after that, the moments of their transitions, is read of
 * the plan. A host that is booted anew has lost its running sandboxes: they ended with the last second that a frame
 * proves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

#include "tests/crash/stage.h"
#include "workers/host/evidence/segment.h"
#include "workers/host/parts.h"
#include "workers/host/publish.h"

enum { LOOKS = 2, STILL = 4, TURNS_MAX = 20000 };

static const int64_t look_us = 60000, second_us = 1000000;

typedef struct shown {
    dm_box box; /* what is measured of it: its disk */
    dm_stretch *stretch;
    bool begun, done;
} shown;

typedef struct host {
    stage *s;
    unsigned no;
    daemon_state *d;
    dm_clock_fake clock;
    dm_host h;
    dm_worker_config conf;
    dm_worker *w;
    dm_publish *publish;
    shown phases[PHASES_MAX];
    char data[96], images[96], templates[96], live[96];
} host;

static void must(bool ok, const char *what, const dm_err *err)
{
    if (ok)
        return;
    (void)fprintf(stderr, "worker: %s: %s\n", what, err != NULL ? err->msg : "");
    _exit(EXIT_FAILED);
}

void dm_point_reached(dm_point p)
{
    reached(p);
}

/* --- its disk ----------------------------------------------------------------------------------------------- */

int __real_dm_pwrite_all(int fd, const void *p, size_t n, off_t at, dm_err *err);
int __wrap_dm_pwrite_all(int fd, const void *p, size_t n, off_t at, dm_err *err);

/* All writing of the journal's. A full disk takes some of it. */
int __wrap_dm_pwrite_all(int fd, const void *p, size_t n, off_t at, dm_err *err)
{
    if (!disk_is_full())
        return __real_dm_pwrite_all(fd, p, n, at, err);
    int r = __real_dm_pwrite_all(fd, p, n / 2, at, err);
    return r < 0 ? r : dm_fail_sys(err, ENOSPC, "write");
}

/* --- its host's end ----------------------------------------------------------------------------------------- */

void tear_journal(const stage *s, unsigned worker, uint64_t *r)
{
    char path[160];
    uint64_t newest = 0, last_mark = 0, size = 0;
    for (uint64_t n = 1; n < 1000; n++) {
        struct stat st;
        (void)snprintf(
                path, sizeof(path), "%.60s/w%u/journal/%08llu.journal", s->dir, worker + 1, (unsigned long long)n);
        if (stat(path, &st) == 0) {
            newest = n;
            size = (uint64_t)st.st_size;
        }
    }
    (void)snprintf(
            path, sizeof(path), "%.60s/w%u/journal/%08llu.journal", s->dir, worker + 1, (unsigned long long)newest);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4 << 20);
    for (uint64_t at = 0; fd >= 0;) {
        dm_record type;
        bool torn;
        if (dm_segment_record(fd, at, &type, &b, &torn, NULL) != 0)
            break;
        last_mark = type == DM_RECORD_MARK ? at : last_mark;
        at += DM_SEGMENT_HEAD + b.len + DM_SEGMENT_TAIL;
    }
    if (fd < 0 || size <= last_mark)
        return;
    uint64_t keep = last_mark + rng(r) % (size - last_mark + 1);
    if (rng(r) % 2 == 0) { /* the length is there, and what should be in it is not */
        static const char zeros[4096];
        for (uint64_t at = keep; at < size; at += sizeof(zeros))
            (void)!pwrite(fd, zeros, size - at < sizeof(zeros) ? size - at : sizeof(zeros), (off_t)at);
        return;
    }
    if (ftruncate(fd, (off_t)keep) < 0)
        abort();
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

static bool settled(host *t)
{
    bool stuck = t->d->disk_full && dm_journal_full(t->w->journal);
    return dm_exec_waiting(t->h.exec) == 0 && (stuck || dm_journal_quiet(t->w->journal));
}

static void turn_until_settled(host *t)
{
    dm_err err = {0};
    for (int still = 0, n = 0; still < STILL; n++) {
        must(n < TURNS_MAX, "it never came to rest", NULL);
        must(dm_loop_once(t->h.loop, still > 0 ? 0 : 300, &err) >= 0, "loop", &err);
        still = settled(t) ? still + 1 : 0;
    }
}

static void frame_until(host *t, int64_t second)
{
    dm_err err = {0};
    for (int n = 0; t->w->at.last_second < second; n++) {
        must(n < TURNS_MAX, "a second was never framed", NULL);
        dm_clock_fake_move(&t->clock, n < 500 ? 1000 : 0); /* what begins looks a moment later */
        must(dm_loop_once(t->h.loop, 300, &err) >= 0, "loop", &err);
    }
    turn_until_settled(t);
}

static void publish(host *t)
{
    for (int i = 0; i < LOOKS; i++) {
        dm_clock_fake_move(&t->clock, look_us);
        turn_until_settled(t);
    }
}

/* --- sandboxes ---------------------------------------------------------------------------------------------- */

static void begin(host *t, size_t i, int64_t at_us)
{
    const phase *p = &t->s->p.phases[i];
    const dm_usage_who who = {.sandbox = sandbox_id(p->sandbox),
            .epoch = p->epoch,
            .project = {p->project},
            .spec_table = 1,
            .spec = p->spec,
            .region_no = p->region};
    t->phases[i].box.disk_16mib = p->grains;
    t->phases[i].stretch = dm_usage_begin(t->w->usage, &who, p->state, T0 * second_us + at_us, &t->phases[i].box);
    must(t->phases[i].stretch != NULL, "a stretch", NULL);
    t->phases[i].begun = true;
}

static void end(host *t, size_t i)
{
    const phase *p = &t->s->p.phases[i];
    const dm_sample last = {.disk_16mib = p->grains};
    dm_usage_end(t->w->usage, t->phases[i].stretch, T0 * second_us + p->to_us, &last, p->cause);
    t->phases[i].stretch = NULL;
    t->phases[i].done = true;
}

/* What happened up to this moment and was not told yet. */
static void transitions(host *t, int64_t until_us)
{
    for (size_t i = 0; i < t->s->p.nphases; i++) {
        const phase *p = &t->s->p.phases[i];
        shown *k = &t->phases[i];
        if (p->worker != t->no || k->done || p->to_us <= p->from_us)
            continue;
        if (!k->begun && p->from_us < until_us)
            begin(t, i, p->from_us);
        if (k->begun && p->to_us <= until_us)
            end(t, i);
    }
}

/* As recover.c restores stretches: of what was framed nothing, of a sleeper all since its last whole minute. */
static void restore(host *t, int64_t until_us)
{
    int64_t framed = t->w->at.last_second - T0;
    for (size_t i = 0; i < t->s->p.nphases; i++) {
        const phase *p = &t->s->p.phases[i];
        int64_t from = p->from_us;
        int64_t owed = p->state == DM_SAMPLE_RUN ? framed + 1 : (framed + 1 + T0) / 60 * 60 - T0;
        if (p->worker != t->no || p->to_us <= p->from_us || from >= until_us)
            continue;
        if (dm_second_of(p->to_us - 1) <= framed) {
            t->phases[i].done = true;
            if (p->cause != DM_CAUSE_NONE) {
                dm_sandbox_id id = sandbox_id(p->sandbox);
                dm_usage_replay_cause(t->w->usage, &id, p->epoch, p->cause);
            }
            continue;
        }
        from = from > owed * second_us ? from : owed * second_us;
        begin(t, i, from);
        if (p->to_us <= until_us)
            end(t, i);
    }
}

/* What ran on this host ended with the last second that is proven, and nothing of it comes after. */
static void lose_what_ran(host *t, int64_t until_us)
{
    plan *all = &t->s->p;
    int64_t proven_us = (t->w->at.last_second - T0 + 1) * second_us;
    for (size_t i = 0; i < all->nphases; i++) {
        phase *p = &all->phases[i];
        if (p->worker != t->no || p->state != DM_SAMPLE_RUN || p->from_us >= until_us || p->to_us <= until_us)
            continue;
        for (size_t k = 0; k < all->nphases; k++) {
            if (all->phases[k].sandbox == p->sandbox && all->phases[k].from_us > p->from_us)
                all->phases[k].to_us = all->phases[k].from_us;
        }
        p->to_us = proven_us > p->from_us ? proven_us : p->from_us;
        p->cause = DM_CAUSE_HOST_LOST;
    }
}

/* --- beginning ---------------------------------------------------------------------------------------------- */

static void configure(host *t)
{
    static char name[] = "w", none[] = "", image[] = "base", prefix[] = "cr", base[] = "10.200.0.0";
    const char *dir = t->s->dir;
    (void)snprintf(t->data, sizeof(t->data), "%.60s/w%u", dir, t->no + 1);
    (void)snprintf(t->images, sizeof(t->images), "%.60s/images", dir);
    (void)snprintf(t->templates, sizeof(t->templates), "%.60s/templates", dir);
    (void)snprintf(t->live, sizeof(t->live), "%.60s/live%u", dir, t->no + 1);
    t->conf = (dm_worker_config){.name = name,
            .data_dir = t->data,
            .images_dir = t->images,
            .templates_dir = t->templates,
            .live_dir = t->live,
            .brokers = none,
            .door = name,
            .slot_prefix = prefix,
            .slot_base = base,
            .default_image = image,
            .default_vcpus = 1,
            .default_mem_mib = 256,
            .slots = 1,
            .pool_size = 0,
            .making_max = 1,
            .warming_max = 1,
            .mem_reserve_mib = 64,
            .mem_overcommit_pct = 400,
            .journal_bytes_max = 64 << 20,
            .journal_segment_bytes = 6000};
}

static void boot(host *t)
{
    dm_err err = {0};
    char key[2 * DM_KEY + 1];
    uint8_t raw[DM_KEY];
    configure(t);
    t->h = (dm_host){.clock = &t->clock.base};
    dm_worker_config_host(&t->conf, &t->h.conf);
    must(dm_loop_new(t->h.clock, &t->h.loop, &err) == 0, "loop", &err);
    must(dm_exec_new(1, 1024, &t->h.exec, &err) == 0, "exec", &err);
    must(dm_host_init(&t->h, &err) == 0, "host", &err);
    must(dm_worker_new(&t->conf, &t->h, &t->w, &err) == 0, "worker", &err);
    must(dm_frame_key(frame_secret, (dm_worker_no){t->no + 1}, raw, &err) == 0, "key", &err);
    dm_hex(raw, DM_KEY, key);
    const dm_wk_enrolled me = {.worker_no = (int64_t)t->no + 1,
            .region_no = 2,
            .period_s = PERIOD_S,
            .frame_key = key,
            .now_us = T0 * second_us + t->s->now_us};
    dm_worker_enrolled(t->w, &me, 0);
    must(dm_publish_new(t->w, &t->publish, &err) == 0, "publish", &err);
    t->d->last_second = t->w->at.last_second;
    t->d->boot = t->w->at.boot;
}

void worker_run(stage *s, unsigned no, int fd)
{
    static host one;
    host *t = &one;
    *t = (host){.s = s, .no = no, .d = &s->d[no]};
    char what;
    dm_clock_fake_init(&t->clock, 0);
    clock_of(s, no, &t->clock);
    boot(t);
    int64_t until_us = dm_second_of(s->now_us - 100000) * second_us;
    if (t->d->rebooted)
        lose_what_ran(t, until_us);
    t->d->rebooted = false;
    restore(t, until_us);
    while (asked(fd, &what) && what == ASK_TURN) {
        clock_of(s, no, &t->clock);
        dm_worker_durable(t->w, t->d->durable_boot, t->d->durable_frame);
        int64_t now = dm_second_of(s->now_us - 100000);
        transitions(t, now * second_us);
        frame_until(t, T0 + now - 1);
        publish(t);
        answer(fd, what);
    }
    dm_worker_flush(t->w);
    answer(fd, what);
    _exit(0);
}
