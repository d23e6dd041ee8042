/* metering/ask/draft.h: what one person drafts and another approves, from a second on that is still ahead: rules of
 * tax, sellers. Runs as dm_ops, inside the caller's transaction. The database holds to the order of it by itself (the
 * guard of each table); here it is told in outcomes. */
#ifndef DM_METERING_ASK_DRAFT_H
#define DM_METERING_ASK_DRAFT_H

#include "base/pg.h"

enum { DM_DRAFT_AHEAD_S = 60 };

enum {
    DM_DRAFT_NONE = 1, /* there is no such row */
    DM_DRAFT_STATE,    /* it is no draft any more */
    DM_DRAFT_OWN,      /* who would approve it has drafted it */
    DM_DRAFT_LATE,     /* it would begin in less than DM_DRAFT_AHEAD_S */
    DM_DRAFT_SAME,     /* another one for the same begins in the same second */
    DM_DRAFT_OUTCOMES, /* a kind's own begin here */
};

typedef struct dm_draft_kind {
    dm_pg_stmt turn; /* of two at once for the same the second sees the first */
    /* Of $1, for who is $2, and locked: whether it is a draft, whether it is his, seconds until it begins, whether
     * another one for the same begins then. */
    dm_pg_stmt find;
    dm_pg_stmt approve, withdraw; /* $1, by $2, because of $3 */
} dm_draft_kind;

int dm_draft_approve(
        dm_pg *c, const dm_draft_kind *kind, const char *who, const char *why, int64_t no, dm_err *err) DM_NODISCARD;
/* Of a draft. */
int dm_draft_withdraw(
        dm_pg *c, const dm_draft_kind *kind, const char *who, const char *why, int64_t no, dm_err *err) DM_NODISCARD;

#endif
