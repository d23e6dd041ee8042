/* Weights, not limits, for processor and disk: a machine that is alone has all of the host. While somebody waits for a
 * machine (it is made for him, it is handed out) it has more weight than any that runs; else its own, by vCPUs, also
 * while it is made ahead: what nobody waits for is in no hurry. A change is one write, no move. All guests together
 * count as one session of the services does: however many there are, the answer that a client waits for has its half of
 * the processors. Less than that would be less for the machine that is being made as well: half of it made a spawn on a
 * busy host half as long again. `nice` is no share: each session is scheduled as a group of its own (autogroup), and it
 * orders only within.
 *
 * Memory is a limit: what a VMM may take beyond its guest's is bounded, and who passes it is killed alone. Page cache
 * of a template is charged to whoever touched it first; it is clean, and given back before anybody is killed. */
#include "workers/vmm/jail/group.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/vmm/jail/cell.h"

enum {
    MOUNTINFO_MAX = 4 * 1024 * 1024,
    HIGH_MIB = 40,       /* so much below its limit a v2 group is slowed */
    SHARE = 128,         /* v1: of a vCPU, */
    SHARE_HURRY = 8192,  /* of a machine that somebody waits for, */
    SHARE_PARENT = 1024, /* of all together: what a session has */
    WEIGHT = 10,         /* v2: the same, where a group has 100 by default */
    WEIGHT_HURRY = 800,
    WEIGHT_PARENT = 100,
};

static const char *const names[DM_CONTROLLERS] = {"memory", "cpu", "pids", "io"};
static const char *const v1_names[DM_CONTROLLERS] = {"memory", "cpu", "pids", "blkio"};

struct dm_groups {
    dm_group_mount at[DM_CONTROLLERS]; /* of the deployment's groups; v2 ones are one folder */
    char lacking[64];
};

/* --- where they are ----------------------------------------------------------------------------------------- */

static bool has_word(dm_str list, char between, const char *word)
{
    dm_str one;
    while (dm_str_split(&list, between, &one))
        if (dm_str_eq_c(one, word))
            return true;
    return false;
}

/* "31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:1 - cgroup cgroup rw,cpu". */
static bool read_mount(dm_str line, dm_str *where, dm_str *type, dm_str *options)
{
    dm_str word = {.n = 0}, source;
    for (int i = 0; i < 5; i++)
        if (!dm_str_split(&line, ' ', where))
            return false;
    while (!dm_str_eq_c(word, "-"))
        if (!dm_str_split(&line, ' ', &word))
            return false;
    return dm_str_split(&line, ' ', type) && dm_str_split(&line, ' ', &source) && dm_str_split(&line, ' ', options);
}

/* The first one counts; one of endless length is none. */
static void note(dm_str where, char dir[PATH_MAX])
{
    if (dir[0] == '\0' && dm_str_to_array(where, dir, PATH_MAX, NULL) < 0)
        dir[0] = '\0';
}

void dm_group_mounts(dm_str mountinfo, dm_group_mount out[DM_CONTROLLERS])
{
    dm_str line, where, type, options;
    char v2[PATH_MAX] = "";
    memset(out, 0, DM_CONTROLLERS * sizeof(out[0]));
    while (dm_str_split(&mountinfo, '\n', &line)) {
        if (!read_mount(line, &where, &type, &options))
            continue;
        if (dm_str_eq_c(type, "cgroup2"))
            note(where, v2);
        for (int c = 0; dm_str_eq_c(type, "cgroup") && c < DM_CONTROLLERS; c++)
            if (has_word(options, ',', v1_names[c]))
                note(where, out[c].dir);
    }
    for (int c = 0; c < DM_CONTROLLERS; c++) {
        if (out[c].dir[0] == '\0' && v2[0] != '\0') {
            memcpy(out[c].dir, v2, sizeof(v2));
            out[c].v2 = true;
        }
    }
}

/* --- the kernel's files ------------------------------------------------------------------------------------- */

static int put(const char *dir, const char *file, uint64_t value, dm_err *err)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%" PRIu64, value);
    DM_AUTO_FD fd = dm_open_beneath(dir, file, O_WRONLY, 0, err);
    if (fd < 0)
        return fd;
    if (write(fd, text, (size_t)n) != n)
        return dm_fail_sys(err, errno, "write %s/%s", dir, file);
    return 0;
}

