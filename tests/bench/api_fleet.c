/* api_fleet: a worker without machines, for the bench of the API: it enrols and beats as a worker does, and carries out
 * each order at once, in memory. On a line of standard input it prints how many sandboxes run and are asleep, as a line
 * of JSON; at the end of standard input it ends.
 *
 *   api_fleet ORDERS_SOCKET UPLINK_SOCKET NAME
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/httpc.h"
#include "base/map.h"
#include "base/wire/id.h"
#include "base/wire/worker.h"

enum { BOXES_MAX = 1 << 20, SLOTS = 1 << 20, MEM_MIB = 1 << 30, CALL_MS = 5000, ANSWER_MAX = 65536 };

typedef struct box {
    dm_sandbox_id id;
    int64_t epoch;
    bool running;
} box;

typedef struct fleet {
    pthread_mutex_t lock;
    dm_map boxes;
    box *all; /* BOXES_MAX of them; the map has those that are held */
    size_t given;
    int64_t running, asleep;
    dm_httpc *uplink;
    char *name;
    atomic_bool stop;
} fleet;

static int refuse(dm_req *req, int status, const char *message)
{
    dm_jw w = dm_reply_json(&req->reply, status);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", status);
    dm_jw_kc(&w, "message", message);
    dm_jw_end(&w);
    return 0;
}

/* --- orders ------------------------------------------------------------------------------------------------- */

static box *fresh(fleet *f, const dm_sandbox_id *id)
{
    if (f->given == BOXES_MAX || dm_map_reserve(&f->boxes, "sandboxes", NULL) < 0)
        return NULL;
    box *b = &f->all[f->given++];
    b->id = *id;
    dm_map_add(&f->boxes, b);
    return b;
}

