/* Small functions that stand in every statement, row by row or in each policy, are the planner's to put in place: one
 * that says more of itself than what it calls can keep is planned and run anew at each call. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;

static void stands_in_place(void **state)
{
    (void)state;
    static const char *const calls[] = {"dm.us(at)", "dm.ts(1000000 * event_no)", "dm.account_no()", "dm.project_no()",
            "dm.person_no()", "dm.operator_no()", "dm.label('key', '', who)"};
    for (size_t i = 0; i < DM_LEN(calls); i++) {
        char text[256], name[32];
        (void)snprintf(name, sizeof(name), "%.*s(", (int)strcspn(calls[i], "("), calls[i]);
        (void)snprintf(text, sizeof(text), "EXPLAIN (VERBOSE, FORMAT JSON) SELECT %s FROM dm.sandbox_event", calls[i]);
        const char *plan = cluster_ask(pg.super, text);
        assert_non_null(strstr(plan, "sandbox_event"));
        if (strstr(plan, name) != NULL)
            fail_msg("%s is called: %s", calls[i], plan);
    }
}

static int start(void **state)
{
    (void)state;
    return cluster_make(&pg, "inlined");
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stands_in_place)};
    return cmocka_run_group_tests(tests, start, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
