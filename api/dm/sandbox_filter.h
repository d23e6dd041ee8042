/* api/dm/sandbox_filter.h: which of a project's sandboxes a request means: for the list by its parameters, for acts on
 * many by the members of an object. */
#ifndef DM_API_DM_SANDBOX_FILTER_H
#define DM_API_DM_SANDBOX_FILTER_H

#include "base/http.h"

#include "tenants/sandbox/line.h"
#include "tenants/sandbox/template.h"

typedef struct dm_own_filter {
    dm_line_filter f; /* its labels are made in dm_own_filter_find */
    dm_template_name template;
    bool by_template;
    dm_str key; /* .p NULL: any */
    dm_str q;   /* the beginning of an id, or words of the metadata; .p NULL: any */
    size_t npairs;
    dm_pair pairs[DM_LINES_LABELS / 2]; /* of metadata */
    dm_buf labels;
} dm_own_filter;

/* q, state, template, key, parent, cause (with commas), metadata (k=v, as often as there are pairs). Strings are
 * borrowed of the request. DM_E_INVALID. out is zeroed by the caller, and dm_own_filter_done afterwards. */
int dm_own_filter_query(const dm_req *req, dm_own_filter *out, dm_err *err) DM_NODISCARD;
/* The same of {"q", "state": [...], "template", "key", "cause": [...], "metadata": {...}}. */
int dm_own_filter_body(const json_t *obj, dm_own_filter *out, dm_err *err) DM_NODISCARD;
void dm_own_filter_done(dm_own_filter *f);

/* What it leaves, as dm_lines_find. */
int dm_own_filter_find(dm_pg *c, dm_owner owner, dm_own_filter *f, dm_lines *out, dm_err *err) DM_NODISCARD;

/* The first second of the month of UTC in which this second lies. */
int64_t dm_month_of(int64_t second);

#endif
