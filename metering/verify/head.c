/* A statement's head. Read first, with its signature, and built anew last, when all that it sums up has been seen. */
#include "base/grow.h"
#include "base/parse.h"

#include "metering/verify/own.h"

void dm_v_head_done(dm_v_head *h)
{
    free(h->pages);
    free(h->st.lines);
    free(h->st.books);
    for (size_t i = 0; i < h->st.ncorrections; i++) {
        free(h->st.corrections[i].lines);
        free(h->correcting[i].more);
    }
    free(h->st.corrections);
    free(h->correcting);
    json_decref(h->json);
}

/* --- the signature ------------------------------------------------------------------------------------------ */

typedef struct signed_by {
    int64_t number;
    dm_digest head;
    dm_public_key key;
    dm_signature signature;
} signed_by;

static int read_hashes(dm_v_head *h, const json_t *list, dm_err *err)
{
    size_t n = json_array_size(list);
    int r = n <= DM_BUNDLE_PAGES_MAX ? 0 : DM_E_INVALID;
    h->npages = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        r = dm_grow(&h->pages, &h->pages_room, h->npages, DM_BUNDLE_PAGES_MAX, "pages", err);
        if (r == 0)
            r = dm_parse_hex(dm_str_c(hex), h->pages[h->npages].b, DM_SHA256, err);
        h->npages += r == 0;
    }
    return r;
}

static int read_sig(dm_v_head *h, const json_t *j, signed_by *out, dm_err *err)
{
    int r = dm_said_time(j, "closed_at", &h->closed_at, err);
    if (r == 0)
        r = dm_said_hex(j, "head", out->head.b, sizeof(out->head.b), err);
    if (r == 0)
        r = dm_said_hex(j, "key", out->key.b, sizeof(out->key.b), err);
    if (r == 0)
        r = dm_said_hex(j, "signature", out->signature.b, sizeof(out->signature.b), err);
    if (r == 0)
        r = dm_json_i64(j, "number", 1, INT64_MAX, &out->number, err);
    return r != 0 ? r : read_hashes(h, json_object_get(j, "pages"), err);
}

/* The head is what its signature is of, and that is by a key of the service that was valid. */
static int check_signature(dm_v *v, const char *name, const char *sig, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    signed_by s;
    dm_digest hash;
    int r = dm_v_want(v, sig, err);
    if (r != 0)
        return r;
    if (!dm_v_sum_ok(dm_buf_view(&v->body)))
        return dm_v_fault(v, DM_FAULT_EDITED, sig, "it is not what it was made as");
    r = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &j, err);
    if (r == 0)
        r = read_sig(&v->head, j, &s, err);
    if (r == DM_E_NOMEM)
        return r;
    if (r != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, sig, "it cannot be read");
    if (s.number != v->head.number)
        return dm_v_fault(v, DM_FAULT_REORDERED, sig, "it is of statement %lld", (long long)s.number);
    r = dm_sha256(dm_buf_view(&v->head_text), &hash, err);
    if (r < 0)
        return r;
    if (memcmp(&hash, &s.head, sizeof(hash)) != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, name, "its hash is not the one that was signed");
    if (!dm_v_signed_at(v, v->head.closed_at, dm_buf_view(&v->head_text), &s.signature, &s.key))
        return dm_v_fault(v, DM_FAULT_FOREIGN, name, "no key of the service that was valid then signed it");
    return 0;
}

/* --- what it says ------------------------------------------------------------------------------------------- */

static int read_plan(dm_v *v, const json_t *j, dm_err *err)
{
    dm_statement *st = &v->head.st;
    int64_t from, to, included;
    if (st->nplans == DM_STATED_PLANS_MAX)
        return dm_fail(err, DM_E_INVALID, "more than %d plans", DM_STATED_PLANS_MAX);
    dm_stated_plan *p = &st->plans[st->nplans];
    int64_t at = st->nplans == 0 ? 0 : p[-1].to;
    int r = dm_v_text(j, "tier", p->tier, sizeof(p->tier), err);
    if (r == 0)
        r = dm_said_time(j, "from", &from, err);
    if (r == 0)
        r = dm_said_time(j, "to", &to, err);
    if (r == 0)
        r = dm_json_i64(j, "included_s", 0, INT64_MAX / 2, &included, err);
    if (r != 0 || from != st->period_start + at || to <= from || to > st->period_start + st->period_s)
        return dm_fail(err, DM_E_INVALID, "plans do not follow each other");
    p->included_s = (uint64_t)included;
    p->from = (uint32_t)at;
    p->to = (uint32_t)(to - st->period_start);
    st->nplans++;
    return 0;
}

