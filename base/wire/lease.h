/* base/wire/lease.h: what a worker and the API say to each other about budgets: JSON bodies, beside base/wire/worker.h.
 *
 *   POST /v1/workers/{no}/leases    dm_lease_asks    200 dm_lease_grants    once a second at most, for all projects
 *
 * Of a project that something bounds (a month's seconds, a spend cap, of the project or its account) a worker may run
 * so many seconds as its lease says: each sandbox that runs takes one of them a second. Whoever has no bound has no
 * lease and costs nothing but one question.
 *
 *             asked                granted                 nothing more is to be had
 *   unknown ---------> free    held ------------> held    held ------------> last ---> refused ---> its seconds are
 *      |                                                                                             over: all sleep
 *      +---------> held
 *   any of these, unanswered: it runs on. After the lease is over it does so at our cost, up to cap_s without a word,
 *   past that as an alarm. Nobody sleeps for money because we could not be asked: only `refused` puts to sleep.
 *
 * Nothing here is added up by the other side: an ask says what is left, an answer what may be left, both as of the ask;
 * `ran` says all that ran in a period so far. So what is said twice, or late, or not at all, changes no sum. Asks are
 * numbered (boot, seq): one that comes after a later one is not looked at.
 *
 * An account's lease on a worker is that of its projects there, each its own. The bound of a project and the account's
 * are both kept by whoever grants. */
#ifndef DM_BASE_WIRE_LEASE_H
#define DM_BASE_WIRE_LEASE_H

#include "base/json.h"

enum {
    DM_LEASES_MAX = 2048, /* of asks, of ran, of leases, in one telling: within DM_WK_BODY_MAX */
    DM_LEASE_S_MAX = 1 << 30,
    DM_LEASE_FIRST_S = 2, /* what a start or a wake brings with it: its first second, and the one in which it is asked
                             for */
};

typedef enum dm_lease_state {
    DM_LEASE_FREE,    /* nothing bounds the project */
    DM_LEASE_GRANTED, /* left_s may run, and more when they are half over */
    DM_LEASE_LAST,    /* left_s may run, more than was left, and there is nothing behind them */
    DM_LEASE_REFUSED, /* no more than left_s, which is no more than was left: then all sleep for `cause` */
    DM_LEASE_STATES
} dm_lease_state;

const char *dm_lease_state_name(dm_lease_state s);

/* A worker on a project of which something runs, or did. */
typedef struct dm_lease_ask {
    int64_t project_no;
    int64_t left_s;    /* of its lease, of what `ran` does not count yet; 0: it has none, or gives it back */
    int64_t need_s;    /* of that, what will be taken by the end of the second that is running */
    int64_t running;   /* sandboxes; 0: it gives back what it does not need */
    int64_t brought_s; /* with starts and wakes, since this boot began, or nothing of the project was known any more */
} dm_lease_ask;

/* All seconds that the project ran on this worker in a period so far. */
typedef struct dm_lease_ran {
    int64_t project_no;
    int64_t period_start;
    int64_t seconds;
} dm_lease_ran;

typedef struct dm_lease_asks {
    int64_t boot, seq;
    json_t *asks, *ran; /* arrays of these */
} dm_lease_asks;

typedef struct dm_lease_grant {
    int64_t project_no;
    dm_lease_state state;
    int64_t left_s; /* counted as in the ask */
    char *cause;    /* of LAST and REFUSED: allowance_exhausted or spend_cap; else NULL */
} dm_lease_grant;

typedef struct dm_lease_grants {
    int64_t cap_s;
    json_t *leases; /* an array of dm_lease_grant */
} dm_lease_grants;

/* As in base/wire/worker.h; the two that hold arrays check what is in them. */
#define DM_LEASE_MESSAGE(name)                                                                                         \
    void dm_lease_##name##_write(dm_jw *w, const dm_lease_##name *m);                                                  \
    int dm_lease_##name##_read(const json_t *obj, dm_lease_##name *out, dm_err *err) DM_NODISCARD;                     \
    void dm_lease_##name##_done(dm_lease_##name *m);

DM_LEASE_MESSAGE(ask)
DM_LEASE_MESSAGE(ran)
DM_LEASE_MESSAGE(asks)
DM_LEASE_MESSAGE(grant)
DM_LEASE_MESSAGE(grants)

#endif
