#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "tenants/sandbox/line.h"

/* A list is driven by one index, which has its order, and whatever else is asked for is looked at row by row: so a page
 * costs what a page has, or DM_LINES_LOOKED rows where the rest of the filter throws most of them away. Which index: of
 * labels the rarest one, else ids, causes, states, else all. Each is statements of its own, since one statement for
 * all would have one plan for all.
 *
 * $3 is what the index is asked for, $4 and $5 where the page begins, $6 how many are looked at; then what is left of
 * the filter: $7 states, $8 causes or null, $9 labels or null; $10 how many are wanted. */
#define COLUMNS                                                                                                        \
    "s.sandbox_id, s.state, s.cause, s.epoch, r.name, k.id, k.name, s.template_id, s.build_id, s.alias,"               \
    " s.metadata, s.asked_vcpus, s.asked_mem_mib, s.spec_table, s.spec, s.disk_mib, dm.us(s.created_at),"              \
    " dm.us(s.started_at), dm.us(s.end_at), dm.us(s.paused_at), dm.us(s.ended_at),"                                    \
    " (SELECT dm.us(e.expires_at) FROM dm.expiry e WHERE s.state = 'paused' AND e.account_no = s.account_no"           \
    " AND e.project_no = s.project_no AND e.sandbox_id = s.sandbox_id AND e.epoch = s.epoch), s.parent_id"
#define OF_REGION_AND_KEY                                                                                              \
    " JOIN dm.region r ON r.region_no = s.region_no LEFT JOIN dm.api_key k ON k.account_no = s.account_no"             \
    " AND k.project_no = s.project_no AND k.key_no = s.key_no"

/* OFFSET 0: row by row, by its id; never all of the table to meet a few. Labels are asked for of what the index says
 * (p), before its row is looked for: of several labels few have all. */
#define LEFT_OF_THE_FILTER                                                                                             \
    " CROSS JOIN LATERAL (SELECT * FROM dm.sandbox WHERE account_no = $1 AND project_no = $2"                          \
    " AND sandbox_id = p.sandbox_id OFFSET 0) s"
#define THAT_HOLDS                                                                                                     \
    " s.state = ANY ($7::text[]) AND ($8::text[] IS NULL OR s.cause = ANY ($8::text[]))"                               \
    " AND ($9::bytea[] IS NULL OR NOT EXISTS (SELECT FROM unnest($9::bytea[]) w (label) WHERE NOT EXISTS"              \
    "  (SELECT FROM dm.sandbox_label l WHERE l.account_no = $1 AND l.project_no = $2 AND l.label = w.label"            \
    "   AND l.created_at = p.created_at AND l.sandbox_id = p.sandbox_id)))"

#define ORDER(way) " ORDER BY created_at " way ", sandbox_id " way
#define FROM_HERE(cmp) " AND (created_at, sandbox_id) " cmp " (dm.ts($4), $5::bytea)"
#define SOME(where, way, cmp)                                                                                          \
    "(SELECT created_at, sandbox_id FROM " where FROM_HERE(cmp) ORDER(way) " LIMIT $6::bigint) p"
/* Of each value the first ones, and of those the first ones. */
#define SOME_OF_EACH(column, way, cmp)                                                                                 \
    "(SELECT d.created_at, d.sandbox_id FROM unnest($3::text[]) v (value) CROSS JOIN LATERAL"                          \
    " (SELECT created_at, sandbox_id FROM dm.sandbox WHERE account_no = $1 AND project_no = $2 AND " column            \
    " = v.value" FROM_HERE(cmp) ORDER(way) " LIMIT $6::bigint) d" ORDER(way) " LIMIT $6::bigint) p"

#define ALL(way, cmp) SOME("dm.sandbox WHERE account_no = $1 AND project_no = $2 AND $3::text IS NULL", way, cmp)
#define LABEL(way, cmp)                                                                                                \
    SOME("dm.sandbox_label WHERE account_no = $1 AND project_no = $2 AND label = decode($3::text, 'hex')", way, cmp)
