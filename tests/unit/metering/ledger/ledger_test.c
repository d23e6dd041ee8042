/* Frames to statements, against a real PostgreSQL with the project's migrations. */
/* Covers metering/ledger/flush.c, metering/ledger/restore.c, metering/ledger/close.c, metering/ledger/sql_ledger.c,
 * metering/ledger/sql_close.c, metering/kit/notes.c, metering/kit/sql_kit.c, metering/bill/bill.c,
 * metering/bill/books.c, metering/bill/evidence.c, metering/bill/gather.c, metering/bill/head.c,
 * metering/bill/sql_bill.c, metering/read/read.c,
 * metering/read/sql_read.c. */
#include "base/json.h"
#include "base/parse.h"

#include "metering/bill/bill.h"
#include "metering/read/read.h"
#include "metering/rules/merkle.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* 1 vCPU, 2 GiB on the mainland, of account 1. */
static act simple(unsigned sandbox, int64_t from, int64_t to)
{
    return (act){sandbox, 1, 1, 4, 2, GIB, from, to, -1, -1};
}

static void run_period(rig *r, int64_t from, int64_t to)
{
    work(r, from, to);
    feed(r);
    clock_at(r, to + 2);
    flush(r);
}

/* --- the line ----------------------------------------------------------------------------------------------- */

static void seconds_become_money(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "line", 60);
    rig_sandbox(&r, 1, 1, 1, 4, 2, 1, -1);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    feed(&r);
    clock_at(&r, 60);
    flush(&r);
    assert_int_equal(close_due(&r, -1), 0); /* a period is let settle for a moment */
    clock_at(&r, 62);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT total FROM dm.statement", "0.002037920000000000");
    assert_sql(&r, "SELECT count(*) FROM dm.statement_line", "2");
    assert_sql(&r,
            "SELECT string_agg(sku || ' ' || seconds || ' ' || qty || ' ' || per_unit || ' ' || amount, ',' ORDER BY "
            "line_no) FROM dm.statement_line",
            "mem-run 47 94.000000 0.000010830000 0.001018020000000000,"
            "vcpu-run 47 47.000000 0.000021700000 0.001019900000000000");
    assert_sql(&r, "SELECT template_id || ' ' || compute_type || ' ' || key_no FROM dm.statement_line LIMIT 1",
            "aaaaaaaaaaaaaaaaaaaa agent-sandbox 1");
    assert_sql(&r,
            "SELECT string_agg(l.name || ' ' || e.amount, ', ' ORDER BY e.n) FROM dm.journal_entry e JOIN "
            "dm.ledger_account l USING (ledger_no)",
            "unbilled 0.002037920000000000, revenue:compute -0.002037920000000000");
    assert_sql(&r, "SELECT idem_key FROM dm.journal_txn",
            "close:00000000-0000-4000-8000-0000000000a1:2026-03-01T10:00:00Z");
    assert_sql(&r,
            "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.statement.v1' AND payload->>'total' = "
            "'0.002037920000000000'",
            "1");
    assert_sql(&r, "SELECT closed_at IS NOT NULL FROM dm.period", "t");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly", "0");
    assert_sql(&r,
            "SELECT worker_boot || ' ' || last_frame || ' ' || complete_through - 1772359200 FROM dm.worker_mark",
            "1 60 59");
    assert_int_equal(close_due(&r, -1), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "1");
    rig_close(&r);
}

/* The only page there is: its hash is the leaf of the head's tree, and it says what each sandbox was. */
static void the_page_verifies(rig *r, const json_t *head)
{
    dm_err err;
    dm_digest hash, root;
    dm_merkle tree = {0};
    char hex[2 * DM_SHA256 + 1];
    PGresult *res = PQexecParams(
            r->owner, "SELECT body, sha256 FROM dm.statement_page WHERE page_no = 1", 0, NULL, NULL, NULL, NULL, 1);
    assert_int_equal(PQntuples(res), 1);
    dm_str body = {PQgetvalue(res, 0, 0), (size_t)PQgetlength(res, 0, 0)};
    assert_int_equal(dm_sha256(body, &hash, NULL), 0);
    assert_memory_equal(PQgetvalue(res, 0, 1), hash.b, sizeof(hash.b));
    assert_int_equal(dm_merkle_add(&tree, &hash, NULL), 0);
    assert_int_equal(dm_merkle_root(&tree, &root, NULL), 0);
    dm_hex(root.b, sizeof(root.b), hex);
    const json_t *pages = json_object_get(head, "pages");
    assert_string_equal(json_string_value(json_object_get(pages, "root")), hex);
    assert_int_equal(json_integer_value(json_object_get(pages, "count")), 1);
    assert_int_equal(json_integer_value(json_object_get(pages, "lines")), 6);
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(body, 1 << 20, &j, &err), 0);
    char *again = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    assert_int_equal(strlen(again), body.n); /* canonical: sorted, compact */
    assert_memory_equal(again, body.p, body.n);
    free(again);
    json_t *boxes = json_object_get(j, "sandboxes"), *lines = json_object_get(j, "lines");
    assert_int_equal(json_array_size(boxes), 2);
    assert_int_equal(json_array_size(lines), 6);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 0), "project_no")), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 2), "sku")), "disk-hib");
    assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 2), "qty")), "1050.000000");
    assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 3), "qty")), "150.000000");
    PQclear(res);
}

