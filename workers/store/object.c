#include "workers/store/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/point.h"

#include "workers/store/digest.h"

enum { FORMAT = 1, MANIFEST_MAX = 16 * 1024, BLOCK = 512, EXTENTS = 64 };

static const char manifest_name[] = "object.json", released_name[] = "released";
static const char *const kinds[DM_OBJECT_KINDS] = {"sleeper", "checkpoint"};

bool dm_object_name_ok(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    dm_str s = dm_str_c(name);
    return s.n > 0 && s.n < DM_OBJECT_NAME && name[0] != '.' && dm_str_only(s, allowed) &&
           strstr(name, DM_OBJECT_MAKING) == NULL && strstr(name, DM_OBJECT_GOING) == NULL;
}

static int place(const char *root, const char *name, const char *end, char out[PATH_MAX], dm_err *err)
{
    if (!dm_object_name_ok(name))
        return dm_fail(err, DM_E_INVALID, "'%.80s' is not the name of an image", name);
    return dm_path(out, PATH_MAX, err, "%s/%s%s", root, name, end);
}

/* --- made --------------------------------------------------------------------------------------------------- */

int dm_object_begin(const char *root, const char *name, char dir[PATH_MAX], dm_err *err)
{
    int r = place(root, name, DM_OBJECT_MAKING, dir, err);
    if (r == 0)
        r = dm_remove_tree(dir, err);
    if (r == 0)
        r = dm_mkdir_p(dir, 0700, err);
    if (r == 0)
        DM_POINT(STORE_BEGUN);
    return r;
}

static int take_digest(int fd, char out[DM_OBJECT_HEX], dm_err *err)
{
    dm_digest d;
    int r = dm_digest_file(fd, &d, err);
    if (r == 0)
        dm_hex(d.b, sizeof d.b, out);
    return r;
}

static int add_file(const char *dir, const char *name, dm_object *o, bool hash, dm_err *err)
{
    struct stat st;
    if (o->nfiles == DM_OBJECT_FILES_MAX)
        return dm_fail(err, DM_E_LIMIT, "an image has at most %d files", DM_OBJECT_FILES_MAX);
    dm_object_file *f = &o->files[o->nfiles];
    *f = (dm_object_file){.bytes = 0};
    DM_AUTO_FD fd = dm_open_beneath(dir, name, O_RDONLY, 0, err);
    if (fd < 0)
        return fd;
    int r = dm_str_to_array(dm_str_c(name), f->name, sizeof f->name, err);
    if (r == 0 && (fdatasync(fd) < 0 || fstat(fd, &st) < 0))
        r = dm_fail_sys(err, errno, "sync %s", name);
    if (r == 0 && hash)
        r = take_digest(fd, f->sha256, err);
    if (r < 0)
        return r;
    f->bytes = st.st_size;
    o->nfiles++;
    return 0;
}

/* Folders in it are what it shares with its parent, file by file. */
static int each_entry(
        const char *dir, bool folders, int (*fn)(void *arg, const char *name, dm_err *err), void *arg, dm_err *err)
{
    DIR *d = opendir(dir);
    int r = 0;
    if (d == NULL)
        return dm_fail_sys(err, errno, "open %s", dir);
    for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            r = dm_fail_sys(err, errno, "stat %s", e->d_name);
        else if (folders ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode))
            r = fn(arg, e->d_name, err);
    }
    (void)closedir(d);
    return r;
}

typedef struct gathering {
    const char *dir;
    dm_object *o;
    bool hash;
} gathering;

static int gather_file(void *arg, const char *name, dm_err *err)
{
    const gathering *g = arg;
    if (strcmp(name, manifest_name) == 0) /* of a seal that failed */
        return 0;
    return add_file(g->dir, name, g->o, g->hash, err);
}

static int sync_folder(void *arg, const char *name, dm_err *err)
{
    char path[PATH_MAX];
    int r = dm_path(path, sizeof path, err, "%s/%s", ((const gathering *)arg)->dir, name);
    return r < 0 ? r : dm_sync_dir(path, err);
}

