/* A slot with a guest: a namespace of the test's own behind the tap, its frames carried over by a thread as a VMM
 * would; and a world: another namespace that the host routes to. So what may pass is asked with real connections. The
 * host is a namespace as well, so that two of these tests never meet. Needs root. */
/* Covers workers/host/slot/net.c, workers/host/slot/policy.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/host/slot/net.h"
#include "workers/host/slot/slot.h"
#include "workers/vmm/proc.h"

#define PREFIX "slott"
#define NET "10.98.0.0"
#define GUEST_NS "dm-slottest-guest"
#define WORLD_NS "dm-slottest-world"
/* Documentation addresses: neither private nor anybody's. */
#define WORLD "203.0.113.2"
#define WORLD_HOST "203.0.113.1"

enum { NO = 3, LIMIT_MS = 1500, FLOWS = 16, PACKETS_S = 2000 };

static const dm_slot_site site = {.prefix = PREFIX, .base = NET, .limits = {.flows = FLOWS, .packets_s = PACKETS_S}};
static const dm_slot_policy everything = {.internet = true}, nothing = {.internet = false};

typedef struct wire {
    int a, b;
    atomic_bool stop;
    pthread_t thread;
} wire;

typedef struct place {
    dm_slot slot;
    int guest_tap;
    wire wire;
    bool wired;
    const char *why_not;
} place;

/* --- the guest's end ---------------------------------------------------------------------------------------- */

static void carry(int from, int to)
{
    char frame[70000];
    ssize_t n = read(from, frame, sizeof(frame));
    if (n > 0 && write(to, frame, (size_t)n) < 0)
        return; /* lost, as on any wire */
}

static void *wire_thread(void *arg)
{
    wire *w = arg;
    while (!atomic_load(&w->stop)) {
        struct pollfd p[2] = {{.fd = w->a, .events = POLLIN}, {.fd = w->b, .events = POLLIN}};
        if (poll(p, 2, 20) <= 0)
            continue;
        if ((p[0].revents & POLLIN) != 0)
            carry(w->a, w->b);
        if ((p[1].revents & POLLIN) != 0)
            carry(w->b, w->a);
    }
    return NULL;
}

static void plug(place *p)
{
    p->wire.a = p->slot.tap_fd;
    p->wire.b = p->guest_tap;
    atomic_store(&p->wire.stop, false);
    assert_int_equal(pthread_create(&p->wire.thread, NULL, wire_thread, &p->wire), 0);
    p->wired = true;
}

static void unplug(place *p)
{
    if (!p->wired)
        return;
    atomic_store(&p->wire.stop, true);
    assert_int_equal(pthread_join(p->wire.thread, NULL), 0);
    p->wired = false;
}

static int ip(const char *script)
{
    static const char *const argv[] = {"/usr/sbin/ip", "-batch", "-", NULL};
    dm_err err;
    int r = dm_net_run(argv, dm_str_c(script), &err);
    if (r < 0)
        print_message("      %s\n", err.msg);
    return r;
}

static int guest_inside(void *arg, dm_err *err)
{
    place *p = arg;
    int r = dm_net_tap("eth0", &p->guest_tap, err);
    return r < 0 ? r
                 : ip("link set lo up\nlink set eth0 address 02:00:00:00:00:02\naddr add 172.20.0.2/24 dev eth0\n"
                      "addr add 172.20.0.9/24 dev eth0\nlink set eth0 up\nroute add default via 172.20.0.1\n");
}

/* A kernel says no to one address six times, then once a second: the tests are quicker than that. */
static int says_no_each_time(void *arg, dm_err *err)
{
    (void)arg;
    return dm_net_sysctl("ipv4/icmp_ratelimit", "0", err);
}

static int world_inside(void *arg, dm_err *err)
{
    (void)arg;
    (void)err;
    return ip("link set lo up\naddr add " WORLD "/24 dev w1\nlink set w1 up\n");
}

/* --- connections -------------------------------------------------------------------------------------------- */

typedef struct talk {
    const char *from, *to; /* from: bound to, or NULL */
    uint16_t port;
    int type;
    int fd;
    char peer[16]; /* who it seems to come from */
    int error;
} talk;

static struct sockaddr_in address(const char *ip_text, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, ip_text, &a.sin_addr), 1);
    return a;
}

