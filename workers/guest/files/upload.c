/* POST /files. The calls on a new file are exactly create, chown, write, and one write for a small body, because
 * watchers see them: so bytes are staged, and the file is made when the first of them are written. There is no writing
 * aside and renaming for the same reason; what a broken upload has brought stays behind. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"

#include "workers/guest/files/files.h"
#include "workers/guest/files/metadata.h"
#include "workers/guest/http/multipart.h"
#include "workers/guest/http/squeeze.h"
#include "workers/guest/limits.h"
#include "workers/guest/rpc/reply.h"
#include "workers/guest/who/path.h"

enum { STAGE = 64 * 1024, ANSWER_MAX = 16 * 1024 * 1024, MIB = 1024 * 1024 };

typedef struct upload {
    dm_guest *g;
    dm_x *x;
    dm_user user;
    dm_message memory; /* of the metadata and the paths */
    dm_pairs metadata;
    char *path; /* of the query, or NULL */
    dm_gunzip *gunzip;
    bool is_multipart;
    dm_multipart multipart;
    bool answered;
    bool ours;         /* the part under way is a file's */
    int status;        /* of a failure under way: what to answer */
    const char **done; /* paths of the files written */
    size_t done_n;
    dm_guest_path to;
    int fd;
    bool made; /* fd has been opened for this file */
    dm_buf stage;
} upload;

static void answer_error(upload *u, int status, const char *message)
{
    if (u->answered)
        return;
    u->answered = true;
    dm_reply_error(u->x, status, "%s", message);
}

/* Sets the status the failure will be answered with; the first one counts. */
static int failed(upload *u, int status, dm_err *err, const char *fmt, ...) DM_PRINTF(4, 5);

