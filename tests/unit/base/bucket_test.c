/* What a customer may name, and where no request of ours goes. That files arrive is tried before a server that others
 * have written (tests/conformance/exports). */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/bucket.h"

#include "tests/unit/test.h"

static bool ok(const char *address, bool loopback)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return dm_bucket_address_ok((const struct sockaddr *)&v4, loopback);
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return dm_bucket_address_ok((const struct sockaddr *)&v6, loopback);
}

static void addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"52.219.0.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
            "126.255.255.255", "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255",
            "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2600:1f18::1", "2a00::1", "2003::1"};
    static const char *const bad[] = {"0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1",
            "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.1.1", "198.18.0.1",
            "198.19.255.255", "203.0.113.7", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
            "::ffff:127.0.0.1", "::ffff:52.219.0.1", "64:ff9b::10.0.0.1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
            "ff02::1", "2001:db8::1", "2001::1", "2002:a00:1::1", "3fff::1", "100::1", "::7f00:1"};
    for (size_t i = 0; i < DM_LEN(good); i++)
        if (!ok(good[i], false))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (ok(bad[i], false))
            fail_msg("%s is taken", bad[i]);
    assert_true(ok("127.0.0.1", true));
    assert_true(ok("::1", true));
    assert_false(ok("10.0.0.1", true));
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(dm_bucket_address_ok(&local, true));
}

static void endpoints(void **state)
{
    (void)state;
    static const char *const good[] = {
            "https://s3.eu-central-1.amazonaws.com", "https://minio.example.org:9000", "https://s3.example.org/"};
    static const char *const bad[] = {"http://s3.example.org", "https://", "s3.example.org", "file:///etc/passwd",
            "https://a:b@s3.example.org", "https://s3.example.org/path", "https://s3.example.org?x=1",
            "https://s3.example.org/#x", "gopher://s3.example.org", "https://s3 .example.org", ""};
    for (size_t i = 0; i < DM_LEN(good); i++)
        assert_int_equal(dm_bucket_endpoint_ok(good[i], false, NULL), 0);
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (dm_bucket_endpoint_ok(bad[i], false, NULL) != DM_E_INVALID)
            fail_msg("%s", bad[i]);
    assert_int_equal(dm_bucket_endpoint_ok("http://127.0.0.1:5000", true, NULL), 0);
}

static void names(void **state)
{
    (void)state;
    assert_true(dm_bucket_name_ok(DM_STR("acme-finance.eu")));
    assert_false(dm_bucket_name_ok(DM_STR("Acme")));
    assert_false(dm_bucket_name_ok(DM_STR("a")));
    assert_false(dm_bucket_name_ok(DM_STR("..")));
    assert_false(dm_bucket_name_ok(DM_STR("a/b")));
    assert_true(dm_bucket_region_ok(DM_STR("eu-central-1")));
    assert_false(dm_bucket_region_ok(DM_STR("eu:s3")));
    assert_true(dm_bucket_object_ok(DM_STR("a/b-c/d_1.csv")));
    static const char *const bad[] = {"", "/a", "a//b", "a/", "../a", "a/../b", "a/.b", "a b", "a?b", "a%2e"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (dm_bucket_object_ok(dm_str_c(bad[i])))
            fail_msg("%s", bad[i]);
}

/* A name that leads to this machine is asked nothing, though it is a name; and what nobody listens on is told. */
static void none_of_ours_is_asked(void **state)
{
    (void)state;
    dm_err err = {0};
    dm_bucket b = {.endpoint = "https://localhost:1", .region = "eu", .name = "bucket", .key_id = "k", .secret = "s"};
    const dm_bucket_object o = {.name = "a",
            .media = "text/plain",
            .fd = -1,
            .text = DM_STR_INIT("x"),
            .bytes = 1,
            .sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"};
    assert_int_equal(dm_bucket_put(&b, &o, &err), DM_E_DENIED);
    assert_says(err, "no address of the public internet");
    b.endpoint = "http://127.0.0.1:1";
    b.loopback = true;
    assert_int_equal(dm_bucket_put(&b, &o, &err), DM_E_UNAVAILABLE);
    assert_says(err, "cannot be reached");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(addresses),
            cmocka_unit_test(endpoints),
            cmocka_unit_test(names),
            cmocka_unit_test(none_of_ours_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
