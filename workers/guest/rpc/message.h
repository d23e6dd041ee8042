/* workers/guest/rpc/message.h: the messages of process.Process and filesystem.Filesystem as plain structs, and one
 * table for each that says how its members are called and numbered on the wire. A codec walks the tables: JSON as E2B's
 * SDKs speak it, binary protobuf as Connect's own clients do. */
#ifndef DM_WORKERS_GUEST_RPC_MESSAGE_H
#define DM_WORKERS_GUEST_RPC_MESSAGE_H

#include <time.h>

#include "base/json.h"

#include "workers/guest/limits.h"

typedef struct dm_strs {
    const char **v;
    size_t n;
} dm_strs;

typedef struct dm_pair {
    const char *key, *value;
} dm_pair;

typedef struct dm_pairs {
    dm_pair *v;
    size_t n;
} dm_pairs;

typedef struct dm_list {
    void *v; /* structs of the field's sub-table */
    size_t n;
} dm_list;

enum dm_mtype {
    DM_M_STR,   /* const char *, never NULL once decoded */
    DM_M_BYTES, /* dm_str */
    DM_M_BOOL,  /* bool */
    DM_M_U32,   /* uint32_t */
    DM_M_SINT,  /* int32_t, zigzag in binary */
    DM_M_I64,   /* int64_t, a decimal string in JSON */
    DM_M_ENUM,  /* int32_t */
    DM_M_MSG,   /* the struct itself, inside this one */
    DM_M_LIST,  /* dm_list */
    DM_M_STRS,  /* dm_strs */
    DM_M_PAIRS, /* dm_pairs */
    DM_M_TIME,  /* struct timespec */
};

typedef struct dm_mname {
    int32_t value;
    const char *name;
} dm_mname;

typedef struct dm_mdesc dm_mdesc;

typedef struct dm_mfield {
    uint8_t no;
    uint8_t type;
    uint8_t oneof; /* members with the same number other than 0 exclude each other */
    const char *json, *snake;
    size_t offset;
    size_t has; /* offset of a bool; DM_M_PLAIN: no presence, zero is left out */
    const dm_mdesc *sub;
    const dm_mname *names; /* ended by a NULL name */
} dm_mfield;

#define DM_M_PLAIN ((size_t)-1)

struct dm_mdesc {
    size_t size;
    const dm_mfield *fields;
    size_t n;
};

/* Owns what a decoded struct points to. */
typedef struct dm_message {
    json_t *tree;
    struct dm_message_node *nodes;
} dm_message;

void dm_message_done(dm_message *m);
/* n zeroed bytes that live as long as m; NULL without memory. */
void *dm_message_alloc(dm_message *m, size_t n);

/* As nothing was said of it: zeroes, and "" for strings, those inside absent messages included. */
void dm_message_blank(const dm_mdesc *d, void *out);
/* Whether a field of msg is written at all. */
bool dm_message_has(const dm_mfield *f, const void *msg);

typedef struct dm_codec {
    const char *name;  /* as in application/NAME and application/connect+NAME */
    const char *empty; /* what no bytes in a stream stand for; NULL: they are a message, in a stream or not */
    /* Zeroes *out first. On failure m may hold memory: dm_message_done either way. */
    int (*decode)(const dm_mdesc *d, dm_str bytes, dm_message *m, void *out, dm_err *err);
    int (*encode)(const dm_mdesc *d, const void *msg, dm_buf *b, dm_err *err);
} dm_codec;

extern const dm_codec dm_codec_json, dm_codec_proto;

/* --- process ------------------------------------------------------------------------------------------------ */

typedef struct dm_m_size {
    uint32_t cols, rows;
} dm_m_size;

typedef struct dm_m_pty {
    bool has_size;
    dm_m_size size;
} dm_m_pty;

typedef struct dm_m_config {
    const char *cmd;
    dm_strs args;
    dm_pairs envs;
    bool has_cwd;
    const char *cwd;
} dm_m_config;

typedef struct dm_m_start {
    bool has_process, has_pty, has_tag, has_stdin;
    dm_m_config process;
    dm_m_pty pty;
    const char *tag;
    bool stdin_;
} dm_m_start;

typedef struct dm_m_selector {
    bool has_pid, has_tag;
    uint32_t pid;
    const char *tag;
} dm_m_selector;

typedef struct dm_m_select { /* ConnectRequest, CloseStdinRequest */
    bool has_process;
    dm_m_selector process;
} dm_m_select;

typedef struct dm_m_update {
    bool has_process, has_pty;
    dm_m_selector process;
    dm_m_pty pty;
} dm_m_update;

typedef struct dm_m_input {
    bool has_stdin, has_pty;
    dm_str stdin_, pty;
} dm_m_input;

