/* api_fleet: a worker without machines, for what is asked of the API alone: it enrols and beats as a worker does, and
 * carries out each order in memory. On a line of standard input it prints how many sandboxes run and are asleep, as a
 * line of JSON, and of the line "list" each that it holds; at the end of standard input it ends.
 *
 *   api_fleet ORDERS_SOCKET UPLINK_SOCKET NAME [DELAY_MS CLAIM_S]
 *
 * DELAY_MS: how long an order takes, 0: no time. CLAIM_S: how long a sandbox may be nobody's before it ends and the API
 * is told so, as a worker does after DM_WK_CLAIM_S; 0: it may be for ever.
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
#include "base/parse.h"
#include "base/wire/id.h"
#include "base/wire/worker.h"

enum { BOXES_MAX = 1 << 20, SLOTS = 1 << 20, MEM_MIB = 1 << 30, CALL_MS = 5000, ANSWER_MAX = 65536 };

typedef struct box {
    dm_sandbox_id id;
    int64_t epoch, over; /* wakes in none up to this */
    int64_t started_us;
    bool running;
    bool claimed;
} box;

enum { EVENTS_MAX = 1 << 16 };

/* One that nobody claimed: told to the API until it has heard so. */
typedef struct unclaimed {
    dm_sandbox_id id;
    int64_t at_us;
} unclaimed;

typedef struct fleet {
    pthread_mutex_t lock;
    dm_map boxes;
    box *all; /* BOXES_MAX of them; the map has those that are held */
    size_t given;
    int64_t running, asleep;
    unclaimed *ended; /* EVENTS_MAX of them; event number i + 1 is that of ended[i] */
    size_t nended, nheard;
    int64_t delay_ms, claim_s;
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
    } else if (m->epoch < b->epoch || (!b->running && (m->epoch == b->epoch || m->epoch <= b->over))) {
        status = 409;
    } else if (!b->running) {
        f->asleep -= wake;
        f->running++;
        b->epoch = m->epoch;
        b->running = true;
        b->claimed = wake;
        b->started_us = dm_wall_us(&dm_clock_real);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return status;
}

static void take_time(const fleet *f)
{
    if (f->delay_ms > 0)
        (void)nanosleep(
                &(struct timespec){.tv_sec = f->delay_ms / 1000, .tv_nsec = f->delay_ms % 1000 * 1000000}, NULL);
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
    take_time(f);
    int status = run(f, &m, wake);
    take_time(f);
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
        b->claimed = true;
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
    take_time(f);
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

static void claim_one(fleet *f, const char *name)
{
    dm_sandbox_id id;
    if (dm_sandbox_id_parse(dm_str_c(name), &id, NULL) < 0)
        return;
    (void)pthread_mutex_lock(&f->lock);
    box *b = dm_map_find(&f->boxes, &id);
    if (b != NULL)
        b->claimed = true;
    (void)pthread_mutex_unlock(&f->lock);
}

static int claimed(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    const json_t *all = json_object_get(obj, "claims");
    for (size_t i = 0; r == 0 && i < json_array_size(all); i++) {
        dm_wk_claim m;
        r = dm_wk_claim_read(json_array_get(all, i), &m, err);
        if (r < 0)
            return r;
        claim_one(ctx, m.sandbox);
        dm_wk_claim_done(&m);
    }
    dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return r;
}

static int deadline(dm_req *req, void *ctx, dm_err *err)
{
    (void)err;
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)req->params[0].n, req->params[0].p);
    claim_one(ctx, name);
    dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return 0;
}

/* What it is, to whoever has to know (the sweep). */
static int look(dm_req *req, void *ctx, dm_err *err)
{
    fleet *f = ctx;
    dm_sandbox_id id;
    uint64_t over = 0;
    int r = dm_sandbox_id_parse(req->params[0], &id, err);
    if (r == 0)
        r = dm_parse_u64(dm_req_query(req, "over"), 0, INT32_MAX, &over, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&f->lock);
    box *b = dm_map_find(&f->boxes, &id);
    if (b != NULL && b->over < (int64_t)over)
        b->over = (int64_t)over;
    const box seen = b != NULL ? *b : (box){.epoch = 0};
    (void)pthread_mutex_unlock(&f->lock);
    if (b == NULL)
        return refuse(req, 404, "not here");
    const dm_wk_seen s = {.epoch = seen.epoch,
            .state = seen.running ? (char[]){"running"} : (char[]){"asleep"},
            .cause = (char[]){""},
            .started_us = seen.started_us,
            .end_us = seen.started_us + 3600 * 1000000LL,
            .address = seen.running ? (char[]){"10.77.0.2"} : (char[]){""}};
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_seen_write(&w, &s);
    return 0;
}

