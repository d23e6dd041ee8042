/* Covers metering/invoice/bank.c, metering/invoice/camt.c, metering/invoice/sql_bank.c. */
#include <stdio.h>
#include <stdlib.h>

#include "metering/invoice/camt.h"
#include "tests/support/billrig.h"
#include "tests/unit/test.h"

static cluster pg;

#define FIRST "INV-2026-000001"
#define FILES DM_SOURCE_DIR "/tests/fuzz/corpus/camt/"
#define HEAD                                                                                                           \
    "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id><IBAN>" \
    "DE1</IBAN></Id></Acct>"
#define TAIL "</Stmt></BkToCstmrStmt></Document>"
#define ENTRY(ref, inside)                                                                                             \
    "<Ntry><Amt Ccy='CNY'>1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-04-10</Dt>"   \
    "</BookgDt><AcctSvcrRef>" ref "</AcctSvcrRef>" inside "</Ntry>"

/* --- the reader --------------------------------------------------------------------------------------------- */

typedef struct heard {
    size_t n;
    dm_camt_entry last;
} heard;

static int hear(void *arg, const dm_camt_entry *e, dm_err *err)
{
    heard *h = arg;
    (void)err;
    h->n++;
    h->last = *e;
    return 0;
}

static void refuses(const char *xml, const char *words)
{
    heard h = {0};
    dm_err err = {0};
    assert_int_equal(dm_camt_read(dm_str_c(xml), hear, &h, &err), DM_E_INVALID);
    assert_says(err, words);
}

static void what_is_no_bank_file_is_refused(void **state)
{
    (void)state;
    refuses("", "no element found");
    refuses("{}", "not well-formed");
    refuses("<a/>", "no statement of an account");
    refuses(HEAD, "no element found");
    refuses("<!DOCTYPE d [<!ENTITY a 'x'>]>" HEAD TAIL, "a DTD");
    refuses("<!DOCTYPE d SYSTEM 'file:///etc/passwd'>" HEAD TAIL, "a DTD");
    refuses(HEAD "<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>" TAIL, "without account, amount or direction");
    refuses(HEAD "<Ntry><Amt Ccy='CNY'>-1</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>" TAIL, "without account, amount");
    refuses(HEAD "<Ntry><Amt Ccy='CNY'>1e3</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>" TAIL, "without account, amount");
    refuses(HEAD "<Ntry><Amt Ccy='CNY'>1</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>" TAIL, "without a reference");
    refuses(HEAD ENTRY("R", "<NtryDtls><TxDtls><Amt Ccy='CNY'>0.50</Amt></TxDtls><TxDtls><Amt Ccy='CNY'>0.49</Amt>"
                            "</TxDtls></NtryDtls>") TAIL,
            "do not come to it");
    refuses(HEAD ENTRY("0123456789012345678901234567890123456789012345678901234567890123456789", "") TAIL, "too long");
    char deep[2000];
    int n = snprintf(deep, sizeof(deep), "%s", HEAD);
    for (int i = 0; i < 40; i++)
        n += snprintf(deep + n, sizeof(deep) - (size_t)n, "<x>");
    refuses(deep, "too deep");
    heard h = {0};
    DM_AUTO_MEM char *large = calloc(1, DM_CAMT_BYTES_MAX + 2);
    memset(large, ' ', DM_CAMT_BYTES_MAX + 1);
    assert_int_equal(dm_camt_read(dm_str_c(large), hear, &h, NULL), DM_E_LIMIT);
}

static void an_entry_says_what_the_payer_gave(void **state)
{
    heard h = {0};
    (void)state;
    assert_int_equal(
            dm_camt_read(DM_STR(HEAD ENTRY("R", "<NtryDtls><TxDtls><RmtInf><Ustrd>a &amp; b</Ustrd><Strd>"
                                                "<CdtrRefInf><Ref>X</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>"
                                                "</NtryDtls>") TAIL),
                    hear, &h, NULL),
            0);
    assert_int_equal(h.n, 1);
    assert_string_equal(h.last.text, "a & b\nX");
    assert_string_equal(h.last.reference, "R");
    assert_string_equal(h.last.account, "DE1");
    assert_string_equal(h.last.day, "2026-04-10");
    assert_true(h.last.booked && !h.last.debit && !h.last.reversal);
}

/* --- what is made of it ------------------------------------------------------------------------------------- */

static void owing(rig *r, const char *db)
{
    bill_open(r, &pg, db);
    sql(r, "INSERT INTO dm.tax_rule (seller, buyer, category, rate_ppm, jurisdiction, valid_from) VALUES ('*', 'CN', "
           "'S', "
           "200000, 'CN', '2026-01-01Z')");
    bill_minute(r, 1, MARCH + 36000, 500);
    bill_through(r, APRIL);
    bill_months(r, APRIL + DAY);
    assert_string_equal(bill_status(r, FIRST), "issued 1.22");
}

