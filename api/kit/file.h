/* api/kit/file.h: a finished file as an answer, whole or in part, so that a download that broke off goes on where it
 * was: Range with one part, If-Range and If-None-Match by the file's tag, which is its SHA-256 (RFC 9110, 13 and 14).
 */
#ifndef DM_API_KIT_FILE_H
#define DM_API_KIT_FILE_H

#include "base/http.h"

typedef struct dm_file_answer {
    const char *folder, *file; /* a plain file in that folder: whoever else writes its name names nothing outside */
    const char *media;
    const char *name; /* it is saved as; of letters, digits, '.', '-' and '_' */
    dm_str tag;       /* hex */
} dm_file_answer;

enum {
    DM_FILE_GONE = 1,
    DM_FILE_RANGE
}; /* there is none; no byte of it is in the range, which is answered by headers */

/* 0: answered. */
int dm_file_answer_it(dm_req *req, const dm_file_answer *f, dm_err *err) DM_NODISCARD;

/* What a Range header asks of a file of that size. DM_RANGE_ALL: nothing, or nothing that is known here, or more than
 * one part, which is answered with the whole; DM_RANGE_NONE: no byte of it. */
typedef enum dm_range { DM_RANGE_ALL, DM_RANGE_PART, DM_RANGE_NONE } dm_range;
dm_range dm_range_read(dm_str header, uint64_t size, uint64_t *at, uint64_t *n);

#endif
