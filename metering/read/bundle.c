#include "metering/read/bundle.h"

#include <stdio.h>

#include "base/grow.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/sorted.h"

#include "metering/limits.h"
#include "metering/read/read.h"
#include "metering/read/sql_bundle.h"
#include "metering/read/sworn.h"
#include "metering/rules/statement.h"

enum { ENTRY_NAME = 100 };

int dm_bundle_range(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t from,
        int64_t to, dm_bundle_what *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_bundle_range(c, account_no, first, last, from, to, &rows, err);
    if (r < 0)
        return r;
    int64_t n = dm_pg_i64(rows, 0, 2);
    if (n == 0)
        return DM_READ_NONE;
    if (n > DM_BUNDLE_STATEMENTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "a bundle has at most %d statements", DM_BUNDLE_STATEMENTS_MAX);
    out->account_no = account_no;
    out->first.v = dm_pg_i64(rows, 0, 0);
    out->last.v = dm_pg_i64(rows, 0, 1);
    if (out->last.v - out->first.v + 1 != n)
        return dm_fail(err, DM_E_CORRUPT, "statements are missing");
    return 0;
}

typedef struct making {
    const dm_bundle_db *db;
    const dm_bundle_what *what;
    dm_pack *pack;
    dm_buf text, oaths; /* of a file on its way */
    uint64_t *workers;  /* whose keys are in it, sorted */
    size_t nworkers, workers_room;
    dm_pg_rows *rows; /* what the last transaction read */

    /* what is read next */
    dm_worker_no worker_no;
    int64_t book, invoice_no;
    dm_read_book read;
    dm_statement_no number;
    int64_t period_start;
    uint32_t page;
} making;

static int ask(making *m, dm_pg_fn fn, dm_err *err)
{
    return m->db->tx(m->db->arg, fn, m, err);
}

static void forget(making *m)
{
    dm_pg_rows_free(m->rows);
    m->rows = NULL;
}

/* --- files that nobody signed ------------------------------------------------------------------------------- */

/* They end in the hash of all that stands before: so that what was changed in one is found in it, and not in what no
 * longer agrees with it. */
static dm_jw begin(making *m)
{
    dm_jw w;
    dm_buf_reset(&m->text);
    dm_jw_init(&w, &m->text);
    dm_jw_obj(&w);
    return w;
}

static void put_hex(dm_jw *w, const char *name, const void *bytes, size_t n)
{
    char hex[2 * DM_ED25519_SIG + 1];
    dm_hex(bytes, n, hex);
    dm_jw_kc(w, name, hex);
}

static void put_time(dm_jw *w, const char *name, int64_t second)
{
    char text[32];
    dm_time_text(second, text);
    dm_jw_kc(w, name, text);
}

static void put_end(dm_jw *w, const char *name, bool has, int64_t second)
{
    if (has) {
        put_time(w, name, second);
        return;
    }
    dm_jw_key(w, name);
    dm_jw_null(w);
}

static int end(making *m, dm_jw *w, const char *name, dm_err *err)
{
    dm_digest sum;
    int r = dm_buf_ok(&m->text, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&m->text), &sum, err);
    if (r < 0)
        return r;
    put_hex(w, "sum", sum.b, sizeof(sum.b));
    dm_jw_end(w);
    r = dm_buf_ok(&m->text, err);
    return r < 0 ? r : dm_pack_file(m->pack, name, dm_buf_view(&m->text), err);
}

/* --- books and regions -------------------------------------------------------------------------------------- */

static int books_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_books(
            c, m->what->account_no, m->what->first, m->what->last, DM_BUNDLE_BOOKS_MAX + 1, &m->rows, err);
}

static int regions_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_regions(c, DM_BUNDLE_REGIONS_MAX, &m->rows, err);
}

static int book_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    int r = dm_read_book_of(c, (dm_account_no){0}, m->book, &m->read, err);
    return r == DM_READ_NONE ? dm_fail(err, DM_E_CORRUPT, "price book %lld is gone", (long long)m->book) : r;
}

static int put_book(making *m, dm_jw *w, const dm_pg_rows *books, size_t i, dm_err *err)
{
    m->book = dm_pg_i64(books, i, 0);
    int r = ask(m, book_tx, err);
    if (r < 0)
        return r;
    dm_jw_obj(w);
    dm_jw_ki64(w, "id", m->book);
    put_hex(w, "sha256", m->read.sha256.b, DM_SHA256);
    put_end(w, "valid_to", !dm_pg_is_null(books, i, 1), dm_pg_i64(books, i, 1));
    dm_jw_end(w);
    return 0;
}

