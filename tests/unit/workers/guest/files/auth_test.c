#include "tests/unit/test.h"
#include "workers/guest/files/auth.h"

static const char token[] = "0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0";

/* The verdict on a query and, when given, a token header; "" is yes. */
static const char *verdict(const char *query, const char *header, int status)
{
    dm_head_field field = {DM_STR("X-Access-Token"), dm_str_c(header)};
    dm_head h = {.query = dm_str_c(query), .fields = &field, .n = header != NULL ? 1 : 0};
    const char *why = "";
    int r = dm_auth_file(&h, token, DM_LINK_READ, 1000, &why);
    assert_int_equal(r, status);
    return r == 0 ? "" : why;
}

#define SIGNED "path=hello.txt&username=user&signature=v1_gUtH%2Fs9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E"

/* Of p, as read by nobody, until then. */
#define OF_1000 "v1_Uu7LHBACSTo6YeDTIZ8farEYGIdtR%2Fd6j3Jf6Tj7mrI"
#define OF_999 "v1_rdA4JdJ1zjxar%2BQA7W7f8dnbbFXiJ%2B%2FKmCDnInNm%2FfA"

static void judges_files(void **state)
{
    (void)state;
    (void)verdict(SIGNED, NULL, 0);
    (void)verdict("path=hello.txt", token, 0);
    (void)verdict(SIGNED, "wrong", 401); /* a wrong token beats a good signature */
    (void)verdict("path=hello.txt", NULL, 401);
    assert_string_equal(verdict(SIGNED "x", NULL, 401), "invalid signature");
    assert_string_equal(verdict(SIGNED "&signature_expiration=999", NULL, 401), "invalid signature");
    (void)verdict("path=p&signature_expiration=1000&signature=" OF_1000, NULL, 0); /* this very second is not late */
    assert_string_equal(
            verdict("path=p&signature_expiration=999&signature=" OF_999, NULL, 401), "signature is already expired");
    assert_string_equal(verdict("path=p&signature_expiration=1000&signature=" OF_999, NULL, 401), "invalid signature");
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(judges_files), cmocka_unit_test(reads_the_user)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
