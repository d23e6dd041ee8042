/* A page: read, built anew, and each of its rows held against the attestation that it names. */
#include "base/grow.h"
#include "base/parse.h"

#include "metering/verify/own.h"

/* --- reading ------------------------------------------------------------------------------------------------ */

static int u32_of(const json_t *j, const char *name, int64_t min, int64_t max, uint32_t *out, dm_err *err)
{
    int64_t n;
    int r = dm_json_i64(j, name, min, max, &n, err);
    if (r != 0)
        return dm_fail(err, DM_E_INVALID, "\"%s\"", name);
    *out = (uint32_t)n;
    return 0;
}

static int read_basis(const json_t *j, dm_basis *out, dm_err *err)
{
    const char *word = dm_json_c(j, "basis");
    if (word == NULL)
        return dm_fail(err, DM_E_INVALID, "\"basis\"");
    if (strcmp(word, "frames") == 0)
        *out = DM_BASIS_FRAMES;
    else if (strcmp(word, "attestation") == 0)
        *out = DM_BASIS_ATTESTATION;
    else if (strcmp(word, "nothing") == 0)
        *out = DM_BASIS_NOTHING;
    else
        return dm_fail(err, DM_E_INVALID, "\"basis\"");
    return 0;
}

/* There only where it began with another's memory. */
static int read_parent(const json_t *j, dm_stated *out, dm_err *err)
{
    dm_str id;
    int r = dm_json_str(j, "parent", &id, err);
    if (r == DM_JSON_ABSENT)
        return 0;
    if (r == 0)
        r = dm_sandbox_id_parse(id, &out->parent, err);
    if (r != 0 || dm_sandbox_id_eq(&out->parent, &out->sandbox))
        return dm_fail(err, DM_E_INVALID, "\"parent\"");
    out->forked = true;
    return 0;
}

/* late: of a period that is corrected, where nobody may have sworn to it any more. */
static int read_row(const json_t *j, bool late, dm_stated *out, dm_err *err)
{
    uint32_t run, hib, no, spec_table, spec;
    dm_str id;
    bool sworn;
    memset(out, 0, sizeof(*out));
    out->bare = late && json_is_null(json_object_get(j, "attestation"));
    int r = out->bare ? 0 : dm_said_hex(j, "attestation", out->attestation.b, DM_SHA256, err);
    if (r == 0)
        r = dm_json_bool(j, "attested", &sworn, err);
    if (r == 0)
        r = read_basis(j, &out->basis, err);
    if (r == 0)
        r = u32_of(j, "epoch", 1, UINT32_MAX, &out->epoch, err);
    if (r == 0)
        r = u32_of(j, "hibernated_s", 0, DM_RATE_SECONDS_MAX, &hib, err);
    if (r == 0)
        r = u32_of(j, "running_s", 0, DM_RATE_SECONDS_MAX, &run, err);
    if (r == 0)
        r = u32_of(j, "mem_mib", 0, UINT32_MAX, &out->mem_mib, err);
    if (r == 0)
        r = u32_of(j, "vcpus", 0, UINT32_MAX, &out->vcpus, err);
    if (r == 0)
        r = u32_of(j, "project_no", 0, UINT32_MAX, &no, err);
    if (r == 0)
        r = u32_of(j, "spec", 0, UINT16_MAX, &spec, err);
    if (r == 0)
        r = u32_of(j, "spec_table", 0, UINT16_MAX, &spec_table, err);
    if (r == 0)
        r = dm_v_text(j, "project", out->project, sizeof(out->project), err);
    if (r == 0)
        r = dm_v_text(j, "region", out->region, sizeof(out->region), err);
    if (r == 0)
        r = dm_json_str(j, "sandbox", &id, err);
    if (r == 0)
        r = dm_sandbox_id_parse(id, &out->sandbox, err);
    if (r == 0)
        r = read_parent(j, out, err);
    if (r != 0)
        return DM_E_INVALID;
    out->attested = sworn;
    out->running_s = run;
    out->hibernated_s = hib;
    out->project_no.v = no;
    out->spec = (uint16_t)spec;
    out->spec_table = (uint16_t)spec_table;
    return 0;
}

/* A line is of the row at hand, or the row has none left. */
static bool is_of(const json_t *line, const json_t *row)
{
    static const char *const same[] = {"sandbox", "project_no", "epoch", "spec_table", "spec", "region"};
    for (size_t i = 0; i < DM_LEN(same); i++) {
        if (json_equal(json_object_get(line, same[i]), json_object_get(row, same[i])) == 0)
            return false;
    }
    return true;
}

