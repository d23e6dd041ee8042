#include "tests/support/apirig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/parse.h"

#include "api/dm/live.h"
#include "api/door/signers.h"
#include "api/kit/cookie.h"
#include "api/kit/together.h"
#include "api/life/claims.h"
#include "api/life/dispatch.h"
#include "api/life/spawns.h"
#include "api/listen.h"
#include "tenants/who/uses.h"

static const char uuid_key[] = "0000000000000000000000000000000000000000000000000000000000000001";

static void must(int r, const dm_err *err, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, err->msg);
    abort();
}

/* One alone is soon told that its order takes too long; what a crowd waits for takes as long as the crowd needs. */
static void make_config(dm_rig *r, unsigned threads)
{
    const char *dir = dm_pgtest_dir(r->tenants.pg);
    char api[256], ops[256], who[256];
    dm_err err = {0};
    dm_pgtest_conninfo(r->tenants.pg, "dm_api", api);
    dm_pgtest_conninfo(r->tenants.pg, "dm_ops", ops);
    dm_pgtest_conninfo(r->tenants.pg, "dm_who", who);
    char all[2048];
    (void)snprintf(all, sizeof all,
            "socket = %s/uplink.sock\nworker_socket = %s/worker-{no}.sock\ndb_api = %s\ndb_ops = %s\ndb_who = %s\n"
            "master_key = %s/master.key\nframe_key_file = %s/frames.key\ndomain = sandbox.test\nworker_wait_ms = "
            "300\norder_timeout_ms = %d\n"
            "wait_s = 20\nstuck_s = 1\nperiod_s = 60\npassword_mem_kib = 64\npassword_passes = 1\nsign_up = open\n"
            "api_url = http://c.test:3000\nexport_folder = %s\ndocument_s = 0\ndelivery_key_file = %s/frames.key\n",
            dir, dir, api, ops, who, dir, dir, threads > 0 ? 20000 : 3000, dir, dir);
    must(dm_conf_parse(&dm_api_conf, dm_str_c(all), "rig", &r->config, &err), &err, "config");
}

static void make_api(dm_rig *r, unsigned threads)
{
    dm_err err = {0};
    dm_api *a = &r->api;
    const dm_pg_config db = {.conninfo = r->config.db_api, .max = 16, .wait_ms = 5000, .statement_ms = 10000};
    const dm_pg_config ops = {.conninfo = r->config.db_ops, .max = 4, .wait_ms = 5000, .statement_ms = 10000};
    const dm_pg_config who = {.conninfo = r->config.db_who, .max = 4, .wait_ms = 5000, .statement_ms = 10000};
    const dm_dispatch_config dispatch = {.socket = r->config.worker_socket,
            .connections = 32,
            .timeout_ms = (unsigned)r->config.order_timeout_ms,
            .wait_ms = (unsigned)r->config.worker_wait_ms,
            .clock = &dm_clock_real};
    const dm_later_config later = {.threads = {threads, threads, threads, threads},
            .queue_max = 1024,
            .parked_max = 1024,
            .wait_us = (int64_t)r->config.wait_s * 1000000,
            .clock = &dm_clock_real};
    a->config = &r->config;
    a->clock = &dm_clock_real;
    must(dm_spawns_new(&a->spawns, &err), &err, "spawns");
    must(dm_uses_new(&a->uses, &err), &err, "uses");
    atomic_store(&a->instance, DM_RIG_INSTANCE);
    must(dm_metrics_new(&a->metrics, &err), &err, "metrics");
    must(dm_pulse_new(a->clock, &a->pulse, &err), &err, "pulse");
    must(dm_master_open(r->config.master_key, &a->master, &err), &err, "master");
    must(dm_file_write(r->config.frame_key_file, dm_str_c(uuid_key), 0600, &err), &err, "frames' key");
    must(dm_key_read(r->config.frame_key_file, a->frame_secret, &err), &err, "frames' key");
    must(dm_key_read(r->config.delivery_key_file, a->delivery_key, &err), &err, "buckets' key");
    a->has_delivery_key = true;
    must(dm_pg_pool_new(&db, &a->db, &err), &err, "pool");
    must(dm_pg_pool_new(&ops, &a->ops, &err), &err, "pool");
    must(dm_pg_pool_new(&who, &a->who, &err), &err, "pool");
    const dm_signing_config signing = {
            .pool = a->who, .master = a->master, .clock = a->clock, .token_s = 300, .access_s = 600, .key_days = 30};
    must(dm_auth_new(a->db, a->clock, 0, &a->auth, &err), &err, "auth");
    must(dm_offers_new(a->clock, 0, &a->offers, &err), &err, "offers");
    must(dm_api_no_password(a, &err), &err, "password");
    must(dm_members_new(a->who, a->clock, 0, &a->members, &err), &err, "members");
    must(dm_sessions_new(a->who, a->clock, 0, &a->sessions, &err), &err, "sessions");
    must(dm_signing_new(&signing, &a->signing, &err), &err, "token keys");
    must(dm_strangers_new((unsigned)r->config.wrong_keys_per_min, a->clock, &a->strangers, &err), &err, "strangers");
    must(dm_refusals_new(a->clock, &a->refusals, &err), &err, "refusals");
    must(dm_low_new(&a->low, &err), &err, "budgets");
    must(dm_rates_new(a->clock, &a->rates, &err), &err, "rates");
    must(dm_dispatch_new(&dispatch, &a->dispatch, &err), &err, "dispatch");
    must(dm_dispatch_new(&dispatch, &a->looks, &err), &err, "dispatch");
    must(dm_together_new(a, &a->together, &err), &err, "creates that meet");
    must(dm_claims_new(a->dispatch, NULL, a->clock, threads > 0, NULL, &a->claims, &err), &err, "claims");
    must(dm_signers_new(a->db, a->master, a->clock, &a->signers, &err), &err, "signers");
    must(dm_live_new(a, 64, threads > 0, &a->live, &err), &err, "live");
    must(dm_later_new(&later, &a->later, &err), &err, "later");
    must(dm_fold_new(a->later, &a->fold, &err), &err, "fold");
    r->table = dm_api_http(a);
    r->worker_table = dm_api_worker_http(a);
}

