/* Covers metering/rules/invoice.c, metering/rules/reckon.c. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"

#include "metering/rules/invoice.h"
#include "tests/unit/test.h"

enum { LINES = 12, TAXES = 3, MONTHS = 3, ISSUED = 1772488800 };

typedef struct made {
    dm_invoice v;
    dm_invoice_line lines[LINES + MONTHS];
    dm_invoice_commitment commitments[MONTHS];
    dm_invoice_tax taxes[TAXES];
    dm_invoice_book books[1];
    dm_str plans[1];
} made;

static dm_money money(const char *text)
{
    dm_money m;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, NULL), 0);
    return m;
}

static void said(dm_money m, unsigned decimals, const char *want)
{
    char text[DM_MONEY_TEXT];
    assert_int_equal(dm_minor_print(m, decimals, text, NULL), 0);
    assert_string_equal(text, want);
}

static void frame(made *m, const char *currency)
{
    memset(m, 0, sizeof *m);
    m->books[0] = (dm_invoice_book){.id = 3};
    m->plans[0] = DM_STR("payg");
    m->v = (dm_invoice){.account = "00000000-0000-4000-8000-0000000000a1",
            .currency = currency,
            .number = DM_STR_INIT("INV-2026-000042"),
            .chain = 7,
            .issued_s = ISSUED,
            .due_s = ISSUED + 14 * 86400,
            .terms_days = 14,
            .period_start = 1769904000,
            .period_end = 1772323200,
            .seller = {.name = DM_STR_INIT("Dormouse"),
                    .address = DM_STR_INIT("1 Hedge"),
                    .country = DM_STR_INIT("DE"),
                    .tax_id = DM_STR_INIT("DE136695976")},
            .buyer = {.name = DM_STR_INIT("Ada \xe2\x82\xac"),
                    .address = DM_STR_INIT("2 Row\nTown"),
                    .country = DM_STR_INIT("AT")},
            .books = m->books,
            .nbooks = 1,
            .plans = m->plans,
            .nplans = 1,
            .statements = 2,
            .first_statement = 1,
            .last_statement = 2,
            .lines = m->lines,
            .taxes = m->taxes,
            .ntaxes = 1};
    assert_int_equal(dm_minor_of(currency, &m->v.decimals, NULL), 0);
    m->taxes[0] = (dm_invoice_tax){.category = DM_STR_INIT("S"), .jurisdiction = DM_STR_INIT("AT"), .rate_ppm = 200000};
    m->taxes[1] = (dm_invoice_tax){.category = DM_STR_INIT("S"), .jurisdiction = DM_STR_INIT("AT"), .rate_ppm = 88750};
    m->taxes[2] = (dm_invoice_tax){.category = DM_STR_INIT("AE"),
            .jurisdiction = DM_STR_INIT("EU"),
            .reason = DM_STR_INIT("Reverse charge"),
            .reason_code = DM_STR_INIT("VATEX-EU-AE"),
            .reverse_charge = true};
}

static void line(made *m, const char *amount, size_t tax)
{
    m->lines[m->v.nlines++] = (dm_invoice_line){.kind = DM_STR_INIT("usage"),
            .sku = DM_STR_INIT("vcpu-run"),
            .project = DM_STR_INIT("00000000-0000-4000-8000-0000000000b1"),
            .project_name = DM_STR_INIT("Demo"),
            .project_no = {1},
            .seconds = 47,
            .tax = tax,
            .amount = money(amount)};
}

static void a_small_invoice_to_the_letter(void **state)
{
    made m;
    DM_AUTO_BUF b;
    (void)state;
    frame(&m, "CNY");
    line(&m, "1", 0);
    m.lines[0].priced = true;
    m.lines[0].book = 3;
    m.lines[0].qty.v = 46082949;
    m.lines[0].per_unit.v = 21700000;
    assert_int_equal(dm_money_of(m.lines[0].qty, m.lines[0].per_unit, &m.lines[0].amount, NULL), 0);
    line(&m, "0.994", 0);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_invoice_body(&m.v, &b, NULL), 0);
    static const char want[] =
            "{\"account\":\"00000000-0000-4000-8000-0000000000a1\",\"books\":[{\"id\":3,\"sha256\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\"}],\"buyer\":{\"address\":\"2 "
            "Row\\nTown\",\"bic\":null,\"country\":\"AT\",\"email\":null,\"iban\":null,\"legal_id\":null,\"name\":"
            "\"Ada "
            "\xe2\x82\xac\",\"tax_id\":null},\"chain\":7,\"currency\":\"CNY\",\"due\":\"2026-03-16\",\"formula\":"
            "\"cost = "
            "(number of vCPUs x vCPU price + memory size x memory price) x billed duration, then storage\","
            "\"issued\":\"2026-03-02T22:00:00Z\",\"kind\":\"invoice\",\"lines\":[{\"amount\":\"0.000999999993300000\","
            "\"book\":3,\"kind\":\"usage\",\"line\":1,\"net\":\"0.00\",\"of_line\":null,\"per_unit\":\"0."
            "000021700000\","
            "\"project\":\"00000000-0000-4000-8000-0000000000b1\",\"project_name\":\"Demo\",\"project_no\":1,\"qty\":"
            "\"46.082949\",\"seconds\":47,\"sku\":\"vcpu-run\",\"tax\":1,\"tier\":0,\"unit\":\"Core-Seconds\","
            "\"unit_code\":\"SEC\"},{\"amount\":\"0.994000000000000000\",\"book\":null,\"kind\":\"usage\",\"line\":2,"
            "\"net\":\"0.99\",\"of_line\":null,\"per_unit\":null,\"project\":\"00000000-0000-4000-8000-0000000000b1\","
            "\"project_name\":\"Demo\",\"project_no\":1,\"qty\":null,\"seconds\":47,\"sku\":\"vcpu-run\",\"tax\":1,"
            "\"tier\":0,\"unit\":\"Core-Seconds\",\"unit_code\":\"SEC\"}],\"number\":\"INV-2026-000042\","
            "\"payment_terms_days\":14,\"period\":{\"end\":\"2026-03-01T00:00:00Z\",\"start\":\"2026-02-01T00:00:00Z\"}"
            ","
            "\"plans\":[\"payg\"],\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\","
            "\"purchase_order\":null,\"reason\":null,\"refers_to\":null,\"seller\":{\"address\":\"1 "
            "Hedge\",\"bic\":null,"
            "\"country\":\"DE\",\"email\":null,\"iban\":null,\"legal_id\":null,\"name\":\"Dormouse\",\"tax_id\":"
            "\"DE136695976\"},\"statements\":{\"count\":2,\"first\":1,\"last\":2,\"root\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\"},\"tax_id_check\":null,\"taxes\":[{"
            "\"allowance\":\"0.00\",\"amount\":\"0.20\",\"base\":\"0.99\",\"category\":\"S\",\"discount\":"
            "\"0.000000000000000000\",\"exact\":\"0.994999999993300000\",\"jurisdiction\":\"AT\",\"lines\":\"0.99\","
            "\"rate\":\"20.0000\",\"reason\":null,\"reason_code\":null,\"reverse_charge\":false,\"rounding\":"
            "\"0.004999999993300000\"}],\"totals\":{\"allowance\":\"0.00\",\"due\":\"1.19\",\"exact\":"
            "\"0.994999999993300000\",\"lines\":\"0.99\",\"net\":\"0.99\",\"prepaid\":\"0.00\",\"rounding\":"
            "\"0.004999999993300000\",\"tax\":\"0.20\",\"total\":\"1.19\"},\"version\":1}";
    assert_str(dm_buf_view(&b), want);
}

static void each_tax_is_rounded_by_itself(void **state)
{
    made m;
    (void)state;
    frame(&m, "USD");
    m.v.ntaxes = 2;
    line(&m, "0.005", 0);
    line(&m, "0.005", 1);
    line(&m, "10.0", 1);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    said(m.taxes[0].base, 2, "0.01"); /* each up: not 10.01 of all */
    said(m.taxes[1].base, 2, "10.01");
    said(m.v.net, 2, "10.02");
    said(m.taxes[1].amount, 2, "0.89");
    said(m.v.tax, 2, "0.89");
    said(m.v.total, 2, "10.91");
    assert_true(m.v.rounding.v == money("-0.01").v);
}