#define IDS(way, cmp)                                                                                                  \
    SOME("dm.sandbox WHERE account_no = $1 AND project_no = $2 AND sandbox_id BETWEEN"                                 \
         " decode(left($3::text, 32), 'hex') AND decode(right($3::text, 32), 'hex')",                                  \
            way, cmp)
#define PARENT(way, cmp)                                                                                               \
    SOME("dm.sandbox WHERE account_no = $1 AND project_no = $2 AND parent_id = decode($3::text, 'hex')", way, cmp)
#define STATES(way, cmp) SOME_OF_EACH("state", way, cmp)
#define CAUSES(way, cmp) SOME_OF_EACH("cause", way, cmp)

typedef struct driver {
    dm_pg_stmt page[2], last[2]; /* newest first, oldest first */
    dm_pg_stmt count, count_left;
} driver;

#define PAGE(some, way)                                                                                                \
    "SELECT " COLUMNS " FROM " some LEFT_OF_THE_FILTER OF_REGION_AND_KEY " WHERE" THAT_HOLDS                           \
    " ORDER BY p.created_at " way ", p.sandbox_id " way " LIMIT $10::bigint"
#define LAST(some, way)                                                                                                \
    "SELECT dm.us(p.created_at), p.sandbox_id FROM " some " ORDER BY p.created_at " way ", p.sandbox_id " way          \
    " OFFSET $6::bigint - 1 LIMIT 1"
#define DRIVER(name, some)                                                                                             \
    {                                                                                                                  \
        .page = {{"line_" name, PAGE(some("DESC", "<"), "DESC"), DM_PG_ROWS},                                          \
                {"line_" name "_up", PAGE(some("ASC", ">"), "ASC"), DM_PG_ROWS}},                                      \
        .last = {{"line_" name "_last", LAST(some("DESC", "<"), "DESC"), DM_PG_MAYBE},                                 \
                {"line_" name "_last_up", LAST(some("ASC", ">"), "ASC"), DM_PG_MAYBE}},                                \
        .count = {"line_" name "_count", "SELECT count(*) FROM " some("DESC", "<"), DM_PG_ONE}, .count_left = {        \
            "line_" name "_left",                                                                                      \
            "WITH p AS MATERIALIZED (SELECT * FROM " some("DESC", "<") ") SELECT (SELECT count(*) FROM p),"            \
                                                                       " (SELECT count(*) FROM p" LEFT_OF_THE_FILTER   \
                                                                       " WHERE" THAT_HOLDS ")",                        \
            DM_PG_ONE                                                                                                  \
        }                                                                                                              \
    }

enum { BY_ALL, BY_STATE, BY_CAUSE, BY_IDS, BY_LABEL, BY_PARENT, WAYS };
static const driver drivers[WAYS] = {
        [BY_ALL] = DRIVER("all", ALL),
        [BY_STATE] = DRIVER("state", STATES),
        [BY_CAUSE] = DRIVER("cause", CAUSES),
        [BY_IDS] = DRIVER("ids", IDS),
        [BY_LABEL] = DRIVER("label", LABEL),
        [BY_PARENT] = DRIVER("parent", PARENT),
};

/* --- a line ------------------------------------------------------------------------------------------------- */

enum { COL_ID, COL_STATE, COL_CAUSE, COL_FIELDS };
static const dm_pg_field fields[] = {
        {DM_COL_I64, offsetof(dm_sandbox_line, epoch)},
        {DM_COL_STR, offsetof(dm_sandbox_line, region)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_line, key_id)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_line, key_name)},
        {DM_COL_STR, offsetof(dm_sandbox_line, template_id)},
        {DM_COL_STR, offsetof(dm_sandbox_line, build_id)},
        {DM_COL_MAYBE, offsetof(dm_sandbox_line, alias)},
        {DM_COL_STR, offsetof(dm_sandbox_line, metadata)},
        {DM_COL_I64, offsetof(dm_sandbox_line, asked_vcpus)},
        {DM_COL_I64, offsetof(dm_sandbox_line, asked_mem_mib)},
        {DM_COL_I64, offsetof(dm_sandbox_line, spec_table)},
        {DM_COL_I64, offsetof(dm_sandbox_line, spec)},
        {DM_COL_I64, offsetof(dm_sandbox_line, disk_mib)},
        {DM_COL_I64, offsetof(dm_sandbox_line, created_us)},
        {DM_COL_I64, offsetof(dm_sandbox_line, started_us)},
        {DM_COL_I64, offsetof(dm_sandbox_line, end_us)},
        {DM_COL_I64, offsetof(dm_sandbox_line, paused_us)},
        {DM_COL_I64, offsetof(dm_sandbox_line, ended_us)},
        {DM_COL_I64, offsetof(dm_sandbox_line, expires_us)},
};

