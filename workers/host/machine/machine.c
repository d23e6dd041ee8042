/* A machine is a row of steps, some on the loop (VMM and agent calls), some on the executor (files, namespaces). The
 * phase says which step is under way, a table what each is, what follows it, and what a failure comes to; step_done is
 * told how it went and starts the next one. A machine that is freed
 * while a job of its runs is freed by that job's end, and its slot is left when its VMM is gone: nobody else waits for
 * that. */
#include "workers/host/machine/machine.h"

#include <assert.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/host/machine/disk.h"
#include "workers/host/machine/going.h"
#include "workers/host/machine/parts.h"
#include "workers/host/machine/place.h"
#include "workers/vmm/template.h"

enum { AGENT_MS = 20000, QUIESCE_MS = 1000 };

static void step_done(dm_machine *m, int r, const dm_err *err);

/* --- life --------------------------------------------------------------------------------------------------- */

static void machine_delete(dm_machine *m)
{
    assert(m->vm == NULL && m->dies < 0 && m->agent == NULL && !m->job_running);
    free(m->template_dir);
    free(m->sleeper_dir);
    free(m);
}

static void cleaned(dm_machine *m)
{
    if (m->job_r < 0)
        dm_log_err(m->h->log, DM_WARN, "machine.leftovers", &m->job_err);
    assert(m->h->slots_leaving > 0);
    m->h->slots_leaving--;
    dm_host_slot_give(m->h, m->slot_no);
    machine_delete(m);
}

static void clean_up(dm_machine *m)
{
    if (dm_machine_job(m, dm_machine_remove_leftovers, cleaned, NULL) == 0)
        return;
    /* The executor is full, and the loop does not wait for a disk: whoever has the slot next resets it. */
    dm_host_slot_shut(m->h, m->slot_no);
    if (m->unsaid) {
        dm_going_take(m->h, m->dir_tmp);
        if (m->dir[0] != '\0')
            dm_going_take(m->h, m->dir);
    }
    dm_going_take(m->h, m->run_dir);
    m->job_r = 0;
    cleaned(m);
}

static void dead(void *arg, uint32_t events)
{
    dm_machine *m = arg;
    (void)events;
    dm_watch_free(m->death);
    dm_fd_closep(&m->dies);
    clean_up(m);
}

/* Until the VMM is gone it has the slot's tap. */
static void clean_up_behind(dm_machine *m)
{
    dm_err err = {0};
    if (m->dies >= 0 && dm_loop_watch(m->h->loop, m->dies, EPOLLIN, dead, m, &m->death, &err) == 0)
        return;
    if (m->dies >= 0)
        dm_log_err(m->h->log, DM_WARN, "machine.leftovers", &err);
    dm_fd_closep(&m->dies);
    clean_up(m);
}

static void job_done(dm_machine *m)
{
    if (m->freed)
        clean_up_behind(m);
    else
        step_done(m, m->job_r, &m->job_err);
}

void dm_machine_free(dm_machine *m)
{
    if (m == NULL)
        return;
    assert(!m->freed);
    m->freed = true;
    m->unsaid = m->unsaid || dm_machine_phases[m->at].makes_image;
    m->h->slots_leaving++;
    dm_agent_free(m->agent);
    m->agent = NULL;
    if (m->vm != NULL)
        m->h->driver->destroy(m->vm, &m->dies);
    m->vm = NULL;
    if (!m->job_running)
        clean_up_behind(m);
}

static void finish(dm_machine *m, int r, const dm_err *err)
{
    dm_machine_done_fn done = m->done;
    m->at = IDLE;
    m->done = NULL;
    if (done != NULL)
        done(m->done_arg, r, err);
}

static void vm_gone(void *arg, const dm_vm_event *ev)
{
    dm_machine *m = arg;
    m->lost = true;
    m->how = *ev;
    if (m->at == IDLE && m->owner.gone != NULL)
        m->owner.gone(m->owner.arg, ev);
    /* Else the call under way fails, and its caller frees the machine. */
}

static void agent_said(void *arg, const char *event, const json_t *line)
{
    dm_machine *m = arg;
    if (strcmp(event, "lost") == 0)
        m->agent_lost = true;
    if (m->owner.said != NULL)
        m->owner.said(m->owner.arg, event, line);
}

