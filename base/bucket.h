/* base/bucket.h: a bucket of somebody else's that speaks S3: files are put there, over libcurl, which signs each
 * request (AWS Signature Version 4). Where it is, a customer says: so it is asked over https alone, at an address of
 * the public internet alone, whatever its name resolves to at that moment, and no redirect is followed. */
#ifndef DM_BASE_BUCKET_H
#define DM_BASE_BUCKET_H

#include <sys/socket.h>

#include "base/str.h"

enum { DM_BUCKET_STOPPED = 1 };            /* beat said so */
enum { DM_BUCKET_PUT_MAX_MIB = 5 * 1024 }; /* what one put may be, as S3 has it */

typedef struct dm_bucket {
    const char *endpoint; /* "https://s3.eu-central-1.amazonaws.com"; the bucket's name is put behind it */
    const char *region, *name, *key_id, *secret;
    bool loopback; /* this machine may be asked, and over http, too: for tests */
} dm_bucket;

typedef struct dm_bucket_object {
    const char *name, *media;
    int fd; /* read from its beginning; -1: text is what is put */
    dm_str text;
    uint64_t bytes;
    const char *sha256;     /* of the bytes, in hex */
    int (*beat)(void *arg); /* now and then; other than 0: it is given up */
    void *arg;
} dm_bucket_object;

/* Whether that can be an endpoint, a region, a bucket's name, or an object's. DM_E_INVALID says what may. */
int dm_bucket_endpoint_ok(const char *endpoint, bool loopback, dm_err *err) DM_NODISCARD;
bool dm_bucket_region_ok(dm_str region), dm_bucket_name_ok(dm_str name), dm_bucket_object_ok(dm_str name);

/* Whether an address is one of the public internet, and not of this machine. */
bool dm_bucket_address_ok(const struct sockaddr *address, bool loopback);

/* One put, whole or not at all; again, it is the same object. 0, DM_BUCKET_STOPPED; DM_E_DENIED: the bucket refused it,
 * DM_E_UNAVAILABLE: it could not be reached or did not take it. err is for whose bucket it is, too. */
int dm_bucket_put(const dm_bucket *b, const dm_bucket_object *o, dm_err *err) DM_NODISCARD;

#endif
