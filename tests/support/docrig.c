#include "tests/support/docrig.h"

#include <stdio.h>

#include "metering/rules/rate.h"
#include "metering/rules/receipt.h"

enum { ISSUED = 1772488800, TEXT = 256 };

typedef struct made {
    dm_invoice v;
    dm_invoice_tax taxes[2];
    dm_invoice_book books[2];
    dm_str plans[2];
    dm_invoice_commitment least;
    char (*names)[TEXT], (*ids)[40]; /* of lines' projects */
} made;

static const dm_invoice_party seller = {.name = DM_STR_INIT("Dormouse GmbH"),
        .address = DM_STR_INIT("Haselweg 1\n10115 Berlin"),
        .country = DM_STR_INIT("DE"),
        .tax_id = DM_STR_INIT("DE136695976"),
        .legal_id = DM_STR_INIT("HRB 123456"),
        .email = DM_STR_INIT("billing@dormouse.example"),
        .iban = DM_STR_INIT("DE89370400440532013000"),
        .bic = DM_STR_INIT("COBADEFFXXX")};
static const dm_invoice_party domestic = {.name = DM_STR_INIT("Ada Lovelace & Töchter GmbH"),
        .address = DM_STR_INIT("Rechenweg 7\nHinterhaus, 2. OG\n20095 Hamburg"),
        .country = DM_STR_INIT("DE"),
        .tax_id = DM_STR_INIT("DE 811 907 980"),
        .email = DM_STR_INIT("rechnung@ada.example")};
static const dm_invoice_party austrian = {.name = DM_STR_INIT("Wachau <Labs> AG"),
        .address = DM_STR_INIT("Donaulände 3\n3500 Krems"),
        .country = DM_STR_INIT("AT"),
        .tax_id = DM_STR_INIT("ATU12345675")};
static const dm_invoice_party chinese = {.name = DM_STR_INIT("杭州睡鼠科技有限公司"),
        .address = DM_STR_INIT("浙江省杭州市西湖区文三路 90 号\n东部软件园 3 号楼\n310012"),
        .country = DM_STR_INIT("CN"),
        .tax_id = DM_STR_INIT("91330106MA2CFK7B0X")};
static const dm_invoice_party arab = {.name = DM_STR_INIT("شركة السنجاب للبرمجيات ذ.م.م"),
        .address = DM_STR_INIT("شارع النخيل 12\nالقاهرة"),
        .country = DM_STR_INIT("EG")};
static const dm_invoice_party consumer = {
        .name = DM_STR_INIT("Jane Roe"), .address = DM_STR_INIT("1 Lane"), .country = DM_STR_INIT("DE")};

static const dm_invoice_tax standard = {
        .category = DM_STR_INIT("S"), .jurisdiction = DM_STR_INIT("DE"), .rate_ppm = 190000};
static const dm_invoice_tax reduced = {
        .category = DM_STR_INIT("S"), .jurisdiction = DM_STR_INIT("DE"), .rate_ppm = 88750};
static const dm_invoice_tax reverse = {.category = DM_STR_INIT("AE"),
        .jurisdiction = DM_STR_INIT("EU"),
        .reason = DM_STR_INIT("Reverse charge"),
        .reason_code = DM_STR_INIT("VATEX-EU-AE"),
        .reverse_charge = true};
static const dm_invoice_tax exempt = {.category = DM_STR_INIT("E"),
        .jurisdiction = DM_STR_INIT("DE"),
        .reason = DM_STR_INIT("Small business, § 19 UStG")};
static const dm_invoice_tax zero = {.category = DM_STR_INIT("Z"), .jurisdiction = DM_STR_INIT("DE")};
static const dm_invoice_tax outside = {.category = DM_STR_INIT("O"),
        .jurisdiction = DM_STR_INIT("none"),
        .reason = DM_STR_INIT("Not subject to VAT"),
        .reason_code = DM_STR_INIT("VATEX-EU-O")};

typedef struct plan {
    const char *name, *currency;
    const dm_invoice_tax *tax;
    const dm_invoice_party *buyer;
    size_t lines, projects;
    const char *discount, *prepaid; /* NULL: none; prepaid "all" */
    const char *project;            /* their names begin so */
    bool credit;                    /* a credit note to it */
    bool back;                      /* every fifth line is a correction that takes back */
    bool fee;                       /* the last has no price */
    bool two;                       /* taxes */
    bool least;                     /* its contract says what the month costs at least */
} plan;

