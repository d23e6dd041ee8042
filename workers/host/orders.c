/* The API's orders, and who waits for what.
 *
 * An order is known by sandbox, epoch and verb, and may come any number of times: the API asks again when it does not
 * know whether the first was heard, from another replica as well. What is here decides, not what was heard before:
 *
 *     epoch older than what is here   409, nothing is done: a newer life is not ended by an old order
 *     done before                     answered as the first one was, once that is durable
 *     under way                       waits for the same end, and hears the same
 *     contradicts what is under way   409 with the state: the API settles with its row and decides anew
 *     not here, or to be run and over 404
 *
 * A kill contradicts nothing: it ends whatever is under way.
 *
 * Whoever gives an order about a sandbox has been given it, so that it is claimed: but for a kill with start_failed,
 * which takes back what nobody was given, for a start that is ordered again, and for looks.
 *
 * So nothing is remembered of an order but its waiter. Ended boxes answer until their last period is attested; after
 * that 404 says as much.
 *
 * Who waits is in a list of his box (box.h), and each transition that ends what was under way answers all of them with
 * what became of it: a start that was waited for hears 409 when a kill came between, a pause hears "ended" when the VM
 * died first. Only durable things are told: the waiters of a transition are answered when its record is on the disk. A
 * handler's request is parked meanwhile (DM_HTTP_LATER) and takes none of the server's threads; how many there may be
 * is bounded by the connections that the server takes (DM_ORDERS_MAX). */
#include "workers/host/orders.h"

#include <stdio.h>

#include "base/parse.h"

#include "workers/host/copy.h"
#include "workers/host/lease.h"
#include "workers/host/life.h"
#include "workers/host/shown.h"
#include "workers/store/store.h"

typedef enum wanted { WANT_RUNNING, WANT_STOPPED, WANT_SEEN } wanted;

/* A request that waits for a box. */
typedef struct order {
    dm_box_waiter waiter;
    dm_req *req;
    wanted want;
} order;

static void reply_started(dm_reply *reply, const dm_box *b)
{
    char address[16];
    (void)snprintf(address, sizeof(address), "%s", dm_machine_address(b->machine));
    dm_wk_started m = {
            .epoch = b->epoch,
            .started_us = b->started_us,
            .end_us = b->end_us,
            .address = address,
            .pooled = b->pooled,
    };
    dm_jw w = dm_reply_json(reply, 201);
    dm_wk_started_write(&w, &m);
}

static void reply_stopped(dm_reply *reply, const dm_box *b)
{
    char state[8], cause[64];
    bool asleep = b->state == DM_BOX_ASLEEP || b->state == DM_BOX_WAKING;
    (void)snprintf(state, sizeof(state), "%s", asleep ? "asleep" : "ended");
    (void)snprintf(cause, sizeof(cause), "%s", dm_cause_get(b->cause)->name);
    dm_wk_stopped m = {
            .epoch = b->epoch,
            .at_us = asleep            ? b->slept_us
                     : b->ended_us > 0 ? b->ended_us
                                       : 1,
            .state = state,
            .cause = cause,
            .image_mib = b->image_mib,
    };
    dm_jw w = dm_reply_json(reply, 200);
    dm_wk_stopped_write(&w, &m);
}

static void reply_seen(dm_reply *reply, const dm_box *b)
{
    char state[16], cause[64], address[16] = "";
    bool admitted = b->state == DM_BOX_STARTING || b->state == DM_BOX_WAKING; /* it is about a life that is to come */
    bool runs = b->state == DM_BOX_RUNNING || b->state == DM_BOX_PAUSING;
    (void)snprintf(state, sizeof(state), "%s", dm_box_state_name(b->state));
    (void)snprintf(cause, sizeof(cause), "%s", admitted ? "" : dm_cause_get(b->cause)->name);
    if (b->state == DM_BOX_RUNNING && b->machine != NULL)
        (void)snprintf(address, sizeof(address), "%s", dm_machine_address(b->machine));
    dm_wk_seen m = {
            .epoch = admitted ? b->admit.epoch : b->epoch,
            .state = state,
            .cause = cause,
            .started_us = runs ? b->started_us : 0,
            .end_us = runs ? b->end_us : 0,
            .address = address,
    };
    dm_jw w = dm_reply_json(reply, 200);
    dm_wk_seen_write(&w, &m);
}

