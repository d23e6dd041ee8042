/* Evidence that comes when its period is written, against a real PostgreSQL: what was stated stays, byte for byte, and
 * the account's next statement corrects it. */
/* Covers metering/ledger/late.c, metering/bill/correct.c, metering/bill/month.c, metering/bill/sql_correct.c,
 * metering/bill/sql_evidence.c. */
#include <sys/wait.h>
#include <unistd.h>

#include "metering/bill/bill.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* 1 vCPU, 2 GiB on the mainland, of account 1. */
static act simple(unsigned sandbox, int64_t from, int64_t to)
{
    return (act){sandbox, 1, 1, 4, 2, GIB, from, to, -1, -1};
}

/* All that was sent is read, and what is missing is not waited for any longer. */
static int write_off(rig *r, int64_t to)
{
    feed(r);
    flush(r);
    clock_at(r, to + 602);
    return close_due(r, T0);
}

static int next_period(rig *r, int64_t from, int64_t to)
{
    work(r, from, to);
    return write_off(r, to);
}

static const char written[] =
        "SELECT md5((SELECT string_agg(u::text, '|' ORDER BY sandbox_id, epoch) FROM dm.usage_period "
        "u WHERE period_start = dm.ts(1772359200000000)) || (SELECT "
        "string_agg(encode(body, 'hex') || encode(signature, 'hex'), '|') FROM dm.statement "
        "WHERE period_start = dm.ts(1772359200000000)) || (SELECT string_agg(encode(body, 'hex'), "
        "'|' ORDER BY page_no) FROM dm.statement_page WHERE period_start = "
        "dm.ts(1772359200000000)))";

#define CORRECTIONS                                                                                                    \
    "SELECT string_agg(concat_ws(' ', sku, tier, extract(epoch FROM corrects_period)::bigint - 1772359200, seconds, "  \
    "qty, amount), ',' ORDER BY period_start, line_no) FROM dm.statement_line WHERE kind = 'correction'"

/* --- after the period is closed, in its month --------------------------------------------------------------- */

static void a_journal_found_after_the_write_off_is_a_correction(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "found", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10); /* seconds 10 to 19 */
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s || ' ' || version FROM dm.statement", "37 2");
    DM_AUTO_MEM char *before = strdup(ask(&r, written));
    rig_bring(&r, kept, 10);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "1"); /* no statement before the next period */
    r.acts[r.nacts++] = simple(2, 70, 80);
    assert_int_equal(next_period(&r, 60, 120), 1);
    assert_sql(&r, written, before);
    assert_sql(&r,
            "SELECT running_s || ' ' || version || ' ' || total || ' ' || pages FROM dm.statement WHERE number "
            "= 2",
            "10 3 0.000867200000000000 2"); /* 20 x 0.00004336 */
    assert_sql(&r, CORRECTIONS,
            "mem-run 0 0 10 20.000000 0.000216600000000000,vcpu-run 0 0 10 10.000000 0.000217000000000000");
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'corrects' FROM dm.statement WHERE number = 2",
            "[{\"number\": 1, \"period\": {\"end\": \"2026-03-01T10:01:00Z\", \"start\": \"2026-03-01T10:00:00Z\"}, "
            "\"pool_s\": 0}]");
    assert_sql(&r,
            "SELECT string_agg(convert_from(body, 'UTF8')::jsonb->>'version', ',' ORDER BY page_no) FROM "
            "dm.statement_page WHERE period_start = dm.ts(1772359260000000)",
            "2,3");
    assert_sql(&r,
            "SELECT x->'corrects'->>'number' || ' ' || (x->'sandboxes'->0->>'running_s') || ' ' || "
            "(x->'lines'->0->>'kind') || ' ' || (x->'lines'->0->>'from') || ' ' || (x->'sandboxes'->0->>'attestation' "
            "= (SELECT encode(hash, 'hex') FROM dm.attestation WHERE period_start = dm.ts(1772359200000000))) FROM "
            "(SELECT convert_from(body, 'UTF8')::jsonb AS x FROM dm.statement_page WHERE page_no = 2) p",
            "1 47 correction 2026-03-01T10:00:00Z true");
    assert_sql(&r,
            "SELECT string_agg(l.name || ' ' || e.amount, ', ' ORDER BY e.n) FROM dm.journal_entry e JOIN "
            "dm.ledger_account l USING (ledger_no) JOIN dm.journal_txn t ON t.id = e.txn WHERE t.number = 2",
            "unbilled 0.000867200000000000, revenue:compute -0.000867200000000000");
    assert_int_equal(next_period(&r, 120, 180), 1); /* and no more of it */
    assert_sql(&r, "SELECT count(*) || ' ' || count(*) FILTER (WHERE version = 3) FROM dm.statement", "2 1");
    rig_forget(kept, 10);
    rig_close(&r);
}

