/* metering/rules/merkle.h: the tree of RFC 6962 with SHA-256 over hashes that come one by one, in memory that does not
 * grow with them. Pure. A leaf is SHA-256(0x00 || hash) and a node SHA-256(0x01 || left || right), so that neither
 * passes for the other; the left of n leaves has the largest power of two below n; the root of none is SHA-256 of
 * nothing. How many there are is not in the root: whoever signs one signs the count beside it. */
#ifndef DM_METERING_RULES_MERKLE_H
#define DM_METERING_RULES_MERKLE_H

#include "base/crypto.h"

/* Zeroed it is empty; a copy goes on by itself. */
typedef struct dm_merkle {
    uint64_t n;
    dm_digest levels[64]; /* the roots of the full trees so far, the largest first: one for each bit of n */
} dm_merkle;

int dm_merkle_add(dm_merkle *m, const dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_merkle_root(const dm_merkle *m, dm_digest *out, dm_err *err) DM_NODISCARD;

/* What leads from the leaf of hashes[at] to the root of all n, from below: whoever has the root and n needs nothing
 * else to see that this hash stands there and no other. */
enum { DM_MERKLE_PATH_MAX = 64 };
int dm_merkle_path(const dm_digest *hashes, uint64_t n, uint64_t at, dm_digest out[DM_MERKLE_PATH_MAX], size_t *n_out,
        dm_err *err) DM_NODISCARD;

#endif
