/* proto3's JSON mapping, driven by the tables of message.h. Reading takes lowerCamel and snake names, numbers as
 * numbers or decimal strings, enums as names or numbers (an unknown name counts as unspecified), bytes in either base64
 * alphabet, null as absent; it refuses doubled names, two members of one oneof, and wrong types. Writing leaves zero
 * values out. */
#include <stdio.h>

#include "base/parse.h"

#include "workers/guest/rpc/message.h"

static void *member(void *msg, size_t offset)
{
    return (char *)msg + offset;
}

static const void *member_of(const void *msg, size_t offset)
{
    return (const char *)msg + offset;
}

static int wrong(const dm_mfield *f, dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "invalid value for field %s", f->json);
}

/* A whole number in any of its spellings. */
static int read_number(json_t *v, int64_t min, int64_t max, int64_t *out)
{
    int64_t n;
    if (json_is_integer(v)) {
        n = json_integer_value(v);
    } else if (json_is_real(v)) {
        double d = json_real_value(v);
        if (d < -9007199254740992.0 || d > 9007199254740992.0)
            return -1;
        n = (int64_t)d;
        if ((double)n != d)
            return -1;
    } else if (json_is_string(v)) {
        dm_str s = {json_string_value(v), json_string_length(v)};
        if (dm_parse_i64(s, min, max, &n, NULL) != 0)
            return -1;
    } else {
        return -1;
    }
    if (n < min || n > max)
        return -1;
    *out = n;
    return 0;
}

static int read_enum(const dm_mfield *f, json_t *v, int32_t *out, dm_err *err)
{
    int64_t n = 0;
    if (json_is_string(v)) {
        *out = 0;
        for (const dm_mname *name = f->names; name->name != NULL; name++)
            if (strcmp(name->name, json_string_value(v)) == 0)
                *out = name->value;
        return 0;
    }
    if (!json_is_integer(v) || read_number(v, INT32_MIN, INT32_MAX, &n) != 0)
        return wrong(f, err);
    *out = (int32_t)n;
    return 0;
}

static int read_bytes(const dm_mfield *f, json_t *v, dm_message *m, dm_str *out, dm_err *err)
{
    if (!json_is_string(v))
        return wrong(f, err);
    dm_str text = {json_string_value(v), json_string_length(v)};
    DM_AUTO_BUF b;
    dm_buf_init(&b, text.n);
    if (dm_base64_decode(&b, text, NULL) != 0)
        return wrong(f, err);
    char *p = dm_message_alloc(m, b.len + 1);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "field %s", f->json);
    if (b.len > 0)
        memcpy(p, b.p, b.len);
    *out = (dm_str){p, b.len};
    return 0;
}

static int read_strs(const dm_mfield *f, json_t *v, dm_message *m, dm_strs *out, dm_err *err)
{
    if (!json_is_array(v) || json_array_size(v) > DM_MESSAGE_ITEMS_MAX)
        return wrong(f, err);
    size_t n = json_array_size(v);
    out->v = dm_message_alloc(m, (n + 1) * sizeof(*out->v));
    if (out->v == NULL)
        return dm_fail(err, DM_E_NOMEM, "field %s", f->json);
    for (; out->n < n; out->n++) {
        out->v[out->n] = json_string_value(json_array_get(v, out->n));
        if (out->v[out->n] == NULL)
            return wrong(f, err);
    }
    return 0;
}

static int read_pairs(const dm_mfield *f, json_t *v, dm_message *m, dm_pairs *out, dm_err *err)
{
    if (!json_is_object(v) || json_object_size(v) > DM_MESSAGE_ITEMS_MAX)
        return wrong(f, err);
    out->v = dm_message_alloc(m, (json_object_size(v) + 1) * sizeof(*out->v));
    if (out->v == NULL)
        return dm_fail(err, DM_E_NOMEM, "field %s", f->json);
    for (void *i = json_object_iter(v); i != NULL; i = json_object_iter_next(v, i)) {
        const char *value = json_string_value(json_object_iter_value(i));
        if (value == NULL)
            return wrong(f, err);
        out->v[out->n++] = (dm_pair){json_object_iter_key(i), value};
    }
    return 0;
}

