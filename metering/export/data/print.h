/* metering/export/data/print.h: an invoice or credit note as PDF, UBL or CII, or a statement as PDF, by dormouse-print,
 * which is started for each: it is confined, has limits, and knows nothing but the bytes it is given. */
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
/* A file that nobody else sees, and that is gone with its last descriptor; the caller's. */
int dm_print_paper(const char *folder, int *out, dm_err *err) DM_NODISCARD;
/* What stands in the file `in`, from its beginning, into the file `to`, which is empty. DM_E_INVALID: the program said
 * that it cannot; err has its words. */
int dm_print_run(const dm_print *p, const char *format, int in, int to, dm_err *err) DM_NODISCARD;

#endif
