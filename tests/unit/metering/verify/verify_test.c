/* Bundles of a real ledger, judged; and with something changed in each of their files. What a second verifier says of
 * ten thousand changes, and of those by somebody with our key, is tests/verify. */
/* Covers metering/read/bundle.c, metering/read/sql_bundle.c, metering/read/sworn.c, metering/verify/fault.c,
 * metering/verify/file.c, metering/verify/head.c, metering/verify/invoice.c,
 * metering/verify/known.c, metering/verify/late.c,
 * metering/verify/life.c, metering/verify/link.c, metering/verify/month.c, metering/verify/page.c,
 * metering/verify/pool.c, metering/verify/rated.c, metering/verify/read.c, metering/verify/row.c,
 * metering/verify/said.c, metering/verify/sums.c, metering/verify/tell.c, metering/verify/walk.c. */
#include <stdio.h>

#include "metering/read/pack.h"
#include "metering/verify/verify.h"
#include "tests/support/bundlerig.h"
#include "tests/unit/test.h"

enum { FILES_MAX = 128, CHANGES = 60 };

static cluster pg;
static bundlerig b;

typedef struct file {
    char name[DM_USTAR_NAME];
    char *p;
    size_t n;
} file;

typedef struct bundle {
    file v[FILES_MAX];
    size_t n;
} bundle;

static bundle of[BUNDLE_ACCOUNTS + 1];

static int judge(dm_str bytes, dm_verdict *v)
{
    dm_err err;
    bundle_bytes at = {bytes.p, bytes.n};
    int r = dm_verify_bundle(bundle_bytes_next, &at, NULL, NULL, v, &err);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

static void unpack(dm_str bytes, bundle *out)
{
    bundle_bytes at = {bytes.p, bytes.n};
    DM_AUTO(dm_unpack) u = NULL;
    DM_AUTO_BUF body;
    dm_buf_init(&body, 16 << 20);
    assert_int_equal(dm_unpack_new(bundle_bytes_next, &at, &u, NULL), 0);
    while (dm_unpack_next(u, out->v[out->n].name, &body, NULL) == 0) {
        file *f = &out->v[out->n++];
        assert_true(out->n < FILES_MAX);
        f->n = body.len;
        f->p = malloc(f->n + 1);
        assert_non_null(f->p);
        memcpy(f->p, dm_buf_view(&body).p, f->n);
    }
}

static int into_buf(void *arg, dm_str bytes, dm_err *err)
{
    (void)err;
    return dm_buf_str(arg, bytes);
}

static void pack(const bundle *in, dm_buf *out)
{
    DM_AUTO(dm_pack) p = NULL;
    dm_buf_reset(out);
    assert_int_equal(dm_pack_new(into_buf, out, &p, NULL), 0);
    for (size_t i = 0; i < in->n; i++)
        assert_int_equal(dm_pack_file(p, in->v[i].name, (dm_str){in->v[i].p, in->v[i].n}, NULL), 0);
    assert_int_equal(dm_pack_end(p, NULL), 0);
}

/* --- good --------------------------------------------------------------------------------------------------- */

static void all_of_it_holds(void **state)
{
    (void)state;
    dm_verdict v;
    DM_AUTO_BUF out;
    DM_AUTO_BUF words;
    dm_buf_init(&out, 64 << 20);
    dm_buf_init(&words, 1 << 20);
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        bundlerig_write(&b, account, 0, 0, &out);
        int r = judge(dm_buf_view(&out), &v);
        dm_buf_reset(&words);
        dm_verdict_words(&v, r, &words);
        if (r != 0)
            fail_msg("%s", words.p);
        assert_true(strncmp(words.p, "GOOD: account 00000000-0000-4000-8000-0000000000a", 49) == 0);
        assert_int_equal(v.statements, BUNDLE_PERIODS - (account == 2)); /* one has nothing but what came late */
        assert_true(v.pages >= (uint64_t)v.statements + (account == 1 ? 1 : 0));
        /* the scenario has each kind of row, and links to follow */
        assert_true(v.exact > 20 && v.unattested > 3 && v.less > 0 && v.followed > 20 && v.began > 0);
        assert_true(v.corrected > 3);
        assert_int_equal(v.invoices, 2);
        assert_int_equal(v.credit_notes, account == 1 ? 2 : account == 4 ? 1 : 0); /* 4 pays by the hour */
        assert_int_equal(v.invoices_partly, 0);
        assert_int_equal(v.unseen, 0);
        assert_int_equal(v.tiers_unseen, 0);
        assert_non_null(strstr(words.p, "correct what was stated before"));
        unpack(dm_buf_view(&out), &of[account]);
    }
}

