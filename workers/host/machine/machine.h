/* workers/host/machine/machine.h: a microVM with all it stands on: VMM process, slot, writable disk, agent link. It
 * belongs to the loop and to one owner: the pool while it is made and kept, then a sandbox.
 *
 *     make --> bare --load--> loaded --hand_out--> serving --sleep--> asleep (its image is durable, the VM is gone)
 *                             loaded --warm--> loaded
 *                             loaded --rouse--> running, cut off --tell--> serving        a sleeper
 *                             serving --copy--> serving
 *     any --> gone, when the VMM died or dm_machine_free was called
 *
 * Bare: the VMM waits, with an empty disk and no guest in it. One call is under way at a time; its done runs on the
 * loop. What takes long (disk copies, namespaces, fsync) runs on the executor. */
#ifndef DM_WORKERS_HOST_MACHINE_MACHINE_H
#define DM_WORKERS_HOST_MACHINE_MACHINE_H

#include "workers/host/machine/host.h"
#include "workers/vmm/agent.h"

typedef struct dm_machine dm_machine;

typedef void (*dm_machine_done_fn)(void *arg, int r, const dm_err *err);

typedef struct dm_machine_owner {
    /* The VMM is gone, while no call was under way. */
    void (*gone)(void *arg, const dm_vm_event *ev);
    /* An unasked line from the agent. */
    void (*said)(void *arg, const char *event, const json_t *line);
    void *arg;
} dm_machine_owner;

/* What it is made from; strings are copied. */
typedef struct dm_machine_config {
    const char *template_dir; /* with the image it was made with */
    uint32_t vcpus, mem_mib;
    bool hurried; /* somebody waits for it */
} dm_machine_config;

/* A bare machine. DM_E_LIMIT when no slot is free. A failed machine must still be freed. */
int dm_machine_make(dm_host *h, const dm_machine_config *config, dm_machine_done_fn done, void *arg, dm_machine **out,
        dm_err *err) DM_NODISCARD;
/* Somebody waits for one that rests: until it is handed out it counts more than any other. */
void dm_machine_hurry(dm_machine *m);
/* Puts a guest into a bare machine: a clone of its template, or with sleeper_dir the one that sleeps there; the image
 * is left as it is. Nothing of the guest runs. The policy holds from here on. */
int dm_machine_load(dm_machine *m, const char *sleeper_dir, const dm_slot_policy *policy, dm_machine_done_fn done,
        void *arg, dm_err *err) DM_NODISCARD;
/* Lets a clone that nobody has yet run until its agent has answered, and has run the command path rounds times; then it
 * stands still again, and what it did the next time goes quicker. For a VMM that needs it. */
int dm_machine_warm(dm_machine *m, unsigned rounds, dm_machine_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
/* The VM in this slot outlived the worker that made it; its network allows what it did. done has DM_E_NOTFOUND when it
 * did not. */
int dm_machine_adopt(dm_host *h, const dm_machine_config *config, uint32_t slot_no, const dm_slot_policy *policy,
        dm_machine_done_fn done, void *arg, dm_machine **out, dm_err *err) DM_NODISCARD;

/* Kills the VM at once, cuts every connection to it, and cleans up behind; the slot is free when that is done. No
 * callback runs afterwards. NULL is fine. */
void dm_machine_free(dm_machine *m);

void dm_machine_own(dm_machine *m, const dm_machine_owner *owner);
const char *dm_machine_template_dir(const dm_machine *m); /* as it was made from */
uint32_t dm_machine_slot(const dm_machine *m);
const char *dm_machine_address(const dm_machine *m);

/* Runs the guest and tells it who it is; resume and its strings are needed until done. The policy holds before
 * it runs. One whose template is a checkpoint has run as another sandbox: it is cut off until it has answered. */
int dm_machine_hand_out(dm_machine *m, const dm_guest_resume *resume, const dm_slot_policy *policy,
        dm_machine_done_fn done, void *arg, dm_err *err) DM_NODISCARD;

/* The same of a sleeper, in two calls, so that its owner knows from when on it ran. Its tap is down since it was
 * loaded, and comes up when its guest has answered: what it does before that stays in it. */
int dm_machine_rouse(dm_machine *m, dm_machine_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
int dm_machine_tell(dm_machine *m, const dm_guest_resume *resume, unsigned within_ms, dm_machine_done_fn done,
        void *arg, dm_err *err) DM_NODISCARD;
/* The last tell failed for what the guest said, or did not say. */
bool dm_machine_mute(const dm_machine *m);

/* Stops the guest and makes a durable image of it in dir (which must not exist): memory delta, device state, disk,
 * manifest. When done with 0 the VM is gone and the machine is only good for dm_machine_free; when it failed before the
 * VM was lost (DM_E_IO, DM_E_LIMIT) the guest runs again. */
int dm_machine_sleep(dm_machine *m, const char *dir, dm_machine_done_fn done, void *arg, dm_err *err) DM_NODISCARD;

/* Stops the guest for as long as it takes to copy its memory, its devices and its disk into dir (made anew; not durable
 * yet), and lets it run on; nothing of it notices but its clocks. When it failed and the VM is not lost, the guest runs
 * and dir is gone; else dir is gone with the machine. */
int dm_machine_copy(dm_machine *m, const char *dir, dm_machine_done_fn done, void *arg, dm_err *err) DM_NODISCARD;

/* Whether the VMM is gone, and how. */
bool dm_machine_lost(const dm_machine *m, dm_vm_event *how);

/* Now: disk in 16 MiB units, CPU time so far, memory. */
typedef struct dm_machine_stats {
    uint32_t disk_16mib;
    uint64_t cpu_us, private_kib, shared_kib, net_in, net_out;
} dm_machine_stats;
int dm_machine_stats_now(dm_machine *m, dm_machine_stats *out, dm_err *err) DM_NODISCARD;

/* Asks the agent for its own figures (base/wire/guest, op stats). */
int dm_machine_guest_stats(dm_machine *m, dm_agent_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
/* Asks it about a port (op port; dm_agent_port_read). When the machine is freed, done does not come. */
int dm_machine_guest_port(dm_machine *m, uint16_t port, dm_agent_done_fn done, void *arg, dm_err *err) DM_NODISCARD;

/* Kills whatever VMs a dead worker left, in slots that nobody claimed and in half-made templates, and their folders.
 * The latter are gone when it returns: before the first machine is made. */
void dm_machine_sweep(dm_host *h);

#endif
