#include "workers/guest/rpc/message.h"

struct dm_message_node {
    struct dm_message_node *next;
    max_align_t bytes[];
};

void *dm_message_alloc(dm_message *m, size_t n)
{
    size_t size;
    if (__builtin_add_overflow(n, sizeof(struct dm_message_node), &size))
        return NULL;
    struct dm_message_node *node = calloc(1, size);
    if (node == NULL)
        return NULL;
    node->next = m->nodes;
    m->nodes = node;
    return node->bytes;
}

void dm_message_done(dm_message *m)
{
    while (m->nodes != NULL) {
        struct dm_message_node *node = m->nodes;
        m->nodes = node->next;
        free(node);
    }
    json_decref(m->tree);
    m->tree = NULL;
}

void dm_message_blank(const dm_mdesc *d, void *out)
{
    memset(out, 0, d->size);
    for (size_t i = 0; i < d->n; i++) {
        const dm_mfield *f = &d->fields[i];
        void *at = (char *)out + f->offset;
        if (f->type == DM_M_STR)
            *(const char **)at = "";
        else if (f->type == DM_M_MSG)
            dm_message_blank(f->sub, at);
    }
}

static bool is_zero(const dm_mfield *f, const void *from)
{
    const char *z;
    switch ((enum dm_mtype)f->type) {
    case DM_M_STR:
        z = *(const char *const *)from;
        return z == NULL || z[0] == '\0';
    case DM_M_BYTES:
        return ((const dm_str *)from)->n == 0;
    case DM_M_BOOL:
        return !*(const bool *)from;
    case DM_M_U32:
        return *(const uint32_t *)from == 0;
    case DM_M_SINT:
    case DM_M_ENUM:
        return *(const int32_t *)from == 0;
    case DM_M_I64:
        return *(const int64_t *)from == 0;
    case DM_M_LIST:
        return ((const dm_list *)from)->n == 0;
    case DM_M_STRS:
        return ((const dm_strs *)from)->n == 0;
    case DM_M_PAIRS:
        return ((const dm_pairs *)from)->n == 0;
    case DM_M_MSG:
    case DM_M_TIME:
        return false;
    }
    return false;
}

bool dm_message_has(const dm_mfield *f, const void *msg)
{
    const char *at = msg;
    return f->has != DM_M_PLAIN ? *(const bool *)(at + f->has) : !is_zero(f, at + f->offset);
}

/* --- the tables --------------------------------------------------------------------------------------------- */

#define PLAIN(T, number, kind, member, camel, under)                                                                   \
    {                                                                                                                  \
        .no = number, .type = kind, .json = camel, .snake = under, .offset = offsetof(T, member), .has = DM_M_PLAIN    \
    }
#define OPT(T, number, kind, member, has_member, camel, under)                                                         \
    {                                                                                                                  \
        .no = number, .type = kind, .json = camel, .snake = under, .offset = offsetof(T, member),                      \
        .has = offsetof(T, has_member)                                                                                 \
    }
#define ONE(T, number, kind, member, has_member, camel, under)                                                         \
    {                                                                                                                  \
        .no = number, .type = kind, .oneof = 1, .json = camel, .snake = under, .offset = offsetof(T, member),          \
        .has = offsetof(T, has_member)                                                                                 \
    }
#define MSG(T, number, member, has_member, camel, under, table)                                                        \
    {                                                                                                                  \
        .no = number, .type = DM_M_MSG, .json = camel, .snake = under, .offset = offsetof(T, member),                  \
        .has = offsetof(T, has_member), .sub = &table                                                                  \
    }
#define ONEMSG(T, number, member, has_member, camel, under, table)                                                     \
    {                                                                                                                  \
        .no = number, .type = DM_M_MSG, .oneof = 1, .json = camel, .snake = under, .offset = offsetof(T, member),      \
        .has = offsetof(T, has_member), .sub = &table                                                                  \
    }
#define LIST(T, number, member, camel, under, table)                                                                   \
    {                                                                                                                  \
        .no = number, .type = DM_M_LIST, .json = camel, .snake = under, .offset = offsetof(T, member),                 \
        .has = DM_M_PLAIN, .sub = &table                                                                               \
    }
#define ENUM(T, number, member, camel, under, table)                                                                   \
    {                                                                                                                  \
        .no = number, .type = DM_M_ENUM, .json = camel, .snake = under, .offset = offsetof(T, member),                 \
        .has = DM_M_PLAIN, .names = table                                                                              \
    }
