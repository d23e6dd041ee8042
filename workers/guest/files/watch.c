#include "workers/guest/files/watch.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/map.h"

#include "workers/guest/files/entry.h"
#include "workers/guest/who/path.h"

enum { BATCH = 16 * 1024, DEPTH_MAX = 128 };

static const uint32_t mask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

typedef struct dir {
    int wd;
    char rel[]; /* below the root; "" is the root */
} dir;

struct dm_watcher {
    int fd;
    bool recursive;
    dm_map dirs; /* by wd */
    char *root;
};

/* --- directories -------------------------------------------------------------------------------------------- */

static void drop(dm_watcher *w, dir *d)
{
    (void)dm_map_remove(&w->dirs, d);
    free(d);
}

static int join(const dm_watcher *w, const char *rel, char *out, size_t size)
{
    return dm_path(out, size, NULL, "%s%s%s", w->root, rel[0] != '\0' ? "/" : "", rel);
}

/* 1: it was armed already. */
static int arm(dm_watcher *w, const char *rel, dm_err *err)
{
    char path[DM_GUEST_PATH_MAX];
    if (join(w, rel, path, sizeof(path)) != 0)
        return dm_fail_sys(err, ENAMETOOLONG, "'%s'", rel);
    int r = dm_map_reserve(&w->dirs, "directories", err);
    if (r < 0)
        return r;
    /* The root may be a link; in the tree they are not followed. */
    int wd = inotify_add_watch(w->fd, path, mask | (rel[0] != '\0' ? IN_DONT_FOLLOW : 0));
    if (wd < 0)
        return dm_fail_sys(err, errno, "watch '%s'", path);
    dir *d = dm_map_find(&w->dirs, &wd);
    if (d != NULL && strcmp(d->rel, rel) == 0)
        return 1;
    if (d != NULL) /* the same directory under a new name */
        drop(w, d);
    size_t n = strlen(rel);
    d = malloc(sizeof(*d) + n + 1);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "watch");
    d->wd = wd;
    memcpy(d->rel, rel, n + 1);
    dm_map_add(&w->dirs, d);
    return 0;
}

/* rel and all below it. */
static void disarm(dm_watcher *w, const char *rel)
{
    size_t n = strlen(rel);
    dm_map_walk walk = dm_map_begin(&w->dirs);
    for (dir *d; (d = dm_map_next(&walk)) != NULL;) {
        if (strncmp(d->rel, rel, n) == 0 && (d->rel[n] == '\0' || d->rel[n] == '/')) {
            (void)inotify_rm_watch(w->fd, d->wd);
            drop(w, d);
        }
    }
}

/* How what is found in a directory that has just been armed is told; sink NULL: not at all. */
typedef struct telling {
    dm_watch_sink sink;
    void *arg;
    bool written; /* the directory is new: a file with bytes in it was written while nobody looked */
} telling;

static void tell_found(const telling *t, const char *rel, const struct stat *st)
{
    if (t->sink == NULL)
        return;
    t->sink(t->arg, rel, DM_EVENT_CREATE);
    if (t->written && S_ISREG(st->st_mode) && st->st_size > 0)
        t->sink(t->arg, rel, DM_EVENT_WRITE);
}

/* Arms rel and, in a tree, what is below it. Only a failure at the first level is one. */
static int arm_tree(dm_watcher *w, const char *rel, const telling *t, unsigned depth, dm_err *err)
{
    char path[DM_GUEST_PATH_MAX];
    int r = arm(w, rel, err);
    if (r < 0 || !w->recursive || depth == DEPTH_MAX || join(w, rel, path, sizeof(path)) != 0)
        return r < 0 ? r : 0;
    DIR *d = opendir(path);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        char below[DM_GUEST_PATH_MAX];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                dm_path(below, sizeof(below), NULL, "%s%s%s", rel, rel[0] != '\0' ? "/" : "", e->d_name) != 0 ||
                join(w, below, path, sizeof(path)) != 0 || lstat(path, &st) != 0)
            continue;
        tell_found(t, below, &st);
        dm_err ignored;
        if (S_ISDIR(st.st_mode) && arm_tree(w, below, t, depth + 1, &ignored) == DM_E_LIMIT)
            break;
    }
    if (d != NULL)
        (void)closedir(d);
    return 0;
}

/* --- life --------------------------------------------------------------------------------------------------- */

static bool is_network(const char *path)
{
    static const unsigned long types[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xff534d42 /* cifs */,
            0xfe534d42 /* smb2 */, FUSE_SUPER_MAGIC, V9FS_MAGIC, CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, AFS_SUPER_MAGIC,
            NCP_SUPER_MAGIC};
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < DM_LEN(types); i++)
        if ((unsigned long)fs.f_type == types[i])
            return true;
    return false;
}

