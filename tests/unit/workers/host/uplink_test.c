/* What a worker tells the API and takes from its answers, through a real socket: an API of the test's own that is away,
 * wrong, late or forgetful. The worker goes on either way: nothing it holds depends on being heard. */
#include "base/parse.h"

#include "tests/support/workerrig.h"
#include "workers/host/uplink.h"

typedef struct api {
    dm_http *http;
    unsigned enrols, beats, tellings;
    int status;        /* instead of an answer; 0: answers */
    bool garbage;      /* 200, and what is no answer */
    bool rekeyed;      /* it gives another key than before */
    bool keyless;      /* an older one: it gives no key to seal frames with */
    bool enrol_again;  /* says so in the next answer to a beat */
    const char *drain; /* what else it says to a beat: `,"drain":true` */
    bool old_boot;     /* a later start has enrolled: said as the next */
    bool written_off;  /* as dormouse-api says it: to a beat that it is not known, and to an enrolment why */
    int64_t acked;     /* -1: what was told */
    int64_t last_told; /* seq */
    char last[4096];   /* body of the last call but beats */
    char beat[512];
    int64_t durable;
    int64_t now_us; /* 0: it does not say */
} api;

static rig one;
static api its;

static int enough(dm_req *req, char *keep, size_t cap)
{
    (void)snprintf(keep, cap, "%.*s", (int)req->body.n, req->body.p);
    if (its.garbage)
        dm_reply_text(&req->reply, 200, "application/json", DM_STR("{\"acked\":-4,\"durable_boot\":\"x\"}"));
    else if (its.status != 0)
        dm_reply_text(&req->reply, its.status, "text/plain", DM_STR("no"));
    return its.garbage || its.status != 0;
}

static void enrolled(dm_req *req)
{
    char key[2 * DM_KEY + 1];
    uint8_t raw[DM_KEY];
    memset(raw, its.rekeyed ? 3 : 2, sizeof(raw));
    dm_hex(raw, sizeof(raw), key);
    dm_wk_enrolled m = {.worker_no = 7, .region_no = 2, .period_s = 60, .now_us = its.now_us};
    m.frame_key = its.keyless ? NULL : key;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_enrolled_write(&w, &m);
}

static int on_enrol(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    its.enrols++;
    if (its.written_off)
        dm_reply_text(&req->reply, 409, "application/json",
                DM_STR("{\"code\":409,\"message\":\"lost\",\"denial\":{\"what\":\"worker\",\"rule\":"
                       "\"worker.written_off\",\"cure\":\"c\",\"doc\":\"d\"}}"));
    else if (its.old_boot)
        dm_reply_text(&req->reply, 409, "application/json",
                DM_STR("{\"code\":409,\"message\":\"old\",\"denial\":{\"what\":\"worker\",\"rule\":"
                       "\"worker.old_boot\",\"cure\":\"c\",\"doc\":\"d\"}}"));
    else if (!enough(req, its.last, sizeof(its.last)))
        enrolled(req);
    return 0;
}

static int on_beat(dm_req *req, void *ctx, dm_err *err)
{
    char text[128];
    (void)ctx;
    (void)err;
    its.beats++;
    if (enough(req, its.beat, sizeof(its.beat)))
        return 0;
    (void)snprintf(text, sizeof(text), "{\"durable_boot\":1,\"durable_frame\":%lld,\"enrol_again\":%s%s}",
            (long long)its.durable, its.enrol_again ? "true" : "false", its.drain != NULL ? its.drain : "");
    its.enrol_again = its.written_off || its.old_boot;
    dm_reply_text(&req->reply, 200, "application/json", dm_str_c(text));
    return 0;
}

static int on_events(dm_req *req, void *ctx, dm_err *err)
{
    char text[64];
    DM_AUTO(json_t) body = NULL;
    (void)ctx;
    (void)err;
    its.tellings++;
    assert_int_equal(dm_json_load(req->body, 1 << 20, &body, NULL), 0);
    const json_t *list = json_object_get(body, "events");
    assert_true(json_array_size(list) > 0);
    its.last_told = json_integer_value(json_object_get(json_array_get(list, json_array_size(list) - 1), "seq"));
    if (enough(req, its.last, sizeof(its.last)))
        return 0;
    (void)snprintf(text, sizeof(text), "{\"acked\":%lld}", (long long)(its.acked >= 0 ? its.acked : its.last_told));
    dm_reply_text(&req->reply, 200, "application/json", dm_str_c(text));
    return 0;
}

