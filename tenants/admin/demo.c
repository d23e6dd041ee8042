#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/id.h"
#include "base/wire/spec.h"

#include "tenants/admin/admin.h"
#include "tenants/who/key.h"

/* Makes what is missing and touches nothing that is there: `ops/dormouse up` runs it each time. */

static const dm_pg_stmt account_add = {"demo_account_add",
        "INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('Demo', 'CN', $1, $2) RETURNING "
        "account_no",
        DM_PG_ONE};
static const dm_pg_stmt project_add = {"demo_project_add",
        "INSERT INTO dm.project (account_no, slug, name, region_no)"
        " SELECT $1, 'demo', 'Demo', region_no FROM dm.region WHERE name = 'local' RETURNING project_no",
        DM_PG_ONE};
static const dm_pg_stmt key_valid = {"demo_key_valid",
        "SELECT id FROM dm.api_key WHERE account_no = $1 AND project_no = $2 AND sha256 = $3 AND revoked_at IS NULL",
        DM_PG_MAYBE};
static const dm_pg_stmt template_find = {"demo_template_find",
        "SELECT template_id FROM dm.template_alias WHERE account_no = $1 AND project_no = $2 AND alias = 'base'",
        DM_PG_MAYBE};
static const dm_pg_stmt template_add = {"demo_template_add",
        "INSERT INTO dm.template (account_no, project_no, template_id, public) VALUES ($1, $2, $3, true)", DM_PG_NONE};
static const dm_pg_stmt alias_add = {"demo_alias_add",
        "INSERT INTO dm.template_alias (account_no, project_no, alias, template_id) VALUES ($1, $2, 'base', $3)",
        DM_PG_NONE};
static const dm_pg_stmt build_find = {"demo_build_find",
        "SELECT b.build_id FROM dm.template_tag g JOIN dm.template_build b USING (build_id)"
        " WHERE g.template_id = $1 AND g.tag = 'default' AND b.image = $2 AND b.vcpus = $3 AND b.mem_mib = $4"
        " AND b.disk_mib = $5 AND b.status = 'ready'",
        DM_PG_MAYBE};
static const dm_pg_stmt build_add = {"demo_build_add",
        "INSERT INTO dm.template_build (account_no, project_no, template_id, status, image, vcpus, mem_mib, disk_mib,"
        " finished_at) VALUES ($1, $2, $3, 'ready', $4, $5, $6, $7, now()) RETURNING build_id",
        DM_PG_ONE};
static const dm_pg_stmt tag_set = {"demo_tag_set",
        "INSERT INTO dm.template_tag (account_no, project_no, template_id, tag, build_id)"
        " VALUES ($1, $2, $3, 'default', $4::uuid)"
        " ON CONFLICT (account_no, project_no, template_id, tag) DO UPDATE SET build_id = excluded.build_id",
        DM_PG_NONE};

typedef struct demo {
    const dm_admin_args *a;
    dm_admin_project project;
    uint64_t vcpus, mem_mib, disk_mib;
    const char *image;
    char known[64]; /* what the key file holds; "" : nothing that is a key */
    char key[64], key_id[40];
    bool changed;
} demo;

static int tenant(dm_pg *c, demo *d, dm_err *err)
{
    int r = dm_admin_project_find(c, "demo", &d->project, err);
    if (r != DM_E_NOTFOUND)
        return r;
    DM_AUTO(dm_pg_rows) account = NULL;
    DM_AUTO(dm_pg_rows) project = NULL;
    const dm_pg_arg args[] = {dm_pa_c(d->a->currency != NULL ? d->a->currency : "CNY"),
            dm_pa_c(d->a->tier != NULL ? d->a->tier : "payg")};
    r = dm_pg_exec(c, &account_add, args, DM_LEN(args), &account, NULL, err);
    if (r < 0)
        return r;
    const dm_pg_arg project_args[] = {dm_pa_i64(dm_pg_i64(account, 0, 0))};
    r = dm_pg_exec(c, &project_add, project_args, DM_LEN(project_args), &project, NULL, err);
    d->changed = true;
    return r < 0 ? r : dm_admin_project_find(c, "demo", &d->project, err);
}

static int key(dm_pg *c, demo *d, dm_err *err)
{
    dm_digest digest;
    if (d->known[0] != '\0' && dm_key_hash(dm_str_c(d->known), &digest, NULL) == 0) {
        const dm_pg_arg args[] = {dm_pa_i64(d->project.account_no), dm_pa_i64(d->project.project_no),
                dm_pa_bytes(digest.b, sizeof digest.b)};
        DM_AUTO(dm_pg_rows) rows = NULL;
        int r = dm_pg_exec(c, &key_valid, args, DM_LEN(args), &rows, NULL, err);
        if (r < 0)
            return r;
        if (dm_pg_count(rows) == 1) {
            memcpy(d->key, d->known, sizeof d->key);
            return dm_str_to_array(dm_pg_str(rows, 0, 0), d->key_id, sizeof d->key_id, err);
        }
    }
    d->changed = true;
    return dm_admin_key_make(c, &d->project, "demo", d->key, d->key_id, err);
}

