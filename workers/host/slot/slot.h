/* workers/host/slot/slot.h: the network place of one microVM: a namespace with a tap (172.20.0.1/24, always the same
 * MACs), a veth uplink, and rule tables of its own. Slots are made once, reset on release, never churned. Guest:
 * always 172.20.0.2 / 02:00:00:00:00:02; frames that say something else go no further than the tap. What reaches the
 * slot's outer address on any TCP port reaches the guest. Blocking: call from a worker thread. */
#ifndef DM_WORKERS_HOST_SLOT_SLOT_H
#define DM_WORKERS_HOST_SLOT_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#include "workers/host/limits.h"
#include "workers/host/slot/policy.h"

/* What a guest may begin by itself, of each: 0 is as much as it likes. What answers a connection made from outside is
 * not counted, so a guest that has used up its share is still reached by its door. */
typedef struct dm_slot_limits {
    uint32_t flows;     /* at once */
    uint32_t flows_s;   /* new ones a second, with `flows` of them in one go */
    uint32_t packets_s; /* a second, and half a second's worth in one go */
    uint32_t mib_s;     /* bytes, likewise */
} dm_slot_limits;

/* Where slots are. prefix tells deployments on one host apart (1 to DM_SLOT_PREFIX_MAX of a-z0-9); base is the first
 * address of the /16 used, such as 10.77.0.0, from which slot no gets a /30. */
typedef struct dm_slot_site {
    const char *prefix, *base;
    dm_slot_limits limits;
} dm_slot_site;

typedef struct dm_slot {
    uint32_t no;      /* 0 to DM_SLOT_MAX - 1 */
    char netns[32];   /* dm-PREFIX-NO */
    char host_if[16]; /* dmPREFIXvNO */
    char address[16]; /* outer IPv4: what the door dials */
    int tap_fd;       /* tap0 of the namespace, opened once; -1 while another process has it open, which is the VM of
                         an earlier worker: the reset after its end opens it */
    dm_slot_policy policy; /* what its table says */
    bool down;             /* its tap is: nothing passes, either way */
    dm_slot_limits limits;
    bool fenced; /* frames and flows are bounded as said above; false: this kernel's nftables cannot, and the guest is
                    held by the rules of its table alone */
} dm_slot;

/* Makes what is missing, keeps what is right: also after a crash, and around a VM that lives in it. */
int dm_slot_open(
        const dm_slot_site *site, uint32_t no, const dm_slot_policy *policy, dm_slot *out, dm_err *err) DM_NODISCARD;
/* Makes an open slot ready for another guest: cuts every connection to the outer address (SOCK_DESTROY), forgets what
 * was under way (connections, here and on the host, and packets for a guest that is gone), and lets the table say what
 * policy says. */
int dm_slot_reset(dm_slot *s, const dm_slot_policy *policy, dm_err *err) DM_NODISCARD;
/* Its tap goes down, or comes up with all that an open slot has. A reset brings it up as well. */
int dm_slot_tap(dm_slot *s, bool up, dm_err *err) DM_NODISCARD;
/* Only the first half: what a kill does at once. */
int dm_slot_cut(const dm_slot *s, dm_err *err) DM_NODISCARD;
/* Byte counts of the uplink since it was made, as the guest sees them. */
int dm_slot_traffic(const dm_slot *s, uint64_t *in, uint64_t *out, dm_err *err) DM_NODISCARD;
void dm_slot_close(dm_slot *s);                                    /* keeps the namespace */
int dm_slot_destroy(const char *prefix, uint32_t no, dm_err *err); /* removes it */

#endif
