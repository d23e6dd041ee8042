/* Whose a new sandbox is: nobody's, until somebody has been given it. Until then no second of it counts; what claims
 * it, and from which second on it does; and that it ends unbilled, and its owner's row hears of it, when nobody comes.
 */
/* Covers workers/host/seconds.c, workers/host/orders.c, workers/host/life.c. */
#include <arpa/inet.h>

#include "base/parse.h"

#include "tests/support/workerrig.h"

/* Started, answered, and given to nobody. */
static rig_order *start_for_nobody(rig *r, unsigned n, admitting a)
{
    r->unclaimed = true;
    rig_order *o = rig_admit(r, "start", n, 1, a);
    assert_int_equal(status_of(r, o), 201);
    return o;
}

static int64_t figure(rig *r, const char *member)
{
    int64_t n = 0;
    rig_order *o = rig_ask(r, "GET", "/v1/worker", "");
    assert_int_equal(status_of(r, o), 200);
    assert_int_equal(dm_parse_i64(dm_str_c(said(o, member)), INT64_MIN, INT64_MAX, &n, NULL), 0);
    dm_req_free(o->req);
    r->norders--;
    return n;
}

static rig_order *about(rig *r, const char *method, unsigned n, const char *verb, const char *body)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s%s%s", box_name(n), *verb != '\0' ? "/" : "", verb);
    return rig_ask(r, method, path, body);
}

static rig_order *look(rig *r, unsigned n)
{
    return about(r, "GET", n, "", "");
}

static rig_order *move_deadline(rig *r, unsigned n, int epoch, int64_t end_s)
{
    char body[128];
    (void)snprintf(body, sizeof(body), "{\"epoch\":%d,\"end_us\":%lld,\"pause_on_timeout\":false}", epoch,
            (long long)end_s * 1000000);
    return about(r, "POST", n, "deadline", body);
}

static rig_proc *first_proc(rig *r)
{
    rig_proc *p = r->procs;
    while (!p->alive)
        p++;
    return p;
}

static void back(rig *r)
{
    rig_until(r, r->w->adopting == 0);
    rig_settle(r);
}

static bool runs_in(const evidence *e, unsigned n, size_t second)
{
    dm_sandbox_id id = box_id(n);
    for (size_t k = 0; k < e->nkeys; k++) {
        if (dm_sandbox_id_eq(&e->key[k].id, &id) && e->key[k].framed[second] == DM_SAMPLE_RUN)
            return true;
    }
    return false;
}

/* Its owner is told once that it could not be started, and nothing of it is in any evidence, however many periods pass.
 */
static void ended_unbilled(rig *r, unsigned n)
{
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    rig_settle(r);
    assert_string_equal(events_of(r, n), "ended 1 start_failed");
    assert_false(live(r, n, 1));
    assert_int_equal(procs_alive(r), 0);
    rig_seconds(r, 121);
    evidence *e = proof(r);
    assert_int_equal(e->nkeys, 0); /* neither framed nor sworn to */
    assert_string_equal(events_of(r, n), "ended 1 start_failed");
    assert_string_equal(state_of(r, n), "gone");
    assert_int_equal(figure(r, "unclaimed"), 0);
}

/* --- until then --------------------------------------------------------------------------------------------- */

static void nobodys_it_runs_and_counts_for_nothing(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    assert_true(live(r, 1, 1));
    assert_int_equal(figure(r, "unclaimed"), 1);
    assert_int_equal(figure(r, "running"), 1);
    rig_seconds(r, 5);
    assert_int_equal(proof(r)->nkeys, 0);
    assert_int_equal(proof(r)->frames >= 5, true); /* time goes on without it */
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    assert_int_equal(figure(r, "unclaimed"), 0);
    rig_seconds(r, 3);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 3);
    assert_false(runs_in(e, 1, 4)); /* that frame was made before anybody had it */
    assert_true(runs_in(e, 1, 5));
    assert_string_equal(events_of(r, 1), "");
}

