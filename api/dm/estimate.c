/* POST /v1/accounts/{id}/estimate: what sandboxes would come to in a month, by the plan and the prices that hold for
 * the account, and what it would be otherwise: had they run throughout, or been deleted instead of put to sleep; or had
 * a sandbox that there is slept while it had nothing to do. */
#include "metering/read/estimate.h"

#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/spec.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"

enum {
    DAY_S = 86400,
    DAYS_MAX = 31,
    USUAL_DAYS = 30,
    USUAL_DISK_MIB = 1024,
    SIZE_MOST = 1 << 24,
    ESTIMATE_BYTES = 64 << 10
};

typedef struct body {
    char *spec, *region, *sandbox, *month, *as_of;
    int64_t vcpus, mem_mib, disk_mib, count, days, running_s, asleep_s, idle_percent;
    bool has_vcpus, has_mem, has_disk, has_count, has_days, has_idle, on_top;
} body;

#define AT(name) offsetof(body, name)
static const dm_json_field fields[] = {
        {"spec", DM_JSON_STR, AT(spec), DM_JSON_OPT, 0, 32},
        {"region", DM_JSON_STR, AT(region), DM_JSON_OPT, 0, 63},
        {"sandbox", DM_JSON_STR, AT(sandbox), DM_JSON_OPT, 0, 64},
        {"month", DM_JSON_STR, AT(month), DM_JSON_OPT, 0, 7},
        {"as_of", DM_JSON_STR, AT(as_of), DM_JSON_OPT, 0, 64},
        {"vcpus", DM_JSON_I64, AT(vcpus), AT(has_vcpus), 1, SIZE_MOST},
        {"memory_mib", DM_JSON_I64, AT(mem_mib), AT(has_mem), 1, SIZE_MOST},
        {"disk_mib", DM_JSON_I64, AT(disk_mib), AT(has_disk), 0, SIZE_MOST},
        {"count", DM_JSON_I64, AT(count), AT(has_count), 1, DM_READ_ESTIMATE_COUNT_MAX},
        {"days", DM_JSON_I64, AT(days), AT(has_days), 1, DAYS_MAX},
        {"running_s_a_day", DM_JSON_I64, AT(running_s), DM_JSON_OPT, 0, DAY_S},
        {"asleep_s_a_day", DM_JSON_I64, AT(asleep_s), DM_JSON_OPT, 0, DAY_S},
        {"idle_percent", DM_JSON_I64, AT(idle_percent), AT(has_idle), 0, 100},
        {"on_top", DM_JSON_BOOL, AT(on_top), DM_JSON_OPT, 0, 0},
};
#undef AT

typedef struct work {
    const dm_caller *by;
    dm_read_estimate e;
    bool existing;
    dm_sandbox_id id;
    int64_t month_s, next_s;
    uint32_t idle_percent;
    dm_read_used used;
    dm_buf text; /* the answer's members, made anew where the transaction is run again */
} work;

static const char what[] = "estimate";

/* --- what is asked ------------------------------------------------------------------------------------------ */

/* The size on offer that covers what is asked, as a create finds it: 0, or 1 after it has answered. */
static int read_size(dm_req *req, const body *b, work *w, dm_err *err)
{
    uint32_t vcpus = (uint32_t)b->vcpus, mem = (uint32_t)b->mem_mib;
    const dm_spec *spec;
    int r = 0;
    bool named = b->spec != NULL && b->spec[0] != '\0';
    if (named)
        r = dm_spec_parse(dm_str_c(b->spec), &vcpus, &mem, err);
    else if (!b->has_vcpus || !b->has_mem)
        r = dm_fail(err, DM_E_INVALID, "a size is spec, or vcpus and memory_mib; or name a sandbox");
    if (r < 0)
        return r;
    if (dm_spec_adjust(vcpus, mem, &spec) == DM_SPEC_TOO_LARGE) {
        r = dm_deny(req, DM_NO_SPEC_TOO_LARGE, what, "no size on offer covers %u vCPUs and %u MiB", vcpus, mem);
        return r < 0 ? r : 1;
    }
    w->e.vcpus = spec->vcpus;
    w->e.mem_mib = spec->mem_mib;
    return 0;
}

static int read_pattern(const body *b, work *w, dm_err *err)
{
    uint64_t days = b->has_days ? (uint64_t)b->days : USUAL_DAYS;
    uint64_t running = (uint64_t)b->running_s, asleep = (uint64_t)b->asleep_s;
    if (running + asleep > DAY_S)
        return dm_fail(err, DM_E_INVALID, "a day has %d seconds", DAY_S);
    w->e.choices[0] = (dm_read_choice){"asleep", running * days, asleep * days};
    w->e.choices[1] = (dm_read_choice){"running", (running + asleep) * days, 0};
    w->e.choices[2] = (dm_read_choice){"deleted", running * days, 0};
    w->e.n = 3;
    return 0;
}

