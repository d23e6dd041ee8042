/* Acts that are cut off between their halves: what the client is told, what the row says, what the worker holds, what
 * counts. Through a real listener, since clients hang up here. */
/* Covers api/life/claims.c, api/life/start.c, api/life/sweep.c, tenants/sandbox/sql_orphan.c. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/file.h"

#include "api/life/claims.h"
#include "api/life/sweep.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { WAIT_MS = 10000 };

static int start(void **state)
{
    (void)state;
    dm_rig_start(&rig, 8);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_rig_stop(&rig);
    return 0;
}

/* --- waiting for what another thread does ------------------------------------------------------------------- */

/* Until the query gives the number, or ten seconds have passed. */
static void comes_to(const char *sql, int64_t want)
{
    int64_t is = dm_rig_number(&rig, sql);
    for (int ms = 0; is != want && ms < WAIT_MS; ms += 5) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        is = dm_rig_number(&rig, sql);
    }
    if (is != want)
        fail_msg("%s: %lld, not %lld", sql, (long long)is, (long long)want);
}

static void is_claimed_at(dm_fakeworker *worker, const char *id)
{
    for (int ms = 0; !dm_fakeworker_claimed(worker, id) && ms < WAIT_MS; ms += 5)
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    assert_true(dm_fakeworker_claimed(worker, id));
}

static void is_claimed(const char *id)
{
    is_claimed_at(rig.worker, id);
}

static void rows(const char *state, int64_t want)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM dm.sandbox WHERE state = '%s'", state);
    assert_int_equal(dm_rig_number(&rig, sql), want);
}

static int64_t running(void)
{
    return dm_rig_number(&rig, "SELECT coalesce(max(running), 0) FROM dm.quota_use");
}

static void only_id(char id[32])
{
    dm_sandbox_id raw;
    int64_t high = dm_rig_number(
            &rig, "SELECT ('x' || encode(substr(sandbox_id, 1, 8), 'hex'))::bit(64)::bigint FROM dm.sandbox");
    int64_t low = dm_rig_number(
            &rig, "SELECT ('x' || encode(substr(sandbox_id, 9, 8), 'hex'))::bit(64)::bigint FROM dm.sandbox");
    for (int i = 0; i < 8; i++) {
        raw.b[i] = (uint8_t)((uint64_t)high >> (56 - 8 * i));
        raw.b[8 + i] = (uint8_t)((uint64_t)low >> (56 - 8 * i));
    }
    (void)snprintf(id, 32, "%s", dm_sandbox_name_of(&raw).s);
}

static void create(char id[32])
{
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "sandboxID"));
}

static unsigned sweep(void)
{
    unsigned done = 0;
    dm_err err = {0};
    if (dm_sweep(&rig.api, rig.api.dispatch, &done, &err) < 0)
        fail_msg("%s", err.msg);
    return done;
}

/* --- a client of its own ------------------------------------------------------------------------------------ */

/* A create on its way, which may be hung up on. */
static int ask(const char *more_headers)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[1024];
    static const char body[] = "{\"templateID\":\"base\"}";
    assert_int_equal(dm_path(at.sun_path, sizeof at.sun_path, NULL, "%s", rig.socket), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    (void)snprintf(text, sizeof text,
            "POST /v2/sandboxes HTTP/1.1\r\nHost: api\r\nX-API-KEY: %s\r\n%sContent-Length: %zu\r\n\r\n%s", rig.key,
            more_headers, sizeof body - 1, body);
    assert_int_equal(dm_write_all(fd, text, strlen(text), NULL), 0);
    return fd;
}

