#include "workers/guest/process/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/sysinfo.h>

#include "base/parse.h"
#include "base/wire/spec.h"

enum { RECORD = 8192, KEPT = 64, RECORDS_MAX = 4096 };

struct dm_oom {
    int fd;
    dm_watch *watch;
    dm_oom_fn fn;
    void *arg;
    pid_t pids[KEPT]; /* a ring of the latest */
    unsigned next;
};

bool dm_oom_parse(dm_str record, pid_t *pid, char comm[16])
{
    static const char *const marks[] = {"Out of memory: Killed process ", "Out of memory: Kill process ",
            "Memory cgroup out of memory: Killed process "};
    const char *at = NULL;
    for (size_t i = 0; i < DM_LEN(marks) && at == NULL; i++) {
        at = memmem(record.p, record.n, marks[i], strlen(marks[i]));
        if (at != NULL)
            at += strlen(marks[i]);
    }
    if (at == NULL)
        return false;
    dm_str rest = {at, (size_t)(record.p + record.n - at)}, number, name = {"", 0};
    uint64_t v;
    if (!dm_str_split(&rest, ' ', &number) || dm_parse_u64(number, 1, INT32_MAX, &v, NULL) != 0)
        return false;
    if (rest.n > 0 && rest.p[0] == '(') {
        rest = (dm_str){rest.p + 1, rest.n - 1};
        (void)dm_str_split(&rest, ')', &name);
    }
    if (name.n > 15)
        name.n = 15;
    *pid = (pid_t)v;
    return dm_str_to_array(name, comm, 16, NULL) == 0;
}

static void drain(dm_oom *o)
{
    char record[RECORD], comm[16];
    for (unsigned i = 0; i < RECORDS_MAX; i++) {
        ssize_t n = read(o->fd, record, sizeof(record));
        if (n < 0 && (errno == EPIPE || errno == EINTR)) /* EPIPE: records were overwritten before we came */
            continue;
        if (n <= 0)
            return;
        pid_t pid;
        if (!dm_oom_parse((dm_str){record, (size_t)n}, &pid, comm))
            continue;
        o->pids[o->next++ % KEPT] = pid;
        o->fn(o->arg, pid, comm);
    }
}

static void on_log(void *arg, uint32_t events)
{
    (void)events;
    drain(arg);
}

int dm_oom_new(dm_loop *loop, dm_oom_fn fn, void *arg, dm_oom **out, dm_err *err)
{
    DM_AUTO(dm_oom) o = calloc(1, sizeof(*o));
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "kernel log");
    o->fn = fn;
    o->arg = arg;
    o->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (o->fd < 0 || lseek(o->fd, 0, SEEK_END) < 0)
        return dm_fail_sys(err, errno, "/dev/kmsg");
    int r = dm_loop_watch(loop, o->fd, EPOLLIN, on_log, o, &o->watch, err);
    if (r < 0)
        return r;
    *out = dm_steal(&o);
    return 0;
}

void dm_oom_free(dm_oom *o)
{
    if (o == NULL)
        return;
    dm_watch_free(o->watch);
    if (o->fd >= 0)
        (void)close(o->fd);
    free(o);
}

bool dm_oom_killed(dm_oom *o, pid_t pid)
{
    drain(o);
    for (unsigned i = 0; i < KEPT; i++) {
        if (o->pids[i] == pid) {
            o->pids[i] = 0;
            return true;
        }
    }
    return false;
}

void dm_oom_cure(char *out, size_t size)
{
    static const char what[] = "out of memory: work in chunks, do not load whole large files, clean up";
    struct sysinfo info;
    const dm_spec *now = NULL, *next = NULL;
    int cpus = get_nprocs();
    /* The kernel keeps a part of the memory to itself; the size that covers the rest is ours. */
    if (cpus > 0 && sysinfo(&info) == 0) {
        uint32_t mib = (uint32_t)((uint64_t)info.totalram * info.mem_unit / (1024 * 1024));
        if (dm_spec_adjust((uint32_t)cpus, mib, &now) != 0 ||
                dm_spec_adjust((uint32_t)cpus, now->mem_mib + 1, &next) != 0)
            next = NULL;
    }
    if (next == NULL)
        (void)snprintf(out, size, "%s", what);
    else if (next->mem_mib >= 1024)
        (void)snprintf(out, size, "%s; or choose a larger spec: %uc%ug", what, next->vcpus, next->mem_mib / 1024);
    else
        (void)snprintf(out, size, "%s; or choose a larger spec: %uc%um", what, next->vcpus, next->mem_mib);
}
