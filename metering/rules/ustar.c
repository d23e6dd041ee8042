#include "metering/rules/ustar.h"

#include <stdio.h>

typedef struct head {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2];
    char user[32], group[32], major[8], minor[8], prefix[155], rest[12];
} head;
_Static_assert(sizeof(head) == DM_USTAR_BLOCK, "a head is a block");

/* The sum is over the head with blanks in the sum's place. */
int dm_ustar_head(const char *name, uint64_t size, char out[DM_USTAR_BLOCK], dm_err *err)
{
    head h = {.mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0'};
    unsigned sum = 0;
    if (size >> 33 != 0)
        return dm_fail(err, DM_E_LIMIT, "a file of %llu bytes", (unsigned long long)size);
    int r = dm_str_to_array(dm_str_c(name), h.name, sizeof(h.name), err);
    if (r < 0)
        return r;
    (void)snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size);
    memcpy(h.magic, "ustar", sizeof(h.magic));
    memset(h.version, '0', sizeof(h.version));
    memset(h.sum, ' ', sizeof(h.sum));
    for (size_t i = 0; i < sizeof(h); i++)
        sum += ((const unsigned char *)&h)[i];
    (void)snprintf(h.sum, sizeof(h.sum), "%06o", sum & 0777777);
    h.sum[7] = ' ';
    memcpy(out, &h, sizeof(h));
    return 0;
}

int dm_ustar_read(const char block[DM_USTAR_BLOCK], char name[DM_USTAR_NAME], uint64_t *size, dm_err *err)
{
    head h;
    char want[DM_USTAR_BLOCK];
    uint64_t n = 0;
    memcpy(&h, block, sizeof(h));
    if (memchr(h.name, '\0', sizeof(h.name)) == NULL || h.name[0] == '\0')
        return dm_fail(err, DM_E_CORRUPT, "a file without a name");
    for (size_t i = 0; i < 11; i++) {
        if (h.size[i] < '0' || h.size[i] > '7')
            return dm_fail(err, DM_E_CORRUPT, "a file without a size");
        n = n << 3 | (uint64_t)(h.size[i] - '0');
    }
    if (dm_ustar_head(h.name, n, want, err) < 0 || memcmp(want, block, sizeof(want)) != 0)
        return dm_fail(err, DM_E_CORRUPT, "the head of a file is damaged");
    memcpy(name, h.name, sizeof(h.name));
    *size = n;
    return 0;
}