static void an_order_twice_claims_nothing(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201); /* the answer was lost, and is asked for again */
    assert_int_equal(status_of(r, about(r, "GET", 1, "usage", "")), 200);
    assert_int_equal(status_of(r, look(r, 1)), 200);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 409); /* it does not sleep */
    assert_int_equal(status_of(r, rig_pause(r, 1, 0)), 400);
    assert_int_equal(figure(r, "unclaimed"), 1);
}

/* What the metrics say is what the state says. */
static void people_see_them(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    (void)start_for_nobody(r, 2, (admitting){0});
    dm_http_config c = {.routes = dm_worker_metrics_routes,
            .nroutes = dm_worker_metrics_nroutes,
            .ctx = &r->ctx,
            .clock = &r->clock.base};
    DM_AUTO(dm_req) req = NULL;
    dm_err err;
    assert_int_equal(dm_http_call(&c, "GET", "/metrics", NULL, 0, DM_STR(""), &req, &err), 0);
    dm_str text = dm_buf_view(&req->reply.body);
    assert_non_null(memmem(text.p, text.n, "dm_worker_sandboxes_unclaimed 2\n", 32));
}

/* --- from which second on ----------------------------------------------------------------------------------- */

/* The claim comes right behind the answer, and the second has ended in between: it waits, and has the sandbox. */
static void a_second_waits_for_the_claim_that_is_on_its_way(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0}); /* at 0.1 */
    dm_clock_fake_move(&r->clock, 950 * 1000);
    for (int i = 0; i < 20; i++) {
        rig_turn(r);
        dm_clock_fake_move(&r->clock, 2000);
    }
    assert_true(r->w->at.last_second < RIG_T0); /* 1.09: it has ended, and is held */
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    dm_clock_fake_move(&r->clock, 25 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0);
    evidence *e = proof(r);
    assert_true(runs_in(e, 1, 0));
    assert_int_equal(e->seconds[0], 1);
}

/* However often it is looked whether the claim has come, the clock leans by what it does in a second. */
static void a_second_that_waits_is_one_for_the_clock(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    r->clock.wall += 500 * 1000;
    int64_t lead = r->w->time.wall_us;
    dm_clock_fake_move(&r->clock, 920 * 1000);
    for (int i = 0; i < 60; i++) {
        rig_turn(r);
        dm_clock_fake_move(&r->clock, 1000);
    }
    assert_true(r->w->at.last_second < RIG_T0);
    dm_clock_fake_move(&r->clock, 30 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0);
    assert_true(r->w->time.wall_us > lead && r->w->time.wall_us <= lead + 2000);
}

/* It waits no longer than for one that is a second old. */
static void a_second_does_not_wait_for_long(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0}); /* at 0.1 */
    dm_clock_fake_move(&r->clock, 990 * 1000);
    for (int i = 0; i < 50; i++)
        rig_turn(r);
    assert_true(r->w->at.last_second < RIG_T0);
    dm_clock_fake_move(&r->clock, 30 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0); /* 1.12 */
    dm_clock_fake_move(&r->clock, 900 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0 + 1); /* 2.02: nothing keeps it any more */
    assert_int_equal(proof(r)->nkeys, 0);
}

/* One after the other, each of which keeps the second in which it began, and none of them a later one for ever. */
static void seconds_do_not_starve(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    dm_clock_fake_move(&r->clock, 700 * 1000);
    (void)start_for_nobody(r, 2, (admitting){0}); /* at 0.8 */
    dm_clock_fake_move(&r->clock, 700 * 1000);
    (void)start_for_nobody(r, 3, (admitting){0}); /* at 1.5 */
    dm_clock_fake_move(&r->clock, 500 * 1000);    /* 2.0 */
    rig_until(r, r->w->at.last_second == RIG_T0);
    dm_clock_fake_move(&r->clock, 100 * 1000);
    for (int i = 0; i < 50; i++)
        rig_turn(r);
    assert_int_equal(r->w->at.last_second, RIG_T0); /* the third keeps its own */
    dm_clock_fake_move(&r->clock, 500 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0 + 1);
}

