/* How a sandbox starts, sleeps, wakes and ends on its worker. box.h has the table; here is what each transition does.
 * At most one thing is under way on a box. An end is possible at any moment: freeing the machine stops whatever it was
 * doing, and no callback of it runs any more. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/spec.h"

#include "workers/host/copy.h"
#include "workers/host/idle.h"
#include "workers/host/live.h"
#include "workers/host/machine/disk.h"
#include "workers/host/machine/going.h"
#include "workers/host/machine/place.h"
#include "workers/host/parts.h"
#include "workers/host/shown.h"

static void move(dm_worker *w, dm_box *b, dm_box_event event)
{
    const dm_box_row *row = dm_boxes_move(w->boxes, b, event);
    DM_LOG(w->h->log, DM_INFO, "sandbox.moved", dm_fs("sandbox", b->name.s), dm_fi("epoch", b->epoch),
            dm_fs("from", dm_box_state_name(row->from)), dm_fs("to", dm_box_state_name(row->to)),
            dm_fs("cause", dm_cause_get(b->cause)->name));
}

static void answer(dm_box *b, int r, const dm_err *err)
{
    dm_box_waiter *list = b->waiting;
    b->waiting = NULL;
    while (list != NULL) {
        dm_box_waiter *next = list->next;
        list->fn(list, b, r, err);
        list = next;
    }
}

static void wait_for(dm_box *b, dm_box_waiter *waiter)
{
    if (waiter != NULL) {
        waiter->next = b->waiting;
        b->waiting = waiter;
    }
}

static void time_is_up(void *arg);

/* What could not be put to sleep when its time was up runs on, and is tried again. */
static const int64_t again_us = 5 * 1000 * 1000;

/* False when it has no timer. */
static bool has_timer(dm_box *b)
{
    dm_err err = {0};
    if (b->deadline != NULL || dm_loop_timer(b->w->h->loop, time_is_up, b, &b->deadline, &err) == 0)
        return true;
    dm_log_err(b->w->h->log, DM_ERROR, "sandbox.no_timer", &err);
    return false;
}

/* Its deadline's timer. */
static void arm(dm_box *b)
{
    int64_t left = dm_box_due_us(b) - dm_worker_now_us(b->w);
    if (has_timer(b))
        dm_timer_in(b->deadline, left > 0 ? left : 0);
}

/* --- when a transition is durable --------------------------------------------------------------------------- */

typedef struct note {
    dm_call call;
    dm_worker *w;
    dm_sandbox_id id;
    int64_t epoch, admitted;
    dm_box_state state;
} note;

static void rouse(dm_worker *w, dm_box *b);

static void drop_machine(dm_box *b)
{
    dm_said_end(&b->said, b->w->h->guests, b->name.s);
    dm_machine_free(b->machine);
    b->machine = NULL;
    dm_copies_drop(b);
    b->sleep.wanted = false; /* who waited for it is told what it came to */
    b->slot = -1;
}

/* Its files are gigabytes: they are removed elsewhere. */
static void remove_image(dm_worker *w, dm_box *b, int64_t epoch)
{
    char path[PATH_MAX];
    dm_err err = {0};
    if (epoch == 0)
        return;
    if (dm_place_sleeper(&w->h->conf, &b->name, epoch, path, &err) < 0)
        dm_log_err(w->h->log, DM_WARN, "sandbox.image_left", &err);
    else
        dm_going_take(w->h, path);
}

static void told(dm_worker *w, dm_box *b)
{
    dm_err err = {0};
    if (b->state == DM_BOX_WAKING) {
        rouse(w, b);
        return;
    }
    if (b->state == DM_BOX_ENDED) {
        drop_machine(b);
        remove_image(w, b, b->image_epoch); /* not before: a sleeper whose end is not written down wakes from it */
        b->image_epoch = 0;
    }
    if (b->state == DM_BOX_RUNNING) {
        if (dm_live_make(w->conf->live_dir, b, &err) < 0) {
            dm_log_err(w->h->log, DM_ERROR, "sandbox.no_live_file", &err);
            dm_life_end(w, b, DM_CAUSE_START_FAILED, "its live file could not be made", dm_worker_now_us(w));
            return;
        }
        arm(b);
    }
    answer(b, 0, NULL);
}

static void note_durable(void *arg)
{
    note *n = arg;
    dm_box *b = dm_boxes_find(n->w->boxes, &n->id);
    assert(b == NULL || b->noting > 0);
    if (b != NULL)
        b->noting--;
    /* Meanwhile it may have moved on: the newer transition has a note of its own. */
    if (b != NULL && b->state == n->state && b->epoch == n->epoch && b->admit.epoch == n->admitted)
        told(n->w, b);
    free(n);
}

