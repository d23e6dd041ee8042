#include <stdio.h>

#include "tenants/sandbox/network.h"
#include "tests/unit/test.h"

/* What was asked for, as JSON (NULL: nothing); the caller frees *kept. */
static int ask(const char *text, dm_network *out, char **kept, dm_err *err)
{
    DM_AUTO(json_t) asked = text != NULL ? json_loads(text, 0, NULL) : NULL;
    assert_true(text == NULL || asked != NULL);
    *kept = NULL;
    return dm_network_ask(asked, out, kept, err);
}

/* What is kept is what was asked for, as far as it means anything, and means the same when it is read. */
static void what_is_kept_means_what_was_asked(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *kept, *mask;
        bool public, cut;
    } cases[] = {{NULL, "{}", "", true, false}, {"{}", "{}", "", true, false},
            {"{\"allowPublicTraffic\":true}", "{\"allowPublicTraffic\":true}", "", true, false},
            {"{\"allowPublicTraffic\":false}", "{\"allowPublicTraffic\":false}", "", false, false},
            {"{\"allowPublicTraffic\":null,\"unknown\":1}", "{}", "", true, false},
            {"{\"denyOut\":[]}", "{}", "", true, false}, {"{\"denyOut\":null}", "{}", "", true, false},
            {"{\"denyOut\":[\"8.8.8.8\",\"0.0.0.0/0\"]}", "{\"denyOut\":[\"8.8.8.8\",\"0.0.0.0/0\"]}", "", true, true},
            {"{\"maskRequestHost\":\"a.b:${PORT}\"}", "{\"maskRequestHost\":\"a.b:${PORT}\"}", "a.b:${PORT}", true,
                    false},
            {"{\"allowOut\":[],\"rules\":{},\"httpsPorts\":0,\"egressProxy\":null,\"dnsServers\":false}", "{}", "",
                    true, false}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_network asked, read;
        char *kept;
        dm_err err = {0};
        assert_int_equal(ask(cases[i].asked, &asked, &kept, &err), 0);
        assert_string_equal(kept, cases[i].kept);
        assert_int_equal(dm_network_read(dm_str_c(kept), &read, &err), 0);
        const dm_network *both[] = {&asked, &read};
        for (size_t k = 0; k < DM_LEN(both); k++) {
            assert_int_equal(both[k]->public, cases[i].public);
            assert_int_equal(both[k]->cut, cases[i].cut);
            assert_string_equal(both[k]->mask, cases[i].mask);
        }
        free(kept);
    }
}

static void what_is_not_offered_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *asked;
        int is;
    } cases[] = {{"{\"allowOut\":[\"8.8.8.8\"]}", DM_NETWORK_NOT_OFFERED},
            {"{\"allowOut\":[\"8.8.8.8\"],\"denyOut\":[\"0.0.0.0/0\"]}", DM_NETWORK_NOT_OFFERED},
            {"{\"httpsPorts\":[443]}", DM_NETWORK_NOT_OFFERED}, {"{\"egressProxy\":\"p\"}", DM_NETWORK_NOT_OFFERED},
            {"{\"rules\":{\"a\":1}}", DM_NETWORK_NOT_OFFERED},
            {"{\"dnsServers\":[\"1.1.1.1\"]}", DM_NETWORK_NOT_OFFERED},
            {"{\"denyOut\":[\"8.8.8.8\"]}", DM_NETWORK_SOME}, {"{\"denyOut\":[\"::/0\"]}", DM_NETWORK_SOME},
            {"{\"denyOut\":\"0.0.0.0/0\"}", DM_E_INVALID}, {"{\"denyOut\":[\"0.0.0.0/0\",7]}", DM_E_INVALID},
            {"{\"allowPublicTraffic\":\"yes\"}", DM_E_INVALID}, {"{\"maskRequestHost\":7}", DM_NETWORK_BAD_MASK}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_network n;
        char *kept;
        dm_err err = {0};
        int r = ask(cases[i].asked, &n, &kept, &err);
        if (r != cases[i].is || kept != NULL)
            fail_msg("%s: %d, not %d", cases[i].asked, r, cases[i].is);
    }
}

static int ask_to_deny(size_t many)
{
    dm_network n;
    char *kept = NULL;
    DM_AUTO(json_t) asked = json_object();
    json_t *list = json_array();
    assert_int_equal(json_object_set_new(asked, "denyOut", list), 0);
    for (size_t i = 0; i < many; i++)
        assert_int_equal(json_array_append_new(list, json_string("0.0.0.0/0")), 0);
    int r = dm_network_ask(asked, &n, &kept, NULL);
    free(kept);
    return r;
}

