/* base/conf.h: one table makes a program's parser, its checks, its --help, its --dump and its page of documentation. A
 * configuration file has lines `name = value`; `#` begins a comment at the start of a line or after a blank. The result
 * is a plain struct, filled whole or not at all. */
#ifndef DM_BASE_CONF_H
#define DM_BASE_CONF_H

#include "base/log.h"

enum dm_conf_type {
    DM_CONF_STR,  /* char *, malloc'd; min..max bound its length */
    DM_CONF_U64,  /* uint64_t within min..max */
    DM_CONF_BOOL, /* bool */
};

typedef struct dm_conf_row {
    const char *name;
    enum dm_conf_type type;
    size_t offset;
    const char *def; /* NULL: must be given */
    uint64_t min, max;
    const char *help;
} dm_conf_row;

typedef struct dm_conf_spec {
    const char *program;
    const char *summary;
    const dm_conf_row *rows;
    size_t n;
} dm_conf_spec;

enum { DM_CONF_EXIT = 1 }; /* --help, --docs or --dump was answered on stdout: leave with status 0 */

/* Reads argv: --config FILE, --set NAME=VALUE (wins over the file, may repeat, the last counts), --help, --docs,
 * --dump. Unknown names, doubled names and values out of bounds are DM_E_INVALID with file and line. On 0 *out is
 * filled; free with dm_conf_done. */
int dm_conf_main(const dm_conf_spec *spec, int argc, char **argv, void *out, dm_err *err) DM_NODISCARD;

/* The same from text (at most 1 MiB); name stands in messages. */
int dm_conf_parse(const dm_conf_spec *spec, dm_str text, const char *name, void *out, dm_err *err) DM_NODISCARD;
void dm_conf_done(const dm_conf_spec *spec, void *conf);

#endif
