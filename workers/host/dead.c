#include "workers/host/dead.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

enum { DIGEST_BYTES = 16 }; /* of it, in a name */

struct dm_dead {
    dm_job job; /* first */
    dm_call back;
    dm_host *h;
    uint64_t segment;
    dm_record type;
    char name[64];
    dm_buf record;
    dm_dead_done_fn done; /* NULL once it is forgotten */
    void *arg;
    int r;
    dm_err err;
};

/* What the folder holds besides this name. */
static int others(const char *dir, const char *name, unsigned *n, uint64_t *bytes, dm_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    DIR *d = opendir(dir);
    if (d == NULL)
        return dm_fail_sys(err, errno, "open %s", dir);
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, name) == 0)
            continue;
        r = dm_path(path, sizeof(path), err, "%s/%s", dir, e->d_name);
        if (r < 0 || stat(path, &st) < 0)
            continue;
        (*n)++;
        *bytes += (uint64_t)st.st_size;
    }
    (void)closedir(d);
    return r;
}

static int make_name(dm_dead *d, dm_err *err)
{
    char hex[2 * DIGEST_BYTES + 1];
    dm_digest digest;
    int r = dm_sha256(dm_buf_view(&d->record), &digest, err);
    if (r < 0)
        return r;
    dm_hex(digest.b, DIGEST_BYTES, hex);
    return dm_path(d->name, sizeof(d->name), err, "%08" PRIu64 "-%s.%s", d->segment, hex,
            d->type == DM_RECORD_FRAME ? "frame" : "attest");
}

/* A letter of that name is there: it is this one, written by a worker that ended before it could say so. */
static int written_before(const dm_dead *d, const char *dir, const char *path, dm_err *err)
{
    DM_AUTO_BUF is;
    dm_buf_init(&is, DM_RECORD_BYTES_MAX + 1);
    int r = dm_file_read(path, &is, err);
    if (r == 0 && !dm_str_eq(dm_buf_view(&is), dm_buf_view(&d->record)))
        r = dm_fail(err, DM_E_EXISTS, "%s is there, and is no copy of this record", path);
    return r == 0 ? dm_sync_dir(dir, err) : r;
}

/* The folder is looked through each time: a letter is a rare thing, and whoever deals with one removes its file. */
static int write_one(dm_dead *d, dm_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    unsigned n = 0;
    uint64_t bytes = 0;
    int r = dm_path(dir, sizeof(dir), err, "%s/dead-letters", d->h->conf.data_dir);
    if (r == 0)
        r = make_name(d, err);
    if (r == 0)
        r = dm_mkdir_p(dir, 0700, err);
    if (r == 0)
        r = others(dir, d->name, &n, &bytes, err);
    if (r == 0 && (n >= DM_DEAD_LETTERS_MAX || bytes + d->record.len > DM_DEAD_BYTES_MAX))
        r = dm_fail(err, DM_E_LIMIT, "%s is full: %u files, %" PRIu64 " bytes", dir, n, bytes);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/%s", dir, d->name);
    if (r == 0)
        r = dm_file_write_new(path, dm_buf_view(&d->record), 0600, err);
    return r == DM_E_EXISTS ? written_before(d, dir, path, err) : r;
}

static void on_executor(dm_job *job)
{
    dm_dead *d = (dm_dead *)(void *)job;
    d->r = write_one(d, &d->err);
    dm_loop_post(d->h->loop, &d->back);
}

static void on_loop(void *arg)
{
    dm_dead *d = arg;
    if (d->done != NULL)
        d->done(d->arg, d->r, d->name, &d->err);
    dm_buf_done(&d->record);
    free(d);
}

int dm_dead_write(dm_host *h, uint64_t segment, dm_record type, dm_str record, dm_dead_done_fn done, void *arg,
        dm_dead **out, dm_err *err)
{
    dm_dead *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a dead letter");
    d->job.fn = on_executor;
    d->back = (dm_call){.fn = on_loop, .arg = d};
    d->h = h;
    d->segment = segment;
    d->type = type;
    d->done = done;
    d->arg = arg;
    dm_buf_init(&d->record, DM_RECORD_BYTES_MAX);
    (void)dm_buf_str(&d->record, record);
    int r = dm_buf_ok(&d->record, err);
    if (r == 0 && dm_exec_submit(h->exec, &d->job) != 0)
        r = dm_fail(err, DM_E_LIMIT, "too much waits for the disk");
    if (r < 0) {
        dm_buf_done(&d->record);
        free(d);
        return r;
    }
    *out = d;
    return 0;
}

void dm_dead_forget(dm_dead *d)
{
    if (d != NULL)
        d->done = NULL;
}
