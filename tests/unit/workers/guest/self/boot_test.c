/* What of booting can be done to a machine that is not ours to boot: the network in a name space of its own, the host's
 * name in one and below a root of its own. The rest of it runs in tests/unit/workers/vmm/qemu/qemu_test.c. */
/* Covers workers/guest/self/boot_net.c. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/guest/self/boot.h"

enum { FINE = 0, NOT_HERE = 77 };

/* In a child, because name spaces are not left again. Its exit code, or the line where it found something wrong. */
static void in_child(int (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HERE)
        skip();
    if (WEXITSTATUS(status) != FINE)
        fail_msg("step %d", WEXITSTATUS(status));
}

static bool is_up(int fd, const char *name)
{
    struct ifreq req = {.ifr_flags = 0};
    (void)snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
    return ioctl(fd, SIOCGIFFLAGS, &req) == 0 && (req.ifr_flags & IFF_UP) != 0;
}

static bool has_address(int fd, const char *text)
{
    struct ifreq req = {.ifr_name = "eth0"};
    struct sockaddr_in a;
    struct in_addr want;
    if (ioctl(fd, SIOCGIFADDR, &req) != 0 || inet_pton(AF_INET, text, &want) != 1)
        return false;
    memcpy(&a, &req.ifr_addr, sizeof(a));
    return a.sin_addr.s_addr == want.s_addr;
}

/* Without a card, then with one, and once more: a guest that restarts its agent has the route already. */
static int network(void)
{
    struct ifreq tap = {.ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) != 0)
        return NOT_HERE;
    DM_AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || is_up(fd, "lo"))
        return 1;
    if (dm_boot_network(NULL) != 0 || !is_up(fd, "lo"))
        return 2;
    DM_AUTO_FD card = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (card < 0 || ioctl(card, TUNSETIFF, &tap) != 0)
        return NOT_HERE;
    if (dm_boot_network(NULL) != 0 || dm_boot_network(NULL) != 0)
        return 3;
    return is_up(fd, "eth0") && has_address(fd, "172.20.0.2") ? FINE : 4;
}

static void brings_up_the_network(void **state)
{
    (void)state;
    in_child(network);
}

static char root[] = "/tmp/dm-boot-XXXXXX";

static bool holds(const char *path, const char *text)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    return dm_file_read(path, &b, NULL) == 0 && dm_str_eq_c(dm_buf_view(&b), text);
}

static int host_name(void)
{
    char name[65] = "";
    if (unshare(CLONE_NEWUTS) != 0 || chroot(root) != 0 || chdir("/") != 0)
        return NOT_HERE;
    if (dm_boot_hostname("first", NULL) != 0 || !holds("/etc/hostname", "first\n"))
        return 1;
    if (!holds("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 first\n"))
        return 2;
    /* The image's own lines stay, ours is replaced, and a shorter name leaves nothing of a longer one. */
    if (dm_file_write("/etc/hosts", DM_STR("10.0.0.1 a\n127.0.1.1 a-much-longer-name\n10.0.0.2 b\n"), 0644, NULL) != 0)
        return 3;
    if (dm_boot_hostname("x", NULL) != 0 || !holds("/etc/hosts", "10.0.0.1 a\n10.0.0.2 b\n127.0.1.1 x\n"))
        return 4;
    if (!holds("/etc/hostname", "x\n") || gethostname(name, sizeof(name) - 1) != 0 || strcmp(name, "x") != 0)
        return 5;
    /* A link is replaced, not followed. */
    if (unlink("/etc/hosts") != 0 || symlink("/elsewhere", "/etc/hosts") != 0 || dm_boot_hostname("y", NULL) != 0)
        return 6;
    struct stat st;
    return lstat("/etc/hosts", &st) == 0 && S_ISREG(st.st_mode) && access("/elsewhere", F_OK) != 0 ? FINE : 7;
}

static void takes_a_name(void **state)
{
    (void)state;
    char etc[64];
    assert_non_null(mkdtemp(root));
    (void)snprintf(etc, sizeof(etc), "%s/etc", root);
    assert_int_equal(mkdir(etc, 0755), 0);
    in_child(host_name);
    assert_int_equal(dm_remove_tree(root, NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(brings_up_the_network),
            cmocka_unit_test(takes_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
