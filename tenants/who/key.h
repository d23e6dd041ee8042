/* tenants/who/key.h: API keys. A key is "e2b_" and hex digits; we make 40 and take any even number up to a bound. What
 * is stored is the SHA-256 of the decoded bytes, and a mask that a listing may show. */
#ifndef DM_TENANTS_WHO_KEY_H
#define DM_TENANTS_WHO_KEY_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"

#include "tenants/limits.h"
#include "tenants/who/caller.h"

enum { DM_KEY_BYTES = 20, DM_KEY_TEXT = 4 + 2 * DM_KEY_BYTES + 1, DM_KEY_MASK = 16 };

typedef struct dm_key {
    char s[DM_KEY_TEXT];
} dm_key;

typedef struct dm_key_mask {
    char s[DM_KEY_MASK];
} dm_key_mask;

/* From the kernel's randomness, or of bytes that are as good. */
int dm_key_random(dm_key *out, dm_err *err) DM_NODISCARD;
dm_key dm_key_of_bytes(const uint8_t bytes[DM_KEY_BYTES]);
/* DM_E_INVALID when text has not the shape of a key. */
int dm_key_hash(dm_str text, dm_digest *out, dm_err *err) DM_NODISCARD;
/* "e2b_ab...wxyz": prefix, two first, four last. */
dm_key_mask dm_key_mask_of(const dm_key *key);

/* --- rows (sql_key.c), in the caller's transaction ---------------------------------------------------------- */

/* The only moment at which a key's text is known: whoever gets it wipes it. */
typedef struct dm_key_made {
    dm_key key;
    char id[DM_UUID_TEXT];
} dm_key_made;

typedef struct dm_key_new {
    dm_str name;        /* one that dm_name_ok takes, or empty */
    dm_rights rights;   /* of those that a key may have; 0: all that its maker may give */
    int64_t expires_us; /* 0: never */
} dm_key_new;

/* What is not said stays. */
typedef struct dm_key_change {
    dm_str name; /* .p NULL: not said */
    bool expiry;
    int64_t expires_us;
} dm_key_change;

enum {
    DM_KEY_NONE = 1, /* the project has no valid key of that id */
    DM_KEY_FULL = 2, /* it has DM_KEYS_MAX that are valid */
    DM_KEY_MORE = 3, /* more than who gives it has himself */
    DM_KEY_PAST = 4, /* it would be over already */
};

/* Acts on the keys of by's project, each with its line of the audit. */
int dm_key_add(dm_pg *c, const dm_caller *by, const dm_key_new *want, dm_key_made *out, dm_err *err) DM_NODISCARD;
/* A key that is over is not called back. */
int dm_key_alter(dm_pg *c, const dm_caller *by, const char *id, const dm_key_change *want, dm_err *err) DM_NODISCARD;
/* Of any project where by has none (an operator). */
int dm_key_revoke(dm_pg *c, const dm_caller *by, const char *id, dm_err *err) DM_NODISCARD;
/* A key that one of by's access tokens fetches: the row is there when this is done, made or found, and is worth what
 * its person is at each moment, no longer than the token. *revoked: how many such there were in this project; the next
 * is made of that number. key is not the caller's choice but derived, so that a second fetch gets the same. */
int dm_key_fetched(dm_pg *c, const dm_caller *by, int64_t token_no, int64_t *revoked, dm_err *err) DM_NODISCARD;
int dm_key_fetch(dm_pg *c, const dm_caller *by, int64_t token_no, const dm_key *key, dm_err *err) DM_NODISCARD;

/* Whether text is a valid key of the owner's, and which. 0 or DM_KEY_NONE. */
int dm_key_valid(dm_pg *c, dm_owner owner, dm_str text, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;

/* One of a listing; strings are borrowed from the rows. */
typedef struct dm_key_row {
    dm_str id, name, mask, rights;                /* names of rights, joined by commas; "*": all that a key may have */
    dm_str made_by;                               /* as the audit has him */
    dm_str maker_id, maker_email, maker_name;     /* of a member; empty: he is none any more, or it was nobody's */
    int64_t created_us, last_used_us, expires_us; /* 0: never */
} dm_key_row;

/* The owner's, newest first, at most DM_KEYS_SHOWN: those that are valid, and those that ended by themselves within 30
 * days. */
int dm_key_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_key_row_read(const dm_pg_rows *rows, size_t row, dm_key_row *out);
int dm_key_find(
        dm_pg *c, dm_owner owner, const char *id, dm_pg_rows **out, dm_err *err) DM_NODISCARD; /* one, or none */

/* When keys were used, as two lists of numbers: "1,2" and microseconds. All projects' (role dm_ops). */
int dm_key_used(dm_pg *c, dm_str key_nos, dm_str at_us, dm_err *err) DM_NODISCARD;

#endif
