#include "tests/support/workerrig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/parse.h"

/* --- turning ------------------------------------------------------------------------------------------------ */

static const char *claim_of(unsigned n, int epoch)
{
    static char body[128];
    (void)snprintf(body, sizeof(body), "{\"claims\":[{\"sandbox\":\"%s\",\"epoch\":%d}]}", box_name(n), epoch);
    return body;
}

static void claim(rig *r, rig_order *o)
{
    dm_err err;
    dm_str body = dm_str_c(claim_of(o->n, o->epoch));
    if (dm_http_call(&r->http, "POST", "/v1/claims", NULL, 0, body, &o->claim, &err) < 0)
        fail_msg("%s", err.msg);
}

/* As the API does: what was started is claimed when the start has been answered. */
static bool to_be_claimed(const rig *r, const rig_order *o)
{
    return !r->unclaimed && o->n != 0 && o->req->reply.status == 201;
}

void rig_turn(rig *r)
{
    dm_err err;
    if (dm_loop_once(r->h.loop, 500, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < r->norders; i++) {
        if (to_be_claimed(r, &r->orders[i]) && r->orders[i].claim == NULL)
            claim(r, &r->orders[i]);
    }
}

void rig_settle(rig *r)
{
    for (int still = 0; still < 6;) {
        rig_turn(r);
        still = dm_exec_waiting(r->h.exec) == 0 && dm_journal_quiet(r->w->journal) ? still + 1 : 0;
    }
}

void rig_seconds(rig *r, int n)
{
    while (n-- > 0) {
        dm_clock_fake_move(&r->clock, 1000000);
        int64_t ended = dm_second_of(dm_worker_now_us(r->w) - 20000) - 1;
        rig_until(r, r->w->at.last_second >= ended);
    }
}

uint32_t rig_ready(const rig *r)
{
    dm_pools_count n;
    dm_pools_counted(r->w->pools, &n);
    return n.ready;
}

void rig_let(rig *r, rig_call call)
{
    r->hangs[call] = false;
    dm_clock_fake_move(&r->clock, 1000);
}

/* --- orders ------------------------------------------------------------------------------------------------- */

dm_sandbox_id box_id(unsigned n)
{
    uint8_t random[16] = {0};
    random[15] = (uint8_t)n;
    random[7] = 1;
    return dm_sandbox_id_of_random(random);
}

const char *box_name(unsigned n)
{
    static dm_sandbox_name name[4];
    static unsigned at;
    dm_sandbox_id id = box_id(n);
    name[at % 4] = dm_sandbox_name_of(&id);
    return name[at++ % 4].s;
}

dm_box *box(rig *r, unsigned n)
{
    dm_sandbox_id id = box_id(n);
    return dm_boxes_find(r->w->boxes, &id);
}

rig_order *rig_ask(rig *r, const char *method, const char *path, const char *body)
{
    dm_err err;
    assert_true(r->norders < RIG_ORDERS);
    rig_order *o = &r->orders[r->norders++];
    *o = (rig_order){.n = 0};
    o->r = dm_http_call(&r->http, method, path, NULL, 0, dm_str_c(body), &o->req, &err);
    if (o->r < 0)
        fail_msg("%s", err.msg);
    return o;
}

bool told(const rig_order *o)
{
    return o->req->reply.status != 0;
}

rig_order *rig_admit(rig *r, const char *verb, unsigned n, int epoch, admitting a)
{
    static char body[2048];
    char path[128];
    (void)snprintf(body, sizeof(body),
            "{\"sandbox\":\"%s\",\"epoch\":%d,\"project_no\":%d,\"region_no\":2,\"spec_table\":1,\"spec\":%d,"
            "\"disk_mib\":1024,\"template_id\":\"aaaaaaaaaaaaaaaaaaaa\","
            "\"build_id\":\"00000000-0000-4000-8000-000000000001\",\"image\":\"%s\",\"timeout_us\":%lld,"
            "\"pause_on_timeout\":%s,\"internet\":%s,\"token\":\"" RIG_TOKEN "\",\"user\":\"user\",\"workdir\":\"\","
            "\"hostname\":\"h\",\"env\":{\"A\":\"" RIG_ENV
            "\"},\"previous\":\"%s\",\"lease_s\":%d,\"idle_s\":%d%s%s%s}",
            box_name(n), epoch, a.project != 0 ? a.project : 5, a.spec != 0 ? a.spec : 1,
            a.image != NULL ? a.image : "base", (long long)(a.timeout_s != 0 ? a.timeout_s : 3600) * 1000000,
            a.pause_on_timeout ? "true" : "false", a.offline ? "false" : "true", a.previous != NULL ? a.previous : "",
            a.lease_s, a.idle_s, a.checkpoint != NULL ? ",\"checkpoint\":\"" : "",
            a.checkpoint != NULL ? a.checkpoint : "", a.checkpoint != NULL ? "\"" : "");
    bool start = strcmp(verb, "start") == 0;
    if (start)
        (void)snprintf(path, sizeof(path), "/v1/sandboxes");
    else
        (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/resume", box_name(n));
    rig_order *o = rig_ask(r, "POST", path, body);
    o->n = start ? n : 0;
    o->epoch = epoch;
    return o;
}

rig_order *rig_start(rig *r, unsigned n, int epoch)
{
    return rig_admit(r, "start", n, epoch, (admitting){0});
}

rig_order *rig_resume(rig *r, unsigned n, int epoch)
{
    return rig_admit(r, "resume", n, epoch, (admitting){0});
}

rig_order *rig_stop(rig *r, const char *verb, unsigned n, int epoch, const char *cause)
{
    char path[128];
    static char body[128];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/%s", box_name(n), verb);
    (void)snprintf(body, sizeof(body), "{\"epoch\":%d,\"cause\":\"%s\"}", epoch, cause);
    return rig_ask(r, "POST", path, body);
}

rig_order *rig_pause(rig *r, unsigned n, int epoch)
{
    return rig_stop(r, "pause", n, epoch, "paused");
}

rig_order *rig_kill(rig *r, unsigned n, int epoch)
{
    return rig_stop(r, "kill", n, epoch, "killed");
}

rig_order *rig_claim(rig *r, unsigned n, int epoch)
{
    return rig_ask(r, "POST", "/v1/claims", claim_of(n, epoch));
}

rig_order *rig_copy(rig *r, unsigned n, int epoch, const char *name, bool kept)
{
    char path[128];
    static char body[256];
    (void)snprintf(path, sizeof(path), "/v1/sandboxes/%s/copy", box_name(n));
    (void)snprintf(body, sizeof(body), "{\"epoch\":%d,\"name\":\"%s\",\"kept\":%s,\"hold_s\":60}", epoch, name,
            kept ? "true" : "false");
    return rig_ask(r, "POST", path, body);
}

bool has_checkpoint(const rig *r, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/store/%s", r->data, name);
    return stat(path, &st) == 0;
}

bool claimed(const rig_order *o)
{
    return told(o) && o->claim != NULL && o->claim->reply.status == 200;
}

int status_of(rig *r, rig_order *o)
{
    rig_until(r, told(o) && (!to_be_claimed(r, o) || claimed(o)));
    return o->req->reply.status;
}

const char *said(const rig_order *o, const char *member)
{
    static char text[4][128];
    static unsigned at;
    DM_AUTO(json_t) j = NULL;
    char *out = text[at++ % 4];
    assert_int_equal(dm_json_load(dm_buf_view(&o->req->reply.body), 1 << 20, &j, NULL), 0);
    const json_t *v = json_object_get(j, member);
    if (json_is_integer(v))
        (void)snprintf(out, sizeof(text[0]), "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        (void)snprintf(out, sizeof(text[0]), "%s", json_is_true(v) ? "true" : "false");
    else
        (void)snprintf(out, sizeof(text[0]), "%s", json_is_string(v) ? json_string_value(v) : "");
    return out;
}

bool live(const rig *r, unsigned n, int epoch)
{
    char prefix[64];
    bool found = false;
    (void)snprintf(prefix, sizeof(prefix), "%s.%d.", box_name(n), epoch);
    DIR *d = opendir(r->live);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        found = found || strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d != NULL)
        (void)closedir(d);
    return found;
}

bool has_image(const rig *r, unsigned n, int epoch)
{
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/sleepers/%s.%d/disk.ext4", r->data, box_name(n), epoch);
    return stat(path, &st) == 0;
}

unsigned procs_alive(const rig *r)
{
    unsigned n = 0;
    for (size_t i = 0; i < RIG_PROCS; i++)
        n += r->procs[i].alive;
    return n;
}

/* Dead workers: they end with their process, and here it is the test's. */
static struct {
    dm_host h;
    dm_worker *w;
} rig_graves[RIG_GRAVES];
static size_t rig_ngraves;

static void rig_bury(const rig *r)
{
    assert_true(rig_ngraves < RIG_GRAVES);
    rig_graves[rig_ngraves].h = r->h;
    rig_graves[rig_ngraves++].w = r->w;
}

/* --- beginning, crashing, ending ---------------------------------------------------------------------------- */

static void rig_boot(rig *r)
{
    dm_err err;
    r->h = (dm_host){.clock = &r->clock.base, .driver = &rig_vmm};
    dm_worker_config_host(&r->conf, &r->h.conf);
    assert_int_equal(dm_loop_new(r->h.clock, &r->h.loop, &err), 0);
    assert_int_equal(dm_exec_new(RIG_THREADS, 4096, &r->h.exec, &err), 0);
    assert_int_equal(dm_metrics_new(&r->h.metrics, &err), 0);
    r->h.env = (dm_vmm_env){.loop = r->h.loop, .exec = r->h.exec};
    r->h.caps = (dm_vmm_caps){.flags = DM_VMM_DELTA_LOAD | (r->cold ? DM_VMM_NEEDS_WARM : 0), .accel = "tcg"};
    assert_int_equal(dm_host_init(&r->h, &err), 0);
    if (dm_worker_new(&r->conf, &r->h, &r->w, &err) < 0)
        fail_msg("%s", err.msg);
    r->ctx.w = r->w;
    r->http = (dm_http_config){
            .routes = dm_orders_routes, .nroutes = dm_orders_nroutes, .ctx = &r->ctx, .clock = &r->clock.base};
}

const uint8_t rig_frame_key[DM_KEY] = {1, 2, 3};

void rig_enrol(rig *r)
{
    char key[2 * DM_KEY + 1];
    dm_hex(rig_frame_key, DM_KEY, key);
    dm_wk_enrolled me = {.worker_no = 1, .region_no = 2, .period_s = RIG_PERIOD, .frame_key = key};
    dm_worker_enrolled(r->w, &me, 0);
}

void rig_file(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    dm_err err;
    assert_int_equal(dm_mkdir_p(dir, 0755, &err), 0);
    assert_int_equal(dm_path(path, sizeof(path), &err, "%s/%s", dir, name), 0);
    assert_int_equal(dm_file_write(path, dm_str_c(text), 0644, &err), 0);
}

void rig_template(rig *r, const char *name)
{
    static const char *const files[] = {"ram", "device", "disk.ext4"};
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/%s", r->templates, name);
    for (size_t i = 0; i < DM_LEN(files); i++)
        rig_file(dir, files[i], "x");
    (void)snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/image");
    rig_file(dir, "manifest.json", "{}");
}

void rig_open(rig *r)
{
    char dir[PATH_MAX];
    *r = (rig){0};
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/dm-worker-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->data, sizeof(r->data), "%s/data", r->dir);
    (void)snprintf(r->images, sizeof(r->images), "%s/images", r->dir);
    (void)snprintf(r->templates, sizeof(r->templates), "%s/templates", r->dir);
    (void)snprintf(r->live, sizeof(r->live), "%s/live", r->dir);
    (void)snprintf(r->prefix, sizeof(r->prefix), "u%04x", (unsigned)getpid() & 0xffff);
    (void)snprintf(r->base, sizeof(r->base), "10.%u.0.0", 128 + (unsigned)getpid() % 100);
    (void)snprintf(dir, sizeof(dir), "%s/base", r->images);
    rig_file(dir, "manifest.json", "{\"digest\":\"0123456789abcdef0123456789abcdef\"}");
    rig_template(r, "0123456789abcdef-1c256m");
    static char name[] = "w", image[] = "base", none[] = "";
    r->conf = (dm_worker_config){.name = name,
            .data_dir = r->data,
            .images_dir = r->images,
            .templates_dir = r->templates,
            .live_dir = r->live,
            .brokers = none,
            .door = name,
            .slot_prefix = r->prefix,
            .slot_base = r->base,
            .default_image = image,
            .default_vcpus = 1,
            .default_mem_mib = 256,
            .slots = RIG_SLOTS,
            .pool_size = 0,
            .making_max = 2,
            .warming_max = 1,
            .mem_reserve_mib = 64,
            .mem_overcommit_pct = 400,
            .journal_bytes_max = 64 << 20,
            .journal_segment_bytes = 1 << 16};
    for (size_t i = 0; i < RIG_PROCS; i++)
        r->procs[i].guest = -1;
    dm_clock_fake_init(&r->clock, RIG_T0 * 1000000 + 100000);
    rig_boot(r);
}

void rig_forget(rig *r)
{
    for (size_t i = 0; i < r->norders; i++) {
        const rig_order *o = &r->orders[i];
        if (claimed(o)) /* else it is the dead worker's, */
            dm_req_free(o->claim);
        if (told(o)) /* and so is this */
            dm_req_free(o->req);
    }
    r->norders = 0;
}

/* The executor's threads wait for a byte: what is queued behind them is not done before rig_thaw, or never. */
typedef struct rig_block {
    dm_job job;
    int in, out;
} rig_block;

static void rig_blocked(dm_job *job)
{
    const rig_block *b = (rig_block *)job;
    char byte = 'x';
    if (write(b->in, &byte, 1) == 1 && read(b->out, &byte, 1) < 0)
        (void)pause();
}

void rig_freeze(rig *r)
{
    static rig_block blocks[RIG_THREADS * 2 * RIG_GRAVES];
    static size_t n;
    int in[2], out[2];
    char byte;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    for (int i = 0; i < RIG_THREADS; i++) {
        rig_block *b = &blocks[n++];
        assert_true(n <= DM_LEN(blocks));
        *b = (rig_block){.job = {.fn = rig_blocked}, .in = in[1], .out = out[0]};
        assert_int_equal(dm_exec_submit(r->h.exec, &b->job), 0);
    }
    for (int i = 0; i < RIG_THREADS; i++)
        assert_int_equal(read(in[0], &byte, 1), 1);
    (void)close(in[0]);
    (void)close(in[1]);
    r->thaw = out[1];
    r->frozen = true;
}

void rig_thaw(rig *r)
{
    char bytes[RIG_THREADS] = {0};
    assert_int_equal(write(r->thaw, bytes, sizeof(bytes)), sizeof(bytes));
    (void)close(r->thaw);
    r->frozen = false;
}

/* The lock goes with the process. */
static void rig_unlock(rig *r)
{
    char want[PATH_MAX], link[64], is[PATH_MAX];
    (void)snprintf(want, sizeof(want), "%s/lock", r->data);
    for (int fd = 3; fd < 1024; fd++) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, is, sizeof(is) - 1);
        if (n < 0)
            continue;
        is[n] = '\0';
        if (strcmp(is, want) == 0)
            (void)close(fd);
    }
}