/* What was handed out after the second has no part in it. */
static void a_later_one_holds_nothing_back(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    dm_clock_fake_move(&r->clock, 905 * 1000); /* 1.005: 0 has ended and is not framed yet */
    (void)start_for_nobody(r, 1, (admitting){0});
    dm_clock_fake_move(&r->clock, 20 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0);
}

/* In the journal as in time: whoever finds its first second finds that it was claimed. */
static void a_claim_stands_before_what_it_makes_count(void **state)
{
    rig *r = *state;
    dm_journal_pos pos = {0};
    dm_record type;
    DM_AUTO_BUF b;
    bool is_claimed = false, counted = false;
    unsigned boxes = 0;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 2);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    rig_seconds(r, 2);
    rig_settle(r);
    dm_buf_init(&b, DM_RECORD_BYTES_MAX + 1);
    while (dm_journal_read(r->w->journal, &pos, &type, &b, NULL) == 0) {
        dm_frame_head h;
        const uint8_t *samples;
        if (type == DM_RECORD_BOX) {
            DM_AUTO(json_t) j = NULL;
            assert_int_equal(dm_json_load(dm_buf_view(&b), DM_RECORD_BYTES_MAX, &j, NULL), 0);
            is_claimed = json_is_true(json_object_get(j, "claimed"));
            boxes++;
        } else if (type == DM_RECORD_CLAIM) {
            is_claimed = dm_str_eq_c(dm_buf_view(&b), box_name(1));
        } else if (type == DM_RECORD_FRAME) {
            assert_int_equal(dm_frame_open(dm_buf_view(&b), &h, &samples, NULL), 0);
            assert_true(h.n == 0 || is_claimed);
            counted = counted || h.n > 0;
        }
    }
    assert_true(counted);
    assert_int_equal(boxes, 1); /* all of it, with its environment, is told once */
}

/* --- who claims --------------------------------------------------------------------------------------------- */

static void a_claim_of_what_is_not_here_is_nothing(void **state)
{
    rig *r = *state;
    char body[256];
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    assert_int_equal(status_of(r, rig_claim(r, 1, 2)), 200); /* a life it does not live, */
    assert_int_equal(status_of(r, rig_claim(r, 9, 1)), 200); /* one that is not here, */
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/claims", "{\"claims\":[]}")), 200);
    assert_int_equal(figure(r, "unclaimed"), 1);
    (void)start_for_nobody(r, 2, (admitting){0});
    (void)snprintf(body, sizeof(body),
            "{\"claims\":[{\"sandbox\":\"%s\",\"epoch\":1},{\"sandbox\":\"%s\",\"epoch\":1},"
            "{\"sandbox\":\"%s\",\"epoch\":1},{\"sandbox\":\"%s\",\"epoch\":1}]}",
            box_name(9), box_name(1), box_name(2), box_name(1));
    rig_order *o = rig_ask(r, "POST", "/v1/claims", body); /* and the rest of them are */
    assert_int_equal(status_of(r, o), 200);
    assert_int_equal(figure(r, "unclaimed"), 0);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200); /* again */
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200); /* late */
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200); /* of a life that is over */
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    assert_int_equal(status_of(r, rig_claim(r, 2, 1)), 200);
    assert_string_equal(state_of(r, 1), "running");
    assert_string_equal(state_of(r, 2), "ended");
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 2, DM_SAMPLE_RUN), 2);
}