static void reply_unanswered(dm_reply *reply, const dm_box *b)
{
    char message[128];
    (void)snprintf(message, sizeof(message), "its guest was woken and did not answer within %d s: it sleeps again",
            DM_WAKE_ANSWER_MS / 1000);
    dm_jw w = dm_reply_json(reply, 504);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", 504);
    dm_jw_kc(&w, "message", message);
    dm_jw_kc(&w, "cause", dm_cause_get(b->cause)->name);
    dm_jw_end(&w);
}

/* It sleeps on, whole: its owner is told what he waits for, and not that there is no room. */
static void reply_drained(dm_reply *reply, const char *message)
{
    dm_jw w = dm_reply_json(reply, 503);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", 503);
    dm_jw_kc(&w, "message", message);
    dm_jw_kc(&w, "cause", dm_cause_get(DM_CAUSE_OPERATOR_DRAINED)->name);
    dm_jw_end(&w);
}

static void answer_order(dm_box_waiter *waiter, dm_box *b, int r, const dm_err *err)
{
    order *o = (order *)waiter;
    dm_err why = err != NULL ? *err : (dm_err){0};
    if (o->want == WANT_SEEN) {
        r = 0; /* what failed was another's order */
        reply_seen(&o->req->reply, b);
    } else if (r == 0 && o->want == WANT_RUNNING && b->state == DM_BOX_ASLEEP && b->cause == DM_CAUSE_WAKE_UNANSWERED)
        reply_unanswered(&o->req->reply, b);
    else if (r == 0 && o->want == WANT_RUNNING && b->state == DM_BOX_ASLEEP && b->cause == DM_CAUSE_OPERATOR_DRAINED)
        reply_drained(&o->req->reply, "this worker is being drained: it sleeps again");
    else if (r == 0 && o->want == WANT_RUNNING && b->state != DM_BOX_RUNNING)
        r = dm_fail(&why, DM_E_CONFLICT, "the sandbox is %s: %s", dm_box_state_name(b->state),
                dm_cause_get(b->cause)->name);
    else if (r == 0 && o->want == WANT_RUNNING)
        reply_started(&o->req->reply, b);
    else if (r == 0)
        reply_stopped(&o->req->reply, b);
    dm_req_done(o->req, r, &why);
    free(o);
}

static order *order_new(dm_req *req, wanted want, dm_err *err)
{
    order *o = calloc(1, sizeof(*o));
    if (o == NULL)
        (void)dm_fail(err, DM_E_NOMEM, "no memory for an order");
    else
        *o = (order){.waiter = {.fn = answer_order}, .req = req, .want = want};
    return o;
}

/* What a worker's function said becomes what a handler says. The order is freed unless it waits or was answered. */
static int ordered(order *o, int r, dm_err *err)
{
    if (r == 0)
        return DM_HTTP_LATER;
    free(o);
    if (r == DM_ORDER_STALE)
        return dm_fail(err, DM_E_CONFLICT, "that epoch is over");
    return r;
}

static int body_json(const dm_req *req, json_t **out, dm_err *err)
{
    return dm_json_load(req->body, DM_WK_BODY_MAX, out, err);
}

/* NULL, and *err says why: err->code is what the handler returns. */
static dm_box *box_of(const dm_orders *x, const dm_req *req, dm_err *err)
{
    dm_sandbox_id id;
    if (dm_sandbox_id_parse(req->params[0], &id, err) < 0)
        return NULL;
    dm_box *b = dm_boxes_find(dm_worker_boxes(x->w), &id);
    if (b == NULL)
        (void)dm_fail(err, DM_E_NOTFOUND, "this worker does not hold the sandbox");
    return b;
}

typedef int (*admit_fn)(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err);

static int admitted(dm_req *req, const dm_orders *x, admit_fn fn, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_wk_admit admit;
    int r = body_json(req, &obj, err);
    if (r == 0)
        r = dm_wk_admit_read(obj, &admit, err);
    if (r < 0)
        return r;
    order *o = order_new(req, WANT_RUNNING, err);
    r = o == NULL ? DM_E_NOMEM : ordered(o, fn(x->w, &admit, &o->waiter, err), err);
    dm_wk_admit_done(&admit);
    return r;
}

