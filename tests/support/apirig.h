/* tests/support/apirig.h: dormouse-api's insides on a throw-away PostgreSQL with the real schema and the demo tenant,
 * and a worker that only pretends: it speaks base/wire/worker.h on a unix socket and can be told to misbehave.
 *
 * A test program has one rig, started and stopped by its main, and sweeps it clean between its tests (DM_RIG_TEST). */
#ifndef DM_TESTS_SUPPORT_APIRIG_H
#define DM_TESTS_SUPPORT_APIRIG_H

#include "api/kit/api.h"
#include "tests/support/fakeworker.h"
#include "tests/support/tenantrig.h"

enum { DM_RIG_INSTANCE = 1000000 }; /* the number of its API, far from those that the database gives */

typedef struct dm_rig {
    dm_tenantrig tenants;
    dm_fakeworker *worker;
    dm_api_config config;
    dm_api api;
    dm_http *http;        /* with threads: the public listener, on rig's own unix socket */
    dm_http_config table; /* the same without a socket, for dm_http_call */
    dm_http_config worker_table;
    char key[64]; /* of the demo project */
    char socket[128];
} dm_rig;

/* threads 0: handlers run on the caller's thread and nothing parks. The worker is enrolled. Stops the test when it
 * cannot be made. */
void dm_rig_start(dm_rig *r, unsigned threads);
void dm_rig_stop(dm_rig *r);

/* A second worker beside the first, emptier than it, so that it is asked first. The caller frees it; the next sweep
 * forgets it. */
dm_fakeworker *dm_rig_second_worker(dm_rig *r);

/* Another account with a project of its own, gone with the next sweep; its key. */
#define DM_RIG_OTHER_KEY "e2b_00"
void dm_rig_other(dm_rig *r);

/* Nothing is left that counts, binds or runs. */
void dm_rig_clean(dm_rig *r);
/* A row of a table of cmocka's: the rig is swept clean after the test. */
#define DM_RIG_TEST(test, rig) cmocka_unit_test_prestate_setup_teardown(test, NULL, dm_rig_after, rig)
int dm_rig_after(void **rig);

/* An answer, however it was asked for. */
typedef struct dm_said {
    int status;
    json_t *body;    /* NULL: none, or no JSON */
    char text[4096]; /* the body's beginning */
    dm_req *req;     /* for headers; NULL through a socket */
} dm_said;
void dm_said_done(dm_said *s);
#define DM_AUTO_SAID __attribute__((cleanup(dm_said_done), unused)) dm_said

/* Calls a handler of a table, without any socket. */
dm_said dm_rig_call_on(const dm_http_config *table, const char *method, const char *target, const dm_pair *headers,
        size_t n, const char *body);
/* Calls a handler with the demo key (key NULL) or another one ("" : none). body NULL: none. */
dm_said dm_rig_call(dm_rig *r, const char *method, const char *target, const char *body);
dm_said dm_rig_call_as(dm_rig *r, const char *key, const char *method, const char *target, const char *body,
        const dm_pair *more, size_t nmore);
/* Somebody who has signed in, with whose cookie dm_rig_call_in asks as the console's own page does. */
typedef struct dm_rig_in {
    dm_person_no person; /* one of these two */
    dm_operator_no operator_;
    char session[DM_UUID_TEXT];
    char cookie[DM_TOKEN_MAX + 32];
} dm_rig_in;
/* A person with that role ("": none) in the demo account or in its project alone; the one of that address, if there is
 * one, with one role more. An operator who is past his first sign-in. Gone with the next sweep. */
dm_rig_in dm_rig_person(dm_rig *r, const char *email, const char *role, bool whole_account);
dm_rig_in dm_rig_operator(dm_rig *r, const char *name);
dm_said dm_rig_call_in(dm_rig *r, const dm_rig_in *in, const char *method, const char *target, const char *body);
dm_said dm_rig_worker_call(dm_rig *r, const char *target, const char *body);
/* Through the socket: for what parks, and from several threads at once. */
dm_said dm_rig_ask(dm_rig *r, const char *method, const char *target, const char *body);

/* A file URL as the SDKs sign one (contract 1.6) with a sandbox's token; expiry "": none. */
void dm_rig_sign(const char *path, const char *operation, const char *token, const char *expiry, char uri[512]);
/* What nginx asks of the door; text is the whole answer, headers and all. */
dm_said dm_rig_ask_as_door(dm_rig *r, const char *id, const char *port);

const char *dm_said_str(const dm_said *s, const char *name);    /* "" when it is not there */
const char *dm_said_header(const dm_said *s, const char *name); /* NULL when it is not there */

/* A statement as superuser, and one that gives a number. */
void dm_rig_sql(dm_rig *r, const char *sql);
int64_t dm_rig_number(dm_rig *r, const char *sql);
/* Whoever reads or writes the table waits, until the connection is closed. */
dm_pg *dm_rig_hold(dm_rig *r, const char *table);

/* Creates with {"templateID":"base",...more} and gives the id. */
void dm_rig_create(dm_rig *r, const char *more, char id[32]);

#endif