static bool there(const char *dir, const char *file)
{
    char path[PATH_MAX];
    return dm_path(path, sizeof(path), NULL, "%s/%s", dir, file) == 0 && access(path, F_OK) == 0;
}

/* A file that only some kernels, or some schedulers, have. */
static int put_if(const char *dir, const char *file, uint64_t value, dm_err *err)
{
    return there(dir, file) ? put(dir, file, value, err) : 0;
}

static int make_dir(const char *dir, dm_err *err)
{
    return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : dm_fail_sys(err, errno, "mkdir %s", dir);
}

/* --- the deployment's --------------------------------------------------------------------------------------- */

/* Hands a controller of a v2 folder down to those below it. */
static int enable(const char *dir, const char *controller, dm_err *err)
{
    char word[16];
    int n = snprintf(word, sizeof(word), "+%s", controller);
    DM_AUTO_FD fd = dm_open_beneath(dir, "cgroup.subtree_control", O_WRONLY, 0, err);
    if (fd < 0)
        return fd;
    return write(fd, word, (size_t)n) == n ? 0 : dm_fail_sys(err, errno, "%s in %s", word, dir);
}

static bool knows_weights(const char *dir)
{
    return there(dir, "io.weight") || there(dir, "io.bfq.weight") || there(dir, "blkio.bfq.weight");
}

static int open_one(dm_group_mount *m, dm_controller c, const char *name, dm_err *err)
{
    char top[PATH_MAX];
    if (m->dir[0] == '\0')
        return dm_fail(err, DM_E_NOTFOUND, "%s is not mounted", names[c]);
    memcpy(top, m->dir, sizeof(top));
    int r = m->v2 ? enable(top, names[c], err) : 0;
    if (r == 0)
        r = dm_path(m->dir, sizeof(m->dir), err, "%s/%s", top, name);
    if (r == 0)
        r = make_dir(m->dir, err);
    if (r == 0 && m->v2)
        r = enable(m->dir, names[c], err);
    if (r == 0 && c == DM_GROUP_IO && !knows_weights(m->dir)) {
        (void)rmdir(m->v2 ? "" : m->dir); /* v2's is the others' as well */
        r = dm_fail(err, DM_E_NOTFOUND, "the disk's scheduler knows no weights");
    }
    if (r == 0 && c == DM_GROUP_CPU)
        r = m->v2 ? put(m->dir, "cpu.weight", WEIGHT_PARENT, err) : put(m->dir, "cpu.shares", SHARE_PARENT, err);
    return r;
}

int dm_groups_new(const char *name, dm_groups **out, dm_err *err)
{
    DM_AUTO_BUF mounts;
    dm_buf_init(&mounts, MOUNTINFO_MAX);
    int r = dm_file_read("/proc/self/mountinfo", &mounts, err);
    if (r < 0)
        return r;
    dm_groups *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for control groups");
    dm_group_mounts(dm_buf_view(&mounts), g->at);
    size_t n = 0;
    for (int c = 0; c < DM_CONTROLLERS; c++) {
        if (open_one(&g->at[c], (dm_controller)c, name, NULL) == 0)
            continue;
        g->at[c].dir[0] = '\0';
        n += (size_t)snprintf(g->lacking + n, sizeof(g->lacking) - n, "%s%s", n > 0 ? " " : "", names[c]);
    }
    *out = g;
    return 0;
}

void dm_groups_free(dm_groups *g)
{
    free(g);
}

const char *dm_groups_lacking(const dm_groups *g)
{
    return g->lacking;
}

/* --- a slot's ----------------------------------------------------------------------------------------------- */

static int slot_dir(const dm_group_mount *m, uint32_t no, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%" PRIu32, m->dir, no);
}

