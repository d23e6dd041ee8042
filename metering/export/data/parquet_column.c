#include "metering/export/data/parquet_column.h"

#include "base/parse.h"

#include "metering/export/data/thrift.h"
#include "metering/rules/money.h"

/* --- values ------------------------------------------------------------------------------------------------- */

enum { VALUE_MAX = 16, DIGITS_MAX = 38 };

/* How many bytes hold each number of so many digits, with its sign. */
static unsigned width_of(unsigned precision)
{
    unsigned n = 1;
    dm_i128 most = 1;
    for (unsigned i = 0; i < precision; i++)
        most *= 10;
    while (n < VALUE_MAX && most > (dm_i128)1 << (8 * n - 1))
        n++;
    return n;
}

/* "-12.5" of scale 6: -12500000. */
static int decimal(dm_str cell, const dm_data_column *is, dm_i128 *out, dm_err *err)
{
    bool negative = cell.n > 0 && cell.p[0] == '-';
    unsigned digits = 0, decimals = 0;
    bool point = false, good = true;
    dm_i128 v = 0;
    for (size_t i = negative; i < cell.n && good; i++) {
        char c = cell.p[i];
        good = c == '.' ? !point : c >= '0' && c <= '9';
        if (c == '.') {
            point = true;
        } else if (good) {
            digits += digits > 0 || c != '0';
            decimals += point;
            good = digits <= is->precision && decimals <= is->scale;
            v = v * 10 + (c - '0');
        }
    }
    if (!good || cell.n == negative || digits + is->scale - decimals > DIGITS_MAX)
        return dm_fail(err, DM_E_INTERNAL, "%s has a number that it cannot have", is->name);
    for (; decimals < is->scale; decimals++)
        v *= 10;
    *out = negative ? -v : v;
    return 0;
}

/* The last byte is the lowest. */
static void put_high(dm_i128 v, unsigned width, char out[VALUE_MAX])
{
    for (unsigned i = width; i-- > 0; v >>= 8)
        out[i] = (char)(v & 0xff);
}

static void put_low(int64_t v, char out[VALUE_MAX])
{
    uint64_t u = (uint64_t)v;
    for (unsigned i = 0; i < 8; i++, u >>= 8)
        out[i] = (char)(u & 0xff);
}

static int number(dm_parquet_column *c, dm_str cell, char out[VALUE_MAX], dm_err *err)
{
    dm_i128 d = 0;
    int64_t v = 0;
    int r;
    if (c->is->type == DM_DATA_DECIMAL) {
        r = decimal(cell, c->is, &d, err);
        put_high(d, c->width, out);
        return r;
    }
    bool time = c->is->type == DM_DATA_TIME;
    r = dm_parse_i64(cell, time ? 0 : INT64_MIN, time ? 253402300799 : INT64_MAX, &v, err);
    put_low(time ? v * 1000000 : v, out);
    return r;
}

/* --- the dictionary ----------------------------------------------------------------------------------------- */

static dm_str word(const dm_parquet_column *c, size_t i)
{
    size_t end = i + 1 < c->nwords ? c->at[i + 1] : c->words.len;
    return (dm_str){c->words.p + c->at[i], end - c->at[i]};
}

/* With a text's length before it, as it stands in the file. */
static void put_value(dm_buf *out, const dm_parquet_column *c, dm_str value)
{
    if (c->width == 0)
        (void)dm_buf_le32(out, (uint32_t)value.n);
    (void)dm_buf_str(out, value);
}

static bool is_word(const dm_parquet_column *c, size_t i, dm_str value)
{
    dm_str w = word(c, i);
    size_t before = c->width == 0 ? 4 : 0;
    return w.n == value.n + before && memcmp(w.p + before, value.p, value.n) == 0;
}

/* Too many words: what rows have said by number so far is written out. */
static void give_up(dm_parquet_column *c)
{
    for (size_t i = 0; i < c->nnumbers; i++)
        (void)dm_buf_str(&c->values, word(c, c->numbers[i]));
    c->plain = true;
    c->nnumbers = c->nwords = 0;
    dm_buf_reset(&c->words);
}

/* The word's number, of a new one too; below 0: there is no room for it. */
static int find_word(dm_parquet_column *c, dm_str value)
{
    if (c->nnumbers > 0 && is_word(c, c->numbers[c->nnumbers - 1], value))
        return c->numbers[c->nnumbers - 1];
    size_t slot = dm_str_hash(value) % DM_PARQUET_TABLE;
    for (; c->table[slot] != 0; slot = (slot + 1) % DM_PARQUET_TABLE)
        if (is_word(c, c->table[slot] - 1U, value))
            return c->table[slot] - 1;
    if (c->nwords == DM_PARQUET_WORDS || c->words.len + value.n + 4 > DM_PARQUET_WORD_BYTES)
        return -1;
    c->at[c->nwords] = (uint32_t)c->words.len;
    put_value(&c->words, c, value);
    c->table[slot] = (uint16_t)++c->nwords;
    return (int)c->nwords - 1;
}

