#include "workers/guest/files/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/grow.h"

#include "workers/guest/who/path.h"

/* --- listing ------------------------------------------------------------------------------------------------ */

/* A directory whose names have been read and are being gone through. */
typedef struct level {
    struct level *up;
    char **names;
    size_t n, next;
    size_t path_len; /* of the directory's path in the shared buffer */
} level;

struct dm_lister {
    dm_users *users;
    dm_message *memory;
    uint32_t depth, at;
    level *top;
    dm_m_entry *v;
    size_t n, room;
    dm_guest_path path;
};

static void level_free(level *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    free(l);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int read_names(DIR *d, level *l, size_t max, dm_err *err)
{
    size_t room = 0;
    const struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        if (is_dots(e->d_name))
            continue;
        if (l->n == max)
            return dm_fail(err, DM_E_LIMIT, "more than %d entries", DM_WALK_ENTRIES_MAX);
        int r = dm_grow(&l->names, &room, l->n, max, "names", err);
        if (r < 0)
            return r;
        l->names[l->n] = dm_str_dup(dm_str_c(e->d_name));
        if (l->names[l->n] == NULL)
            return dm_fail(err, DM_E_NOMEM, "names");
        l->n++;
    }
    if (l->n > 1)
        qsort(l->names, l->n, sizeof(*l->names), by_name);
    return 0;
}

/* Reads the directory whose path stands in the buffer. One that cannot be read below the root is left out. */
static int descend(dm_lister *l, int flags, dm_err *err)
{
    DM_AUTO_FD fd = open(l->path.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | flags);
    if (fd < 0)
        return l->top != NULL ? 0 : dm_fail_sys(err, errno, "'%s'", l->path.s);
    DIR *d = fdopendir(fd);
    if (d == NULL)
        return dm_fail_sys(err, errno, "'%s'", l->path.s);
    (void)dm_steal_fd(&fd);
    level *lv = calloc(1, sizeof(*lv));
    int r = lv == NULL ? dm_fail(err, DM_E_NOMEM, "level") : read_names(d, lv, DM_WALK_ENTRIES_MAX - l->n, err);
    (void)closedir(d);
    if (r < 0) {
        if (lv != NULL)
            level_free(lv);
        return r;
    }
    lv->path_len = strlen(l->path.s);
    lv->up = l->top;
    l->top = lv;
    l->at++;
    return 0;
}

int dm_lister_new(const char *root, uint32_t depth, dm_users *users, dm_message *memory, dm_lister **out, dm_err *err)
{
    DM_AUTO(dm_lister) l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "listing");
    l->users = users;
    l->memory = memory;
    l->depth = depth;
    int r = dm_str_to_array(dm_str_c(root), l->path.s, sizeof(l->path.s), err);
    r = r < 0 ? r : descend(l, 0, err);
    if (r < 0)
        return r;
    dm_users_refresh(users);
    *out = dm_steal(&l);
    return 0;
}

void dm_lister_free(dm_lister *l)
{
    if (l == NULL)
        return;
    while (l->top != NULL) {
        level *lv = l->top;
        l->top = lv->up;
        level_free(lv);
    }
    free(l->v);
    free(l);
}

static dm_m_entry *next_entry(dm_lister *l, dm_err *err)
{
    int r = dm_grow(&l->v, &l->room, l->n, DM_WALK_ENTRIES_MAX, "entries", err);
    return r == 0 ? &l->v[l->n] : NULL;
}

/* One entry of the top level, and down into it when it is a directory. */
static int one(dm_lister *l, dm_err *err)
{
    level *lv = l->top;
    l->path.s[lv->path_len] = '\0';
    if (lv->next == lv->n) {
        l->top = lv->up;
        l->at--;
        level_free(lv);
        return 0;
    }
    const char *name = lv->names[lv->next++];
    bool slash = lv->path_len > 0 && l->path.s[lv->path_len - 1] == '/';
    if (dm_path(l->path.s + lv->path_len, sizeof(l->path.s) - lv->path_len, NULL, "%s%s", slash ? "" : "/", name) != 0)
        return 0; /* deeper than a path can say */
    dm_m_entry *e = next_entry(l, err);
    if (e == NULL)
        return err->code;
    int r = dm_entry_read(l->users, l->path.s, l->memory, e, err);
    if (r == DM_E_NOMEM)
        return r;
    if (r < 0)
        return 0; /* it went meanwhile */
    l->n++;
    bool directory = e->type == DM_FILE_DIRECTORY && !e->is_symlink;
    return directory && l->at < l->depth ? descend(l, O_NOFOLLOW, err) : 0;
}

int dm_lister_step(dm_lister *l, dm_list *out, dm_err *err)
{
    for (unsigned i = 0; i < DM_WALK_SLICE && l->top != NULL; i++) {
        int r = one(l, err);
        if (r < 0)
            return r;
    }
    if (l->top != NULL)
        return DM_WALK_MORE;
    *out = (dm_list){l->v, l->n};
    return 0;
}

