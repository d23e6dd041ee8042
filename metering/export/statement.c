#include "metering/export/statement.h"

#include "base/parse.h"

#include "metering/limits.h"
#include "metering/rules/statement.h"

static int not_one(dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "it is no statement, or not as they are written");
}

/* --- members ------------------------------------------------------------------------------------------------ */

/* null is "". */
static int text_of(const json_t *obj, const char *name, char *out, size_t room, dm_err *err)
{
    dm_str s = dm_json_text(obj, name);
    out[0] = '\0';
    if (s.p == NULL)
        return json_is_null(json_object_get(obj, name)) ? 0 : not_one(err);
    return dm_str_to_array(s, out, room, NULL) < 0 ? not_one(err) : 0;
}

/* null is 0. */
static int number_of(const json_t *obj, const char *name, int64_t *out, dm_err *err)
{
    *out = 0;
    return json_is_null(json_object_get(obj, name))               ? 0
           : dm_json_i64(obj, name, 0, INT64_MAX, out, NULL) == 0 ? 0
                                                                  : not_one(err);
}

static int money_of(const json_t *obj, const char *name, dm_money *out, dm_err *err)
{
    dm_str s = dm_json_text(obj, name);
    return s.p == NULL || dm_money_parse(s, out, NULL) < 0 ? not_one(err) : 0;
}

