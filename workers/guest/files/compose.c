/* POST /files/compose: several files strung together into one, and then gone. Large ones take a while, so the copying
 * is done a slice a turn of the loop. The result is put together under a name of its own beside the destination and
 * renamed onto it when it is whole. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "workers/guest/files/files.h"
#include "workers/guest/limits.h"
#include "workers/guest/rpc/reply.h"
#include "workers/guest/who/path.h"

enum { REQUEST_MAX = 4 * 1024 * 1024, SLICE = 4 * 1024 * 1024 };

typedef struct request {
    json_t *sources;
    char *destination;
    char *username;
    bool has_username;
} request;

static const dm_json_field request_fields[] = {
        {"source_paths", DM_JSON_ARR, offsetof(request, sources), DM_JSON_NEED, 0, DM_COMPOSE_SOURCES_MAX},
        {"destination", DM_JSON_STR, offsetof(request, destination), DM_JSON_NEED, 1, DM_GUEST_PATH_MAX},
        {"username", DM_JSON_STR, offsetof(request, username), offsetof(request, has_username), 0, 256},
};

typedef struct compose {
    dm_guest *g;
    dm_x *x;
    dm_buf body;
    request req;
    dm_user user;
    dm_guest_path to, aside;
    int out, in;
    size_t next; /* source to be opened */
    bool answered, copying, posted, gone;
    dm_call call;
} compose;

static void compose_free(compose *c)
{
    assert(c->gone && !c->posted);
    dm_fd_closep(&c->in);
    dm_fd_closep(&c->out);
    if (c->aside.s[0] != '\0')
        (void)unlink(c->aside.s);
    dm_buf_done(&c->body);
    dm_json_done(request_fields, DM_LEN(request_fields), &c->req);
    free(c);
}

static void fail_with(compose *c, int status, const char *fmt, ...) DM_PRINTF(3, 4);

static void fail_with(compose *c, int status, const char *fmt, ...)
{
    char message[DM_GUEST_PATH_MAX + 128];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    c->answered = true;
    dm_reply_error(c->x, status, "%s", message);
}

static void fail_sys(compose *c, int sys, const char *path)
{
    if (sys == ENOSPC || sys == EDQUOT)
        fail_with(c, 507, "not enough disk space available");
    else if (sys == ENOENT)
        fail_with(c, 404, "path '%s' does not exist", path);
    else
        fail_with(c, 500, "'%s': %s", path, strerror(sys));
}

/* The n-th source's path; false after an answer. */
static bool source_path(compose *c, size_t n, dm_guest_path *out)
{
    dm_err err;
    const char *text = json_string_value(json_array_get(c->req.sources, n));
    if (text == NULL || dm_path_resolve(text, &c->user, c->g->identity.workdir, out, &err) != 0) {
        fail_with(c, 400, "source_paths must be an array of paths");
        return false;
    }
    return true;
}

/* Everything that can be known before the first byte is copied. */
static bool check(compose *c)
{
    dm_err err;
    char message[512];
    size_t n = json_array_size(c->req.sources);
    if (dm_guest_user(c->g, c->req.has_username ? c->req.username : NULL, &c->user, message, sizeof(message)) != 0) {
        fail_with(c, 401, "%s", message);
        return false;
    }
    if (n == 0) {
        fail_with(c, 400, "source_paths must not be empty");
        return false;
    }
    if (dm_path_resolve(c->req.destination, &c->user, c->g->identity.workdir, &c->to, &err) != 0) {
        fail_with(c, 400, "%s", err.msg);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        dm_guest_path from;
        struct stat st;
        if (!source_path(c, i, &from))
            return false;
        if (strcmp(from.s, c->to.s) == 0) {
            fail_with(c, 400, "the destination is also a source: '%s'", from.s);
            return false;
        }
        if (stat(from.s, &st) != 0) {
            fail_sys(c, errno, from.s);
            return false;
        }
        if (!S_ISREG(st.st_mode)) {
            fail_with(c, 400, "'%s' is not a regular file", from.s);
            return false;
        }
    }
    return true;
}

