#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"

#include "tenants/admin/admin.h"
#include "tenants/admin/demo.h"
#include "tenants/admin/export.h"
#include "tenants/admin/money.h"
#include "tenants/admin/operate.h"
#include "tenants/admin/writeoff.h"
#include "tenants/fleet/fleet.h"
#include "tenants/plan/limits.h"
#include "tenants/sandbox/hold.h"
#include "tenants/who/account.h"
#include "tenants/who/login.h"
#include "tenants/who/operator.h"

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

/* --- accounts ----------------------------------------------------------------------------------------------- */

typedef struct account_work {
    const dm_admin_args *a;
    dm_account account;
    int64_t from_us;
} account_work;

/* What is wrong with an account or its tier, in words. */
static int told(int r, const account_work *w, dm_err *err)
{
    if (r == DM_ACCOUNT_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no account %s", w->a->account);
    if (r == DM_ACCOUNT_NO_TIER)
        return dm_fail(err, DM_E_NOTFOUND, "no tier is called '%s'", w->a->tier);
    if (r == DM_ACCOUNT_NO_PRICES)
        return dm_fail(err, DM_E_INVALID, "tier '%s' has no prices in the account's currency and regions", w->a->tier);
    return r;
}

static int do_account_add(dm_pg *c, void *arg, dm_err *err)
{
    account_work *w = arg;
    const dm_account_new fresh = {
            .legal_name = w->a->name, .country = w->a->country, .currency = w->a->currency, .tier = w->a->tier};
    return told(dm_account_add(c, w->a->who, &fresh, &w->account, err), w, err);
}

static int account_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    account_work w = {.a = a};
    if (need(a->name, "name", err) < 0 || need(a->country, "country", err) < 0 ||
            need(a->currency, "currency", err) < 0 || need(a->tier, "tier", err) < 0)
        return DM_E_INVALID;
    int r = dm_pg_tx_on(c, &everybody, do_account_add, &w, err);
    if (r == 0)
        (void)printf("DORMOUSE_ACCOUNT=%s\n", w.account.id);
    return r;
}

static int do_tier_set(dm_pg *c, void *arg, dm_err *err)
{
    account_work *w = arg;
    return told(dm_account_set_tier(c, w->a->who, NULL, w->a->account, w->a->tier, &w->from_us, err), w, err);
}

