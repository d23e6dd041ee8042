/* Budgets by the whole way: what is created and woken is promised its first seconds, its worker asks for more at the
 * uplink, counts them down, and puts to sleep what was refused. The worker here is the test's: it keeps to
 * base/wire/lease.h as the real one does (tests/unit/workers/host/lease_test.c). */
/* Covers api/life/wake.c, api/kit/low.c, tenants/plan/sql_caps.c. */
#include <stdio.h>

#include "base/wire/lease.h"

#include "api/life/alert.h"
#include "metering/live/spend.h"
#include "metering/rules/money.h"
#include "tests/support/apirig.h"
#include "tests/unit/test.h"

enum { FLEET = 200 };

static dm_rig rig;
static int64_t project;

/* One worker with sandboxes of one project. */
typedef struct worker {
    int64_t seq, left, brought, ran, over_by, period;
    bool over;
    size_t running;
    char ids[FLEET][32];
    int64_t event;
} worker;

static void bound(const char *table, const char *name, int64_t value)
{
    char sql[400];
    bool own = strcmp(table, "project_limit") == 0;
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.%s (account_no, %sname, value) SELECT account_no, %s'%s', %lld FROM dm.project WHERE"
            " slug = 'demo' ON CONFLICT (account_no, %sname) DO UPDATE SET value = excluded.value",
            table, own ? "project_no, " : "", own ? "project_no, " : "", name, (long long)value,
            own ? "project_no, " : "");
    dm_rig_sql(&rig, sql);
}

static void roomy(void)
{
    bound("account_limit", "running_max", 1000);
    bound("account_limit", "vcpus_total_max", 1000);
    bound("account_limit", "mem_mib_total_max", 1 << 20);
    bound("account_limit", "create_rate", 100000);
    bound("account_limit", "request_rate", 100000);
    project = dm_rig_number(&rig, "SELECT project_no FROM dm.project WHERE slug = 'demo'");
}

static worker begin(void)
{
    dm_rig_sql(&rig, "UPDATE dm.worker SET beat_at = now() + interval '1 hour' WHERE worker_no = 1");
    return (worker){.period = dm_rig_number(&rig, "SELECT extract(epoch FROM date_trunc('hour', now()))::bigint"),
            .event = dm_rig_number(&rig, "SELECT event_seq FROM dm.worker WHERE worker_no = 1")};
}

static int64_t boot(void)
{
    return dm_rig_number(&rig, "SELECT boot FROM dm.worker WHERE worker_no = 1");
}

/* Created, or woken, and brought here. */
static void brings(worker *w, const char *id)
{
    char lease[32];
    dm_fakeworker_admitted(rig.worker, "lease_s", lease, sizeof lease);
    assert_string_equal(lease, "2");
    (void)snprintf(w->ids[w->running++], sizeof w->ids[0], "%s", id);
    w->left += DM_LEASE_FIRST_S;
    w->brought += DM_LEASE_FIRST_S;
}

static dm_said tell(worker *w, int64_t its_boot)
{
    char text[512];
    (void)snprintf(text, sizeof text,
            "{\"boot\":%lld,\"seq\":%lld,\"asks\":[{\"project_no\":%lld,\"left_s\":%lld,\"need_s\":%zu,\"running\":%zu,"
            "\"brought_s\":%lld}],\"ran\":[{\"project_no\":%lld,\"period_start\":%lld,\"seconds\":%lld}]}",
            (long long)its_boot, (long long)++w->seq, (long long)project, (long long)(w->running > 0 ? w->left : 0),
            w->running, w->running, (long long)w->brought, (long long)project, (long long)w->period, (long long)w->ran);
    return dm_rig_worker_call(&rig, "/v1/workers/1/leases", text);
}

static void ask(worker *w, char state[16])
{
    DM_AUTO_SAID said = tell(w, boot());
    dm_lease_grants m;
    dm_lease_grant g;
    if (said.status != 200)
        fail_msg("%d %s", said.status, said.text);
    assert_int_equal(dm_lease_grants_read(said.body, &m, NULL), 0);
    assert_int_equal(json_array_size(m.leases), 1);
    assert_int_equal(dm_lease_grant_read(json_array_get(m.leases, 0), &g, NULL), 0);
    (void)snprintf(state, 16, "%s", dm_lease_state_name(g.state));
    w->over = g.state == DM_LEASE_LAST || g.state == DM_LEASE_REFUSED;
    w->left = g.left_s;
    assert_int_equal(m.cap_s, 900);
    dm_lease_grant_done(&g);
    dm_lease_grants_done(&m);
}

