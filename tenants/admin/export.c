#include "tenants/admin/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include "metering/ask/export.h"
#include "tenants/admin/list.h"
#include "tenants/plan/audit.h"
#include "tenants/who/accounts.h"

enum { PATH_MAX_ = 4096, TEXT_MAX = 2 << 20 };

static const dm_pg_scope everybody = {.read_only = false};

typedef struct work {
    const dm_admin_args *a;
    dm_export_whose whose;
    dm_export_new order;
    char id[DM_UUID_TEXT];
    dm_pg_rows *rows;
} work;

static int outcome(int r, dm_err *err)
{
    switch (r) {
    case DM_EXPORT_NONE:
        return dm_fail(err, DM_E_NOTFOUND, "no such export");
    case DM_EXPORT_OVER:
        return dm_fail(err, DM_E_CONFLICT, "it has ended: there is nothing to cancel");
    case DM_EXPORT_MANY:
        return dm_fail(err, DM_E_LIMIT, "%d exports are not done yet: cancel one", DM_EXPORT_WAITING_MAX);
    case DM_EXPORT_ENTITY:
        return dm_fail(err, DM_E_INVALID, "--entity must be the number of a legal entity, where there are several");
    default:
        return r;
    }
}

/* --- whose -------------------------------------------------------------------------------------------------- */

static int account_of(dm_pg *c, const char *id, dm_export_whose *out, dm_err *err)
{
    const dm_accounts_filter f = {.q = dm_str_c(id), .blocked = -1, .limit = 1};
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_accounts_row a;
    if (!dm_uuid_ok(f.q))
        return dm_fail(err, DM_E_INVALID, "--account is no id: %s", id);
    int r = dm_accounts_list(c, &f, &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : dm_fail(err, DM_E_NOTFOUND, "no account %s", id);
    dm_accounts_read(rows, 0, &a);
    *out = dm_export_of(a.no);
    return 0;
}

static int whose_of(dm_pg *c, const dm_admin_args *a, dm_export_whose *out, dm_err *err)
{
    int64_t entity = 0;
    if (a->account != NULL)
        return account_of(c, a->account, out, err);
    if (a->entity != NULL && dm_parse_i64(dm_str_c(a->entity), 1, INT16_MAX, &entity, err) < 0)
        return dm_wrap(err, "--entity");
    return outcome(dm_export_entity(c, entity, out, err), err);
}

static int audit(dm_pg *c, const work *w, const char *verb, dm_str detail, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "export:%s", w->id);
    const dm_audit line = {.owner = {.account = {w->whose.v > 0 ? w->whose.v : 0}},
            .who = w->a->who,
            .verb = verb,
            .object = object,
            .detail = detail,
            .reason = w->a->reason};
    return dm_audit_add(c, &line, err);
}

/* --- order -------------------------------------------------------------------------------------------------- */

static int do_order(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char detail[300];
    int r = whose_of(c, w->a, &w->whose, err);
    if (r == 0)
        r = outcome(dm_export_order(c, w->whose, &w->order, w->id, err), err);
    if (r < 0)
        return r;
    dm_export_detail(&w->order, detail);
    return audit(c, w, "export.add", dm_str_c(detail), err);
}

int dm_admin_export_order(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a, .order = {.who = a->who}};
    const dm_export_asked asked = {.entity = a->account == NULL,
            .dataset = a->dataset,
            .format = a->format,
            .from = a->from,
            .to = a->to,
            .now_s = dm_wall_us(&dm_clock_real) / 1000000};
    if (a->dataset == NULL || a->format == NULL || a->from == NULL)
        return dm_fail(err, DM_E_INVALID, "--dataset, --format and --from are needed");
    int r = dm_admin_reason(a, err);
    if (r == 0)
        r = dm_export_asked_read(&asked, &w.order, err);
    if (r == 0)
        r = dm_pg_tx_on(c, &everybody, do_order, &w, err);
    if (r == 0)
        (void)printf("DORMOUSE_EXPORT=%s\n", w.id);
    return r;
}

/* --- list --------------------------------------------------------------------------------------------------- */

static int query(dm_pg *c, const dm_admin_listing *l, dm_pg_rows **rows, dm_err *err)
{
    dm_export_whose whose;
    if (l->a->account == NULL)
        return dm_export_list_entities(c, INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
    int r = account_of(c, l->a->account, &whose, err);
    return r < 0 ? r : dm_export_list(c, whose, INT64_MAX, DM_ADMIN_SHOWN_MAX, rows, NULL, err);
}

static int json_one(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_export e;
    (void)err;
    dm_export_read(rows, i, &e);
    dm_jw_obj(w);
    dm_export_write(w, &e);
    dm_jw_end(w);
    return 0;
}

static int line_one(const dm_pg_rows *rows, size_t i, dm_err *err)
{
    dm_export e;
    char from[32], to[32];
    (void)err;
    dm_export_read(rows, i, &e);
    dm_rfc3339(e.from_us, from);
    dm_rfc3339(e.to_us - 1, to);
    (void)printf("%-36.*s %-12.*s %-8.*s %.7s %.7s %-9.*s %10lld %12lld %.*s\n", (int)e.id.n, e.id.p, (int)e.dataset.n,
            e.dataset.p, (int)e.format.n, e.format.p, from, to, (int)e.state.n, e.state.p, (long long)e.rows_done,
            (long long)e.bytes, (int)e.why.n, e.why.p != NULL ? e.why.p : "");
    return 0;
}

int dm_admin_export_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_listing l = {.a = a, .query = query, .json = json_one, .line = line_one};
    return dm_admin_show(c, &l,
            "export                               dataset      format   from    to      state           rows        "
            "bytes why",
            err);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

static int read_one(dm_pg *c, work *w, dm_err *err)
{
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return outcome(dm_export_find(c, w->whose, dm_str_c(w->id), &w->rows, err), err);
}

static int do_find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = outcome(dm_export_whose_of(c, dm_str_c(w->id), &w->whose, err), err);
    return r < 0 ? r : read_one(c, w, err);
}