static void vm_step(void *arg, int r, const dm_err *err)
{
    step_done(arg, r, err);
}

static void agent_step(void *arg, int r, const json_t *answer, const dm_err *err)
{
    (void)answer;
    step_done(arg, r, err);
}

/* It is somebody's: nobody waits for it any more. */
static void handed_out(void *arg, int r, const json_t *answer, const dm_err *err)
{
    dm_machine *m = arg;
    dm_host_group_weigh(m->h, m->slot_no, m->vcpus);
    agent_step(m, r == 0 && m->slot->down ? 1 : r, answer, err);
}

static int connect_agent(dm_machine *m, dm_err *err)
{
    int fd;
    if (m->agent_lost) {
        dm_agent_free(m->agent);
        m->agent = NULL;
        m->agent_lost = false;
    }
    if (m->agent != NULL)
        return 0;
    int r = m->h->driver->agent_fd(m->vm, &fd, err);
    if (r < 0)
        return r;
    r = dm_agent_new(m->h->loop, fd, agent_said, m, &m->agent, err);
    if (r < 0)
        (void)close(fd);
    return r;
}

static void config_of(const dm_machine *m, dm_vm_config *c)
{
    *c = (dm_vm_config){
            .vcpus = m->vcpus,
            .mem_mib = m->mem_mib,
            .image_dir = m->image_dir,
            .base_dir = m->template_dir,
            .run_dir = m->run_dir,
            .disk = m->disk,
            .tap_fd = m->slot->tap_fd,
            .uid = dm_host_uid(m->h, m->slot_no),
            .groups = m->h->groups,
            .group = m->slot_no,
    };
}

/* --- the steps ---------------------------------------------------------------------------------------------- */

static int none(dm_machine *m, dm_err *err)
{
    (void)m;
    (void)err;
    return 0;
}

static int make_files(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_make_files, job_done, err);
}

static int spawn(dm_machine *m, dm_err *err)
{
    dm_vm_config c;
    config_of(m, &c);
    return m->h->driver->spawn(&m->h->env, &c, vm_step, vm_gone, m, &m->vm, err);
}

static int fill_disk(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_fill_disk, job_done, err);
}

static int load_state(dm_machine *m, dm_err *err)
{
    return m->h->driver->load(m->vm, m->sleeper_dir, vm_step, m, err);
}

static int run(dm_machine *m, dm_err *err)
{
    return m->h->driver->run(m->vm, vm_step, m, err);
}

static int stop(dm_machine *m, dm_err *err)
{
    return m->h->driver->stop(m->vm, vm_step, m, err);
}

static int warm(dm_machine *m, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_warm(m->agent, m->rounds, AGENT_MS, agent_step, m, err);
}

static int open_slot(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_open_slot, job_done, err);
}

static int adopt(dm_machine *m, dm_err *err)
{
    dm_vm_config c;
    config_of(m, &c);
    return m->h->driver->adopt(&m->h->env, &c, vm_step, vm_gone, m, &m->vm, err);
}

static int set_policy(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_set_policy, job_done, err);
}

static int resume(dm_machine *m, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_resume(m->agent, m->resume, AGENT_MS, handed_out, m, err);
}

/* A channel that ends is the VMM's doing, and want of memory ours: anything else is what its guest made of it. */
static void told_step(void *arg, int r, const json_t *answer, const dm_err *err)
{
    dm_machine *m = arg;
    m->mute = r == DM_E_TIMEOUT || r == DM_E_DENIED || r == DM_E_PROTO;
    handed_out(m, r, answer, err);
}

static int tell(dm_machine *m, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_resume(m->agent, m->resume, m->answer_ms, told_step, m, err);
}

static int open_tap(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_open_tap, job_done, err);
}

static int make_place(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_make_place, job_done, err);
}

static int quiesce(dm_machine *m, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_simple(m->agent, "quiesce", QUIESCE_MS, agent_step, m, err);
}

static int save(dm_machine *m, dm_err *err)
{
    return m->h->driver->save(m->vm, DM_SAVE_DELTA, m->dir_tmp, vm_step, m, err);
}

