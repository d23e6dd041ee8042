/* A create's body is refused with a status and words, or every part of it is within its bounds. */
#include "api/life/create_body.h"
#include "tenants/sandbox/network.h"
#include "tests/fuzz/fuzz.h"

enum { TIMEOUT_MAX_S = 3600 };

static void check(dm_req *req, dm_create_form form)
{
    dm_create_body b;
    dm_err err = {0};
    int r = dm_create_body_read(req, form, TIMEOUT_MAX_S, "local", &b, &err);
    if (r < 0) {
        HOLDS(err.code == r && err.msg[0] != '\0');
        return;
    }
    if (r == DM_CREATE_ANSWERED) {
        HOLDS(req->reply.status >= 400 && req->reply.status < 500 && req->reply.body.len > 0);
        return;
    }
    HOLDS(b.template[0] != '\0' && b.timeout_s >= 1 && b.timeout_s <= TIMEOUT_MAX_S);
    dm_network network;
    HOLDS(dm_network_read(dm_str_c(b.network), &network, NULL) == 0);
    HOLDS(b.secure || (form == DM_CREATE_V1 && network.public));
    HOLDS(b.vcpus >= 0 && b.mem_mib >= 0 && b.disk_mib >= 0);
    json_t *kept[] = {json_loads(b.metadata, 0, NULL), json_loads(b.env, 0, NULL), json_loads(b.network, 0, NULL)};
    for (size_t i = 0; i < DM_LEN(kept); i++) {
        HOLDS(json_is_object(kept[i]));
        json_decref(kept[i]);
    }
    dm_create_body_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int form = DM_CREATE_V1; form <= DM_CREATE_OWN; form++) {
        dm_req req = {.body = {(const char *)data, size}};
        check(&req, (dm_create_form)form);
        dm_buf_done(&req.reply.body);
        for (size_t i = 0; i < req.reply.nheaders; i++)
            free(req.reply.headers[i].value);
    }
    return 0;
}
