#include "tests/support/tenantrig.h"

#include <stdio.h>

#include "base/parse.h"

#include "migrations/migrate.h"
#include "tenants/who/caller.h"

static void must(int r, const dm_err *err, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, err->msg);
    abort();
}

static dm_pg *open_as(dm_tenantrig *r, const char *role)
{
    char conninfo[256];
    dm_err err = {0};
    dm_pg *c = NULL;
    dm_pgtest_conninfo(r->pg, role, conninfo);
    must(dm_pg_open(conninfo, &c, &err), &err, role);
    return c;
}

int dm_tenantrig_demo(dm_tenantrig *r, dm_err *err)
{
    const dm_demo want = {.tier = "payg",
            .currency = "CNY",
            .base = {.image = "base", .vcpus = 1, .mem_mib = 256, .disk_mib = 1024},
            .key_file = r->key_file};
    return dm_demo_make(r->ops, "operator:test", &want, &r->demo, err);
}

void dm_tenantrig_start(dm_tenantrig *r)
{
    char super[256];
    dm_err err = {0};
    dm_migrate_result result;
    memset(r, 0, sizeof *r);
    must(dm_pgtest_start(&r->pg, &err), &err, "postgres");
    dm_pgtest_conninfo(r->pg, "postgres", super);
    must(dm_migrate_run(super, DM_SOURCE_DIR "/migrations", &dm_clock_real, NULL, NULL, &result, &err), &err,
            "migrate");
    (void)snprintf(r->key_file, sizeof r->key_file, "%s/key", dm_pgtest_dir(r->pg));
    r->ops = open_as(r, "dm_ops");
    r->api = open_as(r, "dm_api");
    r->who = open_as(r, "dm_who");
    must(dm_tenantrig_demo(r, &err), &err, "demo");
}

void dm_tenantrig_stop(dm_tenantrig *r)
{
    dm_pg_close(r->ops);
    dm_pg_close(r->api);
    dm_pg_close(r->who);
    dm_pgtest_free(r->pg);
}

int dm_tenantrig_as_ops(dm_tenantrig *r, dm_pg_fn fn, void *arg, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    return dm_pg_tx_on(r->ops, &everybody, fn, arg, err);
}

int dm_tenantrig_as_api(dm_tenantrig *r, dm_owner owner, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    return dm_pg_tx_on(r->api, &scope, fn, arg, err);
}

int dm_tenantrig_as_who(dm_tenantrig *r, dm_person_no person, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = {.person_no = person.v};
    return dm_pg_tx_on(r->who, &scope, fn, arg, err);
}

/* --- as superuser ------------------------------------------------------------------------------------------- */

dm_pg *dm_tenantrig_open(dm_tenantrig *r)
{
    return open_as(r, "postgres");
}

void dm_tenantrig_sql(dm_tenantrig *r, const char *sql)
{
    dm_err err = {0};
    dm_pg *c = dm_tenantrig_open(r);
    must(dm_pg_script(c, sql, &err), &err, sql);
    dm_pg_close(c);
}

typedef struct question {
    dm_pg_stmt st;
    char *out;
} question;

static int ask(dm_pg *c, void *arg, dm_err *err)
{
    const question *q = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &q->st, NULL, 0, &rows, NULL, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), q->out, 256, err);
}

/* A statement is prepared under its name once in a connection: each has one of its own. */
void dm_tenantrig_text(dm_tenantrig *r, const char *sql, char out[256])
{
    static const dm_pg_scope nobody = {.read_only = true};
    dm_err err = {0};
    question q = {.st = {"test_question", sql, DM_PG_ONE}, .out = out};
    dm_pg *c = dm_tenantrig_open(r);
    must(dm_pg_tx_on(c, &nobody, ask, &q, &err), &err, sql);
    dm_pg_close(c);
}

int64_t dm_tenantrig_number(dm_tenantrig *r, const char *sql)
{
    char text[256];
    int64_t n = 0;
    dm_err err = {0};
    dm_tenantrig_text(r, sql, text);
    must(dm_parse_i64(dm_str_c(text), INT64_MIN, INT64_MAX, &n, &err), &err, sql);
    return n;
}

dm_tenantrig_person dm_tenantrig_add_person(dm_tenantrig *r, const char *email, const char *role, bool whole_account)
{
    char sql[512], text[256];
    dm_tenantrig_person p;
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.person (email, name, confirmed_at) VALUES ('%s', 'Somebody', now()) ON CONFLICT DO NOTHING",
            email);
    dm_tenantrig_sql(r, sql);
    (void)snprintf(sql, sizeof sql, "SELECT person_no FROM dm.person WHERE email = '%s'", email);
    p.no = (dm_person_no){dm_tenantrig_number(r, sql)};
    (void)snprintf(sql, sizeof sql, "SELECT id FROM dm.person WHERE email = '%s'", email);
    dm_tenantrig_text(r, sql, text);
    (void)snprintf(p.id, sizeof p.id, "%.36s", text);
    (void)snprintf(p.who, sizeof p.who, "person:%s", p.id);
    (void)snprintf(sql, sizeof sql,
            "INSERT INTO dm.member (account_no, project_no, person_no, role) VALUES (%lld, %lld, %lld, '%s')",
            (long long)r->demo.project.owner.account.v,
            whole_account ? 0LL : (long long)r->demo.project.owner.project.v, (long long)p.no.v, role);
    if (role[0] != '\0')
        dm_tenantrig_sql(r, sql);
    return p;
}

bool dm_tenantrig_audited(dm_tenantrig *r, dm_owner owner, const char *who, const char *verb, const char *object)
{
    char is[256], want[256];
    dm_tenantrig_text(r,
            "SELECT concat_ws(' ', account_no, project_no, who, verb, object) FROM dm.audit"
            " ORDER BY audit_no DESC LIMIT 1",
            is);
    (void)snprintf(want, sizeof want, "%lld %lld %s %s %s", (long long)owner.account.v, (long long)owner.project.v, who,
            verb, object);
    if (strcmp(is, want) != 0)
        (void)fprintf(stderr, "the audit says \"%s\", not \"%s\"\n", is, want);
    return strcmp(is, want) == 0;
}

int64_t dm_tenantrig_audits(dm_tenantrig *r)
{
    return dm_tenantrig_number(r, "SELECT count(*) FROM dm.audit");
}
