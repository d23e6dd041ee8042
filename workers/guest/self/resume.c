#include "workers/guest/self/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "base/parse.h"

#include "workers/guest/http/server.h"
#include "workers/guest/self/boot.h"
#include "workers/guest/self/forward.h"

enum { HWRNG_THROWN_AWAY = 256 };

/* Clones of one snapshot hold the same random state. Only crediting fresh entropy and then forcing a reseed parts them;
 * what is merely written to /dev/urandom does not take effect at once. */
static int reseed(const char *seed, int credited_bits, dm_err *err)
{
    struct { /* rand_pool_info, whose array has no size */
        int entropy_count, buf_size;
        uint8_t bytes[DM_GUEST_SEED];
    } pool = {.entropy_count = credited_bits, .buf_size = DM_GUEST_SEED};
    int r = dm_parse_hex(dm_str_c(seed), pool.bytes, DM_GUEST_SEED, err);
    if (r < 0)
        return dm_wrap(err, "seed");
    DM_AUTO_FD fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) != 0 || ioctl(fd, RNDRESEEDCRNG) != 0)
        r = dm_fail_sys(err, errno, "reseed the kernel");
    explicit_bzero(&pool, sizeof(pool));
    /* A hardware source has bytes buffered from before the snapshot. */
    char old[HWRNG_THROWN_AWAY];
    DM_AUTO_FD hw = open("/dev/hwrng", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (hw >= 0)
        (void)!read(hw, old, sizeof(old));
    return r;
}

static int set_clock(int64_t wall_us, dm_err *err)
{
    const struct timeval now = {wall_us / 1000000, wall_us % 1000000};
    return settimeofday(&now, NULL) == 0 ? 0 : dm_fail_sys(err, errno, "set the clock");
}

/* Which sandbox it is about, when it is not this one. */
static bool another(const dm_guest *g, const dm_guest_resume *m)
{
    return m->fresh && strcmp(m->sandbox, g->identity.sandbox) != 0;
}

int dm_resume(dm_guest *g, const dm_guest_resume *m, dm_err *err)
{
    bool forked = another(g, m) && g->identity.sandbox[0] != '\0';
    if (!forked && m->generation == g->identity.generation)
        return 0;
    if (!forked && m->generation < g->identity.generation)
        return dm_fail(
                err, DM_E_CONFLICT, "generation %lld has been reached already", (long long)g->identity.generation);
    int r = set_clock(m->wall_us, err);
    r = r < 0 ? r : reseed(m->seed, DM_GUEST_SEED * 8, err);
    if (r == 0 && forked)
        dm_boot_numbers(); /* behind the seed: they are random */
    if (r == 0 && m->fresh) {
        r = dm_boot_hostname(m->hostname, err);
        r = r < 0 ? r : dm_identity_take(&g->identity, m, err);
    }
    if (r < 0)
        return r;
    g->identity.generation = m->generation;
    dm_server_drop_older(g->server, ++g->era);
    dm_forwards_drop(g->forwards);
    return 0;
}

/* A message like the real one, there and back. */
static int rehearse_message(const dm_identity *id, dm_guest_resume *out, dm_err *err)
{
    char seed[2 * DM_GUEST_SEED + 1];
    memset(seed, '0', sizeof(seed) - 1);
    seed[sizeof(seed) - 1] = '\0';
    union {
        const char *from;
        char *to; /* the writer only reads */
    } text[] = {{"rehearsal"}, {"a-name-that-is-longer-than-others"}};
    dm_guest_resume m = {.generation = 1,
            .seed = seed,
            .sandbox = text[0].to,
            .template_id = text[0].to,
            .hostname = text[1].to,
            .token = text[0].to,
            .user = id->user,
            .workdir = id->workdir,
            .env = id->env,
            .fresh = true};
    DM_AUTO_BUF b;
    DM_AUTO(json_t) tree = NULL;
    dm_jw w;
    dm_buf_init(&b, DM_GUEST_LINE_MAX);
    dm_jw_init(&w, &b);
    int r = dm_guest_resume_write(&w, &m, 1);
    r = r < 0 ? r : dm_json_load(dm_buf_view(&b), DM_GUEST_LINE_MAX, &tree, err);
    return r < 0 ? r : dm_guest_resume_read(tree, out, err);
}

void dm_resume_rehearse(dm_guest *g)
{
    char name[65] = "";
    dm_err err = {.code = 0};
    dm_guest_resume m;
    dm_identity other;
    int r = rehearse_message(&g->identity, &m, &err);
    if (r == 0) {
        r = set_clock(dm_wall_us(g->clock), &err);
        r = r < 0 ? r : reseed(m.seed, 0, &err); /* what everybody knows is worth nothing, and counted so */
        r = r < 0 ? r : dm_identity_init(&other, &err);
        if (r == 0) {
            r = dm_identity_take(&other, &m, &err);
            dm_identity_done(&other);
        }
        if (r == 0 && gethostname(name, sizeof(name) - 1) == 0) {
            r = dm_boot_hostname(m.hostname, &err); /* longer, so that going back cuts the files */
            r = r < 0 ? r : dm_boot_hostname(name, &err);
        }
        dm_guest_resume_done(&m);
    }
    dm_server_drop_older(g->server, g->era);
    if (r < 0)
        dm_log_err(g->log, DM_WARN, "guest.rehearse", &err);
}
