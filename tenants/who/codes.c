#include "tenants/who/codes.h"

#include "base/parse.h"

#define CODE(code) #code " "
static const char countries[] =
#include "tenants/who/countries.def"
        ;
static const char currencies[] =
#include "tenants/who/currencies.def"
        ;
#undef CODE

static bool listed(const char *list, dm_str code, size_t n)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (code.n != n || !dm_str_only(code, capitals))
        return false;
    dm_str rest = dm_str_c(list);
    for (dm_str one; dm_str_split(&rest, ' ', &one);)
        if (dm_str_eq(one, code))
            return true;
    return false;
}

bool dm_country_ok(dm_str code)
{
    return listed(countries, code, 2);
}

bool dm_currency_ok(dm_str code)
{
    return listed(currencies, code, 3);
}

/* --- tax ids ------------------------------------------------------------------------------------------------ */

/* By country: the letters that its numbers begin with, and what may follow them: # is a digit, @ a letter, ? either,
 * anything else itself. */
static const struct {
    char country[3], prefix[3];
    const char *forms;
} vat[] = {
        {"AT", "AT", "U########"},
        {"BE", "BE", "##########"},
        {"BG", "BG", "######### ##########"},
        {"CY", "CY", "########@"},
        {"CZ", "CZ", "######## ######### ##########"},
        {"DE", "DE", "#########"},
        {"DK", "DK", "########"},
        {"EE", "EE", "#########"},
        {"ES", "ES", "?#######?"},
        {"FI", "FI", "########"},
        {"FR", "FR", "??#########"},
        {"GR", "EL", "#########"},
        {"HR", "HR", "###########"},
        {"HU", "HU", "########"},
        {"IE", "IE", "#?#####@ #######@@"},
        {"IT", "IT", "###########"},
        {"LT", "LT", "######### ############"},
        {"LU", "LU", "########"},
        {"LV", "LV", "###########"},
        {"MT", "MT", "########"},
        {"NL", "NL", "#########B##"},
        {"PL", "PL", "##########"},
        {"PT", "PT", "#########"},
        {"RO", "RO", "## ### #### ##### ###### ####### ######## ######### ##########"},
        {"SE", "SE", "############"},
        {"SI", "SI", "########"},
        {"SK", "SK", "##########"},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool fits(dm_str form, dm_str id)
{
    if (form.n != id.n)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char f = form.p[i], c = id.p[i];
        bool ok = f == '#' ? is_digit(c) : f == '@' ? is_letter(c) : f == '?' ? is_digit(c) || is_letter(c) : f == c;
        if (!ok)
            return false;
    }
    return true;
}

static bool fits_one(const char *forms, dm_str id)
{
    dm_str rest = dm_str_c(forms);
    for (dm_str form; dm_str_split(&rest, ' ', &form);)
        if (fits(form, id))
            return true;
    return false;
}

/* Blanks, dots and dashes are for the eye. */
static size_t bare(dm_str id, char out[DM_TAX_ID_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < id.n; i++)
        if (is_digit(id.p[i]) || is_letter(id.p[i]))
            out[n++] = id.p[i];
    return n;
}

bool dm_tax_id_ok(dm_str country, dm_str id)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-/";
    char text[DM_TAX_ID_MAX];
    if (id.n < 4 || id.n > DM_TAX_ID_MAX || !dm_str_only(id, set))
        return false;
    dm_str number = {text, bare(id, text)};
    if (number.n < 4)
        return false;
    for (size_t i = 0; i < DM_LEN(vat); i++)
        if (dm_str_eq_c(country, vat[i].country) && dm_str_starts(number, dm_str_c(vat[i].prefix)))
            return fits_one(vat[i].forms, (dm_str){number.p + 2, number.n - 2});
    return true;
}

/* --- banks -------------------------------------------------------------------------------------------------- */

/* Its first four characters put last, letters as 10 to 35: that number leaves 1 when divided by 97. */
bool dm_iban_ok(dm_str iban)
{
    unsigned rest = 0;
    if (iban.n < 15 || iban.n > DM_IBAN_TEXT || !dm_country_ok((dm_str){iban.p, 2}) || !is_digit(iban.p[2]) ||
            !is_digit(iban.p[3]))
        return false;
    for (size_t i = 0; i < iban.n; i++) {
        char c = iban.p[(i + 4) % iban.n];
        if (!is_digit(c) && !is_letter(c))
            return false;
        rest = is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    return rest == 1;
}

bool dm_bic_ok(dm_str bic)
{
    if (bic.n != 8 && bic.n != 11)
        return false;
    for (size_t i = 0; i < bic.n; i++)
        if (!is_digit(bic.p[i]) && !is_letter(bic.p[i]))
            return false;
    return dm_country_ok((dm_str){bic.p + 4, 2});
}