/* The month of UTC that is named, or that of `at`; and the one after it. */
static int read_month(const char *month, int64_t at_us, work *w, dm_err *err)
{
    char text[40], next[40];
    dm_rfc3339(at_us, text);
    if (month != NULL && month[0] != '\0')
        (void)snprintf(text, sizeof text, "%.7s", month);
    (void)snprintf(next, sizeof next, "%.7s-01T00:00:00Z", text);
    int64_t us;
    int r = dm_parse_rfc3339(dm_str_c(next), &us, NULL);
    if (r < 0)
        return dm_fail(err, DM_E_INVALID, "\"month\" must be a month, as 2026-03");
    w->month_s = us / 1000000;
    dm_rfc3339(us + 31LL * DAY_S * 1000000, text); /* within the month that follows */
    (void)snprintf(next, sizeof next, "%.7s-01T00:00:00Z", text);
    r = dm_parse_rfc3339(dm_str_c(next), &us, err);
    w->next_s = us / 1000000;
    return r;
}

static int read_sandbox(const body *b, work *w, dm_err *err)
{
    w->existing = true;
    if (!b->has_idle)
        return dm_fail(err, DM_E_INVALID, "\"idle_percent\" says how much of the time it ran it had nothing to do");
    w->idle_percent = (uint32_t)b->idle_percent;
    int r = dm_sandbox_id_parse(dm_str_c(b->sandbox), &w->id, err);
    return r < 0 ? r : read_month(b->month, w->e.at_us, w, err);
}

static int read_all(dm_req *req, const dm_api *api, const body *b, work *w, dm_err *err)
{
    int r = 0;
    w->e = (dm_read_estimate){.account_no = w->by->owner.account,
            .region = b->region != NULL ? dm_str_c(b->region) : (dm_str){NULL, 0},
            .at_us = dm_wall_us(api->clock),
            .on_top = b->on_top,
            .disk_mib = b->has_disk ? (uint32_t)b->disk_mib : USUAL_DISK_MIB,
            .count = b->has_count ? (uint32_t)b->count : 1};
    if (b->as_of != NULL && b->as_of[0] != '\0')
        r = dm_parse_rfc3339(dm_str_c(b->as_of), &w->e.at_us, err);
    if (r < 0)
        return dm_wrap(err, "\"as_of\"");
    if (b->sandbox != NULL && b->sandbox[0] != '\0')
        return read_sandbox(b, w, err);
    r = read_size(req, b, w, err);
    return r != 0 ? r : read_pattern(b, w, err);
}

/* --- what it comes to --------------------------------------------------------------------------------------- */

/* As it was, and as it would have been had it slept so much of the time that it ran. */
static int of_existing(dm_pg *c, work *w, dm_err *err)
{
    int r = dm_read_used_by(c, w->e.account_no, &w->id, w->month_s, w->next_s, &w->used, err);
    if (r != 0)
        return r;
    uint64_t run = (uint64_t)w->used.run_s, hib = (uint64_t)w->used.hib_s, idle = run * w->idle_percent / 100;
    w->e.region = dm_str_c(w->used.region);
    w->e.vcpus = (uint32_t)w->used.vcpus;
    w->e.mem_mib = (uint32_t)w->used.mem_mib;
    w->e.disk_mib = (uint32_t)w->used.disk_mib;
    w->e.count = 1;
    w->e.choices[0] = (dm_read_choice){"as_it_was", run, hib};
    w->e.choices[1] = (dm_read_choice){"asleep_when_idle", run - idle, hib + idle};
    w->e.n = 2;
    return 0;
}

static void write_size(const work *w, dm_jw *j)
{
    const dm_read_estimate *e = &w->e;
    dm_jw_ktime(j, "as_of", e->at_us);
    dm_jw_key(j, "spec");
    dm_jw_obj(j);
    dm_jw_ku64(j, "vcpus", e->vcpus);
    dm_jw_ku64(j, "memory_mib", e->mem_mib);
    dm_jw_ku64(j, "disk_mib", (e->disk_mib + 15) / 16 * 16);
    dm_jw_end(j);
    dm_jw_ku64(j, "count", e->count);
    dm_jw_kc(j, "charged", w->existing ? w->used.charged : NULL);
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_jw j;
    int r = w->existing ? of_existing(c, w, err) : 0;
    if (r != 0)
        return r;
    dm_buf_reset(&w->text);
    dm_jw_init(&j, &w->text);
    dm_jw_obj(&j);
    write_size(w, &j);
    r = dm_read_estimate_write(c, &w->e, &j, err);
    dm_jw_end(&j);
    return r != 0 ? r : dm_buf_ok(&w->text, err);
}

static int answer(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    int r = dm_api_tx(api, w->by, query, w, err);
    switch (r) {
    case 0: {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_raw(&j, dm_buf_view(&w->text));
        return 0;
    }
    case DM_READ_ESTIMATE_NO_REGION:
        return dm_deny(req, DM_NO_REGION_NOT_OFFERED, what, "there is no such region");
    case DM_READ_ESTIMATE_NO_PRICE:
        return dm_deny(req, DM_NO_ACCOUNT_PRICES, what, "the account's plan has no prices there");
    case DM_READ_ESTIMATE_NO_SANDBOX:
        return dm_deny(
                req, DM_NO_SANDBOX_UNKNOWN, what, "the account has no such sandbox, or it did nothing in that month");
    default:
        return r;
    }
}

static int estimate(dm_req *req, void *ctx, dm_err *err)
{
    body b = {NULL};
    work w = {.by = &dm_session_of(req)->caller};
    dm_buf_init(&w.text, ESTIMATE_BYTES);
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = read_all(req, ctx, &b, &w, err);
    if (r == 0)
        r = answer(req, ctx, &w, err);
    dm_buf_done(&w.text);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r < 0 ? r : 0;
}

int dm_route_estimate(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, estimate, err);
}