static int template_id(dm_pg *c, demo *d, dm_template_id *out, dm_err *err)
{
    uint8_t random[16];
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_pg_arg args[] = {dm_pa_i64(d->project.account_no), dm_pa_i64(d->project.project_no), dm_pa_null()};
    int r = dm_pg_exec(c, &template_find, args, 2, &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 1)
        return dm_str_to_array(dm_pg_str(rows, 0, 0), out->s, sizeof out->s, err);
    r = dm_random(random, sizeof random, err);
    if (r < 0)
        return r;
    *out = dm_template_id_of_random(random);
    args[2] = dm_pa_c(out->s);
    d->changed = true;
    r = dm_pg_exec(c, &template_add, args, 3, NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &alias_add, args, 3, NULL, NULL, err);
}

/* Another size or image is a new build under the same tag, as it would be for a customer. */
static int base(dm_pg *c, demo *d, dm_err *err)
{
    dm_template_id id;
    DM_AUTO(dm_pg_rows) there = NULL;
    DM_AUTO(dm_pg_rows) build = NULL;
    int r = template_id(c, d, &id, err);
    if (r < 0)
        return r;
    const dm_pg_arg args[] = {dm_pa_i64(d->project.account_no), dm_pa_i64(d->project.project_no), dm_pa_c(id.s),
            dm_pa_c(d->image), dm_pa_i64((int64_t)d->vcpus), dm_pa_i64((int64_t)d->mem_mib),
            dm_pa_i64((int64_t)d->disk_mib)};
    r = dm_pg_exec(c, &build_find, args + 2, 5, &there, NULL, err);
    if (r < 0 || dm_pg_count(there) > 0)
        return r;
    d->changed = true;
    r = dm_pg_exec(c, &build_add, args, DM_LEN(args), &build, NULL, err);
    if (r < 0)
        return r;
    const dm_pg_arg tag_args[] = {args[0], args[1], args[2], dm_pa_text(dm_pg_str(build, 0, 0))};
    return dm_pg_exec(c, &tag_set, tag_args, DM_LEN(tag_args), NULL, NULL, err);
}

static int do_demo(dm_pg *c, void *arg, dm_err *err)
{
    demo *d = arg;
    d->changed = false;
    int r = tenant(c, d, err);
    if (r == 0)
        r = key(c, d, err);
    if (r == 0)
        r = base(c, d, err);
    if (r == 0 && d->changed)
        r = dm_admin_audit(c, d->a, &d->project, "demo", "project:demo", err);
    return r;
}

static int read_known(demo *d, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 256);
    if (d->a->key_file == NULL)
        return 0;
    int r = dm_file_read(d->a->key_file, &text, err);
    if (r == DM_E_NOTFOUND)
        return 0;
    if (r == 0 && dm_str_to_array(dm_str_trim(dm_buf_view(&text)), d->known, sizeof d->known, NULL) < 0)
        d->known[0] = '\0'; /* no key: a new one is written over it */
    return r;
}

static int number(const char *text, const char *option, uint64_t def, uint64_t max, uint64_t *out, dm_err *err)
{
    *out = def;
    if (text == NULL)
        return 0;
    int r = dm_parse_u64(dm_str_c(text), 1, max, out, err);
    return r < 0 ? dm_wrap(err, "--%s", option) : 0;
}

int dm_admin_demo(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    static const dm_pg_scope ops = {.account_no = 0};
    demo d = {.a = a, .image = a->image != NULL ? a->image : "base"};
    const dm_spec *spec;
    if (number(a->vcpus, "vcpus", 1, 64, &d.vcpus, err) < 0 ||
            number(a->mem_mib, "mem-mib", 256, 1 << 20, &d.mem_mib, err) < 0 ||
            number(a->disk_mib, "disk-mib", 1024, 1 << 24, &d.disk_mib, err) < 0)
        return DM_E_INVALID;
    if (dm_spec_adjust((uint32_t)d.vcpus, (uint32_t)d.mem_mib, &spec) == DM_SPEC_TOO_LARGE)
        return dm_fail(err, DM_E_INVALID, "no spec covers %s vCPU and %s MiB", a->vcpus, a->mem_mib);
    int r = read_known(&d, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &ops, do_demo, &d, err);
    if (r == 0 && a->key_file != NULL && strcmp(d.key, d.known) != 0)
        r = dm_file_write(a->key_file, dm_str_c(d.key), 0600, err);
    if (r == 0)
        (void)printf("E2B_API_KEY=%s\nDORMOUSE_ACCOUNT=%s\nDORMOUSE_PROJECT=%s\n", d.key, d.project.account_id,
                d.project.id);
    explicit_bzero(d.key, sizeof d.key);
    return r;
}