/* What it corrects: periods of before its own, in order, each of the statement that is its. */
static int read_correction(dm_v *v, const json_t *j, dm_err *err)
{
    dm_statement *st = &v->head.st;
    dm_stated_correction *c = &st->corrections[st->ncorrections];
    dm_v_correcting *k = &v->head.correcting[st->ncorrections];
    bool none = json_is_null(json_object_get(j, "number"));
    int r = dm_v_period(json_object_get(j, "period"), &c->start, &c->end, err);
    if (r == 0 && !none)
        r = dm_json_i64(j, "number", 1, v->head.number - 1, &c->number.v, err);
    if (r == 0)
        r = dm_json_i64(j, "pool_s", INT64_MIN / 4, INT64_MAX / 4, &c->pool_s, err);
    if (r != 0 || c->end > st->period_start || (st->ncorrections > 0 && c->start < c[-1].end))
        return dm_fail(err, DM_E_INVALID, "what it corrects is not in order");
    bool whole = v->out->first == 1 || c->start >= v->first_start;
    if (whole ? dm_v_said_number(&v->said, c->start) != c->number.v : c->number.v >= v->out->first)
        return dm_fail(err, DM_E_INVALID, "a period that it corrects is of another statement");
    k->seen = whole && c->start >= v->unpaged_end;
    k->lone = none;
    st->ncorrections++;
    return 0;
}

static int read_corrections(dm_v *v, int64_t version, dm_err *err)
{
    const json_t *list = json_object_get(v->head.json, "corrects");
    size_t n = json_array_size(list);
    bool correcting = version == DM_STATEMENT_CORRECTING || version == DM_STATEMENT_NEWEST;
    if (!correcting || n == 0 || n > DM_VERIFY_CORRECTS_MAX)
        return !correcting && list == NULL ? 0 : dm_fail(err, DM_E_INVALID, "what it corrects");
    v->head.st.corrections = calloc(n, sizeof(*v->head.st.corrections));
    v->head.correcting = calloc(n, sizeof(*v->head.correcting));
    if (v->head.st.corrections == NULL || v->head.correcting == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for corrections");
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_correction(v, json_array_get(list, i), err);
    return r;
}

static int read_content(dm_v *v, int64_t version, dm_err *err)
{
    dm_v_head *h = &v->head;
    const json_t *j = h->json, *plans = json_object_get(j, "plans"), *pool = json_object_get(j, "pool");
    int64_t before = 0;
    int r = dm_v_period(json_object_get(j, "period"), &h->st.period_start, &h->end, err);
    h->st.period_s = r == 0 ? (uint32_t)(h->end - h->st.period_start) : 0;
    if (r == 0)
        r = dm_v_text(j, "currency", h->st.currency, sizeof(h->st.currency), err);
    if (r == 0)
        r = dm_v_text(j, "account", h->st.account, sizeof(h->st.account), err);
    if (r == 0)
        r = dm_json_i64(j, "number", 1, INT64_MAX, &h->st.number.v, err);
    if (r == 0)
        r = dm_said_hex(j, "previous", h->st.previous.b, sizeof(h->st.previous.b), err);
    for (size_t i = 0; r == 0 && i < json_array_size(plans); i++)
        r = read_plan(v, json_array_get(plans, i), err);
    if (r == 0 && (h->st.nplans == 0 || h->st.plans[h->st.nplans - 1].to != h->st.period_s))
        r = dm_fail(err, DM_E_INVALID, "plans do not reach the period's end");
    h->has_pool = json_is_object(pool);
    if (r == 0 && h->has_pool)
        r = dm_json_i64(pool, "before_s", 0, INT64_MAX / 2, &before, err);
    h->pool_before_s = (uint64_t)before;
    if (v->out->statements == 0)
        v->first_start = h->st.period_start;
    if (r == 0)
        r = read_corrections(v, version, err);
    return r == 0 || r == DM_E_NOMEM ? r : DM_E_INVALID;
}

static int mark_books(dm_v *v, const char *name)
{
    const json_t *books = json_object_get(v->head.json, "books");
    char file[DM_USTAR_NAME];
    for (size_t i = 0; i < v->nbooks; i++)
        v->books[i].in_head = v->books[i].used = false;
    for (size_t i = 0; i < json_array_size(books); i++) {
        const json_t *j = json_array_get(books, i);
        int64_t id;
        dm_digest hash;
        if (dm_json_i64(j, "id", 1, INT64_MAX, &id, NULL) != 0 ||
                dm_said_hex(j, "sha256", hash.b, sizeof(hash.b), NULL) != 0)
            return dm_v_fault(v, DM_FAULT_WRONG, name, "its price books cannot be read");
        dm_v_book *b = dm_v_book_find(v, id);
        dm_v_entry(file, "books/%lld.json", (long long)id);
        if (b == NULL)
            return dm_v_fault(v, DM_FAULT_DROPPED, file, "the statement is rated by it, and it is not there");
        if (memcmp(&hash, &b->sha256, sizeof(hash)) != 0)
            return dm_v_fault(v, DM_FAULT_EDITED, file, "its hash is not the one that the statement has");
        b->in_head = true;
    }
    return 0;
}

/* As the root in the head has them. */
static int check_list(dm_v *v, const char *sig, dm_err *err)
{
    const json_t *pages = json_object_get(v->head.json, "pages");
    dm_digest want, root;
    dm_merkle tree = {0};
    int64_t count = -1;
    int r = 0;
    if (dm_json_i64(pages, "count", 0, DM_BUNDLE_PAGES_MAX, &count, NULL) != 0 ||
            dm_said_hex(pages, "root", want.b, sizeof(want.b), NULL) != 0 || count != v->head.npages)
        return dm_v_fault(v, DM_FAULT_EDITED, sig, "it has not as many pages as the head");
    for (uint32_t i = 0; r == 0 && i < v->head.npages; i++)
        r = dm_merkle_add(&tree, &v->head.pages[i], err);
    if (r == 0)
        r = dm_merkle_root(&tree, &root, err);
    if (r == 0 && memcmp(&root, &want, sizeof(root)) != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, sig, "the hashes of the pages do not make the root in the head");
    return r;
}

static int check_chain(dm_v *v, const char *name)
{
    const dm_v_head *h = &v->head;
    static const dm_digest none;
    if (h->st.number.v != h->number || strcmp(h->st.account, v->out->account) != 0)
        return dm_v_fault(
                v, DM_FAULT_REORDERED, name, "it is statement %lld of %s", (long long)h->st.number.v, h->st.account);
    if (h->number == 1 && memcmp(&h->st.previous, &none, sizeof(none)) != 0)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "the first statement names one before it");
    if (v->has_previous && memcmp(&h->st.previous, &v->previous, sizeof(v->previous)) != 0)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "it does not name the hash of the one before");
    if (v->has_previous && h->st.period_start < v->previous_end)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "its period begins before the one of the statement before ended");
    if (h->closed_at < h->end)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "it was closed before its period ended");
    return 0;
}

