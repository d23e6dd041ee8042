/* POST /v1/projects/{slug}/sandboxes/pause and /kill: the same act on many, named by their ids or by a filter; each has
 * its own outcome.
 *
 * It takes a bounded time and says what is left, which is asked for again: there is no job to keep, to find again after
 * a crash, and to expire; what is done is done whatever becomes of the answer, and who repeats the request is told of
 * it as done. The acts go through the line for stops, a place each and a few at once, so that a project's other kills
 * and pauses come in between, and other projects' as ever. */
#include <stdatomic.h>
#include <stdio.h>

#include "api/dm/routes.h"
#include "api/dm/sandbox_filter.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/life/deny.h"
#include "api/life/kill.h"
#include "api/life/pause.h"

enum { AT_ONCE = 8, FOR_US = 40 * 1000000, BODY_MAX = 256 << 10 };

typedef enum outcome { LEFT, DONE, FAILED } outcome;

typedef struct item {
    dm_sandbox_id id;
    outcome outcome;
    json_t *why; /* of FAILED: what the act alone would have been answered */
} item;

typedef struct bulk bulk;

typedef struct hand {
    dm_line_job job; /* first */
    bulk *of;
} hand;

struct bulk {
    dm_req *req;
    dm_api *api;
    dm_caller caller;
    bool kills;
    bool more; /* the filter leaves more than one request takes */
    atomic_size_t next;
    atomic_uint hands; /* that are not through yet */
    size_t n;
    item items[DM_BULK_MAX];
    hand hand[AT_ONCE];
};

static void bulk_free(bulk *b)
{
    for (size_t i = 0; i < b->n; i++)
        json_decref(b->items[i].why);
    free(b);
}

/* --- one of them -------------------------------------------------------------------------------------------- */

/* What ended or sleeps already is as it was to be: so the same request once more has the same answer. */
static int run_kill(bulk *b, dm_req *said, const dm_sandbox_id *id, dm_err *err)
{
    dm_dispatch_no no;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_kill_one(b->api, &b->caller, id, &no, err);
    if (r == DM_KILL_NONE && dm_api_find(b->api, &b->caller, id, &one, NULL) == 0 && one.s.state == DM_SANDBOX_ENDED)
        return 0;
    return r == 0 ? 0 : dm_deny_kill(said, "sandbox.kill", id, r, &no, err);
}

static int run_pause(bulk *b, dm_req *said, const dm_sandbox_id *id, dm_err *err)
{
    dm_dispatch_no no;
    dm_quota_over over;
    int r = dm_pause_one(b->api, &b->caller, id, DM_CAUSE_PAUSED, &no, &over, err);
    return r == 0 || r == DM_PAUSE_ASLEEP ? 0 : dm_deny_pause(said, "sandbox.pause", id, r, &no, &over, err);
}

/* The refusals of acts are worded into a reply: here into one that nobody is sent; and they are kept, as each alone
 * would be. */
static void run_one(bulk *b, item *it)
{
    dm_err err = {0};
    const dm_sandbox_name name = dm_sandbox_name_of(&it->id);
    dm_session s = {.caller = b->caller, .refusals = b->api->refusals, .sandbox = dm_str_c(name.s)};
    dm_req said = {.method = b->req->method, .auth = &s};
    int r = b->kills ? run_kill(b, &said, &it->id, &err) : run_pause(b, &said, &it->id, &err);
    it->outcome = r == 0 && said.reply.status == 0 ? DONE : FAILED;
    if (r < 0) {
        dm_log_err(b->api->log, DM_WARN, "sandbox.bulk_failed", &err);
        (void)!dm_deny_slow(&said, b->kills ? "sandbox.kill" : "sandbox.pause", &err);
    }
    if (it->outcome == FAILED && dm_json_load(dm_buf_view(&said.reply.body), BODY_MAX, &it->why, NULL) < 0)
        it->why = NULL;
    dm_buf_done(&said.reply.body);
    for (size_t i = 0; i < said.reply.nheaders; i++)
        free(said.reply.headers[i].value);
}

