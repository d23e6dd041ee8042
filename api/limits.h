/* api/limits.h: how much of everything. The API's ceilings that more than one file knows, or that whoever meets one
 * looks for; what a single function bounds stands beside it. Every room of the API may include this file. */
#ifndef DM_API_LIMITS_H
#define DM_API_LIMITS_H

#include "base/wire/limits.h"

/* --- what a client may send --------------------------------------------------------------------------------- */

enum {
    DM_API_BODY_MAX = 16 << 20,            /* of a JSON body, once the front has let it through; routes take less */
    DM_CREATE_ENV_MAX = DM_WK_ENV_MAX / 2, /* variables: the template brings as many */
    DM_CREATE_METADATA_MAX = 256,          /* pairs */
    DM_FILTER_BYTES_MAX = 16 << 10,        /* of a list's metadata=, decoded */
    DM_FILTER_PAIRS_MAX = 256,
    DM_IDS_MAX = 100,           /* sandboxes of one question for metrics */
    DM_SEARCH_MAX = 256,        /* bytes that are looked for in a log */
    DM_SIGNED_FIELD_MAX = 4096, /* of a signed link's path or name, decoded */
};

/* --- what it gets at once ----------------------------------------------------------------------------------- */

enum {
    DM_PAGE_MAX = 100,          /* rows of a page of E2B's (of ours: api/kit/rows.h), */
    DM_PAGE_ID_MAX = 96,        /* and bytes of what its token names */
    DM_LIST_V1_MAX = 5000,      /* GET /sandboxes has no pages: the newest so many; */
    DM_TEMPLATES_V1_MAX = 1000, /* nor has GET /templates */
    DM_LOG_LINES_MAX = 1000,
    DM_NODES_MAX = 10000,  /* E2B's lists for operators have no pages */
    DM_KILL_AT_ONCE = 100, /* sandboxes of a team that one transaction ends, */
    DM_KILL_MAX = 100000,  /* and one request */
    DM_SPENT_MAX = 100,    /* sandboxes whose seconds and charge are read at once */
};

/* --- what the API holds itself ------------------------------------------------------------------------------ */

enum {
    DM_API_HTTP_THREADS_MAX = 16,
    DM_API_EXEC_THREADS_MAX = 256,
    DM_SHARE = 4,                 /* a project holds at most one in so many of the threads and places that all share */
    DM_PROOFS_WAITING = 64,       /* passwords that wait to be looked at; the next is answered 503 */
    DM_TOGETHER_PATIENCE_MS = 50, /* for a row of quota that another holds; then each goes by itself */
    DM_FOLD_MAX = 64,             /* requests that wait for one answer */
    DM_DISPATCH_WORKERS_MAX = 4096, /* it has connections to */
    DM_REFUSALS_MAX = 1024,         /* refusals that are kept apart between two writes, a quarter of one project */
    DM_SPAWNS_MAX = 256,            /* templates whose use is counted between two writes */
    DM_CLAIMS_QUEUE_MAX = 65536,    /* boxes whose worker is to be told that somebody has them */
    DM_SIGNERS_MAX = 16384,         /* sandboxes whose token for links is in memory, */
    DM_SIGNERS_TAKEN = 12288,       /* and the newest so many of them where all are read anew for lack of room */
    DM_SIGNERS_WAITING = 16,        /* requests that wait for that at once */
};

#endif
