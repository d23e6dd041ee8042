#include "metering/ask/book.h"

#include "base/parse.h"

#include "metering/ask/sql_ask.h"
#include "metering/rules/book.h"

enum { LABEL_MAX = 200 };

/* --- what is written ---------------------------------------------------------------------------------------- */

static const char *const units[DM_SKU_COUNT] = {
        [DM_SKU_DISK_HIB] = "GiB-Seconds",
        [DM_SKU_DISK_RUN_OVER_30] = "GiB-Seconds",
        [DM_SKU_MEM_RUN] = "GiB-Seconds",
        [DM_SKU_MINUTES] = "Minutes",
        [DM_SKU_SNAPSHOT] = "GiB-Seconds",
        [DM_SKU_VCPU_RUN] = "Core-Seconds",
};

/* A price, straight or as what a discount leaves of another. */
static int put_price(dm_jw *w, const json_t *from, dm_err *err)
{
    dm_str list = {NULL, 0}, per = {NULL, 0};
    dm_price price, of;
    int64_t points = 0;
    char text[DM_MONEY_TEXT];
    int r = dm_json_str(from, "per_unit", &per, err);
    int has_list = r < 0 ? r : dm_json_str(from, "list_per_unit", &list, err);
    int has_points = has_list < 0 ? has_list : dm_json_i64(from, "discount_bp", 0, 10000, &points, err);
    if (r < 0 || has_list < 0 || has_points < 0)
        return DM_E_INVALID;
    if (has_list != has_points || (has_list == DM_JSON_ABSENT && per.p == NULL))
        return dm_fail(err, DM_E_INVALID, "a price is per_unit, or list_per_unit with discount_bp");
    if (has_list == 0) {
        r = dm_price_parse(list, &of, err);
        if (r == 0)
            r = dm_price_discount(of, (uint32_t)points, &price, err);
        if (r < 0)
            return r;
        dm_price_print(of, text);
        dm_jw_kc(w, "list_per_unit", text);
        dm_jw_ki64(w, "discount_bp", points);
    }
    if (per.p != NULL) {
        dm_price said;
        r = dm_price_parse(per, &said, err);
        if (r == 0 && has_list == 0 && said.v != price.v)
            r = dm_fail(err, DM_E_INVALID, "per_unit is not what the discount leaves");
        if (r < 0)
            return r;
        price = said;
    }
    dm_price_print(price, text);
    dm_jw_kc(w, "per_unit", text);
    return 0;
}

static int put_tiers(dm_jw *w, const json_t *from, dm_err *err)
{
    const json_t *tiers = json_object_get(from, "tiers");
    dm_str mode = {NULL, 0};
    int r = dm_json_str(from, "mode", &mode, err);
    size_t n = json_array_size(tiers);
    bool has = tiers != NULL && !json_is_null(tiers);
    if (r < 0)
        return r;
    if (has != (mode.p != NULL) || (has && (!json_is_array(tiers) || n == 0 || n > DM_TIERS_MAX)))
        return dm_fail(err, DM_E_INVALID, "a price in tiers has a mode, and 1 to %d tiers", DM_TIERS_MAX);
    if (!has)
        return 0;
    if (!dm_str_eq_c(mode, "graduated") && !dm_str_eq_c(mode, "volume"))
        return dm_fail(err, DM_E_INVALID, "\"mode\" must be graduated or volume");
    dm_jw_kstr(w, "mode", mode);
    dm_jw_key(w, "tiers");
    dm_jw_arr(w);
    dm_qty last = {0}, here;
    for (size_t i = 0; i < n; i++) {
        dm_str start = {"", 0};
        char text[DM_MONEY_TEXT];
        r = dm_json_str(json_array_get(tiers, i), "from", &start, err);
        if (r == 0)
            r = dm_qty_parse(start, &here, err);
        if (r != 0 || here.v <= last.v)
            return r < 0 ? r : dm_fail(err, DM_E_INVALID, "\"from\" must rise from tier to tier, from above 0");
        last = here;
        dm_qty_print(here, text);
        dm_jw_obj(w);
        dm_jw_kc(w, "from_qty", text);
        r = put_price(w, json_array_get(tiers, i), err);
        if (r < 0)
            return r;
        dm_jw_end(w);
    }
    dm_jw_arr_end(w);
    return 0;
}

static int put_row(dm_jw *w, const json_t *from, bool seen[DM_SKU_COUNT], dm_err *err)
{
    dm_str name = {"", 0}, label = {"", 0};
    dm_sku sku = DM_SKU_COUNT;
    int r = dm_json_str(from, "sku", &name, err);
    if (r == 0)
        r = dm_sku_parse(name, &sku, err);
    if (r == DM_JSON_ABSENT || (r == 0 && seen[sku]))
        return dm_fail(err, DM_E_INVALID, "each of \"prices\" has a \"sku\" of its own");
    if (r == 0)
        r = dm_json_str(from, "label", &label, err);
    if (r < 0 || label.n > LABEL_MAX)
        return r < 0 ? r : dm_fail(err, DM_E_INVALID, "\"label\" is at most %d bytes", LABEL_MAX);
    seen[sku] = true;
    dm_jw_obj(w);
    dm_jw_kstr(w, "sku", name);
    dm_jw_kc(w, "unit", units[sku]);
    dm_jw_kstr(w, "label", label);
    r = put_price(w, from, err);
    if (r == 0)
        r = put_tiers(w, from, err);
    dm_jw_end(w);
    return r < 0 ? dm_wrap(err, "%s", dm_sku_name(sku)) : 0;
}

