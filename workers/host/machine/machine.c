/* A machine is a row of steps, some on the loop (VMM and agent calls), some on the executor (files, namespaces). The
 * phase says which step is under way; step_done is told how it went and starts the next one. A machine that is freed
 * while a job of its runs is freed by that job's end. */
#include "workers/host/machine/machine.h"

#include <assert.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/host/machine/disk.h"
#include "workers/host/machine/parts.h"
#include "workers/host/machine/place.h"
#include "workers/vmm/template.h"

enum { AGENT_MS = 20000, QUIESCE_MS = 1000 };

static void step_done(dm_machine *m, int r, const dm_err *err);

/* --- life --------------------------------------------------------------------------------------------------- */

static void machine_delete(dm_machine *m)
{
    assert(m->vm == NULL && m->agent == NULL && !m->job_running);
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
    m->job_r = dm_machine_remove_leftovers(m, &m->job_err); /* the executor is full: rather late than never */
    cleaned(m);
}

static void job_done(dm_machine *m)
{
    if (m->freed)
        clean_up(m);
    else
        step_done(m, m->job_r, &m->job_err);
}

void dm_machine_free(dm_machine *m)
{
    if (m == NULL)
        return;
    assert(!m->freed);
    m->freed = true;
    m->h->slots_leaving++;
    dm_agent_free(m->agent);
    m->agent = NULL;
    if (m->vm != NULL)
        m->h->driver->destroy(m->vm);
    m->vm = NULL;
    if (!m->job_running)
        clean_up(m);
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
    };
}

/* Starts the step that belongs to a phase. */
static int enter(dm_machine *m, phase next, dm_err *err)
{
    const dm_vmm_driver *d = m->h->driver;
    dm_vm_config c;
    m->at = next;
    switch (next) {
    case IDLE:
        return 0;
    case MAKE_FILES:
        return dm_machine_job(m, dm_machine_make_files, job_done, err);
    case MAKE_SPAWN:
        config_of(m, &c);
        return d->spawn(&m->h->env, &c, vm_step, vm_gone, m, &m->vm, err);
    case LOAD_DISK:
        return dm_machine_job(m, dm_machine_fill_disk, job_done, err);
    case LOAD_STATE:
        return d->load(m->vm, m->sleeper_dir, vm_step, m, err);
    case WARM_RUN:
    case ADOPT_RUN:
    case HAND_RUN:
    case SLEEP_UNDO:
        return d->run(m->vm, vm_step, m, err);
    case WARM_AGENT: {
        int r = connect_agent(m, err);
        return r < 0 ? r : dm_agent_warm(m->agent, m->rounds, AGENT_MS, agent_step, m, err);
    }
    case WARM_STOP:
    case SLEEP_STOP:
        return d->stop(m->vm, vm_step, m, err);
    case ADOPT_SLOT:
        return dm_machine_job(m, dm_machine_open_slot, job_done, err);
    case ADOPT_VM:
        config_of(m, &c);
        return d->adopt(&m->h->env, &c, vm_step, vm_gone, m, &m->vm, err);
    case HAND_POLICY:
        return dm_machine_job(m, dm_machine_set_policy, job_done, err);
    case HAND_RESUME: {
        int r = connect_agent(m, err);
        return r < 0 ? r : dm_agent_resume(m->agent, m->resume, AGENT_MS, agent_step, m, err);
    }
    case SLEEP_QUIESCE: {
        int r = connect_agent(m, err);
        return r < 0 ? r : dm_agent_simple(m->agent, "quiesce", QUIESCE_MS, agent_step, m, err);
    }
    case SLEEP_SAVE:
        return d->save(m->vm, DM_SAVE_DELTA, m->dir_tmp, vm_step, m, err);
    case SLEEP_KEEP:
        return dm_machine_job(m, dm_machine_keep_image, job_done, err);
    }
    return dm_fail(err, DM_E_INTERNAL, "no such phase");
}

static void go(dm_machine *m, phase next)
{
    dm_err err = {0};
    int r = enter(m, next, &err);
    if (r < 0)
        step_done(m, r, &err);
}

/* A step of falling asleep failed while the VM lives: the guest runs on, and its image goes, also a whole one that
 * could not be made durable: where one is, its VM is gone. */
static void undo_sleep(dm_machine *m, const dm_err *err)
{
    m->undo_err = *err;
    dm_err ignored = {0};
    if (dm_remove_tree(m->dir_tmp, &ignored) < 0 || dm_remove_tree(m->dir, &ignored) < 0)
        dm_log_err(m->h->log, DM_WARN, "machine.leftovers", &ignored);
    go(m, SLEEP_UNDO);
}

