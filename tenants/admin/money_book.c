/* Price books: drafted from a document as the API takes it, tried over a month that is closed, approved as they were
 * shown. Each act as the API does it. */
#include <stddef.h>
#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

#include "metering/ask/book.h"
#include "metering/ask/simulation.h"
#include "metering/read/book.h"
#include "tenants/admin/act.h"
#include "tenants/admin/money.h"

enum { HASH_HEX = 64, DOC_MAX = 256 << 10, BOOK_TEXT_MAX = 1 << 20 };

static const dm_admin_said book_says[] = {[DM_ASK_BOOK_NONE] = {DM_E_NOTFOUND, "no such price book"},
        [DM_ASK_BOOK_STATE] = {DM_E_CONFLICT, "it is no draft any more"},
        [DM_ASK_BOOK_OWN] = {DM_E_CONFLICT, "who has written of a price book does not approve it"},
        [DM_ASK_BOOK_OTHER] = {DM_E_CONFLICT, "--hash: the book is something else now: look at it again"},
        [DM_ASK_BOOK_LATE] = {DM_E_CONFLICT, "a price book begins a minute after its approval at the earliest"},
        [DM_ASK_BOOK_UNTRIED] = {DM_E_CONFLICT, "it concerns a closed month: simulate it first"},
        [DM_ASK_BOOK_WRONG] = {DM_E_INVALID, "no such tier, group or contract, a price lacks, its tiers do not rise, "
                                             "or its contract does not hold"}};

/* --- shown -------------------------------------------------------------------------------------------------- */

typedef struct looking {
    const dm_admin_args *a;
    int64_t no; /* 0: all of a state */
    dm_pg_rows *rows;
} looking;

static int look(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    dm_str state = dm_str_c(l->a->state);
    dm_pg_total total;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    if (l->no == 0)
        return dm_read_books(c, state, INT64_MAX, DM_ADMIN_SHOWN_MAX, &l->rows, &total, err);
    int r = dm_read_book_find(c, l->no, &l->rows, err);
    return r == DM_READ_BOOK_NONE ? dm_fail(err, DM_E_NOTFOUND, "no price book %lld", (long long)l->no) : r;
}

static const char *word(const json_t *book, const char *name)
{
    const char *text = dm_json_c(book, name);
    return text != NULL ? text : "-";
}

static int print_book(dm_str text, bool json, bool first, dm_err *err)
{
    DM_AUTO(json_t) book = NULL;
    if (json) {
        (void)printf("%s%.*s", first ? "" : ",", (int)text.n, text.p);
        return 0;
    }
    int r = dm_json_load(text, BOOK_TEXT_MAX, &book, err);
    if (r == 0)
        (void)printf("%5lld %-9s %-20s %-12s %-8s %-9s %-20s %-20s %s\n",
                (long long)json_integer_value(json_object_get(book, "id")), word(book, "status"),
                word(book, "price_group"), word(book, "tier"), word(book, "currency"), word(book, "rated_by"),
                word(book, "valid_from"), word(book, "valid_to"), word(book, "sha256"));
    return r;
}

static int print_books(const looking *l, bool json, dm_err *err)
{
    size_t n = dm_pg_count(l->rows);
    int r = 0;
    if (!json)
        (void)printf("%5s %-9s %-20s %-12s %-8s %-9s %-20s %-20s %s\n", "id", "status", "price_group", "tier",
                "currency", "rated_by", "valid_from", "valid_to", "sha256");
    for (size_t from = 0, to; r == 0 && from < n; from = to) {
        DM_AUTO_BUF text;
        dm_jw w;
        dm_buf_init(&text, BOOK_TEXT_MAX);
        dm_jw_init(&w, &text);
        to = dm_read_book_end(l->rows, from);
        r = dm_read_book_write(&w, l->rows, from, to, true, err);
        if (r == 0)
            r = dm_buf_ok(&text, err);
        if (r == 0)
            r = print_book(dm_buf_view(&text), json, from == 0, err);
    }
    return r;
}

static int book_list(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    looking l = {.a = a};
    int r = dm_pg_tx_on(c, &(dm_pg_scope){.read_only = true}, look, &l, err);
    if (r == 0 && a->json)
        (void)printf("[");
    if (r == 0)
        r = print_books(&l, a->json, err);
    if (r == 0 && a->json)
        (void)printf("]\n");
    dm_pg_rows_free(l.rows);
    return r;
}

