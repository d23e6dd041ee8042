/* base/http_route.h: one request and its answer, without a socket: what http.c, dm_http_call, the tests and the fuzz
 * target share. Nothing here is for a handler; handlers include base/http.h alone.
 *
 * An exchange is opened from the bytes of a request's head, which are copied: a handler that answers late may outlive
 * the connection. Opening already picks the route, so that a refusal (404, 405, 400, 431) or a redirect (308) is known
 * before a byte of the body has been read. */
#ifndef DM_BASE_HTTP_ROUTE_H
#define DM_BASE_HTTP_ROUTE_H

#include "base/http.h"

enum { DM_ROUTE_SEGMENTS_MAX = 16, DM_TARGET_MAX = 16 << 10, DM_ALLOW_MAX = 96 };

typedef struct dm_exchange {
    dm_req req; /* first: a dm_req is cast back to its exchange here and nowhere else */
    const dm_http_config *config;
    dm_buf text; /* what req's strings point into */
    int refused; /* the status of an answer that is given without asking a handler, or 0 */
    dm_err why;  /* set when refused */
    char allow[DM_ALLOW_MAX];
    dm_str location;                                               /* of a 308; in text */
    bool gated;                                                    /* the gate has let it pass: ungate is due */
    void (*done)(struct dm_exchange *x, int r, const dm_err *err); /* the owner's side of dm_req_done */
    /* And of dm_req_stream; NULL: there is no connection. */
    int (*stream)(struct dm_exchange *x, size_t max, dm_stream **out, dm_err *err);
    int fd;                             /* the client's socket, while the handler has the request; -1: there is none */
    void (*sent)(void *arg, bool sent); /* asked for by the handler; NULL: told, or nobody asked */
    void *sent_arg;
} dm_exchange;

/* DM_E_INVALID for a table that cannot work: too many parameters, no handler, the same route twice. */
int dm_routes_check(const dm_route *routes, size_t n, dm_err *err) DM_NODISCARD;

/* n may be more than DM_HTTP_HEADERS_MAX: that is refused with 431. Fails only for want of memory; x is closed with
 * dm_exchange_close in each case. config is borrowed. */
int dm_exchange_open(dm_exchange *x, const dm_http_config *config, uint64_t id, dm_str method, dm_str target,
        const dm_pair *headers, size_t n, dm_err *err) DM_NODISCARD;
void dm_exchange_close(dm_exchange *x);

/* What a GET brings along means nothing: it is read and dropped. */
bool dm_exchange_no_body(const dm_exchange *x);

void dm_exchange_refuse(dm_exchange *x, int status, int code, const char *fmt, ...) DM_PRINTF(4, 5);

/* Gate and handler. What is returned is for dm_exchange_answer, but DM_HTTP_LATER: then x may be gone already. */
int dm_exchange_run(dm_exchange *x, dm_err *err) DM_NODISCARD;

/* Makes the reply whole: status, error body, finish; releases auth; counts and logs. Once. */
void dm_exchange_answer(dm_exchange *x, int r, const dm_err *err);

/* Tells whoever asked what became of the answer. Once. */
void dm_exchange_sent(dm_exchange *x, bool sent);

/* Nobody is there to read an answer: releases auth only. */
void dm_exchange_drop(dm_exchange *x);

#endif