/* So many of them, told in one go. */
static void sleep_all(worker *w, int64_t n, const char *cause)
{
    DM_AUTO_BUF text;
    int64_t now = dm_rig_number(&rig, "SELECT dm.us(now())");
    dm_buf_init(&text, 1 << 20);
    (void)dm_buf_fmt(&text, "{\"events\":[");
    for (int64_t i = 0; i < n; i++)
        (void)dm_buf_fmt(&text,
                "%s{\"seq\":%lld,\"sandbox\":\"%s\",\"epoch\":1,\"state\":\"asleep\",\"cause\":\"%s\",\"detail\":"
                "\"\",\"at_us\":%lld}",
                i > 0 ? "," : "", (long long)++w->event, w->ids[--w->running], cause, (long long)now);
    (void)dm_buf_fmt(&text, "]}");
    DM_AUTO_MEM char *body = dm_buf_take(&text);
    assert_non_null(body);
    DM_AUTO_SAID said = dm_rig_worker_call(&rig, "/v1/workers/1/events", body);
    assert_int_equal(said.status, 200);
}

static void run_second(worker *w, const char *cause)
{
    if (w->over && w->left < (int64_t)w->running)
        sleep_all(w, (int64_t)w->running - w->left, cause);
    w->over_by += (int64_t)w->running > w->left ? (int64_t)w->running - w->left : 0;
    w->left -= (int64_t)w->running < w->left ? (int64_t)w->running : w->left;
    w->ran += (int64_t)w->running;
}

static void is_refused(const char *target, const char *body, const char *rule)
{
    DM_AUTO_SAID said = dm_rig_call(&rig, "POST", target, body);
    const char *is = dm_json_c(json_object_get(said.body, "denial"), "rule");
    if (said.status != 429 || is == NULL || strcmp(is, rule) != 0)
        fail_msg("%s: %d, not %s: %s", target, said.status, rule, said.text);
}

/* Three sandboxes and a pool of 6,000 seconds: second 6,001 is not run, and nothing is begun or woken any more. */
static void free_runs_its_pool(void **state)
{
    (void)state;
    char id[32], how[16] = "", target[96];
    roomy();
    bound("account_limit", "month_seconds_max", 6000);
    worker w = begin();
    for (int i = 0; i < 3; i++) {
        dm_rig_create(&rig, "", id);
        brings(&w, id);
    }
    int64_t asks = 0, seconds = 0, size = 0;
    for (; w.running > 0 && seconds < 3000; seconds++) {
        if (w.over || w.left - (int64_t)w.running <= size / 2) {
            ask(&w, how);
            size = w.left;
            asks++;
        }
        run_second(&w, "allowance_exhausted");
    }
    assert_int_equal(w.ran, 6000);
    assert_int_equal(w.over_by, 0);
    assert_true(asks < 300); /* 2,000 seconds were not asked for one by one */
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause ="
                                         " 'allowance_exhausted'"),
            3);
    ask(&w, how);
    is_refused("/sandboxes", "{\"templateID\":\"base\"}", "account.allowance_exhausted");
    (void)snprintf(target, sizeof target, "/sandboxes/%s/connect", id);
    is_refused(target, "{\"timeout\":60}", "account.allowance_exhausted");
    bound("account_limit", "month_seconds_max", 6002);
    dm_fakeworker_refuse(rig.worker, "start", 500, 1);
    DM_AUTO_SAID failed = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    assert_int_equal(failed.status, 500);
    dm_rig_create(&rig, "", id); /* what it was promised is there for the next one, */
    is_refused("/sandboxes", "{\"templateID\":\"base\"}", "account.allowance_exhausted"); /* and for nobody else */
}

/* 200 run into a cap, with the API away in the middle of it: all sleep, none ends, and what it comes to is the cap, and
 * what they ran on while nobody could be asked. */
static void a_fleet_runs_into_its_cap(void **state)
{
    (void)state;
    char id[32], how[16] = "";
    roomy();
    bound("account_limit", "spend_cap_micros", 150000); /* CNY 0.15 at 0.0000384775: 3898.38 seconds */
    worker w = begin();
    for (int i = 0; i < FLEET; i++) {
        dm_rig_create(&rig, "", id);
        brings(&w, id);
    }
    for (int s = 0; w.running > 0 && s < 100; s++) {
        if (s < 5 || s > 9)
            ask(&w, how);
        run_second(&w, "spend_cap");
    }
    assert_true(w.over_by > 0);
    assert_true(w.ran <= 3898 + w.over_by);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause ="
                                         " 'spend_cap'"),
            FLEET);
    ask(&w, how);
    assert_true(dm_rig_number(&rig,
                        "SELECT round(u.amount * 1000000)::bigint FROM dm.account a,"
                        " dm.budget_used(a.account_no, 0) u WHERE a.legal_name = 'Demo'") <= 150000 + w.over_by * 39);
    is_refused("/sandboxes", "{\"templateID\":\"base\"}", "account.spend_cap");
}

