#include "tenants/admin/operate.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"

#include "tenants/admin/list.h"
#include "tenants/fleet/fleet.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/seen.h"
#include "tenants/who/account.h"
#include "tenants/who/accounts.h"
#include "tenants/who/operator.h"

/* What `late` means here. */
enum { LEASE_S = 30, TEXT_MAX = 256 << 20 };

static const dm_pg_scope everybody = {.read_only = false};

/* --- workers ------------------------------------------------------------------------------------------------ */

static int query_workers(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    (void)l;
    return dm_fleet_list(c, (dm_worker_no){0}, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_worker(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_fleet_worker f;
    (void)err;
    dm_fleet_read(rows, i, &f);
    dm_fleet_write(w, &f, LEASE_S);
    return 0;
}

static int line_worker(const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_fleet_worker w;
    (void)err;
    dm_fleet_read(rows, i, &w);
    (void)printf("%6llu %-20.*s %-12.*s %-11.*s %6lld %7lld %6lld %6lld %8s %7llds\n", (unsigned long long)w.no.v,
            (int)w.name.n, w.name.p, (int)w.region.n, w.region.p, (int)w.state.n, w.state.p, (long long)w.boot,
            (long long)w.running, (long long)w.asleep, (long long)w.free_slots, w.refusing ? "yes" : "no",
            (long long)w.beat_age_ms / 1000);
    return 0;
}

int dm_admin_worker_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_listing l = {.a = a, .query = query_workers, .json = json_worker, .line = line_worker};
    return dm_admin_show(c, &l,
            "    no name                 region       state         boot running asleep   free refusing      beat",
            err);
}

typedef struct draining {
    const dm_admin_args *a;
    dm_worker_no no;
    bool drain;
} draining;

static int do_drain(dm_pg *c, void *arg, dm_err *err)
{
    const draining *d = arg;
    int r = dm_fleet_drain(c, d->a->who, d->a->reason, d->no, d->drain, err);
    if (r == DM_FLEET_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no such worker");
    return r == DM_FLEET_WRITTEN_OFF ? dm_fail(err, DM_E_CONFLICT, "it was written off") : r;
}

static int drain(dm_pg *c, const dm_admin_args *a, bool yes, dm_err *err)
{
    draining d = {.a = a, .drain = yes};
    if (a->no == NULL)
        return dm_fail(err, DM_E_INVALID, "--no is missing");
    if (dm_parse_u64(dm_str_c(a->no), 1, INT64_MAX, &d.no.v, err) < 0)
        return dm_wrap(err, "--no");
    int r = dm_admin_reason(a, err);
    return r < 0 ? r : dm_pg_tx_on(c, &everybody, do_drain, &d, err);
}

int dm_admin_worker_drain(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return drain(c, a, true, err);
}

int dm_admin_worker_undrain(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return drain(c, a, false, err);
}

/* --- accounts ----------------------------------------------------------------------------------------------- */

static int query_accounts(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    const dm_accounts_filter f = {
            .q = dm_str_c(l->a->name), .tier = dm_str_c(l->a->tier), .blocked = -1, .limit = DM_ADMIN_SHOWN_MAX};
    return dm_accounts_list(c, &f, rows, NULL, err);
}

static int json_account(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_accounts_row a;
    (void)err;
    dm_accounts_read(rows, i, &a);
    dm_accounts_write(w, &a);
    return 0;
}

static int line_account(const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_accounts_row a;
    (void)err;
    dm_accounts_read(rows, i, &a);
    (void)printf("%-36.*s %-10.*s %8lld %7lld %-24.*s %.*s\n", (int)a.id.n, a.id.p, (int)a.tier.n, a.tier.p,
            (long long)a.projects, (long long)a.running, (int)a.name.n, a.name.p, (int)a.blocked.n,
            a.blocked.p != NULL ? a.blocked.p : "");
    return 0;
}

int dm_admin_account_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_listing l = {.a = a, .query = query_accounts, .json = json_account, .line = line_account};
    return dm_admin_show(c, &l,
            "account                              tier       projects running name                     blocked", err);
}

typedef struct account_work {
    const dm_admin_args *a;
    dm_accounts_one one;
} account_work;

static int no_account(const dm_admin_args *a, dm_err *err)
{
    return dm_fail(err, DM_E_NOTFOUND, "no account %s", a->account);
}

static int account_of(const dm_admin_args *a, dm_err *err)
{
    if (a->account == NULL || !dm_uuid_ok(dm_str_c(a->account)))
        return dm_fail(err, DM_E_INVALID, "--account is an account's UUID");
    return 0;
}

static int do_show(dm_pg *c, void *arg, dm_err *err)
{
    account_work *w = arg;
    int r = dm_accounts_find(c, w->a->account, &w->one, err);
    return r == DM_ACCOUNTS_NONE ? no_account(w->a, err) : r;
}

int dm_admin_account_show(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    account_work w = {.a = a};
    DM_AUTO_BUF text;
    dm_jw j;
    dm_buf_init(&text, TEXT_MAX);
    int r = account_of(a, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &(dm_pg_scope){.read_only = true}, do_show, &w, err);
    if (r == 0) {
        dm_jw_init(&j, &text);
        dm_accounts_one_write(&j, &w.one);
        r = dm_buf_ok(&text, err);
    }
    if (r == 0)
        (void)printf("%.*s\n", (int)text.len, text.p);
    dm_accounts_one_done(&w.one);
    return r;
}

static int do_block(dm_pg *c, void *arg, dm_err *err)
{
    const dm_admin_args *a = arg;
    int r = dm_account_block(c, a->who, a->reason, a->account, err);
    return r == DM_ACCOUNT_NONE ? no_account(a, err) : r;
}

static int do_unblock(dm_pg *c, void *arg, dm_err *err)
{
    const dm_admin_args *a = arg;
    int r = dm_account_unblock(c, a->who, a->reason, a->account, err);
    return r == DM_ACCOUNT_NONE ? no_account(a, err) : r;
}

static int on_account(dm_pg *c, const dm_admin_args *a, dm_pg_fn fn, dm_err *err)
{
    dm_admin_args args = *a;
    int r = account_of(a, err);
    if (r == 0)
        r = dm_admin_reason(a, err);
    return r < 0 ? r : dm_pg_tx_on(c, &everybody, fn, &args, err);
}

int dm_admin_account_block(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_account(c, a, do_block, err);
}

int dm_admin_account_unblock(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_account(c, a, do_unblock, err);
}

/* --- sandboxes ---------------------------------------------------------------------------------------------- */

static int query_sandboxes(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    return dm_seen_list(c, l->of, rows, NULL, err);
}

static int json_sandbox(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_seen s;
    int r = dm_seen_read(rows, i, &s, err);
    if (r == 0)
        dm_seen_write(w, &s);
    return r;
}

static int line_sandbox(const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_seen s;
    char at[32];
    int r = dm_seen_read(rows, i, &s, err);
    if (r < 0)
        return r;
    dm_rfc3339(s.created_us, at);
    (void)printf("%-22s %-9.*s %-24.*s %6llu %3lldc %6lldm %s %.*s\n", dm_sandbox_name_of(&s.id).s, (int)s.state.n,
            s.state.p, (int)s.project.n, s.project.p, (unsigned long long)s.worker.v, (long long)s.vcpus,
            (long long)s.mem_mib, at, (int)s.cause.n, s.cause.p != NULL ? s.cause.p : "");
    return 0;
}

int dm_admin_sandbox_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_sandbox_state state;
    dm_seen_filter seen = {.state = dm_str_c(a->state),
            .account = dm_str_c(a->account),
            .project = dm_str_c(a->project),
            .limit = DM_ADMIN_SHOWN_MAX};
    dm_admin_listing l = {.a = a, .query = query_sandboxes, .json = json_sandbox, .line = line_sandbox, .of = &seen};
    if (a->state != NULL && dm_sandbox_state_parse(dm_str_c(a->state), &state, err) < 0)
        return dm_wrap(err, "--state");
    if (a->no != NULL && dm_parse_u64(dm_str_c(a->no), 1, INT64_MAX, &seen.worker.v, err) < 0)
        return dm_wrap(err, "--no");
    int r = dm_seen_prefix(a->id != NULL ? dm_str_c(a->id) : DM_STR(""), &seen, err);
    return r < 0 ? dm_wrap(err, "--id")
                 : dm_admin_show(c, &l,
                           "sandbox                state     project                  worker  cpu  memory created",
                           err);
}

