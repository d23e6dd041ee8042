/* workers/guest/files/sha256.h: SHA-256 (FIPS 180-4), for signed file URLs. The agent links no libcrypto: a static one
 * would be four times the whole agent, for one digest of a hundred bytes a request. */
#ifndef DM_GUEST_SHA256_H
#define DM_GUEST_SHA256_H

#include "base/str.h"

enum { DM_GUEST_SHA256 = 32 };

void dm_guest_sha256(dm_str data, uint8_t out[DM_GUEST_SHA256]);

#endif
