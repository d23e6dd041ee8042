#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/guest/files/auth.h"
#include "workers/guest/files/sha256.h"

static const char token[] = "0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0";

static const char *digest_of(dm_str s, char out[65])
{
    uint8_t d[DM_GUEST_SHA256];
    dm_guest_sha256(s, d);
    dm_hex(d, sizeof(d), out);
    return out;
}

/* FIPS 180-4's examples, and every length around a block's end against a digest of all of them. */
static void digests(void **state)
{
    (void)state;
    char hex[65];
    assert_string_equal(digest_of(DM_STR(""), hex), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(
            digest_of(DM_STR("abc"), hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(digest_of(DM_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char bytes[200], all[200 * 64];
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        memcpy(all + 64 * i, digest_of((dm_str){bytes, i}, hex), 64);
    assert_string_equal(digest_of((dm_str){all, sizeof(all)}, hex),
            "f61ffcc417e1f0e59eba2da7fa32fbe05b64e478b68c6bacf990455f00248b98");
}

static void signs(void **state)
{
    (void)state;
    char s[DM_SIGNATURE_SIZE];
    assert_int_equal(dm_auth_sign("hello.txt", "read", "user", token, "", s, NULL), 0);
    assert_string_equal(s, "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E");
}

/* The verdict on a query and, when given, a token header; "" is yes. */
static const char *verdict(const char *query, const char *header, int status)
{
    dm_head_field field = {DM_STR("X-Access-Token"), dm_str_c(header)};
    dm_head h = {.query = dm_str_c(query), .fields = &field, .n = header != NULL ? 1 : 0};
    const char *why = "";
    int r = dm_auth_file(&h, token, "read", 1000, &why);
    assert_int_equal(r, status);
    return r == 0 ? "" : why;
}

#define SIGNED "path=hello.txt&username=user&signature=v1_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E"

static void judges_files(void **state)
{
    (void)state;
    char s[DM_SIGNATURE_SIZE];
    (void)verdict(SIGNED, NULL, 0);
    (void)verdict("path=hello.txt", token, 0);
    (void)verdict(SIGNED, "wrong", 401); /* a wrong token beats a good signature */
    (void)verdict("path=hello.txt", NULL, 401);
    assert_string_equal(verdict(SIGNED "x", NULL, 401), "invalid signature");
    assert_string_equal(verdict(SIGNED "&signature_expiration=999", NULL, 401), "invalid signature");
    assert_int_equal(dm_auth_sign("p", "read", "", token, "1000", s, NULL), 0);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 400);
    (void)dm_buf_c(&b, "path=p&signature_expiration=1000&signature=");
    (void)dm_url_encode(&b, dm_str_c(s));
    (void)verdict(b.p, NULL, 0); /* this very second is not late */
    assert_int_equal(dm_auth_sign("p", "read", "", token, "999", s, NULL), 0);
    dm_buf_reset(&b);
    (void)dm_buf_c(&b, "path=p&signature_expiration=999&signature=");
    (void)dm_url_encode(&b, dm_str_c(s));
    assert_string_equal(verdict(b.p, NULL, 401), "signature is already expired");
    (void)verdict("path=a&path=b", NULL, 400);
    (void)verdict("path=a&signature_expiration=soon", token, 400);
}

static int basic(const char *value, char out[64])
{
    dm_head_field field = {DM_STR("authorization"), dm_str_c(value)};
    dm_head h = {.fields = &field, .n = 1};
    return dm_auth_basic(&h, out, 64, NULL);
}

static void reads_the_user(void **state)
{
    (void)state;
    char name[64] = "-";
    assert_int_equal(basic("Basic dXNlcjo=", name), 0);
    assert_string_equal(name, "user");
    assert_int_equal(basic("basic cm9vdDpwdw==", name), 0);
    assert_string_equal(name, "root");
    assert_int_equal(basic("Basic Og==", name), 0); /* an empty name is a name, not the default */
    assert_string_equal(name, "");
    assert_int_equal(basic("Bearer dXNlcjo=", name), DM_AUTH_NO_USER);
    assert_int_equal(basic("Basic !!", name), DM_AUTH_NO_USER);
    assert_int_equal(basic("Basic dXNlcg==", name), DM_AUTH_NO_USER); /* no colon */
    dm_head none = {.n = 0};
    assert_int_equal(dm_auth_basic(&none, name, sizeof(name), NULL), DM_AUTH_NO_USER);
    assert_true(dm_auth_token_ok(&none, ""));
    assert_false(dm_auth_token_ok(&none, "t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(digests), cmocka_unit_test(signs),
            cmocka_unit_test(judges_files), cmocka_unit_test(reads_the_user)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
