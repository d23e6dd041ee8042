/* api/post/post.h: sends the letters that wait (dm.mail), from any number of replicas: each takes one at a time, and
 * what one has taken no other takes while it may still be sending.
 *
 * A letter is sent once for its cause, but for one case that nobody can close: a process that dies, or loses the
 * database, after the relay has said 250 and before that is written down. Its letter is sent again when the lease is
 * over. Both have the same Message-ID, made of the cause, by which relays and mailboxes that look for doubles know it.
 */
#ifndef DM_API_POST_POST_H
#define DM_API_POST_POST_H

#include "base/smtp.h"

#include "api/kit/api.h"

/* A lease is longer than all that a sender does with a letter. */
enum { DM_POST_LEASE_S = 300, DM_POST_TIMEOUT_MS = 15000, DM_POST_AT_ONCE = 50 };

typedef struct dm_post {
    dm_api *api;
    dm_smtp_config relay; /* url "": there is none, and letters stay where they are */
    const char *from;
    char password[256];
} dm_post;

/* The relay of api's settings; reads the password's file. DM_E_INVALID: mail_from is no address. */
int dm_post_open(dm_api *api, dm_post *out, dm_err *err) DM_NODISCARD;
void dm_post_close(dm_post *p); /* wipes it */

/* At most DM_POST_AT_ONCE of what waits now. *sent: how many left. A letter that fails is logged and waits; a failure
 * is the database's. Blocks. */
int dm_post_round(dm_post *p, unsigned *sent, dm_err *err) DM_NODISCARD;

#endif
