/* tenants/who/profile.h: an account as its own people see and change it: what it is called, how it stands, and its
 * billing profile, which says who is billed, where, in what and how often. As dm_api, in the scope of the whole account
 * (project 0); what operators do to accounts is in account.h. */
#ifndef DM_TENANTS_WHO_PROFILE_H
#define DM_TENANTS_WHO_PROFILE_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"

/* Borrowed from the rows. */
typedef struct dm_profile {
    dm_str id, name, tier, roles; /* roles of who asks, with commas between */
    dm_str blocked;               /* why it may not create; .p NULL: it may */
    bool banned;
    dm_str held, held_why; /* the cause that keeps all of it from running; .p NULL: none */
    dm_str legal_name;
    dm_str address; /* lines, each but the last with its end; empty: none */
    dm_str country; /* .p NULL: nobody has said */
    dm_str tax_id;  /* .p NULL: none; the same of invoice_email */
    dm_str currency, billing_cycle, invoice_email;
    dm_str purchase_order; /* the customer's own number, for invoices; .p NULL: none */
    bool stated;           /* there are statements: its currency stays */
    int64_t created_us, projects, members;
} dm_profile;

/* By's account. The caller frees rows. */
int dm_profile_read(dm_pg *c, const dm_caller *by, dm_pg_rows **rows, dm_profile *out, dm_err *err) DM_NODISCARD;

/* .p NULL: it stays. */
typedef struct dm_profile_change {
    dm_str name;
    dm_str legal_name, address, country, currency, billing_cycle; /* the billing profile, */
    dm_str tax_id, invoice_email, purchase_order;                 /* .n 0: none any more */
} dm_profile_change;

/* What of it can be said without the row: bounds, lists, forms. DM_E_INVALID, which names the member. Pure. */
int dm_profile_check(const dm_profile_change *want, dm_err *err) DM_NODISCARD;

enum {
    DM_PROFILE_OWNER = 1,     /* the billing profile is changed by an owner alone */
    DM_PROFILE_STATED = 2,    /* there are statements in the currency that it has */
    DM_PROFILE_NO_PRICES = 3, /* its plan has no prices in that currency, in some region that it has a project in */
    DM_PROFILE_COMMITTED = 5, /* its contract says what a month costs at least, in another currency */
    DM_PROFILE_TAX_ID = 4,    /* the tax id has not the form of that country's */
};

/* Of what was checked. Writes one line of the audit, which names what changed, and says of country and currency what
 * they were and are. */
int dm_profile_alter(dm_pg *c, const dm_caller *by, const dm_profile_change *want, dm_err *err) DM_NODISCARD;

#endif
