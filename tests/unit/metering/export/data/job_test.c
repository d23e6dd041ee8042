/* Orders carried out on a real database: statements and invoices by the meter's own code, exported, and read back. */
/* Covers metering/export/data/cell.c, metering/export/data/csv.c,
 * metering/export/data/format.c, metering/export/data/job.c, metering/export/data/jsonl.c,
 * metering/export/data/manifest.c, metering/export/data/print.c, metering/export/data/rows.c,
 * metering/export/data/set.c, metering/export/data/sink.c,
 * metering/export/data/sql_job.c, metering/export/data/sql_rows.c, metering/export/data/sums.c,
 * metering/export/data/sweep.c. */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"

#include "metering/ask/export.h"
#include "metering/export/data/format.h"
#include "metering/export/data/sql_job.h"
#include "metering/rules/money.h"
#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;

static int files(const desk *d)
{
    glob_t g;
    char text[300];
    (void)snprintf(text, sizeof text, "%s/*", d->folder);
    int r = glob(text, 0, NULL, &g), n = r == 0 ? (int)g.gl_pathc : 0;
    globfree(&g);
    return n;
}

/* Two minutes of March, invoiced with tax. */
static void a_month(desk *d)
{
    sql(&d->r, "UPDATE dm.tax_rule SET category = 'S', rate_ppm = 190000, jurisdiction = 'DE', reason = NULL, "
               "reason_code = NULL");
    for (int i = 0; i < 4; i++)
        bill_minute(&d->r, 1, MARCH + i * 60LL, 200);
    bill_through(&d->r, APRIL + 60);
    bill_months(&d->r, APRIL + 2 * DAY);
    assert_sql(&d->r, "SELECT count(*) FROM dm.invoice", "1");
}

static const char *sum_of(const json_t *manifest)
{
    return dm_json_c(json_array_get(json_object_get(manifest, "sums"), 0), "amount");
}

static void rows_sum_to_the_invoice(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "sums");
    a_month(&d);
    desk_order(&d, 1, "cost", "jsonl", "2026-03-01", "2026-04-01", "one");
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(desk_next(&d), DM_JOB_IDLE);
    assert_string_equal(desk_of(&d, "state", "one"), "ready");
    DM_AUTO_BUF file;
    DM_AUTO(json_t) manifest = NULL;
    desk_file(&d, "one", &file);
    char text[16384];
    (void)snprintf(text, sizeof text, "%s", desk_of(&d, "manifest", "one"));
    assert_int_equal(dm_json_load(dm_str_c(text), sizeof text, &manifest, NULL), 0);
    const json_t *invoice = json_array_get(json_object_get(manifest, "documents"), 0);
    assert_string_equal(dm_json_c(invoice, "number"), "INV-2026-000001");
    assert_true(json_is_true(json_object_get(invoice, "whole")));
    assert_string_equal(dm_json_c(invoice, "amount"), ask(&d.r, "SELECT total FROM dm.invoice"));
    assert_string_equal(sum_of(manifest), ask(&d.r, "SELECT total FROM dm.invoice"));
    /* The same, by whoever reads the rows. */
    dm_str rest = dm_buf_view(&file), line;
    dm_money sum = {0}, m;
    int64_t rows = 0;
    while (rest.n > 0 && dm_str_split(&rest, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) row = NULL;
        assert_int_equal(dm_json_load(line, 1 << 20, &row, NULL), 0);
        assert_int_equal(dm_money_parse(dm_json_text(row, "amount"), &m, NULL), 0);
        assert_int_equal(dm_money_add(sum, m, &sum, NULL), 0);
        assert_string_equal(dm_json_c(row, "invoice"), "INV-2026-000001");
        rows++;
    }
    char total[DM_MONEY_TEXT];
    dm_money_print(sum, total);
    assert_string_equal(total, ask(&d.r, "SELECT total FROM dm.invoice"));
    assert_int_equal(rows, json_integer_value(json_object_get(manifest, "rows")));
    (void)snprintf(text, sizeof text, "%lld", (long long)rows);
    assert_string_equal(desk_of(&d, "rows_done", "one"), text);
    desk_close(&d);
}