static dm_fakeworker *worker_of(dm_rig *r, unsigned no)
{
    char path[108];
    dm_fakeworker *w = NULL;
    dm_err err = {0};
    must(dm_path(path, sizeof path, &err, "%s/worker-%u.sock", dm_pgtest_dir(r->tenants.pg), no), &err, "socket");
    must(dm_fakeworker_start(path, &w, &err), &err, "worker");
    return w;
}

static void enrol(dm_rig *r, unsigned no, unsigned slots)
{
    char body[512];
    (void)snprintf(body, sizeof body,
            "{\"name\":\"worker-%u\",\"public_key\":\"%s\",\"boot\":1,\"door\":\"w1\",\"accel\":\"tcg\",\"slots\":%u,"
            "\"mem_mib\":4096}",
            no, uuid_key, slots);
    DM_AUTO_SAID said = dm_rig_worker_call(r, "/v1/workers/enrol", body);
    if (said.status != 200 || json_integer_value(json_object_get(said.body, "worker_no")) != no) {
        (void)fprintf(stderr, "enrol: %d %s\n", said.status, said.text);
        abort();
    }
}

dm_fakeworker *dm_rig_second_worker(dm_rig *r)
{
    dm_fakeworker *w = worker_of(r, 2);
    dm_rig_sql(r, "ALTER TABLE dm.worker ALTER worker_no RESTART WITH 2");
    enrol(r, 2, 100);
    return w;
}

void dm_rig_start(dm_rig *r, unsigned threads)
{
    dm_err err = {0};
    memset(r, 0, sizeof *r);
    dm_tenantrig_start(&r->tenants);
    (void)snprintf(r->key, sizeof r->key, "%s", r->tenants.demo.key.key.s);
    make_config(r, threads);
    r->worker = worker_of(r, 1);
    make_api(r, threads);
    enrol(r, 1, 10);
    if (threads == 0)
        return;
    dm_http_config http = r->table;
    (void)snprintf(r->socket, sizeof r->socket, "%s/public.sock", dm_pgtest_dir(r->tenants.pg));
    http.listen_address = NULL;
    http.unix_path = r->socket;
    must(dm_http_new(&http, &r->http, &err), &err, "http");
}

