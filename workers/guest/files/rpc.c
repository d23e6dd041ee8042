/* filesystem.Filesystem but for watching, which is in watch_rpc.c. Everything is done as root; the user says where a
 * relative path starts and who owns what is made. */
#include "workers/guest/files/rpc.h"

#include <errno.h>
#include <stdio.h>

#include "workers/guest/files/entry.h"
#include "workers/guest/files/walk.h"
#include "workers/guest/who/path.h"

void dm_fs_fail(dm_rpc *c, const dm_err *err)
{
    dm_connect_code code = DM_CC_INTERNAL;
    if (err->code == DM_E_NOTFOUND)
        code = DM_CC_NOT_FOUND;
    else if (err->code == DM_E_INVALID)
        code = DM_CC_INVALID_ARGUMENT;
    else if (err->sys == ELOOP)
        code = DM_CC_FAILED_PRECONDITION;
    dm_rpc_fail(c, code, "%s", err->msg);
}

bool dm_fs_path(dm_rpc *c, const char *asked, dm_guest_path *out)
{
    dm_err err;
    if (dm_path_resolve(asked, &c->user, c->g->identity.workdir, out, &err) == 0)
        return true;
    dm_fs_fail(c, &err);
    return false;
}

static void reply_entry(dm_rpc *c, const char *path)
{
    dm_m_entry_reply out = {.has_entry = true};
    dm_err err;
    dm_users_refresh(c->g->users);
    if (dm_entry_read(c->g->users, path, &c->message, &out.entry, &err) != 0)
        dm_fs_fail(c, &err);
    else
        dm_rpc_reply(c, &out);
}

static void stat_path(dm_rpc *c, const void *in)
{
    const dm_m_path *req = in;
    dm_guest_path path;
    if (dm_fs_path(c, req->path, &path))
        reply_entry(c, path.s);
}

static void make_dir(dm_rpc *c, const void *in)
{
    const dm_m_path *req = in;
    dm_guest_path path;
    struct stat st;
    dm_err err;
    if (!dm_fs_path(c, req->path, &path))
        return;
    if (stat(path.s, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            dm_rpc_fail(c, DM_CC_ALREADY_EXISTS, "directory already exists: %s", path.s);
        else
            dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "path already exists but it is not a directory: %s", path.s);
        return;
    }
    if (dm_path_make_all(path.s, &c->user, &err) != 0)
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
    else
        reply_entry(c, path.s);
}

static void move_path(dm_rpc *c, const void *in)
{
    const dm_m_move *req = in;
    dm_guest_path from, to;
    struct stat st;
    dm_err err;
    if (!dm_fs_path(c, req->source, &from) || !dm_fs_path(c, req->destination, &to))
        return;
    if (dm_path_make_parents(to.s, &c->user, &err) != 0) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "%s", err.msg);
        return;
    }
    if (lstat(to.s, &st) == 0 && S_ISDIR(st.st_mode)) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "'%s' is a directory that exists", to.s);
        return;
    }
    if (rename(from.s, to.s) != 0)
        dm_rpc_fail(c, errno == ENOENT ? DM_CC_NOT_FOUND : DM_CC_INTERNAL, "move '%s' to '%s': %s", from.s, to.s,
                strerror(errno));
    else
        reply_entry(c, to.s);
}

/* --- what may take a while: a slice a turn of the loop ------------------------------------------------------ */

typedef struct job {
    dm_rpc *c; /* NULL: gone */
    dm_loop *loop;
    dm_call call;
    bool posted;
    dm_lister *lister;
    dm_remover *remover;
} job;

static void job_free(job *j)
{
    dm_lister_free(j->lister);
    dm_remover_free(j->remover);
    free(j);
}

static int job_step(job *j, dm_err *err)
{
    dm_m_entries entries;
    static const dm_m_nothing nothing;
    int r;
    if (j->remover != NULL) {
        r = dm_remover_step(j->remover, err);
        if (r == 0)
            dm_rpc_reply(j->c, &nothing);
        return r;
    }
    r = dm_lister_step(j->lister, &entries.entries, err);
    if (r == 0)
        dm_rpc_reply(j->c, &entries);
    return r;
}

static void job_run(void *arg)
{
    job *j = arg;
    dm_err err;
    j->posted = false;
    if (j->c == NULL) {
        job_free(j);
        return;
    }
    int r = job_step(j, &err);
    if (r == DM_WALK_MORE) {
        j->posted = true;
        j->call = (dm_call){.fn = job_run, .arg = j};
        dm_loop_post(j->loop, &j->call);
    } else if (r == DM_E_LIMIT) {
        dm_rpc_fail(j->c, DM_CC_RESOURCE_EXHAUSTED, "%s", err.msg);
    } else if (r < 0) {
        dm_fs_fail(j->c, &err);
    }
}

static void job_gone(dm_rpc *c)
{
    job *j = c->state;
    c->state = NULL;
    if (j == NULL)
        return;
    j->c = NULL;
    if (!j->posted)
        job_free(j);
}

static job *job_new(dm_rpc *c)
{
    job *j = calloc(1, sizeof(*j));
    if (j == NULL) {
        dm_rpc_fail(c, DM_CC_INTERNAL, "no memory");
        return NULL;
    }
    j->c = c;
    j->loop = c->g->loop;
    c->state = j;
    return j;
}

static void list_dir(dm_rpc *c, const void *in)
{
    const dm_m_list_dir *req = in;
    dm_guest_path path;
    struct stat st;
    dm_err err;
    if (!dm_fs_path(c, req->path, &path))
        return;
    if (stat(path.s, &st) != 0) {
        (void)dm_fail_sys(&err, errno, "'%s'", path.s);
        dm_fs_fail(c, &err);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        dm_rpc_fail(c, DM_CC_INVALID_ARGUMENT, "path is not a directory: %s", path.s);
        return;
    }
    job *j = job_new(c);
    if (j == NULL)
        return;
    if (dm_lister_new(path.s, req->depth > 0 ? req->depth : 1, c->g->users, &c->message, &j->lister, &err) != 0)
        dm_fs_fail(c, &err);
    else
        job_run(j);
}

static void remove_path(dm_rpc *c, const void *in)
{
    const dm_m_path *req = in;
    dm_guest_path path;
    dm_err err;
    if (!dm_fs_path(c, req->path, &path))
        return;
    job *j = job_new(c);
    if (j == NULL)
        return;
    if (dm_remover_new(path.s, &j->remover, &err) != 0)
        dm_fs_fail(c, &err);
    else
        job_run(j);
}

const dm_rpc_method dm_filesystem_methods[] = {
        {.path = "/filesystem.Filesystem/Stat",
                .in = &dm_m_path_desc,
                .out = &dm_m_entry_reply_desc,
                .message = stat_path},
        {.path = "/filesystem.Filesystem/MakeDir",
                .in = &dm_m_path_desc,
                .out = &dm_m_entry_reply_desc,
                .message = make_dir},
        {.path = "/filesystem.Filesystem/Move",
                .in = &dm_m_move_desc,
                .out = &dm_m_entry_reply_desc,
                .message = move_path},
        {.path = "/filesystem.Filesystem/ListDir",
                .in = &dm_m_list_dir_desc,
                .out = &dm_m_entries_desc,
                .message = list_dir,
                .gone = job_gone},
        {.path = "/filesystem.Filesystem/Remove",
                .in = &dm_m_path_desc,
                .out = &dm_m_nothing_desc,
                .message = remove_path,
                .gone = job_gone},
        {.path = NULL},
};
