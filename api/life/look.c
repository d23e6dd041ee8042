#include "api/life/look.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/wire/spec.h"

int dm_look_usage(
        dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_wk_usage *u, dm_err *err)
{
    dm_dispatch_no no;
    dm_err why = {0};
    int r = dm_api_find(api, caller, id, one, err);
    if (r != 0)
        return r < 0 ? r : DM_LOOK_NONE;
    if (one->s.state == DM_SANDBOX_ENDED || one->s.state == DM_SANDBOX_ENDING || one->s.state == DM_SANDBOX_STARTING)
        return DM_LOOK_NONE;
    if (one->s.state != DM_SANDBOX_RUNNING)
        return DM_LOOK_NOTHING;
    r = dm_dispatch_usage(api->looks, one->s.worker, id, u, &no, &why);
    return r == 0 && u->second > 0 ? 0 : DM_LOOK_NOTHING; /* a figure of no time would be a null that clients refuse */
}

typedef struct looking {
    const dm_caller *caller;
    const dm_past_asked *asked;
    dm_look_past *out;
} looking;

static int past(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    dm_owner owner = l->caller->owner;
    const dm_past_asked *a = l->asked;
    int r = a->id != NULL ? dm_sandbox_find(c, owner, a->id, false, &l->out->one, err) : 0;
    return r != 0 ? r : dm_read_past(c, owner, a, l->out->points, &l->out->n, &l->out->step_s, err);
}

void dm_look_past_free(dm_look_past *p)
{
    if (p != NULL)
        dm_sandbox_one_done(&p->one);
    free(p);
}

int dm_look_past_read(dm_api *api, const dm_caller *caller, const dm_past_asked *asked, dm_look_past **out, dm_err *err)
{
    DM_AUTO(dm_look_past) p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "past metrics");
    looking l = {caller, asked, p};
    int r = dm_api_tx(api, caller, past, &l, err);
    if (r == DM_SANDBOX_NONE)
        return DM_LOOK_NONE;
    if (r == 0)
        *out = dm_steal(&p);
    return r;
}

int64_t dm_look_mem_mib(const dm_sandbox *s)
{
    const dm_spec *spec = dm_spec_get((uint16_t)s->spec_table, (uint16_t)s->spec);
    return spec != NULL ? spec->mem_mib : s->asked_mem_mib;
}

int64_t dm_look_vcpus(const dm_sandbox *s)
{
    const dm_spec *spec = dm_spec_get((uint16_t)s->spec_table, (uint16_t)s->spec);
    return spec != NULL ? spec->vcpus : s->asked_vcpus;
}

static void print_percent(int64_t hundredths, char out[32])
{
    (void)snprintf(out, 32, "%lld.%02lld", (long long)(hundredths / 100), (long long)(hundredths % 100));
}

void dm_look_percent(const dm_wk_usage *u, int64_t vcpus, char out[32])
{
    print_percent(u->cpu_used_us / 100 / (vcpus > 0 ? vcpus : 1), out);
}

void dm_look_past_percent(const dm_past_point *p, int64_t vcpus, char out[32])
{
    int64_t had = p->run_s * (vcpus > 0 ? vcpus : 1);
    print_percent(had > 0 ? p->cpu_cs * 100 / had : 0, out);
}

const char *dm_look_level(dm_str cause)
{
    dm_cause c;
    if (cause.n == 0 || dm_cause_parse(cause, &c, NULL) < 0)
        return "info";
    return dm_cause_get(c)->whose == DM_WHOSE_OURS ? "warn" : "info";
}

enum { LEVEL_WARN = 2, LEVEL_ERROR = 3, LEVELS = 4 };

static int level_no(dm_str name)
{
    static const char *const levels[LEVELS] = {"debug", "info", "warn", "error"};
    int i = 0;
    while (i < LEVELS && !dm_str_eq_c(name, levels[i]))
        i++;
    return i;
}

int dm_look_causes(dm_str level, char causes[DM_LOOK_CAUSES], dm_str *out, dm_err *err)
{
    DM_AUTO_BUF list;
    dm_buf_init(&list, DM_LOOK_CAUSES - 1);
    int least = level.p != NULL ? level_no(level) : 0;
    if (least == LEVELS)
        return dm_fail(err, DM_E_INVALID, "level must be debug, info, warn or error");
    if (least < LEVEL_WARN) {
        *out = (dm_str){NULL, 0};
        return 0;
    }
    (void)dm_buf_c(&list, "{");
    for (dm_cause c = DM_CAUSE_NONE + 1; least < LEVEL_ERROR && c < DM_CAUSE_COUNT; c++)
        if (dm_cause_get(c)->whose == DM_WHOSE_OURS)
            (void)dm_buf_fmt(&list, "%s%s", list.len > 1 ? "," : "", dm_cause_get(c)->name);
    (void)dm_buf_c(&list, "}");
    int r = dm_buf_ok(&list, err);
    if (r == 0)
        r = dm_str_to_array(dm_buf_view(&list), causes, DM_LOOK_CAUSES, err);
    *out = dm_str_c(causes);
    return r;
}