static void what_comes_twice_or_in_pieces_is_corrected_once(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "pieces", 60);
    r.acts[r.nacts++] = simple(1, 0, 300);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 30);
    assert_int_equal(write_off(&r, 60), 1);
    rig_bring(&r, kept, 10);
    assert_int_equal(next_period(&r, 60, 120), 1);
    rig_bring(&r, kept, 20); /* ten of them again */
    ledger_crash(&r);        /* and what was flushed is there */
    feed(&r);
    rig_bring(&r, kept + 5, 10);
    assert_int_equal(next_period(&r, 120, 180), 1);
    rig_bring(&r, kept, 20);
    assert_int_equal(next_period(&r, 180, 240), 1);
    rig_bring(&r, kept, 30);
    assert_int_equal(next_period(&r, 240, 300), 1);
    assert_sql(&r, "SELECT string_agg(concat_ws(' ', number, version, total), ',' ORDER BY number) FROM dm.statement",
            "1 2 0.001300800000000000,2 3 0.003035200000000000,3 3 0.003035200000000000,4 2 0.002601600000000000,5 3 "
            "0.003035200000000000");
    assert_sql(&r,
            "SELECT sum(amount) FROM dm.statement_line WHERE coalesce(corrects_period, period_start) = "
            "dm.ts(1772359200000000)",
            "0.002601600000000000");
    rig_forget(kept, 30);
    rig_close(&r);
}

static void an_account_that_has_nothing_more_gets_its_correction(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "nomore", 60);
    r.acts[r.nacts++] = simple(1, 10, 20);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 51); /* all but the seconds before it, and its oath */
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    rig_bring(&r, kept, 51);
    r.nacts = 0;
    work(&r, 60, 120);
    r.nacts = 1;
    assert_int_equal(write_off(&r, 120), 1);
    assert_sql(&r, "SELECT concat_ws(' ', number, version, running_s, total, pages) FROM dm.statement",
            "1 3 0 0.000433600000000000 1");
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'corrects'->0->'number' FROM dm.statement", "null");
    rig_forget(kept, 51);
    rig_close(&r);
}

/* Kafka was away for longer than the meter waits, or the worker was: periods are written without a word of it, and then
 * all of them come, frames and oaths, and its next ones behind them. */
static void a_worker_that_is_back_is_charged_what_it_would_have_been(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "back", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, 31 * GIB, 5, 52, 52, 170};
    work(&r, 0, 120);
    size_t n = r.nmsgs;
    msg *kept = rig_keep_back(&r, 0, n);
    clock_at(&r, 120 + 602);
    assert_int_equal(close_due(&r, T0), 2);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    rig_bring(&r, kept, n);
    ledger_crash(&r);
    feed(&r);
    assert_int_equal(next_period(&r, 120, 180), 1);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', extract(epoch FROM coalesce(corrects_period, period_start))::bigint - "
            "1772359200, sku, seconds, qty), ',' ORDER BY line_no) FROM dm.statement_line",
            "120 disk-hib 50 1550.000000,0 disk-hib 8 248.000000,0 disk-run-over-30 47 47.000000,0 mem-run 47 "
            "94.000000,0 vcpu-run 47 47.000000,60 disk-hib 60 1860.000000");
    assert_sql(&r,
            "SELECT version || ' ' || pages || ' ' || jsonb_array_length(convert_from(body, "
            "'UTF8')::jsonb->'corrects') "
            "FROM dm.statement",
            "3 3 2");
    assert_sql(&r,
            "SELECT string_agg(DISTINCT (x->>'attested'), ',') FROM dm.statement_page, "
            "jsonb_array_elements(convert_from(body, 'UTF8')::jsonb->'sandboxes') x",
            "true");
    rig_forget(kept, n);
    rig_close(&r);
}

