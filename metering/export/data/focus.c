#include "metering/export/data/focus.h"

#include "base/month.h"
#include "base/parse.h"
#include "base/wire/id.h"

#include "metering/export/data/sql_cost.h"
#include "metering/export/data/sql_focus.h"
#include "metering/rules/invoice.h"
#include "metering/rules/rate.h"

/* --- columns ------------------------------------------------------------------------------------------------ */

#define FOCUS(name, type, required, in) DM_FOCUS_##name,
enum {
#include "metering/export/data/focus.def"
    DM_FOCUS_COLUMNS
};
#undef FOCUS

#define TEXT DM_DATA_TEXT, 0, 0
#define TIME DM_DATA_TIME, 0, 0
#define MONEY DM_DATA_DECIMAL, 38, 18
#define PRICE DM_DATA_DECIMAL, 18, 12
#define QUANTITY DM_DATA_DECIMAL, 20, 6
#define RATE DM_DATA_DECIMAL, 7, 4
#define AS_COLUMN(name, ...)                                                                                           \
    {                                                                                                                  \
        name, __VA_ARGS__                                                                                              \
    }

/* Of each version its columns, and where they stand among all of them. */
#define IN_ALL(...) __VA_ARGS__,
#define IN_OLD(...) __VA_ARGS__,
#define IN_NEW(...)
static const dm_data_column columns_1_2[] = {
#define FOCUS(name, type, required, in) IN_##in(AS_COLUMN(#name, type, required))
#include "metering/export/data/focus.def"
#undef FOCUS
};
static const uint8_t places_1_2[] = {
#define FOCUS(name, type, required, in) IN_##in(DM_FOCUS_##name)
#include "metering/export/data/focus.def"
#undef FOCUS
};
#undef IN_NEW

#define IN_NEW(...) __VA_ARGS__,
static const dm_data_column columns_1_3[] = {
#define FOCUS(name, type, required, in) IN_##in(AS_COLUMN(#name, type, required))
#include "metering/export/data/focus.def"
#undef FOCUS
};
static const uint8_t places_1_3[] = {
#define FOCUS(name, type, required, in) IN_##in(DM_FOCUS_##name)
#include "metering/export/data/focus.def"
#undef FOCUS
};
#undef IN_OLD

#define IN_OLD(...)
static const dm_data_column columns_1_4[] = {
#define FOCUS(name, type, required, in) IN_##in(AS_COLUMN(#name, type, required))
#include "metering/export/data/focus.def"
#undef FOCUS
};
static const uint8_t places_1_4[] = {
#define FOCUS(name, type, required, in) IN_##in(DM_FOCUS_##name)
#include "metering/export/data/focus.def"
#undef FOCUS
};

/* --- words -------------------------------------------------------------------------------------------------- */

#define USAGE "Usage"

/* details: what one unit of it is, as the specification has names for that. A service has one category. */
typedef struct sold {
    const char *category, *subcategory, *service, *meter, *details;
} sold;
static const sold skus[DM_SKU_COUNT] = {
        [DM_SKU_DISK_HIB] = {"Storage", "Block Storage", "Sandbox storage", "Disk of sleeping sandboxes",
                "{\"DiskSpace\":1}"},
        [DM_SKU_DISK_RUN_OVER_30] = {"Storage", "Block Storage", "Sandbox storage",
                "Disk of running sandboxes beyond 30 GiB", "{\"DiskSpace\":1}"},
        [DM_SKU_MEM_RUN] = {"Compute", "Virtual Machines", "Sandboxes", "Memory of running sandboxes",
                "{\"MemorySize\":1}"},
        [DM_SKU_MINUTES] = {"Compute", "Virtual Machines", "Sandboxes", "Minutes of running sandboxes", NULL},
        [DM_SKU_SNAPSHOT] = {"Storage", "Block Storage", "Sandbox storage", "Disk of snapshots", "{\"DiskSpace\":1}"},
        [DM_SKU_VCPU_RUN] = {"Compute", "Virtual Machines", "Sandboxes", "vCPUs of running sandboxes",
                "{\"CoreCount\":1}"},
};
static const sold nothing = {"Other", "Other (Other)", "Account", NULL, NULL};

