#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/id.h"

#include "tenants/admin/admin.h"
#include "tenants/plan/audit.h"
#include "tenants/plan/limits.h"
#include "tenants/who/key.h"

static const dm_pg_scope ops = {.account_no = 0};

static int need(const char *value, const char *option, dm_err *err)
{
    return value != NULL ? 0 : dm_fail(err, DM_E_INVALID, "--%s is missing", option);
}

/* --- shared ------------------------------------------------------------------------------------------------- */

static const dm_pg_stmt project_find = {"admin_project_find",
        "SELECT p.account_no, p.project_no, p.id, a.id FROM dm.project p JOIN dm.account a USING (account_no)"
        " WHERE p.slug = $1",
        DM_PG_MAYBE};

int dm_admin_project_find(dm_pg *c, const char *slug, dm_admin_project *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(slug)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &project_find, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "no project '%s'", slug);
    out->account_no = dm_pg_i64(rows, 0, 0);
    out->project_no = dm_pg_i64(rows, 0, 1);
    r = dm_str_to_array(dm_pg_str(rows, 0, 2), out->id, sizeof out->id, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 3), out->account_id, sizeof out->account_id, err);
}

static const dm_pg_stmt key_add = {"admin_key_add",
        "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        DM_PG_ONE};

int dm_admin_key_make(dm_pg *c, const dm_admin_project *p, const char *name, char key[64], char id[40], dm_err *err)
{
    dm_key fresh;
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_key_new(&fresh, err);
    if (r == 0)
        r = dm_key_hash(dm_str_c(fresh.s), &digest, err);
    if (r < 0)
        return r;
    dm_key_mask mask = dm_key_mask_of(&fresh);
    const dm_pg_arg args[] = {dm_pa_i64(p->account_no), dm_pa_i64(p->project_no), dm_pa_c(name != NULL ? name : ""),
            dm_pa_bytes(digest.b, sizeof digest.b), dm_pa_c(mask.s)};
    r = dm_pg_exec(c, &key_add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    (void)snprintf(key, 64, "%s", fresh.s);
    return dm_str_to_array(dm_pg_str(rows, 0, 0), id, 40, err);
}

int dm_admin_audit(
        dm_pg *c, const dm_admin_args *a, const dm_admin_project *p, const char *verb, const char *object, dm_err *err)
{
    char who[128];
    int r = dm_path(who, sizeof who, err, "operator:%s", a->who != NULL && a->who[0] != '\0' ? a->who : "unnamed");
    const dm_audit line = {
            .account_no = p->account_no, .project_no = p->project_no, .who = who, .verb = verb, .object = object};
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

/* --- project-add -------------------------------------------------------------------------------------------- */

static const dm_pg_stmt project_add = {"admin_project_add",
        "INSERT INTO dm.project (account_no, slug, name, region_no)"
        " SELECT a.account_no, $2, $3, r.region_no FROM dm.account a, dm.region r"
        " WHERE a.id = $1::uuid AND r.name = $4 RETURNING account_no, project_no, id",
        DM_PG_MAYBE};

typedef struct work {
    const dm_admin_args *a;
    dm_admin_project project;
    char key[64], id[40];
} work;

static int do_project_add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_admin_args *a = w->a;
    const dm_pg_arg args[] = {dm_pa_c(a->account), dm_pa_c(a->slug), dm_pa_c(a->name != NULL ? a->name : a->slug),
            dm_pa_c(a->region != NULL ? a->region : "local")};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[128];
    int r = dm_pg_exec(c, &project_add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "no such account or region");
    w->project.account_no = dm_pg_i64(rows, 0, 0);
    w->project.project_no = dm_pg_i64(rows, 0, 1);
    r = dm_str_to_array(dm_pg_str(rows, 0, 2), w->id, sizeof w->id, err);
    if (r == 0)
        r = dm_path(object, sizeof object, err, "project:%s", a->slug);
    return r < 0 ? r : dm_admin_audit(c, a, &w->project, "project.add", object, err);
}

int dm_admin_project_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (need(a->account, "account", err) < 0 || need(a->slug, "slug", err) < 0)
        return DM_E_INVALID;
    int r = dm_pg_tx_on(c, &ops, do_project_add, &w, err);
    if (r == 0)
        (void)printf("DORMOUSE_PROJECT=%s\n", w.id);
    return r;
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static int do_key_add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char object[64];
    int r = dm_admin_project_find(c, w->a->project, &w->project, err);
    if (r == 0)
        r = dm_admin_key_make(c, &w->project, w->a->name, w->key, w->id, err);
    if (r == 0)
        r = dm_path(object, sizeof object, err, "key:%s", w->id);
    return r < 0 ? r : dm_admin_audit(c, w->a, &w->project, "key.add", object, err);
}

int dm_admin_key_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (need(a->project, "project", err) < 0)
        return DM_E_INVALID;
    int r = dm_pg_tx_on(c, &ops, do_key_add, &w, err);
    if (r == 0)
        (void)printf("E2B_API_KEY=%s\nDORMOUSE_KEY_ID=%s\n", w.key, w.id);
    explicit_bzero(w.key, sizeof w.key);
    return r;
}

