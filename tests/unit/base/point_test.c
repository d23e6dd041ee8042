/* Whoever has a dm_point_reached of his own is told, and by names that nobody mixes up. */
#include <string.h>

#include "base/pg.h"
#include "base/point.h"

#include "tests/support/pgtest.h"
#include "tests/unit/test.h"

static unsigned told[DM_POINTS];

void dm_point_reached(dm_point p)
{
    told[p]++;
}

static const char *const names[] = {
#define DM_POINT_ROW(name, text, state) text,
#include "base/points.def"
#undef DM_POINT_ROW
};

static void names_differ(void **state)
{
    (void)state;
    assert_int_equal(DM_LEN(names), DM_POINTS);
    for (size_t i = 0; i < DM_LEN(names); i++) {
        assert_non_null(strchr(names[i], '.'));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

static const dm_pg_stmt one = {"one", "SELECT 1", DM_PG_ONE};

static int query(dm_pg *c, void *arg, dm_err *err)
{
    (void)arg;
    return dm_pg_exec(c, &one, NULL, 0, NULL, NULL, err);
}

/* In a room that knows of no test. */
static void who_listens_is_told(void **state)
{
    DM_AUTO(dm_pgtest) server = NULL;
    dm_pg *pg = NULL;
    char conninfo[256];
    (void)state;
    if (dm_pgtest_start(&server, NULL) == DM_E_NOTFOUND)
        skip();
    dm_pgtest_conninfo(server, "postgres", conninfo);
    assert_int_equal(dm_pg_open(conninfo, &pg, NULL), 0);
    memset(told, 0, sizeof(told));
    assert_int_equal(dm_pg_tx_on(pg, &(dm_pg_scope){0}, query, NULL, NULL), 0);
#ifdef DM_WITH_POINTS
    assert_int_equal(told[DM_POINT_COMMIT_BEFORE], 1);
    assert_int_equal(told[DM_POINT_COMMIT_AFTER], 1);
#else
    assert_int_equal(told[DM_POINT_COMMIT_BEFORE], 0);
#endif
    dm_pg_close(pg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_differ),
            cmocka_unit_test(who_listens_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
