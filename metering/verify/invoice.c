/* The documents behind the statements: an invoice's lines are the sums of its statements' lines, and all that follows
 * from them is reckoned anew, rounded once a tax; a credit note takes away from the lines of its invoice, and no more
 * than is left of them. What an invoice has of discount and of what was prepaid is the wallet's, and believed. */
#include <stdio.h>

#include "base/grow.h"
#include "base/parse.h"

#include "metering/verify/own.h"

typedef struct reading {
    char entry[DM_USTAR_NAME], sig[DM_USTAR_NAME];
    dm_buf body, names;
    json_t *json, *sig_json;
    dm_invoice v;
    int64_t seller;
    dm_digest hash;
    dm_v_billed billed;
    bool whole; /* all of its statements are in the bundle */
} reading;

static int wrong(dm_v *v, const reading *r, const char *words)
{
    return dm_v_fault(v, DM_FAULT_WRONG, r->entry, "%s", words);
}

/* Of a line, from 1. */
static int wrong_line(dm_v *v, const reading *r, size_t line, const char *words)
{
    int bad = dm_v_fault(v, DM_FAULT_WRONG, r->entry, "line %zu: %s", line, words);
    v->out->fault.place = (uint32_t)line;
    return bad;
}

/* --- the signature ------------------------------------------------------------------------------------------ */

typedef struct signed_by {
    dm_digest hash;
    dm_public_key key;
    dm_signature signature;
} signed_by;

static int read_sig(dm_v *v, reading *r, size_t k, signed_by *out, dm_err *err)
{
    dm_err why;
    int bad = dm_v_want(v, r->sig, err);
    if (bad != 0)
        return bad;
    if (!dm_v_sum_ok(dm_buf_view(&v->body)))
        return dm_v_fault(v, DM_FAULT_EDITED, r->sig, "it is not what it was made as");
    int e = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &r->sig_json, &why);
    const json_t *j = r->sig_json;
    const char *number = dm_json_c(j, "number");
    if (e == 0)
        e = dm_said_hex(j, "hash", out->hash.b, DM_SHA256, &why);
    if (e == 0)
        e = dm_said_hex(j, "key", out->key.b, sizeof(out->key.b), &why);
    if (e == 0)
        e = dm_said_hex(j, "signature", out->signature.b, sizeof(out->signature.b), &why);
    if (e == 0)
        e = dm_json_i64(j, "seller", 1, INT64_MAX, &r->seller, &why);
    if (e != 0 || number == NULL || !json_is_array(json_object_get(j, "statements")))
        return dm_v_fault(v, DM_FAULT_EDITED, r->sig, "it cannot be read");
    if (strcmp(number, v->numbers[k]) != 0)
        return dm_v_fault(v, DM_FAULT_REORDERED, r->sig, "it is of %.40s", number);
    return 0;
}

/* It is read before it is known who signed it, since it says when: if it cannot be, nobody did. */
static int read_doc(dm_v *v, reading *r, size_t k, dm_err *err)
{
    signed_by s;
    dm_err why;
    int bad = dm_v_want(v, r->entry, err);
    if (bad == 0)
        bad = dm_buf_str(&r->body, dm_buf_view(&v->body));
    if (bad == 0)
        bad = dm_sha256(dm_buf_view(&r->body), &r->hash, err);
    if (bad == 0)
        bad = read_sig(v, r, k, &s, err);
    if (bad != 0)
        return bad;
    if (memcmp(&r->hash, &s.hash, sizeof(s.hash)) != 0)
        return dm_v_fault(v, DM_FAULT_EDITED, r->entry, "its hash is not the one that was signed");
    int e = dm_json_load(dm_buf_view(&r->body), DM_BUNDLE_ENTRY_MAX, &r->json, &why);
    int64_t issued = -1;
    if (e == 0)
        e = dm_said_time(r->json, "issued", &issued, &why);
    if (!dm_v_signed_at(v, issued, dm_buf_view(&r->body), &s.signature, &s.key))
        return dm_v_fault(v, DM_FAULT_FOREIGN, r->entry, "no key of the service that was valid then signed it");
    if (e == 0)
        e = dm_invoice_read(r->json, &r->v, &r->names, &why);
    if (e == DM_E_NOMEM)
        return dm_fail(err, e, "%s", why.msg);
    if (e != 0)
        return wrong(v, r, "it cannot be read");
    if (strcmp(r->v.account, v->out->account) != 0 || !dm_str_eq_c(r->v.number, v->numbers[k]))
        return dm_v_fault(v, DM_FAULT_REORDERED, r->entry, "it is %.*s of %.40s",
                (int)(r->v.number.n > 40 ? 40 : r->v.number.n), r->v.number.p, r->v.account);
    return 0;
}

