/* A slot's namespace routes between tap0, where the guest is, and up0, whose other end is on the host. All it may do is
 * written in one nft table inside, so that a change is one transaction, touches one tenant, and is out of the guest's
 * reach. A second table on the host, one for all slots of a deployment, masquerades them to the world and repeats the
 * rules that must hold even if a namespace's own were lost.
 *
 * The rules look at directions: packets that answer a connection made from outside pass always; what the guest itself
 * began is judged packet by packet, so that cutting the internet also ends what is under way.
 *
 * What namespaces share is the kernel's: one neighbour table, of 1,024 entries for all of them, one pool of memory for
 * connections. So before any of this the tap takes only frames that are from the guest by address and MAC, since each
 * ARP packet from a new sender is an entry; both ends of the pair know each other for good (a permanent entry is not
 * counted, and nobody on a wire of two needs to ask); and what a guest begins is bounded in number, rate and bytes. A
 * packet too many is dropped before it is tracked for good, so a flood leaves nothing behind. */
#include "workers/host/slot/slot.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/host/slot/net.h"

#define IP "/usr/sbin/ip"
#define NFT "/usr/sbin/nft"
#define GUEST "172.20.0.2"
#define GUEST_MAC "02:00:00:00:00:02"
#define GATEWAY_MAC "02:00:00:00:00:01"
#define HOST_MAC "02:00:00:00:01:01" /* of the pair's end on the host, */
#define UP_MAC "02:00:00:00:01:02"   /* and of the one inside */
#define PRIVATE                                                                                                        \
    "{ 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, "               \
    "192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3 }"

enum { SCRIPT_MAX = 8192, DRAIN_MAX = 65536 };

static int run_ip(dm_str script, dm_err *err)
{
    static const char *const argv[] = {IP, "-batch", "-", NULL};
    return dm_net_run(argv, script, err);
}

static int run_nft(dm_str script, dm_err *err)
{
    static const char *const argv[] = {NFT, "-f", "-", NULL};
    return dm_net_run(argv, script, err);
}

/* --- names and addresses ------------------------------------------------------------------------------------ */

static int check_prefix(const char *prefix, dm_err *err)
{
    dm_str p = dm_str_c(prefix);
    if (p.n < 1 || p.n > DM_SLOT_PREFIX_MAX || !dm_str_only(p, "abcdefghijklmnopqrstuvwxyz0123456789"))
        return dm_fail(err, DM_E_INVALID, "a slot prefix is 1 to %d of a-z0-9", DM_SLOT_PREFIX_MAX);
    return 0;
}

static int name_slot(const char *prefix, uint32_t no, dm_slot *s, dm_err *err)
{
    int r = check_prefix(prefix, err);
    if (r < 0)
        return r;
    if (no >= DM_SLOT_MAX)
        return dm_fail(err, DM_E_INVALID, "slot %u of %d", no, DM_SLOT_MAX);
    *s = (dm_slot){.no = no, .tap_fd = -1};
    r = dm_path(s->netns, sizeof(s->netns), err, "dm-%s-%u", prefix, no);
    return r < 0 ? r : dm_path(s->host_if, sizeof(s->host_if), err, "dm%sv%u", prefix, no);
}

struct place {
    char host[16]; /* the host's end of the uplink; s->address is the other */
    char net[16];  /* of the whole deployment, /16 */
};

/* Each slot's uplink is a /30 of the deployment's /16. */
static int address_slot(const char *base, dm_slot *s, struct place *p, dm_err *err)
{
    struct in_addr a;
    if (inet_pton(AF_INET, base, &a) != 1 || (ntohl(a.s_addr) & 0xffff) != 0)
        return dm_fail(err, DM_E_INVALID, "%.32s is not the first address of a /16", base);
    uint32_t net = ntohl(a.s_addr);
    struct in_addr of_net = {htonl(net)}, host = {htonl(net + s->no * 4 + 1)}, slot = {htonl(net + s->no * 4 + 2)};
    (void)inet_ntop(AF_INET, &of_net, p->net, sizeof(p->net));
    (void)inet_ntop(AF_INET, &host, p->host, sizeof(p->host));
    (void)inet_ntop(AF_INET, &slot, s->address, sizeof(s->address));
    return 0;
}