/* A project's cap binds it beside its account's. */
static void a_project_has_its_own(void **state)
{
    (void)state;
    char id[32], how[16] = "";
    roomy();
    bound("account_limit", "month_seconds_max", 100000);
    bound("project_limit", "month_seconds_max", 50);
    worker w = begin();
    dm_rig_create(&rig, "", id);
    brings(&w, id);
    for (int s = 0; w.running > 0 && s < 100; s++) {
        ask(&w, how);
        run_second(&w, "allowance_exhausted");
    }
    assert_int_equal(w.ran, 50);
}

static void without_a_bound_nothing_is_leased(void **state)
{
    (void)state;
    char id[32], how[16] = "", lease[32];
    roomy();
    worker w = begin();
    dm_rig_create(&rig, "", id);
    dm_fakeworker_admitted(rig.worker, "lease_s", lease, sizeof lease);
    assert_true(strcmp(lease, "") == 0 || strcmp(lease, "0") == 0);
    w.running = 1;
    ask(&w, how);
    assert_string_equal(how, "free");
    assert_int_equal(dm_rig_number(&rig, "SELECT (SELECT count(*) FROM dm.budget_lease) + (SELECT count(*) FROM"
                                         " dm.budget_ran) + (SELECT count(*) FROM dm.budget_promise)"),
            0);
    int64_t before = dm_rig_number(&rig, "SELECT n FROM dm.budget_bounds");
    bound("account_limit", "month_seconds_max", 10);
    assert_int_equal(dm_rig_number(&rig, "SELECT n FROM dm.budget_bounds"), before + 1);
    w.ran = 9; /* what ran before counts */
    ask(&w, how);
    assert_string_equal(how, "last");
    assert_int_equal(w.left, 1);
}

/* --- with the meter behind it ------------------------------------------------------------------------------- */

typedef struct meter {
    dm_spend *spend;
    dm_pg *pg;
    dm_counted_key key;
    int64_t now_ms;
} meter;

static int held(void *arg, dm_pg *c, bool *out, dm_err *err)
{
    (void)arg;
    (void)c;
    (void)err;
    *out = true;
    return 0;
}

static void meter_open(meter *m, const worker *w)
{
    dm_spend_config c = {.period_s = 3600, .held = held};
    dm_err err = {0};
    *m = (meter){.key = {.period_start = w->period,
                         .project_no = (uint32_t)project,
                         .spec_table = 1,
                         .spec = (uint16_t)dm_rig_number(&rig, "SELECT max(spec) FROM dm.sandbox"),
                         .region_no = (uint16_t)dm_rig_number(&rig, "SELECT max(region_no) FROM dm.sandbox")},
            .now_ms = 1000};
    char conninfo[256];
    dm_pgtest_conninfo(rig.tenants.pg, "dm_meter", conninfo);
    if (dm_spend_new(&c, &m->spend, &err) < 0 || dm_pg_open(conninfo, &m->pg, &err) < 0)
        fail_msg("%s", err.msg);
}

static void meter_close(meter *m)
{
    dm_spend_free(m->spend);
    dm_pg_close(m->pg);
}

/* The live view has so many seconds of it, rated. */
static void meter_has(meter *m, int64_t seconds, uint32_t running)
{
    dm_err err = {0};
    const dm_counted c = {.run_s = (uint64_t)seconds, .at = 1, .ran = running, .key = m->key};
    m->now_ms += 1000;
    if (dm_spend_take(m->spend, &c, 1, m->key.period_start + 1, &err) < 0 ||
            dm_spend_round(m->spend, m->pg, m->now_ms, &err) != 0)
        fail_msg("%s", err.msg);
}

static dm_money money(const json_t *of, const char *name)
{
    dm_money out;
    const char *text = dm_json_c(of, name);
    assert_non_null(text);
    assert_int_equal(dm_money_parse(dm_str_c(text), &out, NULL), 0);
    return out;
}

