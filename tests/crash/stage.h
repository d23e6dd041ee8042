/* tests/crash/stage.h: an evening of two workers and a meter on which everything dies, played in virtual time. Each
 * daemon is a process of its own, made of the daemon's real parts, and each of its lives ends where the seed says: at a
 * named point (base/point.h) the process is gone, with its memory, its threads, its connections and its locks, or it
 * stands still and is woken when another has taken its place. The next one finds what a dead one leaves: files, the
 * database, what the broker has.
 *
 * What is played: the broker, by a table in shared memory that keeps Kafka's contract (log.c: a message is in it at an
 * offset for good, or not, and whoever sent it may not learn which); the machine's clock; the sandboxes, which do what
 * the seed says in spite of their worker's deaths, as VMs do. Not played: PostgreSQL, the journal's files, everything
 * of ours but main.c and what makes VMs.
 *
 * All is in shared memory, so that a daemon needs nothing of the process that it was forked from; one daemon moves at a
 * time, so that a seed means the same whenever it is run. */
#ifndef DM_TESTS_CRASH_STAGE_H
#define DM_TESTS_CRASH_STAGE_H

#include <limits.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/own.h"
#include "base/point.h"
#include "base/wire/attest.h"
#include "base/wire/cause.h"
#include "base/wire/frame.h"

#include "tests/support/cluster.h"

enum {
    WORKERS = 2,
    METERS = 2,
    DAEMONS = WORKERS + METERS, /* workers first */
    PERIOD_S = 60,
    PERIODS = 3, /* two before a month's end, and one after */
    PLAY_S = PERIOD_S * PERIODS,
    TAIL_S = 22, /* in which workers say what they still have to say */
    DELAY_S = 86400,
    /* Of an evening in which the first worker is not heard of for long, so that periods are written without it, and
     * what it says then is a correction: */
    DEAF_FROM_S = 65,
    DEAF_TO_S = 310,
    LATE_WAIT_S = 20,  /* how long the meter waits for it */
    LATE_CALM_S = 100, /* from here on until it is heard of meters live: when one writes a worker off is a matter of how
                          long it has lived */
    LATE_END_S = 376,
    END_S_MAX = LATE_END_S,
    PHASES_MAX = 96,
    STRIKES_MAX = 8,
    WINDOWS_MAX = 6
};
#define T0 1775001480ll /* 2026-03-31T23:58:00Z */
#define MONTH_END (T0 + 2 * PERIOD_S)

/* --- what the sandboxes do ---------------------------------------------------------------------------------- */

/* One state of one (sandbox, epoch); moments are microseconds from T0 on. */
typedef struct phase {
    unsigned worker, sandbox;
    uint32_t epoch, project, grains;
    uint16_t spec, region;
    dm_sample_state state;
    int64_t from_us, to_us; /* to_us <= from_us: it came to nothing */
    dm_cause cause;         /* of its end */
} phase;

/* --- what befalls ------------------------------------------------------------------------------------------- */

typedef enum strike_kind {
    STRIKE_DIE,
    STRIKE_REBOOT, /* of a worker: its host with it, and what the disk did not have yet */
    STRIKE_FREEZE, /* of a meter: it stands still, is taken for dead, and goes on later */
} strike_kind;

/* The next life of a daemon that has not been struck yet ends when it reaches this point for the nth time. */
typedef struct strike {
    strike_kind kind;
    bool meter;
    unsigned worker;
    dm_point point;
    uint64_t nth;
    unsigned later; /* how many turns pass before there is a next one */
} strike;

typedef enum window_kind { WINDOW_AWAY, WINDOW_GIVES_BACK, WINDOW_DISK_FULL, WINDOW_CLOCK } window_kind;

/* Seconds [from, to) of the evening. */
typedef struct window {
    window_kind kind;
    int64_t from, to;
    unsigned daemon; /* of a disk or a clock */
    int64_t by_s;    /* of a clock */
} window;

typedef struct plan {
    uint64_t seed;
    phase phases[PHASES_MAX];
    size_t nphases;
    strike strikes[STRIKES_MAX];
    size_t nstrikes;
    window windows[WINDOWS_MAX];
    size_t nwindows;
    unsigned flush_every; /* seconds */
    bool aside;           /* periods are written on the ledger's own thread */
    bool late;            /* see DEAF_FROM_S */
    int64_t end_s;        /* then workers stop */
} plan;

