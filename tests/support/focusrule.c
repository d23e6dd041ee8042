#include "tests/support/focusrule.h"

#include <stdio.h>

#include "base/json.h"
#include "base/parse.h"

#include "metering/rules/money.h"

/* --- columns ------------------------------------------------------------------------------------------------ */

enum { V12 = 1, V13 = 2, V14 = 4, OLD = V12 | V13, NEW = V13 | V14, ALL = V12 | V13 | V14 };
static const struct {
    const char *name;
    unsigned bit;
} versions[] = {{"1.2", V12}, {"1.3", V13}, {"1.4", V14}};

typedef enum kind { STRING, DECIMAL, PRICE, TIME, JSON, CURRENCY, UNIT } kind;

typedef struct column {
    const char *name;
    kind kind;
    unsigned in, must; /* which versions know it, and which cannot be without */
    bool never_null;
    const char *values; /* those that are allowed, with a | between two; NULL: any */
} column;

#define SERVICES                                                                                                       \
    "AI and Machine Learning|Analytics|Business Applications|Compute|Databases|Developer Tools|Identity|Integration|"  \
    "Internet of Things|Management and Governance|Media|Migration|Mobile|Multicloud|Networking|Security|Storage|Web|"  \
    "Other"

static const column columns[] = {
        {"AllocatedMethodDetails", JSON, NEW, 0, false, NULL},
        {"AllocatedMethodId", STRING, NEW, 0, false, NULL},
        {"AllocatedResourceId", STRING, NEW, 0, false, NULL},
        {"AllocatedResourceName", STRING, NEW, 0, false, NULL},
        {"AllocatedTags", JSON, NEW, 0, false, NULL},
        {"AvailabilityZone", STRING, ALL, 0, false, NULL},
        {"BilledCost", DECIMAL, ALL, ALL, true, NULL},
        {"BillingAccountId", STRING, ALL, ALL, true, NULL},
        {"BillingAccountName", STRING, ALL, ALL, false, NULL},
        {"BillingAccountType", STRING, ALL, 0, true, NULL},
        {"BillingCurrency", CURRENCY, ALL, ALL, true, NULL},
        {"BillingPeriodEnd", TIME, ALL, ALL, true, NULL},
        {"BillingPeriodStart", TIME, ALL, ALL, true, NULL},
        {"CapacityReservationId", STRING, ALL, 0, false, NULL},
        {"CapacityReservationStatus", STRING, ALL, 0, false, "Used|Unused"},
        {"ChargeCategory", STRING, ALL, ALL, true, "Usage|Purchase|Tax|Credit|Adjustment"},
        {"ChargeClass", STRING, ALL, ALL, false, "Correction"},
        {"ChargeDescription", STRING, ALL, ALL, false, NULL},
        {"ChargeFrequency", STRING, ALL, 0, true, "One-Time|Recurring|Usage-Based"},
        {"ChargePeriodEnd", TIME, ALL, ALL, true, NULL},
        {"ChargePeriodStart", TIME, ALL, ALL, true, NULL},
        {"CommitmentDiscountCategory", STRING, ALL, 0, false, "Spend|Usage"},
        {"CommitmentDiscountId", STRING, ALL, 0, false, NULL},
        {"CommitmentDiscountName", STRING, ALL, 0, false, NULL},
        {"CommitmentDiscountQuantity", DECIMAL, ALL, 0, false, NULL},
        {"CommitmentDiscountStatus", STRING, ALL, 0, false, "Used|Unused"},
        {"CommitmentDiscountType", STRING, ALL, 0, false, NULL},
        {"CommitmentDiscountUnit", UNIT, ALL, 0, false, NULL},
        {"CommitmentProgramEligibilityDetails", JSON, V14, 0, false, NULL},
        {"ConsumedQuantity", DECIMAL, ALL, 0, false, NULL},
        {"ConsumedUnit", UNIT, ALL, 0, false, NULL},
        {"ContractApplied", JSON, NEW, 0, false, NULL},
        {"ContractedCost", DECIMAL, ALL, ALL, true, NULL},
        {"ContractedUnitPrice", PRICE, ALL, 0, false, NULL},
        {"EffectiveCost", DECIMAL, ALL, ALL, true, NULL},
        {"HostProviderName", STRING, NEW, NEW, false, NULL},
        {"InvoiceDetailId", STRING, V14, 0, false, NULL},
        {"InvoiceId", STRING, ALL, 0, false, NULL},
        {"InvoiceIssuerName", STRING, ALL, ALL, true, NULL},
        {"ListCost", DECIMAL, ALL, ALL, true, NULL},
        {"ListUnitPrice", PRICE, ALL, 0, false, NULL},
        {"PricingCategory", STRING, ALL, 0, false, "Standard|Dynamic|Committed|Other"},
        {"PricingCurrency", CURRENCY, ALL, 0, false, NULL},
        {"PricingCurrencyContractedUnitPrice", PRICE, ALL, 0, false, NULL},
        {"PricingCurrencyEffectiveCost", DECIMAL, ALL, 0, false, NULL},
        {"PricingCurrencyListUnitPrice", PRICE, ALL, 0, false, NULL},
        {"PricingQuantity", DECIMAL, ALL, ALL, false, NULL},
        {"PricingUnit", UNIT, ALL, ALL, false, NULL},
        {"ProviderName", STRING, OLD, OLD, true, NULL},
        {"PublisherName", STRING, OLD, OLD, true, NULL},
        {"RegionId", STRING, ALL, 0, false, NULL},
        {"RegionName", STRING, ALL, 0, false, NULL},
        {"ResourceId", STRING, ALL, 0, false, NULL},
        {"ResourceName", STRING, ALL, 0, false, NULL},
        {"ResourceType", STRING, ALL, 0, false, NULL},
        {"ServiceCategory", STRING, ALL, ALL, true, SERVICES},
        {"ServiceName", STRING, ALL, ALL, true, NULL},
        {"ServiceProviderName", STRING, NEW, NEW, true, NULL},
        {"ServiceSubcategory", STRING, ALL, 0, true, "Virtual Machines|Block Storage|Other (Other)"},
        {"SkuId", STRING, ALL, 0, false, NULL},
        {"SkuMeter", STRING, ALL, 0, false, NULL},
        {"SkuPriceDetails", JSON, ALL, 0, false, NULL},
        {"SkuPriceId", STRING, ALL, 0, false, NULL},
        {"SubAccountId", STRING, ALL, 0, false, NULL},
        {"SubAccountName", STRING, ALL, 0, false, NULL},
        {"SubAccountType", STRING, ALL, 0, false, NULL},
        {"Tags", JSON, ALL, 0, false, NULL},
};