/* The same rows are the same bytes. */
static void twice_the_same(void **state)
{
    (void)state;
    DM_AUTO_BUF one;
    DM_AUTO_BUF two;
    dm_buf_init(&one, 64 << 20);
    dm_buf_init(&two, 64 << 20);
    bundlerig_write(&b, 2, 0, 0, &one);
    bundlerig_write(&b, 2, 1, BUNDLE_PERIODS, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.p, two.p, one.len);
}

/* Of what lies before it, it says so. */
static void a_part_of_it_holds(void **state)
{
    (void)state;
    dm_verdict v;
    DM_AUTO_BUF out;
    dm_buf_init(&out, 64 << 20);
    bundlerig_write(&b, 3, 2, 3, &out);
    assert_int_equal(judge(dm_buf_view(&out), &v), 0);
    assert_int_equal(v.statements, 2);
    assert_true(v.before > 0);
    assert_int_equal(v.pools_unseen, 1);
    assert_int_equal(v.invoices, 1);
    assert_int_equal(v.invoices_partly, 1);
}

/* Not an id of another account is anywhere in it, written or as bytes. */
static void nobody_elses(void **state)
{
    (void)state;
    PGresult *ids = PQexecParams(b.r.owner,
            "SELECT account_no::text, id FROM (SELECT account_no, convert_to(id::text, 'UTF8') AS id FROM dm.account "
            "UNION ALL SELECT account_no, convert_to(id::text, 'UTF8') FROM dm.project UNION ALL SELECT account_no, "
            "sandbox_id FROM dm.sandbox UNION ALL SELECT account_no, convert_to(encode(hash, 'hex'), 'UTF8') FROM "
            "dm.attestation) i",
            0, NULL, NULL, NULL, NULL, 1);
    assert_true(PQntuples(ids) > 1000);
    unsigned own = 0;
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        for (int i = 0; i < PQntuples(ids); i++) {
            bool is_own = PQgetvalue(ids, i, 0)[0] == '0' + account, found = false;
            dm_str id = {PQgetvalue(ids, i, 1), (size_t)PQgetlength(ids, i, 1)};
            dm_sandbox_name name = {""};
            if (id.n == DM_SANDBOX_ID_BYTES)
                name = dm_sandbox_name_of((const dm_sandbox_id *)(const void *)id.p);
            for (size_t k = 0; k < of[account].n; k++) {
                const file *f = &of[account].v[k];
                found = found || memmem(f->p, f->n, id.p, id.n) != NULL ||
                        (name.s[0] != '\0' && memmem(f->p, f->n, name.s, strlen(name.s)) != NULL);
            }
            own += is_own && found;
            if (found && !is_own)
                fail_msg("account %d's has an id of account %s: row %d, %zu bytes", account, PQgetvalue(ids, i, 0), i,
                        id.n);
        }
    }
    assert_true(own > 1000);
    PQclear(ids);
}

/* --- bad ---------------------------------------------------------------------------------------------------- */

static uint32_t dice = 1;

static size_t throw_dice(size_t n)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % n;
}

