/* metering/rules/tax.h: which tax is on an invoice, and how much. What holds where is not in the code: it is rows,
 * which two operators enter after a tax adviser's word (dm.tax_rule); here is how one of them is chosen, what EN 16931
 * asks of it, and the sum. Pure. */
#ifndef DM_METERING_RULES_TAX_H
#define DM_METERING_RULES_TAX_H

#include "metering/rules/minor.h"

enum { DM_TAX_NONE = 1 }; /* no rule holds: then no invoice is made, for what has no rule is not guessed */
enum { DM_TAX_PPM = 1000000, DM_TAX_RULES_MAX = 4096 };

typedef struct dm_tax_rule {
    int64_t no;
    const char *seller;   /* a country, or "*" */
    const char *buyer;    /* a country, an area ("EU"), or "*" */
    int business;         /* 1: has a tax id that was checked; 0: has none; -1: either */
    const char *category; /* of EN 16931: S Z E AE O G K L M */
    uint32_t rate_ppm;    /* 200000 is 20 % */
    bool reverse_charge;
    const char *jurisdiction;         /* names the ledger account tax:JURISDICTION */
    const char *reason_code, *reason; /* "VATEX-EU-AE", "Reverse charge"; NULL: none */
    int64_t from_s, to_s;             /* half-open; INT64_MAX: it holds still */
} dm_tax_rule;

/* What an invoice in EN 16931 may say: S, L and M have a rate, the others none; Z gives no reason, E, AE, O, G and K
 * do; AE and no other is reverse charge; a reverse charge is of a business. Else DM_E_INVALID, which says what is
 * wrong. */
int dm_tax_check(const dm_tax_rule *rule, dm_err *err) DM_NODISCARD;

typedef struct dm_tax_case {
    const char *seller, *buyer; /* countries */
    const char *area;           /* the buyer's, "" if in none */
    bool business;
    int64_t at_s;
} dm_tax_case;

/* The rule that holds then and says most: that names the seller before one for all, then the buyer's country before his
 * area before all, then business or not before either; of equal ones the one that holds since later, then the later
 * row. 0, or DM_TAX_NONE. */
int dm_tax_find(const dm_tax_rule *rules, size_t n, const dm_tax_case *of, const dm_tax_rule **out);

/* On an amount that is whole already: rounded to a whole one, as dm_minor_round does. */
int dm_tax_on(dm_money base, uint32_t rate_ppm, unsigned decimals, dm_money *out, dm_err *err) DM_NODISCARD;

#endif
