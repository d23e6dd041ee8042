/* metering/ledger/known.h: the workers that are enrolled, as of the last look, and what they seal their frames with. A
 * worker learns its number and its key by enrolling, so its row is committed before its first frame can be made:
 * whoever is not there when the frame has been read already and one looks again is a stranger for good. One who is not
 * there as of an earlier look may just have enrolled. */
#ifndef DM_METERING_LEDGER_KNOWN_H
#define DM_METERING_LEDGER_KNOWN_H

#include "base/pg.h"
#include "base/wire/frame.h"

#include "metering/limits.h"

/* Secrets that keys are made of: the one that the API gives them by, and the one before it while that is in force. */
enum { DM_FRAME_SECRETS = 2 };

typedef struct dm_known_seal {
    dm_mac *mac;
    uint16_t key_no;
} dm_known_seal;

typedef struct dm_known_worker {
    dm_worker_no no;
    uint64_t sealed_from; /* from this boot on a frame without a seal is none of its; 0: it has not enrolled with a key
                           */
    dm_known_seal seals[DM_FRAME_SECRETS]; /* made when they are first needed */
} dm_known_worker;

typedef struct dm_known {
    const uint8_t *secrets[DM_FRAME_SECRETS]; /* DM_KEY bytes each; borrowed; NULL: there is no such */
    dm_known_worker *v;                       /* ascending */
    size_t n;
} dm_known;

bool dm_known_has(const dm_known *k, dm_worker_no worker_no);

typedef enum dm_known_word {
    DM_KNOWN_TRUE = 0,    /* the worker is known, and the frame is its own */
    DM_KNOWN_FALSE = 1,   /* it has no seal, or not its worker's */
    DM_KNOWN_OLD_KEY = 3, /* sealed, it says, with a key that is not in force (any more) */
    DM_KNOWN_ASK = 2,     /* to be judged after the next look: who has just enrolled may have made it */
} dm_known_word;

/* Whose a frame is; bytes passed dm_frame_read and are whole. A dm_known_word, or negative. */
int dm_known_judge(dm_known *k, const dm_frame_head *head, dm_str bytes, dm_err *err) DM_NODISCARD;

/* Looks again; on an error it is as it was. Of more than DM_WORKERS_MAX those that are gone are left out first, then
 * the oldest. */
int dm_known_load(dm_known *k, dm_pg *pg, dm_err *err) DM_NODISCARD;
void dm_known_done(dm_known *k);

#endif