static int do_listen(void *arg, dm_err *err)
{
    talk *t = arg;
    int one = 1;
    struct sockaddr_in a = address("0.0.0.0", t->port);
    (void)err;
    t->fd = socket(AF_INET, t->type | SOCK_CLOEXEC, 0);
    (void)setsockopt(t->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(t->fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || (t->type == SOCK_STREAM && listen(t->fd, 8) < 0))
        return -1;
    return 0;
}

/* error 0: connected. */
static int do_connect(void *arg, dm_err *err)
{
    talk *t = arg;
    struct sockaddr_in to = address(t->to, t->port);
    (void)err;
    t->fd = socket(AF_INET, t->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->from != NULL) {
        struct sockaddr_in from = address(t->from, 0);
        assert_int_equal(bind(t->fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    }
    t->error = connect(t->fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
    if (t->error != EINPROGRESS)
        return 0;
    struct pollfd p = {.fd = t->fd, .events = POLLOUT};
    socklen_t n = sizeof(t->error);
    if (poll(&p, 1, LIMIT_MS) <= 0)
        t->error = ETIMEDOUT;
    else
        (void)getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &t->error, &n);
    return 0;
}

static int within(const char *ns, dm_net_fn fn, talk *t)
{
    return ns == NULL ? fn(t, NULL) : dm_net_within(ns, fn, t, NULL);
}

static int listen_in(const char *ns, uint16_t port, int type)
{
    talk t = {.port = port, .type = type, .fd = -1};
    assert_int_equal(within(ns, do_listen, &t), 0);
    return t.fd;
}

/* The socket, or -1; errno says why. */
static int connect_from(const char *ns, const char *from, const char *to, uint16_t port)
{
    talk t = {.from = from, .to = to, .port = port, .type = SOCK_STREAM, .fd = -1};
    assert_int_equal(within(ns, do_connect, &t), 0);
    if (t.error != 0) {
        (void)close(t.fd);
        errno = t.error;
        return -1;
    }
    return t.fd;
}

static int accept_one(int listener, char peer[16])
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    struct sockaddr_in a;
    socklen_t n = sizeof(a);
    if (poll(&p, 1, LIMIT_MS) <= 0)
        return -1;
    int fd = accept4(listener, (struct sockaddr *)&a, &n, SOCK_CLOEXEC);
    (void)inet_ntop(AF_INET, &a.sin_addr, peer, 16);
    return fd;
}

static bool passes(int from, int to)
{
    char byte = 0;
    struct pollfd p = {.fd = to, .events = POLLIN};
    return send(from, "x", 1, MSG_NOSIGNAL) == 1 && poll(&p, 1, LIMIT_MS) > 0 && recv(to, &byte, 1, 0) == 1;
}

static void assert_refused(const char *from, const char *to, uint16_t port, int quickly)
{
    int64_t since = dm_mono_us(&dm_clock_real);
    DM_AUTO_FD fd = connect_from(GUEST_NS, from, to, port);
    int64_t took = dm_mono_us(&dm_clock_real) - since;
    if (fd >= 0)
        fail_msg("the guest reached %s:%d", to, port);
    if (quickly)
        assert_true(took < 500000);
}

/* --- making it ---------------------------------------------------------------------------------------------- */

static void clean(void)
{
    dm_err err;
    assert_int_equal(dm_slot_destroy(PREFIX, NO, &err), 0);
    if (access("/run/netns/" GUEST_NS, F_OK) == 0)
        assert_int_equal(ip("netns del " GUEST_NS "\n"), 0);
    if (access("/sys/class/net/dmslw0", F_OK) == 0)
        assert_int_equal(ip("link del dmslw0\n"), 0);
    if (access("/run/netns/" WORLD_NS, F_OK) == 0)
        assert_int_equal(ip("netns del " WORLD_NS "\n"), 0);
}

static const char *why_not(void)
{
    if (geteuid() != 0)
        return "it makes namespaces: root only";
    if (access("/usr/sbin/nft", X_OK) < 0 || access("/usr/sbin/ip", X_OK) < 0)
        return "nft and ip are needed";
    return access("/dev/net/tun", R_OK | W_OK) < 0 ? "there is no /dev/net/tun" : NULL;
}

/* Names, addresses, rules and connections of a host that nobody else has. */
static void own_host(void)
{
    assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    (void)mkdir("/run/netns", 0755);
    assert_int_equal(mount("slot-test", "/run/netns", "tmpfs", 0, NULL), 0);
    assert_int_equal(mount("slot-test", "/sys", "sysfs", 0, NULL), 0); /* interfaces are seen by who mounts it */
    assert_int_equal(ip("link set lo up\n"), 0);
}

static int open_place(void **state)
{
    place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    *state = p;
    p->why_not = why_not();
    if (p->why_not != NULL) {
        print_message("      skipped: %s\n", p->why_not);
        return 0;
    }
    own_host();
    clean();
    dm_err err;
    if (dm_slot_open(&site, NO, &everything, &p->slot, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(ip("netns add " GUEST_NS "\nnetns add " WORLD_NS "\n"
                        "link add dmslw0 type veth peer name w1 netns " WORLD_NS "\n"
                        "addr add " WORLD_HOST "/24 dev dmslw0\nlink set dmslw0 up\n"),
            0);
    assert_int_equal(dm_net_within(p->slot.netns, says_no_each_time, NULL, NULL), 0);
    assert_int_equal(dm_net_within(GUEST_NS, guest_inside, p, NULL), 0);
    assert_int_equal(dm_net_within(WORLD_NS, world_inside, p, NULL), 0);
    plug(p);
    return 0;
}

static int close_place(void **state)
{
    place *p = *state;
    if (p->why_not == NULL) {
        unplug(p);
        (void)close(p->guest_tap);
        dm_slot_close(&p->slot);
        clean();
        assert_int_equal(access("/run/netns/dm-" PREFIX "-3", F_OK), -1);
        assert_int_equal(access("/sys/class/net/dm" PREFIX "v3", F_OK), -1);
    }
    free(p);
    return 0;
}

static void reset(place *p, bool internet)
{
    const dm_slot_policy policy = {.internet = internet};
    dm_err err;
    if (dm_slot_reset(&p->slot, &policy, &err) < 0)
        fail_msg("%s", err.msg);
}

#define NEED(p)                                                                                                        \
    do {                                                                                                               \
        if ((p)->why_not != NULL)                                                                                      \
            skip();                                                                                                    \
    } while (0)

static void tap(place *p, bool up)
{
    dm_err err;
    if (dm_slot_tap(&p->slot, up, &err) < 0)
        fail_msg("%s", err.msg);
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void names_are_its_own(void **state)
{
    place *p = *state;
    dm_slot s;
    dm_err err;
    NEED(p);
    assert_string_equal(p->slot.netns, "dm-slott-3");
    assert_string_equal(p->slot.host_if, "dmslottv3");
    assert_string_equal(p->slot.address, "10.98.0.14");
    static const dm_slot_site none[] = {{.prefix = "toolong", .base = NET}, {.prefix = "", .base = NET},
            {.prefix = "a;b", .base = NET}, {.prefix = PREFIX, .base = "10.98.1.0"},
            {.prefix = PREFIX, .base = "nonsense"}};
    for (size_t i = 0; i < DM_LEN(none); i++)
        assert_int_equal(dm_slot_open(&none[i], 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open(&site, DM_SLOT_MAX, &everything, &s, &err), DM_E_INVALID);
}

/* Nothing passes a tap that is down, either way; one that comes up is as it was, and so is one that is reset. */
static void a_tap_that_is_down_cuts_it_off(void **state)
{
    place *p = *state;
    NEED(p);
    reset(p, true);
    DM_AUTO_FD inside = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD outside = listen_in(WORLD_NS, 8081, SOCK_STREAM);
    for (int i = 0; i < 2; i++) {
        tap(p, false);
        DM_AUTO_FD in = connect_from(NULL, NULL, p->slot.address, 8080);
        assert_int_equal(in, -1);
        assert_refused(NULL, WORLD, 8081, 0);
        if (i == 0)
            tap(p, true);
        else
            reset(p, true);
        assert_false(p->slot.down);
        DM_AUTO_FD again = connect_from(NULL, NULL, p->slot.address, 8080);
        assert_true(again >= 0);
        DM_AUTO_FD out = connect_from(GUEST_NS, NULL, WORLD, 8081);
        assert_true(out >= 0);
    }
}

/* Any port, TCP and UDP; the guest sees the gateway, whatever the slot. */
static void what_comes_from_outside_arrives(void **state)
{
    place *p = *state;
    char peer[16];
    NEED(p);
    reset(p, true);
    static const uint16_t ports[] = {22, 49983, 65535};
    for (size_t i = 0; i < DM_LEN(ports); i++) {
        DM_AUTO_FD listener = listen_in(GUEST_NS, ports[i], SOCK_STREAM);
        DM_AUTO_FD out = connect_from(NULL, NULL, p->slot.address, ports[i]);
        assert_true(out >= 0);
        DM_AUTO_FD in = accept_one(listener, peer);
        assert_true(in >= 0);
        assert_string_equal(peer, "172.20.0.1");
        assert_true(passes(out, in));
        assert_true(passes(in, out));
    }
    DM_AUTO_FD udp = listen_in(GUEST_NS, 5353, SOCK_DGRAM);
    struct sockaddr_in to = address(p->slot.address, 5353);
    DM_AUTO_FD from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct pollfd wait = {.fd = udp, .events = POLLIN};
    assert_int_equal(sendto(from, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
    assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
}

static void guest_reaches_the_world_and_nothing_near(void **state)
{
    place *p = *state;
    char peer[16], host_end[16];
    NEED(p);
    reset(p, true);
    DM_AUTO_FD listener = listen_in(WORLD_NS, 443, SOCK_STREAM);
    DM_AUTO_FD out = connect_from(GUEST_NS, NULL, WORLD, 443);
    assert_true(out >= 0);
    DM_AUTO_FD in = accept_one(listener, peer);
    assert_string_equal(peer, WORLD_HOST); /* the host's own name, not the slot's */
    assert_true(passes(out, in));
    assert_true(passes(in, out));
    /* The host itself, by each of its names, with somebody listening there. */
    DM_AUTO_FD host = listen_in(NULL, 61234, SOCK_STREAM);
    (void)snprintf(host_end, sizeof(host_end), "10.98.0.13");
    assert_refused(NULL, WORLD_HOST, 61234, 0);
    assert_refused(NULL, host_end, 61234, 1);
    assert_refused(NULL, "172.20.0.1", 61234, 0);
    assert_refused(NULL, p->slot.address, 61234, 0);
    /* Private ranges are refused at once, not left hanging. */
    assert_refused(NULL, "10.98.0.2", 80, 1);
    assert_refused(NULL, "192.168.1.1", 80, 1);
    assert_refused(NULL, "172.16.0.1", 80, 1);
    assert_refused(NULL, "100.64.0.1", 80, 1);
    assert_refused(NULL, "169.254.169.254", 80, 1);
    /* Under another name than its own. */
    assert_refused("172.20.0.9", WORLD, 443, 0);
}

static void cut_internet_also_ends_what_is_under_way(void **state)
{
    place *p = *state;
    char peer[16];
    NEED(p);
    reset(p, true);
    DM_AUTO_FD listener = listen_in(WORLD_NS, 443, SOCK_STREAM);
    DM_AUTO_FD out = connect_from(GUEST_NS, NULL, WORLD, 443);
    DM_AUTO_FD in = accept_one(listener, peer);
    assert_true(passes(out, in));
    reset(p, false);
    assert_false(passes(out, in));
    assert_refused(NULL, WORLD, 443, 1);
    /* Answers to who comes from outside are another thing. */
    DM_AUTO_FD inside = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD door = connect_from(NULL, NULL, p->slot.address, 8080);
    assert_true(door >= 0);
    DM_AUTO_FD served = accept_one(inside, peer);
    assert_true(passes(door, served));
    assert_true(passes(served, door));
    reset(p, true);
    DM_AUTO_FD again = connect_from(GUEST_NS, NULL, WORLD, 443);
    assert_true(again >= 0);
}

/* Nobody from outside the host gets into a slot by routing to it. */
static void the_world_does_not_get_in(void **state)
{
    place *p = *state;
    NEED(p);
    reset(p, true);
    DM_AUTO_FD listener = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    static const char *const argv[] = {
            "/usr/sbin/ip", "-n", WORLD_NS, "route", "replace", "10.98.0.0/16", "via", WORLD_HOST, NULL};
    assert_int_equal(dm_net_run(argv, (dm_str){.n = 0}, NULL), 0);
    DM_AUTO_FD fd = connect_from(WORLD_NS, NULL, p->slot.address, 8080);
    assert_int_equal(fd, -1);
}

static void cut_breaks_every_connection_at_once(void **state)
{
    place *p = *state;
    enum { MANY = 50 };
    int fds[MANY], served[MANY];
    char peer[16], byte;
    NEED(p);
    reset(p, true);
    DM_AUTO_FD listener = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    for (int i = 0; i < MANY; i++) {
        fds[i] = connect_from(NULL, NULL, p->slot.address, 8080);
        assert_true(fds[i] >= 0);
        served[i] = accept_one(listener, peer);
    }
    DM_AUTO_FD world = listen_in(WORLD_NS, 443, SOCK_STREAM);
    DM_AUTO_FD other = connect_from(NULL, NULL, WORLD, 443);
    DM_AUTO_FD other_end = accept_one(world, peer);
    int64_t since = dm_mono_us(&dm_clock_real);
    dm_err err;
    if (dm_slot_cut(&p->slot, &err) < 0)
        fail_msg("%s", err.msg);
    for (int i = 0; i < MANY; i++) {
        struct pollfd wait = {.fd = fds[i], .events = POLLIN};
        assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), -1); /* broken, not ended */
        (void)close(fds[i]);
        (void)close(served[i]);
    }
    print_message(
            "      %d connections broken in %.1f ms\n", MANY, (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    assert_true(passes(other, other_end)); /* nobody else's */
    assert_int_equal(dm_slot_cut(&p->slot, &err), 0);
}

/* What was sent to a guest that no longer reads must not reach the next one. */
static void reset_forgets_packets(void **state)
{
    place *p = *state;
    NEED(p);
    reset(p, true);
    unplug(p);
    struct sockaddr_in to = address(p->slot.address, 5353);
    DM_AUTO_FD from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sendto(from, "old", 3, 0, (const struct sockaddr *)&to, sizeof(to)), 3);
    struct pollfd wait = {.fd = p->slot.tap_fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
    reset(p, true);
    DM_AUTO_FD udp = listen_in(GUEST_NS, 5353, SOCK_DGRAM);
    plug(p);
    wait.fd = udp;
    assert_int_equal(poll(&wait, 1, 200), 0);
    assert_int_equal(sendto(from, "new", 3, 0, (const struct sockaddr *)&to, sizeof(to)), 3);
    assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
}

static void traffic_is_counted(void **state)
{
    place *p = *state;
    uint64_t in0, out0, in1, out1;
    char peer[16], block[10000] = {0};
    NEED(p);
    reset(p, true);
    DM_AUTO_FD listener = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD out = connect_from(NULL, NULL, p->slot.address, 8080);
    DM_AUTO_FD in = accept_one(listener, peer);
    assert_int_equal(dm_slot_traffic(&p->slot, &in0, &out0, NULL), 0);
    assert_int_equal(send(out, block, sizeof(block), 0), sizeof(block));
    assert_int_equal(recv(in, block, sizeof(block), MSG_WAITALL), sizeof(block));
    assert_int_equal(dm_slot_traffic(&p->slot, &in1, &out1, NULL), 0);
    assert_in_range(in1 - in0, sizeof(block), 2 * sizeof(block));
    assert_true(out1 - out0 < sizeof(block));
}

/* After a crash: all of it is there, or some of it. */
static void opening_again_mends(void **state)
{
    place *p = *state;
    dm_slot s;
    dm_err err;
    char peer[16];
    NEED(p);
    /* The tap is in use, as by a VM that outlived its worker. */
    assert_int_equal(dm_slot_open(&site, NO, &everything, &s, &err), 0);
    assert_int_equal(s.tap_fd, -1);
    unplug(p);
    dm_slot_close(&p->slot);
    assert_int_equal(dm_slot_reset(&s, &everything, &err), 0);
    assert_true(s.tap_fd >= 0);
    p->slot = s;
    /* The pair is lost. */
    assert_int_equal(ip("link del dmslottv3\n"), 0);
    dm_slot_close(&p->slot);
    if (dm_slot_open(&site, NO, &everything, &p->slot, &err) < 0)
        fail_msg("%s", err.msg);
    assert_true(p->slot.tap_fd >= 0);
    plug(p);
    DM_AUTO_FD listener = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD out = connect_from(NULL, NULL, p->slot.address, 8080);
    assert_true(out >= 0);
    DM_AUTO_FD in = accept_one(listener, peer);
    assert_true(passes(in, out));
}

/* As a worker does that finds its VMs again: what a guest may not, it may not while that happens either. */
static void opening_around_a_guest_keeps_it_cut_and_connected(void **state)
{
    place *p = *state;
    dm_slot again;
    dm_err err;
    char peer[16];
    NEED(p);
    reset(p, false);
    DM_AUTO_FD world = listen_in(WORLD_NS, 443, SOCK_STREAM);
    DM_AUTO_FD inside = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD door = connect_from(NULL, NULL, p->slot.address, 8080);
    DM_AUTO_FD served = accept_one(inside, peer);
    assert_true(passes(door, served));
    if (dm_slot_open(&site, NO, &nothing, &again, &err) < 0)
        fail_msg("%s", err.msg);
    assert_false(again.policy.internet);
    assert_true(passes(door, served));
    assert_refused(NULL, WORLD, 443, 1);
    dm_slot_close(&again);
    reset(p, true);
    assert_true(p->slot.policy.internet);
    DM_AUTO_FD out = connect_from(GUEST_NS, NULL, WORLD, 443);
    assert_true(out >= 0);
}

/* --- what a guest with a hand in its own kernel sends ------------------------------------------------------- */

enum { FRAME_MAX = 128, VNET = 10, ETH = 14 };

/* A frame on its way out of the guest, its parts as far as they matter here. */
typedef struct frame {
    const char *mac, *ip; /* of its sender */
    bool arp;
    int vlan; /* -1: none */
    uint16_t port;
} frame;

static size_t put(char *at, size_t n, const void *p, size_t len)
{
    memcpy(at + n, p, len);
    return n + len;
}

static uint16_t sum16(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)b[i] << 8 | b[i + 1];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* UDP to the world, without its own checksum, or a question of ARP for the gateway. */
static size_t write_frame(const frame *f, char out[FRAME_MAX])
{
    static const uint8_t gateway[] = {2, 0, 0, 0, 0, 1}, ask[] = {0, 1, 8, 0, 6, 4, 0, 1};
    uint8_t mac[6];
    uint32_t from = address(f->ip, 0).sin_addr.s_addr, to = address(f->arp ? "172.20.0.1" : WORLD, 0).sin_addr.s_addr;
    size_t n = VNET;
    memset(out, 0, FRAME_MAX);
    for (size_t i = 0; i < sizeof(mac); i++)
        mac[i] = (uint8_t)strtoul(f->mac + 3 * i, NULL, 16);
    n = put(out, n, gateway, sizeof(gateway));
    n = put(out, n, mac, sizeof(mac));
    if (f->vlan >= 0)
        n = put(out, n, (uint16_t[]){htons(0x8100), htons((uint16_t)f->vlan)}, 4);
    n = put(out, n, (uint16_t[]){htons(f->arp ? 0x0806 : 0x0800)}, 2);
    if (f->arp) {
        n = put(out, n, ask, sizeof(ask));
        n = put(out, n, mac, sizeof(mac));
        n = put(out, n, &from, 4);
        return put(out, n + 6, &to, 4);
    }
    struct iphdr ip = {
            .version = 4, .ihl = 5, .tot_len = htons(28 + 4), .ttl = 64, .protocol = 17, .saddr = from, .daddr = to};
    ip.check = sum16(&ip, sizeof(ip));
    n = put(out, n, &ip, sizeof(ip));
    n = put(out, n, (uint16_t[]){htons(4000), htons(f->port), htons(12), 0}, 8);
    return put(out, n, "evil", 4);
}

static void guest_sends(place *p, const frame *f)
{
    char bytes[FRAME_MAX];
    size_t n = write_frame(f, bytes);
    assert_int_equal(write(p->slot.tap_fd, bytes, n), n);
}

/* ns NULL: the host's. */
static size_t neighbours(const char *ns, const char *dev, bool permanent)
{
    const char *argv[12] = {"/usr/sbin/ip"};
    size_t n = 1, lines = 0, got = 0;
    char said[16384];
    int status;
    if (ns != NULL) {
        argv[n++] = "-n";
        argv[n++] = ns;
    }
    for (size_t i = 0; i < (permanent ? 6u : 4u); i++)
        argv[n++] = (const char *[]){"neigh", "show", "dev", dev, "nud", "permanent"}[i];
    DM_AUTO_FD out = memfd_create("said", MFD_CLOEXEC);
    const dm_proc_fd fds[] = {{out, 1}};
    assert_int_equal(dm_proc_run(argv, fds, 1, LIMIT_MS, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_int_equal(dm_pread_all(out, said, sizeof(said), 0, &got, NULL), 0);
    for (size_t i = 0; i < got; i++)
        lines += said[i] == '\n';
    return lines;
}

static size_t heard(int udp, int for_ms)
{
    char byte[16];
    struct pollfd wait = {.fd = udp, .events = POLLIN};
    size_t n = 0;
    while (poll(&wait, 1, for_ms) > 0 && recv(udp, byte, sizeof(byte), 0) > 0)
        n++;
    return n;
}

static void a_frame_is_the_guests_own_or_nobodys(void **state)
{
    place *p = *state;
    static const frame own = {"02:00:00:00:00:02", "172.20.0.2", .vlan = -1, .port = 7000};
    static const frame wrong[] = {{"02:00:00:00:00:03", "172.20.0.2", .vlan = -1, .port = 7000},
            {"02:00:00:00:00:02", "172.20.0.9", .vlan = -1, .port = 7000},
            {"02:00:00:00:00:02", "198.51.100.7", .vlan = -1, .port = 7000},
            {"02:00:00:00:00:02", "172.20.0.2", .vlan = 0, .port = 7000},
            {"02:00:00:00:00:02", "172.20.0.2", .vlan = 5, .port = 7000}};
    NEED(p);
    reset(p, true);
    assert_true(p->slot.fenced);
    DM_AUTO_FD udp = listen_in(WORLD_NS, 7000, SOCK_DGRAM);
    guest_sends(p, &own);
    assert_int_equal(heard(udp, LIMIT_MS), 1);
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        guest_sends(p, &wrong[i]);
        if (heard(udp, 100) != 0)
            fail_msg("frame %zu came through", i);
    }
    guest_sends(p, &own);
    assert_int_equal(heard(udp, LIMIT_MS), 1);
}

/* The kernel has one table of them for all namespaces: it is no guest's to fill. */
static void arp_makes_no_neighbours(void **state)
{
    place *p = *state;
    NEED(p);
    reset(p, true);
    for (int i = 0; i < 200; i++) {
        char ip_text[16], mac[18];
        (void)snprintf(ip_text, sizeof(ip_text), "172.20.0.%d", 20 + i);
        (void)snprintf(mac, sizeof(mac), "02:00:00:00:01:%02x", i);
        guest_sends(p, &(frame){i % 2 == 0 ? mac : "02:00:00:00:00:02", ip_text, .arp = true, .vlan = -1});
    }
    assert_int_equal(neighbours("dm-" PREFIX "-3", "tap0", false), 1);
    assert_int_equal(neighbours("dm-" PREFIX "-3", "tap0", true), 1);
    assert_int_equal(neighbours("dm-" PREFIX "-3", "up0", true), 1);
    assert_int_equal(neighbours(NULL, "dm" PREFIX "v3", true), 1);
    /* Its own question is answered, ten times a second. */
    unplug(p);
    for (int i = 0; i < 100; i++)
        guest_sends(p, &(frame){"02:00:00:00:00:02", "172.20.0.2", .arp = true, .vlan = -1});
    size_t answers = 0;
    char bytes[2048];
    struct pollfd wait = {.fd = p->slot.tap_fd, .events = POLLIN};
    while (poll(&wait, 1, 100) > 0)
        answers += read(p->slot.tap_fd, bytes, sizeof(bytes)) > VNET + ETH && bytes[VNET + 12] == 8 &&
                   bytes[VNET + 13] == 6;
    plug(p);
    assert_in_range(answers, 1, 20);
}

/* --- what it may begin -------------------------------------------------------------------------------------- */

static void flows_have_an_end(void **state)
{
    place *p = *state;
    int fds[FLOWS];
    char peer[16];
    NEED(p);
    reset(p, true);
    DM_AUTO_FD inside = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD listener = listen_in(WORLD_NS, 443, SOCK_STREAM);
    for (int i = 0; i < FLOWS; i++) {
        fds[i] = connect_from(GUEST_NS, NULL, WORLD, 443);
        assert_true(fds[i] >= 0);
        (void)close(accept_one(listener, peer)); /* half open is open */
    }
    assert_refused(NULL, WORLD, 443, 1);
    /* One that ends makes room, and who comes from outside is not in their number. */
    DM_AUTO_FD door = connect_from(NULL, NULL, p->slot.address, 8080);
    assert_true(door >= 0);
    DM_AUTO_FD served = accept_one(inside, peer);
    assert_true(passes(door, served));
    (void)close(fds[0]);
    int one_more = -1;
    for (int64_t until = dm_mono_ms(&dm_clock_real) + LIMIT_MS; one_more < 0 && dm_mono_ms(&dm_clock_real) < until;)
        one_more = connect_from(GUEST_NS, NULL, WORLD, 443);
    assert_true(one_more >= 0);
    (void)close(one_more);
    for (int i = 1; i < FLOWS; i++)
        (void)close(fds[i]);
}

/* How many connections the kernel knows that this guest began: the host has others, which come and go. */
static size_t tracked(const place *p)
{
    DM_AUTO_BUF b;
    char source[32];
    size_t n = 0;
    dm_buf_init(&b, 64 << 20);
    assert_int_equal(dm_file_read("/proc/net/nf_conntrack", &b, NULL), 0);
    (void)snprintf(source, sizeof(source), " src=%s ", p->slot.address);
    for (dm_str rest = dm_buf_view(&b), line; dm_str_split(&rest, '\n', &line);) {
        const char *first = line.n > 0 ? memmem(line.p, line.n, " src=", 5) : NULL;
        size_t left = first != NULL ? (size_t)(line.p + line.n - first) : 0;
        n += left >= strlen(source) && memcmp(first, source, strlen(source)) == 0;
    }
    return n;
}

/* As tracked() after a thousand flows of a packet each. What is gone is taken off the count of what may be begun a tick
 * of the kernel's clock at a time: all of a thousand may come within the tick after reset(), so it is done until one
 * is. */
static size_t flooded(place *p, uint16_t flows)
{
    size_t n = 0;
    for (int64_t until = dm_mono_ms(&dm_clock_real) + LIMIT_MS; n == 0 && dm_mono_ms(&dm_clock_real) < until;
            n = tracked(p))
        for (uint16_t i = 0; i < flows; i++)
            guest_sends(p, &(frame){"02:00:00:00:00:02", "172.20.0.2", .vlan = -1, .port = (uint16_t)(10000 + i)});
    return n;
}

/* Neither a new flow a packet, nor what the next guest finds. */
static void a_flood_leaves_nothing_behind(void **state)
{
    place *p = *state;
    NEED(p);
    if (access("/proc/net/nf_conntrack", R_OK) < 0) {
        print_message("skip a_flood_leaves_nothing_behind: this kernel does not list connections\n");
        skip();
    }
    reset(p, true);
    assert_int_equal(tracked(p), 0);
    assert_in_range(flooded(p, 1000), 1, FLOWS);
    /* Nobody else's, and in both of the ways that kernels know. */
    assert_int_equal(dm_net_forget_each(address("10.98.0.99", 0).sin_addr.s_addr, NULL), 0);
    assert_int_equal(dm_net_forget(address("10.98.0.99", 0).sin_addr.s_addr, NULL), 0);
    assert_true(tracked(p) > 0);
    dm_err err;
    if (dm_net_forget_each(address(p->slot.address, 0).sin_addr.s_addr, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(tracked(p), 0);
    reset(p, true);
    assert_int_equal(flooded(p, 1), 1);
    reset(p, true);
    assert_int_equal(tracked(p), 0);
    DM_AUTO_FD listener = listen_in(WORLD_NS, 443, SOCK_STREAM);
    DM_AUTO_FD out = connect_from(GUEST_NS, NULL, WORLD, 443);
    assert_true(out >= 0);
}

static void packets_have_a_rate(void **state)
{
    place *p = *state;
    char peer[16];
    NEED(p);
    reset(p, true);
    DM_AUTO_FD inside = listen_in(GUEST_NS, 8080, SOCK_STREAM);
    DM_AUTO_FD door = connect_from(NULL, NULL, p->slot.address, 8080);
    DM_AUTO_FD served = accept_one(inside, peer);
    DM_AUTO_FD udp = listen_in(WORLD_NS, 7000, SOCK_DGRAM);
    int64_t since = dm_mono_us(&dm_clock_real);
    size_t sent = 0, got = 0;
    for (int64_t for_us = 0; for_us < 300000 || (sent <= 2 * PACKETS_S && for_us < 5000000); sent++) {
        guest_sends(p, &(frame){"02:00:00:00:00:02", "172.20.0.2", .vlan = -1, .port = 7000});
        got += heard(udp, 0);
        if (sent % 1000 == 0) /* the door's answers are in no queue with that */
            assert_true(passes(door, served) && passes(served, door));
        for_us = dm_mono_us(&dm_clock_real) - since;
    }
    got += heard(udp, 100);
    int64_t took = dm_mono_us(&dm_clock_real) - since;
    print_message("      %zu of %zu packets in %lld ms\n", got, sent, (long long)took / 1000);
    size_t most = PACKETS_S / 2 + 1 + (size_t)(took * PACKETS_S / 1000000) + 1;
    assert_true(got <= most);
    assert_true(got > PACKETS_S / 20);
    if (sent <= most) { /* nothing was held back, and so nothing shown */
        print_message("skip packets_have_a_rate: this machine sends too slowly\n");
        skip();
    }
}

static void several_slots_come_and_go(void **state)
{
    place *p = *state;
    static const dm_slot_site other = {.prefix = "slotu", .base = "10.97.0.0", .limits = {.flows = FLOWS}};
    dm_slot s[3];
    dm_err err;
    NEED(p);
    int64_t since = dm_mono_us(&dm_clock_real);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(dm_slot_open(&other, 4000 + i, &everything, &s[i], &err), 0);
    print_message("      made in %.1f ms each\n", (double)(dm_mono_us(&dm_clock_real) - since) / 3000);
    since = dm_mono_us(&dm_clock_real);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(dm_slot_reset(&s[i], &everything, &err), 0);
    print_message("      reset in %.1f ms each\n", (double)(dm_mono_us(&dm_clock_real) - since) / 3000);
    for (uint32_t i = 0; i < 3; i++) {
        dm_slot_close(&s[i]);
        assert_int_equal(dm_slot_destroy("slotu", 4000 + i, &err), 0);
    }
    static const char *const argv[] = {"/usr/sbin/nft", "list", "table", "inet", "dm_slotu", NULL};
    assert_true(dm_net_run(argv, (dm_str){.n = 0}, &err) < 0); /* the last one took the host's table along */
    assert_int_equal(dm_slot_destroy("slotu", 4000, &err), 0); /* nothing there: fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_are_its_own),
            cmocka_unit_test(what_comes_from_outside_arrives),
            cmocka_unit_test(a_tap_that_is_down_cuts_it_off),
            cmocka_unit_test(guest_reaches_the_world_and_nothing_near),
            cmocka_unit_test(cut_internet_also_ends_what_is_under_way),
            cmocka_unit_test(the_world_does_not_get_in),
            cmocka_unit_test(cut_breaks_every_connection_at_once),
            cmocka_unit_test(reset_forgets_packets),
            cmocka_unit_test(traffic_is_counted),
            cmocka_unit_test(opening_again_mends),
            cmocka_unit_test(opening_around_a_guest_keeps_it_cut_and_connected),
            cmocka_unit_test(a_frame_is_the_guests_own_or_nobodys),
            cmocka_unit_test(arp_makes_no_neighbours),
            cmocka_unit_test(flows_have_an_end),
            cmocka_unit_test(a_flood_leaves_nothing_behind),
            cmocka_unit_test(packets_have_a_rate),
            cmocka_unit_test(several_slots_come_and_go),
    };
    return cmocka_run_group_tests(tests, open_place, close_place);
}
