/* Covers api/e2b/template_get.c, api/e2b/template_list.c, api/kit/page.c, tenants/sandbox/sql_template.c. */
#include <stdio.h>

#include "base/parse.h"

#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

enum { MADE = 5 };
static char ids[MADE][32];

static void make(void)
{
    for (size_t i = 0; i < MADE; i++) {
        char more[256];
        (void)snprintf(more, sizeof more, ",\"metadata\":{\"n\":\"%zu\",\"a b&c=d+%%é\":\"x y&z=+%%ü\"}", i);
        dm_rig_create(&rig, more, ids[i]);
    }
    char path[64];
    (void)snprintf(path, sizeof path, "/sandboxes/%s/pause", ids[3]);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "POST", path, NULL);
    if (paused.status != 204)
        abort();
}

static const char *id_at(const dm_said *s, size_t i)
{
    const char *id = json_string_value(json_object_get(json_array_get(s->body, i), "sandboxID"));
    return id != NULL ? id : "";
}

static size_t count(const char *path)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
    if (said.status != 200)
        fail_msg("%s: %d %s", path, said.status, said.text);
    return json_array_size(said.body);
}

static void expect(const char *path, int status)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
    if (said.status != status)
        fail_msg("%s: %d, not %d: %s", path, said.status, status, said.text);
}

/* What the filters leave, whatever the page. */
static void the_total_is_of_what_is_asked_for(void **state)
{
    static const char *const asked[][2] = {{"/v2/sandboxes?limit=1", "4"}, {"/v2/sandboxes?metadata=n%3D1", "1"},
            {"/v2/sandboxes?metadata=n%3D3", "0"}, {"/v2/sandboxes?template=base&state=running&limit=2", "4"},
            {"/v2/sandboxes?template=nothing", "0"}, {"/v2/sandboxes?startedAfter=2199-01-01T00:00:00Z", "0"}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(asked); i++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", asked[i][0], NULL);
        const char *total = dm_said_header(&said, "X-Total-Running");
        if (said.status != 200 || total == NULL || strcmp(total, asked[i][1]) != 0)
            fail_msg("%s: %d, %s and not %s", asked[i][0], said.status, total != NULL ? total : "none", asked[i][1]);
    }
}

static void order_and_states(void **state)
{
    (void)state;
    DM_AUTO_SAID all = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    assert_int_equal(json_array_size(all.body), MADE);
    for (size_t i = 0; i < MADE; i++)
        assert_string_equal(id_at(&all, i), ids[MADE - 1 - i]);
    assert_string_equal(dm_said_header(&all, "X-Total-Running"), "4");
    assert_null(dm_said_header(&all, "X-Next-Token"));
    DM_AUTO_SAID asc = dm_rig_call(&rig, "GET", "/v2/sandboxes?order=asc", NULL);
    for (size_t i = 0; i < MADE; i++)
        assert_string_equal(id_at(&asc, i), ids[i]);
    DM_AUTO_SAID paused = dm_rig_call(&rig, "GET", "/v2/sandboxes?state=paused", NULL);
    assert_int_equal(json_array_size(paused.body), 1);
    assert_string_equal(id_at(&paused, 0), ids[3]);
    assert_null(dm_said_header(&paused, "X-Total-Running"));
    assert_int_equal(count("/v2/sandboxes?state=running,paused"), MADE);
    assert_int_equal(count("/v2/sandboxes?state=running"), 4);
    assert_int_equal(count("/sandboxes"), 4);
    expect("/v2/sandboxes?state=dead", 400);
    expect("/v2/sandboxes?order=up", 400);
}

/* Every page but the last has a token, and a last page that is exactly full has none. */
static void pages(void **state)
{
    (void)state;
    char path[256] = "/v2/sandboxes?limit=2", token[160] = "";
    size_t seen = 0;
    for (int page = 0; page < 3; page++) {
        DM_AUTO_SAID said = dm_rig_call(&rig, "GET", path, NULL);
        assert_int_equal(said.status, 200);
        for (size_t i = 0; i < json_array_size(said.body); i++)
            assert_string_equal(id_at(&said, i), ids[MADE - 1 - seen++]);
        const char *next = dm_said_header(&said, "X-Next-Token");
        assert_int_equal(next != NULL, page < 2);
        if (next != NULL)
            (void)snprintf(token, sizeof token, "%s", next);
        (void)snprintf(path, sizeof path, "/v2/sandboxes?limit=2&nextToken=%s", token);
    }
    assert_int_equal(seen, MADE);
    DM_AUTO_SAID full = dm_rig_call(&rig, "GET", "/v2/sandboxes?limit=5", NULL);
    assert_null(dm_said_header(&full, "X-Next-Token"));
    (void)snprintf(path, sizeof path, "/v2/sandboxes?order=asc&nextToken=%s", token);
    expect(path, 400);
    expect("/v2/sandboxes?nextToken=garbage", 400);
    expect("/v2/sandboxes?nextToken=ZDoxOicn", 400);
    expect("/v2/sandboxes?limit=0", 400);
    expect("/v2/sandboxes?limit=101", 400);
}

