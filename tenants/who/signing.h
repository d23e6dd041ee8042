/* tenants/who/signing.h: the keys that short tokens are signed with, and signing and reading by them. The rows of
 * dm.token_key are the truth, so that all replicas agree: what is held here is looked at again when a token names a key
 * that is not known, at most once a second, when somebody hears of a change (NOTIFY dm_token_keys), and each minute.
 * The newest key signs; the one before it is good until the last token that it signed is over. Thread-safe. */
#ifndef DM_TENANTS_WHO_SIGNING_H
#define DM_TENANTS_WHO_SIGNING_H

#include "base/clock.h"
#include "base/pg.h"

#include "tenants/who/secret.h"
#include "tenants/who/token.h"

typedef struct dm_signing dm_signing;

typedef struct dm_signing_config {
    dm_pg_pool *pool;        /* role dm_who */
    const dm_master *master; /* seals the private halves */
    const dm_clock *clock;
    unsigned token_s;  /* how long a token is good */
    unsigned access_s; /* how long one for a sandbox is */
    unsigned key_days; /* how long a key signs */
} dm_signing_config;

/* What config names is borrowed. Asks nothing yet. */
int dm_signing_new(const dm_signing_config *config, dm_signing **out, dm_err *err) DM_NODISCARD;
void dm_signing_free(dm_signing *s);
DM_DEFINE_FREEP(dm_signing)

/* Makes the first key, and the next one when the newest is old enough. */
int dm_signing_look(dm_signing *s, dm_err *err) DM_NODISCARD;
int dm_signing_write(
        dm_signing *s, dm_token_for who, const char *session, char out[DM_TOKEN_MAX], dm_err *err) DM_NODISCARD;
/* For a page of that session and the agent of one sandbox of that project. *expires_s is set with it. */
int dm_signing_grant(dm_signing *s, const char *session, const char *sandbox, const char *project, int64_t *expires_s,
        char out[DM_TOKEN_MAX], dm_err *err) DM_NODISCARD;
/* As dm_token_read. */
int dm_signing_read(dm_signing *s, dm_str text, dm_token_for who, dm_token_claims *out, dm_err *err) DM_NODISCARD;
void dm_signing_forget(dm_signing *s);

/* --- rows (sql_signing.c), in the caller's transaction as dm_who -------------------------------------------- */

enum { DM_SIGNING_KEYS = 4 }; /* that are good at a time: two, but for an operator in a hurry */

typedef struct dm_signing_row {
    dm_token_key key;
    int64_t signs_from_us;
} dm_signing_row;

/* Newest first; at most DM_SIGNING_KEYS. */
int dm_sql_signing_keys(dm_pg *c, const dm_master *m, dm_signing_row *rows, size_t *n, dm_err *err) DM_NODISCARD;
/* A new key, unless there is one that signs for less than older_s: of all who want one at a time one makes it. It signs
 * once every replica has had time to hear of it, at once when it is the first; the ones before it are good for token_s
 * more after that. *made says whether it was. */
int dm_sql_signing_rotate(
        dm_pg *c, const dm_master *m, int64_t older_s, unsigned token_s, bool *made, dm_err *err) DM_NODISCARD;

#endif
