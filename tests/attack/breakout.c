/* Who has broken out of a guest runs code in its VMM's process. This program stands there instead of the VMM, in its
 * jail, without QEMU's own filter (so: the worst case), and tries what leads further. Each try is a line "TRY yes" or
 * "TRY no", the last line is "end". Everything it should try against somebody is told to it:
 *
 *     breakout [pid=N]... [file=PATH]... [port=N]... [abstract=NAME]... [unix=PATH]... [memory=MIB]
 *     breakout wait
 *
 * pid: processes of the host by the host's numbers; file: files and folders of the host; port: of its 127.0.0.1;
 * memory: so much is taken at last, which a group that bounds it does not allow. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIDS = 40000, FORKS = 400, FDS = 1024, VSOCK = 40, ALG = 38, X32 = 0x40000000 };

static void say(const char *what, const char *of, bool reached)
{
    (void)printf("%s%s%s %s\n", what, *of != '\0' ? ":" : "", of, reached ? "yes" : "no");
    (void)fflush(stdout);
}

static void tried(const char *what, long r)
{
    say(what, "", r >= 0);
}

/* --- other processes ---------------------------------------------------------------------------------------- */

static void attack_process(const char *number)
{
    char path[64];
    pid_t pid = (pid_t)strtol(number, NULL, 10);
    (void)snprintf(path, sizeof(path), "/proc/%s/mem", number);
    say("memory-of", number, open(path, O_RDWR) >= 0);
    (void)snprintf(path, sizeof(path), "/proc/%s/fd", number);
    say("descriptors-of", number, open(path, O_RDONLY) >= 0);
    (void)snprintf(path, sizeof(path), "/proc/%s/status", number);
    say("status-of", number, open(path, O_RDONLY) >= 0);
    say("ptrace", number, ptrace(PTRACE_SEIZE, pid, 0, 0) >= 0);
    say("signal", number, kill(pid, 0) >= 0 || errno == EPERM);
    long fd = syscall(SYS_pidfd_open, pid, 0);
    say("pidfd", number, fd >= 0);
    say("pidfd_getfd", number, syscall(SYS_pidfd_getfd, fd, 3, 0) >= 0);
    char byte;
    struct iovec here = {&byte, 1}, there = {&path, 1};
    say("process_vm_readv", number, syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT);
}

/* By number, since there is no list: whoever else is in sight. */
static void look_around(void)
{
    unsigned seen = 0;
    for (pid_t pid = 1; pid < PIDS; pid++)
        seen += pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM);
    say("sees-processes", "", seen > 0);
    say("is-not-process-one", "", getpid() != 1);
}

/* --- files -------------------------------------------------------------------------------------------------- */

static void attack_file(const char *path)
{
    struct stat st;
    say("sees", path, lstat(path, &st) == 0);
    say("reads", path, open(path, O_RDONLY | O_NONBLOCK) >= 0);
    say("writes", path, open(path, O_WRONLY | O_NONBLOCK) >= 0);
}

static void write_anywhere(void)
{
    static const char *const folders[] = {"/", "/dev", "/usr", "/lib", "/tmp", "/var/tmp", "/dev/shm", "/run", "."};
    char path[64];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/x", folders[i]);
        say("makes", path, open(path, O_WRONLY | O_CREAT, 0600) >= 0);
    }
    tried("mkdir", mkdir("/x", 0700));
    tried("link", symlink("/etc", "/x"));
    tried("mknod", mknod("/x", S_IFCHR | 0600, 0x0103));
    tried("chmod-root", chmod("/", 0777));
    tried("rename", rename("/ram", "/mar"));
}

