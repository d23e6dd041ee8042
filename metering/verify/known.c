/* What a bundle brings that no statement has signed (keys, where books end, which group a region belongs to), and price
 * books, whose hashes are in heads. */
#include "base/grow.h"
#include "base/parse.h"
#include "base/sorted.h"

#include "metering/verify/own.h"

/* --- words -------------------------------------------------------------------------------------------------- */

int dm_v_text(const json_t *obj, const char *name, char *out, size_t cap, dm_err *err)
{
    dm_str s;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    return r < 0 ? r : dm_str_to_array(s, out, cap, err);
}

int dm_v_hex(const json_t *obj, const char *name, void *out, size_t n, dm_err *err)
{
    dm_str s;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    return r < 0 ? r : dm_parse_hex(s, out, n, err);
}

int dm_v_time(const json_t *obj, const char *name, int64_t *out, dm_err *err)
{
    dm_str s;
    int64_t us;
    int r = dm_json_str(obj, name, &s, err);
    if (r == DM_JSON_ABSENT)
        return dm_fail(err, DM_E_INVALID, "\"%s\" is missing", name);
    if (r == 0 && (s.n != 20 || s.p[10] != 'T' || s.p[19] != 'Z')) /* no other form of the same time */
        return dm_fail(err, DM_E_INVALID, "\"%s\" is no time", name);
    if (r == 0)
        r = dm_parse_rfc3339(s, &us, err);
    if (r == 0)
        *out = us / 1000000;
    return r;
}

int dm_v_end(const json_t *obj, const char *name, int64_t *out, dm_err *err)
{
    *out = INT64_MAX;
    return json_is_null(json_object_get(obj, name)) ? 0 : dm_v_time(obj, name, out, err);
}

bool dm_v_sum_ok(dm_str text)
{
    static const char before[] = ",\"sum\":\"";
    enum { TAIL = sizeof(before) - 1 + 2 * DM_SHA256 + 2 };
    dm_digest sum;
    char hex[2 * DM_SHA256 + 1];
    if (text.n <= TAIL || memcmp(text.p + text.n - TAIL, before, sizeof(before) - 1) != 0 ||
            memcmp(text.p + text.n - 2, "\"}", 2) != 0 || dm_sha256((dm_str){text.p, text.n - TAIL}, &sum, NULL) < 0)
        return false;
    dm_hex(sum.b, sizeof(sum.b), hex);
    return memcmp(hex, text.p + text.n - 2 - 2 * DM_SHA256, 2 * DM_SHA256) == 0;
}

/* --- the manifest ------------------------------------------------------------------------------------------- */

static int add_book(dm_v *v, const json_t *j, dm_err *err)
{
    int r = dm_grow(&v->books, &v->books_room, v->nbooks, DM_BUNDLE_BOOKS_MAX, "price books", err);
    if (r < 0)
        return r;
    dm_v_book *b = &v->books[v->nbooks];
    *b = (dm_v_book){0};
    r = dm_json_i64(j, "id", 1, INT64_MAX, &b->id, err);
    if (r == 0)
        r = dm_v_hex(j, "sha256", b->sha256.b, sizeof(b->sha256.b), err);
    if (r == 0)
        r = dm_v_end(j, "valid_to", &b->valid_to, err);
    if (r == 0 && v->nbooks > 0 && b[-1].id >= b->id)
        r = dm_fail(err, DM_E_INVALID, "books are not by id");
    v->nbooks += r == 0;
    return r == 0 ? 0 : DM_E_INVALID;
}

static int add_region(dm_v *v, const json_t *j, dm_err *err)
{
    int64_t no;
    int r = dm_grow(&v->regions, &v->regions_room, v->nregions, DM_BUNDLE_REGIONS_MAX, "regions", err);
    if (r < 0)
        return r;
    dm_v_region *g = &v->regions[v->nregions];
    r = dm_json_i64(j, "no", 0, UINT16_MAX, &no, err);
    if (r == 0)
        r = dm_v_text(j, "name", g->name, sizeof(g->name), err);
    if (r == 0)
        r = dm_v_text(j, "group", g->group, sizeof(g->group), err);
    if (r != 0)
        return DM_E_INVALID;
    g->no = (uint16_t)no;
    v->nregions++;
    return 0;
}

