#include "base/json.h"

#include <assert.h>

#include "base/parse.h"

enum { DEPTH_MAX = 64 };

/* --- text to tree ------------------------------------------------------------------------------------------- */

/* jansson recurses up to 2048 levels, more than our thread stacks and our readers should see. This scan knows just
 * enough of JSON, strings and their escapes, to count brackets; what else is wrong with the text is jansson's to
 * say. */
static bool too_deep(dm_str text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* jansson's own words quote the text, which may hold a secret that has no place in a log. */
static const char *words_of(enum json_error_code code)
{
    if (code == json_error_duplicate_key)
        return "a name comes twice in one object";
    if (code == json_error_premature_end_of_input)
        return "the text ends too early";
    if (code == json_error_end_of_input_expected)
        return "something follows the value";
    if (code == json_error_invalid_utf8)
        return "not UTF-8";
    if (code == json_error_null_character || code == json_error_null_byte_in_key)
        return "a NUL character";
    if (code == json_error_numeric_overflow)
        return "a number too large";
    return "not JSON";
}

int dm_json_load(dm_str text, size_t max_bytes, json_t **out, dm_err *err)
{
    if (text.n > max_bytes)
        return dm_fail(err, DM_E_LIMIT, "JSON of %zu bytes, at most %zu are read", text.n, max_bytes);
    if (too_deep(text))
        return dm_fail(err, DM_E_INVALID, "JSON more than %d levels deep", DEPTH_MAX);
    json_error_t je = {.line = 0};
    json_t *j = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    /* Where jansson could not get memory it mostly says nothing at all. */
    if (j == NULL && (json_error_code(&je) == json_error_out_of_memory || je.text[0] == '\0'))
        return dm_fail(err, DM_E_NOMEM, "no memory for JSON of %zu bytes", text.n);
    if (j == NULL)
        return dm_fail(err, DM_E_INVALID, "line %d, column %d: %s", je.line, je.column, words_of(json_error_code(&je)));
    *out = j;
    return 0;
}

/* --- tree to struct ----------------------------------------------------------------------------------------- */

/* Where a field's value lives. The table's author vouches for offset and type. */
static void *slot(void *out, size_t offset)
{
    return (char *)out + offset;
}

static bool keeps_node(enum dm_json_type type)
{
    return type == DM_JSON_NODE || type == DM_JSON_OBJ || type == DM_JSON_ARR || type == DM_JSON_STRMAP;
}

static int not_a(dm_err *err, const char *name, const char *what)
{
    return dm_fail(err, DM_E_INVALID, "\"%s\" must be %s", name, what);
}

static int decode_str(const dm_json_field *f, const json_t *v, char **out, dm_err *err)
{
    if (!json_is_string(v))
        return not_a(err, f->name, "a string");
    dm_str s = {json_string_value(v), json_string_length(v)};
    if ((f->min > 0 && s.n < (uint64_t)f->min) || f->max < 0 || s.n > (uint64_t)f->max)
        return dm_fail(err, DM_E_INVALID, "\"%s\" must have %lld to %lld bytes", f->name, (long long)f->min,
                (long long)f->max);
    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
        return dm_fail(err, DM_E_INVALID, "\"%s\" has a NUL character", f->name);
    char *z = dm_str_dup(s);
    if (z == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for \"%s\"", f->name);
    *out = z;
    return 0;
}

static int decode_i64(const dm_json_field *f, const json_t *v, int64_t *out, dm_err *err)
{
    if (!json_is_integer(v))
        return not_a(err, f->name, "a whole number");
    int64_t i = json_integer_value(v);
    if (i < f->min || i > f->max)
        return dm_fail(err, DM_E_INVALID, "\"%s\" must be %lld to %lld", f->name, (long long)f->min, (long long)f->max);
    *out = i;
    return 0;
}

static int decode_bool(const char *name, const json_t *v, bool *out, dm_err *err)
{
    if (!json_is_boolean(v))
        return not_a(err, name, "true or false");
    *out = json_is_true(v);
    return 0;
}

static int check_size(const dm_json_field *f, size_t n, const char *what, dm_err *err)
{
    if (f->max >= 0 && n <= (uint64_t)f->max)
        return 0;
    return dm_fail(err, DM_E_INVALID, "\"%s\" has %zu %s, at most %lld are taken", f->name, n, what,
            (long long)(f->max > 0 ? f->max : 0));
}

static int check_strings(const dm_json_field *f, json_t *obj, dm_err *err)
{
    for (void *it = json_object_iter(obj); it != NULL; it = json_object_iter_next(obj, it))
        if (!json_is_string(json_object_iter_value(it)))
            return dm_fail(err, DM_E_INVALID, "\"%s\" must have only strings in it", f->name);
    return 0;
}

static int decode_node(const dm_json_field *f, json_t *v, json_t **out, dm_err *err)
{
    int r = 0;
    if (f->type == DM_JSON_ARR) {
        if (!json_is_array(v))
            return not_a(err, f->name, "an array");
        r = check_size(f, json_array_size(v), "elements", err);
    } else if (f->type != DM_JSON_NODE) {
        if (!json_is_object(v))
            return not_a(err, f->name, "an object");
        r = check_size(f, json_object_size(v), "members", err);
        if (r == 0 && f->type == DM_JSON_STRMAP)
            r = check_strings(f, v, err);
    }
    if (r == 0)
        *out = json_incref(v);
    return r;
}

static int decode_field(const dm_json_field *f, json_t *v, void *out, dm_err *err)
{
    switch (f->type) {
    case DM_JSON_STR:
        return decode_str(f, v, slot(out, f->offset), err);
    case DM_JSON_I64:
        return decode_i64(f, v, slot(out, f->offset), err);
    case DM_JSON_BOOL:
        return decode_bool(f->name, v, slot(out, f->offset), err);
    case DM_JSON_NODE:
    case DM_JSON_OBJ:
    case DM_JSON_ARR:
    case DM_JSON_STRMAP:
        return decode_node(f, v, slot(out, f->offset), err);
    }
    return dm_fail(err, DM_E_INTERNAL, "\"%s\" has no type", f->name);
}

static bool has_flag(const dm_json_field *f)
{
    return f->has != DM_JSON_NEED && f->has != DM_JSON_OPT;
}

static void zero_field(const dm_json_field *f, void *out)
{
    if (f->type == DM_JSON_STR)
        *(char **)slot(out, f->offset) = NULL;
    else if (keeps_node(f->type))
        *(json_t **)slot(out, f->offset) = NULL;
    else if (f->type == DM_JSON_I64)
        *(int64_t *)slot(out, f->offset) = 0;
    else
        *(bool *)slot(out, f->offset) = false;
    if (has_flag(f))
        *(bool *)slot(out, f->has) = false;
}

int dm_json_decode(const json_t *obj, const dm_json_field *fields, size_t n, void *out, dm_err *err)
{
    for (size_t i = 0; i < n; i++)
        zero_field(&fields[i], out);
    if (!json_is_object(obj))
        return dm_fail(err, DM_E_INVALID, "not a JSON object");
    for (size_t i = 0; i < n; i++) {
        const dm_json_field *f = &fields[i];
        json_t *v = json_object_get(obj, f->name);
        int r = 0;
        if (v != NULL && !json_is_null(v))
            r = decode_field(f, v, out, err);
        else if (f->has == DM_JSON_NEED)
            r = dm_fail(err, DM_E_INVALID, "\"%s\" is missing", f->name);
        else
            continue;
        if (r < 0) {
            dm_json_done(fields, n, out);
            return r;
        }
        if (has_flag(f))
            *(bool *)slot(out, f->has) = true;
    }
    return 0;
}

void dm_json_done(const dm_json_field *fields, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++) {
        if (fields[i].type == DM_JSON_STR)
            free(*(char **)slot(out, fields[i].offset));
        else if (keeps_node(fields[i].type))
            json_decref(*(json_t **)slot(out, fields[i].offset));
        zero_field(&fields[i], out);
    }
}

