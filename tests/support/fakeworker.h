/* tests/support/fakeworker.h: a worker that only pretends. It keeps sandboxes as a worker would (state, epoch), answers
 * orders by their protocol, and misbehaves as it is told. Thread-safe. */
#ifndef DM_TESTS_SUPPORT_FAKEWORKER_H
#define DM_TESTS_SUPPORT_FAKEWORKER_H

#include "base/http.h"
#include "base/wire/worker.h"

typedef struct dm_fakeworker dm_fakeworker;

enum { DM_FAKE_IMAGE_MIB = 100 }; /* what each of its sleepers takes */

int dm_fakeworker_start(const char *socket, dm_fakeworker **out, dm_err *err) DM_NODISCARD;
void dm_fakeworker_free(dm_fakeworker *f);
DM_DEFINE_FREEP(dm_fakeworker)

/* The next n orders of that verb ("start", "pause", "resume", "kill", "deadline", "usage", "look",
 * "claim", "copy", "release") are refused. */
void dm_fakeworker_refuse(dm_fakeworker *f, const char *verb, int status, unsigned n);
/* The next n wakes are not answered by their guests: each sleeps again. */
void dm_fakeworker_mute(dm_fakeworker *f, unsigned n);
/* An operator drains it, or no more: wakes are refused as such, and starts as for want of room. */
void dm_fakeworker_drain(dm_fakeworker *f, bool drained);
/* Orders of that verb wait, carried out no further than that they have come, until they are released. */
void dm_fakeworker_hold(dm_fakeworker *f, const char *verb);
void dm_fakeworker_release(dm_fakeworker *f, const char *verb);
/* Waits until so many orders of that verb have come since the beginning; false: not within ten seconds. */
bool dm_fakeworker_await(dm_fakeworker *f, const char *verb, unsigned n) DM_NODISCARD;
/* The next n orders of that verb are carried out, and answered with what is no answer. */
void dm_fakeworker_garble(dm_fakeworker *f, const char *verb, unsigned n);
/* Hears nobody, or again; it keeps what it holds. */
void dm_fakeworker_away(dm_fakeworker *f, bool away);
/* How many orders of that verb have come. */
unsigned dm_fakeworker_count(dm_fakeworker *f, const char *verb);
/* What is held: "running", "asleep" or "" for nothing; its epoch and deadline. */
const char *dm_fakeworker_state(dm_fakeworker *f, const char *sandbox, int64_t *epoch, int64_t *end_us);
/* Whether somebody has been given it, as far as the worker has heard. */
bool dm_fakeworker_claimed(dm_fakeworker *f, const char *sandbox);
/* The last admission's member of that name, as text; "" when there was none. */
void dm_fakeworker_admitted(dm_fakeworker *f, const char *member, char *out, size_t cap);

#endif