static int read_manifest(dm_v *v, const json_t *j, dm_err *err)
{
    dm_verdict *o = v->out;
    int r = dm_v_text(j, "account", o->account, sizeof(o->account), err);
    if (r == 0)
        r = dm_json_i64(j, "first", 1, INT64_MAX - 1, &o->first, err);
    if (r == 0)
        r = dm_json_i64(j, "last", o->first, INT64_MAX - 1, &o->last, err);
    const json_t *books = json_object_get(j, "books"), *regions = json_object_get(j, "regions");
    for (size_t i = 0; r == 0 && i < json_array_size(books); i++)
        r = add_book(v, json_array_get(books, i), err);
    for (size_t i = 0; r == 0 && i < json_array_size(regions); i++)
        r = add_region(v, json_array_get(regions, i), err);
    return r;
}

int dm_v_manifest(dm_v *v, dm_err *err)
{
    static const char name[] = "manifest.json";
    DM_AUTO(json_t) j = NULL;
    int64_t format = 0;
    dm_err why;
    int r = dm_v_want(v, name, err);
    if (r != 0)
        return r;
    if (!dm_v_sum_ok(dm_buf_view(&v->body)))
        return dm_v_fault(v, DM_FAULT_EDITED, name, "it is not what it was made as");
    r = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &j, &why);
    if (r == 0)
        r = dm_json_i64(j, "format", 1, INT64_MAX, &format, &why);
    if (r == 0 && format != DM_BUNDLE_FORMAT)
        return dm_v_unknown(v, "the bundle's format is %lld", (long long)format);
    if (r == 0)
        r = read_manifest(v, j, &why);
    return r == 0 ? 0 : dm_v_fault(v, DM_FAULT_EDITED, name, "it cannot be read");
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static int by_of(const void *element, const void *key)
{
    uint64_t a = ((const dm_v_keys *)element)->of, b = *(const uint64_t *)key;
    return a < b ? -1 : a > b;
}

const dm_v_keys *dm_v_keys_find(const dm_v *v, uint64_t of)
{
    bool there;
    size_t at = dm_sorted_place(v->keys, v->nkeys, sizeof(*v->keys), &of, by_of, &there);
    return there ? &v->keys[at] : NULL;
}