static int book_show(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_act w = {.a = a};
    int r = dm_admin_no(&w, err);
    looking l = {.a = a, .no = w.no};
    if (r == 0)
        r = dm_pg_tx_on(c, &(dm_pg_scope){.read_only = true}, look, &l, err);
    if (r == 0)
        r = print_books(&l, true, err);
    if (r == 0)
        (void)printf("\n");
    dm_pg_rows_free(l.rows);
    return r;
}

/* --- drafts ------------------------------------------------------------------------------------------------- */

typedef struct doc {
    char *price_group, *tier, *currency, *rated_by, *compute_type, *compute_quality, *contract, *valid_from;
    json_t *prices;
} doc;

#define TEXT(name, has, least, most)                                                                                   \
    {                                                                                                                  \
#name, DM_JSON_STR, offsetof(doc, name), has, least, most                                                      \
    }
/* What an edit takes stands first. */
static const dm_json_field fields[] = {
        TEXT(valid_from, DM_JSON_NEED, 1, 64),
        {"prices", DM_JSON_ARR, offsetof(doc, prices), DM_JSON_NEED, 0, DM_ASK_BOOK_PRICES_MAX},
        TEXT(price_group, DM_JSON_NEED, 1, DM_ASK_BOOK_NAME_BYTES),
        TEXT(tier, DM_JSON_NEED, 1, DM_ASK_BOOK_NAME_BYTES),
        TEXT(currency, DM_JSON_NEED, 3, 3),
        TEXT(rated_by, DM_JSON_NEED, 1, 16),
        TEXT(compute_type, DM_JSON_OPT, 0, DM_ASK_BOOK_NAME_BYTES),
        TEXT(compute_quality, DM_JSON_OPT, 0, DM_ASK_BOOK_NAME_BYTES),
        TEXT(contract, DM_JSON_OPT, 0, 64),
};
enum { OF_AN_EDIT = 2 };

typedef struct drafting {
    dm_ask_book book;
    dm_str prices;
} drafting;

static int draft_act(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    const drafting *d = w->of;
    int64_t id = w->no;
    int r = w->no == 0 ? dm_ask_book_draft(c, w->a->who, w->a->reason, &d->book, d->prices, &id, err)
                       : dm_ask_book_edit(c, w->a->who, w->no, d->book.valid_from_s, d->prices, err);
    (void)snprintf(w->object, sizeof w->object, "book:%lld", (long long)id);
    (void)snprintf(w->printed, sizeof w->printed, "DORMOUSE_BOOK=%lld\n", (long long)id);
    return dm_admin_told(book_says, DM_LEN(book_says), r, err);
}

static int read_doc(const dm_admin_args *a, size_t n, doc *out, drafting *d, dm_buf *prices, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) tree = NULL;
    dm_buf_init(&text, DOC_MAX);
    if (a->file == NULL)
        return dm_fail(err, DM_E_INVALID, "--file is missing: the book as the API takes it, in JSON");
    int r = dm_file_read(a->file, &text, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&text), DOC_MAX, &tree, err);
    if (r == 0)
        r = dm_json_decode(tree, fields, n, out, err);
    if (r == 0 && n > OF_AN_EDIT)
        r = dm_ask_book_kind_ok(out->rated_by, out->currency, err);
    if (r == 0)
        r = dm_ask_book_begins(out->valid_from, &d->book.valid_from_s, err);
    if (r == 0)
        r = dm_ask_prices(out->prices, prices, err);
    if (r < 0)
        return dm_wrap(err, "%s", a->file);
    d->prices = dm_buf_view(prices);
    return 0;
}

/* no 0: another one. */
static int write_book(dm_pg *c, const dm_admin_args *a, const char *verb, int64_t no, dm_err *err)
{
    size_t n = no == 0 ? DM_LEN(fields) : OF_AN_EDIT;
    doc it = {.prices = NULL};
    drafting d = {.prices = {NULL, 0}};
    DM_AUTO_BUF prices;
    dm_buf_init(&prices, DM_ASK_PRICES_BYTES);
    int r = read_doc(a, n, &it, &d, &prices, err);
    d.book.price_group = dm_str_maybe(it.price_group);
    d.book.tier = dm_str_maybe(it.tier);
    d.book.currency = dm_str_maybe(it.currency);
    d.book.rated_by = dm_str_maybe(it.rated_by);
    d.book.compute_type = dm_str_maybe(it.compute_type);
    d.book.compute_quality = dm_str_maybe(it.compute_quality);
    d.book.contract = dm_str_maybe(it.contract);
    dm_admin_act w = {.a = a, .verb = verb, .act = draft_act, .of = &d, .no = no};
    if (r == 0)
        r = dm_admin_do(c, &w, err);
    dm_json_done(fields, n, &it);
    return r;
}

