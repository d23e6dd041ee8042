/* The workers' uplink: POST /v1/workers/enrol, /v1/workers/{no}/beat and /v1/workers/{no}/events, on the unix socket
 * alone.
 *
 * Events come at least once and in order. Each is taken in one transaction with the worker's event_seq, so that one
 * that comes again changes nothing; and it changes a sandbox only in the epoch it is about. */
#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/frame.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/life/settle.h"
#include "api/uplink/routes.h"
#include "metering/read/read.h"
#include "tenants/fleet/fleet.h"
#include "tenants/sandbox/changed.h"

static int read_body(const dm_req *req, json_t **out, dm_err *err)
{
    return dm_json_load(req->body, DM_WK_BODY_MAX, out, err);
}

static int read_no(const dm_req *req, dm_worker_no *out, dm_err *err)
{
    return dm_parse_u64(req->params[0], 1, INT64_MAX, &out->v, err);
}

/* --- enrol -------------------------------------------------------------------------------------------------- */

typedef struct enrolment {
    const char *region;
    dm_wk_enrol m;
    dm_wk_enrolled answer;
    char frame_key[2 * DM_KEY + 1];
} enrolment;

static int do_enrol(dm_pg *c, void *arg, dm_err *err)
{
    enrolment *e = arg;
    dm_worker_no no;
    int r = dm_fleet_region(c, e->region, &e->answer.region_no, err);
    if (r == 0)
        r = dm_fleet_enrol(c, &e->m, e->answer.region_no, &no, err);
    if (r == 0)
        e->answer.worker_no = (int64_t)no.v;
    return r == 0 ? dm_changed_clock(c, &e->answer.now_us, err) : r;
}

/* The key that the worker of this number seals its frames with. */
static int give_key(const dm_api *api, enrolment *e, dm_err *err)
{
    uint8_t key[DM_KEY];
    int r = dm_frame_key(api->frame_secret, (dm_worker_no){(uint64_t)e->answer.worker_no}, key, err);
    if (r == 0)
        dm_hex(key, sizeof key, e->frame_key);
    e->answer.frame_key = e->frame_key;
    explicit_bzero(key, sizeof key);
    return r;
}

int dm_route_worker_enrol(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    DM_AUTO(json_t) obj = NULL;
    uint8_t key[32];
    enrolment e = {.region = api->config->region, .answer = {.period_s = (int64_t)api->config->period_s}};
    int r = read_body(req, &obj, err);
    if (r == 0)
        r = dm_wk_enrol_read(obj, &e.m, err);
    if (r < 0)
        return r;
    r = dm_parse_hex(dm_str_c(e.m.public_key), key, sizeof key, err);
    if (r == 0)
        r = dm_api_tx_ops(api, do_enrol, &e, err);
    if (r == 0)
        r = give_key(api, &e, err);
    if (r == 0) {
        DM_LOG(api->log, DM_INFO, "worker.enrolled", dm_fs("name", e.m.name), dm_fi("worker", e.answer.worker_no),
                dm_fi("boot", e.m.boot));
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_wk_enrolled_write(&w, &e.answer);
        explicit_bzero(e.frame_key, sizeof e.frame_key);
    } else if (r == DM_FLEET_OLD_BOOT) {
        r = dm_deny(req, DM_NO_WORKER_OLD_BOOT, "worker",
                "a later start of this worker is known: is its journal an old copy?");
    } else if (r == DM_FLEET_WRITTEN_OFF) {
        DM_LOG(api->log, DM_WARN, "worker.written_off", dm_fs("name", e.m.name), dm_fi("boot", e.m.boot));
        r = dm_deny(req, DM_NO_WORKER_WRITTEN_OFF, "worker",
                "this worker was written off as lost: its sandboxes have ended, and it is not taken back");
    }
    dm_wk_enrol_done(&e.m);
    return r;
}

/* --- beat --------------------------------------------------------------------------------------------------- */

typedef struct heartbeat {
    dm_worker_no worker;
    dm_wk_beat m;
    dm_wk_beat_answer answer;
} heartbeat;

/* Whether the worker seals its frames with another key than an enrolment would give it: the secret was changed. */
static int other_key(const dm_api *api, const heartbeat *b, bool *out, dm_err *err)
{
    uint8_t key[DM_KEY];
    uint64_t print = 0;
    int r = dm_frame_key(api->frame_secret, b->worker, key, err);
    if (r == 0)
        r = dm_frame_key_print(key, &print, err);
    explicit_bzero(key, sizeof key);
    if (r == 0)
        *out = b->m.has_frame_key && (uint64_t)b->m.frame_key != print;
    return r;
}

static int do_beat(dm_pg *c, void *arg, dm_err *err)
{
    heartbeat *b = arg;
    int r = dm_fleet_beat(c, b->worker, &b->m, &b->answer, err);
    return r != 0 ? r : dm_read_mark(c, b->worker, &b->answer.durable_boot, &b->answer.durable_frame, err);
}

