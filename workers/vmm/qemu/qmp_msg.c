#include "workers/vmm/qemu/qmp_msg.h"

#include <stdio.h>

enum { WORD_MAX = 512 };

static int odd(dm_err *err, const char *what)
{
    return dm_fail(err, DM_E_PROTO, "odd line from QEMU: %s", what);
}

/* A string member without control bytes and of bounded length, or NULL: it ends up in logs. */
static const char *word_of(const json_t *obj, const char *name)
{
    dm_str s;
    if (dm_json_str(obj, name, &s, NULL) != 0 || s.n == 0 || s.n > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20)
            return NULL;
    return s.p;
}

static bool number_of(const json_t *obj, const char *name, int64_t max, int64_t *out)
{
    return dm_json_i64(obj, name, 0, max, out, NULL) == 0;
}

static int read_greeting(const json_t *greeting, dm_qmp_msg *m, dm_err *err)
{
    const json_t *version = json_object_get(greeting, "version"), *qemu = json_object_get(version, "qemu");
    int64_t major, minor, micro;
    if (!number_of(qemu, "major", 999, &major) || !number_of(qemu, "minor", 999, &minor) ||
            !number_of(qemu, "micro", 999, &micro))
        return odd(err, "a greeting without a version");
    const char *package = word_of(version, "package");
    (void)snprintf(m->version, sizeof(m->version), "%d.%d.%d%s%.40s", (int)major, (int)minor, (int)micro,
            package != NULL ? " " : "", package != NULL ? package : "");
    m->kind = DM_QMP_GREETING;
    return 0;
}

static int read_event(const json_t *root, dm_qmp_msg *m, dm_err *err)
{
    m->kind = DM_QMP_EVENT;
    m->word = word_of(root, "event");
    m->value = json_object_get(root, "data");
    if (m->word == NULL || (m->value != NULL && !json_is_object(m->value)))
        return odd(err, "an event without a name or with odd data");
    return 0;
}

static int read_answer(const json_t *root, dm_qmp_msg *m, dm_err *err)
{
    const json_t *id = json_object_get(root, "id");
    int64_t n = 0;
    if (id != NULL && !number_of(root, "id", INT64_MAX, &n))
        return odd(err, "an answer with an odd id");
    m->id = (uint64_t)n;
    const json_t *error = json_object_get(root, "error");
    if (error == NULL) {
        m->kind = DM_QMP_RETURN;
        m->value = json_object_get(root, "return");
        return m->value != NULL ? 0 : odd(err, "neither answer nor event");
    }
    m->kind = DM_QMP_ERROR;
    m->word = word_of(error, "desc");
    if (m->word == NULL)
        m->word = "an error without words";
    return 0;
}

static int read_root(const json_t *root, dm_qmp_msg *m, dm_err *err)
{
    if (!json_is_object(root))
        return odd(err, "not an object");
    const json_t *greeting = json_object_get(root, "QMP");
    if (greeting != NULL)
        return read_greeting(greeting, m, err);
    if (json_object_get(root, "event") != NULL)
        return read_event(root, m, err);
    return read_answer(root, m, err);
}

int dm_qmp_msg_read(dm_str line, dm_qmp_msg *out, dm_err *err)
{
    dm_qmp_msg m = {.kind = DM_QMP_GREETING};
    dm_err why;
    if (dm_json_load(line, DM_QMP_LINE_MAX, &m.root, &why) < 0)
        return dm_fail(err, why.code == DM_E_NOMEM ? DM_E_NOMEM : DM_E_PROTO, "odd line from QEMU: %s", why.msg);
    int r = read_root(m.root, &m, err);
    if (r < 0) {
        dm_qmp_msg_done(&m);
        return r;
    }
    *out = m;
    return 0;
}

void dm_qmp_msg_done(dm_qmp_msg *m)
{
    json_decref(m->root);
    *m = (dm_qmp_msg){.root = NULL};
}

int dm_qmp_msg_write(dm_buf *b, const char *command, dm_str arguments, uint64_t id, dm_err *err)
{
    dm_jw w;
    dm_jw_init(&w, b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "execute", command);
    if (arguments.n > 0) {
        dm_jw_key(&w, "arguments");
        dm_jw_raw(&w, arguments);
    }
    dm_jw_ku64(&w, "id", id);
    dm_jw_end(&w);
    (void)dm_buf_ch(b, '\n');
    return dm_buf_ok(b, err);
}