static int keep(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_keep_image, job_done, err);
}

/* The image is whole, and the guest has stood still since before it was made: it is not waited for that its VMM is
 * gone.
 */
static int leave(dm_machine *m, dm_err *err)
{
    (void)err;
    dm_agent_free(m->agent);
    m->agent = NULL;
    m->h->driver->destroy(m->vm, &m->dies);
    m->vm = NULL;
    return DM_STEP_DONE;
}

static int copy_disk(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_copy_disk, job_done, err);
}

static int unname(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_unname, job_done, err);
}

/* A guest that stands still and cannot be made to run again is as good as dead, and must not be billed as running. */
static int stuck(dm_machine *m, dm_err *err)
{
    DM_LOG(m->h->log, DM_ERROR, "machine.stands_still", dm_fu("slot", m->slot_no), dm_fs("why", m->undo_err.msg));
    m->lost = true;
    m->how = (dm_vm_event){.end = DM_VM_KILLED_BY_US};
    *err = m->undo_err;
    return m->undo_err.code;
}

static int clean(dm_machine *m, dm_err *err)
{
    return dm_machine_job(m, dm_machine_remove_place, job_done, err);
}

#define ROW(phase_, ...) [phase_] = {phase_, __VA_ARGS__}
const dm_phase_row dm_machine_phases[PHASES] = {
        /* begin, next, next_stopped, on_fail, undoes, makes_image, why */
        ROW(IDLE, none, IDLE, IDLE, IDLE, false, false, "no call is under way"),
        ROW(MAKE_FILES, make_files, MAKE_SPAWN, IDLE, IDLE, false, false, "slot, folder and disk, before the VMM"),
        ROW(MAKE_SPAWN, spawn, IDLE, IDLE, IDLE, false, false, "then it is bare"),
        ROW(LOAD_DISK, fill_disk, LOAD_STATE, IDLE, IDLE, false, false, "the guest finds the disk it left"),
        ROW(LOAD_STATE, load_state, IDLE, IDLE, IDLE, false, false, "a sleeper's image is left as it is"),
        ROW(WARM_RUN, run, WARM_AGENT, IDLE, IDLE, false, false, "what it does is done quicker the next time"),
        ROW(WARM_AGENT, warm, WARM_STOP, IDLE, IDLE, false, false, "its agent answers, and runs commands"),
        ROW(WARM_STOP, stop, IDLE, IDLE, IDLE, false, false, "nobody's guest stands still"),
        ROW(ADOPT_SLOT, open_slot, ADOPT_VM, IDLE, IDLE, false, false, "around a VM that lives"),
        ROW(ADOPT_VM, adopt, IDLE, ADOPT_RUN, IDLE, false, false, "stopped: in a pause that did not come to be"),
        ROW(ADOPT_RUN, run, IDLE, IDLE, IDLE, false, false, "it is billed as running, so it runs"),
        ROW(STRAY_SLOT, open_slot, STRAY_VM, IDLE, IDLE, false, false, "found to be killed"),
        ROW(STRAY_VM, adopt, IDLE, IDLE, IDLE, false, false, "what it does until then is nobody's"),
        ROW(HAND_POLICY, set_policy, HAND_RUN, IDLE, IDLE, false, false, "before the guest runs"),
        ROW(HAND_RUN, run, HAND_RESUME, IDLE, IDLE, false, false, "so that it can be told who it is"),
        ROW(HAND_RESUME, resume, IDLE, TELL_OPEN, IDLE, false, false, "then it is the client's"),
        ROW(ROUSE_RUN, run, IDLE, IDLE, IDLE, false, false, "a sleeper, cut off: whose it is stands in the journal"),
        ROW(TELL_RESUME, tell, TELL_OPEN, IDLE, IDLE, false, false, "it is there, and knows what time it is"),
        ROW(TELL_OPEN, open_tap, IDLE, IDLE, IDLE, false, false, "now it may be met"),
        ROW(SLEEP_PLACE, make_place, SLEEP_QUIESCE, IDLE, IDLE, false, true, "the guest has not noticed"),
        ROW(SLEEP_QUIESCE, quiesce, SLEEP_STOP, IDLE, SLEEP_STOP, false, true,
                "a guest that does not answer sleeps all the same: its memory is what counts"),
        ROW(SLEEP_STOP, stop, SLEEP_SAVE, IDLE, SLEEP_UNNAME, false, true, "it stands still while it is saved"),
        ROW(SLEEP_SAVE, save, SLEEP_KEEP, IDLE, SLEEP_UNNAME, false, true, "memory and device state"),
        ROW(SLEEP_KEEP, keep, SLEEP_LEAVE, IDLE, SLEEP_UNNAME, false, true, "disk and name: the image is whole"),
        ROW(SLEEP_LEAVE, leave, IDLE, IDLE, IDLE, false, true, "it is in its image: the VM goes"),
        ROW(SLEEP_UNNAME, unname, SLEEP_UNDO, IDLE, SLEEP_UNDO, true, true, "a whole image means that its VM is gone"),
        ROW(SLEEP_UNDO, run, SLEEP_CLEAN, IDLE, SLEEP_STUCK, true, true, "the guest runs on"),
        ROW(SLEEP_STUCK, stuck, IDLE, IDLE, IDLE, true, true, "it cannot: as good as dead"),
        ROW(SLEEP_CLEAN, clean, IDLE, IDLE, IDLE, true, true, "what was made of the image goes"),
        ROW(COPY_PLACE, make_place, COPY_STOP, IDLE, IDLE, false, true, "the guest has not noticed"),
        ROW(COPY_STOP, stop, COPY_SAVE, IDLE, SLEEP_UNDO, false, true, "memory and disk are those of one moment"),
        ROW(COPY_SAVE, save, COPY_DISK, IDLE, SLEEP_UNDO, false, true, "memory and device state"),
        ROW(COPY_DISK, copy_disk, COPY_RUN, IDLE, SLEEP_UNDO, false, true, "the guest will write to its own again"),
        ROW(COPY_RUN, run, IDLE, IDLE, SLEEP_STUCK, false, true, "it runs on; the copy gets its name elsewhere"),
};
#undef ROW

