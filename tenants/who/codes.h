/* tenants/who/codes.h: what a billing profile is written in: countries, currencies, tax ids. Pure; the lists are
 * countries.def and currencies.def. */
#ifndef DM_TENANTS_WHO_CODES_H
#define DM_TENANTS_WHO_CODES_H

#include "base/str.h"

/* Capital letters, as the standards have them. */
bool dm_country_ok(dm_str code);
bool dm_currency_ok(dm_str code);

enum { DM_TAX_ID_MAX = 32 }; /* bytes */

/* 4 to DM_TAX_ID_MAX capital letters, digits, blanks, dots, dashes and slashes. A number for the value added tax of the
 * European Union, which begins with its country's letters, has that country's form; other forms are not known for
 * certain, and so not asked for. */
bool dm_tax_id_ok(dm_str country, dm_str id);

enum { DM_IBAN_TEXT = 34 }; /* bytes, at most */

/* An international bank account number (ISO 13616): country, two check digits that fit, 11 to 30 capital letters and
 * digits; without blanks. How long a country's are is not asked for: what the check digits let pass by chance is one in
 * 97. */
bool dm_iban_ok(dm_str iban);
/* The code of a bank (ISO 9362): 8 or 11 capital letters and digits, the fifth and sixth a country. */
bool dm_bic_ok(dm_str bic);

#endif