static int read_object(const dm_mdesc *d, json_t *obj, dm_message *m, void *out, dm_err *err);

static int read_list(const dm_mfield *f, json_t *v, dm_message *m, dm_list *out, dm_err *err)
{
    if (!json_is_array(v) || json_array_size(v) > DM_MESSAGE_ITEMS_MAX)
        return wrong(f, err);
    size_t n = json_array_size(v);
    out->v = dm_message_alloc(m, (n + 1) * f->sub->size);
    if (out->v == NULL)
        return dm_fail(err, DM_E_NOMEM, "field %s", f->json);
    for (; out->n < n; out->n++) {
        void *item = member(out->v, out->n * f->sub->size);
        dm_message_blank(f->sub, item);
        int r = read_object(f->sub, json_array_get(v, out->n), m, item, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_value(const dm_mfield *f, json_t *v, dm_message *m, void *to, dm_err *err)
{
    int64_t n = 0;
    switch ((enum dm_mtype)f->type) {
    case DM_M_STR:
        if (!json_is_string(v))
            return wrong(f, err);
        *(const char **)to = json_string_value(v);
        return 0;
    case DM_M_BYTES:
        return read_bytes(f, v, m, to, err);
    case DM_M_BOOL:
        if (!json_is_boolean(v))
            return wrong(f, err);
        *(bool *)to = json_is_true(v);
        return 0;
    case DM_M_U32:
        if (read_number(v, 0, UINT32_MAX, &n) != 0)
            return wrong(f, err);
        *(uint32_t *)to = (uint32_t)n;
        return 0;
    case DM_M_SINT:
        if (read_number(v, INT32_MIN, INT32_MAX, &n) != 0)
            return wrong(f, err);
        *(int32_t *)to = (int32_t)n;
        return 0;
    case DM_M_I64:
        return read_number(v, INT64_MIN, INT64_MAX, to) != 0 ? wrong(f, err) : 0;
    case DM_M_ENUM:
        return read_enum(f, v, to, err);
    case DM_M_MSG:
        return read_object(f->sub, v, m, to, err);
    case DM_M_LIST:
        return read_list(f, v, m, to, err);
    case DM_M_STRS:
        return read_strs(f, v, m, to, err);
    case DM_M_PAIRS:
        return read_pairs(f, v, m, to, err);
    case DM_M_TIME: /* no request has one */
        return wrong(f, err);
    }
    return wrong(f, err);
}

static int read_object(const dm_mdesc *d, json_t *obj, dm_message *m, void *out, dm_err *err)
{
    if (!json_is_object(obj))
        return dm_fail(err, DM_E_INVALID, "not a JSON object");
    unsigned chosen = 0;
    for (size_t i = 0; i < d->n; i++) {
        const dm_mfield *f = &d->fields[i];
        json_t *v = json_object_get(obj, f->json);
        if (strcmp(f->json, f->snake) != 0) {
            json_t *other = json_object_get(obj, f->snake);
            if (v != NULL && other != NULL)
                return dm_fail(err, DM_E_INVALID, "field %s comes twice", f->json);
            v = v != NULL ? v : other;
        }
        if (v == NULL || json_is_null(v))
            continue;
        if (f->oneof != 0 && chosen++ > 0)
            return dm_fail(err, DM_E_INVALID, "field %s excludes another that is set", f->json);
        int r = read_value(f, v, m, member(out, f->offset), err);
        if (r < 0)
            return r;
        if (f->has != DM_M_PLAIN)
            *(bool *)member(out, f->has) = true;
    }
    return 0;
}

static int decode(const dm_mdesc *d, dm_str bytes, dm_message *m, void *out, dm_err *err)
{
    dm_message_blank(d, out);
    int r = dm_json_load(bytes, DM_MESSAGE_MAX, &m->tree, err);
    if (r < 0)
        return r;
    return read_object(d, m->tree, m, out, err);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void write_bytes(dm_jw *w, dm_str v)
{
    /* Straight into the buffer: this is the path of all process output. */
    dm_jw_raw(w, DM_STR("\""));
    (void)dm_base64_encode(w->b, v.p, v.n);
    (void)dm_buf_ch(w->b, '"');
}

/* 0, 3, 6 or 9 fractional digits, as many as are needed. */
static void write_time(dm_jw *w, const struct timespec *t)
{
    struct tm tm;
    char text[64];
    if (gmtime_r(&t->tv_sec, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        dm_jw_c(w, "1970-01-01T00:00:00Z");
        return;
    }
    size_t len = strlen(text);
    long ns = t->tv_nsec;
    if (ns % 1000 != 0)
        (void)snprintf(text + len, sizeof(text) - len, ".%09ldZ", ns);
    else if (ns % 1000000 != 0)
        (void)snprintf(text + len, sizeof(text) - len, ".%06ldZ", ns / 1000);
    else if (ns != 0)
        (void)snprintf(text + len, sizeof(text) - len, ".%03ldZ", ns / 1000000);
    else
        (void)snprintf(text + len, sizeof(text) - len, "Z");
    dm_jw_c(w, text);
}

static void write_enum(dm_jw *w, const dm_mfield *f, int32_t v)
{
    for (const dm_mname *name = f->names; name->name != NULL; name++) {
        if (name->value == v) {
            dm_jw_c(w, name->name);
            return;
        }
    }
    dm_jw_i64(w, v);
}

static void write_object(dm_jw *w, const dm_mdesc *d, const void *msg);

static void write_value(dm_jw *w, const dm_mfield *f, const void *from)
{
    char number[24];
    switch ((enum dm_mtype)f->type) {
    case DM_M_STR:
        dm_jw_str(w, dm_str_c(*(const char *const *)from));
        return;
    case DM_M_BYTES:
        write_bytes(w, *(const dm_str *)from);
        return;
    case DM_M_BOOL:
        dm_jw_bool(w, *(const bool *)from);
        return;
    case DM_M_U32:
        dm_jw_u64(w, *(const uint32_t *)from);
        return;
    case DM_M_SINT:
        dm_jw_i64(w, *(const int32_t *)from);
        return;
    case DM_M_I64:
        (void)snprintf(number, sizeof(number), "%lld", (long long)*(const int64_t *)from);
        dm_jw_c(w, number);
        return;
    case DM_M_ENUM:
        write_enum(w, f, *(const int32_t *)from);
        return;
    case DM_M_MSG:
        write_object(w, f->sub, from);
        return;
    case DM_M_LIST:
        dm_jw_arr(w);
        for (size_t i = 0; i < ((const dm_list *)from)->n; i++)
            write_object(w, f->sub, (const char *)((const dm_list *)from)->v + i * f->sub->size);
        dm_jw_arr_end(w);
        return;
    case DM_M_STRS:
        dm_jw_arr(w);
        for (size_t i = 0; i < ((const dm_strs *)from)->n; i++)
            dm_jw_c(w, ((const dm_strs *)from)->v[i]);
        dm_jw_arr_end(w);
        return;
    case DM_M_PAIRS:
        dm_jw_obj(w);
        for (size_t i = 0; i < ((const dm_pairs *)from)->n; i++)
            dm_jw_kc(w, ((const dm_pairs *)from)->v[i].key, ((const dm_pairs *)from)->v[i].value);
        dm_jw_end(w);
        return;
    case DM_M_TIME:
        write_time(w, from);
        return;
    }
}

static void write_object(dm_jw *w, const dm_mdesc *d, const void *msg)
{
    dm_jw_obj(w);
    for (size_t i = 0; i < d->n; i++) {
        const dm_mfield *f = &d->fields[i];
        const void *from = member_of(msg, f->offset);
        if (!dm_message_has(f, msg))
            continue;
        dm_jw_key(w, f->json);
        write_value(w, f, from);
    }
    dm_jw_end(w);
}

static int encode(const dm_mdesc *d, const void *msg, dm_buf *b, dm_err *err)
{
    dm_jw w;
    dm_jw_init(&w, b);
    write_object(&w, d, msg);
    return dm_buf_ok(b, err);
}

const dm_codec dm_codec_json = {"json", "{}", decode, encode};