static void enter(dm_machine *m, phase next)
{
    m->at = next;
    m->large = dm_machine_phases[next].makes_image || (next == LOAD_DISK && m->sleeper_dir != NULL);
}

/* Begins a step, and goes on while steps are done at once or fail before they have begun. */
static void go(dm_machine *m, phase next)
{
    dm_err err = {0};
    enter(m, next);
    int r = dm_machine_phases[next].begin(m, &err);
    if (r == DM_STEP_DONE)
        step_done(m, 0, NULL);
    else if (r < 0)
        step_done(m, r, &err);
}

static void step_done(dm_machine *m, int r, const dm_err *err)
{
    const dm_phase_row *row = &dm_machine_phases[m->at];
    dm_err lost = {0};
    if (m->lost && r >= 0) {
        r = dm_fail(&lost, DM_E_UNAVAILABLE, "the VMM died");
        err = &lost;
    }
    if (r < 0 && !m->lost && row->undoes)
        dm_log_err(m->h->log, DM_WARN, "machine.leftovers", err);
    if (r < 0 && !row->undoes)
        m->undo_err = *err;
    if (r < 0 && !m->lost && row->on_fail != IDLE) {
        go(m, row->on_fail);
    } else if (r > 0 && row->next_stopped != IDLE) {
        go(m, row->next_stopped);
    } else if (r >= 0 && row->next != IDLE) {
        go(m, row->next);
    } else if (row->undoes && !m->lost) {
        finish(m, m->undo_err.code, &m->undo_err);
    } else {
        m->unsaid = r < 0 && row->makes_image;
        finish(m, r < 0 ? r : 0, err);
    }
}

