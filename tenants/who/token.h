/* tenants/who/token.h: the short token that a session's requests carry: a JWT that names the session and nothing else,
 * signed with ES256; and the one that a page of that session shows to the agent of one sandbox. Here are the bytes;
 * whose session it is, and whether it still goes on, is session.h's. Only token.c includes the JWT library. */
#ifndef DM_TENANTS_WHO_TOKEN_H
#define DM_TENANTS_WHO_TOKEN_H

#include "base/wire/id.h"

enum {
    DM_TOKEN_MAX = 1024,      /* bytes of a token's text, with its NUL: a longer one is none of ours */
    DM_TOKEN_KID = 17,        /* 16 hex digits */
    DM_TOKEN_LIFE_MAX = 3600, /* seconds: one that says it lives longer is none of ours */
};

/* Whose requests it is for: a customer's person, one of our own people, or a page's to one sandbox. A token of one is
 * nothing to the others. */
typedef enum dm_token_for { DM_TOKEN_PERSON, DM_TOKEN_OPERATOR, DM_TOKEN_SANDBOX } dm_token_for;
enum { DM_TOKEN_PROJECT = 65 };

typedef struct dm_token_key {
    char kid[DM_TOKEN_KID];
    char private_pem[512]; /* "": this program only reads with it */
    char public_pem[512];
} dm_token_key;

typedef struct dm_token_claims {
    dm_token_for who;
    char session[DM_UUID_TEXT];
    char sandbox[DM_SANDBOX_ID_TEXT]; /* of DM_TOKEN_SANDBOX alone, as is its project's slug */
    char project[DM_TOKEN_PROJECT];
    int64_t issued_s, expires_s; /* unix time */
} dm_token_claims;

enum {
    DM_TOKEN_BAD = 1, /* not ours, not for this, over, or not yet valid */
    DM_TOKEN_OVER,    /* of DM_TOKEN_SANDBOX alone, whose holder is told: ours, for this, and its time is up */
};

int dm_token_write(
        const dm_token_key *key, const dm_token_claims *claims, char out[DM_TOKEN_MAX], dm_err *err) DM_NODISCARD;
/* Which key is said to have signed it; nothing of it is believed yet. 0 or DM_TOKEN_BAD. */
int dm_token_kid(dm_str text, char kid[DM_TOKEN_KID]) DM_NODISCARD;
/* 0, DM_TOKEN_BAD or DM_TOKEN_OVER. */
int dm_token_read(
        dm_str text, const dm_token_key *key, dm_token_for who, int64_t now_s, dm_token_claims *out) DM_NODISCARD;

#endif