/* --- its place ---------------------------------------------------------------------------------------------- */

static int check_chain(dm_v *v, const reading *r)
{
    static const dm_digest none;
    if (r->v.chain == 1 && memcmp(&r->v.previous, &none, sizeof(none)) != 0)
        return wrong(v, r, "the seller's first document names one before it");
    for (size_t i = v->ndocs; i-- > 0;) {
        const dm_v_doc *d = &v->docs[i];
        if (d->seller != r->seller)
            continue;
        if (d->chain >= r->v.chain)
            return wrong(v, r, "it stands before another of its seller");
        if (d->chain + 1 == r->v.chain && memcmp(&d->hash, &r->v.previous, sizeof(d->hash)) != 0)
            return wrong(v, r, "it does not name the hash of the document before");
        return 0;
    }
    return 0;
}

/* --- an invoice's statements -------------------------------------------------------------------------------- */

static int edited_list(dm_v *v, const reading *r)
{
    return dm_v_fault(v, DM_FAULT_EDITED, r->sig, "its statements are not those of the document");
}

/* Their numbers ascend, are as many as the document says, and their hashes make its root. */
static int take_statements(dm_v *v, reading *r, dm_err *err)
{
    const json_t *list = json_object_get(r->sig_json, "statements");
    size_t n = json_array_size(list);
    int64_t before = 0, first = v->out->first, last = v->out->last;
    int e = 0;
    if ((int64_t)n != r->v.statements)
        return edited_list(v, r);
    r->whole = true;
    v->sums.n = v->sums.settled = 0;
    for (size_t i = 0; e == 0 && i < n; i++) {
        const json_t *j = json_array_get(list, i);
        int64_t number = json_is_integer(j) ? (int64_t)json_integer_value(j) : 0;
        if (number <= before || (i == 0 && number != r->v.first_statement) ||
                (i + 1 == n && number != r->v.last_statement))
            return edited_list(v, r);
        before = number;
        r->whole = r->whole && number >= first && number <= last && dm_v_sums_known(&v->sums, (size_t)(number - first));
        if (r->whole)
            e = dm_v_sums_take(&v->sums, (size_t)(number - first), &r->billed, err);
    }
    if (e == DM_E_LIMIT)
        return dm_v_unknown(v, "%s has lines of more kinds than this program looks at", r->entry);
    return e;
}

static bool same_plans(const reading *r, const json_t *list)
{
    bool same = json_array_size(list) == r->billed.nplans;
    for (size_t i = 0; same && i < r->billed.nplans; i++) {
        const char *tier = json_string_value(json_array_get(list, i));
        same = tier != NULL && strcmp(tier, r->billed.plans[i].tier) == 0;
    }
    return same;
}

static bool same_line(const dm_v_sum *s, const dm_invoice_line *l)
{
    return dm_str_eq_c(l->kind, s->correction ? "correction" : "usage") && dm_str_eq_c(l->sku, dm_sku_name(s->sku)) &&
           l->project_no.v == s->project_no && (l->project.p != NULL) == (s->project_no != 0) &&
           (l->project.p == NULL || dm_str_eq_c(l->project, s->project)) && l->priced && l->book == s->book &&
           l->qty.v == s->qty.v && l->per_unit.v == s->per_unit.v && l->tier == s->tier && l->seconds == s->seconds &&
           l->amount.v == s->amount.v && l->of_line == 0;
}

