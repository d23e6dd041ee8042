#include "base/exec.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct dm_exec {
    pthread_mutex_t lock;
    pthread_cond_t some; /* a job came, or closing */
    dm_job *first, **end;
    unsigned waiting, queue_max;
    bool closing;
    unsigned threads;
    pthread_t thread[];
};

static void *work(void *arg)
{
    dm_exec *e = arg;
    (void)pthread_mutex_lock(&e->lock);
    for (;;) {
        while (e->first == NULL && !e->closing)
            (void)pthread_cond_wait(&e->some, &e->lock);
        dm_job *job = e->first;
        if (job == NULL)
            break;
        e->first = job->next;
        if (e->first == NULL)
            e->end = &e->first;
        e->waiting--;
        (void)pthread_mutex_unlock(&e->lock);
        job->fn(job); /* job may be gone now */
        (void)pthread_mutex_lock(&e->lock);
    }
    (void)pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* Signals are for the loop's thread: a thread of the pool is born with all of them blocked. */
static int start_threads(dm_exec *e, unsigned threads)
{
    sigset_t all, was;
    (void)sigfillset(&all);
    int sys = pthread_sigmask(SIG_SETMASK, &all, &was);
    while (sys == 0 && e->threads < threads) {
        sys = pthread_create(&e->thread[e->threads], NULL, work, e);
        if (sys == 0)
            e->threads++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    return sys;
}

int dm_exec_new(unsigned threads, unsigned queue_max, dm_exec **out, dm_err *err)
{
    if (threads == 0 || threads > DM_EXEC_THREADS_MAX || queue_max == 0)
        return dm_fail(err, DM_E_INVALID, "a pool of %u threads with a queue of %u", threads, queue_max);
    dm_exec *e = calloc(1, sizeof(*e) + threads * sizeof(e->thread[0]));
    if (e == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool");
    e->queue_max = queue_max;
    e->end = &e->first;
    /* With default attributes neither of these can fail on Linux. */
    (void)pthread_mutex_init(&e->lock, NULL);
    (void)pthread_cond_init(&e->some, NULL);
    int sys = start_threads(e, threads);
    if (sys != 0) {
        dm_exec_free(e);
        return dm_fail_sys(err, sys, "start %u threads", threads);
    }
    *out = e;
    return 0;
}

void dm_exec_free(dm_exec *e)
{
    if (e == NULL)
        return;
    (void)pthread_mutex_lock(&e->lock);
    e->closing = true;
    (void)pthread_cond_broadcast(&e->some);
    (void)pthread_mutex_unlock(&e->lock);
    for (unsigned i = 0; i < e->threads; i++)
        (void)pthread_join(e->thread[i], NULL);
    assert(e->first == NULL && e->waiting == 0);
    (void)pthread_cond_destroy(&e->some);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
}

int dm_exec_submit(dm_exec *e, dm_job *job)
{
    int r = DM_EXEC_FULL;
    (void)pthread_mutex_lock(&e->lock);
    if (e->waiting < e->queue_max) {
        job->next = NULL;
        *e->end = job;
        e->end = &job->next;
        e->waiting++;
        (void)pthread_cond_signal(&e->some);
        r = 0;
    }
    (void)pthread_mutex_unlock(&e->lock);
    return r;
}

unsigned dm_exec_waiting(dm_exec *e)
{
    (void)pthread_mutex_lock(&e->lock);
    unsigned n = e->waiting;
    (void)pthread_mutex_unlock(&e->lock);
    return n;
}
