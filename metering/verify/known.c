/* What a bundle brings that no statement has signed (keys, where books end, which group a region belongs to), and price
 * books, whose hashes are in heads. */
#include "base/grow.h"
#include "base/parse.h"
#include "base/sorted.h"

#include "metering/rules/book.h"
#include "metering/verify/own.h"

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
        r = dm_said_hex(j, "sha256", b->sha256.b, sizeof(b->sha256.b), err);
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

static int add_invoice(dm_v *v, const json_t *j, dm_err *err)
{
    const char *number = json_string_value(j);
    int r = number != NULL
                    ? dm_grow(&v->numbers, &v->numbers_room, v->nnumbers, DM_BUNDLE_INVOICES_MAX, "invoices", err)
                    : DM_E_INVALID;
    if (r == 0)
        r = dm_str_to_array(dm_str_c(number), v->numbers[v->nnumbers], sizeof(v->numbers[0]), err);
    v->nnumbers += r == 0;
    return r == 0 ? 0 : DM_E_INVALID;
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
    const json_t *invoices = json_object_get(j, "invoices");
    for (size_t i = 0; r == 0 && i < json_array_size(invoices); i++)
        r = add_invoice(v, json_array_get(invoices, i), err);
    v->docs = calloc(v->nnumbers + 1, sizeof(*v->docs));
    return r == 0 && v->docs == NULL ? dm_fail(err, DM_E_NOMEM, "no memory for invoices") : r;
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
        r = dm_said_hex(k, "key", out->v[i].key.b, sizeof(out->v[i].key.b), err);
        if (r == 0)
            r = dm_said_time(k, "valid_from", &out->v[i].from, err);
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

static bool valid_at(const dm_v_key *k, int64_t at)
{
    return k->from <= at && at < k->to;
}

bool dm_v_signed_at(const dm_v *v, int64_t at, dm_str message, const dm_signature *sig, const dm_public_key *key)
{
    const dm_v_keys *of = dm_v_keys_find(v, 0);
    for (size_t i = 0; of != NULL && i < of->n; i++) {
        if (memcmp(of->v[i].key.b, key->b, sizeof(key->b)) == 0 && valid_at(&of->v[i], at))
            return dm_verify(key, message, sig);
    }
    return false;
}

bool dm_v_service_attested(const dm_v *v, dm_str message)
{
    const dm_v_keys *of = dm_v_keys_find(v, 0);
    for (size_t i = 0; of != NULL && i < of->n; i++) {
        if (valid_at(&of->v[i], v->head.closed_at) && dm_attest_signed_by(message, &of->v[i].key))
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

/* The tiers of a price, as dm_book_add reads them. */
static int tiers_text(const json_t *list, dm_buf *out, dm_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        dm_str from, per_unit, off = {"", 0};
        int64_t points = 0;
        int r = dm_json_str(t, "from", &from, err), has = 0;
        if (r == 0)
            r = dm_json_str(t, "per_unit", &per_unit, err);
        if (r == 0)
            has = dm_json_str(t, "list_per_unit", &off, err);
        if (r == 0 && has == 0)
            r = dm_json_i64(t, "discount_bp", 0, 10000, &points, err);
        if (r != 0 || has < 0)
            return DM_E_INVALID;
        (void)dm_buf_fmt(out, "%s%.*s,%.*s,%.*s,", i > 0 ? ";" : "", (int)from.n, from.p, (int)per_unit.n, per_unit.p,
                (int)off.n, off.p);
        if (has == 0)
            (void)dm_buf_fmt(out, "%lld", (long long)points);
    }
    return dm_buf_ok(out, err);
}

static int maybe_text(const json_t *j, const char *name, dm_str *out, dm_err *err)
{
    *out = (dm_str){"", 0};
    return json_object_get(j, name) == NULL ? 0 : dm_json_str(j, name, out, err);
}

/* By the rules that whoever bills reads it with: a discount is exact, tiers rise, prices stand by SKU. */
static int read_price(const json_t *j, dm_book_made *made, dm_err *err)
{
    enum { TIERS_TEXT = 4096 };
    DM_AUTO_BUF tiers;
    dm_book_text t = {.discount_bp = {"", 0}};
    int64_t points;
    char bp[8];
    dm_buf_init(&tiers, TIERS_TEXT);
    int r = dm_json_str(j, "sku", &t.sku, err);
    if (r == 0)
        r = dm_json_str(j, "per_unit", &t.per_unit, err);
    if (r == 0)
        r = maybe_text(j, "list_per_unit", &t.list_per_unit, err);
    if (r == 0)
        r = maybe_text(j, "mode", &t.mode, err);
    if (r == 0 && json_object_get(j, "discount_bp") != NULL) {
        r = dm_json_i64(j, "discount_bp", 0, 10000, &points, err);
        (void)snprintf(bp, sizeof(bp), "%d", r == 0 ? (int)points : 0);
        t.discount_bp = dm_str_c(bp);
    }
    if (r == 0)
        r = tiers_text(json_object_get(j, "tiers"), &tiers, err);
    t.tiers = dm_buf_view(&tiers);
    return r == 0 ? dm_book_add(made, &t, err) : DM_E_INVALID;
}

static int read_book(const json_t *j, dm_v_book *b, dm_err *err)
{
    char by[16];
    dm_book_made made = {.n = 0};
    int r = dm_v_text(j, "currency", b->currency, sizeof(b->currency), err);
    if (r == 0)
        r = dm_v_text(j, "group", b->group, sizeof(b->group), err);
    if (r == 0)
        r = dm_v_text(j, "tier", b->tier, sizeof(b->tier), err);
    if (r == 0)
        r = dm_v_text(j, "rated_by", by, sizeof(by), err);
    if (r == 0)
        r = dm_said_time(j, "valid_from", &b->valid_from, err);
    const json_t *prices = json_object_get(j, "prices");
    for (size_t i = 0; r == 0 && i < json_array_size(prices); i++)
        r = read_price(json_array_get(prices, i), &made, err);
    if (r == 0) {
        b->rate = made.rate;
        b->rate.id = b->id;
        b->rate.minutes = strcmp(by, "minutes") == 0;
        b->contract = json_object_get(j, "contract") != NULL;
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
    if (r == 0 && (json_object_get(j, "compute_type") != NULL || json_object_get(j, "compute_quality") != NULL))
        return dm_v_unknown(v, "price book %lld is of a kind of sandbox that pages do not tell", (long long)b->id);
    return r == 0 ? 0 : dm_v_fault(v, DM_FAULT_WRONG, name, "it cannot be read");
}

int dm_v_head_line(dm_v *v, const dm_rate_line *line, dm_err *err)
{
    dm_v_book *b = dm_v_book_find(v, line->book_id);
    if (b != NULL)
        b->used = true;
    return dm_stated_sum_line(&v->head.st.sum, line, err);
}

bool dm_v_minutes_in_tiers(const dm_v *v)
{
    for (size_t i = 0; i < v->nbooks; i++) {
        if (v->books[i].rate.minutes && v->books[i].rate.tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE)
            return true;
    }
    return false;
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

/* Seconds of the period at hand. */
typedef struct stretch {
    int64_t from, to;
} stretch;

static stretch both(stretch a, stretch b)
{
    return (stretch){a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to};
}

static stretch holds(const dm_v_span *t, const dm_v_book *b, const dm_stated_plan *p)
{
    const stretch book = {
            b->valid_from - t->start, b->valid_to == INT64_MAX ? (int64_t)t->period_s : b->valid_to - t->start};
    return both(book, (stretch){p->from, p->to});
}

static bool sold_there(const dm_v *v, const dm_v_book *b, const dm_stated_plan *p, const char *group)
{
    return strcmp(b->tier, p->tier) == 0 && strcmp(b->currency, v->head.st.currency) == 0 &&
           strcmp(b->group, group) == 0;
}

static bool put_segment(dm_v_group *g, const dm_v_book *b, const dm_stated_plan *p, stretch s)
{
    if (s.from >= s.to)
        return true;
    if (g->n == DM_RATE_SEGMENTS_MAX)
        return false;
    size_t at = g->n++;
    for (; at > 0 && g->segments[at - 1].from > s.from; at--) {
        g->segments[at] = g->segments[at - 1];
        g->included_s[at] = g->included_s[at - 1];
    }
    g->segments[at] = (dm_rate_segment){(uint32_t)s.from, (uint32_t)s.to, &b->rate};
    g->included_s[at] = p->included_s;
    g->minutes = g->minutes || b->rate.minutes;
    return true;
}

/* The first stretch from `from` on in which a book of the account's own contract holds, applied or not. */
static stretch next_contract(const dm_v *v, const dm_stated_plan *p, const char *group, int64_t from)
{
    stretch next = {INT64_MAX, INT64_MAX};
    for (size_t i = 0; i < v->nbooks; i++) {
        const dm_v_book *b = &v->books[i];
        if (!b->contract || !sold_there(v, b, p, group))
            continue;
        stretch s = holds(v->at, b, p);
        if (s.from < s.to && s.to > from && s.from < next.from)
            next = s;
    }
    return next;
}

/* Everybody's book holds where the account's own do not. */
static bool put_rest(const dm_v *v, dm_v_group *g, const dm_v_book *b, const dm_stated_plan *p)
{
    stretch s = holds(v->at, b, p);
    bool fits = true;
    while (fits && s.from < s.to) {
        stretch own = next_contract(v, p, g->name, s.from);
        fits = put_segment(g, b, p, (stretch){s.from, own.from < s.to ? own.from : s.to});
        s.from = own.to;
    }
    return fits;
}

static bool fill(dm_v *v, dm_v_group *g)
{
    const dm_v_span *t = v->at;
    for (size_t p = 0; p < t->nplans; p++) {
        for (size_t i = 0; i < v->nbooks; i++) {
            const dm_v_book *b = &v->books[i];
            if (!(b->in_head || t->any_book) || !sold_there(v, b, &t->plans[p], g->name))
                continue;
            if (!(b->contract ? put_segment(g, b, &t->plans[p], holds(t, b, &t->plans[p]))
                              : put_rest(v, g, b, &t->plans[p])))
                return false;
        }
    }
    for (size_t i = 1; i < g->n; i++) {
        if (g->segments[i].from < g->segments[i - 1].to)
            return false;
    }
    return true;
}

dm_v_group *dm_v_group_of(dm_v *v, const char *name)
{
    dm_v_span *t = v->at;
    for (size_t i = 0; i < t->ngroups; i++) {
        if (strcmp(t->groups[i].name, name) == 0)
            return &t->groups[i];
    }
    if (t->ngroups == DM_GROUPS_MAX)
        return NULL;
    dm_v_group *g = &t->groups[t->ngroups];
    memset(g, 0, sizeof(*g));
    (void)snprintf(g->name, sizeof(g->name), "%s", name);
    if (!fill(v, g))
        return NULL;
    t->ngroups++;
    return g;
}