static int write_manifest(const char *dir, const dm_object *o, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_jw w;
    dm_buf_init(&b, MANIFEST_MAX);
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "format", FORMAT);
    dm_jw_kc(&w, "kind", kinds[o->kind]);
    dm_jw_kc(&w, "parent", o->parent);
    dm_jw_kc(&w, "of", o->of);
    dm_jw_ki64(&w, "made_us", o->made_us);
    dm_jw_kbool(&w, "kept", o->kept);
    dm_jw_key(&w, "files");
    dm_jw_arr(&w);
    for (size_t i = 0; i < o->nfiles; i++) {
        dm_jw_obj(&w);
        dm_jw_kc(&w, "name", o->files[i].name);
        dm_jw_ki64(&w, "bytes", o->files[i].bytes);
        dm_jw_kc(&w, "sha256", o->files[i].sha256);
        dm_jw_end(&w);
    }
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
    (void)dm_buf_ch(&b, '\n');
    int r = dm_buf_ok(&b, err);
    if (r < 0)
        return r;
    char path[PATH_MAX];
    r = dm_path(path, sizeof path, err, "%s/%s", dir, manifest_name);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make %s", path);
    dm_str text = dm_buf_view(&b);
    r = dm_write_all(fd, text.p, text.n, err);
    return r == 0 && fdatasync(fd) < 0 ? dm_fail_sys(err, errno, "sync %s", path) : r;
}

/* No folder of that name may be there: rename would take the place of an empty one. */
static int give_name(const char *from, const char *to, dm_err *err)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    return dm_fail_sys(err, errno, "rename to %s", to);
}

int dm_object_seal(const char *root, const char *name, dm_object *about, bool hash, dm_err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    int r = place(root, name, DM_OBJECT_MAKING, from, err);
    if (r == 0)
        r = place(root, name, "", to, err);
    if (r < 0)
        return r;
    gathering g = {.dir = from, .o = about, .hash = hash};
    about->nfiles = 0;
    r = each_entry(from, false, gather_file, &g, err);
    if (r == 0)
        r = each_entry(from, true, sync_folder, &g, err);
    if (r < 0)
        return r;
    DM_POINT(STORE_FILLED);
    r = write_manifest(from, about, err);
    if (r == 0)
        r = dm_sync_dir(from, err);
    if (r < 0)
        return r;
    DM_POINT(STORE_SEALED);
    r = give_name(from, to, err);
    if (r < 0)
        return r;
    DM_POINT(STORE_NAMED);
    return dm_sync_dir(root, err);
}

int dm_object_unseal(const char *root, const char *name, dm_err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    int r = place(root, name, "", from, err);
    if (r == 0)
        r = place(root, name, DM_OBJECT_MAKING, to, err);
    if (r < 0)
        return r;
    if (rename(from, to) < 0)
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "rename %s", from);
    return dm_sync_dir(root, err);
}

/* --- read --------------------------------------------------------------------------------------------------- */

static int read_file(const json_t *v, dm_object_file *f, dm_err *err)
{
    *f = (dm_object_file){.bytes = 0};
    dm_str name = dm_json_text(v, "name"), sha256 = dm_json_text(v, "sha256");
    int r = name.p == NULL || sha256.p == NULL ? dm_fail(err, DM_E_CORRUPT, "a file without a name or a digest") : 0;
    if (r == 0)
        r = dm_str_to_array(name, f->name, sizeof f->name, err);
    if (r == 0)
        r = dm_str_to_array(sha256, f->sha256, sizeof f->sha256, err);
    if (r == 0 && dm_json_i64(v, "bytes", 0, INT64_MAX, &f->bytes, err) != 0)
        r = dm_fail(err, DM_E_CORRUPT, "a file without its size");
    return r;
}

static int read_kind(const json_t *v, dm_object_kind *out, dm_err *err)
{
    const char *kind = dm_json_c(v, "kind");
    for (int k = 0; kind != NULL && k < DM_OBJECT_KINDS; k++) {
        if (strcmp(kind, kinds[k]) == 0) {
            *out = (dm_object_kind)k;
            return 0;
        }
    }
    return dm_fail(err, DM_E_CORRUPT, "no such kind of image");
}