/* --- the rules hold for what is late, too ------------------------------------------------------------------- */

static void swear_to_less(dm_attest *a)
{
    memset(a->state + 10, 0, 20);
}

static void a_late_oath_may_take_back_no_more_than_was_stated(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "oath", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    for (int64_t s = 0; s < 60; s++)
        work_second(&r, s);
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s || ' ' || unattested FROM dm.statement", "47 1");
    swear(&r, 0, swear_to_less);
    feed(&r);
    flush(&r);
    assert_int_equal(next_period(&r, 60, 120), 1);
    assert_sql(&r, CORRECTIONS,
            "mem-run 0 0 -20 -40.000000 -0.000433200000000000,vcpu-run 0 0 -20 -20.000000 -0.000434000000000000");
    assert_sql(&r, "SELECT total FROM dm.statement WHERE number = 2", "-0.000867200000000000");
    assert_sql(&r, "SELECT sum(amount) || '' FROM dm.journal_entry", "0.000000000000000000");
    assert_sql(&r,
            "SELECT x->>'basis' || ' ' || (x->>'attested') || ' ' || (x->>'running_s') FROM (SELECT convert_from(body, "
            "'UTF8')::jsonb->'sandboxes'->0 AS x FROM dm.statement_page WHERE period_start = "
            "dm.ts(1772359260000000)) p",
            "attestation true 27");
    rig_close(&r);
}

/* An end record that comes late: its worker swore to all it had, and not to this. All is taken back, and no more. */
static void what_a_late_end_record_leaves_out_is_taken_back(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "leftout", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = simple(2, 5, 15);
    for (int64_t s = 0; s < 60; s++)
        work_second(&r, s);
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s || ' ' || unattested FROM dm.statement", "57 2");
    r.nacts = 1;
    swear(&r, 0, NULL);
    feed(&r);
    flush(&r);
    work(&r, 60, 120);
    r.nacts = 2;
    assert_int_equal(write_off(&r, 120), 1);
    assert_sql(&r, CORRECTIONS,
            "mem-run 0 0 -10 -20.000000 -0.000216600000000000,vcpu-run 0 0 -10 -10.000000 -0.000217000000000000");
    assert_sql(&r,
            "SELECT (x->'sandboxes'->0->'attestation')::text || ' ' || (x->'sandboxes'->0->>'basis') || ' ' || "
            "jsonb_array_length(x->'sandboxes') FROM (SELECT convert_from(body, 'UTF8')::jsonb AS x FROM "
            "dm.statement_page WHERE period_start = dm.ts(1772359260000000)) p",
            "null nothing 1");
    assert_sql(&r,
            "SELECT convert_from(body, 'UTF8')::jsonb->'attestations'->>'count' FROM dm.statement WHERE number "
            "= 2",
            "0");
    rig_close(&r);
}

/* The same where seconds are pooled, and no line tells of them: the page says whose they were. */
static void who_was_pooled_alone_is_on_the_page(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "pooledalone", 60);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, 0, 5, 52, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, 0, 5, 15, -1, -1};
    for (int64_t s = 0; s < 60; s++)
        work_second(&r, s);
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s || ' ' || pool_after_s FROM dm.statement", "57 57");
    r.nacts = 1;
    swear(&r, 0, NULL);
    feed(&r);
    flush(&r);
    work(&r, 60, 120);
    r.nacts = 2;
    assert_int_equal(write_off(&r, 120), 1);
    assert_sql(&r,
            "SELECT x->'corrects'->>'number' || ' ' || (x->'sandboxes'->0->'attestation')::text || ' ' || "
            "jsonb_array_length(x->'sandboxes') || ' ' || jsonb_array_length(x->'lines') FROM (SELECT "
            "convert_from(body, 'UTF8')::jsonb AS x FROM dm.statement_page WHERE period_start = "
            "dm.ts(1772359260000000)) p",
            "1 null 1 0");
    assert_sql(&r,
            "SELECT convert_from(body, 'UTF8')::jsonb->'corrects'->0->'pool_s' FROM dm.statement WHERE number = 2",
            "-10");
    rig_close(&r);
}

