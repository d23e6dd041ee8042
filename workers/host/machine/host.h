/* workers/host/machine/host.h: what every machine stands on: loop, driver, folders, slots. One struct, made by main and
 * passed down. */
#ifndef DM_WORKERS_HOST_MACHINE_HOST_H
#define DM_WORKERS_HOST_MACHINE_HOST_H

#include "base/metrics.h"

#include "workers/host/limits.h"
#include "workers/host/slot/slot.h"
#include "workers/vmm/jail/group.h"
#include "workers/vmm/vmm.h"

/* A slot is opened when it is first needed and stays open: it goes from one machine to the next, reset when the
 * leftovers of the one before are gone. While it is used it is its user's alone, on the executor as well. */
typedef struct dm_host_slot {
    bool used, open; /* open: net is ready for a guest */
    dm_slot net;
} dm_host_slot;

/* What a host is told; whoever read the program's configuration fills it in. Strings are borrowed. */
typedef struct dm_host_config {
    const char *data_dir;      /* of the machines and the sleepers, among what is the worker's */
    const char *images_dir;    /* guest images, made elsewhere */
    const char *templates_dir; /* template snapshots, made here */
    dm_slot_site site;         /* of the slots */
    uint32_t vm_uid_base;      /* the VMM in slot n runs as this user and group, plus n */
    uint32_t slots;            /* machines at once; at most DM_SLOT_MAX */
    const char *default_image; /* what is kept ready, */
    uint32_t default_vcpus, default_mem_mib;
    uint32_t pool_size; /* and how many of it */
    uint32_t making_max, warming_max;
    uint64_t mem_reserve_mib;    /* without so much memory to spare nothing new is made */
    uint64_t mem_overcommit_pct; /* of the host's memory: what the sizes of all that runs may sum up to */
    uint64_t disk_reserve_mib;   /* of data_dir's file system, for evidence: what may fill it is refused below it */
} dm_host_config;

/* What is on its way out; see going.h. */
typedef struct dm_host_going {
    dm_job job;
    dm_call back;
    bool busy, more;
    unsigned no;
    int r;
    dm_err err;
    int (*remove_tree)(const char *path, dm_err *err); /* dm_remove_tree, unless a test plays the disk */
} dm_host_going;

typedef struct dm_host {
    dm_host_config conf;
    dm_loop *loop;
    dm_exec *exec;
    dm_exec *evidence; /* the journal's alone: whoever waits for a record waits for no guest's disk; NULL: exec */
    dm_log *log;
    dm_log *guests; /* what guests say; or NULL */
    const dm_clock *clock;
    dm_metrics *metrics;
    const dm_vmm_driver *driver;
    dm_vmm_env env;
    dm_vmm_caps caps;
    dm_groups *groups;                  /* NULL: VMMs are held by none (tests) */
    dm_host_slot *slots;                /* conf.slots of them */
    uint32_t slots_free, slots_leaving; /* leaving: used, and free as soon as its machine's leftovers are gone */
    void (*slot_is_free)(void *arg);    /* one was given back; or NULL */
    void *slot_is_free_arg;
    dm_host_going going;
} dm_host;

/* What the VMM in this slot runs as. */
static inline uint32_t dm_host_uid(const dm_host *h, uint32_t slot)
{
    return h->conf.vm_uid_base + slot;
}

/* The slot's control group, empty, for a machine of this size; blocking. vcpus: by how many it counts, or
 * DM_GROUP_HURRY. */
int dm_host_group_make(dm_host *h, uint32_t slot, uint32_t mem_mib, uint32_t vcpus, dm_err *err) DM_NODISCARD;
/* From here on it counts by so many. What fails is logged: it is right enough as it is. */
void dm_host_group_weigh(dm_host *h, uint32_t slot, uint32_t vcpus);

/* What the host has in all; 0 when the kernel does not say. */
uint64_t dm_host_mem_mib(void);
/* New sandboxes would take memory that is kept as a reserve. */
bool dm_host_short_of_memory(const dm_host *h);
/* What the sizes of all that runs may sum up to; UINT64_MAX when the kernel does not say. */
uint64_t dm_host_mem_to_give_mib(const dm_host *h);
/* Room in data_dir's file system; UINT64_MAX when it does not say. */
uint64_t dm_host_disk_free_mib(const dm_host *h);
/* It is below the reserve. */
bool dm_host_short_of_disk(const dm_host *h);

int dm_host_init(dm_host *h, dm_err *err) DM_NODISCARD; /* the fields above are set; makes the slot map, for as long as
                                                            the process lives */

/* The lowest free slot, or -1. */
int32_t dm_host_slot_take(dm_host *h);
/* Of an adopted machine. */
void dm_host_slot_claim(dm_host *h, uint32_t no);
void dm_host_slot_give(dm_host *h, uint32_t no);

/* For the slot's user; blocking. Ready for a guest that runs by policy: opened, or as it was left. A machine that was
 * adopted is in it already: then nothing is reset. */
int dm_host_slot_ready(dm_host *h, uint32_t no, const dm_slot_policy *policy, bool adopted, dm_err *err) DM_NODISCARD;
/* Its tap, up or down: see dm_slot_tap; blocking. */
int dm_host_slot_tap(dm_host *h, uint32_t no, bool up, dm_err *err) DM_NODISCARD;
/* Its guest is gone: resets it; blocking. What fails here is made again when it is next needed. */
void dm_host_slot_clean(dm_host *h, uint32_t no);
/* The same without the wait: it is reset when it is next needed. */
void dm_host_slot_shut(dm_host *h, uint32_t no);

#endif