typedef struct charge {
    const char *kind, *category, *frequency;
    const char *text; /* NULL: what its SKU is called */
} charge;
static const charge charges[] = {
        {"usage", USAGE, "Usage-Based", NULL},
        {"measured", USAGE, "Usage-Based", NULL},
        {"correction", USAGE, "Usage-Based", NULL},
        {"fee", "Adjustment", "One-Time", "Fee"},
        {"commitment", "Adjustment", "Recurring", "What a month is short of the least that its contract says"},
        {"credit", "Credit", "One-Time", "Credit note"},
        {"discount", "Credit", "One-Time", "Credit that was used, before tax"},
        {"rounding", "Adjustment", "One-Time", "Rounding to what can be paid"},
        {"tax", "Tax", "One-Time", "Tax"},
};

static const charge *charge_of(dm_str kind)
{
    for (size_t i = 0; i < DM_LEN(charges); i++)
        if (dm_str_eq_c(kind, charges[i].kind))
            return &charges[i];
    return NULL;
}

/* --- a row -------------------------------------------------------------------------------------------------- */

enum { MADE_MAX = 512 }; /* of text that is put together, in one row */

typedef struct made {
    dm_str fact[DM_FACTS], cell[DM_FOCUS_COLUMNS];
    dm_buf *text;
} made;

static dm_str word(const char *z)
{
    return z != NULL ? dm_str_c(z) : (dm_str){NULL, 0};
}

/* What was added to the text since it was so long; it is not moved, since there is room for all. */
static dm_str since(const made *m, size_t from)
{
    return (dm_str){m->text->p + from, m->text->len - from};
}

static int sandbox(made *m, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_sandbox_id id;
    size_t from = m->text->len;
    int r = dm_pg_bytes(rows, i, DM_FACT_SANDBOX, id.b, sizeof id.b, err);
    if (r < 0)
        return r;
    dm_sandbox_name name = dm_sandbox_name_of(&id);
    (void)dm_buf_c(m->text, name.s);
    m->cell[DM_FOCUS_ResourceId] = since(m, from);
    m->cell[DM_FOCUS_ResourceType] = DM_STR("Sandbox");
    return dm_buf_ok(m->text, err);
}

/* What is charged by quantity and price, which is what has no document's line alone. */
static int priced(made *m, const sold *s, dm_err *err)
{
    dm_str sku = m->fact[DM_FACT_SKU], book = m->fact[DM_FACT_BOOK], tier = m->fact[DM_FACT_TIER];
    dm_str unit = dm_str_c(dm_invoice_unit(sku));
    size_t from = m->text->len;
    (void)dm_buf_fmt(m->text, "%.*s.b%.*s.", (int)sku.n, sku.p, (int)book.n, book.p);
    if (dm_str_eq_c(m->fact[DM_FACT_KIND], "measured")) /* and charged for the account as a whole, by tiers */
        (void)dm_buf_c(m->text, "measured");
    else
        (void)dm_buf_fmt(m->text, "t%.*s", (int)tier.n, tier.p);
    m->cell[DM_FOCUS_SkuPriceId] = since(m, from);
    m->cell[DM_FOCUS_SkuPriceDetails] = word(s->details);
    m->cell[DM_FOCUS_PricingCategory] = DM_STR("Standard");
    m->cell[DM_FOCUS_PricingQuantity] = m->cell[DM_FOCUS_ConsumedQuantity] = m->fact[DM_FACT_QUANTITY];
    m->cell[DM_FOCUS_PricingUnit] = m->cell[DM_FOCUS_ConsumedUnit] = unit;
    m->cell[DM_FOCUS_ContractedUnitPrice] = m->fact[DM_FACT_PRICE];
    m->cell[DM_FOCUS_ListUnitPrice] = m->fact[DM_FACT_LIST_PRICE];
    m->cell[DM_FOCUS_ListCost] = m->fact[DM_FACT_LIST_AMOUNT];
    return dm_buf_ok(m->text, err);
}

