#include "api/life/fork.h"

#include <stdio.h>

#include "base/exec.h"
#include "base/parse.h"

enum { ENV_TEXT_MAX = 128 << 10, NAME_BYTES = 16 };

/* --- the parent --------------------------------------------------------------------------------------------- */

/* Whether it can be forked as its row is now. */
static int find(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_err *err)
{
    int r = dm_api_find(api, caller, id, one, err);
    if (r != 0)
        return r < 0 ? r : DM_FORK_NONE;
    switch (one->s.state) {
    case DM_SANDBOX_RUNNING:
        return 0;
    case DM_SANDBOX_PAUSING:
    case DM_SANDBOX_PAUSED:
        return DM_FORK_ASLEEP;
    case DM_SANDBOX_RESUMING:
        return DM_FORK_BUSY;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    return DM_FORK_NONE;
}

static int open_env(dm_api *api, dm_fork *f, dm_err *err)
{
    const dm_sandbox *p = &f->parent.s;
    DM_AUTO_BUF plain;
    dm_buf_init(&plain, ENV_TEXT_MAX);
    int r = p->env_sealed.p != NULL ? dm_secret_open(api->master, "env", &p->id, p->env_sealed, &plain, err)
                                    : dm_buf_c(&plain, "{}");
    if (r == 0 && (f->env = dm_str_dup(dm_buf_view(&plain))) == NULL)
        r = dm_fail(err, DM_E_NOMEM, "the environment of a fork");
    if (plain.p != NULL)
        explicit_bzero(plain.p, plain.len);
    return r;
}

static int prepare(dm_api *api, size_t n, int64_t timeout_s, dm_fork *f, dm_err *err)
{
    const dm_sandbox *p = &f->parent.s;
    uint8_t random[NAME_BYTES];
    char hex[2 * NAME_BYTES + 1];
    int r = dm_random(random, sizeof random, err);
    if (r == 0)
        r = open_env(api, f, err);
    if (r < 0)
        return r;
    dm_hex(random, sizeof random, hex);
    (void)snprintf(f->checkpoint, sizeof f->checkpoint, "cp-%s", hex);
    f->children = calloc(n, sizeof *f->children);
    if (f->children == NULL)
        return dm_fail(err, DM_E_NOMEM, "a fork");
    f->n = n;
    f->args = (dm_start_args){.parent = p,
            .checkpoint = f->checkpoint,
            .timeout_s = timeout_s,
            .idle_s = p->idle_s,
            .secure = p->secure,
            .pause_on_timeout = p->pause_on_timeout,
            .auto_resume = p->auto_resume,
            .allow_internet = p->allow_internet,
            .metadata = p->metadata.p, /* texts of a row end in a NUL */
            .network = p->network.p,
            .env = f->env};
    return 0;
}

/* --- the checkpoint ----------------------------------------------------------------------------------------- */

static int copy(dm_api *api, dm_fork *f, dm_err *err)
{
    const dm_sandbox *p = &f->parent.s;
    const dm_wk_copy order = {.epoch = p->epoch,
            .name = f->checkpoint,
            .kept = false,
            .hold_s = DM_FORK_HOLD_S + (int64_t)f->n * DM_FORK_HOLD_EACH_S};
    dm_wk_copied copied = {0};
    int r = dm_dispatch_copy(api->dispatch, p->worker, &p->id, &order, &copied, &f->no, err);
    dm_wk_copied_done(&copied);
    if (r == DM_DISPATCH_REFUSED && f->no.status == 404)
        return DM_FORK_NONE;
    if (r == DM_DISPATCH_REFUSED) /* 409: it has moved on, and its row will say so in a moment */
        return f->no.status == 409 ? DM_FORK_BUSY : DM_FORK_REFUSED;
    if (r < 0)
        return dm_dispatch_unheard(r) ? DM_FORK_AWAY : DM_FORK_SLOW;
    return 0;
}

/* --- the children ------------------------------------------------------------------------------------------- */

typedef struct birth {
    dm_job job; /* first */
    dm_starting *starting;
    dm_fork_child *child;
} birth;

static void born(dm_job *job)
{
    birth *b = (birth *)(void *)job;
    b->child->r = dm_start_go(dm_steal(&b->starting), &b->child->err);
}

/* Several at a time: each waits for its guest. What finds no thread is done here. */
static void order_all(birth *births, size_t n)
{
    dm_exec *exec = NULL;
    size_t threads = n < DM_FORK_AT_ONCE ? n : DM_FORK_AT_ONCE;
    if (n > 1 && dm_exec_new((unsigned)threads, DM_FORK_MAX, &exec, NULL) < 0)
        exec = NULL;
    for (size_t i = 0; i < n; i++) {
        births[i].job.fn = born;
        if (exec == NULL || dm_exec_submit(exec, &births[i].job) != 0)
            born(&births[i].job);
    }
    dm_exec_free(exec);
}

static void undo_all(birth *births, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dm_err ignored = {0};
        if (births[i].starting != NULL)
            births[i].child->r =
                    dm_start_undo(dm_steal(&births[i].starting), "its parent could not be copied", &ignored);
    }
}

int dm_fork_one(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, size_t n, int64_t timeout_s,
        dm_fork *out, dm_err *err)
{
    size_t begun = 0;
    int r = find(api, caller, id, &out->parent, err);
    if (r == 0)
        r = prepare(api, n, timeout_s, out, err);
    if (r != 0)
        return r;
    DM_AUTO_MEM birth *births = calloc(n, sizeof *births);
    if (births == NULL)
        return dm_fail(err, DM_E_NOMEM, "a fork");
    for (size_t i = 0; i < n; i++) {
        dm_fork_child *child = &out->children[i];
        birth *b = &births[begun];
        child->r = dm_start_begin(api, caller, &out->args, &child->start, &b->starting, &child->err);
        if (child->r == 0) {
            b->child = child;
            begun++;
        }
    }
    if (begun == 0) /* each has its own no */
        return 0;
    r = copy(api, out, err);
    if (r != 0) {
        undo_all(births, begun);
        return r;
    }
    order_all(births, begun);
    return 0;
}

void dm_fork_done(dm_fork *f)
{
    for (size_t i = 0; i < f->n; i++)
        dm_start_done(&f->children[i].start);
    free(f->children);
    if (f->env != NULL)
        explicit_bzero(f->env, strlen(f->env));
    free(f->env);
    dm_sandbox_one_done(&f->parent);
    *f = (dm_fork){.n = 0};
}