/* How many lines are those of commitments, behind all others. */
static size_t committed(const dm_invoice *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->ncommitments; i++)
        n += v->commitments[i].amount.v != 0;
    return n;
}

static int check_statements(dm_v *v, reading *r, dm_err *err)
{
    dm_digest root;
    int e = dm_v_sums_settle(&v->sums, err);
    if (e == 0)
        e = dm_merkle_root(&r->billed.tree, &root, err);
    if (e < 0)
        return e;
    if (memcmp(&root, &r->v.statements_root, sizeof(root)) != 0)
        return edited_list(v, r);
    if (r->v.statements == 0 && r->v.ncommitments > 0) { /* it is of what months cost without any */
        r->billed.start = r->v.commitments[0].month_s;
        r->billed.end = r->v.commitments[r->v.ncommitments - 1].next_s;
    }
    if (r->v.period_start != r->billed.start || r->v.period_end != r->billed.end)
        return wrong(v, r, "its period is not that of its statements");
    if (!same_plans(r, json_object_get(r->json, "plans")))
        return wrong(v, r, "its plans are not those of its statements");
    for (size_t i = 0; i < r->v.nlines && i < v->sums.n; i++) {
        if (!same_line(&v->sums.v[i], &r->v.lines[i]))
            return wrong_line(v, r, i + 1, "it is not what its statements come to");
    }
    return r->v.nlines == v->sums.n + committed(&r->v)
                   ? 0
                   : wrong(v, r, "it has not the lines that its statements come to");
}

/* --- what a month costs at least ---------------------------------------------------------------------------- */

static bool commits(const dm_invoice_line *l, const dm_invoice_commitment *c)
{
    return dm_str_eq_c(l->kind, DM_INVOICE_COMMITMENT) && dm_str_eq_c(l->sku, DM_INVOICE_COMMITMENT) && !l->priced &&
           l->project.p == NULL && l->project_no.v == 0 && l->tier == 0 && l->seconds == 0 && l->of_line == 0 &&
           l->tax == 0 && l->amount.v == c->amount.v;
}

/* Which of the bundle's statements are counted, once each. */
typedef struct counting {
    bool *counted;
    dm_money charges, before;
    bool all; /* all that the document counts in is in the bundle */
    bool twice;
} counting;

static int count_statement(dm_v *v, counting *k, size_t at, int month, dm_err *err)
{
    int r = 0;
    k->twice = k->twice || k->counted[at];
    k->counted[at] = true;
    size_t lo = 0, hi = v->sums.ncharges;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->sums.charges[mid].of < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; r == 0 && lo < v->sums.ncharges && v->sums.charges[lo].of == at; lo++) {
        if (v->sums.charges[lo].month == month)
            r = dm_money_add(k->charges, v->sums.charges[lo].amount, &k->charges, err);
    }
    return r;
}

static int count_document(dm_v *v, counting *k, const dm_v_doc *d, int month, dm_err *err)
{
    int r = 0;
    k->all = k->all && d->whole;
    for (size_t i = 0; r == 0 && i < d->nstatements; i++)
        r = count_statement(v, k, d->statements[i], month, err);
    for (size_t i = 0; r == 0 && i < d->ncommitments; i++) {
        if (dm_v_month_of(d->commitments[i].month_s) == month)
            r = dm_money_add(k->before, d->commitments[i].amount, &k->before, err);
    }
    return r;
}

static dm_v_doc *named(dm_v *v, int64_t seller, dm_str number)
{
    for (size_t i = 0; i < v->ndocs; i++) {
        if (v->docs[i].invoice && v->docs[i].seller == seller && dm_str_eq_c(number, v->docs[i].number))
            return &v->docs[i];
    }
    return NULL;
}

