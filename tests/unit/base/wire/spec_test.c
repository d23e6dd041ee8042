#include "base/wire/spec.h"

#include "tests/unit/test.h"

/* promises.md, section 2. */
static const struct {
    uint32_t vcpus, mem_mib[5];
} promised[] = {
        {1, {256, 512, 1024, 2048, 4096}},
        {2, {512, 1024, 2048, 4096, 8192}},
        {4, {1024, 2048, 4096, 8192, 16384}},
        {8, {2048, 4096, 8192, 16384, 0}},
};

static void the_table_is_the_promised_one(void **state)
{
    (void)state;
    uint16_t no = 0;
    for (size_t i = 0; i < DM_LEN(promised); i++) {
        for (size_t j = 0; j < 5 && promised[i].mem_mib[j] != 0; j++) {
            const dm_spec *s = dm_spec_get(DM_SPEC_TABLE, ++no);
            assert_non_null(s);
            assert_int_equal(s->table, DM_SPEC_TABLE);
            assert_int_equal(s->no, no);
            assert_int_equal(s->vcpus, promised[i].vcpus);
            assert_int_equal(s->mem_mib, promised[i].mem_mib[j]);
        }
    }
    assert_int_equal(dm_spec_count(DM_SPEC_TABLE), no);
    assert_null(dm_spec_get(DM_SPEC_TABLE, 0));
    assert_null(dm_spec_get(DM_SPEC_TABLE, (uint16_t)(no + 1)));
    assert_null(dm_spec_get(DM_SPEC_TABLE + 1, 1));
    assert_int_equal(dm_spec_count(DM_SPEC_TABLE + 1), 0);
}

/* What covers with the smallest cost, found the slow way, with the prices of both regions. */
static const dm_spec *cheapest(uint32_t vcpus, uint32_t mem_mib, uint64_t vcpu_price, uint64_t gib_price)
{
    const dm_spec *best = NULL;
    uint64_t best_cost = UINT64_MAX;
    for (uint16_t no = 1; no <= dm_spec_count(DM_SPEC_TABLE); no++) {
        const dm_spec *s = dm_spec_get(DM_SPEC_TABLE, no);
        uint64_t cost = s->vcpus * vcpu_price * 1024 + s->mem_mib * gib_price;
        if (s->vcpus >= vcpus && s->mem_mib >= mem_mib && cost < best_cost) {
            best = s;
            best_cost = cost;
        }
    }
    return best;
}

static void adjusting_never_rounds_down_and_takes_the_cheapest(void **state)
{
    (void)state;
    for (uint32_t vcpus = 0; vcpus <= 9; vcpus++) {
        for (uint32_t mem = 0; mem <= 17000; mem += 125) {
            const dm_spec *s = NULL, *mainland = cheapest(vcpus, mem, 21700000, 10830000);
            int r = dm_spec_adjust(vcpus, mem, &s);
            if (mainland == NULL) {
                assert_int_equal(r, DM_SPEC_TOO_LARGE);
                assert_null(s);
                continue;
            }
            assert_int_equal(r, 0);
            assert_ptr_equal(s, mainland);
            assert_ptr_equal(s, cheapest(vcpus, mem, 34200000, 17110000));
        }
    }
}

static void the_shape_of_a_virtual_tag(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        uint32_t vcpus, mem_mib;
    } good[] = {
            {"2c1g", 2, 1024}, {"4c4g", 4, 4096}, {"1c256m", 1, 256}, {"8c16g", 8, 16384}, {"64c1024g", 64, 1048576}};
    static const char *const bad[] = {"", "c", "2c", "2c1", "c1g", "2cg", "2c1k", "2c1G", "2C1g", "02x1g", "2c-1g",
            "2c1gg", "0c1g", "2c0g", "65c1g", "2c1025g", "2c1048577m", "2c99999999999999999999g", "v2-2c1g", " 2c1g",
            "2c1g "};
    for (size_t i = 0; i < DM_LEN(good); i++) {
        uint32_t vcpus = 0, mem = 0;
        assert_int_equal(dm_spec_parse(dm_str_c(good[i].tag), &vcpus, &mem, NULL), 0);
        assert_int_equal(vcpus, good[i].vcpus);
        assert_int_equal(mem, good[i].mem_mib);
    }
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        uint32_t vcpus = 77, mem = 77;
        dm_err err = {0};
        if (dm_spec_parse(dm_str_c(bad[i]), &vcpus, &mem, &err) != DM_E_INVALID)
            fail_msg("'%s' was taken for a size", bad[i]);
        assert_int_equal(vcpus, 77);
        assert_int_equal(mem, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_table_is_the_promised_one),
            cmocka_unit_test(adjusting_never_rounds_down_and_takes_the_cheapest),
            cmocka_unit_test(the_shape_of_a_virtual_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