static void a_discount_is_taken_before_tax(void **state)
{
    made m;
    (void)state;
    frame(&m, "USD");
    m.v.ntaxes = 2;
    line(&m, "1.006", 0);
    line(&m, "2.00", 1);
    m.v.discount = money("1.506");
    m.v.prepaid = money("0.50");
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    said(m.v.lines_sum, 2, "3.01");
    said(m.taxes[0].base, 2, "0.00");
    said(m.taxes[1].base, 2, "1.50");
    said(m.v.total, 2, "1.63");
    said(m.v.due, 2, "1.13");
    m.v.discount = money("3.0061");
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), DM_E_INVALID);
    m.v.discount = money("0");
    m.v.prepaid = money("100.00");
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), DM_E_INVALID);
    m.v.prepaid = money("0.001");
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), DM_E_INVALID);
}

static void negative_lines_and_whole_currencies(void **state)
{
    made m;
    (void)state;
    frame(&m, "JPY");
    line(&m, "100.4", 0);
    line(&m, "-50.2", 0);
    line(&m, "-0.7", 0);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    said(m.v.net, 0, "50"); /* 49.5 */
    said(m.v.tax, 0, "10");
    said(m.lines[0].net, 0, "101"); /* the remainders are .4, .8 and .3, of what is below */
    said(m.lines[1].net, 0, "-50");
    said(m.lines[2].net, 0, "-1");
    m.lines[1].seconds = -28; /* a correction takes back */
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_invoice_body(&m.v, &b, NULL), 0);
    assert_non_null(strstr(b.p, "\"seconds\":-28,"));
    frame(&m, "KWD");
    line(&m, "-0.0005", 0);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    said(m.v.net, 3, "-0.001");
}

