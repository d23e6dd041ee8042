#include "api/kit/config.h"

#include <stddef.h>

#include "base/exec.h"
#include "base/wire/period.h"

#define STR(member, def, help)                                                                                         \
    {                                                                                                                  \
#member, DM_CONF_STR, offsetof(dm_api_config, member), def, 0, 1023, help                                      \
    }
#define NUM(member, def, lo, hi, help)                                                                                 \
    {                                                                                                                  \
#member, DM_CONF_U64, offsetof(dm_api_config, member), def, lo, hi, help                                       \
    }

static const dm_conf_row rows[] = {
        STR(http_socket, "", "unix socket of the API, for the front; its folder says who reaches it"),
        STR(listen_address, "127.0.0.1", "IPv4 address of the same, where a port is set"),
        NUM(port, "0", 0, 65535, "its port; 0: none"),
        STR(socket, NULL, "unix socket on which workers report"),
        STR(worker_socket, NULL, "unix socket of the worker; with {no} in it, of each worker its own"),
        STR(db_api, NULL, "libpq connection string, role dm_api"),
        STR(db_ops, NULL, "libpq connection string, role dm_ops"),
        STR(master_key, NULL, "file of the key that seals secrets; made when there is none"),
        STR(domain, "", "what sandboxes' names end in; empty: clients use their own setting"),
        STR(region, "local", "region of the workers that enrol here"),
        NUM(period_s, "3600", 60, 3600,
                "accounting period: a multiple of 60 that divides 3600; workers are told, the meter's must be the "
                "same"),
        NUM(lease_s, "30", 2, 3600, "a worker silent for this long gets no new sandboxes"),
        NUM(http_threads, "2", 1, 16, "threads that hold connections"),
        NUM(connections_max, "4096", 16, 65536, "connections at once"),
        NUM(idle_s, "620", 1, 86400, "a silent connection is closed after this"),
        NUM(exec_threads, "8", 1, 256, "threads for requests that only ask the database"),
        NUM(exec_queue, "4096", 1, 65536, "requests that may wait for one; more are answered 503"),
        NUM(order_threads, "48", 1, DM_EXEC_THREADS_MAX, "threads for requests that wait for a worker"),
        NUM(order_queue, "4096", 1, 65536, "requests that may wait for one, or for a transition"),
        NUM(order_timeout_ms, "55000", 100, 600000, "how long a worker may take over an order"),
        NUM(worker_wait_ms, "10000", 0, 600000, "how long a worker that cannot be reached is tried again"),
        NUM(wait_s, "45", 1, 600, "how long a request waits for another's transition"),
        NUM(stuck_s, "30", 1, 86400,
                "a transition older than this is carried to its end, even when the API that began it lives"),
        NUM(db_connections, "16", 1, 512, "connections as dm_api"),
        NUM(db_ops_connections, "4", 1, 64, "connections as dm_ops"),
        NUM(key_keep_ms, "5000", 0, 60000, "how long an API key is believed without asking again"),
        NUM(log_level, "1", 0, 3, "least level of a log line: 0 debug, 1 info, 2 warn, 3 error"),
};

const dm_conf_spec dm_api_conf = {.program = "dormouse-api",
        .summary = "The public API: E2B's surface, placement, billing reads, the door's verdicts, the workers' uplink.",
        .rows = rows,
        .n = DM_LEN(rows)};

int dm_api_config_check(const dm_api_config *c, dm_err *err)
{
    if (!dm_period_s_fits((uint32_t)c->period_s))
        return dm_fail(err, DM_E_INVALID, "period_s is %llu: it must be a multiple of 60 that divides 3600",
                (unsigned long long)c->period_s);
    return 0;
}