static int do_cancel(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = outcome(dm_export_whose_of(c, dm_str_c(w->id), &w->whose, err), err);
    if (r == 0)
        r = outcome(dm_export_cancel(c, w->whose, dm_str_c(w->id), err), err);
    return r == 0 ? audit(c, w, "export.cancel", (dm_str){NULL, 0}, err) : r == DM_EXPORT_AGAIN ? 0 : r;
}

/* The id that was given, in its transaction. */
static int on_one(dm_pg *c, work *w, dm_pg_fn fn, dm_err *err)
{
    if (w->a->id == NULL)
        return dm_fail(err, DM_E_INVALID, "--id is missing");
    if (!dm_uuid_ok(dm_str_c(w->a->id)))
        return dm_fail(err, DM_E_INVALID, "--id is no export's: %s", w->a->id);
    (void)snprintf(w->id, sizeof w->id, "%s", w->a->id);
    return dm_pg_tx_on(c, &everybody, fn, w, err);
}

static int print_one(const work *w, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_export e;
    dm_jw j;
    dm_buf_init(&text, TEXT_MAX);
    dm_export_read(w->rows, 0, &e);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_export_write(&j, &e);
    dm_jw_key(&j, "manifest");
    if (e.manifest.p != NULL)
        dm_jw_raw(&j, e.manifest);
    else
        dm_jw_null(&j);
    dm_jw_end(&j);
    int r = dm_buf_ok(&text, err);
    if (r == 0)
        (void)printf("%.*s\n", (int)text.len, text.p);
    return r;
}

int dm_admin_export_show(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    int r = on_one(c, &w, do_find, err);
    if (r == 0)
        r = print_one(&w, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_admin_export_cancel(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    int r = dm_admin_reason(a, err);
    return r < 0 ? r : on_one(c, &w, do_cancel, err);
}

/* --- download ----------------------------------------------------------------------------------------------- */

/* All of it, and what its hash is. */
static int copy(int from, int to, char hex[2 * DM_SHA256 + 1], dm_err *err)
{
    char piece[64 << 10];
    DM_AUTO(dm_sha256_sum) sum = NULL;
    dm_digest digest;
    off_t at = 0;
    size_t n = 1;
    int r = dm_sha256_sum_new(&sum, err);
    while (r == 0 && n > 0) {
        r = dm_pread_all(from, piece, sizeof piece, at, &n, err);
        if (r == 0)
            r = dm_sha256_sum_add(sum, (dm_str){piece, n}, err);
        if (r == 0)
            r = dm_write_all(to, piece, n, err);
        at += (off_t)n;
    }
    if (r == 0)
        r = dm_sha256_sum_end(sum, &digest, err);
    if (r == 0)
        dm_hex(digest.b, sizeof digest.b, hex);
    return r;
}

static int copy_file(const char *path, const char *part, dm_str sha256, dm_err *err)
{
    char hex[2 * DM_SHA256 + 1];
    DM_AUTO_FD from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return dm_fail_sys(err, errno, "open %s: is --folder where exports are kept?", path);
    DM_AUTO_FD to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return dm_fail_sys(err, errno, "make %s", part);
    int r = copy(from, to, hex, err);
    if (r == 0 && !dm_str_eq_c(sha256, hex))
        r = dm_fail(err, DM_E_CORRUPT, "%s is not what was made: its hash is another", path);
    if (r == 0 && fsync(to) < 0)
        r = dm_fail_sys(err, errno, "fsync");
    return r;
}

static int download(const work *w, dm_err *err)
{
    char path[PATH_MAX_], part[PATH_MAX_];
    dm_export e;
    dm_export_read(w->rows, 0, &e);
    if (!dm_str_eq_c(e.state, "ready"))
        return dm_fail(err, DM_E_CONFLICT, "there is no file of it: it is %.*s", (int)e.state.n, e.state.p);
    if (memchr(e.file.p, '/', e.file.n) != NULL)
        return dm_fail(err, DM_E_CORRUPT, "its file's name leads out of the folder");
    int r = dm_path(path, sizeof path, err, "%s/%.*s", w->a->folder, (int)e.file.n, e.file.p);
    if (r == 0)
        r = dm_path(part, sizeof part, err, "%s.%s.part", w->a->out, w->id);
    if (r < 0)
        return r;
    r = copy_file(path, part, e.sha256, err);
    /* Not over what is there: link fails where rename would not. */
    if (r == 0 && link(part, w->a->out) < 0)
        r = dm_fail_sys(err, errno, "make %s", w->a->out);
    (void)unlink(part);
    return r;
}

int dm_admin_export_download(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    work w = {.a = a};
    if (a->folder == NULL || a->out == NULL)
        return dm_fail(err, DM_E_INVALID, "--folder and --out are needed");
    int r = on_one(c, &w, do_find, err);
    if (r == 0)
        r = download(&w, err);
    dm_pg_rows_free(w.rows);
    return r;
}
