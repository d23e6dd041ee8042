/* metering/ask/contract.h: what accounts agree on, as two operators make it: a draft that another approves; and its
 * early end, which one orders and another approves. The database keeps the rest (dm.contract_guard). In a transaction
 * of role dm_ops. */
#ifndef DM_METERING_ASK_CONTRACT_H
#define DM_METERING_ASK_CONTRACT_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum {
    DM_ASK_CONTRACT_NONE = 1, /* there is no such contract */
    DM_ASK_CONTRACT_STATE,    /* it is past that: what was approved stays as it is, but for its end */
    DM_ASK_CONTRACT_OWN,      /* who drafted it, or ordered its end, does not approve that */
    DM_ASK_CONTRACT_LATE,     /* it begins, or ends, with a month to come, and before its own end */
    DM_ASK_CONTRACT_WRONG,    /* no such account; not whole months, or not its currency; another holds */
};

typedef struct dm_ask_contract {
    const char *account, *name, *currency, *least, *reference; /* reference NULL: none */
    int64_t from_s, to_s;                                      /* to_s 0: without an end */
} dm_ask_contract;

int dm_ask_contract_draft(dm_pg *c, const char *who, const char *why, const dm_ask_contract *k, char id[DM_UUID_TEXT],
        dm_account_no *account_no, dm_err *err) DM_NODISCARD;

typedef enum dm_ask_contract_what {
    DM_CONTRACT_APPROVE,
    DM_CONTRACT_WITHDRAW, /* a draft */
    DM_CONTRACT_END,      /* at ends_s, as another approves */
    DM_CONTRACT_END_APPROVE,
    DM_CONTRACT_END_WITHDRAW, /* what was ordered and not approved */
} dm_ask_contract_what;

int dm_ask_contract_act(dm_pg *c, dm_ask_contract_what what, const char *id, const char *who, const char *why,
        int64_t ends_s, dm_account_no *account_no, dm_err *err) DM_NODISCARD;

#endif
