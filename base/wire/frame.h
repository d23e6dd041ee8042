/* base/wire/frame.h: usage evidence. A worker makes one frame a second, after the second has ended, from its own log of
 * transitions: every sandbox that was RUN or HIB for any part of [s, s+1). RUN wins over HIB: a started running second
 * is a running second. Pool time, creating and failing are in no sample. The frame is also the unit of the worker's
 * journal. Little-endian, version 2:
 *
 *   u32 magic  u16 version  u16 key_no  u64 worker_no  u64 worker_boot  u64 frame_no  u64 prev_boot_last_frame
 *   i64 second  i64 complete_through  u16 part  u16 parts  u32 clock_err_us  u32 n  n x sample
 *   12 bytes nonce  16 bytes tag  u32 crc32c
 *
 * The tag is the worker's seal over all that stands before the nonce (dm_mac), under a key that it was given when it
 * enrolled (dm_frame_key): whoever can write to the stream cannot make a frame. Nonce and tag are made with the frame
 * and journalled with it, so that what is sent twice is the same bytes. The checksum covers all before it, for who has
 * no key: the journal's reader, the ledger's chunks. key_no says which key it was (dm_frame_key_no), so that there may
 * be two of a worker while the secret is changed; 0: workers of before did not say. Version 1 has neither nonce nor
 * tag; workers made it before there were seals, and it is believed of none that has been given a key.
 *
 * frame_no begins at 1 and has no gap within a boot, boots are chained by prev_boot_last_frame: the last number of the
 * newest earlier boot that made any frame, 0 when none did. A second of more than DM_FRAME_SAMPLES
 * samples goes out in parts under one frame_no. */
#ifndef DM_BASE_WIRE_FRAME_H
#define DM_BASE_WIRE_FRAME_H

#include "base/crypto.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum {
    DM_FRAME_MAGIC = 0x31464d44, /* "DMF1" */
    DM_FRAME_UNSEALED = 1,       /* versions */
    DM_FRAME_SEALED = 2,
    DM_FRAME_SAMPLES = 15000,
    DM_FRAME_HEAD = 68,
    DM_SAMPLE_BYTES = 64,
    DM_FRAME_BYTES_MAX = DM_FRAME_HEAD + DM_FRAME_SAMPLES * DM_SAMPLE_BYTES + DM_MAC_NONCE + DM_MAC_TAG + 4,
    DM_HIB_SPAN_MAX = 60, /* a sleeper's sample covers this many seconds at most */
};

#define DM_DISK_UNKNOWN UINT32_MAX

typedef enum dm_sample_state { DM_SAMPLE_RUN = 1, DM_SAMPLE_HIB = 2 } dm_sample_state;

typedef struct dm_sample {
    dm_sandbox_id sandbox;
    uint32_t epoch;
    uint32_t project_no;
    uint16_t spec_table, spec;
    uint8_t state;  /* dm_sample_state */
    uint8_t span_s; /* RUN: 1. HIB: the 1 to 60 seconds that end with this one */
    uint16_t region_no;
    uint32_t disk_16mib; /* allocated blocks of the writable layer, rounded up, on the first sample of this (sandbox,
                            epoch, minute); else DM_DISK_UNKNOWN */
    /* shown, never billed: */
    uint32_t cpu_used_us, mem_private_mib, mem_shared_mib, net_in_kib, net_out_kib, disk_read_kib, disk_write_kib;
} dm_sample;

typedef struct dm_frame_head {
    uint16_t key_no; /* of the key it is sealed with; 0: not said */
    uint64_t worker_no, worker_boot, frame_no, prev_boot_last_frame;
    int64_t second, complete_through; /* all seconds <= complete_through are final on this worker */
    uint16_t part, parts;             /* part counts from 0 */
    uint32_t clock_err_us;
    uint32_t n;
    /* as read, not written: */
    uint16_t version;
    uint64_t print; /* tells two different frames of one name apart, by seal or checksum */
} dm_frame_head;

/* What a worker seals its frames with: made of a secret of the deployment that the API and the meter share. */
int dm_frame_key(const uint8_t secret[DM_KEY], dm_worker_no worker_no, uint8_t key[DM_KEY], dm_err *err) DM_NODISCARD;

/* A number that tells this key from others and says nothing of it, below 2^63; and what is left of it in the head of a
 * frame, never 0. */
int dm_frame_key_print(const uint8_t key[DM_KEY], uint64_t *out, dm_err *err) DM_NODISCARD;
uint16_t dm_frame_key_no(uint64_t key_print);

/* Appends one frame; head->n is taken as the count of samples. seal NULL: of version 1. */
int dm_frame_write(
        dm_buf *b, const dm_frame_head *head, const dm_sample *samples, dm_mac *seal, dm_err *err) DM_NODISCARD;

/* Checks magic, version, sizes and the ranges of the head, and that bytes holds exactly one frame; *samples then points
 * at the first sample within bytes. DM_E_CORRUPT (size) or DM_E_INVALID (a value that cannot be). The next two are
 * about bytes that passed it. */
int dm_frame_read(dm_str bytes, dm_frame_head *head, const uint8_t **samples, dm_err *err) DM_NODISCARD;
bool dm_frame_whole(dm_str bytes);                   /* by its checksum */
bool dm_frame_sealed_by(dm_str bytes, dm_mac *seal); /* of version 2 */
/* dm_frame_read of a frame that must be whole, DM_E_CORRUPT else: whoever sealed it. */
int dm_frame_open(dm_str bytes, dm_frame_head *head, const uint8_t **samples, dm_err *err) DM_NODISCARD;

/* How long the frame at the front of bytes is, for files that hold one after the other; 0 when the head is not whole
 * or not a frame's. */
size_t dm_frame_length(dm_str bytes);

/* The i-th sample; DM_E_INVALID when its state, span, epoch or id cannot be. */
int dm_frame_sample(const uint8_t *samples, uint32_t i, dm_sample *out, dm_err *err) DM_NODISCARD;

#endif