uint64_t rng(uint64_t *state); /* 31 bits */
void plan_make(plan *p, uint64_t seed);

/* --- the broker --------------------------------------------------------------------------------------------- */

enum { TOPICS = 5, PARTS = 2, LOG_MAX = 6000, LOG_BYTES = 24 << 20 };

typedef struct logged {
    uint32_t at, n, key_at, key_n;
    int64_t ts_ms;
} logged;

typedef struct broker {
    bool away;
    bool deaf;           /* to the first worker */
    unsigned gives_back; /* of a thousand messages, before one is not confirmed, with all that follow it */
    uint64_t rng;
    struct {
        uint32_t n;
        logged v[LOG_MAX];
    } parts[TOPICS][PARTS];
    size_t used;
    char bytes[LOG_BYTES];
} broker;

const char *log_topic(int topic);
int log_parts(int topic);
/* Of a message: (worker_no, period or second) decide where it goes. What does not fit ends the test. */
void log_append(broker *b, int topic, int part, dm_str key, dm_str value, int64_t ts_ms);
int log_part_of(int topic, dm_str key);
dm_str log_value(const broker *b, const logged *m);

/* --- the stage ---------------------------------------------------------------------------------------------- */

typedef struct daemon_state {
    pid_t pid;
    int fd;             /* the other end of it; -1: there is no such daemon now */
    bool frozen, stale; /* stale: it was frozen, and another has taken over */
    strike armed;
    bool is_armed;
    uint64_t count; /* how often the point was reached */
    bool disk_full;
    int64_t clock_by_s;
    int64_t born; /* turns, when the next may begin */
    dm_point died_at;
    /* a worker's */
    bool rebooted;       /* the next life finds that its host was */
    int64_t last_second; /* framed, as it knew when it began */
    uint64_t boot;
    uint64_t durable_boot, durable_frame;
} daemon_state;

typedef struct stage {
    int64_t now_us; /* from T0 on */
    plan p;
    broker log;
    daemon_state d[DAEMONS];
    uint64_t reached[DM_POINTS], died[DM_POINTS];
    char dir[64], db[64], conninfo[320];
    bool calm;    /* nothing is struck */
    bool drained; /* the workers are gone: nobody is written off any more */
    bool hurried; /* each turn of a meter is one of its flushes */
    uint64_t lives;
    const char *said; /* of the last thing that went wrong */
} stage;

/* What is asked of a daemon, a byte each; it answers with the same when it is done. */
enum { ASK_TURN = 'T', ASK_STOP = 'S', TOLD_FROZEN = 'F' };
enum { EXIT_STRUCK = 77, EXIT_ZOMBIE = 3, EXIT_FAILED = 4 };

void worker_run(stage *s, unsigned no, int fd); /* in a process of its own; never return */
void meter_run(stage *s, unsigned no, int fd);
/* What a power cut leaves of the newest segment of a worker's journal: of the batch that nothing had waited for, any
 * part. It begins with the last mark. */
void tear_journal(const stage *s, unsigned worker, uint64_t *r);
void clock_of(const stage *s, unsigned daemon, dm_clock_fake *c);
/* One more byte from who directs; false: nobody does any more. */
bool asked(int fd, char *what);
void answer(int fd, char what);

extern stage *crash_stage; /* main.c's: what all processes share */
bool disk_is_full(void);   /* this daemon's */
bool broker_is_away(void); /* from this daemon */
void reached(dm_point p);  /* dm_point_reached */

/* --- what came of it ---------------------------------------------------------------------------------------- */

/* Every second of every sandbox as the plan has it, against the frames and oaths in the log. Says what differs. */
bool evidence_is_the_plans(const stage *s);
/* What the ledger holds at the end, as text, a line each. */
void ledger_dump(PGconn *c, const stage *s, dm_buf *out);
bool same_ledger(const dm_buf *want, const dm_buf *got);

extern const uint8_t frame_secret[DM_KEY];
dm_sandbox_id sandbox_id(unsigned n);

#endif
