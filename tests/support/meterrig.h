/* tests/support/meterrig.h: a worker in miniature, and a ledger under test. The worker knows what each sandbox does
 * when, and writes frames and attestations of it, by the plainest means; a test may drop, double, reorder or forge them
 * before the ledger takes them. Time is a fake clock's. Periods are 60 s unless a test says otherwise. What fails here
 * stops the test. */
#ifndef DM_TESTS_SUPPORT_METERRIG_H
#define DM_TESTS_SUPPORT_METERRIG_H

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/wire/attest.h"
#include "base/wire/frame.h"

#include "metering/ledger/ledger.h"
#include "tests/support/cluster.h"

enum { ACTS_MAX = 16, GIB = 64 };

/* Where a scenario's second 0 is; a test against a broker, which stamps its own time, sets another. */
extern int64_t rig_t0; /* 2026-03-01T10:00:00Z */
extern const uint8_t rig_frame_secret[DM_KEY];
#define T0 rig_t0

/* One (sandbox, epoch): runs in [run_from, run_to), sleeps in [hib_from, hib_to), seconds from T0 on. */
typedef struct act {
    unsigned sandbox;
    uint32_t epoch, project_no;
    uint16_t spec, region_no;
    uint32_t grains;
    int64_t run_from, run_to, hib_from, hib_to;
} act;

typedef struct msg {
    char *p;
    size_t n;
    bool attest;
    int64_t ts_ms;
} msg;

typedef struct rig {
    const cluster *c;
    char db[32], conninfo[256];
    uint32_t period_s, wait_s;
    size_t rows_max, worker_rows_max; /* as of the next ledger_start */
    PGconn *owner;
    dm_pg *pg;
    dm_clock_fake clock;
    dm_sign_key *service, *worker;
    dm_mac *seal;         /* the worker's; NULL: it makes frames as before there were seals */
    bool accept_unsealed; /* as of the next ledger_start; so the next two */
    const uint8_t *secret, *secret_old;
    uint16_t key_no; /* what its frames say that they are sealed with */
    bool aside;      /* as of the next ledger_start: periods are written on a thread of the ledger's */
    bool rowless;    /* sandboxes have the rows that the test makes, and no others */
    dm_ledger *ledger;
    char uuid[DM_UUID_TEXT];
    int64_t offsets[2]; /* usage, attest */
    act acts[ACTS_MAX];
    size_t nacts;
    int64_t hib_since[ACTS_MAX];
    uint64_t boot, frame, prev;
    dm_digest previous[ACTS_MAX];
    msg *msgs;
    size_t nmsgs, room, fed;
} rig;

dm_sandbox_id sandbox_no(unsigned n);

/* --- the database ------------------------------------------------------------------------------------------- */

/* The database every test's own is copied from. */
int house(const cluster *c);

/* A database of its own with the worker enrolled, and a ledger on it. */
void rig_open(rig *r, const cluster *c, const char *db, uint32_t period_s);
void rig_close(rig *r);

void sql(rig *r, const char *text);
/* The first cell; good until the next call but three. */
const char *ask(rig *r, const char *text);
#define assert_sql(r, text, want) assert_string_equal(ask((r), (text)), (want))
/* The role may not. */
void refused(rig *r, const char *role, const char *text);

/* From this second on the account has another plan, as if it had been changed then. */
void rig_plan(rig *r, int account, int64_t second, const char *tier, int64_t included_s);

/* The sandbox's row; ended -1: it runs. */
void rig_sandbox(rig *r, unsigned n, int account, int project, int spec, int region, int epoch, int64_t ended);

/* A row of each act's sandbox, where no test made one. */
void rig_rows(rig *r);

/* --- the ledger --------------------------------------------------------------------------------------------- */

void ledger_start(rig *r);  /* both of */
void ledger_open(rig *r);   /* takes over and rebuilds */
void ledger_assign(rig *r); /* takes the partitions */
void ledger_stop(rig *r);
/* Dies without a flush and comes back. The messages since the last flush are read again, as from the stream. */
void ledger_crash(rig *r);

void take(rig *r, const msg *m);
/* Everything not yet fed, in order. */
void feed(rig *r);
void flush(rig *r);
/* Takes messages [from, from + n) out of the stream; when they come after all, they are taken and flushed. */
msg *rig_keep_back(rig *r, size_t from, size_t n);
void rig_bring(rig *r, const msg *kept, size_t n);
void rig_forget(msg *kept, size_t n);
void clock_at(rig *r, int64_t second);
int bill_owed(rig *r, dm_err *err);
/* For .held: at its question `at` a program dies of SIGKILL, or hears that it is not the meter any more; 0: never. */
typedef struct rig_fence {
    int asked, at;
    bool lost;
} rig_fence;
int rig_ask_fence(void *fence, dm_pg *c, bool *held, dm_err *err);
/* Closes all that can be closed and states what is owed, as the program does; how many periods were written. */
int close_due(rig *r, int64_t patient_from);

/* --- the worker --------------------------------------------------------------------------------------------- */

/* Another message, as of a second. */
void rig_add(rig *r, const dm_buf *b, bool attest, int64_t second);

/* What a worker seals its frames with, under the rig's secret, or under another; the caller's. key_no may be NULL. */
dm_mac *rig_seal(uint64_t worker_no);
dm_mac *rig_seal_under(const uint8_t secret[DM_KEY], uint64_t worker_no, uint16_t *key_no);

/* What an act is in a second: RUN wins. */
uint8_t act_state(const act *a, int64_t s);
/* The disk figures that work_second sent in a period. */
uint32_t act_disk(const act *a, int64_t minute_start);
dm_sample sample_of(const act *a, uint8_t state, int64_t span, bool disk);

void work_second(rig *r, int64_t s);
/* Swears to a period (start is from T0 on). change, when given, may forge what is sworn. */
void swear(rig *r, int64_t start, void (*change)(dm_attest *a));
/* Seconds [from, to), with attestations at each period's end. */
void work(rig *r, int64_t from, int64_t to);
/* The worker's daemon starts again. */
void work_reboot(rig *r);

#endif
