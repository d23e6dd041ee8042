#include "tenants/admin/act.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/wire/id.h"

#include "tenants/plan/audit.h"

enum { DETAIL_MAX = 512 << 10 };

static int run(dm_pg *c, void *arg, dm_err *err)
{
    dm_admin_act *w = arg;
    int r = w->act(c, w, err);
    if (r < 0 || w->again)
        return r;
    const dm_audit line = {.owner = {.account = w->owner},
            .who = w->a->who,
            .verb = w->verb,
            .object = w->object,
            .detail = w->detail.len > 0 ? dm_buf_view(&w->detail) : (dm_str){NULL, 0},
            .reason = w->a->reason};
    return dm_audit_add(c, &line, err);
}

int dm_admin_do(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    int r = dm_admin_reason(w->a, err);
    dm_buf_init(&w->detail, DETAIL_MAX);
    if (r == 0)
        r = dm_pg_tx_on(c, &(dm_pg_scope){0}, run, w, err);
    dm_buf_done(&w->detail);
    if (r == 0)
        (void)printf("%s", w->printed);
    return r;
}

int dm_admin_told(const dm_admin_said *all, size_t n, int r, dm_err *err)
{
    if (r <= 0)
        return r;
    if ((size_t)r < n && all[r].words != NULL)
        return dm_fail(err, all[r].code, "%s", all[r].words);
    return dm_fail(err, DM_E_INTERNAL, "outcome %d has no words", r);
}

int dm_admin_no(dm_admin_act *w, dm_err *err)
{
    if (w->a->no == NULL)
        return dm_fail(err, DM_E_INVALID, "--no is missing");
    return dm_parse_i64(dm_str_c(w->a->no), 1, INT32_MAX, &w->no, err) < 0 ? dm_wrap(err, "--no") : 0;
}

int dm_admin_id(const char *id, const char *option, dm_err *err)
{
    return id != NULL && dm_uuid_ok(dm_str_c(id)) ? 0 : dm_fail(err, DM_E_INVALID, "--%s is a UUID", option);
}

int dm_admin_month(const dm_admin_args *a, char out[16], dm_err *err)
{
    char text[32];
    int64_t us;
    const char *month = a->month != NULL ? a->month : "";
    (void)snprintf(out, 16, "%.7s-01", month);
    (void)snprintf(text, sizeof text, "%.10sT00:00:00Z", out);
    return strlen(month) == 7 && dm_parse_rfc3339(dm_str_c(text), &us, NULL) == 0
                   ? 0
                   : dm_fail(err, DM_E_INVALID, "--month is a month, as 2026-03");
}
