/* The pool itself is base/exec, which is never given more jobs than it has threads: who is next is decided here. A
 * party that has a job waiting and a thread to be had stands in the row of those whose turn comes; it is taken from its
 * head, and goes to its end if it still may. */
#include "base/line.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/map.h"

/* Is there while it has a job, waiting or running. */
typedef struct dm_line_party {
    int64_t no;
    dm_line_job *first, *last;
    unsigned waiting, running;
    bool in_row;
    struct dm_line_party *next; /* in the row */
} party;

struct dm_line {
    dm_exec *exec;
    pthread_mutex_t lock;
    pthread_cond_t empty;
    dm_map parties;
    party *row, *row_end;
    unsigned waiting, running;
    unsigned threads, share, places_max, places;
};

static unsigned share_of(unsigned all, unsigned parts)
{
    unsigned share = parts > 1 ? all / parts : all;
    return share > 0 ? share : 1;
}

int dm_line_new(const dm_line_config *config, dm_line **out, dm_err *err)
{
    if (config->places_max == 0)
        return dm_fail(err, DM_E_INVALID, "a line without places");
    dm_line *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a line");
    l->threads = config->threads;
    l->share = share_of(config->threads, config->parts);
    l->places_max = config->places_max;
    l->places = share_of(config->places_max, config->parts);
    dm_map_init(&l->parties, offsetof(party, no), sizeof(int64_t), (size_t)config->threads + config->places_max);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->empty, NULL);
    int r = dm_exec_new(config->threads, config->threads > 0 ? config->threads : 1, &l->exec, err);
    if (r < 0)
        dm_line_free(l);
    else
        *out = l;
    return r;
}

void dm_line_free(dm_line *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    while (l->waiting + l->running > 0)
        (void)pthread_cond_wait(&l->empty, &l->lock);
    (void)pthread_mutex_unlock(&l->lock);
    dm_exec_free(l->exec);
    assert(l->parties.n == 0 && l->row == NULL);
    dm_map_done(&l->parties);
    (void)pthread_cond_destroy(&l->empty);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* --- with the lock ------------------------------------------------------------------------------------------ */

/* Into the row, or out of the line, as it should be. */
static void settle(dm_line *l, party *p)
{
    if (p->waiting > 0 && p->running < l->share && !p->in_row) {
        p->in_row = true;
        p->next = NULL;
        *(l->row != NULL ? &l->row_end->next : &l->row) = p;
        l->row_end = p;
    } else if (p->waiting == 0 && p->running == 0) {
        (void)dm_map_remove(&l->parties, p);
        free(p);
    }
}

static void run(dm_job *job);

static void begin(dm_line *l)
{
    while (l->running < l->threads && l->row != NULL) {
        party *p = l->row;
        dm_line_job *j = p->first;
        l->row = p->next;
        p->in_row = false;
        p->first = j->next;
        p->waiting--;
        p->running++;
        l->waiting--;
        l->running++;
        j->job.fn = run;
        int r = dm_exec_submit(l->exec, &j->job);
        assert(r == 0); /* it has as many places as threads, and what runs has left its place */
        (void)r;
        settle(l, p);
    }
}

/* NULL: no memory. */
static party *party_of(dm_line *l, int64_t no)
{
    party *p = dm_map_find(&l->parties, &no);
    if (p != NULL)
        return p;
    if (dm_map_reserve(&l->parties, "parties", NULL) < 0 || (p = calloc(1, sizeof(*p))) == NULL)
        return NULL;
    p->no = no;
    dm_map_add(&l->parties, p);
    return p;
}

/* --- without it --------------------------------------------------------------------------------------------- */

static void run(dm_job *job)
{
    dm_line_job *j = (dm_line_job *)(void *)job;
    dm_line *l = j->line;
    party *p = j->of;
    j->fn(j); /* j may be gone now */
    (void)pthread_mutex_lock(&l->lock);
    p->running--;
    l->running--;
    settle(l, p);
    begin(l);
    if (l->waiting + l->running == 0)
        (void)pthread_cond_broadcast(&l->empty);
    (void)pthread_mutex_unlock(&l->lock);
}

int dm_line_join(dm_line *l, int64_t no, dm_line_job *job)
{
    int r = DM_LINE_FULL;
    (void)pthread_mutex_lock(&l->lock);
    party *p = l->waiting < l->places_max ? party_of(l, no) : NULL;
    if (p != NULL && p->waiting >= l->places) {
        r = DM_LINE_CROWDED;
    } else if (p != NULL) {
        job->line = l;
        job->of = p;
        job->next = NULL;
        *(p->waiting > 0 ? &p->last->next : &p->first) = job;
        p->last = job;
        p->waiting++;
        l->waiting++;
        settle(l, p);
        begin(l);
        r = 0;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return r;
}

unsigned dm_line_share(const dm_line *l)
{
    return l->share;
}

unsigned dm_line_places(const dm_line *l)
{
    return l->places;
}

unsigned dm_line_waiting(dm_line *l)
{
    (void)pthread_mutex_lock(&l->lock);
    unsigned n = l->waiting;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}
