/* A list of what is allowed: all of the program is ours to see, and what it does is to compute. What a library asks for
 * in its next version fails for lack of a right, and nothing is killed for it. */
#include "metering/export/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "metering/export/format.h"

static const int allowed[] = {
        /* what is open already */
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(close),
        SCMP_SYS(fstat), SCMP_SYS(fcntl), SCMP_SYS(poll),
        /* memory */
        SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
        /* threads, which fontconfig is read in */
        SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
        SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
        SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(restart_syscall),
        /* time, and a seed for tables */
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom),
        SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(prctl),
        /* who it is */
        SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid)};
static const int of_files[] = {SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs),
        SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
        SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fadvise64)};
/* Libraries ask for the new call first and have an old way. */
static const int absent[] = {SCMP_SYS(clone3)};

enum { WRITING = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND };

static int limits(dm_err *err)
{
    const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } each[] = {{RLIMIT_AS, DM_CONFINE_MEM}, {RLIMIT_CPU, DM_CONFINE_CPU_S}, {RLIMIT_FSIZE, DM_EXPORT_BYTES_MAX},
            {RLIMIT_NOFILE, DM_CONFINE_FILES}, {RLIMIT_CORE, 0}};
    for (size_t i = 0; i < DM_LEN(each); i++) {
        const struct rlimit is = {each[i].most, each[i].most};
        if (setrlimit(each[i].what, &is) < 0)
            return dm_fail_sys(err, errno, "set a limit");
    }
    return 0;
}

static int allow(scmp_filter_ctx f, uint32_t action, const int *calls, size_t n)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = seccomp_rule_add(f, action, calls[i], 0);
    return r;
}

static int rules(scmp_filter_ctx f, bool files)
{
    int r = allow(f, SCMP_ACT_ALLOW, allowed, DM_LEN(allowed));
    if (r == 0)
        r = allow(f, SCMP_ACT_ERRNO(ENOSYS), absent, DM_LEN(absent));
    if (r == 0) /* a thread, never a process */
        r = seccomp_rule_add(
                f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (r != 0 || !files)
        return r;
    r = allow(f, SCMP_ACT_ALLOW, of_files, DM_LEN(of_files));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY));
    return r == 0 ? seccomp_rule_add(
                            f, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY))
                  : r;
}

int dm_confine(bool files, dm_err *err)
{
    int r = limits(err);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return dm_fail_sys(err, errno, "give up rights");
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a filter");
    r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (r == 0)
        r = rules(f, files);
    if (r == 0)
        r = seccomp_load(f);
    seccomp_release(f);
    return r == 0 ? 0 : dm_fail_sys(err, -r, "make a filter of system calls");
}