static const dm_route routes[] = {{"POST", "/v1/workers/enrol", 0, 1 << 20, on_enrol},
        {"POST", "/v1/workers/{no}/beat", 0, 1 << 20, on_beat},
        {"POST", "/v1/workers/{no}/events", 0, 1 << 20, on_events}};

static void api_up(rig *r)
{
    dm_err err;
    dm_http_config c = {.unix_path = r->conf.api_socket,
            .threads = 1,
            .connections_max = 16,
            .idle_s = 60,
            .exec_queue_max = 16,
            .loop = r->h.loop, /* handlers run on the worker's loop: one thread for all that is looked at here */
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .clock = &r->clock.base};
    if (dm_http_new(&c, &its.http, &err) < 0)
        fail_msg("%s", err.msg);
}

static void api_down(void)
{
    if (its.http != NULL)
        dm_http_stop(its.http, 1000);
    dm_http_free(its.http);
    its.http = NULL;
}

static char api_socket[96];
static dm_uplink *uplink;

static int open_rig(void **state)
{
    dm_err err;
    *state = &one;
    if (getuid() != 0)
        return 0;
    its = (api){.acked = -1};
    rig_open(&one);
    (void)snprintf(api_socket, sizeof(api_socket), "%s/api.sock", one.dir);
    one.conf.api_socket = api_socket;
    assert_int_equal(dm_uplink_new(one.w, &uplink, &err), 0);
    return 0;
}

static int close_rig(void **state)
{
    if (getuid() != 0)
        return 0;
    api_down();
    dm_uplink_free(uplink);
    rig_close(*state);
    return 0;
}

