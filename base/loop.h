/* base/loop.h: one thread, one epoll, and everything that waits on it: descriptors, timers, posted calls, signals.
 * Everything but dm_loop_post and dm_loop_stop belongs to the loop's thread. A callback may free any watch or timer,
 * its own included. */
#ifndef DM_BASE_LOOP_H
#define DM_BASE_LOOP_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

typedef struct dm_loop dm_loop;
typedef struct dm_watch dm_watch;
typedef struct dm_timer dm_timer;

/* events: EPOLLIN and kin. */
typedef void (*dm_watch_fn)(void *arg, uint32_t events);
typedef void (*dm_call_fn)(void *arg);

/* clock is borrowed: timers run on its monotonic side (the real clock; a fake one is for tests that step by hand). */
int dm_loop_new(const dm_clock *clock, dm_loop **out, dm_err *err) DM_NODISCARD;
void dm_loop_free(dm_loop *l); /* watches and timers must be gone */
DM_DEFINE_FREEP(dm_loop)

/* fd is borrowed. */
int dm_loop_watch(
        dm_loop *l, int fd, uint32_t events, dm_watch_fn fn, void *arg, dm_watch **out, dm_err *err) DM_NODISCARD;
int dm_watch_set(dm_watch *w, uint32_t events, dm_err *err) DM_NODISCARD;
void dm_watch_free(dm_watch *w); /* before its fd is closed */
DM_DEFINE_FREEP(dm_watch)

/* A timer is made once and set as often as wanted. It fires once each time it was set. */
int dm_loop_timer(dm_loop *l, dm_call_fn fn, void *arg, dm_timer **out, dm_err *err) DM_NODISCARD;
void dm_timer_at(dm_timer *t, int64_t mono_us);
void dm_timer_in(dm_timer *t, int64_t us);
void dm_timer_clear(dm_timer *t);
void dm_timer_free(dm_timer *t);
DM_DEFINE_FREEP(dm_timer)

/* Any thread: fn(arg) runs on the loop, in order of posting. Never fails: memory comes from the caller, who keeps
 * *call until it has run. */
typedef struct dm_call {
    struct dm_call *next;
    dm_call_fn fn;
    void *arg;
} dm_call;
void dm_loop_post(dm_loop *l, dm_call *call);

/* Runs until dm_loop_stop (any thread, or a signal handler's caller). */
int dm_loop_run(dm_loop *l, dm_err *err) DM_NODISCARD;
/* One round, waiting at most wait_us (-1: until something comes). For tests. */
int dm_loop_once(dm_loop *l, int64_t wait_us, dm_err *err) DM_NODISCARD;
void dm_loop_stop(dm_loop *l);

/* SIGTERM and SIGINT, blocked in all threads and read from a signalfd; call before any thread is started. The fd is
 * the caller's. */
int dm_loop_stop_signals(int *out_fd, dm_err *err) DM_NODISCARD;
/* Whether one came, waiting up to wait_ms for it; for programs that have no loop. */
bool dm_loop_stop_told(int stop_fd, int wait_ms);

const dm_clock *dm_loop_clock(const dm_loop *l);

#endif
