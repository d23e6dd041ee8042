/* What ended by our fault is given back: against a real ledger and its statements. */
/* Covers metering/wallet/fault.c, metering/wallet/sql_fault.c. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wire/cause.h"

#include "metering/wallet/chores.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

static void faults_on(rig *r, dm_pg *c, rig_fence *f)
{
    dm_err err = {0};
    const dm_chore_config conf = {.pg = c,
            .key = r->service,
            .clock = &r->clock.base,
            .period_s = r->period_s,
            .held = rig_ask_fence,
            .held_arg = f};
    if (dm_wallet_chore_faults(&conf, &err) != 0)
        fail_msg("%s", err.msg);
}

static void faults(rig *r)
{
    rig_fence f = {0};
    faults_on(r, r->pg, &f);
}

/* Its row says so. */
static void ended(rig *r, unsigned n, const char *cause, int64_t at)
{
    char text[400], hex[33];
    dm_sandbox_id id = sandbox_no(n);
    for (int i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id.b[i]);
    (void)snprintf(text, sizeof(text),
            "UPDATE dm.sandbox SET state = 'ended', cause = '%s', ended_at = dm.ts(%lld500000) WHERE sandbox_id = "
            "'\\x%s'",
            cause, (long long)(T0 + at), hex);
    sql(r, text);
}

/* Seconds [0, to) of the acts, and the periods in them stated. */
static void states(rig *r, int64_t to)
{
    rig_rows(r);
    work(r, 0, to);
    feed(r);
    flush(r);
    clock_at(r, to + 600);
    assert_true(close_due(r, -1) > 0);
}

#define GRANTS                                                                                                         \
    "SELECT coalesce(string_agg(kind || ' ' || coalesce(cause, '-') || ' ' || currency || ' ' || amount, ', ' ORDER "  \
    "BY grant_no), '') FROM dm.wallet_grant"

/* 1 vCPU, 2 GiB, mainland: CNY 0.00004336 a second. It runs 10 s of the first period, all of the second, all of the
 * third, and is lost in the fourth after 20 s: the last two periods are given back, 80 s. */
static void the_period_and_the_one_before(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "twoperiods", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 50, 200, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 1, 4, 2, GIB, 0, 239, -1, -1}; /* another, which goes on */
    states(&r, 240);
    faults(&r);
    assert_sql(&r, GRANTS, "");
    ended(&r, 1, "vmm_crashed", 200);
    for (int i = 0; i < 2; i++) { /* once */
        faults(&r);
        assert_sql(&r, GRANTS, "our_fault vmm_crashed CNY 0.003468800000000000");
    }
    assert_sql(&r,
            "SELECT cause || ' ' || epoch || ' ' || split || ' ' || statements::text || ' ' || amount FROM "
            "dm.wallet_fault",
            "vmm_crashed 1 false {4,3} 0.003468800000000000");
    assert_sql(&r,
            "SELECT sum(e.amount)::numeric(38,10) FROM dm.journal_entry e JOIN dm.ledger_account l USING (ledger_no) "
            "WHERE l.name = 'credits'",
            "0.0034688000");
    assert_sql(&r, "SELECT who || ' ' || priority || ' ' || (expires_at IS NULL) FROM dm.wallet_grant",
            "policy:our_fault 100 true");
    rig_close(&r);
}

