/* workers/vmm/vmm.h: one driver interface for every VMM. A dm_vm is one VMM process and belongs to the worker's loop.
 * What takes time is asked for and answered later: exactly one call may be under way on a VM, and its `done` runs on
 * the loop, never from inside the call. Every call has a deadline; past it, it fails with DM_E_TIMEOUT and the VM is
 * only good for dm_vm_destroy.
 *
 *     spawned --load--> loaded --run--> running --stop--> stopped --run--> running ...
 *     (boot: spawned --run--> running)       stopped --save--> stopped
 *     any --(process ends)--> gone: the event says how
 *
 * A restored VM is paused until run: nothing of the guest moves before. */
#ifndef DM_WORKERS_VMM_VMM_H
#define DM_WORKERS_VMM_VMM_H

#include "base/exec.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"

typedef struct dm_vm dm_vm;
typedef struct dm_vmm_driver dm_vmm_driver;

enum dm_vmm_flag {
    DM_VMM_NEEDS_WARM = 1, /* a restored VM answers slowly until it has run a few requests (TCG) */
    DM_VMM_DELTA_LOAD = 2, /* load takes base and delta; else the delta is flattened first */
};

/* What a host can do; probe starts nothing. */
typedef struct dm_vmm_caps {
    unsigned flags;
    const char *accel; /* "tcg" or "kvm" */
    char version[64];
} dm_vmm_caps;

/* What all VMs of a worker share. Borrowed for their lives. */
typedef struct dm_vmm_env {
    dm_loop *loop;
    dm_exec *exec;   /* for what blocks: memory copies, fsync */
    dm_exec *images; /* for a sleeper's image, which may have gigabytes: read and written here, so that nobody's start
                        waits for it; NULL: exec */
    dm_log *log;
    const char *binary;         /* "/usr/bin/qemu-system-x86_64" */
    const struct dm_jail *jail; /* that every process is put into (jail/jail.h) */
    const char *accel;          /* "auto", "tcg", "kvm" */
} dm_vmm_env;

/* One VM. Strings are copied by spawn. */
typedef struct dm_vm_config {
    uint32_t vcpus, mem_mib;
    const char *image_dir; /* guest image: vmlinux, initrd.cpio, cmdline, root.erofs, manifest.json */
    const char *base_dir;  /* template snapshot to start from: ram, device, manifest.json; NULL: boot from image_dir */
    const char *run_dir;   /* this VM's own folder, exists: sockets qmp.sock and agent.sock, ram when it boots, log */
    const char *disk;      /* writable disk, raw */
    int tap_fd;   /* borrowed; -1: no network device. The same on both sides of a snapshot. check with -1 leaves
                     the question open; adopt does not look at it */
    uint32_t uid; /* what its process runs as, user and group: nobody else's. For spawn alone, as: */
    const struct dm_groups *groups; /* of which it joins that of this number (jail/group.h); borrowed; NULL: of none */
    uint32_t group;
} dm_vm_config;

enum dm_vm_end { DM_VM_EXITED, DM_VM_KILLED_BY_US, DM_VM_SIGNALLED, DM_VM_GUEST_SHUTDOWN, DM_VM_GUEST_PANIC };

typedef struct dm_vm_event {
    enum dm_vm_end end; /* the process is gone: how */
    int status;         /* exit code or signal; -1 when it was not our child */
} dm_vm_event;

typedef void (*dm_vm_done_fn)(void *arg, int r, const dm_err *err);
typedef void (*dm_vm_event_fn)(void *arg, const dm_vm_event *ev);

typedef struct dm_vm_stats {
    uint64_t cpu_us; /* the process's CPU time so far */
    uint64_t rss_private_kib, rss_shared_kib;
} dm_vm_stats;

enum { DM_VMM_STALE = 1 };

/* What save leaves in a folder: for a delta `delta` (sparse, same offsets as the base's ram; a hole is base) and
 * `device`; full: `ram` and `device`. Both get manifest.json, which load compares with binary and host. */
enum dm_vm_save { DM_SAVE_FULL, DM_SAVE_DELTA };

struct dm_vmm_driver {
    const char *name;
    const char *const *files; /* what a process of it reads by path, besides program and libraries; ends in NULL */
    int (*probe)(const dm_vmm_env *env, dm_vmm_caps *out, dm_err *err);
    /* Whether the snapshot in config->base_dir could be loaded here: same VMM, machine, image, size, clock. 0, or
     * DM_VMM_STALE with *err saying what differs. Blocking, up to some 100 ms; starts no guest. */
    int (*check)(const dm_vmm_env *env, const dm_vm_config *config, dm_err *err);
    /* Starts the process, asynchronously ready: `done` says when it can load or run. on_event runs once, when the
     * process is gone, unless dm_vm_destroy came first. */
    int (*spawn)(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
            void *arg, dm_vm **out, dm_err *err);
    /* Finds the process of a VM whose run_dir an earlier worker made, proves it is the one (pid, start time), and
     * connects. DM_E_NOTFOUND when it is gone. done says whether it is running (r == 0) or stopped (r == 1). */
    int (*adopt)(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
            void *arg, dm_vm **out, dm_err *err);
    /* Puts memory and device state in place. delta_dir NULL: the base as it is. */
    int (*load)(dm_vm *vm, const char *delta_dir, dm_vm_done_fn done, void *arg, dm_err *err);
    int (*run)(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err);
    int (*stop)(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err); /* disks drained and flushed */
    /* The VM must be stopped and stays so, also where there was no room to save it. Everything in dir is fdatasync'd
     * when done; dir exists and is empty. */
    int (*save)(dm_vm *vm, enum dm_vm_save kind, const char *dir, dm_vm_done_fn done, void *arg, dm_err *err);
    int (*stats)(dm_vm *vm, dm_vm_stats *out, dm_err *err);
    int64_t (*pid)(const dm_vm *vm);
    /* A connected stream to the guest's agent port (agent.sock); the caller's. */
    int (*agent_fd)(dm_vm *vm, int *out, dm_err *err);
    /* Kills and frees; safe at every point, no callback runs afterwards. run_dir stays. A large process takes a while
     * to be gone: *dies is a descriptor, the caller's, that is readable then; -1: it is gone. dies NULL: that is waited
     * for, a second at most. */
    void (*destroy)(dm_vm *vm, int *dies);
};

/* "qemu"; NULL when there is none of that name. */
const dm_vmm_driver *dm_vmm_find(const char *name);

#endif
