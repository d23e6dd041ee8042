/* Which libraries, the loader itself says (--list, what ldd asks), so that an upgrade of the distribution is seen at
 * the next start and a missing one then, not in the middle of a spawn. The folder is called by a digest of every file's
 * place, size and age: nothing in it is ever mended, a tree is whole under its name or not there.
 *
 * Files are hard links where that can be (one file system), so that the pages of a library are the same in the jail as
 * outside, and else copies. Bind mounts would be neither, and stand in the host's table of mounts for ever. */
#include "workers/vmm/jail/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/jail/filter.h"
#include "workers/vmm/proc.h"
#include "workers/vmm/sparse.h"

#define LOADER "/lib64/ld-linux-x86-64.so.2"
#define ASIDE ".new"

enum { LIST_MS = 10000, LIST_MAX = 256 * 1024, NAME_HEX = 24, WHAT_MAX = DM_TREE_FILES * 256 };

typedef struct made_of {
    char *paths[DM_TREE_FILES];
    size_t n;
} made_of;

static void made_of_done(made_of *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->paths[i]);
    m->n = 0;
}

#define AUTO_MADE_OF __attribute__((cleanup(made_of_done), unused)) made_of

static int add_path(made_of *m, dm_str path, dm_err *err)
{
    for (size_t i = 0; i < m->n; i++)
        if (dm_str_eq_c(path, m->paths[i]))
            return 0;
    if (m->n == DM_TREE_FILES)
        return dm_fail(err, DM_E_LIMIT, "more than %d files", DM_TREE_FILES);
    if (path.n == 0 || path.p[0] != '/' || memmem(path.p, path.n, "/../", 4) != NULL)
        return dm_fail(err, DM_E_INVALID, "\"%.*s\" is no place in a tree", (int)path.n, path.p);
    char *own = dm_str_dup(path);
    if (own == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a path");
    m->paths[m->n++] = own;
    return 0;
}

/* --- what it is made of ------------------------------------------------------------------------------------- */

int dm_tree_line(dm_str line, dm_str *path, dm_err *err)
{
    dm_str rest = dm_str_trim(line), word;
    const char *arrow = memmem(rest.p, rest.n, "=> ", 3);
    if (arrow != NULL)
        rest = (dm_str){arrow + 3, rest.n - (size_t)(arrow + 3 - rest.p)};
    if (dm_str_starts(rest, DM_STR("not found")))
        return dm_fail(err, DM_E_NOTFOUND, "a library is missing: %.*s", (int)(line.n < 100 ? line.n : 100), line.p);
    if (!dm_str_split(&rest, ' ', &word) || word.n == 0 || word.p[0] != '/')
        return DM_TREE_NO_FILE;
    *path = word;
    return 0;
}

static int loader_says(const char *path, dm_buf *out, dm_err *err)
{
    const char *const argv[] = {LOADER, "--list", path, NULL};
    struct stat st;
    int status;
    size_t got;
    DM_AUTO_FD fd = memfd_create("libraries", MFD_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make a file in memory");
    const dm_proc_fd pass = {.from = fd, .to = 1};
    int r = dm_proc_run(argv, &pass, 1, LIST_MS, &status, err);
    if (r < 0)
        return r;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return dm_fail(err, DM_E_UNAVAILABLE, "%s cannot be loaded", path);
    if (fstat(fd, &st) < 0 || st.st_size > LIST_MAX)
        return dm_fail(err, DM_E_LIMIT, "%s has libraries without end", path);
    char *to = dm_buf_want(out, (size_t)st.st_size + 1);
    if (to == NULL)
        return dm_buf_ok(out, err);
    r = dm_pread_all(fd, to, (size_t)st.st_size, 0, &got, err);
    if (r == 0)
        dm_buf_grew(out, got);
    return r;
}

static int add_libraries(made_of *m, const char *path, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, LIST_MAX + 1);
    int r = loader_says(path, &text, err);
    dm_str rest = dm_buf_view(&text), line, library;
    while (r >= 0 && dm_str_split(&rest, '\n', &line)) {
        r = dm_tree_line(line, &library, err);
        if (r == 0)
            r = add_path(m, library, err);
    }
    return r < 0 ? dm_wrap(err, "%s", path) : 0;
}

static bool is_library(const char *path)
{
    size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".so") == 0;
}

static int gather(const dm_tree_config *c, made_of *m, dm_err *err)
{
    int r = add_path(m, dm_str_c(c->binary), err);
    if (r == 0)
        r = add_path(m, DM_STR(LOADER), err);
    if (r == 0)
        r = add_libraries(m, c->binary, err);
    for (const char *const *f = c->files; r == 0 && *f != NULL; f++) {
        if (access(*f, R_OK) < 0)
            continue;
        r = add_path(m, dm_str_c(*f), err);
        if (r == 0 && is_library(*f))
            r = add_libraries(m, *f, err);
    }
    return r;
}

/* --- its name ----------------------------------------------------------------------------------------------- */

