#include "metering/export/say.h"

#include "metering/rules/invoice.h"
#include "metering/rules/rate.h"

dm_str dm_say_sku(dm_str sku)
{
    static const char *const words[DM_SKU_COUNT] = {
            [DM_SKU_DISK_HIB] = "Disk, asleep",
            [DM_SKU_DISK_RUN_OVER_30] = "Disk over 30 GiB, running",
            [DM_SKU_MEM_RUN] = "Memory, running",
            [DM_SKU_MINUTES] = "Running minutes",
            [DM_SKU_SNAPSHOT] = "Snapshots",
            [DM_SKU_VCPU_RUN] = "vCPU, running",
    };
    dm_sku which;
    if (dm_str_eq_c(sku, DM_INVOICE_COMMITMENT))
        return DM_STR("Short of the contract's monthly least");
    return dm_sku_parse(sku, &which, NULL) == 0 ? dm_str_c(words[which]) : sku;
}

void dm_say_trim(char *figure, size_t keep)
{
    char *point = strchr(figure, '.');
    if (point == NULL)
        return;
    char *end = figure + strlen(figure);
    while (end > point + 1 + keep && end[-1] == '0')
        *--end = '\0';
    if (end == point + 1)
        *point = '\0';
}
