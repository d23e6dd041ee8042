#include "workers/guest/who/path.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"

void dm_path_clean(char *path)
{
    char *out = path; /* everything before it is clean and does not end in a slash */
    const char *in = path;
    while (*in != '\0') {
        while (*in == '/')
            in++;
        size_t n = strcspn(in, "/");
        if (n == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/')
                ;
        } else if (n > 0 && !(n == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in += n;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

int dm_path_resolve(const char *path, const dm_user *user, const char *workdir, dm_guest_path *out, dm_err *err)
{
    if (path[0] == '\0')
        return dm_path(out->s, sizeof(out->s), err, "%s", workdir[0] != '\0' ? workdir : user->home);
    if (path[0] == '/')
        return dm_path(out->s, sizeof(out->s), err, "%s", path);
    if (path[0] == '~') {
        if (path[1] != '\0' && path[1] != '/')
            return dm_fail(err, DM_E_INVALID, "cannot expand user-specific home dir");
        path++;
    }
    int r = dm_path(out->s, sizeof(out->s), err, "/%s/%s", user->home, path);
    if (r == 0)
        dm_path_clean(out->s);
    return r;
}

const char *dm_path_base(const char *path, size_t *len)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    if (end == 1 && path[0] == '/') {
        *len = 1;
        return "/";
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *len = end - start;
    return path + start;
}

/* Directories up to and without path[end]; the last of them must be one afterwards. */
static int make_up_to(const char *path, size_t end, const dm_user *user, dm_err *err)
{
    dm_guest_path p;
    struct stat st;
    int r = dm_str_to_array((dm_str){path, end}, p.s, sizeof(p.s), err);
    if (r < 0)
        return r;
    if (end == 0 || stat(p.s, &st) == 0) {
        if (end != 0 && !S_ISDIR(st.st_mode))
            return dm_fail_sys(err, ENOTDIR, "'%s'", p.s);
        return 0;
    }
    for (size_t i = 1; i <= end; i++) {
        if (i < end && p.s[i] != '/')
            continue;
        char kept = p.s[i];
        p.s[i] = '\0';
        if (mkdir(p.s, 0755) == 0) {
            if (chown(p.s, user->uid, user->gid) != 0)
                return dm_fail_sys(err, errno, "own '%s'", p.s);
        } else if (errno != EEXIST && errno != EISDIR) {
            return dm_fail_sys(err, errno, "make '%s'", p.s);
        }
        p.s[i] = kept;
    }
    if (stat(p.s, &st) != 0)
        return dm_fail_sys(err, errno, "'%s'", p.s);
    return S_ISDIR(st.st_mode) ? 0 : dm_fail_sys(err, ENOTDIR, "'%s'", p.s);
}

int dm_path_make_parents(const char *path, const dm_user *user, dm_err *err)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    while (end > 0 && path[end - 1] != '/')
        end--;
    while (end > 0 && path[end - 1] == '/')
        end--;
    return make_up_to(path, end, user, err);
}

int dm_path_make_all(const char *path, const dm_user *user, dm_err *err)
{
    return make_up_to(path, strlen(path), user, err);
}