static int start(dm_req *req, void *ctx, dm_err *err)
{
    return admitted(req, ctx, dm_worker_start, err);
}

static int resume(dm_req *req, void *ctx, dm_err *err)
{
    const dm_orders *x = ctx;
    int r = admitted(req, x, dm_worker_resume, err);
    if (r != DM_E_UNAVAILABLE || !dm_worker_draining(x->w))
        return r;
    reply_drained(&req->reply, err->msg);
    return 0;
}

typedef int (*stop_fn)(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, int64_t room_mib, dm_box_waiter *waiter, dm_err *err);

/* A cause it cannot be in that state with would stay with the box, and nobody would take its word. */
static int cause_of(const char *name, stop_fn fn, dm_cause *out, dm_err *err)
{
    int r = dm_cause_parse(dm_str_c(name), out, err);
    if (r < 0)
        return r;
    const dm_cause_row *row = dm_cause_get(*out);
    if (fn == dm_worker_pause ? row->sleeps : row->ends)
        return 0;
    return dm_fail(err, DM_E_INVALID, "nothing is %s because of %s", fn == dm_worker_pause ? "asleep" : "ended", name);
}

static int stopped(dm_req *req, const dm_orders *x, stop_fn fn, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_wk_stop stop;
    dm_cause cause;
    dm_box *b = box_of(x, req, err);
    if (b == NULL)
        return err->code;
    int r = body_json(req, &obj, err);
    if (r == 0)
        r = dm_wk_stop_read(obj, &stop, err);
    if (r < 0)
        return r;
    r = cause_of(stop.cause, fn, &cause, err);
    int64_t epoch = stop.epoch, room_mib = stop.room_mib;
    dm_wk_stop_done(&stop);
    if (r < 0)
        return r;
    order *o = order_new(req, WANT_STOPPED, err);
    return o == NULL ? DM_E_NOMEM : ordered(o, fn(x->w, b, epoch, cause, room_mib, &o->waiter, err), err);
}

static int kill_it(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, int64_t room_mib, dm_box_waiter *waiter, dm_err *err)
{
    (void)room_mib; /* it leaves nothing */
    return dm_worker_kill(w, b, epoch, cause, waiter, err);
}

static int pause_order(dm_req *req, void *ctx, dm_err *err)
{
    return stopped(req, ctx, dm_worker_pause, err);
}

static int kill_order(dm_req *req, void *ctx, dm_err *err)
{
    return stopped(req, ctx, kill_it, err);
}

/* --- checkpoints -------------------------------------------------------------------------------------------- */

static void copy_made(void *arg, const dm_wk_copied *out, int r, const dm_err *err)
{
    dm_req *req = arg;
    if (r == 0) {
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_wk_copied_write(&w, out);
    }
    dm_req_done(req, r, err);
}

static int copy(dm_req *req, void *ctx, dm_err *err)
{
    const dm_orders *x = ctx;
    DM_AUTO(json_t) obj = NULL;
    dm_wk_copy m;
    dm_box *b = box_of(x, req, err);
    if (b == NULL)
        return err->code;
    int r = body_json(req, &obj, err);
    if (r == 0)
        r = dm_wk_copy_read(obj, &m, err);
    if (r < 0)
        return r;
    r = dm_worker_copy(x->w, b, &m, copy_made, req, err);
    dm_wk_copy_done(&m);
    if (r == DM_ORDER_STALE)
        return dm_fail(err, DM_E_CONFLICT, "that epoch is over");
    return r == 0 ? DM_HTTP_LATER : r;
}

static void reply_released(dm_req *req, bool used)
{
    const dm_wk_released m = {.used = used};
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_released_write(&w, &m);
}

static void released(void *arg, int r, const dm_err *err)
{
    dm_req *req = arg;
    if (r == 0)
        reply_released(req, false);
    dm_req_done(req, r, err);
}

static int release(dm_req *req, void *ctx, dm_err *err)
{
    dm_store *store = dm_worker_store(((const dm_orders *)ctx)->w);
    char name[DM_OBJECT_NAME];
    int r = dm_str_to_array(req->params[0], name, sizeof(name), err);
    if (r < 0)
        return r;
    if (dm_str_eq_c(dm_req_query(req, "unused"), "1") && dm_store_counted(store, name) > 0) {
        reply_released(req, true);
        return 0;
    }
    r = dm_store_release(store, name, released, req, err);
    return r == 0 ? DM_HTTP_LATER : r;
}