/* Time goes on while the loop turns. */
#define go_until(r, condition)                                                                                         \
    do {                                                                                                               \
        int spins_ = 0;                                                                                                \
        while (!(condition)) {                                                                                         \
            if (spins_++ == RIG_SPINS)                                                                                 \
                fail_msg("it never came: %s", #condition);                                                             \
            dm_clock_fake_move(&(r)->clock, 5000);                                                                     \
            rig_turn(r);                                                                                               \
        }                                                                                                              \
    } while (0)

static void killed(rig *r, unsigned n)
{
    rig_order *s = rig_start(r, n, 1);
    go_until(r, told(s));
    rig_order *k = rig_kill(r, n, 1);
    go_until(r, told(k) && r->h.slots_free == RIG_SLOTS);
}

/* The host's memory, not what is kept of it as a reserve. */
static long long told_mem_mib(const char *body)
{
    DM_AUTO(json_t) o = NULL;
    assert_int_equal(dm_json_load(dm_str_c(body), 4096, &o, NULL), 0);
    return json_integer_value(json_object_get(o, "mem_mib"));
}

static void it_enrols_and_then_beats(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    assert_int_equal(r->w->at.no.v, 7);
    assert_non_null(strstr(its.last, "\"boot\":1"));
    assert_non_null(strstr(its.last, "\"accel\":\"tcg\""));
    assert_non_null(strstr(its.last, "\"public_key\":\""));
    assert_int_equal(told_mem_mib(its.last), (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) >> 20);
    its.durable = 3;
    go_until(r, its.beats >= 3);
    assert_int_equal(its.enrols, 1);
    assert_non_null(strstr(its.beat, "\"free_slots\":3"));
    assert_non_null(strstr(its.beat, "\"refusing\":false"));
    go_until(r, r->w->at.durable_frame == 3);
    unsigned beats = its.beats; /* each second, not each turn */
    int64_t since = r->clock.mono;
    go_until(r, its.beats == beats + 3);
    assert_true(r->clock.mono - since > 2000000);
}

/* A host is up before anybody tells it the time: evidence is dated by the API's. */
static void a_wrong_clock_is_told_the_time(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    its.now_us = r->clock.wall + 500;
    r->clock.wall += 3600 * 1000000LL;
    assert_false(dm_usage_clock_sure(&r->w->time));
    api_up(r);
    go_until(r, r->w->at.enrolled);
    assert_true(dm_usage_clock_sure(&r->w->time));
    assert_in_range(dm_worker_now_us(r->w), its.now_us, its.now_us + 1000000);
    go_until(r, r->w->at.frame_no >= 2);
    assert_in_range(r->w->at.last_second, dm_second_of(its.now_us), dm_second_of(its.now_us) + 3);
}

static void events_are_told_until_they_are_taken(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    its.status = 500;
    killed(r, 1);
    killed(r, 2);
    go_until(r, its.tellings >= 2);
    assert_int_equal(dm_events_held(r->w->events), 2);
    its.status = 0;
    its.acked = 1; /* it took the first */
    go_until(r, dm_events_held(r->w->events) == 1);
    assert_int_equal(dm_events_after(r->w->events, NULL)->seq, 2);
    its.acked = 0; /* it forgot, and changes nothing */
    unsigned tellings = its.tellings;
    go_until(r, its.tellings == tellings + 2);
    assert_int_equal(dm_events_held(r->w->events), 1);
    its.acked = -1;
    go_until(r, dm_events_held(r->w->events) == 0);
    assert_int_equal(its.last_told, 2);
    tellings = its.tellings;
    unsigned beats = its.beats;
    go_until(r, its.beats == beats + 3);
    assert_int_equal(its.tellings, tellings); /* and not again */
}

/* Nothing is told that is not on the disk. */
static void events_wait_for_the_journal(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    rig_order *s = rig_start(r, 1, 1);
    go_until(r, told(s));
    rig_settle(r);
    rig_freeze(r);
    rig_order *k = rig_kill(r, 1, 1);
    assert_int_equal(dm_events_held(r->w->events), 1);
    unsigned beats = its.beats;
    go_until(r, its.beats >= beats + 2);
    assert_int_equal(its.tellings, 0);
    assert_false(told(k));
    rig_thaw(r);
    go_until(r, its.tellings > 0 && dm_events_held(r->w->events) == 0);
}

static void while_the_api_is_away_all_goes_on(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    for (int i = 0; i < 100; i++) { /* nobody listens yet */
        dm_clock_fake_move(&r->clock, 20000);
        rig_turn(r);
    }
    assert_false(r->w->at.enrolled);
    api_up(r);
    go_until(r, r->w->at.enrolled);
    rig_order *s = rig_start(r, 1, 1);
    go_until(r, told(s));
    api_down();
    int64_t second = r->w->at.last_second;
    go_until(r, r->w->at.last_second == second + 5);
    assert_int_equal(box(r, 1)->state, DM_BOX_RUNNING);
    unsigned beats = its.beats;
    api_up(r);
    go_until(r, its.beats > beats);
    assert_int_equal(its.enrols, 1);
}

static void an_api_that_forgot_is_enrolled_with_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, its.beats > 0);
    its.enrol_again = true;
    go_until(r, its.enrols == 2);
    its.status = 404;
    unsigned beats = its.beats;
    go_until(r, its.beats > beats);
    its.status = 0;
    go_until(r, its.enrols >= 3);
    beats = its.beats;
    go_until(r, its.beats > beats);
    assert_int_equal(r->w->at.no.v, 7);
}

static uint64_t print_of(uint8_t byte)
{
    uint8_t key[DM_KEY];
    uint64_t print;
    memset(key, byte, sizeof(key));
    assert_int_equal(dm_frame_key_print(key, &print, NULL), 0);
    return print;
}

/* The secret was changed: from its next beat on it seals with the key that it is given, and a start after that, too. */
static void another_key_is_taken_with_a_beat(void **state)
{
    rig *r = *state;
    char want[64], path[PATH_MAX];
    uint8_t key[DM_KEY];
    NEED_ROOT();
    api_up(r);
    go_until(r, its.beats > 0);
    assert_true(r->w->at.frame_key == print_of(2));
    (void)snprintf(want, sizeof(want), "\"frame_key\":%llu", (unsigned long long)print_of(2));
    assert_non_null(strstr(its.beat, want));
    its.rekeyed = its.enrol_again = true;
    go_until(r, its.enrols == 2 && r->w->at.frame_key == print_of(3));
    uint64_t frame = r->w->at.frame_no;
    go_until(r, r->w->at.frame_no > frame);
    (void)snprintf(path, sizeof(path), "%s/frame.key", r->data);
    assert_int_equal(dm_key_read(path, key, NULL), 0);
    assert_int_equal(key[0], 3);
    (void)snprintf(want, sizeof(want), "\"frame_key\":%llu", (unsigned long long)print_of(3));
    go_until(r, strstr(its.beat, want) != NULL);
}

