#include <stdio.h>

#include "base/json.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

enum { ROOM = 1 << 16 };

/* --- load --------------------------------------------------------------------------------------------------- */

static void loads_any_value(void **state)
{
    (void)state;
    static const char *const good[] = {"{}", "[]", "null", "true", "1", "-1.5e3", "\"a\\u00e4\"", " {\"a\":[1,{}]} \n"};
    for (size_t i = 0; i < DM_LEN(good); i++) {
        DM_AUTO(json_t) j = NULL;
        assert_int_equal(dm_json_load(dm_str_c(good[i]), ROOM, &j, NULL), 0);
        assert_non_null(j);
    }
}

static void refuses_what_is_not_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "{\"a\":1}x", "{}{}", "01", "+1",
            "NaN", "1e999", "99999999999999999999", "\"\\u0000\"", "\"\\ud800\"", "\"\xff\"", "\"a\nb\"", "[1 2]",
            "{\"a\" 1}", "tru", "// c\n{}", "]", "}"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        json_t *j = NULL;
        dm_err err = {0};
        if (dm_json_load(dm_str_c(bad[i]), ROOM, &j, &err) != DM_E_INVALID)
            fail_msg("took \"%s\"", bad[i]);
        assert_null(j);
        assert_says(err, "line ");
    }
    json_t *j = NULL;
    assert_int_equal(dm_json_load(DM_STR("{\"a\":\0 1}"), ROOM, &j, NULL), DM_E_INVALID);
    assert_int_equal(dm_json_load((dm_str){NULL, 0}, ROOM, &j, NULL), DM_E_INVALID);
}

static void says_where_and_never_quotes(void **state)
{
    (void)state;
    json_t *j;
    dm_err err;
    assert_int_equal(dm_json_load(DM_STR("{\n \"a\": s3cret}"), ROOM, &j, &err), DM_E_INVALID);
    assert_says(err, "line 2, column ");
    assert_null(strstr(err.msg, "s3cret"));
    assert_int_equal(dm_json_load(DM_STR("{\"k3y\":1,\"k3y\":2}"), ROOM, &j, &err), DM_E_INVALID);
    assert_says(err, "twice");
    assert_null(strstr(err.msg, "k3y"));
}

/* n arrays in each other, in front of it what must not confuse the count. */
static int load_deep(size_t n, const char *front)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, ROOM);
    (void)dm_buf_ch(&b, '[');
    (void)dm_buf_c(&b, front);
    for (size_t i = 1; i < n; i++)
        (void)dm_buf_ch(&b, '[');
    for (size_t i = 0; i < n; i++)
        (void)dm_buf_ch(&b, ']');
    assert_int_equal(dm_buf_ok(&b, NULL), 0);
    DM_AUTO(json_t) j = NULL;
    return dm_json_load(dm_buf_view(&b), ROOM, &j, NULL);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(load_deep(64, ""), 0);
    assert_int_equal(load_deep(65, ""), DM_E_INVALID);
    assert_int_equal(load_deep(3000, ""), DM_E_INVALID);
    /* Brackets inside strings count for nothing, also behind escaped quotes; closed ones count no more. */
    assert_int_equal(load_deep(64, "\"[[[[\\\"[[[[\\\\\","), 0);
    assert_int_equal(load_deep(64, "[],{},"), 0);
    assert_int_equal(load_deep(65, "\"]]]]]]\\\"\","), DM_E_INVALID);
}

static void size_is_bounded(void **state)
{
    (void)state;
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(DM_STR("[1]"), 3, &j, NULL), 0);
    json_t *other = NULL;
    assert_int_equal(dm_json_load(DM_STR("[1]"), 2, &other, NULL), DM_E_LIMIT);
    assert_null(other);
}

/* --- decode ------------------------------------------------------------------------------------------------- */

typedef struct thing {
    char *name;
    int64_t size;
    bool has_size;
    bool on;
    bool has_on;
    json_t *any;
    json_t *obj;
    json_t *arr;
    json_t *map;
    bool has_map;
} thing;

static const dm_json_field fields[] = {
        {"name", DM_JSON_STR, offsetof(thing, name), DM_JSON_NEED, 1, 8},
        {"size", DM_JSON_I64, offsetof(thing, size), offsetof(thing, has_size), -5, 100},
        {"on", DM_JSON_BOOL, offsetof(thing, on), offsetof(thing, has_on), 0, 0},
        {"any", DM_JSON_NODE, offsetof(thing, any), DM_JSON_OPT, 0, 0},
        {"obj", DM_JSON_OBJ, offsetof(thing, obj), DM_JSON_OPT, 0, 1},
        {"arr", DM_JSON_ARR, offsetof(thing, arr), DM_JSON_OPT, 0, 2},
        {"map", DM_JSON_STRMAP, offsetof(thing, map), offsetof(thing, has_map), 0, 2},
};

