/* After a crash. The journal says which sandboxes there were and up to which second they are proven. A VM that lived on
 * is adopted and ran all the while: the seconds nobody framed are framed now; but what had its time end meanwhile ends,
 * or goes to sleep, as of its deadline: that it ran on after was nobody's wish but our absence. One that is gone and
 * left a whole image of its epoch had fallen asleep; any other that is gone ended at its last proven second. What
 * slept, sleeps, and so does what was being woken. Warm machines belong to nobody and are let go. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/point.h"
#include "base/wire/frame.h"
#include "base/wire/period.h"

#include "workers/host/machine/disk.h"
#include "workers/host/machine/going.h"
#include "workers/host/machine/place.h"
#include "workers/host/parts.h"

typedef struct was {
    int64_t boot, prev_boot_last_frame, frame_no, last_second, event_seq, usage_us, mono_us;
    char *kernel_boot;
} was;

static const dm_json_field boot_fields[] = {
        {"boot", DM_JSON_I64, offsetof(was, boot), DM_JSON_NEED, 1, INT64_MAX},
        {"prev_boot_last_frame", DM_JSON_I64, offsetof(was, prev_boot_last_frame), DM_JSON_NEED, 0, INT64_MAX},
        {"frame_no", DM_JSON_I64, offsetof(was, frame_no), DM_JSON_NEED, 0, INT64_MAX},
        {"last_second", DM_JSON_I64, offsetof(was, last_second), DM_JSON_NEED, 0, INT64_MAX},
        {"event_seq", DM_JSON_I64, offsetof(was, event_seq), DM_JSON_NEED, 0, INT64_MAX},
        {"kernel_boot", DM_JSON_STR, offsetof(was, kernel_boot), DM_JSON_NEED, 1, 39},
        {"usage_us", DM_JSON_I64, offsetof(was, usage_us), DM_JSON_OPT, 0, INT64_MAX / 2},
        {"mono_us", DM_JSON_I64, offsetof(was, mono_us), DM_JSON_OPT, 0, INT64_MAX / 2},
};

typedef struct replay {
    dm_worker *w;
    char kernel_boot[40]; /* of the host when the dead worker began */
    int64_t usage_us;     /* was this for it when its host's monotonic clock said */
    int64_t mono_us;      /* that; 0: it was not sure */
    int64_t attested;     /* start of the last period with an end record */
    dm_sandbox_id unsaid; /* the box of the last record that owes an event, */
    bool owes;            /* while the event has not come */
    dm_attest *attest;
} replay;

/* --- replay ------------------------------------------------------------------------------------------------- */

static int replay_boot(replay *p, const json_t *obj, dm_err *err)
{
    was v;
    int r = dm_json_decode(obj, boot_fields, DM_LEN(boot_fields), &v, err);
    if (r < 0)
        return r;
    dm_worker *w = p->w;
    w->at.boot = (uint64_t)v.boot;
    w->at.prev_boot_last_frame = (uint64_t)v.prev_boot_last_frame;
    w->at.frame_no = (uint64_t)v.frame_no;
    w->at.last_second = v.last_second > w->at.last_second ? v.last_second : w->at.last_second;
    p->usage_us = v.usage_us;
    p->mono_us = v.mono_us;
    dm_events_replay_seq(w->events, (uint64_t)v.event_seq);
    r = dm_str_to_array(dm_str_c(v.kernel_boot), p->kernel_boot, sizeof(p->kernel_boot), err);
    dm_json_done(boot_fields, DM_LEN(boot_fields), &v);
    return r;
}

static int replay_enrolled(replay *p, const json_t *obj, dm_err *err)
{
    dm_wk_enrolled me;
    int r = dm_wk_enrolled_read(obj, &me, err);
    if (r < 0)
        return r;
    dm_worker_is(p->w, &me);
    dm_wk_enrolled_done(&me);
    return p->w->usage == NULL ? dm_seconds_usage(p->w, err) : 0;
}

