/* A slot with a guest: a namespace of the test's own behind the tap, its frames carried over by a thread as a VMM
 * would; and a world: another namespace that the host routes to. So what may pass is asked with real connections. Needs
 * root. */
/* Covers workers/host/slot/net.c, workers/host/slot/policy.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/host/slot/net.h"
#include "workers/host/slot/slot.h"

#define PREFIX "slott"
#define NET "10.98.0.0"
#define GUEST_NS "dm-slottest-guest"
#define WORLD_NS "dm-slottest-world"
/* Documentation addresses: neither private nor anybody's. */
#define WORLD "203.0.113.2"
#define WORLD_HOST "203.0.113.1"

enum { NO = 3, LIMIT_MS = 1500 };

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
    clean();
    dm_err err;
    if (dm_slot_open(PREFIX, NET, NO, &everything, &p->slot, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(ip("netns add " GUEST_NS "\nnetns add " WORLD_NS "\n"
                        "link add dmslw0 type veth peer name w1 netns " WORLD_NS "\n"
                        "addr add " WORLD_HOST "/24 dev dmslw0\nlink set dmslw0 up\n"),
            0);
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
    assert_int_equal(dm_slot_open("toolong", NET, 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open("", NET, 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open("a;b", NET, 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open(PREFIX, "10.98.1.0", 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open(PREFIX, "nonsense", 0, &everything, &s, &err), DM_E_INVALID);
    assert_int_equal(dm_slot_open(PREFIX, NET, DM_SLOT_MAX, &everything, &s, &err), DM_E_INVALID);
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
    assert_int_equal(dm_slot_open(PREFIX, NET, NO, &everything, &s, &err), 0);
    assert_int_equal(s.tap_fd, -1);
    unplug(p);
    dm_slot_close(&p->slot);
    assert_int_equal(dm_slot_reset(&s, &everything, &err), 0);
    assert_true(s.tap_fd >= 0);
    p->slot = s;
    /* The pair is lost. */
    assert_int_equal(ip("link del dmslottv3\n"), 0);
    dm_slot_close(&p->slot);
    if (dm_slot_open(PREFIX, NET, NO, &everything, &p->slot, &err) < 0)
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
    if (dm_slot_open(PREFIX, NET, NO, &nothing, &again, &err) < 0)
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

static void several_slots_come_and_go(void **state)
{
    place *p = *state;
    dm_slot s[3];
    dm_err err;
    NEED(p);
    int64_t since = dm_mono_us(&dm_clock_real);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(dm_slot_open("slotu", "10.97.0.0", 4000 + i, &everything, &s[i], &err), 0);
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
            cmocka_unit_test(several_slots_come_and_go),
    };
    return cmocka_run_group_tests(tests, open_place, close_place);
}
