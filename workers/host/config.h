/* workers/host/config.h: what a worker can be told (base/conf makes parser, help and dump of the table). */
#ifndef DM_WORKERS_HOST_CONFIG_H
#define DM_WORKERS_HOST_CONFIG_H

#include "base/conf.h"

#include "workers/host/machine/host.h"

typedef struct dm_worker_config {
    char *name;     /* which worker this is, for ever */
    char *data_dir; /* journal, machines, sleepers, key */
    char *images_dir, *templates_dir, *live_dir;
    char *socket;     /* where the API gives orders */
    char *api_socket; /* where the API hears of us */
    char *brokers, *kafka_user, *kafka_password_file, *kafka_ca_file;
    char *door; /* the front's name for this worker's door */
    char *vmm, *vmm_binary, *accel;
    char *jail_program;   /* what VMMs are started through */
    uint64_t vm_uid_base; /* what they run as */
    char *guest_log;
    char *slot_prefix, *slot_base;
    uint64_t flows_max, flows_per_s, packets_per_s, mib_per_s;
    char *default_image; /* what the pool is kept warm for */
    uint64_t default_vcpus, default_mem_mib;
    uint64_t slots, pool_size, making_max, warming_max, mem_reserve_mib, mem_overcommit_pct, disk_reserve_mib;
    uint64_t journal_bytes_max, journal_segment_bytes;
    char *page_socket;
    uint64_t metrics_port;
} dm_worker_config;

extern const dm_conf_spec dm_worker_conf;

/* What of it is the host's; strings stay c's. */
void dm_worker_config_host(const dm_worker_config *c, dm_host_config *out);

#endif