/* Of its statement's own period, or of one that it corrects: that of the page before, or the next. */
static int read_of(dm_v *v, const json_t *j, dm_err *err)
{
    const dm_statement *st = &v->head.st;
    const json_t *of = json_object_get(j, "corrects");
    int64_t start, end;
    if (of == NULL && v->at_of == DM_V_OWN) {
        v->page.of = DM_V_OWN;
        return 0;
    }
    int r = of == NULL ? DM_E_INVALID : dm_v_period(json_object_get(of, "period"), &start, &end, err);
    for (int i = v->at_of; r == 0 && i <= v->at_of + 1; i++) {
        if (i < 0 || (size_t)i >= st->ncorrections || st->corrections[i].start != start)
            continue;
        v->page.of = i;
        return 0;
    }
    return dm_fail(err, DM_E_INVALID, "it is of no period that its statement corrects next");
}

static int read_page(dm_v *v, const json_t *j, dm_err *err)
{
    dm_v_page *p = &v->page;
    const dm_statement *st = &v->head.st;
    int64_t start = p->of == DM_V_OWN ? st->period_start : st->corrections[p->of].start;
    uint32_t period_s =
            p->of == DM_V_OWN ? st->period_s : (uint32_t)(st->corrections[p->of].end - st->corrections[p->of].start);
    const json_t *rows = json_object_get(j, "sandboxes"), *lines = json_object_get(j, "lines");
    size_t at = 0, nrows = json_array_size(rows), nlines = json_array_size(lines);
    p->nrows = p->nlines = 0;
    if (nrows == 0 || nrows > DM_STATED_PAGE || nlines > DM_STATED_PAGE_LINES)
        return dm_fail(err, DM_E_INVALID, "it has %zu rows and %zu lines", nrows, nlines);
    int r = 0;
    for (size_t i = 0; r == 0 && i < nrows; i++) {
        const json_t *row = json_array_get(rows, i);
        r = dm_grow(&p->rows, &p->rows_room, p->nrows, DM_STATED_PAGE, "rows", err);
        if (r == 0)
            r = read_row(row, p->of != DM_V_OWN, &p->rows[i], err);
        for (; r == 0 && at < nlines && is_of(json_array_get(lines, at), row); at++) {
            r = dm_grow(&p->lines, &p->lines_room, p->nlines, DM_STATED_PAGE_LINES, "lines", err);
            if (r == 0)
                r = dm_v_line(json_array_get(lines, at), start, period_s, &p->lines[at], err);
            if (r == 0 && p->of == DM_V_OWN && p->lines[at].seconds < 0)
                r = dm_fail(err, DM_E_INVALID, "a line of less than no seconds");
            p->nlines += r == 0;
            p->rows[i].nlines += r == 0;
        }
        p->nrows += r == 0;
    }
    return r == 0 && at != nlines ? dm_fail(err, DM_E_INVALID, "a line is of no row") : r;
}

static const dm_stated_correction *corrects(const dm_v *v)
{
    return v->page.of == DM_V_OWN ? NULL : &v->head.st.corrections[v->page.of];
}

static bool same_bytes(dm_v *v)
{
    const dm_statement *st = &v->head.st;
    const dm_stated_page p = {.account = v->out->account,
            .number = {v->head.number},
            .period_start = st->period_start,
            .page = v->page.no,
            .sandboxes = v->page.rows,
            .nsandboxes = v->page.nrows,
            .lines = v->page.lines,
            .nlines = v->page.nlines,
            .corrects = corrects(v)};
    dm_buf_reset(&v->text);
    return dm_stated_page_body(&p, &v->text, NULL) == 0 && dm_str_eq(dm_buf_view(&v->text), dm_buf_view(&v->body));
}

/* --- its place ---------------------------------------------------------------------------------------------- */

/* Not what the list has here: another page of it, or none. */
static dm_fault_kind misplaced(const dm_v *v, const dm_digest *hash)
{
    for (uint32_t i = 0; i < v->head.npages; i++) {
        if (memcmp(&v->head.pages[i], hash, sizeof(*hash)) == 0)
            return i + 1 < v->page.no ? DM_FAULT_DOUBLED : DM_FAULT_REORDERED;
    }
    return DM_FAULT_EDITED;
}

/* The page before this one had no room for its first row. */
static bool was_full(const dm_v *v)
{
    return v->page.no == 1 || v->page.of != v->at_of || v->rows_before == DM_STATED_PAGE ||
           v->lines_before + v->page.rows[0].nlines > DM_STATED_PAGE_LINES;
}

