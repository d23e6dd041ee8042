#include "metering/rules/ustar.h"
#include "tests/unit/test.h"

static void there_and_back(void **state)
{
    (void)state;
    char block[DM_USTAR_BLOCK], name[DM_USTAR_NAME];
    uint64_t size = 0;
    assert_int_equal(dm_ustar_head("statements/1.json", 12345, block, NULL), 0);
    assert_memory_equal(block + 124, "00000030071", 12);
    assert_memory_equal(block + 257,
            "ustar\0"
            "00",
            8);
    assert_int_equal(dm_ustar_read(block, name, &size, NULL), 0);
    assert_string_equal(name, "statements/1.json");
    assert_int_equal(size, 12345);
}

/* There is one head for a name and a size: no byte of it may be another. */
static void every_byte_matters(void **state)
{
    (void)state;
    char block[DM_USTAR_BLOCK], name[DM_USTAR_NAME];
    uint64_t size;
    assert_int_equal(dm_ustar_head("a", 1, block, NULL), 0);
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] ^= 1;
        assert_int_equal(dm_ustar_read(block, name, &size, NULL), DM_E_CORRUPT);
        block[i] ^= 1;
    }
    assert_int_equal(dm_ustar_read(block, name, &size, NULL), 0);
}

static void what_has_no_head(void **state)
{
    (void)state;
    char block[DM_USTAR_BLOCK], name[DM_USTAR_NAME + 1];
    memset(name, 'a', sizeof(name));
    name[DM_USTAR_NAME] = '\0';
    assert_int_equal(dm_ustar_head(name, 1, block, NULL), DM_E_LIMIT);
    name[DM_USTAR_NAME - 1] = '\0';
    assert_int_equal(dm_ustar_head(name, 1, block, NULL), 0);
    assert_int_equal(dm_ustar_head("a", UINT64_C(1) << 33, block, NULL), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(there_and_back), cmocka_unit_test(every_byte_matters), cmocka_unit_test(what_has_no_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
