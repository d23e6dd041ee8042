/* Binary protobuf (proto3), driven by the tables of message.h; tags, varints and lengths are nanopb's. Reading skips
 * fields that it does not know, takes the last of a number that comes twice, lays a message that does over the first,
 * and refuses what JSON refuses, too: a second text or second bytes, two members of one oneof, wrong types, strings
 * that are no UTF-8 or have a NUL, more than DM_MESSAGE_ITEMS_MAX items. So what is read takes a few times the room of
 * its bytes. Writing leaves zero values out. */
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/parse.h"

#include "workers/guest/rpc/message.h"

static void *member(void *msg, size_t offset)
{
    return (char *)msg + offset;
}

static int broken(const dm_mfield *f, dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "invalid bytes%s%s", f != NULL ? " for field " : "", f != NULL ? f->snake : "");
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static pb_wire_type_t wire_of(const dm_mfield *f)
{
    switch ((enum dm_mtype)f->type) {
    case DM_M_BOOL:
    case DM_M_U32:
    case DM_M_SINT:
    case DM_M_I64:
    case DM_M_ENUM:
        return PB_WT_VARINT;
    case DM_M_STR:
    case DM_M_BYTES:
    case DM_M_MSG:
    case DM_M_LIST:
    case DM_M_STRS:
    case DM_M_PAIRS:
    case DM_M_TIME:
        return PB_WT_STRING;
    }
    return PB_WT_STRING;
}

/* A number is cut to the field's width, as every reader of protobuf does. */
static int read_number(pb_istream_t *s, const dm_mfield *f, void *to, dm_err *err)
{
    uint64_t u = 0;
    int64_t i = 0;
    if (f->type == DM_M_SINT ? !pb_decode_svarint(s, &i) : !pb_decode_varint(s, &u))
        return broken(f, err);
    if (f->type == DM_M_BOOL)
        *(bool *)to = u != 0;
    else if (f->type == DM_M_U32)
        *(uint32_t *)to = (uint32_t)u;
    else if (f->type == DM_M_I64)
        *(int64_t *)to = (int64_t)u;
    else
        *(int32_t *)to = f->type == DM_M_SINT ? (int32_t)i : (int32_t)(uint32_t)u;
    return 0;
}

/* All of what s is cut to, with a NUL behind it. */
static int read_all(pb_istream_t *s, const dm_mfield *f, dm_message *m, dm_str *out, dm_err *err)
{
    size_t n = s->bytes_left;
    char *p = dm_message_alloc(m, n + 1);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "field %s", f->snake);
    if (!pb_read(s, (pb_byte_t *)p, n))
        return broken(f, err);
    *out = (dm_str){p, n};
    return 0;
}

static int twice(const dm_mfield *f, dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "field %s comes twice", f->snake);
}

static int read_bytes(pb_istream_t *s, const dm_mfield *f, dm_message *m, dm_str *out, dm_err *err)
{
    return out->p != NULL ? twice(f, err) : read_all(s, f, m, out, err);
}

/* *out is "" as long as nothing was read. */
static int read_str(pb_istream_t *s, const dm_mfield *f, dm_message *m, const char **out, dm_err *err)
{
    dm_str text;
    if ((*out)[0] != '\0')
        return twice(f, err);
    if (s->bytes_left == 0)
        return 0;
    int r = read_all(s, f, m, &text, err);
    if (r == 0 && !dm_utf8_ok(text))
        r = broken(f, err);
    if (r == 0)
        *out = text.p;
    return r;
}

/* Room for one more item of so many bytes behind the n of them; doubles where it is full. */
static void *one_more(dm_message *m, const dm_mfield *f, void **items, size_t n, size_t size, dm_err *err)
{
    if (n >= DM_MESSAGE_ITEMS_MAX) {
        (void)!dm_fail(err, DM_E_INVALID, "field %s has more than %d items", f->snake, DM_MESSAGE_ITEMS_MAX);
        return NULL;
    }
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, ... */
        void *more = dm_message_alloc(m, (n == 0 ? 1 : 2 * n) * size);
        if (more == NULL) {
            (void)!dm_fail(err, DM_E_NOMEM, "field %s", f->snake);
            return NULL;
        }
        if (n > 0)
            memcpy(more, *items, n * size);
        *items = more;
    }
    return (char *)*items + n * size;
}

static int read_fields(pb_istream_t *s, const dm_mdesc *d, dm_message *m, void *out, dm_err *err);

