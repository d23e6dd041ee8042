#include "workers/vmm/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/file.h"

enum { STEP = 4096, PAUSE_US = 100000 };

struct sink_files {
    char fifo[4096], log[4096], old[4096];
};

struct dm_sink {
    dm_loop *loop;
    int fd; /* both ends of the FIFO: never at its end, never without a reader */
    int log;
    uint64_t size;
    dm_watch *watch;
    dm_timer *timer; /* at most a step each pause */
    char last[DM_SINK_LAST + 1];
    bool fresh; /* the next byte begins a new last line */
    struct sink_files files;
};

static int open_log(dm_sink *s, dm_err *err)
{
    struct stat st;
    s->log = open(s->files.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (s->log < 0 || fstat(s->log, &st) < 0)
        return dm_fail_sys(err, errno, "open %s", s->files.log);
    s->size = (uint64_t)st.st_size;
    return 0;
}

static void keep(dm_sink *s, const char *p, size_t n)
{
    if (s->size + n > DM_SINK_FILE_MAX) {
        dm_fd_closep(&s->log);
        (void)rename(s->files.log, s->files.old);
        (void)open_log(s, NULL);
    }
    if (s->log >= 0 && dm_write_all(s->log, p, n, NULL) == 0)
        s->size += n;
}

static void note(dm_sink *s, const char *p, size_t n)
{
    size_t have = strlen(s->last);
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            s->fresh = true;
            continue;
        }
        if (s->fresh)
            have = 0;
        s->fresh = false;
        if (have < DM_SINK_LAST)
            s->last[have++] = p[i] >= ' ' && p[i] <= '~' ? p[i] : '?';
        s->last[have] = '\0';
    }
}

static bool take(dm_sink *s)
{
    char buf[STEP];
    ssize_t n = read(s->fd, buf, sizeof(buf));
    if (n <= 0)
        return false;
    keep(s, buf, (size_t)n);
    note(s, buf, (size_t)n);
    return true;
}

static void on_readable(void *arg, uint32_t events)
{
    dm_sink *s = arg;
    (void)events;
    (void)take(s);
    dm_watch_free(s->watch);
    s->watch = NULL;
    dm_timer_in(s->timer, PAUSE_US);
}

static void on_timer(void *arg)
{
    dm_sink *s = arg;
    if (dm_loop_watch(s->loop, s->fd, EPOLLIN, on_readable, s, &s->watch, NULL) < 0)
        dm_timer_in(s->timer, PAUSE_US);
}

int dm_sink_fd(const dm_sink *s)
{
    return s->fd;
}

const char *dm_sink_last(dm_sink *s)
{
    for (int i = 0; i < DM_SINK_FILE_MAX / STEP && take(s); i++)
        ;
    return s->last;
}

int dm_sink_new(dm_loop *loop, const char *dir, dm_sink **out, dm_err *err)
{
    DM_AUTO(dm_sink) s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a log");
    s->loop = loop;
    s->fd = s->log = -1;
    struct sink_files *f = &s->files;
    int r = dm_path(f->fifo, sizeof(f->fifo), err, "%s/vmm.fifo", dir);
    if (r == 0)
        r = dm_path(f->log, sizeof(f->log), err, "%s/vmm.log", dir);
    if (r == 0)
        r = dm_path(f->old, sizeof(f->old), err, "%s/vmm.log.1", dir);
    if (r == 0 && mkfifo(f->fifo, 0600) < 0 && errno != EEXIST)
        r = dm_fail_sys(err, errno, "make %s", f->fifo);
    if (r == 0)
        r = open_log(s, err);
    if (r < 0)
        return r;
    s->fd = open(f->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (s->fd < 0)
        return dm_fail_sys(err, errno, "open %s", f->fifo);
    r = dm_loop_timer(loop, on_timer, s, &s->timer, err);
    if (r == 0)
        r = dm_loop_watch(loop, s->fd, EPOLLIN, on_readable, s, &s->watch, err);
    if (r < 0)
        return r;
    *out = dm_steal(&s);
    return 0;
}

void dm_sink_free(dm_sink *s)
{
    if (s == NULL)
        return;
    dm_watch_free(s->watch);
    dm_timer_free(s->timer);
    dm_fd_closep(&s->fd);
    dm_fd_closep(&s->log);
    free(s);
}