static void equal_rows_are_equal_bytes(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "bytes");
    a_month(&d);
    sql(&d.r, "UPDATE dm.project SET name = '=1+\"2\"' WHERE account_no = 1");
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "one");
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "two");
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(desk_next(&d), 0);
    DM_AUTO_BUF one;
    DM_AUTO_BUF two;
    desk_file(&d, "one", &one);
    desk_file(&d, "two", &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
    assert_string_equal(desk_of(&d, "manifest", "one"), desk_of(&d, "manifest", "two"));
    assert_string_equal(desk_of(&d, "bytes = (SELECT bytes FROM dm.export WHERE idem_key = 'one')", "two"), "t");
    assert_string_equal(desk_of(&d, "encode(digest, 'hex') = manifest::jsonb->'file'->>'sha256'", "two"), "t");
    dm_digest digest;
    char hex[2 * DM_SHA256 + 1];
    assert_int_equal(dm_sha256(dm_buf_view(&one), &digest, NULL), 0);
    dm_hex(digest.b, sizeof digest.b, hex);
    assert_string_equal(desk_of(&d, "encode(digest, 'hex')", "one"), hex);
    dm_str rest = dm_buf_view(&one), line;
    assert_true(dm_str_split(&rest, '\n', &line));
    assert_true(dm_str_starts(line, DM_STR("kind,statement,line,invoice,period_start,")));
    assert_true(dm_str_split(&rest, '\n', &line));
    assert_true(dm_str_starts(
            line, DM_STR("usage,1,1,INV-2026-000001,2026-03-01T00:00:00Z,2026-03-01T00:01:00Z,2026-03-01T00:00:00Z,")));
    /* A cell that a spreadsheet would calculate is a text. */
    assert_non_null(strstr(one.p, ",\"'=1+\"\"2\"\"\","));
    desk_close(&d);
}

static void nobody_elses_rows(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "others");
    bill_minute(&d.r, 1, MARCH, 3);
    bill_minute(&d.r, 2, MARCH, 5);
    desk_order(&d, 2, "cost", "csv", "2026-03-01", "2026-04-01", "two");
    assert_int_equal(desk_next(&d), 0);
    assert_string_equal(
            desk_of(&d, "rows_done", "two"), ask(&d.r, "SELECT count(*) FROM dm.statement_line WHERE account_no = 2"));
    /* It reads in one account's scope alone, and writes nothing but orders. */
    refused(&d.r, "dm_export", "INSERT INTO dm.statement_line SELECT * FROM dm.statement_line");
    refused(&d.r, "dm_export", "UPDATE dm.invoice SET total = 0");
    refused(&d.r, "dm_export", "SELECT sha256 FROM dm.api_key");
    assert_sql(&d.r, "SET ROLE dm_export; SELECT count(*) FROM dm.statement_line", "0");
    sql(&d.r, "RESET ROLE");
    desk_close(&d);
}

static void cancelled_and_given_up(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "cancel");
    bill_minute(&d.r, 1, MARCH, 3);
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "one");
    sql(&d.r, "UPDATE dm.export SET cancel_at = now()");
    assert_int_equal(desk_next(&d), DM_JOB_IDLE);
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_string_equal(desk_of(&d, "state", "one"), "cancelled");
    /* While it runs: its next beat sees that. */
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "two");
    sql(&d.r, "CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.cancel_at := now(); "
              "RETURN NEW; END $$; CREATE TRIGGER late BEFORE UPDATE ON dm.export FOR EACH ROW WHEN (NEW.state = "
              "'running') EXECUTE FUNCTION public.late()");
    assert_int_equal(desk_next(&d), 0);
    assert_string_equal(desk_of(&d, "state", "two"), "cancelled");
    assert_int_equal(files(&d), 0);
    sql(&d.r, "DROP TRIGGER late ON dm.export");
    /* One that is to stop gives it back, as it was. */
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "three");
    atomic_store(&d.stop, true);
    assert_int_equal(desk_next(&d), 0);
    assert_string_equal(desk_of(&d, "state || ' ' || tries", "three"), "queued 0");
    atomic_store(&d.stop, false);
    assert_int_equal(files(&d), 0);
    assert_int_equal(desk_next(&d), 0);
    assert_string_equal(desk_of(&d, "state", "three"), "ready");
    assert_int_equal(files(&d), 1);
    desk_close(&d);
}