void dm_rig_stop(dm_rig *r)
{
    if (r->http != NULL)
        dm_http_stop(r->http, 2000);
    dm_live_free(r->api.live);
    dm_later_free(r->api.later);
    dm_fold_free(r->api.fold);
    dm_http_free(r->http);
    dm_claims_free(r->api.claims);
    dm_together_free(r->api.together);
    dm_dispatch_free(r->api.looks);
    dm_dispatch_free(r->api.dispatch);
    dm_offers_free(r->api.offers);
    dm_auth_free(r->api.auth);
    dm_members_free(r->api.members);
    dm_sessions_free(r->api.sessions);
    dm_signing_free(r->api.signing);
    dm_strangers_free(r->api.strangers);
    dm_rates_free(r->api.rates);
    dm_refusals_free(r->api.refusals);
    dm_low_free(r->api.low);
    dm_signers_free(r->api.signers);
    dm_spawns_free(r->api.spawns);
    dm_uses_free(r->api.uses);
    dm_pg_pool_free(r->api.db);
    dm_pg_pool_free(r->api.ops);
    dm_pg_pool_free(r->api.who);
    dm_master_free(r->api.master);
    dm_metrics_free(r->api.metrics);
    dm_pulse_free(r->api.pulse);
    dm_fakeworker_free(r->worker);
    dm_conf_done(&dm_api_conf, &r->config);
    dm_tenantrig_stop(&r->tenants);
}

void dm_rig_other(dm_rig *r)
{
    dm_rig_sql(r, "INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('Other', 'CN', 'CNY', 'payg');"
                  "INSERT INTO dm.project (account_no, slug, name, region_no)"
                  " SELECT account_no, 'other', 'Other', 1 FROM dm.account WHERE legal_name = 'Other';"
                  "INSERT INTO dm.api_key (account_no, project_no, sha256, mask)"
                  " SELECT account_no, project_no, sha256('\\x00'::bytea), 'm' FROM dm.project WHERE slug = 'other'");
}

void dm_rig_clean(dm_rig *r)
{
    dm_rig_sql(r,
            "DELETE FROM dm.snapshot; DELETE FROM dm.sandbox; DELETE FROM dm.sandbox_label; DELETE FROM dm.idempotency;"
            "DELETE FROM dm.denial; DELETE FROM dm.hold; DELETE FROM dm.budget_use; DELETE FROM dm.budget_lease;"
            "DELETE FROM dm.budget_ran; DELETE FROM dm.budget_promise; DELETE FROM dm.spend_open; DELETE FROM "
            "dm.budget_cap;"
            "DELETE FROM dm.expiry; DELETE FROM dm.expiry_day;"
            "DELETE FROM dm.alert; DELETE FROM dm.budget_low; DELETE FROM dm.alert_mark; DELETE FROM dm.alert_setting;"
            "UPDATE dm.quota_use SET running = 0, vcpus = 0, mem_mib = 0, asleep_mib = 0;"
            "DELETE FROM dm.project_limit; DELETE FROM dm.account_limit; UPDATE dm.worker SET event_seq = 0;"
            "UPDATE dm.account SET blocked = NULL, banned = false, billing_cycle = 'monthly'; DELETE FROM "
            "dm.worker_key WHERE worker_no > 1;"
            "DELETE FROM dm.worker WHERE worker_no > 1");
    dm_rig_sql(r,
            "UPDATE dm.api_key SET revoked_at = NULL; DELETE FROM dm.api_key WHERE made_by LIKE 'person:%'; DELETE "
            "FROM dm.person_token;"
            "DELETE FROM dm.look; DELETE FROM dm.session; DELETE FROM dm.recovery_code; DELETE FROM dm.person_link;"
            "DELETE FROM dm.invitation; DELETE FROM dm.member; DELETE FROM dm.person; DELETE FROM dm.operator;"
            "DELETE FROM dm.mail; DELETE FROM dm.attempt");
    /* Statements are never removed: a trigger sees to it, and looks away here. */
    dm_rig_sql(r,
            "SET session_replication_role = replica; DELETE FROM dm.statement; DELETE FROM dm.statement_page;"
            "DELETE FROM dm.usage_owed; DELETE FROM dm.usage_sandbox; DELETE FROM dm.usage_sandbox_month;"
            "DELETE FROM dm.usage_settled;"
            "DELETE FROM dm.statement_line; DELETE FROM dm.account_period; DELETE FROM dm.wallet_fault;"
            "DELETE FROM dm.wallet_burn_part; DELETE FROM dm.wallet_burn; DELETE FROM dm.wallet_hold_part;"
            "DELETE FROM dm.wallet_hold; DELETE FROM dm.wallet_grant; DELETE FROM dm.wallet_order;"
            "DELETE FROM dm.wallet; DELETE FROM dm.wallet_fill; DELETE FROM dm.tax_rule WHERE jurisdiction = 'test'");
    dm_rig_sql(r, "DELETE FROM dm.quota_use USING dm.account a WHERE a.legal_name = 'Other' AND"
                  " quota_use.account_no = a.account_no; DELETE FROM dm.api_key USING dm.account a WHERE"
                  " a.legal_name = 'Other' AND api_key.account_no = a.account_no;"
                  "DELETE FROM dm.project WHERE slug <> 'demo'; UPDATE dm.project SET name = 'Demo', removal_at = NULL,"
                  " removal_by = '', removal_ends = NULL, removed_at = NULL; DELETE FROM dm.hold;"
                  "UPDATE dm.account SET name = NULL, address = '', tax_id = NULL, invoice_email = NULL WHERE"
                  " legal_name <> 'Other'; DELETE FROM dm.account_plan USING dm.account a WHERE"
                  " a.legal_name = 'Other' AND account_plan.account_no = a.account_no;"
                  "DELETE FROM dm.account WHERE legal_name = 'Other'");
}

