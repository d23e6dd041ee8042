#include "workers/host/uplink.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/httpc.h"
#include "base/parse.h"
#include "base/wire/frame.h"

#include "workers/host/lease.h"

enum { CALL_MS = 5000, BODY_MAX = 4 << 20 };

static const char written_off[] = "worker.written_off", old_boot[] = "worker.old_boot"; /* rules of denials */

typedef enum what { SAY_ENROL, SAY_BEAT, SAY_EVENTS, SAY_LEASES, SAY_NOTHING } what;

struct dm_uplink {
    dm_worker *w;
    dm_httpc *client;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    bool turn; /* the thread's turn: body is made; else the loop's: answer is there */

    /* whoever's turn it is */
    what say;
    char path[64];
    dm_buf body, answer;
    int status, r;
    dm_err err;

    dm_call heard;
    dm_timer *next;
    bool enrol; /* this boot is not known there yet */
    bool away;  /* said once in the log */
    int64_t beat_at;
    int64_t said_mono; /* when what is under way was said */
    int64_t leave_by;  /* it was written off; else 0 */
    bool old_boot;     /* a later start is known */
};

static const int64_t beat_us = 1000 * 1000, soon_us = 20 * 1000;
static const int64_t put_down_us = 30 * 1000 * 1000; /* after that it goes, whatever is still there */

/* --- the thread --------------------------------------------------------------------------------------------- */

