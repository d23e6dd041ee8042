/* base/log.h: one JSON object a line, with a stable event name and typed fields. The sink is passed in, no
 * globals. Libraries return errors; a daemon logs one once, where it ends. Never a token, a key or a body.
 *
 *     DM_LOG(log, DM_INFO, "sandbox.woken", dm_fs("sandbox", id.s), dm_fu("ms", took));
 *
 * Thread-safe: each line goes out in one write(2). A line longer than 4 KiB loses its tail and says so. */
#ifndef DM_BASE_LOG_H
#define DM_BASE_LOG_H

#include "base/clock.h"
#include "base/str.h"

enum dm_log_level { DM_DEBUG, DM_INFO, DM_WARN, DM_ERROR };

typedef struct dm_log dm_log;

typedef struct dm_field {
    const char *name;
    enum { DM_FIELD_STR, DM_FIELD_I64, DM_FIELD_U64, DM_FIELD_BOOL } type;
    dm_str s;
    int64_t i;
    uint64_t u;
} dm_field;

static inline DM_UNUSED dm_field dm_fs(const char *name, const char *z)
{
    return (dm_field){.name = name, .type = DM_FIELD_STR, .s = dm_str_c(z)};
}

static inline DM_UNUSED dm_field dm_fv(const char *name, dm_str s)
{
    return (dm_field){.name = name, .type = DM_FIELD_STR, .s = s};
}

static inline DM_UNUSED dm_field dm_fi(const char *name, int64_t i)
{
    return (dm_field){.name = name, .type = DM_FIELD_I64, .i = i};
}

static inline DM_UNUSED dm_field dm_fu(const char *name, uint64_t u)
{
    return (dm_field){.name = name, .type = DM_FIELD_U64, .u = u};
}

static inline DM_UNUSED dm_field dm_fb(const char *name, bool b)
{
    return (dm_field){.name = name, .type = DM_FIELD_BOOL, .u = b};
}

/* fd is borrowed (2 for a daemon under a supervisor); program too, for the log's life, and stands on every line. */
int dm_log_new(int fd, const char *program, enum dm_log_level least, const dm_clock *clock, dm_log **out,
        dm_err *err) DM_NODISCARD;
/* Into a file of mode 0600 that stays small: what would make it larger than bytes_max begins it anew, and the lines so
 * far are in PATH.1, whose older ones go. Two files at most; of one thread. */
int dm_log_file_new(const char *path, size_t bytes_max, const char *program, enum dm_log_level least,
        const dm_clock *clock, dm_log **out, dm_err *err) DM_NODISCARD;
void dm_log_free(dm_log *l);
DM_DEFINE_FREEP(dm_log)

/* log may be NULL: then nothing happens. */
void dm_log_write(dm_log *l, enum dm_log_level level, const char *event, const dm_field *fields, size_t n);

#define DM_LOG(log, level, event, ...)                                                                                 \
    dm_log_write((log), (level), (event), (const dm_field[]){{.name = NULL}, ##__VA_ARGS__} + 1,                       \
            sizeof((const dm_field[]){{.name = NULL}, ##__VA_ARGS__}) / sizeof(dm_field) - 1)

/* An error where it ends: event with fields code, sys, message. */
void dm_log_err(dm_log *l, enum dm_log_level level, const char *event, const dm_err *err);

#endif