typedef struct dm_m_send_input {
    bool has_process, has_input;
    dm_m_selector process;
    dm_m_input input;
} dm_m_send_input;

typedef struct dm_m_nothing {
    char unused;
} dm_m_nothing;

typedef struct dm_m_input_data {
    bool has_input;
    dm_m_input input;
} dm_m_input_data;

typedef struct dm_m_stream_input {
    bool has_start, has_data, has_keepalive;
    dm_m_select start;
    dm_m_input_data data;
    dm_m_nothing keepalive;
} dm_m_stream_input;

typedef struct dm_m_signal {
    bool has_process;
    dm_m_selector process;
    int32_t signal;
} dm_m_signal;

typedef struct dm_m_process {
    bool has_config, has_tag;
    dm_m_config config;
    uint32_t pid;
    const char *tag;
} dm_m_process;

typedef struct dm_m_list {
    dm_list processes; /* dm_m_process */
} dm_m_list;

typedef struct dm_m_event_start {
    uint32_t pid;
} dm_m_event_start;

typedef struct dm_m_event_data {
    bool has_stdout, has_stderr, has_pty;
    dm_str stdout_, stderr_, pty;
} dm_m_event_data;

typedef struct dm_m_event_end {
    int32_t exit_code;
    bool exited, has_error;
    const char *status, *error;
} dm_m_event_end;

typedef struct dm_m_process_event {
    bool has_start, has_data, has_end, has_keepalive;
    dm_m_event_start start;
    dm_m_event_data data;
    dm_m_event_end end;
    dm_m_nothing keepalive;
} dm_m_process_event;

typedef struct dm_m_event { /* StartResponse, ConnectResponse */
    bool has_event;
    dm_m_process_event event;
} dm_m_event;

extern const dm_mdesc dm_m_nothing_desc, dm_m_start_desc, dm_m_select_desc, dm_m_update_desc, dm_m_send_input_desc,
        dm_m_stream_input_desc, dm_m_signal_desc, dm_m_list_desc, dm_m_event_desc;

/* --- filesystem --------------------------------------------------------------------------------------------- */

enum { DM_FILE_UNSPECIFIED, DM_FILE_FILE, DM_FILE_DIRECTORY, DM_FILE_SYMLINK };
enum { DM_EVENT_UNSPECIFIED, DM_EVENT_CREATE, DM_EVENT_WRITE, DM_EVENT_REMOVE, DM_EVENT_RENAME, DM_EVENT_CHMOD };

typedef struct dm_m_path { /* StatRequest, MakeDirRequest, RemoveRequest */
    const char *path;
} dm_m_path;

typedef struct dm_m_move {
    const char *source, *destination;
} dm_m_move;

typedef struct dm_m_list_dir {
    const char *path;
    uint32_t depth;
} dm_m_list_dir;

typedef struct dm_m_watch { /* WatchDirRequest, CreateWatcherRequest */
    const char *path;
    bool recursive, include_entry, allow_network_mounts;
} dm_m_watch;

typedef struct dm_m_watcher { /* CreateWatcherResponse, GetWatcherEventsRequest, RemoveWatcherRequest */
    const char *watcher_id;
} dm_m_watcher;

typedef struct dm_m_entry {
    const char *name;
    int32_t type;
    const char *path;
    int64_t size;
    uint32_t mode;
    const char *permissions, *owner, *group;
    bool has_modified, has_target;
    struct timespec modified;
    const char *symlink_target;
    dm_pairs metadata;
    bool is_symlink;
} dm_m_entry;

typedef struct dm_m_entry_reply { /* StatResponse, MakeDirResponse, MoveResponse */
    bool has_entry;
    dm_m_entry entry;
} dm_m_entry_reply;

typedef struct dm_m_entries {
    dm_list entries; /* dm_m_entry */
} dm_m_entries;

typedef struct dm_m_fs_event {
    const char *name;
    int32_t type;
    bool has_entry;
    dm_m_entry entry;
} dm_m_fs_event;

typedef struct dm_m_watch_reply {
    bool has_start, has_filesystem, has_keepalive;
    dm_m_nothing start;
    dm_m_fs_event filesystem;
    dm_m_nothing keepalive;
} dm_m_watch_reply;

typedef struct dm_m_fs_events {
    dm_list events; /* dm_m_fs_event */
} dm_m_fs_events;

extern const dm_mdesc dm_m_path_desc, dm_m_move_desc, dm_m_list_dir_desc, dm_m_watch_desc, dm_m_watcher_desc,
        dm_m_entry_reply_desc, dm_m_entries_desc, dm_m_watch_reply_desc, dm_m_fs_events_desc;

#endif
