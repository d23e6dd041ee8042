/* workers/guest/process/parts.h: what process.c, input.c and ended.c share. Nobody else includes it. */
#ifndef DM_WORKERS_GUEST_PROCESS_PARTS_H
#define DM_WORKERS_GUEST_PROCESS_PARTS_H

#include "workers/guest/process/process.h"
#include "workers/guest/process/spawn.h"

enum { DM_PROC_BUCKETS = 1024 };

typedef struct dm_input {
    struct dm_input *next;
    dm_rpc *c; /* NULL: forgotten, yet bytes of it may be under way */
    dm_input_done done;
    dm_buf rest;
    size_t at;
} dm_input;

typedef struct dm_listener {
    struct dm_listener *next;
    dm_rpc *c;
} dm_listener;

/* How a process ended, as it is told. */
typedef struct dm_proc_end {
    int wstatus;
    bool oom; /* the kernel killed it for memory */
} dm_proc_end;

typedef struct dm_output {
    dm_proc *proc;
    int fd;
    dm_watch *watch;
} dm_output;

struct dm_proc {
    dm_procs *procs;
    dm_proc *next; /* in its bucket */
    pid_t pid;
    dm_message message; /* owns the strings of config and tag */
    dm_m_config config;
    const char *tag; /* NULL: none */
    bool pty;
    bool exited;
    bool hurry;   /* told to end by us: its end will not wait for the pipes' end */
    bool cut;     /* it has ended so: an empty pipe is a finished one */
    bool stalled; /* a listener is full */
    bool close_input;
    int in; /* -1: none or closed */
    dm_watch *in_watch;
    dm_input *inputs, **inputs_end;
    unsigned inputs_n;
    dm_output out[2];
    dm_listener *listeners;
    unsigned listeners_n;
    dm_rpc *owner; /* Start's call while it is there */
    dm_timer *limit;
    dm_proc_end end;
};

typedef struct dm_ended {
    uint32_t pid;
    char *tag;
    dm_proc_end end;
    int64_t until_us;
} dm_ended;

struct dm_procs {
    dm_guest *g;
    dm_spawner *spawner;
    int null_fd;
    unsigned n;
    dm_proc *buckets[DM_PROC_BUCKETS];
    int64_t active_us;
    char *chunk;                  /* what a read fills */
    dm_ended ended[DM_ENDED_MAX]; /* a ring */
    size_t ended_first, ended_n;
    const char *path; /* the agent's PATH */
};

/* input.c */
void dm_input_drop_all(dm_proc *proc, int sys);

/* ended.c */
void dm_ended_add(dm_procs *p, const dm_proc *proc);
const dm_ended *dm_ended_find(dm_procs *p, const dm_m_selector *sel);
typedef struct dm_end_words {
    char status[128], error[512];
} dm_end_words;

/* The words and numbers of an end event; words is the caller's storage for them. */
void dm_ended_event(const dm_proc_end *end, dm_end_words *words, dm_m_event *out);

#endif
