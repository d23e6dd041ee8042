/* workers/vmm/qemu/snap.h: what of boot, load and save blocks, for a thread of the pool. A dm_qemu_snap is
 * self-contained: the VM it is about may be destroyed meanwhile. */
#ifndef DM_WORKERS_VMM_QEMU_SNAP_H
#define DM_WORKERS_VMM_QEMU_SNAP_H

#include "workers/vmm/vmm.h"

typedef struct dm_qemu_snap {
    dm_vm_config config; /* strings are its own, disk is left out */
    const char *accel;
    char version[64];
    char *dir;       /* load: the delta's folder or NULL; save: where to */
    int proc_dir;    /* /proc/PID; its own */
    int device;      /* load: what was opened; save: what to sync. Its own */
    int64_t tsc_khz; /* boot: what was measured; save: what the guest was told */
    int64_t now_us;
    uint64_t bytes; /* of guest memory written or read */
} dm_qemu_snap;

int dm_qemu_snap_init(dm_qemu_snap *s, const dm_vm_config *config, const char *accel, const char *version,
        const char *dir, dm_err *err) DM_NODISCARD;
void dm_qemu_snap_done(dm_qemu_snap *s);

/* Measures the clock that the guest is told. */
int dm_qemu_snap_boot(dm_qemu_snap *s, dm_err *err) DM_NODISCARD;
/* Compares the manifests, puts a delta into the waiting process, opens the device state. */
int dm_qemu_snap_load(dm_qemu_snap *s, dm_err *err) DM_NODISCARD;
int dm_qemu_snap_save(dm_qemu_snap *s, enum dm_vm_save kind, dm_err *err) DM_NODISCARD;

#endif