#define DESC(T, table)                                                                                                 \
    {                                                                                                                  \
        sizeof(T), table, DM_LEN(table)                                                                                \
    }

const dm_mdesc dm_m_nothing_desc = {sizeof(dm_m_nothing), NULL, 0};

static const dm_mfield size_fields[] = {
        PLAIN(dm_m_size, 1, DM_M_U32, cols, "cols", "cols"),
        PLAIN(dm_m_size, 2, DM_M_U32, rows, "rows", "rows"),
};
static const dm_mdesc size_desc = DESC(dm_m_size, size_fields);

static const dm_mfield pty_fields[] = {MSG(dm_m_pty, 1, size, has_size, "size", "size", size_desc)};
static const dm_mdesc pty_desc = DESC(dm_m_pty, pty_fields);

static const dm_mfield config_fields[] = {
        PLAIN(dm_m_config, 1, DM_M_STR, cmd, "cmd", "cmd"),
        PLAIN(dm_m_config, 2, DM_M_STRS, args, "args", "args"),
        PLAIN(dm_m_config, 3, DM_M_PAIRS, envs, "envs", "envs"),
        OPT(dm_m_config, 4, DM_M_STR, cwd, has_cwd, "cwd", "cwd"),
};
static const dm_mdesc config_desc = DESC(dm_m_config, config_fields);

static const dm_mfield start_fields[] = {
        MSG(dm_m_start, 1, process, has_process, "process", "process", config_desc),
        MSG(dm_m_start, 2, pty, has_pty, "pty", "pty", pty_desc),
        OPT(dm_m_start, 3, DM_M_STR, tag, has_tag, "tag", "tag"),
        OPT(dm_m_start, 4, DM_M_BOOL, stdin_, has_stdin, "stdin", "stdin"),
};
const dm_mdesc dm_m_start_desc = DESC(dm_m_start, start_fields);

static const dm_mfield selector_fields[] = {
        ONE(dm_m_selector, 1, DM_M_U32, pid, has_pid, "pid", "pid"),
        ONE(dm_m_selector, 2, DM_M_STR, tag, has_tag, "tag", "tag"),
};
static const dm_mdesc selector_desc = DESC(dm_m_selector, selector_fields);

static const dm_mfield select_fields[] = {
        MSG(dm_m_select, 1, process, has_process, "process", "process", selector_desc),
};
const dm_mdesc dm_m_select_desc = DESC(dm_m_select, select_fields);

static const dm_mfield update_fields[] = {
        MSG(dm_m_update, 1, process, has_process, "process", "process", selector_desc),
        MSG(dm_m_update, 2, pty, has_pty, "pty", "pty", pty_desc),
};
const dm_mdesc dm_m_update_desc = DESC(dm_m_update, update_fields);

static const dm_mfield input_fields[] = {
        ONE(dm_m_input, 1, DM_M_BYTES, stdin_, has_stdin, "stdin", "stdin"),
        ONE(dm_m_input, 2, DM_M_BYTES, pty, has_pty, "pty", "pty"),
};
static const dm_mdesc input_desc = DESC(dm_m_input, input_fields);

static const dm_mfield send_input_fields[] = {
        MSG(dm_m_send_input, 1, process, has_process, "process", "process", selector_desc),
        MSG(dm_m_send_input, 2, input, has_input, "input", "input", input_desc),
};
const dm_mdesc dm_m_send_input_desc = DESC(dm_m_send_input, send_input_fields);

static const dm_mfield input_data_fields[] = {
        MSG(dm_m_input_data, 2, input, has_input, "input", "input", input_desc),
};
static const dm_mdesc input_data_desc = DESC(dm_m_input_data, input_data_fields);

static const dm_mfield stream_input_fields[] = {
        ONEMSG(dm_m_stream_input, 1, start, has_start, "start", "start", dm_m_select_desc),
        ONEMSG(dm_m_stream_input, 2, data, has_data, "data", "data", input_data_desc),
        ONEMSG(dm_m_stream_input, 3, keepalive, has_keepalive, "keepalive", "keepalive", dm_m_nothing_desc),
};
const dm_mdesc dm_m_stream_input_desc = DESC(dm_m_stream_input, stream_input_fields);

static const dm_mname signal_names[] = {
        {0, "SIGNAL_UNSPECIFIED"}, {9, "SIGNAL_SIGKILL"}, {15, "SIGNAL_SIGTERM"}, {0, NULL}};