static void the_statement_verifies(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "verifies", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = (act){2, 1, 4, 9, 2, 35 * GIB, 0, 30, 30, 60};
    run_period(&r, 0, 120);
    assert_int_equal(close_due(&r, -1), 2);

    dm_err err;
    /* The body as the ledger has it, its hash, the signature, and the attestation tree. */
    PGresult *res =
            PQexecParams(r.owner, "SELECT body, sha256, signature, public_key FROM dm.statement WHERE number = 1", 0,
                    NULL, NULL, NULL, NULL, 1);
    assert_int_equal(PQntuples(res), 1);
    dm_str body = {PQgetvalue(res, 0, 0), (size_t)PQgetlength(res, 0, 0)};
    dm_digest hash;
    dm_signature sig;
    dm_public_key key;
    assert_int_equal(dm_sha256(body, &hash, NULL), 0);
    assert_memory_equal(PQgetvalue(res, 0, 1), hash.b, sizeof(hash.b));
    memcpy(sig.b, PQgetvalue(res, 0, 2), sizeof(sig.b));
    memcpy(key.b, PQgetvalue(res, 0, 3), sizeof(key.b));
    assert_true(dm_verify(&key, body, &sig));

    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load(body, 1 << 20, &j, &err), 0);
    char *again = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    assert_int_equal(strlen(again), body.n); /* canonical: sorted, compact */
    assert_memory_equal(again, body.p, body.n);
    free(again);
    assert_string_equal(json_string_value(json_object_get(j, "previous")),
            "0000000000000000000000000000000000000000000000000000000000000000");
    assert_int_equal(json_integer_value(json_object_get(j, "running_s")), 77);
    assert_int_equal(json_integer_value(json_object_get(j, "hibernated_s")), 30);
    PQclear(res);
    the_page_verifies(&r, j);
    assert_sql(&r,
            "SELECT count(*) FROM dm.statement a JOIN dm.statement b ON b.number = a.number + 1 AND "
            "b.account_no = a.account_no AND b.previous_sha256 = a.sha256",
            "0"); /* nothing ran in the second period */
    rig_close(&r);
}

static void thirty_one_gib_run_then_sleep(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "hour", 3600);
    r.acts[r.nacts++] = (act){1, 1, 1, 3, 2, 31 * GIB, 0, 1000, 1000, 3600};
    run_period(&r, 0, 3600);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT total || ' ' || running_s || ' ' || hibernated_s FROM dm.statement",
            "0.057010000000000000 1000 2600");
    assert_sql(&r,
            "SELECT string_agg(sku || ' ' || seconds || ' ' || qty, ', ' ORDER BY line_no) FROM dm.statement_line",
            "disk-hib 2600 80600.000000, disk-run-over-30 1000 1000.000000, mem-run 1000 1000.000000, vcpu-run 1000 "
            "1000.000000");
    assert_sql(&r, "SELECT sum(e.amount) || '' FROM dm.journal_entry e", "0.000000000000000000");
    rig_close(&r);
}

static void minutes_are_pooled_over_sandboxes_and_periods(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "pooled", 60);
    r.acts[r.nacts++] = (act){1, 1, 3, 4, 1, GIB, 0, 100, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 3, 4, 1, GIB, 0, 79, -1, -1};
    run_period(&r, 0, 180);
    assert_int_equal(close_due(&r, -1), 3);
    /* 120 then 59 seconds with a minute free: minutes 1 (free), 2 (paid); 179 s have no third minute */
    assert_sql(&r, "SELECT string_agg(total || ' ' || pool_after_s, ', ' ORDER BY number) FROM dm.statement",
            "0.005000000000000000 120, 0.000000000000000000 179");
    assert_sql(&r,
            "SELECT string_agg(sku || ' ' || tier || ' ' || qty || ' ' || amount, ', ' ORDER BY period_start, line_no) "
            "FROM dm.statement_line",
            "minutes 0 1.000000 0.000000000000000000, minutes 1 1.000000 0.005000000000000000");
    rig_close(&r);
}

static void a_price_change_splits_the_period(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "prices", 60);
    sql(&r, "UPDATE dm.price_book SET valid_to = dm.ts((1772359200 + 20) * 1000000::bigint) WHERE price_group = "
            "'mainland' AND "
            "tier = 'payg'");
    sql(&r, "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES "
            "('mainland', "
            "'resources', 'payg', 'CNY', dm.ts((1772359200 + 20) * 1000000::bigint)) RETURNING book_id) "
            "INSERT INTO dm.price SELECT b.book_id, sku, per_unit * 10, unit, label FROM b, dm.price WHERE "
            "price.book_id = 1");
    r.acts[r.nacts++] = (act){1, 1, 1, 3, 2, GIB, 10, 40, -1, -1};
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT total FROM dm.statement", "0.006831300000000000"); /* 10 and 10 x 20 times 0.00003253 */
    assert_sql(&r, "SELECT string_agg(sku || ' ' || seconds, ', ' ORDER BY line_no) FROM dm.statement_line",
            "mem-run 10, mem-run 20, vcpu-run 10, vcpu-run 20");
    assert_sql(&r, "SELECT jsonb_array_length(convert_from(body, 'UTF8')::jsonb->'books') FROM dm.statement", "2");
    rig_close(&r);
}

