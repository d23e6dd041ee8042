#include "tenants/sandbox/seen.h"

#include <string.h>

enum { DIGITS = DM_SANDBOX_ID_TEXT - 1 };

/* Its digits are of one base and of one number: what begins with some of them lies between the rest all zero and all
 * 'z'. */
int dm_seen_prefix(dm_str prefix, dm_seen_filter *f, dm_err *err)
{
    char low[DIGITS + 1] = "i00000000000000000000", high[DIGITS + 1] = "izzzzzzzzzzzzzzzzzzzz";
    if (prefix.n > DIGITS)
        return dm_fail(err, DM_E_INVALID, "no sandbox's id begins so");
    if (prefix.n > 0) {
        memcpy(low, prefix.p, prefix.n);
        memcpy(high, prefix.p, prefix.n);
    }
    if (dm_sandbox_id_parse(dm_str_c(low), &f->from, NULL) < 0 || dm_sandbox_id_parse(dm_str_c(high), &f->to, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "no sandbox's id begins so");
    return 0;
}

static const char *whose_of(const dm_cause_row *row)
{
    switch (row->whose) {
    case DM_WHOSE_CUSTOMER:
        return "customer";
    case DM_WHOSE_POLICY:
        return "policy";
    case DM_WHOSE_OPERATOR:
        return "operator";
    case DM_WHOSE_OURS:
        return "ours";
    }
    return "";
}

static void write_cause(dm_jw *w, dm_str cause)
{
    dm_cause c;
    bool known = cause.p != NULL && dm_cause_parse(cause, &c, NULL) == 0;
    dm_jw_kmaybe(w, "cause", cause);
    dm_jw_kc(w, "whose", known ? whose_of(dm_cause_get(c)) : NULL);
}

void dm_seen_write(dm_jw *w, const dm_seen *s)
{
    dm_jw_obj(w);
    dm_jw_kc(w, "id", dm_sandbox_name_of(&s->id).s);
    dm_jw_kstr(w, "state", s->state);
    write_cause(w, s->cause);
    dm_jw_kmaybe(w, "detail", s->detail);
    dm_jw_kstr(w, "account", s->account_id);
    dm_jw_kstr(w, "account_name", s->account);
    dm_jw_kstr(w, "project", s->project);
    dm_jw_kstr(w, "region", s->region);
    dm_jw_key(w, "worker");
    if (s->worker.v != 0)
        dm_jw_u64(w, s->worker.v);
    else
        dm_jw_null(w);
    dm_jw_kmaybe(w, "worker_name", s->worker_name);
    dm_jw_kstr(w, "template", s->template_id);
    dm_jw_kmaybe(w, "alias", s->alias);
    dm_jw_kmaybe(w, "key", s->key_id);
    dm_jw_ki64(w, "epoch", s->epoch);
    dm_jw_ki64(w, "vcpus", s->vcpus);
    dm_jw_ki64(w, "mem_mib", s->mem_mib);
    dm_jw_ki64(w, "disk_mib", s->disk_mib);
    dm_jw_ktime(w, "created_at", s->created_us);
    dm_jw_ktime(w, "started_at", s->started_us);
    dm_jw_ktime(w, "end_at", s->end_us);
    dm_jw_ktime(w, "paused_at", s->paused_us);
    dm_jw_ktime(w, "ended_at", s->ended_us);
    dm_jw_ktime(w, "expires_at", s->expires_us);
    dm_jw_end(w);
}