static void a_dead_ones_order_is_taken_again(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "dead");
    bill_minute(&d.r, 1, MARCH, 3);
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "one");
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "two");
    sql(&d.r, "UPDATE dm.export SET state = 'running', taker = gen_random_uuid(), tries = 1, taken_at = now(), beat_at "
              "= now() WHERE idem_key = 'one'");
    assert_int_equal(desk_next(&d), DM_JOB_IDLE); /* one at a time of an account */
    sql(&d.r, "UPDATE dm.export SET beat_at = now() - interval '31 s' WHERE idem_key = 'one'");
    assert_int_equal(desk_next(&d), 0);
    assert_string_equal(desk_of(&d, "state || ' ' || tries", "one"), "ready 2");
    /* One that always dies is not tried for ever. */
    sql(&d.r, "UPDATE dm.export SET state = 'running', taker = gen_random_uuid(), tries = 3, beat_at = now() - "
              "interval '1 h' WHERE idem_key = 'two'");
    dm_log *log = d.h.log;
    d.h.log = NULL; /* it is said as an error */
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    assert_string_equal(desk_of(&d, "state", "two"), "failed");
    desk_close(&d);
}

static void files_have_their_time(void **state)
{
    (void)state;
    desk d = {0};
    char path[400];
    desk_open(&d, &pg, "over");
    bill_minute(&d.r, 1, MARCH, 3);
    desk_order(&d, 1, "cost", "csv", "2026-03-01", "2026-04-01", "one");
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_int_equal(files(&d), 1);
    /* What died left: not at once, since it may be written. */
    (void)snprintf(path, sizeof path, "%s/some.csv.part", d.folder);
    assert_int_equal(dm_file_write(path, DM_STR("x"), 0600, NULL), 0);
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_int_equal(files(&d), 2);
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    (void)snprintf(path, sizeof path, "%s/%s", d.folder, desk_of(&d, "file", "one"));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0); /* old, and somebody's */
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_int_equal(files(&d), 1);
    sql(&d.r, "UPDATE dm.export SET expires_at = now() - interval '1 s'");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_int_equal(files(&d), 0);
    assert_sql(&d.r, "SELECT state FROM dm.export", "removed");
    desk_close(&d);
}

static void an_invoice_as_a_document(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "document");
    a_month(&d);
    desk_order(&d, 1, "document", "pdf", "INV-2026-000001", NULL, "pdf");
    desk_order(&d, 1, "document", "ubl", "INV-2026-000001", NULL, "ubl");
    desk_order(&d, 1, "document", "cii", "INV-2026-000001", NULL, "cii");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    for (int i = 0; i < 3; i++)
        assert_int_equal(desk_next(&d), 0);
    DM_AUTO_BUF pdf;
    assert_string_equal(desk_of(&d, "coalesce(why, state)", "pdf"), "ready");
    desk_file(&d, "pdf", &pdf);
    assert_true(dm_str_starts(dm_buf_view(&pdf), DM_STR("%PDF-1.")));
    /* What there is none of says why, and may be asked for again under the same name. */
    assert_sql(&d.r,
            "SELECT string_agg(format || ' ' || why, '; ' ORDER BY format) FROM dm.export WHERE idem_key LIKE 'gone:%'",
            "cii the seller has no country, which EN 16931 asks for; ubl the seller has no country, which EN 16931 "
            "asks for");
    d.h.log = log;
    desk_close(&d);
}

