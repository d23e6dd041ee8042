/* tests/support/wire.h: the agent in this process, and a client beside it on the loopback: the loop is turned by hand
 * while the client waits, so one thread sees both sides. */
#ifndef DM_TESTS_SUPPORT_WIRE_H
#define DM_TESTS_SUPPORT_WIRE_H

#include "base/buf.h"
#include "base/loop.h"

#include "tests/unit/test.h"
#include "workers/guest/who/guest.h"

typedef struct wire {
    dm_loop *loop;
    dm_guest *g;
    char dir[32];
    dm_buf in; /* what the last call of wire_read got */
} wire;

int wire_set_up(void **state);
int wire_tear_down(void **state);
#define WIRE_TEST(name) cmocka_unit_test_setup_teardown(name, wire_set_up, wire_tear_down)

/* One round of the loop, which waits that long at most; rounds for that long. */
void wire_turn(wire *w, int64_t us);
void wire_turn_for(wire *w, int64_t us);

int wire_open(wire *w); /* connected; the caller's */
/* All of it, unless the agent closes. */
void wire_send(wire *w, int fd, const void *p, size_t n);

enum { WIRE_CLOSED = -1, WIRE_RESET = -2 };

/* Reads until the answer holds `until` (NULL: until the connection is closed), for ten seconds at most. 0, CLOSED or
 * RESET; the bytes are in w->in, behind what was there. */
int wire_read_more(wire *w, int fd, const char *until);
int wire_read(wire *w, int fd, const char *until); /* the same, of nothing before */

/* Of the answer that was read. */
int wire_status(const wire *w);
const char *wire_body(const wire *w);
/* In all that was read: envelopes hold NULs, where a string would end. */
bool wire_has(const wire *w, const char *words);

/* One request on a connection of its own, which it asks to be closed. head: everything behind the request line, lines
 * ending in "\r\n"; Host and, with a body, Content-Length are added. */
int wire_ask(wire *w, const char *line, const char *head, const void *body, size_t n);

/* A unary call; its status. */
int wire_unary(wire *w, const char *method, const char *json);

void wire_frame(dm_buf *b, const char *json); /* an envelope */
/* Opens a stream and leaves it open. */
int wire_stream(wire *w, const char *method, const char *head, const char *json);

/* The payloads of a chunked or whole stream answer, each behind its flags, cut at the end frame: "0:{..}2:{}". */
const char *wire_frames(wire *w, dm_buf *out);

/* A whole stream, and its frames. */
const char *wire_run(wire *w, const char *method, const char *head, const char *json, dm_buf *out);

#define assert_has(text, words)                                                                                        \
    do {                                                                                                               \
        const char *text_ = (text);                                                                                    \
        if (strstr(text_, (words)) == NULL)                                                                            \
            fail_msg("no \"%s\" in: %s", (words), text_);                                                              \
    } while (0)

#define assert_lacks(text, words)                                                                                      \
    do {                                                                                                               \
        const char *text_ = (text);                                                                                    \
        if (strstr(text_, (words)) != NULL)                                                                            \
            fail_msg("there is \"%s\" in: %s", (words), text_);                                                        \
    } while (0)

#endif
