/* dormouse-worker: one epoll thread owns all state. A small executor does what blocks (disk copies, namespaces, fsync),
 * librdkafka and libmicrohttpd bring threads of their own, the uplink waits on one. SIGTERM stops the daemon and leaves
 * every VM where it is: the next one adopts them. POST /v1/worker/drain puts them to sleep first. */
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/file.h"

#include "workers/host/dial.h"
#include "workers/host/orders.h"
#include "workers/host/publish.h"
#include "workers/host/uplink.h"

static void on_signal(void *arg, uint32_t events)
{
    (void)events;
    dm_loop_stop(arg);
}

static int vmm_user(const char *name, uint32_t *uid, uint32_t *gid, dm_err *err)
{
    struct passwd pw, *found;
    char buf[4096];
    int e = getpwnam_r(name, &pw, buf, sizeof(buf), &found);
    if (e != 0)
        return dm_fail_sys(err, e, "look up user %s", name);
    if (found == NULL)
        return dm_fail(
                err, DM_E_NOTFOUND, "there is no user '%s' for the VMMs (vmm_user): make one, or name another", name);
    *uid = pw.pw_uid;
    *gid = pw.pw_gid;
    return 0;
}

static int host_start(dm_host *h, const dm_worker_config *conf, dm_err *err)
{
    dm_worker_config_host(conf, &h->conf);
    h->driver = dm_vmm_find(conf->vmm);
    if (h->driver == NULL)
        return dm_fail(err, DM_E_INVALID, "there is no VMM driver '%s'", conf->vmm);
    h->env = (dm_vmm_env){
            .loop = h->loop, .exec = h->exec, .log = h->log, .binary = conf->vmm_binary, .accel = conf->accel};
    int r = vmm_user(conf->vmm_user, &h->env.uid, &h->env.gid, err);
    if (r == 0)
        r = h->driver->probe(&h->env, &h->caps, err);
    if (r == 0)
        r = dm_host_init(h, err);
    if (r == 0)
        DM_LOG(h->log, DM_INFO, "worker.host", dm_fs("accel", h->caps.accel), dm_fs("vmm", h->caps.version));
    return r;
}

static int serve(
        const dm_worker_config *conf, dm_host *h, dm_orders *x, dm_http **orders, dm_http **metrics, dm_err *err)
{
    dm_http_config c = {
            .unix_path = conf->socket,
            .threads = 1,
            .connections_max = DM_ORDERS_MAX,
            .idle_s = 600,
            .exec_queue_max = DM_ORDERS_MAX,
            .loop = h->loop,
            .routes = dm_orders_routes,
            .nroutes = dm_orders_nroutes,
            .ctx = x,
            .log = h->log,
            .clock = h->clock,
            .metrics = h->metrics,
    };
    int r = dm_http_new(&c, orders, err);
    if (r < 0)
        return r;
    c.unix_path = conf->page_socket[0] != '\0' ? conf->page_socket : NULL;
    c.listen_address = conf->metrics_port != 0 ? "127.0.0.1" : NULL;
    c.port = (uint16_t)conf->metrics_port;
    c.routes = dm_worker_metrics_routes;
    c.nroutes = dm_worker_metrics_nroutes;
    return dm_http_new(&c, metrics, err);
}

/* What is made here lives as long as the process: VMs outlive it, and what counts is in the journal. */
static int run(const dm_worker_config *conf, dm_log *log, int signals, dm_err *err)
{
    static dm_host h; /* both outlive this function with all that borrows them */
    static dm_orders all;
    dm_publish *publish;
    dm_uplink *uplink;
    dm_http *orders = NULL, *pages = NULL;
    dm_watch *stop;
    h = (dm_host){.log = log, .clock = &dm_clock_real};

    int r = dm_loop_new(h.clock, &h.loop, err);
    if (r == 0)
        r = dm_exec_new(DM_EXEC_THREADS, DM_EXEC_QUEUE, &h.exec, err);
    if (r == 0)
        r = dm_metrics_new(&h.metrics, err);
    if (r == 0)
        r = dm_loop_watch(h.loop, signals, EPOLLIN, on_signal, h.loop, &stop, err);
    if (r == 0)
        r = host_start(&h, conf, err);
    if (r == 0)
        r = dm_worker_new(conf, &h, &all.w, err);
    if (r == 0)
        r = dm_dials_new(all.w, &all.dials, err);
    if (r == 0)
        r = dm_publish_new(all.w, &publish, err);
    /* A box whose machine is not adopted yet can neither sleep nor end: no order comes before. */
    while (r == 0 && !dm_worker_took_stock(all.w))
        r = dm_loop_once(h.loop, -1, err);
    if (r == 0)
        r = serve(conf, &h, &all, &orders, &pages, err);
    if (r == 0)
        r = dm_uplink_new(all.w, &uplink, err);
    if (r == 0)
        r = dm_loop_run(h.loop, err);
    if (r == 0) {
        DM_LOG(log, DM_INFO, "worker.stopping");
        dm_http_stop(orders, 1000);
        dm_http_stop(pages, 100);
        dm_uplink_free(uplink);
        dm_publish_free(publish);
        dm_worker_flush(all.w);
        dm_dials_free(all.dials); /* last: an agent may answer as long as the loop turns */
    }
    return r;
}

int main(int argc, char **argv)
{
    dm_worker_config conf;
    dm_err err = {0};
    DM_AUTO(dm_log) log = NULL;
    int signals = -1;
    int r = dm_conf_main(&dm_worker_conf, argc, argv, &conf, &err);
    if (r == DM_CONF_EXIT)
        return 0;
    if (r == 0)
        r = dm_log_new(2, "dormouse-worker", DM_INFO, &dm_clock_real, &log, &err);
    if (r < 0) {
        (void)fprintf(stderr, "dormouse-worker: %s\n", err.msg);
        return 2;
    }
    r = dm_loop_stop_signals(&signals, &err);
    if (r == 0)
        r = run(&conf, log, signals, &err);
    if (r < 0)
        dm_log_err(log, DM_ERROR, "worker.stopped", &err);
    _exit(r < 0 ? 1 : 0);
}