static void put_region(dm_jw *w, const dm_pg_rows *rows, size_t i)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "group", dm_pg_str(rows, i, 2));
    dm_jw_kstr(w, "name", dm_pg_str(rows, i, 1));
    dm_jw_ki64(w, "no", dm_pg_i64(rows, i, 0));
    dm_jw_end(w);
}

static int put_manifest(making *m, const dm_pg_rows *books, const dm_pg_rows *invoices, dm_err *err)
{
    dm_jw w = begin(m);
    dm_jw_kc(&w, "account", m->what->account);
    dm_jw_key(&w, "books");
    dm_jw_arr(&w);
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(books); i++)
        r = put_book(m, &w, books, i, err);
    dm_jw_arr_end(&w);
    dm_jw_ki64(&w, "first", m->what->first.v);
    dm_jw_ki64(&w, "format", DM_BUNDLE_FORMAT);
    dm_jw_key(&w, "invoices");
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(invoices); i++)
        dm_jw_str(&w, dm_pg_str(invoices, i, 1));
    dm_jw_arr_end(&w);
    dm_jw_ki64(&w, "last", m->what->last.v);
    dm_jw_key(&w, "regions");
    dm_jw_arr(&w);
    if (r == 0)
        r = ask(m, regions_tx, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(m->rows); i++)
        put_region(&w, m->rows, i);
    dm_jw_arr_end(&w);
    return r < 0 ? r : end(m, &w, "manifest.json", err);
}

static int put_books(making *m, const dm_pg_rows *books, dm_err *err)
{
    char name[ENTRY_NAME];
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(books); i++) {
        m->book = dm_pg_i64(books, i, 0);
        (void)snprintf(name, sizeof(name), "books/%lld.json", (long long)m->book);
        r = ask(m, book_tx, err);
        if (r == 0)
            r = dm_pack_file(m->pack, name, dm_buf_view(&m->read.body), err);
    }
    return r;
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static int keys_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_keys(
            c, m->worker_no, m->worker_no.v == 0 ? DM_BUNDLE_SERVICE_KEYS_MAX : DM_WORKER_KEYS_MAX, &m->rows, err);
}

/* Worker 0 is the service. */
static int put_keys(making *m, dm_worker_no worker_no, dm_err *err)
{
    char name[ENTRY_NAME];
    m->worker_no = worker_no;
    int r = ask(m, keys_tx, err);
    if (r < 0)
        return r;
    dm_jw w = begin(m);
    dm_jw_key(&w, "keys");
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(m->rows); i++) {
        dm_str key = dm_pg_str(m->rows, i, 0);
        if (key.n != DM_ED25519_KEY)
            return dm_fail(err, DM_E_CORRUPT, "a key of %zu bytes", key.n);
        dm_jw_obj(&w);
        put_hex(&w, "key", key.p, key.n);
        put_time(&w, "valid_from", dm_pg_i64(m->rows, i, 1));
        put_end(&w, "valid_to", !dm_pg_is_null(m->rows, i, 2), dm_pg_i64(m->rows, i, 2));
        dm_jw_end(&w);
    }
    dm_jw_arr_end(&w);
    dm_jw_ku64(&w, "of", worker_no.v);
    (void)snprintf(name, sizeof(name), "keys/%llu.json", (unsigned long long)worker_no.v);
    return end(m, &w, name, err);
}

static int by_number(const void *element, const void *key)
{
    uint64_t a = *(const uint64_t *)element, b = *(const uint64_t *)key;
    return a < b ? -1 : a > b;
}

static int meet_worker(making *m, dm_worker_no worker_no, dm_err *err)
{
    bool there;
    size_t at = dm_sorted_place(m->workers, m->nworkers, sizeof(*m->workers), &worker_no.v, by_number, &there);
    if (there)
        return 0;
    int r = dm_grow(&m->workers, &m->workers_room, m->nworkers, DM_BUNDLE_WORKERS_MAX, "workers of a bundle", err);
    if (r < 0)
        return r;
    dm_sorted_open(m->workers, m->nworkers, sizeof(*m->workers), at);
    m->workers[at] = worker_no.v;
    m->nworkers++;
    return put_keys(m, worker_no, err);
}

/* --- a page ------------------------------------------------------------------------------------------------- */

static int page_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_page(c, m->what->account_no, m->period_start, m->page, &m->rows, err);
}

