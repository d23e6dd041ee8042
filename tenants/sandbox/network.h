/* tenants/sandbox/network.h: what a sandbox's network may do, as its owner asked for it at create and as its row keeps
 * it: a JSON object whose members are E2B's, since E2B's clients get it back as they gave it. Nobody else looks into
 * that object. */
#ifndef DM_TENANTS_SANDBOX_NETWORK_H
#define DM_TENANTS_SANDBOX_NETWORK_H

#include "base/buf.h"
#include "base/json.h"

#include "tenants/limits.h"

enum {
    DM_NETWORK_NOT_OFFERED = 1, /* a member that would change what the client gets */
    DM_NETWORK_SOME,            /* it denies some destinations: all or nothing is offered */
    DM_NETWORK_BAD_MASK,        /* maskRequestHost is not host[:port] */
};

typedef struct dm_network {
    bool public;                    /* anybody may send it requests; else only with the traffic token */
    bool cut;                       /* nothing goes out */
    char mask[DM_NETWORK_MASK_MAX]; /* the host that the guest is to see; "" : as asked */
} dm_network;

/* asked (NULL: nothing) into the text that the row keeps, which the caller frees, and what it means. 0 or an outcome;
 * DM_E_INVALID for members of a wrong type. */
int dm_network_ask(const json_t *asked, dm_network *out, char **kept, dm_err *err) DM_NODISCARD;

/* What a row's text means. DM_E_INTERNAL when it cannot be read: then nobody is let in and nothing out. */
int dm_network_read(dm_str kept, dm_network *out, dm_err *err) DM_NODISCARD;

/* The mask with its ${PORT} filled in, or host where there is none. */
int dm_network_host(const dm_network *n, dm_str host, uint16_t port, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