static const plan plans[] = {
        {.name = "one", .currency = "EUR", .tax = &standard, .buyer = &domestic, .lines = 1, .projects = 1},
        {.name = "twelve",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 12,
                .projects = 3,
                .back = true,
                .fee = true},
        {.name = "credit",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 3,
                .projects = 2,
                .credit = true},
        {.name = "reverse", .currency = "EUR", .tax = &reverse, .buyer = &austrian, .lines = 4, .projects = 1},
        {.name = "exempt", .currency = "EUR", .tax = &exempt, .buyer = &consumer, .lines = 2, .projects = 1},
        {.name = "zero", .currency = "EUR", .tax = &zero, .buyer = &consumer, .lines = 2, .projects = 1},
        {.name = "outside",
                .currency = "CNY",
                .tax = &outside,
                .buyer = &chinese,
                .lines = 6,
                .projects = 2,
                .project = "训练 集群"},
        {.name = "arab",
                .currency = "USD",
                .tax = &outside,
                .buyer = &arab,
                .lines = 6,
                .projects = 2,
                .project = "مشروع تجريبي"},
        {.name = "two",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 8,
                .projects = 2,
                .two = true,
                .discount = "3.333333"},
        {.name = "prepaid",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 5,
                .projects = 2,
                .discount = "1.006",
                .prepaid = "0.50"},
        {.name = "settled",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 5,
                .projects = 2,
                .prepaid = "all"},
        {.name = "yen",
                .currency = "JPY",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 5,
                .projects = 2,
                .back = true},
        {.name = "dinar", .currency = "KWD", .tax = &standard, .buyer = &domestic, .lines = 5, .projects = 2},
        {.name = "least",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 4,
                .projects = 2,
                .least = true},
        {.name = "long",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 24,
                .projects = 4,
                .project = "a-project-whose-name-nobody-thought-would-ever-be-printed-on-paper-and-without-a-single-"
                           "blank-in-it "
                           "and then with blanks"},
        {.name = "thai",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 2,
                .projects = 1,
                .project = "โครงการ"},
        {.name = "thousand",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 1000,
                .projects = 40,
                .back = true},
        {.name = "ten-thousand",
                .currency = "EUR",
                .tax = &standard,
                .buyer = &domestic,
                .lines = 10000,
                .projects = 400,
                .back = true},
};

const char *doc_name(size_t i)
{
    return i < DM_LEN(plans) ? plans[i].name : NULL;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t price; /* 10^-12 */
} skus[] = {{"disk-hib", 400000}, {"disk-run-over-30", 400000}, {"mem-run", 17110000}, {"snapshot", 400000},
        {"vcpu-run", 34200000}};

static bool line(made *m, const plan *p, size_t i)
{
    dm_invoice_line *l = &m->v.lines[i];
    size_t project = i * p->projects / p->lines, sku = (i + DM_LEN(skus) - 1) % DM_LEN(skus);
    bool back = p->back && i % 5 == 3;
    (void)snprintf(m->names[i], TEXT, "%s %zu", p->project != NULL ? p->project : "project", project + 1);
    (void)snprintf(m->ids[i], sizeof m->ids[i], "00000000-0000-4000-8000-%012zx", project + 1);
    *l = (dm_invoice_line){.kind = back ? DM_STR("correction") : DM_STR("usage"),
            .sku = dm_str_c(skus[sku].name),
            .project = dm_str_c(m->ids[i]),
            .project_name = dm_str_c(m->names[i]),
            .project_no = {(int64_t)project + 1},
            .priced = true,
            .book = 3 + (int64_t)(i % 2),
            .per_unit = {skus[sku].price},
            .tax = p->two ? i % 2 : 0};
    l->seconds = (int64_t)(3600 * (i % 700 + 1) + 47 * i % 3600) * (back ? -1 : 1);
    l->qty.v = (dm_i128)l->seconds * 1000000 * (back ? 1 : 8) + (dm_i128)(i * 104729 % 1000000);
    if (p->fee && i + 1 == p->lines)
        *l = (dm_invoice_line){
                .kind = DM_STR_INIT("fee"), .sku = DM_STR_INIT("Setup"), .amount = {(dm_i128)12500 * 1000000000000000}};
    else if (dm_money_of(l->qty, l->per_unit, &l->amount, NULL) < 0)
        return false;
    return true;
}

static bool reckon(made *m, const plan *p)
{
    if (p->discount != NULL && dm_money_parse(dm_str_c(p->discount), &m->v.discount, NULL) < 0)
        return false;
    if (dm_invoice_reckon(&m->v, NULL) < 0)
        return false;
    if (p->prepaid == NULL)
        return true;
    if (strcmp(p->prepaid, "all") == 0)
        m->v.prepaid = m->v.total;
    else if (dm_money_parse(dm_str_c(p->prepaid), &m->v.prepaid, NULL) < 0)
        return false;
    return dm_invoice_reckon(&m->v, NULL) == 0;
}