/* --- making it ---------------------------------------------------------------------------------------------- */

/* `create` fails where the table is: then it is as we left it. */
static int open_host(const char *prefix, const struct place *p, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_err why;
    dm_buf_init(&b, SCRIPT_MAX);
    (void)dm_buf_fmt(&b,
            "create table inet dm_%s\n"
            "table inet dm_%s {\n"
            " chain input { type filter hook input priority filter; policy accept;\n"
            "  iifname \"dm%sv*\" ct state established,related accept;\n"
            "  iifname \"dm%sv*\" drop; }\n"
            " chain forward { type filter hook forward priority filter; policy accept;\n"
            "  ip saddr %s/16 ip daddr " PRIVATE " ct direction original drop;\n"
            "  ip daddr %s/16 ct direction original drop; }\n"
            " chain postrouting { type nat hook postrouting priority srcnat; policy accept;\n"
            "  ip saddr %s/16 oifname != \"dm%sv*\" masquerade; }\n"
            "}\n",
            prefix, prefix, prefix, prefix, p->net, p->net, p->net, prefix);
    int r = dm_buf_ok(&b, err);
    if (r < 0)
        return r;
    r = run_nft(dm_buf_view(&b), &why);
    if (r < 0 && strstr(why.msg, "File exists") == NULL) {
        if (err != NULL)
            *err = why;
        return r;
    }
    return dm_net_sysctl("ipv4/ip_forward", "1", err);
}

static bool netns_exists(const char *name)
{
    char path[64];
    return dm_path(path, sizeof(path), NULL, "/run/netns/%s", name) == 0 && access(path, F_OK) == 0;
}

/* The namespace and the pair that leads into it. Both ends of a pair die together. */
static int open_links(const dm_slot *s, const struct place *p, dm_err *err)
{
    char sysctl[64];
    DM_AUTO_BUF b;
    dm_buf_init(&b, SCRIPT_MAX);
    bool netns = netns_exists(s->netns), link = if_nametoindex(s->host_if) != 0;
    if (!netns && link)
        (void)dm_buf_fmt(&b, "link del %s\n", s->host_if);
    if (!netns)
        (void)dm_buf_fmt(&b, "netns add %s\n", s->netns);
    if (!netns || !link)
        (void)dm_buf_fmt(&b, "link add %s type veth peer name up0 netns %s\n", s->host_if, s->netns);
    (void)dm_buf_fmt(&b,
            "addr replace %s/30 dev %s\n"
            "link set %s address " HOST_MAC " arp off up\n"
            "neigh replace %s lladdr " UP_MAC " nud permanent dev %s\n",
            p->host, s->host_if, s->host_if, s->address, s->host_if);
    int r = dm_buf_ok(&b, err);
    if (r == 0)
        r = run_ip(dm_buf_view(&b), err);
    if (r == 0)
        r = dm_path(sysctl, sizeof(sysctl), err, "ipv6/conf/%s/disable_ipv6", s->host_if);
    if (r == 0 && access("/proc/sys/net/ipv6", F_OK) == 0)
        r = dm_net_sysctl(sysctl, "1", err);
    return r;
}

#define NEW "ct state new ct status & confirmed == 0"

struct inside {
    dm_slot *slot;
    const struct place *place; /* while it is being opened; NULL: the interfaces are as they should be */
    dm_slot_policy policy;
};

/* Each neighbour's MAC is known, so nothing ever waits for one to answer who it is. The address of an interface is set
 * before its neighbours: a new one forgets them. */
