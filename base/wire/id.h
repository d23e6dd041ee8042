/* base/wire/id.h: the names of things, each its own type, so that a project is never passed for a sandbox.
 *
 * A sandbox id is a random number below 36^20, kept and sent as 16 bytes big-endian, written 'i' + 20 digits of base
 * 36 in lower case. */
#ifndef DM_BASE_WIRE_ID_H
#define DM_BASE_WIRE_ID_H

#include "base/str.h"

enum { DM_SANDBOX_ID_BYTES = 16, DM_SANDBOX_ID_TEXT = 22, DM_TEMPLATE_ID_TEXT = 21, DM_UUID_TEXT = 37 };

typedef struct dm_sandbox_id {
    uint8_t b[DM_SANDBOX_ID_BYTES];
} dm_sandbox_id;

typedef struct dm_sandbox_name { /* terminated text, for logs, paths and answers */
    char s[DM_SANDBOX_ID_TEXT];
} dm_sandbox_name;

/* From 16 random bytes: the number is taken modulo 36^20, whose bias is below 2^-24. */
dm_sandbox_id dm_sandbox_id_of_random(const uint8_t random[16]);
dm_sandbox_name dm_sandbox_name_of(const dm_sandbox_id *id);
/* Exactly the written form; anything else is DM_E_INVALID. */
int dm_sandbox_id_parse(dm_str s, dm_sandbox_id *out, dm_err *err) DM_NODISCARD;
bool dm_sandbox_id_eq(const dm_sandbox_id *a, const dm_sandbox_id *b);
/* memcmp order, which is numeric order. */
int dm_sandbox_id_cmp(const dm_sandbox_id *a, const dm_sandbox_id *b);

/* 20 characters [a-z0-9], from 16 random bytes. */
typedef struct dm_template_id {
    char s[DM_TEMPLATE_ID_TEXT];
} dm_template_id;
dm_template_id dm_template_id_of_random(const uint8_t random[16]);

/* Version 4, lower case. */
typedef struct dm_uuid {
    char s[DM_UUID_TEXT];
} dm_uuid;
dm_uuid dm_uuid_of_random(const uint8_t random[16]);
bool dm_uuid_ok(dm_str s);

#endif
