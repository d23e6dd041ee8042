#include "api/life/create_body.h"

#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/life/deny.h"
#include "tenants/sandbox/network.h"

static const char what[] = "sandbox.create";

enum {
    TIMEOUT_V1_S = 15,
    TIMEOUT_V2_S = 300,
    TEXT_MAX = 64 << 10,
    READ_MAX = 1 << 20, /* variables that are counted before they are refused */
    SIZE_MAX_ = 1 << 24,
};

/* As it stands in the body. */
typedef struct body {
    char *template_id;
    int64_t timeout;
    bool has_timeout;
    int64_t idle; /* of our own form */
    bool secure, auto_pause, auto_pause_memory, has_auto_pause_memory;
    json_t *auto_resume, *network, *metadata, *env, *volume_mounts, *iam;
    bool allow_internet, has_allow_internet;
    int64_t cpu_count, memory_mb, disk_mb;
    char *spec, *on_timeout; /* of our own form */
    bool resumes;
} body;

#define AT(member) offsetof(body, member)

static const dm_json_field fields[] = {
        {"templateID", DM_JSON_STR, AT(template_id), DM_JSON_NEED, 1, 512},
        {"timeout", DM_JSON_I64, AT(timeout), AT(has_timeout), INT32_MIN, INT32_MAX},
        {"secure", DM_JSON_BOOL, AT(secure), DM_JSON_OPT, 0, 0},
        {"autoPause", DM_JSON_BOOL, AT(auto_pause), DM_JSON_OPT, 0, 0},
        {"autoPauseMemory", DM_JSON_BOOL, AT(auto_pause_memory), AT(has_auto_pause_memory), 0, 0},
        {"autoResume", DM_JSON_OBJ, AT(auto_resume), DM_JSON_OPT, 0, 16},
        {"allow_internet_access", DM_JSON_BOOL, AT(allow_internet), AT(has_allow_internet), 0, 0},
        {"network", DM_JSON_OBJ, AT(network), DM_JSON_OPT, 0, DM_NETWORK_MEMBERS_MAX},
        {"metadata", DM_JSON_STRMAP, AT(metadata), DM_JSON_OPT, 0, DM_CREATE_METADATA_MAX},
        {"envVars", DM_JSON_STRMAP, AT(env), DM_JSON_OPT, 0, READ_MAX},
        {"volumeMounts", DM_JSON_ARR, AT(volume_mounts), DM_JSON_OPT, 0, 128},
        {"iam", DM_JSON_OBJ, AT(iam), DM_JSON_OPT, 0, 16},
        {"cpuCount", DM_JSON_I64, AT(cpu_count), DM_JSON_OPT, 1, SIZE_MAX_},
        {"memoryMB", DM_JSON_I64, AT(memory_mb), DM_JSON_OPT, 1, SIZE_MAX_},
        {"diskSizeMB", DM_JSON_I64, AT(disk_mb), DM_JSON_OPT, 1, SIZE_MAX_},
};

static const dm_json_field own_fields[] = {
        {"template", DM_JSON_STR, AT(template_id), DM_JSON_NEED, 1, 512},
        {"spec", DM_JSON_STR, AT(spec), DM_JSON_OPT, 1, 32},
        {"vcpus", DM_JSON_I64, AT(cpu_count), DM_JSON_OPT, 1, SIZE_MAX_},
        {"memory_mib", DM_JSON_I64, AT(memory_mb), DM_JSON_OPT, 1, SIZE_MAX_},
        {"disk_mib", DM_JSON_I64, AT(disk_mb), DM_JSON_OPT, 1, SIZE_MAX_},
        {"timeout", DM_JSON_I64, AT(timeout), AT(has_timeout), INT32_MIN, INT32_MAX},
        {"idle", DM_JSON_I64, AT(idle), DM_JSON_OPT, INT32_MIN, INT32_MAX},
        {"on_timeout", DM_JSON_STR, AT(on_timeout), DM_JSON_OPT, 1, 16},
        {"auto_resume", DM_JSON_BOOL, AT(resumes), DM_JSON_OPT, 0, 0},
        {"allow_internet", DM_JSON_BOOL, AT(allow_internet), AT(has_allow_internet), 0, 0},
        {"network", DM_JSON_OBJ, AT(network), DM_JSON_OPT, 0, DM_NETWORK_MEMBERS_MAX},
        {"metadata", DM_JSON_STRMAP, AT(metadata), DM_JSON_OPT, 0, DM_CREATE_METADATA_MAX},
        {"env", DM_JSON_STRMAP, AT(env), DM_JSON_OPT, 0, READ_MAX},
};

