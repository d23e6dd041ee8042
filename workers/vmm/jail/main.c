/* dormouse-jail: stands in front of a VMM, takes everything of the host out of its reach, and becomes it. What it is
 * given is descriptors and a few words; jail.c is the only one that starts it, in a pid namespace of its own, so that
 * nothing has to be forked here and the VMM stays the worker's direct child.
 *
 *     dormouse-jail -u UID -s BYTES -r ROOT -f FILTER [-b FD=NAME | -w FD=NAME]... [-g FD]... -- PROGRAM ARGUMENT...
 *
 * The order is what makes it work. A descriptor's mount belongs to the namespace it was opened in, so all that is to be
 * seen inside is cloned off (open_tree) before the new mount namespace, and moved in after. Control groups are joined
 * first, so that all the rest is charged to them, and while there are paths. Rights go next to last, and the filter
 * last: it refuses what the steps before it need.
 *
 * Inside there is: a read-only tree with the VMM's program and libraries, the files of -b (read) and -w (written), the
 * host's /dev/null, which takes and gives nothing, and descriptors below DM_JAIL_FDS. No /proc, no /sys, no network but
 * what a descriptor leads to, nobody else in sight. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"

#include "workers/vmm/jail/cell.h"

enum { FILTER_MAX = 4096, FILES = 256 };

struct view {
    int fd, mount;
    const char *name;
    bool writable;
};

struct cell {
    uint32_t uid;
    uint64_t file_max;
    int root, filter;
    struct view views[DM_JAIL_VIEWS];
    size_t n_views;
    int groups[DM_JAIL_GROUPS];
    size_t n_groups;
    char **argv;
};

static _Noreturn void give_up(const char *what)
{
    int e = errno;
    (void)dprintf(2, "dormouse-jail: %s: %s\n", what, strerror(e));
    _exit(127);
}

static void must(bool good, const char *what)
{
    if (!good)
        give_up(what);
}

/* --- what it is told ---------------------------------------------------------------------------------------- */

static uint64_t number(dm_str word, uint64_t max)
{
    uint64_t v;
    errno = EINVAL;
    must(dm_parse_u64(word, 0, max, &v, NULL) == 0, "a number");
    return v;
}

static int descriptor(dm_str word)
{
    return (int)number(word, DM_JAIL_FD_END - 1);
}

static void add_view(struct cell *c, char *word, bool writable)
{
    dm_str rest = dm_str_c(word), fd;
    errno = E2BIG;
    must(c->n_views < DM_JAIL_VIEWS, "files");
    errno = EINVAL;
    must(dm_str_split(&rest, '=', &fd) && rest.n > 0, "a file");
    c->views[c->n_views++] = (struct view){.fd = descriptor(fd), .mount = -1, .name = rest.p, .writable = writable};
}

static void add_group(struct cell *c, const char *word)
{
    errno = E2BIG;
    must(c->n_groups < DM_JAIL_GROUPS, "groups");
    c->groups[c->n_groups++] = descriptor(dm_str_c(word));
}

static void read_words(struct cell *c, int argc, char **argv)
{
    *c = (struct cell){.root = -1, .filter = -1};
    for (int o; (o = getopt(argc, argv, "+u:s:r:f:b:w:g:")) != -1;) {
        switch (o) {
        case 'u':
            c->uid = (uint32_t)number(dm_str_c(optarg), INT32_MAX);
            break;
        case 's':
            c->file_max = number(dm_str_c(optarg), INT64_MAX);
            break;
        case 'r':
            c->root = descriptor(dm_str_c(optarg));
            break;
        case 'f':
            c->filter = descriptor(dm_str_c(optarg));
            break;
        case 'b':
        case 'w':
            add_view(c, optarg, o == 'w');
            break;
        case 'g':
            add_group(c, optarg);
            break;
        default:
            _exit(127); /* getopt has said why */
        }
    }
    c->argv = argv + optind;
    errno = EINVAL;
    must(c->uid != 0 && c->root >= 0 && c->filter >= 0 && optind < argc, "-u, -r, -f and a program");
}

/* --- what it sees ------------------------------------------------------------------------------------------- */

static int clone_mount(int at, const char *path, uint64_t attributes)
{
    struct mount_attr a = {.attr_set = attributes};
    int fd = open_tree(at, path, AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    must(fd >= 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &a, sizeof(a)) == 0, "clone a mount");
    return fd;
}

static void move_in(int mount, int at, const char *name)
{
    must(move_mount(mount, "", at, name, MOVE_MOUNT_F_EMPTY_PATH) == 0, name);
}

static void join_groups(const struct cell *c)
{
    for (size_t i = 0; i < c->n_groups; i++)
        must(write(c->groups[i], "0", 1) == 1, "join a control group");
}

static void change_root(struct cell *c)
{
    const uint64_t own = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int tree = clone_mount(c->root, "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    int null = clone_mount(AT_FDCWD, "/dev/null", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    for (size_t i = 0; i < c->n_views; i++)
        c->views[i].mount = clone_mount(c->views[i].fd, "", own | (c->views[i].writable ? 0 : MOUNT_ATTR_RDONLY));
    /* The working folder is the one thing that leads from the old namespace into its copy. */
    must(fchdir(c->root) == 0, "enter the tree");
    must(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) == 0, "unshare");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "keep mounts apart");
    move_in(tree, AT_FDCWD, ".");
    move_in(null, tree, "dev/null");
    for (size_t i = 0; i < c->n_views; i++)
        move_in(c->views[i].mount, tree, c->views[i].name);
    must(fchdir(tree) == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
    must(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "leave the old root");
    must(sethostname("vm", 2) == 0 && setdomainname("", 0) == 0, "take a name");
}

/* --- what it may -------------------------------------------------------------------------------------------- */

static void limit(uint64_t file_max)
{
    const struct rlimit file = {file_max, file_max};
    const struct rlimit tasks = {DM_JAIL_TASKS, DM_JAIL_TASKS}, files = {FILES, FILES}, none = {0, 0};
    /* The user is this machine's alone, so a count by user is one by machine, also where there is no group for it. */
    must(setrlimit(RLIMIT_NPROC, &tasks) == 0 && setrlimit(RLIMIT_NOFILE, &files) == 0 &&
                    setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_FSIZE, &file) == 0 &&
                    setrlimit(RLIMIT_MSGQUEUE, &none) == 0,
            "limits");
}

static void drop_rights(uint32_t uid)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}, {0}};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0, "bounding set");
    must(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0, "user");
    must(syscall(SYS_capset, &head, none) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0,
            "capabilities");
}

static void install_filter(int fd)
{
    static struct sock_filter code[FILTER_MAX];
    ssize_t n = pread(fd, code, sizeof(code), 0);
    errno = EINVAL;
    must(n > 0 && (size_t)n < sizeof(code) && (size_t)n % sizeof(code[0]) == 0, "the filter");
    const struct sock_fprog prog = {.len = (unsigned short)((size_t)n / sizeof(code[0])), .filter = code};
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0, "install the filter");
}

int main(int argc, char **argv)
{
    struct cell c;
    read_words(&c, argc, argv);
    join_groups(&c);
    change_root(&c);
    limit(c.file_max);
    drop_rights(c.uid);
    install_filter(c.filter);
    must(close_range(DM_JAIL_FDS, ~0U, 0) == 0, "close what is ours");
    (void)execv(c.argv[0], c.argv);
    give_up(c.argv[0]);
}