/* A descriptor of a folder, of whichever mount, leads to all that is above it. */
static void through_descriptors(void)
{
    unsigned ways = 0;
    for (int fd = 0; fd < FDS; fd++) {
        int up = openat(fd, "..", O_PATH | O_DIRECTORY);
        ways += up >= 0;
        if (up >= 0)
            (void)close(up);
        ways += fchdir(fd) == 0;
    }
    say("folder-by-descriptor", "", ways > 0);
    tried("chroot", chroot("/dev"));
    struct stat root, up;
    bool there = chdir("/") == 0 && stat("/", &root) == 0 && chdir("../../../..") == 0 && stat(".", &up) == 0;
    say("above-the-root", "", there && (root.st_ino != up.st_ino || root.st_dev != up.st_dev));
    struct {
        struct file_handle head;
        unsigned char bytes[64];
    } handle = {.head = {.handle_bytes = 64}};
    int mount;
    tried("file-handle", name_to_handle_at(AT_FDCWD, "/", &handle.head, &mount, 0));
    tried("open-by-handle", open_by_handle_at(0, &handle.head, O_RDONLY));
}

/* --- sockets ------------------------------------------------------------------------------------------------ */

static void attack_port(const char *number)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(number, NULL, 10))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    say("connects", number, connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
}

static void attack_unix(const char *what, const char *name, bool abstract)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    (void)snprintf(a.sun_path + abstract, sizeof(a.sun_path) - 1, "%s", name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    say(what, name,
            connect(fd, (const struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)) == 0);
}