/* --- what a row is asked ------------------------------------------------------------------------------------ */

typedef enum test { IS, IS_NOT, EMPTY, FILLED } test;

typedef struct ask {
    const char *column; /* NULL: nothing more is asked */
    test test;
    const char *value;
} ask;

/* Where all of `where` holds, so does `then`. */
static const struct {
    const char *name;
    ask where[3], then;
} rows_rules[] = {
#define OF(category)                                                                                                   \
    {                                                                                                                  \
        "ChargeCategory", IS, category                                                                                 \
    }
#define NEW_CHARGE                                                                                                     \
    {                                                                                                                  \
        "ChargeClass", IS_NOT, "Correction"                                                                            \
    }
        {"tax-has-no-quantity", {OF("Tax")}, {"PricingQuantity", EMPTY, NULL}},
        {"tax-has-no-unit", {OF("Tax")}, {"PricingUnit", EMPTY, NULL}},
        {"tax-has-no-list-price", {OF("Tax")}, {"ListUnitPrice", EMPTY, NULL}},
        {"tax-has-no-price", {OF("Tax")}, {"ContractedUnitPrice", EMPTY, NULL}},
        {"tax-has-no-pricing", {OF("Tax")}, {"PricingCategory", EMPTY, NULL}},
        {"tax-has-no-sku", {OF("Tax")}, {"SkuId", EMPTY, NULL}},
        {"tax-has-no-sku-price", {OF("Tax")}, {"SkuPriceId", EMPTY, NULL}},
        {"usage-has-a-quantity", {OF("Usage"), NEW_CHARGE}, {"PricingQuantity", FILLED, NULL}},
        {"usage-has-a-unit", {OF("Usage"), NEW_CHARGE}, {"PricingUnit", FILLED, NULL}},
        {"usage-has-a-list-price", {OF("Usage"), NEW_CHARGE}, {"ListUnitPrice", FILLED, NULL}},
        {"usage-has-a-price", {OF("Usage"), NEW_CHARGE}, {"ContractedUnitPrice", FILLED, NULL}},
        {"usage-has-a-pricing", {OF("Usage"), NEW_CHARGE}, {"PricingCategory", FILLED, NULL}},
        {"usage-has-a-sku", {OF("Usage"), NEW_CHARGE}, {"SkuId", FILLED, NULL}},
        {"usage-has-a-sku-price", {OF("Usage"), NEW_CHARGE}, {"SkuPriceId", FILLED, NULL}},
        {"usage-is-consumed", {OF("Usage"), NEW_CHARGE}, {"ConsumedQuantity", FILLED, NULL}},
        {"usage-is-frequent", {OF("Usage")}, {"ChargeFrequency", IS_NOT, "One-Time"}},
        {"purchase-has-a-quantity", {OF("Purchase"), NEW_CHARGE}, {"PricingQuantity", FILLED, NULL}},
        {"purchase-has-a-sku-price", {OF("Purchase"), NEW_CHARGE}, {"SkuPriceId", FILLED, NULL}},
        {"purchase-is-bought", {OF("Purchase")}, {"ChargeFrequency", IS_NOT, "Usage-Based"}},
        {"only-usage-is-consumed", {{"ChargeCategory", IS_NOT, "Usage"}}, {"ConsumedQuantity", EMPTY, NULL}},
        {"consumed-has-a-unit", {{"ConsumedQuantity", FILLED, NULL}}, {"ConsumedUnit", FILLED, NULL}},
        {"unit-of-what-is-consumed", {{"ConsumedQuantity", EMPTY, NULL}}, {"ConsumedUnit", EMPTY, NULL}},
        {"quantity-has-a-unit", {{"PricingQuantity", FILLED, NULL}}, {"PricingUnit", FILLED, NULL}},
        {"unit-of-a-quantity", {{"PricingQuantity", EMPTY, NULL}}, {"PricingUnit", EMPTY, NULL}},
        {"resource-has-a-type", {{"ResourceId", FILLED, NULL}}, {"ResourceType", FILLED, NULL}},
        {"type-of-a-resource", {{"ResourceId", EMPTY, NULL}}, {"ResourceType", EMPTY, NULL}},
        {"name-of-a-resource", {{"ResourceId", EMPTY, NULL}}, {"ResourceName", EMPTY, NULL}},
        {"region-has-a-name", {{"RegionId", FILLED, NULL}}, {"RegionName", FILLED, NULL}},
        {"name-of-a-region", {{"RegionId", EMPTY, NULL}}, {"RegionName", EMPTY, NULL}},
        {"sub-account-has-a-type", {{"SubAccountId", FILLED, NULL}}, {"SubAccountType", FILLED, NULL}},
        {"type-of-a-sub-account", {{"SubAccountId", EMPTY, NULL}}, {"SubAccountType", EMPTY, NULL}},
        {"name-of-a-sub-account", {{"SubAccountId", EMPTY, NULL}}, {"SubAccountName", EMPTY, NULL}},
        {"meter-of-a-sku", {{"SkuId", EMPTY, NULL}}, {"SkuMeter", EMPTY, NULL}},
        {"sku-of-a-sku-price", {{"SkuPriceId", FILLED, NULL}}, {"SkuId", FILLED, NULL}},
        {"details-of-a-sku-price", {{"SkuPriceId", EMPTY, NULL}}, {"SkuPriceDetails", EMPTY, NULL}},
#undef OF
#undef NEW_CHARGE
};