static int replay_box(replay *p, const json_t *obj, dm_err *err)
{
    dm_worker *w = p->w;
    dm_box *b = dm_box_new(w, err);
    if (b == NULL)
        return DM_E_NOMEM;
    int r = dm_box_read(obj, b, err);
    if (r < 0) {
        dm_box_free(b);
        return r;
    }
    dm_box *old = dm_boxes_find(w->boxes, &b->id);
    if (old != NULL)
        dm_boxes_drop(w->boxes, old);
    r = dm_boxes_link(w->boxes, b, err);
    if (r < 0) {
        dm_box_free(b);
        return r;
    }
    p->owes = b->state == DM_BOX_ASLEEP || b->state == DM_BOX_ENDED;
    p->unsaid = b->id;
    return 0;
}

static int replay_gone(replay *p, dm_str name, dm_err *err)
{
    dm_sandbox_id id;
    int r = dm_sandbox_id_parse(name, &id, err);
    dm_box *b = r == 0 ? dm_boxes_find(p->w->boxes, &id) : NULL;
    if (b != NULL)
        dm_boxes_drop(p->w->boxes, b);
    return r;
}

/* A snapshot that stands before it may know of it, and of what came after. */
static int replay_claim(replay *p, dm_str name, dm_err *err)
{
    dm_sandbox_id id;
    int r = dm_sandbox_id_parse(name, &id, err);
    dm_box *b = r == 0 ? dm_boxes_find(p->w->boxes, &id) : NULL;
    if (b != NULL && dm_box_nobodys(b))
        dm_boxes_claim(p->w->boxes, b);
    return r;
}

static int replay_frame(replay *p, dm_str bytes, dm_err *err)
{
    dm_worker *w = p->w;
    dm_frame_head head;
    const uint8_t *samples;
    int r = dm_frame_open(bytes, &head, &samples, err);
    if (r < 0 || w->usage == NULL)
        return r;
    for (uint32_t i = 0; r == 0 && i < head.n; i++) {
        dm_sample s;
        r = dm_frame_sample(samples, i, &s, err);
        if (r == 0)
            r = dm_usage_replay(w->usage, head.second, &s, err);
    }
    if (head.second > w->at.last_second)
        w->at.last_second = head.second;
    if (head.worker_boot == w->at.boot && head.frame_no > w->at.frame_no)
        w->at.frame_no = head.frame_no;
    return r;
}

static int replay_attest(replay *p, dm_str message, dm_err *err)
{
    dm_worker *w = p->w;
    dm_attest_kind kind;
    dm_attest_end end;
    dm_digest hash;
    int r = dm_attest_kind_of(message, &kind, err);
    if (r < 0)
        return r;
    if (kind == DM_ATTEST_END) {
        r = dm_attest_end_read(message, &end, err);
        if (r == 0)
            p->attested = end.period_start;
        if (r == 0 && w->usage != NULL)
            dm_usage_forget(w->usage, end.period_start);
        return r;
    }
    r = dm_attest_read(message, p->attest, &hash, err);
    dm_box *b = r == 0 ? dm_boxes_find(w->boxes, &p->attest->sandbox) : NULL;
    if (b != NULL)
        b->previous = hash;
    return r;
}

static int replay_event(replay *p, const json_t *obj, dm_err *err)
{
    int r = dm_events_replay(p->w->events, obj, err);
    if (r == 0)
        p->owes = false; /* a box and its event are added one behind the other */
    return r;
}

static int replay_json(replay *p, dm_record type, dm_str payload, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    int r = dm_json_load(payload, DM_RECORD_BYTES_MAX, &obj, err);
    if (r < 0)
        return r;
    if (type == DM_RECORD_BOOT)
        return replay_boot(p, obj, err);
    if (type == DM_RECORD_ENROLLED)
        return replay_enrolled(p, obj, err);
    if (type == DM_RECORD_BOX)
        return replay_box(p, obj, err);
    return replay_event(p, obj, err);
}

