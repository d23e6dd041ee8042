#include "workers/vmm/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/file.h"

enum { STEP = 4096, PAUSE_US = 100000 };

#define FIFO "vmm.fifo"
#define LOG "vmm.log"
#define OLD "vmm.log.1"

struct dm_sink {
    dm_loop *loop;
    int fd; /* both ends of the FIFO: never at its end, never without a reader */
    int log;
    uint64_t size;
    dm_watch *watch;
    dm_timer *timer; /* at most a step each pause */
    char last[DM_SINK_LAST + 1];
    bool fresh; /* the next byte begins a new last line */
    char dir[4096];
};

static int open_log(dm_sink *s, dm_err *err)
{
    struct stat st;
    s->log = dm_open_beneath(s->dir, LOG, O_WRONLY | O_APPEND, 0, NULL);
    if (s->log < 0)
        s->log = dm_open_beneath(s->dir, LOG, O_WRONLY | O_APPEND | O_CREAT, 0600, err);
    if (s->log < 0)
        return s->log;
    if (fstat(s->log, &st) < 0 || !S_ISREG(st.st_mode))
        return dm_fail(err, DM_E_INVALID, "%s/" LOG " is no file", s->dir);
    s->size = (uint64_t)st.st_size;
    return 0;
}

static void turn_over(dm_sink *s)
{
    DM_AUTO_FD at = open(s->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dm_fd_closep(&s->log);
    (void)renameat(at, LOG, at, OLD);
    if (open_log(s, NULL) < 0)
        dm_fd_closep(&s->log);
}

static void keep(dm_sink *s, const char *p, size_t n)
{
    if (s->size + n > DM_SINK_FILE_MAX)
        turn_over(s);
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

static int open_fifo(dm_sink *s, dm_err *err)
{
    struct stat st;
    DM_AUTO_FD at = open(s->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || (mkfifoat(at, FIFO, 0600) < 0 && errno != EEXIST))
        return dm_fail_sys(err, errno, "make %s/" FIFO, s->dir);
    s->fd = dm_open_beneath(s->dir, FIFO, O_RDWR | O_NONBLOCK, 0, err);
    if (s->fd < 0)
        return s->fd;
    if (fstat(s->fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return dm_fail(err, DM_E_INVALID, "%s/" FIFO " is no FIFO", s->dir);
    return 0;
}

int dm_sink_new(dm_loop *loop, const char *dir, dm_sink **out, dm_err *err)
{
    DM_AUTO(dm_sink) s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a log");
    s->loop = loop;
    s->fd = s->log = -1;
    int r = dm_str_to_array(dm_str_c(dir), s->dir, sizeof(s->dir), err);
    if (r == 0)
        r = open_log(s, err);
    if (r == 0)
        r = open_fifo(s, err);
    if (r == 0)
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