static void expect(const bundle *in, const char *entry, dm_fault_kind kind)
{
    dm_verdict v;
    DM_AUTO_BUF out;
    dm_buf_init(&out, 64 << 20);
    pack(in, &out);
    int r = judge(dm_buf_view(&out), &v);
    if (r != DM_VERIFY_BAD || strcmp(v.fault.entry, entry) != 0 || (kind != DM_FAULT_NONE && v.fault.kind != kind))
        fail_msg("%s was changed; %d: %s is %s: %s", entry, r, v.fault.entry, dm_fault_word(v.fault.kind),
                v.fault.words);
}

static void a_byte_changed(void **state)
{
    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        bundle *in = &of[i % 20 == 0 ? 1 : 2 + i % (BUNDLE_ACCOUNTS - 1)];
        file *f = &in->v[throw_dice(in->n)];
        if (f->n == 0) /* attestations of a page of whose rows nobody swore to any */
            continue;
        char *byte = &f->p[throw_dice(f->n)], was = *byte;
        *byte = (char)(*byte ^ (1 << throw_dice(8)));
        expect(in, f->name, strstr(f->name, ".bin") != NULL ? DM_FAULT_NONE : DM_FAULT_EDITED);
        *byte = was;
    }
}

static void a_file_dropped_or_doubled(void **state)
{
    (void)state;
    for (size_t at = 0; at < of[3].n; at++) {
        bundle without = of[3], twice = of[3];
        memmove(&without.v[at], &without.v[at + 1], (--without.n - at) * sizeof(file));
        expect(&without, of[3].v[at].name, DM_FAULT_DROPPED);
        memmove(&twice.v[at + 1], &twice.v[at], (twice.n++ - at) * sizeof(file));
        expect(&twice, of[3].v[at].name, DM_FAULT_DOUBLED);
    }
}

/* One of its files by name. */
static file *file_of(bundle *in, const char *name)
{
    for (size_t i = 0; i < in->n; i++) {
        if (strcmp(in->v[i].name, name) == 0)
            return &in->v[i];
    }
    fail_msg("there is no %s", name);
    return NULL;
}

static size_t message_at(const file *f, unsigned place)
{
    size_t at = 0;
    while (place-- > 1) {
        uint32_t n;
        memcpy(&n, f->p + at, sizeof(n));
        at += 4 + n;
    }
    return at;
}

static void expect_row(const bundle *in, unsigned place, dm_fault_kind kind)
{
    dm_verdict v;
    DM_AUTO_BUF out;
    DM_AUTO_BUF words;
    dm_buf_init(&out, 64 << 20);
    dm_buf_init(&words, 1 << 20);
    pack(in, &out);
    int r = judge(dm_buf_view(&out), &v);
    assert_int_equal(r, DM_VERIFY_BAD);
    assert_string_equal(v.fault.entry, "attestations/2/1.bin");
    assert_int_equal(v.fault.kind, kind);
    assert_int_equal(v.fault.statement, 2);
    assert_int_equal(v.fault.page, 1);
    assert_int_equal(v.fault.place, place);
    assert_true(v.fault.has_sandbox && v.fault.has_hash && v.fault.epoch > 0);
    dm_verdict_words(&v, r, &words);
    assert_non_null(strstr(words.p, "attestation  "));
    assert_non_null(strstr(words.p, dm_fault_word(kind)));
}

static void a_record_of_many(void **state)
{
    (void)state;
    bundle changed = of[3];
    file *f = file_of(&changed, "attestations/2/1.bin");
    file was = *f;
    size_t two = message_at(f, 2), three = message_at(f, 3), four = message_at(f, 4);
    DM_AUTO_MEM char *p = malloc(was.n * 2);
    assert_non_null(p);
    /* the second is dropped */
    memcpy(p, was.p, two);
    memcpy(p + two, was.p + three, was.n - three);
    *f = (file){.p = p, .n = was.n - (three - two)};
    memcpy(f->name, was.name, sizeof(was.name));
    expect_row(&changed, 2, DM_FAULT_DROPPED);
    /* is there twice */
    memcpy(p, was.p, three);
    memcpy(p + three, was.p + two, was.n - two);
    f->n = was.n + (three - two);
    expect_row(&changed, 2, DM_FAULT_DOUBLED);
    /* stands behind the third */
    memcpy(p, was.p, was.n);
    memcpy(p + two, was.p + three, four - three);
    memcpy(p + two + (four - three), was.p + two, three - two);
    f->n = was.n;
    expect_row(&changed, 2, DM_FAULT_REORDERED);
    /* the last byte of its signature is another */
    memcpy(p, was.p, was.n);
    p[three - 1] ^= 1;
    expect_row(&changed, 2, DM_FAULT_EDITED);
}

