#include "workers/vmm/qemu/snap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/qemu/host.h"
#include "workers/vmm/ram.h"
#include "workers/vmm/sparse.h"

enum { TSC_MS = 200, ID_BYTES = 16, MIB = 1024 * 1024 };

static int copy(const char *from, const char **out, dm_err *err)
{
    if (from == NULL)
        return 0;
    *out = strdup(from);
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for a path");
}

int dm_qemu_snap_init(dm_qemu_snap *s, const dm_vm_config *config, const char *accel, const char *version,
        const char *dir, dm_err *err)
{
    *s = (dm_qemu_snap){.accel = accel, .proc_dir = -1, .device = -1};
    s->config = (dm_vm_config){.vcpus = config->vcpus, .mem_mib = config->mem_mib, .tap_fd = config->tap_fd};
    const char *own = NULL;
    int r = dm_str_to_array(dm_str_c(version), s->version, sizeof(s->version), err);
    if (r == 0)
        r = copy(config->image_dir, &s->config.image_dir, err);
    if (r == 0)
        r = copy(config->base_dir, &s->config.base_dir, err);
    if (r == 0)
        r = copy(config->run_dir, &s->config.run_dir, err);
    if (r == 0)
        r = copy(dir, &own, err);
    s->dir = (char *)(uintptr_t)own;
    if (r < 0)
        dm_qemu_snap_done(s);
    return r;
}

void dm_qemu_snap_done(dm_qemu_snap *s)
{
    free((void *)(uintptr_t)s->config.image_dir);
    free((void *)(uintptr_t)s->config.base_dir);
    free((void *)(uintptr_t)s->config.run_dir);
    free(s->dir);
    dm_fd_closep(&s->proc_dir);
    dm_fd_closep(&s->device);
    *s = (dm_qemu_snap){.proc_dir = -1, .device = -1};
}

int dm_qemu_snap_boot(dm_qemu_snap *s, dm_err *err)
{
    return dm_qemu_tsc_khz(TSC_MS, &s->tsc_khz, err);
}

/* The file that the process maps as the guest's memory. */
static int open_base(const dm_qemu_snap *s, dm_err *err)
{
    const char *dir = s->config.base_dir != NULL ? s->config.base_dir : s->config.run_dir;
    return dm_open_beneath(dir, "ram", O_RDONLY, 0, err);
}

static uint64_t ram_size(const dm_qemu_snap *s)
{
    return (uint64_t)s->config.mem_mib * MIB;
}

static int open_ram(const dm_qemu_snap *s, int base, dm_ram *out, dm_err *err)
{
    return dm_ram_open(s->proc_dir, base, ram_size(s), out, err);
}

static int check_delta(const dm_qemu_snap *s, const dm_manifest *base, const dm_manifest *here, dm_err *err)
{
    DM_AUTO_MANIFEST delta = {.format = 0};
    int r = dm_manifest_read(s->dir, &delta, err);
    if (r == 0)
        r = dm_manifest_fits(&delta, here, err);
    if (r == 0 && (strcmp(delta.kind, "delta") != 0 || strcmp(delta.base, base->id) != 0))
        r = dm_fail(err, DM_E_CONFLICT, "it was not saved from this base");
    return r < 0 ? dm_wrap(err, "%s", s->dir) : 0;
}

static int check(const dm_qemu_snap *s, dm_err *err)
{
    DM_AUTO_MANIFEST base = {.format = 0};
    dm_manifest here;
    dm_qemu_room room;
    int r = dm_qemu_here(&s->config, s->accel, s->version, &room, &here, err);
    if (r == 0)
        r = dm_manifest_read(s->config.base_dir, &base, err);
    if (r == 0)
        r = dm_manifest_fits(&base, &here, err);
    if (r == 0 && strcmp(base.kind, "full") != 0)
        r = dm_fail(err, DM_E_CONFLICT, "%s is not a base", s->config.base_dir);
    if (r < 0)
        return dm_wrap(err, "%s", s->config.base_dir);
    return s->dir != NULL ? check_delta(s, &base, &here, err) : 0;
}