/* What the account is now says nothing about a period that is stated later. */
static void a_period_is_rated_by_its_own_plan(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "ownplan", 60);
    sql(&r, "UPDATE dm.price SET per_unit = per_unit * 3 WHERE book_id IN (SELECT book_id FROM dm.price_book WHERE "
            "tier "
            "= 'enterprise')");
    r.acts[r.nacts++] = simple(1, 5, 52);
    run_period(&r, 0, 60);
    sql(&r, "UPDATE dm.account SET tier = 'enterprise' WHERE account_no = 1");
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT string_agg(DISTINCT per_unit::text, ',' ORDER BY per_unit::text) FROM dm.statement_line",
            "0.000010830000,0.000021700000");
    assert_sql(&r,
            "SELECT string_agg(b.tier, ',') FROM dm.statement s, jsonb_array_elements(convert_from(body, "
            "'UTF8')::jsonb->'books') x JOIN dm.price_book b ON b.book_id = (x->>'id')::bigint",
            "payg");
    assert_sql(&r, "SELECT count(*) FROM dm.account_plan WHERE account_no = 1", "2");
    rig_close(&r);
}

/* No second by the wrong plan: the change cuts the period, as one of prices does. */
static void a_plan_change_splits_the_period(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "cutplan", 60);
    sql(&r, "UPDATE dm.price SET per_unit = per_unit * 3 WHERE book_id IN (SELECT book_id FROM dm.price_book WHERE "
            "tier "
            "= 'enterprise')");
    rig_plan(&r, 1, 20, "enterprise", 0);
    rig_plan(&r, 1, 50, "payg", 0); /* and back */
    r.acts[r.nacts++] = simple(1, 5, 52);
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r,
            "SELECT string_agg(extract(second FROM charge_from)::int || '-' || extract(second FROM charge_to)::int || "
            "' ' || seconds || ' ' || per_unit, ',' ORDER BY charge_from) FROM dm.statement_line WHERE sku = "
            "'vcpu-run'",
            "0-20 15 0.000021700000,20-50 30 0.000065100000,50-0 2 0.000021700000");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', x->>'tier', right(x->>'from', 3), right(x->>'to', 3)), ',') FROM "
            "dm.statement, jsonb_array_elements(convert_from(body, 'UTF8')::jsonb->'plans') x",
            "payg 00Z 20Z,enterprise 20Z 50Z,payg 50Z 00Z");
    assert_sql(&r, "SELECT jsonb_array_length(convert_from(body, 'UTF8')::jsonb->'books') FROM dm.statement", "2");
    assert_sql(&r, "SELECT total = (SELECT sum(amount) FROM dm.statement_line) FROM dm.statement", "t");
    rig_close(&r);
}

/* From minutes to resources and to minutes with another allowance: the pool is the month's, each part has its own
 * allowance, and what is rated by resources fills no pool. */
static void the_pool_goes_through_a_plan_change(void **state)
{
    rig r;
    act a = simple(1, 0, 180);
    (void)state;
    rig_open(&r, &pg, "poolplan", 180);
    a.project_no = 3;
    a.region_no = 1;
    sql(&r, "WITH b AS (INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES ('other', "
            "'resources', 'payg', 'USD', '2026-01-01Z') RETURNING book_id) INSERT INTO dm.price SELECT b.book_id, sku, "
            "1, unit, '' FROM b, dm.price WHERE price.book_id = (SELECT book_id FROM dm.price_book WHERE tier = 'payg' "
            "AND price_group = 'other' AND currency = 'CNY')");
    rig_plan(&r, 3, 60, "payg", 0);
    rig_plan(&r, 3, 100, "pro", 120);
    r.acts[r.nacts++] = a;
    run_period(&r, 0, 180);
    assert_int_equal(close_due(&r, -1), 1);
    /* 60 s in the first minute's allowance; 40 s by resources; 80 s more, of which the second minute is included too.
     */
    assert_sql(&r,
            "SELECT string_agg(sku || ' ' || tier || ' ' || seconds || ' ' || qty, ',' ORDER BY line_no) FROM "
            "dm.statement_line",
            "mem-run 0 40 80.000000,vcpu-run 0 40 40.000000,minutes 0 60 1.000000,minutes 0 80 1.000000");
    assert_sql(&r, "SELECT convert_from(body, 'UTF8')::jsonb->'pool' FROM dm.statement",
            "{\"after_s\": 140, \"before_s\": 0, \"included_s\": 120}");
    rig_close(&r);
}

static void without_a_price_the_statement_waits(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "unpriced", 60);
    sql(&r, "UPDATE dm.account SET currency = 'JPY' WHERE account_no = 1");
    r.acts[r.nacts++] = simple(1, 0, 30);
    r.acts[r.nacts++] = (act){2, 1, 2, 4, 2, GIB, 0, 30, -1, -1};
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_int_equal(close_due(&r, -1), 0);
    assert_sql(&r, "SELECT string_agg(account_no::text, ',') FROM dm.statement", "2");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'no_price' AND account_no = 1", "1");
    assert_sql(&r, "SELECT closed_at IS NULL FROM dm.period", "t");
    sql(&r, "UPDATE dm.account SET currency = 'CNY' WHERE account_no = 1");
    assert_int_equal(close_due(&r, -1), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "2");
    assert_sql(&r, "SELECT closed_at IS NOT NULL FROM dm.period", "t");
    rig_close(&r);
}

/* --- exactly once ------------------------------------------------------------------------------------------- */

static void cast_of_many(rig *r)
{
    r->acts[r->nacts++] = simple(1, 5, 52);
    r->acts[r->nacts++] = (act){2, 1, 4, 9, 2, 35 * GIB, 0, 70, 70, 130};
    r->acts[r->nacts++] = (act){2, 2, 4, 9, 2, 36 * GIB, 129, 170, -1, -1};
    r->acts[r->nacts++] = (act){3, 1, 2, 1, 2, 3, 59, 61, 61, 180};
    r->acts[r->nacts++] = (act){4, 7, 1, 19, 2, 31 * GIB + 5, 100, 101, -1, -1};
}