static int replay_one(void *arg, dm_record type, dm_str payload, dm_journal_pos at, bool state, dm_err *err)
{
    replay *p = arg;
    (void)at;
    int r = 0;
    switch (type) {
    case DM_RECORD_FRAME:
        return replay_frame(p, payload, err);
    case DM_RECORD_ATTEST:
        return replay_attest(p, payload, err);
    case DM_RECORD_ENROLLED:
    case DM_RECORD_BOOT:
        return replay_json(p, type, payload, err);
    case DM_RECORD_BOX:
    case DM_RECORD_EVENT:
        return state ? replay_json(p, type, payload, err) : 0;
    case DM_RECORD_GONE:
        return state ? replay_gone(p, payload, err) : 0;
    case DM_RECORD_CLAIM:
        return state ? replay_claim(p, payload, err) : 0;
    case DM_RECORD_ACKED: {
        uint64_t seq;
        r = dm_take_le64(&payload, &seq);
        if (r == 0)
            dm_events_replay_acked(p->w->events, seq);
        break;
    }
    case DM_RECORD_DURABLE: {
        uint64_t boot, frame;
        r = dm_take_le64(&payload, &boot);
        if (r == 0)
            r = dm_take_le64(&payload, &frame);
        if (r == 0)
            dm_worker_durable(p->w, boot, frame);
        break;
    }
    case DM_RECORD_SNAPSHOT:
        p->owes = false; /* it tells of boxes without what became of them */
        break;
    case DM_RECORD_MARK: /* the journal's own */
        break;
    }
    return r == 0 ? 0 : dm_fail(err, DM_E_CORRUPT, "a record of type %d is too short", (int)type);
}

/* --- what is true now --------------------------------------------------------------------------------------- */

static void sleepers_stretch(dm_worker *w, dm_box *b, int64_t epoch, int64_t until_us)
{
    /* It was sampled at each minute's end up to the last framed second. */
    int64_t owed = (w->at.last_second + 1) / 60 * 60;
    int64_t from = b->slept_us;
    if (owed * 1000000 > from)
        from = owed * 1000000; /* exactly on the boundary: that second is not touched by the one before */
    if (until_us != INT64_MAX && until_us <= from)
        return;
    int64_t epoch_now = b->epoch;
    b->epoch = epoch;
    dm_seconds_begin(w, b, DM_SAMPLE_HIB, from);
    b->epoch = epoch_now;
    if (until_us != INT64_MAX) {
        dm_usage_end(w->usage, b->stretch, until_us, &(dm_sample){.disk_16mib = b->disk_16mib}, DM_CAUSE_NONE);
        b->stretch = NULL;
    }
}

/* cause: why the sandbox ended with it, if it did. */
static void runners_stretch(dm_worker *w, dm_box *b, int64_t until_us, dm_cause cause)
{
    int64_t from = b->started_us;
    int64_t owed_us = (w->at.last_second + 1) * 1000000;
    if (until_us != INT64_MAX && dm_second_of(until_us - 1) <= w->at.last_second &&
            dm_second_of(from) <= w->at.last_second)
        return;
    if (owed_us > from)
        from = owed_us;
    dm_seconds_begin(w, b, DM_SAMPLE_RUN, from);
    if (until_us != INT64_MAX) {
        dm_usage_end(w->usage, b->stretch, until_us, &(dm_sample){.disk_16mib = b->disk_16mib}, cause);
        b->stretch = NULL;
    }
}

/* The stretches of which seconds are still owed, as the box's moments tell them. */
static void restore_stretches(dm_worker *w, dm_box *b)
{
    int64_t end = b->state == DM_BOX_ENDED ? b->ended_us : INT64_MAX;
    if (!b->claimed) /* no second of it counts */
        return;
    /* What it is says more than its moments, which a clock that is leant against may have put close together. */
    bool slept_last = b->state == DM_BOX_ASLEEP || (b->state == DM_BOX_ENDED && b->slept_us >= b->started_us);
    if (!slept_last && b->slept_us > 0 && b->slept_epoch > 0 && dm_second_of(b->started_us) > w->at.last_second)
        sleepers_stretch(w, b, b->slept_epoch, b->started_us);
    if (slept_last) {
        runners_stretch(w, b, b->slept_us, DM_CAUSE_NONE);
        sleepers_stretch(w, b, b->epoch, end);
    } else {
        runners_stretch(w, b, end, b->cause);
    }
    if (b->state == DM_BOX_ENDED)
        dm_usage_replay_cause(w->usage, &b->id, (uint32_t)b->epoch, b->cause);
}

