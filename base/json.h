/* base/json.h: JSON by table. A table of fields decodes an object into a struct and refuses duplicate names, wrong
 * types, too much depth, and sizes over the cap; unknown names are ignored (clients send more than we read). Only this
 * file includes jansson; writers build text with dm_jw into a dm_buf.
 *
 * A tree is a json_t, and jansson's accessors on it are a vocabulary like libc's: whoever includes this file may use
 * them. Three in five of their uses are in three files that walk what no table describes (protobuf's mapping to JSON,
 * the network object of a create, a sandbox's environment), where another name would hide nothing: they take NULL and
 * wrong types, and allocate only where they say so. What everybody wrote by hand around them, one member of an object
 * that has no table, is below as dm_json_c and its three strict siblings. Parsing is ours alone: dm_json_load is the
 * only way from text to a tree, because jansson's own has neither our depth nor our words. */
#ifndef DM_BASE_JSON_H
#define DM_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

enum dm_json_type {
    DM_JSON_STR,   /* char *, malloc'd, UTF-8 without NUL, min..max bytes */
    DM_JSON_I64,   /* int64_t within min..max; a whole number such as 3.0 is not one */
    DM_JSON_BOOL,  /* bool */
    DM_JSON_NODE,  /* json_t *, any value, one reference */
    DM_JSON_OBJ,   /* json_t *, must be an object with at most max members */
    DM_JSON_ARR,   /* json_t *, must be an array with at most max elements */
    DM_JSON_STRMAP /* json_t *, an object of strings with at most max members */
};

struct dm_jw;

typedef struct dm_json_field {
    const char *name;
    enum dm_json_type type;
    size_t offset;
    size_t has; /* offset of a bool that says whether it was there and not null, or one of the two below */
    int64_t min, max;
} dm_json_field;

#define DM_JSON_NEED ((size_t)-1) /* required: absent or null is DM_E_INVALID */
#define DM_JSON_OPT ((size_t)-2)  /* optional, and zero says enough of its absence */

static inline DM_UNUSED void json_t_free(json_t *j)
{
    json_decref(j);
}
DM_DEFINE_FREEP(json_t) /* DM_AUTO(json_t) */

/* Strict text to tree: duplicates refused, at most max_bytes and 64 levels deep, trailing bytes and NUL refused. */
int dm_json_load(dm_str text, size_t max_bytes, json_t **out, dm_err *err) DM_NODISCARD;

/* Fills *out (zeroed first). On failure nothing is left allocated. The message names the field. */
int dm_json_decode(const json_t *obj, const dm_json_field *fields, size_t n, void *out, dm_err *err) DM_NODISCARD;
void dm_json_done(const dm_json_field *fields, size_t n, void *out);

/* One member of an object without a table. obj may be NULL or no object: then it has no member. What is borrowed lives
 * as long as the tree; strings end in a NUL and have none in them. */
const char *dm_json_c(const json_t *obj, const char *name); /* NULL unless it is a string */
dm_str dm_json_text(const json_t *obj, const char *name);   /* the same; .p is NULL */
/* 0; DM_JSON_ABSENT when it is not there, or null; DM_E_INVALID, which names it, for another type or out of bounds.
 * *out is set on 0 alone. */
enum { DM_JSON_ABSENT = 1 };
int dm_json_str(const json_t *obj, const char *name, dm_str *out, dm_err *err) DM_NODISCARD;
int dm_json_i64(const json_t *obj, const char *name, int64_t min, int64_t max, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_json_bool(const json_t *obj, const char *name, bool *out, dm_err *err) DM_NODISCARD;

/* A table the other way: writes the object. A field whose `has` is false is left out, as is a NULL pointer. */
void dm_json_encode(struct dm_jw *w, const dm_json_field *fields, size_t n, const void *in);
/* One member of it, into an object that is open. */
void dm_json_encode_field(struct dm_jw *w, const dm_json_field *field, const void *in);

/* --- writing ------------------------------------------------------------------------------------------------ */

/* A writer that puts commas where they belong. Errors stick to the buffer (dm_buf_ok). */
typedef struct dm_jw {
    dm_buf *b;
    unsigned depth;
    uint64_t some; /* bit d: something was already written at depth d */
    bool keyed;
} dm_jw;

void dm_jw_init(dm_jw *w, dm_buf *b);
void dm_jw_obj(dm_jw *w);
void dm_jw_end(dm_jw *w); /* closes the object */
void dm_jw_arr(dm_jw *w);
void dm_jw_arr_end(dm_jw *w);
void dm_jw_key(dm_jw *w, const char *name);
void dm_jw_str(dm_jw *w, dm_str s); /* bytes that are not UTF-8 become U+FFFD; escapes < 0x20, quote, backslash, DEL */
void dm_jw_c(dm_jw *w, const char *z); /* NULL gives null */
void dm_jw_i64(dm_jw *w, int64_t v);
void dm_jw_u64(dm_jw *w, uint64_t v);
void dm_jw_bool(dm_jw *w, bool v);
void dm_jw_null(dm_jw *w);
void dm_jw_raw(dm_jw *w, dm_str json); /* already JSON */
void dm_jw_node(dm_jw *w, const json_t *node);

/* key and value in one */
void dm_jw_kstr(dm_jw *w, const char *name, dm_str s);
void dm_jw_kc(dm_jw *w, const char *name, const char *z);
void dm_jw_ki64(dm_jw *w, const char *name, int64_t v);
void dm_jw_ku64(dm_jw *w, const char *name, uint64_t v);
void dm_jw_kbool(dm_jw *w, const char *name, bool v);
void dm_jw_kmaybe(dm_jw *w, const char *name, dm_str s);  /* null where .p is NULL */
void dm_jw_ktime(dm_jw *w, const char *name, int64_t us); /* RFC 3339 in UTC; null for 0 */

#endif