/* Somebody waits for the note: a worker that has no memory for it ends, and whoever waits asks its successor. */
static void journal_and_tell(dm_worker *w, dm_box *b)
{
    note *n = calloc(1, sizeof(*n));
    if (n == NULL) {
        dm_err err = {0};
        (void)dm_fail(&err, DM_E_NOMEM, "no memory to tell of %s", b->name.s);
        dm_journal_cannot(w->journal, &err);
        return;
    }
    *n = (note){.call = {.fn = note_durable, .arg = n},
            .w = w,
            .id = b->id,
            .epoch = b->epoch,
            .admitted = b->admit.epoch,
            .state = b->state};
    b->noting++;
    dm_worker_journal_box(w, b, &n->call);
}

/* --- what a machine says ------------------------------------------------------------------------------------ */

static dm_cause cause_of(const dm_vm_event *ev)
{
    switch (ev->end) {
    case DM_VM_GUEST_SHUTDOWN:
        return DM_CAUSE_GUEST_SHUTDOWN;
    case DM_VM_GUEST_PANIC:
        return DM_CAUSE_GUEST_PANIC;
    case DM_VM_EXITED:
    case DM_VM_KILLED_BY_US:
    case DM_VM_SIGNALLED:
        break;
    }
    return DM_CAUSE_VMM_CRASHED;
}

static void vmm_died(dm_worker *w, dm_box *b, const dm_vm_event *ev)
{
    char detail[64] = "";
    if (ev->end == DM_VM_SIGNALLED)
        (void)snprintf(detail, sizeof(detail), "the VMM died of signal %d", ev->status);
    else if (ev->end == DM_VM_EXITED)
        (void)snprintf(detail, sizeof(detail), "the VMM exited with status %d", ev->status);
    dm_life_end(w, b, cause_of(ev), detail, dm_worker_now_us(w));
}

static void woke_and_died(dm_worker *w, dm_box *b, const dm_vm_event *ev);

static void machine_gone(void *arg, const dm_vm_event *ev)
{
    dm_box *b = arg;
    if (b->state == DM_BOX_WAKING)
        woke_and_died(b->w, b, ev);
    else
        vmm_died(b->w, b, ev);
}

static void machine_said(void *arg, const char *event, const json_t *line)
{
    dm_box *b = arg;
    dm_worker *w = b->w;
    dm_said_line(&b->said, w->h->guests, b->name.s, dm_worker_now_us(w), event, dm_json_c(line, "message"));
}

static void own_machine(dm_box *b)
{
    dm_machine_own(b->machine, &(dm_machine_owner){.gone = machine_gone, .said = machine_said, .arg = b});
}

/* What its machine is made from; the path is template_dir's. */
static int machine_config(const dm_box *b, dm_machine_config *out, char template_dir[PATH_MAX], dm_err *err)
{
    const dm_spec *spec = dm_spec_get((uint16_t)b->admit.spec_table, (uint16_t)b->admit.spec);
    if (spec == NULL)
        return dm_fail(err, DM_E_INVALID, "the sandbox has no spec of ours");
    int r = dm_place_template(&b->w->h->conf, b->base, template_dir, err);
    if (r == 0)
        *out = (dm_machine_config){.template_dir = template_dir, .vcpus = spec->vcpus, .mem_mib = spec->mem_mib};
    return r;
}

int dm_life_adopt(dm_box *b, dm_machine_done_fn done, dm_err *err)
{
    char template_dir[PATH_MAX];
    dm_machine_config config;
    const dm_slot_policy policy = dm_policy_of(&b->admit);
    int r = machine_config(b, &config, template_dir, err);
    if (r == 0 && b->slot < 0)
        r = dm_fail(err, DM_E_NOTFOUND, "it had no slot");
    if (r == 0)
        r = dm_machine_adopt(b->w->h, &config, (uint32_t)b->slot, &policy, done, b, &b->machine, err);
    if (r == 0)
        own_machine(b);
    return r;
}

void dm_life_goes_on(dm_box *b)
{
    dm_err err = {0};
    if (dm_live_make(b->w->conf->live_dir, b, &err) < 0)
        dm_log_err(b->w->h->log, DM_ERROR, "sandbox.no_live_file", &err);
    arm(b);
}

/* --- running ------------------------------------------------------------------------------------------------ */