static int machine_new(dm_host *h, const dm_machine_config *config, uint32_t slot_no, dm_machine **out, dm_err *err)
{
    dm_machine *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a machine");
    m->h = h;
    m->dies = -1;
    m->slot_no = slot_no;
    m->slot = &h->slots[slot_no].net;
    m->vcpus = config->vcpus;
    m->mem_mib = config->mem_mib;
    m->hurried = config->hurried;
    m->template_dir = dm_str_dup(dm_str_c(config->template_dir));
    int r = 0;
    if (m->template_dir == NULL)
        r = dm_fail(err, DM_E_NOMEM, "no memory for a machine");
    if (r == 0)
        r = dm_path(m->image_dir, sizeof(m->image_dir), err, "%s/" DM_TEMPLATE_IMAGE, config->template_dir);
    if (r == 0)
        r = dm_place_vm(&h->conf, slot_no, m->run_dir, err);
    if (r == 0)
        r = dm_place_disk(m->run_dir, m->disk, err);
    if (r < 0)
        machine_delete(m);
    else
        *out = m;
    return r;
}

static int start(dm_machine *m, phase first, dm_machine_done_fn done, void *arg, dm_err *err)
{
    if (m->at != IDLE)
        return dm_fail(err, DM_E_CONFLICT, "the machine is busy");
    if (m->lost)
        return dm_fail(err, DM_E_UNAVAILABLE, "the VMM died");
    m->done = done;
    m->done_arg = arg;
    m->unsaid = false;
    enter(m, first);
    int r = dm_machine_phases[first].begin(m, err);
    assert(r <= 0); /* no call begins with a step that is done at once */
    if (r < 0) {
        m->at = IDLE;
        m->done = NULL;
    }
    return r;
}

int dm_machine_make(
        dm_host *h, const dm_machine_config *config, dm_machine_done_fn done, void *arg, dm_machine **out, dm_err *err)
{
    int32_t slot = dm_host_slot_take(h);
    if (slot < 0)
        return dm_fail(err, DM_E_LIMIT, "all %u slots are taken", h->conf.slots);
    dm_machine *m = NULL;
    int r = machine_new(h, config, (uint32_t)slot, &m, err);
    if (r < 0) {
        dm_host_slot_give(h, (uint32_t)slot);
        return r;
    }
    m->policy = dm_policy_open();
    r = start(m, MAKE_FILES, done, arg, err);
    if (r < 0)
        dm_machine_free(m);
    else
        *out = m;
    return r;
}

void dm_machine_hurry(dm_machine *m)
{
    dm_host_group_weigh(m->h, m->slot_no, DM_GROUP_HURRY);
}