static int read_keys(const json_t *j, dm_v_keys *out, dm_err *err)
{
    int64_t of;
    int r = dm_json_i64(j, "of", 0, INT64_MAX, &of, err);
    const json_t *keys = json_object_get(j, "keys");
    size_t n = json_array_size(keys);
    if (r != 0 || n > DM_BUNDLE_SERVICE_KEYS_MAX)
        return dm_fail(err, DM_E_INVALID, "%zu keys", n);
    *out = (dm_v_keys){.of = (uint64_t)of, .v = calloc(n + 1, sizeof(*out->v)), .n = n};
    if (out->v == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for keys");
    for (size_t i = 0; r == 0 && i < n; i++) {
        const json_t *k = json_array_get(keys, i);
        r = dm_v_hex(k, "key", out->v[i].key.b, sizeof(out->v[i].key.b), err);
        if (r == 0)
            r = dm_v_time(k, "valid_from", &out->v[i].from, err);
        if (r == 0)
            r = dm_v_end(k, "valid_to", &out->v[i].to, err);
    }
    if (r < 0)
        free(out->v);
    return r;
}

static int keep_keys(dm_v *v, const dm_v_keys *k, dm_err *err)
{
    bool there;
    int r = dm_grow(&v->keys, &v->keys_room, v->nkeys, DM_BUNDLE_WORKERS_MAX, "workers", err);
    if (r < 0)
        return r;
    size_t at = dm_sorted_place(v->keys, v->nkeys, sizeof(*v->keys), &k->of, by_of, &there);
    if (there)
        return dm_fail(err, DM_E_INVALID, "twice");
    dm_sorted_open(v->keys, v->nkeys, sizeof(*v->keys), at);
    v->keys[at] = *k;
    v->nkeys++;
    return 0;
}

int dm_v_keys_of(dm_v *v, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    char name[DM_USTAR_NAME], entry[DM_USTAR_NAME];
    dm_v_keys k;
    memcpy(entry, v->last, sizeof(entry));
    if (!dm_v_sum_ok(dm_buf_view(&v->body)))
        return dm_v_fault(v, DM_FAULT_EDITED, entry, "it is not what it was made as");
    int r = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &j, err);
    if (r == 0)
        r = read_keys(j, &k, err);
    if (r == DM_E_NOMEM)
        return r;
    if (r != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, entry, "it cannot be read");
    dm_v_entry(name, "keys/%llu.json", (unsigned long long)k.of);
    r = strcmp(name, entry) == 0 ? keep_keys(v, &k, err) : DM_E_INVALID;
    if (r < 0)
        free(k.v);
    if (r == DM_E_INVALID)
        return dm_v_fault(v, dm_v_keys_find(v, k.of) != NULL ? DM_FAULT_DOUBLED : DM_FAULT_EDITED, entry,
                "these are not the keys that its name says");
    return r;
}

static bool valid_then(const dm_v *v, const dm_v_key *k)
{
    return k->from <= v->head.closed_at && v->head.closed_at < k->to;
}

bool dm_v_service_signed(const dm_v *v, dm_str message, const dm_signature *sig, const dm_public_key *key)
{
    const dm_v_keys *of = dm_v_keys_find(v, 0);
    for (size_t i = 0; of != NULL && i < of->n; i++) {
        if (memcmp(of->v[i].key.b, key->b, sizeof(key->b)) == 0 && valid_then(v, &of->v[i]))
            return dm_verify(key, message, sig);
    }
    return false;
}

bool dm_v_service_attested(const dm_v *v, dm_str message)
{
    const dm_v_keys *of = dm_v_keys_find(v, 0);
    for (size_t i = 0; of != NULL && i < of->n; i++) {
        if (valid_then(v, &of->v[i]) && dm_attest_signed_by(message, &of->v[i].key))
            return true;
    }
    return false;
}

/* --- books -------------------------------------------------------------------------------------------------- */