static void hand_in_text(rig *r, const char *xml)
{
    const char *values[] = {xml};
    sql(r, "SET ROLE dm_ops");
    PGresult *res = PQexecParams(r->owner,
            "INSERT INTO dm.bank_file (digest, body, who, why) SELECT sha256(b), b, 'operator:ada', 'of today' FROM "
            "convert_to($1, 'UTF8') b",
            1, NULL, values, NULL, NULL, 0);
    assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
    PQclear(res);
    sql(r, "RESET ROLE");
}

static void hand_in(rig *r, const char *path)
{
    char xml[8192];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(xml, 1, sizeof xml - 1, f);
    assert_int_equal(fclose(f), 0);
    xml[n] = '\0';
    hand_in_text(r, xml);
}

static void read_all(rig *r)
{
    dm_err err;
    dm_chore_config c = bill_chores(r);
    if (dm_invoice_bank(&c, &err) != 0)
        fail_msg("bank: %s", err.msg);
}

static void what_came_is_paid_once_and_the_rest_is_kept(void **state)
{
    rig r;
    (void)state;
    owing(&r, "bank");
    hand_in(&r, FILES "version_02.xml");
    read_all(&r);
    assert_sql(&r, "SELECT concat_ws(' ', state, outcome) FROM dm.bank_file", "done 3 new entries, 0 that were there");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', reference, outcome, invoice_number), ', ' ORDER BY entry_no) FROM "
            "dm.bank_entry",
            "B-100 paid " FIRST ", S1:2 unmatched, B-101 out");
    assert_string_equal(bill_status(&r, FIRST), "partially_paid 0.72");
    hand_in_text(&r, /* the same entry in another file */
            "<Document><BkToCstmrStmt><Stmt><Id>S9</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>" ENTRY(
                    "B-100", "<NtryDtls><TxDtls><RmtInf><Ustrd>" FIRST "</Ustrd></RmtInf></TxDtls></NtryDtls>") TAIL);
    read_all(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.invoice_payment", "1");
    hand_in(&r, FILES "version_08_batch.xml"); /* of two payments, of which one names two invoices */
    read_all(&r);
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', reference, outcome, trim_scale(amount)), ', ' ORDER BY entry_no) "
            "FROM dm.bank_entry WHERE bank_account = '6222021234567890'",
            "B-200/1 paid 0.72, B-200/2 unmatched 1");
    assert_string_equal(bill_status(&r, FIRST), "paid 0");
    refused(&r, "dm_meter", "DELETE FROM dm.bank_entry");
    refused(&r, "dm_ops", "UPDATE dm.bank_file SET state = 'done'");
    bill_whole(&r);
    rig_close(&r);
}

static void half_of_a_broken_file_pays_nothing(void **state)
{
    rig r;
    (void)state;
    owing(&r, "broken");
    hand_in_text(
            &r, HEAD ENTRY("R1", "<NtryDtls><TxDtls><RmtInf><Ustrd>" FIRST
                                 "</Ustrd></RmtInf></TxDtls></NtryDtls>") "<Ntry><Amt Ccy='CNY'>x</Amt></Ntry>" TAIL);
    hand_in_text(&r,
            HEAD "<Ntry><Amt Ccy='CNY'>1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>soon</Dt>"
                 "</BookgDt><AcctSvcrRef>R2</AcctSvcrRef></Ntry>" TAIL);
    read_all(&r);
    assert_sql(&r, "SELECT string_agg(state, ' ') FROM dm.bank_file", "refused refused");
    assert_sql(&r, "SELECT count(*) FROM dm.bank_entry", "0");
    assert_string_equal(bill_status(&r, FIRST), "issued 1.22");
    rig_close(&r);
}

static int never(void *arg, dm_pg *c, bool *held, dm_err *err)
{
    int *left = arg;
    (void)c;
    (void)err;
    *held = (*left)-- > 0;
    return 0;
}

static void a_file_half_read_is_read_again(void **state)
{
    rig r;
    (void)state;
    owing(&r, "half");
    hand_in(&r, FILES "version_02.xml");
    for (int left = 0; left < 4; left++) {
        dm_err err;
        int n = left;
        dm_chore_config c = bill_chores(&r);
        c.held = never;
        c.held_arg = &n;
        assert_int_equal(dm_invoice_bank(&c, &err), DM_CHORE_ZOMBIE);
        assert_sql(&r, "SELECT state FROM dm.bank_file", "ordered");
    }
    read_all(&r);
    assert_sql(
            &r, "SELECT concat_ws(' ', (SELECT count(*) FROM dm.bank_entry), count(*)) FROM dm.invoice_payment", "3 1");
    bill_whole(&r);
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_no_bank_file_is_refused),
            cmocka_unit_test(an_entry_says_what_the_payer_gave),
            cmocka_unit_test(what_came_is_paid_once_and_the_rest_is_kept),
            cmocka_unit_test(half_of_a_broken_file_pays_nothing),
            cmocka_unit_test(a_file_half_read_is_read_again),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