static void open_sockets(void)
{
    int pair[2];
    tried("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
    tried("socket-inet6", socket(AF_INET6, SOCK_DGRAM, 0));
    tried("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
    tried("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    tried("socket-netlink", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    tried("socket-netfilter", socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    tried("socket-vsock", socket(VSOCK, SOCK_STREAM, 0));
    tried("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
    tried("socket-raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    tried("socket-alg", socket(ALG, SOCK_SEQPACKET, 0));
}

/* --- rights and the kernel ---------------------------------------------------------------------------------- */

static int be_born(void *arg)
{
    (void)arg;
    return 0;
}

static long clone_into(int flags)
{
    static char stack[65536] __attribute__((aligned(16)));
    return clone(be_born, stack + sizeof(stack), flags | SIGCHLD, NULL);
}

static void make_namespaces(void)
{
    tried("unshare-user", unshare(CLONE_NEWUSER));
    tried("unshare-mount", unshare(CLONE_NEWNS));
    tried("unshare-net", unshare(CLONE_NEWNET));
    tried("clone-user", clone_into(CLONE_NEWUSER));
    tried("clone-user-net", clone_into(CLONE_NEWUSER | CLONE_NEWNET));
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    tried("clone3-user", pid);
    tried("setns", setns(0, 0));
    tried("mount", mount("none", "/dev", "tmpfs", 0, NULL));
    tried("umount", umount2("/ram", MNT_DETACH));
    tried("pivot_root", syscall(SYS_pivot_root, ".", "."));
    tried("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    tried("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
}

static void take_rights(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
    tried("setuid", setuid(0));
    tried("setgid", setgid(0));
    tried("capset", syscall(SYS_capset, &head, all));
    struct utsname u;
    char host[65] = "";
    say("is-root", "", getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0);
    say("has-groups", "", getgroups(0, NULL) > 0);
    (void)gethostname(host, sizeof(host));
    say("host-name", "", uname(&u) == 0 && strcmp(host, "vm") != 0);
}

static void ask_the_kernel(void)
{
    struct io_uring_params ring = {.flags = 0};
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(perf), .exclude_kernel = 1};
    char log[64];
    tried("io_uring", syscall(SYS_io_uring_setup, 1, &ring));
    tried("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
    tried("perf", syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0));
    tried("userfaultfd", syscall(SYS_userfaultfd, 1));
    tried("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
    tried("keyctl", syscall(SYS_keyctl, 0, -3, 0)); /* the session's keyring */
    tried("request_key", syscall(SYS_request_key, "user", "x", NULL, -3));
    tried("memfd", syscall(SYS_memfd_create, "x", 0));
    tried("shmget", shmget(0x646d, 4096, IPC_CREAT | 0600));
    tried("msgget", msgget(0x646d, IPC_CREAT | 0600));
    tried("dmesg", syscall(SYS_syslog, 3, log, sizeof(log)));
    tried("iopl", syscall(SYS_iopl, 3));
    tried("modify_ldt", syscall(SYS_modify_ldt, 0, log, sizeof(log)));
    tried("personality", syscall(SYS_personality, 0xffffffff));
    tried("fanotify", syscall(SYS_fanotify_init, 0, 0));
    tried("init_module", syscall(SYS_init_module, log, 0, ""));
    tried("execveat", syscall(SYS_execveat, 0, "", (char *[]){NULL}, (char *[]){NULL}, AT_EMPTY_PATH));
    tried("execve-disk", execve("/disk", (char *[]){NULL}, (char *[]){NULL}));
}

static volatile long old_call_said = -1;

static void no_such_gate(int signal)
{
    (void)signal;
    _exit(0);
}

/* The same calls by another architecture's numbers. In a child: a kernel without them ends it. */
static void other_numbers(void)
{
    tried("x32-socket", syscall(X32 | SYS_socket, AF_UNIX, SOCK_STREAM, 0));
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGSEGV, no_such_gate);
        long r;
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(310L), "b"((long)CLONE_NEWUSER) : "memory"); /* i386: unshare */
        old_call_said = r;
        _exit(old_call_said >= 0 ? 1 : 0);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    say("i386-unshare", "", pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* --- taking all --------------------------------------------------------------------------------------------- */

static void fork_bomb(void)
{
    static pid_t children[FORKS];
    int n = 0;
    for (; n < FORKS; n++) {
        children[n] = fork();
        if (children[n] < 0)
            break;
        if (children[n] == 0)
            for (;;)
                (void)pause();
    }
    say("forks-without-end", "", n == FORKS);
    for (int i = 0; i < n; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
}

static void take_memory(const char *mib)
{
    size_t n = (size_t)strtol(mib, NULL, 10) << 20;
    pid_t pid = fork();
    if (pid == 0) {
        char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; p != MAP_FAILED && i < n; i += 4096)
            p[i] = 1;
        _exit(p != MAP_FAILED ? 1 : 0);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    say("takes-memory", mib, WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* word=VALUE: the value. */
static const char *value_of(const char *argument, const char *word)
{
    size_t n = strlen(word);
    return strncmp(argument, word, n) == 0 && argument[n] == '=' ? argument + n + 1 : NULL;
}

int main(int argc, char **argv)
{
    const char *v, *memory = NULL;
    for (int i = 1; i < argc; i++) {
        if ((v = value_of(argv[i], "pid")) != NULL)
            attack_process(v);
        else if ((v = value_of(argv[i], "file")) != NULL)
            attack_file(v);
        else if ((v = value_of(argv[i], "port")) != NULL)
            attack_port(v);
        else if ((v = value_of(argv[i], "abstract")) != NULL)
            attack_unix("abstract", v, true);
        else if ((v = value_of(argv[i], "unix")) != NULL)
            attack_unix("unix", v, false);
        else if ((v = value_of(argv[i], "memory")) != NULL)
            memory = v;
        else if (strcmp(argv[i], "wait") == 0)
            return pause();
    }
    static const char *const hosts[] = {"/etc/passwd", "/proc/self/status", "/proc/1/environ", "/sys/kernel",
            "/dev/kvm", "/dev/net/tun", "/dev/vda", "/run", "/root", "/bin/sh", "/usr/bin/ldd"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        attack_file(hosts[i]);
    look_around();
    write_anywhere();
    through_descriptors();
    open_sockets();
    make_namespaces();
    take_rights();
    ask_the_kernel();
    other_numbers();
    fork_bomb();
    if (memory != NULL)
        take_memory(memory);
    (void)printf("end\n");
    return 0;
}
