/* tests/support/eventsource.h: a reader of server-sent events on a unix socket, as a browser is one: it holds the
 * connection and takes what comes. Nothing of it sleeps; a wait ends with what is waited for, or fails the test. */
#ifndef DM_TESTS_SUPPORT_EVENTSOURCE_H
#define DM_TESTS_SUPPORT_EVENTSOURCE_H

#include "base/json.h"

typedef struct dm_eventsource {
    int fd;
    dm_buf heard;  /* raw, not yet taken apart */
    int status;    /* of the answer */
    char last[32]; /* id of the last event */
    char name[32]; /* of the last one taken */
    json_t *data;  /* its data */
} dm_eventsource;

/* header: a line of the request's own, "X-API-KEY: ...\r\n". Reads the head of the answer. */
void dm_eventsource_open(dm_eventsource *e, const char *socket, const char *target, const char *header);
void dm_eventsource_close(dm_eventsource *e);
/* The next event, at most wait_ms from now; false: none came, or it is over. */
bool dm_eventsource_next(dm_eventsource *e, int wait_ms);
/* Takes events until one is called so; false as above. */
bool dm_eventsource_until(dm_eventsource *e, const char *name, int wait_ms);
/* Whether it comes to an end within that time, whatever comes before. */
bool dm_eventsource_ends(dm_eventsource *e, int wait_ms);

#endif
