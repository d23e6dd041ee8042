#include "metering/rules/merkle.h"

#include <assert.h>

static int node(const dm_digest *left, const dm_digest *right, dm_digest *out, dm_err *err)
{
    dm_str parts[] = {{"\1", 1}, {(const char *)left->b, DM_SHA256}, {(const char *)right->b, DM_SHA256}};
    return dm_sha256_parts(parts, DM_LEN(parts), out, err);
}

static unsigned full_trees(uint64_t n)
{
    return (unsigned)__builtin_popcountll(n);
}

/* As a carry runs through the bits of n: each full tree joins its like before it. */
int dm_merkle_add(dm_merkle *m, const dm_digest *hash, dm_err *err)
{
    dm_digest at;
    unsigned top = full_trees(m->n);
    assert(m->n < UINT64_MAX);
    dm_str leaf[] = {{"\0", 1}, {(const char *)hash->b, DM_SHA256}};
    int r = dm_sha256_parts(leaf, DM_LEN(leaf), &at, err);
    for (uint64_t bits = m->n; r == 0 && (bits & 1) != 0; bits >>= 1)
        r = node(&m->levels[--top], &at, &at, err);
    if (r < 0)
        return r;
    m->levels[top] = at;
    m->n++;
    return 0;
}

/* What is left over is joined from the right. */
int dm_merkle_root(const dm_merkle *m, dm_digest *out, dm_err *err)
{
    if (m->n == 0)
        return dm_sha256((dm_str){"", 0}, out, err);
    unsigned top = full_trees(m->n) - 1;
    dm_digest at = m->levels[top];
    int r = 0;
    while (r == 0 && top > 0)
        r = node(&m->levels[--top], &at, &at, err);
    if (r == 0)
        *out = at;
    return r;
}

static int root_of(const dm_digest *hashes, uint64_t n, dm_digest *out, dm_err *err)
{
    dm_merkle m = {0};
    int r = 0;
    for (uint64_t i = 0; r == 0 && i < n; i++)
        r = dm_merkle_add(&m, &hashes[i], err);
    return r < 0 ? r : dm_merkle_root(&m, out, err);
}

/* From the root down: at each node the other side is a step. */
int dm_merkle_path(
        const dm_digest *hashes, uint64_t n, uint64_t at, dm_digest out[DM_MERKLE_PATH_MAX], size_t *n_out, dm_err *err)
{
    size_t steps = 0;
    int r = 0;
    assert(at < n);
    while (r == 0 && n > 1) {
        uint64_t left = UINT64_C(1) << (63 - __builtin_clzll(n - 1));
        bool here = at < left;
        r = here ? root_of(hashes + left, n - left, &out[steps], err) : root_of(hashes, left, &out[steps], err);
        hashes += here ? 0 : left;
        at -= here ? 0 : left;
        n = here ? left : n - left;
        steps++;
    }
    for (size_t i = 0; i < steps / 2; i++) {
        dm_digest other = out[i];
        out[i] = out[steps - 1 - i];
        out[steps - 1 - i] = other;
    }
    *n_out = steps;
    return r;
}
