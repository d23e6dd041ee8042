/* Budgets as leases, against a model: workers that count down, lose asks and answers, crash, give back and are given
 * starts, over a meter that lags. Never is more run than the bound and what was run on without an answer; and in the
 * end nothing of it is left over. */
/* Covers tenants/plan/sql_budget.c. */
#include <pthread.h>
#include <stdio.h>

#include "tenants/plan/budget.h"
#include "tests/support/tenantrig.h"
#include "tests/unit/test.h"

enum { WORKERS = 3, PROJECTS = 2, CAP_S = 900, SEEDS = 2 };

static dm_tenantrig rig;
static int64_t account, project[PROJECTS], period;

typedef struct pool {
    int64_t left, running, brought, ran;
    bool over;
} pool;

typedef struct worker {
    int64_t boot, seq;
    pool p[PROJECTS];
} worker;

typedef struct model {
    worker w[WORKERS];
    int64_t total, run_on; /* seconds that ran; of these, without a lease, because no answer was heard */
    uint64_t seed;
    int lossy; /* of a hundred asks, how many are lost on either way */
} model;

static int64_t dice(model *m, int64_t n)
{
    m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((m->seed >> 33) % (uint64_t)n);
}

static void sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sql(const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dm_tenantrig_sql(&rig, text);
}

static void bound(const char *name, int64_t value)
{
    sql("INSERT INTO dm.account_limit (account_no, name, value) VALUES (%lld, '%s', %lld)"
        " ON CONFLICT (account_no, name) DO UPDATE SET value = excluded.value",
            (long long)account, name, (long long)value);
}

/* Of each project one sandbox on each worker, so that the worker may speak of it; and nothing that was used or is out.
 */
static void clean(void)
{
    sql("DELETE FROM dm.budget_lease; DELETE FROM dm.budget_ran; DELETE FROM dm.budget_promise; DELETE FROM "
        "dm.spend_open;"
        " DELETE FROM dm.budget_use; DELETE FROM dm.hold; DELETE FROM dm.account_limit; DELETE FROM dm.project_limit;"
        " UPDATE dm.account SET tier = 'payg', currency = 'CNY' WHERE account_no = %lld;"
        " UPDATE dm.quota_use SET running = 0",
            (long long)account);
    for (int w = 1; w <= WORKERS; w++)
        sql("INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, state)"
            " OVERRIDING SYSTEM VALUE SELECT %d, 'w%d', min(region_no), 1, 'w1', 'tcg', 1, 1, 'active' FROM dm.region"
            " ON CONFLICT (worker_no) DO UPDATE SET boot = 1",
                w, w);
}

static void sandbox(int p, int w)
{
    sql("INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, "
        "template_id,"
        " build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s)"
        " SELECT %lld, %lld, decode(lpad('%d', 32, '0'), 'hex'), 'running', 1, min(region_no), %d, 1, 'base',"
        " gen_random_uuid(), 1, 256, 1, 1, 1024, false, 60 FROM dm.region ON CONFLICT DO NOTHING",
            (long long)account, (long long)project[p], p * 10 + w + 1, w + 1);
}

static void setup(void)
{
    account = dm_tenantrig_number(&rig, "SELECT account_no FROM dm.account WHERE legal_name = 'Demo'");
    project[0] = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'demo'");
    sql("INSERT INTO dm.project (account_no, slug, name, region_no) SELECT account_no, 'second', 'Second', region_no"
        " FROM dm.project WHERE slug = 'demo'");
    project[1] = dm_tenantrig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'second'");
    period = dm_tenantrig_number(&rig, "SELECT extract(epoch FROM date_trunc('hour', now()))::bigint");
    clean();
    for (int p = 0; p < PROJECTS; p++) {
        sql("INSERT INTO dm.quota_use (account_no, project_no, running, vcpus, mem_mib) VALUES (%lld, %lld, 0, 0, 0)"
            " ON CONFLICT DO NOTHING",
                (long long)account, (long long)project[p]);
        for (int w = 0; w < WORKERS; w++)
            sandbox(p, w);
    }
}

static void charge(const model *m)
{
    for (int p = 0; p < PROJECTS; p++) {
        int64_t n = 0;
        for (int w = 0; w < WORKERS; w++)
            n += m->w[w].p[p].running;
        sql("UPDATE dm.quota_use SET running = %lld WHERE account_no = %lld AND project_no = %lld", (long long)n,
                (long long)account, (long long)project[p]);
    }
}

/* --- a worker asks ------------------------------------------------------------------------------------------ */

typedef struct granting {
    int no;
    dm_lease_asks m;
    dm_pg_rows *rows;
} granting;

