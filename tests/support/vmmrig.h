/* tests/support/vmmrig.h: a loop that is pumped until something is so, a pair of sockets with one end in the hands of
 * the test, and a folder of the test's own. */
#ifndef DM_TESTS_SUPPORT_VMMRIG_H
#define DM_TESTS_SUPPORT_VMMRIG_H

#include "base/loop.h"

#include "tests/unit/test.h"

typedef struct rig {
    dm_loop *loop;
    int peer; /* the other end of the socket */
    int ours; /* until it is given away */
    char dir[64];
} rig;

int rig_open(void **state);
int rig_close(void **state);

/* A fresh pair of sockets; what is left of the one before is closed. */
void rig_connect(rig *g);

/* The loop runs until *flag is at least n, or the test has failed; for that long. */
void rig_until(rig *g, const unsigned *flag, unsigned n);
void rig_pump(rig *g, int64_t us);

/* Said and heard at the peer's end. */
void rig_say(rig *g, const char *text);
/* What came, up to a newline; the loop runs meanwhile. */
void rig_hear(rig *g, char *out, size_t room);

unsigned rig_fds(void); /* how many are open */
/* A path in the test's folder. */
const char *rig_path(const rig *g, const char *name, char out[128]);

#endif