/* Behind them. */
enum { COL_PARENT = COL_FIELDS + (int)DM_LEN(fields) };

int dm_line_read(const dm_pg_rows *rows, size_t i, dm_sandbox_line *out, dm_err *err)
{
    dm_sandbox_line l = {.epoch = 0};
    dm_pg_read(rows, i, COL_FIELDS, fields, DM_LEN(fields), &l);
    int r = dm_pg_bytes(rows, i, COL_ID, l.id.b, sizeof l.id.b, err);
    if (r == 0)
        r = dm_sandbox_state_parse(dm_pg_str(rows, i, COL_STATE), &l.state, err);
    if (r == 0 && !dm_pg_is_null(rows, i, COL_CAUSE))
        r = dm_cause_parse(dm_pg_str(rows, i, COL_CAUSE), &l.cause, err);
    if (r == 0 && !dm_pg_is_null(rows, i, COL_PARENT)) {
        l.forked = true;
        r = dm_pg_bytes(rows, i, COL_PARENT, l.parent.b, sizeof l.parent.b, err);
    }
    if (r == 0)
        *out = l;
    return r < 0 ? dm_wrap(err, "line %zu of sandboxes", i) : 0;
}

/* --- what is asked for -------------------------------------------------------------------------------------- */

_Static_assert((int)DM_LINES_COUNTED == (int)DM_PG_TOTAL_MAX, "all lists count as far");

enum { TEXTS_MAX = 1024, LABELS_MAX = DM_LINES_LABELS * 40 };
enum { NOTHING = 1 }; /* no sandbox has one of the labels */

typedef struct asked {
    const driver *by;
    dm_str value; /* $3 */
    bool left;    /* the index does not say all of the filter */
    char states[TEXTS_MAX], causes[TEXTS_MAX], ids[72], first[40], others[LABELS_MAX];
    bool has_causes, has_others;
} asked;

/* The rarest first, which drives the list unless ids or a parent do; one that nobody has says that there is nothing to
 * look for. */
static const dm_pg_stmt labels_of = {"line_labels",
        "SELECT encode(w.label, 'hex'), (SELECT count(*) FROM (SELECT FROM dm.sandbox_label l WHERE l.account_no = $1"
        "   AND l.project_no = $2 AND l.label = w.label LIMIT $5::bigint) n) AS n"
        " FROM (SELECT dm.label(j ->> 0, j ->> 1, j ->> 2) AS label FROM jsonb_array_elements($3::jsonb) j"
        "  UNION SELECT dm.label('word', '', t) FROM dm.words($4::text) t) w"
        " ORDER BY n, w.label LIMIT $6::bigint",
        DM_PG_ROWS};

static int read_labels(dm_pg *c, dm_owner owner, const dm_line_filter *f, asked *a, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v),
            f->labels.p != NULL ? dm_pa_text(f->labels) : dm_pa_c("[]"), dm_pa_text(f->words),
            dm_pa_i64(DM_LINES_COUNTED), dm_pa_i64(DM_LINES_LABELS)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    DM_AUTO_BUF others;
    dm_buf_init(&others, sizeof a->others - 1);
    int r = dm_pg_exec(c, &labels_of, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(rows);
    if (n == 0) /* words without a letter or digit: nothing is called so */
        return NOTHING;
    if (dm_pg_i64(rows, 0, 1) == 0)
        return NOTHING;
    for (size_t i = f->id_prefix.p != NULL || f->by_parent ? 0 : 1; i < n; i++) {
        dm_str hex = dm_pg_str(rows, i, 0);
        (void)dm_buf_fmt(&others, "%s\"\\\\x%.*s\"", a->has_others ? "," : "{", (int)hex.n, hex.p);
        a->has_others = true;
    }
    if (a->has_others)
        (void)dm_buf_c(&others, "}");
    r = dm_buf_ok(&others, err);
    if (r == 0)
        r = dm_str_to_array(dm_buf_view(&others), a->others, sizeof a->others, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), a->first, sizeof a->first, err);
}