int dm_ask_prices(const json_t *prices, dm_buf *out, dm_err *err)
{
    bool seen[DM_SKU_COUNT] = {false};
    dm_jw w;
    if (!json_is_array(prices) || json_array_size(prices) == 0 || json_array_size(prices) > DM_SKU_COUNT)
        return dm_fail(err, DM_E_INVALID, "\"prices\" must be a list of 1 to %d prices", DM_SKU_COUNT);
    dm_jw_init(&w, out);
    dm_jw_arr(&w);
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(prices); i++)
        r = put_row(&w, json_array_get(prices, i), seen, err);
    dm_jw_arr_end(&w);
    return r < 0 ? r : dm_buf_ok(out, err);
}

/* --- drafts ------------------------------------------------------------------------------------------------- */

/* The database refuses what is not there. */
static int or_wrong(int r)
{
    return r == DM_E_INVALID ? DM_ASK_BOOK_WRONG : r;
}

int dm_ask_book_draft(
        dm_pg *c, const char *who, const char *why, const dm_ask_book *b, dm_str prices, int64_t *id, dm_err *err)
{
    bool there;
    int r = dm_sql_ask_book_may(c, b, &there, err);
    if (r == 0 && !there)
        return DM_ASK_BOOK_WRONG;
    if (r == 0)
        r = dm_sql_ask_book_add(c, who, why, b, id, err);
    if (r == 0)
        r = dm_sql_ask_prices_add(c, *id, prices, err);
    return or_wrong(r);
}

/* Holds the row. */
static int find(dm_pg *c, int64_t id, const char *who, dm_ask_found *out, dm_err *err)
{
    int r = dm_sql_ask_book_find(c, id, who, out, err);
    return r == 0 && !out->there ? DM_ASK_BOOK_NONE : r;
}

int dm_ask_book_edit(dm_pg *c, const char *who, int64_t id, int64_t valid_from_s, dm_str prices, dm_err *err)
{
    dm_ask_found f;
    int r = find(c, id, who, &f, err);
    if (r == 0 && f.status != DM_ASK_DRAFT)
        return DM_ASK_BOOK_STATE;
    if (r == 0)
        r = dm_sql_ask_book_edit(c, id, who, valid_from_s, err);
    if (r == 0)
        r = dm_sql_ask_prices_drop(c, id, err);
    if (r == 0)
        r = dm_sql_ask_prices_add(c, id, prices, err);
    return or_wrong(r);
}

/* --- the second person -------------------------------------------------------------------------------------- */

int dm_ask_book_approve(dm_pg *c, const char *who, const char *why, int64_t id, dm_str sha256, dm_err *err)
{
    dm_ask_found f;
    dm_digest is;
    char hex[2 * DM_SHA256 + 1];
    int r = find(c, id, who, &f, err);
    if (r != 0)
        return r;
    if (f.status != DM_ASK_DRAFT)
        return DM_ASK_BOOK_STATE;
    if (f.wrote)
        return DM_ASK_BOOK_OWN;
    r = dm_sql_ask_book_hash(c, id, &is, err);
    if (r < 0)
        return r;
    dm_hex(is.b, sizeof is.b, hex);
    if (!dm_str_eq_c(sha256, hex))
        return DM_ASK_BOOK_OTHER;
    if (f.in_s < DM_ASK_BOOK_AHEAD_S + 1)
        return DM_ASK_BOOK_LATE;
    int64_t simulation;
    bool concerns;
    r = dm_sql_ask_book_tried(c, id, &is, &simulation, &concerns, err);
    if (r == 0 && concerns && simulation == 0)
        return DM_ASK_BOOK_UNTRIED;
    return or_wrong(r < 0 ? r : dm_sql_ask_book_approve(c, id, who, why, simulation, err));
}

int dm_ask_book_withdraw(dm_pg *c, const char *who, const char *why, int64_t id, dm_err *err)
{
    dm_ask_found f;
    int r = find(c, id, who, &f, err);
    if (r != 0)
        return r;
    if (f.status == DM_ASK_WITHDRAWN || (f.status == DM_ASK_APPROVED && f.in_s < DM_ASK_BOOK_AHEAD_S + 1))
        return DM_ASK_BOOK_STATE;
    return or_wrong(dm_sql_ask_book_withdraw(c, id, who, why, err));
}

/* --- what a client says ------------------------------------------------------------------------------------- */

int dm_ask_book_kind_ok(const char *rated_by, const char *currency, dm_err *err)
{
    if (strcmp(rated_by, "minutes") != 0 && strcmp(rated_by, "resources") != 0)
        return dm_fail(err, DM_E_INVALID, "\"rated_by\" must be minutes or resources");
    for (const char *p = currency; *p != '\0'; p++) {
        if (*p < 'A' || *p > 'Z')
            return dm_fail(err, DM_E_INVALID, "\"currency\" must be three capital letters");
    }
    return 0;
}

int dm_ask_book_begins(const char *valid_from, int64_t *out, dm_err *err)
{
    int64_t us;
    if (dm_parse_rfc3339(dm_str_c(valid_from), &us, NULL) < 0 || us % 1000000 != 0 || us <= 0)
        return dm_fail(err, DM_E_INVALID, "\"valid_from\" must be a time, in whole seconds");
    *out = us / 1000000;
    return 0;
}