static int inside_links(const struct inside *in, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, SCRIPT_MAX);
    (void)dm_buf_fmt(&b,
            "link set lo up\n"
            "link set tap0 address " GATEWAY_MAC "\n"
            "addr replace 172.20.0.1/24 dev tap0\n"
            "link set tap0 up\n"
            "neigh replace " GUEST " lladdr " GUEST_MAC " nud permanent dev tap0\n"
            "addr replace %s/30 dev up0\n"
            "link set up0 address " UP_MAC " arp off up\n"
            "neigh replace %s lladdr " HOST_MAC " nud permanent dev up0\n"
            "route replace default via %s\n",
            in->slot->address, in->place->host, in->place->host);
    int r = dm_buf_ok(&b, err);
    return r < 0 ? r : run_ip(dm_buf_view(&b), err);
}

/* What a frame from the guest must be to be looked at at all; an answer to "who has the gateway" is all it needs of
 * ARP. A tag is a type of its own here, so nothing comes in a VLAN. */
static void write_fence(dm_buf *b)
{
    (void)dm_buf_fmt(b, "table netdev dm { }\n"
                        "delete table netdev dm\n"
                        "table netdev dm {\n"
                        " chain guest { type filter hook ingress device \"tap0\" priority filter; policy drop;\n"
                        "  ether saddr != " GUEST_MAC " drop;\n"
                        "  ether type ip ip saddr " GUEST " accept;\n"
                        "  ether type arp arp saddr ether " GUEST_MAC " arp saddr ip " GUEST
                        " limit rate 10/second burst 10 packets accept; }\n"
                        "}\n");
}

/* In the order of what they cost. A flow is new until its first packet has left: an answer may never come, and then
 * each packet of it would count. */
static void write_limits(dm_buf *b, const dm_slot_limits *l)
{
    if (l->packets_s > 0)
        (void)dm_buf_fmt(b, "  limit rate over %u/second burst %u packets drop;\n", l->packets_s, l->packets_s / 2 + 1);
    if (l->mib_s > 0)
        (void)dm_buf_fmt(b, "  limit rate over %u mbytes/second burst %u mbytes drop;\n", l->mib_s, l->mib_s / 2 + 1);
    if (l->flows_s > 0)
        (void)dm_buf_fmt(b, "  " NEW " limit rate over %u/second burst %u packets drop;\n", l->flows_s,
                l->flows > 0 ? l->flows : l->flows_s);
    if (l->flows > 0)
        (void)dm_buf_fmt(b, "  " NEW " ct count over %u reject with icmp admin-prohibited;\n", l->flows);
}

/* The whole table in one transaction: emptied, and made again. */
static int write_rules(const struct inside *in, bool fenced, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, SCRIPT_MAX);
    if (fenced && in->place != NULL)
        write_fence(&b);
    (void)dm_buf_c(&b, "table inet dm { }\n"
                       "delete table inet dm\n"
                       "table inet dm {\n"
                       " chain input { type filter hook input priority filter; policy drop;\n"
                       "  iifname \"lo\" accept;\n"
                       "  iifname \"up0\" ct state established,related accept; }\n"
                       " chain forward { type filter hook forward priority filter; policy drop;\n"
                       "  iifname \"tap0\" ip saddr != " GUEST " drop;\n"
                       "  iifname \"tap0\" oifname \"up0\" ct direction reply accept;\n"
                       "  iifname \"tap0\" oifname \"up0\" jump out;\n"
                       "  iifname \"up0\" oifname \"tap0\" ct status dnat accept;\n"
                       "  iifname \"up0\" oifname \"tap0\" ct state established,related accept; }\n"
                       " chain out {\n");
    if (fenced)
        write_limits(&b, &in->slot->limits);
    (void)dm_buf_fmt(&b,
            "  ip daddr " PRIVATE " reject with icmp admin-prohibited;\n"
            "  %s; }\n"
            " chain prerouting { type nat hook prerouting priority dstnat; policy accept;\n"
            "  iifname \"up0\" ip daddr %s meta l4proto { tcp, udp } dnat ip to " GUEST "; }\n"
            " chain postrouting { type nat hook postrouting priority srcnat; policy accept;\n"
            "  oifname { \"up0\", \"tap0\" } masquerade; }\n"
            "}\n",
            dm_policy_rule(&in->policy), in->slot->address);
    int r = dm_buf_ok(&b, err);
    return r < 0 ? r : run_nft(dm_buf_view(&b), err);
}