/* What is no correction: price x quantity = cost. */
static const struct {
    const char *name, *price, *cost;
} products[] = {
        {"list-cost-is-a-product", "ListUnitPrice", "ListCost"},
        {"contracted-cost-is-a-product", "ContractedUnitPrice", "ContractedCost"},
};

/* Of a charge that is related to no other: what is billed. */
static const struct {
    const char *name, *category, *cost;
} bare[] = {
        {"credit-at-list-is-what-is-billed", "Credit", "ListCost"},
        {"credit-contracted-is-what-is-billed", "Credit", "ContractedCost"},
        {"credit-in-effect-is-what-is-billed", "Credit", "EffectiveCost"},
        {"adjustment-at-list-is-what-is-billed", "Adjustment", "ListCost"},
        {"adjustment-contracted-is-what-is-billed", "Adjustment", "ContractedCost"},
        {"adjustment-in-effect-is-what-is-billed", "Adjustment", "EffectiveCost"},
};

/* The first is before the second. */
static const struct {
    const char *name, *first, *second;
} spans[] = {
        {"charge-period-is-one", "ChargePeriodStart", "ChargePeriodEnd"},
        {"billing-period-is-one", "BillingPeriodStart", "BillingPeriodEnd"},
};

/* In all rows where the first has a value, the second has the same. */
static const struct {
    const char *name, *of, *one;
} alike[] = {
        {"service-has-one-category", "ServiceName", "ServiceCategory"},
        {"service-has-one-subcategory", "ServiceName", "ServiceSubcategory"},
        {"sku-has-one-meter", "SkuId", "SkuMeter"},
        {"sku-price-has-one-sku", "SkuPriceId", "SkuId"},
        {"sku-price-has-one-list-price", "SkuPriceId", "ListUnitPrice"},
        {"region-has-one-name", "RegionId", "RegionName"},
        {"invoice-has-one-currency", "InvoiceId", "BillingCurrency"},
        {"invoice-has-one-issuer", "InvoiceId", "InvoiceIssuerName"},
        {"account-has-one-name", "BillingAccountId", "BillingAccountName"},
};