static int deadline(dm_req *req, void *ctx, dm_err *err)
{
    const dm_orders *x = ctx;
    DM_AUTO(json_t) obj = NULL;
    dm_wk_deadline d;
    dm_box *b = box_of(x, req, err);
    if (b == NULL)
        return err->code;
    int r = body_json(req, &obj, err);
    if (r == 0)
        r = dm_wk_deadline_read(obj, &d, err);
    if (r < 0)
        return r;
    r = dm_worker_deadline(x->w, b, &d, err);
    if (r == DM_ORDER_STALE)
        return dm_fail(err, DM_E_CONFLICT, "that epoch is over");
    if (r == 0)
        dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return r;
}

/* --- claims and looks --------------------------------------------------------------------------------------- */

typedef struct claims {
    dm_call call;
    dm_req *req;
    dm_box *box[DM_WK_CLAIMS_MAX]; /* those that are here, and run in that epoch */
    size_t n;
} claims;

static int read_claims(const dm_orders *x, const json_t *list, claims *c, dm_err *err)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        dm_wk_claim m;
        dm_sandbox_id id;
        int r = dm_wk_claim_read(one, &m, err);
        if (r < 0)
            return r;
        r = dm_sandbox_id_parse(dm_str_c(m.sandbox), &id, err);
        dm_box *b = r == 0 ? dm_boxes_find(dm_worker_boxes(x->w), &id) : NULL;
        if (b != NULL && b->state == DM_BOX_RUNNING && b->epoch == m.epoch)
            c->box[c->n++] = b;
        dm_wk_claim_done(&m);
        if (r < 0)
            return r;
    }
    return 0;
}

static void reply_claimed(claims *c)
{
    dm_reply_text(&c->req->reply, 200, "application/json", DM_STR("{}"));
}

static void claims_durable(void *arg)
{
    claims *c = arg;
    reply_claimed(c);
    dm_req_done(c->req, 0, NULL);
    free(c);
}

static int claim(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_json_field fields[] = {{"claims", DM_JSON_ARR, 0, DM_JSON_NEED, 0, DM_WK_CLAIMS_MAX}};
    const dm_orders *x = ctx;
    DM_AUTO(json_t) obj = NULL;
    DM_AUTO(json_t) list = NULL;
    DM_AUTO_MEM claims *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for claims");
    int r = body_json(req, &obj, err);
    if (r == 0)
        r = dm_json_decode(obj, fields, DM_LEN(fields), &list, err);
    if (r == 0)
        r = read_claims(x, list, c, err);
    if (r < 0)
        return r;
    c->req = req;
    if (c->n == 0) {
        reply_claimed(c);
        return 0;
    }
    c->call = (dm_call){.fn = claims_durable, .arg = c};
    for (size_t i = 0; i < c->n; i++) /* the journal keeps its order: when the last one is durable, all are */
        dm_worker_claim(x->w, c->box[i], i + 1 == c->n ? &c->call : NULL);
    (void)dm_steal(&c);
    return DM_HTTP_LATER;
}

static int look(dm_req *req, void *ctx, dm_err *err)
{
    dm_str given = dm_req_query(req, "over");
    uint64_t over = 0;
    dm_box *b = box_of(ctx, req, err);
    if (b == NULL)
        return err->code;
    if (given.p != NULL && dm_parse_u64(given, 0, INT32_MAX, &over, err) < 0)
        return dm_wrap(err, "over");
    order *o = order_new(req, WANT_SEEN, err);
    if (o == NULL)
        return DM_E_NOMEM;
    dm_worker_look(b, (int64_t)over, &o->waiter);
    return DM_HTTP_LATER;
}

/* --- what people and the metrics route look at -------------------------------------------------------------- */

static int usage(dm_req *req, void *ctx, dm_err *err)
{
    dm_box *b = box_of(ctx, req, err);
    dm_wk_usage m;
    if (b == NULL)
        return err->code;
    if (b->state != DM_BOX_RUNNING)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
    dm_shown_look(b, &m);
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_usage_write(&w, &m);
    return 0;
}

