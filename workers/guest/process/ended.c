#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <sys/wait.h>

#include "workers/guest/process/oom.h"
#include "workers/guest/process/parts.h"

enum { SECOND_US = 1000000 };

static void drop_first(dm_procs *p)
{
    assert(p->ended_n > 0 && p->ended_n <= DM_ENDED_MAX);
    free(p->ended[p->ended_first].tag);
    p->ended_first = (p->ended_first + 1) % DM_ENDED_MAX;
    p->ended_n--;
}

static void expire(dm_procs *p)
{
    int64_t now = dm_mono_us(p->g->clock);
    while (p->ended_n > 0 && p->ended[p->ended_first].until_us <= now)
        drop_first(p);
}

void dm_ended_add(dm_procs *p, const dm_proc *proc)
{
    expire(p);
    if (p->ended_n == DM_ENDED_MAX)
        drop_first(p);
    dm_ended *e = &p->ended[(p->ended_first + p->ended_n) % DM_ENDED_MAX];
    *e = (dm_ended){
            .pid = (uint32_t)proc->pid,
            .tag = proc->tag != NULL ? dm_str_dup(dm_str_c(proc->tag)) : NULL,
            .end = proc->end,
            .until_us = dm_mono_us(p->g->clock) + (int64_t)DM_ENDED_KEPT_S * SECOND_US,
    };
    p->ended_n++;
}

const dm_ended *dm_ended_find(dm_procs *p, const dm_m_selector *sel)
{
    expire(p);
    for (size_t i = p->ended_n; i-- > 0;) { /* the newest first: a pid may have been used twice */
        const dm_ended *e = &p->ended[(p->ended_first + i) % DM_ENDED_MAX];
        if (sel->has_pid ? e->pid == sel->pid : e->tag != NULL && strcmp(e->tag, sel->tag) == 0)
            return e;
    }
    return NULL;
}

void dm_procs_forget_ended(dm_procs *p)
{
    while (p->ended_n > 0)
        drop_first(p);
}

/* The C library's words for a signal, which start with a capital where the kernel's do not. */
static void signal_words(int signal, char *out, size_t size)
{
    const char *words = sigdescr_np(signal);
    if (words == NULL)
        (void)snprintf(out, size, "signal: signal %d", signal);
    else
        (void)snprintf(out, size, "signal: %c%s", tolower((unsigned char)words[0]), words + 1);
    for (char *p = out; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
}

void dm_ended_event(const dm_proc_end *end, dm_end_words *words, dm_m_event *out)
{
    *out = (dm_m_event){.has_event = true};
    out->event.has_end = true;
    dm_m_event_end *e = &out->event.end;
    e->status = words->status;
    if (WIFEXITED(end->wstatus)) {
        e->exited = true;
        e->exit_code = WEXITSTATUS(end->wstatus);
        e->has_error = e->exit_code != 0;
        (void)snprintf(words->status, sizeof(words->status), "exit status %d", e->exit_code);
        e->error = words->status;
        return;
    }
    e->exit_code = -1;
    e->has_error = true;
    signal_words(WIFSIGNALED(end->wstatus) ? WTERMSIG(end->wstatus) : 0, words->status, sizeof(words->status));
    e->error = words->status;
    if (!end->oom)
        return;
    /* Only here: clients compare this string, and for every other end it must be the bare one. */
    char cure[256];
    dm_oom_cure(cure, sizeof(cure));
    (void)snprintf(words->error, sizeof(words->error), "%s: %s", words->status, cure);
    e->error = words->error;
}