/* --- one cell ----------------------------------------------------------------------------------------------- */

static dm_str cell(const json_t *row, const char *name)
{
    return dm_json_text(row, name);
}

static bool is_one_of(dm_str v, const char *values)
{
    dm_str rest = dm_str_c(values), one;
    while (dm_str_split(&rest, '|', &one))
        if (dm_str_eq(v, one))
            return true;
    return false;
}

/* Seconds of UTC, and so written. */
static bool is_time(dm_str v)
{
    int64_t us;
    return v.n == 20 && v.p[19] == 'Z' && dm_parse_rfc3339(v, &us, NULL) == 0;
}

static bool is_capitals(dm_str v)
{
    return v.n == 3 && dm_str_only(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* One word, or two with a hyphen, each with a capital and, where it is counted, in the plural. */
static bool is_unit(dm_str v)
{
    dm_str rest = v, word, last = {"", 0};
    while (dm_str_split(&rest, '-', &word)) {
        if (word.n == 0 || word.p[0] < 'A' || word.p[0] > 'Z')
            return false;
        last = word;
    }
    return last.n > 1 && last.p[last.n - 1] == 's';
}

static bool is_object(dm_str v)
{
    DM_AUTO(json_t) o = NULL;
    return dm_json_load(v, 1 << 16, &o, NULL) == 0 && json_is_object(o);
}

/* Nothing before it and nothing behind it, no empty text for null. */
static bool is_text(dm_str v)
{
    return v.n > 0 && dm_str_eq(dm_str_trim(v), v) && dm_utf8_ok(v);
}

static bool cell_ok(const column *c, dm_str v)
{
    dm_money m;
    switch (c->kind) {
    case STRING:
        return is_text(v) && (c->values == NULL || is_one_of(v, c->values));
    case DECIMAL:
        return dm_money_parse(v, &m, NULL) == 0;
    case PRICE:
        return dm_money_parse(v, &m, NULL) == 0 && m.v >= 0;
    case TIME:
        return is_time(v);
    case JSON:
        return is_object(v);
    case CURRENCY:
        return is_capitals(v);
    case UNIT:
        return is_unit(v);
    }
    return false;
}

/* --- one row ------------------------------------------------------------------------------------------------ */

typedef struct judging {
    const json_t *row, *first; /* first: of each rule of `alike` what has been seen */
    size_t n;
    unsigned version;
    char *why;
} judging;

static bool broken(const judging *j, const char *rule, const char *of)
{
    (void)snprintf(j->why, FOCUS_WHY, "%s: %.150s in row %zu", rule, of, j->n);
    return false;
}

static const column *known(const char *name)
{
    for (size_t i = 0; i < DM_LEN(columns); i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

/* No column that the version does not know, but those of our own. */
static bool no_others(const judging *j)
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)j->row); at != NULL;
            at = json_object_iter_next((json_t *)(uintptr_t)j->row, at)) {
        const char *name = json_object_iter_key(at);
        const column *c = known(name);
        if (c != NULL ? (c->in & j->version) == 0 : strncmp(name, "x_", 2) != 0)
            return broken(j, "column-of-another-version", name);
    }
    return true;
}

static bool cells_ok(const judging *j)
{
    for (size_t i = 0; i < DM_LEN(columns); i++) {
        const column *c = &columns[i];
        const json_t *v = json_object_get(j->row, c->name);
        if (v == NULL && (c->must & j->version) != 0)
            return broken(j, "column-is-there", c->name);
        if (v != NULL && json_is_null(v) && c->never_null)
            return broken(j, "never-null", c->name);
        if (v != NULL && !json_is_null(v) && !cell_ok(c, cell(j->row, c->name)))
            return broken(j, "cell-is-well-formed", c->name);
    }
    return true;
}

