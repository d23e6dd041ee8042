/* What is due by schedule, what is kept no longer, and what was left by who died. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#include "metering/export/data/job.h"
#include "metering/export/data/sql_job.h"

enum { LEFT_S = 3600, PATH_MAX_ = 400 };

static const dm_pg_scope nobody = {.read_only = false};

static int remove_file(const dm_hand *h, dm_str name, dm_err *err)
{
    char path[PATH_MAX_];
    int r = dm_path(path, sizeof path, err, "%s/%.*s", h->folder, (int)name.n, name.p);
    return r == 0 && unlink(path) < 0 && errno != ENOENT ? dm_fail_sys(err, errno, "remove a file") : r;
}

/* A file goes before its row says so: one that dies between does it again. */
static int over_tx(dm_pg *c, void *arg, dm_err *err)
{
    const dm_hand *h = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_job_dropped(c, err);
    if (r == 0)
        r = dm_sql_job_over(c, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        r = remove_file(h, dm_pg_str(rows, i, 1), err);
        if (r == 0)
            r = dm_sql_job_removed(c, dm_pg_i64(rows, i, 0), err);
    }
    return r;
}

typedef struct looking {
    dm_str name;
    bool has;
} looking;

static int has_tx(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    return dm_sql_job_has_file(c, l->name, &l->has, err);
}

/* One that is not written any more, and no row names. */
static int left(const dm_hand *h, int dir, const char *name, dm_err *err)
{
    struct stat st;
    looking l = {.name = dm_str_c(name)};
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            st.st_mtim.tv_sec > dm_wall_us(h->clock) / 1000000 - LEFT_S)
        return 0;
    int r = dm_pg_tx_on(h->say, &nobody, has_tx, &l, err);
    return r < 0 || l.has ? r : remove_file(h, l.name, err);
}

static int due_tx(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_job_due(c, arg, err);
}

static int order_due(dm_hand *h, dm_err *err)
{
    int64_t ordered = 0;
    int r = dm_pg_tx_on(h->say, &nobody, due_tx, &ordered, err);
    if (r == 0 && ordered > 0)
        DM_LOG(h->log, DM_INFO, "export.scheduled", dm_fi("orders", ordered));
    return r;
}

int dm_job_sweep(dm_hand *h, dm_err *err)
{
    int r = order_due(h, err);
    if (r == 0)
        r = dm_pg_tx_on(h->say, &nobody, over_tx, h, err);
    DIR *dir = r == 0 ? opendir(h->folder) : NULL;
    if (r < 0 || dir == NULL)
        return r < 0 ? r : dm_fail_sys(err, errno, "the folder of exports");
    const struct dirent *e;
    while (r == 0 && (e = readdir(dir)) != NULL)
        r = e->d_name[0] == '.' ? 0 : left(h, dirfd(dir), e->d_name, err);
    (void)closedir(dir);
    return r;
}
