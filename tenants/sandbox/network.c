#include "tenants/sandbox/network.h"

#include "base/parse.h"

enum { TEXT_MAX = 1 << 20, HOST_LABEL_MAX = 63 };

static const char placeholder[] = "${PORT}";
static const char *const not_offered[] = {"allowOut", "httpsPorts", "egressProxy", "rules", "dnsServers"};

static bool empty(const json_t *v)
{
    return v == NULL || json_is_null(v) || json_is_false(v) || (json_is_integer(v) && json_integer_value(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && json_object_size(v) == 0);
}

/* ASCII host[:port], and ${PORT} anywhere in it. */
static bool mask_ok(dm_str mask)
{
    static const char host_set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    dm_str rest, host, port = {NULL, 0}, more;
    char plain[DM_NETWORK_MASK_MAX];
    size_t n = 0;
    uint64_t number;
    if (mask.n == 0 || mask.n >= sizeof plain)
        return false;
    for (size_t i = 0; i < mask.n;) { /* ${PORT} is a number when it is used: stands for one */
        dm_str tail = {mask.p + i, mask.n - i};
        bool here = dm_str_starts(tail, dm_str_c(placeholder));
        plain[n++] = here ? '1' : mask.p[i];
        i += here ? sizeof placeholder - 1 : 1;
    }
    rest = (dm_str){plain, n};
    if (!dm_str_split(&rest, ':', &host) || host.n == 0 || !dm_str_only(host, host_set))
        return false;
    if (dm_str_split(&rest, ':', &port) &&
            (dm_parse_u64(port, 1, 65535, &number, NULL) < 0 || dm_str_split(&rest, ':', &more)))
        return false;
    for (dm_str labels = host, label; dm_str_split(&labels, '.', &label);)
        if (label.n == 0 || label.n > HOST_LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    return true;
}

/* All or nothing: a sandbox can be cut off, but not from some and open to others. */
static int ask_deny(const json_t *list, json_t *kept, bool *cut, dm_err *err)
{
    size_t i;
    json_t *entry;
    if (list == NULL || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > DM_NETWORK_DENY_MAX)
        return dm_fail(err, DM_E_INVALID, "\"network.denyOut\" must be an array of at most %d", DM_NETWORK_DENY_MAX);
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        if (text == NULL)
            return dm_fail(err, DM_E_INVALID, "\"network.denyOut\" must have only strings in it");
        *cut = *cut || strcmp(text, "0.0.0.0/0") == 0;
    }
    if (!*cut)
        return DM_NETWORK_SOME;
    return json_object_set_new(kept, "denyOut", json_deep_copy(list)) < 0 ? dm_fail(err, DM_E_NOMEM, "network") : 0;
}

static int ask_public(const json_t *asked, json_t *kept, bool *public, dm_err *err)
{
    int has = dm_json_bool(asked, "allowPublicTraffic", public, NULL);
    if (has < 0)
        return dm_fail(err, DM_E_INVALID, "\"network.allowPublicTraffic\" must be true or false");
    if (has == 0 && json_object_set_new(kept, "allowPublicTraffic", json_boolean(*public)) < 0)
        return dm_fail(err, DM_E_NOMEM, "network");
    return 0;
}

static int ask_mask(const json_t *asked, json_t *kept, char out[DM_NETWORK_MASK_MAX], dm_err *err)
{
    dm_str mask;
    int has = dm_json_str(asked, "maskRequestHost", &mask, NULL);
    if (has < 0 || (has == 0 && !mask_ok(mask)))
        return DM_NETWORK_BAD_MASK;
    if (has != 0)
        return 0;
    if (json_object_set_new(kept, "maskRequestHost", json_string(mask.p)) < 0)
        return dm_fail(err, DM_E_NOMEM, "network");
    return dm_str_to_array(mask, out, DM_NETWORK_MASK_MAX, err);
}

int dm_network_ask(const json_t *asked, dm_network *out, char **kept, dm_err *err)
{
    DM_AUTO(json_t) keep = json_object();
    dm_network n = {.public = true};
    int r = keep != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "network");
    for (size_t i = 0; i < DM_LEN(not_offered); i++)
        if (!empty(json_object_get(asked, not_offered[i])))
            return DM_NETWORK_NOT_OFFERED;
    if (r == 0)
        r = ask_deny(json_object_get(asked, "denyOut"), keep, &n.cut, err);
    if (r == 0)
        r = ask_public(asked, keep, &n.public, err);
    if (r == 0)
        r = ask_mask(asked, keep, n.mask, err);
    if (r != 0)
        return r;
    char *text = json_dumps(keep, JSON_COMPACT);
    if (text == NULL)
        return dm_fail(err, DM_E_NOMEM, "network");
    *out = n;
    *kept = text;
    return 0;
}

/* *out is open only when all of it could be read. */
int dm_network_read(dm_str kept, dm_network *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_network n = {.mask = ""};
    dm_str mask;
    *out = (dm_network){.cut = true};
    if (dm_json_load(kept, TEXT_MAX, &obj, err) < 0 || !json_is_object(obj))
        return dm_fail(err, DM_E_INTERNAL, "network object of a sandbox");
    const json_t *open = json_object_get(obj, "allowPublicTraffic");
    n.public = open == NULL || json_is_true(open);
    n.cut = json_object_get(obj, "denyOut") != NULL;
    int has = dm_json_str(obj, "maskRequestHost", &mask, NULL);
    if (has < 0 || (has == 0 && dm_str_to_array(mask, n.mask, sizeof n.mask, NULL) < 0))
        return dm_fail(err, DM_E_INTERNAL, "mask of a sandbox");
    *out = n;
    return 0;
}

int dm_network_host(const dm_network *n, dm_str host, uint16_t port, dm_buf *out, dm_err *err)
{
    const char *mask = n->mask;
    if (mask[0] == '\0')
        return dm_buf_str(out, host);
    for (const char *at; (at = strstr(mask, placeholder)) != NULL; mask = at + sizeof placeholder - 1) {
        (void)dm_buf_add(out, mask, (size_t)(at - mask));
        (void)dm_buf_fmt(out, "%u", port);
    }
    (void)dm_buf_c(out, mask);
    return dm_buf_ok(out, err);
}