/* --- people ------------------------------------------------------------------------------------------------- */

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    dm_rig_in *in = arg;
    const dm_session_new n = {.person = in->person,
            .operator_ = in->operator_,
            .proven = true,
            .agent = DM_STR("rig"),
            .address = DM_STR("192.0.2.1"),
            .life = {3600, 3600}};
    return dm_session_begin(c, &n, in->session, err);
}

static dm_rig_in signed_in(dm_rig *r, dm_rig_in in)
{
    const dm_pg_scope scope = {.person_no = in.person.v, .operator_no = in.operator_.v};
    bool person = in.person.v != 0;
    char token[DM_TOKEN_MAX];
    dm_err err = {0};
    must(dm_pg_tx(r->api.who, &scope, begin, &in, &err), &err, "session");
    must(dm_signing_write(r->api.signing, person ? DM_TOKEN_PERSON : DM_TOKEN_OPERATOR, in.session, token, &err), &err,
            "token");
    (void)snprintf(in.cookie, sizeof in.cookie, "%s=%s",
            dm_cookie_name(false, person ? DM_COOKIE_SESSION : DM_COOKIE_OPS_SESSION), token);
    return in;
}

dm_rig_in dm_rig_person(dm_rig *r, const char *email, const char *role, bool whole_account)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.person (email, name, confirmed_at) VALUES ('%s', 'Rig', now()) ON CONFLICT DO NOTHING;"
            "INSERT INTO dm.member (account_no, project_no, person_no, role)"
            " SELECT p.account_no, %s, (SELECT person_no FROM dm.person WHERE email = '%s'), '%s'"
            " FROM dm.project p WHERE p.slug = 'demo' AND '%s' <> ''",
            email, whole_account ? "0" : "p.project_no", email, role, role);
    dm_rig_sql(r, sql);
    (void)snprintf(sql, sizeof sql, "SELECT person_no FROM dm.person WHERE email = '%s'", email);
    return signed_in(r, (dm_rig_in){.person = {dm_rig_number(r, sql)}});
}

dm_rig_in dm_rig_operator(dm_rig *r, const char *name)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.operator (email, name, one_time, totp_from) VALUES ('%s@ops.test', '%s', false, now())"
            " ON CONFLICT DO NOTHING",
            name, name);
    dm_rig_sql(r, sql);
    (void)snprintf(sql, sizeof sql, "SELECT operator_no FROM dm.operator WHERE name = '%s'", name);
    return signed_in(r, (dm_rig_in){.operator_ = {dm_rig_number(r, sql)}});
}

