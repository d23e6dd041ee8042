/* workers/host/machine/parts.h: what the two halves of a machine share: machine.c, on the loop, and job.c, on
 * the executor. Nobody else includes it. */
#ifndef DM_WORKERS_HOST_MACHINE_PARTS_H
#define DM_WORKERS_HOST_MACHINE_PARTS_H

#include <limits.h>

#include "workers/host/machine/machine.h"

/* Which step is under way. The order means nothing: machine.c's table says what follows what. */
typedef enum phase {
    IDLE,
    MAKE_FILES,
    MAKE_SPAWN,
    LOAD_DISK,
    LOAD_STATE,
    WARM_RUN,
    WARM_AGENT,
    WARM_STOP,
    ADOPT_SLOT,
    ADOPT_VM,
    ADOPT_RUN,
    STRAY_SLOT,
    STRAY_VM,
    HAND_POLICY,
    HAND_RUN,
    HAND_RESUME,
    ROUSE_RUN,
    TELL_RESUME,
    TELL_OPEN,
    SLEEP_PLACE,
    SLEEP_QUIESCE,
    SLEEP_STOP,
    SLEEP_SAVE,
    SLEEP_KEEP,
    SLEEP_LEAVE,
    SLEEP_UNNAME,
    SLEEP_UNDO,
    SLEEP_STUCK,
    SLEEP_CLEAN,
    COPY_PLACE,
    COPY_STOP,
    COPY_SAVE,
    COPY_DISK,
    COPY_RUN,
    PHASES
} phase;

/* Runs on the executor; the loop leaves the machine alone meanwhile. */
typedef int (*dm_machine_job_fn)(dm_machine *m, dm_err *err);

/* What a step is, and what comes of it. A step that fails while its VM lives goes on at on_fail; a lost VM, or IDLE
 * there, fails the call. */
enum { DM_STEP_DONE = 1 };
typedef struct dm_phase_row {
    phase at;
    int (*begin)(dm_machine *m, dm_err *err); /* step_done follows; or DM_STEP_DONE: it is done */
    phase next;                               /* IDLE: its call is done, */
    phase next_stopped;                       /* where the step said 1 (the VM stands still; its tap is down): this,
                                                 unless it is IDLE */
    phase on_fail;
    bool undoes;      /* its call failed before, with undo_err, whatever comes of this step */
    bool makes_image; /* a machine that goes in it takes the image with it: nobody knows of that */
    const char *why;
} dm_phase_row;

extern const dm_phase_row dm_machine_phases[PHASES]; /* in the order of phase */

struct dm_machine {
    dm_host *h;
    phase at;
    uint32_t slot_no;
    const dm_slot *slot; /* the host's */
    uint32_t vcpus, mem_mib;
    char *template_dir, *sleeper_dir;
    char image_dir[PATH_MAX], run_dir[PATH_MAX], disk[PATH_MAX];
    dm_vm *vm;
    int dies;        /* readable when the VMM that was killed is gone; -1: it is, or there was none */
    dm_watch *death; /* of it, once the machine is freed */
    dm_agent *agent;
    bool large;   /* the step under way reads or writes an image */
    bool others;  /* what is in it, or is to be, has run as a sandbox: it is cut off until it has been told who it is */
    bool hurried; /* somebody waits for it: from its making on */
    bool unsaid;  /* nobody knows of the image that was being made: it goes with the machine */
    bool lost;    /* the VMM is gone */
    bool agent_lost; /* the channel broke: the next use connects again */
    dm_vm_event how;
    dm_machine_owner owner;

    dm_machine_done_fn done;
    void *done_arg;
    unsigned rounds; /* of warming */
    const dm_guest_resume *resume;
    unsigned answer_ms; /* how long it is waited for */
    bool mute;
    dm_slot_policy policy; /* that holds, or is to hold before the guest runs */
    char dir[PATH_MAX], dir_tmp[PATH_MAX];
    dm_err undo_err;

    dm_job job;
    dm_call back;
    bool job_running, freed;
    int job_r;
    dm_err job_err;
    dm_machine_job_fn job_fn;
    void (*job_then)(dm_machine *m);
};

/* fn on the executor, then then(m) on the loop, with m->job_r and m->job_err as fn left them. DM_E_LIMIT when too many
 * jobs wait: nothing was begun. */
int dm_machine_job(dm_machine *m, dm_machine_job_fn fn, void (*then)(dm_machine *m), dm_err *err) DM_NODISCARD;

/* The jobs. */
int dm_machine_open_slot(dm_machine *m, dm_err *err) DM_NODISCARD;  /* around a VM that lives */
int dm_machine_make_files(dm_machine *m, dm_err *err) DM_NODISCARD; /* slot, folder, empty disk */
int dm_machine_fill_disk(dm_machine *m, dm_err *err) DM_NODISCARD; /* and its network's policy; a sleeper's tap: down */
int dm_machine_open_tap(dm_machine *m, dm_err *err) DM_NODISCARD;
int dm_machine_set_policy(dm_machine *m, dm_err *err) DM_NODISCARD; /* m->policy, of the network */
int dm_machine_keep_image(dm_machine *m, dm_err *err) DM_NODISCARD; /* the last step of falling asleep */
int dm_machine_copy_disk(dm_machine *m, dm_err *err) DM_NODISCARD;  /* of a checkpoint */
int dm_machine_make_place(dm_machine *m, dm_err *err) DM_NODISCARD; /* for an image */
int dm_machine_unname(dm_machine *m, dm_err *err) DM_NODISCARD;     /* the image is not whole any more */
int dm_machine_remove_place(dm_machine *m, dm_err *err) DM_NODISCARD;
int dm_machine_remove_leftovers(dm_machine *m, dm_err *err) DM_NODISCARD;

#endif
