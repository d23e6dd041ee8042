/* metering/ledger/own.h: what the files of the ledger share (ledger.c takes, dispute.c keeps what is in doubt, over.c
 * notes what is too much, late.c what comes after its period has ended, flush.c writes, restore.c rebuilds, close.c
 * decides of periods that have ended, write.c writes them), and nobody else includes. */
#ifndef DM_METERING_LEDGER_OWN_H
#define DM_METERING_LEDGER_OWN_H

#include <stdatomic.h>

#include "base/wire/attest.h"

#include "metering/ledger/accum.h"
#include "metering/ledger/aside.h"
#include "metering/ledger/known.h"
#include "metering/ledger/ledger.h"
#include "metering/ledger/standing.h"
#include "metering/ledger/track.h"
#include "metering/ledger/window.h"
#include "metering/limits.h"
#include "metering/rules/anomaly.h"

typedef struct dm_part {
    const char *topic;
    int32_t part;
    int64_t generation;
    int64_t stored; /* as the database has it; -2: never read */
    int64_t next;   /* as it will be after the flush */
} dm_part;

/* A message, or samples of it, that could not be taken. */
typedef struct dm_reject {
    char *json; /* what goes to the dead letters */
    char key[24];
} dm_reject;

/* A frame of a worker that is not known yet, until the next flush looks for it. */
typedef struct dm_held {
    const char *topic;
    int32_t part;
    int64_t offset, timestamp_ms;
    char *bytes;
    size_t n;
} dm_held;

/* Another frame than the one that was taken under its number, until its period is closed: where its worker swore to
 * that period, what both say is merged, and the judge holds it against the oath. */
typedef struct dm_disputed {
    dm_frame_head head;
    char *bytes;
    size_t n;
} dm_disputed;

typedef struct dm_sworn {
    dm_attest_kind kind;
    dm_worker_no worker_no;
    int64_t period_start;
    char *message;
    size_t n;
} dm_sworn;

typedef struct dm_keys {
    dm_worker_no worker_no;
    size_t n;
    struct {
        dm_public_key key;
        int64_t from_s, to_s;
    } v[DM_WORKER_KEYS_MAX];
} dm_keys;

/* A period that has ended. */
typedef struct dm_closing {
    dm_ledger *l;
    int64_t start, end, began_us;
    dm_standings workers;
    dm_anomalies anomalies; /* that are noted with what is decided */
    bool looked;            /* it is known what was sworn to */
    bool decided;           /* of all workers, before a crash */
    bool forced;
    dm_accum *rows; /* its evidence, once all is decided: from then on its seconds are late */
    int64_t unknown_projects;
    atomic_bool stop;
} dm_closing;

struct dm_ledger {
    dm_ledger_config c;
    dm_closing *closing; /* NULL: none is */
    dm_aside *aside;     /* where its long transactions are */
    dm_accum *accum;
    dm_accum *late; /* of periods that are decided; empty after each flush */
    dm_track *track;
    dm_window *window;
    dm_anomalies anomalies;
    dm_part parts[DM_LEDGER_PARTS_MAX];
    size_t nparts;
    dm_reject *rejects; /* DM_LEDGER_DLQ_MAX */
    size_t nrejects;
    dm_known known;
    dm_held *held; /* DM_LEDGER_HELD_MAX; in the stream's order */
    size_t nheld, held_bytes;
    dm_disputed *disputed; /* DM_LEDGER_DISPUTED_MAX */
    size_t ndisputed, disputed_bytes;
    dm_sworn *sworn; /* DM_LEDGER_ATTESTS_MAX */
    size_t nsworn;
    dm_track_gap *gaps; /* DM_LEDGER_GAPS_MAX: written off, not yet in the database */
    size_t ngaps;
    dm_attest *attest; /* too large for a stack */
    dm_keys keys;      /* of the worker last asked for */
    int64_t open_from; /* the first second that is not decided; -1: nothing ever was */
    int64_t ahead_us;  /* the wall clock's of the one that never steps, the least since it jumped */
    int64_t stepped_s; /* when it jumped ahead; 0: never */
    int64_t partitions_to;
};

/* What a transaction that writes asks: 0; DM_LEDGER_ZOMBIE where another meter has taken over, and it is to write
 * nothing. */
int dm_ledger_may(dm_ledger *l, dm_pg *c, dm_err *err) DM_NODISCARD;
/* What came late and is in memory goes beside its periods, and accounts are owed a look at it (late.c). Inside the
 * transaction of a flush, when the attestations are in it. */
int dm_ledger_put_late(dm_ledger *l, dm_pg *c, dm_err *err) DM_NODISCARD;
/* Oaths to a period that were whole after it was decided, and were not looked at because it was not written yet. */
int dm_ledger_swear_again(dm_ledger *l, int64_t start, dm_err *err) DM_NODISCARD;
/* dm_aside_fn of a dm_closing that is decided: 0 or DM_LEDGER_ZOMBIE. */
int dm_ledger_write(dm_pg *pg, void *closing, dm_err *err) DM_NODISCARD;
/* The next period; NULL: no memory. */
dm_closing *dm_closing_new(dm_ledger *l);
void dm_closing_free(dm_closing *k);
/* For dm_track_write_off: notes the gap, to be written with the next transaction. arg is the ledger. */
void dm_ledger_told_gap(void *arg, const dm_track_gap *g);
/* That a frame of this worker was not merged, since it has brought too much in that period; the close names its seconds
 * as gaps. */
#define DM_LEDGER_TOO_MUCH "its worker has brought more sandboxes in this period than one may: not believed"
void dm_ledger_note_over(dm_ledger *l, const dm_frame_head *head);
/* Marks and gaps that changed. Inside a transaction; dm_track_saved and ngaps = 0 are the caller's after it. */
int dm_ledger_put_marks(dm_ledger *l, dm_pg *c, dm_err *err) DM_NODISCARD;
int dm_ledger_restore(dm_ledger *l, dm_err *err) DM_NODISCARD;
/* Looks for the workers of the frames that are held: takes those of who has enrolled, and rejects the others. */
int dm_ledger_take_held(dm_ledger *l, dm_err *err) DM_NODISCARD;
/* Keeps it until its period is closed; *kept false: it is kept already, or there is no room, or the period is closed.
 */
int dm_ledger_dispute(dm_ledger *l, const dm_frame_head *head, dm_str bytes, bool *kept, dm_err *err) DM_NODISCARD;
/* Merges those of a worker and a period that are kept. */
int dm_ledger_settle_disputes(dm_ledger *l, dm_worker_no worker_no, int64_t period_start, dm_err *err) DM_NODISCARD;
/* Those before this second are of no more use. */
void dm_ledger_forget_disputes(dm_ledger *l, int64_t before);
/* Partitions for [from, to] and some days ahead, where they are not known to be there. */
int dm_ledger_partitions(dm_ledger *l, int64_t from_s, int64_t to_s, dm_err *err) DM_NODISCARD;

#endif
