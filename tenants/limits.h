/* tenants/limits.h: how much of everything. The ceilings of a tenant's rows that more than one file knows, or that
 * whoever meets one looks for; what a single function bounds stands beside it. What a tier or a project is allowed is
 * in the database: see tenants/plan/limits.h. Every room of tenants, and whoever stands on one, may include this file.
 */
#ifndef DM_TENANTS_LIMITS_H
#define DM_TENANTS_LIMITS_H

enum {
    DM_IDEM_KEY_MAX = 255,         /* bytes of an Idempotency-Key */
    DM_NAME_MAX = 100,             /* characters of a name that people give: of a key, a project, a token */
    DM_LEGAL_NAME_MAX = 200,       /* characters of the name that stands on an invoice, */
    DM_ADDRESS_LINES_MAX = 6,      /* and lines of the address below it, each as long as a name */
    DM_SLUG_MIN = 3,               /* characters of a slug that people give, */
    DM_SLUG_MAX = 50,              /* at least and at most */
    DM_KEYS_MAX = 200,             /* keys of a project that are valid at once, */
    DM_KEYS_SHOWN = 1000,          /* and of those in its listing */
    DM_TOKENS_MAX = 50,            /* access tokens of a person that are valid at once */
    DM_MEMBERS_SHOWN = 1000,       /* members of a list; invitations, too */
    DM_INVITATIONS_OPEN_MAX = 50,  /* of an account, with a link that still works, */
    DM_INVITATIONS_DAY_MAX = 200,  /* and letters that it writes of them within a day */
    DM_USES_MAX = 16384,           /* keys whose use is remembered between two writes */
    DM_NETWORK_MEMBERS_MAX = 64,   /* of a sandbox's network object, */
    DM_NETWORK_DENY_MAX = 256,     /* addresses in its denyOut, */
    DM_NETWORK_MASK_MAX = 256,     /* and bytes of its host mask, with the NUL */
    DM_ORPHANS_MAX = 256,          /* sandboxes of dead transitions that one look takes up */
    DM_REMOVALS_MAX = 500,         /* sandboxes of projects that are removed that one look takes up */
    DM_EXPIRY_PROJECTS = 1000,     /* projects whose sleepers one look for notices asks about, */
    DM_EXPIRY_NOTICES_MAX = 10000, /* sleepers of one project that get a notice in a day, */
    DM_EXPIRIES_MAX = 500,         /* and notices that one look takes away, or carries out */
    DM_FLEET_PLACES_MAX = 8,       /* workers that one placement is offered */
    DM_LINES_LOOKED = 500,         /* sandboxes that one page of a list looks at, */
    DM_LINES_COUNTED = 1000,       /* that are counted, */
    DM_LINES_LABELS = 64,          /* labels that a list is filtered by, */
    DM_BULK_MAX = 1000,            /* and sandboxes that one request names or reads */
};

#endif