static char *evidence_of(rig *r)
{
    return strdup(
            ask(r, "SELECT md5((SELECT string_agg(u::text, '|' ORDER BY u) FROM dm.usage_period u) || "
                   "(SELECT string_agg(encode(sha256, 'hex'), '|' ORDER BY account_no, number) FROM dm.statement))"));
}

static char *reference(void)
{
    static char kept[64];
    if (kept[0] == '\0') {
        rig r;
        rig_open(&r, &pg, "reference", 60);
        cast_of_many(&r);
        run_period(&r, 0, 180);
        assert_int_equal(close_due(&r, -1), 3);
        DM_AUTO_MEM char *e = evidence_of(&r);
        (void)snprintf(kept, sizeof(kept), "%s", e);
        assert_sql(&r, "SELECT count(*) FROM dm.anomaly", "0");
        assert_sql(&r, "SELECT count(*) FROM dm.statement", "6");
        rig_close(&r);
    }
    return kept;
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Frames doubled, late within the window, flushed and killed at random moments: the same rows and the same statements.
 */
static void disorder_and_crashes_change_nothing(void **state)
{
    uint64_t seed = 42;
    const char *want = reference();
    (void)state;
    for (int round = 0; round < 6; round++) {
        rig r;
        char db[32];
        (void)snprintf(db, sizeof(db), "chaos%d", round);
        rig_open(&r, &pg, db, 60);
        cast_of_many(&r);
        work(&r, 0, 180);
        /* The stream: neighbours swapped, some twice. */
        size_t n = r.nmsgs;
        for (size_t i = 0; i + 7 < n; i++) {
            if (next(&seed) % 3 == 0) {
                size_t k = i + next(&seed) % 7;
                msg m = r.msgs[i];
                r.msgs[i] = r.msgs[k];
                r.msgs[k] = m;
            }
            if (next(&seed) % 5 == 0) {
                DM_AUTO_BUF b;
                dm_buf_init(&b, DM_FRAME_BYTES_MAX);
                assert_int_equal(dm_buf_add(&b, r.msgs[i].p, r.msgs[i].n), 0);
                rig_add(&r, &b, r.msgs[i].attest, r.msgs[i].ts_ms / 1000 - T0 - 1);
            }
        }
        clock_at(&r, 182);
        while (r.fed < r.nmsgs) {
            take(&r, &r.msgs[r.fed++]);
            if (next(&seed) % 10 == 0)
                flush(&r);
            if (next(&seed) % 10 == 0) {
                flush(&r);
                (void)close_due(&r, -1);
            }
            if (next(&seed) % 15 == 0)
                ledger_crash(&r);
        }
        flush(&r);
        (void)close_due(&r, -1);
        assert_sql(&r, "SELECT count(*) FROM dm.period WHERE closed_at IS NOT NULL", "3");
        DM_AUTO_MEM char *got = evidence_of(&r);
        assert_string_equal(got, want);
        rig_close(&r);
    }
}

/* A crash between the writing of a period and its statements. */
static void statements_are_made_after_a_crash(void **state)
{
    rig r;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "between", 60);
    cast_of_many(&r);
    work(&r, 0, 180);
    feed(&r);
    clock_at(&r, 182);
    flush(&r);
    sql(&r, "ALTER TABLE dm.statement ADD CONSTRAINT broken CHECK (number < 0) NOT VALID");
    assert_int_equal(dm_ledger_close(r.ledger, -1, &err), 0);
    assert_true(bill_owed(&r, &err) < 0);
    assert_sql(&r, "SELECT count(*) FROM dm.period", "1");
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    sql(&r, "ALTER TABLE dm.statement DROP CONSTRAINT broken");
    ledger_crash(&r);
    assert_int_equal(close_due(&r, -1), 2);
    DM_AUTO_MEM char *got = evidence_of(&r);
    assert_string_equal(got, reference());
    rig_close(&r);
}

static void a_zombie_writes_nothing(void **state)
{
    rig r, second;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "zombie", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    feed(&r);
    clock_at(&r, 62);
    second = r;
    ledger_start(&second); /* takes over */
    assert_int_equal(dm_ledger_flush(r.ledger, &err), DM_LEDGER_ZOMBIE);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_chunk", "0");
    second.offsets[0] = second.offsets[1] = 0;
    second.fed = 0;
    feed(&second);
    flush(&second);
    assert_int_equal(close_due(&second, -1), 1);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "1");
    ledger_stop(&second);
    rig_close(&r);
}

/* The other one has rebuilt what it knows and has not taken the offsets yet: what was written in between it would never
 * see. */
static void a_zombie_writes_nothing_behind_the_others_back(void **state)
{
    rig r, second;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "zombie4", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    feed(&r);
    clock_at(&r, 62);
    second = r;
    ledger_open(&second);
    assert_int_equal(dm_ledger_flush(r.ledger, &err), DM_LEDGER_ZOMBIE);
    ledger_assign(&second);
    second.fed = 0;
    feed(&second);
    flush(&second);
    assert_int_equal(close_due(&second, -1), 1);
    assert_sql(&r, "SELECT count(*) FROM dm.usage_period WHERE bit_count(run_bits) = 47", "1");
    ledger_stop(&second);
    rig_close(&r);
}

static void a_zombie_closes_nothing(void **state)
{
    rig r, second;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "zombie2", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    run_period(&r, 0, 60);
    second = r;
    ledger_start(&second);
    assert_int_equal(dm_ledger_close(r.ledger, -1, &err), DM_LEDGER_ZOMBIE);
    assert_sql(&r, "SELECT count(*) FROM dm.period", "0");
    ledger_stop(&second);
    rig_close(&r);
}