static const dm_mfield signal_fields[] = {
        MSG(dm_m_signal, 1, process, has_process, "process", "process", selector_desc),
        ENUM(dm_m_signal, 2, signal, "signal", "signal", signal_names),
};
const dm_mdesc dm_m_signal_desc = DESC(dm_m_signal, signal_fields);

static const dm_mfield process_fields[] = {
        MSG(dm_m_process, 1, config, has_config, "config", "config", config_desc),
        PLAIN(dm_m_process, 2, DM_M_U32, pid, "pid", "pid"),
        OPT(dm_m_process, 3, DM_M_STR, tag, has_tag, "tag", "tag"),
};
static const dm_mdesc process_desc = DESC(dm_m_process, process_fields);

static const dm_mfield list_fields[] = {LIST(dm_m_list, 1, processes, "processes", "processes", process_desc)};
const dm_mdesc dm_m_list_desc = DESC(dm_m_list, list_fields);

static const dm_mfield event_start_fields[] = {PLAIN(dm_m_event_start, 1, DM_M_U32, pid, "pid", "pid")};
static const dm_mdesc event_start_desc = DESC(dm_m_event_start, event_start_fields);

static const dm_mfield event_data_fields[] = {
        ONE(dm_m_event_data, 1, DM_M_BYTES, stdout_, has_stdout, "stdout", "stdout"),
        ONE(dm_m_event_data, 2, DM_M_BYTES, stderr_, has_stderr, "stderr", "stderr"),
        ONE(dm_m_event_data, 3, DM_M_BYTES, pty, has_pty, "pty", "pty"),
};
static const dm_mdesc event_data_desc = DESC(dm_m_event_data, event_data_fields);

static const dm_mfield event_end_fields[] = {
        PLAIN(dm_m_event_end, 1, DM_M_SINT, exit_code, "exitCode", "exit_code"),
        PLAIN(dm_m_event_end, 2, DM_M_BOOL, exited, "exited", "exited"),
        PLAIN(dm_m_event_end, 3, DM_M_STR, status, "status", "status"),
        OPT(dm_m_event_end, 4, DM_M_STR, error, has_error, "error", "error"),
};
static const dm_mdesc event_end_desc = DESC(dm_m_event_end, event_end_fields);

static const dm_mfield process_event_fields[] = {
        ONEMSG(dm_m_process_event, 1, start, has_start, "start", "start", event_start_desc),
        ONEMSG(dm_m_process_event, 2, data, has_data, "data", "data", event_data_desc),
        ONEMSG(dm_m_process_event, 3, end, has_end, "end", "end", event_end_desc),
        ONEMSG(dm_m_process_event, 4, keepalive, has_keepalive, "keepalive", "keepalive", dm_m_nothing_desc),
};
static const dm_mdesc process_event_desc = DESC(dm_m_process_event, process_event_fields);

static const dm_mfield event_fields[] = {MSG(dm_m_event, 1, event, has_event, "event", "event", process_event_desc)};
const dm_mdesc dm_m_event_desc = DESC(dm_m_event, event_fields);

/* --- filesystem --------------------------------------------------------------------------------------------- */

static const dm_mfield path_fields[] = {PLAIN(dm_m_path, 1, DM_M_STR, path, "path", "path")};
const dm_mdesc dm_m_path_desc = DESC(dm_m_path, path_fields);

static const dm_mfield move_fields[] = {
        PLAIN(dm_m_move, 1, DM_M_STR, source, "source", "source"),
        PLAIN(dm_m_move, 2, DM_M_STR, destination, "destination", "destination"),
};
const dm_mdesc dm_m_move_desc = DESC(dm_m_move, move_fields);

static const dm_mfield list_dir_fields[] = {
        PLAIN(dm_m_list_dir, 1, DM_M_STR, path, "path", "path"),
        PLAIN(dm_m_list_dir, 2, DM_M_U32, depth, "depth", "depth"),
};
const dm_mdesc dm_m_list_dir_desc = DESC(dm_m_list_dir, list_dir_fields);