static int poke(dm_qemu_snap *s, dm_err *err)
{
    DM_AUTO_RAM ram = {.mem = -1, .pagemap = -1};
    DM_AUTO_FD base = open_base(s, err);
    if (base < 0)
        return base;
    DM_AUTO_FD delta = dm_open_beneath(s->dir, "delta", O_RDONLY, 0, err);
    if (delta < 0)
        return delta;
    int r = open_ram(s, base, &ram, err);
    return r < 0 ? r : dm_ram_poke(&ram, delta, err);
}

int dm_qemu_snap_load(dm_qemu_snap *s, dm_err *err)
{
    int r = check(s, err);
    if (r == 0 && s->dir != NULL)
        r = poke(s, err);
    if (r < 0)
        return r;
    s->device = dm_open_beneath(s->dir != NULL ? s->dir : s->config.base_dir, "device", O_RDONLY, 0, err);
    return s->device < 0 ? s->device : 0;
}

/* A base can be read by every user who can reach it: the one whom VMMs run as opens it again. */
static int save_memory(dm_qemu_snap *s, enum dm_vm_save kind, dm_err *err)
{
    bool full = kind == DM_SAVE_FULL, clone = s->config.base_dir != NULL;
    DM_AUTO_RAM ram = {.mem = -1, .pagemap = -1};
    DM_AUTO_FD base = open_base(s, err);
    if (base < 0)
        return base;
    DM_AUTO_FD out = dm_open_beneath(s->dir, full ? "ram" : "delta", O_WRONLY | O_CREAT, full ? 0644 : 0600, err);
    if (out < 0)
        return out;
    int r = 0;
    if (ftruncate(out, (off_t)ram_size(s)) < 0)
        r = dm_fail_sys(err, errno, "set the size of the memory's file");
    if (r == 0 && full)
        r = dm_sparse_fill(base, out, err);
    if (r == 0 && clone)
        r = open_ram(s, base, &ram, err);
    if (r == 0 && clone)
        r = dm_ram_save(&ram, out, &s->bytes, err);
    if (r == 0 && fdatasync(out) < 0)
        r = dm_fail_sys(err, errno, "sync the guest's memory");
    return r;
}

static int save_manifest(const dm_qemu_snap *s, enum dm_vm_save kind, dm_err *err)
{
    char full[] = "full", delta[] = "delta", none[] = "";
    DM_AUTO_MANIFEST base = {.format = 0};
    dm_manifest m;
    dm_qemu_room room;
    uint8_t random[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    int r = dm_qemu_here(&s->config, s->accel, s->version, &room, &m, err);
    if (r == 0)
        r = dm_random(random, sizeof(random), err);
    if (r == 0 && s->config.base_dir != NULL)
        r = dm_manifest_read(s->config.base_dir, &base, err);
    if (r < 0)
        return r;
    dm_hex(random, sizeof(random), id);
    m.id = id;
    m.kind = kind == DM_SAVE_FULL ? full : delta;
    m.base = kind == DM_SAVE_FULL ? none : base.id;
    m.tsc_khz = s->config.base_dir != NULL ? base.tsc_khz : s->tsc_khz;
    /* An adopted VM's tap is known to the VM only. */
    if (s->config.base_dir != NULL)
        m.devices = base.devices;
    m.created_us = s->now_us;
    return dm_manifest_write(s->dir, &m, err);
}

int dm_qemu_snap_save(dm_qemu_snap *s, enum dm_vm_save kind, dm_err *err)
{
    if (kind == DM_SAVE_DELTA && s->config.base_dir == NULL)
        return dm_fail(err, DM_E_INVALID, "a booted VM has no base to differ from");
    assert(s->device >= 0 && s->proc_dir >= 0);
    if (fdatasync(s->device) < 0)
        return dm_fail_sys(err, errno, "sync the device state");
    int r = save_memory(s, kind, err);
    return r < 0 ? r : save_manifest(s, kind, err);
}
