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

static const char beside[] = ".going-"; /* in the name of a tree that could not leave its folder */

static int remove_tree(const dm_host *h, const char *path, dm_err *err)
{
    return h->going.remove_tree != NULL ? h->going.remove_tree(path, err) : dm_remove_tree(path, err);
}

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
            r = remove_tree(h, path, &why);
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

/* --- on another file system --------------------------------------------------------------------------------- */

typedef struct stray {
    dm_job job; /* first */
    dm_call back;
    dm_host *h;
    int r;
    dm_err err;
    char path[PATH_MAX];
} stray;

static void stray_gone(void *arg)
{
    stray *s = arg;
    if (s->r < 0)
        dm_log_err(s->h->log, DM_WARN, "host.leftovers", &s->err);
    free(s);
}

static void remove_stray(dm_job *job)
{
    stray *s = (stray *)(void *)job;
    s->r = remove_tree(s->h, s->path, &s->err);
    dm_loop_post(s->h->loop, &s->back);
}

/* Beside itself it has a name that begins and ends as before, so that whoever sweeps its folder knows it for what it
 * was; meeting it there, it keeps that name. */
static int step_aside(dm_host *h, const char *path, char to[PATH_MAX], dm_err *err)
{
    const char *name = strrchr(path, '/'), *end = strrchr(path, '.');
    if (name != NULL && strstr(name, beside) != NULL)
        return dm_path(to, PATH_MAX, err, "%s", path);
    int r = dm_path(to, PATH_MAX, err, "%s%s%d-%u%s", path, beside, (int)getpid(), h->going.no++,
            end != NULL && end > name ? end : "");
    if (r == 0 && rename(path, to) < 0)
        r = dm_fail_sys(err, errno, "rename %s", path);
    return r;
}

/* What fails here stays for the next life. */
static int take_aside(dm_host *h, const char *path, dm_err *err)
{
    DM_AUTO_MEM stray *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to remove %s", path);
    s->job.fn = remove_stray;
    s->back = (dm_call){.fn = stray_gone, .arg = s};
    s->h = h;
    int r = step_aside(h, path, s->path, err);
    if (r == 0 && dm_exec_submit(h->exec, &s->job) != 0)
        r = dm_fail(err, DM_E_LIMIT, "too much waits for the disk to remove %s", s->path);
    if (r == 0)
        (void)dm_steal(&s);
    return r;
}

void dm_going_take(dm_host *h, const char *path)
{
    dm_err err = {0};
    if (move(h, path, &err) == 0) {
        begin(h);
        return;
    }
    dm_log_err(h->log, DM_WARN, "host.leftovers", &err);
    if (take_aside(h, path, &err) < 0)
        dm_log_err(h->log, DM_WARN, "host.leftovers", &err);
}

void dm_going_sweep(dm_host *h)
{
    begin(h);
}