/* Highest epoch, RUN over HIB: a late life takes its seconds from the one that was stated with them. */
static void the_highest_epoch_has_a_late_second(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "lateepoch", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 10, 10, 60}; /* it sleeps on: the host was lost with its wake */
    work(&r, 0, 60);
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s || ' ' || hibernated_s FROM dm.statement", "10 50");
    sql(&r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
            "sealed_from_boot) OVERRIDING SYSTEM VALUE VALUES (2, 'w2', 2, 1, 'w2', 'tcg', 10, 1000, "
            "dm.ts(1772359200000000), 1)");
    sql(&r, "INSERT INTO dm.usage_late SELECT account_no, project_no, period_start, sandbox_id, 2, spec_table, spec, "
            "region_no, worker_no, (repeat('0', 20) || repeat('1', 20) || repeat('0', 20))::varbit, repeat('0', "
            "60)::varbit, disk_16mib FROM dm.usage_period; UPDATE dm.sandbox SET epoch = 2; UPDATE dm.worker SET "
            "gone_at = now() WHERE worker_no = 2; INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT "
            "account_no, period_start, sandbox_id FROM dm.usage_period; SET session_replication_role = replica; UPDATE "
            "dm.worker_period SET attested = false; SET session_replication_role = DEFAULT");
    r.nacts = 0;
    work(&r, 60, 120);
    r.nacts = 1;
    (void)write_off(&r, 120);
    assert_sql(&r,
            "SELECT string_agg(epoch || ' ' || sku || ' ' || seconds, ',' ORDER BY line_no) FROM dm.statement_line "
            "WHERE kind = 'correction'",
            "1 disk-hib -20,2 mem-run 20,2 vcpu-run 20");
    rig_close(&r);
}

static void seconds_past_the_end_do_not_count_late_either(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "pastend", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 30);
    rig_sandbox(&r, 1, 1, 1, 4, 2, 1, 19);
    assert_int_equal(write_off(&r, 60), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "5");
    rig_bring(&r, kept, 30);
    assert_int_equal(next_period(&r, 60, 120), 1);
    assert_sql(&r, CORRECTIONS,
            "mem-run 0 0 10 20.000000 0.000216600000000000,vcpu-run 0 0 10 10.000000 0.000217000000000000");
    assert_sql(&r,
            "SELECT string_agg((payload->>'reason') || ' ' || (payload->>'sandbox'), ',') FROM dm.outbox WHERE topic = "
            "'dm.usage.dlq.v1' AND payload->>'reason' = 'after_end'",
            "after_end i00000003w5e11264sgsh,after_end i00000003w5e11264sgsh");
    rig_forget(kept, 30);
    rig_close(&r);
}

static void of_more_than_thirty_five_days_nothing_is_corrected(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "tooold", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    assert_int_equal(write_off(&r, 60), 1);
    for (size_t i = 0; i < 10; i++)
        kept[i].ts_ms += (35ll * 86400 + 1) * 1000;
    rig_bring(&r, kept, 10);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_late", "0");
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE payload->>'reason' = 'old'", "10");
    rig_forget(kept, 10);
    rig_close(&r);
}

/* --- prices and pools of that month ------------------------------------------------------------------------- */

