/* base/line.h: a pool of threads for what blocks, before which several parties stand that must not hold each other up.
 * Each job is some party's. A party holds at most its share of the threads and of the places in line, parties take
 * turns, and the jobs of one are begun in the order in which they came. Who a party is, is the caller's business: a
 * number. Thread-safe. */
#ifndef DM_BASE_LINE_H
#define DM_BASE_LINE_H

#include <stdint.h>

#include "base/exec.h"

enum {
    DM_LINE_FULL = 1, /* no place is left, or no memory: nothing was taken */
    DM_LINE_CROWDED,  /* none of this party's: nothing was taken */
};

typedef struct dm_line dm_line;

/* The caller's memory, from the moment it is taken until fn runs. */
typedef struct dm_line_job {
    dm_job job;                          /* the line's own, as is what follows fn */
    void (*fn)(struct dm_line_job *job); /* on a thread of the pool; may free the job */
    struct dm_line_job *next;
    struct dm_line_party *of;
    dm_line *line;
} dm_line_job;

typedef struct dm_line_config {
    unsigned threads;    /* 1 to DM_EXEC_THREADS_MAX */
    unsigned places_max; /* jobs that no thread has begun */
    unsigned parts;      /* a party's share is one of so many, but at least one; 0 and 1: all */
} dm_line_config;

int dm_line_new(const dm_line_config *config, dm_line **out, dm_err *err) DM_NODISCARD;
void dm_line_free(dm_line *l); /* runs what waits first; only what runs may join meanwhile */
DM_DEFINE_FREEP(dm_line)

/* 0, DM_LINE_FULL or DM_LINE_CROWDED. */
int dm_line_join(dm_line *l, int64_t party, dm_line_job *job) DM_NODISCARD;
/* Of one party: threads, and places in line. */
unsigned dm_line_share(const dm_line *l);
unsigned dm_line_places(const dm_line *l);
/* Jobs that no thread has begun, now. */
unsigned dm_line_waiting(dm_line *l);

#endif
