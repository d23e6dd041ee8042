#include "workers/guest/files/entry.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "workers/guest/files/metadata.h"
#include "workers/guest/who/path.h"

void dm_entry_permissions(mode_t mode, char out[DM_PERMISSIONS])
{
    const struct {
        bool is;
        char letter;
    } leading[] = {
            {S_ISDIR(mode), 'd'},
            {S_ISLNK(mode), 'L'},
            {S_ISBLK(mode) || S_ISCHR(mode), 'D'},
            {S_ISFIFO(mode), 'p'},
            {S_ISSOCK(mode), 'S'},
            {(mode & S_ISUID) != 0, 'u'},
            {(mode & S_ISGID) != 0, 'g'},
            {S_ISCHR(mode), 'c'},
            {(mode & S_ISVTX) != 0, 't'},
    };
    char *p = out;
    for (size_t i = 0; i < DM_LEN(leading); i++)
        if (leading[i].is)
            *p++ = leading[i].letter;
    if (p == out)
        *p++ = '-';
    for (unsigned i = 0; i < 9; i++)
        *p++ = (mode & (0400u >> i)) != 0 ? "rwx"[i % 3] : '-';
    *p = '\0';
}

static int32_t type_of(mode_t mode)
{
    return S_ISREG(mode) ? DM_FILE_FILE : S_ISDIR(mode) ? DM_FILE_DIRECTORY : DM_FILE_UNSPECIFIED;
}

/* Bytes and a NUL, taken off *at. */
static const char *put(char **at, dm_str s)
{
    char *z = *at;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    *at += s.n + 1;
    return z;
}

static dm_str number(char out[24], uint32_t id)
{
    int n = snprintf(out, 24, "%u", id);
    return (dm_str){out, n > 0 ? (size_t)n : 0};
}

/* Where a link leads: type and mode of that, and its resolved path; the link's own path when it leads nowhere. */
static int follow(const char *path, dm_message *memory, dm_m_entry *out, dm_err *err)
{
    struct stat st;
    char resolved[PATH_MAX];
    out->is_symlink = true;
    out->has_target = true;
    out->symlink_target = out->path;
    if (stat(path, &st) != 0 || realpath(path, resolved) == NULL)
        return 0;
    size_t n = strlen(resolved);
    char *target = dm_message_alloc(memory, n + 1);
    if (target == NULL)
        return dm_fail(err, DM_E_NOMEM, "entry");
    memcpy(target, resolved, n);
    out->symlink_target = target;
    out->type = type_of(st.st_mode);
    out->mode = st.st_mode & 0777;
    return 0;
}

int dm_entry_read(dm_users *users, const char *path, dm_message *memory, dm_m_entry *out, dm_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return dm_fail_sys(err, errno, "'%s'", path);
    char uid[24], gid[24], permissions[DM_PERMISSIONS];
    const char *owner = dm_users_name_of(users, st.st_uid), *group = dm_users_group_of(users, st.st_gid);
    dm_entry_permissions(st.st_mode, permissions);
    dm_str name,
            words[4] = {dm_str_c(path), dm_str_c(permissions), owner != NULL ? dm_str_c(owner) : number(uid, st.st_uid),
                    group != NULL ? dm_str_c(group) : number(gid, st.st_gid)};
    name.p = dm_path_base(path, &name.n);
    size_t size = name.n + 1;
    for (size_t i = 0; i < DM_LEN(words); i++)
        size += words[i].n + 1;
    char *at = dm_message_alloc(memory, size);
    if (at == NULL)
        return dm_fail(err, DM_E_NOMEM, "entry");
    *out = (dm_m_entry){
            .name = put(&at, name),
            .type = type_of(st.st_mode),
            .path = put(&at, words[0]),
            .size = st.st_size,
            .mode = st.st_mode & 0777,
            .permissions = put(&at, words[1]),
            .owner = put(&at, words[2]),
            .group = put(&at, words[3]),
            .has_modified = true,
            .modified = st.st_mtim,
    };
    if (S_ISLNK(st.st_mode)) {
        out->mode = 0;
        int r = follow(path, memory, out, err);
        if (r < 0 || out->type == DM_FILE_UNSPECIFIED)
            return r;
    }
    dm_metadata_read(path, memory, &out->metadata);
    return 0;
}