static void *talk(void *arg)
{
    dm_uplink *u = arg;
    (void)pthread_mutex_lock(&u->lock);
    for (;;) {
        while (!u->turn && !u->stop)
            (void)pthread_cond_wait(&u->wake, &u->lock);
        if (u->stop)
            break;
        (void)pthread_mutex_unlock(&u->lock);
        u->err = (dm_err){0};
        dm_buf_reset(&u->answer);
        u->r = dm_httpc_call(
                u->client, "POST", u->path, dm_buf_view(&u->body), CALL_MS, &u->status, &u->answer, &u->err);
        (void)pthread_mutex_lock(&u->lock);
        u->turn = false;
        dm_loop_post(dm_worker_host(u->w)->loop, &u->heard);
    }
    (void)pthread_mutex_unlock(&u->lock);
    return NULL;
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

static void make_enrol(dm_uplink *u, dm_jw *jw)
{
    dm_worker *w = u->w;
    const dm_worker_config *c = dm_worker_told(w);
    dm_public_key key;
    char hex[2 * DM_ED25519_KEY + 1];
    dm_sign_key_public(dm_worker_key(w), &key);
    dm_hex(key.b, sizeof(key.b), hex);
    char accel[8];
    (void)snprintf(accel, sizeof(accel), "%s", dm_worker_host(w)->caps.accel);
    dm_wk_enrol m = {
            .name = c->name,
            .public_key = hex,
            .boot = (int64_t)dm_worker_at(w)->boot,
            .door = c->door,
            .accel = accel,
            .slots = (int64_t)c->slots,
            .mem_mib = (int64_t)dm_host_mem_mib(),
            .frames = DM_FRAME_SEALED,
    };
    dm_wk_enrol_write(jw, &m);
}

static void make_beat(dm_uplink *u, dm_jw *jw)
{
    dm_worker *w = u->w;
    const char *why;
    char reason[128], version[] = DM_VERSION;
    dm_pools_count n;
    uint64_t mem_free = dm_worker_mem_free_mib(w);
    dm_pools_counted(dm_worker_pools(w), &n);
    dm_wk_beat m = {
            .boot = (int64_t)dm_worker_at(w)->boot,
            .running = dm_boxes_running(dm_worker_boxes(w)),
            .asleep = dm_boxes_asleep(dm_worker_boxes(w)),
            .pooled = n.ready,
            .free_slots = dm_worker_host(w)->slots_free + n.spare,
            .last_frame = (int64_t)dm_worker_at(w)->frame_no,
            .refusing = dm_worker_refusing(w, &why),
            .mem_free_mib = (int64_t)(mem_free < INT64_MAX ? mem_free : INT64_MAX),
            .has_mem_free_mib = true,
            .version = version,
            .frame_key = (int64_t)dm_worker_at(w)->frame_key,
            .has_frame_key = true,
    };
    (void)snprintf(reason, sizeof(reason), "%s", m.refusing ? why : "");
    m.why = m.refusing ? reason : NULL;
    dm_wk_beat_write(jw, &m);
}

static void make_events(dm_uplink *u, dm_jw *jw)
{
    unsigned n = 0;
    dm_jw_obj(jw);
    dm_jw_key(jw, "events");
    dm_jw_arr(jw);
    const dm_events *all = dm_worker_events(u->w);
    for (const dm_wk_event *e = dm_events_after(all, NULL); e != NULL && n < DM_WK_EVENTS_MAX; n++) {
        dm_wk_event_write(jw, e);
        e = dm_events_after(all, e);
    }
    dm_jw_arr_end(jw);
    dm_jw_end(jw);
}

static what next_word(dm_uplink *u)
{
    if (u->enrol)
        return SAY_ENROL;
    if (dm_leases_want(u->w)) /* before what may be many: a second that comes too late is run for nothing */
        return SAY_LEASES;
    /* Events wait for the journal: what is told is durable. */
    if (dm_events_held(dm_worker_events(u->w)) > 0 && dm_journal_quiet(dm_worker_journal(u->w)))
        return SAY_EVENTS;
    return dm_mono_us(dm_worker_host(u->w)->clock) >= u->beat_at ? SAY_BEAT : SAY_NOTHING;
}

/* Nothing is to be said any more. */
static void leave(dm_uplink *u)
{
    dm_host *h = dm_worker_host(u->w);
    if (dm_worker_idle(u->w) || dm_mono_us(h->clock) >= u->leave_by)
        dm_loop_stop(h->loop);
}

static void say(void *arg)
{
    dm_uplink *u = arg;
    dm_jw jw;
    dm_timer_in(u->next, soon_us);
    if (u->leave_by != 0) {
        leave(u);
        return;
    }
    (void)pthread_mutex_lock(&u->lock);
    bool busy = u->turn;
    (void)pthread_mutex_unlock(&u->lock);
    if (busy || u->say != SAY_NOTHING)
        return;
    u->say = next_word(u);
    u->said_mono = dm_mono_us(dm_worker_host(u->w)->clock);
    dm_buf_reset(&u->body);
    dm_jw_init(&jw, &u->body);
    switch (u->say) {
    case SAY_NOTHING:
        return;
    case SAY_ENROL:
        (void)snprintf(u->path, sizeof(u->path), "/v1/workers/enrol");
        make_enrol(u, &jw);
        break;
    case SAY_BEAT:
        (void)snprintf(u->path, sizeof(u->path), "/v1/workers/%llu/beat", (unsigned long long)dm_worker_at(u->w)->no.v);
        u->beat_at = dm_mono_us(dm_worker_host(u->w)->clock) + beat_us;
        make_beat(u, &jw);
        break;
    case SAY_EVENTS:
        (void)snprintf(
                u->path, sizeof(u->path), "/v1/workers/%llu/events", (unsigned long long)dm_worker_at(u->w)->no.v);
        make_events(u, &jw);
        break;
    case SAY_LEASES:
        (void)snprintf(
                u->path, sizeof(u->path), "/v1/workers/%llu/leases", (unsigned long long)dm_worker_at(u->w)->no.v);
        dm_leases_ask(u->w, &jw);
        break;
    }
    (void)pthread_mutex_lock(&u->lock);
    assert(!u->turn);
    u->turn = true;
    (void)pthread_cond_signal(&u->wake);
    (void)pthread_mutex_unlock(&u->lock);
}

static int take_enrolled(dm_uplink *u, const json_t *obj, dm_err *err)
{
    dm_wk_enrolled m;
    int r = dm_wk_enrolled_read(obj, &m, err);
    if (r < 0)
        return r;
    if (m.frame_key == NULL)
        r = dm_fail(err, DM_E_PROTO, "%s: no key to seal frames with: is the API an older one?", u->path);
    if (r == 0) {
        /* It was that late there at some moment since this was asked. */
        int64_t half_us = (dm_mono_us(dm_worker_host(u->w)->clock) - u->said_mono) / 2;
        m.now_us += m.now_us != 0 ? half_us : 0;
        u->enrol = false;
        dm_worker_enrolled(u->w, &m, half_us);
    }
    dm_wk_enrolled_done(&m);
    return r;
}

static int take_beat(dm_uplink *u, const json_t *obj, dm_err *err)
{
    dm_wk_beat_answer m;
    int r = dm_wk_beat_answer_read(obj, &m, err);
    if (r < 0)
        return r;
    u->enrol = m.enrol_again;
    dm_worker_durable(u->w, (uint64_t)m.durable_boot, (uint64_t)m.durable_frame);
    if (m.has_drain && m.drain)
        dm_worker_drain(u->w);
    else if (m.has_drain)
        dm_worker_undrain(u->w);
    dm_leases_changed(u->w, m.bounds);
    dm_wk_beat_answer_done(&m);
    return 0;
}

/* It has ended, as far as anybody else is concerned. */
static void put_down(dm_uplink *u)
{
    const dm_boxes *boxes = dm_worker_boxes(u->w);
    DM_LOG(dm_worker_host(u->w)->log, DM_ERROR, written_off, dm_fs("name", dm_worker_told(u->w)->name),
            dm_fu("running", dm_boxes_running(boxes)), dm_fu("asleep", dm_boxes_asleep(boxes)));
    u->leave_by = dm_mono_us(dm_worker_host(u->w)->clock) + put_down_us;
    dm_worker_put_down(u->w);
}

/* Whoever is the later one has the number, and the sandboxes, as far as anybody else is concerned: what this one would
 * frame or tell from here on nobody takes. Its VMs are left as by any daemon that stops. */
static void give_way(dm_uplink *u)
{
    DM_LOG(dm_worker_host(u->w)->log, DM_ERROR, old_boot, dm_fs("name", dm_worker_told(u->w)->name),
            dm_fu("boot", dm_worker_at(u->w)->boot));
    u->old_boot = true;
    dm_loop_stop(dm_worker_host(u->w)->loop);
}

bool dm_uplink_old_boot(const dm_uplink *u)
{
    return u->old_boot;
}

/* Whether it is turned away by this rule. */
static bool denied(const dm_uplink *u, const char *by)
{
    DM_AUTO(json_t) obj = NULL;
    if (u->say != SAY_ENROL || u->status != 409 || dm_json_load(dm_buf_view(&u->answer), BODY_MAX, &obj, NULL) != 0)
        return false;
    const char *rule = dm_json_c(json_object_get(obj, "denial"), "rule");
    return rule != NULL && strcmp(rule, by) == 0;
}

static int take_answer(dm_uplink *u, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    if (denied(u, written_off)) {
        put_down(u);
        return 0;
    }
    if (denied(u, old_boot)) {
        give_way(u);
        return 0;
    }
    if (u->status != 200) {
        if (u->status == 404 && u->say != SAY_ENROL && u->say != SAY_LEASES) /* an older API has no leases */
            u->enrol = true;
        return dm_fail(err, DM_E_PROTO, "%s: %d %.100s", u->path, u->status, dm_buf_view(&u->answer).p);
    }
    int r = dm_json_load(dm_buf_view(&u->answer), BODY_MAX, &obj, err);
    if (r < 0)
        return r;
    if (u->say == SAY_ENROL)
        return take_enrolled(u, obj, err);
    if (u->say == SAY_BEAT)
        return take_beat(u, obj, err);
    if (u->say == SAY_LEASES)
        return dm_leases_heard(u->w, obj, err);
    int64_t acked;
    if (dm_json_i64(obj, "acked", 0, INT64_MAX, &acked, NULL) != 0)
        return dm_fail(err, DM_E_PROTO, "%s: no 'acked'", u->path);
    dm_events_acked(dm_worker_events(u->w), dm_worker_journal(u->w), (uint64_t)acked);
    return 0;
}

static void heard(void *arg)
{
    dm_uplink *u = arg;
    dm_err err = u->err;
    int r = u->r == 0 ? take_answer(u, &err) : u->r;
    if (r < 0 && u->say == SAY_LEASES)
        dm_leases_unheard(u->w);
    u->say = SAY_NOTHING;
    if (r < 0) {
        if (!u->away)
            dm_log_err(dm_worker_host(u->w)->log, DM_WARN, "uplink.away", &err);
        u->away = true;
        dm_timer_in(u->next, beat_us / 4);
        return;
    }
    if (u->away)
        DM_LOG(dm_worker_host(u->w)->log, DM_INFO, "uplink.back");
    u->away = false;
    dm_timer_in(u->next, soon_us);
}

int dm_uplink_new(dm_worker *w, dm_uplink **out, dm_err *err)
{
    DM_AUTO(dm_uplink) u = calloc(1, sizeof(*u));
    if (u == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for the uplink");
    u->w = w;
    u->enrol = true;
    u->say = SAY_NOTHING;
    u->heard = (dm_call){.fn = heard, .arg = u};
    dm_buf_init(&u->body, BODY_MAX);
    dm_buf_init(&u->answer, BODY_MAX);
    (void)pthread_mutex_init(&u->lock, NULL);
    (void)pthread_cond_init(&u->wake, NULL);
    dm_httpc_config c = {.base = "http://api", .unix_path = dm_worker_told(w)->api_socket, .connect_ms = 2000};
    int r = dm_httpc_new(&c, &u->client, err);
    if (r == 0)
        r = dm_loop_timer(dm_worker_host(w)->loop, say, u, &u->next, err);
    if (r == 0) {
        int e = pthread_create(&u->thread, NULL, talk, u);
        if (e != 0)
            r = dm_fail_sys(err, e, "start the uplink");
    }
    if (r < 0)
        return r;
    u->started = true;
    dm_timer_in(u->next, soon_us);
    *out = dm_steal(&u);
    return 0;
}

void dm_uplink_free(dm_uplink *u)
{
    if (u == NULL)
        return;
    if (u->started) {
        (void)pthread_mutex_lock(&u->lock);
        u->stop = true;
        (void)pthread_cond_signal(&u->wake);
        (void)pthread_mutex_unlock(&u->lock);
        (void)pthread_join(u->thread, NULL);
    }
    dm_timer_free(u->next);
    dm_httpc_free(u->client);
    dm_buf_done(&u->body);
    dm_buf_done(&u->answer);
    (void)pthread_mutex_destroy(&u->lock);
    (void)pthread_cond_destroy(&u->wake);
    free(u);
}