static int state(dm_req *req, void *ctx, dm_err *err)
{
    const dm_worker *w = ((const dm_orders *)ctx)->w;
    const dm_worker_mark *at = dm_worker_at(w);
    const dm_host *h = dm_worker_host(w);
    const dm_pools *pools = dm_worker_pools(w);
    const char *why;
    dm_pools_count n;
    (void)err;
    dm_pools_counted(pools, &n);
    dm_jw jw = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&jw);
    dm_jw_kc(&jw, "name", dm_worker_told(w)->name);
    dm_jw_kc(&jw, "accel", h->caps.accel);
    dm_jw_kc(&jw, "vmm", h->caps.version);
    dm_jw_ku64(&jw, "boot", at->boot);
    dm_jw_kbool(&jw, "enrolled", at->enrolled);
    dm_jw_kbool(&jw, "pool_ready", dm_pools_ready(pools));
    dm_jw_kbool(&jw, "pool_settled", dm_pools_settled(pools));
    dm_jw_ki64(&jw, "running", dm_boxes_running(dm_worker_boxes(w)));
    dm_jw_ki64(&jw, "asleep", dm_boxes_asleep(dm_worker_boxes(w)));
    dm_jw_ki64(&jw, "unclaimed", dm_boxes_nunclaimed(dm_worker_boxes(w)));
    dm_jw_ki64(&jw, "pooled", n.ready);
    dm_jw_ki64(&jw, "warm", n.warm);
    dm_jw_ki64(&jw, "waiting", n.waiting);
    dm_jw_ki64(&jw, "free_slots", h->slots_free);
    dm_jw_ku64(&jw, "mem_free_mib", dm_worker_mem_free_mib(w));
    dm_jw_ku64(&jw, "asleep_mib", dm_boxes_asleep_mib(dm_worker_boxes(w)));
    dm_jw_ku64(&jw, "disk_free_mib", dm_host_disk_free_mib(h));
    dm_jw_ki64(&jw, "last_second", at->last_second);
    dm_jw_ku64(&jw, "last_frame", at->frame_no);
    dm_jw_ku64(&jw, "durable_frame", at->durable_frame);
    dm_jw_kbool(&jw, "idle", dm_worker_idle(w));
    dm_jw_kbool(&jw, "refusing", dm_worker_refusing(w, &why));
    dm_jw_kc(&jw, "groups_lacking", h->groups != NULL ? dm_groups_lacking(h->groups) : "");
    dm_jw_kc(&jw, "why", why);
    dm_jw_end(&jw);
    return 0;
}

static int drain(dm_req *req, void *ctx, dm_err *err)
{
    dm_worker_leave(((const dm_orders *)ctx)->w);
    return state(req, ctx, err);
}