/* --- one member --------------------------------------------------------------------------------------------- */

const char *dm_json_c(const json_t *obj, const char *name)
{
    return json_string_value(json_object_get(obj, name));
}

dm_str dm_json_text(const json_t *obj, const char *name)
{
    return dm_str_c(dm_json_c(obj, name));
}

int dm_json_str(const json_t *obj, const char *name, dm_str *out, dm_err *err)
{
    const json_t *v = json_object_get(obj, name);
    if (v == NULL || json_is_null(v))
        return DM_JSON_ABSENT;
    if (!json_is_string(v))
        return not_a(err, name, "a string");
    *out = (dm_str){json_string_value(v), json_string_length(v)};
    return 0;
}

int dm_json_i64(const json_t *obj, const char *name, int64_t min, int64_t max, int64_t *out, dm_err *err)
{
    const json_t *v = json_object_get(obj, name);
    const dm_json_field f = {.name = name, .type = DM_JSON_I64, .min = min, .max = max};
    return v == NULL || json_is_null(v) ? DM_JSON_ABSENT : decode_i64(&f, v, out, err);
}

int dm_json_bool(const json_t *obj, const char *name, bool *out, dm_err *err)
{
    const json_t *v = json_object_get(obj, name);
    return v == NULL || json_is_null(v) ? DM_JSON_ABSENT : decode_bool(name, v, out, err);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

void dm_jw_init(dm_jw *w, dm_buf *b)
{
    *w = (dm_jw){.b = b};
}

/* The comma before a value or a name, unless it is the first here or stands behind its name. */
static void before(dm_jw *w)
{
    if (w->keyed) {
        w->keyed = false;
        return;
    }
    uint64_t bit = UINT64_C(1) << w->depth;
    if ((w->some & bit) != 0)
        (void)dm_buf_ch(w->b, ',');
    w->some |= bit;
}

static void open_level(dm_jw *w, char c)
{
    before(w);
    (void)dm_buf_ch(w->b, c);
    assert(w->depth + 1 < DEPTH_MAX); /* we write what we designed: it has no hostile depth */
    w->depth++;
    w->some &= ~(UINT64_C(1) << w->depth);
}

static void close_level(dm_jw *w, char c)
{
    assert(w->depth > 0 && !w->keyed);
    w->depth--;
    (void)dm_buf_ch(w->b, c);
}

void dm_jw_obj(dm_jw *w)
{
    open_level(w, '{');
}

void dm_jw_end(dm_jw *w)
{
    close_level(w, '}');
}

void dm_jw_arr(dm_jw *w)
{
    open_level(w, '[');
}

void dm_jw_arr_end(dm_jw *w)
{
    close_level(w, ']');
}

#define EVERY_BYTE(v) (UINT64_C(0x0101010101010101) * (v))

/* Whether one of eight bytes needs a look: a control character, quote, backslash, DEL, or not ASCII. Each term sets
 * the top bit of a byte that is zero (or, for the first, below 0x20) before it sets any by borrow, so "none" is
 * exact. */
static bool needs_look(uint64_t x)
{
    uint64_t quote = x ^ EVERY_BYTE('"');
    uint64_t slash = x ^ EVERY_BYTE('\\');
    uint64_t del = x ^ EVERY_BYTE(0x7f);
    uint64_t hit =
            x | (x - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (slash - EVERY_BYTE(1)) | (del - EVERY_BYTE(1));
    return (hit & EVERY_BYTE(0x80)) != 0;
}

static bool is_plain(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x20 && u < 0x7f && u != '"' && u != '\\';
}

/* How many bytes at the front go out as they are. */
static size_t plain_run(dm_str s)
{
    size_t i = 0;
    while (i < s.n) {
        uint64_t x;
        if (s.n - i >= sizeof(x)) {
            memcpy(&x, s.p + i, sizeof(x));
            if (!needs_look(x)) {
                i += sizeof(x);
                continue;
            }
        }
        size_t n = is_plain(s.p[i]) ? 1 : (unsigned char)s.p[i] >= 0x80 ? dm_utf8_step((dm_str){s.p + i, s.n - i}) : 0;
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

/* One byte that does not go out as it is. */
static void put_escape(dm_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[128] = {
            ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c >= 0x80) {
        (void)dm_buf_str(b, DM_STR("\xef\xbf\xbd"));
    } else if (shorts[c] != '\0') {
        (void)dm_buf_add(b, (const char[]){'\\', shorts[c]}, 2);
    } else {
        (void)dm_buf_add(b, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

static void put_string(dm_buf *b, dm_str s)
{
    (void)dm_buf_ch(b, '"');
    while (s.n > 0 && !b->failed) {
        size_t n = plain_run(s);
        (void)dm_buf_add(b, s.p, n);
        if (n < s.n)
            put_escape(b, (unsigned char)s.p[n++]);
        s.p += n;
        s.n -= n;
    }
    (void)dm_buf_ch(b, '"');
}

void dm_jw_key(dm_jw *w, const char *name)
{
    assert(!w->keyed);
    before(w);
    put_string(w->b, dm_str_c(name));
    (void)dm_buf_ch(w->b, ':');
    w->keyed = true;
}

void dm_jw_str(dm_jw *w, dm_str s)
{
    before(w);
    put_string(w->b, s);
}

void dm_jw_c(dm_jw *w, const char *z)
{
    if (z != NULL)
        dm_jw_str(w, dm_str_c(z));
    else
        dm_jw_null(w);
}

void dm_jw_raw(dm_jw *w, dm_str json)
{
    before(w);
    (void)dm_buf_str(w->b, json);
}

static void put_number(dm_jw *w, bool minus, uint64_t v)
{
    char digits[21];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    if (minus)
        digits[--at] = '-';
    dm_jw_raw(w, (dm_str){digits + at, sizeof(digits) - at});
}

void dm_jw_i64(dm_jw *w, int64_t v)
{
    put_number(w, v < 0, v < 0 ? UINT64_C(0) - (uint64_t)v : (uint64_t)v);
}

void dm_jw_u64(dm_jw *w, uint64_t v)
{
    put_number(w, false, v);
}

void dm_jw_bool(dm_jw *w, bool v)
{
    dm_jw_raw(w, v ? DM_STR("true") : DM_STR("false"));
}

void dm_jw_null(dm_jw *w)
{
    dm_jw_raw(w, DM_STR("null"));
}

static int dump_into(const char *p, size_t n, void *b)
{
    return dm_buf_add(b, p, n) < 0 ? -1 : 0;
}

void dm_jw_node(dm_jw *w, const json_t *node)
{
    if (node == NULL) {
        dm_jw_null(w);
        return;
    }
    before(w);
    /* Only memory can fail here besides the buffer itself; the buffer carries both. */
    if (json_dump_callback(node, dump_into, w->b, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        dm_buf_fail(w->b, DM_E_NOMEM);
}

void dm_jw_kstr(dm_jw *w, const char *name, dm_str s)
{
    dm_jw_key(w, name);
    dm_jw_str(w, s);
}

void dm_jw_kc(dm_jw *w, const char *name, const char *z)
{
    dm_jw_key(w, name);
    dm_jw_c(w, z);
}

void dm_jw_ki64(dm_jw *w, const char *name, int64_t v)
{
    dm_jw_key(w, name);
    dm_jw_i64(w, v);
}

void dm_jw_ku64(dm_jw *w, const char *name, uint64_t v)
{
    dm_jw_key(w, name);
    dm_jw_u64(w, v);
}

void dm_jw_kbool(dm_jw *w, const char *name, bool v)
{
    dm_jw_key(w, name);
    dm_jw_bool(w, v);
}

/* --- by table ----------------------------------------------------------------------------------------------- */

void dm_json_encode_field(dm_jw *w, const dm_json_field *f, const void *in)
{
    const char *at = (const char *)in + f->offset;
    bool there;
    const void *p = NULL;
    if (has_flag(f)) {
        memcpy(&there, (const char *)in + f->has, sizeof(there));
        if (!there)
            return;
    }
    if (f->type != DM_JSON_I64 && f->type != DM_JSON_BOOL) {
        memcpy(&p, at, sizeof(p));
        if (p == NULL)
            return;
    }
    dm_jw_key(w, f->name);
    switch (f->type) {
    case DM_JSON_STR:
        dm_jw_c(w, p);
        break;
    case DM_JSON_I64: {
        int64_t v;
        memcpy(&v, at, sizeof(v));
        dm_jw_i64(w, v);
        break;
    }
    case DM_JSON_BOOL:
        memcpy(&there, at, sizeof(there));
        dm_jw_bool(w, there);
        break;
    case DM_JSON_NODE:
    case DM_JSON_OBJ:
    case DM_JSON_ARR:
    case DM_JSON_STRMAP:
        dm_jw_node(w, p);
        break;
    }
}

void dm_json_encode(dm_jw *w, const dm_json_field *fields, size_t n, const void *in)
{
    dm_jw_obj(w);
    for (size_t i = 0; i < n; i++)
        dm_json_encode_field(w, &fields[i], in);
    dm_jw_end(w);
}

void dm_jw_kmaybe(dm_jw *w, const char *name, dm_str s)
{
    if (s.p != NULL)
        dm_jw_kstr(w, name, s);
    else
        dm_jw_kc(w, name, NULL);
}

void dm_jw_ktime(dm_jw *w, const char *name, int64_t us)
{
    char text[32];
    if (us != 0)
        dm_rfc3339(us, text);
    dm_jw_kc(w, name, us != 0 ? text : NULL);
}