static bool holds(const json_t *row, const ask *a)
{
    dm_str v = cell(row, a->column);
    switch (a->test) {
    case IS:
        return v.p != NULL && dm_str_eq_c(v, a->value);
    case IS_NOT:
        return v.p == NULL || !dm_str_eq_c(v, a->value);
    case EMPTY:
        return v.p == NULL;
    case FILLED:
        return v.p != NULL;
    }
    return false;
}

static bool row_ok(const judging *j)
{
    for (size_t i = 0; i < DM_LEN(rows_rules); i++) {
        bool applies = true;
        for (size_t k = 0; k < DM_LEN(rows_rules[i].where) && rows_rules[i].where[k].column != NULL; k++)
            applies = applies && holds(j->row, &rows_rules[i].where[k]);
        if (applies && !holds(j->row, &rows_rules[i].then))
            return broken(j, rows_rules[i].name, rows_rules[i].then.column);
    }
    return true;
}

static bool money_ok(const judging *j)
{
    static const ask correction = {"ChargeClass", IS, "Correction"};
    for (size_t i = 0; i < DM_LEN(products) && !holds(j->row, &correction); i++) {
        dm_price price;
        dm_qty quantity;
        dm_money product, cost;
        if (cell(j->row, products[i].price).p == NULL || cell(j->row, "PricingQuantity").p == NULL)
            continue;
        if (dm_price_parse(cell(j->row, products[i].price), &price, NULL) < 0 ||
                dm_qty_parse(cell(j->row, "PricingQuantity"), &quantity, NULL) < 0 ||
                dm_money_of(quantity, price, &product, NULL) < 0 ||
                dm_money_parse(cell(j->row, products[i].cost), &cost, NULL) < 0 || dm_money_cmp(product, cost) != 0)
            return broken(j, products[i].name, products[i].cost);
    }
    for (size_t i = 0; i < DM_LEN(bare); i++)
        if (dm_str_eq_c(cell(j->row, "ChargeCategory"), bare[i].category) &&
                !dm_str_eq(cell(j->row, bare[i].cost), cell(j->row, "BilledCost")))
            return broken(j, bare[i].name, bare[i].cost);
    return true;
}

static bool times_ok(const judging *j)
{
    static const ask correction = {"ChargeClass", IS, "Correction"};
    for (size_t i = 0; i < DM_LEN(spans); i++)
        if (strncmp(cell(j->row, spans[i].first).p, cell(j->row, spans[i].second).p, 20) >= 0)
            return broken(j, spans[i].name, spans[i].second);
    if (holds(j->row, &correction) &&
            strncmp(cell(j->row, "ChargePeriodStart").p, cell(j->row, "BillingPeriodStart").p, 20) >= 0)
        return broken(j, "correction-is-of-a-month-before", "ChargePeriodStart");
    return true;
}

static bool alike_ok(const judging *j)
{
    for (size_t i = 0; i < DM_LEN(alike); i++) {
        dm_str of = cell(j->row, alike[i].of);
        const json_t *one = json_object_get(j->row, alike[i].one);
        json_t *seen = json_object_get(j->first, alike[i].name);
        char key[200];
        if (of.p == NULL)
            continue;
        (void)snprintf(key, sizeof key, "%.*s", (int)of.n, of.p);
        const json_t *before = json_object_get(seen, key);
        if (before == NULL)
            (void)json_object_set(seen, key, (json_t *)(uintptr_t)one);
        else if (!json_equal((json_t *)(uintptr_t)before, (json_t *)(uintptr_t)one))
            return broken(j, alike[i].name, key);
    }
    return true;
}

bool focus_ok(dm_str rows, const char *version, char why[FOCUS_WHY])
{
    DM_AUTO(json_t) first = json_object();
    judging j = {.first = first, .why = why};
    dm_str rest = rows, line;
    for (size_t i = 0; i < DM_LEN(versions); i++)
        j.version |= strcmp(versions[i].name, version) == 0 ? versions[i].bit : 0;
    for (size_t i = 0; i < DM_LEN(alike); i++)
        (void)json_object_set_new(first, alike[i].name, json_object());
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        j.n++;
        if (dm_json_load(line, 1 << 20, &row, NULL) < 0)
            return broken(&j, "row-is-json", "the line");
        j.row = row;
        if (!no_others(&j) || !cells_ok(&j) || !row_ok(&j) || !money_ok(&j) || !times_ok(&j) || !alike_ok(&j))
            return false;
    }
    return j.n > 0 || broken(&j, "there-are-rows", "nothing");
}