static void list_states(const dm_line_filter *f, asked *a, bool *some)
{
    size_t at = 0;
    *some = false;
    for (int i = 0; i < DM_SANDBOX_STATES; i++)
        *some |= f->states[i];
    for (int i = 0; i < DM_SANDBOX_STATES; i++)
        if (!*some || f->states[i])
            at += (size_t)snprintf(a->states + at, sizeof a->states - at, "%s%s", at > 0 ? "," : "{",
                    dm_sandbox_state_name((dm_sandbox_state)i));
    (void)snprintf(a->states + at, sizeof a->states - at, "}");
}

static void list_causes(const dm_line_filter *f, asked *a)
{
    size_t at = 0;
    a->has_causes = f->causes != 0;
    for (dm_cause i = DM_CAUSE_NONE + 1; i < DM_CAUSE_COUNT; i++)
        if ((f->causes >> i & 1) != 0)
            at += (size_t)snprintf(
                    a->causes + at, sizeof a->causes - at, "%s%s", at > 0 ? "," : "{", dm_cause_get(i)->name);
    (void)snprintf(a->causes + at, sizeof a->causes - at, "}");
}

/* The first and the last id that begin so, in hex. */
static int list_ids(const dm_line_filter *f, asked *a, dm_err *err)
{
    char text[DM_SANDBOX_ID_TEXT];
    for (int last = 0; last < 2; last++) {
        dm_sandbox_id id;
        memset(text, last ? 'z' : '0', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        if (f->id_prefix.n > sizeof text - 1)
            return dm_fail(err, DM_E_INVALID, "no id is so long");
        memcpy(text, f->id_prefix.p, f->id_prefix.n);
        text[0] = 'i';
        int r = dm_sandbox_id_parse(dm_str_c(text), &id, err);
        if (r < 0)
            return r;
        dm_hex(id.b, sizeof id.b, a->ids + (last ? 32 : 0));
    }
    return 0;
}

static int choose(dm_pg *c, dm_owner owner, const dm_line_filter *f, asked *a, dm_err *err)
{
    bool some_states;
    int r = 0;
    list_states(f, a, &some_states);
    list_causes(f, a);
    a->left = true;
    if (f->labels.p != NULL || f->words.p != NULL)
        r = read_labels(c, owner, f, a, err);
    if (r != 0)
        return r;
    if (f->id_prefix.p != NULL) {
        r = list_ids(f, a, err);
        a->by = &drivers[BY_IDS];
        a->value = dm_str_c(a->ids);
        a->left = some_states || a->has_causes || a->has_others;
    } else if (f->by_parent) {
        dm_hex(f->parent.b, sizeof f->parent.b, a->ids);
        a->by = &drivers[BY_PARENT];
        a->value = dm_str_c(a->ids);
        a->left = some_states || a->has_causes || a->has_others;
    } else if (a->first[0] != '\0') {
        a->by = &drivers[BY_LABEL];
        a->value = dm_str_c(a->first);
        a->left = some_states || a->has_causes || a->has_others;
    } else if (a->has_causes) {
        a->by = &drivers[BY_CAUSE];
        a->value = dm_str_c(a->causes);
        a->left = some_states;
    } else if (some_states) {
        a->by = &drivers[BY_STATE];
        a->value = dm_str_c(a->states);
        a->left = false;
    } else {
        a->by = &drivers[BY_ALL];
        a->value = (dm_str){NULL, 0};
        a->left = false;
    }
    return r;
}

/* --- a page ------------------------------------------------------------------------------------------------- */

static const int64_t end_of_time_us = INT64_C(253402300799000000);

enum { ARGS = 10, ARGS_OF_INDEX = 6, AT_CURSOR = 3, AT_LOOKED = 5 };

static void fill_args(
        dm_owner owner, const dm_line_filter *f, const asked *a, dm_sandbox_id *edge, dm_pg_arg args[ARGS])
{
    bool up = f->ascending;
    if (f->from_cursor)
        *edge = f->cursor_id;
    else
        memset(edge->b, up ? 0 : 0xff, sizeof edge->b);
    const dm_pg_arg all[ARGS] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(a->value),
            dm_pa_i64(f->from_cursor ? f->cursor_us
                      : up           ? 0
                                     : end_of_time_us),
            dm_pa_bytes(edge->b, sizeof edge->b), dm_pa_i64(a->left ? DM_LINES_LOOKED : f->limit + 1),
            dm_pa_c(a->states), a->has_causes ? dm_pa_c(a->causes) : dm_pa_null(),
            a->has_others ? dm_pa_c(a->others) : dm_pa_null(), dm_pa_i64(f->limit + 1)};
    memcpy(args, all, sizeof all);
}