/* A wake that fails by our fault bills nothing: it is as if it had slept on. What a frame has said already stays. */
static void sleeps_on(dm_worker *w, dm_box *b)
{
    bool written = b->woken_us != 0;
    b->woken_us = 0;
    if (dm_box_roused(b)) {
        int64_t since = b->started_us;
        dm_usage_cancel(w->usage, b->stretch);
        b->epoch = b->before.epoch;
        b->started_us = b->before.started_us;
        b->disk_16mib = b->before.disk_16mib;
        dm_seconds_begin(w, b, DM_SAMPLE_HIB, since);
    }
    move(w, b, DM_BOX_WAKE_FAILED);
    if (written)
        dm_worker_journal_box(w, b, NULL);
}

/* A start or wake that did not come to be, and bills nothing. */
static void hand_out_failed(dm_worker *w, dm_box *b, int r, const dm_err *err)
{
    dm_err why = *err;
    if (r == DM_E_NOTFOUND) /* of a file of ours: the caller must not take it for a sandbox that is not here */
        r = DM_E_INTERNAL;
    why.code = r;
    drop_machine(b);
    dm_log_err(w->h->log, DM_ERROR, b->state == DM_BOX_WAKING ? "sandbox.wake_failed" : "sandbox.start_failed", err);
    if (b->state == DM_BOX_WAKING) {
        sleeps_on(w, b);
        answer(b, r, &why);
        return;
    }
    b->cause = DM_CAUSE_START_FAILED;
    move(w, b, DM_BOX_END);
    answer(b, r, &why);
    dm_boxes_drop(w->boxes, b);
}

static void handed_out(dm_worker *w, dm_box *b)
{
    int64_t at = dm_worker_now_us(w);
    if (b->state == DM_BOX_STARTING) {
        b->epoch = b->admit.epoch;
        b->started_us = at;
        dm_seconds_watch(b);
    }
    assert(b->claimed == (b->stretch != NULL)); /* of RUN, since it was roused */
    b->woken_us = 0;
    b->end_us = at + b->admit.timeout_us;
    b->pause_on_timeout = b->admit.pause_on_timeout;
    b->cause = DM_CAUSE_NONE;
    dm_leases_brought(w, b->admit.project_no, b->admit.lease_s);
    dm_shown_afresh(&b->shown);
    dm_idle_afresh(b);
    move(w, b, DM_BOX_HANDED_OUT);
    journal_and_tell(w, b);
}

static void become(dm_box *b, bool fresh)
{
    b->resume = (dm_guest_resume){
            .generation = b->admit.epoch,
            .sandbox = b->admit.sandbox,
            .template_id = b->admit.template_id,
            .hostname = b->admit.hostname,
            .token = b->admit.token,
            .user = b->admit.user,
            .workdir = b->admit.workdir,
            .env = b->admit.env,
            .fresh = fresh,
    };
}

static void started(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    if (r < 0)
        hand_out_failed(b->w, b, r, err);
    else
        handed_out(b->w, b);
}

static void hand_out(dm_worker *w, dm_box *b)
{
    dm_err err = {0};
    const dm_slot_policy policy = dm_policy_of(&b->admit);
    become(b, true);
    int r = dm_machine_hand_out(b->machine, &b->resume, &policy, started, b, &err);
    if (r < 0)
        hand_out_failed(w, b, r, &err);
}

/* --- waking ------------------------------------------------------------------------------------------------- */

/* A guest that is woken and does not answer has run all the same: with its memory, its processor, and no network. So
 * the moment at which it is told to run stands in the journal before it runs, its seconds are billed from there on, and
 * one that has not answered in time sleeps again, with a cause that is its owner's. It sleeps in the image it was woken
 * from: what it did meanwhile reached nobody, and to save it would let it go on where it was never let go on. Where the
 * VMM failed, and not the guest, it was never awake. */

void dm_life_woke_not(dm_worker *w, dm_box *b, dm_cause cause, int64_t at_us)
{
    assert(dm_box_roused(b) && b->stretch != NULL);
    b->disk_16mib = b->before.disk_16mib;
    dm_usage_end(w->usage, b->stretch, at_us, &(dm_sample){.disk_16mib = b->disk_16mib}, DM_CAUSE_NONE);
    b->stretch = NULL;
    b->cause = cause;
    b->woken_us = 0;
    b->slept_us = at_us;
    b->slept_epoch = b->epoch;
    drop_machine(b);
    move(w, b, DM_BOX_UNANSWERED);
    dm_seconds_begin(w, b, DM_SAMPLE_HIB, at_us);
    journal_and_tell(w, b);
    dm_events_add(w->events, w->journal, b, at_us);
}