static bool open_aside(compose *c)
{
    dm_err err;
    struct stat st;
    if (stat(c->to.s, &st) == 0 && S_ISDIR(st.st_mode)) {
        fail_with(c, 500, "'%s' is a directory", c->to.s);
        return false;
    }
    if (dm_path_make_parents(c->to.s, &c->user, &err) != 0) {
        fail_sys(c, err.sys == ENOENT ? EIO : err.sys, c->to.s);
        return false;
    }
    int n = snprintf(c->aside.s, sizeof(c->aside.s), "%s.XXXXXX", c->to.s);
    c->out = n > 0 && (size_t)n < sizeof(c->aside.s) ? mkostemp(c->aside.s, O_CLOEXEC) : (errno = ENAMETOOLONG, -1);
    if (c->out < 0) {
        c->aside.s[0] = '\0';
        fail_sys(c, errno, c->to.s);
        return false;
    }
    if (fchmod(c->out, 0644) != 0 || (fchown(c->out, c->user.uid, c->user.gid) != 0 && geteuid() == 0)) {
        fail_sys(c, errno, c->to.s);
        return false;
    }
    return true;
}

static void finish(compose *c)
{
    if (rename(c->aside.s, c->to.s) != 0) {
        fail_sys(c, errno == ENOENT ? EIO : errno, c->to.s);
        return;
    }
    c->aside.s[0] = '\0';
    for (size_t i = 0; i < c->next; i++) {
        dm_guest_path from;
        if (source_path(c, i, &from))
            (void)unlink(from.s); /* one that came twice is gone already */
    }
    dm_str name;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64 * 1024);
    dm_jw w;
    name.p = dm_path_base(c->to.s, &name.n);
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "path", c->to.s);
    dm_jw_kstr(&w, "name", name);
    dm_jw_kc(&w, "type", "file");
    dm_jw_end(&w);
    c->answered = true;
    dm_reply_json(c->x, &b);
}

/* Copies a slice. True: there is more to do. */
static bool step(compose *c)
{
    if (c->in < 0) {
        dm_guest_path from;
        if (c->next == json_array_size(c->req.sources)) {
            finish(c);
            return false;
        }
        if (!source_path(c, c->next, &from))
            return false;
        c->in = open(from.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (c->in < 0) {
            fail_sys(c, errno, from.s);
            return false;
        }
        c->next++;
    }
    ssize_t n = sendfile(c->out, c->in, NULL, SLICE);
    if (n < 0 && errno != EINTR) {
        fail_sys(c, errno == ENOENT ? EIO : errno, c->to.s);
        return false;
    }
    if (n == 0)
        dm_fd_closep(&c->in);
    return true;
}

static void run(void *arg)
{
    compose *c = arg;
    c->posted = false;
    if (c->gone) {
        compose_free(c);
        return;
    }
    if (!step(c))
        return;
    c->posted = true;
    c->call = (dm_call){.fn = run, .arg = c};
    dm_loop_post(c->g->loop, &c->call);
}

static void on_body(void *h, dm_str piece)
{
    compose *c = h;
    if (c->answered)
        return;
    if (!dm_x_charge(c->x, piece.n) || dm_buf_str(&c->body, piece) != 0)
        fail_with(c, 400, "the request is too large");
}

static void on_end(void *h)
{
    compose *c = h;
    dm_err err;
    DM_AUTO(json_t) tree = NULL;
    if (c->answered)
        return;
    if (dm_json_load(dm_buf_view(&c->body), REQUEST_MAX, &tree, &err) != 0 ||
            dm_json_decode(tree, request_fields, DM_LEN(request_fields), &c->req, &err) != 0) {
        fail_with(c, 400, "invalid request: %s", err.msg);
        return;
    }
    if (check(c) && open_aside(c))
        run(c);
}

static void on_gone(void *h)
{
    compose *c = h;
    c->gone = true;
    if (!c->posted)
        compose_free(c);
}

static const dm_handler handler = {.body = on_body, .end = on_end, .gone = on_gone};

void dm_files_compose(dm_guest *g, dm_x *x, const dm_user *basic)
{
    (void)basic;
    compose *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        dm_reply_error(x, 500, "out of memory");
        return;
    }
    c->g = g;
    c->x = x;
    c->in = c->out = -1;
    dm_buf_init(&c->body, REQUEST_MAX);
    dm_x_handle(x, &handler, c);
}
