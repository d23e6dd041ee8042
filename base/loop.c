/* One round is: wait, descriptors that are ready, timers that are due, posted calls; then what was freed meanwhile
 * goes.
 *
 * Freeing inside a callback. epoll has handed out a batch of pointers, and a callback may free the watch of one that
 * comes later in it. So within a round a freed watch is only marked and put on the dead list; the batch skips it, and
 * its memory goes at the end of the round. Its descriptor number may be closed and come back under a new watch in the
 * same round without harm: the batch names watches, not descriptors.
 *
 * Timers are a binary heap on (deadline, order of setting). Room for a timer in the heap is made when the timer is, so
 * that setting one cannot fail. A round first takes all due timers out into a list and then runs them: one that sets
 * itself to the past again runs next round, after everybody else, and cannot keep the loop to itself. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/grow.h"

enum {
    BATCH = 64,
    TIMERS_MAX = 1 << 20,
};

struct dm_watch {
    dm_loop *loop;
    dm_watch *next_dead;
    dm_watch_fn fn; /* NULL: freed */
    void *arg;
    int fd;
    uint32_t events;
};

enum timer_state { TIMER_IDLE, TIMER_SET, TIMER_DUE };

struct dm_timer {
    dm_loop *loop;
    dm_call_fn fn;
    void *arg;
    enum timer_state state;
    int64_t at;
    uint64_t order;
    size_t place;                  /* in the heap while SET */
    dm_timer *due_prev, *due_next; /* while DUE */
};

struct dm_loop {
    const dm_clock *clock;
    int epoll_fd;
    int wake_fd;
    atomic_bool stop;
    bool in_round;
    bool coarse; /* the kernel has no epoll_pwait2 */

    size_t watches;
    dm_watch *dead;

    dm_timer **heap;
    size_t heap_n, heap_room;
    size_t timers; /* made and not freed; at most heap_room */
    uint64_t order;
    dm_timer *due_first, *due_last;

    pthread_mutex_t lock; /* over the posted calls */
    dm_call *posted, **posted_end;
};

/* --- life --------------------------------------------------------------------------------------------------- */

int dm_loop_new(const dm_clock *clock, dm_loop **out, dm_err *err)
{
    DM_AUTO_FD epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        return dm_fail_sys(err, errno, "epoll_create1");
    DM_AUTO_FD wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return dm_fail_sys(err, errno, "eventfd");
    /* data.ptr NULL is the wake-up; all else are watches. */
    struct epoll_event ev = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &ev) < 0)
        return dm_fail_sys(err, errno, "epoll_ctl");
    dm_loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a loop");
    int sys = pthread_mutex_init(&l->lock, NULL);
    if (sys != 0) {
        free(l);
        return dm_fail_sys(err, sys, "mutex");
    }
    l->clock = clock;
    l->posted_end = &l->posted;
    l->epoll_fd = dm_steal_fd(&epoll_fd);
    l->wake_fd = dm_steal_fd(&wake_fd);
    *out = l;
    return 0;
}

void dm_loop_free(dm_loop *l)
{
    if (l == NULL)
        return;
    assert(!l->in_round && l->watches == 0 && l->timers == 0);
    assert(l->dead == NULL && l->heap_n == 0 && l->due_first == NULL);
    (void)close(l->epoll_fd);
    (void)close(l->wake_fd);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->heap);
    free(l);
}

const dm_clock *dm_loop_clock(const dm_loop *l)
{
    return l->clock;
}

/* --- descriptors -------------------------------------------------------------------------------------------- */

int dm_loop_watch(dm_loop *l, int fd, uint32_t events, dm_watch_fn fn, void *arg, dm_watch **out, dm_err *err)
{
    dm_watch *w = malloc(sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a watch");
    *w = (dm_watch){.loop = l, .fn = fn, .arg = arg, .fd = fd, .events = events};
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int sys = errno;
        free(w);
        return dm_fail_sys(err, sys, "watch descriptor %d", fd);
    }
    l->watches++;
    *out = w;
    return 0;
}

int dm_watch_set(dm_watch *w, uint32_t events, dm_err *err)
{
    if (events == w->events && (events & (EPOLLONESHOT | EPOLLET)) == 0)
        return 0;
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) < 0)
        return dm_fail_sys(err, errno, "watch descriptor %d", w->fd);
    w->events = events;
    return 0;
}