static void bodies_that_are_no_claims(void **state)
{
    static char body[32768];
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    static const char *const wrong[] = {"", "{}", "[]", "{\"claims\":{}}", "{\"claims\":[1]}",
            "{\"claims\":[{\"sandbox\":\"x\",\"epoch\":1}]}", "{\"claims\":[{\"epoch\":1}]}"};
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/claims", wrong[i])), 400);
    /* One that is wrong, and none of the others is taken either. */
    (void)snprintf(body, sizeof(body), "{\"claims\":[{\"sandbox\":\"%s\",\"epoch\":1},{\"epoch\":1}]}", box_name(1));
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/claims", body)), 400);
    for (int more = 0; more < 2; more++) {
        size_t len = (size_t)snprintf(body, sizeof(body), "{\"claims\":[");
        for (int i = 0; i < DM_WK_CLAIMS_MAX + more; i++)
            len += (size_t)snprintf(body + len, sizeof(body) - len, "%s{\"sandbox\":\"%s\",\"epoch\":1}",
                    i > 0 ? "," : "", box_name(2));
        (void)snprintf(body + len, sizeof(body) - len, "]}");
        assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/claims", body)), more == 0 ? 200 : 400);
    }
    assert_int_equal(figure(r, "unclaimed"), 1);
}

static void an_order_about_it_claims_it(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    (void)start_for_nobody(r, 2, (admitting){0});
    rig_seconds(r, 5);
    assert_int_equal(status_of(r, rig_stop(r, "pause", 1, 1, "whim")), 400); /* that is none */
    assert_int_equal(figure(r, "unclaimed"), 2);
    assert_int_equal(status_of(r, rig_pause(r, 1, 1)), 200);
    assert_int_equal(figure(r, "unclaimed"), 1);
    assert_int_equal(status_of(r, move_deadline(r, 2, 1, RIG_T0 + 100)), 200);
    assert_int_equal(figure(r, "unclaimed"), 0);
    rig_seconds(r, 65);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_string_equal(state_of(r, 2), "running"); /* longer than anything is kept for nobody */
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 1);
    assert_int_equal(ev_count(e, 2, 1, DM_SAMPLE_RUN), 65);
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
    assert_int_equal(figure(r, "unclaimed"), 0); /* whoever wakes it has it */
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 2, DM_SAMPLE_RUN), 2);
}

/* Whoever ends it had it: the second in which it ended is his. */
static void a_kill_claims_it_first(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 5);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_string_equal(events_of(r, 1), "ended 1 killed");
    rig_seconds(r, 60);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 1);
    assert_true(runs_in(e, 1, 5));
    assert_int_equal(ev_cause(e, 1, 1), DM_CAUSE_KILLED);
}

static void an_order_that_takes_it_back_does_not(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 2);
    rig_order *o = rig_stop(r, "kill", 1, 1, "start_failed");
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "ended");
    assert_string_equal(said(o, "cause"), "start_failed");
    assert_int_equal(status_of(r, rig_stop(r, "kill", 1, 1, "start_failed")), 200);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 404);
    ended_unbilled(r, 1);
}

/* --- traffic ------------------------------------------------------------------------------------------------ */

static void knock(rig *r, unsigned n, size_t bytes)
{
    char packet[1024] = {0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    assert_int_equal(inet_pton(AF_INET, dm_machine_address(box(r, n)->machine), &to.sin_addr), 1);
    DM_AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(sendto(fd, packet, bytes, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)bytes);
}

static void traffic_claims_it(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    (void)start_for_nobody(r, 2, (admitting){0});
    rig_seconds(r, 5);
    assert_int_equal(figure(r, "unclaimed"), 2);
    knock(r, 1, 1); /* the host asks for the way, and one packet is no conversation */
    rig_seconds(r, 1);
    assert_int_equal(figure(r, "unclaimed"), 2);
    knock(r, 1, 300);
    rig_seconds(r, 1);
    assert_int_equal(figure(r, "unclaimed"), 1);
    rig_seconds(r, 3);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 4);
    assert_true(runs_in(e, 1, 6)); /* the second in which somebody came */
    assert_int_equal(ev_count(e, 2, 1, DM_SAMPLE_RUN), 0);
}