static const struct {
    const dm_json_field *fields;
    size_t n;
} forms[] = {
        [DM_CREATE_V1] = {fields, DM_LEN(fields)},
        [DM_CREATE_V2] = {fields, DM_LEN(fields)},
        [DM_CREATE_OWN] = {own_fields, DM_LEN(own_fields)},
};

/* --- refusals ----------------------------------------------------------------------------------------------- */

static int deny(dm_req *req, dm_no no, const char *message)
{
    int r = dm_deny(req, no, what, "%s", message);
    return r < 0 ? r : DM_CREATE_ANSWERED;
}

static bool something(const json_t *v)
{
    return v != NULL && !json_is_null(v) && !json_is_false(v) && !(json_is_integer(v) && json_integer_value(v) == 0) &&
           !(json_is_array(v) && json_array_size(v) == 0) && !(json_is_object(v) && json_object_size(v) == 0);
}

/* Members that would change what the client gets, and that this deployment does not offer. */
static const struct {
    const char *member;
    dm_no no;
    const char *message;
} not_offered[] = {
        {"gpu", DM_NO_GPU_NOT_OFFERED, "GPUs are not offered"},
        {"gpus", DM_NO_GPU_NOT_OFFERED, "GPUs are not offered"},
        {"gpuCount", DM_NO_GPU_NOT_OFFERED, "GPUs are not offered"},
        {"gpuType", DM_NO_GPU_NOT_OFFERED, "GPUs are not offered"},
        {"accelerators", DM_NO_GPU_NOT_OFFERED, "GPUs are not offered"},
        {"idle", DM_NO_IDLE_NOT_OFFERED, "sleeping when idle is not offered by this route"},
        {"region", DM_NO_REGION_NOT_OFFERED, "choosing a region is not offered here"},
        {"volumeMounts", DM_NO_VOLUMES_NOT_OFFERED, "volumes are not offered here"},
        {"iam", DM_NO_IAM_NOT_OFFERED, "identity tokens are not offered here"},
};

static int refuse_not_offered(dm_req *req, const json_t *obj, dm_create_form form, const char *region)
{
    for (size_t i = 0; i < DM_LEN(not_offered); i++) {
        if (not_offered[i].no == DM_NO_IDLE_NOT_OFFERED && form == DM_CREATE_OWN)
            continue;
        const char *named = dm_json_c(obj, not_offered[i].member);
        if (not_offered[i].no == DM_NO_REGION_NOT_OFFERED && named != NULL && strcmp(named, region) == 0)
            continue;
        if (something(json_object_get(obj, not_offered[i].member)))
            return deny(req, not_offered[i].no, not_offered[i].message);
    }
    return 0;
}

/* --- the parts ---------------------------------------------------------------------------------------------- */

