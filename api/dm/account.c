/* /v1/accounts/{id}: an account as its own people see and change it. */
#include "base/file.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "tenants/who/profile.h"

typedef struct work {
    const dm_caller *by;
    const dm_profile_change *want;
    dm_pg_rows *rows;
    dm_profile p;
} work;

/* --- shown -------------------------------------------------------------------------------------------------- */

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_profile_read(c, w->by, &w->rows, &w->p, err);
}

static void write_list(dm_jw *w, const char *name, dm_str list, char sep)
{
    dm_jw_key(w, name);
    dm_jw_arr(w);
    for (dm_str one; dm_str_split(&list, sep, &one);)
        dm_jw_str(w, one);
    dm_jw_arr_end(w);
}

/* Whether it may create and run, and if not, why. */
static void write_standing(dm_jw *w, const dm_profile *p)
{
    dm_jw_key(w, "standing");
    dm_jw_obj(w);
    dm_str state = p->banned              ? DM_STR("banned")
                   : p->blocked.p != NULL ? DM_STR("blocked")
                   : p->held.p != NULL    ? p->held
                                          : DM_STR("good");
    dm_jw_kstr(w, "state", state);
    dm_jw_kmaybe(w, "why", p->blocked.p != NULL ? p->blocked : p->held_why);
    dm_jw_end(w);
}

static void write_billing(dm_jw *w, const dm_profile *p)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "legal_name", p->legal_name);
    write_list(w, "address", p->address, '\n');
    dm_jw_kmaybe(w, "country", p->country);
    dm_jw_kmaybe(w, "tax_id", p->tax_id);
    dm_jw_kstr(w, "currency", p->currency);
    dm_jw_kbool(w, "currency_stays", p->stated);
    dm_jw_kstr(w, "billing_cycle", p->billing_cycle);
    dm_jw_kmaybe(w, "invoice_email", p->invoice_email);
    dm_jw_kmaybe(w, "purchase_order", p->purchase_order);
    dm_jw_end(w);
}

int dm_route_account_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, query, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_jw_kstr(&j, "id", w.p.id);
        dm_jw_kstr(&j, "name", w.p.name);
        dm_jw_kstr(&j, "tier", w.p.tier);
        write_standing(&j, &w.p);
        write_list(&j, "roles", w.p.roles, ',');
        dm_jw_ki64(&j, "projects", w.p.projects);
        dm_jw_ki64(&j, "members", w.p.members);
        dm_write_time(&j, "created_at", w.p.created_us);
        dm_jw_key(&j, "billing");
        if (dm_may(w.by->rights, DM_RIGHT_BILLING_READ))
            write_billing(&j, &w.p);
        else
            dm_jw_null(&j);
        dm_jw_end(&j);
    }
    dm_pg_rows_free(w.rows);
    return r;
}

/* --- changed ------------------------------------------------------------------------------------------------ */

/* A member that may be left out, but not be null. */
static int read_text(const json_t *obj, const char *name, dm_str *out, dm_err *err)
{
    if (json_is_null(json_object_get(obj, name)))
        return dm_fail(err, DM_E_INVALID, "\"%s\" must be a string", name);
    int r = dm_json_str(obj, name, out, err);
    if (r == 0)
        *out = dm_str_trim(*out);
    return r < 0 ? r : 0;
}

/* One that null takes away. */
static int read_maybe(const json_t *obj, const char *name, dm_str *out, dm_err *err)
{
    if (!json_is_null(json_object_get(obj, name)))
        return read_text(obj, name, out, err);
    *out = DM_STR("");
    return 0;
}

/* Lines, joined as the row has them. */
static int read_address(const json_t *obj, dm_buf *text, dm_str *out, dm_err *err)
{
    const json_t *lines = json_object_get(obj, "address");
    if (lines == NULL)
        return 0;
    for (size_t i = 0; json_is_array(lines) && i < json_array_size(lines); i++) {
        const char *line = json_string_value(json_array_get(lines, i));
        dm_str words = dm_str_trim(dm_str_c(line));
        if (words.n == 0 || memchr(words.p, '\n', words.n) != NULL)
            return dm_fail(err, DM_E_INVALID, "\"address\" must be a list of lines");
        (void)dm_buf_fmt(text, "%s%.*s", i > 0 ? "\n" : "", (int)words.n, words.p);
    }
    if (!json_is_array(lines) || dm_buf_ok(text, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"address\" must be a list of lines");
    *out = text->len > 0 ? dm_buf_view(text) : DM_STR("");
    return 0;
}

static int read_billing(const json_t *obj, dm_buf *address, dm_profile_change *out, dm_err *err)
{
    const struct {
        const char *name;
        dm_str *to;
        bool may_go;
    } members[] = {{"legal_name", &out->legal_name, false}, {"country", &out->country, false},
            {"currency", &out->currency, false}, {"billing_cycle", &out->billing_cycle, false},
            {"tax_id", &out->tax_id, true}, {"invoice_email", &out->invoice_email, true},
            {"purchase_order", &out->purchase_order, true}};
    if (obj != NULL && !json_is_object(obj))
        return dm_fail(err, DM_E_INVALID, "\"billing\" must be an object");
    int r = read_address(obj, address, &out->address, err);
    for (size_t i = 0; r == 0 && i < DM_LEN(members); i++)
        r = members[i].may_go ? read_maybe(obj, members[i].name, members[i].to, err)
                              : read_text(obj, members[i].name, members[i].to, err);
    return r;
}

static int alter(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_profile_alter(c, w->by, w->want, err);
}

static int answer(dm_req *req, int r, dm_err *err)
{
    static const char what[] = "account.change";
    switch (r) {
    case 0:
        dm_reply_empty(&req->reply, 204);
        return 0;
    case DM_PROFILE_OWNER:
        return dm_deny(req, DM_NO_AUTH_FORBIDDEN, what, "the billing profile is changed by an owner alone");
    case DM_PROFILE_STATED:
        return dm_deny(req, DM_NO_ACCOUNT_CURRENCY, what, "there are statements in the currency that it has");
    case DM_PROFILE_COMMITTED:
        return dm_deny(req, DM_NO_ACCOUNT_COMMITTED, what, "its contract says what a month costs at least");
    case DM_PROFILE_NO_PRICES:
        return dm_deny(req, DM_NO_ACCOUNT_PRICES, what, "its plan has no prices in that currency");
    case DM_PROFILE_TAX_ID:
        return dm_fail(err, DM_E_INVALID, "\"tax_id\" has not the form of that country's");
    default:
        return r;
    }
}

int dm_route_account_alter(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_profile_change nothing = {.name = {NULL, 0}};
    dm_profile_change want = nothing;
    work w = {.by = &dm_session_of(req)->caller, .want = &want};
    DM_AUTO(json_t) obj = NULL;
    DM_AUTO_BUF address;
    dm_buf_init(&address, 4096);
    int r = dm_json_load(req->body.n > 0 ? req->body : DM_STR("{}"), DM_API_BODY_MAX, &obj, err);
    if (r == 0)
        r = read_text(obj, "name", &want.name, err);
    if (r == 0)
        r = read_billing(json_object_get(obj, "billing"), &address, &want, err);
    if (r == 0 && memcmp(&want, &nothing, sizeof want) == 0)
        r = dm_fail(err, DM_E_INVALID, "nothing to change: name, or a member of billing");
    if (r == 0)
        r = dm_profile_check(&want, err);
    if (r < 0)
        return r;
    r = dm_api_tx(ctx, w.by, alter, &w, err);
    return r < 0 ? r : answer(req, r, err);
}