int dm_machine_load(dm_machine *m, const char *sleeper_dir, const dm_slot_policy *policy, dm_machine_done_fn done,
        void *arg, dm_err *err)
{
    if (sleeper_dir != NULL && (m->sleeper_dir = dm_str_dup(dm_str_c(sleeper_dir))) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a machine");
    m->others = sleeper_dir != NULL || dm_place_is_checkpoint(dm_place_template_name(m->template_dir));
    m->policy = *policy;
    return start(m, LOAD_DISK, done, arg, err);
}

int dm_machine_warm(dm_machine *m, unsigned rounds, dm_machine_done_fn done, void *arg, dm_err *err)
{
    m->rounds = rounds;
    return start(m, WARM_RUN, done, arg, err);
}

int dm_machine_adopt(dm_host *h, const dm_machine_config *config, uint32_t slot_no, const dm_slot_policy *policy,
        dm_machine_done_fn done, void *arg, dm_machine **out, dm_err *err)
{
    if (slot_no >= h->conf.slots || h->slots[slot_no].used)
        return dm_fail(err, DM_E_LIMIT, "slot %u is not to be had", slot_no);
    dm_machine *m = NULL;
    int r = machine_new(h, config, slot_no, &m, err);
    if (r < 0)
        return r;
    dm_host_slot_claim(h, slot_no);
    m->policy = *policy;
    r = start(m, ADOPT_SLOT, done, arg, err);
    if (r < 0)
        dm_machine_free(m);
    else
        *out = m;
    return r;
}

void dm_machine_own(dm_machine *m, const dm_machine_owner *owner)
{
    m->owner = *owner;
}

const char *dm_machine_template_dir(const dm_machine *m)
{
    return m->template_dir;
}

uint32_t dm_machine_slot(const dm_machine *m)
{
    return m->slot_no;
}

const char *dm_machine_address(const dm_machine *m)
{
    return m->slot->address;
}

int dm_machine_hand_out(dm_machine *m, const dm_guest_resume *resume, const dm_slot_policy *policy,
        dm_machine_done_fn done, void *arg, dm_err *err)
{
    m->resume = resume;
    m->policy = *policy;
    dm_machine_hurry(m);
    return start(m, dm_policy_eq(&m->slot->policy, policy) ? HAND_RUN : HAND_POLICY, done, arg, err);
}

int dm_machine_rouse(dm_machine *m, dm_machine_done_fn done, void *arg, dm_err *err)
{
    return start(m, ROUSE_RUN, done, arg, err);
}

int dm_machine_tell(dm_machine *m, const dm_guest_resume *resume_as, unsigned within_ms, dm_machine_done_fn done,
        void *arg, dm_err *err)
{
    m->resume = resume_as;
    m->answer_ms = within_ms;
    m->mute = false;
    return start(m, TELL_RESUME, done, arg, err);
}

bool dm_machine_mute(const dm_machine *m)
{
    return m->mute;
}

int dm_machine_sleep(dm_machine *m, const char *dir, dm_machine_done_fn done, void *arg, dm_err *err)
{
    int r = dm_path(m->dir, sizeof(m->dir), err, "%s", dir);
    if (r == 0)
        r = dm_path(m->dir_tmp, sizeof(m->dir_tmp), err, "%s" DM_PLACE_MAKING, dir);
    return r < 0 ? r : start(m, SLEEP_PLACE, done, arg, err);
}

int dm_machine_copy(dm_machine *m, const char *dir, dm_machine_done_fn done, void *arg, dm_err *err)
{
    int r = dm_path(m->dir_tmp, sizeof(m->dir_tmp), err, "%s", dir);
    m->dir[0] = '\0'; /* what it would be called is another's business */
    return r < 0 ? r : start(m, COPY_PLACE, done, arg, err);
}

bool dm_machine_lost(const dm_machine *m, dm_vm_event *how)
{
    if (m->lost)
        *how = m->how;
    return m->lost;
}

int dm_machine_stats_now(dm_machine *m, dm_machine_stats *out, dm_err *err)
{
    dm_machine_stats s = {0};
    dm_vm_stats v = {0};
    int r = dm_disk_units(m->disk, &s.disk_16mib, err);
    if (r == 0 && m->vm != NULL)
        r = m->h->driver->stats(m->vm, &v, err);
    if (r == 0)
        r = dm_slot_traffic(m->slot, &s.net_in, &s.net_out, err);
    if (r < 0)
        return r;
    s.cpu_us = v.cpu_us;
    s.private_kib = v.rss_private_kib;
    s.shared_kib = v.rss_shared_kib;
    *out = s;
    return 0;
}

int dm_machine_guest_stats(dm_machine *m, dm_agent_done_fn done, void *arg, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_simple(m->agent, "stats", QUIESCE_MS, done, arg, err);
}

int dm_machine_guest_port(dm_machine *m, uint16_t port, dm_agent_done_fn done, void *arg, dm_err *err)
{
    int r = connect_agent(m, err);
    return r < 0 ? r : dm_agent_port(m->agent, port, QUIESCE_MS, done, arg, err);
}

/* --- after a crash ------------------------------------------------------------------------------------------ */

static void swept(void *arg, int r, const dm_err *err)
{
    (void)r;
    (void)err;
    dm_machine_free(arg);
}

static void build_left(void *arg, const char *path)
{
    dm_going_take(arg, path);
}

void dm_machine_sweep(dm_host *h)
{
    dm_template_sweep(h->driver, &h->env, h->conf.templates_dir, build_left, h);
    static const dm_machine_config nobody = {.template_dir = "", .vcpus = 1, .mem_mib = 1};
    for (uint32_t no = 0; no < h->conf.slots; no++) {
        char path[PATH_MAX];
        struct stat st;
        dm_machine *m = NULL;
        dm_err err = {0};
        if (h->slots[no].used || dm_place_vm(&h->conf, no, path, &err) < 0 || stat(path, &st) < 0 ||
                machine_new(h, &nobody, no, &m, &err) < 0)
            continue;
        dm_host_slot_claim(h, no);
        if (start(m, STRAY_SLOT, swept, m, &err) < 0)
            dm_machine_free(m);
    }
}