static void unanswered(dm_worker *w, dm_box *b, const char *why)
{
    DM_LOG(w->h->log, DM_WARN, "sandbox.wake_unanswered", dm_fs("sandbox", b->name.s), dm_fi("epoch", b->epoch),
            dm_fs("message", why));
    if (b->deadline != NULL)
        dm_timer_clear(b->deadline);
    dm_life_woke_not(w, b, DM_CAUSE_WAKE_UNANSWERED, dm_worker_now_us(w));
}

static void woke_and_died(dm_worker *w, dm_box *b, const dm_vm_event *ev)
{
    dm_err err = {0};
    if (b->deadline != NULL)
        dm_timer_clear(b->deadline);
    if (dm_box_roused(b) && (ev->end == DM_VM_GUEST_SHUTDOWN || ev->end == DM_VM_GUEST_PANIC)) {
        unanswered(w, b, dm_cause_get(cause_of(ev))->name);
        return;
    }
    int r = dm_fail(&err, DM_E_UNAVAILABLE, "the VMM died");
    hand_out_failed(w, b, r, &err);
}

/* Its channel may end a moment before the VMM: then the machine's owner is told how it ended. */
static void answered(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    dm_vm_event how;
    if (r == 0)
        handed_out(b->w, b);
    else if (dm_machine_lost(b->machine, &how))
        woke_and_died(b->w, b, &how);
    else if (dm_machine_mute(b->machine))
        unanswered(b->w, b, err->msg);
    else if (r == DM_E_UNAVAILABLE && has_timer(b))
        dm_timer_in(b->deadline, DM_WAKE_END_MS * 1000);
    else
        hand_out_failed(b->w, b, r, err);
}

static void roused(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    dm_worker *w = b->w;
    dm_err why = {0};
    if (r < 0) {
        hand_out_failed(w, b, r, err);
        return;
    }
    /* It slept until now; the second it is told of must be one that no frame has. */
    int64_t open_us = (w->at.last_second + 1) * 1000000;
    int64_t at = b->woken_us > open_us ? b->woken_us : open_us + 1;
    dm_usage_end(w->usage, b->stretch, at, &(dm_sample){.disk_16mib = b->disk_16mib}, DM_CAUSE_NONE);
    b->before.epoch = b->epoch;
    b->before.started_us = b->started_us;
    b->before.disk_16mib = b->disk_16mib;
    b->epoch = b->admit.epoch;
    b->started_us = at;
    dm_seconds_begin(w, b, DM_SAMPLE_RUN, at);
    dm_worker_journal_box(w, b, NULL);
    become(b, false);
    r = dm_machine_tell(b->machine, &b->resume, DM_WAKE_ANSWER_MS, answered, b, &why);
    if (r < 0)
        hand_out_failed(w, b, r, &why);
}

/* That it is about to run is durable. */
static void rouse(dm_worker *w, dm_box *b)
{
    dm_err err = {0};
    int r = dm_machine_rouse(b->machine, roused, b, &err);
    if (r < 0)
        hand_out_failed(w, b, r, &err);
}

/* --- a machine for it --------------------------------------------------------------------------------------- */

static void got_machine(void *arg, dm_machine *m, bool pooled, int r, const dm_err *err)
{
    dm_box *b = arg;
    assert(b->machine == NULL);
    b->ticket = NULL;
    if (r < 0) {
        hand_out_failed(b->w, b, r, err);
        return;
    }
    b->machine = m;
    b->pooled = pooled;
    dm_boxes_stand_on(b->w->boxes, b, dm_place_template_name(dm_machine_template_dir(m)));
    own_machine(b);
    b->slot = (int32_t)dm_machine_slot(m);
    if (b->state == DM_BOX_STARTING) {
        hand_out(b->w, b);
        return;
    }
    b->woken_us = dm_worker_now_us(b->w);
    journal_and_tell(b->w, b);
}

/* For an order that was carried out before: at once, unless the transition is still on its way to the disk. */
static void answer_again(dm_box *b, dm_box_waiter *waiter)
{
    if (b->noting > 0)
        wait_for(b, waiter);
    else if (waiter != NULL)
        waiter->fn(waiter, b, 0, NULL);
}

void dm_worker_look(dm_box *b, int64_t over, dm_box_waiter *waiter)
{
    if (over > b->over)
        b->over = over;
    if (b->state == DM_BOX_WAKING) /* nothing that anybody is told of is on its way to the disk */
        waiter->fn(waiter, b, 0, NULL);
    else
        answer_again(b, waiter);
}

