/* tenants/who/session.h: a sign-in and all that was refreshed from it, of a person or of an operator, and whether it
 * still goes on. */
#ifndef DM_TENANTS_WHO_SESSION_H
#define DM_TENANTS_WHO_SESSION_H

#include "base/clock.h"
#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_SESSION_NONE = 1, DM_SESSION_REUSED };

/* Who a session is. A value. */
typedef struct dm_signed_in {
    dm_person_no person; /* one of these two */
    dm_operator_no operator_;
    char session[DM_UUID_TEXT];
    char id[DM_UUID_TEXT];  /* the person's, or the operator's */
    char name[41];          /* the operator's; "" */
    bool ready;             /* an operator has a password of his own and a second factor; a person always is */
    int64_t proven_ago_us;  /* the second factor was shown so long before it was looked up; -1: never */
    int64_t proven_mono_us; /* the same on the monotonic clock, of dm_sessions_find alone; INT64_MIN: never */
} dm_signed_in;

/* --- whether it goes on: kept for a moment, thread-safe ----------------------------------------------------- */

typedef struct dm_sessions dm_sessions;

/* pool (role dm_who) and clock are borrowed. An answer is used for at most keep_ms, and not at all while nobody hears
 * of ends: NOTIFY dm_sessions, with the session's id, or "" for all. */
int dm_sessions_new(
        dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_sessions **out, dm_err *err) DM_NODISCARD;
void dm_sessions_free(dm_sessions *s);
DM_DEFINE_FREEP(dm_sessions)

/* 0 or DM_SESSION_NONE: there is none of that id, or it has ended. */
int dm_sessions_find(dm_sessions *s, const char *id, dm_signed_in *out, dm_err *err) DM_NODISCARD;
/* How long ago the second factor was shown in a session that was found; -1: never. */
int64_t dm_sessions_proven_ago_us(const dm_sessions *s, const dm_signed_in *in);
void dm_sessions_hear(dm_sessions *s, bool hears);
void dm_sessions_forget(dm_sessions *s, dm_str id);

/* --- rows (sql_session.c), as dm_who ------------------------------------------------------------------------ */

/* How long one may go on: seconds since it was refreshed last, and since it began. */
typedef struct dm_session_life {
    int64_t idle_s, max_s;
} dm_session_life;

typedef struct dm_session_new {
    dm_person_no person; /* one of these two, and the scope's */
    dm_operator_no operator_;
    bool proven;  /* the second factor was shown */
    dm_str agent; /* what the browser calls itself; cut where it is too long */
    dm_str address;
    dm_session_life life;
} dm_session_new;

/* Without a scope: what goes on. 0 or DM_SESSION_NONE. */
int dm_session_find(dm_pg *c, const char *id, dm_signed_in *out, dm_err *err) DM_NODISCARD;

/* In the scope of whose they are. Each end is heard of (NOTIFY). */
int dm_session_begin(dm_pg *c, const dm_session_new *n, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
/* The second factor was shown again. 0 or DM_SESSION_NONE. *at_us: when. */
int dm_session_prove(dm_pg *c, const char *id, int64_t *at_us, dm_err *err) DM_NODISCARD;
/* One turn on, from the one that the token names: *turn becomes the next. DM_SESSION_REUSED: an older token came, and
 * the session has ended (the caller commits: returns 0 to dm_pg_tx). DM_SESSION_NONE: it had ended before. */
int dm_session_turn(dm_pg *c, const char *id, dm_session_life life, int64_t *turn, dm_err *err) DM_NODISCARD;
/* 0 or DM_SESSION_NONE. why: 'signed_out', 'everywhere', 'password', 'disabled'. */
int dm_session_end(dm_pg *c, const char *id, const char *why, dm_err *err) DM_NODISCARD;
/* All of the scope's, but the one that is named; NULL: all. */
int dm_session_end_all(dm_pg *c, const char *but, const char *why, dm_err *err) DM_NODISCARD;

enum { DM_SESSIONS_MAX = 100 }; /* that a list shows, the newest; more may go on */

typedef struct dm_session_row {
    char id[DM_UUID_TEXT];
    int64_t begun_at_us, used_at_us, expires_at_us;
    char agent[201], address[65];
} dm_session_row;

/* The scope's that go on. */
int dm_session_list(dm_pg *c, dm_session_row rows[DM_SESSIONS_MAX], size_t *n, dm_err *err) DM_NODISCARD;

#endif