static int read_text(const json_t *v, const char *name, char *out, size_t cap, dm_err *err)
{
    dm_str s = dm_json_text(v, name);
    return s.p == NULL ? dm_fail(err, DM_E_CORRUPT, "'%s' is not there", name) : dm_str_to_array(s, out, cap, err);
}

static int decode(const json_t *v, dm_object *o, dm_err *err)
{
    int64_t format = 0;
    const json_t *files = json_object_get(v, "files");
    if (dm_json_i64(v, "format", FORMAT, FORMAT, &format, err) != 0 || dm_json_bool(v, "kept", &o->kept, err) != 0 ||
            dm_json_i64(v, "made_us", 0, INT64_MAX, &o->made_us, err) != 0 || !json_is_array(files) ||
            json_array_size(files) > DM_OBJECT_FILES_MAX)
        return dm_fail(err, DM_E_CORRUPT, "it is not written as it should be");
    int r = read_kind(v, &o->kind, err);
    if (r == 0)
        r = read_text(v, "parent", o->parent, sizeof o->parent, err);
    if (r == 0)
        r = read_text(v, "of", o->of, sizeof o->of, err);
    for (size_t i = 0; r == 0 && i < json_array_size(files); i++)
        r = read_file(json_array_get(files, i), &o->files[o->nfiles++], err);
    return r;
}

int dm_object_read(const char *root, const char *name, dm_object *out, dm_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    struct stat st;
    DM_AUTO_BUF text;
    DM_AUTO(json_t) v = NULL;
    dm_object o = {.nfiles = 0};
    dm_buf_init(&text, MANIFEST_MAX);
    int r = place(root, name, "", dir, err);
    if (r == 0)
        r = dm_path(path, sizeof path, err, "%s/%s", dir, manifest_name);
    if (r == 0)
        r = dm_file_read_plain(path, &text, err);
    if (r < 0)
        return r;
    if (dm_json_load(dm_buf_view(&text), MANIFEST_MAX, &v, err) < 0 || decode(v, &o, err) < 0) {
        (void)dm_wrap(err, "%s", path);
        return dm_fail(err, DM_E_CORRUPT, "%s is not whole", path);
    }
    r = dm_path(path, sizeof path, err, "%s/%s", dir, released_name);
    if (r < 0)
        return r;
    o.kept = o.kept && lstat(path, &st) < 0;
    *out = o;
    return 0;
}

int dm_object_check(const char *root, const char *name, dm_err *err)
{
    char dir[PATH_MAX], hex[DM_OBJECT_HEX] = "";
    dm_object o;
    int r = dm_object_read(root, name, &o, err);
    if (r == 0)
        r = place(root, name, "", dir, err);
    for (size_t i = 0; r == 0 && i < o.nfiles; i++) {
        const dm_object_file *f = &o.files[i];
        struct stat st;
        DM_AUTO_FD fd = dm_open_beneath(dir, f->name, O_RDONLY, 0, err);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size != f->bytes)
            return dm_fail(err, DM_E_CORRUPT, "%s of image %s is not as it was sealed", f->name, name);
        if (f->sha256[0] != '\0')
            r = take_digest(fd, hex, err);
        if (r == 0 && f->sha256[0] != '\0' && strcmp(hex, f->sha256) != 0)
            r = dm_fail(err, DM_E_CORRUPT, "%s of image %s is not what was sealed", f->name, name);
    }
    return r;
}

/* --- what it takes ------------------------------------------------------------------------------------------ */