static void sums_stop_at_the_edges(void **state)
{
    made m;
    (void)state;
    frame(&m, "USD");
    line(&m, "99999999999999999999.99", 0);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), DM_E_LIMIT); /* with its tax */
    m.taxes[0].rate_ppm = 0;
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    line(&m, "0.02", 0);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), DM_E_LIMIT);
}

/* --- credit notes ------------------------------------------------------------------------------------------- */

static void credit(made *c, const made *of, const char *net, const dm_money *credited, const dm_money *taxed, int want)
{
    *c = *of;
    c->v.lines = c->lines;
    c->v.taxes = c->taxes;
    c->v.credit_note = true;
    c->v.prepaid = c->v.discount = (dm_money){0};
    c->v.nlines = 1;
    c->lines[0].net = money(net);
    c->lines[0].of_line = 1;
    assert_int_equal(dm_invoice_reckon_credit(&c->v, &of->v, credited, taxed, NULL), want);
}

/* However it is cut, what is credited comes to what was invoiced, of tax too. */
static void credits_come_to_the_invoice_and_no_further(void **state)
{
    made of, c;
    dm_money credited[1] = {{0}}, taxed[1] = {{0}};
    (void)state;
    frame(&of, "USD");
    line(&of, "0.09", 0);
    assert_int_equal(dm_invoice_reckon(&of.v, NULL), 0);
    said(of.v.tax, 2, "0.02");
    for (int i = 0; i < 3; i++) { /* each third has a tax of 0.006, which rounds up */
        credit(&c, &of, "0.03", credited, taxed, 0);
        assert_int_equal(dm_money_add(credited[0], c.taxes[0].base, &credited[0], NULL), 0);
        assert_int_equal(dm_money_add(taxed[0], c.taxes[0].amount, &taxed[0], NULL), 0);
    }
    assert_true(credited[0].v == of.v.net.v && taxed[0].v == of.v.tax.v);
    credit(&c, &of, "0.01", credited, taxed, DM_E_INVALID);
    credited[0] = taxed[0] = (dm_money){0};
    credit(&c, &of, "0.10", credited, taxed, DM_E_INVALID);
    credit(&c, &of, "-0.01", credited, taxed, DM_E_INVALID);
    credit(&c, &of, "0", credited, taxed, DM_E_INVALID);
    credit(&c, &of, "0.005", credited, taxed, DM_E_INVALID);
    credit(&c, &of, "0.09", credited, taxed, 0);
    said(c.v.total, 2, "0.11");
}

/* A line behind the others for each month that has something to charge or to give back, and its computation beside it.
 */
static void months_come_to_their_least(void **state)
{
    made m;
    DM_AUTO_BUF b;
    (void)state;
    frame(&m, "USD");
    line(&m, "1.50", 0);
    m.v.commitments = m.commitments;
    m.v.ncommitments = MONTHS;
    static const char *const sums[MONTHS][3] = {
            {"10", "7.25", "3"}, {"10", "7.25", "2.75"}, {"10", "1.5", "0"}}; /* least, charges, before */
    for (size_t i = 0; i < MONTHS; i++)
        m.commitments[i] = (dm_invoice_commitment){.contract = DM_STR_INIT("c"),
                .month_s = 1767225600 + (int64_t)i * 31 * 86400,
                .least = money(sums[i][0]),
                .charges = money(sums[i][1]),
                .before = money(sums[i][2]),
                .invoices = i == 0 ? DM_STR("INV-1,INV-2") : DM_STR("")};
    assert_int_equal(dm_invoice_commit(&m.v, NULL), 0);
    assert_int_equal(m.v.nlines, 3);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    said(m.lines[1].net, 2, "-0.25");
    said(m.lines[2].net, 2, "8.50");
    said(m.v.total, 2, "11.70");
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_invoice_body(&m.v, &b, NULL), 0);
    assert_non_null(strstr(b.p,
            "\"chain\":7,\"commitments\":[{\"before\":\"3.000000000000000000\",\"charges\":"
            "\"7.250000000000000000\",\"contract\":\"c\",\"invoices\":[\"INV-1\",\"INV-2\"],\"least\":"
            "\"10.000000000000000000\",\"line\":2,\"month\":\"2026-01\"},{\"before\":\"2.750000000000000000\","
            "\"charges\":\"7.250000000000000000\",\"contract\":\"c\",\"invoices\":[],\"least\":"
            "\"10.000000000000000000\",\"line\":null,\"month\":\"2026-02\"},"));
    assert_non_null(strstr(b.p, "\"version\":2}"));
}