static const dm_mfield watch_fields[] = {
        PLAIN(dm_m_watch, 1, DM_M_STR, path, "path", "path"),
        PLAIN(dm_m_watch, 2, DM_M_BOOL, recursive, "recursive", "recursive"),
        PLAIN(dm_m_watch, 3, DM_M_BOOL, include_entry, "includeEntry", "include_entry"),
        PLAIN(dm_m_watch, 4, DM_M_BOOL, allow_network_mounts, "allowNetworkMounts", "allow_network_mounts"),
};
const dm_mdesc dm_m_watch_desc = DESC(dm_m_watch, watch_fields);

static const dm_mfield watcher_fields[] = {
        PLAIN(dm_m_watcher, 1, DM_M_STR, watcher_id, "watcherId", "watcher_id"),
};
const dm_mdesc dm_m_watcher_desc = DESC(dm_m_watcher, watcher_fields);

static const dm_mname file_types[] = {{0, "FILE_TYPE_UNSPECIFIED"}, {1, "FILE_TYPE_FILE"}, {2, "FILE_TYPE_DIRECTORY"},
        {3, "FILE_TYPE_SYMLINK"}, {0, NULL}};
static const dm_mname event_types[] = {{0, "EVENT_TYPE_UNSPECIFIED"}, {1, "EVENT_TYPE_CREATE"}, {2, "EVENT_TYPE_WRITE"},
        {3, "EVENT_TYPE_REMOVE"}, {4, "EVENT_TYPE_RENAME"}, {5, "EVENT_TYPE_CHMOD"}, {0, NULL}};

static const dm_mfield entry_fields[] = {
        PLAIN(dm_m_entry, 1, DM_M_STR, name, "name", "name"),
        ENUM(dm_m_entry, 2, type, "type", "type", file_types),
        PLAIN(dm_m_entry, 3, DM_M_STR, path, "path", "path"),
        PLAIN(dm_m_entry, 4, DM_M_I64, size, "size", "size"),
        PLAIN(dm_m_entry, 5, DM_M_U32, mode, "mode", "mode"),
        PLAIN(dm_m_entry, 6, DM_M_STR, permissions, "permissions", "permissions"),
        PLAIN(dm_m_entry, 7, DM_M_STR, owner, "owner", "owner"),
        PLAIN(dm_m_entry, 8, DM_M_STR, group, "group", "group"),
        OPT(dm_m_entry, 9, DM_M_TIME, modified, has_modified, "modifiedTime", "modified_time"),
        OPT(dm_m_entry, 10, DM_M_STR, symlink_target, has_target, "symlinkTarget", "symlink_target"),
        PLAIN(dm_m_entry, 11, DM_M_PAIRS, metadata, "metadata", "metadata"),
        PLAIN(dm_m_entry, 12, DM_M_BOOL, is_symlink, "isSymlink", "is_symlink"),
};
static const dm_mdesc entry_desc = DESC(dm_m_entry, entry_fields);

static const dm_mfield entry_reply_fields[] = {
        MSG(dm_m_entry_reply, 1, entry, has_entry, "entry", "entry", entry_desc),
};
const dm_mdesc dm_m_entry_reply_desc = DESC(dm_m_entry_reply, entry_reply_fields);

static const dm_mfield entries_fields[] = {LIST(dm_m_entries, 1, entries, "entries", "entries", entry_desc)};
const dm_mdesc dm_m_entries_desc = DESC(dm_m_entries, entries_fields);

static const dm_mfield fs_event_fields[] = {
        PLAIN(dm_m_fs_event, 1, DM_M_STR, name, "name", "name"),
        ENUM(dm_m_fs_event, 2, type, "type", "type", event_types),
        MSG(dm_m_fs_event, 3, entry, has_entry, "entry", "entry", entry_desc),
};
static const dm_mdesc fs_event_desc = DESC(dm_m_fs_event, fs_event_fields);

static const dm_mfield watch_reply_fields[] = {
        ONEMSG(dm_m_watch_reply, 1, start, has_start, "start", "start", dm_m_nothing_desc),
        ONEMSG(dm_m_watch_reply, 2, filesystem, has_filesystem, "filesystem", "filesystem", fs_event_desc),
        ONEMSG(dm_m_watch_reply, 3, keepalive, has_keepalive, "keepalive", "keepalive", dm_m_nothing_desc),
};
const dm_mdesc dm_m_watch_reply_desc = DESC(dm_m_watch_reply, watch_reply_fields);

static const dm_mfield fs_events_fields[] = {LIST(dm_m_fs_events, 1, events, "events", "events", fs_event_desc)};
const dm_mdesc dm_m_fs_events_desc = DESC(dm_m_fs_events, fs_events_fields);
