/* api/kit/later.h: requests that take long, and requests that wait for one another.
 *
 * A handler that must ask a worker hops: the same function of it goes on, on a thread of the orders' pool, and the
 * server's own threads stay free for what only asks the database. A handler that finds a sandbox in the middle of a
 * transition parks: it is called again, from its beginning, when the transition has ended. Nothing is lost between the
 * look and the parking: the look is preceded by dm_later_mark, and a park whose mark is old is called again at once.
 * What another replica does is noticed by dm_later_tick. Thread-safe. */
#ifndef DM_API_KIT_LATER_H
#define DM_API_KIT_LATER_H

#include "base/http.h"
#include "base/wire/id.h"

typedef struct dm_later dm_later;

typedef struct dm_later_config {
    unsigned threads; /* 0: hop calls at once on the caller's thread, park refuses (tests of one handler) */
    unsigned queue_max;
    unsigned parked_max;
    int64_t wait_us; /* a request is not parked for longer, counted from its arrival */
    const dm_clock *clock;
} dm_later_config;

int dm_later_new(const dm_later_config *config, dm_later **out, dm_err *err) DM_NODISCARD;
/* Refuses whoever is parked, finishes what runs. */
void dm_later_free(dm_later *l);
DM_DEFINE_FREEP(dm_later)

/* Returns what the handler is to return: DM_HTTP_LATER, or DM_E_UNAVAILABLE when the pool is full. */
int dm_later_hop(dm_later *l, dm_req *req, dm_http_handler fn, void *ctx, dm_err *err) DM_NODISCARD;

uint64_t dm_later_mark(dm_later *l, const dm_sandbox_id *id);
/* DM_HTTP_LATER; DM_E_CONFLICT when the request has waited long enough, DM_E_UNAVAILABLE when too many wait. */
int dm_later_park(dm_later *l, dm_req *req, dm_http_handler fn, void *ctx, const dm_sandbox_id *id, uint64_t mark,
        dm_err *err) DM_NODISCARD;
/* The sandbox has come to rest: whoever waits for it is called again, in the order in which they came. */
void dm_later_wake(dm_later *l, const dm_sandbox_id *id);
/* Calls again whoever has been parked for a while; several times a second. */
void dm_later_tick(dm_later *l);
/* How many are parked now. */
unsigned dm_later_parked(dm_later *l);

#endif