static void failed(dm_machine *m, int r, const dm_err *err)
{
    if (!m->lost && (m->at == SLEEP_STOP || m->at == SLEEP_SAVE || m->at == SLEEP_KEEP)) {
        undo_sleep(m, err);
        return;
    }
    /* A guest that stands still and cannot be made to run again is as good as dead, and must not be billed as running.
     */
    if (!m->lost && m->at == SLEEP_UNDO) {
        DM_LOG(m->h->log, DM_ERROR, "machine.stands_still", dm_fu("slot", m->slot_no), dm_fs("why", err->msg));
        m->lost = true;
        m->how = (dm_vm_event){.end = DM_VM_KILLED_BY_US};
    }
    finish(m, r, err);
}

static void step_done(dm_machine *m, int r, const dm_err *err)
{
    dm_err lost = {0};
    if (m->lost && r >= 0) {
        r = dm_fail(&lost, DM_E_UNAVAILABLE, "the VMM died");
        err = &lost;
    }
    /* A guest that does not answer is put to sleep all the same: its memory is what counts. */
    if (r < 0 && m->at == SLEEP_QUIESCE && !m->lost)
        r = 0;
    if (r < 0) {
        failed(m, r, err);
        return;
    }
    switch (m->at) {
    case IDLE:
        break;
    case MAKE_FILES:
        go(m, MAKE_SPAWN);
        break;
    case LOAD_DISK:
        go(m, LOAD_STATE);
        break;
    case WARM_RUN:
        go(m, WARM_AGENT);
        break;
    case WARM_AGENT:
        go(m, WARM_STOP);
        break;
    case MAKE_SPAWN:
    case LOAD_STATE:
    case WARM_STOP:
        finish(m, 0, NULL);
        break;
    case ADOPT_SLOT:
        go(m, ADOPT_VM);
        break;
    case ADOPT_VM: /* 1: it was stopped, in the middle of a pause that did not come to be */
        if (r > 0 && !m->stray)
            go(m, ADOPT_RUN);
        else
            finish(m, 0, NULL);
        break;
    case HAND_POLICY:
        go(m, HAND_RUN);
        break;
    case HAND_RUN:
        go(m, HAND_RESUME);
        break;
    case ADOPT_RUN:
    case HAND_RESUME:
        finish(m, 0, NULL);
        break;
    case SLEEP_QUIESCE:
        go(m, SLEEP_STOP);
        break;
    case SLEEP_STOP:
        go(m, SLEEP_SAVE);
        break;
    case SLEEP_SAVE:
        go(m, SLEEP_KEEP);
        break;
    case SLEEP_KEEP:
        dm_agent_free(m->agent);
        m->agent = NULL;
        m->h->driver->destroy(m->vm);
        m->vm = NULL;
        finish(m, 0, NULL);
        break;
    case SLEEP_UNDO:
        finish(m, m->undo_err.code, &m->undo_err);
        break;
    }
}

static int machine_new(dm_host *h, const dm_machine_config *config, uint32_t slot_no, dm_machine **out, dm_err *err)
{
    dm_machine *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a machine");
    m->h = h;
    m->slot_no = slot_no;
    m->slot = &h->slots[slot_no].net;
    m->vcpus = config->vcpus;
    m->mem_mib = config->mem_mib;
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
    int r = enter(m, first, err);
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

int dm_machine_load(dm_machine *m, const char *sleeper_dir, const dm_slot_policy *policy, dm_machine_done_fn done,
        void *arg, dm_err *err)
{
    if (sleeper_dir != NULL && (m->sleeper_dir = dm_str_dup(dm_str_c(sleeper_dir))) == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a machine");
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
    return start(m, dm_policy_eq(&m->slot->policy, policy) ? HAND_RUN : HAND_POLICY, done, arg, err);
}

int dm_machine_sleep(dm_machine *m, const char *dir, dm_machine_done_fn done, void *arg, dm_err *err)
{
    int r = dm_path(m->dir, sizeof(m->dir), err, "%s", dir);
    if (r == 0)
        r = dm_path(m->dir_tmp, sizeof(m->dir_tmp), err, "%s" DM_PLACE_MAKING, dir);
    if (r == 0)
        r = dm_remove_tree(m->dir_tmp, err);
    if (r == 0)
        r = dm_mkdir_p(m->dir_tmp, 0700, err);
    if (r == 0)
        r = dm_machine_own_by_vmm(m, m->dir_tmp, err);
    return r < 0 ? r : start(m, SLEEP_QUIESCE, done, arg, err);
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

void dm_machine_sweep(dm_host *h)
{
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
        m->stray = true;
        if (start(m, ADOPT_SLOT, swept, m, &err) < 0)
            dm_machine_free(m);
    }
}
