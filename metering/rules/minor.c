#include "metering/rules/minor.h"

#include <assert.h>
#include <stdio.h>

/* All that do not have two, of ISO 4217's list. */
static const struct {
    const char codes[80];
    unsigned decimals;
} other[] = {
        {"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ", 0},
        {"BHD IQD JOD KWD LYD OMR TND ", 3},
        {"CLF UYW ", 4},
};
static const char none[] = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX ";

static bool among(const char *currency, const char *codes)
{
    for (; *codes != '\0'; codes += 4) {
        if (memcmp(codes, currency, 3) == 0)
            return true;
    }
    return false;
}

int dm_minor_of(const char *currency, unsigned *decimals, dm_err *err)
{
    bool letters = strlen(currency) == 3;
    for (size_t i = 0; letters && i < 3; i++)
        letters = currency[i] >= 'A' && currency[i] <= 'Z';
    if (!letters || among(currency, none))
        return dm_fail(err, DM_E_INVALID, "'%.8s' is no currency that is paid with", currency);
    *decimals = 2;
    for (size_t i = 0; i < DM_LEN(other); i++) {
        if (among(currency, other[i].codes))
            *decimals = other[i].decimals;
    }
    return 0;
}

dm_money dm_minor_unit(unsigned decimals)
{
    dm_money unit = {1};
    assert(decimals <= DM_MINOR_MAX);
    for (unsigned i = decimals; i < 18; i++)
        unit.v *= 10;
    return unit;
}

bool dm_minor_whole(dm_money m, unsigned decimals)
{
    return m.v % dm_minor_unit(decimals).v == 0;
}

int dm_minor_round(dm_money m, unsigned decimals, dm_money *out, dm_err *err)
{
    dm_i128 unit = dm_minor_unit(decimals).v, rest = m.v % unit; /* of the amount's sign */
    dm_money whole = {m.v - rest}, more = {0};
    if (rest >= unit / 2)
        more.v = unit;
    else if (rest <= -(unit / 2))
        more.v = -unit;
    return dm_money_add(whole, more, out, err);
}

int dm_minor_print(dm_money m, unsigned decimals, char out[DM_MONEY_TEXT], dm_err *err)
{
    if (!dm_minor_whole(m, decimals))
        return dm_fail(err, DM_E_INVALID, "an amount has more than %u decimals", decimals);
    dm_money_print(m, out);
    char *point = strchr(out, '.');
    assert(point != NULL);
    point[decimals == 0 ? 0 : 1 + decimals] = '\0';
    return 0;
}
