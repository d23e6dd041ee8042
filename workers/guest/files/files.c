#include "workers/guest/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/guest/files/auth.h"
#include "workers/guest/http/negotiate.h"
#include "workers/guest/http/squeeze.h"
#include "workers/guest/rpc/reply.h"
#include "workers/guest/who/path.h"

enum { SMALL = 64 * 1024, SNIFF = 512, DISPOSITION_MAX = 2048 };

/* --- common to the file routes ------------------------------------------------------------------------------ */

bool dm_files_authorized(dm_guest *g, dm_x *x, dm_link_act act)
{
    const char *why = "";
    int status = dm_auth_file(dm_x_head(x), g->identity.token, act, dm_second_of(dm_wall_us(g->clock)), &why);
    if (status == 0)
        return true;
    if (status == 400)
        dm_reply_text(x, status, why);
    else
        dm_reply_error(x, status, "%s", why);
    return false;
}

bool dm_files_user(dm_guest *g, dm_x *x, dm_user *out)
{
    DM_AUTO_MEM char *name = NULL;
    char message[512];
    if (dm_query_get(dm_x_head(x)->query, "username", &name, NULL) < 0) {
        dm_reply_error(x, 500, "out of memory");
        return false;
    }
    if (dm_guest_user(g, name, out, message, sizeof(message)) == 0)
        return true;
    dm_reply_error(x, 401, "%s", message);
    return false;
}

/* --- pouring: files whose size nobody knows, and compressed ones -------------------------------------------- */

typedef struct pour {
    dm_x *x;
    int fd;
    dm_gzip *gzip; /* NULL: as they are */
} pour;

static void pour_more(void *h)
{
    pour *p = h;
    char bytes[SMALL];
    while (!dm_x_full(p->x)) { /* and then room() is asked for */
        ssize_t n = read(p->fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) { /* EAGAIN: a log of the kernel's that has no more for now */
            dm_x_abort(p->x);
            return;
        }
        dm_str piece = {bytes, n > 0 ? (size_t)n : 0};
        if (p->gzip == NULL) {
            dm_x_write(p->x, piece);
        } else {
            DM_AUTO_BUF b;
            dm_buf_init(&b, 2 * SMALL + 65536);
            if (dm_gzip_feed(p->gzip, piece, n <= 0, &b, NULL) != 0) {
                dm_x_abort(p->x);
                return;
            }
            dm_x_write(p->x, dm_buf_view(&b));
        }
        if (n <= 0) {
            dm_x_finish(p->x);
            return;
        }
    }
    dm_x_flush(p->x);
}

static void pour_gone(void *h)
{
    pour *p = h;
    dm_gzip_free(p->gzip);
    free(p);
}

static const dm_handler pour_handler = {.room = pour_more, .gone = pour_gone};

/* fd moves. first: what was read of it already. */
static void start_pour(dm_x *x, int fd, bool gzip, dm_str first)
{
    pour *p = calloc(1, sizeof(*p));
    dm_x_keep_fd(x, fd);
    if (p == NULL || (gzip && dm_gzip_new(&p->gzip, NULL) != 0)) {
        free(p);
        dm_reply_error(x, 500, "out of memory");
        return;
    }
    p->x = x;
    p->fd = fd;
    dm_x_handle(x, &pour_handler, p);
    dm_x_stream(x, 200);
    dm_x_write(x, first);
    pour_more(p);
}

/* --- GET /files --------------------------------------------------------------------------------------------- */

typedef struct download {
    dm_x *x;
    const char *path;
    dm_str name;
    struct stat st;
} download;

/* What every successful answer says. */
static void describe(const download *d, const char *type)
{
    DM_AUTO_BUF disposition;
    dm_buf_init(&disposition, DISPOSITION_MAX);
    dm_content_disposition(&disposition, d->name);
    dm_x_field(d->x, "Vary", "Accept-Encoding");
    if (type != NULL)
        dm_x_field(d->x, "Content-Type", "%s", type);
    dm_x_field(d->x, "Content-Disposition", "%s", disposition.len > 0 ? disposition.p : "inline");
}