static const dm_route routes[] = {
        {"POST", "/v1/sandboxes", 0, DM_WK_BODY_MAX, start},
        {"POST", "/v1/sandboxes/{id}/resume", 0, DM_WK_BODY_MAX, resume},
        {"POST", "/v1/sandboxes/{id}/pause", 0, DM_WK_BODY_MAX, pause_one},
        {"POST", "/v1/sandboxes/{id}/kill", 0, DM_WK_BODY_MAX, kill_one},
        {"POST", "/v1/sandboxes/{id}/deadline", 0, DM_WK_BODY_MAX, deadline},
        {"GET", "/v1/sandboxes/{id}", 0, 0, look},
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

/* What nobody has claimed in time is over. */
static void end_unclaimed(fleet *f)
{
    int64_t now = dm_wall_us(&dm_clock_real);
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; f->claim_s > 0 && i < f->given && f->nended < EVENTS_MAX; i++) {
        box *b = &f->all[i];
        if (!b->running || b->claimed || now - b->started_us < f->claim_s * 1000000)
            continue;
        f->ended[f->nended++] = (unclaimed){.id = b->id, .at_us = now};
        b->running = false;
        f->running--;
        (void)dm_map_remove(&f->boxes, b);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static int tell_ended(fleet *f, int64_t no, dm_err *err)
{
    DM_AUTO_BUF body;
    DM_AUTO_BUF answer;
    char path[64];
    dm_buf_init(&body, ANSWER_MAX);
    dm_buf_init(&answer, ANSWER_MAX);
    (void)snprintf(path, sizeof path, "/v1/workers/%lld/events", (long long)no);
    int r = 0;
    for (; r == 0 && f->nheard < f->nended; f->nheard += r == 0) {
        const unclaimed *u = &f->ended[f->nheard];
        dm_sandbox_name name = dm_sandbox_name_of(&u->id);
        dm_buf_reset(&body);
        dm_buf_reset(&answer);
        dm_jw w;
        dm_jw_init(&w, &body);
        dm_jw_obj(&w);
        dm_jw_key(&w, "events");
        dm_jw_arr(&w);
        dm_wk_event_write(&w, &(dm_wk_event){.seq = (int64_t)f->nheard + 1,
                                      .sandbox = name.s,
                                      .epoch = 1,
                                      .state = (char[]){"ended"},
                                      .cause = (char[]){"start_failed"},
                                      .detail = (char[]){"nobody claimed it"},
                                      .at_us = u->at_us});
        dm_jw_arr_end(&w);
        dm_jw_end(&w);
        r = say(f, path, &body, &answer, err);
    }
    return r;
}

/* Enrols anew whenever a beat fails: the API may have been replaced. */
static void *live(void *arg)
{
    static const struct timespec beat_every = {.tv_sec = 1};
    fleet *f = arg;
    int64_t no = 0, boot = 0;
    while (!atomic_load(&f->stop)) {
        dm_err err = {0};
        end_unclaimed(f);
        if (no == 0)
            boot = dm_wall_us(&dm_clock_real);
        if ((no == 0 && enrol(f, boot, &no, &err) < 0) || beat(f, no, boot, &err) < 0 || tell_ended(f, no, &err) < 0) {
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

/* {"sandbox": [epoch, whether it runs, whether somebody was given it], ...} */
static void list(fleet *f)
{
    const char *comma = "";
    (void)pthread_mutex_lock(&f->lock);
    (void)putchar('{');
    for (size_t i = 0; i < f->given; i++) {
        const box *b = &f->all[i];
        if (dm_map_find(&f->boxes, &b->id) != b)
            continue;
        (void)printf("%s\"%s\":[%lld,%s,%s]", comma, dm_sandbox_name_of(&b->id).s, (long long)b->epoch,
                b->running ? "true" : "false", b->claimed ? "true" : "false");
        comma = ",";
    }
    (void)printf("}\n");
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
            .exec_threads = f->delay_ms > 0 ? 32 : 2,
            .exec_queue_max = 4096,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .ctx = f,
            .clock = &dm_clock_real};
    DM_AUTO(dm_http) http = NULL;
    pthread_t beats;
    char line[64];
    f->all = calloc(BOXES_MAX, sizeof *f->all);
    f->ended = calloc(EVENTS_MAX, sizeof *f->ended);
    if (f->all == NULL || f->ended == NULL)
        return dm_fail(err, DM_E_NOMEM, "%d sandboxes", BOXES_MAX);
    int r = dm_httpc_new(&to, &f->uplink, err);
    if (r == 0)
        r = dm_http_new(&config, &http, err);
    if (r == 0 && pthread_create(&beats, NULL, live, f) != 0)
        r = dm_fail(err, DM_E_NOMEM, "a thread");
    if (r < 0)
        return r;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "list\n") == 0)
            list(f);
        else
            tell(f);
    }
    atomic_store(&f->stop, true);
    (void)pthread_join(beats, NULL);
    dm_http_stop(http, 1000);
    return 0;
}

int main(int argc, char **argv)
{
    static fleet f = {.lock = PTHREAD_MUTEX_INITIALIZER};
    dm_err err = {0};
    uint64_t delay_ms = 0, claim_s = 0;
    if ((argc != 4 && argc != 6) ||
            (argc == 6 && (dm_parse_u64(dm_str_c(argv[4]), 0, 10000, &delay_ms, &err) < 0 ||
                                  dm_parse_u64(dm_str_c(argv[5]), 0, 3600, &claim_s, &err) < 0))) {
        (void)fprintf(stderr, "usage: api_fleet ORDERS_SOCKET UPLINK_SOCKET NAME [DELAY_MS CLAIM_S]\n");
        return 2;
    }
    f.delay_ms = (int64_t)delay_ms;
    f.claim_s = (int64_t)claim_s;
    f.name = argv[3];
    dm_map_init(&f.boxes, offsetof(box, id), sizeof(dm_sandbox_id), BOXES_MAX);
    int r = serve(&f, argv[1], argv[2], &err);
    if (r < 0)
        (void)fprintf(stderr, "api_fleet: %s\n", err.msg);
    dm_httpc_free(f.uplink);
    dm_map_done(&f.boxes);
    free(f.all);
    free(f.ended);
    return r < 0;
}
