/* api/door/verdict.h: whether a request to a sandbox may pass, from what nginx says of it (contract, section 4). */
#ifndef DM_API_DOOR_VERDICT_H
#define DM_API_DOOR_VERDICT_H

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"

typedef enum dm_door_reason {
    DM_DOOR_PASS,
    DM_DOOR_WAKE,     /* asleep, and to be woken by this request */
    DM_DOOR_CHANGING, /* on its way: wait */
    DM_DOOR_SEARCH,   /* names nobody, but is signed: see whose it is */
    DM_DOOR_BAD,
    DM_DOOR_INTERNAL, /* the agent's private paths */
    DM_DOOR_NOT_FOUND,
    DM_DOOR_NO_TOKEN,
    DM_DOOR_BAD_TOKEN,
    DM_DOOR_BAD_PAGE,   /* a page's access, and none of ours, or to another sandbox */
    DM_DOOR_LATE_PAGE,  /* a page's access that is over: its time, its session's or its person's right */
    DM_DOOR_BAD_ACCESS, /* asleep, and the agent's token is not right, so it is not woken */
    DM_DOOR_BAD_SIGN,   /* names nobody, and nobody signed it */
    DM_DOOR_LATE_SIGN,  /* asleep, and the signature has expired, so it is not woken */
    DM_DOOR_BUSY,       /* too many such searches */
    DM_DOOR_CROWD,      /* too many requests of its project wait already */
    DM_DOOR_QUOTA,      /* no room to wake it */
    DM_DOOR_BLOCKED,    /* the account may not run anything */
    DM_DOOR_DRAINED,    /* its host is being emptied: it cannot be woken there */
    DM_DOOR_STUCK,      /* still changing */
    DM_DOOR_AWAY,       /* it could not be woken */
    DM_DOOR_REASONS
} dm_door_reason;

/* The word for it that travels through nginx, from the verdict to the page. */
const char *dm_door_reason_name(dm_door_reason reason);
/* AWAY for a word that is none. */
dm_door_reason dm_door_reason_of(dm_str name);

typedef struct dm_door_ask {
    dm_sandbox_id id;
    char sandbox[64]; /* as asked, [a-z0-9]; "" when even that was wrong */
    uint16_t port;
    dm_str uri, method, host, token, access_token;
} dm_door_ask;

/* Fills what can be filled. PASS: go on; SEARCH: its id is not known yet; else the refusal. */
dm_door_reason dm_door_read(const dm_req *req, dm_door_ask *out);

/* The verdict on a sandbox that was found. Pure but for opening its token. */
int dm_door_judge(dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out,
        dm_err *err) DM_NODISCARD;

/* Whether a URI is one of the agent's private paths, after decoding and cleaning. *path is the cleaned one. */
bool dm_door_internal(dm_str uri, char path[64]);

#endif
