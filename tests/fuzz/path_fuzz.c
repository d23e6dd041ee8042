/* What stands in a path, a query or one of the door's headers: ids, template names, page tokens, URIs, signed links.
 * Each is refused, or what comes out is what its name says. The first byte chooses. */
#include <stdio.h>

#include "api/door/signed.h"
#include "api/door/verdict.h"
#include "api/kit/page.h"
#include "api/kit/request.h"
#include "tenants/sandbox/template.h"
#include "tests/fuzz/fuzz.h"

static void sandbox(dm_str text)
{
    dm_sandbox_id id;
    if (dm_sandbox_param(text, &id, NULL) < 0)
        return;
    dm_sandbox_name name = dm_sandbox_name_of(&id);
    HOLDS(text.n >= strlen(name.s) && memcmp(text.p, name.s, strlen(name.s)) == 0);
}

/* A name that was taken is taken again as it was written down, and means the same. */
static void template(dm_str text)
{
    dm_template_name n, again;
    char full[4 * DM_TEMPLATE_WORD];
    if (dm_template_name_parse(text, &n, NULL) < 0)
        return;
    HOLDS(n.alias[0] != '\0' && n.tag[0] != '\0' && n.sized == (n.vcpus > 0));
    if (n.sized)
        return;
    (void)snprintf(full, sizeof full, "%s%s%s:%s", n.space, n.space[0] != '\0' ? "/" : "", n.alias, n.tag);
    HOLDS(dm_template_name_parse(dm_str_c(full), &again, NULL) == 0);
    HOLDS(strcmp(n.alias, again.alias) == 0 && strcmp(n.tag, again.tag) == 0 && strcmp(n.space, again.space) == 0);
}

static void page(dm_str text)
{
    dm_page p;
    dm_req req = {.nquery = 1, .query = {{DM_STR("nextToken"), text}}};
    if (dm_page_read(&req, 'd', &p, NULL) < 0)
        return;
    HOLDS(p.limit == DM_PAGE_MAX && (p.from ? p.us >= 0 && p.id[0] != '\0' : text.n == 0));
}

static void door(dm_str text)
{
    dm_door_ask ask;
    char path[64];
    dm_req req = {.nheaders = 3,
            .headers = {
                    {DM_STR("X-Dm-Sid"), text}, {DM_STR("X-Dm-Port"), DM_STR("49983")}, {DM_STR("X-Dm-Uri"), text}}};
    dm_door_reason reason = dm_door_read(&req, &ask);
    HOLDS(reason < DM_DOOR_REASONS);
    HOLDS(reason != DM_DOOR_PASS || ask.sandbox[0] == 'i');
    if (dm_door_internal(text, path))
        HOLDS(path[0] == '/');
}

static void signed_link(dm_str text)
{
    DM_AUTO_SIGNED url = {.stem = NULL};
    bool right = true;
    int r = dm_signed_read(text, DM_STR("GET"), &url, NULL);
    HOLDS((r == 0) == (url.stem != NULL));
    if (r == 0)
        HOLDS(dm_signed_by(&url, DM_STR("token"), &right, NULL) == 0 && !right);
    else
        HOLDS(r == DM_SIGNED_NOT || r == DM_SIGNED_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(dm_str) = {sandbox, template, page, door, signed_link};
    if (size > 0)
        readers[data[0] % DM_LEN(readers)]((dm_str){(const char *)data + 1, size - 1});
    return 0;
}