/* All of it; the server closes. */
static void read_answer(int fd, char *out, size_t room)
{
    for (size_t n = 0; n < room - 1;) {
        ssize_t got = read(fd, out + n, room - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    assert_int_equal(close(fd), 0);
}

/* --- creates ------------------------------------------------------------------------------------------------ */

static void given_is_claimed(void **state)
{
    (void)state;
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    is_claimed(dm_said_str(&said, "sandboxID"));
}

/* Its worker was quick, but whoever asked has hung up meanwhile: it ends, nobody is billed, nothing counts. */
static void nobody_is_given_nothing(void **state)
{
    char id[32];
    (void)state;
    unsigned before = dm_fakeworker_count(rig.worker, "start");
    dm_fakeworker_hold(rig.worker, "start");
    int fd = ask("");
    assert_true(dm_fakeworker_await(rig.worker, "start", before + 1));
    only_id(id);
    assert_int_equal(close(fd), 0);
    dm_fakeworker_release(rig.worker, "start");
    comes_to("SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause = 'start_failed'", 1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    assert_false(dm_fakeworker_claimed(rig.worker, id));
    assert_int_equal(running(), 0);
}

/* Slow beyond all patience: the sweep took the start back, and then the worker had it after all. Nobody is told that it
 * is his. */
static void what_was_given_up_is_not_handed_out(void **state)
{
    char id[32], answer[4096] = "";
    (void)state;
    unsigned before = dm_fakeworker_count(rig.worker, "start");
    dm_fakeworker_hold(rig.worker, "start");
    int fd = ask("Idempotency-Key: slow-1\r\nConnection: close\r\n");
    assert_true(dm_fakeworker_await(rig.worker, "start", before + 1));
    only_id(id);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET ordered_by = 0");
    assert_int_equal(sweep(), 1);
    rows("ended", 1);
    dm_fakeworker_release(rig.worker, "start");
    read_answer(fd, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 503"));
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    assert_false(dm_fakeworker_claimed(rig.worker, id));
    assert_int_equal(running(), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.idempotency"), 0);
}

/* With a key it will be asked for again: it stays, and the second request is given the same one. */
static void a_key_asks_for_it_again(void **state)
{
    char id[32], answer[4096] = "";
    (void)state;
    unsigned before = dm_fakeworker_count(rig.worker, "start");
    dm_fakeworker_hold(rig.worker, "start");
    int fd = ask("Idempotency-Key: again-1\r\n");
    assert_true(dm_fakeworker_await(rig.worker, "start", before + 1));
    only_id(id);
    assert_int_equal(close(fd), 0);
    dm_fakeworker_release(rig.worker, "start");
    comes_to("SELECT count(*) FROM dm.sandbox WHERE state = 'running'", 1);
    is_claimed(id);
    fd = ask("Idempotency-Key: again-1\r\nConnection: close\r\n");
    read_answer(fd, answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 201"));
    assert_non_null(strstr(answer, id));
    assert_int_equal(dm_fakeworker_count(rig.worker, "start"), before + 1);
}

/* The worker made it and the database would not have it: it is taken back before the client is told, and its key may be
 * used again. */
static void what_cannot_be_written_is_taken_back(void **state)
{
    (void)state;
    dm_rig_sql(&rig, "CREATE FUNCTION dm.not_now() RETURNS trigger LANGUAGE plpgsql AS"
                     " $$BEGIN RAISE EXCEPTION 'not now'; END$$;"
                     "CREATE TRIGGER not_now BEFORE UPDATE ON dm.sandbox FOR EACH ROW WHEN (NEW.state = 'running')"
                     " EXECUTE FUNCTION dm.not_now()");
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    dm_rig_sql(&rig, "DROP TRIGGER not_now ON dm.sandbox; DROP FUNCTION dm.not_now()");
    char id[32];
    only_id(id);
    assert_int_equal(said.status, 503);
    assert_string_equal(json_string_value(json_object_get(json_object_get(said.body, "denial"), "cure")),
            "nothing was handed out and nothing is billed: try again in a moment");
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    assert_false(dm_fakeworker_claimed(rig.worker, id));
    rows("ended", 1);
    assert_int_equal(running(), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.idempotency"), 0);
}

/* A worker without room is not the end of it while another has some. */
static void the_next_place_is_asked(void **state)
{
    char id[32];
    (void)state;
    DM_AUTO(dm_fakeworker) second = dm_rig_second_worker(&rig);
    dm_fakeworker_refuse(second, "start", 503, 1);
    create(id);
    assert_int_equal(dm_fakeworker_count(second, "start"), 1);
    assert_string_equal(dm_fakeworker_state(second, id, NULL, NULL), "");
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "running");
    assert_int_equal(dm_rig_number(&rig, "SELECT worker_no FROM dm.sandbox"), 1);
    is_claimed(id);
    dm_fakeworker_refuse(second, "start", 503, 1);
    dm_fakeworker_refuse(rig.worker, "start", 503, 1);
    DM_AUTO_SAID full = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(full.status, 503);
    assert_string_equal(dm_said_str(&full, "error_code"), "sandbox_capacity_unavailable");
    assert_int_equal(running(), 1);
}

/* A worker that takes no claims is told again and again; the others do not wait for that. */
static void a_deaf_worker_holds_up_no_other(void **state)
{
    char deaf[32], id[32];
    (void)state;
    DM_AUTO(dm_fakeworker) second = dm_rig_second_worker(&rig);
    dm_fakeworker_refuse(second, "claim", 503, UINT_MAX);
    create(deaf);
    assert_true(dm_fakeworker_await(second, "claim", 1));
    dm_fakeworker_refuse(second, "start", 503, 1);
    DM_AUTO_SAID said = dm_rig_ask(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, sizeof id, "%s", dm_said_str(&said, "sandboxID"));
    is_claimed(id);
    assert_false(dm_fakeworker_claimed(second, deaf));
    dm_fakeworker_refuse(second, "claim", 503, 0);
    is_claimed_at(second, deaf);
}

/* What this instance is the next life of. */
static void live_anew(const char *path)
{
    dm_err err = {0};
    dm_claims_free(rig.api.claims);
    rig.api.claims = NULL;
    if (dm_claims_new(rig.api.dispatch, NULL, rig.api.clock, true, path, &rig.api.claims, &err) < 0)
        fail_msg("%s", err.msg);
}

/* A client has its answer, and the instance that gave it ends before any worker has heard so: its next life says it. */
static void what_was_given_is_claimed_in_the_next_life(void **state)
{
    char id[32], path[64] = "/tmp/dm-given-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    live_anew(path);
    dm_fakeworker_refuse(rig.worker, "claim", 503, UINT_MAX);
    create(id);
    assert_true(dm_fakeworker_await(rig.worker, "claim", 1));
    live_anew(NULL); /* the one before keeps what it could not say */
    assert_false(dm_fakeworker_claimed(rig.worker, id));
    dm_fakeworker_refuse(rig.worker, "claim", 503, 0);
    live_anew(path);
    is_claimed(id);
    live_anew(NULL);
    unsigned told = dm_fakeworker_count(rig.worker, "claim");
    live_anew(path); /* once */
    live_anew(NULL);
    assert_int_equal(dm_fakeworker_count(rig.worker, "claim"), told);
    assert_int_equal(unlink(path), 0);
}

/* --- what a dead instance leaves ---------------------------------------------------------------------------- */

static void left_by(const char *state, int64_t instance)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "UPDATE dm.sandbox SET state = '%s', ordered_by = %lld, changed_at = now()", state,
            (long long)instance);
    dm_rig_sql(&rig, sql);
}

/* An instance that lives is left alone; the moment it is gone its rows are anybody's. */
static void the_dead_are_known_at_once(void **state)
{
    char id[32], conninfo[256];
    int64_t no = 0;
    dm_pg *c = NULL;
    dm_err err = {0};
    (void)state;
    create(id);
    dm_pgtest_conninfo(rig.tenants.pg, "dm_api", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &c, &err), 0);
    assert_int_equal(dm_instance_new(c, &no, &err), 0);
    left_by("pausing", no);
    assert_int_equal(sweep(), 0);
    rows("pausing", 1);
    left_by("pausing", DM_RIG_INSTANCE);
    assert_int_equal(sweep(), 0);
    left_by("pausing", no);
    dm_pg_close(c);
    comes_to("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 0);
    assert_int_equal(sweep(), 1);
    rows("paused", 1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "asleep");
    assert_int_equal(dm_pg_open(conninfo, &c, &err), 0); /* it comes back, under its number */
    assert_int_equal(dm_instance_lock(c, no, &err), 0);
    dm_pg *other = NULL;
    assert_int_equal(dm_pg_open(conninfo, &other, &err), 0);
    assert_int_equal(dm_instance_lock(other, no, &err), DM_E_CONFLICT);
    dm_pg_close(other);
    dm_pg_close(c);
}

static void a_start_that_nobody_finished_is_taken_back(void **state)
{
    char id[32];
    (void)state;
    create(id);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET started_at = NULL");
    left_by("starting", 0);
    assert_int_equal(sweep(), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'ended' AND cause ="
                                         " 'start_failed'"),
            1);
    assert_string_equal(dm_fakeworker_state(rig.worker, id, NULL, NULL), "");
    assert_int_equal(running(), 0);
}

/* The API died when its worker had woken it: it is awake, and the next connect finds it so. */
static void a_wake_is_not_lost(void **state)
{
    char id[32], path[64];
    (void)state;
    create(id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_ask(&rig, "POST", path, "{}");
    assert_int_equal(paused.status, 204);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    DM_AUTO_SAID woken = dm_rig_ask(&rig, "POST", path, "{\"timeout\":60}");
    assert_int_equal(woken.status, 201);
    left_by("resuming", 0);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET address = NULL, end_at = NULL");
    assert_int_equal(sweep(), 1);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'running' AND address IS NOT"
                                         " NULL AND end_at IS NOT NULL"),
            1);
    DM_AUTO_SAID again = dm_rig_ask(&rig, "POST", path, "{\"timeout\":60}");
    assert_int_equal(again.status, 200);
}

/* It died before its worker had heard of the wake: it sleeps, and may be woken again. */
static void a_wake_that_never_began_sleeps_on(void **state)
{
    char id[32], path[64];
    (void)state;
    create(id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    DM_AUTO_SAID paused = dm_rig_ask(&rig, "POST", path, "{}");
    assert_int_equal(paused.status, 204);
    left_by("resuming", 0);
    dm_rig_sql(&rig, "UPDATE dm.sandbox SET epoch = epoch + 1; UPDATE dm.quota_use SET running = running + 1,"
                     " vcpus = vcpus + 1, mem_mib = mem_mib + 256");
    assert_int_equal(sweep(), 1);
    rows("paused", 1);
    assert_int_equal(running(), 0);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/connect", id);
    DM_AUTO_SAID woken = dm_rig_ask(&rig, "POST", path, "{\"timeout\":60}");
    assert_int_equal(woken.status, 201);
}

/* The answer to a pause was lost, and its worker runs it: the sweep asks again within a round, and whoever repeats the
 * pause is told that it is done, not that it had been. */
static void a_pause_whose_answer_was_lost_is_made_true(void **state)
{
    char id[32], path[64];
    (void)state;
    create(id);
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", id);
    dm_fakeworker_garble(rig.worker, "pause", 1);
    DM_AUTO_SAID lost = dm_rig_ask(&rig, "POST", path, "{}");
    assert_int_equal(lost.status, 504);
    assert_int_equal(dm_rig_number(&rig, "SELECT ordered_by FROM dm.sandbox"), 0);
    assert_int_equal(sweep(), 1);
    rows("paused", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(given_is_claimed, &rig),
            DM_RIG_TEST(nobody_is_given_nothing, &rig),
            DM_RIG_TEST(what_was_given_up_is_not_handed_out, &rig),
            DM_RIG_TEST(a_key_asks_for_it_again, &rig),
            DM_RIG_TEST(what_cannot_be_written_is_taken_back, &rig),
            DM_RIG_TEST(the_next_place_is_asked, &rig),
            DM_RIG_TEST(a_deaf_worker_holds_up_no_other, &rig),
            DM_RIG_TEST(what_was_given_is_claimed_in_the_next_life, &rig),
            DM_RIG_TEST(the_dead_are_known_at_once, &rig),
            DM_RIG_TEST(a_start_that_nobody_finished_is_taken_back, &rig),
            DM_RIG_TEST(a_wake_is_not_lost, &rig),
            DM_RIG_TEST(a_wake_that_never_began_sleeps_on, &rig),
            DM_RIG_TEST(a_pause_whose_answer_was_lost_is_made_true, &rig),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