/* As the clients do it: each part, the form, the parameter. */
static void encode(dm_buf *out, const char *text, int times)
{
    DM_AUTO_BUF once;
    dm_buf_init(&once, 4096);
    (void)dm_url_encode(&once, dm_str_c(text));
    if (times == 1)
        (void)dm_buf_str(out, dm_buf_view(&once));
    else
        encode(out, once.p, times - 1);
}

static void metadata(void **state)
{
    (void)state;
    DM_AUTO_BUF form;
    DM_AUTO_BUF path;
    dm_buf_init(&form, 4096);
    dm_buf_init(&path, 8192);
    encode(&form, "a b&c=d+%é", 2);
    (void)dm_buf_c(&form, "=");
    encode(&form, "x y&z=+%ü", 2);
    (void)dm_buf_c(&path, "/v2/sandboxes?metadata=");
    encode(&path, form.p, 1);
    assert_int_equal(count(path.p), MADE);
    assert_int_equal(count("/v2/sandboxes?metadata=n%3D2"), 1);
    assert_int_equal(count("/v2/sandboxes?metadata=n%3D2%26n2%3D1"), 0);
    assert_int_equal(count("/sandboxes?metadata=n%3D3"), 0); /* it sleeps */
    expect("/v2/sandboxes?metadata=novalue", 400);
    expect("/v2/sandboxes?metadata=%3Dx", 400);
    expect("/v2/sandboxes?metadata=a%3D%25zz", 400);
}

static void other_filters(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(count("/v2/sandboxes?template=base"), MADE);
    assert_int_equal(count("/v2/sandboxes?template=unknown"), 0);
    expect("/v2/sandboxes?template=base:default", 400);
    DM_AUTO_SAID all = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
    const char *second = json_string_value(json_object_get(json_array_get(all.body, 1), "startedAt"));
    (void)snprintf(path, sizeof path, "/v2/sandboxes?startedAfter=%s", second);
    assert_int_equal(count(path), 2); /* inclusive */
    expect("/v2/sandboxes?startedAfter=yesterday", 400);
}

static void templates(void **state)
{
    (void)state;
    char path[128];
    DM_AUTO_SAID list = dm_rig_call(&rig, "GET", "/v2/templates", NULL);
    assert_int_equal(json_array_size(list.body), 1);
    const json_t *base = json_array_get(list.body, 0);
    const char *id = json_string_value(json_object_get(base, "templateID"));
    assert_int_equal(strlen(id), 20);
    assert_string_equal(json_string_value(json_array_get(json_object_get(base, "aliases"), 0)), "base");
    assert_string_equal(json_string_value(json_array_get(json_object_get(base, "names"), 0)), "demo/base");
    assert_true(json_is_true(json_object_get(base, "public")));
    assert_string_equal(json_string_value(json_object_get(base, "buildStatus")), "ready");
    (void)snprintf(path, sizeof path, "/templates/%s", id);
    DM_AUTO_SAID one = dm_rig_call(&rig, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(one.body, "builds")), 1);
    DM_AUTO_SAID alias = dm_rig_call(&rig, "GET", "/templates/aliases/base", NULL);
    assert_int_equal(alias.status, 200);
    assert_string_equal(dm_said_str(&alias, "templateID"), id);
    DM_AUTO_SAID spaced = dm_rig_call(&rig, "GET", "/templates/aliases/demo%2Fbase", NULL);
    assert_int_equal(spaced.status, 200);
    expect("/templates/aliases/free", 404);
    expect("/templates/zzzzzzzzzzzzzzzzzzzz", 404);
    expect("/templates?teamID=00000000-0000-4000-8000-000000000000", 400);
    expect("/templates", 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_total_is_of_what_is_asked_for),
            cmocka_unit_test(order_and_states), cmocka_unit_test(pages), cmocka_unit_test(metadata),
            cmocka_unit_test(other_filters), cmocka_unit_test(templates)};
    dm_rig_start(&rig, 0);
    make();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
