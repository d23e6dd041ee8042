/* workers/vmm/qemu/host.h: what of this host and its QEMU a guest depends on. Blocking, except dm_qemu_accel. */
#ifndef DM_WORKERS_VMM_QEMU_HOST_H
#define DM_WORKERS_VMM_QEMU_HOST_H

#include "workers/vmm/manifest.h"
#include "workers/vmm/vmm.h"

#define DM_QEMU_FIRMWARE "/usr/share/qemu/qboot.rom"

/* Why the machine whose root folder this is ("" for ours) has no KVM that is fit for our guests; NULL when it has. */
const char *dm_qemu_why_no_kvm(const char *root);

/* "tcg" or "kvm", by what env asks for. KVM only where it is real: on a host whose /dev/kvm comes from kvm_pvm guests
 * like ours hang. DM_E_UNAVAILABLE when kvm is asked for and cannot be had. */
int dm_qemu_accel(const dm_vmm_env *env, const char **out, dm_err *err) DM_NODISCARD;

/* As QEMU's monitor greets: "10.0.2 Debian 1:10.0.2+ds-2". Runs the binary, for at most five seconds. */
int dm_qemu_version(const char *binary, char out[64], dm_err *err) DM_NODISCARD;
/* The same from the first line of --version. */
int dm_qemu_version_read(dm_str line, char out[64], dm_err *err) DM_NODISCARD;

/* The rate of the processor's time stamp counter, measured for that long. Under TCG it is the guest's as well, and the
 * guest's own measurement of it fails now and then, so it is told. */
int dm_qemu_tsc_khz(unsigned ms, int64_t *out, dm_err *err) DM_NODISCARD;

/* The part of a manifest that says what a VM of this config is made of on this host; version as the monitor greets.
 * Strings are borrowed from room. */
typedef struct dm_qemu_room {
    char vmm[80], machine[96], devices[160], accel[8], cpu[96], firmware[80], image[80];
} dm_qemu_room;
int dm_qemu_here(const dm_vm_config *config, const char *accel, const char *version, dm_qemu_room *room,
        dm_manifest *out, dm_err *err) DM_NODISCARD;

#endif