static int describe(const char *path, dm_buf *b, dm_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", path);
    (void)dm_buf_fmt(b, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 ".%09ld\n", path, (uint64_t)st.st_dev,
            (uint64_t)st.st_ino, (uint64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return dm_buf_ok(b, err);
}

/* The filter is in it as it is: it comes with us, and has no age. */
static int describe_filter(dm_buf *b, dm_err *err)
{
    struct stat st;
    size_t got;
    DM_AUTO_FD fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make a file in memory");
    int r = dm_filter_vmm(fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat the filter");
    char *to = dm_buf_want(b, (size_t)st.st_size);
    if (to == NULL)
        return dm_buf_ok(b, err);
    r = dm_pread_all(fd, to, (size_t)st.st_size, 0, &got, err);
    if (r == 0)
        dm_buf_grew(b, got);
    return r;
}

static int name_tree(const dm_tree_config *c, const made_of *m, char name[NAME_HEX + 1], dm_err *err)
{
    char hex[2 * DM_SHA256 + 1];
    dm_digest d;
    DM_AUTO_BUF what;
    dm_buf_init(&what, WHAT_MAX);
    int r = describe(c->program, &what, err);
    for (size_t i = 0; r == 0 && i < m->n; i++)
        r = describe(m->paths[i], &what, err);
    if (r == 0)
        r = describe_filter(&what, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&what), &d, err);
    if (r < 0)
        return r;
    dm_hex(d.b, sizeof(d.b), hex);
    return dm_str_to_array((dm_str){hex, NAME_HEX}, name, NAME_HEX + 1, err);
}

/* --- making it ---------------------------------------------------------------------------------------------- */

/* What a name stands for, not the name: inside there are no links. */
static int put(const char *from, const char *to, dm_err *err)
{
    char real[PATH_MAX];
    if (realpath(from, real) == NULL)
        return dm_fail_sys(err, errno, "find %s", from);
    if (link(real, to) == 0)
        return 0;
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return dm_fail_sys(err, errno, "link %s", to);
    return dm_sparse_copy(real, to, false, err);
}

static int put_below(const char *root, const char *path, dm_err *err)
{
    char to[PATH_MAX];
    int r = dm_path(to, sizeof(to), err, "%s%s", root, path);
    if (r < 0)
        return r;
    char *slash = strrchr(to, '/');
    *slash = '\0';
    r = dm_mkdir_p(to, 0755, err);
    *slash = '/';
    return r == 0 ? put(path, to, err) : r;
}

/* Empty, to be mounted over. */
static int put_place(const char *root, const char *name, dm_err *err)
{
    DM_AUTO_FD fd = dm_open_beneath(root, name, O_WRONLY | O_CREAT, 0444, err);
    return fd < 0 ? fd : 0;
}

static int put_filter(const char *dir, dm_err *err)
{
    DM_AUTO_FD fd = dm_open_beneath(dir, DM_TREE_FILTER, O_RDWR | O_CREAT, 0400, err);
    return fd < 0 ? fd : dm_filter_vmm(fd, err);
}

static int fill(const dm_tree_config *c, const made_of *m, const char *dir, dm_err *err)
{
    static const char *const places[] = {"dev/null", "ram", "kernel", "initrd"};
    char root[PATH_MAX], path[PATH_MAX];
    int r = dm_path(root, sizeof(root), err, "%s/" DM_TREE_ROOT, dir);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/dev", root);
    if (r == 0)
        r = dm_mkdir_p(path, 0755, err);
    for (size_t i = 0; r == 0 && i < m->n; i++)
        r = put_below(root, m->paths[i], err);
    for (size_t i = 0; r == 0 && i < DM_LEN(places); i++)
        r = put_place(root, places[i], err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/" DM_TREE_PROGRAM, dir);
    if (r == 0)
        r = put(c->program, path, err);
    return r == 0 ? put_filter(dir, err) : r;
}

static int make_aside(const dm_tree_config *c, const made_of *m, const char *path, dm_err *err)
{
    char aside[PATH_MAX];
    int r = dm_path(aside, sizeof(aside), err, "%s" ASIDE, path);
    if (r == 0)
        r = dm_remove_tree(aside, err);
    if (r == 0)
        r = dm_mkdir_p(aside, 0700, err);
    if (r == 0)
        r = fill(c, m, aside, err);
    if (r == 0 && rename(aside, path) < 0)
        r = dm_fail_sys(err, errno, "rename to %s", path);
    return r;
}

/* A process that began in another tree has opened and mapped what it needs of it. */
static int sweep(const char *dir, const char *name, dm_err *err)
{
    char path[PATH_MAX];
    int r = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; r == 0 && d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, name) == 0)
            continue;
        r = dm_path(path, sizeof(path), err, "%s/%s", dir, e->d_name);
        if (r == 0)
            r = dm_remove_tree(path, err);
    }
    if (d != NULL)
        (void)closedir(d);
    return r;
}

int dm_tree_make(const dm_tree_config *c, char out[PATH_MAX], dm_err *err)
{
    AUTO_MADE_OF m = {.n = 0};
    char name[NAME_HEX + 1];
    mode_t mask = umask(022); /* of folders that others are to enter */
    int r = dm_mkdir_p(c->dir, 0700, err);
    if (r == 0)
        r = gather(c, &m, err);
    if (r == 0)
        r = name_tree(c, &m, name, err);
    if (r == 0)
        r = dm_path(out, PATH_MAX, err, "%s/%s", c->dir, name);
    if (r == 0 && access(out, F_OK) < 0)
        r = make_aside(c, &m, out, err);
    if (r == 0)
        r = sweep(c->dir, name, err);
    (void)umask(mask);
    return r < 0 ? dm_wrap(err, "the jail's tree") : 0;
}
