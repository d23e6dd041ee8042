#include "api/dm/sandbox_filter.h"

#include <stdio.h>
#include <time.h>

#include "base/parse.h"

enum { Q_MAX = 256, LABEL_TEXT_MAX = 256 << 10, PREFIX_LEAST = 3 };

/* --- the words of it ---------------------------------------------------------------------------------------- */

static int add_state(dm_own_filter *f, dm_str name, dm_err *err)
{
    dm_sandbox_state state;
    if (dm_sandbox_state_parse(name, &state, NULL) < 0)
        return dm_fail(
                err, DM_E_INVALID, "state must be of starting, running, pausing, paused, resuming, ending, ended");
    f->f.states[state] = true;
    return 0;
}

static int add_cause(dm_own_filter *f, dm_str name, dm_err *err)
{
    dm_cause cause;
    int r = dm_cause_parse(name, &cause, err);
    if (r == 0)
        f->f.causes |= UINT32_C(1) << cause;
    return r;
}

static int add_pair(dm_own_filter *f, dm_str name, dm_str value, dm_err *err)
{
    if (f->npairs == DM_LEN(f->pairs))
        return dm_fail(err, DM_E_INVALID, "metadata: more than %zu pairs", DM_LEN(f->pairs));
    f->pairs[f->npairs++] = (dm_pair){name, value};
    return 0;
}

static int set_template(dm_own_filter *f, dm_str name, dm_err *err)
{
    if (name.p == NULL || name.n == 0)
        return 0;
    if (dm_template_name_parse(name, &f->template, err) < 0)
        return dm_wrap(err, "template");
    if (f->template.tagged)
        return dm_fail(err, DM_E_INVALID, "template: give it without a tag");
    f->by_template = true;
    return 0;
}

static int set_q(dm_own_filter *f, dm_str q, dm_err *err)
{
    q = dm_str_trim(q);
    if (q.n > Q_MAX)
        return dm_fail(err, DM_E_INVALID, "q has more than %d bytes", Q_MAX);
    if (q.n > 0)
        f->q = q;
    return 0;
}

static int set_parent(dm_own_filter *f, dm_str id, dm_err *err)
{
    if (id.p == NULL || id.n == 0)
        return 0;
    if (f->q.p != NULL)
        return dm_fail(err, DM_E_INVALID, "parent and q are not asked for together");
    f->f.by_parent = true;
    int r = dm_sandbox_id_parse(id, &f->f.parent, err);
    return r < 0 ? dm_wrap(err, "parent") : 0;
}

/* --- a request's parameters --------------------------------------------------------------------------------- */

typedef int (*add_fn)(dm_own_filter *f, dm_str word, dm_err *err);

static int add_each(dm_own_filter *f, dm_str list, add_fn add, dm_err *err)
{
    dm_str one;
    int r = 0;
    while (r == 0 && dm_str_split(&list, ',', &one))
        r = one.n > 0 ? add(f, one, err) : 0;
    return r;
}

static int add_query_pair(dm_own_filter *f, dm_str given, dm_err *err)
{
    const char *eq = given.n > 0 ? memchr(given.p, '=', given.n) : NULL;
    if (eq == NULL || eq == given.p)
        return dm_fail(err, DM_E_INVALID, "metadata must be name=value");
    size_t n = (size_t)(eq - given.p);
    return add_pair(f, (dm_str){given.p, n}, (dm_str){eq + 1, given.n - n - 1}, err);
}

int dm_own_filter_query(const dm_req *req, dm_own_filter *f, dm_err *err)
{
    dm_str key = dm_req_query(req, "key");
    if (key.n > 0)
        f->key = key;
    int r = set_q(f, dm_req_query(req, "q"), err);
    if (r == 0)
        r = add_each(f, dm_req_query(req, "state"), add_state, err);
    if (r == 0)
        r = add_each(f, dm_req_query(req, "cause"), add_cause, err);
    if (r == 0)
        r = set_template(f, dm_req_query(req, "template"), err);
    if (r == 0)
        r = set_parent(f, dm_req_query(req, "parent"), err);
    for (size_t i = 0; r == 0 && i < req->nquery; i++)
        if (dm_str_eq_c(req->query[i].name, "metadata"))
            r = add_query_pair(f, req->query[i].value, err);
    return r;
}

/* --- an object's members ------------------------------------------------------------------------------------ */

