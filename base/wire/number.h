/* base/wire/number.h: the small integers by which rows are known, each a type of its own: an account is never passed
 * for a project, nor a statement for a worker. 0 is nobody. SQL, JSON and the frames take .v. */
#ifndef DM_BASE_WIRE_NUMBER_H
#define DM_BASE_WIRE_NUMBER_H

#include <stdint.h>

typedef struct dm_account_no {
    int64_t v;
} dm_account_no;

typedef struct dm_project_no {
    int64_t v;
} dm_project_no;

/* Whose a thing is: a project, and the account that pays for it. */
typedef struct dm_owner {
    dm_account_no account;
    dm_project_no project;
} dm_owner;

typedef struct dm_worker_no {
    uint64_t v;
} dm_worker_no;

typedef struct dm_key_no {
    int64_t v;
} dm_key_no;

/* Somebody who signs in, a customer's or our own: never one for the other. */
typedef struct dm_person_no {
    int64_t v;
} dm_person_no;

typedef struct dm_operator_no {
    int64_t v;
} dm_operator_no;

/* Of a statement, counted within its account from 1. */
typedef struct dm_statement_no {
    int64_t v;
} dm_statement_no;

#endif
