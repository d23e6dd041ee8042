#include "workers/host/dial.h"

#include <assert.h>
#include <stdio.h>

#include "base/wire/guest.h"

enum { WAIT_US = 1000 * 1000, PACE_US = 50 * 1000, BELIEVED_US = 1000 * 1000, KNOWN = 256 };

typedef struct place {
    dm_sandbox_id id;
    int64_t epoch;
    uint16_t port;
} place;

/* The agent may still be asked when its waiters have been answered; and a machine that goes takes its questions with it
 * without a word. So a dial that is done stays until the answer is here, or the machine is not. */
typedef struct dial {
    dm_dials *d;
    bool used, asking, done;
    place at;
    int64_t project;
    int64_t until_us;
    dm_timer *timer;
    dm_req *reqs[DM_DIAL_WAITING];
    size_t n;
} dial;

typedef struct known {
    place at;
    uint16_t forward;
    int64_t until_us;
} known;

struct dm_dials {
    dm_worker *w;
    unsigned waiting;
    dial of[DM_DIALS_MAX];
    known known[KNOWN];
};

static bool same(const place *a, const place *b)
{
    return dm_sandbox_id_eq(&a->id, &b->id) && a->epoch == b->epoch && a->port == b->port;
}

static known *known_at(dm_dials *d, const place *at)
{
    uint8_t last = at->id.b[sizeof(at->id.b) - 1];
    return &d->known[(last ^ at->port) % KNOWN];
}

/* NULL: that life of it is over, or not now. */
static dm_box *living(dm_dials *d, const place *at)
{
    dm_box *b = dm_boxes_find(dm_worker_boxes(d->w), &at->id);
    return b != NULL && b->epoch == at->epoch && b->state == DM_BOX_RUNNING && b->machine != NULL ? b : NULL;
}

/* The machine that was asked has been freed: there is one for each epoch. */
static bool forgotten(dm_dials *d, const place *at)
{
    dm_box *b = dm_boxes_find(dm_worker_boxes(d->w), &at->id);
    return b == NULL || b->epoch != at->epoch || b->machine == NULL;
}