/* A month that is short of 5000, where another document had 12.5 of it. */
static bool commit(made *m)
{
    m->least = (dm_invoice_commitment){.contract = DM_STR_INIT("00000000-0000-4000-8000-0000000000c1"),
            .month_s = 1769904000,
            .next_s = 1772323200,
            .least = {(dm_i128)5000 * 1000000000 * 1000000000},
            .before = {(dm_i128)12500000000 * 1000000000},
            .invoices = DM_STR_INIT("INV-2026-000041")};
    for (size_t i = 0; i < m->v.nlines; i++)
        m->least.charges.v += m->v.lines[i].amount.v;
    m->v.commitments = &m->least;
    m->v.ncommitments = 1;
    return dm_invoice_commit(&m->v, NULL) == 0 && m->least.line == m->v.nlines;
}

/* The whole of its lines back, but for the last. */
static bool credit(made *m)
{
    static const dm_money none[2];
    made of = *m;
    dm_invoice_tax taxes[2];
    memcpy(taxes, m->taxes, sizeof taxes);
    of.v.taxes = taxes;
    dm_invoice *v = &m->v;
    v->credit_note = true;
    v->number = DM_STR("CN-2026-000007");
    v->refers_to = DM_STR("INV-2026-000042");
    v->reason = DM_STR("Sandboxes that ended by our fault");
    v->statements = v->first_statement = v->last_statement = 0;
    v->nlines--;
    for (size_t i = 0; i < v->nlines; i++) {
        v->lines[i].kind = DM_STR("credit");
        v->lines[i].priced = false;
        v->lines[i].seconds = 0;
        v->lines[i].of_line = (uint32_t)i + 1;
    }
    return dm_invoice_reckon_credit(v, &of.v, none, none, NULL) == 0;
}

static bool body(made *m, const plan *p, dm_buf *out)
{
    dm_invoice *v = &m->v;
    *v = (dm_invoice){.account = "00000000-0000-4000-8000-0000000000a1",
            .currency = p->currency,
            .number = DM_STR_INIT("INV-2026-000042"),
            .chain = 7,
            .issued_s = ISSUED,
            .due_s = ISSUED + 14 * 86400,
            .terms_days = 14,
            .purchase_order = DM_STR_INIT("PO-4711"),
            .period_start = 1769904000,
            .period_end = 1772323200,
            .seller = seller,
            .buyer = *p->buyer,
            .books = m->books,
            .nbooks = 2,
            .plans = m->plans,
            .nplans = 1,
            .statements = 672,
            .first_statement = 1,
            .last_statement = 672,
            .lines = v->lines,
            .nlines = p->lines,
            .taxes = m->taxes,
            .ntaxes = p->two ? 2 : 1};
    m->books[0].id = 3;
    m->books[1].id = 4;
    m->plans[0] = DM_STR("payg");
    m->taxes[0] = *p->tax;
    m->taxes[1] = reduced;
    if (p->tax == &reverse)
        v->tax_id_check = DM_STR("VIES, valid, 2026-02-01, by ops@dormouse.example");
    for (size_t i = 0; i < p->lines; i++) {
        if (!line(m, p, i))
            return false;
    }
    if (p->least && !commit(m))
        return false;
    if (dm_minor_of(p->currency, &v->decimals, NULL) < 0 || !reckon(m, p) || (p->credit && !credit(m)))
        return false;
    return dm_invoice_body(v, out, NULL) == 0;
}

bool doc_make(const char *name, dm_buf *out)
{
    const plan *p = plans;
    while (p < plans + DM_LEN(plans) && strcmp(p->name, name) != 0)
        p++;
    if (p == plans + DM_LEN(plans))
        return false;
    made m = {.names = calloc(p->lines, TEXT), .ids = calloc(p->lines, 40)};
    m.v.lines = calloc(p->lines + 1, sizeof *m.v.lines); /* and that of a least */
    dm_invoice_line *lines = m.v.lines;
    bool ok = m.names != NULL && m.ids != NULL && lines != NULL && body(&m, p, out);
    free(m.names);
    free(m.ids);
    free(lines);
    return ok;
}

bool doc_receive(bool top_up, dm_buf *out)
{
    const dm_receipt r = {.account = DM_STR("00000000-0000-4000-8000-0000000000a1"),
            .currency = DM_STR("EUR"),
            .number = DM_STR("REC-000042"),
            .reference = DM_STR("SEPA 2026-03-09 Ada, thank you"),
            .invoice = top_up ? (dm_str){NULL, 0} : DM_STR("INV-2026-000042"),
            .booked_s = ISSUED,
            .received_s = ISSUED - ISSUED % 86400,
            .amount = {(dm_i128)120 * 1000000000000000000},
            .to_wallet = {(dm_i128)(top_up ? 120 : 1) * 1000000000000000000},
            .seller = seller,
            .buyer = domestic};
    return dm_receipt_body(&r, out, NULL) == 0;
}
