#include "workers/host/machine/going.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "workers/host/machine/place.h"

enum { NAMES_TRIED = 4096 };

static int remove_all(const dm_host *h, dm_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    int r = dm_place_going(&h->conf, dir, err), first = 0;
    DIR *d = r == 0 ? opendir(dir) : NULL;
    if (r == 0 && d == NULL)
        return dm_fail_sys(err, errno, "open %s", dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        dm_err why = {0};
        r = dm_path(path, sizeof(path), &why, "%s/%s", dir, e->d_name);
        if (r == 0)
            r = h->going.remove_tree(path, &why);
        if (r < 0 && first == 0) { /* the others go all the same */
            first = r;
            *err = why;
        }
    }
    if (d != NULL)
        (void)closedir(d);
    return first;
}

static void on_executor(dm_job *job)
{
    dm_host *h = (void *)((char *)job - offsetof(dm_host, going.job));
    h->going.err = (dm_err){0};
    h->going.r = remove_all(h, &h->going.err);
    dm_loop_post(h->loop, &h->going.back);
}

static void begin(dm_host *h);

static void on_loop(void *arg)
{
    dm_host *h = arg;
    assert(h->going.busy);
    h->going.busy = false;
    if (h->going.r < 0)
        dm_log_err(h->log, DM_WARN, "host.leftovers", &h->going.err);
    if (h->going.more)
        begin(h);
}

/* Without room on the executor it stays for the next tree, or the next life. */
static void begin(dm_host *h)
{
    h->going.more = h->going.busy;
    if (h->going.busy)
        return;
    if (h->going.remove_tree == NULL)
        h->going.remove_tree = dm_remove_tree;
    h->going.job.fn = on_executor;
    h->going.back = (dm_call){.fn = on_loop, .arg = h};
    h->going.busy = dm_exec_submit(h->exec, &h->going.job) == 0;
}

/* Names of a former life may be there still. */
static int move(dm_host *h, const char *path, dm_err *err)
{
    char dir[PATH_MAX], to[PATH_MAX];
    int r = dm_place_going(&h->conf, dir, err);
    for (int i = 0; r == 0 && i < NAMES_TRIED; i++) {
        r = dm_path(to, sizeof(to), err, "%s/%d-%u", dir, (int)getpid(), h->going.no++);
        if (r < 0 || rename(path, to) == 0 || errno == ENOENT)
            return r;
        if (errno != ENOTEMPTY && errno != EEXIST)
            r = dm_fail_sys(err, errno, "rename %s", path);
    }
    return r < 0 ? r : dm_fail(err, DM_E_LIMIT, "%s is full of what goes", dir);
}

void dm_going_take(dm_host *h, const char *path)
{
    dm_err err = {0};
    int r = move(h, path, &err);
    if (r < 0) { /* another file system, say: rather late than never */
        dm_log_err(h->log, DM_WARN, "host.leftovers", &err);
        if (dm_remove_tree(path, &err) < 0)
            dm_log_err(h->log, DM_WARN, "host.leftovers", &err);
        return;
    }
    begin(h);
}

void dm_going_sweep(dm_host *h)
{
    begin(h);
}
