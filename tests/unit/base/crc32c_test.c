#include "base/crc32c.h"

#include "tests/unit/test.h"

/* A bit at a time, by the reflected polynomial. */
static uint32_t by_definition(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void is_castagnoli(void **state)
{
    (void)state;
    assert_int_equal(dm_crc32c(0, "123456789", 9), 0xe3069283u);
    uint8_t zeros[32] = {0};
    assert_int_equal(dm_crc32c(0, zeros, 32), 0x8a9136aau);
    assert_int_equal(dm_crc32c(dm_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
    assert_int_equal(dm_crc32c(0, "", 0), 0);
}

static void holds_for_any_length_and_place(void **state)
{
    uint8_t bytes[80];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; from + n <= sizeof(bytes); n++)
            assert_int_equal(dm_crc32c(0, bytes + from, n), by_definition(bytes + from, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(is_castagnoli),
            cmocka_unit_test(holds_for_any_length_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