/* A map's entry is a message of two strings. */
static const dm_mfield entry_fields[] = {
        {.no = 1, .type = DM_M_STR, .snake = "key", .offset = offsetof(dm_pair, key), .has = DM_M_PLAIN},
        {.no = 2, .type = DM_M_STR, .snake = "value", .offset = offsetof(dm_pair, value), .has = DM_M_PLAIN},
};
static const dm_mdesc entry_desc = {sizeof(dm_pair), entry_fields, DM_LEN(entry_fields)};

static int read_item(
        pb_istream_t *s, const dm_mfield *f, const dm_mdesc *d, dm_message *m, void **items, size_t *n, dm_err *err)
{
    void *item = one_more(m, f, items, *n, d->size, err);
    if (item == NULL)
        return err->code;
    dm_message_blank(d, item);
    int r = read_fields(s, d, m, item, err);
    if (r == 0)
        ++*n;
    return r;
}

static int read_pair(pb_istream_t *s, const dm_mfield *f, dm_message *m, dm_pairs *to, dm_err *err)
{
    void *items = to->v;
    int r = read_item(s, f, &entry_desc, m, &items, &to->n, err);
    to->v = items;
    return r;
}

static int read_one_str(pb_istream_t *s, const dm_mfield *f, dm_message *m, dm_strs *to, dm_err *err)
{
    void *items = to->v;
    const char **item = one_more(m, f, &items, to->n, sizeof(*item), err);
    if (item == NULL)
        return err->code;
    to->v = items;
    *item = "";
    int r = read_str(s, f, m, item, err);
    if (r == 0)
        to->n++;
    return r;
}

static int read_inside(pb_istream_t *s, const dm_mfield *f, dm_message *m, void *to, dm_err *err)
{
    dm_list *list = to;
    switch ((enum dm_mtype)f->type) {
    case DM_M_STR:
        return read_str(s, f, m, to, err);
    case DM_M_BYTES:
        return read_bytes(s, f, m, to, err);
    case DM_M_MSG:
        return read_fields(s, f->sub, m, to, err);
    case DM_M_LIST:
        return read_item(s, f, f->sub, m, &list->v, &list->n, err);
    case DM_M_STRS:
        return read_one_str(s, f, m, to, err);
    case DM_M_PAIRS:
        return read_pair(s, f, m, to, err);
    case DM_M_TIME: /* no request has one */
    case DM_M_BOOL:
    case DM_M_U32:
    case DM_M_SINT:
    case DM_M_I64:
    case DM_M_ENUM:
        break;
    }
    return broken(f, err);
}

static int read_value(pb_istream_t *s, const dm_mfield *f, dm_message *m, void *to, dm_err *err)
{
    pb_istream_t inside;
    if (wire_of(f) == PB_WT_VARINT)
        return read_number(s, f, to, err);
    if (!pb_make_string_substream(s, &inside))
        return broken(f, err);
    int r = read_inside(&inside, f, m, to, err);
    if (r == 0 && !pb_close_string_substream(s, &inside))
        r = broken(f, err);
    return r;
}

static const dm_mfield *find(const dm_mdesc *d, uint32_t no)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->fields[i].no == no)
            return &d->fields[i];
    return NULL;
}

static bool excluded(const dm_mdesc *d, const dm_mfield *f, void *out)
{
    for (size_t i = 0; f->oneof != 0 && i < d->n; i++) {
        const dm_mfield *other = &d->fields[i];
        if (other != f && other->oneof == f->oneof && *(bool *)member(out, other->has))
            return true;
    }
    return false;
}

static int read_fields(pb_istream_t *s, const dm_mdesc *d, dm_message *m, void *out, dm_err *err)
{
    pb_wire_type_t wire;
    uint32_t no;
    bool end = false;
    while (pb_decode_tag(s, &wire, &no, &end)) {
        const dm_mfield *f = find(d, no);
        if (f == NULL) {
            if (no == 0 || !pb_skip_field(s, wire))
                return broken(NULL, err);
            continue;
        }
        if (wire != wire_of(f))
            return broken(f, err);
        if (excluded(d, f, out))
            return dm_fail(err, DM_E_INVALID, "field %s excludes another that is set", f->snake);
        int r = read_value(s, f, m, member(out, f->offset), err);
        if (r < 0)
            return r;
        if (f->has != DM_M_PLAIN)
            *(bool *)member(out, f->has) = true;
    }
    return end ? 0 : broken(NULL, err);
}

static int decode(const dm_mdesc *d, dm_str bytes, dm_message *m, void *out, dm_err *err)
{
    dm_message_blank(d, out);
    if (bytes.n > DM_MESSAGE_MAX)
        return dm_fail(err, DM_E_LIMIT, "a message of %zu bytes", bytes.n);
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n);
    return read_fields(&s, d, m, out, err);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static bool to_buf(pb_ostream_t *s, const pb_byte_t *p, size_t n)
{
    return dm_buf_add(s->state, p, n) == 0;
}