static int read_life(dm_req *req, const body *b, dm_create_body *out, dm_err *err)
{
    bool enabled = b->resumes;
    if (b->on_timeout != NULL && strcmp(b->on_timeout, "kill") != 0 && strcmp(b->on_timeout, "pause") != 0)
        return dm_fail(err, DM_E_INVALID, "\"on_timeout\" must be kill or pause");
    if (dm_json_bool(b->auto_resume, "enabled", &enabled, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"autoResume.enabled\" must be true or false");
    if (b->idle != 0 && (b->idle < DM_CREATE_IDLE_MIN_S || b->idle > DM_WK_IDLE_MAX_S))
        return dm_fail(
                err, DM_E_INVALID, "\"idle\" must be %d to %d seconds, or 0", DM_CREATE_IDLE_MIN_S, DM_WK_IDLE_MAX_S);
    out->idle_s = b->idle;
    out->pause_on_timeout = b->auto_pause || (b->on_timeout != NULL && strcmp(b->on_timeout, "pause") == 0);
    out->auto_resume = enabled;
    if (!b->has_auto_pause_memory || b->auto_pause_memory)
        return 0;
    if (!b->auto_pause)
        return deny(req, DM_NO_AUTO_PAUSE_NEEDED, "autoPauseMemory: false needs autoPause");
    if (out->auto_resume)
        return deny(req, DM_NO_AUTO_PAUSE_OR_RESUME, "autoPauseMemory: false excludes autoResume");
    return deny(req, DM_NO_AUTO_PAUSE_MEMORY, "pausing without memory is not offered here");
}

static int read_network(dm_req *req, const body *b, dm_create_body *out, dm_err *err)
{
    dm_network network;
    int r = dm_network_ask(b->network, &network, &out->network, err);
    if (r < 0)
        return r;
    if (r == DM_NETWORK_NOT_OFFERED)
        return deny(req, DM_NO_NETWORK_NOT_OFFERED, "this network setting is not offered here");
    if (r == DM_NETWORK_SOME)
        return deny(req, DM_NO_NETWORK_DENY_SOME, "denying some destinations is not offered here");
    if (r == DM_NETWORK_BAD_MASK)
        return deny(req, DM_NO_NETWORK_MASK, "maskRequestHost is not a host");
    if (!network.public && !out->secure)
        return deny(req, DM_NO_NETWORK_PUBLIC,
                "You cannot create a sandbox without public access unless you enable secure envd access via 'secure' "
                "flag.");
    return 0;
}

static int dump_map(const json_t *map, const char *name, char **out, dm_err *err)
{
    char *text = map != NULL ? json_dumps(map, JSON_COMPACT) : dm_str_dup(DM_STR("{}"));
    if (text == NULL)
        return dm_fail(err, DM_E_NOMEM, "%s", name);
    *out = text;
    return 0;
}

static int read_metadata(const body *b, dm_create_body *out, dm_err *err)
{
    int r = dump_map(b->metadata, "metadata", &out->metadata, err);
    if (r == 0 && strlen(out->metadata) > TEXT_MAX)
        return dm_fail(err, DM_E_INVALID, "\"metadata\" has more than %d bytes", TEXT_MAX);
    return r;
}

static int deny_env(dm_req *req, int64_t limit, size_t current, const char *unit)
{
    char allowed[64];
    (void)snprintf(allowed, sizeof allowed, "at most %lld %s", (long long)limit, unit);
    const dm_bound bound = {.limit = limit, .current = (int64_t)current, .allowed = allowed};
    int r = dm_deny_bound(
            req, DM_NO_ENV_TOO_LARGE, what, &bound, "\"envVars\" has %zu %s, %s are taken", current, unit, allowed);
    return r < 0 ? r : DM_CREATE_ANSWERED;
}

static int read_env(dm_req *req, const body *b, dm_create_body *out, dm_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(b->env, name, value)
    {
        if (name[0] == '\0' || strchr(name, '=') != NULL)
            return dm_fail(err, DM_E_INVALID, "\"envVars\": a name is empty or has a '='");
    }
    if (json_object_size(b->env) > DM_CREATE_ENV_MAX)
        return deny_env(req, DM_CREATE_ENV_MAX, json_object_size(b->env), "variables");
    int r = dump_map(b->env, "envVars", &out->env, err);
    return r == 0 && strlen(out->env) > TEXT_MAX ? deny_env(req, TEXT_MAX, strlen(out->env), "bytes") : r;
}

/* A size by name is a virtual tag of the template: base:2c1g, base:v2-2c1g. */
static int read_template(body *b, dm_create_body *out, dm_err *err)
{
    DM_AUTO_BUF name;
    dm_buf_init(&name, 1024);
    if (b->spec == NULL) {
        out->template = dm_steal(&b->template_id);
        return 0;
    }
    if (!dm_str_only(dm_str_c(b->spec), "0123456789cgm") || strchr(b->spec, 'c') == NULL)
        return dm_fail(err, DM_E_INVALID, "\"spec\" must be as 2c1g or 1c512m");
    (void)dm_buf_fmt(&name, "%s%c%s", b->template_id, strchr(b->template_id, ':') != NULL ? '-' : ':', b->spec);
    int r = dm_buf_ok(&name, err);
    if (r == 0 && (out->template = dm_str_dup(dm_buf_view(&name))) == NULL)
        r = dm_fail(err, DM_E_NOMEM, "template");
    return r;
}

typedef struct bounds {
    dm_create_form form;
    int64_t timeout_s_max;
    const char *region;
} bounds;

static int check(dm_req *req, const bounds *of, const json_t *obj, body *b, dm_create_body *out, dm_err *err)
{
    bool v1 = of->form == DM_CREATE_V1;
    out->timeout_s = b->has_timeout ? b->timeout : v1 ? TIMEOUT_V1_S : TIMEOUT_V2_S;
    out->secure = !v1 || b->secure;
    out->allow_internet = b->has_allow_internet ? b->allow_internet : -1;
    out->vcpus = b->cpu_count;
    out->mem_mib = b->memory_mb;
    out->disk_mib = b->disk_mb;
    int r = read_template(b, out, err);
    if (r == 0)
        r = dm_deny_timeout(req, what, out->timeout_s, 1, of->timeout_s_max);
    if (r == 0)
        r = read_life(req, b, out, err);
    if (r == 0)
        r = refuse_not_offered(req, obj, of->form, of->region);
    if (r == 0)
        r = read_network(req, b, out, err);
    if (r == 0)
        r = read_metadata(b, out, err);
    return r != 0 ? r : read_env(req, b, out, err);
}

int dm_create_body_read(
        dm_req *req, dm_create_form form, int64_t timeout_s_max, const char *region, dm_create_body *out, dm_err *err)
{
    const bounds of = {.form = form, .timeout_s_max = timeout_s_max, .region = region};
    DM_AUTO(json_t) obj = NULL;
    body b = {.timeout = 0}; /* a form sets what it has */
    *out = (dm_create_body){.allow_internet = -1};
    int r = dm_json_load(req->body, 1 << 20, &obj, err);
    if (r == 0)
        r = dm_json_decode(obj, forms[form].fields, forms[form].n, &b, err);
    if (r < 0)
        return r;
    r = check(req, &of, obj, &b, out, err);
    dm_json_done(forms[form].fields, forms[form].n, &b);
    if (r != 0)
        dm_create_body_done(out);
    return r;
}

static bool gone(const void *arg)
{
    return dm_req_gone(arg);
}

dm_start_args dm_create_args(const dm_create_body *b, const dm_req *req)
{
    return (dm_start_args){.template = dm_str_c(b->template),
            .vcpus = b->vcpus,
            .mem_mib = b->mem_mib,
            .disk_mib = b->disk_mib,
            .timeout_s = b->timeout_s,
            .idle_s = b->idle_s,
            .secure = b->secure,
            .pause_on_timeout = b->pause_on_timeout,
            .auto_resume = b->auto_resume,
            .allow_internet = b->allow_internet,
            .metadata = b->metadata,
            .network = b->network,
            .env = b->env,
            .idem_key = dm_req_header(req, "Idempotency-Key"),
            .idem_body = req->body,
            .gone = gone,
            .gone_arg = req};
}

int dm_create_hop(dm_req *req, dm_api *api, const char *act, dm_http_handler fn, dm_err *err)
{
    const dm_caller *c = &dm_session_of(req)->caller;
    dm_rates_left left;
    int64_t wait_us = dm_rates_take_us(api->rates, DM_RATES_CREATES, c->owner.project, c->limits.create_rate, &left);
    if (wait_us > 0)
        return dm_deny_create_rate(req, act, c->limits.create_rate, wait_us);
    return dm_api_hop(req, api, DM_LATER_ORDERS, fn, err);
}

void dm_create_body_done(dm_create_body *b)
{
    free(b->template);
    free(b->metadata);
    free(b->env);
    free(b->network);
    *b = (dm_create_body){.allow_internet = -1};
}
