#include "workers/host/slot/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/file.h"

#include "workers/vmm/proc.h"

enum { TOOL_MS = 10000, WORDS_MAX = 160, NETLINK_S = 2, ROUNDS = 4, DUMP_MAX = 65536 };
enum { DUMP_MORE = 1 }; /* of one packet of a dump: there are others */

/* --- tools -------------------------------------------------------------------------------------------------- */

/* The first line of what a tool said, without what would not print. */
static void words_of(int fd, char *out, size_t room)
{
    size_t n = 0;
    if (dm_pread_all(fd, out, room - 1, 0, &n, NULL) < 0)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '\n')
            n = i;
        else if (out[i] < ' ' || out[i] > '~')
            out[i] = '?';
    }
    out[n] = '\0';
}

/* A file in memory, not a pipe: neither side ever waits for the other. */
static int script_file(dm_str script, dm_err *err)
{
    DM_AUTO_FD fd = memfd_create("script", MFD_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make a file in memory");
    if (script.n > 0) {
        int r = dm_pwrite_all(fd, script.p, script.n, 0, err);
        if (r < 0)
            return r;
    }
    return dm_steal_fd(&fd);
}

int dm_net_run(const char *const *argv, dm_str script, dm_err *err)
{
    DM_AUTO_FD in = script_file(script, err);
    if (in < 0)
        return in;
    DM_AUTO_FD out = script_file((dm_str){.n = 0}, err);
    if (out < 0)
        return out;
    const dm_proc_fd fds[] = {{in, 0}, {out, 2}};
    int status;
    int r = dm_proc_run(argv, fds, DM_LEN(fds), TOOL_MS, &status, err);
    if (r < 0)
        return r;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    char words[WORDS_MAX];
    words_of(out, words, sizeof(words));
    return dm_fail(err, DM_E_IO, "%s: %s", argv[0], words[0] != '\0' ? words : "failed without words");
}

/* --- namespaces --------------------------------------------------------------------------------------------- */

struct within {
    int netns;
    dm_net_fn fn;
    void *arg;
    int r;
    dm_err err;
};

static void *within_thread(void *arg)
{
    struct within *w = arg;
    if (setns(w->netns, CLONE_NEWNET) < 0)
        w->r = dm_fail_sys(&w->err, errno, "enter a network namespace");
    else
        w->r = w->fn(w->arg, &w->err);
    return NULL;
}

int dm_net_within(const char *netns, dm_net_fn fn, void *arg, dm_err *err)
{
    char path[128];
    pthread_t thread;
    int r = dm_path(path, sizeof(path), err, "/run/netns/%s", netns);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    struct within w = {.netns = fd, .fn = fn, .arg = arg, .err = {.code = 0}};
    r = pthread_create(&thread, NULL, within_thread, &w);
    if (r != 0)
        return dm_fail_sys(err, r, "start a thread");
    (void)pthread_join(thread, NULL);
    if (w.r < 0 && err != NULL)
        *err = w.err;
    return w.r;
}

int dm_net_sysctl(const char *name, const char *value, dm_err *err)
{
    char path[128], now[16] = "";
    int r = dm_path(path, sizeof(path), err, "/proc/sys/net/%s", name);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    size_t n = strlen(value);
    if (read(fd, now, sizeof(now) - 1) > 0 && strncmp(now, value, n) == 0 && now[n] == '\n')
        return 0;
    return dm_pwrite_all(fd, value, n, 0, err);
}

int dm_net_tap(const char *name, int *out, dm_err *err)
{
    DM_AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return dm_fail_sys(err, errno, "open /dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int r = dm_str_to_array(dm_str_c(name), request.ifr_name, sizeof(request.ifr_name), err);
    if (r < 0)
        return r;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return errno == EBUSY ? DM_NET_BUSY : dm_fail_sys(err, errno, "attach to %s", name);
    if (ioctl(fd, TUNSETPERSIST, 1) < 0)
        return dm_fail_sys(err, errno, "keep %s", name);
    *out = dm_steal_fd(&fd);
    return 0;
}

static int inet_socket(dm_err *err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : dm_fail_sys(err, errno, "open a socket");
}

int dm_net_link(const char *name, bool up, dm_err *err)
{
    DM_AUTO_FD fd = inet_socket(err);
    struct ifreq request = {.ifr_flags = 0};
    if (fd < 0)
        return fd;
    int r = dm_str_to_array(dm_str_c(name), request.ifr_name, sizeof(request.ifr_name), err);
    if (r < 0)
        return r;
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return dm_fail_sys(err, errno, "look at %s", name);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return dm_fail_sys(err, errno, "turn %s %s", name, up ? "up" : "down");
    return 0;
}

int dm_net_neighbour(const char *name, const char *ipv4, const uint8_t mac[6], dm_err *err)
{
    DM_AUTO_FD fd = inet_socket(err);
    struct sockaddr_in who = {.sin_family = AF_INET};
    struct arpreq request = {.arp_ha.sa_family = ARPHRD_ETHER, .arp_flags = ATF_PERM | ATF_COM};
    if (fd < 0)
        return fd;
    if (inet_pton(AF_INET, ipv4, &who.sin_addr) != 1)
        return dm_fail(err, DM_E_INVALID, "%s is no address", ipv4);
    memcpy(&request.arp_pa, &who, sizeof(who));
    memcpy(request.arp_ha.sa_data, mac, 6);
    int r = dm_str_to_array(dm_str_c(name), request.arp_dev, sizeof(request.arp_dev), err);
    if (r == 0 && ioctl(fd, SIOCSARP, &request) < 0)
        r = dm_fail_sys(err, errno, "say who is behind %s", name);
    return r;
}

/* --- netlink ------------------------------------------------------------------------------------------------ */

static int netlink_open(int protocol, dm_err *err)
{
    DM_AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    const struct timeval limit = {.tv_sec = NETLINK_S};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        return dm_fail_sys(err, errno, "open a netlink socket");
    return dm_steal_fd(&fd);
}

/* NLMSG_DATA casts const away. */
static const void *data_of(const struct nlmsghdr *h)
{
    return (const char *)h + NLMSG_HDRLEN;
}

/* The kernel's yes or no to the last request. */
static int netlink_ack(int fd, dm_err *err)
{
    union {
        struct nlmsghdr head;
        char room[4096];
    } in;
    ssize_t n = recv(fd, &in, sizeof(in), 0);
    if (n < 0)
        return dm_fail_sys(err, errno, "read from netlink");
    if (!NLMSG_OK(&in.head, (size_t)n) || in.head.nlmsg_type != NLMSG_ERROR)
        return dm_fail(err, DM_E_PROTO, "odd answer from netlink");
    const struct nlmsgerr *e = data_of(&in.head);
    return e->error == 0 ? 0 : dm_fail_sys(err, -e->error, "the kernel refused");
}

/* What is done with each message of a dump, by a socket of its own. */
typedef struct dump {
    int act_fd;
    unsigned found;
} dump;
typedef int (*dump_each_fn)(dump *d, const struct nlmsghdr *h, dm_err *err);

static int dump_part(int fd, dump *d, dump_each_fn each, dm_err *err)
{
    union {
        struct nlmsghdr head;
        char room[32768];
    } in;
    ssize_t got = recv(fd, &in, sizeof(in), 0);
    if (got < 0)
        return dm_fail_sys(err, errno, "read from netlink");
    size_t n = (size_t)got;
    for (struct nlmsghdr *h = &in.head; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return dm_fail_sys(err, -((const struct nlmsgerr *)data_of(h))->error, "list what netlink has");
        int r = each(d, h, err);
        if (r < 0)
            return r;
    }
    return DUMP_MORE;
}

/* The answer to a dump that was asked for on fd. */
static int dump_all(int fd, dump *d, dump_each_fn each, dm_err *err)
{
    int r = DUMP_MORE;
    for (int part = 0; r == DUMP_MORE && part < DUMP_MAX; part++)
        r = dump_part(fd, d, each, err);
    return r < 0 ? r : 0;
}

int dm_net_flush_conntrack(dm_err *err)
{
    DM_AUTO_FD fd = netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0)
        return fd;
    struct {
        struct nlmsghdr head;
        struct nfgenmsg gen;
    } request = {.head = {.nlmsg_len = sizeof(request),
                         .nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
            .gen = {.nfgen_family = AF_INET, .version = NFNETLINK_V0}};
    if (send(fd, &request, sizeof(request), 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    int r = netlink_ack(fd, err);
    return r < 0 ? dm_wrap(err, "forget connections") : 0;
}

/* A request about the connections that came from one address: that part of their tuple, and the word that it is all
 * that is to be compared. Attributes are nested by hand; each is a multiple of four bytes. */
typedef struct by_source {
    struct nlmsghdr head;
    struct nfgenmsg gen;
    struct nlattr tuple, ip, src;
    uint32_t address;
    struct nlattr filter, orig;
    uint32_t orig_parts;
    struct nlattr reply;
    uint32_t reply_parts;
} by_source;

enum { FILTER_BY_SOURCE = 1 << 0 }; /* the kernel's CTA_FILTER_F_CTA_IP_SRC, which no header of its users has */

static by_source ask_by_source(uint32_t source, uint16_t type, uint16_t flags)
{
    enum { A = sizeof(struct nlattr), WORD = A + sizeof(uint32_t) };
    return (by_source){.head = {.nlmsg_len = sizeof(by_source),
                               .nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type),
                               .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
            .gen = {.nfgen_family = AF_INET, .version = NFNETLINK_V0},
            .tuple = {.nla_len = 2 * A + WORD, .nla_type = CTA_TUPLE_ORIG | NLA_F_NESTED},
            .ip = {.nla_len = A + WORD, .nla_type = CTA_TUPLE_IP | NLA_F_NESTED},
            .src = {.nla_len = WORD, .nla_type = CTA_IP_V4_SRC},
            .address = source,
            .filter = {.nla_len = A + 2 * WORD, .nla_type = CTA_FILTER | NLA_F_NESTED},
            .orig = {.nla_len = WORD, .nla_type = CTA_FILTER_ORIG_FLAGS},
            .orig_parts = FILTER_BY_SOURCE,
            .reply = {.nla_len = WORD, .nla_type = CTA_FILTER_REPLY_FLAGS}};
}

static uint32_t padded(const struct nlattr *a)
{
    return (a->nla_len + NLA_ALIGNTO - 1u) & ~(NLA_ALIGNTO - 1u);
}

/* One connection, named by the attribute that a dump gave: a tuple of the same meaning in both. */
static int forget_one(int fd, const struct nlattr *tuple, dm_err *err)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg gen;
        char tuple[256];
    } request = {.head = {.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
            .gen = {.nfgen_family = AF_INET, .version = NFNETLINK_V0}};
    if (tuple->nla_len > sizeof(request.tuple))
        return dm_fail(err, DM_E_PROTO, "odd answer from netlink");
    memcpy(request.tuple, tuple, tuple->nla_len);
    request.head.nlmsg_len = (uint32_t)(sizeof(request) - sizeof(request.tuple)) + padded(tuple);
    if (send(fd, &request, request.head.nlmsg_len, 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    int r = netlink_ack(fd, err);
    return r == DM_E_NOTFOUND ? 0 : r; /* it ended by itself */
}

/* An attribute of a dumped connection; NULL: it has none. */
static const struct nlattr *attribute(const struct nlmsghdr *h, uint16_t type)
{
    const char *p = (const char *)data_of(h) + NLMSG_ALIGN(sizeof(struct nfgenmsg)),
               *end = (const char *)h + h->nlmsg_len;
    while (end - p >= (ptrdiff_t)sizeof(struct nlattr)) {
        const void *at = p;
        const struct nlattr *a = at;
        if (a->nla_len < sizeof(*a) || a->nla_len > end - p)
            return NULL;
        if ((a->nla_type & NLA_TYPE_MASK) == type)
            return a;
        p += padded(a);
    }
    return NULL;
}

static int forget(dump *d, const struct nlmsghdr *h, dm_err *err)
{
    const struct nlattr *tuple = attribute(h, CTA_TUPLE_ORIG);
    return tuple != NULL ? forget_one(d->act_fd, tuple, err) : dm_fail(err, DM_E_PROTO, "odd answer from netlink");
}

int dm_net_forget_each(uint32_t source, dm_err *err)
{
    DM_AUTO_FD fd = netlink_open(NETLINK_NETFILTER, err);
    DM_AUTO_FD delete_fd = netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0 || delete_fd < 0)
        return DM_E_IO;
    const by_source request = ask_by_source(source, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    if (send(fd, &request, sizeof(request), 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    dump d = {.act_fd = delete_fd};
    return dump_all(fd, &d, forget, err);
}

static int forget_all(uint32_t source, dm_err *err)
{
    DM_AUTO_FD fd = netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0)
        return fd;
    const by_source request = ask_by_source(source, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
    if (send(fd, &request, sizeof(request), 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    return netlink_ack(fd, err);
}

/* In one go where the kernel can, which is since 6.12: an older one wants a whole tuple. */
int dm_net_forget(uint32_t source, dm_err *err)
{
    dm_err why = {0};
    int r = forget_all(source, &why);
    if (r < 0 && why.sys == EINVAL)
        r = dm_net_forget_each(source, &why);
    if (r < 0 && err != NULL)
        *err = why;
    return r < 0 ? dm_wrap(err, "forget connections of a slot") : 0;
}

/* The kernel's filter language: go on past the end, which accepts, when the peer is that address; else four bytes
 * further, which refuses. The condition's address follows it as a flexible member. */
enum { FILTER = sizeof(struct inet_diag_bc_op) + sizeof(struct inet_diag_hostcond) + sizeof(uint32_t) };

static void write_filter(uint32_t peer, char out[FILTER])
{
    const struct inet_diag_bc_op op = {.code = INET_DIAG_BC_D_COND, .yes = FILTER, .no = FILTER + 4};
    struct inet_diag_hostcond cond;
    memset(&cond, 0, sizeof(cond));
    cond.family = AF_INET;
    cond.prefix_len = 32;
    cond.port = -1;
    memcpy(out, &op, sizeof(op));
    memcpy(out + sizeof(op), &cond, sizeof(cond));
    memcpy(out + sizeof(op) + sizeof(cond), &peer, sizeof(peer));
}

static int dump_ask(int fd, uint32_t peer, dm_err *err)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 diag;
        struct nlattr attr;
        char filter[FILTER];
    } request = {.head = {.nlmsg_len = sizeof(request),
                         .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
            .diag = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX},
            .attr = {.nla_len = sizeof(struct nlattr) + FILTER, .nla_type = INET_DIAG_REQ_BYTECODE}};
    write_filter(peer, request.filter);
    if (send(fd, &request, sizeof(request), 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    return 0;
}

static int destroy_one(int fd, const struct inet_diag_msg *m, dm_err *err)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 diag;
    } request = {.head = {.nlmsg_len = sizeof(request),
                         .nlmsg_type = SOCK_DESTROY,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
            .diag = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX, .id = m->id}};
    if (send(fd, &request, sizeof(request), 0) < 0)
        return dm_fail_sys(err, errno, "write to netlink");
    int r = netlink_ack(fd, err);
    return r == DM_E_NOTFOUND ? 0 : r; /* it ended by itself */
}

static int destroy(dump *d, const struct nlmsghdr *h, dm_err *err)
{
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return dm_fail(err, DM_E_PROTO, "odd answer from netlink");
    const struct inet_diag_msg *m = data_of(h);
    if (m->idiag_state == 6) /* TIME_WAIT: nobody holds it any more */
        return 0;
    d->found++;
    return destroy_one(d->act_fd, m, err);
}

int dm_net_destroy_sockets(uint32_t peer, dm_err *err)
{
    /* A socket may be made while we look, so look until there is none. */
    for (int round = 0; round < ROUNDS; round++) {
        DM_AUTO_FD fd = netlink_open(NETLINK_SOCK_DIAG, err);
        DM_AUTO_FD destroy_fd = netlink_open(NETLINK_SOCK_DIAG, err);
        if (fd < 0 || destroy_fd < 0)
            return DM_E_IO;
        dump d = {.act_fd = destroy_fd};
        int r = dump_ask(fd, peer, err);
        if (r == 0)
            r = dump_all(fd, &d, destroy, err);
        if (r < 0)
            return dm_wrap(err, "destroy sockets");
        if (d.found == 0)
            return 0;
    }
    return 0;
}
