#include "api/e2b/create_body.h"

#include <stddef.h>

#include "base/parse.h"

static const char what[] = "sandbox.create";

enum {
    TIMEOUT_V1_S = 15,
    TIMEOUT_V2_S = 300,
    TEXT_MAX = 64 << 10,
    NETWORK_MEMBERS_MAX = 64,
    SIZE_MAX_ = 1 << 24,
    DENY_MAX = 256
};

/* As it stands in the body. */
typedef struct body {
    char *template_id;
    int64_t timeout;
    bool has_timeout;
    bool secure, auto_pause, auto_pause_memory, has_auto_pause_memory;
    json_t *auto_resume, *network, *metadata, *env, *volume_mounts, *iam;
    bool allow_internet, has_allow_internet;
    int64_t cpu_count, memory_mb, disk_mb;
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
        {"network", DM_JSON_OBJ, AT(network), DM_JSON_OPT, 0, NETWORK_MEMBERS_MAX},
        {"metadata", DM_JSON_STRMAP, AT(metadata), DM_JSON_OPT, 0, DM_CREATE_METADATA_MAX},
        {"envVars", DM_JSON_STRMAP, AT(env), DM_JSON_OPT, 0, DM_CREATE_ENV_MAX},
        {"volumeMounts", DM_JSON_ARR, AT(volume_mounts), DM_JSON_OPT, 0, 128},
        {"iam", DM_JSON_OBJ, AT(iam), DM_JSON_OPT, 0, 16},
        {"cpuCount", DM_JSON_I64, AT(cpu_count), DM_JSON_OPT, 1, SIZE_MAX_},
        {"memoryMB", DM_JSON_I64, AT(memory_mb), DM_JSON_OPT, 1, SIZE_MAX_},
        {"diskSizeMB", DM_JSON_I64, AT(disk_mb), DM_JSON_OPT, 1, SIZE_MAX_},
};

/* --- refusals ----------------------------------------------------------------------------------------------- */

static int deny(dm_req *req, int status, const char *rule, const char *cure, const char *message)
{
    const dm_denial d = {.what = what, .rule = rule, .retry_after_s = -1, .cure = cure, .doc = "/docs/sandboxes"};
    int r = dm_deny(req, status, NULL, &d, "%s", message);
    return r < 0 ? r : DM_CREATE_ANSWERED;
}

static bool something(const json_t *v)
{
    return v != NULL && !json_is_null(v) && !json_is_false(v) && !(json_is_integer(v) && json_integer_value(v) == 0) &&
           !(json_is_array(v) && json_array_size(v) == 0) && !(json_is_object(v) && json_object_size(v) == 0);
}

/* Members that would change what the client gets, and that this deployment does not offer. */
static const struct {
    const char *member, *rule, *cure, *message;
} not_offered[] = {
        {"gpu", "gpu.not_offered", "use CPU", "GPUs are not offered"},
        {"gpus", "gpu.not_offered", "use CPU", "GPUs are not offered"},
        {"gpuCount", "gpu.not_offered", "use CPU", "GPUs are not offered"},
        {"gpuType", "gpu.not_offered", "use CPU", "GPUs are not offered"},
        {"accelerators", "gpu.not_offered", "use CPU", "GPUs are not offered"},
        {"idle", "idle.not_offered", "set a timeout with autoPause", "sleeping when idle is not offered here"},
        {"region", "region.not_offered", "leave it out: the project's own region is used",
                "choosing a region is not offered here"},
        {"volumeMounts", "volumes.not_offered", "leave volumeMounts out", "volumes are not offered here"},
        {"iam", "iam.not_offered", "leave iam out", "identity tokens are not offered here"},
};

static const char *const network_not_offered[] = {"allowOut", "httpsPorts", "egressProxy", "rules", "dnsServers"};

static int refuse_not_offered(dm_req *req, const json_t *obj, const body *b)
{
    for (size_t i = 0; i < DM_LEN(not_offered); i++)
        if (something(json_object_get(obj, not_offered[i].member)))
            return deny(req, 400, not_offered[i].rule, not_offered[i].cure, not_offered[i].message);
    for (size_t i = 0; i < DM_LEN(network_not_offered); i++)
        if (something(json_object_get(b->network, network_not_offered[i])))
            return deny(req, 400, "network.not_offered", "leave the member out",
                    "this network setting is not offered here");
    return 0;
}

/* --- the parts ---------------------------------------------------------------------------------------------- */