void rig_crash(rig *r)
{
    if (!r->frozen)
        rig_freeze(r);
    r->frozen = false;
    rig_bury(r);
    for (size_t i = 0; i < RIG_PROCS; i++) { /* the worker's end of each channel is closed with it */
        rig_proc *p = &r->procs[i];
        dm_watch_free(p->hear);
        p->hear = NULL;
        if (p->guest >= 0)
            (void)close(p->guest);
        p->guest = -1;
    }
    for (uint32_t i = 0; i < r->conf.slots; i++) /* the taps are open in the VMMs alone */
        dm_slot_close(&r->h.slots[i].net);
    memset(r->fails, 0, sizeof(r->fails));
    memset(r->hangs, 0, sizeof(r->hangs));
    memset(r->dies, 0, sizeof(r->dies));
    r->deaf = r->confused = false;
    rig_forget(r);
    rig_unlock(r);
    rig_boot(r);
}

void rig_close(rig *r)
{
    dm_err err;
    if (!r->frozen) /* nobody may add to the folder while it goes */
        rig_freeze(r);
    rig_forget(r);
    for (size_t i = 0; i < RIG_PROCS; i++)
        rig_proc_die(&r->procs[i]);
    rig_unlock(r);
    rig_bury(r);
    for (uint32_t i = 0; i < RIG_SLOTS; i++)
        assert_int_equal(dm_slot_destroy(r->prefix, i, &err), 0);
    assert_int_equal(dm_remove_tree(r->dir, &err), 0);
}

/* --- what most tests begin with ----------------------------------------------------------------------------- */

int rig_setup(void **state)
{
    static rig one;
    *state = &one;
    if (getuid() != 0)
        return 0;
    rig_open(&one);
    rig_enrol(&one);
    rig_settle(&one);
    return 0;
}

int rig_teardown(void **state)
{
    if (getuid() == 0)
        rig_close(*state);
    return 0;
}

void run(rig *r, unsigned n, int epoch)
{
    assert_int_equal(status_of(r, rig_start(r, n, epoch)), 201);
}

const char *state_of(rig *r, unsigned n)
{
    dm_box *b = box(r, n);
    return b != NULL ? dm_box_state_name(b->state) : "gone";
}