/* It came right behind the answer and never again: it is not mistaken for what was there before. */
static void traffic_in_its_first_moment_claims_it(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    knock(r, 1, 300);
    rig_seconds(r, 2);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 2);
    assert_true(runs_in(e, 1, 0));
}

/* The slot's counter goes on from one guest to the next. */
static void the_traffic_of_the_one_before_is_not_its_own(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    run(r, 1, 1);
    uint32_t slot = dm_machine_slot(box(r, 1)->machine);
    knock(r, 1, 900);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    rig_until(r, r->h.slots_free == RIG_SLOTS);
    (void)start_for_nobody(r, 2, (admitting){0});
    assert_int_equal(dm_machine_slot(box(r, 2)->machine), slot);
    rig_seconds(r, 3);
    assert_int_equal(figure(r, "unclaimed"), 1);
    assert_int_equal(ev_count(proof(r), 2, 1, DM_SAMPLE_RUN), 0);
}

/* Used, and the worker died before it looked. */
static void traffic_is_seen_over_a_crash(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 2);
    rig_settle(r);
    knock(r, 1, 300);
    rig_crash(r);
    back(r);
    rig_seconds(r, 2);
    assert_int_equal(figure(r, "unclaimed"), 0);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 2);
}

/* --- when nobody comes -------------------------------------------------------------------------------------- */

static void when_nobody_comes_it_ends(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, DM_WK_CLAIM_S - 1);
    assert_string_equal(state_of(r, 1), "running");
    dm_clock_fake_move(&r->clock, 1000000);
    rig_until(r, box(r, 1)->state == DM_BOX_ENDED);
    assert_int_equal(procs_alive(r), 0); /* at once */
    assert_string_equal(box(r, 1)->detail, "nobody was given it in time");
    rig_settle(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 404);
    rig_order *o = look(r, 1);
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "ended");
    assert_string_equal(said(o, "cause"), "start_failed");
    ended_unbilled(r, 1);
}

/* Reached after the last second was looked at, and before its time is up. */
static void it_is_looked_at_once_more(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    dm_clock_fake_move(&r->clock, 850 * 1000);
    (void)start_for_nobody(r, 1, (admitting){0});                          /* at 0.95 */
    (void)start_for_nobody(r, 2, (admitting){.timeout_s = DM_WK_CLAIM_S}); /* whose own time is up as well */
    rig_seconds(r, DM_WK_CLAIM_S - 1);
    dm_clock_fake_move(&r->clock, 500 * 1000);
    rig_until(r, r->w->at.last_second == RIG_T0 + DM_WK_CLAIM_S - 1);
    knock(r, 1, 300);
    knock(r, 2, 300);
    dm_clock_fake_move(&r->clock, 500 * 1000);
    rig_until(r, box(r, 2)->state == DM_BOX_ENDED);
    rig_settle(r);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(figure(r, "unclaimed"), 0);
    assert_string_equal(events_of(r, 1), "");
    assert_string_equal(events_of(r, 2), "ended 1 timeout");
}

static void its_claim_ends_the_wait(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){.timeout_s = 100});
    rig_seconds(r, DM_WK_CLAIM_S - 1);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    rig_seconds(r, 30);
    assert_string_equal(state_of(r, 1), "running");
    rig_seconds(r, 11);
    assert_string_equal(state_of(r, 1), "ended"); /* its own time is up */
    assert_string_equal(events_of(r, 1), "ended 1 timeout");
}

/* Whatever ends it before somebody has it: it could not be started. What happened is said. */
static void any_other_end_of_it_is_unbilled_too(void **state)
{
    static const struct {
        dm_vm_event how;
        const char *detail;
    } ways[] = {{{DM_VM_GUEST_SHUTDOWN, 0}, "nobody had been given it yet: guest_shutdown"},
            {{DM_VM_SIGNALLED, 9}, "nobody had been given it yet: vmm_crashed, the VMM died of signal 9"}};
    rig *r = *state;
    NEED_ROOT();
    for (unsigned i = 0; i < DM_LEN(ways); i++) {
        (void)start_for_nobody(r, 1 + i, (admitting){0});
        rig_seconds(r, 2);
        rig_vm_ended(first_proc(r), ways[i].how);
        assert_string_equal(state_of(r, 1 + i), "ended");
        assert_string_equal(box(r, 1 + i)->detail, ways[i].detail);
        ended_unbilled(r, 1 + i);
    }
}