/* --- removing ----------------------------------------------------------------------------------------------- */

/* Only the directory being emptied is held open; the way back up is "..", checked to be where we came from. So depth
 * costs no descriptors, and a tree that is moved or swapped under us ends in an error, not elsewhere. */
typedef struct step_down {
    struct step_down *up;
    dev_t dev;
    ino_t ino; /* of the directory that holds name */
    char name[];
} step_down;

struct dm_remover {
    char *path;
    DIR *dir; /* NULL: not begun */
    step_down *way;
};

int dm_remover_new(const char *path, dm_remover **out, dm_err *err)
{
    dm_remover *r = calloc(1, sizeof(*r));
    if (r != NULL)
        r->path = dm_str_dup(dm_str_c(path));
    if (r == NULL || r->path == NULL) {
        dm_remover_free(r);
        return dm_fail(err, DM_E_NOMEM, "remove");
    }
    for (size_t n = strlen(r->path); n > 1 && r->path[n - 1] == '/'; n--)
        r->path[n - 1] = '\0';
    *out = r;
    return 0;
}

void dm_remover_free(dm_remover *r)
{
    if (r == NULL)
        return;
    if (r->dir != NULL)
        (void)closedir(r->dir);
    while (r->way != NULL) {
        step_down *s = r->way;
        r->way = s->up;
        free(s);
    }
    free(r->path);
    free(r);
}

static int failed(const dm_remover *r, dm_err *err)
{
    return dm_fail_sys(err, errno, "remove '%s'", r->path);
}

/* Opens a directory in place of the one that is open. */
static int enter(dm_remover *r, int at, const char *name, int flags, dm_err *err)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0)
        return failed(r, err);
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        (void)close(fd);
        return failed(r, err);
    }
    if (r->dir != NULL)
        (void)closedir(r->dir);
    r->dir = d;
    return 0;
}

static int go_down(dm_remover *r, const char *name, dm_err *err)
{
    struct stat st;
    size_t n = strlen(name);
    if (fstat(dirfd(r->dir), &st) != 0)
        return failed(r, err);
    step_down *s = malloc(sizeof(*s) + n + 1);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "remove");
    *s = (step_down){.up = r->way, .dev = st.st_dev, .ino = st.st_ino};
    memcpy(s->name, name, n + 1);
    int e = enter(r, dirfd(r->dir), s->name, O_NOFOLLOW, err);
    if (e < 0) {
        free(s);
        return e;
    }
    r->way = s;
    return 0;
}

/* The open directory is empty. */
static int go_up(dm_remover *r, dm_err *err)
{
    step_down *s = r->way;
    struct stat st;
    int e = enter(r, dirfd(r->dir), "..", 0, err);
    if (e < 0)
        return e;
    if (fstat(dirfd(r->dir), &st) != 0 || st.st_dev != s->dev || st.st_ino != s->ino) {
        errno = EAGAIN;
        return failed(r, err);
    }
    /* Not empty after all: somebody still writes into it. The next look at this directory goes down again. */
    if (unlinkat(dirfd(r->dir), s->name, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        return failed(r, err);
    r->way = s->up;
    free(s);
    return 0;
}

static int begin(dm_remover *r, dm_err *err)
{
    size_t n = strlen(r->path);
    if ((n >= 2 && strcmp(r->path + n - 2, "/.") == 0) || strcmp(r->path, ".") == 0) {
        errno = EINVAL;
        return failed(r, err);
    }
    if (unlink(r->path) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return failed(r, err);
    if (rmdir(r->path) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return failed(r, err);
    int e = enter(r, AT_FDCWD, r->path, O_NOFOLLOW, err);
    return e < 0 ? e : DM_WALK_MORE;
}

int dm_remover_step(dm_remover *r, dm_err *err)
{
    if (r->dir == NULL)
        return begin(r, err);
    for (unsigned i = 0; i < DM_WALK_SLICE; i++) {
        const struct dirent *e = readdir(r->dir);
        int done = 0;
        if (e == NULL && r->way == NULL) {
            if (rmdir(r->path) == 0 || errno == ENOENT)
                return 0;
            if (errno != ENOTEMPTY)
                return failed(r, err);
            rewinddir(r->dir);
            return DM_WALK_MORE;
        }
        if (e == NULL) {
            done = go_up(r, err);
        } else if (!is_dots(e->d_name) && unlinkat(dirfd(r->dir), e->d_name, 0) != 0 && errno != ENOENT) {
            done = errno == EISDIR || errno == EPERM ? go_down(r, e->d_name, err) : failed(r, err);
        }
        if (done < 0)
            return done;
    }
    return DM_WALK_MORE;
}