/* What so many seconds of the default size cost, at CNY 0.0000384775. */
static dm_money cost(int64_t seconds)
{
    return (dm_money){(dm_i128)seconds * 38477500000000};
}

/* Where the account stands, as its owner is shown it. */
static dm_said shown(const dm_rig_in *in)
{
    char caps[96];
    (void)snprintf(caps, sizeof caps, "/v1/accounts/%s/caps", rig.tenants.demo.project.account_id);
    return dm_rig_call_in(&rig, in, "GET", caps, NULL);
}

/* 200 run into a cap, the meter some seconds behind them: in each second no more is spent than was shown before it to
 * be used or out, and that is never more than the cap. */
static void no_more_than_was_shown(void **state)
{
    (void)state;
    char id[32], how[16] = "";
    roomy();
    bound("account_limit", "spend_cap_micros", 150000);
    const dm_rig_in own = dm_rig_person(&rig, "own@s.test", "owner", true);
    const dm_money cap = {(dm_i128)150000 * 1000000000000};
    int64_t before[4] = {0};
    worker w = begin();
    meter m;
    for (int i = 0; i < FLEET; i++) {
        dm_rig_create(&rig, "", id);
        brings(&w, id);
    }
    meter_open(&m, &w);
    for (int s = 0; w.running > 0 && s < 100; s++) {
        ask(&w, how);
        DM_AUTO_SAID said = shown(&own);
        const json_t *row = json_array_get(json_object_get(said.body, "rows"), 0);
        dm_money used = money(row, "money_used"), open = money(row, "money_open");
        assert_true(used.v + open.v <= cap.v);
        run_second(&w, "spend_cap");
        assert_true(cost(w.ran).v <= used.v + open.v);
        before[s % 4] = w.ran;
        if (s >= 3)
            meter_has(&m, before[(s + 1) % 4], (uint32_t)w.running);
    }
    assert_int_equal(w.over_by, 0);
    assert_int_equal(w.ran, 3898);
    meter_has(&m, w.ran, 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT round(amount * 10000000000)::bigint FROM dm.spend_open"), 1499852950);
    assert_int_equal(
            dm_rig_number(&rig, "SELECT count(*) FROM dm.sandbox WHERE state = 'paused' AND cause = 'spend_cap'"),
            FLEET);
    meter_close(&m);
}

static void comes(const char *kind, const char *amount)
{
    char sql[600];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, idem_key, who, why,"
            " remaining) SELECT account_no, '%s', currency, %s, 10, date_trunc('second', now()),"
            " 'test:' || gen_random_uuid(), 'test', 'test', 0 FROM dm.account WHERE legal_name = 'Demo';"
            "SELECT dm.wallet_judge(account_no) FROM dm.account WHERE legal_name = 'Demo'",
            kind, amount);
    dm_rig_sql(&rig, sql);
}

static void paid_in(const char *amount)
{
    comes("paid", amount);
}

static void pays_by_the_hour(const char *tier, const char *currency)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
            "UPDATE dm.account SET billing_cycle = 'hourly', tier = '%s', currency = '%s' WHERE legal_name = 'Demo'",
            tier, currency);
    dm_rig_sql(&rig, sql);
}

/* What was paid in bounds what runs, to the second; nobody wakes it before there is more, and then at once. */
static void a_wallet_bounds_it(void **state)
{
    (void)state;
    enum { SOME = 20 };
    char id[32], how[16] = "", target[64];
    roomy();
    int64_t bounds = dm_rig_number(&rig, "SELECT n FROM dm.budget_bounds");
    paid_in("0.01"); /* 259.9 seconds */
    pays_by_the_hour("payg", "CNY");
    assert_true(dm_rig_number(&rig, "SELECT n FROM dm.budget_bounds") > bounds);
    const dm_rig_in own = dm_rig_person(&rig, "own@w.test", "owner", true);
    DM_AUTO_SAID full = shown(&own);
    assert_string_equal(dm_said_str(&full, "wallet_left"), "0.01");
    worker w = begin();
    meter m;
    for (int i = 0; i < SOME; i++) {
        dm_rig_create(&rig, "", id);
        brings(&w, id);
    }
    meter_open(&m, &w);
    for (int s = 0; w.running > 0 && s < 60; s++) {
        ask(&w, how);
        run_second(&w, "spend_cap");
        if (s % 3 == 2) /* the meter has what was run by then */
            meter_has(&m, w.ran, (uint32_t)w.running);
    }
    assert_int_equal(w.over_by, 0);
    assert_int_equal(w.ran, 259);
    ask(&w, how);
    meter_has(&m, w.ran, 0);
    DM_AUTO_SAID empty = shown(&own);
    assert_string_equal(dm_said_str(&empty, "wallet_left"), "0.0000343275");
    is_refused("/sandboxes", "{\"templateID\":\"base\"}", "account.spend_cap");
    (void)snprintf(target, sizeof target, "/sandboxes/%s/connect", id);
    is_refused(target, "{\"timeout\":60}", "account.spend_cap");
    paid_in("0.001");
    dm_rig_create(&rig, "", id);
    meter_close(&m);
}

