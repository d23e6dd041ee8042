#include "metering/config.h"

#include <stddef.h>

#include "metering/closer.h"

#define AT(member) offsetof(dm_meter_config, member)

static const dm_conf_row rows[] = {
        {"db", DM_CONF_STR, AT(db), NULL, 1, 1000, "database, as libpq has it, of role dm_meter"},
        {"brokers", DM_CONF_STR, AT(brokers), "127.0.0.1:3092", 1, 1000, "Kafka's bootstrap servers"},
        {"kafka_user", DM_CONF_STR, AT(kafka_user), "", 0, 64, "who the meter is to Kafka; empty: it asks nobody"},
        {"kafka_password_file", DM_CONF_STR, AT(kafka_password_file), "", 0, 200, "file of that user's password"},
        {"kafka_ca_file", DM_CONF_STR, AT(kafka_ca_file), "", 0, 200,
                "file of the broker's certificate, without which it is told no password"},
        {"signing_key_file", DM_CONF_STR, AT(signing_key_file), NULL, 1, 200,
                "Ed25519 seed in hex, mode 0600, made when it is not there: statements are signed with it"},
        {"frame_key_file", DM_CONF_STR, AT(frame_key_file), NULL, 1, 200,
                "file of the secret that workers' keys for usage frames are made of: 64 hex digits, mode 0600; the "
                "API's "
                "must be the same"},
        {"frame_key_old_file", DM_CONF_STR, AT(frame_key_old_file), "", 0, 200,
                "file of the secret before that one, whose frames are taken as well; empty: none are"},
        {"region", DM_CONF_STR, AT(region), "local", 1, 64, "stands on this program's log lines"},
        {"name", DM_CONF_STR, AT(name), "", 0, 64,
                "who this meter is among several, each of which has a name of its own; empty: the host's name. One "
                "writes, the others stand by"},
        {"takeover_s", DM_CONF_U64, AT(takeover_s), "30", 3, 3600,
                "how long the meter that writes is not heard, or hears nothing of the broker, before one that stands "
                "by "
                "takes over"},
        {"metrics_socket", DM_CONF_STR, AT(metrics_socket), "", 0, 107,
                "unix socket of the metrics page; its folder says who reaches it"},
        {"metrics_address", DM_CONF_STR, AT(metrics_address), "127.0.0.1", 7, 15,
                "IPv4 address of the same, where a port is set"},
        {"metrics_port", DM_CONF_U64, AT(metrics_port), "0", 0, 65535, "its port; 0: none"},
        {"period_s", DM_CONF_U64, AT(period_s), "3600", 60, 3600,
                "accounting period: a multiple of 60 that divides 3600; the workers' must be the same"},
        {"flush_ms", DM_CONF_U64, AT(flush_ms), "5000", 100, 60000, "how often what was taken goes into the ledger"},
        {"closers", DM_CONF_U64, AT(closers), "2", 1, DM_CLOSERS_MAX,
                "threads that make statements, each of its own accounts, with a connection each"},
        {"wait_s", DM_CONF_U64, AT(wait_s), "3600", 1, 30 * 86400,
                "how long after a period's end missing evidence is waited for before it is written off"},
        {"rows_max", DM_CONF_U64, AT(rows_max), "8388608", 1024, 1 << 28,
                "usage rows in memory, about 1 KiB each; one more stops the meter"},
        {"worker_rows_max", DM_CONF_U64, AT(worker_rows_max), "2097152", 1024, 1 << 28,
                "of these one worker's in one period: as many sandboxes, counted anew at each wake, as it can have "
                "had; "
                "frames with more are dead letters"},
        {"invoice_delay_s", DM_CONF_U64, AT(invoice_delay_s), "86400", 0, 30 * 86400,
                "how long after a month's end (UTC) it is invoiced, where every period of it is closed"},
        {"metrics_days", DM_CONF_U64, AT(metrics_days), "1", 0, 31,
                "days for which sandboxes' and projects' past metrics are kept, besides today's; 0: none are"},
        {"queue_mib", DM_CONF_U64, AT(queue_mib), "64", 1, 1024, "messages fetched ahead"},
        {"accept_gap", DM_CONF_BOOL, AT(accept_gap), "false", 0, 0,
                "go on at the oldest message where the stream no longer has the wanted one; else stop there"},
        {"accept_unsealed", DM_CONF_BOOL, AT(accept_unsealed), "false", 0, 0,
                "take usage frames without a seal of workers that never enrolled with a key, as before there were "
                "seals: "
                "for as long as some still run an older version, whose frames anybody at the broker can make up"},
};

const dm_conf_spec dm_meter_conf = {
        .program = "dormouse-meter",
        .summary = "reads usage off the stream, keeps the ledger, closes periods and signs statements",
        .rows = rows,
        .n = DM_LEN(rows),
};