static int hash_of(const json_t *obj, const char *name, dm_digest *out, dm_err *err)
{
    dm_str s = dm_json_text(obj, name);
    if (s.p == NULL || s.n != 2 * sizeof out->b)
        return not_one(err);
    for (size_t i = 0; i < sizeof out->b; i++) {
        int high = dm_hex_digit(s.p[2 * i]), low = dm_hex_digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return not_one(err);
        out->b[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int kind_of(const json_t *line, dm_export_kind *out, dm_err *err)
{
    static const char *const names[DM_EXPORT_KINDS] = {"usage", "correction", "measured"};
    dm_str s = dm_json_text(line, "kind");
    for (dm_export_kind k = 0; s.p != NULL && k < DM_EXPORT_KINDS; k++) {
        if (dm_str_eq_c(s, names[k])) {
            *out = k;
            return 0;
        }
    }
    return not_one(err);
}

/* --- projects ----------------------------------------------------------------------------------------------- */

/* Where it stands, or would. */
static size_t place_of(const dm_export_statement *s, int64_t no)
{
    size_t low = 0, high = s->nprojects;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->projects[mid].no < no)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int project_of(dm_export_statement *s, const json_t *obj, dm_export_project **out, dm_err *err)
{
    int64_t no;
    int r = number_of(obj, "project_no", &no, err);
    if (r < 0)
        return r;
    size_t at = place_of(s, no);
    if (at == s->nprojects || s->projects[at].no != no) {
        if (s->nprojects == DM_EXPORT_PROJECTS) {
            s->nrest++;
            *out = &s->rest;
            return 0;
        }
        memmove(s->projects + at + 1, s->projects + at, (s->nprojects - at) * sizeof *s->projects);
        s->projects[at] = (dm_export_project){.no = no};
        s->nprojects++;
        r = text_of(obj, "project", s->projects[at].id, sizeof s->projects[at].id, err);
    }
    *out = &s->projects[at];
    return r;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static int read_line(const json_t *j, dm_export_line *l, dm_err *err)
{
    dm_str sku = dm_json_text(j, "sku"), qty = dm_json_text(j, "qty"), price = dm_json_text(j, "per_unit");
    if (sku.p == NULL || qty.p == NULL || price.p == NULL || dm_sku_parse(sku, &l->sku, NULL) < 0 ||
            dm_qty_parse(qty, &l->qty, NULL) < 0 || dm_price_parse(price, &l->per_unit, NULL) < 0)
        return not_one(err);
    int r = text_of(j, "sandbox", l->sandbox, sizeof l->sandbox, err);
    if (r == 0)
        r = number_of(j, "epoch", &l->epoch, err);
    if (r == 0)
        r = number_of(j, "tier", &l->tier, err);
    if (r == 0)
        r = kind_of(j, &l->kind, err);
    return r == 0 ? money_of(j, "amount", &l->amount, err) : r;
}

static int add_line(dm_export_statement *s, const json_t *j, dm_err *err)
{
    dm_export_line l = {.epoch = 0};
    dm_export_project *p = NULL;
    int r = read_line(j, &l, err);
    if (r == 0)
        r = project_of(s, j, &p, err);
    if (r < 0)
        return r;
    dm_export_sum *sum = &p->sums[l.sku][l.kind];
    sum->lines++;
    s->all++;
    r = dm_qty_add(sum->qty, l.qty, &sum->qty, err);
    if (r == 0)
        r = dm_money_add(sum->amount, l.amount, &sum->amount, err);
    if (r == 0)
        r = dm_money_add(p->amount, l.amount, &p->amount, err);
    if (r == 0)
        r = dm_money_add(s->sum, l.amount, &s->sum, err);
    if (r < 0 || s->nlines == DM_EXPORT_LINES)
        return r;
    s->lines[s->nlines++] = l;
    return dm_money_add(s->printed, l.amount, &s->printed, err);
}

static int add_lines(dm_export_statement *s, const json_t *list, dm_err *err)
{
    if (!json_is_array(list))
        return not_one(err);
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
        r = add_line(s, json_array_get(list, i), err);
    return r;
}

/* How long it ran and slept; what is restated was counted when it was. */
static int add_sandboxes(dm_export_statement *s, const json_t *list, dm_err *err)
{
    dm_export_project *p = NULL;
    int64_t running, asleep;
    if (!json_is_array(list))
        return not_one(err);
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        r = project_of(s, one, &p, err);
        if (r == 0)
            r = number_of(one, "running_s", &running, err);
        if (r == 0)
            r = number_of(one, "hibernated_s", &asleep, err);
        if (r == 0 && (__builtin_add_overflow(p->running_s, (uint64_t)running, &p->running_s) ||
                              __builtin_add_overflow(p->asleep_s, (uint64_t)asleep, &p->asleep_s)))
            r = not_one(err);
    }
    return r;
}

/* --- head --------------------------------------------------------------------------------------------------- */

bool dm_export_is_statement(dm_str line)
{
    /* members stand by their names: an invoice has no attestations, and "account" is first in both */
    static const dm_str next = DM_STR_INIT("\",\"attestations\":");
    return line.n > 0 && memmem(line.p, line.n < 200 ? line.n : 200, next.p, next.n) != NULL;
}

/* As a time is written: it is copied to where no text of anybody's may be. */
static bool is_time(const char *z)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    if (z == NULL || strlen(z) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == '0' ? z[i] < '0' || z[i] > '9' : z[i] != form[i])
            return false;
    }
    return true;
}

static int read_head(dm_export_statement *s, dm_err *err)
{
    const json_t *h = s->head, *sworn = json_object_get(h, "attestations"), *period = json_object_get(h, "period");
    s->account = dm_json_c(h, "account");
    s->currency = dm_json_c(h, "currency");
    s->from = dm_json_c(period, "start");
    s->to = dm_json_c(period, "end");
    if (s->account == NULL || s->currency == NULL || !is_time(s->from) || !is_time(s->to))
        return not_one(err);
    int r = number_of(h, "number", &s->number, err);
    if (r == 0)
        r = number_of(h, "version", &s->version, err);
    if (r == 0 && (s->version < 1 || s->version > DM_STATEMENT_NEWEST))
        r = dm_fail(err, DM_E_INVALID, "this program knows no version %lld of statements", (long long)s->version);
    if (r == 0)
        r = number_of(h, "running_s", &s->running_s, err);
    if (r == 0)
        r = number_of(h, "hibernated_s", &s->asleep_s, err);
    if (r == 0)
        r = number_of(sworn, "count", &s->sandboxes, err);
    if (r == 0)
        r = number_of(sworn, "unattested", &s->unattested, err);
    if (r == 0)
        r = money_of(h, "total", &s->total, err);
    return r == 0 ? hash_of(h, "previous", &s->previous, err) : r;
}

int dm_export_statement_new(dm_str head, dm_export_statement **out, dm_err *err)
{
    DM_AUTO(dm_export_statement) s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->projects = calloc(DM_EXPORT_PROJECTS, sizeof *s->projects);
        s->lines = calloc(DM_EXPORT_LINES, sizeof *s->lines);
    }
    if (s == NULL || s->projects == NULL || s->lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a statement");
    int r = dm_json_load(head, DM_BUNDLE_ENTRY_MAX, &s->head, err);
    if (r == 0)
        r = dm_sha256(head, &s->hash, err);
    if (r == 0)
        r = read_head(s, err);
    if (r == 0)
        r = add_lines(s, json_object_get(s->head, "lines"), err);
    if (r == 0 && s->version == 1) /* the whole is in it */
        r = add_sandboxes(s, json_object_get(s->head, "sandboxes"), err);
    if (r == 0)
        *out = dm_steal(&s);
    return r;
}

/* --- pages -------------------------------------------------------------------------------------------------- */

int dm_export_statement_page(dm_export_statement *s, dm_str page, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    dm_digest hash;
    int64_t number = 0, at = 0;
    int r = dm_json_load(page, DM_STATED_PAGE_BYTES, &j, err);
    if (r == 0)
        r = dm_sha256(page, &hash, err);
    if (r == 0)
        r = dm_merkle_add(&s->pages, &hash, err);
    if (r == 0)
        r = number_of(j, "number", &number, err);
    if (r == 0)
        r = number_of(j, "page", &at, err);
    dm_str account = dm_json_text(j, "account");
    if (r == 0 && (account.p == NULL || !dm_str_eq_c(account, s->account) || number != s->number ||
                          (uint64_t)at != s->pages.n))
        r = dm_fail(err, DM_E_INVALID, "page %llu is not of this statement", (unsigned long long)s->pages.n);
    uint64_t before = s->all;
    if (r == 0)
        r = add_lines(s, json_object_get(j, "lines"), err);
    s->paged += s->all - before;
    if (r < 0 || json_object_get(j, "corrects") != NULL)
        return r;
    return add_sandboxes(s, json_object_get(j, "sandboxes"), err);
}

/* Those of version 1 have none. */
static int signed_pages(const dm_export_statement *s, dm_err *err)
{
    const json_t *pages = json_object_get(s->head, "pages");
    dm_digest root, own;
    int64_t count = 0, lines = 0;
    int r = number_of(pages, "count", &count, err);
    if (r == 0)
        r = number_of(pages, "lines", &lines, err);
    if (r == 0)
        r = hash_of(pages, "root", &root, err);
    if (r == 0)
        r = dm_merkle_root(&s->pages, &own, err);
    if (r < 0)
        return r;
    return (uint64_t)count == s->pages.n && (uint64_t)lines == s->paged && memcmp(&root, &own, sizeof own) == 0
                   ? 0
                   : dm_fail(err, DM_E_INVALID, "its pages are not those that were signed");
}

int dm_export_statement_end(const dm_export_statement *s, dm_err *err)
{
    int r = s->version == 1 && s->pages.n == 0 ? 0 : signed_pages(s, err);
    if (r == 0 && dm_money_cmp(s->sum, s->total) != 0)
        r = dm_fail(err, DM_E_INVALID, "its lines do not come to its total");
    return r;
}

void dm_export_statement_free(dm_export_statement *s)
{
    if (s == NULL)
        return;
    json_decref(s->head);
    free(s->projects);
    free(s->lines);
    free(s);
}