/* When its image became whole, if there is one of the epoch that ran; else 0. The folder gets its name when all is in
 * it and durable. */
static int64_t image_made_us(const dm_worker *w, dm_box *b)
{
    char path[PATH_MAX], disk[PATH_MAX];
    struct stat st;
    if (dm_place_sleeper(&w->h->conf, &b->name, b->epoch, path, NULL) < 0 || dm_place_disk(path, disk, NULL) < 0 ||
            stat(path, &st) < 0 || dm_disk_units(disk, &b->disk_16mib, NULL) < 0)
        return 0;
    int64_t at = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
    int64_t now = dm_worker_now_us(w);
    return at <= b->started_us ? b->started_us + 1 : at > now ? now : at;
}

/* When its time was up, as far as that can still be said. */
static int64_t up_us(const dm_worker *w, const dm_box *b)
{
    int64_t proven = dm_seconds_proven_us(w, b);
    return b->end_us > proven ? b->end_us : proven;
}

/* Its VM is gone: it fell asleep and nobody could write it down, or it ended. What falls asleep is somebody's, whether
 * or not that could be written down; and it sleeps since its deadline, though an image takes its time, or a worker that
 * was back for a moment only began it late. */
static void gone(dm_worker *w, dm_box *b, dm_cause cause, const char *detail)
{
    int64_t slept = image_made_us(w, b), up = up_us(w, b);
    if (slept > 0) {
        dm_worker_claim(w, b, NULL);
        dm_life_slept_before(w, b, b->pause_on_timeout && slept > up ? up : slept);
    } else {
        dm_life_end(w, b, cause, detail, dm_seconds_proven_us(w, b));
    }
}

/* It was woken, and nobody was told that it runs: it sleeps again, and whatever of it lives is swept. What is billed is
 * what frames have, and that it may have run on for as long as it would have been waited for. One that may never have
 * been told to run, since the worker died in the very moment before, has the second it was to run in. */
static void woke_unseen(dm_worker *w, dm_box *b, bool ran, bool host_lives)
{
    int64_t now = dm_worker_now_us(w), proven = (w->at.last_second + 1) * 1000000 - 1;
    int64_t at = b->started_us + (ran && host_lives ? (int64_t)DM_WAKE_ANSWER_MS * 1000 : 1);
    at = at > now ? now : at;
    at = at < proven ? proven : at;
    dm_life_woke_not(w, b, b->cause, at > b->started_us ? at : b->started_us + 1);
}

/* The box as it is once it runs, also where that record is lost. */
static bool was_roused(dm_box *b)
{
    bool ran = dm_box_roused(b);
    if (!ran)
        b->started_us = b->woken_us;
    b->epoch = b->admit.epoch;
    b->before.disk_16mib = b->disk_16mib;
    return ran;
}

/* --- whose time was up while nobody looked ------------------------------------------------------------------ */

/* One that is put to sleep late: it counts as asleep since its deadline. */
typedef struct late {
    dm_box_waiter waiter; /* first */
    dm_worker *w;
} late;

/* The account goes on in the other state from this moment. */
static void counts_as(dm_worker *w, dm_box *b, dm_sample_state state, int64_t at_us)
{
    dm_usage_end(w->usage, b->stretch, at_us, &(dm_sample){.disk_16mib = b->disk_16mib}, DM_CAUSE_NONE);
    dm_seconds_begin(w, b, state, at_us);
}

/* Where it could not be put to sleep, it runs, is asked again, and is billed: it has its machine from here on. */
static void slept_late(dm_box_waiter *waiter, dm_box *b, int r, const dm_err *err)
{
    late *l = (late *)(void *)waiter;
    (void)err;
    if (r < 0 && b->state == DM_BOX_RUNNING && b->stretch != NULL) {
        b->late_us = 0;
        counts_as(l->w, b, DM_SAMPLE_RUN, dm_worker_now_us(l->w));
    }
    free(l);
}

