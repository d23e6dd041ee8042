/* workers/store/digest.h: what a file with holes holds, as a number: SHA-256 over its size and over each page that is
 * not zero, with its place. A hole and a page of zeros are the same; so is a copy, however its blocks lie. Blocking. */
#ifndef DM_WORKERS_STORE_DIGEST_H
#define DM_WORKERS_STORE_DIGEST_H

#include "base/crypto.h"

int dm_digest_file(int fd, dm_digest *out, dm_err *err) DM_NODISCARD;

#endif