/* Not while it may still be said what it was charged. */
static void only_when_both_are_closed(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "bothclosed", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 100, -1, -1};
    rig_rows(&r);
    work(&r, 0, 60);
    feed(&r);
    flush(&r);
    clock_at(&r, 70);
    assert_int_equal(close_due(&r, -1), 1);
    ended(&r, 1, "host_lost", 100);
    faults(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_fault", "0");
    work(&r, 60, 120);
    feed(&r);
    flush(&r);
    clock_at(&r, 700);
    assert_int_equal(close_due(&r, -1), 1);
    sql(&r, "UPDATE dm.account_period SET state = 'open' WHERE period_start = dm.ts(0) + interval '1 s' * (SELECT "
            "max(dm.us(period_start)) / 1000000 FROM dm.period)");
    faults(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_fault", "0");
    sql(&r, "UPDATE dm.account_period SET state = 'closed'");
    faults(&r);
    assert_sql(&r, GRANTS, "our_fault host_lost CNY 0.004336000000000000"); /* 100 s */
    rig_close(&r);
}

/* Each cause of the list, ended with: as base/wire/cause.h says. Sleeping with one gives nothing. */
static void each_cause_of_the_list(void **state)
{
    rig r;
    int64_t want = 0;
    char text[500];
    (void)state;
    rig_open(&r, &pg, "causes", 60);
    for (unsigned i = 1; i < DM_CAUSE_COUNT; i++)
        rig_sandbox(&r, i, 1, 1, 4, 2, 1, -1);
    rig_sandbox(&r, 100, 1, 1, 4, 2, 1, -1);
    sql(&r, "UPDATE dm.sandbox SET state = 'paused', cause = 'operator_drained', paused_at = now() WHERE sandbox_id = "
            "(SELECT sandbox_id FROM dm.sandbox ORDER BY sandbox_id DESC LIMIT 1)");
    /* lines as a statement has them, of each of them: 10 s */
    sql(&r, "SET session_replication_role = replica;"
            "INSERT INTO dm.service_key VALUES (decode(repeat('ab', 32), 'hex')) ON CONFLICT DO NOTHING");
    (void)snprintf(text, sizeof(text), "INSERT INTO dm.period (period_start, period_s) VALUES (dm.ts(%lld000000), 60)",
            (long long)T0);
    sql(&r, text);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.statement SELECT 1, dm.ts(%lld000000), 60, 1, 'CNY', 1, 0, 0, NULL, 0, '{}', sha256('{}'), "
            "sha256(''), decode(repeat('ab', 32), 'hex'), decode(repeat('ab', 64), 'hex')",
            (long long)T0);
    sql(&r, text);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sandbox_id, sku, "
            "charge_from, charge_to, seconds, qty, per_unit, amount) SELECT 1, dm.ts(%lld000000), row_number() OVER "
            "(), "
            "'usage', 1, sandbox_id, k, now(), now(), 10, 1, 1, 1 FROM dm.sandbox, unnest(ARRAY['vcpu-run', "
            "'disk-hib']) k",
            (long long)T0);
    sql(&r, text);
    sql(&r, "SET session_replication_role = DEFAULT");
    for (unsigned i = 1; i < DM_CAUSE_COUNT; i++) {
        const dm_cause_row *row = dm_cause_get((dm_cause)i);
        bool owed = row->ends && row->credit;
        assert_true(!owed || row->whose == DM_WHOSE_OURS || row->whose == DM_WHOSE_OPERATOR);
        if (row->ends)
            ended(&r, i, row->name, 10);
        want += owed;
        clock_at(&r, 700);
        faults(&r);
        (void)snprintf(text, sizeof(text), "SELECT count(*) FROM dm.wallet_grant WHERE cause = '%s' AND amount = 1",
                row->name);
        assert_sql(&r, text, owed ? "1" : "0"); /* its running, and not its sleep */
    }
    assert_int_equal(want, 6);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_grant", "6");
    rig_close(&r);
}

/* Pro, a minute free: 100 and 79 s; the first period has 120 s, one minute free and one paid, which is split by
 * seconds. What is lost in the second period gets its part of both: of the second nothing was paid. */
static void of_pooled_minutes_its_part(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "minutes", 60);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 100, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, GIB, 0, 59, -1, -1};
    states(&r, 180);
    assert_sql(&r, "SELECT string_agg(total || ' ' || pool_after_s, ', ' ORDER BY number) FROM dm.statement",
            "0.000000000000000000 119, 0.005000000000000000 159");
    ended(&r, 1, "vmm_crashed", 100);
    ended(&r, 2, "vmm_crashed", 59);
    faults(&r);
    /* all 40 s of the second period are its own; the other's first period cost nothing */
    assert_sql(&r, GRANTS, "our_fault vmm_crashed USD 0.005000000000000000");
    assert_sql(&r, "SELECT string_agg(split || ' ' || amount, ', ' ORDER BY amount) FROM dm.wallet_fault",
            "false 0.000000000000000000, true 0.005000000000000000");
    rig_close(&r);
}

static void a_minute_is_split_by_seconds(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "split", 60);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 50, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, GIB, 0, 30, -1, -1};
    r.acts[r.nacts++] = (act){3, 1, 3, 4, 1, GIB, 10, 59, -1, -1};
    states(&r, 60);
    assert_sql(&r, "SELECT total || ' ' || pool_after_s FROM dm.statement", "0.005000000000000000 129");
    ended(&r, 2, "operator_killed", 30);
    faults(&r);
    assert_sql(&r, GRANTS, "our_fault operator_killed USD 0.001162790697674419"); /* 0.005 x 30 / 129, up */
    rig_close(&r);
}

static void given_once_whoever_dies(void **state)
{
    rig r;
    int status, died = 0;
    (void)state;
    rig_open(&r, &pg, "dies", 60);
    for (unsigned i = 1; i <= 4; i++)
        r.acts[r.nacts++] = (act){i, 1, 1, 4, 2, GIB, 0, 50, -1, -1};
    states(&r, 60);
    for (unsigned i = 1; i <= 4; i++)
        ended(&r, i, "host_lost", 50);
    for (int n = 1; n <= 2; n++) { /* each begins anew, and finds what is left */
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            dm_pg *c = NULL;
            rig_fence f = {.at = 2};
            if (cluster_open(&pg, r.db, "dm_meter", &c) == 0)
                faults_on(&r, c, &f);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        died += WIFSIGNALED(status);
    }
    assert_int_equal(died, 2);
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_grant", "2");
    faults(&r);
    assert_sql(&r, "SELECT count(*) || ' ' || sum(amount) FROM dm.wallet_grant", "4 0.008672000000000000");
    assert_sql(&r, "SELECT count(*) FROM dm.wallet_fault", "4");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_period_and_the_one_before),
            cmocka_unit_test(only_when_both_are_closed),
            cmocka_unit_test(each_cause_of_the_list),
            cmocka_unit_test(of_pooled_minutes_its_part),
            cmocka_unit_test(a_minute_is_split_by_seconds),
            cmocka_unit_test(given_once_whoever_dies),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
