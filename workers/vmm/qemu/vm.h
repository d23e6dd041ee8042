/* workers/vmm/qemu/vm.h: the inside of the QEMU driver: what a VM is, and how an operation on it goes on. An operation
 * is a row of steps, each a QMP command or a job on the pool, that ends in dm_qemu_op_end. Whatever goes wrong in it
 * leaves the VM broken: good for destroy only. */
#ifndef DM_WORKERS_VMM_QEMU_VM_H
#define DM_WORKERS_VMM_QEMU_VM_H

#include "workers/vmm/proc.h"
#include "workers/vmm/qemu/qmp.h"
#include "workers/vmm/qemu/snap.h"
#include "workers/vmm/sink.h"
#include "workers/vmm/vmm.h"

enum dm_qemu_state {
    DM_QEMU_STARTING,
    DM_QEMU_SPAWNED, /* may boot, or be loaded */
    DM_QEMU_PAUSED,  /* loaded, or stopped */
    DM_QEMU_RUNNING,
    DM_QEMU_BROKEN,
    DM_QEMU_GONE,
};

typedef void (*dm_qemu_step_fn)(dm_vm *vm, const json_t *value);

struct dm_qemu_op {
    const char *name; /* NULL: nothing is under way */
    dm_vm_done_fn done;
    void *arg;
    unsigned limit_ms;
    dm_qemu_step_fn next;
    dm_qemu_step_fn refused; /* the next step when QEMU refuses this one; NULL: that ends the operation */
    dm_err why;              /* what it said then */
    bool harmless;           /* a failure leaves the VM as it was; else nobody knows what it does, and it is broken */
    enum dm_vm_save kind;    /* save, and the rest too: */
    char *dir;
    int device; /* the device state's file */
};

/* A job on the pool. It outlives a VM that is destroyed meanwhile. */
typedef struct dm_qemu_work {
    dm_job job; /* first */
    dm_call call;
    dm_loop *loop;
    dm_vm *vm; /* NULL once it is destroyed */
    dm_qemu_snap snap;
    enum dm_vm_save kind;
    int (*fn)(struct dm_qemu_work *w, dm_err *err);  /* on the pool */
    void (*then)(dm_vm *vm, struct dm_qemu_work *w); /* on the loop, when it went well */
    int r;
    dm_err err;
} dm_qemu_work;

struct dm_vm {
    const dm_vmm_env *env;
    const char *accel;
    dm_vm_config config; /* strings are ours; tap_fd is borrowed */
    enum dm_qemu_state state;
    dm_proc proc; /* pidfd -1: not started */
    dm_sink *sink;
    dm_qmp *qmp;
    dm_watch *exit_watch;
    dm_timer *op_timer, *poll_timer, *end_timer;
    char version[64];
    int64_t tsc_khz;
    struct dm_qemu_op op;
    dm_qemu_work *work;
    dm_qemu_step_fn on_ready; /* QMP can be spoken; value is NULL */
    dm_vm_event_fn on_event;
    void *event_arg;
    enum dm_vm_end end; /* what the guest or we did; EXITED: nothing known */
    bool exited, qmp_ended;
    bool *gone; /* of the innermost callback: set when we are freed */
};

int dm_qemu_vm_new(const dm_vmm_env *env, const dm_vm_config *config, dm_vm **out, dm_err *err) DM_NODISCARD;
void dm_qemu_vm_free(dm_vm *vm); /* kills a process that was started, and waits for its end */
void dm_qemu_vm_destroy(dm_vm *vm, int *dies);

/* Watches the process and speaks QMP; vm->proc and vm->sink are there. */
int dm_qemu_vm_attach(dm_vm *vm, dm_qemu_step_fn on_ready, dm_err *err) DM_NODISCARD;

int dm_qemu_op_begin(
        dm_vm *vm, const char *name, unsigned limit_ms, dm_vm_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
/* For a call that fails before it has begun to do anything: no callback. */
void dm_qemu_op_forget(dm_vm *vm);
/* r < 0: err says why. False when the owner destroyed the VM. */
bool dm_qemu_op_end(dm_vm *vm, int r, const dm_err *err);

/* The next step is this command; a failure ends the operation. fd is borrowed, -1: none. */
void dm_qemu_step(dm_vm *vm, const char *command, dm_str arguments, int fd, dm_qemu_step_fn next);
/* For the first step, whose failure is the caller's to tell. */
int dm_qemu_step_try(
        dm_vm *vm, const char *command, dm_str arguments, int fd, dm_qemu_step_fn next, dm_err *err) DM_NODISCARD;

/* The next step is a job; device becomes the job's in any case. */
int dm_qemu_work_start(dm_vm *vm, int (*fn)(dm_qemu_work *w, dm_err *err), void (*then)(dm_vm *vm, dm_qemu_work *w),
        const char *dir, int device, dm_err *err) DM_NODISCARD;

#endif