static int do_kill(dm_pg *c, void *arg, dm_err *err)
{
    const dm_admin_args *a = arg;
    dm_sandbox_id id;
    int r = dm_sandbox_id_parse(dm_str_c(a->id), &id, err);
    if (r < 0)
        return dm_wrap(err, "--id");
    r = dm_sandbox_condemn(c, &id, a->who, a->reason, dm_wall_us(&dm_clock_real), err);
    return r == DM_SANDBOX_NONE ? dm_fail(err, DM_E_NOTFOUND, "no sandbox %s that could be ended", a->id) : r;
}

int dm_admin_sandbox_kill(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_args args = *a;
    if (a->id == NULL)
        return dm_fail(err, DM_E_INVALID, "--id is missing");
    int r = dm_admin_reason(a, err);
    return r < 0 ? r : dm_pg_tx_on(c, &everybody, do_kill, &args, err);
}

/* --- operators ---------------------------------------------------------------------------------------------- */

static int query_operators(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    (void)l;
    return dm_operator_list(c, rows, err);
}

static int json_operator(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_operator_row o;
    (void)err;
    dm_operator_row_read(rows, i, &o);
    dm_jw_obj(w);
    dm_operator_row_write(w, &o);
    dm_jw_end(w);
    return 0;
}

static int line_operator(const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_operator_row o;
    char seen[32] = "-";
    (void)err;
    dm_operator_row_read(rows, i, &o);
    if (o.seen_us != 0)
        dm_rfc3339(o.seen_us, seen);
    (void)printf("%-20.*s %-10.*s %-28s %.*s\n", (int)o.name.n, o.name.p, (int)o.state.n, o.state.p, seen,
            (int)o.email.n, o.email.p);
    return 0;
}

