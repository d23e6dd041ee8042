/* api/door/signers.h: whose token signed a file URL that names no sandbox (contract 1.6: found by trying). The tokens
 * of the sandboxes that may be meant are kept in clear, newest change first, and asked of the database only by what
 * changed since; each is worth one SHA-256 of some hundred bytes, however long the path.
 *
 * Bounds. At least the DM_SIGNERS_TAKEN newest candidates are examined, at most DM_SIGNERS_MAX: 2 MiB of memory and
 * ten milliseconds a request. One request searches at a time, so that guessing costs at most one core of a replica;
 * DM_SIGNERS_WAITING may stand in line, the rest is told to come again. A link that was opened before is tried at its
 * owner first. Thread-safe. */
#ifndef DM_API_DOOR_SIGNERS_H
#define DM_API_DOOR_SIGNERS_H

#include "base/clock.h"
#include "base/pg.h"
#include "base/wire/id.h"

#include "api/door/signed.h"
#include "api/limits.h"
#include "tenants/who/secret.h"

enum { DM_SIGNERS_NONE = 1, DM_SIGNERS_BUSY = 2 };

typedef struct dm_signers dm_signers;

/* All borrowed. */
int dm_signers_new(
        dm_pg_pool *db, const dm_master *master, const dm_clock *clock, dm_signers **out, dm_err *err) DM_NODISCARD;
void dm_signers_free(dm_signers *s); /* wipes it */
DM_DEFINE_FREEP(dm_signers)

/* 0, NONE or BUSY. May wait for the database: not on a thread of the server. That it was found says nothing about its
 * state, which may have changed since. */
int dm_signers_find(dm_signers *s, dm_signed *url, dm_sandbox_id *out, dm_err *err) DM_NODISCARD;

#endif