static bool write_fields(pb_ostream_t *s, const dm_mdesc *d, const void *msg);

/* Its size is what its writing into nothing comes to. */
static bool write_message(pb_ostream_t *s, uint32_t no, const dm_mdesc *d, const void *msg)
{
    pb_ostream_t size = PB_OSTREAM_SIZING;
    return write_fields(&size, d, msg) && pb_encode_tag(s, PB_WT_STRING, no) &&
           pb_encode_varint(s, size.bytes_written) && write_fields(s, d, msg);
}

static bool write_bytes(pb_ostream_t *s, uint32_t no, dm_str v)
{
    return pb_encode_tag(s, PB_WT_STRING, no) && pb_encode_string(s, (const pb_byte_t *)v.p, v.n);
}

static bool write_number(pb_ostream_t *s, uint32_t no, uint64_t v)
{
    return pb_encode_tag(s, PB_WT_VARINT, no) && pb_encode_varint(s, v);
}

/* google.protobuf.Timestamp */
static bool write_time(pb_ostream_t *s, const struct timespec *t)
{
    return (t->tv_sec == 0 || write_number(s, 1, (uint64_t)t->tv_sec)) &&
           (t->tv_nsec == 0 || write_number(s, 2, (uint64_t)t->tv_nsec));
}

static bool write_time_field(pb_ostream_t *s, uint32_t no, const struct timespec *t)
{
    pb_ostream_t size = PB_OSTREAM_SIZING;
    return write_time(&size, t) && pb_encode_tag(s, PB_WT_STRING, no) && pb_encode_varint(s, size.bytes_written) &&
           write_time(s, t);
}

static bool write_list(pb_ostream_t *s, const dm_mfield *f, const dm_list *list)
{
    bool ok = true;
    for (size_t i = 0; ok && i < list->n; i++)
        ok = write_message(s, f->no, f->sub, (const char *)list->v + i * f->sub->size);
    return ok;
}

static bool write_strs(pb_ostream_t *s, const dm_mfield *f, const dm_strs *strs)
{
    bool ok = true;
    for (size_t i = 0; ok && i < strs->n; i++)
        ok = write_bytes(s, f->no, dm_str_c(strs->v[i]));
    return ok;
}

static bool write_pairs(pb_ostream_t *s, const dm_mfield *f, const dm_pairs *pairs)
{
    bool ok = true;
    for (size_t i = 0; ok && i < pairs->n; i++)
        ok = write_message(s, f->no, &entry_desc, &pairs->v[i]);
    return ok;
}

static bool write_value(pb_ostream_t *s, const dm_mfield *f, const void *from)
{
    switch ((enum dm_mtype)f->type) {
    case DM_M_STR:
        return write_bytes(s, f->no, dm_str_c(*(const char *const *)from));
    case DM_M_BYTES:
        return write_bytes(s, f->no, *(const dm_str *)from);
    case DM_M_BOOL:
        return write_number(s, f->no, *(const bool *)from);
    case DM_M_U32:
        return write_number(s, f->no, *(const uint32_t *)from);
    case DM_M_SINT:
        return pb_encode_tag(s, PB_WT_VARINT, f->no) && pb_encode_svarint(s, *(const int32_t *)from);
    case DM_M_I64:
        return write_number(s, f->no, (uint64_t) * (const int64_t *)from);
    case DM_M_ENUM:
        return write_number(s, f->no, (uint64_t)(int64_t) * (const int32_t *)from);
    case DM_M_MSG:
        return write_message(s, f->no, f->sub, from);
    case DM_M_LIST:
        return write_list(s, f, from);
    case DM_M_STRS:
        return write_strs(s, f, from);
    case DM_M_PAIRS:
        return write_pairs(s, f, from);
    case DM_M_TIME:
        return write_time_field(s, f->no, from);
    }
    return false;
}

static bool write_fields(pb_ostream_t *s, const dm_mdesc *d, const void *msg)
{
    bool ok = true;
    for (size_t i = 0; ok && i < d->n; i++)
        if (dm_message_has(&d->fields[i], msg))
            ok = write_value(s, &d->fields[i], (const char *)msg + d->fields[i].offset);
    return ok;
}

static int encode(const dm_mdesc *d, const void *msg, dm_buf *b, dm_err *err)
{
    pb_ostream_t s = {.callback = to_buf, .state = b, .max_size = SIZE_MAX};
    if (!write_fields(&s, d, msg))
        dm_buf_fail(b, DM_E_LIMIT); /* the buffer's own reason stays, if it was that */
    return dm_buf_ok(b, err);
}

const dm_codec dm_codec_proto = {"proto", NULL, decode, encode};