/* The order was given before, or contradicts what is here. 0: it is to be carried out. */
enum { ALREADY = 2 };
static int known_start(dm_box *b, int64_t epoch, dm_box_waiter *waiter, dm_err *err)
{
    if (epoch < b->epoch || (epoch < b->admit.epoch && b->state == DM_BOX_WAKING))
        return DM_ORDER_STALE;
    bool same = epoch == b->admit.epoch;
    if (same && b->state == DM_BOX_RUNNING) {
        answer_again(b, waiter);
        return ALREADY;
    }
    if (same && (b->state == DM_BOX_STARTING || b->state == DM_BOX_WAKING)) {
        wait_for(b, waiter);
        return ALREADY;
    }
    if (b->state == DM_BOX_ENDED)
        return dm_fail(err, DM_E_NOTFOUND, "the sandbox has ended: %s", dm_cause_get(b->cause)->name);
    if (b->state != DM_BOX_ASLEEP)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
    return 0;
}

/* "": zero. */
static int parse_previous(const char *hex, dm_digest *out, dm_err *err)
{
    if (*hex == '\0') {
        *out = (dm_digest){0};
        return 0;
    }
    return dm_parse_hex(dm_str_c(hex), out->b, sizeof(out->b), err);
}

static int check_admit(dm_worker *w, const dm_wk_admit *admit, dm_sandbox_id *id, dm_err *err)
{
    const char *why;
    if (dm_sandbox_id_parse(dm_str_c(admit->sandbox), id, err) < 0)
        return DM_E_INVALID;
    if (dm_spec_get((uint16_t)admit->spec_table, (uint16_t)admit->spec) == NULL)
        return dm_fail(err, DM_E_INVALID, "no spec %d in table %d", (int)admit->spec, (int)admit->spec_table);
    if (!dm_leases_take(w, admit->project_no))
        return dm_fail(err, DM_E_UNAVAILABLE, "its project's budget could not be asked about for too long");
    if (dm_worker_refusing(w, &why))
        return dm_fail(err, DM_E_UNAVAILABLE, "this worker takes no sandboxes now: %s", why);
    return 0;
}

/* Of one that is not held yet, or sleeps: what is given away already stays given. */
static int check_size(const dm_worker *w, const dm_wk_admit *admit, dm_err *err)
{
    uint64_t wanted = dm_spec_get((uint16_t)admit->spec_table, (uint16_t)admit->spec)->mem_mib;
    uint64_t left = dm_worker_mem_free_mib(w);
    if (wanted <= left)
        return 0;
    return dm_fail(err, DM_E_UNAVAILABLE,
            "this worker has no room for %llu MiB of memory now: %llu are left of what it "
            "gives away",
            (unsigned long long)wanted, (unsigned long long)left);
}

/* What it is to start from is here, or its sandbox cannot be. */
static int check_checkpoint(const dm_worker *w, const dm_wk_admit *admit, dm_err *err)
{
    if (admit->checkpoint == NULL || dm_store_find(w->store, admit->checkpoint) != NULL)
        return 0;
    return dm_fail(err, DM_E_NOTFOUND, "this worker has no checkpoint '%s'", admit->checkpoint);
}

/* A machine for one that starts. got_machine may run at once, and may drop the box. */
static int take_machine(dm_worker *w, dm_box *b, dm_err *err)
{
    char template_dir[PATH_MAX];
    dm_machine_config config;
    const dm_slot_policy policy = dm_policy_of(&b->admit);
    const dm_spec *spec = dm_spec_get((uint16_t)b->admit.spec_table, (uint16_t)b->admit.spec);
    if (b->admit.checkpoint == NULL)
        return dm_pools_take(w->pools, b->admit.project_no, b->admit.image, spec->vcpus, spec->mem_mib, &policy,
                got_machine, b, &b->ticket, err);
    int r = machine_config(b, &config, template_dir, err);
    return r < 0 ? r
                 : dm_pools_wake(
                           w->pools, b->admit.project_no, &config, NULL, &policy, got_machine, b, &b->ticket, err);
}

