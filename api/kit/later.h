/* api/kit/later.h: requests that take long, and requests that wait for one another.
 *
 * A handler that must ask a worker, or the database for much, hops: the same function of it goes on, on a thread of one
 * of five lines, and the server's own threads stay free for what only asks the database. Orders, what ends or puts to
 * sleep, and what is only looked at each have threads of their own, so that none of them holds up another; and in each
 * line a project has a share of threads and places (DM_SHARE), so that none of them holds up the next (base/line.h). A
 * handler that finds a sandbox in the middle of a transition parks: it is called again, from its beginning, when the
 * transition has ended. Nothing is lost between the look and the parking: the look is preceded by dm_later_mark, and a
 * park whose mark is old is called again at once. What another replica does is noticed by dm_later_tick. Thread-safe.
 */
#ifndef DM_API_KIT_LATER_H
#define DM_API_KIT_LATER_H

#include "base/http.h"
#include "base/line.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "api/limits.h"

typedef struct dm_later dm_later;

typedef enum dm_later_line {
    DM_LATER_ORDERS, /* create, wake, a new deadline */
    DM_LATER_STOPS,  /* kill, pause */
    DM_LATER_READS,  /* what is shown: not at all, when the client has gone by its turn */
    DM_LATER_FILES,  /* what may take minutes to hand over; not at all either. Its parties are accounts */
    DM_LATER_PROOFS, /* passwords: each costs memory and time for as long as it is looked at, so few are at once, and
                        few wait (DM_PROOFS_WAITING). Its parties are addresses, as numbers */
    DM_LATER_LINES
} dm_later_line;

/* Where a request goes on, and whose it is. */
typedef struct dm_later_at {
    dm_later_line line;
    dm_project_no project; /* 0: nobody's in particular */
} dm_later_at;

typedef struct dm_later_config {
    unsigned threads[DM_LATER_LINES]; /* of orders 0: hop calls at once on the caller's thread, park refuses (tests of
                                         one handler) */
    unsigned queue_max;               /* of each line but that of proofs */
    unsigned parked_max;
    int64_t wait_us; /* a request is not parked for longer, counted from its arrival */
    const dm_clock *clock;
} dm_later_config;

int dm_later_new(const dm_later_config *config, dm_later **out, dm_err *err) DM_NODISCARD;
/* Refuses whoever is parked, finishes what runs. */
void dm_later_free(dm_later *l);
DM_DEFINE_FREEP(dm_later)

/* Returns what the handler is to return: DM_HTTP_LATER; DM_E_UNAVAILABLE when the line is full, DM_E_LIMIT when the
 * project's share of it is. */
int dm_later_hop(dm_later *l, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err) DM_NODISCARD;
/* The same for what is no single request: 0 and job->fn runs, on a thread of the line. */
int dm_later_join(dm_later *l, dm_later_at at, dm_line_job *job, dm_err *err) DM_NODISCARD;
/* There are no lines: what would hop is called at once. */
bool dm_later_at_once(const dm_later *l);

uint64_t dm_later_mark(dm_later *l, const dm_sandbox_id *id);
/* DM_HTTP_LATER; DM_E_CONFLICT when the request has waited long enough, DM_E_UNAVAILABLE when too many wait, DM_E_LIMIT
 * when too many of the project do. */
int dm_later_park(dm_later *l, dm_later_at at, dm_req *req, dm_http_handler fn, void *ctx, const dm_sandbox_id *id,
        uint64_t mark, dm_err *err) DM_NODISCARD;
/* The sandbox has come to rest: whoever waits for it is called again, in the order in which they came. */
void dm_later_wake(dm_later *l, const dm_sandbox_id *id);
/* Calls again whoever has been parked for a while; several times a second. */
void dm_later_tick(dm_later *l);
/* How many stand in a line, and no thread has begun, now. */
unsigned dm_later_waiting(dm_later *l, dm_later_line line);
/* How many are parked now. */
unsigned dm_later_parked(dm_later *l);

#endif
