#include "metering/live/terms.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/wire/number.h"

#include "metering/live/sql_live.h"
#include "metering/rules/statement.h"

enum { BOOKS_MAX = 4096, REGIONS_MAX = 65536, SIZES_MAX = 4096 };

typedef struct book {
    dm_rate_book rate;
    char group[DM_NAME_TEXT], tier[DM_NAME_TEXT], currency[4];
    int64_t from, to;
} book;

typedef struct region {
    int64_t no;
    char group[DM_NAME_TEXT];
} region;

typedef struct size {
    int64_t table, spec;
    uint32_t vcpus, mem_mib;
} size;

struct dm_terms {
    book *books;
    region *regions;
    size *sizes;
    size_t nbooks, nregions, nsizes;
    size_t books_room, regions_room, sizes_room;
};

int dm_terms_new(dm_terms **out, dm_err *err)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "no memory for prices");
}

void dm_terms_free(dm_terms *t)
{
    if (t == NULL)
        return;
    free(t->books);
    free(t->regions);
    free(t->sizes);
    free(t);
}

/* --- loading ------------------------------------------------------------------------------------------------ */

static int read_book(const dm_pg_rows *rows, size_t i, book *b, dm_err *err)
{
    *b = (book){.rate = {.id = dm_pg_i64(rows, i, DM_PRICED_BOOK),
                        .minutes = dm_str_eq_c(dm_pg_str(rows, i, DM_PRICED_RATED_BY), "minutes")},
            .from = dm_pg_i64(rows, i, DM_PRICED_FROM),
            .to = dm_pg_is_null(rows, i, DM_PRICED_TO) ? INT64_MAX : dm_pg_i64(rows, i, DM_PRICED_TO)};
    int r = dm_str_to_array(dm_pg_str(rows, i, DM_PRICED_GROUP), b->group, sizeof b->group, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, i, DM_PRICED_TIER), b->tier, sizeof b->tier, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, i, DM_PRICED_CURRENCY), b->currency, sizeof b->currency, err);
}

static int load_books(dm_terms *t, const dm_pg_rows *rows, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        if (i == 0 || dm_pg_i64(rows, i, DM_PRICED_BOOK) != dm_pg_i64(rows, i - 1, DM_PRICED_BOOK)) {
            r = dm_grow(&t->books, &t->books_room, t->nbooks, BOOKS_MAX, "price books", err);
            if (r == 0)
                r = read_book(rows, i, &t->books[t->nbooks++], err);
        }
        dm_sku sku;
        dm_price price;
        if (r == 0)
            r = dm_sku_parse(dm_pg_str(rows, i, DM_PRICED_SKU), &sku, err);
        if (r == 0)
            r = dm_price_parse(dm_pg_str(rows, i, DM_PRICED_PER_UNIT), &price, err);
        if (r == 0) {
            t->books[t->nbooks - 1].rate.has[sku] = true;
            t->books[t->nbooks - 1].rate.per_unit[sku] = price;
        }
    }
    return r;
}

static int load_regions(dm_terms *t, const dm_pg_rows *rows, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        r = dm_grow(&t->regions, &t->regions_room, t->nregions, REGIONS_MAX, "regions", err);
        if (r < 0)
            return r;
        region *g = &t->regions[t->nregions++];
        g->no = dm_pg_i64(rows, i, 0);
        r = dm_str_to_array(dm_pg_str(rows, i, 1), g->group, sizeof g->group, err);
    }
    return r;
}

static int load_sizes(dm_terms *t, const dm_pg_rows *rows, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        r = dm_grow(&t->sizes, &t->sizes_room, t->nsizes, SIZES_MAX, "sizes", err);
        if (r == 0)
            t->sizes[t->nsizes++] = (size){dm_pg_i64(rows, i, 0), dm_pg_i64(rows, i, 1),
                    (uint32_t)dm_pg_i64(rows, i, 2), (uint32_t)dm_pg_i64(rows, i, 3)};
    }
    return r;
}

int dm_terms_load(dm_terms *t, dm_pg *c, int64_t from, int64_t to, dm_err *err)
{
    DM_AUTO(dm_terms) made = NULL;
    DM_AUTO(dm_pg_rows) books = NULL;
    DM_AUTO(dm_pg_rows) regions = NULL;
    DM_AUTO(dm_pg_rows) sizes = NULL;
    int r = dm_terms_new(&made, err);
    if (r == 0)
        r = dm_sql_live_books(c, from, to, &books, err);
    if (r == 0)
        r = dm_sql_live_regions(c, &regions, err);
    if (r == 0)
        r = dm_sql_live_specs(c, &sizes, err);
    if (r == 0)
        r = load_books(made, books, err);
    if (r == 0)
        r = load_regions(made, regions, err);
    if (r == 0)
        r = load_sizes(made, sizes, err);
    if (r < 0)
        return dm_wrap(err, "prices");
    dm_terms old = *t;
    *t = *made;
    *made = old;
    return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------- */

const dm_rate_book *dm_terms_book(
        const dm_terms *t, uint16_t region_no, const char *tier, const char *currency, int64_t at)
{
    const char *group = NULL;
    for (size_t i = 0; group == NULL && i < t->nregions; i++)
        group = t->regions[i].no == region_no ? t->regions[i].group : NULL;
    for (size_t i = 0; group != NULL && i < t->nbooks; i++) {
        const book *b = &t->books[i];
        if (b->from <= at && at < b->to && strcmp(b->group, group) == 0 && strcmp(b->tier, tier) == 0 &&
                strcmp(b->currency, currency) == 0)
            return &b->rate;
    }
    return NULL;
}

bool dm_terms_size(const dm_terms *t, uint16_t spec_table, uint16_t spec, uint32_t *vcpus, uint32_t *mem_mib)
{
    for (size_t i = 0; i < t->nsizes; i++) {
        if (t->sizes[i].table != spec_table || t->sizes[i].spec != spec)
            continue;
        *vcpus = t->sizes[i].vcpus;
        *mem_mib = t->sizes[i].mem_mib;
        return true;
    }
    return false;
}
