/* dormouse-worker: one epoll thread owns all state. Small executors do what blocks: one disk copies and namespaces, one
 * sleepers' images, one the journal alone; librdkafka and libmicrohttpd bring threads of their own, the uplink waits on
 * one. SIGTERM stops the daemon and leaves every VM where it is: the next one adopts them. POST /v1/worker/drain puts
 * them to sleep first. One that was written off puts everything down and leaves with status 3. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/file.h"

#include "workers/host/dial.h"
#include "workers/host/orders.h"
#include "workers/host/publish.h"
#include "workers/host/rights.h"
#include "workers/host/uplink.h"
#include "workers/vmm/jail/jail.h"

enum { GUESTS_LOG = 1000000 }; /* bytes, and as much once more: as svlogd keeps of the worker's own */

static void on_signal(void *arg, uint32_t events)
{
    (void)events;
    dm_loop_stop(arg);
}

static int make_jail(dm_host *h, const dm_worker_config *conf, dm_err *err)
{
    char dir[PATH_MAX];
    static dm_jail *jail; /* as long as the process: VMMs are started to its end */
    int r = dm_path(dir, sizeof(dir), err, "%s/jail", conf->data_dir);
    const dm_tree_config tree = {
            .dir = dir, .program = conf->jail_program, .binary = conf->vmm_binary, .files = h->driver->files};
    if (r == 0)
        r = dm_jail_new(&tree, &jail, err);
    h->env.jail = jail;
    return r;
}

static int make_groups(dm_host *h, const dm_worker_config *conf, dm_err *err)
{
    char name[32];
    int r = dm_path(name, sizeof(name), err, "dormouse-%s", conf->slot_prefix);
    if (r == 0)
        r = dm_groups_new(name, &h->groups, err);
    if (r == 0 && *dm_groups_lacking(h->groups) != '\0')
        DM_LOG(h->log, DM_WARN, "worker.groups_lacking", dm_fs("controllers", dm_groups_lacking(h->groups)));
    return r;
}

static int host_start(dm_host *h, const dm_worker_config *conf, dm_err *err)
{
    dm_worker_config_host(conf, &h->conf);
    h->driver = dm_vmm_find(conf->vmm);
    if (h->driver == NULL)
        return dm_fail(err, DM_E_INVALID, "there is no VMM driver '%s'", conf->vmm);
    h->env = (dm_vmm_env){
            .loop = h->loop, .exec = h->exec, .log = h->log, .binary = conf->vmm_binary, .accel = conf->accel};
    int r = make_jail(h, conf, err);
    if (r == 0)
        r = make_groups(h, conf, err);
    if (r == 0)
        r = dm_exec_new(DM_EXEC_IMAGES, DM_EXEC_QUEUE, &h->env.images, err);
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

/* Outcomes of run, and what the process says of them: whoever starts us again need not hurry. */
enum { WRITTEN_OFF = 1, OLD_BOOT = 2, EXIT_WRITTEN_OFF = 3, EXIT_OLD_BOOT = 4 };

/* Guests speak for their tenants: what they say has a file of its own, and can push nothing out of ours. */
static int guests_log(dm_host *h, const dm_worker_config *conf, dm_err *err)
{
    char path[PATH_MAX];
    int r = *conf->guest_log != '\0' ? dm_path(path, sizeof(path), err, "%s", conf->guest_log)
                                     : dm_path(path, sizeof(path), err, "%s/guests.log", conf->data_dir);
    if (r == 0)
        r = dm_mkdir_p(conf->data_dir, 0711, err);
    return r < 0 ? r : dm_log_file_new(path, GUESTS_LOG, "guest", DM_INFO, h->clock, &h->guests, err);
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
    bool old_boot = false;
    h = (dm_host){.log = log, .clock = &dm_clock_real};

    int r = dm_loop_new(h.clock, &h.loop, err);
    if (r == 0)
        r = dm_exec_new(DM_EXEC_THREADS, DM_EXEC_QUEUE, &h.exec, err);
    if (r == 0)
        r = dm_exec_new(1, 1, &h.evidence, err); /* one batch at a time */
    if (r == 0)
        r = dm_metrics_new(&h.metrics, err);
    if (r == 0)
        r = dm_loop_watch(h.loop, signals, EPOLLIN, on_signal, h.loop, &stop, err);
    if (r == 0)
        r = guests_log(&h, conf, err);
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
        old_boot = dm_uplink_old_boot(uplink);
        dm_uplink_free(uplink);
        dm_publish_free(publish);
        dm_worker_flush(all.w);
        dm_dials_free(all.dials); /* last: an agent may answer as long as the loop turns */
    }
    if (r != 0)
        return r;
    return old_boot ? OLD_BOOT : dm_worker_written_off(all.w) ? WRITTEN_OFF : 0;
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
    r = dm_rights_reduce(&err);
    if (r == 0)
        r = dm_loop_stop_signals(&signals, &err);
    if (r == 0)
        r = run(&conf, log, signals, &err);
    if (r == WRITTEN_OFF)
        (void)dm_fail(
                &err, DM_E_DENIED, "this worker was written off: give the host another name and an empty data folder");
    if (r == OLD_BOOT)
        (void)dm_fail(&err, DM_E_DENIED, "a later start of this worker has enrolled: is this data folder an old copy?");
    if (r != 0)
        dm_log_err(log, DM_ERROR, "worker.stopped", &err);
    _exit(r == WRITTEN_OFF ? EXIT_WRITTEN_OFF : r == OLD_BOOT ? EXIT_OLD_BOOT : r < 0 ? 1 : 0);
}