static int add_array(dm_own_filter *f, const json_t *obj, const char *name, add_fn add, dm_err *err)
{
    const json_t *list = json_object_get(obj, name);
    const json_t *one;
    size_t i;
    if (list == NULL || json_is_null(list))
        return 0;
    if (!json_is_array(list))
        return dm_fail(err, DM_E_INVALID, "\"%s\" must be an array", name);
    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one))
            return dm_fail(err, DM_E_INVALID, "\"%s\" must be an array of strings", name);
        int r = add(f, (dm_str){json_string_value(one), json_string_length(one)}, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_object(dm_own_filter *f, const json_t *obj, dm_err *err)
{
    json_t *map = json_object_get(obj, "metadata"), *value;
    const char *name;
    if (map == NULL || json_is_null(map))
        return 0;
    if (!json_is_object(map))
        return dm_fail(err, DM_E_INVALID, "\"metadata\" must be an object of strings");
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value))
            return dm_fail(err, DM_E_INVALID, "\"metadata\" must be an object of strings");
        int r = add_pair(f, dm_str_c(name), (dm_str){json_string_value(value), json_string_length(value)}, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int dm_own_filter_body(const json_t *obj, dm_own_filter *f, dm_err *err)
{
    dm_str q = {NULL, 0}, template = {NULL, 0}, key = {NULL, 0};
    if (!json_is_object(obj))
        return dm_fail(err, DM_E_INVALID, "\"filter\" must be an object");
    int r = dm_json_str(obj, "q", &q, err);
    if (r >= 0)
        r = dm_json_str(obj, "template", &template, err);
    if (r >= 0)
        r = dm_json_str(obj, "key", &key, err);
    if (r < 0)
        return r;
    if (key.n > 0)
        f->key = key;
    r = set_q(f, q, err);
    if (r == 0)
        r = set_template(f, template, err);
    if (r == 0)
        r = add_array(f, obj, "state", add_state, err);
    if (r == 0)
        r = add_array(f, obj, "cause", add_cause, err);
    return r < 0 ? r : add_object(f, obj, err);
}

void dm_own_filter_done(dm_own_filter *f)
{
    dm_buf_done(&f->labels);
}

/* --- what it leaves ----------------------------------------------------------------------------------------- */

enum { NOTHING = 1 };

static void write_label(dm_jw *j, const char *kind, dm_str name, dm_str value)
{
    dm_jw_arr(j);
    dm_jw_c(j, kind);
    dm_jw_str(j, name);
    dm_jw_str(j, value);
    dm_jw_arr_end(j);
}

/* NOTHING: no template or key is called so, and no sandbox is of it. */
static int make_labels(dm_pg *c, dm_owner owner, dm_own_filter *f, dm_err *err)
{
    static const dm_str none = {"", 0};
    char number[24];
    dm_jw j;
    int r = 0;
    if (!f->by_template && f->key.p == NULL && f->npairs == 0)
        return 0;
    if (f->labels.cap == 0)
        dm_buf_init(&f->labels, LABEL_TEXT_MAX);
    dm_buf_reset(&f->labels);
    dm_jw_init(&j, &f->labels);
    dm_jw_arr(&j);
    if (f->by_template) {
        dm_template found = {.rows = NULL};
        r = dm_template_find(c, owner.project, &f->template, &found, err);
        if (r == 0)
            write_label(&j, "template", none, found.template_id);
        dm_template_done(&found);
    }
    if (r == 0 && f->key.p != NULL) {
        int64_t no = 0;
        r = dm_line_key(c, owner, f->key, &no, err);
        (void)snprintf(number, sizeof number, "%lld", (long long)no);
        write_label(&j, "key", none, dm_str_c(number));
        if (r == 0 && no == 0)
            r = NOTHING;
    }
    for (size_t i = 0; i < f->npairs; i++)
        write_label(&j, "pair", f->pairs[i].name, f->pairs[i].value);
    dm_jw_arr_end(&j);
    if (r < 0)
        return r;
    if (r > 0)
        return NOTHING;
    r = dm_buf_ok(&f->labels, err);
    f->f.labels = dm_buf_view(&f->labels);
    return r;
}

/* What begins like an id is one where the project has one that does, and else a word as any other. */
static int find_by_id(dm_pg *c, dm_owner owner, dm_own_filter *f, dm_lines *out, dm_err *err)
{
    dm_line_filter by = f->f;
    if (f->q.n < PREFIX_LEAST || f->q.n > DM_SANDBOX_ID_TEXT - 1 || f->q.p[0] != 'i' ||
            !dm_str_only(f->q, "abcdefghijklmnopqrstuvwxyz0123456789"))
        return NOTHING;
    by.id_prefix = f->q;
    int r = dm_lines_find(c, owner, &by, out, err);
    return r < 0 ? r : out->total.n == 0 ? NOTHING : 0;
}

int dm_own_filter_find(dm_pg *c, dm_owner owner, dm_own_filter *f, dm_lines *out, dm_err *err)
{
    f->f.labels = f->f.words = (dm_str){NULL, 0};
    int r = make_labels(c, owner, f, err);
    if (r == 0 && f->q.p != NULL) {
        r = find_by_id(c, owner, f, out, err);
        if (r <= 0)
            return r;
        f->f.words = f->q;
        r = 0;
    }
    if (r == NOTHING) {
        dm_lines_done(out);
        return 0;
    }
    return r < 0 ? r : dm_lines_find(c, owner, &f->f, out, err);
}

int64_t dm_month_of(int64_t second)
{
    struct tm tm;
    time_t t = (time_t)second;
    (void)gmtime_r(&t, &tm);
    return second - (int64_t)(tm.tm_mday - 1) * 86400 - second % 86400;
}