static void the_list_has_an_end(void **state)
{
    (void)state;
    assert_int_equal(ask_to_deny(DM_NETWORK_DENY_MAX), 0);
    assert_int_equal(ask_to_deny(DM_NETWORK_DENY_MAX + 1), DM_E_INVALID);
}

/* --- masks -------------------------------------------------------------------------------------------------- */

static int ask_mask(const char *mask, dm_network *out)
{
    char *kept = NULL;
    DM_AUTO(json_t) asked = json_object();
    assert_int_equal(json_object_set_new(asked, "maskRequestHost", json_string(mask)), 0);
    int r = dm_network_ask(asked, out, &kept, NULL);
    free(kept);
    return r;
}

static void a_mask_is_a_host_and_perhaps_a_port(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "localhost", "a.b.c", "A-1.b", "a:1", "a:65535", "${PORT}", "a:${PORT}",
            "x${PORT}.y:8${PORT}", "10.0.0.1:80"};
    static const char *const bad[] = {"", ":", ":80", "a:", "a:0", "a:65536", "a:b", "a:1:2", ".a", "a.", "a..b", "-a",
            "a-", "a.-b", "a b", "a/b", "http://a", "a_b", "a\x01", "${PORT", "$PORT", "\xc3\xa9"};
    dm_network n;
    for (size_t i = 0; i < DM_LEN(good); i++)
        if (ask_mask(good[i], &n) != 0 || strcmp(n.mask, good[i]) != 0)
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < DM_LEN(bad); i++)
        if (ask_mask(bad[i], &n) != DM_NETWORK_BAD_MASK)
            fail_msg("'%s' was taken", bad[i]);
    char label[80] = "";
    memset(label, 'a', 64);
    assert_int_equal(ask_mask(label + 1, &n), 0);
    assert_int_equal(ask_mask(label, &n), DM_NETWORK_BAD_MASK);
    char longest[DM_NETWORK_MASK_MAX + 1];
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 == 0 ? 'a' : '.';
    longest[DM_NETWORK_MASK_MAX - 1] = '\0';
    assert_int_equal(ask_mask(longest, &n), 0);
    longest[DM_NETWORK_MASK_MAX - 1] = 'a';
    longest[DM_NETWORK_MASK_MAX] = '\0';
    assert_int_equal(ask_mask(longest, &n), DM_NETWORK_BAD_MASK);
}

static void the_host_is_the_mask_with_its_port(void **state)
{
    (void)state;
    static const struct {
        const char *mask, *host, *is;
        uint16_t port;
    } cases[] = {{"", "real.test:3002", "real.test:3002", 80}, {"", "", "", 80}, {"a.b", "real.test", "a.b", 80},
            {"a:${PORT}", "real.test", "a:65535", 65535}, {"${PORT}", "real.test", "1", 1},
            {"x${PORT}.y:${PORT}", "real.test", "x8080.y:8080", 8080}};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_network n = {.public = true};
        DM_AUTO_BUF host;
        dm_buf_init(&host, 64);
        memcpy(n.mask, cases[i].mask, strlen(cases[i].mask) + 1);
        assert_int_equal(dm_network_host(&n, dm_str_c(cases[i].host), cases[i].port, &host, NULL), 0);
        assert_int_equal(host.len, strlen(cases[i].is));
        assert_memory_equal(host.len > 0 ? host.p : "", cases[i].is, host.len);
    }
    dm_network n = {.mask = "longer-than-there-is-room"};
    DM_AUTO_BUF small;
    dm_buf_init(&small, 8);
    assert_int_equal(dm_network_host(&n, DM_STR("h"), 80, &small, NULL), DM_E_LIMIT);
}

/* --- what a row has ----------------------------------------------------------------------------------------- */

/* Nobody is let in and nothing out, rather than more than was asked for. */
static void what_cannot_be_read_lets_nothing_through(void **state)
{
    (void)state;
    char long_mask[DM_NETWORK_MASK_MAX + 64];
    (void)snprintf(long_mask, sizeof long_mask, "{\"maskRequestHost\":\"%0*d\"}", DM_NETWORK_MASK_MAX, 1);
    const char *const bad[] = {"", "{", "nonsense", "[]", "null", "7", long_mask, "{\"maskRequestHost\":7}"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        dm_network n = {.public = true};
        dm_err err = {0};
        if (dm_network_read(dm_str_c(bad[i]), &n, &err) != DM_E_INTERNAL || n.public || !n.cut)
            fail_msg("%s was read", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_kept_means_what_was_asked),
            cmocka_unit_test(what_is_not_offered_is_refused), cmocka_unit_test(the_list_has_an_end),
            cmocka_unit_test(a_mask_is_a_host_and_perhaps_a_port), cmocka_unit_test(the_host_is_the_mask_with_its_port),
            cmocka_unit_test(what_cannot_be_read_lets_nothing_through)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
