#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/loop.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

static int open_loop(void **state)
{
    dm_loop *l = NULL;
    assert_int_equal(dm_loop_new(&dm_clock_real, &l, NULL), 0);
    *state = l;
    return 0;
}

static int close_loop(void **state)
{
    dm_loop_free(*state);
    return 0;
}

/* An eventfd that is readable from the start, its watch, and what the watch's callback does with others. */
typedef struct spring {
    int fd;
    dm_watch *watch;
    unsigned calls;
    uint32_t events;
    struct spring *kills; /* freed from the callback, fd closed */
    int64_t dry;          /* read it empty */
} spring;

static void spring_done(spring *s)
{
    dm_watch_free(dm_steal(&s->watch));
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static void spring_ready(void *arg, uint32_t events)
{
    spring *s = arg;
    s->calls++;
    s->events = events;
    uint64_t n;
    if (s->dry)
        assert_int_equal(read(s->fd, &n, sizeof(n)), sizeof(n));
    if (s->kills != NULL)
        spring_done(s->kills);
}

static void spring_init(spring *s, dm_loop *l)
{
    *s = (spring){.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(s->fd >= 0);
    assert_int_equal(dm_loop_watch(l, s->fd, EPOLLIN, spring_ready, s, &s->watch, NULL), 0);
}

static void once(dm_loop *l, int64_t wait_us)
{
    assert_int_equal(dm_loop_once(l, wait_us, NULL), 0);
}

/* --- watches ------------------------------------------------------------------------------------------------ */

static void watches_call_while_ready(void **state)
{
    dm_loop *l = *state;
    spring s;
    spring_init(&s, l);
    once(l, -1);
    once(l, -1);
    assert_int_equal(s.calls, 2);
    assert_int_equal(s.events, EPOLLIN);
    assert_int_equal(dm_watch_set(s.watch, EPOLLOUT, NULL), 0);
    once(l, -1);
    assert_int_equal(s.events, EPOLLOUT);
    assert_int_equal(dm_watch_set(s.watch, 0, NULL), 0);
    once(l, 0);
    assert_int_equal(s.calls, 3);
    spring_done(&s);
}

static void bad_descriptors_are_refused(void **state)
{
    dm_loop *l = *state;
    dm_watch *w = NULL;
    dm_err err;
    assert_int_equal(dm_loop_watch(l, -1, EPOLLIN, spring_ready, NULL, &w, &err), DM_E_IO);
    assert_int_equal(err.sys, EBADF);
    spring s;
    spring_init(&s, l);
    assert_int_equal(dm_loop_watch(l, s.fd, EPOLLIN, spring_ready, NULL, &w, &err), DM_E_EXISTS);
    assert_null(w);
    spring_done(&s);
}

/* Two ready watches that each free the other: exactly one of them is called. */
static void freeing_another_of_the_batch(void **state)
{
    dm_loop *l = *state;
    spring a, b;
    spring_init(&a, l);
    spring_init(&b, l);
    a.kills = &b;
    b.kills = &a;
    once(l, -1);
    assert_int_equal(a.calls + b.calls, 1);
    once(l, 0);
    assert_int_equal(a.calls + b.calls, 2); /* the one that is left */
    a.kills = NULL;
    b.kills = NULL;
    spring_done(&a);
    spring_done(&b);
}

static void freeing_itself(void **state)
{
    dm_loop *l = *state;
    spring a;
    spring_init(&a, l);
    a.kills = &a;
    once(l, -1);
    once(l, 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.fd, -1);
}

/* The one that is freed comes back at once, with the same descriptor number under a new watch: the event that was for
 * the old one must not reach the new one. */
typedef struct swap {
    dm_loop *loop;
    spring *victim;
    spring *other;
    spring fresh;
    bool done;
} swap;

static void swap_ready(void *arg, uint32_t events)
{
    (void)events;
    swap *s = arg;
    if (s->done)
        return;
    s->done = true;
    int fd = s->victim->fd;
    spring_done(s->victim);
    s->fresh = (spring){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_int_equal(s->fresh.fd, fd);
    assert_int_equal(dm_loop_watch(s->loop, fd, EPOLLIN, spring_ready, &s->fresh, &s->fresh.watch, NULL), 0);
}

static void a_number_that_comes_back(void **state)
{
    dm_loop *l = *state;
    swap s = {.loop = l};
    int fd = eventfd(1, EFD_CLOEXEC);
    dm_watch *w = NULL;
    assert_int_equal(dm_loop_watch(l, fd, EPOLLIN, swap_ready, &s, &w, NULL), 0);
    spring victim;
    spring_init(&victim, l);
    s.victim = &victim;
    once(l, -1);
    assert_int_equal(victim.calls, 0);
    assert_int_equal(s.fresh.calls, 0);
    once(l, 0);
    assert_int_equal(s.fresh.calls, 0);
    spring_done(&s.fresh);
    dm_watch_free(w);
    (void)close(fd);
}

/* Asked for less within the round: an event already fetched is not delivered any more. */
typedef struct hush {
    dm_watch *target;
    unsigned calls;
} hush;

static void hush_ready(void *arg, uint32_t events)
{
    (void)events;
    hush *h = arg;
    h->calls++;
    assert_int_equal(dm_watch_set(h->target, 0, NULL), 0);
}

static void asking_for_less_holds_at_once(void **state)
{
    dm_loop *l = *state;
    hush h = {0};
    int fd = eventfd(1, EFD_CLOEXEC);
    dm_watch *w = NULL;
    assert_int_equal(dm_loop_watch(l, fd, EPOLLIN, hush_ready, &h, &w, NULL), 0);
    spring s;
    spring_init(&s, l);
    h.target = s.watch;
    once(l, -1);
    assert_int_equal(h.calls, 1);
    assert_int_equal(s.calls, 0);
    spring_done(&s);
    dm_watch_free(w);
    (void)close(fd);
}

/* --- timers ------------------------------------------------------------------------------------------------- */

typedef struct tick {
    dm_timer *timer;
    unsigned calls;
    char name;
    char *trace; /* every call adds the name */
    dm_timer *clears;
    bool again; /* sets itself to the past */
    bool frees;
} tick;

static void tick_due(void *arg)
{
    tick *t = arg;
    t->calls++;
    if (t->trace != NULL)
        strncat(t->trace, &t->name, 1);
    if (t->clears != NULL)
        dm_timer_clear(t->clears);
    if (t->again)
        dm_timer_at(t->timer, 0);
    if (t->frees)
        dm_timer_free(dm_steal(&t->timer));
}

static int open_fake(void **state)
{
    static dm_clock_fake clock;
    dm_clock_fake_init(&clock, 0);
    dm_loop *l = NULL;
    assert_int_equal(dm_loop_new(&clock.base, &l, NULL), 0);
    *state = l;
    return 0;
}

static void move(dm_loop *l, int64_t us)
{
    dm_clock_fake *f = (dm_clock_fake *)(uintptr_t)dm_loop_clock(l);
    dm_clock_fake_move(f, us);
    once(l, 0);
}

static void timers_fire_once_in_order(void **state)
{
    dm_loop *l = *state;
    char trace[16] = "";
    tick t[4];
    static const int64_t in[] = {30, 10, 20, 10};
    for (size_t i = 0; i < DM_LEN(t); i++) {
        t[i] = (tick){.name = (char)('a' + i), .trace = trace};
        assert_int_equal(dm_loop_timer(l, tick_due, &t[i], &t[i].timer, NULL), 0);
        dm_timer_in(t[i].timer, in[i]);
    }
    move(l, 9);
    assert_string_equal(trace, "");
    move(l, 1);
    assert_string_equal(trace, "bd");
    move(l, 1000);
    assert_string_equal(trace, "bdca");
    move(l, 1000);
    assert_string_equal(trace, "bdca");
    dm_timer_in(t[0].timer, 5);
    dm_timer_in(t[0].timer, 50); /* set anew: the first is forgotten */
    move(l, 10);
    assert_string_equal(trace, "bdca");
    dm_timer_in(t[0].timer, -7);
    move(l, 0);
    assert_string_equal(trace, "bdcaa");
    dm_timer_in(t[0].timer, INT64_MAX);
    dm_timer_clear(t[0].timer);
    dm_timer_clear(t[0].timer);
    for (size_t i = 0; i < DM_LEN(t); i++)
        dm_timer_free(t[i].timer);
    dm_timer_free(NULL);
}

/* One that sets itself to the past runs once a round and lets the others run. */
static void no_timer_keeps_the_loop(void **state)
{
    dm_loop *l = *state;
    tick greedy = {.again = true};
    tick meek = {0};
    assert_int_equal(dm_loop_timer(l, tick_due, &greedy, &greedy.timer, NULL), 0);
    assert_int_equal(dm_loop_timer(l, tick_due, &meek, &meek.timer, NULL), 0);
    dm_timer_at(greedy.timer, 0);
    dm_timer_in(meek.timer, 0);
    move(l, 0);
    assert_int_equal(greedy.calls, 1);
    assert_int_equal(meek.calls, 1);
    move(l, 0);
    assert_int_equal(greedy.calls, 2);
    dm_timer_free(greedy.timer);
    dm_timer_free(meek.timer);
}

static void a_due_timer_can_be_cleared_and_freed(void **state)
{
    dm_loop *l = *state;
    tick a = {.frees = true};
    tick b = {0};
    assert_int_equal(dm_loop_timer(l, tick_due, &a, &a.timer, NULL), 0);
    assert_int_equal(dm_loop_timer(l, tick_due, &b, &b.timer, NULL), 0);
    a.clears = b.timer;
    dm_timer_in(a.timer, 1);
    dm_timer_in(b.timer, 1);
    move(l, 1);
    assert_int_equal(a.calls, 1);
    assert_null(a.timer);
    assert_int_equal(b.calls, 0);
    dm_timer_free(b.timer);
}

/* Thousands, set, moved and freed at random: each fires exactly when it should. */
static void many_timers(void **state)
{
    dm_loop *l = *state;
    enum { N = 5000 };
    tick *t = calloc(N, sizeof(*t));
    int64_t *at = calloc(N, sizeof(*at));
    assert_non_null(t);
    assert_non_null(at);
    uint64_t seed = 42;
    int64_t now = dm_mono_us(dm_loop_clock(l));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(dm_loop_timer(l, tick_due, &t[i], &t[i].timer, NULL), 0);
    for (size_t i = 0; i < 4 * (size_t)N; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t k = (size_t)(seed >> 33) % N;
        at[k] = (seed >> 20) % 7 == 0 ? 0 : now + (int64_t)((seed >> 40) % 1000) + 1;
        if (at[k] == 0)
            dm_timer_clear(t[k].timer);
        else
            dm_timer_at(t[k].timer, at[k]);
    }
    for (int64_t step = 1; step <= 1000; step++) {
        move(l, 1);
        for (size_t i = 0; step % 100 == 0 && i < N; i++)
            assert_int_equal(t[i].calls, at[i] != 0 && at[i] <= now + step ? 1 : 0);
    }
    for (size_t i = 0; i < N; i++)
        dm_timer_free(t[i].timer);
    free(t);
    free(at);
}

static void timers_wake_the_wait(void **state)
{
    dm_loop *l = *state;
    tick t = {0};
    assert_int_equal(dm_loop_timer(l, tick_due, &t, &t.timer, NULL), 0);
    int64_t before = dm_mono_us(&dm_clock_real);
    dm_timer_in(t.timer, 3500);
    while (t.calls == 0)
        once(l, -1);
    int64_t took = dm_mono_us(&dm_clock_real) - before;
    assert_true(took >= 3500 && took < 2000000);
    dm_timer_free(t.timer);
}

/* --- posts and stop ----------------------------------------------------------------------------------------- */

typedef struct poster {
    dm_loop *loop;
    dm_call calls[1000];
    unsigned *order; /* numbers run so far */
    unsigned first;
    unsigned next;
} poster;

static void ran(void *arg)
{
    poster *p = arg;
    p->next++;
    if (++*p->order == 4 * DM_LEN(p->calls))
        dm_loop_stop(p->loop);
}

static void *post_all(void *arg)
{
    poster *p = arg;
    for (size_t i = 0; i < DM_LEN(p->calls); i++) {
        p->calls[i] = (dm_call){.fn = ran, .arg = p};
        dm_loop_post(p->loop, &p->calls[i]);
    }
    return NULL;
}

static void posts_of_many_threads_all_run(void **state)
{
    dm_loop *l = *state;
    static poster p[4];
    unsigned order = 0;
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++) {
        p[i] = (poster){.loop = l, .order = &order};
        assert_int_equal(pthread_create(&t[i], NULL, post_all, &p[i]), 0);
    }
    assert_int_equal(dm_loop_run(l, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(p[i].next, DM_LEN(p[i].calls));
    }
}

typedef struct repeat {
    dm_loop *loop;
    dm_call *call; /* malloc'd, posts itself again, frees itself at the end */
    unsigned left;
    unsigned runs;
} repeat;

static void repeated(void *arg)
{
    repeat *r = arg;
    r->runs++;
    if (r->left-- > 0)
        dm_loop_post(r->loop, r->call);
    else
        free(dm_steal(&r->call));
}

static void a_call_may_post_itself_and_free_itself(void **state)
{
    dm_loop *l = *state;
    repeat r = {.loop = l, .call = malloc(sizeof(dm_call)), .left = 2};
    assert_non_null(r.call);
    *r.call = (dm_call){.fn = repeated, .arg = &r};
    dm_loop_post(l, r.call);
    once(l, -1);
    assert_int_equal(r.runs, 1); /* what is posted from a call waits for the next round */
    once(l, -1);
    once(l, -1);
    assert_int_equal(r.runs, 3);
    assert_null(r.call);
}

static void posts_keep_their_order(void **state)
{
    dm_loop *l = *state;
    char trace[8] = "";
    tick t[3];
    dm_call calls[3];
    for (size_t i = 0; i < 3; i++) {
        t[i] = (tick){.name = (char)('a' + i), .trace = trace};
        calls[i] = (dm_call){.fn = tick_due, .arg = &t[i]};
        dm_loop_post(l, &calls[i]);
    }
    once(l, -1);
    assert_string_equal(trace, "abc");
}

static void a_stop_before_the_run_counts(void **state)
{
    dm_loop *l = *state;
    dm_loop_stop(l);
    assert_int_equal(dm_loop_run(l, NULL), 0);
    dm_loop_stop(l);
    assert_int_equal(dm_loop_run(l, NULL), 0);
}

static void signals_become_readable(void **state)
{
    dm_loop *l = *state;
    int fd = -1;
    assert_int_equal(dm_loop_stop_signals(&fd, NULL), 0);
    assert_false(dm_loop_stop_told(fd, 0));
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(dm_loop_stop_told(fd, 1000));
    once(l, 0);
    struct signalfd_siginfo info;
    assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
    assert_int_equal(info.ssi_signo, SIGTERM);
    (void)close(fd);
}

/* --- memory ------------------------------------------------------------------------------------------------- */

static int use_all(int fd)
{
    DM_AUTO(dm_loop) l = NULL;
    int r = dm_loop_new(&dm_clock_real, &l, NULL);
    DM_AUTO(dm_watch) w = NULL;
    DM_AUTO(dm_timer) t = NULL;
    if (r == 0)
        r = dm_loop_watch(l, fd, EPOLLIN, spring_ready, NULL, &w, NULL);
    if (r == 0)
        r = dm_loop_timer(l, tick_due, NULL, &t, NULL);
    return r;
}

static void survives_each_failed_allocation(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC);
    int failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        int r = use_all(fd);
        bool hit = alloc_fail_hit();
        assert_int_equal(r, hit ? DM_E_NOMEM : 0);
        failures += hit;
    }
    assert_int_equal(failures, 4);
    (void)close(fd);
}

#define ON_LOOP(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)
#define ON_FAKE(test) cmocka_unit_test_setup_teardown(test, open_fake, close_loop)

int main(void)
{
    static const struct CMUnitTest tests[] = {
            ON_LOOP(watches_call_while_ready),
            ON_LOOP(bad_descriptors_are_refused),
            ON_LOOP(freeing_another_of_the_batch),
            ON_LOOP(freeing_itself),
            ON_LOOP(a_number_that_comes_back),
            ON_LOOP(asking_for_less_holds_at_once),
            ON_FAKE(timers_fire_once_in_order),
            ON_FAKE(no_timer_keeps_the_loop),
            ON_FAKE(a_due_timer_can_be_cleared_and_freed),
            ON_FAKE(many_timers),
            ON_LOOP(timers_wake_the_wait),
            ON_LOOP(posts_of_many_threads_all_run),
            ON_LOOP(a_call_may_post_itself_and_free_itself),
            ON_LOOP(posts_keep_their_order),
            ON_LOOP(a_stop_before_the_run_counts),
            ON_LOOP(signals_become_readable),
            cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