/* What was in the pool and counted before this statement is known from the one before, or from its month's beginning.
 */
static void turn_month(dm_v *v)
{
    int month = dm_v_month_of(v->head.st.period_start);
    if (v->month == 0 && v->head.number > 1)
        v->believed_month = month;
    if (month == v->month)
        return;
    v->pool_known = v->month != 0 || v->head.number == 1;
    v->pool_s = 0;
    v->ncounts = 0;
    v->month = month;
}

/* Rows are of its own period first. */
static void begin_rows(dm_v *v)
{
    const dm_statement *st = &v->head.st;
    dm_v_span *t = &v->own;
    t->start = st->period_start;
    t->end = v->head.end;
    t->period_s = st->period_s;
    t->nplans = st->nplans;
    memcpy(t->plans, st->plans, sizeof(t->plans));
    t->ngroups = 0;
    v->at = t;
    v->at_of = v->page.of = DM_V_OWN;
}

int dm_v_head_read(dm_v *v, int64_t number, dm_err *err)
{
    char name[DM_USTAR_NAME], sig[DM_USTAR_NAME];
    int64_t version = 0;
    dm_err why;
    dm_v_head_done(&v->head);
    v->head = (dm_v_head){.number = number};
    dm_v_entry(name, "statements/%lld.json", (long long)number);
    dm_v_entry(sig, "statements/%lld.sig", (long long)number);
    int r = dm_v_want(v, name, err);
    if (r != 0)
        return r;
    dm_buf_reset(&v->head_text);
    (void)dm_buf_str(&v->head_text, dm_buf_view(&v->body));
    r = dm_buf_ok(&v->head_text, err);
    if (r == 0)
        r = check_signature(v, name, sig, err);
    if (r != 0)
        return r;
    r = dm_json_load(dm_buf_view(&v->head_text), DM_BUNDLE_ENTRY_MAX, &v->head.json, &why);
    if (r == 0)
        r = dm_json_i64(v->head.json, "version", 1, INT64_MAX, &version, &why);
    if (r != 0)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "it cannot be read");
    if (version > DM_STATEMENT_NEWEST)
        return dm_v_unknown(v, "statement %lld is of version %lld", (long long)number, (long long)version);
    r = read_content(v, version, &why);
    if (r < 0)
        return r == DM_E_NOMEM ? dm_fail(err, r, "%s", why.msg) : dm_v_fault(v, DM_FAULT_WRONG, name, "%s", why.msg);
    r = check_chain(v, name);
    if (r == 0 && version == 1) {
        v->out->unpaged++;
        v->head.npages = 0;
        v->pool_known = false;
        v->believed_month = dm_v_month_of(v->head.st.period_start);
        v->unpaged_end = v->head.end;
        return dm_v_said_begin(&v->said, v->head.st.period_start, number, v->head.st.plans, v->head.st.nplans, err);
    }
    if (r == 0)
        r = mark_books(v, name);
    if (r == 0)
        r = check_list(v, sig, err);
    if (r != 0)
        return r;
    turn_month(v);
    begin_rows(v);
    return dm_v_said_begin(&v->said, v->own.start, number, v->own.plans, v->own.nplans, err);
}