static int decode(const char *text, thing *out, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(dm_str_c(text), ROOM, &j, err), 0);
    memset(out, 0xa5, sizeof(*out)); /* rubbish in it must not matter */
    return dm_json_decode(j, fields, DM_LEN(fields), out, err);
}

static void fills_a_struct(void **state)
{
    (void)state;
    thing t;
    assert_int_equal(decode("{\"name\":\"\xc3\xa4"
                            "bc\",\"size\":-5,\"on\":true,\"any\":[null],\"obj\":{\"x\":1},"
                            "\"arr\":[1,2],\"map\":{\"a\":\"b\"},\"unknown\":{\"name\":3}}",
                             &t, NULL),
            0);
    assert_string_equal(t.name, "\xc3\xa4"
                                "bc");
    assert_true(t.has_size && t.size == -5);
    assert_true(t.has_on && t.on);
    assert_int_equal(json_array_size(t.any), 1);
    assert_int_equal(json_object_size(t.obj), 1);
    assert_int_equal(json_array_size(t.arr), 2);
    assert_true(t.has_map);
    assert_string_equal(json_string_value(json_object_get(t.map, "a")), "b");
    dm_json_done(fields, DM_LEN(fields), &t);
    assert_null(t.name);
    assert_null(t.map);
    dm_json_done(fields, DM_LEN(fields), &t); /* twice is fine */
}

static void absent_and_null_are_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
            "{\"name\":\"a\"}", "{\"name\":\"a\",\"size\":null,\"on\":null,\"any\":null,\"map\":null}"};
    for (size_t i = 0; i < DM_LEN(texts); i++) {
        thing t;
        assert_int_equal(decode(texts[i], &t, NULL), 0);
        assert_false(t.has_size || t.has_on || t.has_map || t.on);
        assert_int_equal(t.size, 0);
        assert_null(t.any);
        assert_null(t.map);
        dm_json_done(fields, DM_LEN(fields), &t);
    }
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
            {"{}", "\"name\" is missing"},
            {"{\"name\":null}", "\"name\" is missing"},
            {"{\"name\":1}", "\"name\" must be a string"},
            {"{\"name\":\"\"}", "\"name\" must have 1 to 8"},
            {"{\"name\":\"123456789\"}", "\"name\" must have 1 to 8"},
            {"{\"name\":\"a\",\"size\":101}", "\"size\" must be -5 to 100"},
            {"{\"name\":\"a\",\"size\":-6}", "\"size\" must be"},
            {"{\"name\":\"a\",\"size\":3.0}", "\"size\" must be a whole number"},
            {"{\"name\":\"a\",\"size\":\"3\"}", "\"size\" must be a whole number"},
            {"{\"name\":\"a\",\"on\":1}", "\"on\" must be true or false"},
            {"{\"name\":\"a\",\"obj\":[]}", "\"obj\" must be an object"},
            {"{\"name\":\"a\",\"obj\":{\"a\":1,\"b\":2}}", "\"obj\" has 2 members"},
            {"{\"name\":\"a\",\"arr\":{}}", "\"arr\" must be an array"},
            {"{\"name\":\"a\",\"arr\":[1,2,3]}", "\"arr\" has 3 elements"},
            {"{\"name\":\"a\",\"map\":{\"x\":1}}", "\"map\" must have only strings"},
            {"{\"name\":\"a\",\"map\":{\"x\":null}}", "\"map\" must have only strings"},
            {"[]", "not a JSON object"},
            {"7", "not a JSON object"},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        thing t;
        dm_err err;
        assert_int_equal(decode(rows[i].text, &t, &err), DM_E_INVALID);
        assert_says(err, rows[i].says);
        assert_null(t.name); /* nothing is left to free */
        assert_null(t.any);
        assert_false(t.has_size);
    }
}

static void survives_each_failed_allocation(void **state)
{
    (void)state;
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(DM_STR("{\"name\":\"abc\",\"map\":{\"a\":\"b\"}}"), ROOM, &j, NULL), 0);
    int failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        thing t;
        int r = dm_json_decode(j, fields, DM_LEN(fields), &t, NULL);
        bool hit = alloc_fail_hit();
        assert_int_equal(r, hit ? DM_E_NOMEM : 0);
        failures += hit;
        if (hit)
            assert_true(t.name == NULL && t.map == NULL);
        dm_json_done(fields, DM_LEN(fields), &t);
    }
    assert_int_equal(failures, 1);
}

/* jansson's allocations pass its own hook, as it is a shared library. */
static void *jansson_malloc(size_t n)
{
    return __wrap_malloc(n);
}

