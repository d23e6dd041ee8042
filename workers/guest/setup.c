#include "workers/guest/setup.h"

#include <sys/sysinfo.h>

#include "workers/guest/files/watch_rpc.h"
#include "workers/guest/http/server.h"
#include "workers/guest/limits.h"
#include "workers/guest/process/oom.h"
#include "workers/guest/process/process.h"
#include "workers/guest/route.h"
#include "workers/guest/self/forward.h"

/* A quarter of a small sandbox's memory may be requests on their way in. */
static size_t budget(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return DM_BUDGET_MAX;
    uint64_t share = (uint64_t)info.totalram * info.mem_unit / DM_BUDGET_SHARE;
    return share < DM_BUDGET_MAX ? (size_t)share : DM_BUDGET_MAX;
}

int dm_guest_new(const dm_guest_conf *conf, dm_guest **out, dm_err *err)
{
    DM_AUTO(dm_guest) g = calloc(1, sizeof(*g));
    if (g == NULL)
        return dm_fail(err, DM_E_NOMEM, "guest");
    *g = (dm_guest){.loop = conf->loop, .clock = conf->clock, .log = conf->log};
    dm_metrics_now now;
    dm_metrics_read(&g->cpu, 0, &now); /* the first answer is about the time since now */
    int r = dm_identity_init(&g->identity, err);
    r = r < 0 ? r : dm_users_new(&g->users, err);
    r = r < 0 ? r : dm_procs_new(g, &g->procs, err);
    r = r < 0 ? r : dm_watchers_new(g, &g->watchers, err);
    const dm_server_conf server = {.loop = conf->loop,
            .loopback_only = conf->loopback_only,
            .port = conf->port,
            .budget = budget(),
            .route = dm_route,
            .arg = g};
    r = r < 0 ? r : dm_server_new(&server, &g->server, err);
    r = r < 0 ? r : dm_forwards_new(conf->loop, conf->loopback_only, &g->forwards, err);
    if (r < 0)
        return r;
    *out = dm_steal(&g);
    return 0;
}

void dm_guest_free(dm_guest *g)
{
    if (g == NULL)
        return;
    /* Calls end before what they speak to. */
    dm_server_free(g->server);
    dm_forwards_free(g->forwards);
    dm_watchers_free(g->watchers);
    dm_procs_free(g->procs);
    dm_users_free(g->users);
    dm_oom_free(g->oom);
    dm_identity_done(&g->identity);
    free(g);
}
