#include "metering/rules/money.h"

enum { MONEY_SCALE = 18, PRICE_SCALE = 12, QTY_SCALE = 6, MONEY_DIGITS = 38, PRICE_DIGITS = 18, QTY_DIGITS = 20 };

/* The first value that no longer fits its column. */
static dm_i128 ten_to(unsigned n)
{
    dm_i128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

static int in_range(dm_i128 v, unsigned digits, const char *what, dm_err *err)
{
    dm_i128 end = ten_to(digits);
    if (v >= end || v <= -end)
        return dm_fail(err, DM_E_LIMIT, "%s has more than %u digits", what, digits);
    return 0;
}

static int invalid(dm_str s, const char *what, dm_err *err)
{
    return dm_fail(err, DM_E_INVALID, "'%.*s' is not %s", (int)(s.n > 60 ? 60 : s.n), s.p, what);
}

/* digits is at most MONEY_DIGITS: a value of so many digits is below 10^38, and ten times that plus nine still fits. */
static int parse(dm_str s, unsigned scale, unsigned digits, const char *what, dm_i128 *out, dm_err *err)
{
    size_t i = 0;
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative)
        i++;
    size_t whole = 0, fraction = 0;
    bool point = false;
    dm_i128 v = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !point && whole > 0) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || (point && fraction == scale))
            return invalid(s, what, err);
        v = v * 10 + (c - '0');
        if (in_range(v, digits, what, err) < 0)
            return DM_E_LIMIT;
        if (point)
            fraction++;
        else
            whole++;
    }
    if (whole == 0 || (point && fraction == 0))
        return invalid(s, what, err);
    for (; fraction < scale; fraction++) {
        v *= 10;
        if (in_range(v, digits, what, err) < 0)
            return DM_E_LIMIT;
    }
    *out = negative ? -v : v;
    return 0;
}

static void print(dm_i128 v, unsigned scale, char out[DM_MONEY_TEXT])
{
    char digits[DM_MONEY_TEXT];
    unsigned n = 0;
    bool negative = v < 0;
    /* The remainder of a negative number is negative or zero: so the smallest value prints too. */
    do {
        int d = (int)(v % 10);
        digits[n++] = (char)('0' + (d < 0 ? -d : d));
        v /= 10;
        if (n == scale)
            digits[n++] = '.';
    } while (v != 0 || n < scale + 2);
    if (negative)
        digits[n++] = '-';
    for (unsigned i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    out[n] = '\0';
}

int dm_money_parse(dm_str s, dm_money *out, dm_err *err)
{
    return parse(s, MONEY_SCALE, MONEY_DIGITS, "an amount", &out->v, err);
}

int dm_price_parse(dm_str s, dm_price *out, dm_err *err)
{
    dm_i128 v;
    int r = parse(s, PRICE_SCALE, PRICE_DIGITS, "a price", &v, err);
    if (r < 0)
        return r;
    if (v < 0)
        return invalid(s, "a price", err);
    out->v = (int64_t)v;
    return 0;
}

int dm_qty_parse(dm_str s, dm_qty *out, dm_err *err)
{
    return parse(s, QTY_SCALE, QTY_DIGITS, "a quantity", &out->v, err);
}

void dm_money_print(dm_money m, char out[DM_MONEY_TEXT])
{
    print(m.v, MONEY_SCALE, out);
}

void dm_price_print(dm_price p, char out[DM_MONEY_TEXT])
{
    print(p.v, PRICE_SCALE, out);
}

void dm_qty_print(dm_qty q, char out[DM_MONEY_TEXT])
{
    print(q.v, QTY_SCALE, out);
}

/* Takes the product only when it fits. */
static int multiply(dm_i128 a, dm_i128 b, unsigned digits, const char *what, dm_i128 *out, dm_err *err)
{
    dm_i128 v;
    if (__builtin_mul_overflow(a, b, &v))
        return dm_fail(err, DM_E_LIMIT, "%s overflows", what);
    int r = in_range(v, digits, what, err);
    if (r == 0)
        *out = v;
    return r;
}

static int add(dm_i128 a, dm_i128 b, unsigned digits, const char *what, dm_i128 *out, dm_err *err)
{
    dm_i128 v;
    if (__builtin_add_overflow(a, b, &v))
        return dm_fail(err, DM_E_LIMIT, "%s overflows", what);
    int r = in_range(v, digits, what, err);
    if (r == 0)
        *out = v;
    return r;
}

int dm_money_add(dm_money a, dm_money b, dm_money *out, dm_err *err)
{
    return add(a.v, b.v, MONEY_DIGITS, "an amount", &out->v, err);
}

int dm_qty_add(dm_qty a, dm_qty b, dm_qty *out, dm_err *err)
{
    return add(a.v, b.v, QTY_DIGITS, "a quantity", &out->v, err);
}

int dm_money_negate(dm_money a, dm_money *out, dm_err *err)
{
    return multiply(a.v, -1, MONEY_DIGITS, "an amount", &out->v, err);
}

int dm_money_cmp(dm_money a, dm_money b)
{
    return a.v < b.v ? -1 : a.v > b.v;
}

int dm_money_of(dm_qty q, dm_price p, dm_money *out, dm_err *err)
{
    return multiply(q.v, p.v, MONEY_DIGITS, "an amount", &out->v, err);
}

int dm_qty_less(dm_qty a, dm_qty b, dm_qty *out, dm_err *err)
{
    return dm_qty_add(a, (dm_qty){-b.v}, out, err); /* either is below 10^20 */
}

int dm_qty_of(uint64_t n, uint64_t micro, dm_qty *out, dm_err *err)
{
    return multiply((dm_i128)n, (dm_i128)micro, QTY_DIGITS, "a quantity", &out->v, err);
}