/* 0 when it runs now, or the status that says why not. */
static int run(fleet *f, const dm_wk_admit *m, bool wake)
{
    dm_sandbox_id id;
    if (dm_sandbox_id_parse(dm_str_c(m->sandbox), &id, NULL) < 0)
        return 400;
    (void)pthread_mutex_lock(&f->lock);
    box *b = dm_map_find(&f->boxes, &id);
    int status = 0;
    if (b == NULL && (wake || (b = fresh(f, &id)) == NULL)) {
        status = wake ? 404 : 503;
    } else if (m->epoch < b->epoch || (m->epoch == b->epoch && !b->running)) {
        status = 409;
    } else if (!b->running) {
        f->asleep -= wake;
        f->running++;
        b->epoch = m->epoch;
        b->running = true;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return status;
}

static int admit(dm_req *req, fleet *f, bool wake, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_wk_admit m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_admit_read(obj, &m, err);
    if (r < 0)
        return r;
    int status = run(f, &m, wake);
    if (status != 0) {
        r = refuse(req, status, "not here");
    } else {
        int64_t now = dm_wall_us(&dm_clock_real);
        const dm_wk_started s = {.epoch = m.epoch,
                .started_us = now,
                .end_us = now + m.timeout_us,
                .address = (char[]){"10.77.0.2"},
                .pooled = true};
        dm_jw w = dm_reply_json(&req->reply, 201);
        dm_wk_started_write(&w, &s);
    }
    dm_wk_admit_done(&m);
    return r;
}

static int start(dm_req *req, void *ctx, dm_err *err)
{
    return admit(req, ctx, false, err);
}

static int resume(dm_req *req, void *ctx, dm_err *err)
{
    return admit(req, ctx, true, err);
}

/* Whether it was held, and is no longer running. */
static bool put_down(fleet *f, dm_str id_text, int64_t epoch, bool sleep)
{
    dm_sandbox_id id;
    if (dm_sandbox_id_parse(id_text, &id, NULL) < 0)
        return false;
    (void)pthread_mutex_lock(&f->lock);
    box *b = dm_map_find(&f->boxes, &id);
    bool held = b != NULL && epoch >= b->epoch;
    if (held) {
        f->running -= b->running;
        f->asleep += sleep - !b->running;
        b->running = false;
        if (!sleep)
            (void)dm_map_remove(&f->boxes, b);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return held;
}

static int stop(dm_req *req, fleet *f, bool sleep, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_wk_stop m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_stop_read(obj, &m, err);
    if (r < 0)
        return r;
    if (!put_down(f, req->params[0], m.epoch, sleep)) {
        r = refuse(req, 404, "not here");
    } else {
        const dm_wk_stopped s = {.epoch = m.epoch,
                .at_us = dm_wall_us(&dm_clock_real),
                .state = sleep ? (char[]){"asleep"} : (char[]){"ended"},
                .cause = m.cause,
                .image_mib = sleep ? 16 : 0};
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_wk_stopped_write(&w, &s);
    }
    dm_wk_stop_done(&m);
    return r;
}

static int pause_one(dm_req *req, void *ctx, dm_err *err)
{
    return stop(req, ctx, true, err);
}

static int kill_one(dm_req *req, void *ctx, dm_err *err)
{
    return stop(req, ctx, false, err);
}

static int claimed(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return 0;
}

static const dm_route routes[] = {
        {"POST", "/v1/sandboxes", 0, DM_WK_BODY_MAX, start},
        {"POST", "/v1/sandboxes/{id}/resume", 0, DM_WK_BODY_MAX, resume},
        {"POST", "/v1/sandboxes/{id}/pause", 0, DM_WK_BODY_MAX, pause_one},
        {"POST", "/v1/sandboxes/{id}/kill", 0, DM_WK_BODY_MAX, kill_one},
        {"POST", "/v1/sandboxes/{id}/deadline", 0, DM_WK_BODY_MAX, claimed},
        {"POST", "/v1/claims", 0, DM_WK_BODY_MAX, claimed},
};

/* --- to the API --------------------------------------------------------------------------------------------- */

static int say(fleet *f, const char *path, dm_buf *body, dm_buf *answer, dm_err *err)
{
    int status = 0;
    int r = dm_httpc_call(f->uplink, "POST", path, dm_buf_view(body), CALL_MS, &status, answer, err);
    if (r == 0 && status != 200)
        r = dm_fail(err, DM_E_PROTO, "%s: %d %.200s", path, status, dm_buf_view(answer).p);
    return r;
}

static int enrol(fleet *f, int64_t boot, int64_t *no, dm_err *err)
{
    char key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    DM_AUTO_BUF body;
    DM_AUTO_BUF answer;
    DM_AUTO(json_t) obj = NULL;
    dm_wk_enrolled m;
    dm_buf_init(&body, ANSWER_MAX);
    dm_buf_init(&answer, ANSWER_MAX);
    dm_jw w;
    dm_jw_init(&w, &body);
    dm_wk_enrol_write(&w, &(dm_wk_enrol){.name = f->name,
                                  .public_key = key,
                                  .boot = boot,
                                  .door = (char[]){"w1"},
                                  .accel = (char[]){"none"},
                                  .slots = SLOTS,
                                  .mem_mib = MEM_MIB,
                                  .frames = 2});
    int r = say(f, "/v1/workers/enrol", &body, &answer, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&answer), ANSWER_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_enrolled_read(obj, &m, err);
    if (r < 0)
        return r;
    *no = m.worker_no;
    dm_wk_enrolled_done(&m);
    return 0;
}

static int beat(fleet *f, int64_t no, int64_t boot, dm_err *err)
{
    DM_AUTO_BUF body;
    DM_AUTO_BUF answer;
    char path[64];
    dm_buf_init(&body, ANSWER_MAX);
    dm_buf_init(&answer, ANSWER_MAX);
    dm_jw w;
    dm_jw_init(&w, &body);
    (void)pthread_mutex_lock(&f->lock);
    const dm_wk_beat b = {.boot = boot,
            .running = f->running,
            .asleep = f->asleep,
            .pooled = SLOTS,
            .free_slots = SLOTS - f->running,
            .mem_free_mib = MEM_MIB,
            .has_mem_free_mib = true};
    (void)pthread_mutex_unlock(&f->lock);
    dm_wk_beat_write(&w, &b);
    (void)snprintf(path, sizeof path, "/v1/workers/%lld/beat", (long long)no);
    return say(f, path, &body, &answer, err);
}

/* Enrols anew whenever a beat fails: the API may have been replaced. */
static void *live(void *arg)
{
    static const struct timespec beat_every = {.tv_sec = 1};
    fleet *f = arg;
    int64_t no = 0, boot = 0;
    while (!atomic_load(&f->stop)) {
        dm_err err = {0};
        if (no == 0)
            boot = dm_wall_us(&dm_clock_real);
        if ((no == 0 && enrol(f, boot, &no, &err) < 0) || beat(f, no, boot, &err) < 0) {
            (void)fprintf(stderr, "api_fleet: %s\n", err.msg);
            no = 0;
        }
        (void)nanosleep(&beat_every, NULL);
    }
    return NULL;
}

/* --- the program -------------------------------------------------------------------------------------------- */

static void tell(fleet *f)
{
    (void)pthread_mutex_lock(&f->lock);
    (void)printf("{\"running\":%lld,\"asleep\":%lld}\n", (long long)f->running, (long long)f->asleep);
    (void)pthread_mutex_unlock(&f->lock);
    (void)fflush(stdout);
}

static int serve(fleet *f, const char *orders, const char *uplink, dm_err *err)
{
    const dm_httpc_config to = {.base = "http://api", .unix_path = uplink, .connect_ms = CALL_MS};
    const dm_http_config config = {.unix_path = orders,
            .threads = 2,
            .connections_max = 1024,
            .idle_s = 600,
            .exec_threads = 2,
            .exec_queue_max = 4096,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .ctx = f,
            .clock = &dm_clock_real};
    DM_AUTO(dm_http) http = NULL;
    pthread_t beats;
    char line[64];
    f->all = calloc(BOXES_MAX, sizeof *f->all);
    if (f->all == NULL)
        return dm_fail(err, DM_E_NOMEM, "%d sandboxes", BOXES_MAX);
    int r = dm_httpc_new(&to, &f->uplink, err);
    if (r == 0)
        r = dm_http_new(&config, &http, err);
    if (r == 0 && pthread_create(&beats, NULL, live, f) != 0)
        r = dm_fail(err, DM_E_NOMEM, "a thread");
    if (r < 0)
        return r;
    while (fgets(line, sizeof line, stdin) != NULL)
        tell(f);
    atomic_store(&f->stop, true);
    (void)pthread_join(beats, NULL);
    dm_http_stop(http, 1000);
    return 0;
}

int main(int argc, char **argv)
{
    static fleet f = {.lock = PTHREAD_MUTEX_INITIALIZER};
    dm_err err = {0};
    if (argc != 4) {
        (void)fprintf(stderr, "usage: api_fleet ORDERS_SOCKET UPLINK_SOCKET NAME\n");
        return 2;
    }
    f.name = argv[3];
    dm_map_init(&f.boxes, offsetof(box, id), sizeof(dm_sandbox_id), BOXES_MAX);
    int r = serve(&f, argv[1], argv[2], &err);
    if (r < 0)
        (void)fprintf(stderr, "api_fleet: %s\n", err.msg);
    dm_httpc_free(f.uplink);
    dm_map_done(&f.boxes);
    free(f.all);
    return r < 0;
}