/* --- its attestations --------------------------------------------------------------------------------------- */

static int hash_at(const dm_v *v, const dm_digest *hash)
{
    for (size_t i = 0; i < v->page.nrows; i++) {
        if (!v->page.rows[i].bare && memcmp(&v->page.rows[i].attestation, hash, sizeof(*hash)) == 0)
            return (int)i;
    }
    return -1;
}

static int take_message(dm_str *rest, dm_str *out)
{
    dm_str in = *rest;
    uint32_t n;
    if (dm_take_le32(&in, &n) < 0 || n > DM_ATTEST_BYTES_MAX || n > in.n)
        return DM_E_CORRUPT;
    *out = (dm_str){in.p, n};
    *rest = (dm_str){in.p + n, in.n - n};
    return 0;
}

/* The message at row i is another than the row names: what became of the right one. */
static int missed(dm_v *v, size_t i, const dm_digest *found, dm_str rest)
{
    const dm_v_page *p = &v->page;
    const dm_stated *row = &p->rows[i];
    int at = found != NULL ? hash_at(v, found) : -1;
    dm_str next;
    dm_digest after;
    if (at >= 0 && (size_t)at < i)
        return dm_v_row_fault(v, DM_FAULT_DOUBLED, &p->rows[at], p->no, (uint32_t)at + 1, false, "it is there twice");
    if (at < 0)
        return dm_v_row_fault(
                v, DM_FAULT_EDITED, row, p->no, (uint32_t)i + 1, false, "its hash is not the one on the page");
    bool swapped = (size_t)at != i + 1 || (take_message(&rest, &next) == 0 && dm_sha256(next, &after, NULL) == 0 &&
                                                  memcmp(&after, &row->attestation, sizeof(after)) == 0);
    return dm_v_row_fault(v, swapped ? DM_FAULT_REORDERED : DM_FAULT_DROPPED, row, p->no, (uint32_t)i + 1, false,
            "another attestation stands in its place");
}

static int take_row(dm_v *v, size_t i, dm_str *rest, dm_str *out, dm_err *err)
{
    const dm_v_page *p = &v->page;
    dm_str message;
    dm_digest hash;
    *out = (dm_str){"", 0};
    if (p->rows[i].bare)
        return dm_v_row_check(v, i, *out, err);
    if (rest->n == 0)
        return dm_v_row_fault(
                v, DM_FAULT_DROPPED, &p->rows[i], p->no, (uint32_t)i + 1, false, "there is no attestation of it");
    if (take_message(rest, &message) < 0)
        return missed(v, i, NULL, *rest);
    int r = dm_sha256(message, &hash, err);
    if (r < 0)
        return r;
    if (memcmp(&hash, &p->rows[i].attestation, sizeof(hash)) != 0)
        return missed(v, i, &hash, *rest);
    *out = message;
    return dm_v_row_check(v, i, message, err);
}

static int too_many(dm_v *v, dm_str rest)
{
    const dm_v_page *p = &v->page;
    dm_str message;
    dm_digest hash;
    int at = take_message(&rest, &message) == 0 && dm_sha256(message, &hash, NULL) == 0 ? hash_at(v, &hash) : -1;
    size_t i = at >= 0 ? (size_t)at : p->nrows - 1;
    return dm_v_row_fault(v, at >= 0 ? DM_FAULT_DOUBLED : DM_FAULT_EDITED, &p->rows[i], p->no, (uint32_t)i + 1, false,
            at >= 0 ? "it is there twice" : "something stands behind the last attestation");
}

