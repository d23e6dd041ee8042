/* workers/guest/self/boot.h: what process 1 does before it is an agent: mounts, modules, drives, network, and the
 * change into the sandbox's own root. The agent's program stays behind in the initramfs, of which nothing is seen from
 * the new root. */
#ifndef DM_WORKERS_GUEST_SELF_BOOT_H
#define DM_WORKERS_GUEST_SELF_BOOT_H

#include "base/str.h"

typedef struct dm_machine {
    int port;     /* the control port, non-blocking */
    int old_root; /* the initramfs, of which no path leads to it any more; held open for life */
} dm_machine;

/* On failure the message says what is missing, for the console. */
int dm_boot(dm_machine *out, dm_err *err) DM_NODISCARD;

/* A line on the console. */
void dm_boot_say(const char *words, const char *more);

/* Ends the machine. Does not return. */
void dm_boot_power_off(void) __attribute__((noreturn));

/* boot_net.c */
int dm_boot_network(dm_err *err) DM_NODISCARD;

/* This machine is another one than its memory says: new numbers for the machine (/etc/machine-id, where there is one)
 * and for its boot. The kernel keeps the latter for good: programs that read it are shown a file. What fails is left.
 */
void dm_boot_numbers(void);

/* The name in the kernel, /etc/hostname and /etc/hosts. */
int dm_boot_hostname(const char *name, dm_err *err) DM_NODISCARD;

#endif
