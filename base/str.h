/* base/str.h: borrowed bytes. A dm_str points into memory somebody else owns and need not end in NUL. */
#ifndef DM_BASE_STR_H
#define DM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

typedef struct dm_str {
    const char *p;
    size_t n;
} dm_str;

#define DM_STR(literal) ((dm_str){(literal), sizeof(literal) - 1})
#define DM_STR_INIT(literal)                                                                                           \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    } /* where only a constant will do: static tables */

static inline DM_UNUSED dm_str dm_str_c(const char *z) /* NULL gives the empty string */
{
    return (dm_str){z, z != NULL ? strlen(z) : 0};
}

static inline DM_UNUSED dm_str dm_str_maybe(const char *z) /* NULL and "" give none: .p is NULL */
{
    return dm_str_c(z != NULL && z[0] != '\0' ? z : NULL);
}

bool dm_str_eq(dm_str a, dm_str b);
bool dm_str_eq_c(dm_str a, const char *z);
/* In time that depends on the lengths alone: for what nobody may learn byte by byte (tokens, digests, signatures). */
bool dm_str_eq_secret(dm_str a, dm_str b);
bool dm_str_ieq_c(dm_str a, const char *z); /* ASCII case folded */
bool dm_str_starts(dm_str a, dm_str prefix);
dm_str dm_str_trim(dm_str a); /* blanks and tabs, CR and LF */

/* Takes what stands before the first sep off the front of *rest; false when *rest is used up.
 * "a,b" gives "a", "b"; "" gives nothing; "a," gives "a", "". */
bool dm_str_split(dm_str *rest, char sep, dm_str *out);

/* Copies into a fixed array, always terminated. DM_E_LIMIT when it does not fit (out is ""), DM_E_INVALID on NUL. */
int dm_str_to_array(dm_str a, char *out, size_t cap, dm_err *err) DM_NODISCARD;

/* A malloc'd, terminated copy; NULL without memory. */
char *dm_str_dup(dm_str a);

/* For a table in memory (FNV-1a, folded): of the same bytes the same, and no secret from whoever chooses them. */
size_t dm_str_hash(dm_str a);

#endif
