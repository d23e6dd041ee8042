/* Routes that E2B's clients know and that are not offered yet. As unknown paths they would be 404, which clients take
 * for a sandbox that is gone; a refusal says what is the matter, and that a retry does not help. */
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"

/* Of each: its row, the act, and what a client reads is not there. */
#define NOT_OFFERED(handler, no, act, words)                                                                           \
    int dm_route_##handler(dm_req *req, void *ctx, dm_err *err)                                                        \
    {                                                                                                                  \
        (void)ctx;                                                                                                     \
        (void)err;                                                                                                     \
        return dm_deny(req, no, act, "%s not offered here yet", words);                                                \
    }

NOT_OFFERED(network, DM_NO_NETWORK_CHANGE, "sandbox.network", "changing a sandbox's network is")
NOT_OFFERED(template_build, DM_NO_TEMPLATE_BUILD_NOT_OFFERED, "template.build", "building templates is")
NOT_OFFERED(
        template_change, DM_NO_TEMPLATE_CHANGE_NOT_OFFERED, "template.change", "changing templates and their tags is")
NOT_OFFERED(volumes, DM_NO_VOLUMES, "volume", "volumes are")
NOT_OFFERED(secrets, DM_NO_SECRETS_NOT_OFFERED, "secret", "secrets are")
NOT_OFFERED(teams, DM_NO_TEAMS_NOT_OFFERED, "team", "teams, their keys and what operators do are")