static int tier_set(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    account_work w = {.a = a};
    char from[32];
    if (need(a->account, "account", err) < 0 || need(a->tier, "tier", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    int r = dm_pg_tx_on(c, &everybody, do_tier_set, &w, err);
    if (r < 0)
        return r;
    dm_rfc3339(w.from_us, from);
    (void)printf("DORMOUSE_TIER=%s\nDORMOUSE_TIER_FROM=%s\n", a->tier, from);
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
    if (r < 0)
        return r;
    const dm_caller by = dm_caller_of_operator(w->a->who, w->project.owner);
    r = dm_key_add(c, &by, &(dm_key_new){.name = dm_str_c(or_else(w->a->name, ""))}, &w->key, err);
    return r == DM_KEY_FULL ? dm_fail(err, DM_E_LIMIT, "the project has %d keys: revoke one first", DM_KEYS_MAX) : r;
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
    const dm_caller by = dm_caller_of_operator(a->who, (dm_owner){{0}, {0}});
    int r = dm_key_revoke(c, &by, a->id, err);
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

enum { REASON_MAX = 500 }; /* bytes of why a limit was set */

/* --- limits ------------------------------------------------------------------------------------------------- */

static int do_limit_set(dm_pg *c, void *arg, dm_err *err)
{
    const dm_limit_new *f = arg;
    int r = dm_limit_set(c, f, err);
    if (r == DM_LIMIT_UNKNOWN)
        return dm_fail(err, DM_E_INVALID, "no limit is called '%s'", f->name);
    if (r == DM_LIMIT_NO_UNTIL)
        return dm_fail(err, DM_E_INVALID, "--until: a tier's limit, and included_seconds, holds until it is set again");
    return r == DM_LIMIT_OF_NOBODY ? dm_fail(err, DM_E_NOTFOUND, "nothing is called '%s'", f->which) : r;
}

static int limit_set(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_limit_new f = {.who = a->who, .name = a->name, .reason = a->reason};
    if (need(a->name, "name", err) < 0 || need(a->value, "value", err) < 0)
        return DM_E_INVALID;
    if (dm_parse_i64(dm_str_c(a->value), 0, INT64_MAX, &f.value, err) < 0)
        return dm_wrap(err, "--value");
    if (a->until != NULL && dm_parse_rfc3339(dm_str_c(a->until), &f.until_us, err) < 0)
        return dm_wrap(err, "--until");
    if (a->reason != NULL && strlen(a->reason) > REASON_MAX)
        return dm_fail(err, DM_E_INVALID, "--reason has at most %d bytes", REASON_MAX);
    if ((a->project != NULL) + (a->account != NULL) + (a->tier != NULL) != 1)
        return dm_fail(err, DM_E_INVALID, "give one of --project, --account, --tier");
    f.which = a->project != NULL ? a->project : a->account != NULL ? a->account : a->tier;
    f.of = a->project != NULL ? DM_LIMIT_OF_PROJECT : a->account != NULL ? DM_LIMIT_OF_ACCOUNT : DM_LIMIT_OF_TIER;
    if (a->account != NULL && !dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    return dm_pg_tx_on(c, &everybody, do_limit_set, &f, err);
}

typedef struct listing {
    const dm_admin_args *a;
    dm_limit_list list;
} listing;

static int do_limit_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_project project;
    int r = dm_project_find(c, l->a->project, &project, err);
    if (r == DM_PROJECT_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no project '%s'", l->a->project);
    return r < 0 ? r : dm_limit_list_read(c, project.owner, &l->list, err);
}

static void print_limit(const dm_limit_is *l)
{
    static const char *const whose[] = {"project", "account", "tier"};
    char used[32] = "-", until[32] = "-";
    if (l->row->counted)
        (void)snprintf(used, sizeof used, "%lld", (long long)l->used);
    if (l->until_us != 0)
        dm_rfc3339(l->until_us, until);
    (void)printf("%-24s %-8s %20lld %14s %-8s %-28s %-24.*s %.*s\n", l->row->name, l->account ? "account" : "project",
            (long long)l->limit, used, whose[l->of], until, (int)l->set_by.n, l->set_by.p, (int)l->reason.n,
            l->reason.p);
}

static void json_limit(dm_jw *w, const dm_limit_is *l)
{
    static const char *const whose[] = {"project", "account", "tier"};
    dm_jw_obj(w);
    dm_jw_kc(w, "name", l->row->name);
    dm_jw_kc(w, "binds", l->account ? "account" : "project");
    dm_jw_ki64(w, "limit", l->limit);
    if (l->row->counted)
        dm_jw_ki64(w, "used", l->used);
    dm_jw_kc(w, "of", whose[l->of]);
    dm_jw_kstr(w, "set_by", l->set_by);
    dm_jw_kstr(w, "reason", l->reason);
    dm_jw_ktime(w, "until", l->until_us);
    dm_jw_end(w);
}

static int print_limits_json(const dm_limit_list *list, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_jw w;
    dm_buf_init(&text, 1 << 20);
    dm_jw_init(&w, &text);
    dm_jw_arr(&w);
    for (size_t i = 0; i < list->n; i++)
        json_limit(&w, &list->of[i]);
    dm_jw_arr_end(&w);
    int r = dm_buf_ok(&text, err);
    if (r == 0)
        (void)printf("%.*s\n", (int)text.len, text.p);
    return r;
}

static int limit_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    listing l = {.a = a};
    if (need(a->project, "project", err) < 0)
        return DM_E_INVALID;
    int r = dm_pg_tx_on(c, &(dm_pg_scope){.read_only = true}, do_limit_list, &l, err);
    if (r == 0 && a->json) {
        r = print_limits_json(&l.list, err);
        dm_limit_list_done(&l.list);
        return r;
    }
    if (r == 0)
        (void)printf("%-24s %-8s %20s %14s %-8s %-28s %-24s %s\n", "limit", "binds", "value", "used", "set by", "until",
                "who", "reason");
    for (size_t i = 0; r == 0 && i < l.list.n; i++)
        print_limit(&l.list.of[i]);
    dm_limit_list_done(&l.list);
    return r;
}

/* --- suspension --------------------------------------------------------------------------------------------- */

typedef struct suspension {
    const dm_admin_args *a;
    int64_t running;
} suspension;

static int do_suspend(dm_pg *c, void *arg, dm_err *err)
{
    suspension *s = arg;
    int r = dm_suspend(c, s->a->who, s->a->account, s->a->reason, &s->running, err);
    return r == DM_HOLD_NOBODY ? dm_fail(err, DM_E_NOTFOUND, "no account %s", s->a->account) : r;
}

static int do_unsuspend(dm_pg *c, void *arg, dm_err *err)
{
    suspension *s = arg;
    int r = dm_unsuspend(c, s->a->who, s->a->account, s->a->reason, err);
    return r == DM_HOLD_NONE ? dm_fail(err, DM_E_NOTFOUND, "%s is not suspended", s->a->account) : r;
}

static int suspend_or_not(dm_pg *c, const dm_admin_args *a, dm_pg_fn fn, suspension *s, dm_err *err)
{
    if (need(a->account, "account", err) < 0 || need(a->reason, "reason", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    if (strlen(a->reason) > REASON_MAX)
        return dm_fail(err, DM_E_INVALID, "--reason has at most %d bytes", REASON_MAX);
    *s = (suspension){.a = a};
    return dm_pg_tx_on(c, &everybody, fn, s, err);
}

static int suspend(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    suspension s;
    int r = suspend_or_not(c, a, do_suspend, &s, err);
    if (r == 0)
        (void)printf("DORMOUSE_WILL_SLEEP=%lld\n", (long long)s.running);
    return r;
}

static int unsuspend(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    suspension s;
    return suspend_or_not(c, a, do_unsuspend, &s, err);
}

/* --- workers ------------------------------------------------------------------------------------------------ */

static int worker_write_off(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_written_off done;
    int64_t no = 0;
    if ((a->name != NULL) + (a->no != NULL) != 1)
        return dm_fail(err, DM_E_INVALID, "give one of --name, --no");
    if (a->no != NULL && number(a->no, "no", 0, INT64_MAX, &no, err) < 0)
        return DM_E_INVALID;
    int r = dm_write_off(c, &dm_clock_real, a->who, a->name, (dm_worker_no){(uint64_t)no}, &done, err);
    if (r == DM_WRITE_OFF_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no such worker");
    if (done.worker.v != 0)
        (void)printf("DORMOUSE_WORKER=%llu\nDORMOUSE_ENDED=%llu\n", (unsigned long long)done.worker.v,
                (unsigned long long)done.ended);
    return r < 0 ? dm_wrap(err, "not all of its sandboxes have ended yet: the API ends the rest") : 0;
}

/* --- operators ---------------------------------------------------------------------------------------------- */

typedef struct operator_work {
    const dm_admin_args *a;
    char email[DM_EMAIL_MAX + 1], encoded[DM_PASSWORD_TEXT];
    bool made;
} operator_work;

static int do_operator_add(dm_pg *c, void *arg, dm_err *err)
{
    operator_work *w = arg;
    const dm_operator_new n = {.name = w->a->name,
            .email = w->email,
            .encoded = w->encoded,
            .reason = w->a->reason,
            .only_first = w->a->first != NULL};
    return dm_operator_add(c, w->a->who, &n, &w->made, err);
}

/* The password is seen here and nowhere again. */
static int operator_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    operator_work w = {.a = a};
    char password[DM_RECOVERY_TEXT];
    if (need(a->name, "name", err) < 0 || need(a->email, "email", err) < 0)
        return DM_E_INVALID;
    int r = dm_email_read(dm_str_c(a->email), w.email, err);
    if (r == 0)
        r = dm_admin_password(password, w.encoded, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &everybody, do_operator_add, &w, err);
    if (r == 0 && w.made)
        (void)printf("DORMOUSE_OPERATOR=%s\nDORMOUSE_ONE_TIME_PASSWORD=%s\n", w.email, password);
    explicit_bzero(password, sizeof password);
    return r;
}

typedef struct owner_work {
    const dm_admin_args *a;
    char email[DM_EMAIL_MAX + 1], encoded[DM_PASSWORD_TEXT];
    bool made;
} owner_work;

static int do_owner_add(dm_pg *c, void *arg, dm_err *err)
{
    owner_work *w = arg;
    const dm_owner_new n = {.account = w->a->account,
            .email = w->email,
            .name = or_else(w->a->name, w->email),
            .encoded = w->encoded,
            .only_first = w->a->first != NULL};
    int r = dm_login_add_owner(c, w->a->who, &n, &w->made, err);
    return r == DM_LOGIN_NONE ? dm_fail(err, DM_E_NOTFOUND, "no account %s", w->a->account) : r;
}

/* The password is seen here and nowhere again. */
static int owner_add(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    owner_work w = {.a = a};
    char password[DM_RECOVERY_TEXT];
    if (need(a->account, "account", err) < 0 || need(a->email, "email", err) < 0)
        return DM_E_INVALID;
    if (!dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is no id: %s", a->account);
    int r = dm_email_read(dm_str_c(a->email), w.email, err);
    if (r == 0)
        r = dm_admin_password(password, w.encoded, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &everybody, do_owner_add, &w, err);
    if (r == 0 && w.made)
        (void)printf("DORMOUSE_OWNER=%s\nDORMOUSE_PASSWORD=%s\n", w.email, password);
    explicit_bzero(password, sizeof password);
    return r;
}

static int do_token_key_rotate(dm_pg *c, void *arg, dm_err *err)
{
    return dm_token_keys_end(c, ((const dm_admin_args *)arg)->who, err);
}

static int token_key_rotate(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_args copy = *a;
    return dm_pg_tx_on(c, &everybody, do_token_key_rotate, &copy, err);
}

static const dm_admin_command commands[] = {{"demo", demo}, {"account-add", account_add}, {"tier-set", tier_set},
        {"owner-add", owner_add}, {"project-add", project_add}, {"key-add", key_add}, {"key-revoke", key_revoke},
        {"limit-set", limit_set}, {"limit-list", limit_list}, {"suspend", suspend}, {"unsuspend", unsuspend},
        {"worker-write-off", worker_write_off}, {"worker-list", dm_admin_worker_list},
        {"worker-drain", dm_admin_worker_drain}, {"worker-undrain", dm_admin_worker_undrain},
        {"account-list", dm_admin_account_list}, {"account-show", dm_admin_account_show},
        {"account-block", dm_admin_account_block}, {"account-unblock", dm_admin_account_unblock},
        {"sandbox-list", dm_admin_sandbox_list}, {"sandbox-kill", dm_admin_sandbox_kill},
        {"export-order", dm_admin_export_order}, {"export-list", dm_admin_export_list},
        {"export-show", dm_admin_export_show}, {"export-cancel", dm_admin_export_cancel},
        {"export-download", dm_admin_export_download}, {"operator-add", operator_add},
        {"operator-list", dm_admin_operator_list}, {"operator-disable", dm_admin_operator_disable},
        {"operator-enable", dm_admin_operator_enable}, {"operator-reset", dm_admin_operator_reset},
        {"token-key-rotate", token_key_rotate}};

const dm_admin_command *dm_admin_find(const char *name)
{
    for (size_t i = 0; i < DM_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    const dm_admin_command *money = dm_admin_money_list(name);
    if (money == NULL)
        money = dm_admin_money_act(name);
    return money != NULL ? money : dm_admin_money_book(name);
}
