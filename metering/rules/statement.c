#include "metering/rules/statement.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"

void dm_time_text(int64_t second, char out[32])
{
    dm_rfc3339(second * 1000000, out);
    char *point = strchr(out, '.');
    if (point != NULL)
        memcpy(point, "Z", 2);
}

/* --- order -------------------------------------------------------------------------------------------------- */

static int cmp(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_key(const dm_stated *a, const dm_stated *b)
{
    int c = cmp((uint64_t)a->project_no.v, (uint64_t)b->project_no.v);
    if (c == 0)
        c = dm_sandbox_id_cmp(&a->sandbox, &b->sandbox);
    if (c == 0)
        c = cmp(a->epoch, b->epoch);
    if (c == 0)
        c = cmp(a->spec_table, b->spec_table);
    if (c == 0)
        c = cmp(a->spec, b->spec);
    if (c == 0)
        c = cmp(a->region_no, b->region_no);
    return c != 0 ? c : cmp(a->worker_no.v, b->worker_no.v);
}

/* A sandbox and where it stood, so that its lines find it again. */
typedef struct moved {
    dm_stated s;
    size_t was;
} moved;

static int by_moved(const void *x, const void *y)
{
    return by_key(&((const moved *)x)->s, &((const moved *)y)->s);
}

static int by_line(const void *x, const void *y)
{
    const dm_stated_line *a = x, *b = y;
    if (a->of != b->of) /* DM_OF_ACCOUNT is first */
        return cmp(a->of + 1, b->of + 1);
    if (a->of == DM_OF_ACCOUNT) {
        int c = cmp(a->rate.from, b->rate.from);
        if (c == 0)
            c = cmp((uint64_t)a->rate.book_id, (uint64_t)b->rate.book_id);
        return c != 0 ? c : cmp(a->rate.tier, b->rate.tier);
    }
    int c = cmp(a->rate.sku, b->rate.sku);
    return c != 0 ? c : cmp(a->rate.from, b->rate.from);
}

static int sort(dm_statement *s, dm_err *err)
{
    DM_AUTO_MEM moved *m = calloc(s->nsandboxes + 1, sizeof(*m));
    DM_AUTO_MEM size_t *to = calloc(s->nsandboxes + 1, sizeof(*to));
    if (m == NULL || to == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to sort %zu sandboxes", s->nsandboxes);
    for (size_t i = 0; i < s->nsandboxes; i++)
        m[i] = (moved){s->sandboxes[i], i};
    qsort(m, s->nsandboxes, sizeof(*m), by_moved);
    for (size_t i = 0; i < s->nsandboxes; i++) {
        s->sandboxes[i] = m[i].s;
        to[m[i].was] = i;
    }
    for (size_t i = 0; i < s->nlines; i++) {
        if (s->lines[i].of != DM_OF_ACCOUNT)
            s->lines[i].of = to[s->lines[i].of];
    }
    if (s->nlines > 1)
        qsort(s->lines, s->nlines, sizeof(*s->lines), by_line);
    return 0;
}

/* --- the tree ----------------------------------------------------------------------------------------------- */

static int node(const dm_digest *left, const dm_digest *right, dm_digest *out, dm_err *err)
{
    dm_str parts[] = {{"\1", 1}, {(const char *)left->b, DM_SHA256}, {(const char *)right->b, DM_SHA256}};
    return dm_sha256_parts(parts, DM_LEN(parts), out, err);
}

/* The hashes come one by one; `levels` holds the roots of the full trees so far, as the bits of how many there were.
 * What is left over at the end is joined from the right: that is the tree of RFC 6962. */
int dm_merkle_root(const dm_digest *hashes, size_t n, dm_digest *out, dm_err *err)
{
    dm_digest levels[64];
    unsigned top = 0;
    for (size_t i = 0; i < n; i++) {
        dm_str parts[] = {{"\0", 1}, {(const char *)hashes[i].b, DM_SHA256}};
        int r = dm_sha256_parts(parts, DM_LEN(parts), &levels[top], err);
        for (size_t bits = i; r == 0 && (bits & 1) != 0; bits >>= 1, top--)
            r = node(&levels[top - 1], &levels[top], &levels[top - 1], err);
        if (r < 0)
            return r;
        top++;
    }
    if (n == 0)
        return dm_sha256((dm_str){"", 0}, out, err);
    for (; top > 1; top--) {
        int r = node(&levels[top - 2], &levels[top - 1], &levels[top - 2], err);
        if (r < 0)
            return r;
    }
    assert(top == 1);
    *out = levels[0];
    return 0;
}

int dm_statement_finish(dm_statement *s, dm_err *err)
{
    int r = sort(s, err);
    DM_AUTO_MEM dm_digest *leaves = calloc(s->nsandboxes + 1, sizeof(*leaves));
    if (r == 0 && leaves == NULL)
        r = dm_fail(err, DM_E_NOMEM, "no memory for %zu leaves", s->nsandboxes);
    if (r < 0)
        return r;
    s->total = (dm_money){0};
    s->running_s = s->hibernated_s = 0;
    s->unattested = 0;
    for (size_t i = 0; i < s->nsandboxes; i++) {
        leaves[i] = s->sandboxes[i].attestation;
        s->running_s += s->sandboxes[i].running_s;
        s->hibernated_s += s->sandboxes[i].hibernated_s;
        s->unattested += !s->sandboxes[i].attested;
    }
    for (size_t i = 0; r == 0 && i < s->nlines; i++)
        r = dm_money_add(s->total, s->lines[i].rate.amount, &s->total, err);
    return r < 0 ? r : dm_merkle_root(leaves, s->nsandboxes, &s->root, err);
}

/* --- the body ----------------------------------------------------------------------------------------------- */

static void put_digest(dm_jw *w, const char *name, const dm_digest *d)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d->b, sizeof(d->b), hex);
    dm_jw_kc(w, name, hex);
}