static int oaths_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_read_oaths(c, m->what->account_no, m->number, m->page, 0, DM_STATED_PAGE + 1, &m->rows, err);
}

/* Each message with its length in front; the keys of those workers that nothing before this has met go first. */
static int gather_oaths(making *m, dm_err *err)
{
    int r = ask(m, oaths_tx, err);
    DM_AUTO(dm_pg_rows) rows = dm_steal(&m->rows);
    dm_buf_reset(&m->oaths);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        dm_read_oath o;
        r = dm_read_oath_at(rows, i, &o, err);
        if (r == 0 && !o.by_service)
            r = meet_worker(m, o.worker_no, err);
        if (r == 0) {
            (void)dm_buf_le32(&m->oaths, (uint32_t)o.message.n);
            (void)dm_buf_str(&m->oaths, o.message);
        }
    }
    return r < 0 ? r : dm_buf_ok(&m->oaths, err);
}

static int put_page(making *m, dm_err *err)
{
    char page[ENTRY_NAME], oaths[ENTRY_NAME];
    (void)snprintf(page, sizeof(page), "statements/%lld/pages/%u.json", (long long)m->number.v, m->page);
    (void)snprintf(oaths, sizeof(oaths), "attestations/%lld/%u.bin", (long long)m->number.v, m->page);
    int r = gather_oaths(m, err);
    if (r == 0)
        r = ask(m, page_tx, err);
    if (r == 0)
        r = dm_pack_file(m->pack, page, dm_pg_str(m->rows, 0, 0), err);
    return r < 0 ? r : dm_pack_file(m->pack, oaths, dm_buf_view(&m->oaths), err);
}

/* --- a statement -------------------------------------------------------------------------------------------- */

static int head_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_head(c, m->what->account_no, m->number, &m->rows, err);
}

static int put_signature(making *m, const dm_pg_rows *rows, dm_err *err)
{
    char name[ENTRY_NAME], hex[2 * DM_SHA256 + 1];
    dm_str hash = dm_pg_str(rows, 0, 1), key = dm_pg_str(rows, 0, 2), signature = dm_pg_str(rows, 0, 3);
    dm_str pages = dm_pg_str(rows, 0, 8);
    if (hash.n != DM_SHA256 || key.n != DM_ED25519_KEY || signature.n != DM_ED25519_SIG)
        return dm_fail(err, DM_E_CORRUPT, "statement %lld has a signature that is none", (long long)m->number.v);
    dm_jw w = begin(m);
    put_time(&w, "closed_at", dm_pg_i64(rows, 0, 7));
    put_hex(&w, "head", hash.p, hash.n);
    put_hex(&w, "key", key.p, key.n);
    dm_jw_ki64(&w, "number", m->number.v);
    dm_jw_key(&w, "pages");
    dm_jw_arr(&w);
    for (size_t i = 0; i + DM_SHA256 <= pages.n; i += DM_SHA256) {
        dm_hex(pages.p + i, DM_SHA256, hex);
        dm_jw_c(&w, hex);
    }
    dm_jw_arr_end(&w);
    put_hex(&w, "signature", signature.p, signature.n);
    (void)snprintf(name, sizeof(name), "statements/%lld.sig", (long long)m->number.v);
    return end(m, &w, name, err);
}

static int put_statement(making *m, dm_err *err)
{
    char name[ENTRY_NAME];
    int r = ask(m, head_tx, err);
    DM_AUTO(dm_pg_rows) head = dm_steal(&m->rows);
    if (r < 0)
        return r;
    m->period_start = dm_pg_i64(head, 0, 6);
    uint32_t pages = (uint32_t)dm_pg_i64(head, 0, 5);
    if (pages > DM_BUNDLE_PAGES_MAX)
        return dm_fail(err, DM_E_LIMIT, "statement %lld has %u pages", (long long)m->number.v, pages);
    (void)snprintf(name, sizeof(name), "statements/%lld.json", (long long)m->number.v);
    r = dm_pack_file(m->pack, name, dm_pg_str(head, 0, 0), err);
    if (r == 0)
        r = put_signature(m, head, err);
    for (m->page = 1; r == 0 && m->page <= pages; m->page++)
        r = put_page(m, err);
    return r;
}

/* --- invoices ----------------------------------------------------------------------------------------------- */

static int invoices_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_invoices(
            c, m->what->account_no, m->what->first, m->what->last, DM_BUNDLE_INVOICES_MAX + 1, &m->rows, err);
}