/* --- what it must say --------------------------------------------------------------------------------------- */

static int list_books(dm_v *v, dm_err *err)
{
    dm_statement *st = &v->head.st;
    st->books = calloc(v->nbooks + 1, sizeof(*st->books));
    if (st->books == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for price books");
    for (size_t i = 0; i < v->nbooks; i++) {
        if (v->books[i].used)
            st->books[st->nbooks++] = (dm_stated_book){v->books[i].id, v->books[i].sha256};
    }
    return 0;
}

/* Which member is not as it must be. */
static void differs(const json_t *said, dm_str must, char out[64])
{
    DM_AUTO(json_t) want = NULL;
    const char *name;
    json_t *value;
    (void)snprintf(out, 64, "form");
    if (dm_json_load(must, DM_BUNDLE_ENTRY_MAX, &want, NULL) < 0)
        return;
    json_object_foreach(want, name, value)
    {
        if (json_equal(value, json_object_get(said, name)) == 0) {
            (void)snprintf(out, 64, "%s", name);
            return;
        }
    }
}

/* What an invoice adds up of it; those of its pages are counted in. */
static int sum_lines(dm_v *v, dm_err *err)
{
    const dm_statement *st = &v->head.st;
    int r = 0;
    for (size_t i = 0; r == 0 && i < st->nlines; i++)
        r = dm_v_sums_line(&v->sums, NULL, false, st->period_start, &st->lines[i], err);
    for (size_t i = 0; r == 0 && i < st->ncorrections; i++) {
        for (size_t k = 0; r == 0 && k < st->corrections[i].nlines; k++)
            r = dm_v_sums_line(&v->sums, NULL, true, st->corrections[i].start, &st->corrections[i].lines[k], err);
    }
    return r == DM_E_LIMIT ? dm_v_unknown(v, "a statement has lines of more kinds than this program looks at") : r;
}

int dm_v_head_check(dm_v *v, dm_err *err)
{
    char name[DM_USTAR_NAME], what[64];
    dm_v_entry(name, "statements/%lld.json", (long long)v->head.number);
    int r = dm_v_month_correct(v, err);
    if (r == 0)
        r = dm_v_pool(v, err);
    if (r == 0)
        r = dm_v_month_add(v, err);
    if (r == 0)
        r = list_books(v, err);
    if (r != 0)
        return r;
    dm_buf_reset(&v->text);
    r = dm_statement_head(&v->head.st, &v->text, err);
    if (r < 0)
        return r;
    if (!dm_str_eq(dm_buf_view(&v->text), dm_buf_view(&v->head_text))) {
        differs(v->head.json, dm_buf_view(&v->text), what);
        return dm_v_fault(v, DM_FAULT_WRONG, name, "its %s is not what follows from its pages", what);
    }
    return v->nnumbers > 0 ? sum_lines(v, err) : 0;
}
