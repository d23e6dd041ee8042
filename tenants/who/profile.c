#include "tenants/who/profile.h"

#include "tenants/who/codes.h"
#include "tenants/who/login.h"
#include "tenants/who/name.h"

static bool given(dm_str s)
{
    return s.p != NULL;
}

static bool cycle_ok(dm_str cycle)
{
    return dm_str_eq_c(cycle, "hourly") || dm_str_eq_c(cycle, "monthly");
}

int dm_profile_check(const dm_profile_change *want, dm_err *err)
{
    char email[DM_EMAIL_MAX + 1];
    if (given(want->name) && !dm_name_ok(want->name))
        return dm_fail(err, DM_E_INVALID, "\"name\" must have 1 to %d characters and no controls", DM_NAME_MAX);
    if (given(want->legal_name) && !dm_name_fits(want->legal_name, DM_LEGAL_NAME_MAX))
        return dm_fail(
                err, DM_E_INVALID, "\"legal_name\" must have 1 to %d characters and no controls", DM_LEGAL_NAME_MAX);
    if (given(want->address) && !dm_address_ok(want->address))
        return dm_fail(err, DM_E_INVALID, "\"address\" must have at most %d lines of 1 to %d characters",
                DM_ADDRESS_LINES_MAX, DM_NAME_MAX);
    if (given(want->country) && !dm_country_ok(want->country))
        return dm_fail(err, DM_E_INVALID, "\"country\" must be the two letters of a country (ISO 3166-1)");
    if (given(want->currency) && !dm_currency_ok(want->currency))
        return dm_fail(err, DM_E_INVALID, "\"currency\" must be the three letters of a currency (ISO 4217)");
    if (given(want->billing_cycle) && !cycle_ok(want->billing_cycle))
        return dm_fail(err, DM_E_INVALID, "\"billing_cycle\" must be hourly or monthly");
    if (want->tax_id.n > 0 && !dm_tax_id_ok(DM_STR(""), want->tax_id))
        return dm_fail(err, DM_E_INVALID, "\"tax_id\" must have 4 to %d capital letters, digits, blanks or . - /",
                DM_TAX_ID_MAX);
    if (want->purchase_order.n > 0 && !dm_name_ok(want->purchase_order))
        return dm_fail(
                err, DM_E_INVALID, "\"purchase_order\" must have 1 to %d characters and no controls", DM_NAME_MAX);
    if (want->invoice_email.n > 0 && dm_email_read(want->invoice_email, email, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"invoice_email\" must be an address for mail");
    return 0;
}