static void a_late_second_has_the_price_it_had(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "lateprice", 60);
    sql(&r, "UPDATE dm.price_book SET valid_to = dm.ts((1772359200 + 20) * 1000000::bigint) WHERE price_group = "
            "'mainland' AND tier = 'payg'");
    sql(&r, "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES "
            "('mainland', 'resources', 'payg', 'CNY', dm.ts((1772359200 + 20) * 1000000::bigint)) RETURNING book_id) "
            "INSERT INTO dm.price SELECT b.book_id, sku, per_unit * 10, unit, label FROM b, dm.price WHERE "
            "price.book_id = 1");
    r.acts[r.nacts++] = simple(1, 0, 60);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 20);
    assert_int_equal(write_off(&r, 60), 1);
    rig_bring(&r, kept, 20);
    r.nacts = 0;
    work(&r, 60, 120);
    r.nacts = 1;
    (void)write_off(&r, 120);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', sku, extract(second FROM charge_from)::int, extract(second FROM "
            "charge_to)::int, seconds, per_unit), ',' ORDER BY line_no) FROM dm.statement_line WHERE kind = "
            "'correction' AND sku = 'vcpu-run'",
            "vcpu-run 0 20 10 0.000021700000,vcpu-run 20 0 10 0.000217000000");
    assert_sql(&r,
            "SELECT jsonb_array_length(convert_from(body, 'UTF8')::jsonb->'books') FROM dm.statement WHERE "
            "version = 3",
            "2");
    rig_forget(kept, 20);
    rig_close(&r);
}

/* 60 s are included. Stated: 50 s, then 40 (minute 1, free; 90 s). Ten late seconds of the first make it 100: no minute
 * more. Forty make it 130: the second minute, which is paid. */
static void the_month_is_rated_with_and_without(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "month", 120);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 90, -1, -1};
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 120, 160, -1, -1};
    work(&r, 0, 120);
    msg *kept = rig_keep_back(&r, 10, 40);
    assert_int_equal(write_off(&r, 120), 1);
    assert_int_equal(next_period(&r, 120, 240), 1);
    assert_sql(&r, "SELECT string_agg(total || ' ' || pool_after_s, ', ' ORDER BY number) FROM dm.statement",
            "0.000000000000000000 50, 0.000000000000000000 90");
    rig_bring(&r, kept, 10);
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, GIB, 240, 245, -1, -1};
    assert_int_equal(next_period(&r, 240, 360), 1);
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'pool' FROM dm.statement WHERE number = 3",
            "{\"after_s\": 105, \"before_s\": 100, \"included_s\": 60}");
    assert_sql(&r, CORRECTIONS, "");
    assert_sql(
            &r, "SELECT concat_ws(' ', version, total) FROM dm.statement WHERE number = 3", "3 0.000000000000000000");
    rig_bring(&r, kept + 10, 30);
    r.nacts = 0;
    work(&r, 360, 480);
    r.nacts = 3;
    assert_int_equal(write_off(&r, 480), 1);
    assert_sql(&r, CORRECTIONS, "minutes 1 0 30 1.000000 0.005000000000000000");
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'pool' FROM dm.statement WHERE number = 4",
            "{\"after_s\": 135, \"before_s\": 135, \"included_s\": 60}");
    assert_sql(&r,
            "SELECT convert_from(body, 'UTF8')::jsonb->'corrects'->0->'pool_s' FROM dm.statement WHERE number = "
            "4",
            "30");
    rig_forget(kept, 40);
    rig_close(&r);
}

/* The allowance is bought out of in the month that was: what comes late of February does not touch the pool of March.
 */
static void the_pool_of_another_month_stays(void **state)
{
    rig r;
    int64_t before = rig_t0;
    (void)state;
    rig_t0 = 1772323200 - 120; /* 2026-02-28T23:58:00Z */
    rig_open(&r, &pg, "february", 120);
    sql(&r, "UPDATE dm.worker SET enrolled_at = dm.ts(1772323080000000)");
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 230, -1, -1};
    work(&r, 0, 120);
    msg *kept = rig_keep_back(&r, 50, 60);
    assert_int_equal(write_off(&r, 120), 1);
    rig_bring(&r, kept, 60);
    assert_int_equal(next_period(&r, 120, 240), 1);
    assert_sql(&r, "SELECT string_agg(total || ' ' || pool_after_s, ', ' ORDER BY number) FROM dm.statement",
            "0.000000000000000000 60, 0.005000000000000000 110");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', kind, sku, tier, seconds, qty), ',' ORDER BY line_no) FROM "
            "dm.statement_line WHERE amount > 0",
            "correction minutes 1 60 1.000000");
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'pool'->>'before_s' FROM dm.statement WHERE number = 2",
            "0");
    rig_forget(kept, 60);
    rig_close(&r);
    rig_t0 = before;
}

