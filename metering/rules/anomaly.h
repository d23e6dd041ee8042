/* metering/rules/anomaly.h: what does not fit together. It is noted for people, counted in a metric, and never billed
 * against a customer. A list is bounded: what comes too often is counted on the entry that is there, or in `dropped`.
 */
#ifndef DM_METERING_RULES_ANOMALY_H
#define DM_METERING_RULES_ANOMALY_H

#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/limits.h"

/* kind is one of these words; they are label values of a metric and stand in the ledger. */
#define DM_ANOMALY_MALFORMED "malformed"                     /* bytes that are no frame, sample or attestation */
#define DM_ANOMALY_FUTURE "future"                           /* dated ahead of its arrival */
#define DM_ANOMALY_OLD "old"                                 /* dated more than 35 days before it */
#define DM_ANOMALY_LATE "late"                               /* evidence for a period that is closed */
#define DM_ANOMALY_CLOCK "clock"                             /* a worker's clock stepped by more than a second */
#define DM_ANOMALY_OFFSET_GAP "offset_gap"                   /* the stream lost messages */
#define DM_ANOMALY_FRAMES_MISSING "frames_missing"           /* a gap was written off */
#define DM_ANOMALY_WORKER_SILENT "worker_silent"             /* a period closed without waiting longer for a worker */
#define DM_ANOMALY_UNKNOWN_WORKER "unknown_worker"           /* evidence of a worker that never enrolled */
#define DM_ANOMALY_UNKNOWN_PROJECT "unknown_project"         /* a stamp of a project that does not exist */
#define DM_ANOMALY_FOREIGN_PROJECT "foreign_project"         /* stamped with another project than the sandbox has */
#define DM_ANOMALY_STAMP_DIFFERS "stamp_differs"             /* another spec, region or a later epoch than it has */
#define DM_ANOMALY_AFTER_END "after_end"                     /* evidence for seconds after the sandbox ended */
#define DM_ANOMALY_DOUBLE_CLAIM "double_claim"               /* two epochs or workers claim the same seconds */
#define DM_ANOMALY_SEAL "seal"                               /* a frame that its worker did not seal */
#define DM_ANOMALY_OLD_KEY "old_key"                         /* a frame under a key that is not in force any more */
#define DM_ANOMALY_TWO_FRAMES "two_frames"                   /* two different frames of one number */
#define DM_ANOMALY_TOO_MUCH "too_much"                       /* a worker brought more than one may in a period */
#define DM_ANOMALY_NOT_ADMITTED "not_admitted"               /* of a sandbox its worker was never given */
#define DM_ANOMALY_OUT_OF_LIFE "out_of_life"                 /* for seconds before it began, or after it fell asleep */
#define DM_ANOMALY_SIGNATURE "signature"                     /* an attestation nobody enrolled signed */
#define DM_ANOMALY_UNATTESTED "unattested"                   /* the worker did not sign; the service did */
#define DM_ANOMALY_ATTESTATION_DIFFERS "attestation_differs" /* frames and attestation: the cheaper was billed */
#define DM_ANOMALY_ATTESTATION_MISSING "attestation_missing" /* the worker swore to all it had, and not to this */
#define DM_ANOMALY_EVIDENCE_MISSING "evidence_missing"       /* sworn to, but no frame says so */
#define DM_ANOMALY_NO_PRICE "no_price"                       /* a statement waits for a price book */
#define DM_ANOMALY_UNRECONCILED "unreconciled"               /* two accounts of one period do not agree */
#define DM_ANOMALY_TOO_LARGE "too_large"                     /* a statement is larger than one may be */
#define DM_ANOMALY_TIERS_LATE "tiers_late" /* late evidence of what is sold in tiers: not rated again */
#define DM_ANOMALY_NO_TAX "no_tax"         /* an invoice waits for a rule of tax */

typedef struct dm_anomaly {
    const char *kind;
    dm_worker_no worker_no; /* 0: none; so the next three */
    uint64_t worker_boot;
    dm_account_no account_no;
    dm_project_no project_no;
    bool has_sandbox;
    dm_sandbox_id sandbox;
    uint32_t epoch;
    int64_t period_start; /* seconds; -1: none */
    uint64_t count;       /* how often, at least 1 */
    char detail[160];
} dm_anomaly;

typedef struct dm_anomalies {
    dm_anomaly *v;
    size_t n, room;
    uint64_t dropped;
} dm_anomalies;

/* A zeroed list is empty. a->count 0 stands for 1; the words of the first of equals are kept. */
void dm_anomalies_add(dm_anomalies *l, const dm_anomaly *a, const char *fmt, ...) DM_PRINTF(3, 4);
void dm_anomalies_clear(dm_anomalies *l);
void dm_anomalies_done(dm_anomalies *l);

#endif
