/* workers/host/evidence/usage.h: from transitions to evidence. Which second is billed is decided by transitions, not by
 * looking once a second: a stretch begins and ends at a moment, and a second it touches belongs to it. No I/O, no
 * clock: the caller says which second has ended, one after the other without a gap.
 *
 *   RUN  every second touched, one sample each, in the frame of that second
 *   HIB  one sample a minute (in the frame of the minute's last second) and one when the stretch ends, each covering
 * the seconds since the one before. A wake in second w ends the stretch with w, which the new epoch's RUN also claims:
 *        RUN wins, so w is a running second.
 *
 * From the same samples it keeps, for the open period, what each (sandbox, epoch) was in each second: the attestations
 * and the period's end record are made of that. */
#ifndef DM_WORKERS_HOST_EVIDENCE_USAGE_H
#define DM_WORKERS_HOST_EVIDENCE_USAGE_H

#include "base/wire/attest.h"
#include "base/wire/frame.h"
#include "base/wire/number.h"

typedef struct dm_usage dm_usage;
typedef struct dm_stretch dm_stretch; /* one state of one (sandbox, epoch), from a moment to a moment */

/* What every sample of a (sandbox, epoch) says. */
typedef struct dm_usage_who {
    dm_sandbox_id sandbox;
    uint32_t epoch;
    dm_project_no project; /* fits a frame's 32 bits */
    uint16_t spec_table, spec, region_no;
} dm_usage_who;

typedef struct dm_usage_config {
    uint32_t period_s; /* a multiple of 60, at most 3600 */
    /* Fills what is measured (disk, cpu, memory, traffic) into a sample whose who, state and span are set; owner is the
     * stretch's. Disk is kept only on the first sample of a minute. Not called for a stretch that has ended. */
    void (*measure)(void *arg, void *owner, dm_sample *sample);
    /* The hash of the sandbox's last attestation; zero when there was none. */
    void (*previous)(void *arg, const dm_sandbox_id *sandbox, dm_digest *out);
    void *arg;
} dm_usage_config;

int dm_usage_new(const dm_usage_config *config, dm_usage **out, dm_err *err) DM_NODISCARD;
void dm_usage_free(dm_usage *u);
DM_DEFINE_FREEP(dm_usage)

/* A stretch begins; seconds before the one that is open are not asked for any more. NULL without memory. owner is
 * borrowed until the stretch ends. */
dm_stretch *dm_usage_begin(dm_usage *u, const dm_usage_who *who, dm_sample_state state, int64_t at_us, void *owner);
/* It ends; the pointer is dead. This is told before the frame of the last second it touches is made. measured (may be
 * NULL) is what its last sample says. cause: why the sandbox ended or slept, DM_CAUSE_NONE where it goes on in another
 * state. */
void dm_usage_end(dm_usage *u, dm_stretch *s, int64_t at_us, const dm_sample *measured, dm_cause cause);
/* It comes to nothing, from the first second of it that no frame has yet; the pointer is dead. */
void dm_usage_cancel(dm_usage *u, dm_stretch *s);

/* The samples of this second, which are also noted for the period's attestations. *out grows as needed and belongs to u
 * until the next call. frame_no (from 1) is the frame they will be sent in. complete_through: the last second of which
 * nothing is owed any more. */
int dm_usage_second(dm_usage *u, int64_t second, uint64_t frame_no, const dm_sample **out, uint32_t *n,
        int64_t *complete_through, dm_err *err) DM_NODISCARD;

/* What has run in the period that begins at period_start, of what is known of it now: a call a sandbox and epoch, with
 * its seconds. A second in which a later epoch ran too is the later one's. */
typedef void (*dm_usage_ran_fn)(void *arg, dm_project_no project, int64_t period_start, int64_t seconds);
void dm_usage_ran(const dm_usage *u, int64_t period_start, dm_usage_ran_fn fn, void *arg);

/* What a frame said before a crash, so that the open period's attestations are whole. Their first and last frame are of
 * the boot that attests (0, 0: it appeared in none of them). */
int dm_usage_replay(dm_usage *u, int64_t second, const dm_sample *sample, dm_err *err) DM_NODISCARD;
/* The cause a replayed sandbox ended with. */
void dm_usage_replay_cause(dm_usage *u, const dm_sandbox_id *sandbox, uint32_t epoch, dm_cause cause);
/* That period was attested before the crash. */
void dm_usage_forget(dm_usage *u, int64_t period_start);

/* Attests every (sandbox, epoch) that was in the period which begins at period_start, sandbox by sandbox and epoch by
 * epoch, through emit (message is borrowed), then the end record, and forgets that period. */
typedef int (*dm_usage_emit_fn)(void *arg, const dm_attest *a, dm_str message, const dm_digest *hash, dm_err *err);
int dm_usage_attest(dm_usage *u, int64_t period_start, dm_worker_no worker, uint64_t boot, const dm_sign_key *key,
        dm_usage_emit_fn emit, void *arg, dm_err *err) DM_NODISCARD;

#endif
