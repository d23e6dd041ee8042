/* Many searches at once for whose token signed a link. Whose it is, one at a time, is in door_test.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "api/door/signed.h"
#include "api/door/signers.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;
enum { TOO_MANY = 5, CROWD = DM_SIGNERS_WAITING + TOO_MANY };

typedef struct searcher {
    pthread_t thread;
    const char *uri;
    atomic_uint *done;
    int outcome;
    dm_sandbox_id found;
} searcher;

static int search(const char *uri, dm_sandbox_id *found)
{
    DM_AUTO_SIGNED url = {.stem = NULL};
    dm_err err = {0};
    int r = dm_signed_read(dm_str_c(uri), DM_STR("GET"), &url, &err);
    return r != 0 ? DM_E_INVALID : dm_signers_find(rig.api.signers, &url, found, &err);
}

static void *run(void *arg)
{
    searcher *s = arg;
    s->outcome = search(s->uri, &s->found);
    (void)atomic_fetch_add(s->done, 1);
    return NULL;
}

/* How many are done, n or what there are after five seconds: while the database is held, no more can come. */
static unsigned wait_done(atomic_uint *done, unsigned n)
{
    for (int look = 0; look < 1000 && atomic_load(done) < n; look++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return atomic_load(done);
}

static void made(char id[32], char uri[512])
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", "/v2/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(said.status, 201);
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "sandboxID"));
    dm_rig_sign("a.txt", "read", dm_said_str(&said, "envdAccessToken"), "", uri);
}

static void is_found(const searcher *s, const char *id)
{
    assert_int_equal(s->outcome, 0);
    assert_string_equal(dm_sandbox_name_of(&s->found).s, id);
}

/* While the first one waits for the database, DM_SIGNERS_WAITING with itself stand in line, and each that comes then is
 * told so at once, through the door as well. What stood in line is found when the database answers. */
static void the_line_has_an_end(void **state)
{
    (void)state;
    char id[32], uri[512], strange[512];
    searcher s[CROWD];
    size_t busy = 0;
    atomic_uint done = 0;
    made(id, uri);
    dm_rig_sign("a.txt", "read", "no such token", "", strange);
    dm_pg *hold = dm_rig_hold(&rig, "dm.sandbox");
    for (size_t i = 0; i < CROWD; i++) {
        s[i] = (searcher){.uri = uri, .done = &done};
        assert_int_equal(pthread_create(&s[i].thread, NULL, run, &s[i]), 0);
    }
    unsigned early = wait_done(&done, TOO_MANY);
    const dm_pair visit[] = {{DM_STR("X-Dm-Bare"), DM_STR("1")}, {DM_STR("X-Dm-Uri"), dm_str_c(uri)},
            {DM_STR("X-Dm-Method"), DM_STR("GET")}};
    DM_AUTO_SAID door = dm_rig_call_as(&rig, "", "GET", "/door", NULL, visit, DM_LEN(visit));
    unsigned still = atomic_load(&done);
    dm_pg_close(hold); /* before anything is judged: what failed must not hold what cleans up */
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(s[i].thread, NULL), 0);
    assert_int_equal(early, TOO_MANY);
    assert_int_equal(still, TOO_MANY);
    assert_string_equal(dm_said_header(&door, "X-Dm-Kind"), "refuse");
    assert_string_equal(dm_said_header(&door, "X-Dm-Reason"), "busy");
    for (size_t i = 0; i < CROWD; i++) {
        busy += s[i].outcome == DM_SIGNERS_BUSY;
        if (s[i].outcome != DM_SIGNERS_BUSY)
            is_found(&s[i], id);
    }
    assert_int_equal(busy, TOO_MANY);

    searcher again = {.uri = uri};
    again.outcome = search(uri, &again.found);
    is_found(&again, id);
    assert_int_equal(search(strange, &again.found), DM_SIGNERS_NONE);
}

/* A sandbox that is made after a look is found by the next one, which asks only for what changed. */
static void the_newest_is_looked_for(void **state)
{
    (void)state;
    enum { MADE = 3 };
    for (size_t i = 0; i < MADE; i++) {
        char id[32], uri[512];
        searcher s = {.uri = uri};
        made(id, uri);
        s.outcome = search(uri, &s.found);
        is_found(&s, id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            DM_RIG_TEST(the_line_has_an_end, &rig), DM_RIG_TEST(the_newest_is_looked_for, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