static const dm_pg_stmt key_revoke = {"admin_key_revoke",
        "UPDATE dm.api_key SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL"
        " RETURNING account_no, project_no",
        DM_PG_MAYBE};

static int do_key_revoke(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_pg_arg args[] = {dm_pa_c(w->a->id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[64];
    int r = dm_pg_exec(c, &key_revoke, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "no valid key %s", w->a->id);
    w->project.account_no = dm_pg_i64(rows, 0, 0);
    w->project.project_no = dm_pg_i64(rows, 0, 1);
    r = dm_path(object, sizeof object, err, "key:%s", w->a->id);
    return r < 0 ? r : dm_admin_audit(c, w->a, &w->project, "key.revoke", object, err);
}

int dm_admin_key_revoke(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (need(a->id, "id", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->id)))
        return dm_fail(err, DM_E_INVALID, "--id is a key's UUID");
    return dm_pg_tx_on(c, &ops, do_key_revoke, &w, err);
}

/* --- limit-set ---------------------------------------------------------------------------------------------- */

static const dm_pg_stmt limit_project = {"admin_limit_project",
        "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
        " SELECT account_no, project_no, $2, $3 FROM dm.project WHERE slug = $1"
        " ON CONFLICT (account_no, project_no, name) DO UPDATE SET value = excluded.value"
        " RETURNING account_no, project_no",
        DM_PG_MAYBE};
static const dm_pg_stmt limit_account = {"admin_limit_account",
        "INSERT INTO dm.account_limit (account_no, name, value)"
        " SELECT account_no, $2, $3 FROM dm.account WHERE id = $1::uuid"
        " ON CONFLICT (account_no, name) DO UPDATE SET value = excluded.value RETURNING account_no, 0",
        DM_PG_MAYBE};
static const dm_pg_stmt limit_tier = {"admin_limit_tier",
        "INSERT INTO dm.tier_limit (tier, name, value) SELECT name, $2, $3 FROM dm.tier WHERE name = $1"
        " ON CONFLICT (tier, name) DO UPDATE SET value = excluded.value RETURNING 0, 0",
        DM_PG_MAYBE};

typedef struct limit_work {
    const dm_admin_args *a;
    const dm_pg_stmt *st;
    const char *of;
    uint64_t value;
} limit_work;

static int do_limit_set(dm_pg *c, void *arg, dm_err *err)
{
    const limit_work *w = arg;
    const dm_pg_arg args[] = {dm_pa_c(w->of), dm_pa_c(w->a->name), dm_pa_i64((int64_t)w->value)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[256];
    int r = dm_pg_exec(c, w->st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "nothing is called '%s'", w->of);
    dm_admin_project p = {.account_no = dm_pg_i64(rows, 0, 0), .project_no = dm_pg_i64(rows, 0, 1)};
    r = dm_path(object, sizeof object, err, "limit:%s:%s=%llu", w->of, w->a->name, (unsigned long long)w->value);
    return r < 0 ? r : dm_admin_audit(c, w->a, &p, "limit.set", object, err);
}

int dm_admin_limit_set(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    limit_work w = {.a = a};
    if (need(a->name, "name", err) < 0 || need(a->value, "value", err) < 0)
        return DM_E_INVALID;
    if (!dm_limit_known(dm_str_c(a->name)))
        return dm_fail(err, DM_E_INVALID, "no limit is called '%s'", a->name);
    if (dm_parse_u64(dm_str_c(a->value), 0, INT64_MAX, &w.value, err) < 0)
        return dm_wrap(err, "--value");
    if ((a->project != NULL) + (a->account != NULL) + (a->tier != NULL) != 1)
        return dm_fail(err, DM_E_INVALID, "give one of --project, --account, --tier");
    w.of = a->project != NULL ? a->project : a->account != NULL ? a->account : a->tier;
    w.st = a->project != NULL ? &limit_project : a->account != NULL ? &limit_account : &limit_tier;
    if (a->account != NULL && !dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    return dm_pg_tx_on(c, &ops, do_limit_set, &w, err);
}
