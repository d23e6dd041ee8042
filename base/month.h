/* base/month.h: months of UTC, as clients name them: "2026-03". */
#ifndef DM_BASE_MONTH_H
#define DM_BASE_MONTH_H

#include "base/str.h"

/* The seconds in which it begins and ends; DM_E_INVALID, without words: it is none. */
int dm_month_read(dm_str text, int64_t *from, int64_t *to) DM_NODISCARD;
/* Of the month in which that second lies, from 1970 on. */
void dm_month_around(int64_t second, int64_t *from, int64_t *to);

#endif
