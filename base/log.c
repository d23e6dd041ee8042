#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"

/* A line is built on the stack and leaves in one write(2): no memory is needed to say that there is none, and lines of
 * several threads, or of several processes on one pipe, do not mix (4 KiB is PIPE_BUF). */
enum {
    LINE_MAX_BYTES = 4096,
    TAIL_BYTES = 16, /* what is kept back for the end: ,"cut":true} and the newline */
};

struct dm_log {
    int fd;
    enum dm_log_level least;
    const char *program;
    const dm_clock *clock;
    char *path, *older; /* of a file of its own; else NULL */
    size_t bytes, bytes_max;
};

int dm_log_new(int fd, const char *program, enum dm_log_level least, const dm_clock *clock, dm_log **out, dm_err *err)
{
    dm_log *l = malloc(sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a log");
    *l = (dm_log){.fd = fd, .least = least, .program = program, .clock = clock};
    *out = l;
    return 0;
}

static int open_file(const char *path, int *fd, size_t *bytes, dm_err *err)
{
    struct stat st;
    DM_AUTO_FD f = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f < 0 || fstat(f, &st) < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    *bytes = (size_t)st.st_size;
    *fd = dm_steal_fd(&f);
    return 0;
}

int dm_log_file_new(const char *path, size_t bytes_max, const char *program, enum dm_log_level least,
        const dm_clock *clock, dm_log **out, dm_err *err)
{
    dm_log *made;
    char older[PATH_MAX];
    int r = dm_path(older, sizeof(older), err, "%s.1", path);
    if (r == 0)
        r = dm_log_new(-1, program, least, clock, &made, err);
    if (r < 0)
        return r;
    DM_AUTO(dm_log) l = made;
    l->path = dm_str_dup(dm_str_c(path));
    l->older = dm_str_dup(dm_str_c(older));
    l->bytes_max = bytes_max;
    if (l->path == NULL || l->older == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a log");
    r = open_file(path, &l->fd, &l->bytes, err);
    if (r == 0)
        *out = dm_steal(&l);
    return r;
}

void dm_log_free(dm_log *l)
{
    if (l == NULL)
        return;
    if (l->path != NULL && l->fd >= 0)
        (void)close(l->fd);
    free(l->path);
    free(l->older);
    free(l);
}

/* Where no new file can be had, the old one is emptied: it is bounded whatever happens. */
static void make_room(dm_log *l, size_t more)
{
    int fd;
    if (l->path == NULL || l->bytes + more <= l->bytes_max) {
        l->bytes += more;
        return;
    }
    if (rename(l->path, l->older) == 0 && open_file(l->path, &fd, &l->bytes, NULL) == 0) {
        (void)close(l->fd);
        l->fd = fd;
    } else {
        (void)!ftruncate(l->fd, 0);
    }
    l->bytes = more;
}

static const char *level_name(enum dm_log_level level)
{
    switch (level) {
    case DM_DEBUG:
        return "debug";
    case DM_INFO:
        return "info";
    case DM_WARN:
        return "warn";
    case DM_ERROR:
        return "error";
    }
    return "unknown";
}

static void put_value(dm_jw *w, const dm_field *f)
{
    switch (f->type) {
    case DM_FIELD_STR:
        if (f->s.p != NULL)
            dm_jw_str(w, f->s);
        else
            dm_jw_null(w);
        return;
    case DM_FIELD_I64:
        dm_jw_i64(w, f->i);
        return;
    case DM_FIELD_U64:
        dm_jw_u64(w, f->u);
        return;
    case DM_FIELD_BOOL:
        dm_jw_bool(w, f->u != 0);
        return;
    }
}

/* Forgets what was appended since mark was taken: the writer and its buffer as they were. */
static void back_to(dm_jw *w, dm_jw mark, size_t len)
{
    *w = mark;
    w->b->len = len;
    w->b->failed = false;
    w->b->why = 0;
}

/* False when the field did not fit whole; of a string the front that fits is kept. A byte may need six in JSON, so the
 * front is found by halving. */
static bool put_field(dm_jw *w, const dm_field *f)
{
    const dm_jw mark = *w;
    const size_t len = w->b->len;
    dm_field part = *f;
    for (;;) {
        dm_jw_key(w, f->name);
        put_value(w, &part);
        if (!w->b->failed)
            return part.s.n == f->s.n;
        back_to(w, mark, len);
        if (f->type != DM_FIELD_STR || part.s.n < 16)
            return false;
        size_t room = w->b->cap - len;
        part.s.n = part.s.n / 2 < room ? part.s.n / 2 : room;
    }
}

static void send_line(int fd, dm_str line)
{
    /* A log that cannot be written has nobody left to tell. */
    while (write(fd, line.p, line.n) < 0 && errno == EINTR)
        continue;
}

void dm_log_write(dm_log *l, enum dm_log_level level, const char *event, const dm_field *fields, size_t n)
{
    if (l == NULL || level < l->least)
        return;
    char line[LINE_MAX_BYTES];
    /* A buffer whose room is there from the start never allocates: room is above cap. It is not to be freed. */
    dm_buf b = {.p = line, .room = sizeof(line), .cap = sizeof(line) - 1 - TAIL_BYTES};
    char ts[32];
    dm_rfc3339(dm_wall_us(l->clock), ts);

    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "ts", ts);
    dm_jw_kc(&w, "level", level_name(level));
    bool whole = put_field(&w, &(dm_field){.name = "program", .type = DM_FIELD_STR, .s = dm_str_c(l->program)});
    whole = whole && put_field(&w, &(dm_field){.name = "event", .type = DM_FIELD_STR, .s = dm_str_c(event)});
    for (size_t i = 0; whole && i < n; i++)
        whole = put_field(&w, &fields[i]);
    b.cap = sizeof(line) - 1;
    if (!whole)
        dm_jw_kbool(&w, "cut", true);
    dm_jw_end(&w);
    (void)dm_buf_ch(&b, '\n');
    make_room(l, b.len);
    send_line(l->fd, dm_buf_view(&b));
}

void dm_log_err(dm_log *l, enum dm_log_level level, const char *event, const dm_err *err)
{
    DM_LOG(l, level, event, dm_fs("code", dm_code_name(err->code)), dm_fi("sys", err->sys), dm_fs("message", err->msg));
}
