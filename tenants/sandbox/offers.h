/* tenants/sandbox/offers.h: what a template's name means to a project, kept for a while: every create asks. Whoever
 * hears of a change (NOTIFY dm_templates; a slug's, which is a namespace, comes as dm_keys) calls dm_offers_forget, and
 * nothing older is used again. A template whose environment is long is asked for each time. Thread-safe. */
#ifndef DM_TENANTS_SANDBOX_OFFERS_H
#define DM_TENANTS_SANDBOX_OFFERS_H

#include "base/clock.h"

#include "tenants/sandbox/template.h"

typedef struct dm_offers dm_offers;

/* clock is borrowed. */
int dm_offers_new(const dm_clock *clock, unsigned keep_ms, dm_offers **out, dm_err *err) DM_NODISCARD;
void dm_offers_free(dm_offers *o);
DM_DEFINE_FREEP(dm_offers)

/* As dm_template_find, in a transaction of any scope, which is not asked where it is known. */
int dm_offers_find(dm_offers *o, dm_pg *c, dm_project_no project, const dm_template_name *name, dm_template *out,
        dm_err *err) DM_NODISCARD;
void dm_offers_forget(dm_offers *o);

#endif
