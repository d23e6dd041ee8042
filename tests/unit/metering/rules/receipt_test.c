#include "metering/rules/receipt.h"
#include "tests/unit/test.h"

#define PAID                                                                                                           \
    "{\"account\":\"a1\",\"amount\":\"119.000000000000000000\",\"booked\":\"2026-03-09T08:00:00Z\",\"buyer\":{"        \
    "\"address\":null,\"bic\":null,\"country\":\"AT\",\"email\":null,\"iban\":null,\"legal_id\":null,\"name\":"        \
    "\"Ada\","                                                                                                         \
    "\"tax_id\":null},\"currency\":\"EUR\",\"invoice\":\"INV-2026-000001\",\"kind\":\"receipt\",\"number\":\"REC-"     \
    "000007\","                                                                                                        \
    "\"of\":\"payment\",\"received\":\"2026-03-08\",\"reference\":\"SEPA 1\",\"seller\":{\"address\":\"Haselweg "      \
    "1\",\"bic\":"                                                                                                     \
    "null,\"country\":\"DE\",\"email\":null,\"iban\":null,\"legal_id\":null,\"name\":\"Dormouse\",\"tax_id\":null},"   \
    "\"to_wallet\":\"1.500000000000000000\",\"version\":1}"

static const dm_receipt_kept kept = {.account = DM_STR_INIT("a1"),
        .currency = DM_STR_INIT("EUR"),
        .number = DM_STR_INIT("REC-000007"),
        .reference = DM_STR_INIT("SEPA 1"),
        .amount = DM_STR_INIT("119.000000000000000000"),
        .to_wallet = DM_STR_INIT("1.500000000000000000"),
        .seller = DM_STR_INIT("{\"name\":\"Dormouse\",\"country\":\"DE\",\"address\":\"Haselweg 1\"}"),
        .buyer = DM_STR_INIT("{\"name\":\"Ada\",\"country\":\"AT\"}"),
        .invoice = DM_STR_INIT("INV-2026-000001"),
        .booked_s = 1773043200,
        .received_s = 1772928000};

static void its_bytes_are_canonical(void **state)
{
    DM_AUTO_BUF b;
    (void)state;
    dm_buf_init(&b, DM_RECEIPT_BYTES_MAX);
    assert_int_equal(dm_receipt_kept_body(&kept, &b, NULL), 0);
    assert_str(dm_buf_view(&b), PAID);
    dm_buf_reset(&b);
    dm_receipt_kept top_up = kept;
    top_up.invoice = (dm_str){NULL, 0};
    assert_int_equal(dm_receipt_kept_body(&top_up, &b, NULL), 0);
    assert_non_null(strstr(b.p, "\"invoice\":null,"));
    assert_non_null(strstr(b.p, "\"of\":\"top_up\","));
}

static void it_is_read_back(void **state)
{
    DM_AUTO(json_t) j = NULL;
    DM_AUTO_BUF b;
    dm_receipt r;
    (void)state;
    dm_buf_init(&b, DM_RECEIPT_BYTES_MAX);
    assert_int_equal(dm_json_load(DM_STR(PAID), DM_RECEIPT_BYTES_MAX, &j, NULL), 0);
    assert_int_equal(dm_receipt_read(j, &r, NULL), 0);
    assert_true(r.booked_s == kept.booked_s && r.received_s == kept.received_s);
    assert_int_equal(dm_receipt_body(&r, &b, NULL), 0);
    assert_str(dm_buf_view(&b), PAID);
}

static void what_lacks_something_is_none(void **state)
{
    static const char *const names[] = {
            "account", "amount", "booked", "currency", "number", "received", "reference", "to_wallet"};
    dm_receipt r;
    (void)state;
    for (size_t i = 0; i < DM_LEN(names); i++) {
        DM_AUTO(json_t) j = NULL;
        dm_err err = {0};
        assert_int_equal(dm_json_load(DM_STR(PAID), DM_RECEIPT_BYTES_MAX, &j, NULL), 0);
        assert_int_equal(json_object_set_new(j, names[i], json_string("x")), 0);
        int got = dm_receipt_read(j, &r, &err);
        bool text = strcmp(names[i], "account") == 0 || strcmp(names[i], "currency") == 0 ||
                    strcmp(names[i], "number") == 0 || strcmp(names[i], "reference") == 0;
        assert_int_equal(got, text ? 0 : DM_E_INVALID);
        assert_int_equal(json_object_del(j, names[i]), 0);
        assert_int_equal(dm_receipt_read(j, &r, &err), DM_E_INVALID);
        assert_says(err, "it is no receipt");
    }
    dm_receipt_kept bad = kept;
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_RECEIPT_BYTES_MAX);
    bad.seller = DM_STR("{");
    assert_int_equal(dm_receipt_kept_body(&bad, &b, NULL), DM_E_INVALID);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(its_bytes_are_canonical),
            cmocka_unit_test(it_is_read_back),
            cmocka_unit_test(what_lacks_something_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