/* An older kernel may have no hook on a device, or no counter of connections: then there is the table without. */
static int inside_rules(const struct inside *in, dm_err *err)
{
    dm_slot *s = in->slot;
    if (in->place == NULL)
        return write_rules(in, s->fenced, err);
    s->fenced = write_rules(in, true, NULL) == 0;
    return s->fenced ? 0 : write_rules(in, false, err);
}

/* What an earlier guest was sent and has not read must not reach the next. */
static void drain(int tap_fd)
{
    char packet[65536 + 64];
    for (int i = 0; tap_fd >= 0 && i < DRAIN_MAX; i++)
        if (read(tap_fd, packet, sizeof(packet)) < 0)
            return;
}

/* With its link the tap loses whom it knows. */
static int inside_tap(dm_slot *s, bool up, dm_err *err)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    int r = dm_net_link("tap0", up, err);
    if (r == 0 && up)
        r = dm_net_neighbour("tap0", GUEST, mac, err);
    if (r == 0)
        s->down = !up;
    return r;
}

static int inside_all(void *arg, dm_err *err)
{
    const struct inside *in = arg;
    int r = 0;
    if (access("/proc/sys/net/ipv6", F_OK) == 0)
        r = dm_net_sysctl("ipv6/conf/all/disable_ipv6", "1", err);
    if (r == 0)
        r = dm_net_sysctl("ipv4/ip_forward", "1", err);
    if (r == 0 && in->slot->tap_fd < 0)
        r = dm_net_tap("tap0", &in->slot->tap_fd, err); /* busy: a VM of an earlier worker has it */
    if (r >= 0 && in->place != NULL)
        r = inside_links(in, err);
    else if (r >= 0 && in->slot->down)
        r = inside_tap(in->slot, true, err);
    /* To replace a table means to wait until no packet is in the old one any more: not without need. */
    if (r >= 0 && (in->place != NULL || !dm_policy_eq(&in->policy, &in->slot->policy)))
        r = inside_rules(in, err);
    if (r >= 0)
        in->slot->policy = in->policy;
    return r;
}

int dm_slot_open(const dm_slot_site *site, uint32_t no, const dm_slot_policy *policy, dm_slot *out, dm_err *err)
{
    dm_slot s;
    struct place place;
    int r = name_slot(site->prefix, no, &s, err);
    if (r == 0)
        r = address_slot(site->base, &s, &place, err);
    if (r == 0)
        r = open_host(site->prefix, &place, err);
    s.limits = site->limits;
    if (r == 0)
        r = open_links(&s, &place, err);
    struct inside in = {.slot = &s, .place = &place, .policy = *policy};
    if (r == 0)
        r = dm_net_within(s.netns, inside_all, &in, err);
    if (r < 0) {
        dm_slot_close(&s);
        return dm_wrap(err, "slot %u", no);
    }
    *out = s;
    return 0;
}

struct turn {
    dm_slot *slot;
    bool up;
};

static int inside_turn(void *arg, dm_err *err)
{
    const struct turn *t = arg;
    return inside_tap(t->slot, t->up, err);
}

int dm_slot_tap(dm_slot *s, bool up, dm_err *err)
{
    struct turn t = {.slot = s, .up = up};
    int r = dm_net_within(s->netns, inside_turn, &t, err);
    return r < 0 ? dm_wrap(err, "slot %u", s->no) : 0;
}

/* --- using it ----------------------------------------------------------------------------------------------- */

static int outer_address(const dm_slot *s, uint32_t *out, dm_err *err)
{
    struct in_addr a;
    if (inet_pton(AF_INET, s->address, &a) != 1)
        return dm_fail(err, DM_E_INVALID, "slot %u has no address", s->no);
    *out = a.s_addr;
    return 0;
}