/* --- against the oracle ------------------------------------------------------------------------------------- */

static uint64_t seed = 20260301;

static uint64_t next(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 16) % below;
}

static void random_invoice(made *m)
{
    static const char *const currencies[] = {"CNY", "USD", "JPY", "KWD", "CLF"};
    static const char *const skus[] = {"vcpu-run", "mem-run", "minutes", "disk-hib"};
    frame(m, currencies[next(DM_LEN(currencies))]);
    m->v.ntaxes = 1 + next(TAXES);
    size_t n = next(LINES + 1);
    for (size_t i = 0; i < n; i++) {
        line(m, "0", next(m->v.ntaxes));
        dm_invoice_line *l = &m->lines[i];
        l->sku = dm_str_c(skus[next(DM_LEN(skus))]);
        l->priced = true;
        l->book = 3;
        l->qty.v = (dm_i128)next(1000000000000u) - (next(4) == 0 ? 500000000000 : 0);
        l->per_unit.v = (int64_t)next(40000000);
        assert_int_equal(dm_money_of(l->qty, l->per_unit, &l->amount, NULL), 0);
    }
}

static void random_commitments(made *m)
{
    m->v.commitments = m->commitments;
    m->v.ncommitments = next(MONTHS + 1);
    for (size_t i = 0; i < m->v.ncommitments; i++) {
        dm_invoice_commitment *c = &m->commitments[i];
        *c = (dm_invoice_commitment){.contract = DM_STR_INIT("c"), .month_s = 1767225600 + (int64_t)i * 31 * 86400};
        c->least.v = (dm_i128)next(1000000000000u) * 1000000;
        c->charges.v = (dm_i128)next(1000000000000u) * 1000000;
        c->before.v = next(3) == 0 ? c->least.v > c->charges.v ? c->least.v - c->charges.v : 0
                                   : (dm_i128)next(1000000000000u) * 1000000;
    }
    assert_int_equal(dm_invoice_commit(&m->v, NULL), 0);
}

static void write_random(FILE *f)
{
    made m;
    DM_AUTO_BUF b;
    random_invoice(&m);
    random_commitments(&m);
    assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    if (m.v.exact.v > 0 && next(2) == 0) { /* promo credit, and money of the wallet */
        for (size_t t = 0; t < m.v.ntaxes; t++)
            m.v.discount.v += m.taxes[t].exact.v > 0 ? m.taxes[t].exact.v / 3 : 0;
        assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
        if (m.v.total.v > 0)
            m.v.prepaid = m.v.total;
        assert_int_equal(dm_invoice_reckon(&m.v, NULL), 0);
    }
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_invoice_body(&m.v, &b, NULL), 0);
    assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
    assert_int_equal(fputc('\n', f), '\n');
}

static void the_oracle_comes_to_the_same(void **state)
{
    char name[] = "/tmp/dormouse-invoices-XXXXXX";
    (void)state;
    int fd = mkstemp(name);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (int i = 0; i < 2000; i++)
        write_random(f);
    assert_int_equal(fclose(f), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("python3", "python3", DM_SOURCE_DIR "/tests/support/py/oracle/invoice.py", name, (char *)NULL);
        _exit(77);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)unlink(name);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* no Python here */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_small_invoice_to_the_letter),
            cmocka_unit_test(each_tax_is_rounded_by_itself),
            cmocka_unit_test(a_discount_is_taken_before_tax),
            cmocka_unit_test(negative_lines_and_whole_currencies),
            cmocka_unit_test(sums_stop_at_the_edges),
            cmocka_unit_test(credits_come_to_the_invoice_and_no_further),
            cmocka_unit_test(months_come_to_their_least),
            cmocka_unit_test(the_oracle_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