int dm_worker_start(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err)
{
    dm_sandbox_id id;
    int r = check_admit(w, admit, &id, err);
    if (r < 0)
        return r;
    dm_box *b = dm_boxes_find(w->boxes, &id);
    if (b != NULL) {
        r = known_start(b, admit->epoch, waiter, err);
        if (r == 0)
            r = dm_fail(err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
        return r == ALREADY ? 0 : r;
    }
    r = check_size(w, admit, err);
    if (r == 0)
        r = check_checkpoint(w, admit, err);
    if (r < 0)
        return r;
    b = dm_box_new(w, err);
    if (b == NULL)
        return DM_E_NOMEM;
    b->id = id;
    b->name = dm_sandbox_name_of(&id);
    b->epoch = admit->epoch;
    b->admit = *admit;
    *admit = (dm_wk_admit){0};
    r = parse_previous(b->admit.previous, &b->previous, err);
    if (r == 0 && b->admit.checkpoint != NULL)
        r = dm_str_to_array(dm_str_c(b->admit.checkpoint), b->base, sizeof(b->base), err);
    if (r == 0)
        r = dm_boxes_link(w->boxes, b, err);
    if (r < 0) {
        dm_box_free(b);
        return r;
    }
    wait_for(b, waiter);
    r = take_machine(w, b, err);
    if (r < 0) {
        b->waiting = NULL;
        dm_boxes_drop(w->boxes, b);
    }
    return r;
}

int dm_worker_resume(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err)
{
    dm_sandbox_id id;
    int r = check_admit(w, admit, &id, err);
    if (r < 0)
        return r;
    dm_box *b = dm_boxes_find(w->boxes, &id);
    if (b == NULL)
        return dm_fail(err, DM_E_NOTFOUND, "this worker does not hold the sandbox");
    r = known_start(b, admit->epoch, waiter, err);
    if (r != 0)
        return r == ALREADY ? 0 : r;
    if (admit->epoch <= b->epoch || admit->epoch <= b->over)
        return DM_ORDER_STALE;
    r = check_size(w, admit, err);
    if (r < 0)
        return r;
    char template_dir[PATH_MAX], sleeper_dir[PATH_MAX];
    dm_machine_config config;
    const dm_slot_policy policy = dm_policy_of(admit);
    r = dm_place_sleeper(&w->h->conf, &b->name, b->image_epoch, sleeper_dir, err);
    if (r == 0)
        r = machine_config(b, &config, template_dir, err);
    if (r == 0)
        r = dm_pools_wake(w->pools, admit->project_no, &config, sleeper_dir, &policy, got_machine, b, &b->ticket, err);
    if (r < 0)
        return r;
    dm_wk_admit_done(&b->admit);
    b->admit = *admit;
    *admit = (dm_wk_admit){0};
    wait_for(b, waiter);
    move(w, b, DM_BOX_WAKE);
    return 0;
}

/* --- sleeping ----------------------------------------------------------------------------------------------- */

static void measured_now(dm_worker *w, dm_box *b, dm_sample *out)
{
    *out = (dm_sample){.disk_16mib = DM_DISK_UNKNOWN};
    dm_machine_stats s;
    if (b->machine == NULL || dm_machine_stats_now(b->machine, &s, NULL) < 0)
        return;
    (void)w;
    out->disk_16mib = s.disk_16mib;
    b->disk_16mib = s.disk_16mib;
}

/* What its image takes; where that cannot be told, its disk. */
static int64_t image_mib(const dm_worker *w, const dm_box *b)
{
    char dir[PATH_MAX];
    int64_t mib, disk = (int64_t)b->disk_16mib * 16;
    if (dm_place_sleeper(&w->h->conf, &b->name, b->epoch, dir, NULL) < 0 || dm_disk_folder_mib(dir, &mib, NULL) < 0)
        return disk;
    return mib;
}

static void asleep(dm_worker *w, dm_box *b, int64_t at_us, const dm_sample *last)
{
    assert(b->stretch != NULL); /* of RUN; of HIB already, where it counts as asleep since late_us */
    int64_t older = b->image_epoch;
    b->cause = b->pause_cause;
    b->slept_us = at_us;
    b->slept_epoch = b->epoch;
    b->image_epoch = b->epoch;
    b->image_mib = image_mib(w, b);
    drop_machine(b);
    move(w, b, DM_BOX_SLEPT);
    if (b->late_us == 0) {
        dm_usage_end(w->usage, b->stretch, at_us, last, DM_CAUSE_NONE);
        dm_seconds_begin(w, b, DM_SAMPLE_HIB, at_us);
    }
    b->late_us = 0;
    journal_and_tell(w, b);
    dm_events_add(w->events, w->journal, b, at_us);
    if (older != b->image_epoch)
        remove_image(w, b, older); /* the new generation is durable */
}

static void slept(void *arg, int r, const dm_err *err)
{
    dm_box *b = arg;
    dm_worker *w = b->w;
    dm_vm_event how;
    if (r < 0 && dm_machine_lost(b->machine, &how)) {
        vmm_died(w, b, &how);
        return;
    }
    if (r < 0) {
        dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", err);
        move(w, b, DM_BOX_PAUSE_FAILED);
        dm_life_goes_on(b);
        if (b->deadline != NULL && dm_worker_now_us(w) >= dm_box_due_us(b))
            dm_timer_in(b->deadline, again_us);
        answer(b, r, err);
        return;
    }
    dm_sample last;
    measured_now(w, b, &last);
    asleep(w, b, b->late_us != 0 ? b->late_us : dm_worker_now_us(w), &last);
}

/* Whether there is room for its image: its disk is there, and becomes the image's; what it has written of its memory
 * comes beside it. The reserve is evidence's: no call takes of it. What its time puts to sleep may take half, for it is
 * no more than what runs, and nothing new is taken in meanwhile; past that it runs on, and is tried again. For a reason
 * of the host's own all of it may be taken. */
static int check_room(const dm_worker *w, const dm_box *b, dm_cause cause, int64_t room_mib, dm_err *err)
{
    int64_t memory = b->shown.mem_private_mib, image = (int64_t)b->disk_16mib * 16 + memory;
    uint64_t reserve = w->h->conf.disk_reserve_mib;
    uint64_t kept = cause == DM_CAUSE_PAUSED ? reserve : cause == DM_CAUSE_TIMEOUT ? reserve / 2 : 0;
    if (room_mib > 0 && image > room_mib)
        return dm_fail(err, DM_E_LIMIT, "its image would take %lld MiB, and there is room for %lld", (long long)image,
                (long long)room_mib);
    if (kept > 0 && dm_host_disk_free_mib(w->h) < kept + (uint64_t)memory)
        return dm_fail(err, DM_E_UNAVAILABLE, "this worker has no room for another sleeper now");
    return 0;
}

/* The first who asks says why. */
static void sleeps_then(dm_box *b, dm_cause cause, int64_t room_mib)
{
    if (b->sleep.wanted)
        return;
    b->sleep.wanted = true;
    b->sleep.cause = cause;
    b->sleep.room_mib = room_mib;
}

/* Its VM is its own again. */
static void copies_over(dm_worker *w, dm_box *b)
{
    dm_err err = {0};
    bool wanted = b->sleep.wanted;
    b->sleep.wanted = false;
    if (!wanted || b->state != DM_BOX_RUNNING)
        return;
    int r = dm_worker_pause(w, b, b->epoch, b->sleep.cause, b->sleep.room_mib, NULL, &err);
    if (r == 0)
        return;
    dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", &err);
    if (b->deadline != NULL && dm_worker_now_us(w) >= dm_box_due_us(b))
        dm_timer_in(b->deadline, again_us);
    answer(b, r, &err);
}

static void idle(dm_worker *w)
{
    dm_box *list = w->idle;
    w->idle = NULL;
    while (list != NULL) {
        dm_box *b = list;
        dm_err err = {0};
        list = b->idle.next;
        if (b->state == DM_BOX_RUNNING && !dm_box_nobodys(b) &&
                dm_worker_pause(w, b, b->epoch, DM_CAUSE_IDLE, 0, NULL, &err) < 0)
            dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", &err);
    }
}

const dm_copy_ends dm_life_copy_ends = {.lost = vmm_died, .over = copies_over, .idle = idle};

int dm_worker_pause(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, int64_t room_mib, dm_box_waiter *waiter, dm_err *err)
{
    char path[PATH_MAX];
    if (epoch < b->epoch)
        return DM_ORDER_STALE;
    if (b->state == DM_BOX_ASLEEP || b->state == DM_BOX_ENDED) {
        answer_again(b, waiter);
        return 0;
    }
    if (b->state == DM_BOX_PAUSING) {
        wait_for(b, waiter);
        return 0;
    }
    if (b->state != DM_BOX_RUNNING)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
    dm_worker_claim(w, b, NULL);
    if (dm_copies_busy(b)) { /* its VM is needed for a moment yet */
        sleeps_then(b, cause, room_mib);
        wait_for(b, waiter);
        return 0;
    }
    int r = check_room(w, b, cause, room_mib, err);
    if (r == 0)
        r = dm_place_sleeper(&w->h->conf, &b->name, b->epoch, path, err);
    if (r == 0)
        r = dm_machine_sleep(b->machine, path, slept, b, err);
    if (r < 0)
        return r;
    wait_for(b, waiter);
    b->pause_cause = cause;
    dm_err ignored = {0};
    if (dm_live_remove(w->conf->live_dir, b, &ignored) < 0)
        dm_log_err(w->h->log, DM_WARN, "sandbox.live_file_left", &ignored);
    if (b->deadline != NULL) /* none yet while the start is on its way to the disk */
        dm_timer_clear(b->deadline);
    move(w, b, DM_BOX_PAUSE);
    return 0;
}

/* --- ending ------------------------------------------------------------------------------------------------- */

void dm_life_end(dm_worker *w, dm_box *b, dm_cause cause, const char *detail, int64_t at_us)
{
    dm_err err = {0};
    bool ran = b->stretch != NULL, nobodys = dm_box_nobodys(b);
    dm_sample last;
    if (dm_live_remove(w->conf->live_dir, b, &err) < 0)
        dm_log_err(w->h->log, DM_WARN, "sandbox.live_file_left", &err);
    measured_now(w, b, &last);
    if (b->state == DM_BOX_ASLEEP || b->state == DM_BOX_WAKING)
        last.disk_16mib = b->disk_16mib;
    dm_pool_ticket_drop(b->ticket);
    b->ticket = NULL;
    /* What runs is killed when its end is durable (see told): a crash in between would else find a dead VMM that
     * nobody had killed. Where something is under way on the machine, freeing it is what stops that. Of one that is
     * nobody's any end is the same. */
    if (b->state == DM_BOX_RUNNING && !nobodys && b->machine != NULL)
        dm_machine_own(b->machine, &(dm_machine_owner){.gone = NULL});
    else
        drop_machine(b);
    if (b->deadline != NULL)
        dm_timer_clear(b->deadline);
    if (ran)
        dm_usage_end(w->usage, b->stretch, at_us, &last, cause);
    b->stretch = NULL;
    if (b->late_us != 0) /* it ended asleep, as far as anybody is billed */
        b->slept_us = b->late_us;
    b->late_us = 0;
    dm_box_ends_for(b, cause, detail);
    b->ended_us = at_us;
    move(w, b, DM_BOX_END);
    if (!ran && !nobodys) { /* nobody was told of it, and no second of it counts */
        answer(b, 0, NULL);
        dm_boxes_drop(w->boxes, b);
        return;
    }
    journal_and_tell(w, b);
    dm_events_add(w->events, w->journal, b,
            at_us); /* behind the box: recovery tells what a box owes, not what an event was about */
}

int dm_worker_kill(dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err)
{
    (void)err;
    if (epoch < b->epoch)
        return DM_ORDER_STALE;
    if (b->state == DM_BOX_ENDED) {
        answer_again(b, waiter);
        return 0;
    }
    bool taken_back = cause == DM_CAUSE_START_FAILED;
    if (!taken_back && dm_box_nobodys(b))
        dm_worker_claim(w, b, NULL);
    wait_for(b, waiter);
    dm_life_end(w, b, cause, taken_back ? "it was taken back" : "", dm_worker_now_us(w));
    return 0;
}

static void time_is_up(void *arg)
{
    dm_box *b = arg;
    dm_worker *w = b->w;
    dm_err err = {0};
    if (dm_box_roused(b)) {
        unanswered(w, b, "its channel ended");
        return;
    }
    if (b->state != DM_BOX_RUNNING)
        return;
    int64_t now = dm_worker_now_us(w);
    if (now < dm_box_due_us(b) || (dm_box_nobodys(b) && dm_seconds_reached(w, b) && now < b->end_us)) {
        arm(b);
        return;
    }
    if (now < b->end_us) {
        dm_life_end(w, b, DM_CAUSE_START_FAILED, "nobody was given it in time", now);
        return;
    }
    if (!b->pause_on_timeout || dm_box_nobodys(b)) {
        dm_life_end(w, b, DM_CAUSE_TIMEOUT, "", now);
        return;
    }
    if (dm_worker_pause(w, b, b->epoch, DM_CAUSE_TIMEOUT, 0, NULL, &err) < 0) {
        dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", &err);
        dm_timer_in(b->deadline, again_us);
    }
}

int dm_worker_deadline(dm_worker *w, dm_box *b, const dm_wk_deadline *d, dm_err *err)
{
    if (d->epoch < b->epoch)
        return DM_ORDER_STALE;
    if (b->state != DM_BOX_RUNNING)
        return dm_fail(err, DM_E_CONFLICT, "the sandbox is %s", dm_box_state_name(b->state));
    dm_worker_claim(w, b, NULL);
    b->end_us = d->end_us;
    b->pause_on_timeout = d->pause_on_timeout;
    dm_worker_journal_box(w, b, NULL);
    arm(b);
    return 0;
}

void dm_life_slept_before(dm_worker *w, dm_box *b, int64_t at_us)
{
    dm_sample last = {.disk_16mib = b->disk_16mib};
    b->pause_cause = b->pause_on_timeout && at_us >= b->end_us ? DM_CAUSE_TIMEOUT : DM_CAUSE_PAUSED;
    move(w, b, DM_BOX_PAUSE);
    asleep(w, b, at_us, &last);
}