/* What it counts of a month: its own statements, and those of the documents that it names. */
static int count(dm_v *v, const reading *r, const dm_invoice_commitment *c, counting *k, dm_err *err)
{
    int month = dm_v_month_of(c->month_s), e = 0;
    const json_t *own = json_object_get(r->sig_json, "statements");
    dm_str rest = c->invoices, number;
    k->all = r->whole;
    for (size_t i = 0; e == 0 && r->whole && i < json_array_size(own); i++) {
        int64_t at = (int64_t)json_integer_value(json_array_get(own, i)) - v->out->first;
        e = count_statement(v, k, (size_t)at, month, err);
    }
    while (e == 0 && rest.n > 0 && dm_str_split(&rest, ',', &number)) {
        const dm_v_doc *d = named(v, r->seller, number);
        k->all = k->all && d != NULL;
        if (d != NULL)
            e = count_document(v, k, d, month, err);
    }
    return e;
}

static int check_month(dm_v *v, const reading *r, const dm_invoice_commitment *c, dm_err *err)
{
    DM_AUTO_MEM bool *counted = calloc(v->sums.nof + 1, sizeof(*counted));
    counting k = {.counted = counted};
    if (counted == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a month's statements");
    int e = count(v, r, c, &k, err);
    if (e < 0)
        return e;
    if (k.all && (k.twice || k.charges.v != c->charges.v || k.before.v != c->before.v))
        return wrong(v, r, "a commitment counts what was not charged, or not what was");
    return 0;
}

/* By month, each with the line that it says, behind all others; and no other line is of that kind. */
static int check_commitments(dm_v *v, const reading *r, dm_err *err)
{
    size_t n = committed(&r->v), first = r->v.nlines - n;
    int e = r->v.nlines < n ? wrong(v, r, "a commitment has no line") : 0;
    for (size_t i = 0; e == 0 && i < first; i++) {
        if (dm_str_eq_c(r->v.lines[i].kind, DM_INVOICE_COMMITMENT))
            e = wrong_line(v, r, i + 1, "it is of no commitment");
    }
    for (size_t i = 0, line = first; e == 0 && i < r->v.ncommitments; i++) {
        const dm_invoice_commitment *c = &r->v.commitments[i];
        if (i > 0 && c[-1].month_s >= c->month_s)
            return wrong(v, r, "its commitments are not by month");
        if (c->line != (c->amount.v == 0 ? 0 : line + 1) || (c->line != 0 && !commits(&r->v.lines[line], c)))
            return wrong_line(v, r, line + 1, "it is not what the month is short of");
        line += c->line != 0;
        e = check_month(v, r, c, err);
    }
    return e;
}

/* --- what a credit note is of ------------------------------------------------------------------------------- */

static dm_v_doc *invoice_of(dm_v *v, const reading *r)
{
    return r->v.refers_to.p != NULL ? named(v, r->seller, r->v.refers_to) : NULL;
}

static bool same_what(const dm_v_doc *d, size_t i, const dm_invoice_line *l)
{
    const dm_v_sum *s = &d->of[i];
    return dm_str_eq_c(l->kind, "credit") && !l->priced &&
           dm_str_eq_c(l->sku, s->commitment ? DM_INVOICE_COMMITMENT : dm_sku_name(s->sku)) &&
           l->project_no.v == s->project_no && (l->project.p != NULL) == (s->project_no != 0) &&
           (l->project.p == NULL || dm_str_eq_c(l->project, s->project)) && l->tier == s->tier && l->seconds == 0 &&
           l->tax == d->lines[i].tax;
}

static int check_credit(dm_v *v, const reading *r, dm_v_doc *d)
{
    for (size_t i = 0; i < r->v.nlines; i++) {
        const dm_invoice_line *l = &r->v.lines[i];
        if (l->of_line == 0 || l->of_line > d->nlines || !same_what(d, l->of_line - 1, l))
            return wrong_line(v, r, i + 1, "it is not of a line of its invoice");
        dm_money *left = &d->lines[l->of_line - 1].net;
        if (l->net.v <= 0 || dm_money_cmp(l->net, *left) > 0)
            return wrong_line(v, r, i + 1, "it credits more than is left of its line");
        if (dm_money_cmp(l->amount, l->net) != 0)
            return wrong_line(v, r, i + 1, "its amount is not what it credits");
        left->v -= l->net.v;
    }
    if (strcmp(d->currency, r->v.currency) != 0 || d->ntaxes != r->v.ntaxes)
        return wrong(v, r, "it is not of the currency and taxes of its invoice");
    for (size_t t = 0; t < d->ntaxes; t++) {
        if (d->taxes[t].rate_ppm != r->v.taxes[t].rate_ppm)
            return wrong(v, r, "its rates of tax are not those of its invoice");
    }
    return 0;
}

/* --- sums and bytes ----------------------------------------------------------------------------------------- */

static int reckon(dm_v *v, reading *r, dm_v_doc *of, dm_err *err)
{
    dm_err why;
    dm_invoice invoice = {.ntaxes = r->v.ntaxes};
    if (of == NULL)
        return dm_invoice_reckon(&r->v, &why) < 0 ? wrong(v, r, why.msg) : 0;
    invoice.taxes = of->taxes;
    if (r->v.discount.v != 0 || r->v.prepaid.v != 0 ||
            dm_invoice_reckon_credit(&r->v, &invoice, of->credited, of->taxed, &why) < 0)
        return wrong(v, r, "what it credits does not follow from its invoice");
    int e = 0;
    for (size_t t = 0; e == 0 && t < of->ntaxes; t++) {
        e = dm_money_add(of->credited[t], r->v.taxes[t].base, &of->credited[t], err);
        if (e == 0)
            e = dm_money_add(of->taxed[t], r->v.taxes[t].amount, &of->taxed[t], err);
    }
    return e;
}

/* Books of a document whose statements are not all here, and plans, are as it says. */
static int same_bytes(dm_v *v, reading *r, dm_err *err)
{
    DM_AUTO_MEM dm_str *tiers = NULL;
    DM_AUTO_MEM dm_invoice_book *said = NULL;
    size_t nbooks = 0, nplans = 0;
    int bad = dm_invoice_read_plans(r->json, &tiers, &nplans, err);
    if (bad == 0)
        bad = dm_invoice_read_books(r->json, &said, &nbooks, err);
    if (bad == DM_E_INVALID)
        return wrong(v, r, "its price books cannot be read");
    if (bad < 0)
        return bad;
    bool own = r->whole && !r->v.credit_note;
    r->v.plans = tiers;
    r->v.nplans = nplans;
    r->v.books = own ? r->billed.books : said;
    r->v.nbooks = own ? r->billed.nbooks : nbooks;
    dm_buf_reset(&v->text);
    int e = dm_invoice_body(&r->v, &v->text, err);
    if (e < 0 && e != DM_E_INTERNAL)
        return e;
    return e == 0 && dm_str_eq(dm_buf_view(&v->text), dm_buf_view(&r->body))
                   ? 0
                   : wrong(v, r, "its sums or its form are not what follows from its lines");
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

/* What commitments of those behind it may count in. */
static int keep_counted(const dm_v *v, const reading *r, dm_v_doc *d, dm_err *err)
{
    const json_t *list = json_object_get(r->sig_json, "statements");
    size_t n = r->whole ? json_array_size(list) : 0;
    d->whole = r->whole;
    d->statements = calloc(n + 1, sizeof(*d->statements));
    d->commitments = calloc(r->v.ncommitments + 1, sizeof(*d->commitments));
    if (d->statements == NULL || d->commitments == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    for (size_t i = 0; i < n; i++)
        d->statements[i] = (size_t)((int64_t)json_integer_value(json_array_get(list, i)) - v->out->first);
    d->nstatements = n;
    for (size_t i = 0; i < r->v.ncommitments; i++) {
        const dm_invoice_commitment *c = &r->v.commitments[i];
        d->commitments[i] = (dm_invoice_commitment){.month_s = c->month_s, .amount = c->amount};
    }
    d->ncommitments = r->v.ncommitments;
    return 0;
}

static int keep(dm_v *v, const reading *r, dm_err *err)
{
    dm_v_doc *d = &v->docs[v->ndocs];
    *d = (dm_v_doc){.seller = r->seller, .chain = r->v.chain, .hash = r->hash, .invoice = !r->v.credit_note};
    (void)snprintf(d->number, sizeof(d->number), "%.*s", (int)r->v.number.n, r->v.number.p);
    (void)snprintf(d->currency, sizeof(d->currency), "%s", r->v.currency);
    v->ndocs++;
    if (!d->invoice)
        return 0;
    int e = keep_counted(v, r, d, err);
    if (e < 0)
        return e;
    d->lines = calloc(r->v.nlines + 1, sizeof(*d->lines));
    d->of = calloc(r->v.nlines + 1, sizeof(*d->of));
    if (d->lines == NULL || d->of == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    d->nlines = r->v.nlines;
    d->ntaxes = r->v.ntaxes;
    memcpy(d->taxes, r->v.taxes, d->ntaxes * sizeof(*d->taxes));
    for (size_t i = 0; i < d->nlines; i++) {
        const dm_invoice_line *l = &r->v.lines[i];
        dm_sku sku = DM_SKU_COUNT;
        bool commitment = dm_str_eq_c(l->kind, DM_INVOICE_COMMITMENT);
        if (!commitment && dm_sku_parse(l->sku, &sku, NULL) < 0)
            return wrong_line(v, r, i + 1, "there is no such SKU");
        d->lines[i] = (dm_invoice_line){.tax = l->tax, .net = l->net};
        d->of[i] = (dm_v_sum){
                .project_no = l->project_no.v, .commitment = commitment, .sku = sku, .tier = (uint8_t)l->tier};
        if (l->project.p != NULL)
            (void)snprintf(d->of[i].project, sizeof(d->of[i].project), "%.*s", (int)l->project.n, l->project.p);
    }
    return 0;
}

static int check(dm_v *v, reading *r, dm_err *err)
{
    dm_v_doc *of = NULL;
    int bad = check_chain(v, r);
    if (bad == 0)
        bad = take_statements(v, r, err);
    if (bad == 0 && r->v.credit_note && (of = invoice_of(v, r)) == NULL)
        return wrong(v, r, "it is of no invoice before it");
    if (bad == 0 && (r->v.credit_note || r->whole))
        bad = r->v.credit_note ? check_credit(v, r, of) : check_statements(v, r, err);
    if (bad == 0 && !r->v.credit_note)
        bad = check_commitments(v, r, err);
    if (bad == 0)
        bad = reckon(v, r, of, err);
    if (bad == 0)
        bad = same_bytes(v, r, err);
    if (bad == 0)
        bad = keep(v, r, err);
    if (bad == 0) {
        v->out->invoices += !r->v.credit_note;
        v->out->credit_notes += r->v.credit_note;
        v->out->invoices_partly += !r->v.credit_note && !r->whole;
    }
    return bad;
}

int dm_v_invoice(dm_v *v, size_t k, dm_err *err)
{
    reading r = {.whole = false};
    dm_v_entry(r.entry, "invoices/%zu.json", k + 1);
    dm_v_entry(r.sig, "invoices/%zu.sig", k + 1);
    dm_buf_init(&r.body, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&r.names, DM_BUNDLE_ENTRY_MAX);
    int bad = read_doc(v, &r, k, err);
    if (bad == 0)
        bad = check(v, &r, err);
    free(r.v.lines);
    free(r.v.taxes);
    free(r.v.commitments);
    dm_v_billed_done(&r.billed);
    json_decref(r.json);
    json_decref(r.sig_json);
    dm_buf_done(&r.body);
    dm_buf_done(&r.names);
    return bad;
}

void dm_v_invoices_done(dm_v *v)
{
    for (size_t i = 0; i < v->ndocs; i++) {
        free(v->docs[i].lines);
        free(v->docs[i].of);
        free(v->docs[i].statements);
        free(v->docs[i].commitments);
    }
    free(v->docs);
    free(v->numbers);
}
