#include "workers/vmm/agent_line.h"

#include "base/parse.h"

enum { EVENT_MAX = 32 };

static int odd(dm_err *err, const char *what)
{
    return dm_fail(err, DM_E_PROTO, "odd line from the guest: %s", what);
}

static dm_str text_of(const json_t *obj, const char *name)
{
    dm_str s = {.n = 0};
    (void)!dm_json_str(obj, name, &s, NULL);
    return s;
}

/* Cut and made printable: it goes into our logs and to the customer. */
static void printable(dm_str s, char *out, size_t room)
{
    size_t n = s.n < room - 1 ? s.n : room - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    out[n] = '\0';
}

static int read_root(dm_agent_line *l, dm_err *err)
{
    int64_t seq;
    if (!json_is_object(l->root))
        return odd(err, "not an object");
    if (json_object_get(l->root, "event") != NULL) {
        dm_str name = text_of(l->root, "event");
        if (name.n == 0 || name.n > EVENT_MAX || !dm_str_only(name, "abcdefghijklmnopqrstuvwxyz_"))
            return odd(err, "an event without a proper name");
        l->kind = DM_AGENT_EVENT;
        l->event = name.p;
        return 0;
    }
    if (dm_str_eq_c(text_of(l->root, "op"), "sync")) {
        dm_str nonce = text_of(l->root, "nonce");
        if (nonce.n != DM_GUEST_NONCE)
            return odd(err, "a sync without a proper nonce");
        l->kind = DM_AGENT_SYNC;
        l->nonce = nonce.p;
        return 0;
    }
    if (dm_json_i64(l->root, "seq", 1, INT64_MAX, &seq, NULL) != 0 || dm_json_bool(l->root, "ok", &l->ok, NULL) != 0)
        return odd(err, "neither answer nor event");
    l->kind = DM_AGENT_ANSWER;
    l->seq = (uint64_t)seq;
    if (!l->ok)
        printable(text_of(l->root, "error"), l->error, sizeof(l->error));
    return 0;
}

int dm_agent_line_read(dm_str line, dm_agent_line *out, dm_err *err)
{
    dm_agent_line l = {.kind = DM_AGENT_EVENT};
    dm_err why;
    if (dm_json_load(line, DM_GUEST_LINE_MAX, &l.root, &why) < 0)
        return why.code == DM_E_NOMEM ? dm_fail(err, DM_E_NOMEM, "no memory for a line") : odd(err, why.msg);
    int r = read_root(&l, err);
    if (r < 0) {
        dm_agent_line_done(&l);
        return r;
    }
    *out = l;
    return 0;
}

void dm_agent_line_done(dm_agent_line *l)
{
    json_decref(l->root);
    *l = (dm_agent_line){.root = NULL};
}