/* A first page that is short has met all that would be counted; then it is only asked how far that goes. */
static int count_all(
        dm_pg *c, const dm_line_filter *f, const asked *a, const dm_pg_arg page[ARGS], dm_lines *out, dm_err *err)
{
    dm_pg_arg args[ARGS];
    dm_sandbox_id edge;
    DM_AUTO(dm_pg_rows) rows = NULL;
    const int64_t most = a->left ? DM_LINES_LOOKED : DM_LINES_COUNTED, on_page = (int64_t)dm_pg_count(out->rows);
    const bool met = a->left && !f->from_cursor && !f->ascending && on_page <= f->limit, each = a->left && !met;
    memcpy(args, page, sizeof args);
    memset(edge.b, 0xff, sizeof edge.b);
    args[AT_CURSOR] = dm_pa_i64(end_of_time_us);
    args[AT_CURSOR + 1] = dm_pa_bytes(edge.b, sizeof edge.b);
    args[AT_LOOKED] = dm_pa_i64(most + 1);
    int r = dm_pg_exec(
            c, each ? &a->by->count_left : &a->by->count, args, each ? ARGS - 1 : ARGS_OF_INDEX, &rows, NULL, err);
    if (r < 0)
        return r;
    out->total.at_least = dm_pg_i64(rows, 0, 0) > most;
    out->total.n = met ? on_page : dm_pg_i64(rows, 0, each ? 1 : 0);
    if (out->total.n > most)
        out->total.n = most;
    return 0;
}

/* The page is short: where the looking stopped, if it did before the end. */
static int where_stopped(dm_pg *c, const asked *a, bool up, const dm_pg_arg args[ARGS], dm_lines *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &a->by->last[up ? 1 : 0], args, ARGS_OF_INDEX, &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    out->more = true;
    out->next_us = dm_pg_i64(rows, 0, 0);
    return dm_pg_bytes(rows, 0, 1, out->next_id.b, sizeof out->next_id.b, err);
}

static int page(
        dm_pg *c, const dm_line_filter *f, const asked *a, const dm_pg_arg args[ARGS], dm_lines *out, dm_err *err)
{
    dm_sandbox_line last;
    int r = dm_pg_exec(c, &a->by->page[f->ascending ? 1 : 0], args, ARGS, &out->rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(out->rows) <= (size_t)f->limit)
        return a->left ? where_stopped(c, a, f->ascending, args, out, err) : 0;
    r = dm_line_read(out->rows, (size_t)f->limit - 1, &last, err);
    out->more = true;
    out->next_us = last.created_us;
    out->next_id = last.id;
    return r;
}

