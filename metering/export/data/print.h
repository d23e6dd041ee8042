/* metering/export/data/print.h: an invoice or credit note as PDF, UBL or CII, by dormouse-print, which is started for
 * each: it is confined, has limits, and knows nothing but the bytes it is given. */
#ifndef DM_METERING_EXPORT_DATA_PRINT_H
#define DM_METERING_EXPORT_DATA_PRINT_H

#include "base/str.h"

typedef struct dm_print {
    const char *program; /* path of dormouse-print */
    const char *folder;  /* where a file without a name may be made */
    /* While it waits, some times a second; other than 0: the program is ended, and that is returned. */
    int (*beat)(void *arg, dm_err *err);
    void *arg;
} dm_print;

bool dm_print_knows(dm_str format);
/* Into the file `to`, which is empty. DM_E_INVALID: the program said that it cannot; err has its words. */
int dm_print_run(const dm_print *p, const char *format, dm_str body, int to, dm_err *err) DM_NODISCARD;

#endif