static int read_life(dm_req *req, const body *b, dm_create_body *out, dm_err *err)
{
    bool enabled = false;
    if (dm_json_bool(b->auto_resume, "enabled", &enabled, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"autoResume.enabled\" must be true or false");
    out->pause_on_timeout = b->auto_pause;
    out->auto_resume = enabled;
    if (!b->has_auto_pause_memory || b->auto_pause_memory)
        return 0;
    if (!b->auto_pause)
        return deny(req, 400, "pause.memory", "set autoPause, or leave autoPauseMemory out",
                "autoPauseMemory: false needs autoPause");
    if (out->auto_resume)
        return deny(req, 400, "pause.memory", "leave autoPauseMemory or autoResume out",
                "autoPauseMemory: false excludes autoResume");
    return deny(req, 400, "pause.memory", "leave autoPauseMemory out: memory is kept",
            "pausing without memory is not offered here");
}

/* ASCII host[:port], and ${PORT} anywhere in it. */
static bool mask_ok(dm_str mask)
{
    static const char host_set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    dm_str rest = mask, host, port = {NULL, 0}, more;
    char plain[256];
    size_t n = 0;
    uint64_t number;
    if (mask.n == 0 || mask.n >= sizeof plain)
        return false;
    for (size_t i = 0; i < mask.n;) { /* ${PORT} is a number when it is used: stands for one */
        dm_str tail = {mask.p + i, mask.n - i};
        bool placeholder = dm_str_starts(tail, DM_STR("${PORT}"));
        plain[n++] = placeholder ? '1' : mask.p[i];
        i += placeholder ? 7 : 1;
    }
    rest = (dm_str){plain, n};
    if (!dm_str_split(&rest, ':', &host) || host.n == 0 || !dm_str_only(host, host_set))
        return false;
    if (dm_str_split(&rest, ':', &port) &&
            (dm_parse_u64(port, 1, 65535, &number, NULL) < 0 || dm_str_split(&rest, ':', &more)))
        return false;
    for (dm_str labels = host, label; dm_str_split(&labels, '.', &label);)
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    return true;
}

/* All or nothing: a sandbox can be cut off, but not from some and open to others. */
static int read_deny(dm_req *req, const json_t *list, json_t *kept, dm_err *err)
{
    size_t i;
    json_t *entry;
    if (list == NULL || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > DENY_MAX)
        return dm_fail(err, DM_E_INVALID, "\"network.denyOut\" must be an array of at most %d", DENY_MAX);
    bool all = false;
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        if (text == NULL)
            return dm_fail(err, DM_E_INVALID, "\"network.denyOut\" must have only strings in it");
        all = all || strcmp(text, "0.0.0.0/0") == 0;
    }
    if (!all)
        return deny(req, 400, "network.not_offered", "deny 0.0.0.0/0 or leave denyOut out",
                "denying some destinations is not offered here");
    return json_object_set_new(kept, "denyOut", json_deep_copy(list)) < 0 ? dm_fail(err, DM_E_NOMEM, "network") : 0;
}

static int read_network(dm_req *req, const body *b, dm_create_body *out, dm_err *err)
{
    bool open = true;
    dm_str mask;
    DM_AUTO(json_t) kept = json_object();
    if (kept == NULL)
        return dm_fail(err, DM_E_NOMEM, "network");
    int r = read_deny(req, json_object_get(b->network, "denyOut"), kept, err);
    if (r != 0)
        return r;
    int has_open = dm_json_bool(b->network, "allowPublicTraffic", &open, NULL);
    if (has_open < 0)
        return dm_fail(err, DM_E_INVALID, "\"network.allowPublicTraffic\" must be true or false");
    out->public_traffic = open;
    if (!out->public_traffic && !out->secure)
        return deny(req, 400, "network.public", "set secure: true",
                "You cannot create a sandbox without public access unless you enable secure envd access via 'secure' "
                "flag.");
    if (has_open == 0 && json_object_set_new(kept, "allowPublicTraffic", json_boolean(open)) < 0)
        return dm_fail(err, DM_E_NOMEM, "network");
    int has_mask = dm_json_str(b->network, "maskRequestHost", &mask, NULL);
    if (has_mask < 0 || (has_mask == 0 && !mask_ok(mask)))
        return deny(
                req, 400, "network.mask", "give host or host:port, ${PORT} allowed", "maskRequestHost is not a host");
    if (has_mask == 0 && json_object_set_new(kept, "maskRequestHost", json_string(mask.p)) < 0)
        return dm_fail(err, DM_E_NOMEM, "network");
    out->network = json_dumps(kept, JSON_COMPACT);
    return out->network != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "network");
}

static int dump_map(const json_t *map, const char *name, char **out, dm_err *err)
{
    char *text = map != NULL ? json_dumps(map, JSON_COMPACT) : dm_str_dup(DM_STR("{}"));
    if (text == NULL)
        return dm_fail(err, DM_E_NOMEM, "%s", name);
    *out = text;
    if (strlen(text) > TEXT_MAX)
        return dm_fail(err, DM_E_INVALID, "\"%s\" has more than %d bytes", name, TEXT_MAX);
    return 0;
}

static int read_maps(const body *b, dm_create_body *out, dm_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(b->env, name, value)
    {
        if (name[0] == '\0' || strchr(name, '=') != NULL)
            return dm_fail(err, DM_E_INVALID, "\"envVars\": a name is empty or has a '='");
    }
    int r = dump_map(b->metadata, "metadata", &out->metadata, err);
    return r < 0 ? r : dump_map(b->env, "envVars", &out->env, err);
}

static int check(dm_req *req, bool v2, const json_t *obj, body *b, dm_create_body *out, dm_err *err)
{
    out->template = dm_steal(&b->template_id);
    out->timeout_s = b->has_timeout ? b->timeout : v2 ? TIMEOUT_V2_S : TIMEOUT_V1_S;
    out->secure = v2 || b->secure;
    out->allow_internet = b->has_allow_internet ? b->allow_internet : -1;
    out->vcpus = b->cpu_count;
    out->mem_mib = b->memory_mb;
    out->disk_mib = b->disk_mb;
    int r = dm_deny_timeout(req, what, out->timeout_s, 1);
    if (r == 0)
        r = read_life(req, b, out, err);
    if (r == 0)
        r = refuse_not_offered(req, obj, b);
    if (r == 0)
        r = read_network(req, b, out, err);
    return r != 0 ? r : read_maps(b, out, err);
}

int dm_create_body_read(dm_req *req, bool v2, dm_create_body *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    body b;
    *out = (dm_create_body){.allow_internet = -1};
    int r = dm_json_load(req->body, 1 << 20, &obj, err);
    if (r == 0)
        r = dm_json_decode(obj, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = check(req, v2, obj, &b, out, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    if (r != 0)
        dm_create_body_done(out);
    return r;
}

void dm_create_body_done(dm_create_body *b)
{
    free(b->template);
    free(b->metadata);
    free(b->env);
    free(b->network);
    *b = (dm_create_body){.allow_internet = -1};
}
