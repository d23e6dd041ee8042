/* tenants/who/key.h: API keys. A key is "e2b_" and hex digits; we make 40 and take any even number up to a bound. What
 * is stored is the SHA-256 of the decoded bytes, and a mask that a listing may show. */
#ifndef DM_TENANTS_WHO_KEY_H
#define DM_TENANTS_WHO_KEY_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_KEY_BYTES = 20, DM_KEY_TEXT = 4 + 2 * DM_KEY_BYTES + 1, DM_KEY_MASK = 16 };

typedef struct dm_key {
    char s[DM_KEY_TEXT];
} dm_key;

typedef struct dm_key_mask {
    char s[DM_KEY_MASK];
} dm_key_mask;

/* From the kernel's randomness. */
int dm_key_new(dm_key *out, dm_err *err) DM_NODISCARD;
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

enum { DM_KEY_NONE = 1 };

/* Acts, each with its line of the audit. */
int dm_key_add(dm_pg *c, const char *who, dm_owner owner, const char *name, dm_key_made *out, dm_err *err) DM_NODISCARD;
/* DM_KEY_NONE: no key of that id is valid. */
int dm_key_revoke(dm_pg *c, const char *who, const char *id, dm_err *err) DM_NODISCARD;

/* Whether text is a valid key of the owner's, and which. 0 or DM_KEY_NONE. */
int dm_key_valid(dm_pg *c, dm_owner owner, dm_str text, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;

#endif