dm_v_book *dm_v_book_find(dm_v *v, int64_t id)
{
    for (size_t lo = 0, hi = v->nbooks; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->books[mid].id == id)
            return &v->books[mid];
        if (v->books[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static int read_price(const json_t *j, dm_rate_book *out, dm_err *err)
{
    dm_str sku, per_unit;
    dm_sku which;
    int r = dm_json_str(j, "sku", &sku, err);
    if (r == 0)
        r = dm_json_str(j, "per_unit", &per_unit, err);
    if (r == 0)
        r = dm_sku_parse(sku, &which, err);
    if (r == 0)
        r = dm_price_parse(per_unit, &out->per_unit[which], err);
    if (r == 0)
        out->has[which] = true;
    if (r == 0 && json_object_get(j, "mode") != NULL)
        return DM_VERIFY_UNKNOWN; /* tiers */
    return r == 0 ? 0 : DM_E_INVALID;
}

static int read_book(const json_t *j, dm_v_book *b, dm_err *err)
{
    char by[16];
    int r = dm_v_text(j, "currency", b->currency, sizeof(b->currency), err);
    if (r == 0)
        r = dm_v_text(j, "group", b->group, sizeof(b->group), err);
    if (r == 0)
        r = dm_v_text(j, "tier", b->tier, sizeof(b->tier), err);
    if (r == 0)
        r = dm_v_text(j, "rated_by", by, sizeof(by), err);
    if (r == 0)
        r = dm_v_time(j, "valid_from", &b->valid_from, err);
    const json_t *prices = json_object_get(j, "prices");
    for (size_t i = 0; r == 0 && i < json_array_size(prices); i++)
        r = read_price(json_array_get(prices, i), &b->rate, err);
    if (r == 0) {
        b->rate.id = b->id;
        b->rate.minutes = strcmp(by, "minutes") == 0;
    }
    return r;
}

int dm_v_book_of(dm_v *v, dm_v_book *b, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    dm_digest hash;
    char name[DM_USTAR_NAME];
    dm_err why;
    dm_v_entry(name, "books/%lld.json", (long long)b->id);
    int r = dm_v_want(v, name, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&v->body), &hash, err);
    if (r != 0)
        return r;
    if (memcmp(&hash, &b->sha256, sizeof(hash)) != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, name, "its hash is not the one in the manifest");
    r = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &j, &why);
    if (r == 0)
        r = read_book(j, b, &why);
    if (r == DM_VERIFY_UNKNOWN)
        return dm_v_unknown(v, "price book %lld has prices in tiers", (long long)b->id);
    return r == 0 ? 0 : dm_v_fault(v, DM_FAULT_WRONG, name, "it cannot be read");
}

/* --- regions and groups ------------------------------------------------------------------------------------- */

const dm_v_region *dm_v_region_named(const dm_v *v, dm_str name)
{
    for (size_t i = 0; i < v->nregions; i++) {
        if (dm_str_eq_c(name, v->regions[i].name))
            return &v->regions[i];
    }
    return NULL;
}

const dm_v_region *dm_v_region_no(const dm_v *v, uint16_t no)
{
    for (size_t i = 0; i < v->nregions; i++) {
        if (v->regions[i].no == no)
            return &v->regions[i];
    }
    return NULL;
}

static bool put_segment(dm_v_group *g, const dm_v_book *b, const dm_stated_plan *p, int64_t start)
{
    int64_t from = b->valid_from - start, to = b->valid_to == INT64_MAX ? p->to : b->valid_to - start;
    from = from < p->from ? p->from : from;
    to = to > p->to ? p->to : to;
    if (from >= to)
        return true;
    if (g->n == DM_RATE_SEGMENTS_MAX)
        return false;
    size_t at = g->n++;
    for (; at > 0 && g->segments[at - 1].from > from; at--) {
        g->segments[at] = g->segments[at - 1];
        g->included_s[at] = g->included_s[at - 1];
    }
    g->segments[at] = (dm_rate_segment){(uint32_t)from, (uint32_t)to, &b->rate};
    g->included_s[at] = p->included_s;
    g->minutes = g->minutes || b->rate.minutes;
    return true;
}

dm_v_group *dm_v_group_of(dm_v *v, const char *name)
{
    const dm_statement *st = &v->head.st;
    for (size_t i = 0; i < v->ngroups; i++) {
        if (strcmp(v->groups[i].name, name) == 0)
            return &v->groups[i];
    }
    if (v->ngroups == DM_GROUPS_MAX)
        return NULL;
    dm_v_group *g = &v->groups[v->ngroups];
    memset(g, 0, sizeof(*g));
    (void)snprintf(g->name, sizeof(g->name), "%s", name);
    for (size_t p = 0; p < st->nplans; p++) {
        for (size_t i = 0; i < v->nbooks; i++) {
            const dm_v_book *b = &v->books[i];
            if (b->in_head && strcmp(b->tier, st->plans[p].tier) == 0 && strcmp(b->currency, st->currency) == 0 &&
                    strcmp(b->group, name) == 0 && !put_segment(g, b, &st->plans[p], st->period_start))
                return NULL;
        }
    }
    for (size_t i = 1; i < g->n; i++) {
        if (g->segments[i].from < g->segments[i - 1].to)
            return NULL;
    }
    v->ngroups++;
    return g;
}