int dm_admin_operator_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_listing l = {.a = a, .query = query_operators, .json = json_operator, .line = line_operator};
    return dm_admin_show(c, &l, "operator             state      last seen                    address", err);
}

typedef struct operator_work {
    const dm_admin_args *a;
    const char *encoded;
} operator_work;

static int told(const operator_work *w, int r, dm_err *err)
{
    if (r == DM_OPERATOR_NONE)
        return dm_fail(err, DM_E_NOTFOUND, "no operator %s", w->a->name);
    return r == DM_OPERATOR_LAST ? dm_fail(err, DM_E_CONFLICT, "nobody else could sign in") : r;
}

static int do_disable(dm_pg *c, void *arg, dm_err *err)
{
    const operator_work *w = arg;
    return told(w, dm_operator_disable(c, w->a->who, w->a->reason, w->a->name, err), err);
}

static int do_enable(dm_pg *c, void *arg, dm_err *err)
{
    const operator_work *w = arg;
    return told(w, dm_operator_enable(c, w->a->who, w->a->reason, w->a->name, err), err);
}

static int do_reset(dm_pg *c, void *arg, dm_err *err)
{
    const operator_work *w = arg;
    return told(w, dm_operator_reset(c, w->a->who, w->a->reason, w->a->name, w->encoded, err), err);
}

static int on_operator(dm_pg *c, const dm_admin_args *a, const char *encoded, dm_pg_fn fn, dm_err *err)
{
    operator_work w = {.a = a, .encoded = encoded};
    if (a->name == NULL)
        return dm_fail(err, DM_E_INVALID, "--name is missing");
    int r = dm_admin_reason(a, err);
    return r < 0 ? r : dm_pg_tx_on(c, &everybody, fn, &w, err);
}

int dm_admin_operator_disable(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_operator(c, a, NULL, do_disable, err);
}

int dm_admin_operator_enable(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_operator(c, a, NULL, do_enable, err);
}

int dm_admin_password(char password[DM_RECOVERY_TEXT], char encoded[DM_PASSWORD_TEXT], dm_err *err)
{
    static const dm_password_cost cost = {32768, 3, 1};
    int r = dm_recovery_new(password, err);
    return r < 0 ? r : dm_password_hash(&cost, dm_str_c(password), encoded, err);
}

int dm_admin_operator_reset(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    char password[DM_RECOVERY_TEXT], encoded[DM_PASSWORD_TEXT];
    int r = dm_admin_password(password, encoded, err);
    if (r == 0)
        r = on_operator(c, a, encoded, do_reset, err);
    if (r == 0)
        (void)printf("DORMOUSE_OPERATOR=%s\nDORMOUSE_ONE_TIME_PASSWORD=%s\n", a->name, password);
    explicit_bzero(password, sizeof password);
    return r;
}
