/* workers/vmm/qemu/qemu.h: QEMU's microvm machine as a driver, under TCG or KVM. */
#ifndef DM_WORKERS_VMM_QEMU_QEMU_H
#define DM_WORKERS_VMM_QEMU_QEMU_H

#include "workers/vmm/vmm.h"

extern const dm_vmm_driver dm_vmm_qemu;

#endif