/* The lives of the page's last sandbox may go on on the next, unless that is of another period or there is none. */
static int check_rows(dm_v *v, dm_err *err)
{
    dm_v_page *p = &v->page;
    dm_str rest = dm_buf_view(&v->oaths);
    size_t lines = 0;
    int r = p->of != v->at_of ? dm_v_lives_judge(v, err) : 0;
    if (r == 0 && p->of != v->at_of)
        r = dm_v_late_turn(v, p->of, err);
    for (size_t i = 0; r == 0 && i < p->nrows; i++) {
        dm_str message;
        if (v->nlives > 0 && !dm_sandbox_id_eq(&v->lives[0].s.sandbox, &p->rows[i].sandbox))
            r = dm_v_lives_judge(v, err);
        if (r == 0)
            r = take_row(v, i, &rest, &message, err);
        if (r == 0)
            r = dm_v_life_add(v, i, lines, message, err);
        lines += p->rows[i].nlines;
    }
    if (r == 0 && rest.n > 0)
        r = too_many(v, rest);
    if (r == 0 && p->no == v->head.npages)
        r = dm_v_lives_judge(v, err);
    return r;
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

/* It is not what was signed: whatever else is wrong with it may say where, and is the page's fault. */
static int blame(dm_v *v, dm_fault_kind kind, const char *name)
{
    dm_fault *f = &v->out->fault;
    dm_fault was = *f;
    int r = dm_v_fault(v, kind, name, "%s",
            kind == DM_FAULT_EDITED ? "its hash is not the one that was signed" : "another page stands in its place");
    if (kind == DM_FAULT_EDITED && was.page == v->page.no && was.place > 0) {
        f->place = was.place;
        f->has_sandbox = was.has_sandbox;
        f->sandbox = was.sandbox;
        f->epoch = was.epoch;
        f->has_hash = was.has_hash;
        f->hash = was.hash;
    }
    return r;
}

static int sum_up(dm_v *v, const dm_digest *hash, dm_err *err)
{
    const dm_v_page *p = &v->page;
    const dm_stated_page said = {.page = p->no,
            .sandboxes = p->rows,
            .nsandboxes = p->nrows,
            .lines = p->lines,
            .nlines = p->nlines,
            .corrects = corrects(v)};
    v->rows_before = p->nrows;
    v->lines_before = p->nlines;
    v->out->pages++;
    v->out->lines += p->nlines;
    int r = dm_stated_sum_page(&v->head.st.sum, &said, hash, err);
    for (size_t i = 0, line = 0; r == 0 && v->nnumbers > 0 && i < p->nrows; i++) {
        for (size_t k = 0; r == 0 && k < p->rows[i].nlines; k++)
            r = dm_v_sums_line(&v->sums, &p->rows[i], p->of != DM_V_OWN, v->at->start, &p->lines[line++], err);
    }
    return r == DM_E_LIMIT ? dm_v_unknown(v, "a statement has lines of more kinds than this program looks at") : r;
}

static int check_page(dm_v *v, const char *name, dm_err *err)
{
    DM_AUTO(json_t) j = NULL;
    char oaths[DM_USTAR_NAME];
    dm_err why;
    int r = dm_json_load(dm_buf_view(&v->body), DM_BUNDLE_ENTRY_MAX, &j, &why);
    if (r == 0)
        r = read_of(v, j, &why);
    if (r == 0)
        r = read_page(v, j, &why);
    if (r == DM_E_NOMEM)
        return dm_fail(err, r, "no memory for a page");
    if (r < 0)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "it cannot be read");
    bool canonical = same_bytes(v), full = was_full(v);
    if (v->page.good && !canonical)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "it is not in its canonical form");
    if (v->page.good && !full)
        return dm_v_fault(v, DM_FAULT_WRONG, name, "the page before it had room for more");
    dm_v_entry(oaths, "attestations/%lld/%u.bin", (long long)v->head.number, v->page.no);
    r = dm_v_want(v, oaths, err);
    if (r != 0)
        return r;
    dm_buf_reset(&v->oaths);
    (void)dm_buf_str(&v->oaths, dm_buf_view(&v->body));
    r = dm_buf_ok(&v->oaths, err);
    return r < 0 ? r : check_rows(v, err);
}

int dm_v_page_check(dm_v *v, uint32_t no, dm_err *err)
{
    char name[DM_USTAR_NAME];
    dm_digest hash;
    bool keys = true;
    int r = 0;
    v->page.no = 0; /* keys before it are not of it */
    while (r == 0 && keys) {
        r = dm_v_next_is(v, "keys/", &keys, err);
        if (r == 0 && keys) {
            memcpy(name, v->name, sizeof(name));
            r = dm_v_want(v, name, err);
        }
        if (r == 0 && keys)
            r = dm_v_keys_of(v, err);
    }
    v->page.no = no;
    dm_v_entry(name, "statements/%lld/pages/%u.json", (long long)v->head.number, no);
    if (r == 0)
        r = dm_v_want(v, name, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&v->body), &hash, err);
    if (r != 0)
        return r;
    v->page.good = memcmp(&hash, &v->head.pages[no - 1], sizeof(hash)) == 0;
    dm_fault_kind kind = v->page.good ? DM_FAULT_NONE : misplaced(v, &hash);
    if (kind == DM_FAULT_DOUBLED || kind == DM_FAULT_REORDERED)
        return blame(v, kind, name);
    r = check_page(v, name, err);
    if (r < 0)
        return r;
    if (!v->page.good)
        return blame(v, kind, name);
    return r != 0 ? r : sum_up(v, &hash, err);
}
