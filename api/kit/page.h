/* api/kit/page.h: limit, nextToken and X-Next-Token; in our own routes limit, cursor and the member "next". A token is
 * base64url of "order:microseconds:id": opaque to clients, and nothing to us but two parameters of a query, so it needs
 * no seal. */
#ifndef DM_API_KIT_PAGE_H
#define DM_API_KIT_PAGE_H

#include "base/http.h"

#include "api/limits.h"

typedef struct dm_page {
    int64_t limit;
    bool from;  /* a token was given: */
    int64_t us; /* where it stands */
    char id[DM_PAGE_ID_MAX];
} dm_page;

/* order is one letter that stands in the token: one given out for another order is DM_E_INVALID. */
int dm_page_read(const dm_req *req, char order, dm_page *out, dm_err *err) DM_NODISCARD;
/* The same of a list whose pages have `most` rows unless a limit says fewer. */
int dm_page_read_most(const dm_req *req, char order, int64_t most, dm_page *out, dm_err *err) DM_NODISCARD;
/* The same of a list of ours, whose parameter is called cursor, and which has `usual` rows where no limit says more. */
int dm_page_read_own(
        const dm_req *req, char order, int64_t usual, int64_t most, dm_page *out, dm_err *err) DM_NODISCARD;
/* The token of what comes after (us, id), appended to out: for lists that name it in their body. */
int dm_page_token(dm_buf *out, char order, int64_t us, dm_str id, dm_err *err) DM_NODISCARD;
/* The same as the header X-Next-Token. */
int dm_page_next(dm_req *req, char order, int64_t us, dm_str id, dm_err *err) DM_NODISCARD;

#endif