static int book_draft(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return write_book(c, a, "book.draft", 0, err);
}

static int book_edit(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    dm_admin_act w = {.a = a};
    int r = dm_admin_no(&w, err);
    return r < 0 ? r : write_book(c, a, "book.edit", w.no, err);
}

/* --- the second person -------------------------------------------------------------------------------------- */

static int decide(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    bool approve = strcmp(w->verb, "book.approve") == 0;
    (void)snprintf(w->object, sizeof w->object, "book:%lld", (long long)w->no);
    int r = approve ? dm_ask_book_approve(c, w->a->who, w->a->reason, w->no, dm_str_c(w->a->hash), err)
                    : dm_ask_book_withdraw(c, w->a->who, w->a->reason, w->no, err);
    return dm_admin_told(book_says, DM_LEN(book_says), r, err);
}

static int on_book(dm_pg *c, const dm_admin_args *a, const char *verb,
        int (*act)(dm_pg *c, dm_admin_act *w, dm_err *err), dm_err *err)
{
    dm_admin_act w = {.a = a, .verb = verb, .act = act};
    int r = dm_admin_no(&w, err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

static int book_approve(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    if (a->hash == NULL || strlen(a->hash) != HASH_HEX || !dm_str_only(dm_str_c(a->hash), "0123456789abcdef"))
        return dm_fail(
                err, DM_E_INVALID, "--hash is the sha256 that the book was shown with: what is approved is that");
    return on_book(c, a, "book.approve", decide, err);
}

static int book_withdraw(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_book(c, a, "book.withdraw", decide, err);
}

/* --- simulations -------------------------------------------------------------------------------------------- */

static const dm_admin_said simulation_says[] = {[DM_SIMULATION_NO_BOOK] = {DM_E_NOTFOUND, "no such price book"},
        [DM_SIMULATION_STATE] = {DM_E_CONFLICT, "the book is withdrawn"},
        [DM_SIMULATION_MONTH] = {DM_E_CONFLICT, "the month is not closed, or the book concerns nobody in it"},
        [DM_SIMULATION_MANY] = {DM_E_CONFLICT, "as many simulations as there may be are under way: cancel one"},
        [DM_SIMULATION_NONE] = {DM_E_NOTFOUND, "no such simulation"},
        [DM_SIMULATION_OVER] = {DM_E_CONFLICT, "it is done, or cancelled"}};

static int simulate(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    int64_t no = 0;
    int r = dm_simulation_order(c, w->no, w->of, w->a->who, w->a->reason, &no, err);
    w->again = r == DM_SIMULATION_AGAIN;
    (void)snprintf(w->object, sizeof w->object, "simulation:%lld", (long long)no);
    (void)snprintf(w->printed, sizeof w->printed, "DORMOUSE_SIMULATION=%lld\n", (long long)no);
    return w->again ? 0 : dm_admin_told(simulation_says, DM_LEN(simulation_says), r, err);
}

static int book_simulate(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    char month[16];
    dm_admin_act w = {.a = a, .verb = "simulation.order", .act = simulate, .of = a->month != NULL ? month : NULL};
    int r = dm_admin_no(&w, err);
    if (r == 0 && a->month != NULL)
        r = dm_admin_month(a, month, err);
    return r < 0 ? r : dm_admin_do(c, &w, err);
}

static int cancel(dm_pg *c, dm_admin_act *w, dm_err *err)
{
    (void)snprintf(w->object, sizeof w->object, "simulation:%lld", (long long)w->no);
    return dm_admin_told(simulation_says, DM_LEN(simulation_says), dm_simulation_cancel(c, w->no, w->a->who, err), err);
}

static int simulation_cancel(dm_pg *c, const dm_admin_args *a, dm_err *err)
{
    return on_book(c, a, "simulation.cancel", cancel, err);
}

const dm_admin_command *dm_admin_money_book(const char *name)
{
    static const dm_admin_command all[] = {{"book-list", book_list}, {"book-show", book_show},
            {"book-draft", book_draft}, {"book-edit", book_edit}, {"book-approve", book_approve},
            {"book-withdraw", book_withdraw}, {"book-simulate", book_simulate},
            {"simulation-cancel", simulation_cancel}};
    for (size_t i = 0; i < DM_LEN(all); i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}
