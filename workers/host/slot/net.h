/* workers/host/slot/net.h: what slots ask of the kernel: tools run with a script on their standard input, work done
 * inside a network namespace, sockets destroyed by address. Blocking, each call bounded in time. */
#ifndef DM_WORKERS_HOST_SLOT_NET_H
#define DM_WORKERS_HOST_SLOT_NET_H

#include <stdint.h>

#include "base/str.h"

/* Runs argv (ends in NULL, argv[0] a path) with script on standard input, in the network namespace of the calling
 * thread, for ten seconds at most. A failure has the tool's first words. */
int dm_net_run(const char *const *argv, dm_str script, dm_err *err) DM_NODISCARD;

/* fn runs on a thread of its own that has entered /run/netns/NAME: a thread is in one namespace, and ours are to stay.
 */
typedef int (*dm_net_fn)(void *arg, dm_err *err);
int dm_net_within(const char *netns, dm_net_fn fn, void *arg, dm_err *err) DM_NODISCARD;

/* Writes a value below /proc/sys/net of the calling thread's namespace, unless it is there. */
int dm_net_sysctl(const char *name, const char *value, dm_err *err) DM_NODISCARD;

/* Opens a persistent tap of that name; DM_NET_BUSY when another process has it open. Not blocking. */
enum { DM_NET_BUSY = 1 };
int dm_net_tap(const char *name, int *out, dm_err *err) DM_NODISCARD;

/* An interface of the calling thread's namespace, up or down. */
int dm_net_link(const char *name, bool up, dm_err *err) DM_NODISCARD;
/* Who is behind it, for good. */
int dm_net_neighbour(const char *name, const char *ipv4, const uint8_t mac[6], dm_err *err) DM_NODISCARD;

/* Resets every TCP connection of the calling thread's namespace whose peer is that IPv4 address (network order). */
int dm_net_destroy_sockets(uint32_t peer, dm_err *err) DM_NODISCARD;
/* Forgets every connection that the calling thread's namespace tracks. */
int dm_net_flush_conntrack(dm_err *err) DM_NODISCARD;
/* Those that came from that IPv4 address (network order): in one go, or, as older kernels want it, each by name. */
int dm_net_forget(uint32_t source, dm_err *err) DM_NODISCARD;
int dm_net_forget_each(uint32_t source, dm_err *err) DM_NODISCARD;

#endif