void dm_watch_free(dm_watch *w)
{
    if (w == NULL)
        return;
    dm_loop *l = w->loop;
    assert(w->fn != NULL && l->watches > 0);
    /* Fails only for a descriptor closed too early, which has left epoll by itself. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    l->watches--;
    if (!l->in_round) {
        free(w);
        return;
    }
    w->fn = NULL;
    w->next_dead = l->dead;
    l->dead = w;
}

static void bury(dm_loop *l)
{
    while (l->dead != NULL) {
        dm_watch *w = l->dead;
        l->dead = w->next_dead;
        free(w);
    }
}

/* --- timers ------------------------------------------------------------------------------------------------- */

static bool sooner(const dm_timer *a, const dm_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(dm_loop *l, dm_timer *t, size_t i)
{
    l->heap[i] = t;
    t->place = i;
}

static void sift_up(dm_loop *l, dm_timer *t, size_t i)
{
    while (i > 0 && sooner(t, l->heap[(i - 1) / 2])) {
        place(l, l->heap[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    place(l, t, i);
}

static void sift_down(dm_loop *l, dm_timer *t, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->heap_n)
            break;
        if (child + 1 < l->heap_n && sooner(l->heap[child + 1], l->heap[child]))
            child++;
        if (!sooner(l->heap[child], t))
            break;
        place(l, l->heap[child], i);
        i = child;
    }
    place(l, t, i);
}

static void heap_add(dm_loop *l, dm_timer *t)
{
    assert(l->heap_n < l->heap_room);
    t->state = TIMER_SET;
    sift_up(l, t, l->heap_n++);
}

static void heap_remove(dm_loop *l, dm_timer *t)
{
    size_t i = t->place;
    dm_timer *last = l->heap[--l->heap_n];
    t->state = TIMER_IDLE;
    if (last == t)
        return;
    if (i > 0 && sooner(last, l->heap[(i - 1) / 2]))
        sift_up(l, last, i);
    else
        sift_down(l, last, i);
}

static void due_add(dm_loop *l, dm_timer *t)
{
    t->state = TIMER_DUE;
    t->due_prev = l->due_last;
    t->due_next = NULL;
    if (l->due_last != NULL)
        l->due_last->due_next = t;
    else
        l->due_first = t;
    l->due_last = t;
}

static void due_remove(dm_loop *l, dm_timer *t)
{
    t->state = TIMER_IDLE;
    if (t->due_prev != NULL)
        t->due_prev->due_next = t->due_next;
    else
        l->due_first = t->due_next;
    if (t->due_next != NULL)
        t->due_next->due_prev = t->due_prev;
    else
        l->due_last = t->due_prev;
}

int dm_loop_timer(dm_loop *l, dm_call_fn fn, void *arg, dm_timer **out, dm_err *err)
{
    int r = dm_grow(&l->heap, &l->heap_room, l->timers, TIMERS_MAX, "timers", err);
    if (r < 0)
        return r;
    dm_timer *t = malloc(sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a timer");
    *t = (dm_timer){.loop = l, .fn = fn, .arg = arg};
    l->timers++;
    *out = t;
    return 0;
}

void dm_timer_clear(dm_timer *t)
{
    switch (t->state) {
    case TIMER_IDLE:
        return;
    case TIMER_SET:
        heap_remove(t->loop, t);
        return;
    case TIMER_DUE:
        due_remove(t->loop, t);
        return;
    }
}

void dm_timer_at(dm_timer *t, int64_t mono_us)
{
    dm_timer_clear(t);
    t->at = mono_us;
    t->order = t->loop->order++;
    heap_add(t->loop, t);
}

void dm_timer_in(dm_timer *t, int64_t us)
{
    int64_t at;
    if (__builtin_add_overflow(dm_mono_us(t->loop->clock), us, &at))
        at = us > 0 ? INT64_MAX : INT64_MIN;
    dm_timer_at(t, at);
}

void dm_timer_free(dm_timer *t)
{
    if (t == NULL)
        return;
    dm_timer_clear(t);
    assert(t->loop->timers > 0);
    t->loop->timers--;
    free(t);
}

static void run_timers(dm_loop *l)
{
    int64_t now = dm_mono_us(l->clock);
    while (l->heap_n > 0 && l->heap[0]->at <= now) {
        dm_timer *t = l->heap[0];
        heap_remove(l, t);
        due_add(l, t);
    }
    while (l->due_first != NULL) {
        dm_timer *t = l->due_first;
        due_remove(l, t);
        t->fn(t->arg); /* may free t */
    }
}

/* --- posted calls ------------------------------------------------------------------------------------------- */

static void wake(dm_loop *l)
{
    uint64_t one = 1;
    /* EAGAIN means that 2^64 - 2 wake-ups are waiting already: one is enough. */
    while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void dm_loop_post(dm_loop *l, dm_call *call)
{
    call->next = NULL;
    (void)pthread_mutex_lock(&l->lock);
    bool first = l->posted == NULL;
    *l->posted_end = call;
    l->posted_end = &call->next;
    /* Within the lock: once it is open the loop may run the call, and the call may be what ends the loop. */
    if (first)
        wake(l);
    (void)pthread_mutex_unlock(&l->lock);
}

static void run_posted(dm_loop *l)
{
    (void)pthread_mutex_lock(&l->lock);
    dm_call *call = l->posted;
    l->posted = NULL;
    l->posted_end = &l->posted;
    (void)pthread_mutex_unlock(&l->lock);
    /* What is posted from here on runs next round. */
    while (call != NULL) {
        dm_call *next = call->next;
        call->fn(call->arg); /* may free call, or post it again */
        call = next;
    }
}

/* --- rounds ------------------------------------------------------------------------------------------------- */

/* How long to wait: until the first timer, at most wait_us; -1 for ever. */
static int64_t patience(const dm_loop *l, int64_t wait_us)
{
    if (l->heap_n == 0)
        return wait_us;
    int64_t left;
    if (__builtin_sub_overflow(l->heap[0]->at, dm_mono_us(l->clock), &left))
        left = l->heap[0]->at > 0 ? INT64_MAX : 0;
    if (left < 0)
        left = 0;
    return wait_us < 0 || left < wait_us ? left : wait_us;
}

/* Kernels before 5.11 wait in milliseconds; rounding up lets a timer be late there, never busy-waited for. */
static int wait_coarse(dm_loop *l, struct epoll_event *evs, int64_t wait_us)
{
    int64_t ms = wait_us < 0 ? -1 : wait_us / 1000 + (wait_us % 1000 != 0);
    return epoll_wait(l->epoll_fd, evs, BATCH, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static int wait_events(dm_loop *l, struct epoll_event *evs, int64_t wait_us)
{
    if (!l->coarse) {
        struct timespec ts = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
        int n = epoll_pwait2(l->epoll_fd, evs, BATCH, wait_us < 0 ? NULL : &ts, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
        l->coarse = true;
    }
    return wait_coarse(l, evs, wait_us);
}

static void run_watch(dm_watch *w, uint32_t events)
{
    if (w->fn == NULL)
        return;
    /* A callback before this one may have asked for less by now. */
    events &= w->events | EPOLLERR | EPOLLHUP;
    if (events != 0)
        w->fn(w->arg, events);
}

int dm_loop_once(dm_loop *l, int64_t wait_us, dm_err *err)
{
    assert(!l->in_round);
    struct epoll_event evs[BATCH];
    int n = wait_events(l, evs, atomic_load(&l->stop) ? 0 : patience(l, wait_us));
    if (n < 0 && errno != EINTR)
        return dm_fail_sys(err, errno, "epoll_wait");
    bool woken = false;
    l->in_round = true;
    for (int i = 0; i < n; i++) {
        if (evs[i].data.ptr != NULL)
            run_watch(evs[i].data.ptr, evs[i].events);
        else
            woken = true;
    }
    run_timers(l);
    if (woken) {
        uint64_t times;
        /* Before the calls are taken: a post after that writes again. */
        (void)!read(l->wake_fd, &times, sizeof(times));
        run_posted(l);
    }
    l->in_round = false;
    bury(l);
    return 0;
}

int dm_loop_run(dm_loop *l, dm_err *err)
{
    int r = 0;
    while (r == 0 && !atomic_load(&l->stop))
        r = dm_loop_once(l, -1, err);
    atomic_store(&l->stop, false);
    return r;
}

void dm_loop_stop(dm_loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

int dm_loop_stop_signals(int *out_fd, dm_err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    int sys = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (sys != 0)
        return dm_fail_sys(err, sys, "block signals");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return dm_fail_sys(err, errno, "signalfd");
    *out_fd = fd;
    return 0;
}

bool dm_loop_stop_told(int stop_fd, int wait_ms)
{
    struct pollfd p = {.fd = stop_fd, .events = POLLIN};
    return poll(&p, 1, wait_ms) > 0;
}
