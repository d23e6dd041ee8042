#include "metering/export/data/config.h"

#include <stddef.h>

#define AT(member) offsetof(dm_export_config, member)

static const dm_conf_row rows[] = {
        {"db", DM_CONF_STR, AT(db), NULL, 1, 1000, "database, as libpq has it, of role dm_export"},
        {"folder", DM_CONF_STR, AT(folder), NULL, 1, 200, "where files are kept; the API reads it"},
        {"print", DM_CONF_STR, AT(print), NULL, 1, 200, "the program dormouse-print"},
        {"threads", DM_CONF_U64, AT(threads), "2", 1, DM_EXPORT_THREADS_MAX,
                "exports at once, each of another account, with two connections each"},
        {"keep_h", DM_CONF_U64, AT(keep_h), "168", 1, 8760, "how long a file is kept"},
        {"file_mib", DM_CONF_U64, AT(file_mib), "8192", 1, 1 << 20, "how large one may become; more is refused"},
        {"delivery_key_file", DM_CONF_STR, AT(delivery_key_file), "", 0, 200,
                "file of the key that secrets of customers' buckets are sealed with: 64 hex digits, mode 0600; the "
                "API's "
                "must be the same; empty: nothing is put into buckets"},
        {"delivery_threads", DM_CONF_U64, AT(delivery_threads), "2", 1, DM_EXPORT_THREADS_MAX,
                "files at once that are put into buckets, with two connections each"},
        {"delivery_loopback", DM_CONF_BOOL, AT(delivery_loopback), "false", 0, 0,
                "a bucket may be on this machine, over http: for tests"},
};

const dm_conf_spec dm_export_conf = {
        .program = "dormouse-export",
        .summary = "writes what accounts' people have asked for into files: charges line by line, documents",
        .rows = rows,
        .n = DM_LEN(rows),
};