static void describe_plain(const download *d)
{
    char date[40];
    dm_http_date(d->st.st_mtim.tv_sec, date);
    dm_x_field(d->x, "Accept-Ranges", "bytes");
    dm_x_field(d->x, "Last-Modified", "%s", date);
}

static void send_parts(const download *d, const char *type, int fd, const dm_range *r, size_t n)
{
    unsigned long long size = (unsigned long long)d->st.st_size;
    describe_plain(d);
    dm_x_keep_fd(d->x, fd);
    if (n == 1) {
        describe(d, type);
        dm_x_field(d->x, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)r[0].from,
                (unsigned long long)(r[0].from + r[0].length - 1), size);
        dm_x_parts(d->x, 206, r[0].length);
        dm_x_part_file(d->x, fd, (off_t)r[0].from, r[0].length);
        dm_x_finish(d->x);
        return;
    }
    /* The separator must not stand in the file. Ours is long and ends in the file's own numbers; a file made to hold it
     * fools nobody but its reader. */
    char mark[80], part[DM_RANGES_MAX][320], last[100];
    uint64_t total = 0;
    (void)snprintf(mark, sizeof(mark), "dormouse-part-%016llx%016llx", (unsigned long long)d->st.st_ino * 0x9e3779b9u,
            (unsigned long long)d->st.st_mtim.tv_nsec * 0x85ebca6bu + size);
    for (size_t i = 0; i < n; i++) {
        int len = snprintf(part[i], sizeof(part[i]),
                "%s--%s\r\nContent-Range: bytes %llu-%llu/%llu\r\nContent-Type: %s\r\n\r\n", i > 0 ? "\r\n" : "", mark,
                (unsigned long long)r[i].from, (unsigned long long)(r[i].from + r[i].length - 1), size, type);
        total += (uint64_t)len + r[i].length;
    }
    total += (uint64_t)snprintf(last, sizeof(last), "\r\n--%s--\r\n", mark);
    describe(d, NULL);
    dm_x_field(d->x, "Content-Type", "multipart/byteranges; boundary=%s", mark);
    dm_x_parts(d->x, 206, total);
    for (size_t i = 0; i < n; i++) {
        dm_x_part_text(d->x, dm_str_c(part[i]));
        dm_x_part_file(d->x, fd, (off_t)r[i].from, r[i].length);
    }
    dm_x_part_text(d->x, dm_str_c(last));
    dm_x_finish(d->x);
}

static void send_whole(const download *d, const char *type, int fd)
{
    uint64_t size = (uint64_t)d->st.st_size;
    char bytes[SMALL];
    size_t n = 0;
    describe_plain(d);
    describe(d, type);
    if (size <= SMALL && dm_pread_all(fd, bytes, (size_t)size, 0, &n, NULL) == 0 && n == size) {
        (void)close(fd);
        dm_x_reply(d->x, 200, (dm_str){bytes, n});
        return;
    }
    dm_x_keep_fd(d->x, fd);
    dm_x_parts(d->x, 200, size);
    dm_x_part_file(d->x, fd, 0, size);
    dm_x_finish(d->x);
}

/* A file that says it is empty: true of most, not of those the kernel makes up while they are read. */
static void send_unsized(download *d, int fd)
{
    char bytes[SMALL];
    size_t have = 0;
    bool over = false;
    while (have < sizeof(bytes) && !over) {
        ssize_t n = read(fd, bytes + have, sizeof(bytes) - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && have == 0) {
            (void)close(fd);
            dm_reply_error(d->x, 500, "error reading '%s': %s", d->path, strerror(errno));
            return;
        }
        over = n <= 0;
        have += n > 0 ? (size_t)n : 0;
    }
    dm_str first = {bytes, have};
    describe(d, dm_content_type(d->name, (dm_str){bytes, have < SNIFF ? have : SNIFF}));
    if (over) {
        (void)close(fd);
        if (have == 0)
            describe_plain(d);
        dm_x_reply(d->x, 200, first);
    } else {
        start_pour(d->x, fd, false, first);
    }
}

