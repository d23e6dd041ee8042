/* dormouse-export: threads that each take an order, do it, and take the next; the program itself waits to be stopped
 * and sweeps now and then. Several of them may run on one database, where they share the folder. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"

#include "metering/export/data/config.h"
#include "metering/export/data/deliver.h"
#include "metering/export/data/job.h"

enum { WAIT_MS = 500, AGAIN_MS = 2000, SWEEP_MS = 5000 };

typedef struct exporter {
    const dm_export_config *conf;
    dm_log *log;
    atomic_bool stop;
    int stop_fd;
    uint8_t delivery_key[DM_KEY];
    bool delivers;
    pthread_t threads[2 * DM_EXPORT_THREADS_MAX];
    unsigned nthreads;
} exporter;

static dm_hand hand_of(exporter *x)
{
    return (dm_hand){.folder = x->conf->folder,
            .print = x->conf->print,
            .keep_s = (int64_t)x->conf->keep_h * 3600,
            .file_max = x->conf->file_mib << 20,
            .delivery_key = x->delivers ? x->delivery_key : NULL,
            .loopback = x->conf->delivery_loopback,
            .stop = &x->stop,
            .clock = &dm_clock_real,
            .log = x->log};
}

static int open_hand(const exporter *x, dm_hand *h, dm_err *err)
{
    int r = dm_pg_open(x->conf->db, &h->say, err);
    if (r == 0)
        r = dm_pg_open(x->conf->db, &h->read, err);
    return r < 0 ? r : dm_pg_script(h->say, "LISTEN dm_exports", err);
}

static void close_hand(dm_hand *h)
{
    dm_pg_close(h->say);
    dm_pg_close(h->read);
    h->say = h->read = NULL;
}

/* One order after the other; where there is none, until somebody orders. */
static int work(exporter *x, dm_hand *h, dm_err *err)
{
    dm_pg_note note;
    int r = 0;
    dm_buf_init(&note.payload, 8192);
    while (r == 0 && !atomic_load(&x->stop)) {
        r = dm_job_next(h, err);
        if (r == DM_JOB_IDLE) {
            r = dm_pg_wait_notify(h->say, WAIT_MS, &note, err);
            dm_buf_reset(&note.payload);
        }
        if (r == DM_E_TIMEOUT)
            r = 0;
    }
    dm_buf_done(&note.payload);
    return r;
}

static void rest(exporter *x, int ms)
{
    for (int waited = 0; waited < ms && !atomic_load(&x->stop); waited += WAIT_MS)
        (void)usleep(WAIT_MS * 1000U);
}

/* One file after the other into whose bucket it is for. They have threads of their own: somebody else's bucket may be
 * slow. */
static int deliver(exporter *x, dm_hand *h, dm_err *err)
{
    int r = 0;
    while (r == 0 && !atomic_load(&x->stop)) {
        r = dm_deliver_next(h, err);
        if (r == DM_JOB_IDLE) {
            rest(x, AGAIN_MS);
            r = 0;
        }
    }
    return r;
}

static void serve(exporter *x, int (*does)(exporter *x, dm_hand *h, dm_err *err))
{
    while (!atomic_load(&x->stop)) {
        dm_hand h = hand_of(x);
        dm_err err;
        int r = open_hand(x, &h, &err);
        if (r == 0)
            r = does(x, &h, &err);
        if (r < 0) {
            dm_log_err(x->log, DM_WARN, "export.again", &err);
            rest(x, AGAIN_MS);
        }
        close_hand(&h);
    }
}

static void *jobs(void *arg)
{
    serve(arg, work);
    return NULL;
}

static void *deliveries(void *arg)
{
    serve(arg, deliver);
    return NULL;
}

static void sweep(exporter *x)
{
    dm_hand h = hand_of(x);
    dm_err err;
    int r = dm_pg_open(x->conf->db, &h.say, &err);
    if (r == 0)
        r = dm_job_sweep(&h, &err);
    if (r < 0)
        dm_log_err(x->log, DM_WARN, "export.not_swept", &err);
    close_hand(&h);
}

static int run(exporter *x, dm_err *err)
{
    uint64_t n = x->conf->threads, all = n + (x->delivers ? x->conf->delivery_threads : 0);
    int r = 0;
    (void)umask(0027);
    for (uint64_t i = 0; r == 0 && i < all; i++) {
        r = pthread_create(&x->threads[i], NULL, i < n ? jobs : deliveries, x);
        x->nthreads += r == 0;
    }
    if (r != 0)
        r = dm_fail(err, DM_E_INTERNAL, "no thread for exports: %d", r);
    else
        DM_LOG(x->log, DM_INFO, "export.started", dm_fu("threads", x->conf->threads));
    while (r == 0 && !dm_loop_stop_told(x->stop_fd, SWEEP_MS))
        sweep(x);
    atomic_store(&x->stop, true);
    for (unsigned i = 0; i < x->nthreads; i++)
        (void)pthread_join(x->threads[i], NULL);
    return r;
}

int main(int argc, char **argv)
{
    dm_export_config conf;
    dm_err err = {0};
    exporter x = {.conf = &conf, .stop_fd = -1};
    int r = dm_conf_main(&dm_export_conf, argc, argv, &conf, &err);
    if (r == DM_CONF_EXIT)
        return 0;
    if (r < 0) {
        (void)fprintf(stderr, "dormouse-export: %s\n", err.msg);
        return 2;
    }
    r = dm_log_new(2, "dormouse-export", DM_INFO, &dm_clock_real, &x.log, &err);
    x.delivers = conf.delivery_key_file[0] != '\0';
    if (r == 0 && x.delivers)
        r = dm_key_read(conf.delivery_key_file, x.delivery_key, &err);
    if (r == 0)
        r = dm_loop_stop_signals(&x.stop_fd, &err);
    if (r == 0)
        r = run(&x, &err);
    if (r < 0)
        dm_log_err(x.log, DM_ERROR, "export.stopped", &err);
    dm_log_free(x.log);
    dm_conf_done(&dm_export_conf, &conf);
    return r < 0 ? 1 : 0;
}