/* It closed the period itself, and only then lost the fence. */
static void a_zombie_states_nothing(void **state)
{
    rig r, second;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "zombie3", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(dm_ledger_close(r.ledger, -1, &err), 0);
    second = r;
    ledger_start(&second);
    assert_int_equal(bill_owed(&r, &err), DM_BILL_ZOMBIE);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    assert_sql(&r, "SELECT state FROM dm.account_period", "open");
    assert_int_equal(bill_owed(&second, &err), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "1");
    assert_sql(&r, "SELECT state FROM dm.account_period", "closed");
    ledger_stop(&second);
    rig_close(&r);
}

/* --- what is missing ---------------------------------------------------------------------------------------- */

static void drop_msg(rig *r, size_t i)
{
    free(r->msgs[i].p);
    memmove(&r->msgs[i], &r->msgs[i + 1], (r->nmsgs - i - 1) * sizeof(*r->msgs));
    r->nmsgs--;
}

static void a_lost_frame_is_waited_for(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "lost", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 120);
    msg lost = r.msgs[20];
    memmove(&r.msgs[20], &r.msgs[21], (r.nmsgs - 21) * sizeof(msg));
    r.nmsgs--;
    feed(&r);
    clock_at(&r, 122);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 0);
    ledger_crash(&r); /* what waits behind the gap is found again */
    clock_at(&r, 300);
    assert_int_equal(close_due(&r, T0), 0);
    take(&r, &lost); /* the worker's journal has it */
    flush(&r);
    assert_int_equal(close_due(&r, T0), 2);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "47");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly", "0");
    free(lost.p);
    rig_close(&r);
}

static void a_clock_that_jumps_uses_up_nobodys_time(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "jump", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 120);
    DM_AUTO_MEM char *kept = r.msgs[20].p;
    r.msgs[20].p = malloc(1);
    drop_msg(&r, 20);
    feed(&r);
    flush(&r);
    clock_at(&r, 62);
    assert_int_equal(close_due(&r, T0), 0);
    r.clock.wall += 7200 * INT64_C(1000000);
    assert_int_equal(close_due(&r, T0), 0);
    dm_clock_fake_move(&r.clock, 599 * INT64_C(1000000));
    assert_int_equal(close_due(&r, T0), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.frame_gap", "0");
    r.clock.wall -= 7200 * INT64_C(1000000); /* set right: what was waited while it was wrong counts for nothing */
    assert_int_equal(close_due(&r, T0), 0);
    dm_clock_fake_move(&r.clock, 600 * INT64_C(1000000));
    assert_int_equal(close_due(&r, T0), 11); /* all that had ended when it was set right */
    assert_sql(&r, "SELECT count(*) FROM dm.frame_gap", "1");
    rig_close(&r);
}

static void a_frame_that_never_comes_is_written_off(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "never", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = simple(2, 30, 40);
    work(&r, 0, 120);
    DM_AUTO_MEM char *kept = r.msgs[20].p;
    msg lost = r.msgs[20];
    r.msgs[20].p = malloc(1);
    drop_msg(&r, 20);
    feed(&r);
    flush(&r);
    clock_at(&r, 60 + 599);
    assert_int_equal(close_due(&r, T0), 0);
    clock_at(&r, 60 + 600);
    assert_int_equal(close_due(&r, -1), 0);      /* not while the stream is not read to its end */
    assert_int_equal(close_due(&r, T0 + 61), 0); /* which counts from when it was */
    assert_int_equal(close_due(&r, T0), 2);
    assert_sql(&r,
            "SELECT first_frame || ' ' || last_frame || ' ' || from_s - 1772359200 || ' ' || to_s - 1772359200 FROM "
            "dm.frame_gap",
            "21 21 20 20");
    assert_sql(&r,
            "SELECT string_agg(from_s - 1772359200 || '-' || to_s - 1772359200 || ' ' || cause || ' ' || "
            "encode(sandbox_id, 'hex'), ',' ORDER BY sandbox_id) FROM dm.usage_gap",
            "20-20 frames_missing 00000000000000010000000000000001,20-20 frames_missing "
            "00000000000000010000000000000002");
    /* no evidence, no charge: sworn to, but the frames are the cheaper */
    assert_sql(&r, "SELECT running_s FROM dm.statement", "56");
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly",
            "attestation_differs,frames_missing,worker_silent");
    take(&r, &lost);
    flush(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'late'", "1");
    take(&r, &lost);
    flush(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'late'", "1");
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "1");
    (void)kept;
    rig_close(&r);
}

static void boots_are_chained(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "boots", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 20);
    size_t tail = r.nmsgs - 1;
    work_reboot(&r);
    work(&r, 20, 60);
    msg lost = r.msgs[tail];
    memmove(&r.msgs[tail], &r.msgs[tail + 1], (r.nmsgs - tail - 1) * sizeof(msg));
    r.nmsgs--;
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 0); /* the second boot says how far the first one went */
    take(&r, &lost);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "47");
    assert_sql(&r, "SELECT worker_boot || ' ' || last_frame FROM dm.worker_mark", "2 40");
    free(lost.p);
    rig_close(&r);
}

/* The host died, and with it the end of the journal, whose frames had been sent: no statement waits for what will never
 * be said otherwise, and what is framed twice is billed once. */
static void a_torn_tail_delays_no_statement(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "torn", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 20);
    work_reboot(&r);
    r.prev -= 2;
    work(&r, 18, 60);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    ledger_crash(&r);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "47");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly", "0");
    assert_sql(&r, "SELECT worker_boot || ' ' || last_frame FROM dm.worker_mark", "2 42");
    rig_close(&r);
}

