/* workers/host/limits.h: the ceilings of a worker, for all its rooms. What crosses the wire is bounded in
 * base/wire/limits.h; what one function alone bounds, it bounds itself. */
#ifndef DM_WORKERS_HOST_LIMITS_H
#define DM_WORKERS_HOST_LIMITS_H

enum {
    /* places and machines */
    DM_SLOT_MAX = 4096,     /* slots of a deployment: a /16 holds four times as many /30s */
    DM_SLOT_PREFIX_MAX = 6, /* characters: dmPREFIXvNO is the name of an interface, of 15 at most */
    DM_POOLS_MAX = 64,      /* images and sizes that were ever asked for */
    DM_POOL_WAITERS_MAX = 1024,
    DM_SNAPSHOTS_MAX = 100, /* of one image and size, made by other QEMUs or on other hosts */
    DM_MAKING_MAX = 256,    /* machines made at once, or kept ready */
    DM_WARMING_MAX = 64,

    /* evidence */
    DM_RECORD_BYTES_MAX = 4 << 20, /* of one record's payload: a frame part or a box is a quarter of that */
    DM_SEGMENTS_MAX = 100000,      /* files of the journal */
    DM_PUBLISHING_MAX = 256,       /* messages on their way to Kafka */
    DM_PUBLISHED_MAX = 4096,       /* segments that were read to their end, and that the ledger does not have yet */

    DM_DEAD_LETTERS_MAX = 1000,    /* records the broker refused for good, a file each; past that nothing is skipped */
    DM_DEAD_BYTES_MAX = 256 << 20, /* all of them */

    /* waking */
    DM_WAKE_ANSWER_MS = 5000, /* a woken guest that has not answered by then sleeps again */
    DM_WAKE_END_MS = 1000,    /* from the end of its channel to that of its VMM */

    /* questions of the door */
    DM_DIALS_MAX = 256,     /* ports that are waited for, */
    DM_DIALS_EACH = 8,      /* of one sandbox */
    DM_DIAL_WAITING = 16,   /* requests for one port, */
    DM_DIALS_WAITING = 512, /* and in all: half of what the server holds */
    DM_DIALS_ASKED = 4,     /* questions to one agent, which has orders to hear, too */

    /* what is shown */
    DM_SHOWN_EVERY_S = 5, /* a guest is asked no more often */
    DM_SHOWN_ASKED = 32,  /* guests asked in a second */

    /* the process */
    DM_EXEC_THREADS = 4,
    DM_EXEC_IMAGES = 2, /* threads that read and write sleepers' images */
    DM_EXEC_QUEUE = 4096,
    DM_WORKER_SHARE = 4,  /* a project holds at most one in so many of the places that all share */
    DM_ORDERS_MAX = 1024, /* connections to either of its servers, and so requests that wait */
};

#endif
