/* workers/vmm/qemu/args.h: the command line of a microVM. The process gets everything by descriptor, but for what QEMU
 * opens by path alone: that is in its jail, under the jail's own names. */
#ifndef DM_WORKERS_VMM_QEMU_ARGS_H
#define DM_WORKERS_VMM_QEMU_ARGS_H

#include "workers/vmm/vmm.h"

/* Its descriptors. */
enum dm_qemu_fd {
    DM_QEMU_FD_LOG = 2, /* and 1 */
    DM_QEMU_FD_QMP = 3, /* listening */
    DM_QEMU_FD_AGENT,   /* listening */
    DM_QEMU_FD_ROOT,
    DM_QEMU_FD_DISK,
    DM_QEMU_FD_TAP,
    DM_QEMU_FD_KVM, /* under KVM only */
};

/* suppress-vmdesc and, among the arguments, send-configuration=off: a stream of devices alone has neither section. */
#define DM_QEMU_MACHINE "microvm,acpi=on,rtc=on,suppress-vmdesc=on,memory-backend=ram"
/* What a snapshot's manifest calls the devices. */
#define DM_QEMU_DRIVES "blk:d0=ro blk:d1"
#define DM_QEMU_NET " net:02:00:00:00:00:02"
#define DM_QEMU_SERIAL " serial:dormouse.agent"

enum { DM_QEMU_ARGS = 96 };

typedef struct dm_qemu_args {
    const char *argv[DM_QEMU_ARGS + 1];
    size_t n;
    bool failed;
    char *owned[DM_QEMU_ARGS];
    size_t n_owned;
} dm_qemu_args;

/* boot: from the kernel with this command line, the memory's file shared. NULL: a clone that waits for device state,
 * the memory's file mapped privately. */
int dm_qemu_args_init(dm_qemu_args *a, const dm_vmm_env *env, const dm_vm_config *config, const char *accel,
        const char *boot, dm_err *err) DM_NODISCARD;
void dm_qemu_args_done(dm_qemu_args *a);

#define DM_AUTO_QEMU_ARGS __attribute__((cleanup(dm_qemu_args_done), unused)) dm_qemu_args

/* The kernel's command line: the image's own (`cmdline`, and `cmdline.tcg` under TCG), and the clock's rate. khz 0: the
 * guest has a clock of its hypervisor's. */
int dm_qemu_cmdline(const char *image_dir, const char *accel, int64_t khz, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
