#include "base/month.h"

#include <stdio.h>
#include <time.h>

#include "base/parse.h"

int dm_month_read(dm_str text, int64_t *from, int64_t *to)
{
    char day[32];
    int64_t year, month, us, next_us;
    if (text.n != 7 || text.p[4] != '-' || dm_parse_i64((dm_str){text.p, 4}, 1970, 9998, &year, NULL) < 0 ||
            dm_parse_i64((dm_str){text.p + 5, 2}, 1, 12, &month, NULL) < 0)
        return DM_E_INVALID;
    (void)snprintf(day, sizeof day, "%.7s-01T00:00:00Z", text.p);
    int r = dm_parse_rfc3339(dm_str_c(day), &us, NULL);
    (void)snprintf(day, sizeof day, "%04d-%02d-01T00:00:00Z", (int)(month == 12 ? year + 1 : year),
            (int)(month == 12 ? 1 : month + 1));
    if (r == 0)
        r = dm_parse_rfc3339(dm_str_c(day), &next_us, NULL);
    if (r < 0)
        return DM_E_INVALID;
    *from = us / 1000000;
    *to = next_us / 1000000;
    return 0;
}

void dm_month_around(int64_t second, int64_t *from, int64_t *to)
{
    const time_t at = (time_t)second;
    struct tm t = {0};
    (void)gmtime_r(&at, &t);
    struct tm first = {.tm_year = t.tm_year, .tm_mon = t.tm_mon, .tm_mday = 1};
    struct tm next = {.tm_year = t.tm_year, .tm_mon = t.tm_mon + 1, .tm_mday = 1};
    *from = timegm(&first);
    *to = timegm(&next);
}