static void put_time(dm_jw *w, const char *name, int64_t second)
{
    char text[32];
    dm_time_text(second, text);
    dm_jw_kc(w, name, text);
}

static void put_sandbox_id(dm_jw *w, const dm_sandbox_id *id)
{
    dm_sandbox_name name = dm_sandbox_name_of(id);
    dm_jw_kc(w, "sandbox", name.s);
}

static void put_null(dm_jw *w, const char *name)
{
    dm_jw_key(w, name);
    dm_jw_null(w);
}

static void put_line(dm_jw *w, const dm_statement *s, const dm_stated_line *l)
{
    char text[DM_MONEY_TEXT];
    const dm_stated *of = l->of != DM_OF_ACCOUNT ? &s->sandboxes[l->of] : NULL;
    const dm_rate_line *r = &l->rate;
    dm_jw_obj(w);
    dm_money_print(r->amount, text);
    dm_jw_kc(w, "amount", text);
    dm_jw_ki64(w, "book", r->book_id);
    if (of != NULL)
        dm_jw_ku64(w, "epoch", of->epoch);
    else
        put_null(w, "epoch");
    put_time(w, "from", s->period_start + r->from);
    dm_jw_kc(w, "kind", "usage");
    dm_price_print(r->per_unit, text);
    dm_jw_kc(w, "per_unit", text);
    if (of != NULL) {
        dm_jw_kc(w, "project", of->project);
        dm_jw_ki64(w, "project_no", of->project_no.v);
    } else {
        put_null(w, "project");
        put_null(w, "project_no");
    }
    dm_qty_print(r->qty, text);
    dm_jw_kc(w, "qty", text);
    if (of != NULL) {
        dm_jw_kc(w, "region", of->region);
        put_sandbox_id(w, &of->sandbox);
    } else {
        put_null(w, "region");
        put_null(w, "sandbox");
    }
    dm_jw_ku64(w, "seconds", r->seconds);
    dm_jw_kc(w, "sku", dm_sku_name(r->sku));
    if (of != NULL) {
        dm_jw_ku64(w, "spec", of->spec);
        dm_jw_ku64(w, "spec_table", of->spec_table);
    } else {
        put_null(w, "spec");
        put_null(w, "spec_table");
    }
    dm_jw_ku64(w, "tier", r->tier);
    put_time(w, "to", s->period_start + r->to);
    dm_jw_end(w);
}

static void put_sandbox(dm_jw *w, const dm_stated *s)
{
    static const char *const basis[] = {
            [DM_BASIS_NOTHING] = "nothing", [DM_BASIS_FRAMES] = "frames", [DM_BASIS_ATTESTATION] = "attestation"};
    dm_jw_obj(w);
    put_digest(w, "attestation", &s->attestation);
    dm_jw_kbool(w, "attested", s->attested);
    dm_jw_kc(w, "basis", basis[s->basis]);
    dm_jw_ku64(w, "epoch", s->epoch);
    dm_jw_ku64(w, "hibernated_s", s->hibernated_s);
    dm_jw_ku64(w, "mem_mib", s->mem_mib);
    dm_jw_kc(w, "project", s->project);
    dm_jw_ki64(w, "project_no", s->project_no.v);
    dm_jw_kc(w, "region", s->region);
    dm_jw_ku64(w, "running_s", s->running_s);
    put_sandbox_id(w, &s->sandbox);
    dm_jw_ku64(w, "spec", s->spec);
    dm_jw_ku64(w, "spec_table", s->spec_table);
    dm_jw_ku64(w, "vcpus", s->vcpus);
    dm_jw_end(w);
}