static int do_grant(dm_pg *c, void *arg, dm_err *err)
{
    granting *g = arg;
    dm_pg_rows_free(g->rows);
    g->rows = NULL;
    return dm_budget_grant(c, (dm_worker_no){(uint64_t)g->no}, &g->m, CAP_S, &g->rows, err);
}

static json_t *asks_of(const worker *w)
{
    json_t *list = json_array();
    for (int p = 0; p < PROJECTS; p++) {
        const pool *q = &w->p[p];
        (void)!json_array_append_new(list,
                json_pack("{s:I, s:I, s:I, s:I, s:I}", "project_no", project[p], "left_s", q->running > 0 ? q->left : 0,
                        "need_s", q->running, "running", q->running, "brought_s", q->brought));
    }
    return list;
}

static json_t *ran_of(const worker *w)
{
    json_t *list = json_array();
    for (int p = 0; p < PROJECTS; p++)
        (void)!json_array_append_new(list,
                json_pack("{s:I, s:I, s:I}", "project_no", project[p], "period_start", period, "seconds", w->p[p].ran));
    return list;
}

static void hear(worker *w, const dm_budget_granted *g)
{
    pool *p = &w->p[g->project_no == project[0] ? 0 : 1];
    assert_false(dm_str_eq_c(g->state, "free"));
    p->over = dm_str_eq_c(g->state, "last") || dm_str_eq_c(g->state, "refused");
    p->left = g->left_s;
}

static void ask(model *m, int no)
{
    worker *w = &m->w[no];
    DM_AUTO(json_t) asks = asks_of(w);
    DM_AUTO(json_t) ran = ran_of(w);
    granting g = {.no = no + 1, .m = {.boot = w->boot, .seq = ++w->seq, .asks = asks, .ran = ran}};
    for (int p = 0; p < PROJECTS; p++)
        w->p[p].left = w->p[p].running > 0 ? w->p[p].left : 0;
    if (dice(m, 100) < m->lossy) /* it never came */
        return;
    dm_err err = {0};
    if (dm_tenantrig_as_ops(&rig, do_grant, &g, &err) != 0)
        fail_msg("%s", err.msg);
    bool lost = dice(m, 100) < m->lossy;
    for (size_t i = 0; !lost && i < dm_pg_count(g.rows); i++) {
        dm_budget_granted one;
        dm_budget_granted_read(g.rows, i, &one);
        hear(w, &one);
    }
    dm_pg_rows_free(g.rows);
}

static void crash(worker *w, int no)
{
    w->boot++;
    w->seq = 0;
    for (int p = 0; p < PROJECTS; p++) {
        w->p[p].left = w->p[p].brought = 0;
        w->p[p].over = false;
    }
    sql("UPDATE dm.worker SET boot = %lld WHERE worker_no = %d", (long long)w->boot, no + 1);
}

/* --- starts ------------------------------------------------------------------------------------------------- */

typedef struct taking {
    dm_owner owner;
    dm_budget_short no;
} taking;

static int do_take(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    const dm_budget_size size = {(int64_t)1, 1, 1, 1024};
    return dm_budget_take(c, t->owner, &size, &t->no, err);
}

static int do_give_back(dm_pg *c, void *arg, dm_err *err)
{
    taking *t = arg;
    return dm_budget_give_back(c, t->owner, err);
}