static void sleep_late(dm_worker *w, dm_box *b, int64_t at_us)
{
    dm_err err = {0};
    late *l = calloc(1, sizeof(*l));
    int r = l != NULL ? 0 : dm_fail(&err, DM_E_NOMEM, "no memory to put it to sleep");
    if (r == 0) {
        *l = (late){.waiter.fn = slept_late, .w = w};
        r = dm_worker_pause(w, b, b->epoch, DM_CAUSE_TIMEOUT, 0, &l->waiter, &err);
    }
    if (r == 0) {
        b->late_us = at_us;
        counts_as(w, b, DM_SAMPLE_HIB, at_us);
        return;
    }
    free(l);
    dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", &err);
    dm_life_goes_on(b); /* its timer asks again at once */
}

static void time_was_up(dm_worker *w, dm_box *b)
{
    int64_t at = up_us(w, b);
    bool somebodys = !dm_box_nobodys(b) || dm_seconds_reached(w, b);
    DM_LOG(w->h->log, DM_INFO, "sandbox.time_was_up", dm_fs("sandbox", b->name.s), dm_fi("epoch", b->epoch));
    if (b->pause_on_timeout && somebodys)
        sleep_late(w, b, at);
    else
        dm_life_end(w, b, DM_CAUSE_TIMEOUT, "", at);
}

static void adopted_all(dm_worker *w);

static void adopted(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    dm_worker *w = b->w;
    if (r >= 0) {
        DM_LOG(w->h->log, DM_INFO, "sandbox.adopted", dm_fs("sandbox", b->name.s), dm_fi("epoch", b->epoch));
        if (b->end_us > dm_worker_now_us(w)) /* else see times_were_up */
            dm_life_goes_on(b);
    } else {
        dm_log_err(w->h->log, DM_WARN, "sandbox.not_adopted", err);
        gone(w, b, DM_CAUSE_VMM_CRASHED, "it died while its worker was away");
    }
    assert(w->adopting > 0);
    w->adopting--;
    if (w->adopting == 0)
        adopted_all(w);
}

static void adopt(dm_worker *w, dm_box *b)
{
    dm_err err = {0};
    w->adopting++;
    int r = dm_life_adopt(b, adopted, &err);
    if (r < 0)
        adopted(b, r, &err);
}

/* Files of sandboxes that are not here any more: name.epoch.address of the door, name.epoch of an image. */
static void sweep_folder(dm_worker *w, const char *dir, bool live)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        dm_str rest;
        dm_sandbox_id id;
        int64_t epoch;
        char path[PATH_MAX];
        dm_err err = {0};
        const char *dot = strchr(e->d_name, '.');
        if (dot == NULL || dot == e->d_name)
            continue;
        bool named = dm_place_read(e->d_name, &id, &epoch, &rest);
        const dm_box *b = named ? dm_boxes_find(w->boxes, &id) : NULL;
        if (b != NULL && live && b->state == DM_BOX_RUNNING && epoch == b->epoch)
            continue;
        if (b != NULL && !live && b->state != DM_BOX_ENDED && epoch == b->image_epoch && rest.n == 0)
            continue;
        int r = dm_path(path, sizeof(path), &err, "%s/%s", dir, e->d_name);
        if (r == 0 && live)
            r = dm_remove_tree(path, &err);
        if (r < 0)
            dm_log_err(w->h->log, DM_WARN, "worker.leftover", &err);
        else if (!live)
            dm_going_take(w->h, path);
    }
    if (d != NULL)
        (void)closedir(d);
}

/* Behind the sweep, which takes an image that is being made for one that nobody finished, and before the first frame.
 */
static void times_were_up(dm_worker *w)
{
    int64_t now = dm_worker_now_us(w);
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        if (b->state == DM_BOX_RUNNING && b->end_us <= now)
            time_was_up(w, b);
    }
}

static void adopted_all(dm_worker *w)
{
    char path[PATH_MAX];
    dm_err err = {0};
    sweep_folder(w, w->conf->live_dir, true);
    if (dm_place_sleepers(&w->h->conf, path, &err) == 0)
        sweep_folder(w, path, false);
    dm_going_sweep(w->h);
    times_were_up(w);
    dm_machine_sweep(w->h);
    dm_store_begin(w->store);
    dm_pools_start(w->pools);
    if (w->at.enrolled && dm_seconds_start(w, &err) < 0) {
        dm_log_err(w->h->log, DM_ERROR, "worker.no_evidence", &err);
        abort();
    }
}