/* Money that was paid in keeps the tax on what it pays for; what was given has none. */
static void a_wallet_keeps_the_tax(void **state)
{
    (void)state;
    char id[32], how[16] = "";
    roomy();
    dm_rig_sql(&rig, "INSERT INTO dm.tax_rule (seller, buyer, business, category, rate_ppm, jurisdiction, valid_from) "
                     "VALUES ('*',"
                     " '*', false, 'S', 200000, 'test', '2026-01-01Z')");
    comes("promo", "0.001");
    paid_in("0.01"); /* 0.001 + 0.01 / 1.2: 242.6 seconds */
    pays_by_the_hour("payg", "CNY");
    const dm_rig_in own = dm_rig_person(&rig, "own@x.test", "owner", true);
    worker w = begin();
    meter m;
    for (int i = 0; i < 7; i++) {
        dm_rig_create(&rig, "", id);
        brings(&w, id);
    }
    meter_open(&m, &w);
    for (int s = 0; w.running > 0 && s < 100; s++) {
        ask(&w, how);
        run_second(&w, "spend_cap");
        if (s % 3 == 2)
            meter_has(&m, w.ran, (uint32_t)w.running);
    }
    assert_int_equal(w.over_by, 0);
    assert_int_equal(w.ran, 242);
    meter_has(&m, w.ran, 0);
    DM_AUTO_SAID left = shown(&own);
    assert_string_equal(dm_said_str(&left, "wallet_left"), "0.000026134"); /* the tax is not in it */
    is_refused("/sandboxes", "{\"templateID\":\"base\"}", "account.spend_cap");
    meter_close(&m);
}

/* Minutes that a wallet pays for: whole ones after the allowance, and the last unfinished one costs nothing. */
static void a_wallet_of_minutes(void **state)
{
    (void)state;
    char id[32], how[16] = "", sql[300];
    pays_by_the_hour("pro", "USD");
    /* Not with the next second, but from the first on. */
    dm_rig_sql(&rig, "SET session_replication_role = replica; DELETE FROM dm.account_plan p USING dm.account a WHERE"
                     " a.account_no = p.account_no AND a.legal_name = 'Demo' AND p.tier <> 'pro'; UPDATE"
                     " dm.account_plan SET valid_from = valid_from - interval '1 minute' WHERE tier = 'pro'");
    roomy();
    paid_in("0.01"); /* two of them */
    worker w = begin();
    dm_rig_create(&rig, "", id);
    brings(&w, id);
    w.ran = 60000;
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.spend_open (account_no, project_no, period_start, amount, running_s, per_second, running,"
            " through) SELECT account_no, project_no, to_timestamp(%lld), 0, 60000, 0, 0, now() FROM dm.project WHERE"
            " slug = 'demo'",
            (long long)w.period);
    dm_rig_sql(&rig, sql);
    for (int s = 0; w.running > 0 && s < 300; s++) {
        if (w.over || w.left <= 1)
            ask(&w, how);
        run_second(&w, "spend_cap");
    }
    assert_int_equal(w.ran, 60179);
    assert_int_equal(w.over_by, 0);
    dm_rig_sql(&rig,
            "UPDATE dm.account SET billing_cycle = 'monthly', tier = 'payg', currency = 'CNY' WHERE legal_name ="
            " 'Demo'");
}

/* What an answer about the sandbox says of the budget; NULL: nothing. */
static bool says(const char *id, const char *key, char out[64])
{
    char target[64];
    dm_err err = {0};
    if (dm_low_read(rig.api.low, rig.api.ops, &err) < 0)
        fail_msg("%s", err.msg);
    (void)snprintf(target, sizeof target, "/sandboxes/%s", id);
    DM_AUTO_SAID said = dm_rig_call_as(&rig, key, "GET", target, NULL, NULL, 0);
    const char *is = dm_said_header(&said, "Dormouse-Budget");
    (void)snprintf(out, 64, "%s", is != NULL ? is : "");
    return is != NULL;
}