static void a_statement_as_a_document(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "statement");
    a_month(&d);
    desk_order(&d, 1, "statement", "pdf", "1", NULL, "pdf");
    desk_order(&d, 1, "statement", "pdf", "1", NULL, "twice");
    desk_order(&d, 1, "statement", "ubl", "1", NULL, "ubl");
    desk_order(&d, 1, "statement", "pdf", "99", NULL, "none");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    for (int i = 0; i < 4; i++)
        assert_int_equal(desk_next(&d), 0);
    DM_AUTO_BUF pdf;
    DM_AUTO_BUF twice;
    assert_string_equal(desk_of(&d, "coalesce(why, state)", "pdf"), "ready");
    desk_file(&d, "pdf", &pdf);
    desk_file(&d, "twice", &twice);
    assert_true(dm_str_starts(dm_buf_view(&pdf), DM_STR("%PDF-1.")));
    assert_true(dm_str_eq(dm_buf_view(&pdf), dm_buf_view(&twice)));
    assert_sql(&d.r,
            "SELECT string_agg(number || ' ' || why, '; ' ORDER BY export_no) FROM dm.export WHERE state = 'failed'",
            "1 there is no statement as ubl; 99 there is no such document");
    /* One that is larger than a file may be is said to be, and not begun. */
    d.h.file_max = 100;
    desk_order(&d, 1, "statement", "pdf", "1", NULL, "long");
    assert_int_equal(desk_next(&d), 0);
    assert_sql(&d.r, "SELECT why FROM dm.export ORDER BY export_no DESC LIMIT 1",
            "this statement is too long to be printed: have it as an export, or its bundle");
    d.h.log = log;
    desk_close(&d);
}

/* The database makes it with the payment, and what is frozen in it is what is printed. */
static void a_receipt_as_a_document(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "receipt");
    a_month(&d);
    sql(&d.r, "INSERT INTO dm.invoice_payment (account_no, invoice_no, currency, amount, to_wallet, received_on, how, "
              "reference, idem_key, at) SELECT account_no, invoice_no, currency, 100, 3, '2026-04-09', 'bank', 'SEPA "
              "1', 'one', '2026-04-10 08:00:00.5Z' FROM dm.invoice");
    assert_sql(&d.r,
            "SELECT of || ' ' || invoice || ' ' || amount::int || ' ' || to_wallet::int || ' ' || (seller = "
            "(SELECT frozen->'seller' FROM dm.invoice)) || ' ' || (number ~ '^REC-[0-9]{6}$') FROM dm.receipt",
            "payment INV-2026-000001 100 3 true true");
    sql(&d.r, "INSERT INTO dm.wallet_order (account_no, kind, currency, amount, reference, ordered_by, reason) SELECT "
              "account_no, 'paid', currency, 40, 'SEPA 2', 'operator:o', 'it came' FROM dm.account WHERE account_no = "
              "1;"
              "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, idem_key, "
              "order_no, reference, who, why, remaining) SELECT account_no, 'paid', currency, amount, 9, "
              "'2026-04-11Z', 'two', order_no, reference, ordered_by, reason, 0 FROM dm.wallet_order;"
              "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, idem_key, who, "
              "why, remaining) SELECT account_no, 'paid', currency, 3, 9, '2026-04-11Z', 'rest', 'o', 'rest', 0 FROM "
              "dm.wallet_order");
    /* What an invoice had no need of is on its receipt already. */
    assert_sql(&d.r, "SELECT string_agg(of || ' ' || reference, ', ' ORDER BY receipt_no) FROM dm.receipt",
            "payment SEPA 1, top_up SEPA 2");
    char number[64];
    (void)snprintf(number, sizeof number, "%s", ask(&d.r, "SELECT number FROM dm.receipt WHERE of = 'top_up'"));
    desk_order(&d, 1, "receipt", "pdf", number, NULL, "pdf");
    desk_order(&d, 1, "receipt", "cii", number, NULL, "cii");
    dm_log *log = d.h.log;
    d.h.log = NULL;
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(desk_next(&d), 0);
    d.h.log = log;
    DM_AUTO_BUF pdf;
    assert_string_equal(desk_of(&d, "coalesce(why, state)", "pdf"), "ready");
    desk_file(&d, "pdf", &pdf);
    assert_true(dm_str_starts(dm_buf_view(&pdf), DM_STR("%PDF-1.")));
    assert_sql(&d.r, "SELECT why FROM dm.export WHERE state = 'failed'", "there is no receipt as cii");
    desk_close(&d);
}