static int add_value(dm_parquet_column *c, dm_str value, dm_err *err)
{
    int found = c->plain ? -1 : find_word(c, value);
    if (found >= 0) {
        c->numbers[c->nnumbers++] = (uint16_t)found;
        return dm_buf_ok(&c->words, err);
    }
    if (!c->plain)
        give_up(c);
    put_value(&c->values, c, value);
    return dm_buf_ok(&c->values, err);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

int dm_parquet_column_new(const dm_data_column *is, dm_parquet_column **out, dm_err *err)
{
    dm_parquet_column *c = calloc(1, sizeof *c);
    if (c == NULL)
        return dm_fail(err, DM_E_NOMEM, "a column");
    c->is = is;
    c->width = is->type == DM_DATA_TEXT ? 0 : is->type == DM_DATA_DECIMAL ? width_of(is->precision) : 8;
    dm_buf_init(&c->words, DM_PARQUET_WORD_BYTES);
    dm_buf_init(&c->values, DM_PARQUET_COLUMN_MAX);
    *out = c;
    return 0;
}

void dm_parquet_column_free(dm_parquet_column *c)
{
    if (c == NULL)
        return;
    dm_buf_done(&c->words);
    dm_buf_done(&c->values);
    free(c);
}

void dm_parquet_column_reset(dm_parquet_column *c)
{
    memset(c->there, 0, sizeof c->there);
    memset(c->table, 0, sizeof c->table);
    dm_buf_reset(&c->words);
    dm_buf_reset(&c->values);
    c->rows = c->nulls = c->nwords = c->nnumbers = 0;
    c->plain = false;
}

int dm_parquet_column_add(dm_parquet_column *c, dm_str cell, dm_err *err)
{
    char value[VALUE_MAX];
    size_t row = c->rows++;
    if (cell.p == NULL && c->is->required)
        return dm_fail(err, DM_E_INTERNAL, "%s is null", c->is->name);
    if (cell.p == NULL) {
        c->nulls++;
        return 0;
    }
    c->there[row / 8] |= (uint8_t)(1U << row % 8);
    if (c->width == 0)
        return add_value(c, cell, err);
    int r = number(c, cell, value, err);
    return r < 0 ? r : add_value(c, (dm_str){value, c->width}, err);
}

size_t dm_parquet_column_bytes(const dm_parquet_column *c)
{
    return c->words.len + c->values.len + c->nnumbers * sizeof c->numbers[0];
}

/* --- the page ----------------------------------------------------------------------------------------------- */

/* Which rows are null: one run of bits, its length in bytes before it. */
static void put_levels(const dm_parquet_column *c, dm_buf *out)
{
    size_t bytes = (c->rows + 7) / 8, at = out->len;
    (void)dm_buf_le32(out, 0);
    dm_thrift_varint(out, bytes << 1 | 1);
    (void)dm_buf_add(out, c->there, bytes);
    if (out->failed)
        return;
    uint32_t n = (uint32_t)(out->len - at - 4);
    for (unsigned i = 0; i < 4; i++, n >>= 8)
        out->p[at + i] = (char)(n & 0xff);
}

/* Numbers of words: how many bits each has, then one run of groups of eight. */
static void put_numbers(const dm_parquet_column *c, dm_buf *out)
{
    unsigned bits = 1, filled = 0;
    uint32_t pending = 0;
    while (c->nwords > (size_t)1 << bits)
        bits++;
    size_t groups = (c->nnumbers + 7) / 8;
    (void)dm_buf_u8(out, (uint8_t)bits);
    dm_thrift_varint(out, groups << 1 | 1);
    for (size_t i = 0; i < groups * 8; i++) {
        pending |= (i < c->nnumbers ? (uint32_t)c->numbers[i] : 0) << filled;
        for (filled += bits; filled >= 8; filled -= 8, pending >>= 8)
            (void)dm_buf_u8(out, (uint8_t)pending);
    }
}

int dm_parquet_column_page(const dm_parquet_column *c, dm_buf *out, dm_err *err)
{
    if (!c->is->required)
        put_levels(c, out);
    if (c->nwords > 0)
        put_numbers(c, out);
    else
        (void)dm_buf_str(out, dm_buf_view(&c->values));
    return dm_buf_ok(out, err);
}