static void put_head(dm_jw *w, const dm_statement *s)
{
    dm_jw_kc(w, "account", s->account);
    dm_jw_key(w, "attestations");
    dm_jw_obj(w);
    dm_jw_ku64(w, "count", s->nsandboxes);
    put_digest(w, "root", &s->root);
    dm_jw_ku64(w, "unattested", s->unattested);
    dm_jw_end(w);
    dm_jw_key(w, "books");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nbooks; i++) {
        dm_jw_obj(w);
        dm_jw_ki64(w, "id", s->books[i].id);
        put_digest(w, "sha256", &s->books[i].sha256);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
    dm_jw_kc(w, "currency", s->currency);
    dm_jw_ku64(w, "hibernated_s", s->hibernated_s);
}

static void put_plans(dm_jw *w, const dm_statement *s)
{
    dm_jw_key(w, "plans");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nplans; i++) {
        const dm_stated_plan *p = &s->plans[i];
        dm_jw_obj(w);
        put_time(w, "from", s->period_start + p->from);
        dm_jw_ku64(w, "included_s", p->included_s);
        dm_jw_kc(w, "tier", p->tier);
        put_time(w, "to", s->period_start + p->to);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
}

static void put_pool(dm_jw *w, const dm_statement *s)
{
    if (!s->pooled) {
        put_null(w, "pool");
        return;
    }
    dm_jw_key(w, "pool");
    dm_jw_obj(w);
    dm_jw_ku64(w, "after_s", s->pool_after_s);
    dm_jw_ku64(w, "before_s", s->pool_before_s);
    dm_jw_ku64(w, "included_s", s->included_s);
    dm_jw_end(w);
}

int dm_statement_body(const dm_statement *s, dm_buf *b, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_jw writer, *w = &writer;
    dm_jw_init(w, b);
    dm_jw_obj(w);
    put_head(w, s);
    dm_jw_key(w, "lines");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nlines; i++)
        put_line(w, s, &s->lines[i]);
    dm_jw_arr_end(w);
    dm_jw_ki64(w, "number", s->number.v);
    dm_jw_key(w, "period");
    dm_jw_obj(w);
    put_time(w, "end", s->period_start + s->period_s);
    put_time(w, "start", s->period_start);
    dm_jw_end(w);
    put_plans(w, s);
    put_pool(w, s);
    put_digest(w, "previous", &s->previous);
    dm_jw_ku64(w, "running_s", s->running_s);
    dm_jw_key(w, "sandboxes");
    dm_jw_arr(w);
    for (size_t i = 0; i < s->nsandboxes; i++)
        put_sandbox(w, &s->sandboxes[i]);
    dm_jw_arr_end(w);
    dm_money_print(s->total, text);
    dm_jw_kc(w, "total", text);
    dm_jw_ki64(w, "version", DM_STATEMENT_VERSION);
    dm_jw_end(w);
    return dm_buf_ok(b, err);
}

int dm_book_sha256(dm_str currency, dm_str group, dm_str rated_by, dm_str tier, int64_t valid_from_s,
        const dm_book_price *prices, size_t n, dm_digest *out, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64 * 1024);
    dm_jw writer, *w = &writer;
    dm_jw_init(w, &b);
    dm_jw_obj(w);
    dm_jw_kstr(w, "currency", currency);
    dm_jw_kstr(w, "group", group);
    dm_jw_key(w, "prices");
    dm_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        dm_jw_obj(w);
        dm_price_print(prices[i].per_unit, text);
        dm_jw_kc(w, "per_unit", text);
        dm_jw_kstr(w, "sku", prices[i].sku);
        dm_jw_kstr(w, "unit", prices[i].unit);
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
    dm_jw_kstr(w, "rated_by", rated_by);
    dm_jw_kstr(w, "tier", tier);
    put_time(w, "valid_from", valid_from_s);
    dm_jw_end(w);
    int r = dm_buf_ok(&b, err);
    return r < 0 ? r : dm_sha256(dm_buf_view(&b), out, err);
}
