/* metering/export/data/config.h: dormouse-export's options. */
#ifndef DM_METERING_EXPORT_DATA_CONFIG_H
#define DM_METERING_EXPORT_DATA_CONFIG_H

#include "base/conf.h"

enum { DM_EXPORT_THREADS_MAX = 16 };

typedef struct dm_export_config {
    char *db, *folder, *print, *delivery_key_file;
    uint64_t threads, keep_h, file_mib, delivery_threads;
    bool delivery_loopback;
} dm_export_config;

extern const dm_conf_spec dm_export_conf;

#endif