static bool logged(const char *id)
{
    char target[64];
    (void)snprintf(target, sizeof target, "/v2/sandboxes/%s/logs", id);
    DM_AUTO_SAID said = dm_rig_call(&rig, "GET", target, NULL);
    assert_int_equal(said.status, 200);
    return strstr(said.text, "running: the last of the month's budget is being used") != NULL;
}

/* Before what runs is put to sleep: on each answer while a tenth is left, then an event and a line in its log. */
static void its_people_hear_of_it_first(void **state)
{
    (void)state;
    char id[32], how[16] = "", says_now[64], first[64] = "";
    int64_t low_at = -1, last_at = -1;
    roomy();
    dm_rig_other(&rig);
    bound("account_limit", "month_seconds_max", 100);
    worker w = begin();
    dm_rig_create(&rig, "", id);
    brings(&w, id);
    for (int s = 0; w.running > 0 && s < 200; s++) {
        ask(&w, how);
        if (says(id, NULL, says_now) && low_at < 0) {
            low_at = w.ran;
            (void)snprintf(first, sizeof first, "%s", says_now);
        }
        if (last_at < 0 && dm_rig_number(&rig, "SELECT count(*) FROM dm.alert WHERE kind = 'last'") > 0)
            last_at = w.ran;
        assert_true(logged(id) == (last_at >= 0));
        run_second(&w, "allowance_exhausted");
    }
    assert_int_equal(w.ran, 100);
    assert_int_equal(low_at, 91);
    assert_string_equal(first, "allowance_exhausted;left=9");
    assert_in_range(last_at, 97, 99);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.alert WHERE kind = 'last'"), 1);
    assert_true(says(id, NULL, says_now));
    assert_string_equal(says_now, "allowance_exhausted;left=0");
    assert_false(says(id, DM_RIG_OTHER_KEY, says_now)); /* it is nobody else's */
    DM_AUTO_SAID refused = dm_rig_call(&rig, "POST", "/sandboxes", "{\"templateID\":\"base\"}");
    assert_string_equal(dm_said_header(&refused, "Dormouse-Budget"), "allowance_exhausted;left=0");
    bound("account_limit", "month_seconds_max", 1000);
    int64_t account = dm_rig_number(&rig, "SELECT account_no FROM dm.project WHERE slug = 'demo'");
    (void)dm_alert_look_now(&rig.api, (dm_account_no){account});
    assert_false(says(id, NULL, says_now));
}

/* Nobody's words count who is not the worker, of this start of it, with something of the project. */
static void strangers_are_not_heard(void **state)
{
    (void)state;
    char id[32];
    roomy();
    bound("account_limit", "month_seconds_max", 1000);
    worker w = begin();
    w.running = 1;
    w.ran = 900;
    DM_AUTO_SAID nothing_here = tell(&w, boot());
    assert_string_equal(json_string_value(json_object_get(
                                json_array_get(json_object_get(nothing_here.body, "leases"), 0), "state")),
            "free");
    dm_rig_create(&rig, "", id);
    DM_AUTO_SAID other_boot = tell(&w, boot() + 1);
    assert_int_equal(json_array_size(json_object_get(other_boot.body, "leases")), 0);
    assert_int_equal(dm_rig_number(&rig, "SELECT count(*) FROM dm.budget_ran"), 0);
    DM_AUTO_SAID nonsense = dm_rig_worker_call(&rig, "/v1/workers/1/leases",
            "{\"boot\":1,\"seq\":1,\"asks\":[{}],"
            "\"ran\":[]}");
    assert_int_equal(nonsense.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {DM_RIG_TEST(free_runs_its_pool, &rig),
            DM_RIG_TEST(a_fleet_runs_into_its_cap, &rig), DM_RIG_TEST(a_project_has_its_own, &rig),
            DM_RIG_TEST(no_more_than_was_shown, &rig), DM_RIG_TEST(a_wallet_bounds_it, &rig),
            DM_RIG_TEST(a_wallet_keeps_the_tax, &rig), DM_RIG_TEST(a_wallet_of_minutes, &rig),
            DM_RIG_TEST(its_people_hear_of_it_first, &rig), DM_RIG_TEST(without_a_bound_nothing_is_leased, &rig),
            DM_RIG_TEST(strangers_are_not_heard, &rig)};
    dm_rig_start(&rig, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dm_rig_stop(&rig);
    return failed;
}