static int failed(upload *u, int status, dm_err *err, const char *fmt, ...)
{
    char message[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    u->status = status;
    return dm_fail(err, DM_E_IO, "%s", message);
}

/* A full disk is the one failure whose cure we know. */
static int failed_sys(upload *u, int sys, dm_err *err, const char *what)
{
    struct statvfs fs;
    if (sys != ENOSPC && sys != EDQUOT)
        return failed(u, 500, err, "%s '%s': %s", what, u->to.s, strerror(sys));
    unsigned long long used = 0, total = 0;
    if (statvfs("/", &fs) == 0) {
        total = (unsigned long long)fs.f_blocks * fs.f_frsize / MIB;
        used = (unsigned long long)(fs.f_blocks - fs.f_bavail) * fs.f_frsize / MIB;
    }
    (void)failed(u, 507, err,
            "not enough disk space available: %llu of %llu MiB are used; du -x -d 2 / shows where, or choose a larger"
            " disk",
            used, total);
    dm_guest_say(u->g, "error", err->msg);
    return err->code;
}

/* --- one file ----------------------------------------------------------------------------------------------- */

static int begin_file(upload *u, const char *path, dm_err *err)
{
    struct stat st;
    if (dm_path_resolve(path, &u->user, u->g->identity.workdir, &u->to, err) != 0) {
        u->status = 400;
        return DM_E_INVALID;
    }
    for (size_t i = 0; i < u->done_n; i++)
        if (strcmp(u->done[i], u->to.s) == 0)
            return failed(u, 400, err, "you cannot upload multiple files to the same path '%s'", u->to.s);
    if (u->done_n == DM_UPLOAD_FILES_MAX)
        return failed(u, 400, err, "more than %d files in one request", DM_UPLOAD_FILES_MAX);
    if (stat(u->to.s, &st) == 0 && S_ISDIR(st.st_mode))
        return failed(u, 400, err, "path is a directory: '%s'", u->to.s);
    if (dm_path_make_parents(u->to.s, &u->user, err) != 0)
        return err->sys == ENOSPC || err->sys == EDQUOT ? failed_sys(u, err->sys, err, "make parents of")
                                                        : (u->status = 500, DM_E_IO);
    dm_buf_reset(&u->stage);
    u->made = false;
    return 0;
}

/* Root owns nothing of a native run by somebody else, and cannot give it away either. */
static bool own_failed(int r)
{
    return r != 0 && !(errno == EPERM && geteuid() != 0);
}

static int make_file(upload *u, dm_err *err)
{
    struct stat st;
    bool exists = stat(u->to.s, &st) == 0;
    if (exists && own_failed(chown(u->to.s, u->user.uid, u->user.gid)))
        return failed_sys(u, errno, err, "own");
    u->fd = open(u->to.s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (u->fd < 0)
        return failed_sys(u, errno, err, "open");
    u->made = true;
    if (!exists && own_failed(fchown(u->fd, u->user.uid, u->user.gid)))
        return failed_sys(u, errno, err, "own");
    return 0;
}

static int write_out(upload *u, dm_str bytes, dm_err *err)
{
    int r = u->made ? 0 : make_file(u, err);
    if (r < 0 || bytes.n == 0)
        return r;
    return dm_write_all(u->fd, bytes.p, bytes.n, err) == 0 ? 0 : failed_sys(u, err->sys, err, "write");
}

static int flush(upload *u, dm_err *err)
{
    int r = write_out(u, dm_buf_view(&u->stage), err);
    dm_buf_reset(&u->stage);
    return r;
}

static int file_data(upload *u, dm_str bytes, dm_err *err)
{
    if (u->stage.len + bytes.n <= STAGE)
        return dm_buf_str(&u->stage, bytes) == 0 ? 0 : failed(u, 500, err, "out of memory");
    int r = flush(u, err);
    return r < 0 ? r : write_out(u, bytes, err);
}

static int end_file(upload *u, dm_err *err)
{
    int r = flush(u, err);
    assert(r < 0 || (u->made && u->fd >= 0));
    if (r == 0 && dm_metadata_replace(u->fd, &u->metadata, err) != 0)
        r = failed_sys(u, err->sys == E2BIG ? ENOSPC : err->sys, err, "set metadata of");
    dm_fd_closep(&u->fd);
    if (r < 0)
        return r;
    if (u->done == NULL)
        u->done = dm_message_alloc(&u->memory, DM_UPLOAD_FILES_MAX * sizeof(*u->done));
    char *path = dm_message_alloc(&u->memory, strlen(u->to.s) + 1);
    if (u->done == NULL || path == NULL)
        return failed(u, 500, err, "out of memory");
    assert(u->done_n < DM_UPLOAD_FILES_MAX);
    memcpy(path, u->to.s, strlen(u->to.s));
    u->done[u->done_n++] = path;
    return 0;
}

/* --- the body ----------------------------------------------------------------------------------------------- */

static int part_begin(void *arg, const dm_part *part, dm_err *err)
{
    upload *u = arg;
    u->ours = dm_str_eq_c(part->name, "file");
    if (!u->ours)
        return 0;
    if (u->path != NULL)
        return begin_file(u, u->path, err);
    DM_AUTO_MEM char *name = dm_str_dup(part->filename);
    return name != NULL ? begin_file(u, name, err) : failed(u, 500, err, "out of memory");
}

static int part_data(void *arg, dm_str bytes, dm_err *err)
{
    upload *u = arg;
    return u->ours ? file_data(u, bytes, err) : 0;
}

static int part_end(void *arg, dm_err *err)
{
    upload *u = arg;
    bool ours = u->ours;
    u->ours = false;
    return ours ? end_file(u, err) : 0;
}

static const dm_multipart_calls part_calls = {part_begin, part_data, part_end};

static int plain_data(void *arg, dm_str bytes, dm_err *err)
{
    upload *u = arg;
    return u->is_multipart ? dm_multipart_feed(&u->multipart, bytes, err) : file_data(u, bytes, err);
}

static void finish_failed(upload *u, const dm_err *err)
{
    /* What neither a file nor the system refused is a body that is not what it says. */
    int status = u->status != 0 ? u->status : err->code == DM_E_INVALID ? 400 : 500;
    answer_error(u, status, err->msg);
}

static void on_body(void *h, dm_str piece)
{
    upload *u = h;
    dm_err err = {.code = 0};
    if (u->answered)
        return;
    int r = u->gunzip != NULL ? dm_gunzip_feed(u->gunzip, piece, plain_data, u, &err) : plain_data(u, piece, &err);
    if (r < 0)
        finish_failed(u, &err);
}

static void answer(upload *u)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, ANSWER_MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_arr(&w);
    for (size_t i = 0; i < u->done_n; i++) {
        dm_str name;
        name.p = dm_path_base(u->done[i], &name.n);
        dm_jw_obj(&w);
        dm_jw_kc(&w, "path", u->done[i]);
        dm_jw_kstr(&w, "name", name);
        dm_jw_kc(&w, "type", "file");
        if (u->metadata.n > 0) {
            dm_jw_key(&w, "metadata");
            dm_jw_obj(&w);
            for (size_t j = 0; j < u->metadata.n; j++)
                dm_jw_kc(&w, u->metadata.v[j].key, u->metadata.v[j].value);
            dm_jw_end(&w);
        }
        dm_jw_end(&w);
    }
    dm_jw_arr_end(&w);
    u->answered = true;
    dm_x_field(u->x, "Content-Type", "text/plain; charset=utf-8");
    dm_x_reply(u->x, 200, dm_buf_view(&b));
}

static void on_end(void *h)
{
    upload *u = h;
    dm_err err = {.code = 0};
    if (u->answered)
        return;
    int r = 0;
    if (u->gunzip != NULL && !dm_gunzip_whole(u->gunzip))
        r = failed(u, 500, &err, "gzip: cut short");
    else if (u->is_multipart && !dm_multipart_whole(&u->multipart))
        r = failed(u, 500, &err, "multipart: cut short");
    else if (!u->is_multipart)
        r = end_file(u, &err);
    if (r < 0)
        finish_failed(u, &err);
    else
        answer(u);
}

static void on_gone(void *h)
{
    upload *u = h;
    dm_err err;
    /* Cut off: what has come stays behind. */
    if (!u->answered && (!u->is_multipart || u->ours) && u->to.s[0] != '\0')
        (void)!flush(u, &err);
    dm_fd_closep(&u->fd);
    dm_gunzip_free(u->gunzip);
    if (u->is_multipart)
        dm_multipart_done(&u->multipart);
    dm_buf_done(&u->stage);
    dm_message_done(&u->memory);
    free(u->path);
    free(u);
}

static const dm_handler handler = {.body = on_body, .end = on_end, .gone = on_gone};

/* --- the head ----------------------------------------------------------------------------------------------- */

static bool read_coding(upload *u)
{
    dm_str coding = dm_head_value(dm_x_head(u->x), "content-encoding");
    dm_err err;
    if (coding.n == 0 || dm_str_ieq_c(coding, "identity"))
        return true;
    if (!dm_str_ieq_c(coding, "gzip")) {
        answer_error(u, 400, "unsupported Content-Encoding");
        return false;
    }
    if (dm_gunzip_new(&u->gunzip, &err) == 0)
        return true;
    answer_error(u, 500, err.msg);
    return false;
}

static bool read_content_type(upload *u)
{
    dm_str value = dm_head_value(dm_x_head(u->x), "content-type"), type;
    char boundary[DM_BOUNDARY_MAX + 1];
    bool charset;
    dm_err err;
    dm_connect_content_type(value, &type, &charset);
    if (dm_str_ieq_c(type, "application/octet-stream")) {
        if (u->path == NULL) {
            answer_error(u, 400, "path is required for application/octet-stream");
            return false;
        }
        if (begin_file(u, u->path, &err) == 0)
            return true;
        finish_failed(u, &err);
        return false;
    }
    if (type.n < 10 || !dm_str_ieq_c((dm_str){type.p, 10}, "multipart/")) {
        answer_error(u, 400, "the Content-Type must be multipart/form-data or application/octet-stream");
        return false;
    }
    if (!dm_multipart_boundary(value, boundary) ||
            dm_multipart_init(&u->multipart, dm_str_c(boundary), &part_calls, u, &err) != 0) {
        answer_error(u, 500, "multipart: no usable boundary");
        return false;
    }
    u->is_multipart = true;
    return true;
}

void dm_files_post(dm_guest *g, dm_x *x, const dm_user *basic)
{
    (void)basic;
    dm_err err;
    if (!dm_files_authorized(g, x, DM_LINK_WRITE))
        return;
    upload *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        dm_reply_error(x, 500, "out of memory");
        return;
    }
    *u = (upload){.g = g, .x = x, .fd = -1};
    dm_buf_init(&u->stage, STAGE);
    dm_x_handle(x, &handler, u);
    if (!read_coding(u))
        return;
    if (!dm_files_user(g, x, &u->user)) {
        u->answered = true;
        return;
    }
    int r = dm_metadata_from_head(dm_x_head(x), &u->memory, &u->metadata, &err);
    if (r < 0) {
        answer_error(u, r == DM_E_INVALID ? 400 : 500, err.msg);
        return;
    }
    if (dm_query_get(dm_x_head(x)->query, "path", &u->path, &err) < 0) {
        answer_error(u, 500, err.msg);
        return;
    }
    (void)read_content_type(u);
}