static int start(model *m, int no, int p)
{
    taking t = {.owner = {{account}, {project[p]}}};
    dm_err err = {0};
    int r = dm_tenantrig_as_api(&rig, t.owner, do_take, &t, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    if (r == DM_BUDGET_SHORT)
        return r;
    int64_t what = m->lossy > 0 ? dice(m, 10) : 9;
    if (what == 0) /* it could not be started, and that is known */
        assert_int_equal(dm_tenantrig_as_api(&rig, t.owner, do_give_back, &t, &err), 0);
    if (what > 1) { /* 1: nobody knows what became of it */
        pool *q = &m->w[no].p[p];
        q->left += DM_LEASE_FIRST_S;
        q->brought += DM_LEASE_FIRST_S;
        q->running++;
    }
    return 0;
}

/* --- a second ----------------------------------------------------------------------------------------------- */

static void run_second(model *m)
{
    for (int w = 0; w < WORKERS; w++) {
        for (int p = 0; p < PROJECTS; p++) {
            pool *q = &m->w[w].p[p];
            if (q->over && q->left < q->running)
                q->running = q->left; /* the others sleep */
            int64_t without = q->running > q->left ? q->running - q->left : 0;
            q->left -= q->running - without;
            q->ran += q->running;
            m->total += q->running;
            m->run_on += without;
        }
    }
}

/* The meter has, of each project, what had been run at some time before. */
static void meter(model *m)
{
    for (int p = 0; p < PROJECTS; p++) {
        int64_t n = 0;
        for (int w = 0; w < WORKERS; w++)
            n += m->w[w].p[p].ran;
        sql("INSERT INTO dm.spend_open (account_no, project_no, period_start, amount, running_s, per_second, running, "
            "through)"
            " VALUES (%lld, %lld, to_timestamp(%lld), %lld * 0.0000384775, %lld, 0, 0, now())"
            " ON CONFLICT (account_no, project_no, period_start, part) DO UPDATE SET running_s = excluded.running_s,"
            " amount = excluded.amount",
                (long long)account, (long long)project[p], (long long)period, (long long)n, (long long)n);
    }
}

static int64_t running(const model *m)
{
    int64_t n = 0;
    for (int w = 0; w < WORKERS; w++)
        for (int p = 0; p < PROJECTS; p++)
            n += m->w[w].p[p].running;
    return n;
}

static void one_second(model *m)
{
    if (dice(m, 4) == 0)
        (void)start(m, (int)dice(m, WORKERS), (int)dice(m, PROJECTS));
    pool *some = &m->w[dice(m, WORKERS)].p[dice(m, PROJECTS)];
    if (dice(m, 12) == 0 && some->running > 0)
        some->running--;
    int no = (int)dice(m, WORKERS);
    if (m->lossy > 0 && dice(m, 30) == 0)
        crash(&m->w[no], no);
    charge(m);
    for (int w = 0; w < WORKERS; w++)
        ask(m, w);
    run_second(m);
    if (dice(m, 3) == 0)
        meter(m);
}

static void never_more_than_the_bound(void **state)
{
    (void)state;
    for (int seed = 1; seed <= SEEDS; seed++) {
        model m = {.seed = (uint64_t)seed, .lossy = seed % 2 == 0 ? 15 : 0};
        int64_t max = 60 + seed * 7;
        clean();
        bound("month_seconds_max", max);
        for (int w = 0; w < WORKERS; w++)
            m.w[w].boot = 1;
        for (int s = 0; s < 40 && (s < 15 || running(&m) > 0); s++)
            one_second(&m);
        if (m.total > max + m.run_on)
            fail_msg("seed %d: %lld ran of %lld, %lld of them on", seed, (long long)m.total, (long long)max,
                    (long long)m.run_on);
        if (m.lossy == 0)
            assert_int_equal(m.run_on, 0);
        /* And what is left can be run, to the last second that a start can have. */
        m.lossy = 0;
        sql("UPDATE dm.budget_promise SET at = at - interval '71 seconds'");
        for (int s = 0; s < 400 && (s < 8 || running(&m) > 0); s++) {
            if (running(&m) == 0)
                (void)start(&m, s % WORKERS, 0);
            charge(&m);
            for (int w = 0; w < WORKERS; w++)
                ask(&m, w);
            run_second(&m);
        }
        if (m.total < max - (DM_LEASE_FIRST_S - 1))
            fail_msg("seed %d: %lld ran of %lld, and no more can", seed, (long long)m.total, (long long)max);
    }
}

/* A cap in money: what is granted is never worth more than what is left of it. */
static void money_is_seconds_rounded_down(void **state)
{
    (void)state;
    model m = {.seed = 1};
    clean();
    bound("spend_cap_micros", 4000); /* CNY 0.004 at 0.0000384775 a second: 103.96 */
    m.w[0].boot = 1;
    assert_int_equal(start(&m, 0, 0), 0);
    assert_int_equal(start(&m, 0, 0), 0);
    for (int s = 0; s < 400 && running(&m) > 0; s++) {
        charge(&m);
        ask(&m, 0);
        run_second(&m);
        if (s % 7 == 0)
            meter(&m);
    }
    assert_int_equal(m.total, 103);
    assert_int_equal(m.run_on, 0);
    assert_int_equal(start(&m, 0, 0), DM_BUDGET_SHORT);
}

/* In a plan by minutes a cap buys minutes, the allowance comes before it, and the last unfinished minute costs nothing.
 */
static void minutes_are_bought(void **state)
{
    (void)state;
    model m = {.seed = 1};
    clean();
    sql("UPDATE dm.account SET tier = 'pro', currency = 'USD' WHERE account_no = %lld", (long long)account);
    sql("INSERT INTO dm.account_limit (account_no, name, value) VALUES (%lld, 'included_seconds', 60)",
            (long long)account);
    bound("spend_cap_micros", 7500); /* USD 0.0075: a minute at 0.005 */
    m.w[0].boot = 1;
    for (int i = 0; i < 3; i++)
        assert_int_equal(start(&m, 0, i % 2), 0);
    for (int s = 0; s < 400 && running(&m) > 0; s++) {
        charge(&m);
        ask(&m, 0);
        run_second(&m);
    }
    assert_int_equal(m.total, 60 + 60 + 59);
}

/* A statement counts instead of what was told: seconds that are not billed in the end are given back. */
static void a_statement_counts_instead(void **state)
{
    (void)state;
    model m = {.seed = 1};
    clean();
    bound("month_seconds_max", 100);
    m.w[0].boot = 1;
    m.w[0].p[0] = (pool){.running = 1, .ran = 60};
    charge(&m);
    ask(&m, 0);
    assert_int_equal(m.w[0].p[0].left, 1 + 1); /* 40 are left: a second at a time */
    sql("SET session_replication_role = replica;"
        " INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s, "
        "hibernated_s, unattested, body, sha256, previous_sha256, public_key, signature)"
        " SELECT DISTINCT account_no, period_start, 3600, 1, 'CNY', 0, 50, 0, 0, ''::bytea, sha256(''), sha256(''), "
        "sha256(''),"
        " sha256('') || sha256('') FROM dm.budget_ran WHERE account_no = %lld;"
        " SET session_replication_role = DEFAULT",
            (long long)account);
    char text[256];
    dm_tenantrig_text(&rig,
            "SELECT u.seconds FROM dm.account a, dm.budget_used(a.account_no, 0) u WHERE a.legal_name = 'Demo'", text);
    assert_string_equal(text, "50");
    sql("SET session_replication_role = replica; DELETE FROM dm.statement; DELETE FROM dm.usage_owed; SET "
        "session_replication_role = DEFAULT");
}

/* --- many at once ------------------------------------------------------------------------------------------- */

typedef struct hammer {
    pthread_t thread;
    dm_pg *c;
    int no;
    int64_t taken;
} hammer;

static void *hit(void *arg)
{
    hammer *h = arg;
    dm_err err = {0};
    for (int i = 0; i < 20; i++) {
        taking t = {.owner = {{account}, {project[h->no % 2]}}};
        const dm_pg_scope scope = {.account_no = account, .project_no = t.owner.project.v};
        int r = dm_pg_tx_on(h->c, &scope, do_take, &t, &err);
        h->taken += r == 0 ? DM_LEASE_FIRST_S : 0;
        if (r < 0)
            break;
    }
    return NULL;
}

/* Starts in every replica at once: no more are promised than there are seconds. */
static void all_at_once_take_no_more(void **state)
{
    (void)state;
    hammer h[4] = {{.no = 0}};
    char conninfo[256];
    int64_t sum = 0;
    dm_err err = {0};
    clean();
    bound("month_seconds_max", 101);
    sql("UPDATE dm.quota_use SET running = 1000");
    dm_pgtest_conninfo(rig.pg, "dm_api", conninfo);
    for (int i = 0; i < 4; i++) {
        h[i].no = i;
        assert_int_equal(dm_pg_open(conninfo, &h[i].c, &err), 0);
        assert_int_equal(pthread_create(&h[i].thread, NULL, hit, &h[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(h[i].thread, NULL), 0);
        dm_pg_close(h[i].c);
        sum += h[i].taken;
    }
    assert_int_equal(sum, 100);
}

/* What a worker says twice, or late, or of what it has nothing of. */
static void an_ask_out_of_turn_changes_nothing(void **state)
{
    (void)state;
    model m = {.seed = 1};
    clean();
    bound("month_seconds_max", 1000);
    m.w[0].boot = 3;
    sql("UPDATE dm.worker SET boot = 3 WHERE worker_no = 1");
    m.w[0].p[0].running = 1;
    charge(&m);
    ask(&m, 0);
    int64_t was = m.w[0].p[0].left;
    assert_true(was > 0);
    m.w[0].seq = 0; /* the first once more, with other words */
    m.w[0].p[0].ran = 500;
    ask(&m, 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT sum(seconds) FROM dm.budget_ran"), 0);
    m.w[0].boot = 2; /* and a boot that is over */
    m.w[0].seq = 9;
    ask(&m, 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT sum(seconds) FROM dm.budget_ran"), 0);
    assert_int_equal(dm_tenantrig_number(&rig, "SELECT count(*) FROM dm.budget_lease WHERE seq = 1 AND boot = 3"), 2);
}

int main(void)
{
    dm_tenantrig_start(&rig);
    setup();
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(never_more_than_the_bound),
            cmocka_unit_test(money_is_seconds_rounded_down),
            cmocka_unit_test(minutes_are_bought),
            cmocka_unit_test(a_statement_counts_instead),
            cmocka_unit_test(all_at_once_take_no_more),
            cmocka_unit_test(an_ask_out_of_turn_changes_nothing),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    dm_tenantrig_stop(&rig);
    return r;
}
