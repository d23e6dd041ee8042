/* Covers metering/past/past.c, metering/past/sql_past.c, metering/read/sql_past.c: what workers' frames say, kept and
 * read back; by whom; and for how long. */
#include <stdio.h>

#include "metering/past/past.h"
#include "metering/read/past.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { SLOTS = 10, DAY_S = 86400 };

static cluster pg;

static int turn(rig *r, rig_fence *f, uint32_t days)
{
    dm_err err = {0};
    dm_chore_config c = {.pg = r->pg, .clock = &r->clock.base, .held = rig_ask_fence, .held_arg = f, .past_days = days};
    int done = dm_past(&c, &err);
    if (done < 0)
        fail_msg("%s", err.msg);
    return done;
}

static void all_turns(rig *r)
{
    rig_fence f = {0};
    for (int i = 0; i < SLOTS; i++)
        assert_int_equal(turn(r, &f, 1), 0);
}

typedef struct reading {
    dm_owner owner;
    dm_past_asked asked;
    size_t n;
    int64_t step_s;
    dm_past_point points[DM_PAST_POINTS_MAX];
} reading;

static int read_tx(dm_pg *c, void *arg, dm_err *err)
{
    reading *w = arg;
    return dm_read_past(c, w->owner, &w->asked, w->points, &w->n, &w->step_s, err);
}

/* "second: s cpu own disk in" of each point, from T0 on. */
static const char *points(dm_pg *api, int account, int project, unsigned sandbox, int64_t from, int64_t to)
{
    static char text[400];
    static reading w;
    size_t n = 0;
    dm_err err = {0};
    dm_sandbox_id id = sandbox_no(sandbox);
    w = (reading){.owner = {{account}, {project}}, .asked = {sandbox > 0 ? &id : NULL, T0 + from, T0 + to}};
    const dm_pg_scope scope = {.account_no = account, .project_no = project, .read_only = true};
    if (dm_pg_tx_on(api, &scope, read_tx, &w, &err) != 0)
        fail_msg("%s", err.msg);
    text[0] = '\0';
    for (size_t i = 0; i < w.n && n < sizeof text; i++) {
        const dm_past_point *p = &w.points[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%lld: %lld %lld %lld %lld %lld, ", (long long)(p->at - T0),
                (long long)p->run_s, (long long)p->cpu_cs, (long long)p->mem_mib, (long long)p->disk_mib,
                (long long)p->net_in_kib);
    }
    return text;
}

/* Ten minutes of two sandboxes of a project and one of another; the first ended long ago. */
static void evidence(rig *r)
{
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 30, 90, -1, -1};
    r->acts[r->nacts++] = (act){2, 1, 1, 4, 2, 2 * GIB, 0, 60, 60, 600};
    r->acts[r->nacts++] = (act){3, 1, 4, 4, 2, GIB, 590, 610, -1, -1};
    rig_rows(r);
    for (int64_t s = 0; s < 612; s++)
        work_second(r, s);
    clock_at(r, 612);
    feed(r);
    flush(r);
}

static void a_while_ago_is_told(void **state)
{
    rig r;
    dm_pg *api = NULL;
    (void)state;
    rig_open(&r, &pg, "past", 60);
    assert_int_equal(cluster_open(&pg, r.db, "dm_api", &api), 0);
    evidence(&r);
    all_turns(&r); /* it is not over for long enough */
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "0");
    clock_at(&r, 600 + DM_PAST_WAIT_S);
    all_turns(&r);
    assert_string_equal(points(api, 1, 1, 1, 0, 900), "0: 30 30 16 1024 30, 60: 30 30 16 1024 30, ");
    assert_string_equal(points(api, 1, 1, 2, 0, 900), "0: 60 120 32 2048 60, ");
    assert_string_equal(points(api, 1, 1, 0, 0, 900), "0: 90 150 40 3072 90, 60: 30 30 8 1024 30, ");
    assert_string_equal(points(api, 1, 4, 3, 0, 900), "540: 10 30 48 1024 10, "); /* as far as it is known */
    assert_string_equal(points(api, 1, 1, 1, 60, 900), "60: 30 30 16 1024 30, ");
    assert_string_equal(points(api, 1, 1, 1, 0, 60), "0: 30 30 16 1024 30, ");
    /* two minutes in one point, where there are many */
    assert_string_equal(points(api, 1, 1, 1, -120 * DM_PAST_POINTS_MAX + 120, 120), "0: 60 60 16 1024 60, ");
    /* nobody else's */
    assert_string_equal(points(api, 1, 4, 1, 0, 900), "");
    assert_string_equal(points(api, 2, 1, 1, 0, 900), "");
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past WHERE account_no <> 1", "0");
    all_turns(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "5"); /* three, and two projects */
    dm_pg_close(api);
    rig_close(&r);
}

/* Who is no longer the meter writes nothing, and the next one writes it all. */
static void a_slot_is_there_whole_or_not(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "whole", 60);
    evidence(&r);
    clock_at(&r, 600 + DM_PAST_WAIT_S);
    sql(&r, "INSERT INTO dm.usage_past_done (through) VALUES (1772359200)");
    for (int at = 1; at <= 2; at++) {
        rig_fence f = {.at = at, .lost = true};
        assert_int_equal(turn(&r, &f, 1), DM_CHORE_ZOMBIE);
        assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "0");
        assert_sql(&r, "SELECT through FROM dm.usage_past_done", "1772359200");
    }
    all_turns(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "5");
    assert_sql(&r, "SELECT through FROM dm.usage_past_done", "1772359800");
    rig_close(&r);
}

/* Days that are over are dropped whole; where none are kept nothing is written; what is long behind is passed over. */
static void it_is_kept_for_a_time(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "kept", 60);
    evidence(&r);
    clock_at(&r, 600 + DM_PAST_WAIT_S);
    rig_fence f = {0};
    assert_int_equal(turn(&r, &f, 0), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past_done", "0");
    all_turns(&r);
#define DAYS_KEPT                                                                                                      \
    "SELECT coalesce(string_agg(right(c.relname, 8), ' ' ORDER BY c.relname), '') FROM pg_inherits i JOIN"             \
    " pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'dm.usage_past'::regclass"
    assert_sql(&r, DAYS_KEPT, "20260301");
    clock_at(&r, DAY_S + 660);
    all_turns(&r);
    assert_sql(&r, DAYS_KEPT, "20260301 20260302");
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "5");
    clock_at(&r, 2 * DAY_S + 660);
    all_turns(&r);
    assert_sql(&r, DAYS_KEPT, "20260302 20260303");
    assert_sql(&r, "SELECT count(*) FROM dm.usage_past", "0");
    assert_sql(&r, "SELECT through FROM dm.usage_past_done", "1772532600"); /* of 2026-03-03, 10:10 */
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_while_ago_is_told),
            cmocka_unit_test(a_slot_is_there_whole_or_not), cmocka_unit_test(it_is_kept_for_a_time)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
