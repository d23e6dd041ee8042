/* metering/config.h: dormouse-meter's options. */
#ifndef DM_METERING_CONFIG_H
#define DM_METERING_CONFIG_H

#include "base/conf.h"

typedef struct dm_meter_config {
    char *db, *brokers, *kafka_user, *kafka_password_file, *kafka_ca_file, *signing_key_file, *frame_key_file,
            *frame_key_old_file, *region, *name, *metrics_socket, *metrics_address;
    uint64_t takeover_s, metrics_port, period_s, flush_ms, closers, wait_s, rows_max, worker_rows_max, queue_mib,
            invoice_delay_s, metrics_days;
    bool accept_gap, accept_unsealed;
} dm_meter_config;

extern const dm_conf_spec dm_meter_conf;

#endif