int dm_route_worker_beat(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    heartbeat b = {.worker = {0}};
    bool other = false;
    int r = read_no(req, &b.worker, err);
    if (r == 0)
        r = read_body(req, &obj, err);
    if (r == 0)
        r = dm_wk_beat_read(obj, &b.m, err);
    if (r == 0)
        r = other_key(ctx, &b, &other, err);
    if (r == 0)
        r = dm_api_tx_ops(ctx, do_beat, &b, err);
    if (r < 0)
        return r;
    b.answer.has_drain = r == 0;
    b.answer.enrol_again = r == DM_FLEET_NONE || other;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_beat_answer_write(&w, &b.answer);
    dm_wk_beat_done(&b.m);
    return 0;
}

/* --- events ------------------------------------------------------------------------------------------------- */

typedef struct events {
    json_t *list;
} events_body;

static const dm_json_field events_fields[] = {
        {"events", DM_JSON_ARR, offsetof(events_body, list), DM_JSON_NEED, 0, DM_WK_EVENTS_MAX}};

enum { TAKEN = 0, SEEN = 1, NO_WORKER = 2 };

typedef struct taking {
    dm_worker_no worker;
    const dm_wk_event *event;
    dm_sandbox_id id;
    dm_sandbox_move_args move;
    const char *skipped; /* why it changed nothing; NULL: it did */
} taking;

static int apply(dm_pg *c, taking *t, dm_err *err)
{
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find_any(c, &t->id, true, &one, err);
    if (r < 0)
        return r;
    if (r == DM_SANDBOX_NONE)
        t->skipped = "no such sandbox";
    else if (one.s.worker.v != t->worker.v)
        t->skipped = "another worker's sandbox";
    else if (one.s.epoch != t->event->epoch)
        t->skipped = "another epoch";
    if (t->skipped != NULL)
        return 0;
    r = dm_settle_row(c, &one.s, t->event->epoch, &t->move, err);
    if (r == DM_SETTLE_STALE)
        t->skipped = "already so";
    return r < 0 ? r : 0;
}

static int take(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    int64_t seq;
    t->skipped = NULL;
    int r = dm_fleet_event_seq(c, t->worker, &seq, err);
    if (r != 0)
        return r < 0 ? r : NO_WORKER;
    if (t->event->seq <= seq)
        return SEEN;
    r = apply(c, t, err);
    return r < 0 ? r : dm_fleet_event_taken(c, t->worker, t->event->seq, err);
}

/* TAKEN, SEEN, NO_WORKER. What cannot be an event is said once, taken and forgotten: it would stop all after it. */
static int take_one(dm_api *api, taking *t, dm_err *err)
{
    const dm_wk_event *e = t->event;
    char who[64];
    dm_err why = {0};
    (void)snprintf(who, sizeof who, "worker:%llu", (unsigned long long)t->worker.v);
    t->move = (dm_sandbox_move_args){.who = who, .at_us = e->at_us, .image_mib = e->image_mib};
    if (e->detail[0] != '\0')
        t->move.detail = dm_str_c(e->detail);
    int r = dm_sandbox_id_parse(dm_str_c(e->sandbox), &t->id, &why);
    if (r == 0)
        r = dm_settle_event_of(dm_str_c(e->state), dm_str_c(e->cause), &t->move, &why);
    if (r < 0) {
        dm_log_err(api->log, DM_ERROR, "worker.event_invalid", &why);
        t->move.event = DM_SANDBOX_EVENTS; /* means nothing in any state */
    }
    r = dm_api_tx_ops(api, take, t, err);
    if (r == TAKEN) {
        dm_later_wake(api->later, &t->id);
        DM_LOG(api->log, DM_INFO, "worker.event", dm_fu("worker", t->worker.v), dm_fi("seq", e->seq),
                dm_fs("sandbox", e->sandbox), dm_fi("epoch", e->epoch), dm_fs("state", e->state),
                dm_fs("cause", e->cause), dm_fs("skipped", t->skipped != NULL ? t->skipped : ""));
    }
    return r;
}

static int answer_acked(dm_req *req, int64_t seq)
{
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "acked", seq);
    dm_jw_end(&w);
    return 0;
}

int dm_route_worker_events(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    events_body body = {NULL};
    dm_worker_no no;
    int64_t acked = 0;
    int r = read_no(req, &no, err);
    if (r == 0)
        r = read_body(req, &obj, err);
    if (r == 0)
        r = dm_json_decode(obj, events_fields, DM_LEN(events_fields), &body, err);
    for (size_t i = 0; r >= 0 && r != NO_WORKER && i < json_array_size(body.list); i++) {
        dm_wk_event e = {0};
        r = dm_wk_event_read(json_array_get(body.list, i), &e, err);
        if (r == 0) {
            taking t = {.worker = no, .event = &e};
            r = take_one(ctx, &t, err);
            acked = r >= 0 && r != NO_WORKER ? e.seq : acked;
            dm_wk_event_done(&e);
        }
    }
    dm_json_done(events_fields, DM_LEN(events_fields), &body);
    if (r == NO_WORKER)
        return dm_deny(req, DM_NO_WORKER_UNKNOWN, "worker", "no such worker");
    /* What was taken is said, even when the next one failed: it will come again. */
    return r < 0 && acked == 0 ? r : answer_acked(req, acked);
}