static void loading_survives_each_failed_allocation(void **state)
{
    (void)state;
    json_malloc_t was_malloc;
    json_free_t was_free;
    json_get_alloc_funcs(&was_malloc, &was_free);
    json_set_alloc_funcs(jansson_malloc, free);
    int failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        json_t *j = NULL;
        int r = dm_json_load(
                DM_STR("{\"a\":[1,\"b\",2.5,{\"c\":\"a rather long string, so that it grows\"}]}"), ROOM, &j, NULL);
        bool hit = alloc_fail_hit();
        /* jansson can do without some of them, and takes the want of some for a bad token. */
        if (r != 0)
            assert_true(hit && (r == DM_E_NOMEM || r == DM_E_INVALID));
        assert_int_equal(r != 0, j == NULL);
        failures += hit;
        json_decref(j);
    }
    json_set_alloc_funcs(was_malloc, was_free);
    assert_true(failures > 5);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static void commas_are_where_they_belong(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "a", "x");
    dm_jw_kc(&w, "b", NULL);
    dm_jw_key(&w, "c");
    dm_jw_arr(&w);
    dm_jw_arr(&w);
    dm_jw_arr_end(&w);
    dm_jw_obj(&w);
    dm_jw_end(&w);
    dm_jw_i64(&w, INT64_MIN);
    dm_jw_u64(&w, UINT64_MAX);
    dm_jw_bool(&w, true);
    dm_jw_null(&w);
    dm_jw_raw(&w, DM_STR("{\"r\":1}"));
    dm_jw_arr_end(&w);
    dm_jw_ki64(&w, "d", -7);
    dm_jw_ku64(&w, "e", 0);
    dm_jw_kbool(&w, "f", false);
    dm_jw_kstr(&w, "g\"h", DM_STR("i"));
    dm_jw_end(&w);
    assert_int_equal(dm_buf_ok(&b, NULL), 0);
    assert_string_equal(b.p, "{\"a\":\"x\",\"b\":null,\"c\":[[],{},-9223372036854775808,18446744073709551615,true,null,"
                             "{\"r\":1}],\"d\":-7,\"e\":0,\"f\":false,\"g\\\"h\":\"i\"}");
}

static void trees_go_out_as_they_came(void **state)
{
    (void)state;
    static const char text[] = "{\"z\":[1,{\"a\":\"\xc3\xa4\"},null,true],\"b\":\"q\\\"\"}";
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(DM_STR(text), ROOM, &j, NULL), 0);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    dm_jw w;
    dm_jw_init(&w, &b);
    dm_jw_arr(&w);
    dm_jw_node(&w, j);
    dm_jw_node(&w, NULL);
    dm_jw_node(&w, json_object_get(j, "b"));
    dm_jw_arr_end(&w);
    char want[200];
    (void)snprintf(want, sizeof(want), "[%s,null,\"q\\\"\"]", text);
    assert_string_equal(b.p, want);

    dm_buf small;
    dm_buf_init(&small, 10);
    dm_jw_init(&w, &small);
    dm_jw_node(&w, j);
    assert_int_equal(dm_buf_ok(&small, NULL), DM_E_LIMIT);
    dm_buf_done(&small);
}

static void write_string(dm_buf *b, dm_str s)
{
    dm_jw w;
    dm_buf_reset(b);
    dm_jw_init(&w, b);
    dm_jw_str(&w, s);
    assert_int_equal(dm_buf_ok(b, NULL), 0);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    write_string(&b, DM_STR("\"\\/\b\f\n\r\t\x01\x1f\x7f\0 "));
    assert_string_equal(b.p, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000 \"");
    write_string(&b, DM_STR("a\xff\xc3(\xed\xa0\x80z\xc3"));
    assert_string_equal(b.p, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
    write_string(&b, (dm_str){NULL, 0});
    assert_string_equal(b.p, "\"\"");
}

/* Every byte, at every place of a word of eight and a bit: the fast path and the slow one agree with a reader. */
static void every_byte_reads_back(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    for (unsigned c = 1; c < 256; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19];
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            write_string(&b, (dm_str){text, sizeof(text)});
            DM_AUTO(json_t) j = NULL;
            assert_int_equal(dm_json_load(dm_buf_view(&b), ROOM, &j, NULL), 0);
            dm_str back = {json_string_value(j), json_string_length(j)};
            if (c < 0x80) {
                assert_int_equal(back.n, sizeof(text));
                assert_memory_equal(back.p, text, sizeof(text));
            } else {
                assert_int_equal(back.n, sizeof(text) + 2);
                assert_memory_equal(back.p + at, "\xef\xbf\xbd", 3);
            }
            /* No more is escaped than must be. */
            if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
                assert_int_equal(b.len, sizeof(text) + 2);
        }
    }
}