/* A document is named, and a line of it that whoever has the key changed. */
static void an_invoice_changed(void **state)
{
    (void)state;
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        bundle *in = &of[account];
        for (size_t i = 0; i < in->n; i++) {
            file *f = &in->v[i];
            if (strncmp(f->name, "invoices/", 9) != 0)
                continue;
            char *digit = f->p + throw_dice(f->n);
            while (*digit < '0' || *digit > '9')
                digit = f->p + throw_dice(f->n);
            char was = *digit;
            *digit = *digit == '9' ? '0' : (char)(*digit + 1);
            expect(in, f->name, DM_FAULT_EDITED);
            *digit = was;
        }
    }
}

/* What the archive itself cannot hold. */
static void damage(void **state)
{
    (void)state;
    dm_verdict v;
    DM_AUTO_BUF out;
    dm_buf_init(&out, 64 << 20);
    pack(&of[2], &out);
    assert_int_equal(judge((dm_str){out.p, out.len / 2}, &v), DM_VERIFY_BAD);
    assert_int_equal(v.fault.kind, DM_FAULT_DAMAGED);
    assert_int_equal(judge(DM_STR("no archive at all"), &v), DM_VERIFY_BAD);
    assert_int_equal(v.fault.kind, DM_FAULT_DAMAGED);
}

/* A newer service may have files that this program knows nothing of: that is neither good nor bad. */
static void what_is_not_known(void **state)
{
    (void)state;
    dm_verdict v;
    DM_AUTO_BUF out;
    DM_AUTO_BUF words;
    bundle more = of[2];
    dm_buf_init(&out, 64 << 20);
    dm_buf_init(&words, 1 << 20);
    more.v[more.n] = (file){.name = "receipts/1.json", .p = more.v[0].p, .n = more.v[0].n};
    more.n++;
    pack(&more, &out);
    int r = judge(dm_buf_view(&out), &v);
    assert_int_equal(r, DM_VERIFY_UNKNOWN);
    dm_verdict_words(&v, r, &words);
    assert_non_null(strstr(words.p, "receipts/1.json"));
    dm_buf_reset(&words);
    dm_verdict_json(&v, r, &words);
    assert_non_null(strstr(words.p, "\"verdict\":\"unknown\""));
}

static int tests(void)
{
    if (house(&pg) < 0)
        return 1;
    bundlerig_open(&b, &pg, "verify", 1, 520);
    const struct CMUnitTest all[] = {cmocka_unit_test(all_of_it_holds), cmocka_unit_test(twice_the_same),
            cmocka_unit_test(a_part_of_it_holds), cmocka_unit_test(nobody_elses), cmocka_unit_test(a_byte_changed),
            cmocka_unit_test(a_file_dropped_or_doubled), cmocka_unit_test(a_record_of_many),
            cmocka_unit_test(an_invoice_changed), cmocka_unit_test(damage), cmocka_unit_test(what_is_not_known)};
    int r = cmocka_run_group_tests(all, NULL, NULL);
    for (int account = 1; account <= BUNDLE_ACCOUNTS; account++) {
        for (size_t i = 0; i < of[account].n; i++)
            free(of[account].v[i].p);
    }
    bundlerig_close(&b);
    return r;
}

int main(void)
{
    return cluster_main(&pg, tests);
}