int dm_watcher_new(const dm_watch_wish *wish, dm_watcher **out, dm_err *err)
{
    struct stat st;
    if (stat(wish->path, &st) != 0)
        return dm_fail_sys(err, errno, "path '%s'", wish->path);
    if (!S_ISDIR(st.st_mode))
        return dm_fail(err, DM_E_INVALID, "path '%s' is not a directory", wish->path);
    if (!wish->network_ok && is_network(wish->path))
        return dm_fail(err, DM_E_INVALID, "path '%s' is on a network mount, where changes made elsewhere are not seen",
                wish->path);
    DM_AUTO(dm_watcher) w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "watch");
    dm_map_init(&w->dirs, offsetof(dir, wd), sizeof(int), DM_WATCH_DIRS_MAX);
    w->recursive = wish->recursive;
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0)
        return dm_fail_sys(err, errno, "inotify");
    w->root = dm_str_dup(dm_str_c(wish->path));
    if (w->root == NULL)
        return dm_fail(err, DM_E_NOMEM, "watch");
    for (size_t n = strlen(w->root); n > 0 && w->root[n - 1] == '/'; n--)
        w->root[n - 1] = '\0'; /* "/" becomes "": what is joined to it begins with one */
    const telling silent = {NULL, NULL, false};
    int r = arm_tree(w, "", &silent, 0, err);
    if (r < 0)
        return r;
    *out = dm_steal(&w);
    return 0;
}

void dm_watcher_free(dm_watcher *w)
{
    if (w == NULL)
        return;
    dm_map_walk walk = dm_map_begin(&w->dirs);
    for (dir *d; (d = dm_map_next(&walk)) != NULL;)
        free(d);
    dm_map_done(&w->dirs);
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w->root);
    free(w);
}

int dm_watcher_fd(const dm_watcher *w)
{
    return w->fd;
}

/* --- events ------------------------------------------------------------------------------------------------- */

static int32_t type_of(uint32_t bits)
{
    if ((bits & (IN_CREATE | IN_MOVED_TO)) != 0)
        return DM_EVENT_CREATE;
    if ((bits & IN_MODIFY) != 0)
        return DM_EVENT_WRITE;
    if ((bits & (IN_DELETE | IN_DELETE_SELF)) != 0)
        return DM_EVENT_REMOVE;
    if ((bits & (IN_MOVED_FROM | IN_MOVE_SELF)) != 0)
        return DM_EVENT_RENAME;
    return (bits & IN_ATTRIB) != 0 ? DM_EVENT_CHMOD : DM_EVENT_UNSPECIFIED;
}

/* The tree has changed its shape. */
static void follow(dm_watcher *w, const char *rel, uint32_t bits, const telling *t)
{
    dm_err err;
    if (!w->recursive || (bits & IN_ISDIR) == 0)
        return;
    if ((bits & (IN_MOVED_FROM | IN_DELETE)) != 0)
        disarm(w, rel);
    else if ((bits & (IN_CREATE | IN_MOVED_TO)) != 0)
        (void)!arm_tree(w, rel, t, 0, &err); /* gone again, most likely */
}

static void one_event(dm_watcher *w, const struct inotify_event *e, dm_watch_sink sink, void *arg)
{
    dir *d = dm_map_find(&w->dirs, &e->wd);
    if (d == NULL)
        return;
    if ((e->mask & IN_IGNORED) != 0) {
        drop(w, d);
        return;
    }
    int32_t type = type_of(e->mask);
    bool root = d->rel[0] == '\0';
    if (type == DM_EVENT_UNSPECIFIED)
        return;
    if (e->len == 0) { /* about the directory itself; one in the tree is told of by its parent */
        if (root)
            sink(arg, ".", type);
        return;
    }
    char rel[DM_GUEST_PATH_MAX];
    if (dm_path(rel, sizeof(rel), NULL, "%s%s%s", d->rel, root ? "" : "/", e->name) != 0)
        return;
    sink(arg, rel, type);
    const telling t = {sink, arg, (e->mask & IN_CREATE) != 0};
    follow(w, rel, e->mask, &t);
}

int dm_watcher_read(dm_watcher *w, dm_watch_sink sink, void *arg, dm_err *err)
{
    _Alignas(struct inotify_event) char bytes[BATCH];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR)
        return DM_WATCHER_MORE;
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return dm_fail_sys(err, n < 0 ? errno : EIO, "inotify");
    bool lost = false;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const void *)(bytes + at);
        lost = lost || (e->mask & IN_Q_OVERFLOW) != 0;
        if (e->wd >= 0)
            one_event(w, e, sink, arg);
        at += (ssize_t)(sizeof(*e) + e->len);
    }
    return lost ? dm_fail(err, DM_E_LIMIT, "too many changes at once: some were lost") : DM_WATCHER_MORE;
}

void dm_watcher_event(const dm_watcher *w, dm_users *users, const char *name, int32_t type, bool entry,
        dm_message *memory, dm_m_fs_event *out)
{
    char path[DM_GUEST_PATH_MAX];
    dm_err err;
    bool there = type == DM_EVENT_CREATE || type == DM_EVENT_WRITE || type == DM_EVENT_CHMOD;
    *out = (dm_m_fs_event){.name = name, .type = type};
    if (!entry || !there || join(w, strcmp(name, ".") == 0 ? "" : name, path, sizeof(path)) != 0)
        return;
    if (path[0] == '\0')
        (void)snprintf(path, sizeof(path), "/");
    dm_users_refresh(users);
    out->has_entry = dm_entry_read(users, path, memory, &out->entry, &err) == 0;
}