/* A host's clock steps back by ten seconds and later forth by twenty: frames go on in their numbers, the ten are framed
 * twice and charged once, of the twenty nobody has evidence, and nothing waits for them. */
static void a_clock_that_steps_charges_no_second_twice(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "steps", 60);
    r.acts[r.nacts++] = simple(1, 0, 120);
    work(&r, 0, 30);
    for (int64_t s = 20; s < 60; s++)
        work_second(&r, s);
    swear(&r, 0, NULL);
    for (int64_t s = 60; s < 120; s++) {
        if (s < 80 || s >= 100)
            work_second(&r, s);
    }
    swear(&r, 60, NULL);
    feed(&r);
    clock_at(&r, 122);
    flush(&r);
    ledger_crash(&r);
    feed(&r);
    assert_int_equal(close_due(&r, -1), 2);
    assert_sql(&r, "SELECT string_agg(running_s::text, ',' ORDER BY number) FROM dm.statement", "60,40");
    assert_sql(&r, "SELECT count(*) FROM dm.frame_gap", "0");
    assert_sql(&r, "SELECT string_agg(kind, ',') FROM dm.anomaly", "attestation_differs");
    rig_close(&r);
}

static void attestations_are_waited_for_then_the_service_signs(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "unsworn", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    for (int64_t s = 0; s < 60; s++)
        work_second(&r, s);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 0);
    clock_at(&r, 660);
    assert_int_equal(close_due(&r, T0), 1);
    assert_sql(&r, "SELECT running_s || ' ' || unattested FROM dm.statement", "47 1");
    assert_sql(&r, "SELECT by_service || ' ' || (hash = sha256(message)) FROM dm.attestation", "true true");
    assert_sql(&r, "SELECT string_agg(kind, ',') FROM dm.anomaly", "unattested");
    swear(&r, 0, NULL); /* too late */
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly", "late,unattested");
    rig_close(&r);
}

static void a_worker_that_was_not_there_is_not_waited_for(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "idle", 60);
    sql(&r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
            "gone_at) "
            "OVERRIDING SYSTEM VALUE VALUES "
            "(2, 'later', 2, 1, 'w', 'tcg', 1, 1, dm.ts((1772359200 + 60) * 1000000::bigint), NULL), "
            "(3, 'gone', 2, 1, 'w', 'tcg', 1, 1, dm.ts((1772359200 - 900) * 1000000::bigint), "
            "dm.ts((1772359200 - 1) * 1000000::bigint))");
    sql(&r, "UPDATE dm.worker SET enrolled_at = dm.ts(1772359200 * 1000000::bigint) WHERE worker_no = 1");
    r.acts[r.nacts++] = simple(1, 5, 52);
    run_period(&r, 0, 120);
    assert_int_equal(close_due(&r, T0), 0);
    clock_at(&r,
            700); /* the quarter hour in which worker 3 was there, alone and silent, is written off; then one period */
    assert_int_equal(close_due(&r, T0), 15 + 1);
    assert_sql(&r, "SELECT count(*) || ' ' || count(*) FILTER (WHERE worker_no = 3) FROM dm.worker_period", "16 15");
    rig_close(&r);
}

/* --- what does not fit -------------------------------------------------------------------------------------- */

static void a_foreign_stamp_charges_nobody(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "strangers", 60);
    rig_sandbox(&r, 1, 1, 1, 4, 2, 1, -1);
    rig_sandbox(&r, 2, 1, 1, 4, 2, 1, -1);
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = simple(2, 0, 10);
    r.acts[1].project_no = 2; /* of account 2 */
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT string_agg(account_no || ' ' || running_s, ',') FROM dm.statement", "1 47");
    assert_sql(&r, "SELECT string_agg(kind || ' ' || account_no || ' ' || project_no, ',') FROM dm.anomaly",
            "foreign_project 2 2");
    assert_sql(&r, "SELECT string_agg(account_no || ' ' || state, ',' ORDER BY account_no) FROM dm.account_period",
            "1 closed,2 empty");
    rig_close(&r);
}

static void other_stamps_that_cannot_be(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "stamps", 60);
    for (unsigned i = 1; i <= 5; i++)
        rig_sandbox(&r, i, 1, 1, 4, 2, 1, i == 5 ? 19 : -1);
    for (unsigned i = 1; i <= 6; i++)
        r.acts[r.nacts++] = simple(i, 0, 10 * (int64_t)i);
    r.acts[0].spec = 5;
    r.acts[1].region_no = 1;
    r.acts[2].epoch = 2;
    r.acts[5].project_no = 99; /* does not exist */
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "60"); /* 40 of the fourth, 20 of 50 of the fifth */
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly",
            "after_end,stamp_differs,stamp_differs,stamp_differs,unknown_project");
    rig_close(&r);
}

static void swear_to_less(dm_attest *a)
{
    memset(a->state + 10, 0, 20);
}

static void swear_to_more(dm_attest *a)
{
    memset(a->state, DM_SAMPLE_RUN, 60);
}