static int64_t now_us(const dm_dials *d)
{
    return dm_mono_us(dm_worker_host(d->w)->clock);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static int fill(dm_dials *d, dm_req *req, const place *at, uint16_t forward, dm_err *err)
{
    char text[8];
    dm_reply_empty(&req->reply, living(d, at) != NULL ? 204 : 403);
    if (forward == 0)
        return 0;
    (void)snprintf(text, sizeof(text), "%u", forward);
    return dm_reply_header(&req->reply, "X-Dm-Port", dm_str_c(text), err);
}

static void finish(dial *one, uint16_t forward)
{
    for (size_t i = 0; i < one->n; i++) {
        dm_err err = {.code = 0};
        int r = fill(one->d, one->reqs[i], &one->at, forward, &err);
        dm_req_done(one->reqs[i], r, &err);
    }
    assert(one->d->waiting >= one->n);
    one->d->waiting -= (unsigned)one->n;
    one->n = 0;
    one->done = true;
    one->used = one->asking;
    if (one->used)
        dm_timer_in(one->timer, WAIT_US);
    else
        dm_timer_clear(one->timer);
}

/* --- asking the agent --------------------------------------------------------------------------------------- */

static void wait(dial *one)
{
    int64_t next = now_us(one->d) + PACE_US;
    dm_timer_at(one->timer, next < one->until_us ? next : one->until_us);
}

static void answered(void *arg, int r, const json_t *answer, const dm_err *err)
{
    dial *one = arg;
    dm_agent_port_at at = {.listening = false};
    (void)err;
    one->asking = false;
    if (one->done) {
        one->used = false;
        dm_timer_clear(one->timer);
        return;
    }
    if (r == 0)
        dm_agent_port_read(answer, &at);
    if (!at.listening) {
        wait(one);
        return;
    }
    *known_at(one->d, &one->at) =
            (known){.at = one->at, .forward = at.forward, .until_us = now_us(one->d) + BELIEVED_US};
    finish(one, at.forward);
}

static bool asked_much(const dm_dials *d, const dm_sandbox_id *id)
{
    unsigned n = 0;
    for (size_t i = 0; i < DM_DIALS_MAX; i++)
        n += d->of[i].used && d->of[i].asking && dm_sandbox_id_eq(&d->of[i].at.id, id);
    return n >= DM_DIALS_ASKED;
}

static void ask(dial *one)
{
    dm_err err;
    dm_box *b = living(one->d, &one->at);
    if (b == NULL || now_us(one->d) >= one->until_us) {
        finish(one, 0);
        return;
    }
    if (asked_much(one->d, &one->at.id)) {
        wait(one);
        return;
    }
    one->asking = true;
    dm_timer_at(one->timer, one->until_us);
    if (dm_machine_guest_port(b->machine, one->at.port, answered, one, &err) < 0) {
        one->asking = false;
        wait(one);
    }
}

static void on_timer(void *arg)
{
    dial *one = arg;
    if (!one->done && !one->asking) {
        ask(one);
    } else if (!one->done) {
        finish(one, 0);
    } else if (forgotten(one->d, &one->at)) {
        one->asking = one->used = false;
    } else {
        dm_timer_in(one->timer, WAIT_US);
    }
}

/* --- the door's question ------------------------------------------------------------------------------------ */

/* NULL: none is to be had. What is asked for others is counted by sandbox and by project. */
static dial *find(dm_dials *d, const place *at, int64_t project)
{
    dial *free_one = NULL, *known_one = NULL;
    unsigned of_it = 0, of_project = 0, waiting = 0;
    for (size_t i = 0; i < DM_DIALS_MAX; i++) {
        dial *one = &d->of[i];
        of_it += one->used && dm_sandbox_id_eq(&one->at.id, &at->id);
        of_project += one->used && one->project == project;
        waiting += one->used && one->project == project ? (unsigned)one->n : 0;
        if (one->used && !one->done && one->n < DM_DIAL_WAITING && same(&one->at, at))
            known_one = one;
        if (!one->used && free_one == NULL)
            free_one = one;
    }
    if (d->waiting >= DM_DIALS_WAITING || waiting >= DM_DIALS_WAITING / DM_WORKER_SHARE)
        return NULL;
    if (known_one != NULL)
        return known_one;
    return of_it < DM_DIALS_EACH && of_project < DM_DIALS_MAX / DM_WORKER_SHARE ? free_one : NULL;
}

int dm_dials_ask(dm_dials *d, dm_req *req, const dm_sandbox_id *id, int64_t epoch, uint16_t port, dm_err *err)
{
    const place at = {.id = *id, .epoch = epoch, .port = port};
    const known *k = known_at(d, &at);
    bool believed = same(&k->at, &at) && now_us(d) < k->until_us;
    const dm_box *b = living(d, &at);
    dial *one = b != NULL && port != DM_GUEST_PORT && !believed ? find(d, &at, b->admit.project_no) : NULL;
    if (one == NULL)
        return fill(d, req, &at, believed ? k->forward : 0, err);
    assert(one->n < DM_DIAL_WAITING && d->waiting < DM_DIALS_WAITING);
    one->reqs[one->n++] = req;
    d->waiting++;
    if (one->used)
        return DM_HTTP_LATER;
    one->used = true;
    one->done = false;
    one->at = at;
    one->project = b->admit.project_no;
    one->until_us = now_us(d) + WAIT_US;
    ask(one);
    return DM_HTTP_LATER;
}

/* --- made and unmade ---------------------------------------------------------------------------------------- */

int dm_dials_new(dm_worker *w, dm_dials **out, dm_err *err)
{
    DM_AUTO(dm_dials) d = calloc(1, sizeof(*d));
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "dials");
    d->w = w;
    for (size_t i = 0; i < DM_DIALS_MAX; i++) {
        d->of[i].d = d;
        int r = dm_loop_timer(dm_worker_host(w)->loop, on_timer, &d->of[i], &d->of[i].timer, err);
        if (r < 0)
            return r;
    }
    *out = dm_steal(&d);
    return 0;
}

void dm_dials_free(dm_dials *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < DM_DIALS_MAX; i++) {
        assert(d->waiting >= d->of[i].n && (d->of[i].n == 0 || d->of[i].used));
        d->waiting -= (unsigned)d->of[i].n;
        dm_timer_free(d->of[i].timer);
    }
    assert(d->waiting == 0);
    free(d);
}
