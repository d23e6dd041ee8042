/* metering/rules/ustar.h: the head of a file in a tar, of which there is one for a name and a size: mode 0644, owner,
 * group and time zero. Pure. */
#ifndef DM_METERING_RULES_USTAR_H
#define DM_METERING_RULES_USTAR_H

#include "base/str.h"

enum { DM_USTAR_BLOCK = 512, DM_USTAR_NAME = 100 };

/* name has fewer than DM_USTAR_NAME bytes, size is below 2^33; DM_E_LIMIT. */
int dm_ustar_head(const char *name, uint64_t size, char out[DM_USTAR_BLOCK], dm_err *err) DM_NODISCARD;

/* The other way: a head that is not the one for its name and size is DM_E_CORRUPT. */
int dm_ustar_read(const char block[DM_USTAR_BLOCK], char name[DM_USTAR_NAME], uint64_t *size, dm_err *err) DM_NODISCARD;

#endif