static bool in_time(const bulk *b)
{
    return dm_mono_us(b->api->clock) - b->req->arrived_mono_us < FOR_US;
}

/* The next one; false when there is none, or no time. */
static bool take_one(bulk *b)
{
    if (!in_time(b))
        return false;
    size_t i = atomic_fetch_add(&b->next, 1);
    if (i >= b->n)
        return false;
    run_one(b, &b->items[i]);
    return true;
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static void write_ids(dm_jw *j, const bulk *b, outcome which)
{
    dm_jw_arr(j);
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i].outcome == which)
            dm_jw_c(j, dm_sandbox_name_of(&b->items[i].id).s);
    dm_jw_arr_end(j);
}

static void write_failed(dm_jw *j, const bulk *b)
{
    dm_jw_arr(j);
    for (size_t i = 0; i < b->n; i++) {
        const item *it = &b->items[i];
        if (it->outcome != FAILED)
            continue;
        dm_jw_obj(j);
        dm_jw_kc(j, "id", dm_sandbox_name_of(&it->id).s);
        dm_jw_ki64(j, "code", json_integer_value(json_object_get(it->why, "code")));
        dm_jw_kc(j, "message", dm_json_c(it->why, "message"));
        dm_jw_key(j, "denial");
        if (json_is_object(json_object_get(it->why, "denial")))
            dm_jw_node(j, json_object_get(it->why, "denial"));
        else
            dm_jw_null(j);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_report(bulk *b)
{
    dm_jw j = dm_reply_json(&b->req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_key(&j, "done");
    write_ids(&j, b, DONE);
    dm_jw_key(&j, "failed");
    write_failed(&j, b);
    dm_jw_key(&j, "left");
    write_ids(&j, b, LEFT);
    dm_jw_kbool(&j, "more", b->more);
    dm_jw_end(&j);
}

/* --- many hands --------------------------------------------------------------------------------------------- */

static void through(bulk *b)
{
    dm_req *req = b->req;
    if (atomic_fetch_sub(&b->hands, 1) != 1)
        return;
    write_report(b);
    bulk_free(b);
    dm_req_done(req, 0, NULL);
}

static void lend(dm_line_job *job)
{
    hand *h = (hand *)job;
    bulk *b = h->of;
    while (take_one(b)) {
        /* To the end of the line, where others may have come meanwhile. Where there is no place, it goes on here. */
        if (dm_later_join(b->api->later, (dm_later_at){.line = DM_LATER_STOPS, .project = b->caller.owner.project}, job,
                    NULL) == 0)
            return;
    }
    through(b);
}

static int begin(bulk *b, dm_err *err)
{
    const dm_later_at at = {.line = DM_LATER_STOPS, .project = b->caller.owner.project};
    size_t hands = b->n < AT_ONCE ? b->n : AT_ONCE;
    int r = 0;
    if (b->n == 0 || dm_later_at_once(b->api->later)) {
        while (take_one(b))
            continue;
        write_report(b);
        bulk_free(b);
        return 0;
    }
    atomic_store(&b->hands, 1); /* ours, until all have begun */
    for (size_t i = 0; i < hands; i++) {
        b->hand[i] = (hand){.job = {.fn = lend}, .of = b};
        (void)atomic_fetch_add(&b->hands, 1);
        r = dm_later_join(b->api->later, at, &b->hand[i].job, err);
        if (r == 0)
            continue;
        (void)atomic_fetch_sub(&b->hands, 1);
        if (i == 0) { /* nobody can begin: it is refused as any other */
            bulk_free(b);
            return r;
        }
        break;
    }
    through(b);
    return DM_HTTP_LATER;
}

/* --- which ones --------------------------------------------------------------------------------------------- */

static void add(bulk *b, const dm_sandbox_id *id)
{
    for (size_t i = 0; i < b->n; i++)
        if (dm_sandbox_id_eq(&b->items[i].id, id))
            return;
    b->items[b->n++] = (item){.id = *id};
}

static int add_ids(bulk *b, const json_t *ids, dm_err *err)
{
    const json_t *one;
    size_t i;
    dm_sandbox_id id;
    if (!json_is_array(ids) || json_array_size(ids) == 0 || json_array_size(ids) > DM_BULK_MAX)
        return dm_fail(err, DM_E_INVALID, "\"ids\" must be an array of 1 to %d", DM_BULK_MAX);
    json_array_foreach(ids, i, one)
    {
        if (!json_is_string(one) ||
                dm_sandbox_id_parse((dm_str){json_string_value(one), json_string_length(one)}, &id, NULL) < 0)
            return dm_fail(err, DM_E_INVALID, "\"ids\": number %zu is no sandbox's id", i + 1);
        add(b, &id);
    }
    return 0;
}

typedef struct finding {
    bulk *b;
    dm_own_filter filter;
    dm_lines lines;
} finding;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    finding *f = arg;
    return dm_own_filter_find(c, f->b->caller.owner, &f->filter, &f->lines, err);
}

/* Without states: those that the act can be about. */
static void choose_states(dm_line_filter *f, bool kills)
{
    for (int i = 0; i < DM_SANDBOX_STATES; i++)
        if (f->states[i])
            return;
    f->states[DM_SANDBOX_RUNNING] = true;
    f->states[DM_SANDBOX_PAUSING] = f->states[DM_SANDBOX_PAUSED] = f->states[DM_SANDBOX_RESUMING] = kills;
}

static int add_filtered(bulk *b, const json_t *obj, dm_err *err)
{
    finding *f = calloc(1, sizeof *f);
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "a filter");
    f->b = b;
    f->filter.f.limit = DM_BULK_MAX;
    int r = dm_own_filter_body(obj, &f->filter, err);
    choose_states(&f->filter.f, b->kills);
    if (r == 0)
        r = dm_api_tx(b->api, &b->caller, find, f, err);
    size_t n = r == 0 && f->lines.rows != NULL ? dm_pg_count(f->lines.rows) : 0;
    for (size_t i = 0; r == 0 && i < n && i < DM_BULK_MAX; i++) {
        dm_sandbox_line l;
        r = dm_line_read(f->lines.rows, i, &l, err);
        if (r == 0)
            b->items[b->n++] = (item){.id = l.id};
    }
    b->more = f->lines.more;
    dm_lines_done(&f->lines);
    dm_own_filter_done(&f->filter);
    free(f);
    return r;
}

static int read_request(bulk *b, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    int r = dm_json_load(b->req->body, BODY_MAX, &obj, err);
    if (r < 0)
        return dm_wrap(err, "body");
    const json_t *ids = json_object_get(obj, "ids"), *filter = json_object_get(obj, "filter");
    if ((ids == NULL) == (filter == NULL))
        return dm_fail(err, DM_E_INVALID, "give either \"ids\" or a \"filter\"");
    return ids != NULL ? add_ids(b, ids, err) : add_filtered(b, filter, err);
}

static int bulk_of(dm_req *req, dm_api *api, bool kills, dm_err *err)
{
    bulk *b = calloc(1, sizeof *b);
    if (b == NULL)
        return dm_fail(err, DM_E_NOMEM, "an act on many");
    b->req = req;
    b->api = api;
    b->caller = dm_session_of(req)->caller;
    b->kills = kills;
    int r = read_request(b, err);
    if (r < 0) {
        bulk_free(b);
        return r;
    }
    return begin(b, err);
}

static int pause_many(dm_req *req, void *ctx, dm_err *err)
{
    return bulk_of(req, ctx, false, err);
}

static int kill_many(dm_req *req, void *ctx, dm_err *err)
{
    return bulk_of(req, ctx, true, err);
}

int dm_route_own_pause_many(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, pause_many, err);
}

int dm_route_own_kill_many(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, kill_many, err);
}