int dm_slot_cut(const dm_slot *s, dm_err *err)
{
    uint32_t address;
    int r = outer_address(s, &address, err);
    if (r == 0)
        r = dm_net_destroy_sockets(address, err);
    return r < 0 ? dm_wrap(err, "slot %u", s->no) : 0;
}

static int inside_reset(void *arg, dm_err *err)
{
    const struct inside *in = arg;
    int r = inside_all(arg, err);
    if (r < 0)
        return r;
    drain(in->slot->tap_fd);
    return dm_net_flush_conntrack(err);
}

/* What the guest began is forgotten here first: nothing is under way any more that the host could learn again. */
int dm_slot_reset(dm_slot *s, const dm_slot_policy *policy, dm_err *err)
{
    uint32_t address;
    int r = dm_slot_cut(s, err);
    if (r < 0)
        return r;
    struct inside in = {.slot = s, .policy = *policy};
    r = dm_net_within(s->netns, inside_reset, &in, err);
    if (r == 0)
        r = outer_address(s, &address, err);
    if (r == 0)
        r = dm_net_forget(address, err);
    return r < 0 ? dm_wrap(err, "slot %u", s->no) : 0;
}

static int read_counter(const dm_slot *s, const char *name, uint64_t *out, dm_err *err)
{
    char path[128];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    int r = dm_path(path, sizeof(path), err, "/sys/class/net/%s/statistics/%s", s->host_if, name);
    if (r == 0)
        r = dm_file_read(path, &b, err);
    return r < 0 ? r : dm_parse_u64(dm_str_trim(dm_buf_view(&b)), 0, UINT64_MAX, out, err);
}

int dm_slot_traffic(const dm_slot *s, uint64_t *in, uint64_t *out, dm_err *err)
{
    uint64_t to_guest, from_guest;
    int r = read_counter(s, "tx_bytes", &to_guest, err);
    if (r == 0)
        r = read_counter(s, "rx_bytes", &from_guest, err);
    if (r < 0)
        return dm_wrap(err, "slot %u", s->no);
    *in = to_guest;
    *out = from_guest;
    return 0;
}

void dm_slot_close(dm_slot *s)
{
    dm_fd_closep(&s->tap_fd);
}

/* --- removing it -------------------------------------------------------------------------------------------- */

static bool any_left(const char *prefix)
{
    char start[16];
    if (dm_path(start, sizeof(start), NULL, "dm-%s-", prefix) < 0)
        return true;
    DIR *d = opendir("/run/netns");
    bool found = false;
    for (const struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;)
        found = strncmp(e->d_name, start, strlen(start)) == 0;
    if (d != NULL)
        (void)closedir(d);
    return found;
}

/* The pair goes first and at once; a namespace's own end comes when the kernel finds the time. */
int dm_slot_destroy(const char *prefix, uint32_t no, dm_err *err)
{
    dm_slot s;
    DM_AUTO_BUF b;
    dm_buf_init(&b, SCRIPT_MAX);
    int r = name_slot(prefix, no, &s, err);
    if (r < 0)
        return r;
    if (if_nametoindex(s.host_if) != 0)
        (void)dm_buf_fmt(&b, "link del %s\n", s.host_if);
    if (netns_exists(s.netns))
        (void)dm_buf_fmt(&b, "netns del %s\n", s.netns);
    r = dm_buf_ok(&b, err);
    if (r == 0 && b.len > 0)
        r = run_ip(dm_buf_view(&b), err);
    if (r < 0)
        return dm_wrap(err, "slot %u", no);
    if (any_left(prefix))
        return 0;
    dm_buf_reset(&b);
    (void)dm_buf_fmt(&b, "table inet dm_%s { }\ndelete table inet dm_%s\n", prefix, prefix);
    return run_nft(dm_buf_view(&b), err);
}