bool dm_worker_took_stock(const dm_worker *w)
{
    return w->adopting == 0;
}

static void take_stock(dm_worker *w, bool host_lives)
{
    w->adopting = 1; /* held, so that adopted_all runs once, at the end */
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; (b = dm_map_next(&walk)) != NULL;) {
        if (b->state == DM_BOX_PAUSING) /* the image did not come to be */
            (void)dm_boxes_move(w->boxes, b, DM_BOX_PAUSE_FAILED);
        if (b->state == DM_BOX_WAKING && b->woken_us == 0)
            (void)dm_boxes_move(w->boxes, b, DM_BOX_WAKE_FAILED);
        bool ran = b->state == DM_BOX_WAKING && was_roused(b);
        restore_stretches(w, b);
        if (b->state == DM_BOX_WAKING)
            woke_unseen(w, b, ran, host_lives);
        if (b->state != DM_BOX_RUNNING)
            continue;
        if (host_lives) {
            adopt(w, b);
            continue;
        }
        gone(w, b, DM_CAUSE_HOST_LOST, "its host was started anew");
    }
    w->adopting--;
    if (w->adopting == 0)
        adopted_all(w);
}

/* The crash may have come between the last frame of a period and its attestations. */
static int attest_owed(dm_worker *w, int64_t attested, dm_err *err)
{
    if (!w->at.enrolled || w->at.prev_boot_last_frame == 0 || !dm_period_begins(w->at.last_second + 1, w->at.period_s))
        return 0;
    int64_t start = w->at.last_second + 1 - w->at.period_s;
    return attested >= start ? 0 : dm_seconds_attest(w, start, err);
}

int dm_worker_recover(dm_worker *w, dm_err *err)
{
    char dir[PATH_MAX];
    replay p = {.w = w};
    dm_journal_config c = {
            .segment_bytes = w->conf->journal_segment_bytes,
            .bytes_max = w->conf->journal_bytes_max,
            .loop = w->h->loop,
            .exec = w->h->evidence != NULL ? w->h->evidence : w->h->exec,
            .log = w->h->log,
            .metrics = w->h->metrics,
            .snapshot = dm_worker_snapshot,
            .broken = dm_worker_journal_broken,
            .arg = &p,
    };
    int r = dm_path(dir, sizeof(dir), err, "%s/journal", w->conf->data_dir);
    c.dir = dir;
    DM_AUTO_MEM dm_attest *attest = calloc(1, sizeof(*attest));
    p.attest = attest;
    if (r == 0 && attest == NULL)
        r = dm_fail(err, DM_E_NOMEM, "no memory to replay the journal");
    if (r == 0)
        r = dm_journal_open(&c, replay_one, &w->journal, err);
    if (r < 0)
        return r;
    dm_journal_belongs(w->journal, w);
    dm_events_replayed(w->events);
    bool first = w->at.boot == 0, host_lives = first || strcmp(p.kernel_boot, w->kernel_boot) == 0;
    if (host_lives && p.mono_us > 0)
        dm_usage_clock_go_on(&w->time, p.usage_us, p.mono_us, w->h->log);
    if (w->at.frame_no > 0) /* else the dead boot wrote none, and its own predecessor is what we follow */
        w->at.prev_boot_last_frame = w->at.frame_no;
    w->at.frame_no = 0;
    w->at.boot++;
    dm_journal_begin(w->journal);
    r = attest_owed(w, p.attested, err);
    if (r < 0)
        return r;
    dm_box *unsaid = p.owes ? dm_boxes_find(w->boxes, &p.unsaid) : NULL;
    if (unsaid != NULL)
        dm_events_add(
                w->events, w->journal, unsaid, unsaid->state == DM_BOX_ENDED ? unsaid->ended_us : unsaid->slept_us);
    DM_LOG(w->h->log, DM_INFO, "worker.boot", dm_fu("boot", w->at.boot), dm_fi("last_second", w->at.last_second),
            dm_fu("last_frame", w->at.prev_boot_last_frame));
    dm_leases_recount(w);
    DM_POINT(WORKER_RECOVERED);
    take_stock(w, host_lives);
    return 0;
}
