#include "workers/vmm/flatten.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/manifest.h"
#include "workers/vmm/sparse.h"
#include "workers/vmm/template.h"

enum { ID_BYTES = 16 };

/* A base can be opened by the one whom its VMMs run as. */
static int lay_memory(const char *dir, const char *base_dir, dm_err *err)
{
    char base[PATH_MAX], ram[PATH_MAX], delta[PATH_MAX];
    int r = dm_path(base, sizeof base, err, "%s/ram", base_dir);
    if (r == 0)
        r = dm_path(ram, sizeof ram, err, "%s/ram", dir);
    if (r == 0)
        r = dm_path(delta, sizeof delta, err, "%s/delta", dir);
    if (r == 0)
        r = dm_sparse_copy(base, ram, false, err);
    if (r < 0)
        return r;
    DM_AUTO_FD from = dm_open_plain(delta, O_RDONLY, 0, err);
    if (from < 0)
        return from;
    DM_AUTO_FD to = dm_open_plain(ram, O_WRONLY, 0, err);
    if (to < 0)
        return to;
    struct stat a, b;
    if (fstat(from, &a) < 0 || fstat(to, &b) < 0 || a.st_size != b.st_size)
        return dm_fail(err, DM_E_CONFLICT, "%s and %s are not of one size", delta, base);
    r = dm_sparse_lay(from, to, err);
    if (r == 0 && fchmod(to, 0644) < 0)
        r = dm_fail_sys(err, errno, "open %s to its readers", ram);
    if (r == 0 && unlink(delta) < 0)
        r = dm_fail_sys(err, errno, "remove %s", delta);
    return r;
}

/* It is nobody's delta any more: what is saved of its clones belongs to it, and it has a name of its own. */
static int rewrite_manifest(const char *dir, dm_err *err)
{
    char full[] = "full", none[] = "", id[2 * ID_BYTES + 1];
    uint8_t random[ID_BYTES];
    DM_AUTO_MANIFEST m = {.format = 0};
    int r = dm_manifest_read(dir, &m, err);
    if (r == 0)
        r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    dm_hex(random, sizeof random, id);
    dm_manifest whole = m; /* m frees what it read */
    whole.id = id;
    whole.kind = full;
    whole.base = none;
    return dm_manifest_write(dir, &whole, err);
}

static int share(const char *from, const char *to, dm_err *err)
{
    if (link(from, to) == 0)
        return 0;
    return errno == EXDEV || errno == EMLINK ? dm_sparse_copy(from, to, true, err)
                                             : dm_fail_sys(err, errno, "link %s", to);
}

static int share_image(const char *dir, const char *base_dir, dm_err *err)
{
    char from[PATH_MAX], to[PATH_MAX], a[PATH_MAX], b[PATH_MAX];
    int r = dm_path(from, sizeof from, err, "%s/" DM_TEMPLATE_IMAGE, base_dir);
    if (r == 0)
        r = dm_path(to, sizeof to, err, "%s/" DM_TEMPLATE_IMAGE, dir);
    if (r == 0)
        r = dm_mkdir_p(to, 0700, err);
    if (r < 0)
        return r;
    DIR *d = opendir(from);
    if (d == NULL)
        return dm_fail_sys(err, errno, "open %s", from);
    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        r = dm_path(a, sizeof a, err, "%s/%s", from, e->d_name);
        if (r == 0)
            r = dm_path(b, sizeof b, err, "%s/%s", to, e->d_name);
        if (r == 0)
            r = share(a, b, err);
    }
    (void)closedir(d);
    return r;
}

int dm_flatten(const char *dir, const char *base_dir, dm_err *err)
{
    int r = lay_memory(dir, base_dir, err);
    if (r == 0)
        r = rewrite_manifest(dir, err);
    if (r == 0)
        r = share_image(dir, base_dir, err);
    return r < 0 ? dm_wrap(err, "make a base of %s", dir) : 0;
}
