/* base/wire/attest.h: what a worker swears to. When a period ends, or a sandbox leaves the worker, it signs one
 * attestation per (sandbox, epoch, spec) and period, and one end record per period with the count of them. Bits are
 * run-length coded: (state, seconds) pairs from the period's first second on. Each attestation names the hash of the
 * sandbox's previous one, so that a dropped or reordered one is seen.
 *
 * The canonical bytes are laid out on top of attest.c; each attestation has one encoding.
 *
 * A message on dm.attest.v1 is u8 kind, canonical bytes, 64 bytes Ed25519 signature over kind and canonical bytes.
 * The hash of an attestation is SHA-256 of the whole message. */
#ifndef DM_BASE_WIRE_ATTEST_H
#define DM_BASE_WIRE_ATTEST_H

#include "base/crypto.h"
#include "base/wire/cause.h"
#include "base/wire/id.h"
#include "base/wire/period.h"

enum {
    DM_ATTEST_VERSION = 1,
    DM_ATTEST_PERIOD_MAX = DM_PERIOD_S_MAX,
    DM_ATTEST_MINUTES_MAX = DM_ATTEST_PERIOD_MAX / 60 + 1,
    DM_ATTEST_BYTES_MAX = 64 * 1024,
};

typedef enum dm_attest_kind { DM_ATTEST_SANDBOX = 1, DM_ATTEST_END = 2 } dm_attest_kind;

typedef struct dm_attest {
    uint64_t worker_no, worker_boot;
    uint32_t project_no;
    dm_sandbox_id sandbox;
    uint32_t epoch;
    uint16_t spec_table, spec, region_no;
    int64_t period_start; /* seconds */
    uint32_t period_s;
    uint8_t state[DM_ATTEST_PERIOD_MAX];        /* a dm_sample_state or 0, one a second of the period */
    uint32_t disk_16mib[DM_ATTEST_MINUTES_MAX]; /* one a minute of the period; DM_DISK_UNKNOWN */
    uint64_t first_frame, last_frame;           /* of this boot, in which it appears */
    dm_digest previous;                         /* zero: the first */
    dm_cause cause; /* DM_CAUSE_NONE unless it ended (or slept for good) in this period here */
} dm_attest;

typedef struct dm_attest_end {
    uint64_t worker_no, worker_boot;
    int64_t period_start;
    uint32_t period_s;
    uint32_t count; /* attestations of this period, all boots */
    dm_digest all;  /* SHA-256 over their hashes, sorted */
    uint64_t last_frame;
} dm_attest_end;

/* Appends the signed message. hash may be NULL. */
int dm_attest_write(dm_buf *b, const dm_attest *a, const dm_sign_key *key, dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_attest_end_write(dm_buf *b, const dm_attest_end *e, const dm_sign_key *key, dm_err *err) DM_NODISCARD;

/* What kind of message it is, and whether key signed it. */
int dm_attest_kind_of(dm_str message, dm_attest_kind *out, dm_err *err) DM_NODISCARD;
bool dm_attest_signed_by(dm_str message, const dm_public_key *key);

/* Decodes and checks ranges; not the signature. Big: dm_attest is the caller's, not for a small stack. */
int dm_attest_read(dm_str message, dm_attest *out, dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_attest_end_read(dm_str message, dm_attest_end *out, dm_err *err) DM_NODISCARD;

#endif