static void the_cheaper_evidence_is_billed(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        rig r;
        rig_open(&r, &pg, more != 0 ? "more" : "less", 60);
        r.acts[r.nacts++] = simple(1, 5, 52);
        for (int64_t s = 0; s < 60; s++)
            work_second(&r, s);
        swear(&r, 0, more != 0 ? swear_to_more : swear_to_less);
        feed(&r);
        clock_at(&r, 62);
        flush(&r);
        assert_int_equal(close_due(&r, -1), 1);
        assert_sql(&r,
                "SELECT running_s || ' ' || (convert_from(p.body, 'UTF8')::jsonb->'sandboxes'->0->>'basis') "
                "FROM dm.statement JOIN dm.statement_page p USING (account_no, period_start)",
                more != 0 ? "47 frames" : "27 attestation");
        assert_sql(&r, "SELECT string_agg(kind, ',') FROM dm.anomaly", "attestation_differs");
        rig_close(&r);
    }
}

static void a_forged_signature_is_a_dead_letter(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "forged", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    r.msgs[60].p[100] ^= 1; /* the attestation */
    r.msgs[10].p[100] ^= 1; /* a frame */
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 0);
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly", "seal,signature");
    assert_sql(&r,
            "SELECT string_agg(payload->>'reason' || ' ' || (payload->>'topic') || ' ' || (payload->>'offset'), ',' "
            "ORDER "
            "BY outbox_no) FROM dm.outbox",
            "seal dm.usage.v1 10,signature dm.attest.v1 0");
    rig_close(&r);
}

static void dates_that_cannot_be(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "dates", 60);
    r.acts[r.nacts++] = simple(1, 0, 60);
    work(&r, 0, 60);
    r.msgs[30].ts_ms = (T0 + 30 - 6) * 1000ll;
    r.msgs[31].ts_ms = (T0 + 31 - 5) * 1000ll;
    r.msgs[32].ts_ms = (T0 + 32 + 35ll * 86400 + 1) * 1000;
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 1); /* they arrived: no gap to wait for */
    assert_sql(&r, "SELECT running_s FROM dm.statement", "58");
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly", "attestation_differs,future,old");
    rig_close(&r);
}

static void a_bad_sample_leaves_the_others(void **state)
{
    rig r;
    DM_AUTO_BUF b;
    (void)state;
    rig_open(&r, &pg, "badsample", 60);
    r.acts[r.nacts++] = simple(1, 0, 60);
    work(&r, 0, 60);
    dm_frame_head h = {.worker_no = 1,
            .worker_boot = 1,
            .frame_no = 11,
            .second = T0 + 10,
            .complete_through = T0 + 10,
            .parts = 1,
            .n = 2};
    dm_sample s[2] = {sample_of(&r.acts[0], DM_SAMPLE_RUN, 1, false), sample_of(&r.acts[0], 9, 1, false)};
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, s, r.seal, NULL), 0);
    free(r.msgs[10].p);
    r.msgs[10] = (msg){malloc(b.len), b.len, false, (T0 + 11) * 1000ll};
    memcpy(r.msgs[10].p, b.p, b.len);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "60");
    assert_sql(&r,
            "SELECT payload->>'reason' || ' ' || (payload->>'count') || ' ' || length(decode(payload->>'value', "
            "'base64')) "
            "FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1'",
            "malformed 1 64");
    rig_close(&r);
}

static void the_highest_epoch_has_the_second(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "epochs", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 10, 10, 21}; /* wakes in second 20 */
    r.acts[r.nacts++] = (act){1, 2, 1, 4, 2, GIB, 20, 40, -1, -1};
    r.acts[r.nacts++] = (act){2, 1, 1, 4, 2, GIB, 0, 30, -1, -1}; /* goes on after it should have stopped */
    r.acts[r.nacts++] = (act){2, 2, 1, 4, 2, GIB, 20, 40, -1, -1};
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT running_s || ' ' || hibernated_s FROM dm.statement", "70 10");
    assert_sql(&r, "SELECT string_agg(kind || ' ' || epoch || ' ' || left(detail, 3), ',') FROM dm.anomaly",
            "double_claim 1 9 s");
    rig_close(&r);
}

/* --- who may ------------------------------------------------------------------------------------------------ */

typedef struct reading {
    dm_account_no account;
    dm_read_statement list[4];
    size_t n;
    dm_buf body;
    int found;
    dm_read_key keys[8];
    size_t nkeys;
    dm_read_line lines[8];
    size_t nlines;
    int64_t boot, frame;
} reading;

static int read_all(dm_pg *c, void *arg, dm_err *err)
{
    reading *x = arg;
    dm_read_signature sig;
    int r = dm_read_statements(c, x->account, (dm_statement_no){INT64_MAX}, 4, x->list, &x->n, NULL, err);
    if (r == 0)
        r = x->found = dm_read_statement_body(c, x->account, (dm_statement_no){1}, &x->body, &sig, err);
    if (r == 0 && !dm_verify(&sig.key, dm_buf_view(&x->body), &sig.signature))
        r = dm_fail(err, DM_E_INTERNAL, "the signature does not verify");
    if (r >= 0)
        r = dm_read_lines(
                c, x->account, (dm_statement_no){1}, (dm_project_no){0}, 0, 8, x->lines, &x->nlines, NULL, err);
    if (r == 0)
        r = dm_read_keys(c, NULL, 8, x->keys, &x->nkeys, NULL, err);
    return r < 0 ? r : dm_read_mark(c, (dm_worker_no){1}, &x->boot, &x->frame, err);
}

static void read_as(rig *r, int64_t scope, int64_t account_no, reading *out)
{
    dm_pg *c = NULL;
    dm_err err;
    *out = (reading){.account = {account_no}};
    dm_buf_init(&out->body, 1 << 20);
    assert_int_equal(cluster_open(&pg, r->db, "dm_api", &c), 0);
    dm_pg_scope s = {.account_no = scope, .read_only = true};
    if (dm_pg_tx_on(c, &s, read_all, out, &err) < 0)
        fail_msg("%s", err.msg);
    dm_pg_close(c);
}

