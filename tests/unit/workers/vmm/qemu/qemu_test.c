/* The driver with a real QEMU and a real guest image: a template is built once, then cloned, run, stopped, saved,
 * woken, adopted and killed. Needs root and
 *
 *     DM_TEST_IMAGE_DIR   a guest image (workers/image/build)
 *     DM_TEST_ACCEL       tcg (if not set) or kvm; tests/full/kvm is where the latter can be had anywhere
 *
 * and skips, saying why, without them. Prints what each step took. */
/* Covers workers/vmm/qemu/snap.c, workers/vmm/qemu/vm.c, workers/vmm/template.c, workers/guest/main.c,
 * workers/guest/self/boot.c. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "tests/support/vmmrig.h"
#include "workers/host/slot/slot.h"
#include "workers/vmm/agent.h"
#include "workers/vmm/flatten.h"
#include "workers/vmm/jail/group.h"
#include "workers/vmm/jail/jail.h"
#include "workers/vmm/manifest.h"
#include "workers/vmm/qemu/host.h"
#include "workers/vmm/sparse.h"
#include "workers/vmm/template.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define PREFIX "vmmt"
#define NET "10.99.0.0"

static const dm_slot_site site = {.prefix = PREFIX, .base = NET};

/* Limits against a hang: on a busy machine, under an emulated processor, all takes its time. */
enum { WAIT_S = 240, SAY_MS = 60000, MEM = 512, NOBODY = 1999000001, PORT = 49983, PAGE = 4096 };

typedef struct answer {
    unsigned n;
    int r;
    dm_err err;
} answer;

typedef struct lab {
    const char *image, *why_not;
    char dir[64], template_dir[96];
    dm_loop *loop;
    dm_exec *exec;
    dm_log *log;
    dm_vmm_env env;
    dm_jail *jail;
    dm_groups *groups;
    const dm_vmm_driver *driver;
    uint32_t vcpus;
    dm_slot slot;
    dm_digest template_ram;
    unsigned fds;
} lab;

typedef struct guest {
    lab *lab;
    const dm_slot *slot;
    char run[128], disk[160];
    dm_vm *vm;
    dm_agent *agent;
    answer call, said;
    unsigned ends;
    dm_vm_event end;
} guest;

/* --- waiting ------------------------------------------------------------------------------------------------ */

static void until(lab *l, const unsigned *flag, unsigned n)
{
    int64_t end = dm_mono_us(&dm_clock_real) + (int64_t)WAIT_S * 1000000;
    while (*flag < n && dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(l->loop, 50000, NULL), 0);
    assert_true(*flag >= n);
}

static void pump(lab *l, int64_t us)
{
    int64_t end = dm_mono_us(&dm_clock_real) + us;
    while (dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(l->loop, 1000, NULL), 0);
}

static void on_done(void *arg, int r, const dm_err *err)
{
    answer *a = &((guest *)arg)->call;
    a->n++;
    a->r = r;
    if (r < 0)
        a->err = *err;
}

static void on_said(void *arg, int r, const json_t *line, const dm_err *err)
{
    answer *a = &((guest *)arg)->said;
    (void)line;
    a->n++;
    a->r = r;
    if (r < 0)
        a->err = *err;
}

static void on_end(void *arg, const dm_vm_event *ev)
{
    guest *g = arg;
    g->ends++;
    g->end = *ev;
}

