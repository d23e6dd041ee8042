#include "metering/export/say.h"

#include <stdio.h>

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

void dm_say_amount(const dm_invoice *v, dm_money m, char out[DM_MONEY_TEXT])
{
    if (dm_minor_print(m, v->decimals, out, NULL) < 0) /* doc.h: all that is reckoned is whole */
        out[0] = '\0';
}

void dm_say_rate(uint32_t ppm, char out[DM_MONEY_TEXT])
{
    (void)snprintf(out, DM_MONEY_TEXT, "%u.%04u", ppm / 10000, ppm % 10000);
    dm_say_trim(out, 0);
}