/* Another daemon has this worker's name, and began later: this one leaves, once, and what it runs is left as it is. */
static void who_began_earlier_gives_way(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    rig_order *s = rig_start(r, 1, 1);
    go_until(r, claimed(s));
    its.old_boot = its.enrol_again = true;
    go_until(r, dm_uplink_old_boot(uplink));
    unsigned enrols = its.enrols;
    (void)alarm(20);
    assert_int_equal(dm_loop_run(r->h.loop, NULL), 0);
    (void)alarm(0);
    assert_int_equal(its.enrols, enrols);
    assert_false(dm_worker_written_off(r->w));
    assert_string_equal(state_of(r, 1), "running");
    assert_true(procs_alive(r) > 0);
}

/* The worker is newer than its API: what it would frame nobody could tell from a forgery. */
static void an_api_without_keys_is_asked_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    its.keyless = true;
    api_up(r);
    go_until(r, its.enrols >= 3);
    assert_false(r->w->at.enrolled);
    assert_null(r->w->seal);
    its.keyless = false;
    go_until(r, r->w->at.enrolled);
    go_until(r, r->w->at.frame_no >= 2);
}

static void answers_that_are_none_change_nothing(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    its.garbage = true;
    api_up(r);
    go_until(r, its.enrols >= 2);
    assert_false(r->w->at.enrolled);
    its.garbage = false;
    go_until(r, r->w->at.enrolled);
    killed(r, 1);
    its.garbage = true;
    unsigned tellings = its.tellings, beats = its.beats;
    its.acked = 0;
    go_until(r, its.tellings > tellings + 1 || its.beats > beats + 1);
    its.garbage = false;
    its.acked = -1;
    go_until(r, dm_events_held(r->w->events) == 0);
    assert_int_equal(r->w->at.durable_frame, 0);
}

static void runs(rig *r, unsigned n)
{
    rig_order *s = rig_start(r, n, 1);
    go_until(r, claimed(s));
}

/* What runs is counted down to none, what sleeps stays whole, and all of it can be woken when the operator is done. */
static void an_operator_drains_it_and_takes_that_back(void **state)
{
    static char drain[] = ",\"drain\":true", undrain[] = ",\"drain\":false";
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    runs(r, 1);
    runs(r, 2);
    its.drain = drain;
    go_until(r, box(r, 1)->state == DM_BOX_ASLEEP && box(r, 2)->state == DM_BOX_ASLEEP);
    assert_int_equal(box(r, 1)->cause, DM_CAUSE_OPERATOR_DRAINED);
    go_until(r, strstr(its.beat, "\"running\":0") != NULL && strstr(its.beat, "\"refusing\":true") != NULL);
    assert_non_null(strstr(its.beat, "\"why\":\"it is being drained\""));
    assert_non_null(strstr(its.beat, "\"version\":\""));
    rig_order *wake = rig_resume(r, 1, 2);
    go_until(r, told(wake));
    assert_int_equal(status_of(r, wake), 503);
    assert_string_equal(said(wake, "cause"), "operator_drained");
    its.drain = NULL; /* an older API says nothing of it: it stays as it is */
    unsigned beats = its.beats;
    go_until(r, its.beats >= beats + 2);
    assert_true(dm_worker_draining(r->w));
    its.drain = undrain;
    go_until(r, !dm_worker_draining(r->w));
    wake = rig_resume(r, 1, 2);
    go_until(r, told(wake));
    assert_int_equal(status_of(r, wake), 201);
    runs(r, 3);
    go_until(r, strstr(its.beat, "\"refusing\":false") != NULL);
    assert_null(strstr(its.beat, "\"why\""));
}

/* Who was about to run when the word came sleeps with the next one. */
static void who_was_about_to_run_sleeps_with_the_next_beat(void **state)
{
    static char drain[] = ",\"drain\":true";
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    runs(r, 1);
    rig_order *pause = rig_pause(r, 1, 1);
    go_until(r, told(pause));
    r->hangs[CALL_RUN] = true;
    unsigned runs_before = r->calls[CALL_RUN];
    rig_order *wake = rig_resume(r, 1, 2);
    go_until(r, r->calls[CALL_RUN] > runs_before);
    its.drain = drain;
    go_until(r, dm_worker_draining(r->w));
    assert_int_equal(box(r, 1)->state, DM_BOX_WAKING);
    r->hangs[CALL_RUN] = false;
    rig_let(r, CALL_RUN);
    go_until(r, told(wake)); /* it ran, or even sleeps again */
    assert_true(status_of(r, wake) == 201 || strcmp(said(wake, "cause"), "operator_drained") == 0);
    go_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    assert_int_equal(box(r, 1)->slept_epoch, 2);
    assert_int_equal(box(r, 1)->cause, DM_CAUSE_OPERATOR_DRAINED);
}