static int wait_call(guest *g, const char *what, int64_t since)
{
    until(g->lab, &g->call.n, 1);
    g->call.n = 0;
    if (g->call.r < 0)
        print_message("      %s: %s\n", what, g->call.err.msg);
    else
        print_message("      %-12s %7.1f ms\n", what, (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    return g->call.r;
}

/* Asks, waits, and says how it ended. */
#define CALL(g, what, ...)                                                                                             \
    do {                                                                                                               \
        int64_t since_ = dm_mono_us(&dm_clock_real);                                                                   \
        assert_int_equal((__VA_ARGS__), 0);                                                                            \
        assert_int_equal(wait_call((g), (what), since_), 0);                                                           \
    } while (0)

/* --- a guest ------------------------------------------------------------------------------------------------ */

static dm_vm_config config_of(const guest *g)
{
    return (dm_vm_config){.vcpus = g->lab->vcpus,
            .mem_mib = MEM,
            .image_dir = g->lab->image,
            .base_dir = g->lab->template_dir,
            .run_dir = g->run,
            .disk = g->disk,
            .tap_fd = g->slot->tap_fd,
            .uid = NOBODY,
            .groups = g->lab->groups,
            .group = 1};
}

static void place(lab *l, guest *g, const char *name)
{
    *g = (guest){.lab = l, .slot = &l->slot};
    (void)snprintf(g->run, sizeof(g->run), "%s/%s", l->dir, name);
    (void)snprintf(g->disk, sizeof(g->disk), "%s/disk.ext4", g->run);
}

/* Where place says. from: a snapshot's folder with a disk in it. delta: to be loaded, or NULL. */
static void fill_place(guest *g, const char *from, const char *delta)
{
    lab *l = g->lab;
    char disk[192];
    assert_int_equal(dm_mkdir_p(g->run, 0700, NULL), 0);
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", from);
    assert_int_equal(dm_sparse_copy(disk, g->disk, false, NULL), 0);
    dm_vm_config c = config_of(g);
    CALL(g, "spawn", l->driver->spawn(&l->env, &c, on_done, on_end, g, &g->vm, NULL));
    CALL(g, "load", l->driver->load(g->vm, delta, on_done, g, NULL));
}

static void clone_vm(lab *l, guest *g, const char *name, const char *from, const char *delta)
{
    place(l, g, name);
    fill_place(g, from, delta);
}

static void run_vm(guest *g)
{
    CALL(g, "run", g->lab->driver->run(g->vm, on_done, g, NULL));
}

static void stop_vm(guest *g)
{
    CALL(g, "stop", g->lab->driver->stop(g->vm, on_done, g, NULL));
}

static void save_vm(guest *g, enum dm_vm_save kind, const char *name, char dir[128])
{
    char disk[192];
    (void)snprintf(dir, 128, "%s/%s", g->lab->dir, name);
    assert_int_equal(dm_mkdir_p(dir, 0700, NULL), 0);
    CALL(g, "save", g->lab->driver->save(g->vm, kind, dir, on_done, g, NULL));
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", dir);
    assert_int_equal(dm_sparse_copy(g->disk, disk, true, NULL), 0);
}

static void end_vm(guest *g)
{
    dm_agent_free(dm_steal(&g->agent));
    int64_t since = dm_mono_us(&dm_clock_real);
    int dies = -1;
    g->lab->driver->destroy(dm_steal(&g->vm), &dies);
    print_message("      %-12s %7.1f ms\n", "destroy", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    struct pollfd gone = {.fd = dies, .events = POLLIN};
    if (dies >= 0) {
        assert_int_equal(poll(&gone, 1, WAIT_S * 1000), 1);
        print_message("      %-12s %7.1f ms\n", "gone", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
        pump(g->lab, 5000); /* what comes to the loop by it: the process is reaped */
        (void)close(dies);
    }
}

static void attach(guest *g)
{
    int fd;
    assert_int_equal(g->lab->driver->agent_fd(g->vm, &fd, NULL), 0);
    assert_int_equal(dm_agent_new(g->lab->loop, fd, NULL, NULL, &g->agent, NULL), 0);
}

/* no: of which sandbox. */
static void become_another(guest *g, bool fresh, unsigned no)
{
    char name[] = "iaaaaaaaaaaaaaaaaaaaa", none[] = "", user[] = "user", host[] = "sandbox";
    name[sizeof(name) - 2] = (char)('a' + no);
    DM_AUTO(json_t) env = json_object();
    dm_guest_resume m = {.generation = 1,
            .sandbox = name,
            .template_id = none,
            .hostname = host,
            .token = none,
            .user = user,
            .workdir = none,
            .env = env,
            .fresh = fresh};
    int64_t since = dm_mono_us(&dm_clock_real);
    assert_int_equal(dm_agent_resume(g->agent, &m, SAY_MS, on_said, g, NULL), 0);
    until(g->lab, &g->said.n, 1);
    g->said.n = 0;
    if (g->said.r < 0)
        fail_msg("resume: %s", g->said.err.msg);
    print_message("      %-12s %7.1f ms\n", "resume", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
}

static void become(guest *g, bool fresh)
{
    become_another(g, fresh, 0);
}

/* Status and body of an answer, from outside, through the slot. 0: none came. */
static int http(const guest *g, dm_str request, char *body, size_t room)
{
    char in[4096];
    size_t n = 0;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    const struct timeval limit = {.tv_sec = SAY_MS / 1000};
    DM_AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, g->slot->address, &a.sin_addr), 1);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    int64_t since = dm_mono_us(&dm_clock_real);
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
        return 0;
    (void)send(fd, request.p, request.n, MSG_NOSIGNAL);
    for (ssize_t got; n < sizeof(in) - 1 && (got = recv(fd, in + n, sizeof(in) - 1 - n, 0)) > 0;)
        n += (size_t)got;
    in[n] = '\0';
    const char *start = strstr(in, "\r\n\r\n");
    if (n < 12 || start == NULL)
        return 0;
    if (body != NULL)
        (void)snprintf(body, room, "%s", start + 4);
    print_message("      %-12.6s %7.1f ms\n", request.p, (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    uint64_t status;
    assert_int_equal(dm_parse_u64((dm_str){in + 9, 3}, 100, 599, &status, NULL), 0);
    return (int)status;
}

static int health(const guest *g)
{
    return http(g, DM_STR("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), NULL, 0);
}

/* A file of the guest's, as the user. */
static void write_file(const guest *g, const char *path, const char *text)
{
    char part[512], request[1024];
    (void)snprintf(part, sizeof(part),
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n%s\r\n--b--\r\n", text);
    (void)snprintf(request, sizeof(request),
            "POST /files?path=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
            "multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n%s",
            path, strlen(part), part);
    assert_int_equal(http(g, dm_str_c(request), NULL, 0), 200);
}

static int read_file(const guest *g, const char *path, char *body, size_t room)
{
    char request[256];
    (void)snprintf(
            request, sizeof(request), "GET /files?path=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return http(g, dm_str_c(request), body, room);
}

static void assert_file(const guest *g, const char *path, const char *text)
{
    char body[512];
    assert_int_equal(read_file(g, path, body, sizeof(body)), 200);
    assert_non_null(strstr(body, text));
}

/* Runs it in bash, as the user, to its end, which must be a good one. */
static void run_command(const guest *g, const char *command)
{
    char body[2048];
    DM_AUTO_BUF message;
    DM_AUTO_BUF b;
    dm_buf_init(&message, 1024);
    dm_buf_init(&b, 2048);
    (void)dm_buf_fmt(&message,
            "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-c\",\"cd /dev/shm && rm -f good && %s && echo yes > "
            "good\"]},"
            "\"stdin\":false}",
            command);
    assert_int_equal(dm_buf_ok(&message, NULL), 0);
    const uint8_t head[] = {0, 0, 0, (uint8_t)(message.len >> 8), (uint8_t)message.len};
    (void)dm_buf_fmt(&b,
            "POST /process.Process/Start HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
            "application/connect+json\r\nContent-Length: %zu\r\n\r\n",
            sizeof(head) + message.len);
    (void)dm_buf_add(&b, head, sizeof(head));
    (void)dm_buf_str(&b, dm_buf_view(&message));
    assert_int_equal(dm_buf_ok(&b, NULL), 0);
    assert_int_equal(http(g, dm_buf_view(&b), body, sizeof(body)), 200);
    assert_file(g, "/dev/shm/good", "yes");
}

/* --- the lab ------------------------------------------------------------------------------------------------ */

static const char *why_not(const char *image)
{
    if (image == NULL)
        return "DM_TEST_IMAGE_DIR is not set";
    if (access(image, R_OK) < 0)
        return "DM_TEST_IMAGE_DIR cannot be read";
    if (access(QEMU, X_OK) < 0)
        return "there is no " QEMU;
    return geteuid() == 0 ? NULL : "it makes namespaces: root only";
}

static void build_template(lab *l)
{
    guest g = {.lab = l};
    char disk[256];
    (void)snprintf(disk, sizeof(disk), "%s/disk-1g.ext4", l->image);
    const dm_template_config c = {.driver = l->driver,
            .env = &l->env,
            .image_dir = l->image,
            .out_dir = l->template_dir,
            .disk_image = disk,
            .vcpus = l->vcpus,
            .mem_mib = MEM,
            .tap_fd = l->slot.tap_fd,
            .uid = NOBODY,
            .groups = l->groups,
            .group = 1};
    dm_template_build *b = NULL;
    CALL(&g, "template", dm_template_build_start(&c, on_done, &g, &b, NULL));
    dm_template_build_free(b);
}

struct fold {
    int fd;
    dm_digest sum;
};

/* Of all pages that are not empty, wherever the file has holes. */
static int fold_pages(void *arg, uint64_t at, uint64_t length, dm_err *err)
{
    struct fold *f = arg;
    struct {
        dm_digest before;
        uint64_t at;
        char page[PAGE];
    } in;
    static const char empty[PAGE];
    for (uint64_t end = at + length; at < end; at += PAGE) {
        size_t n;
        in.before = f->sum;
        in.at = at;
        int r = dm_pread_all(f->fd, in.page, PAGE, (off_t)at, &n, err);
        if (r == 0 && n != PAGE)
            r = dm_fail(err, DM_E_CORRUPT, "half a page");
        if (r == 0 && memcmp(in.page, empty, PAGE) != 0)
            r = dm_sha256((dm_str){(const char *)&in, sizeof(in)}, &f->sum, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static dm_digest digest_template(const lab *l)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/ram", l->template_dir);
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct fold f = {.fd = fd};
    assert_int_equal(dm_sparse_each(fd, fold_pages, &f, NULL), 0);
    return f.sum;
}

/* The program that goes before QEMU is beside this one. */
static int make_jail(lab *l)
{
    char dir[96], program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 64);
    assert_true(n > 0);
    program[n] = '\0';
    (void)snprintf(strrchr(program, '/') + 1, 64, "dormouse-jail");
    (void)snprintf(dir, sizeof(dir), "%s/jail", l->dir);
    const dm_tree_config c = {.dir = dir, .program = program, .binary = QEMU, .files = l->driver->files};
    int r = dm_jail_new(&c, &l->jail, NULL);
    if (r == 0)
        r = dm_groups_new("dormouse-" PREFIX, &l->groups, NULL);
    return r < 0 ? r : dm_group_make(l->groups, 1, MEM, 1, NULL);
}

/* Also half made: the helper that is killed makes one without a template. */
static int lab_make(lab *l)
{
    l->fds = rig_fds();
    assert_int_equal(dm_loop_new(&dm_clock_real, &l->loop, NULL), 0);
    assert_int_equal(dm_exec_new(2, 32, &l->exec, NULL), 0);
    assert_int_equal(dm_log_new(2, "qemu_test", DM_WARN, &dm_clock_real, &l->log, NULL), 0);
    l->vcpus = 1;
    l->driver = dm_vmm_find("qemu");
    assert_non_null(l->driver);
    assert_int_equal(make_jail(l), 0);
    l->env = (dm_vmm_env){.loop = l->loop,
            .exec = l->exec,
            .log = l->log,
            .binary = QEMU,
            .jail = l->jail,
            .accel = getenv("DM_TEST_ACCEL")};
    if (l->env.accel == NULL)
        l->env.accel = "tcg";
    (void)snprintf(l->template_dir, sizeof(l->template_dir), "%s/template", l->dir);
    return dm_slot_open(&site, 1, &(dm_slot_policy){.internet = true}, &l->slot, NULL);
}

static int open_lab(void **state)
{
    lab *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    *state = l;
    l->image = getenv("DM_TEST_IMAGE_DIR");
    l->why_not = why_not(l->image);
    if (l->why_not != NULL) {
        print_message("      skipped: %s\n", l->why_not);
        return 0;
    }
    (void)snprintf(l->dir, sizeof(l->dir), "/var/tmp/dm-qemu-test-XXXXXX");
    assert_non_null(mkdtemp(l->dir));
    /* What a killed worker leaves comes to us, as to a supervisor. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(lab_make(l), 0);
    build_template(l);
    l->template_ram = digest_template(l);
    return 0;
}

static void remove_groups(void)
{
    dm_group_mount at[DM_CONTROLLERS];
    char path[PATH_MAX + 64];
    DM_AUTO_BUF mounts;
    dm_buf_init(&mounts, 1 << 22);
    assert_int_equal(dm_file_read("/proc/self/mountinfo", &mounts, NULL), 0);
    dm_group_mounts(dm_buf_view(&mounts), at);
    for (int c = 0; c < DM_CONTROLLERS; c++) {
        assert_int_equal(dm_path(path, sizeof(path), NULL, "%s/dormouse-" PREFIX "/1", at[c].dir), 0);
        (void)rmdir(path);
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);
    }
}

static int close_lab(void **state)
{
    lab *l = *state;
    if (l->why_not == NULL) {
        dm_slot_close(&l->slot);
        assert_int_equal(dm_slot_destroy(PREFIX, 1, NULL), 0);
        dm_exec_free(l->exec);
        dm_loop_free(l->loop);
        dm_log_free(l->log);
        dm_jail_free(l->jail);
        dm_groups_free(l->groups);
        remove_groups();
        assert_int_equal(rig_fds(), l->fds);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, dead or alive */
        assert_int_equal(access("/run/netns/dm-" PREFIX "-1", F_OK), -1);
        assert_int_equal(dm_remove_tree(l->dir, NULL), 0);
    }
    free(l);
    return 0;
}

#define NEED(l)                                                                                                        \
    do {                                                                                                               \
        if ((l)->why_not != NULL)                                                                                      \
            skip();                                                                                                    \
    } while (0)

/* --- tests -------------------------------------------------------------------------------------------------- */

static int check_template(lab *l, uint32_t vcpus, uint32_t mem_mib, dm_err *err)
{
    const dm_template_config c = {.driver = l->driver,
            .env = &l->env,
            .image_dir = l->image,
            .out_dir = l->template_dir,
            .vcpus = vcpus,
            .mem_mib = mem_mib,
            .tap_fd = -1};
    return dm_template_check(&c, err);
}

static void template_is_whole_and_known(void **state)
{
    lab *l = *state;
    NEED(l);
    char path[160];
    dm_err err;
    assert_int_equal(check_template(l, 1, MEM, &err), 0);
    assert_int_equal(check_template(l, 2, MEM, &err), DM_TEMPLATE_STALE);
    assert_int_equal(check_template(l, 1, 1024, &err), DM_TEMPLATE_STALE);
    (void)snprintf(path, sizeof(path), "%s.new", l->template_dir);
    assert_int_equal(access(path, F_OK), -1);
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/ram", l->template_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, MEM * 1024 * 1024);
    assert_true(st.st_blocks * 512 < 200 * 1024 * 1024);
    print_message("      template has %ld MiB of %d\n", (long)(st.st_blocks / 2048), MEM);
}

static void guests_run_on_what_probe_says(void **state)
{
    lab *l = *state;
    NEED(l);
    dm_vmm_caps caps;
    dm_vmm_env env = l->env;
    bool kvm = strcmp(env.accel, "kvm") == 0;
    assert_int_equal(l->driver->probe(&env, &caps, NULL), 0);
    assert_string_equal(caps.accel, env.accel);
    assert_int_equal((caps.flags & DM_VMM_NEEDS_WARM) == 0, kvm);
    guest g;
    clone_vm(l, &g, "clock", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    /* What the guest itself found: KVM's clock is there only under KVM. */
    run_command(&g, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource > clock");
    assert_file(&g, "/dev/shm/clock", kvm ? "kvm-clock" : "tsc");
    end_vm(&g);
    if (!kvm)
        return; /* what this machine is for real, is not ours to say */
    env.accel = "auto";
    assert_int_equal(l->driver->probe(&env, &caps, NULL), 0);
    assert_string_equal(caps.accel, "kvm");
}

static uint64_t cpu_of(const guest *g)
{
    dm_vm_stats s;
    assert_int_equal(g->lab->driver->stats(g->vm, &s, NULL), 0);
    assert_true(s.rss_shared_kib > 1024 && s.rss_private_kib > 1024);
    return s.cpu_us;
}

static void assert_status_line(const guest *g, const char *line)
{
    char path[64];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 16384);
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)g->lab->driver->pid(g->vm));
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    if (strstr(b.p, line) == NULL)
        fail_msg("\"%s\" is not in its status", line);
}

static void clone_stands_still_until_it_runs(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    clone_vm(l, &g, "still", l->template_dir, NULL);
    /* Nobody, alone, without a single right, behind two filters. */
    assert_status_line(&g, "Uid:\t1999000001\t1999000001\t1999000001\t1999000001");
    assert_status_line(&g, "\t1\nNSpgid:"); /* its number in its own namespace */
    assert_status_line(&g, "Groups:\t \n");
    assert_status_line(&g, "CapBnd:\t0000000000000000");
    assert_status_line(&g, "CapEff:\t0000000000000000");
    assert_status_line(&g, "NoNewPrivs:\t1");
    assert_status_line(&g, "Seccomp:\t2\nSeccomp_filters:\t2");
    uint64_t before = cpu_of(&g);
    pump(l, 300000);
    assert_in_range(cpu_of(&g) - before, 0, 100000);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    assert_int_equal(health(&g), 204);
    assert_int_equal(health(&g), 204);
    stop_vm(&g);
    stop_vm(&g); /* as often as one likes */
    before = cpu_of(&g);
    pump(l, 300000);
    assert_in_range(cpu_of(&g) - before, 0, 100000);
    run_vm(&g);
    run_vm(&g);
    assert_int_equal(health(&g), 204);
    uint64_t in, out;
    assert_int_equal(dm_slot_traffic(&l->slot, &in, &out, NULL), 0);
    assert_true(in > 100 && out > 100);
    assert_int_equal(g.ends, 0);
    end_vm(&g);
}

static void warmed_clone_answers_at_once(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    clone_vm(l, &g, "warm", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    assert_int_equal(dm_agent_warm(g.agent, 3, SAY_MS, on_said, &g, NULL), 0);
    until(l, &g.said.n, 1);
    assert_int_equal(g.said.r, 0);
    g.said.n = 0;
    stop_vm(&g);
    run_vm(&g);
    become(&g, true);
    assert_int_equal(health(&g), 204);
    end_vm(&g);
}

/* Two of one template, side by side: what one draws, remembers and writes is not the other's. */
static void clones_are_strangers(void **state)
{
    lab *l = *state;
    NEED(l);
    static const char *const drawn[] = {"urandom", "uuid", "boot"};
    guest g[2];
    dm_slot second;
    assert_int_equal(dm_slot_open(&site, 2, &(dm_slot_policy){.internet = true}, &second, NULL), 0);
    clone_vm(l, &g[0], "left", l->template_dir, NULL);
    place(l, &g[1], "right");
    g[1].slot = &second;
    fill_place(&g[1], l->template_dir, NULL);
    run_vm(&g[0]);
    run_vm(&g[1]);
    for (int i = 0; i < 2; i++) {
        attach(&g[i]);
        become(&g[i], true);
        run_command(&g[i], "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > urandom && "
                           "cat /proc/sys/kernel/random/uuid > uuid && cat /proc/sys/kernel/random/boot_id > boot");
    }
    for (size_t i = 0; i < DM_LEN(drawn); i++) {
        char path[64], body[2][512];
        (void)snprintf(path, sizeof(path), "/dev/shm/%s", drawn[i]);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(read_file(&g[k], path, body[k], sizeof(body[k])), 200);
            assert_true(strlen(body[k]) >= 36);
        }
        assert_string_not_equal(body[0], body[1]);
    }
    write_file(&g[0], "/dev/shm/mine", "of-the-left");
    write_file(&g[1], "/dev/shm/mine", "of-the-right");
    write_file(&g[0], "/home/user/left", "only-here");
    run_command(&g[0], "sync");
    assert_file(&g[0], "/dev/shm/mine", "of-the-left");
    assert_file(&g[1], "/dev/shm/mine", "of-the-right");
    assert_file(&g[0], "/home/user/left", "only-here");
    assert_int_equal(read_file(&g[1], "/home/user/left", NULL, 0), 404);
    end_vm(&g[0]);
    assert_file(&g[1], "/dev/shm/mine", "of-the-right");
    end_vm(&g[1]);
    dm_slot_close(&second);
    assert_int_equal(dm_slot_destroy(PREFIX, 2, NULL), 0);
}

/* What was in memory and on the disk, synced or not, is there again in another process; twice. */
static void sleeps_and_wakes(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    char delta[128], again[128];
    clone_vm(l, &g, "sleeper", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    write_file(&g, "/home/user/disk", "kept-on-disk");
    write_file(&g, "/dev/shm/memory", "kept-in-memory");
    dm_err err;
    assert_int_equal(l->driver->save(g.vm, DM_SAVE_DELTA, l->dir, on_done, &g, &err), DM_E_CONFLICT); /* it runs */
    stop_vm(&g);
    save_vm(&g, DM_SAVE_DELTA, "delta", delta);
    run_vm(&g); /* the parent goes on */
    assert_file(&g, "/dev/shm/memory", "kept-in-memory");
    end_vm(&g);

    clone_vm(l, &g, "woken", delta, delta);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/home/user/disk", "kept-on-disk");
    assert_file(&g, "/dev/shm/memory", "kept-in-memory");
    write_file(&g, "/dev/shm/more", "second-life");
    stop_vm(&g);
    save_vm(&g, DM_SAVE_DELTA, "again", again);
    end_vm(&g);

    clone_vm(l, &g, "third", again, again);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/dev/shm/memory", "kept-in-memory");
    assert_file(&g, "/dev/shm/more", "second-life");
    assert_file(&g, "/home/user/disk", "kept-on-disk");
    end_vm(&g);
}

/* No room for the device state, or for the memory: the guest runs on, and the next save is whole. */
static void without_room_it_runs_on(void **state)
{
    lab *l = *state;
    NEED(l);
    static const char *const rooms[] = {"size=4k", "size=1m"};
    guest g;
    char small[128], delta[128];
    clone_vm(l, &g, "cramped", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    write_file(&g, "/dev/shm/memory", "still-here");
    for (size_t i = 0; i < DM_LEN(rooms); i++) {
        (void)snprintf(small, sizeof(small), "%s/small", l->dir);
        assert_int_equal(dm_mkdir_p(small, 0700, NULL), 0);
        if (mount("none", small, "tmpfs", 0, rooms[i]) < 0) {
            end_vm(&g);
            skip(); /* needs to mount a small disk */
        }
        stop_vm(&g);
        int r = l->driver->save(g.vm, DM_SAVE_DELTA, small, on_done, &g, NULL);
        if (r == 0)
            r = wait_call(&g, "save", dm_mono_us(&dm_clock_real));
        assert_int_equal(umount2(small, MNT_DETACH), 0);
        assert_true(r < 0);
        run_vm(&g);
        assert_file(&g, "/dev/shm/memory", "still-here");
    }
    stop_vm(&g);
    save_vm(&g, DM_SAVE_DELTA, "roomy", delta);
    end_vm(&g);
    clone_vm(l, &g, "woken-again", delta, delta);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/dev/shm/memory", "still-here");
    end_vm(&g);
}

/* A full save of a clone is a base of its own. */
static void full_save_is_a_base(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    char full[128], keep[96];
    clone_vm(l, &g, "parent", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    write_file(&g, "/dev/shm/memory", "for-my-children");
    stop_vm(&g);
    save_vm(&g, DM_SAVE_FULL, "full", full);
    end_vm(&g);
    memcpy(keep, l->template_dir, sizeof(keep));
    (void)snprintf(l->template_dir, sizeof(l->template_dir), "%s/full", l->dir);
    clone_vm(l, &g, "child", full, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/dev/shm/memory", "for-my-children");
    end_vm(&g);
    memcpy(l->template_dir, keep, sizeof(keep));
}

/* A base that is made beside a parent which runs on: two start from it at once, with what was in its memory and on its
 * disk, and with nothing by which three could be taken for one. */
static void children_share_and_are_strangers(void **state)
{
    static const char *const drawn[] = {"urandom", "uuid", "boot", "machine"};
    lab *l = *state;
    NEED(l);
    enum { ALL = 3 };
    guest g[ALL];
    dm_slot slot[ALL - 1];
    dm_vm_stats stats;
    char copy[128], keep[96], path[64], body[ALL][512];
    clone_vm(l, &g[0], "forked", l->template_dir, NULL);
    run_vm(&g[0]);
    attach(&g[0]);
    become(&g[0], true);
    write_file(&g[0], "/home/user/disk", "from-the-disk");
    write_file(&g[0], "/dev/shm/memory", "from-memory");
    int64_t since = dm_mono_us(&dm_clock_real);
    stop_vm(&g[0]);
    save_vm(&g[0], DM_SAVE_DELTA, "copy", copy);
    run_vm(&g[0]);
    print_message("      %-12s %7.1f ms\n", "stood still", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    since = dm_mono_us(&dm_clock_real);
    assert_int_equal(dm_flatten(copy, l->template_dir, NULL), 0);
    print_message("      %-12s %7.1f ms\n", "flatten", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    memcpy(keep, l->template_dir, sizeof(keep));
    (void)snprintf(l->template_dir, sizeof(l->template_dir), "%s/copy", l->dir);
    for (unsigned i = 1; i < ALL; i++) {
        assert_int_equal(dm_slot_open(&site, 2 + i, &(dm_slot_policy){.internet = true}, &slot[i - 1], NULL), 0);
        place(l, &g[i], i == 1 ? "child-1" : "child-2");
        g[i].slot = &slot[i - 1];
        fill_place(&g[i], copy, NULL);
        run_vm(&g[i]);
        attach(&g[i]);
        become_another(&g[i], true, i);
    }
    for (int i = 0; i < ALL; i++) {
        assert_file(&g[i], "/home/user/disk", "from-the-disk");
        assert_file(&g[i], "/dev/shm/memory", "from-memory");
        run_command(&g[i], "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > urandom && "
                           "cat /proc/sys/kernel/random/uuid > uuid && cat /proc/sys/kernel/random/boot_id > boot && "
                           "(test -s /etc/machine-id && cat /etc/machine-id || cat uuid) > machine");
    }
    for (size_t k = 0; k < DM_LEN(drawn); k++) {
        (void)snprintf(path, sizeof(path), "/dev/shm/%s", drawn[k]);
        for (int i = 0; i < ALL; i++) {
            assert_int_equal(read_file(&g[i], path, body[i], sizeof(body[i])), 200);
            assert_true(strlen(body[i]) >= 32);
            for (int j = 0; j < i; j++)
                assert_string_not_equal(body[i], body[j]);
        }
    }
    write_file(&g[1], "/home/user/disk", "of-the-first-child");
    run_command(&g[1], "sync");
    assert_file(&g[0], "/home/user/disk", "from-the-disk");
    assert_file(&g[2], "/home/user/disk", "from-the-disk");
    assert_int_equal(l->driver->stats(g[2].vm, &stats, NULL), 0);
    print_message("      %-12s %7u MiB, shared %u MiB\n", "private", (unsigned)(stats.rss_private_kib / 1024),
            (unsigned)(stats.rss_shared_kib / 1024));
    for (int i = 0; i < ALL; i++)
        end_vm(&g[i]);
    memcpy(l->template_dir, keep, sizeof(keep));
    for (uint32_t i = 1; i < ALL; i++) {
        dm_slot_close(&slot[i - 1]);
        assert_int_equal(dm_slot_destroy(PREFIX, 2 + i, NULL), 0);
    }
}

/* Two processors, each at work before a sleep and after it. */
static void several_processors_come_back(void **state)
{
    lab *l = *state;
    NEED(l);
    static const char at_work[] =
            "test $(nproc) = 2 && taskset -c 0 sleep 0.05 && taskset -c 1 sleep 0.05 && taskset -c 1 date";
    guest g;
    char delta[128], keep[96];
    memcpy(keep, l->template_dir, sizeof(keep));
    (void)snprintf(l->template_dir, sizeof(l->template_dir), "%s/pair", l->dir);
    l->vcpus = 2;
    build_template(l);
    clone_vm(l, &g, "pair-clone", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    run_command(&g, at_work);
    stop_vm(&g);
    save_vm(&g, DM_SAVE_DELTA, "pair-delta", delta);
    end_vm(&g);
    clone_vm(l, &g, "pair-woken", delta, delta);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    run_command(&g, at_work);
    end_vm(&g);
    l->vcpus = 1;
    memcpy(l->template_dir, keep, sizeof(keep));
}

/* A copy of the template with one word of its manifest changed. */
static void load_refuses_what_does_not_fit(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    char other[128];
    DM_AUTO_MANIFEST m = {.format = 0};
    (void)snprintf(other, sizeof(other), "%s/other", l->dir);
    assert_int_equal(dm_mkdir_p(other, 0700, NULL), 0);
    assert_int_equal(dm_manifest_read(l->template_dir, &m, NULL), 0);
    m.kind[0] = 'x';
    assert_int_equal(dm_manifest_write(other, &m, NULL), 0);
    place(l, &g, "refused");
    assert_int_equal(dm_mkdir_p(g.run, 0700, NULL), 0);
    char disk[192];
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", l->template_dir);
    assert_int_equal(dm_sparse_copy(disk, g.disk, false, NULL), 0);
    dm_vm_config c = config_of(&g);
    CALL(&g, "spawn", l->driver->spawn(&l->env, &c, on_done, on_end, &g, &g.vm, NULL));
    dm_err err;
    assert_int_equal(l->driver->run(g.vm, on_done, &g, &err), DM_E_CONFLICT); /* a clone has nothing to run */
    int64_t since = dm_mono_us(&dm_clock_real);
    assert_int_equal(l->driver->load(g.vm, other, on_done, &g, NULL), 0);
    assert_int_equal(l->driver->stop(g.vm, on_done, &g, &err), DM_E_CONFLICT); /* one at a time */
    assert_int_equal(wait_call(&g, "load", since), DM_E_CONFLICT);
    assert_says(g.call.err, "not saved from this base");
    assert_int_equal(l->driver->load(g.vm, NULL, on_done, &g, &err), DM_E_CONFLICT);
    end_vm(&g);
}

static void destroy_is_safe_at_any_point(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    char disk[192];
    place(l, &g, "doomed");
    assert_int_equal(dm_mkdir_p(g.run, 0700, NULL), 0);
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", l->template_dir);
    assert_int_equal(dm_sparse_copy(disk, g.disk, false, NULL), 0);
    dm_vm_config c = config_of(&g), boot = c;
    boot.base_dir = NULL;
    /* at once; while a boot measures the clock; while a job of load is under way; while QEMU loads */
    assert_int_equal(l->driver->spawn(&l->env, &c, on_done, on_end, &g, &g.vm, NULL), 0);
    end_vm(&g);
    assert_int_equal(l->driver->spawn(&l->env, &boot, on_done, on_end, &g, &g.vm, NULL), 0);
    end_vm(&g);
    for (int rounds = 0; rounds < 8; rounds++) {
        CALL(&g, "spawn", l->driver->spawn(&l->env, &c, on_done, on_end, &g, &g.vm, NULL));
        assert_int_equal(l->driver->load(g.vm, NULL, on_done, &g, NULL), 0);
        for (int i = 0; i < rounds; i++)
            assert_int_equal(dm_loop_once(l->loop, 1000, NULL), 0);
        g.call.n = 0;
        end_vm(&g);
    }
    pump(l, 400000);
    assert_int_equal(g.call.n, 0);
    assert_int_equal(g.ends, 0);
}

static void death_is_seen(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    clone_vm(l, &g, "killed", l->template_dir, NULL);
    run_vm(&g);
    int64_t since = dm_mono_us(&dm_clock_real);
    assert_int_equal(kill((pid_t)l->driver->pid(g.vm), SIGKILL), 0);
    until(l, &g.ends, 1);
    print_message("      %-12s %7.1f ms\n", "death seen", (double)(dm_mono_us(&dm_clock_real) - since) / 1000);
    assert_int_equal(g.end.end, DM_VM_SIGNALLED);
    assert_int_equal(g.end.status, SIGKILL);
    dm_err err;
    assert_int_equal(l->driver->stop(g.vm, on_done, &g, &err), DM_E_UNAVAILABLE);
    end_vm(&g);
    assert_int_equal(g.ends, 1);

    /* In the middle of a call: the call fails, then the end is told. */
    clone_vm(l, &g, "killed2", l->template_dir, NULL);
    assert_int_equal(kill((pid_t)l->driver->pid(g.vm), SIGKILL), 0);
    if (l->driver->run(g.vm, on_done, &g, &err) == 0) {
        until(l, &g.call.n, 1);
        assert_int_equal(g.call.r, DM_E_UNAVAILABLE);
    } else {
        assert_int_equal(err.code, DM_E_UNAVAILABLE); /* it was that quick */
    }
    until(l, &g.ends, 1);
    end_vm(&g);

    /* The guest ends itself. */
    clone_vm(l, &g, "off", l->template_dir, NULL);
    run_vm(&g);
    attach(&g);
    assert_int_equal(dm_agent_simple(g.agent, "poweroff", SAY_MS, on_said, &g, NULL), 0);
    until(l, &g.ends, 1);
    assert_int_equal(g.end.end, DM_VM_GUEST_SHUTDOWN);
    end_vm(&g);
}

static void not_qemu_at_all(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    dm_err err = {.code = 0};
    dm_vmm_env env = l->env;
    place(l, &g, "false");
    assert_int_equal(dm_mkdir_p(g.run, 0700, NULL), 0);
    char disk[192];
    (void)snprintf(disk, sizeof(disk), "%s/disk.ext4", l->template_dir);
    assert_int_equal(dm_sparse_copy(disk, g.disk, false, NULL), 0);
    dm_vm_config c = config_of(&g);
    env.binary = "/nowhere/qemu";
    if (l->driver->spawn(&env, &c, on_done, on_end, &g, &g.vm, &err) < 0)
        return; /* it was over before it could be watched */
    until(l, &g.ends, 1);
    assert_int_equal(g.call.r, DM_E_UNAVAILABLE);
    assert_says(g.call.err, "/nowhere/qemu"); /* its own last words */
    end_vm(&g);
}

/* --- a worker that is killed -------------------------------------------------------------------------------- */

/* The worker: this program again, which makes a VM and dies. */
static int leave_behind(const char *dir)
{
    lab l = {.image = getenv("DM_TEST_IMAGE_DIR")};
    guest g;
    (void)snprintf(l.dir, sizeof(l.dir), "%s", dir);
    if (l.image == NULL || lab_make(&l) != 0)
        return 1;
    clone_vm(&l, &g, "orphan", l.template_dir, NULL);
    run_vm(&g);
    attach(&g);
    become(&g, true);
    write_file(&g, "/dev/shm/memory", "of-an-orphan");
    (void)kill(getpid(), SIGKILL);
    return 1;
}

static void run_worker(lab *l)
{
    /* Its tap is the same: ours is let go. */
    dm_slot_close(&l->slot);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/proc/self/exe", "qemu_test", "--leave", l->dir, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(dm_slot_open(&site, 1, &(dm_slot_policy){.internet = true}, &l->slot, NULL), 0);
    assert_int_equal(l->slot.tap_fd, -1); /* the VM has it */
}

static void adopts_what_a_killed_worker_left(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    dm_err err;
    char delta[128];
    place(l, &g, "nobody");
    dm_vm_config c = config_of(&g);
    assert_int_equal(dm_mkdir_p(g.run, 0700, NULL), 0);
    assert_int_equal(l->driver->adopt(&l->env, &c, on_done, on_end, &g, &g.vm, &err), DM_E_NOTFOUND);

    run_worker(l);
    place(l, &g, "orphan");
    c = config_of(&g);
    CALL(&g, "adopt", l->driver->adopt(&l->env, &c, on_done, on_end, &g, &g.vm, NULL));
    pid_t pid = (pid_t)l->driver->pid(g.vm);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/dev/shm/memory", "of-an-orphan");
    (void)cpu_of(&g);
    stop_vm(&g);
    save_vm(&g, DM_SAVE_DELTA, "orphans-delta", delta);
    end_vm(&g);
    assert_int_equal(waitpid(pid, NULL, 0), pid); /* ours by adoption only: the driver cannot have reaped it */
    assert_int_equal(l->driver->adopt(&l->env, &c, on_done, on_end, &g, &g.vm, &err), DM_E_NOTFOUND);

    const dm_slot_policy open = {.internet = true};
    assert_int_equal(dm_slot_reset(&l->slot, &open, NULL), 0);
    assert_true(l->slot.tap_fd >= 0);
    clone_vm(l, &g, "orphan-woken", delta, delta);
    run_vm(&g);
    attach(&g);
    become(&g, false);
    assert_file(&g, "/dev/shm/memory", "of-an-orphan");
    end_vm(&g);
}

/* The worker died between starting a VMM and writing down which: nobody can prove whose it is, so it must not stay. */
static void what_cannot_be_proven_is_ended(void **state)
{
    lab *l = *state;
    NEED(l);
    guest g;
    dm_err err;
    char path[192];
    run_worker(l);
    place(l, &g, "orphan");
    dm_vm_config c = config_of(&g);
    (void)snprintf(path, sizeof(path), "%s/vmm.json", g.run);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 512);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    DM_AUTO(json_t) seen = json_loadb(b.p, b.len, 0, NULL);
    pid_t pid = (pid_t)json_integer_value(json_object_get(seen, "pid"));
    assert_true(pid > 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(l->driver->adopt(&l->env, &c, on_done, on_end, &g, &g.vm, &err), DM_E_NOTFOUND);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    const dm_slot_policy open = {.internet = true};
    assert_int_equal(dm_slot_reset(&l->slot, &open, NULL), 0);
    assert_true(l->slot.tap_fd >= 0);
    assert_int_equal(dm_remove_tree(g.run, NULL), 0);
}

/* After all that the others did with it. */
static void template_is_as_it_was(void **state)
{
    lab *l = *state;
    NEED(l);
    dm_digest now = digest_template(l);
    assert_memory_equal(now.b, l->template_ram.b, sizeof(now.b));
}

/* For tests/full/kvm, whose machine is emulated as well. */
static int tell_khz(void)
{
    int64_t khz;
    if (dm_qemu_tsc_khz(200, &khz, NULL) < 0)
        return 1;
    return printf("%lld\n", (long long)khz) > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--leave") == 0)
        return leave_behind(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--khz") == 0)
        return tell_khz();
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(template_is_whole_and_known),
            cmocka_unit_test(guests_run_on_what_probe_says),
            cmocka_unit_test(clone_stands_still_until_it_runs),
            cmocka_unit_test(warmed_clone_answers_at_once),
            cmocka_unit_test(clones_are_strangers),
            cmocka_unit_test(sleeps_and_wakes),
            cmocka_unit_test(without_room_it_runs_on),
            cmocka_unit_test(full_save_is_a_base),
            cmocka_unit_test(children_share_and_are_strangers),
            cmocka_unit_test(several_processors_come_back),
            cmocka_unit_test(load_refuses_what_does_not_fit),
            cmocka_unit_test(destroy_is_safe_at_any_point),
            cmocka_unit_test(death_is_seen),
            cmocka_unit_test(not_qemu_at_all),
            cmocka_unit_test(what_cannot_be_proven_is_ended),
            cmocka_unit_test(adopts_what_a_killed_worker_left),
            cmocka_unit_test(template_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
