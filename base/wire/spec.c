#include "base/wire/spec.h"

#include "base/parse.h"

/* Version 1 (promises.md, section 2). The migrations hold the same rows for the database. */
static const dm_spec table1[] = {
        {1, 1, 1, 256},
        {1, 2, 1, 512},
        {1, 3, 1, 1024},
        {1, 4, 1, 2048},
        {1, 5, 1, 4096},
        {1, 6, 2, 512},
        {1, 7, 2, 1024},
        {1, 8, 2, 2048},
        {1, 9, 2, 4096},
        {1, 10, 2, 8192},
        {1, 11, 4, 1024},
        {1, 12, 4, 2048},
        {1, 13, 4, 4096},
        {1, 14, 4, 8192},
        {1, 15, 4, 16384},
        {1, 16, 8, 2048},
        {1, 17, 8, 4096},
        {1, 18, 8, 8192},
        {1, 19, 8, 16384},
};

const dm_spec *dm_spec_get(uint16_t table, uint16_t no)
{
    if (table != DM_SPEC_TABLE || no == 0 || no > DM_LEN(table1))
        return NULL;
    return &table1[no - 1];
}

size_t dm_spec_count(uint16_t table)
{
    return table == DM_SPEC_TABLE ? DM_LEN(table1) : 0;
}

int dm_spec_adjust(uint32_t vcpus, uint32_t mem_mib, const dm_spec **out)
{
    /* The table is ordered by vCPU, then memory, and both prices are positive: among the rows that cover, the first
     * one with the fewest vCPUs is also the cheapest of them, because a row with more vCPUs has no less memory than
     * the smallest that covers. */
    for (size_t i = 0; i < DM_LEN(table1); i++) {
        if (table1[i].vcpus >= vcpus && table1[i].mem_mib >= mem_mib) {
            *out = &table1[i];
            return 0;
        }
    }
    return DM_SPEC_TOO_LARGE;
}

int dm_spec_parse(dm_str tag, uint32_t *vcpus, uint32_t *mem_mib, dm_err *err)
{
    dm_str rest = tag, cpu;
    uint64_t n, size;
    if (!dm_str_split(&rest, 'c', &cpu) || rest.n < 2 || dm_parse_u64(cpu, 1, 64, &n, NULL) != 0)
        return dm_fail(err, DM_E_INVALID, "not a size: want <vCPU>c<size>g or <vCPU>c<size>m");
    char unit = rest.p[rest.n - 1];
    dm_str digits = {rest.p, rest.n - 1};
    if ((unit != 'g' && unit != 'm') || dm_parse_u64(digits, 1, 1024 * 1024, &size, NULL) != 0)
        return dm_fail(err, DM_E_INVALID, "not a size: want <vCPU>c<size>g or <vCPU>c<size>m");
    if (unit == 'g')
        size *= 1024;
    if (size > 1024 * 1024)
        return dm_fail(err, DM_E_INVALID, "a size above 1024 GiB");
    *vcpus = (uint32_t)n;
    *mem_mib = (uint32_t)size;
    return 0;
}