static void send_plain(dm_guest *g, download *d, int fd)
{
    (void)g;
    const dm_head *h = dm_x_head(d->x);
    char first[SNIFF];
    size_t n = 0;
    bool ranges = false;
    int status = dm_negotiate_conditions(h, d->st.st_mtim.tv_sec, &ranges);
    if (status != 0) {
        (void)close(fd);
        describe_plain(d);
        dm_x_field(d->x, "Vary", "Accept-Encoding");
        dm_x_reply_none(d->x, status);
        return;
    }
    if (d->st.st_size == 0) {
        send_unsized(d, fd);
        return;
    }
    if (dm_pread_all(fd, first, sizeof(first), 0, &n, NULL) != 0)
        n = 0; /* the real read will say what is wrong */
    const char *type = dm_content_type(d->name, (dm_str){first, n});
    dm_range r[DM_RANGES_MAX];
    size_t parts = 0;
    dm_str header = ranges ? dm_head_value(h, "range") : DM_STR("");
    switch (dm_negotiate_range(header, (uint64_t)d->st.st_size, r, &parts)) {
    case DM_RANGE_WHOLE:
        send_whole(d, type, fd);
        return;
    case DM_RANGE_PARTS:
        send_parts(d, type, fd, r, parts);
        return;
    case DM_RANGE_NONE:
        dm_x_field(d->x, "Content-Range", "bytes */%llu", (unsigned long long)d->st.st_size);
        break;
    case DM_RANGE_MALFORMED:
        break;
    }
    (void)close(fd);
    dm_reply_text(d->x, 416, "invalid range");
}

/* Opened for reading, or -1 after an answer. */
static int open_for_reading(download *d)
{
    int sys = stat(d->path, &d->st) == 0 ? 0 : errno;
    if (sys == 0 && S_ISDIR(d->st.st_mode)) {
        dm_reply_error(d->x, 400, "path '%s' is a directory", d->path);
        return -1;
    }
    if (sys == 0 && !S_ISREG(d->st.st_mode)) {
        dm_reply_error(d->x, 400, "path '%s' is not a regular file", d->path);
        return -1;
    }
    /* Not to be kept waiting by a log of the kernel's. */
    int fd = sys == 0 ? open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    sys = sys == 0 && fd < 0 ? errno : sys;
    if (fd >= 0 && fstat(fd, &d->st) == 0 && S_ISREG(d->st.st_mode))
        return fd;
    if (fd >= 0)
        (void)close(fd);
    if (sys == ENOENT)
        dm_reply_error(d->x, 404, "path '%s' does not exist", d->path);
    else
        dm_reply_error(d->x, 500, "error opening '%s': %s", d->path, strerror(sys));
    return -1;
}

void dm_files_get(dm_guest *g, dm_x *x, const dm_user *basic)
{
    (void)basic;
    dm_user user;
    dm_guest_path path;
    dm_err err;
    DM_AUTO_MEM char *asked = NULL;
    if (!dm_files_authorized(g, x, DM_LINK_READ) || !dm_files_user(g, x, &user))
        return;
    if (dm_query_get(dm_x_head(x)->query, "path", &asked, NULL) < 0) {
        dm_reply_error(x, 500, "out of memory");
        return;
    }
    if (dm_path_resolve(asked != NULL ? asked : "", &user, g->identity.workdir, &path, &err) != 0) {
        dm_reply_error(x, 400, "%s", err.msg);
        return;
    }
    download d = {.x = x, .path = path.s};
    d.name.p = dm_path_base(path.s, &d.name.n);
    int fd = open_for_reading(&d);
    if (fd < 0)
        return;
    switch (dm_negotiate_coding(dm_x_head(x))) {
    case DM_CODING_IDENTITY:
        send_plain(g, &d, fd);
        return;
    case DM_CODING_GZIP:
        describe(&d, dm_content_type_by_name(d.name));
        dm_x_field(x, "Content-Encoding", "gzip");
        start_pour(x, fd, true, DM_STR(""));
        return;
    case DM_CODING_NONE:
        (void)close(fd);
        dm_reply_error(x, 406, "no acceptable encoding found");
        return;
    }
}