/* What its own launcher asked for, before it stops it, no API takes back. */
static void who_leaves_is_not_called_back(void **state)
{
    static char undrain[] = ",\"drain\":false";
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    its.drain = undrain;
    go_until(r, r->w->at.enrolled);
    runs(r, 1);
    rig_order *o = rig_ask(r, "POST", "/v1/worker/drain", "");
    go_until(r, told(o));
    go_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    unsigned beats = its.beats;
    go_until(r, its.beats >= beats + 3);
    assert_true(dm_worker_draining(r->w));
}

/* A host that was given up lives: what it runs has ended long ago, for its owners and on their bills. */
static void who_was_written_off_puts_down_what_it_has(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    api_up(r);
    go_until(r, r->w->at.enrolled);
    for (unsigned n = 1; n <= 2; n++) {
        rig_order *s = rig_start(r, n, 1);
        go_until(r, claimed(s));
    }
    rig_order *o = rig_pause(r, 2, 1);
    go_until(r, told(o) && has_image(r, 2, 1));
    go_until(r, dm_events_held(r->w->events) == 0);
    int64_t began = r->w->at.last_second;
    go_until(r, r->w->at.last_second > began + 1); /* of what began later nothing is proven yet */
    its.written_off = its.enrol_again = true;
    go_until(r, dm_worker_written_off(r->w));
    int64_t second = r->w->at.last_second;
    unsigned enrols = its.enrols, beats = its.beats;
    for (unsigned n = 1; n <= 2; n++) {
        assert_string_equal(state_of(r, n), "ended");
        assert_int_equal(box(r, n)->cause, DM_CAUSE_HOST_LOST);
        assert_true(dm_second_of(box(r, n)->ended_us) <= second);
    }
    go_until(r, dm_worker_idle(r->w) && procs_alive(r) == 0);
    rig_until(r, !has_image(r, 2, 1));
    rig_order *late = rig_start(r, 3, 1);
    assert_int_equal(status_of(r, late), 503);
    dm_clock_fake_move(&r->clock, 3 * 1000000);
    (void)alarm(20);
    assert_int_equal(dm_loop_run(r->h.loop, NULL), 0); /* the program's loop ends by itself, */
    (void)alarm(0);
    assert_int_equal(r->w->at.last_second, second); /* no second more was framed, */
    assert_int_equal(its.enrols, enrols);           /* and nobody was bothered again */
    assert_int_equal(its.beats, beats);
}

/* One whose folder is empty has nothing to put down, and leaves as well. */
static void who_has_nothing_leaves_too(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    its.written_off = true;
    api_up(r);
    go_until(r, dm_worker_written_off(r->w));
    assert_false(r->w->at.enrolled);
    dm_clock_fake_move(&r->clock, 31 * 1000000);
    (void)alarm(20);
    assert_int_equal(dm_loop_run(r->h.loop, NULL), 0);
    (void)alarm(0);
    dm_worker_flush(r->w);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
            TEST(it_enrols_and_then_beats),
            TEST(a_wrong_clock_is_told_the_time),
            TEST(events_are_told_until_they_are_taken),
            TEST(events_wait_for_the_journal),
            TEST(while_the_api_is_away_all_goes_on),
            TEST(an_api_that_forgot_is_enrolled_with_again),
            TEST(an_api_without_keys_is_asked_again),
            TEST(answers_that_are_none_change_nothing),
            TEST(an_operator_drains_it_and_takes_that_back),
            TEST(who_was_about_to_run_sleeps_with_the_next_beat),
            TEST(who_leaves_is_not_called_back),
            TEST(another_key_is_taken_with_a_beat),
            TEST(who_began_earlier_gives_way),
            TEST(who_was_written_off_puts_down_what_it_has),
            TEST(who_has_nothing_leaves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
