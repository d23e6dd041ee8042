/* A text is refused, or is a tree that our writer and loader carry round unchanged. The same bytes as a string come
 * back as they were if they are UTF-8. */
#include "base/json.h"
#include "base/parse.h"

#include "tests/fuzz/fuzz.h"

enum { MAX = 1 << 16 };

typedef struct request {
    char *name;
    int64_t size;
    bool has_size;
    bool on;
    json_t *list;
    json_t *map;
} request;

static const dm_json_field fields[] = {
        {"name", DM_JSON_STR, offsetof(request, name), DM_JSON_NEED, 1, 16},
        {"size", DM_JSON_I64, offsetof(request, size), offsetof(request, has_size), 0, 100},
        {"on", DM_JSON_BOOL, offsetof(request, on), DM_JSON_OPT, 0, 0},
        {"list", DM_JSON_ARR, offsetof(request, list), DM_JSON_OPT, 0, 4},
        {"map", DM_JSON_STRMAP, offsetof(request, map), DM_JSON_OPT, 0, 4},
};

static void carry_tree_round(const json_t *j)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 8 * MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_node(&w, j);
    HOLDS(dm_buf_ok(&b, NULL) == 0);
    DM_AUTO(json_t) back = NULL;
    HOLDS(dm_json_load(dm_buf_view(&b), 8 * MAX, &back, NULL) == 0);
    HOLDS(json_equal(j, back));
}

static void carry_string_round(dm_str s)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 8 * MAX);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_str(&w, s);
    HOLDS(dm_buf_ok(&b, NULL) == 0);
    HOLDS(dm_utf8_ok(dm_buf_view(&b)));
    if (!dm_utf8_ok(s))
        return;
    DM_AUTO(json_t) back = NULL;
    HOLDS(dm_json_load(dm_buf_view(&b), 8 * MAX, &back, NULL) == 0);
    HOLDS(dm_str_eq((dm_str){json_string_value(back), json_string_length(back)}, s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX)
        return 0;
    dm_str text = {(const char *)data, size};
    carry_string_round(text);
    DM_AUTO(json_t) j = NULL;
    dm_err err = {0};
    if (dm_json_load(text, MAX, &j, &err) < 0) {
        HOLDS(err.code < 0 && err.msg[0] != '\0');
        return 0;
    }
    carry_tree_round(j);
    request r;
    if (dm_json_decode(j, fields, DM_LEN(fields), &r, &err) == 0)
        HOLDS(r.name != NULL && strlen(r.name) >= 1 && strlen(r.name) <= 16 && r.size >= 0 && r.size <= 100);
    dm_json_done(fields, DM_LEN(fields), &r);
    return 0;
}