/* Of a group whose last machine had more. What is left there of it is page cache, which goes on demand. */
static int limit_memory(const char *dir, bool v2, uint64_t mem_mib, dm_err *err)
{
    uint64_t max = (mem_mib + DM_GROUP_MEM_MIB) << 20;
    if (!v2) {
        int r = put(dir, "memory.limit_in_bytes", max, err);
        if (r < 0 && put(dir, "memory.force_empty", 0, NULL) == 0)
            r = put(dir, "memory.limit_in_bytes", max, err);
        return r;
    }
    int r = put(dir, "memory.high", max - ((uint64_t)HIGH_MIB << 20), err);
    if (r == 0)
        r = put(dir, "memory.max", max, err);
    return r == 0 ? put_if(dir, "memory.oom.group", 1, err) : r;
}

static int weigh_io(const char *dir, uint64_t weight, dm_err *err)
{
    int r = put_if(dir, "io.weight", weight, err);
    if (r == 0)
        r = put_if(dir, "io.bfq.weight", weight, err);
    return r == 0 ? put_if(dir, "blkio.bfq.weight", weight, err) : r;
}

int dm_group_weigh(const dm_groups *g, uint32_t no, uint32_t vcpus, dm_err *err)
{
    char dir[PATH_MAX];
    const uint64_t share = vcpus > 0 ? (uint64_t)SHARE * vcpus : SHARE_HURRY;
    const uint64_t weight = vcpus > 0 ? (uint64_t)WEIGHT * vcpus : WEIGHT_HURRY;
    const dm_group_mount *cpu = &g->at[DM_GROUP_CPU], *io = &g->at[DM_GROUP_IO];
    int r = 0;
    if (cpu->dir[0] != '\0') {
        r = slot_dir(cpu, no, dir, err);
        if (r == 0)
            r = cpu->v2 ? put(dir, "cpu.weight", weight, err) : put(dir, "cpu.shares", share, err);
    }
    if (r == 0 && io->dir[0] != '\0') {
        r = slot_dir(io, no, dir, err);
        if (r == 0)
            r = weigh_io(dir, weight, err);
    }
    return r;
}

int dm_group_make(const dm_groups *g, uint32_t no, uint64_t mem_mib, uint32_t vcpus, dm_err *err)
{
    char dir[PATH_MAX];
    int r = 0;
    for (int c = 0; r == 0 && c < DM_CONTROLLERS; c++) {
        if (g->at[c].dir[0] == '\0')
            continue;
        r = slot_dir(&g->at[c], no, dir, err);
        if (r == 0)
            r = make_dir(dir, err);
        if (r == 0 && c == DM_GROUP_MEMORY)
            r = limit_memory(dir, g->at[c].v2, mem_mib, err);
        if (r == 0 && c == DM_GROUP_PIDS)
            r = put(dir, "pids.max", DM_JAIL_TASKS, err);
    }
    return r == 0 ? dm_group_weigh(g, no, vcpus, err) : r;
}

/* Who joins is one thread yet, and says so where it can (v1): to move a whole process the kernel stops every fork and
 * exit of the host for a grace period. 3 groups took 10 ms, and take 0.1 (measured). A v2 group with controllers takes
 * processes alone. */
static const char *door_of(const dm_group_mount *m)
{
    return m->v2 ? "cgroup.procs" : "tasks";
}

/* v2's controllers share a folder: it is joined once. */
static bool is_first_of_its_folder(const dm_groups *g, int c)
{
    for (int before = 0; before < c; before++)
        if (strcmp(g->at[before].dir, g->at[c].dir) == 0)
            return false;
    return g->at[c].dir[0] != '\0';
}

int dm_group_join(const dm_groups *g, uint32_t no, int fds[DM_GROUP_FDS], size_t *n, dm_err *err)
{
    char dir[PATH_MAX];
    size_t have = 0;
    int r = 0;
    for (int c = 0; r >= 0 && c < DM_CONTROLLERS; c++) {
        if (!is_first_of_its_folder(g, c))
            continue;
        r = slot_dir(&g->at[c], no, dir, err);
        if (r == 0)
            r = dm_open_beneath(dir, door_of(&g->at[c]), O_WRONLY, 0, err);
        if (r >= 0)
            fds[have++] = r;
    }
    for (size_t i = 0; r < 0 && i < have; i++)
        dm_fd_closep(&fds[i]);
    if (r < 0)
        return r;
    *n = have;
    return 0;
}
