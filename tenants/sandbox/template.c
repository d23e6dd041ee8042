#include "tenants/sandbox/template.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/wire/spec.h"

static const char name_set[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
static const char tag_set[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

static int word(dm_str s, const char *set, const char *what, char out[DM_TEMPLATE_WORD], dm_err *err)
{
    if (s.n == 0 || s.n >= DM_TEMPLATE_WORD)
        return dm_fail(err, DM_E_INVALID, "the %s of a template has 1 to %d characters", what, DM_TEMPLATE_WORD - 1);
    if (!dm_str_only(s, set))
        return dm_fail(err, DM_E_INVALID, "the %s of a template has only %s", what,
                set == name_set ? "a-z, 0-9, - and _" : "a-z, 0-9, -, _ and .");
    return dm_str_to_array(s, out, DM_TEMPLATE_WORD, err);
}

/* "2c1g" is all size, "v2-2c1g" a tag and a size, anything else a tag. */
static int parse_tag(dm_str tag, dm_template_name *n, dm_err *err)
{
    if (dm_uuid_ok(tag))
        return dm_fail(err, DM_E_INVALID, "a tag cannot be a UUID");
    n->tagged = true;
    const char *dash = tag.n > 0 ? memrchr(tag.p, '-', tag.n) : NULL;
    dm_str size = tag, rest = DM_STR("default");
    if (dash != NULL) {
        size = (dm_str){dash + 1, tag.n - (size_t)(dash - tag.p) - 1};
        rest = (dm_str){tag.p, (size_t)(dash - tag.p)};
    }
    n->sized = dm_spec_parse(size, &n->vcpus, &n->mem_mib, NULL) == 0;
    return word(n->sized ? rest : tag, tag_set, "tag", n->tag, err);
}

static int parse_lower(dm_str s, dm_template_name *n, dm_err *err)
{
    const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;
    if (colon != NULL) {
        dm_str tag = {colon + 1, s.n - (size_t)(colon - s.p) - 1};
        int r = parse_tag(tag, n, err);
        if (r < 0)
            return r;
        s.n = (size_t)(colon - s.p);
    } else {
        (void)snprintf(n->tag, sizeof n->tag, "default");
    }
    const char *slash = s.n > 0 ? memchr(s.p, '/', s.n) : NULL;
    if (slash != NULL) {
        int r = word((dm_str){s.p, (size_t)(slash - s.p)}, name_set, "namespace", n->space, err);
        if (r < 0)
            return r;
        s = (dm_str){slash + 1, s.n - (size_t)(slash - s.p) - 1};
    }
    return word(s, name_set, "name", n->alias, err);
}

int dm_template_name_parse(dm_str text, dm_template_name *out, dm_err *err)
{
    char lower[3 * DM_TEMPLATE_WORD];
    dm_template_name n = {.tagged = false};
    text = dm_str_trim(text);
    if (text.n >= sizeof lower)
        return dm_fail(err, DM_E_INVALID, "a template's name has at most %zu characters", sizeof lower - 1);
    for (size_t i = 0; i < text.n; i++)
        lower[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] - 'A' + 'a' : text.p[i]);
    int r = parse_lower((dm_str){lower, text.n}, &n, err);
    if (r == 0)
        *out = n;
    return r;
}

void dm_template_done(dm_template *t)
{
    dm_pg_rows_free(t->rows);
    t->rows = NULL;
    free(t->own);
    t->own = NULL;
}
