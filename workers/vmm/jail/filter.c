/* A list of what is refused, not of what is allowed: QEMU is a large program of another house, whose next version calls
 * what this one does not, and a list of what is allowed would end it in the middle of a customer's work. What is
 * refused is what leads out of a jail, or to the parts of the kernel where such ways are found: namespaces and mounts,
 * sockets of every family (loopback is cut by the network namespace; vsock and netlink are not), io_uring, keyrings,
 * bpf, other processes, executing what is not in the tree. QEMU's own list (-sandbox) comes after, and forbids it
 * execve too.
 *
 * A worker makes namespaces, mounts and netlink sockets for a living; of the rest it needs as little.
 *
 * Probes get ENOSYS: libraries ask for the new call first (clone3, io_uring) and have an old way. The rest get EPERM.
 * Another architecture's numbers for the same calls would walk around the list: they get ENOSYS as well. */
#include "workers/vmm/jail/filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/socket.h>

/* By both. */
static const int absent[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
        SCMP_SYS(memfd_secret), SCMP_SYS(userfaultfd)};
static const int insides[] = {
        /* other processes' memory and descriptors, but by /proc */
        SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
        SCMP_SYS(process_mrelease), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
        /* keyrings; files by a number instead of a path */
        SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(open_by_handle_at),
        /* the kernel's insides */
        SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie), SCMP_SYS(syslog),
        SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
        SCMP_SYS(delete_module), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
        SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
        SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt),
        SCMP_SYS(vhangup)};

/* By a VMM. */
static const int absent_vmm[] = {SCMP_SYS(clone3), SCMP_SYS(memfd_create)};
static const int refused_vmm[] = {
        /* sockets: what it speaks through was bound for it; it only listens and accepts */
        SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
        /* namespaces, mounts, roots */
        SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
        SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount),
        SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(name_to_handle_at),
        /* other processes, and what to become one of */
        SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), SCMP_SYS(execveat), SCMP_SYS(personality),
        /* objects that outlive who made them */
        SCMP_SYS(shmget), SCMP_SYS(shmat), SCMP_SYS(shmctl), SCMP_SYS(msgget), SCMP_SYS(semget), SCMP_SYS(mq_open)};

/* A thread is made by clone as well: only with one of these is it refused. */
static const uint64_t namespaces[] = {
        CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};

/* Families that a worker has no use for. */
static const int families[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_XDP, AF_KEY, AF_BLUETOOTH, AF_CAN, AF_RDS, AF_TIPC};

static int refuse(scmp_filter_ctx f, int as, const int *calls, size_t n)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO((unsigned)as), calls[i], 0);
    return r;
}

static int begin(scmp_filter_ctx f)
{
    int r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (r == 0)
        r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* found by halving */
    if (r == 0)
        r = refuse(f, ENOSYS, absent, DM_LEN(absent));
    return r == 0 ? refuse(f, EPERM, insides, DM_LEN(insides)) : r;
}

static int rules_vmm(scmp_filter_ctx f, int fd)
{
    int r = refuse(f, ENOSYS, absent_vmm, DM_LEN(absent_vmm));
    if (r == 0)
        r = refuse(f, EPERM, refused_vmm, DM_LEN(refused_vmm));
    for (size_t i = 0; r == 0 && i < DM_LEN(namespaces); i++)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    return r == 0 ? seccomp_export_bpf(f, fd) : r;
}

static int rules_worker(scmp_filter_ctx f, int fd)
{
    int r = 0;
    (void)fd;
    for (size_t i = 0; r == 0 && i < DM_LEN(families); i++)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    return r == 0 ? seccomp_load(f) : r;
}

static int make(int (*rules)(scmp_filter_ctx f, int fd), int fd, dm_err *err)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a filter");
    int r = begin(f);
    if (r == 0)
        r = rules(f, fd);
    seccomp_release(f);
    return r == 0 ? 0 : dm_fail_sys(err, -r, "make a filter of system calls");
}

int dm_filter_vmm(int fd, dm_err *err)
{
    return make(rules_vmm, fd, err);
}

int dm_filter_worker(dm_err *err)
{
    return make(rules_worker, -1, err);
}
