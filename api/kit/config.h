/* api/kit/config.h: the settings of dormouse-api. */
#ifndef DM_API_KIT_CONFIG_H
#define DM_API_KIT_CONFIG_H

#include "base/conf.h"

typedef struct dm_api_config {
    char *http_socket;
    char *listen_address;
    uint64_t port;
    char *socket;
    char *worker_socket;
    char *db_api;
    char *db_ops;
    char *db_who;
    char *master_key;
    char *frame_key_file;
    char *admin_token_file;
    char *domain;
    char *region;
    uint64_t period_s;
    uint64_t lease_s;
    uint64_t lease_cap_s;
    uint64_t http_threads, connections_max, idle_s, live_streams;
    uint64_t exec_threads, exec_queue;
    uint64_t order_threads, stop_threads, read_threads, file_threads, order_queue;
    uint64_t order_timeout_ms, worker_wait_ms, wait_s, stuck_s;
    uint64_t db_connections, db_ops_connections, db_who_connections;
    uint64_t key_keep_ms;
    uint64_t wrong_keys_per_min, person_requests_per_s;
    uint64_t removal_notice_h, retention_notice_h;
    char *sign_up, *api_url, *sandbox_url;
    uint64_t password_mem_kib, password_passes, password_lanes, password_threads;
    uint64_t token_s, access_s, token_key_days, session_idle_h, session_max_h, ops_session_h, ops_proof_min;
    char *export_folder;
    uint64_t download_s, document_s;
    char *delivery_key_file;
    bool delivery_loopback;
    char *smtp_url, *smtp_user, *smtp_password_file, *smtp_ca_file, *mail_from;
    bool smtp_plain;
    uint64_t log_level;
} dm_api_config;

extern const dm_conf_spec dm_api_conf;

/* What no row of it can say: the period is one that the ledger closes. */
int dm_api_config_check(const dm_api_config *c, dm_err *err) DM_NODISCARD;

#endif