static int invoice_tx(dm_pg *c, void *arg, dm_err *err)
{
    making *m = arg;
    forget(m);
    return dm_sql_bundle_invoice(c, m->what->account_no, m->invoice_no, &m->rows, err);
}

static int put_invoice_signature(making *m, const dm_pg_rows *rows, const char *name, dm_err *err)
{
    dm_str hash = dm_pg_str(rows, 0, 1), key = dm_pg_str(rows, 0, 2), signature = dm_pg_str(rows, 0, 3);
    dm_str rest = dm_pg_str(rows, 0, 6), one;
    int64_t number;
    int r = 0;
    if (hash.n != DM_SHA256 || key.n != DM_ED25519_KEY || signature.n != DM_ED25519_SIG)
        return dm_fail(err, DM_E_CORRUPT, "an invoice has a signature that is none");
    dm_jw w = begin(m);
    put_hex(&w, "hash", hash.p, hash.n);
    put_hex(&w, "key", key.p, key.n);
    dm_jw_kstr(&w, "number", dm_pg_str(rows, 0, 5));
    dm_jw_ki64(&w, "seller", dm_pg_i64(rows, 0, 4));
    put_hex(&w, "signature", signature.p, signature.n);
    dm_jw_key(&w, "statements");
    dm_jw_arr(&w);
    while (r == 0 && rest.n > 0 && dm_str_split(&rest, ',', &one)) {
        r = dm_parse_i64(one, 1, INT64_MAX, &number, err);
        dm_jw_i64(&w, number);
    }
    dm_jw_arr_end(&w);
    return r < 0 ? r : end(m, &w, name, err);
}

static int put_invoices(making *m, const dm_pg_rows *invoices, dm_err *err)
{
    char name[ENTRY_NAME];
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(invoices); i++) {
        m->invoice_no = dm_pg_i64(invoices, i, 0);
        r = ask(m, invoice_tx, err);
        DM_AUTO(dm_pg_rows) rows = dm_steal(&m->rows);
        (void)snprintf(name, sizeof(name), "invoices/%zu.json", i + 1);
        if (r == 0)
            r = dm_pack_file(m->pack, name, dm_pg_str(rows, 0, 0), err);
        (void)snprintf(name, sizeof(name), "invoices/%zu.sig", i + 1);
        if (r == 0)
            r = put_invoice_signature(m, rows, name, err);
    }
    return r;
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static int put_all(making *m, dm_err *err)
{
    int r = ask(m, books_tx, err);
    DM_AUTO(dm_pg_rows) books = dm_steal(&m->rows);
    if (r == 0 && dm_pg_count(books) > DM_BUNDLE_BOOKS_MAX)
        r = dm_fail(err, DM_E_LIMIT, "a bundle has at most %d price books", DM_BUNDLE_BOOKS_MAX);
    if (r == 0)
        r = ask(m, invoices_tx, err);
    DM_AUTO(dm_pg_rows) invoices = dm_steal(&m->rows);
    if (r == 0 && dm_pg_count(invoices) > DM_BUNDLE_INVOICES_MAX)
        r = dm_fail(err, DM_E_LIMIT, "a bundle has at most %d invoices", DM_BUNDLE_INVOICES_MAX);
    if (r == 0)
        r = put_manifest(m, books, invoices, err);
    if (r == 0)
        r = put_keys(m, (dm_worker_no){0}, err);
    if (r == 0)
        r = put_books(m, books, err);
    for (m->number = m->what->first; r == 0 && m->number.v <= m->what->last.v; m->number.v++)
        r = put_statement(m, err);
    if (r == 0)
        r = put_invoices(m, invoices, err);
    return r < 0 ? r : dm_pack_end(m->pack, err);
}

int dm_bundle_write(const dm_bundle_db *db, const dm_bundle_what *what, dm_pack_sink sink, void *arg, dm_err *err)
{
    DM_AUTO(dm_pack) pack = NULL;
    int r = dm_pack_new(sink, arg, &pack, err);
    if (r < 0)
        return r;
    making m = {.db = db, .what = what, .pack = pack};
    dm_buf_init(&m.text, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&m.oaths, DM_BUNDLE_ENTRY_MAX);
    dm_buf_init(&m.read.body, 64 << 10);
    r = put_all(&m, err);
    forget(&m);
    free(m.workers);
    dm_buf_done(&m.text);
    dm_buf_done(&m.oaths);
    dm_buf_done(&m.read.body);
    return r < 0 ? dm_wrap(err, "bundle") : r;
}