static void an_account_sees_its_own(void **state)
{
    rig r;
    reading x;
    (void)state;
    rig_open(&r, &pg, "reading", 60);
    r.acts[r.nacts++] = simple(1, 5, 100);
    run_period(&r, 0, 120);
    assert_int_equal(close_due(&r, -1), 2);
    read_as(&r, 1, 1, &x);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.list[0].number.v, 2);
    assert_int_equal(x.list[1].period_start, T0);
    assert_string_equal(x.list[1].currency, "CNY");
    assert_int_equal(x.list[1].running_s, 55);
    assert_int_equal(x.found, 0);
    assert_int_equal(x.nlines, 2);
    assert_string_equal(x.lines[1].sku, "vcpu-run");
    assert_string_equal(x.lines[1].amount, "0.001193500000000000");
    assert_int_equal(x.nkeys, 2);
    assert_true(x.keys[0].service);
    assert_int_equal(x.keys[1].worker_no.v, 1);
    assert_int_equal(x.frame, 120);
    dm_buf_done(&x.body);
    read_as(&r, 2, 1, &x); /* another account's scope */
    assert_int_equal(x.n, 0);
    assert_int_equal(x.found, DM_READ_NONE);
    assert_int_equal(x.nlines, 0);
    dm_buf_done(&x.body);
    read_as(&r, 0, 1, &x);
    assert_int_equal(x.n, 0);
    dm_buf_done(&x.body);
    rig_close(&r);
}

static void what_is_written_stays(void **state)
{
    static const char *const tables[] = {"statement", "statement_page", "statement_line", "usage_chunk", "usage_period",
            "attestation", "attestation_end", "journal_txn", "journal_entry", "ledger_account"};
    rig r;
    char text[200];
    (void)state;
    rig_open(&r, &pg, "immutable", 60);
    r.acts[r.nacts++] = simple(1, 5, 52);
    run_period(&r, 0, 60);
    assert_int_equal(close_due(&r, -1), 1);
    for (size_t i = 0; i < DM_LEN(tables); i++) {
        (void)snprintf(text, sizeof(text), "DELETE FROM dm.%s", tables[i]);
        refused(&r, "dm_meter", text);
        refused(&r, "dm_migrate", text);
        (void)snprintf(text, sizeof(text), "TRUNCATE dm.%s CASCADE", tables[i]);
        refused(&r, "dm_migrate", text);
    }
    refused(&r, "dm_meter", "UPDATE dm.statement SET total = 0");
    refused(&r, "dm_migrate", "UPDATE dm.statement SET total = 0");
    refused(&r, "dm_meter", "SELECT * FROM dm.api_key");
    refused(&r, "dm_meter", "SELECT token_sealed FROM dm.sandbox");
    refused(&r, "dm_api", "SELECT * FROM dm.usage_chunk");
    refused(&r, "dm_api", "SELECT * FROM dm.journal_entry");
    refused(&r, "dm_meter", "INSERT INTO dm.journal_entry SELECT id, 9, 1, 'CNY', 1 FROM dm.journal_txn");
    refused(&r, "dm_meter",
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, sku, charge_from, charge_to, "
            "seconds, qty, per_unit, amount) SELECT account_no, period_start, 9, 'usage', 'x', now(), now(), 1, 2, "
            "0.5, 1.00001 FROM dm.statement");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(seconds_become_money),
            cmocka_unit_test(the_statement_verifies),
            cmocka_unit_test(thirty_one_gib_run_then_sleep),
            cmocka_unit_test(minutes_are_pooled_over_sandboxes_and_periods),
            cmocka_unit_test(a_price_change_splits_the_period),
            cmocka_unit_test(a_period_is_rated_by_its_own_plan),
            cmocka_unit_test(a_plan_change_splits_the_period),
            cmocka_unit_test(the_pool_goes_through_a_plan_change),
            cmocka_unit_test(without_a_price_the_statement_waits),
            cmocka_unit_test(disorder_and_crashes_change_nothing),
            cmocka_unit_test(statements_are_made_after_a_crash),
            cmocka_unit_test(a_zombie_writes_nothing),
            cmocka_unit_test(a_zombie_writes_nothing_behind_the_others_back),
            cmocka_unit_test(a_zombie_closes_nothing),
            cmocka_unit_test(a_zombie_states_nothing),
            cmocka_unit_test(a_lost_frame_is_waited_for),
            cmocka_unit_test(a_clock_that_jumps_uses_up_nobodys_time),
            cmocka_unit_test(a_frame_that_never_comes_is_written_off),
            cmocka_unit_test(boots_are_chained),
            cmocka_unit_test(a_torn_tail_delays_no_statement),
            cmocka_unit_test(a_clock_that_steps_charges_no_second_twice),
            cmocka_unit_test(attestations_are_waited_for_then_the_service_signs),
            cmocka_unit_test(a_worker_that_was_not_there_is_not_waited_for),
            cmocka_unit_test(a_foreign_stamp_charges_nobody),
            cmocka_unit_test(other_stamps_that_cannot_be),
            cmocka_unit_test(the_cheaper_evidence_is_billed),
            cmocka_unit_test(a_forged_signature_is_a_dead_letter),
            cmocka_unit_test(dates_that_cannot_be),
            cmocka_unit_test(a_bad_sample_leaves_the_others),
            cmocka_unit_test(the_highest_epoch_has_the_second),
            cmocka_unit_test(an_account_sees_its_own),
            cmocka_unit_test(what_is_written_stays),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
