/* The network of a slot is always the same: the guest has .2, the host's end of the tap has .1. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "workers/guest/self/boot.h"

static const char guest_address[] = "172.20.0.2";
static const char netmask[] = "255.255.255.0";
static const char gateway[] = "172.20.0.1";

static struct sockaddr_in address(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    (void)inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static int set_address(int fd, const char *name, unsigned long request, const char *text, dm_err *err)
{
    struct ifreq req = {.ifr_flags = 0};
    struct sockaddr_in a = address(text);
    memcpy(req.ifr_name, name, strlen(name) + 1);
    memcpy(&req.ifr_addr, &a, sizeof(a));
    if (ioctl(fd, request, &req) != 0)
        return dm_fail_sys(err, errno, "give %s the address %s", name, text);
    return 0;
}

static int bring_up(int fd, const char *name, dm_err *err)
{
    struct ifreq req = {.ifr_flags = 0};
    memcpy(req.ifr_name, name, strlen(name) + 1);
    if (ioctl(fd, SIOCGIFFLAGS, &req) != 0)
        return dm_fail_sys(err, errno, "%s", name);
    req.ifr_flags = (short)(req.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &req) != 0)
        return dm_fail_sys(err, errno, "bring up %s", name);
    return 0;
}

static int add_gateway(int fd, dm_err *err)
{
    struct sockaddr_in to = address("0.0.0.0"), via = address(gateway);
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    memcpy(&route.rt_dst, &to, sizeof(to));
    memcpy(&route.rt_genmask, &to, sizeof(to));
    memcpy(&route.rt_gateway, &via, sizeof(via));
    if (ioctl(fd, SIOCADDRT, &route) != 0 && errno != EEXIST)
        return dm_fail_sys(err, errno, "route by %s", gateway);
    return 0;
}

int dm_boot_network(dm_err *err)
{
    DM_AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dm_fail_sys(err, errno, "socket");
    int r = bring_up(fd, "lo", err);
    if (r < 0 || if_nametoindex("eth0") == 0)
        return r; /* a machine without a network is one, too */
    r = set_address(fd, "eth0", SIOCSIFADDR, guest_address, err);
    r = r < 0 ? r : set_address(fd, "eth0", SIOCSIFNETMASK, netmask, err);
    r = r < 0 ? r : bring_up(fd, "eth0", err);
    return r < 0 ? r : add_gateway(fd, err);
}
