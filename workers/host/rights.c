/* What is kept, and for what. What it runs (ip, nft, the jail) has no more than this either: with no_new_privs even a
 * program that root executes gains nothing. */
#include "workers/host/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workers/vmm/jail/filter.h"

static const struct {
    int cap;
    const char *why;
} kept[] = {
        {CAP_SYS_ADMIN, "namespaces of slots and jails, and the mounts of the latter"},
        {CAP_NET_ADMIN, "links, taps, rules and sockets of slots"},
        {CAP_SYS_PTRACE, "a guest's memory is read and written through its VMM, which is another user's"},
        {CAP_KILL, "VMMs are other users'"},
        {CAP_SETUID, "a jail takes its user"},
        {CAP_SETGID, "and its group"},
        {CAP_SETPCAP, "and gives up the rest"},
        {CAP_SYS_RESOURCE, "limits of a VMM, set from outside"},
        {CAP_CHOWN, "the memory of a template build is its VMM's; the socket is a group's"},
        {CAP_DAC_OVERRIDE, "the API's socket, and what an earlier version left to its VMMs' user"},
        {CAP_FOWNER, "a hard link to such a disk"},
};

static uint64_t mask(void)
{
    uint64_t m = 0;
    for (size_t i = 0; i < DM_LEN(kept); i++)
        m |= UINT64_C(1) << kept[i].cap;
    return m;
}

static int drop(dm_err *err)
{
    const uint64_t m = mask();
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct have[2];
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if ((m >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return dm_fail_sys(err, errno, "give up capability %d", cap);
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capget, &head, have) < 0)
        return dm_fail_sys(err, errno, "read the capabilities");
    for (int i = 0; i < 2; i++) {
        have[i].permitted &= (uint32_t)(m >> (32 * i));
        have[i].effective &= have[i].permitted;
        have[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, have) == 0 ? 0 : dm_fail_sys(err, errno, "give up capabilities");
}

int dm_rights_reduce(dm_err *err)
{
    int r = geteuid() == 0 ? drop(err) : 0;
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = dm_fail_sys(err, errno, "gain no rights");
    return r == 0 ? dm_filter_worker(err) : r;
}