static void its_own_time_may_be_shorter(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){.timeout_s = 10});
    (void)start_for_nobody(r, 2, (admitting){.timeout_s = 10, .pause_on_timeout = true});
    rig_seconds(r, 9);
    assert_string_equal(state_of(r, 1), "running");
    rig_seconds(r, 2);
    assert_string_equal(box(r, 1)->detail, "nobody had been given it yet: timeout");
    assert_string_equal(events_of(r, 2), "ended 1 start_failed"); /* a sleeper would be kept, and charged for */
    assert_false(has_image(r, 2, 1));
    ended_unbilled(r, 1);
}

static void a_drain_puts_nobodys_to_no_sleep(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    (void)start_for_nobody(r, 2, (admitting){0});
    knock(r, 2, 300); /* this one is somebody's */
    assert_int_equal(status_of(r, rig_ask(r, "POST", "/v1/worker/drain", "")), 200);
    assert_string_equal(box(r, 1)->detail, "nobody had been given it yet: operator_drained");
    rig_until(r, dm_worker_idle(r->w));
    rig_settle(r);
    assert_string_equal(events_of(r, 1), "ended 1 start_failed");
    assert_string_equal(events_of(r, 2), "asleep 1 operator_drained");
    rig_seconds(r, 61);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 0);
    assert_int_equal(ev_count(e, 2, 1, DM_SAMPLE_RUN), 1);
}

/* --- over a crash ------------------------------------------------------------------------------------------- */

static void nobodys_it_is_adopted_and_stays_so(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 20);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 20 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "running");
    assert_true(live(r, 1, 1));
    assert_int_equal(figure(r, "unclaimed"), 1);
    rig_seconds(r, 19);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(proof(r)->nkeys, 0);
    rig_seconds(r, 2); /* since it was handed out, not since it was adopted */
    assert_string_equal(state_of(r, 1), "ended");
    ended_unbilled(r, 1);
}

static void its_time_runs_while_the_worker_is_away(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 100 * 1000000);
    rig_until(r, r->w->adopting == 0);
    rig_until(r, box(r, 1) == NULL || box(r, 1)->state == DM_BOX_ENDED);
    ended_unbilled(r, 1);
}

static void claimed_after_a_crash_it_counts_from_then(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 5);
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 5 * 1000000);
    back(r);
    rig_seconds(r, 1);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    rig_seconds(r, 4);
    evidence *e = proof(r);
    assert_int_equal(ev_count(e, 1, 1, DM_SAMPLE_RUN), 4);
    assert_false(runs_in(e, 1, 10));
}

/* Seconds that nobody framed are not held for it. */
static void what_is_made_up_for_waits_for_nobody(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_settle(r);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 30 * 1000000);
    back(r);
    dm_clock_fake_move(&r->clock, 2000);
    rig_until(r, r->w->at.last_second == RIG_T0 + 29); /* and time stands still meanwhile */
    assert_int_equal(proof(r)->nkeys, 0);
}

static void claimed_it_stays_claimed(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 5);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 5 * 1000000);
    back(r);
    assert_int_equal(figure(r, "unclaimed"), 0);
    rig_seconds(r, 60);
    assert_string_equal(state_of(r, 1), "running");
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 65); /* from 5 on */
}