dm_said dm_rig_call_in(dm_rig *r, const dm_rig_in *in, const char *method, const char *target, const char *body)
{
    const dm_pair headers[] = {{DM_STR("Cookie"), dm_str_c(in->cookie)}, {DM_STR("Dormouse-Csrf"), DM_STR("1")},
            {DM_STR("Sec-Fetch-Site"), DM_STR("same-origin")}};
    return dm_rig_call_on(&r->table, method, target, headers, DM_LEN(headers), body);
}

int dm_rig_after(void **rig)
{
    dm_rig_clean(*rig);
    return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------- */

void dm_said_done(dm_said *s)
{
    json_decref(s->body);
    dm_req_free(s->req);
    s->body = NULL;
    s->req = NULL;
}

static dm_said said_of(int status, dm_str body)
{
    dm_said s = {.status = status};
    size_t n = body.n < sizeof s.text - 1 ? body.n : sizeof s.text - 1;
    memcpy(s.text, body.p, n);
    if (body.n > 0 && dm_json_load(body, 32 << 20, &s.body, NULL) < 0)
        s.body = NULL;
    return s;
}

dm_said dm_rig_call_on(const dm_http_config *table, const char *method, const char *target, const dm_pair *headers,
        size_t n, const char *body)
{
    dm_req *req = NULL;
    dm_err err = {0};
    int r = dm_http_call(table, method, target, headers, n, dm_str_c(body), &req, &err);
    must(r, &err, target);
    if (r == DM_HTTP_LATER) {
        (void)fprintf(stderr, "%s: answered later\n", target);
        abort();
    }
    dm_said s = said_of(req->reply.status, dm_buf_view(&req->reply.body));
    s.req = req;
    return s;
}

dm_said dm_rig_call_as(dm_rig *r, const char *key, const char *method, const char *target, const char *body,
        const dm_pair *more, size_t nmore)
{
    dm_pair headers[16];
    size_t n = 0;
    if (key == NULL)
        key = r->key;
    if (key[0] != '\0')
        headers[n++] = (dm_pair){DM_STR("x-api-key"), dm_str_c(key)};
    for (size_t i = 0; i < nmore; i++)
        headers[n++] = more[i];
    return dm_rig_call_on(&r->table, method, target, headers, n, body);
}

dm_said dm_rig_call(dm_rig *r, const char *method, const char *target, const char *body)
{
    return dm_rig_call_as(r, NULL, method, target, body, NULL, 0);
}

dm_said dm_rig_worker_call(dm_rig *r, const char *target, const char *body)
{
    return dm_rig_call_on(&r->worker_table, "POST", target, NULL, 0, body);
}

/* One request, one connection; the server closes it after the answer. */
static void exchange(const char *socket_path, dm_str request, dm_buf *answer)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    dm_err err = {0};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    DM_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        must(dm_fail_sys(&err, errno, "connect"), &err, socket_path);
    must(dm_write_all(fd, request.p, request.n, &err), &err, "write");
    for (;;) {
        char *room = dm_buf_want(answer, 4096);
        ssize_t n = room != NULL ? read(fd, room, 4096) : -1;
        if (n <= 0)
            return;
        dm_buf_grew(answer, (size_t)n);
    }
}