/* What a fact is as it stands. */
static const struct {
    uint8_t cell, fact;
} straight[] = {
        {DM_FOCUS_BilledCost, DM_FACT_AMOUNT},
        {DM_FOCUS_BillingAccountId, DM_FACT_ACCOUNT},
        {DM_FOCUS_BillingAccountName, DM_FACT_ACCOUNT_NAME},
        {DM_FOCUS_BillingCurrency, DM_FACT_CURRENCY},
        {DM_FOCUS_ChargePeriodEnd, DM_FACT_CHARGE_END},
        {DM_FOCUS_ChargePeriodStart, DM_FACT_CHARGE_START},
        {DM_FOCUS_ContractedCost, DM_FACT_AMOUNT},
        {DM_FOCUS_EffectiveCost, DM_FACT_AMOUNT},
        {DM_FOCUS_HostProviderName, DM_FACT_SELLER},
        {DM_FOCUS_InvoiceId, DM_FACT_INVOICE},
        {DM_FOCUS_InvoiceIssuerName, DM_FACT_SELLER},
        {DM_FOCUS_ListCost, DM_FACT_AMOUNT},
        {DM_FOCUS_ProviderName, DM_FACT_SELLER},
        {DM_FOCUS_PublisherName, DM_FACT_SELLER},
        {DM_FOCUS_RegionId, DM_FACT_REGION},
        {DM_FOCUS_RegionName, DM_FACT_REGION},
        {DM_FOCUS_ServiceProviderName, DM_FACT_SELLER},
        {DM_FOCUS_SubAccountId, DM_FACT_PROJECT},
        {DM_FOCUS_SubAccountName, DM_FACT_PROJECT_NAME},
        {DM_FOCUS_Tags, DM_FACT_TAGS},
        {DM_FOCUS_x_Kind, DM_FACT_KIND},
        {DM_FOCUS_x_StatementId, DM_FACT_STATEMENT},
        {DM_FOCUS_x_StatementLine, DM_FACT_LINE},
        {DM_FOCUS_x_Epoch, DM_FACT_EPOCH},
        {DM_FOCUS_x_CorrectsPeriodStart, DM_FACT_CORRECTS},
        {DM_FOCUS_x_TaxCategory, DM_FACT_TAX_CATEGORY},
        {DM_FOCUS_x_TaxRate, DM_FACT_TAX_RATE},
        {DM_FOCUS_x_TaxJurisdiction, DM_FACT_TAX_JURISDICTION},
};

/* The month that it is charged in. */
static int billed(made *m, dm_err *err)
{
    int64_t at, from, to;
    int r = dm_parse_i64(m->fact[DM_FACT_BILLED], 0, INT64_MAX, &at, err);
    if (r < 0)
        return r;
    dm_month_around(at, &from, &to);
    size_t begins = m->text->len;
    (void)dm_buf_fmt(m->text, "%lld", (long long)from);
    m->cell[DM_FOCUS_BillingPeriodStart] = since(m, begins);
    begins = m->text->len;
    (void)dm_buf_fmt(m->text, "%lld", (long long)to);
    m->cell[DM_FOCUS_BillingPeriodEnd] = since(m, begins);
    return dm_buf_ok(m->text, err);
}

