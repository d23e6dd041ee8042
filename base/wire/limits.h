/* base/wire/limits.h: ceilings that two programs must agree on. Frames, attestations and periods have theirs with their
 * layouts. */
#ifndef DM_BASE_WIRE_LIMITS_H
#define DM_BASE_WIRE_LIMITS_H

enum {
    /* API and worker */
    DM_WK_BODY_MAX = 1 << 20, /* bytes of a body, either way */
    DM_WK_ENV_MAX = 1024,     /* variables of a sandbox: its own and its build's */
    DM_WK_EVENTS_MAX = 256,   /* in one telling */
    DM_WK_CLAIMS_MAX = 256,   /* in one telling */
    DM_WK_HOLD_MAX_S = 3600,  /* a checkpoint that is not kept is held for so long at most */
    DM_WK_IDLE_MAX_S = 86400, /* seconds without anything, after which one is to sleep, at most */
    DM_WK_CLAIM_S = 60,       /* a new sandbox that nobody has claimed for so long ends */

    /* worker and guest */
    DM_GUEST_LINE_MAX = 256 * 1024, /* bytes of a line on the agent's channel, either way */
};

#endif