int dm_lines_find(dm_pg *c, dm_owner owner, const dm_line_filter *f, dm_lines *out, dm_err *err)
{
    asked a = {.by = NULL};
    dm_pg_arg args[ARGS];
    dm_sandbox_id edge;
    dm_lines_done(out);
    int r = choose(c, owner, f, &a, err);
    if (r == NOTHING)
        return 0;
    if (r < 0)
        return r;
    fill_args(owner, f, &a, &edge, args);
    r = page(c, f, &a, args, out, err);
    return r < 0 ? r : count_all(c, f, &a, args, out, err);
}

void dm_lines_done(dm_lines *l)
{
    dm_pg_rows_free(l->rows);
    *l = (dm_lines){.rows = NULL};
}

/* --- by id -------------------------------------------------------------------------------------------------- */

static const dm_pg_stmt of_ids = {"line_of",
        "SELECT " COLUMNS " FROM dm.sandbox s" OF_REGION_AND_KEY
        " WHERE s.account_no = $1 AND s.project_no = $2 AND s.sandbox_id = ANY ($3::bytea[])",
        DM_PG_ROWS};

int dm_lines_of(dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, dm_pg_rows **rows, dm_err *err)
{
    DM_AUTO_BUF list;
    char hex[2 * DM_SANDBOX_ID_BYTES + 1];
    dm_buf_init(&list, DM_BULK_MAX * 40);
    if (n == 0 || n > DM_BULK_MAX)
        return dm_fail(err, DM_E_INVALID, "%zu sandboxes", n);
    for (size_t i = 0; i < n; i++) {
        dm_hex(ids[i].b, sizeof ids[i].b, hex);
        (void)dm_buf_fmt(&list, "%s\"\\\\x%s\"", i > 0 ? "," : "{", hex);
    }
    (void)dm_buf_c(&list, "}");
    int r = dm_buf_ok(&list, err);
    if (r < 0)
        return r;
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(dm_buf_view(&list))};
    return dm_pg_exec(c, &of_ids, args, DM_LEN(args), rows, NULL, err);
}

static const dm_pg_stmt key_no = {"line_key",
        "SELECT key_no FROM dm.api_key WHERE account_no = $1 AND project_no = $2 AND id = $3::uuid", DM_PG_MAYBE};

int dm_line_key(dm_pg *c, dm_owner owner, dm_str key_id, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(key_id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    *out = 0;
    if (!dm_uuid_ok(key_id))
        return 0;
    int r = dm_pg_exec(c, &key_no, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 1)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

/* --- history ------------------------------------------------------------------------------------------------ */

#define EVENTS                                                                                                         \
    " FROM dm.sandbox_event WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3"                             \
    " AND ($4::text[] IS NULL OR cause = ANY ($4::text[]))"                                                            \
    " AND ($5::text IS NULL OR strpos(to_state || ': ' || why, $5::text) > 0)"
#define HISTORY(way, cmp)                                                                                              \
    "SELECT event_no, dm.us(at), epoch, from_state, to_state, cause, why, who" EVENTS " AND (at, event_no) " cmp       \
    " (dm.ts($6), $7::bigint)"                                                                                         \
    " ORDER BY at " way ", event_no " way " LIMIT $8::bigint"

static const dm_pg_stmt history = {"line_history", HISTORY("DESC", "<"), DM_PG_ROWS};
static const dm_pg_stmt history_up = {"line_history_up", HISTORY("ASC", ">"), DM_PG_ROWS};
static const dm_pg_stmt history_count = {"line_history_count", DM_PG_COUNT(EVENTS), DM_PG_ONE};

int dm_line_history(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const dm_line_events *e, dm_pg_rows **rows,
        dm_pg_total *total, dm_err *err)
{
    enum { OF_FILTER = 5 };
    bool up = e->ascending;
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b),
            dm_pa_text(e->causes), e->search.n > 0 ? dm_pa_text(e->search) : dm_pa_null(),
            dm_pa_i64(e->from_cursor ? e->cursor_us
                      : up           ? 0
                                     : end_of_time_us),
            dm_pa_i64(e->from_cursor ? e->cursor_no
                      : up           ? 0
                                     : INT64_MAX),
            dm_pa_i64(e->limit)};
    int r = dm_pg_exec(c, up ? &history_up : &history, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &history_count, args, OF_FILTER, total, err);
}