dm_said dm_rig_ask(dm_rig *r, const char *method, const char *target, const char *body)
{
    DM_AUTO_BUF request;
    DM_AUTO_BUF answer;
    size_t n = body != NULL ? strlen(body) : 0;
    dm_buf_init(&request, 64 << 10);
    dm_buf_init(&answer, 1 << 20);
    (void)dm_buf_fmt(&request,
            "%s %s HTTP/1.1\r\nHost: api\r\nX-API-KEY: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            method, target, r->key, n, body != NULL ? body : "");
    exchange(r->socket, dm_buf_view(&request), &answer);
    dm_str all = dm_buf_view(&answer), words = all, proto, status;
    const char *blank = strstr(all.p, "\r\n\r\n");
    uint64_t code = 0;
    if (blank == NULL || !dm_str_split(&words, ' ', &proto) || !dm_str_split(&words, ' ', &status) ||
            dm_parse_u64(status, 100, 599, &code, NULL) < 0) {
        (void)fprintf(stderr, "%s %s: no answer\n", method, target);
        abort();
    }
    return said_of((int)code, (dm_str){blank + 4, all.n - (size_t)(blank + 4 - all.p)});
}

void dm_rig_sign(const char *path, const char *operation, const char *token, const char *expiry, char uri[512])
{
    DM_AUTO_BUF text, base64, link;
    dm_digest digest;
    dm_err err = {0};
    dm_buf_init(&text, 512);
    dm_buf_init(&base64, 64);
    dm_buf_init(&link, 511);
    (void)dm_buf_fmt(&text, "%s:%s:user:%s", path, operation, token);
    if (expiry[0] != '\0')
        (void)dm_buf_fmt(&text, ":%s", expiry);
    must(dm_buf_ok(&text, &err), &err, "signed text");
    must(dm_sha256(dm_buf_view(&text), &digest, &err), &err, "digest");
    (void)dm_base64_encode(&base64, digest.b, sizeof digest.b);
    (void)dm_buf_c(&link, "/files?path=");
    (void)dm_url_encode(&link, dm_str_c(path));
    (void)dm_buf_c(&link, "&username=user&signature=v1_");
    (void)dm_url_encode(&link, (dm_str){base64.p, 43}); /* without its padding */
    if (expiry[0] != '\0')
        (void)dm_buf_fmt(&link, "&signature_expiration=%s", expiry);
    must(dm_buf_ok(&link, &err), &err, "link");
    (void)snprintf(uri, 512, "%s", link.p);
}

dm_said dm_rig_ask_as_door(dm_rig *r, const char *id, const char *port)
{
    DM_AUTO_BUF request;
    DM_AUTO_BUF answer;
    dm_buf_init(&request, 8 << 10);
    dm_buf_init(&answer, 64 << 10);
    (void)dm_buf_fmt(&request,
            "GET /door HTTP/1.1\r\nHost: api\r\nConnection: close\r\nX-Dm-Sid: %s\r\nX-Dm-Port: %s\r\nX-Dm-Uri: "
            "/\r\n\r\n",
            id, port);
    exchange(r->socket, dm_buf_view(&request), &answer);
    dm_said s = {.status = 200};
    (void)snprintf(s.text, sizeof s.text, "%s", answer.len > 0 ? answer.p : "");
    return s;
}

const char *dm_said_str(const dm_said *s, const char *name)
{
    const char *v = json_string_value(json_object_get(s->body, name));
    return v != NULL ? v : "";
}

const char *dm_said_header(const dm_said *s, const char *name)
{
    for (size_t i = 0; s->req != NULL && i < s->req->reply.nheaders; i++)
        if (strcasecmp(s->req->reply.headers[i].name, name) == 0)
            return s->req->reply.headers[i].value;
    return NULL;
}

/* --- the database ------------------------------------------------------------------------------------------- */

void dm_rig_sql(dm_rig *r, const char *sql)
{
    dm_tenantrig_sql(&r->tenants, sql);
}

int64_t dm_rig_number(dm_rig *r, const char *sql)
{
    return dm_tenantrig_number(&r->tenants, sql);
}

dm_pg *dm_rig_hold(dm_rig *r, const char *table)
{
    char sql[128];
    dm_err err = {0};
    dm_pg *c = dm_tenantrig_open(&r->tenants);
    (void)snprintf(sql, sizeof sql, "BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table);
    must(dm_pg_script(c, sql, &err), &err, sql);
    return c;
}

void dm_rig_create(dm_rig *r, const char *more, char id[32])
{
    char body[1024];
    (void)snprintf(body, sizeof body, "{\"templateID\":\"base\"%s}", more);
    DM_AUTO_SAID said = dm_rig_call(r, "POST", "/v2/sandboxes", body);
    if (said.status != 201) {
        (void)fprintf(stderr, "create: %d %s\n", said.status, said.text);
        abort();
    }
    (void)snprintf(id, 32, "%s", dm_said_str(&said, "sandboxID"));
}