/* Each month once, whoever dies: the mark and the order are of one transaction, and the order has a key of its own. */
static void schedules_order_a_month_once(void **state)
{
    (void)state;
    desk d = {0};
    desk_open(&d, &pg, "schedules");
    sql(&d.r, "INSERT INTO dm.export_schedule (account_no, dataset, format, who) VALUES (1, 'cost', 'csv', "
              "'person:ada'), "
              "(1, 'usage', 'jsonl', 'person:ada')");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r, "SELECT count(*) FROM dm.export", "0");
    a_month(&d);
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r,
            "SELECT string_agg(concat_ws(' ', dataset, format, who, to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM'), "
            "state), ', ' ORDER BY export_no) FROM dm.export",
            "cost csv schedule 2026-03 queued, usage jsonl schedule 2026-03 queued");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r, "SELECT count(*) FROM dm.export", "2");
    /* As if the mark had been lost. */
    sql(&d.r, "UPDATE dm.export_schedule SET through = '-infinity'");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r, "SELECT count(*) FROM dm.export", "2");
    assert_sql(&d.r, "SELECT string_agg(DISTINCT through::text, ',') FROM dm.export_schedule", "2026-03-01");
    assert_int_equal(desk_next(&d), 0);
    assert_int_equal(desk_next(&d), 0);
    assert_sql(&d.r, "SELECT string_agg(coalesce(why, state), ', ') FROM dm.export", "ready, ready");
    /* Where too many wait, it is ordered later; and what was closed before it began is not. */
    sql(&d.r, "DELETE FROM dm.export; UPDATE dm.export_schedule SET through = '-infinity'; INSERT INTO dm.export "
              "(account_no, dataset, format, from_at, to_at, who, idem_key) SELECT 1, 'cost', 'csv', '2026-03-01Z', "
              "'2026-04-01Z', 'x', 'k' || n FROM generate_series(1, 20) n");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r, "SELECT count(*) FROM dm.export WHERE who = 'schedule'", "0");
    sql(&d.r, "DELETE FROM dm.export; INSERT INTO dm.export_schedule (account_no, dataset, format, who) VALUES (1, "
              "'focus-1.2', 'csv', 'person:ada')");
    assert_int_equal(dm_job_sweep(&d.h, NULL), 0);
    assert_sql(&d.r, "SELECT string_agg(dataset, ', ' ORDER BY dataset) FROM dm.export", "cost, usage");
    desk_close(&d);
}

static void what_is_offered_is_what_is_made(void **state)
{
    size_t i = 0, e = 0, k = 0;
    (void)state;
    for (; dm_export_datasets[i] != NULL; i++) {
        assert_string_equal(dm_data_set_at(i)->name, dm_export_datasets[i]);
        assert_false(dm_data_set_at(i)->entity);
    }
    for (; dm_export_entity_datasets[e] != NULL; e++) {
        assert_string_equal(dm_data_set_at(i + e)->name, dm_export_entity_datasets[e]);
        assert_true(dm_data_set_at(i + e)->entity);
    }
    assert_null(dm_data_set_at(i + e));
    for (; dm_export_formats[k] != NULL; k++)
        assert_string_equal(dm_data_format_at(k)->name, dm_export_formats[k]);
    assert_null(dm_data_format_at(k));
    assert_true(dm_export_offered(false, "cost", "csv"));
    assert_false(dm_export_offered(false, "cost", "pdf"));
    assert_false(dm_export_offered(false, "document", "pdf"));
    assert_false(dm_export_offered(false, "journal", "csv"));
    assert_true(dm_export_offered(true, "journal", "csv"));
    assert_false(dm_export_offered(true, "cost", "csv"));
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(rows_sum_to_the_invoice),
            cmocka_unit_test(equal_rows_are_equal_bytes),
            cmocka_unit_test(nobody_elses_rows),
            cmocka_unit_test(cancelled_and_given_up),
            cmocka_unit_test(a_dead_ones_order_is_taken_again),
            cmocka_unit_test(files_have_their_time),
            cmocka_unit_test(an_invoice_as_a_document),
            cmocka_unit_test(a_statement_as_a_document),
            cmocka_unit_test(a_receipt_as_a_document),
            cmocka_unit_test(schedules_order_a_month_once),
            cmocka_unit_test(what_is_offered_is_what_is_made),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