static int print_metrics(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_metric running = {"dm_worker_sandboxes_running", DM_GAUGE, NULL, "sandboxes that run"};
    static const dm_metric asleep = {"dm_worker_sandboxes_asleep", DM_GAUGE, NULL, "sandboxes that sleep here"};
    static const dm_metric asleep_mib = {
            "dm_worker_sleepers_mib", DM_GAUGE, NULL, "what the images of those that sleep take on its disk"};
    static const dm_metric mem_free = {
            "dm_worker_mem_free_mib", DM_GAUGE, NULL, "the sum of sizes of sandboxes that it still takes"};
    static const dm_metric disk_free = {
            "dm_worker_disk_free_mib", DM_GAUGE, NULL, "room in the file system of its data folder"};
    static const dm_metric unclaimed = {
            "dm_worker_sandboxes_unclaimed", DM_GAUGE, NULL, "of those that run, sandboxes that are nobody's yet"};
    static const dm_metric ready = {"dm_worker_pool_ready", DM_GAUGE, NULL, "machines that can be handed out now"};
    static const dm_metric warm = {"dm_worker_pool_warm", DM_GAUGE, NULL, "of these, machines that are warm"};
    static const dm_metric waiting = {"dm_worker_waiting", DM_GAUGE, NULL, "sandboxes that wait for a machine"};
    static const dm_metric slots = {"dm_worker_slots_free", DM_GAUGE, NULL, "free slots"};
    static const dm_metric beyond = {"dm_worker_leases_beyond_cap", DM_GAUGE, NULL,
            "projects that run on because nobody could be asked about their budget, for longer than is at our cost"};
    static const dm_metric behind = {
            "dm_worker_frames_not_durable", DM_GAUGE, NULL, "frames the ledger does not have yet"};
    const dm_worker *w = ((const dm_orders *)ctx)->w;
    const dm_worker_mark *at = dm_worker_at(w);
    const dm_host *h = dm_worker_host(w);
    dm_pools_count n;
    dm_pools_counted(dm_worker_pools(w), &n);
    dm_metric_set(h->metrics, &running, NULL, dm_boxes_running(dm_worker_boxes(w)));
    dm_metric_set(h->metrics, &asleep, NULL, dm_boxes_asleep(dm_worker_boxes(w)));
    dm_metric_set(h->metrics, &asleep_mib, NULL, (int64_t)dm_boxes_asleep_mib(dm_worker_boxes(w)));
    dm_metric_set(h->metrics, &mem_free, NULL, (int64_t)dm_worker_mem_free_mib(w));
    dm_metric_set(h->metrics, &disk_free, NULL, (int64_t)dm_host_disk_free_mib(h));
    dm_metric_set(h->metrics, &unclaimed, NULL, dm_boxes_nunclaimed(dm_worker_boxes(w)));
    dm_metric_set(h->metrics, &ready, NULL, n.ready);
    dm_metric_set(h->metrics, &warm, NULL, n.warm);
    dm_metric_set(h->metrics, &waiting, NULL, n.waiting);
    dm_metric_set(h->metrics, &slots, NULL, h->slots_free);
    dm_metric_set(h->metrics, &beyond, NULL, dm_leases_beyond(w));
    dm_metric_set(h->metrics, &behind, NULL,
            (int64_t)(at->durable_boot == at->boot ? at->frame_no - at->durable_frame : at->frame_no));
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 20);
    int r = dm_metrics_print(h->metrics, &text, err);
    if (r == 0)
        dm_reply_text(&req->reply, 200, "text/plain; version=0.0.4", dm_buf_view(&text));
    return r;
}

static int dial(dm_req *req, void *ctx, dm_err *err)
{
    const dm_orders *x = ctx;
    dm_sandbox_id id;
    uint64_t epoch, port;
    int r = dm_sandbox_id_parse(req->params[0], &id, err);
    if (r == 0)
        r = dm_parse_u64(req->params[1], 1, INT32_MAX, &epoch, err);
    if (r == 0)
        r = dm_parse_u64(req->params[2], 1, UINT16_MAX, &port, err);
    return r < 0 ? r : dm_dials_ask(x->dials, req, &id, (int64_t)epoch, (uint16_t)port, err);
}

const dm_route dm_orders_routes[] = {
        {"POST", "/v1/sandboxes", 0, DM_WK_BODY_MAX, start},
        {"POST", "/v1/sandboxes/{id}/resume", 0, DM_WK_BODY_MAX, resume},
        {"POST", "/v1/sandboxes/{id}/pause", 0, DM_WK_BODY_MAX, pause_order},
        {"POST", "/v1/sandboxes/{id}/kill", 0, DM_WK_BODY_MAX, kill_order},
        {"POST", "/v1/sandboxes/{id}/deadline", 0, DM_WK_BODY_MAX, deadline},
        {"POST", "/v1/sandboxes/{id}/copy", 0, DM_WK_BODY_MAX, copy},
        {"POST", "/v1/checkpoints/{name}/release", 0, 0, release},
        {"GET", "/v1/sandboxes/{id}", 0, 0, look},
        {"GET", "/v1/sandboxes/{id}/usage", 0, 0, usage},
        {"POST", "/v1/claims", 0, DM_WK_BODY_MAX, claim},
        {"GET", "/v1/worker", 0, 0, state},
        {"POST", "/v1/worker/drain", 0, 0, drain},
};
const size_t dm_orders_nroutes = DM_LEN(dm_orders_routes);

const dm_route dm_worker_metrics_routes[] = {
        {"GET", "/metrics", 0, 0, print_metrics},
        {"GET", "/state", 0, 0, state},
        {"GET", "/dial/{id}/{epoch}/{port}", 0, 0, dial},
};
const size_t dm_worker_metrics_nroutes = DM_LEN(dm_worker_metrics_routes);
