/* workers/guest/limits.h: how much of everything. The agent's ceilings that more than one file knows, or that whoever
 * meets one looks for; what a single function bounds stands beside it. What lies past one is refused in words, unless
 * the line says otherwise. Every room of the agent may include this file. */
#ifndef DM_WORKERS_GUEST_LIMITS_H
#define DM_WORKERS_GUEST_LIMITS_H

/* --- connections and requests ------------------------------------------------------------------------------- */

enum {
    DM_CONNS_MAX = 1024,              /* at once; an idle one makes way, else new ones wait in the kernel */
    DM_HEAD_MAX = 1024 * 1024 + 4096, /* bytes of a request's head */
    DM_HEAD_FIELDS_MAX = 2048,
    DM_BUDGET_MAX = 64 * 1024 * 1024,  /* bytes of requests that all connections hold together, ... */
    DM_BUDGET_SHARE = 4,               /* ... and no more than this part of the sandbox's memory */
    DM_X_HIGH = 64 * 1024,             /* bytes queued of an answer: past it, its producer waits */
    DM_X_BODY_MAX = 64 * 1024 * 1024,  /* an answer built in memory */
    DM_RANGES_MAX = 16,                /* of a Range header; past it, the whole file is sent */
    DM_PART_HEAD_MAX = 64 * 1024,      /* the head of a part of multipart/form-data */
    DM_BOUNDARY_MAX = 70,              /* by RFC 2046 */
    DM_MESSAGE_MAX = 16 * 1024 * 1024, /* bytes of one Connect message */
    DM_MESSAGE_ITEMS_MAX = 65536,      /* of one of its lists or maps */
};

/* --- processes ---------------------------------------------------------------------------------------------- */

enum {
    DM_PROCS_MAX = 4096, /* started through the agent, and running */
    DM_PROC_LISTENERS_MAX = 256,
    DM_INPUTS_MAX = 64, /* writers that wait at one process */
    DM_TAG_MAX = 1024,
    DM_ENV_MAX = 8192,    /* variables of a process, and the NULL behind them */
    DM_ENDED_MAX = 1024,  /* ends kept for late comers; the oldest makes way */
    DM_ENDED_KEPT_S = 30, /* and for how long */
};

/* --- files -------------------------------------------------------------------------------------------------- */

enum {
    DM_GUEST_PATH_MAX = 4096, /* with its NUL, as the kernel's */
    DM_UPLOAD_FILES_MAX = 4096,
    DM_COMPOSE_SOURCES_MAX = 4096,
    DM_METADATA_KEY_MAX = 246, /* with its prefix 255, which is a file system's bound */
    DM_METADATA_TOTAL_MAX = 4096,
    DM_WALK_ENTRIES_MAX = 100000, /* of one listing */
    DM_WATCHERS_MAX = 256,        /* streams and polled ones together */
    DM_WATCH_DIRS_MAX = 65536,    /* of one watcher */
    DM_WATCH_EVENTS_MAX = 16384,  /* kept for a client that polls; then they wait in the kernel */
};

/* --- the rest ----------------------------------------------------------------------------------------------- */

enum {
    DM_USER_NAME = 64,
    DM_USER_HOME = 512,
    DM_USER_GROUPS = 256,        /* supplementary ones and his own; more are left out */
    DM_FORWARDS_MAX = 32,        /* second ports; the one longest unasked makes way */
    DM_FORWARD_PAIRS_MAX = 256,  /* connections through them; past it, they are reset */
    DM_FORWARD_HELD = 64 * 1024, /* bytes, for each direction that does not read */
    DM_WARM_ROUNDS_MAX = 1000,
};

#endif
