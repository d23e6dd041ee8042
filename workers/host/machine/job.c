/* The half of a machine that blocks: files, namespaces, fsync. What a job reads and writes of the machine, the loop
 * leaves alone until it is back. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "workers/host/machine/disk.h"
#include "workers/host/machine/parts.h"
#include "workers/host/machine/place.h"
#include "workers/vmm/sparse.h"
#include "workers/vmm/template.h"

static void job_run(dm_job *job)
{
    dm_machine *m = (void *)((char *)job - offsetof(dm_machine, job));
    m->job_err = (dm_err){0};
    m->job_r = m->job_fn(m, &m->job_err);
    dm_loop_post(m->h->loop, &m->back);
}

static void job_back(void *arg)
{
    dm_machine *m = arg;
    assert(m->job_running);
    m->job_running = false;
    m->job_then(m);
}

/* What is as large as a sleeper keeps nobody waiting who starts. */
static dm_exec *exec_of(const dm_machine *m)
{
    return m->large && m->h->env.images != NULL ? m->h->env.images : m->h->exec;
}

int dm_machine_job(dm_machine *m, dm_machine_job_fn fn, void (*then)(dm_machine *m), dm_err *err)
{
    assert(!m->job_running);
    m->job_fn = fn;
    m->job_then = then;
    m->job.fn = job_run;
    m->back = (dm_call){.fn = job_back, .arg = m};
    m->job_running = true;
    if (dm_exec_submit(exec_of(m), &m->job) == 0)
        return 0;
    m->job_running = false;
    return dm_fail(err, DM_E_LIMIT, "too much waits for the disk");
}

/* One that an earlier version left is its VMM's folder: from here on nobody but us makes names in it. */
static int take_back(const dm_machine *m, dm_err *err)
{
    DM_AUTO_FD fd = open(m->run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, 0700) < 0)
        return dm_fail_sys(err, errno, "take %s", m->run_dir);
    return 0;
}

int dm_machine_open_slot(dm_machine *m, dm_err *err)
{
    int r = take_back(m, err);
    return r < 0 ? r : dm_host_slot_ready(m->h, m->slot_no, &m->policy, true, err);
}

int dm_machine_set_policy(dm_machine *m, dm_err *err)
{
    return dm_host_slot_ready(m->h, m->slot_no, &m->policy, false, err);
}

static int template_disk(const dm_machine *m, char out[PATH_MAX], dm_err *err)
{
    return dm_path(out, PATH_MAX, err, "%s/%s", m->template_dir, DM_TEMPLATE_DISK);
}

int dm_machine_make_files(dm_machine *m, dm_err *err)
{
    char like[PATH_MAX];
    int r = dm_machine_set_policy(m, err);
    if (r == 0)
        r = dm_host_group_make(m->h, m->slot_no, m->mem_mib, m->hurried ? DM_GROUP_HURRY : m->vcpus, err);
    if (r == 0)
        r = dm_remove_tree(m->run_dir, err);
    if (r == 0)
        r = dm_mkdir_p(m->run_dir, 0700, err);
    if (r == 0)
        r = template_disk(m, like, err);
    return r == 0 ? dm_disk_blank(like, m->disk, err) : r;
}

int dm_machine_fill_disk(dm_machine *m, dm_err *err)
{
    char from[PATH_MAX];
    int r = m->sleeper_dir != NULL ? dm_place_disk(m->sleeper_dir, from, err) : template_disk(m, from, err);
    if (r == 0)
        r = dm_disk_fill(from, m->disk, err);
    if (r == 0)
        r = dm_machine_set_policy(m, err);
    return r == 0 && m->others ? dm_host_slot_tap(m->h, m->slot_no, false, err) : r;
}

int dm_machine_open_tap(dm_machine *m, dm_err *err)
{
    return dm_host_slot_tap(m->h, m->slot_no, true, err);
}

/* What is sealed is the folder's name in the sleepers' folder. */
static int split(const dm_machine *m, char root[PATH_MAX], const char **name, dm_err *err)
{
    const char *slash = strrchr(m->dir, '/');
    if (slash == NULL)
        return dm_fail(err, DM_E_INVALID, "%s is in no folder", m->dir);
    *name = slash + 1;
    return dm_str_to_array((dm_str){m->dir, (size_t)(slash - m->dir)}, root, PATH_MAX, err);
}

/* The disk joins memory and device state, then all of it gets its name: from there on the image is whole. A hard link,
 * so that the VM can go on with its disk if the last step fails. */
int dm_machine_keep_image(dm_machine *m, dm_err *err)
{
    char to[PATH_MAX], root[PATH_MAX];
    const char *name;
    dm_object about = {.kind = DM_OBJECT_SLEEPER, .made_us = dm_wall_us(m->h->clock)};
    int r = dm_place_disk(m->dir_tmp, to, err);
    if (r == 0)
        r = split(m, root, &name, err);
    if (r == 0)
        r = dm_str_to_array(dm_str_c(dm_place_template_name(m->template_dir)), about.parent, sizeof(about.parent), err);
    if (r == 0)
        r = dm_str_to_array((dm_str){name, strcspn(name, ".")}, about.of, sizeof(about.of), err);
    if (r < 0)
        return r;
    if (link(m->disk, to) < 0)
        return dm_fail_sys(err, errno, "link %s", to);
    return dm_object_seal(root, name, &about, false, err);
}

/* While the guest stands still: its disk as it is, beside its memory. */
int dm_machine_copy_disk(dm_machine *m, dm_err *err)
{
    char to[PATH_MAX];
    int r = dm_place_disk(m->dir_tmp, to, err);
    return r < 0 ? r : dm_sparse_copy(m->disk, to, false, err);
}

int dm_machine_make_place(dm_machine *m, dm_err *err)
{
    int r = dm_remove_tree(m->dir_tmp, err);
    return r == 0 ? dm_mkdir_p(m->dir_tmp, 0700, err) : r;
}

/* A whole image says that its VM is gone. Where one was made and could not be kept, it loses its name before the guest
 * runs on: to lose it takes no time, to remove it may. */
int dm_machine_unname(dm_machine *m, dm_err *err)
{
    char root[PATH_MAX];
    const char *name;
    int r = split(m, root, &name, err);
    return r < 0 ? r : dm_object_unseal(root, name, err);
}

int dm_machine_remove_place(dm_machine *m, dm_err *err)
{
    int r = dm_remove_tree(m->dir_tmp, err);
    return r == 0 && m->dir[0] != '\0' ? dm_remove_tree(m->dir, err) : r;
}

int dm_machine_remove_leftovers(dm_machine *m, dm_err *err)
{
    /* After the VM is gone: a request that had passed the door just before may have dialled meanwhile. */
    dm_host_slot_clean(m->h, m->slot_no);
    if (m->unsaid) {
        int r = dm_machine_remove_place(m, err);
        if (r < 0)
            return r;
    }
    return dm_remove_tree(m->run_dir, err);
}