/* Bytes in blocks that no other file has. A file system that cannot say shares none. */
static int64_t own_bytes(int fd, int64_t stored)
{
    DM_AUTO_MEM struct fiemap *map = malloc(sizeof *map + EXTENTS * sizeof map->fm_extents[0]);
    int64_t own = 0;
    bool last = map == NULL;
    for (uint64_t at = 0; !last;) {
        *map = (struct fiemap){.fm_start = at, .fm_length = FIEMAP_MAX_OFFSET - at, .fm_extent_count = EXTENTS};
        if (ioctl(fd, FS_IOC_FIEMAP, map) < 0)
            return stored;
        last = map->fm_mapped_extents == 0;
        for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
            const struct fiemap_extent *e = &map->fm_extents[i];
            own += (e->fe_flags & FIEMAP_EXTENT_SHARED) == 0 ? (int64_t)e->fe_length : 0;
            at = e->fe_logical + e->fe_length;
            last = last || (e->fe_flags & FIEMAP_EXTENT_LAST) != 0;
        }
    }
    return own < stored ? own : stored;
}

typedef struct measuring {
    const char *dir;
    dm_object_size size;
} measuring;

static int measure_file(void *arg, const char *name, dm_err *err)
{
    measuring *m = arg;
    struct stat st;
    DM_AUTO_FD fd = dm_open_beneath(m->dir, name, O_RDONLY, 0, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", name);
    int64_t stored = (int64_t)st.st_blocks * BLOCK;
    m->size.stored += stored;
    m->size.unique += st.st_nlink > 1 ? 0 : own_bytes(fd, stored);
    return 0;
}

int dm_object_measure(const char *root, const char *name, dm_object_size *out, dm_err *err)
{
    char dir[PATH_MAX];
    measuring m = {.dir = dir};
    int r = place(root, name, "", dir, err);
    if (r == 0)
        r = each_entry(dir, false, measure_file, &m, err);
    if (r == 0)
        *out = m.size;
    return r;
}

/* --- gone --------------------------------------------------------------------------------------------------- */

int dm_object_release(const char *root, const char *name, dm_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    int r = place(root, name, "", dir, err);
    if (r == 0)
        r = dm_path(path, sizeof path, err, "%s/%s", dir, released_name);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make %s", path);
    r = dm_sync_dir(dir, err);
    if (r == 0)
        DM_POINT(STORE_RELEASED);
    return r;
}

static int remove_ended(const char *root, const char *name, const char *end, dm_err *err)
{
    char path[PATH_MAX];
    int r = place(root, name, end, path, err);
    return r < 0 ? r : dm_remove_tree(path, err);
}

int dm_object_discard(const char *root, const char *name, dm_err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    int r = remove_ended(root, name, DM_OBJECT_MAKING, err);
    if (r == 0)
        r = remove_ended(root, name, DM_OBJECT_GOING, err); /* of a discard that was cut off */
    if (r == 0)
        r = place(root, name, "", from, err);
    if (r == 0)
        r = place(root, name, DM_OBJECT_GOING, to, err);
    if (r < 0)
        return r;
    if (rename(from, to) < 0)
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "rename %s", from);
    r = dm_sync_dir(root, err);
    if (r < 0)
        return r;
    DM_POINT(STORE_GOING);
    return dm_remove_tree(to, err);
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcmp(name + n - k, end) == 0;
}

typedef struct sweeping {
    const char *root;
    dm_object_fn fn;
    void *arg;
} sweeping;

/* One that has its name and cannot be read was not made by us: it is left to people. */
static int sweep_one(void *arg, const char *name, dm_err *err)
{
    const sweeping *s = arg;
    char path[PATH_MAX];
    dm_object o;
    if (ends_in(name, DM_OBJECT_MAKING) || ends_in(name, DM_OBJECT_GOING)) {
        int r = dm_path(path, sizeof path, err, "%s/%s", s->root, name);
        return r < 0 ? r : dm_remove_tree(path, err);
    }
    dm_err why = {0};
    if (s->fn == NULL || !dm_object_name_ok(name) || dm_object_read(s->root, name, &o, &why) < 0)
        return 0;
    return s->fn(s->arg, name, &o, err);
}

int dm_objects_sweep(const char *root, dm_object_fn fn, void *arg, dm_err *err)
{
    return each_entry(root, true, sweep_one, &(sweeping){.root = root, .fn = fn, .arg = arg}, err);
}
