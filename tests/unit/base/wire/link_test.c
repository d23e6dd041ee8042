/* Both ends of a signed link on the same links, made by E2B's own SDK for Python (2.63.0, get_signature). */
#include "base/crypto.h"
#include "base/parse.h"
#include "base/wire/link.h"

#include "api/door/signed.h"
#include "tests/unit/test.h"
#include "workers/guest/files/auth.h"

#define TOKEN "0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct vector {
    const char *path;
    dm_link_act act;
    const char *user, *token, *expiry, *signature;
} vector;

static const vector vectors[] = {
        /* The contract's own. */
        {"hello.txt", DM_LINK_READ, "user", TOKEN, "", "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E"},
        {"hello.txt", DM_LINK_WRITE, "user", TOKEN, "", "v1_yRl2q986FTmG+X/CM1wXMYT/fIInxXt4yqfqJnajTME"},
        {"hello.txt", DM_LINK_READ, "", TOKEN, "", "v1_SnvZASdG5vD8p9rpaldX3434NfwgRVsYsvzCBL6oZbc"},
        {"", DM_LINK_WRITE, "", TOKEN, "", "v1_+Ndakv8aCLGD5gjOtfiA7J8PrN3cGaRiZZq/4vOYGKA"},
        {"hello.txt", DM_LINK_READ, "user", TOKEN, "1790000600", "v1_QSI2McIx05YR+MiVkK2SZfL9+F8iLjNTau41DTzwAz0"},
        /* Colons and backslashes stand for themselves, and an expiry may lie before time itself. */
        {"a:b/../\xc3\xbc \\n.txt", DM_LINK_READ, "ro:ot", TOKEN, "-7",
                "v1_cS7MH/U7fLu8rOcuvRmP4nJdZ9+5zKrcBnEbA4Rt5Lc"},
        {"/home/user/" X50 X50 X50 X50, DM_LINK_WRITE, "user", A32 A32, "1790003600",
                "v1_Qyqo6NfjLTzwFrcZqf7F1DhoKxg/6b6u6mbO6Lad/rg"},
};

static int64_t until_of(const vector *v)
{
    int64_t until_s = 0;
    assert_int_equal(dm_link_until(dm_str_c(v->expiry), &until_s), 0);
    return until_s;
}

/* The digest as one who has the whole text makes it, and as one who tries tokens on a stem. */
static void signs_as_the_sdks_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < DM_LEN(vectors); i++) {
        const vector *v = &vectors[i];
        DM_AUTO_BUF stem, tail;
        DM_AUTO(dm_sha256_stem) hashed = NULL;
        dm_digest whole, tried, read;
        char text[DM_LINK_SIGNATURE + 1];
        dm_buf_init(&stem, 1024);
        dm_buf_init(&tail, 32);
        dm_link_stem(&stem, dm_str_c(v->path), v->act, dm_str_c(v->user));
        dm_link_tail(&tail, dm_str_c(v->expiry));
        const dm_str parts[] = {dm_buf_view(&stem), dm_str_c(v->token), dm_buf_view(&tail)};
        assert_int_equal(dm_sha256_parts(parts, 3, &whole, NULL), 0);
        assert_int_equal(dm_link_signature_write(whole.b, text, NULL), 0);
        assert_string_equal(text, v->signature);
        assert_int_equal(dm_sha256_stem_new(parts[0], &hashed, NULL), 0);
        assert_int_equal(dm_sha256_stem_end(hashed, parts + 1, 2, &tried, NULL), 0);
        assert_memory_equal(&tried, &whole, sizeof whole);
        assert_int_equal(dm_link_signature_read(dm_str_c(v->signature), read.b), 0);
        assert_memory_equal(&read, &whole, sizeof whole);
    }
}

static void reads_signatures_and_expiries(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "v1_", "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6",
            "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E=", "v2_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E",
            "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6!"};
    uint8_t digest[DM_LINK_DIGEST] = {7};
    int64_t until_s = 1;
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        assert_int_equal(dm_link_signature_read(dm_str_c(wrong[i]), digest), DM_LINK_WRONG);
    assert_int_equal(digest[0], 7); /* untouched */
    assert_int_equal(dm_link_until(DM_STR("soon"), &until_s), DM_LINK_WRONG);
    assert_int_equal(dm_link_until(DM_STR("1.5"), &until_s), DM_LINK_WRONG);
    assert_int_equal(dm_link_until(DM_STR("-12"), &until_s), 0);
    assert_true(until_s == -12);
    assert_int_equal(dm_link_until(DM_STR(""), &until_s), 0);
    assert_true(until_s == INT64_MAX);
}

/* --- the two ends ------------------------------------------------------------------------------------------- */

static void query_of(const vector *v, dm_buf *b)
{
    (void)dm_buf_c(b, "path=");
    (void)dm_url_encode(b, dm_str_c(v->path));
    (void)dm_buf_c(b, "&username=");
    (void)dm_url_encode(b, dm_str_c(v->user));
    (void)dm_buf_c(b, "&signature=");
    (void)dm_url_encode(b, dm_str_c(v->signature));
    if (v->expiry[0] != '\0')
        (void)dm_buf_fmt(b, "&signature_expiration=%s", v->expiry);
    assert_int_equal(dm_buf_ok(b, NULL), 0);
}

/* The agent's HTTP status. */
static int agent(dm_str query, dm_link_act act, const char *token, int64_t now_s)
{
    const dm_head h = {.query = query};
    const char *why = "";
    return dm_auth_file(&h, token, act, now_s, &why);
}

/* Whether the API finds that the token made it. */
static bool api(dm_str query, dm_link_act act, const char *token, int64_t *until_s)
{
    DM_AUTO_BUF uri;
    DM_AUTO_SIGNED url = {.stem = NULL};
    bool right = false;
    dm_buf_init(&uri, 4096);
    (void)dm_buf_c(&uri, "/files?");
    (void)dm_buf_str(&uri, query);
    assert_int_equal(dm_buf_ok(&uri, NULL), 0);
    dm_str method = act == DM_LINK_WRITE ? DM_STR("POST") : DM_STR("GET");
    assert_int_equal(dm_signed_read(dm_buf_view(&uri), method, &url, NULL), 0);
    assert_int_equal(dm_signed_by(&url, dm_str_c(token), &right, NULL), 0);
    *until_s = url.until_s;
    return right;
}

static void both_ends_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < DM_LEN(vectors); i++) {
        const vector *v = &vectors[i];
        dm_link_act other = v->act == DM_LINK_READ ? DM_LINK_WRITE : DM_LINK_READ;
        int64_t until_s = until_of(v), found_s = 0;
        DM_AUTO_BUF b;
        dm_buf_init(&b, 2048);
        query_of(v, &b);
        dm_str query = dm_buf_view(&b);
        assert_int_equal(agent(query, v->act, v->token, until_s), 0);
        assert_int_equal(agent(query, other, v->token, until_s), 401);
        assert_int_equal(agent(query, v->act, TOKEN "x", until_s), 401);
        if (until_s < INT64_MAX)
            assert_int_equal(agent(query, v->act, v->token, until_s + 1), 401);
        assert_true(api(query, v->act, v->token, &found_s));
        assert_true(found_s == until_s);
        assert_false(api(query, other, v->token, &found_s));
        assert_false(api(query, v->act, TOKEN "x", &found_s));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(signs_as_the_sdks_do),
            cmocka_unit_test(reads_signatures_and_expiries),
            cmocka_unit_test(both_ends_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