static void describe(made *m, const charge *c, const sold *s)
{
    for (size_t i = 0; i < DM_LEN(straight); i++)
        m->cell[straight[i].cell] = m->fact[straight[i].fact];
    m->cell[DM_FOCUS_BillingAccountType] = DM_STR("Account");
    m->cell[DM_FOCUS_ChargeCategory] = word(c->category);
    if (dm_str_eq_c(m->fact[DM_FACT_CORRECTION], "t"))
        m->cell[DM_FOCUS_ChargeClass] = DM_STR("Correction");
    m->cell[DM_FOCUS_ChargeDescription] = word(c->text != NULL ? c->text : s->meter);
    m->cell[DM_FOCUS_ChargeFrequency] = word(c->frequency);
    m->cell[DM_FOCUS_ServiceCategory] = word(s->category);
    m->cell[DM_FOCUS_ServiceName] = word(s->service);
    m->cell[DM_FOCUS_ServiceSubcategory] = word(s->subcategory);
    if (s->meter != NULL) {
        m->cell[DM_FOCUS_SkuId] = m->fact[DM_FACT_SKU];
        m->cell[DM_FOCUS_SkuMeter] = word(s->meter);
    }
    if (m->fact[DM_FACT_PROJECT].p != NULL)
        m->cell[DM_FOCUS_SubAccountType] = DM_STR("Project");
}

static int make(made *m, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_sku sku;
    if (dm_buf_want(m->text, MADE_MAX) == NULL)
        return dm_buf_ok(m->text, err);
    for (unsigned k = 0; k < DM_FACTS; k++)
        if (!dm_pg_is_null(rows, i, k))
            m->fact[k] = dm_pg_str(rows, i, k);
    const charge *c = charge_of(m->fact[DM_FACT_KIND]);
    if (c == NULL)
        return dm_fail(err, DM_E_INTERNAL, "a charge of an unknown kind");
    bool is_sold = m->fact[DM_FACT_SKU].p != NULL && dm_sku_parse(m->fact[DM_FACT_SKU], &sku, NULL) == 0;
    const sold *s = is_sold ? &skus[sku] : &nothing;
    bool usage = strcmp(c->category, USAGE) == 0;
    if (usage && !is_sold)
        return dm_fail(err, DM_E_INTERNAL, "usage of what is not sold");
    describe(m, c, s);
    int r = billed(m, err);
    if (r == 0 && m->fact[DM_FACT_SANDBOX].p != NULL)
        r = sandbox(m, rows, i, err);
    return r == 0 && usage ? priced(m, s, err) : r;
}

static int row(
        const dm_pg_rows *rows, size_t i, dm_buf *text, const uint8_t *places, size_t n, dm_data_row *out, dm_err *err)
{
    made m = {.text = text};
    int r = make(&m, rows, i, err);
    for (size_t k = 0; r == 0 && k < n; k++)
        out->cells[k] = m.cell[places[k]];
    out->currency = m.fact[DM_FACT_CURRENCY];
    out->amount = m.fact[DM_FACT_AMOUNT];
    out->invoice = m.fact[DM_FACT_INVOICE];
    return r;
}

/* --- versions ----------------------------------------------------------------------------------------------- */

static int row_1_2(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    return row(rows, i, text, places_1_2, DM_LEN(places_1_2), out, err);
}

static int row_1_3(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    return row(rows, i, text, places_1_3, DM_LEN(places_1_3), out, err);
}

static int row_1_4(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    return row(rows, i, text, places_1_4, DM_LEN(places_1_4), out, err);
}

#define VERSION(of, says)                                                                                              \
    {                                                                                                                  \
        .name = "focus-" says, .title = "what was charged, as FOCUS " says, .columns = columns_##of,                   \
        .ncolumns = DM_LEN(columns_##of), .sources = {&dm_focus_lines, &dm_focus_documents}, .count = &dm_cost_count,  \
        .documents = &dm_cost_totals, .row = row_##of,                                                                 \
    }

const dm_data_set dm_data_focus_1_2 = VERSION(1_2, "1.2");
const dm_data_set dm_data_focus_1_3 = VERSION(1_3, "1.3");
const dm_data_set dm_data_focus_1_4 = VERSION(1_4, "1.4");
