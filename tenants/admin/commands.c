#include <stdio.h>

#include "base/parse.h"

#include "tenants/admin/admin.h"
#include "tenants/admin/demo.h"
#include "tenants/plan/limits.h"

static const dm_pg_scope everybody = {.read_only = false};

static int need(const char *value, const char *option, dm_err *err)
{
    return value != NULL ? 0 : dm_fail(err, DM_E_INVALID, "--%s is missing", option);
}

static const char *or_else(const char *value, const char *otherwise)
{
    return value != NULL ? value : otherwise;
}

static int number(const char *text, const char *option, uint64_t def, uint64_t max, int64_t *out, dm_err *err)
{
    uint64_t n = def;
    int r = text != NULL ? dm_parse_u64(dm_str_c(text), 1, max, &n, err) : 0;
    *out = (int64_t)n;
    return r < 0 ? dm_wrap(err, "--%s", option) : 0;
}

/* --- demo --------------------------------------------------------------------------------------------------- */

static int demo(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_demo want = {.tier = or_else(a->tier, "payg"),
            .currency = or_else(a->currency, "CNY"),
            .base = {.image = or_else(a->image, "base")},
            .key_file = a->key_file};
    dm_demo_made made;
    if (number(a->vcpus, "vcpus", 1, 64, &want.base.vcpus, err) < 0 ||
            number(a->mem_mib, "mem-mib", 256, 1 << 20, &want.base.mem_mib, err) < 0 ||
            number(a->disk_mib, "disk-mib", 1024, 1 << 24, &want.base.disk_mib, err) < 0)
        return DM_E_INVALID;
    int r = dm_demo_make(c, a->who, &want, &made, err);
    if (r < 0)
        return r;
    (void)printf("E2B_API_KEY=%s\nDORMOUSE_ACCOUNT=%s\nDORMOUSE_PROJECT=%s\n", made.key.key.s, made.project.account_id,
            made.project.id);
    explicit_bzero(&made.key, sizeof made.key);
    return 0;
}

/* --- projects and keys -------------------------------------------------------------------------------------- */

typedef struct work {
    const dm_admin_args *a;
    dm_project project;
    dm_key_made key;
} work;

static int do_project_add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_admin_args *a = w->a;
    int r = dm_project_add(
            c, a->who, a->account, a->slug, or_else(a->name, a->slug), or_else(a->region, "local"), &w->project, err);
    return r == DM_PROJECT_NONE ? dm_fail(err, DM_E_NOTFOUND, "no such account or region") : r;
}

static int project_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (need(a->account, "account", err) < 0 || need(a->slug, "slug", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    int r = dm_pg_tx_on(c, &everybody, do_project_add, &w, err);
    if (r == 0)
        (void)printf("DORMOUSE_PROJECT=%s\n", w.project.id);
    return r;
}

static int do_key_add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_project_find(c, w->a->project, &w->project, err);
    if (r == DM_PROJECT_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no project '%s'", w->a->project);
    return r < 0 ? r : dm_key_add(c, w->a->who, w->project.owner, or_else(w->a->name, ""), &w->key, err);
}

static int key_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (need(a->project, "project", err) < 0)
        return DM_E_INVALID;
    int r = dm_pg_tx_on(c, &everybody, do_key_add, &w, err);
    if (r == 0)
        (void)printf("E2B_API_KEY=%s\nDORMOUSE_KEY_ID=%s\n", w.key.key.s, w.key.id);
    explicit_bzero(&w.key, sizeof w.key);
    return r;
}

static int do_key_revoke(dm_pg *c, void *arg, dm_err *err)
{
    const dm_admin_args *a = arg;
    int r = dm_key_revoke(c, a->who, a->id, err);
    return r == DM_KEY_NONE ? dm_fail(err, DM_E_NOTFOUND, "no valid key %s", a->id) : r;
}

static int key_revoke(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_args args = *a;
    if (need(a->id, "id", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->id)))
        return dm_fail(err, DM_E_INVALID, "--id is a key's UUID");
    return dm_pg_tx_on(c, &everybody, do_key_revoke, &args, err);
}

/* --- limits ------------------------------------------------------------------------------------------------- */

typedef struct limit_work {
    const dm_admin_args *a;
    dm_limit_of of;
    const char *which;
    uint64_t value;
} limit_work;

static int do_limit_set(dm_pg *c, void *arg, dm_err *err)
{
    const limit_work *w = arg;
    int r = dm_limit_set(c, w->a->who, w->of, w->which, w->a->name, (int64_t)w->value, err);
    if (r == DM_LIMIT_UNKNOWN)
        return dm_fail(err, DM_E_INVALID, "no limit is called '%s'", w->a->name);
    return r == DM_LIMIT_OF_NOBODY ? dm_fail(err, DM_E_NOTFOUND, "nothing is called '%s'", w->which) : r;
}

static int limit_set(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    limit_work w = {.a = a};
    if (need(a->name, "name", err) < 0 || need(a->value, "value", err) < 0)
        return DM_E_INVALID;
    if (dm_parse_u64(dm_str_c(a->value), 0, INT64_MAX, &w.value, err) < 0)
        return dm_wrap(err, "--value");
    if ((a->project != NULL) + (a->account != NULL) + (a->tier != NULL) != 1)
        return dm_fail(err, DM_E_INVALID, "give one of --project, --account, --tier");
    w.which = a->project != NULL ? a->project : a->account != NULL ? a->account : a->tier;
    w.of = a->project != NULL ? DM_LIMIT_OF_PROJECT : a->account != NULL ? DM_LIMIT_OF_ACCOUNT : DM_LIMIT_OF_TIER;
    if (a->account != NULL && !dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    return dm_pg_tx_on(c, &everybody, do_limit_set, &w, err);
}

static const dm_admin_command commands[] = {{"demo", demo}, {"project-add", project_add}, {"key-add", key_add},
        {"key-revoke", key_revoke}, {"limit-set", limit_set}};

const dm_admin_command *dm_admin_find(const char *name)
{
    for (size_t i = 0; i < DM_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}