static void a_full_buffer_ends_it(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 40; cap++) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, cap);
        dm_jw w;
        dm_jw_init(&w, &b);
        dm_jw_obj(&w);
        dm_jw_kc(&w, "name", "a\nb\nc");
        dm_jw_ki64(&w, "size", 123456);
        dm_jw_end(&w);
        static const char whole[] = "{\"name\":\"a\\nb\\nc\",\"size\":123456}";
        assert_int_equal(dm_buf_ok(&b, NULL), cap < sizeof(whole) - 1 ? DM_E_LIMIT : 0);
        assert_memory_equal(dm_buf_view(&b).p, whole, b.len); /* a prefix, without a hole */
    }
}

/* --- one member --------------------------------------------------------------------------------------------- */

static void reads_one_member(void **state)
{
    DM_AUTO(json_t) j = NULL;
    dm_str s;
    int64_t i;
    bool b;
    (void)state;
    assert_int_equal(dm_json_load(DM_STR("{\"s\":\"text\",\"i\":-3,\"b\":true}"), ROOM, &j, NULL), 0);
    assert_string_equal(dm_json_c(j, "s"), "text");
    assert_int_equal(dm_json_str(j, "s", &s, NULL), 0);
    assert_str(s, "text");
    assert_int_equal(dm_json_i64(j, "i", -3, 0, &i, NULL), 0);
    assert_int_equal(i, -3);
    assert_int_equal(dm_json_bool(j, "b", &b, NULL), 0);
    assert_true(b);
}

static void tells_absent_from_wrong(void **state)
{
    DM_AUTO(json_t) j = NULL;
    static const char text[] = "{\"null\":null,\"s\":\"1\",\"i\":1,\"r\":1.0}";
    static const char *const absent[] = {"null", "nowhere"};
    dm_str s = DM_STR("as it was");
    int64_t i = 17;
    bool b = true;
    dm_err err;
    (void)state;
    assert_int_equal(dm_json_load(dm_str_c(text), ROOM, &j, NULL), 0);
    const json_t *objects[] = {j, NULL, json_object_get(j, "s")};
    for (size_t k = 0; k < DM_LEN(absent) * DM_LEN(objects); k++) {
        const json_t *obj = objects[k / DM_LEN(absent)];
        const char *name = absent[k % DM_LEN(absent)];
        assert_null(dm_json_c(obj, name));
        assert_int_equal(dm_json_str(obj, name, &s, NULL), DM_JSON_ABSENT);
        assert_int_equal(dm_json_i64(obj, name, 0, 9, &i, NULL), DM_JSON_ABSENT);
        assert_int_equal(dm_json_bool(obj, name, &b, NULL), DM_JSON_ABSENT);
    }
    assert_null(dm_json_c(j, "i"));
    assert_int_equal(dm_json_str(j, "i", &s, &err), DM_E_INVALID);
    assert_string_equal(err.msg, "\"i\" must be a string");
    assert_int_equal(dm_json_i64(j, "s", 0, 9, &i, &err), DM_E_INVALID);
    assert_string_equal(err.msg, "\"s\" must be a whole number");
    assert_int_equal(dm_json_i64(j, "r", 0, 9, &i, NULL), DM_E_INVALID);
    assert_int_equal(dm_json_i64(j, "i", 2, 9, &i, &err), DM_E_INVALID);
    assert_string_equal(err.msg, "\"i\" must be 2 to 9");
    assert_int_equal(dm_json_bool(j, "i", &b, &err), DM_E_INVALID);
    assert_string_equal(err.msg, "\"i\" must be true or false");
    assert_str(s, "as it was");
    assert_int_equal(i, 17);
    assert_true(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(loads_any_value),
            cmocka_unit_test(refuses_what_is_not_strict),
            cmocka_unit_test(says_where_and_never_quotes),
            cmocka_unit_test(depth_is_bounded),
            cmocka_unit_test(size_is_bounded),
            cmocka_unit_test(fills_a_struct),
            cmocka_unit_test(absent_and_null_are_the_same),
            cmocka_unit_test(refusals_name_the_field),
            cmocka_unit_test(survives_each_failed_allocation),
            cmocka_unit_test(loading_survives_each_failed_allocation),
            cmocka_unit_test(commas_are_where_they_belong),
            cmocka_unit_test(trees_go_out_as_they_came),
            cmocka_unit_test(reads_one_member),
            cmocka_unit_test(tells_absent_from_wrong),
            cmocka_unit_test(strings_are_escaped),
            cmocka_unit_test(every_byte_reads_back),
            cmocka_unit_test(a_full_buffer_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
