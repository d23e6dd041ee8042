#include "tenants/admin/demo.h"

#include "base/file.h"
#include "base/wire/spec.h"

#include "tenants/who/account.h"

static const char slug[] = "demo";

typedef struct making {
    const char *who;
    const dm_demo *want;
    char known[DM_KEY_TEXT]; /* what the key file holds; "" : nothing that is a key */
    dm_demo_made made;
} making;

static int make_project(dm_pg *c, making *m, dm_err *err)
{
    const dm_account_new fresh = {
            .legal_name = "Demo", .country = "CN", .currency = m->want->currency, .tier = m->want->tier};
    dm_account account;
    int r = dm_project_find(c, slug, &m->made.project, err);
    if (r != DM_PROJECT_NONE)
        return r;
    r = dm_account_add(c, m->who, &fresh, &account, err);
    if (r == DM_ACCOUNT_NO_TIER)
        return dm_fail(err, DM_E_INVALID, "no tier is called '%s'", m->want->tier);
    if (r == DM_ACCOUNT_NO_PRICES)
        return dm_fail(err, DM_E_INVALID, "tier '%s' has no prices in %s", m->want->tier, m->want->currency);
    if (r < 0)
        return r;
    r = dm_project_add(c, m->who, account.id, slug, "Demo", "local", &m->made.project, err);
    return r == DM_PROJECT_NONE ? dm_fail(err, DM_E_INTERNAL, "no region 'local'") : r;
}

static int make_key(dm_pg *c, making *m, dm_err *err)
{
    dm_key_made *key = &m->made.key;
    int r = dm_key_valid(c, m->made.project.owner, dm_str_c(m->known), key->id, err);
    if (r == 0)
        memcpy(key->key.s, m->known, sizeof m->known);
    if (r != DM_KEY_NONE)
        return r;
    const dm_caller by = dm_caller_of_operator(m->who, m->made.project.owner);
    r = dm_key_add(c, &by, &(dm_key_new){.name = dm_str_c(slug)}, key, err);
    return r <= 0 ? r : dm_fail(err, DM_E_LIMIT, "the project has too many keys");
}

static int make(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    bool changed;
    int r = make_project(c, m, err);
    if (r == 0)
        r = make_key(c, m, err);
    return r < 0 ? r : dm_template_offer(c, m->who, m->made.project.owner, "base", &m->want->base, &changed, err);
}

static int read_known(making *m, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 256);
    if (m->want->key_file == NULL)
        return 0;
    int r = dm_file_read(m->want->key_file, &text, err);
    if (r == DM_E_NOTFOUND)
        return 0;
    if (r == 0 && dm_str_to_array(dm_str_trim(dm_buf_view(&text)), m->known, sizeof m->known, NULL) < 0)
        m->known[0] = '\0'; /* no key: a new one is written over it */
    return r;
}

int dm_demo_make(dm_pg *c, const char *who, const dm_demo *want, dm_demo_made *out, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    making m = {.who = who, .want = want};
    const dm_spec *spec;
    if (dm_spec_adjust((uint32_t)want->base.vcpus, (uint32_t)want->base.mem_mib, &spec) == DM_SPEC_TOO_LARGE)
        return dm_fail(err, DM_E_INVALID, "no spec covers %lld vCPU and %lld MiB", (long long)want->base.vcpus,
                (long long)want->base.mem_mib);
    int r = read_known(&m, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &everybody, make, &m, err);
    if (r == 0 && want->key_file != NULL && strcmp(m.made.key.key.s, m.known) != 0)
        r = dm_file_write(want->key_file, dm_str_c(m.made.key.key.s), 0600, err);
    if (r == 0)
        *out = m.made;
    explicit_bzero(&m, sizeof m);
    return r;
}
