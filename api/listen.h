/* api/listen.h: the two doors of the program, as base/http wants them: the public listener and the workers' socket,
 * each with its half of routes.def, the hooks of gate.h, and api as their context. Above every handler: none includes
 * it. */
#ifndef DM_API_LISTEN_H
#define DM_API_LISTEN_H

#include "api/kit/api.h"

/* As api's config says. api and its config are borrowed; a test takes it to dm_http_call. */
dm_http_config dm_api_http(dm_api *api);
dm_http_config dm_api_worker_http(dm_api *api);

#endif