/* Whoever claimed it was not answered, and asks again. */
static void a_claim_that_is_lost_leaves_it_nobodys(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 2);
    rig_settle(r);
    rig_freeze(r);
    rig_order *a = rig_claim(r, 1, 1), *b = rig_claim(r, 1, 1);
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_false(told(a) || told(b)); /* neither is told what is not durable */
    rig_crash(r);
    back(r);
    assert_int_equal(figure(r, "unclaimed"), 1);
    rig_seconds(r, 2);
    assert_int_equal(proof(r)->nkeys, 0);
    assert_int_equal(status_of(r, rig_claim(r, 1, 1)), 200);
    rig_seconds(r, 2);
    assert_int_equal(ev_count(proof(r), 1, 1, DM_SAMPLE_RUN), 2);
}

static void what_died_while_nobody_looked_is_unbilled(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 5);
    rig_settle(r);
    for (size_t i = 0; i < RIG_PROCS; i++)
        r->procs[i].alive = r->procs[i].running = false;
    rig_crash(r);
    dm_clock_fake_move(&r->clock, 5 * 1000000);
    back(r);
    assert_string_equal(state_of(r, 1), "ended");
    assert_string_equal(
            box(r, 1)->detail, "nobody had been given it yet: vmm_crashed, it died while its worker was away");
    ended_unbilled(r, 1);
}

/* It ended, and the worker died at any moment of that: its owner hears of it, once, and it stays unbilled. */
static void the_word_of_its_end_survives(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (int turns = 0; turns < 12; turns += 2) {
        (void)start_for_nobody(r, 1, (admitting){0});
        rig_settle(r);
        (void)rig_stop(r, "kill", 1, 1, "start_failed");
        for (int i = 0; i < turns; i++)
            rig_turn(r);
        rig_crash(r);
        back(r);
        if (strcmp(state_of(r, 1), "ended") != 0) /* it is as if nobody had ordered anything */
            assert_int_equal(status_of(r, rig_stop(r, "kill", 1, 1, "start_failed")), 200);
        ended_unbilled(r, 1);
        rig_close(r);
        rig_open(r);
        rig_enrol(r);
        rig_settle(r);
    }
}

/* Ordered to sleep, it had been given to somebody: what is whole on the disk is his, though no record says so. */
static void its_image_is_somebodys(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    (void)start_for_nobody(r, 1, (admitting){0});
    rig_seconds(r, 2);
    rig_settle(r);
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/sleepers/%s.1", r->data, box_name(1));
    rig_file(dir, "disk.ext4", "whole");
    for (size_t i = 0; i < RIG_PROCS; i++)
        r->procs[i].alive = r->procs[i].running = false;
    rig_crash(r);
    back(r);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_string_equal(events_of(r, 1), "asleep 1 paused");
    assert_true(has_image(r, 1, 1));
    rig_seconds(r, 62);
    (void)proof(r);
}

/* --- what it is now ----------------------------------------------------------------------------------------- */

