#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/guest/files/auth.h"

static const char token[] = "0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0";

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(signs),
            cmocka_unit_test(judges_files), cmocka_unit_test(reads_the_user)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