/* --- dying -------------------------------------------------------------------------------------------------- */

static int bill(rig *r, dm_pg *c, rig_fence *f)
{
    dm_err err;
    dm_bill_config conf = {.pg = c, .key = r->service, .held = rig_ask_fence, .held_arg = f};
    return dm_bill_owed(&conf, &err);
}

static bool bill_and_die(rig *r, int n)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_pg *c = NULL;
        rig_fence f = {.at = n};
        if (cluster_open(&pg, r->db, "dm_meter", &c) == 0)
            (void)bill(r, c, &f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status);
}

/* Killed at each step of the statement that corrects: whoever comes next makes it, once. */
static void killed_while_it_corrects(void **state)
{
    rig r;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "killed", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = (act){2, 1, 1, 4, 2, GIB, 61, 72, -1, -1};
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    assert_int_equal(write_off(&r, 60), 1);
    rig_bring(&r, kept, 10);
    work(&r, 60, 120);
    feed(&r);
    flush(&r);
    clock_at(&r, 122);
    rig_rows(&r);
    assert_int_equal(dm_ledger_close(r.ledger, T0, &err), 0);
    int deaths = 0;
    while (bill_and_die(&r, deaths + 1) && deaths < 20)
        deaths++;
    assert_in_range(deaths, 4, 19); /* beginning, two pages, the head */
    assert_sql(&r, "SELECT string_agg(concat_ws(' ', version, total), ',' ORDER BY number) FROM dm.statement",
            "2 0.001604320000000000,3 0.000910560000000000");
    assert_sql(&r, "SELECT count(*) FROM dm.statement_line WHERE kind = 'correction'", "2");
    assert_sql(&r, "SELECT count(*) FROM dm.late WHERE stated_in IS NULL", "0");
    rig_forget(kept, 10);
    rig_close(&r);
}

static void what_was_late_is_never_changed(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "latestays", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    assert_int_equal(write_off(&r, 60), 1);
    rig_bring(&r, kept, 10);
    assert_int_equal(next_period(&r, 60, 120), 1);
    refused(&r, "dm_migrate", "UPDATE dm.usage_late SET epoch = 2");
    refused(&r, "dm_migrate", "DELETE FROM dm.usage_late");
    refused(&r, "dm_migrate", "UPDATE dm.late SET stated_in = now()");
    refused(&r, "dm_migrate", "DELETE FROM dm.late");
    refused(&r, "dm_meter", "UPDATE dm.late SET stated_in = NULL");
    rig_forget(kept, 10);
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_journal_found_after_the_write_off_is_a_correction),
            cmocka_unit_test(what_comes_twice_or_in_pieces_is_corrected_once),
            cmocka_unit_test(an_account_that_has_nothing_more_gets_its_correction),
            cmocka_unit_test(a_worker_that_is_back_is_charged_what_it_would_have_been),
            cmocka_unit_test(a_late_oath_may_take_back_no_more_than_was_stated),
            cmocka_unit_test(what_a_late_end_record_leaves_out_is_taken_back),
            cmocka_unit_test(who_was_pooled_alone_is_on_the_page),
            cmocka_unit_test(the_highest_epoch_has_a_late_second),
            cmocka_unit_test(seconds_past_the_end_do_not_count_late_either),
            cmocka_unit_test(of_more_than_thirty_five_days_nothing_is_corrected),
            cmocka_unit_test(a_late_second_has_the_price_it_had),
            cmocka_unit_test(the_month_is_rated_with_and_without),
            cmocka_unit_test(the_pool_of_another_month_stays),
            cmocka_unit_test(killed_while_it_corrects),
            cmocka_unit_test(what_was_late_is_never_changed),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