static void it_is_seen_as_it_is(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    assert_int_equal(status_of(r, look(r, 1)), 404);
    r->hangs[CALL_LOAD] = true;
    rig_order *start = rig_start(r, 1, 1);
    rig_order *o = look(r, 1);
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "starting");
    assert_string_equal(said(o, "epoch"), "1");
    assert_string_equal(said(o, "started_us"), "0");
    assert_string_equal(said(o, "end_us"), "0");
    assert_string_equal(said(o, "address"), "");
    assert_string_equal(said(o, "cause"), "");
    rig_let(r, CALL_LOAD);
    assert_int_equal(status_of(r, start), 201);
    o = look(r, 1);
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "running");
    assert_string_equal(said(o, "started_us"), said(start, "started_us"));
    assert_string_equal(said(o, "end_us"), said(start, "end_us"));
    assert_string_equal(said(o, "address"), said(start, "address"));
    r->hangs[CALL_SAVE] = true;
    rig_order *pause = rig_pause(r, 1, 1);
    rig_until(r, r->calls[CALL_SAVE] == 1);
    o = look(r, 1);
    assert_string_equal(said(o, "state"), "pausing");
    assert_string_equal(said(o, "started_us"), said(start, "started_us"));
    assert_string_equal(said(o, "address"), ""); /* the door lets nobody in */
    rig_let(r, CALL_SAVE);
    assert_int_equal(status_of(r, pause), 200);
    o = look(r, 1);
    assert_string_equal(said(o, "state"), "asleep");
    assert_string_equal(said(o, "cause"), "paused");
    assert_string_equal(said(o, "epoch"), "1");
    assert_string_equal(said(o, "started_us"), "0");
    r->hangs[CALL_LOAD] = true;
    unsigned loads = r->calls[CALL_LOAD];
    rig_order *wake = rig_resume(r, 1, 2);
    rig_until(r, r->calls[CALL_LOAD] == loads + 1);
    o = look(r, 1);
    assert_string_equal(said(o, "state"), "waking");
    assert_string_equal(said(o, "epoch"), "2");
    assert_string_equal(said(o, "started_us"), "0");
    assert_string_equal(said(o, "cause"), "");
    rig_let(r, CALL_LOAD);
    assert_int_equal(status_of(r, wake), 201);
    assert_int_equal(status_of(r, rig_kill(r, 1, 2)), 200);
    o = look(r, 1);
    assert_string_equal(said(o, "state"), "ended");
    assert_string_equal(said(o, "cause"), "killed");
    assert_string_equal(said(o, "epoch"), "2");
}

/* Nobody is told by a look what a crash could still take back. */
static void a_look_waits_for_the_disk(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    rig_order *start = rig_start(r, 1, 1);
    rig_until(r, box(r, 1)->machine != NULL);
    rig_freeze(r);
    rig_until(r, box(r, 1)->state == DM_BOX_RUNNING);
    rig_order *o = look(r, 1);
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_false(told(o));
    rig_thaw(r);
    assert_int_equal(status_of(r, o), 200);
    assert_string_equal(said(o, "state"), "running");
    assert_int_equal(status_of(r, start), 201);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
            TEST(nobodys_it_runs_and_counts_for_nothing),
            TEST(an_order_twice_claims_nothing),
            TEST(people_see_them),
            TEST(a_second_waits_for_the_claim_that_is_on_its_way),
            TEST(a_second_that_waits_is_one_for_the_clock),
            TEST(a_second_does_not_wait_for_long),
            TEST(seconds_do_not_starve),
            TEST(a_later_one_holds_nothing_back),
            TEST(a_claim_stands_before_what_it_makes_count),
            TEST(a_claim_of_what_is_not_here_is_nothing),
            TEST(bodies_that_are_no_claims),
            TEST(an_order_about_it_claims_it),
            TEST(a_kill_claims_it_first),
            TEST(an_order_that_takes_it_back_does_not),
            TEST(traffic_claims_it),
            TEST(traffic_in_its_first_moment_claims_it),
            TEST(the_traffic_of_the_one_before_is_not_its_own),
            TEST(traffic_is_seen_over_a_crash),
            TEST(when_nobody_comes_it_ends),
            TEST(it_is_looked_at_once_more),
            TEST(its_claim_ends_the_wait),
            TEST(any_other_end_of_it_is_unbilled_too),
            TEST(its_own_time_may_be_shorter),
            TEST(a_drain_puts_nobodys_to_no_sleep),
            TEST(nobodys_it_is_adopted_and_stays_so),
            TEST(its_time_runs_while_the_worker_is_away),
            TEST(claimed_after_a_crash_it_counts_from_then),
            TEST(what_is_made_up_for_waits_for_nobody),
            TEST(claimed_it_stays_claimed),
            TEST(a_claim_that_is_lost_leaves_it_nobodys),
            TEST(what_died_while_nobody_looked_is_unbilled),
            TEST(the_word_of_its_end_survives),
            TEST(its_image_is_somebodys),
            TEST(it_is_seen_as_it_is),
            TEST(a_look_waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
