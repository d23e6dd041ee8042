#include "tests/support/apirig.h"
#include "tests/unit/test.h"

static dm_rig rig;

/* What was asked before is counted in what the scraper gets. */
static void counts_what_was_asked(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        DM_AUTO_SAID one = dm_rig_call(&rig, "GET", "/v2/sandboxes", NULL);
        assert_int_equal(one.status, 200);
    }
    DM_AUTO_SAID said = dm_rig_call_as(&rig, "", "GET", "/metrics", NULL, NULL, 0);
    assert_int_equal(said.status, 200);
    assert_string_equal(said.req->reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(said.text, "# TYPE dm_http_requests_total counter"));
    assert_non_null(strstr(said.text, "dm_http_requests_total{status=\"200\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(counts_what_was_asked, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
