#include "api/export/download.h"

#include <stdio.h>

#include "base/file.h"
#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/file.h"

enum { PARTS_MAX = 100, FILE_MAX = 100, NAME_MAX_ = 120, MONTH_LEN = 7 };

static const char what[] = "download.get", use[] = "download";

/* --- links -------------------------------------------------------------------------------------------------- */

static int sign(dm_api *api, const char *parts, char mac[2 * DM_SHA256 + 1], dm_err *err)
{
    dm_digest digest;
    int r = dm_secret_mac(api->master, use, dm_str_c(parts), &digest, err);
    if (r == 0)
        dm_hex(digest.b, sizeof digest.b, mac);
    return r;
}

/* WHOSE_ID_UNTIL, and _MAC behind it. */
static void write_parts(char out[PARTS_MAX], dm_export_whose whose, dm_str id, int64_t until)
{
    (void)snprintf(out, PARTS_MAX, "%lld_%.*s_%lld", (long long)whose.v, (int)id.n, id.p, (long long)until);
}

int dm_download_url(
        dm_api *api, dm_export_whose whose, dm_str id, char url[DM_DOWNLOAD_URL], int64_t *until_us, dm_err *err)
{
    char parts[PARTS_MAX], mac[2 * DM_SHA256 + 1];
    int64_t until = dm_wall_us(api->clock) / 1000000 + (int64_t)api->config->download_s;
    write_parts(parts, whose, id, until);
    int r = sign(api, parts, mac, err);
    if (r == 0)
        r = dm_path(url, DM_DOWNLOAD_URL, err, "%s/v1/downloads/%s_%s", api->config->api_url, parts, mac);
    if (r == 0)
        *until_us = until * 1000000;
    return r;
}

int dm_download_read(dm_api *api, dm_str link, dm_export_whose *whose, dm_str *id, dm_err *err)
{
    dm_str rest = link, of, until;
    char parts[PARTS_MAX], mac[2 * DM_SHA256 + 1];
    int64_t until_s;
    if (!dm_str_split(&rest, '_', &of) || !dm_str_split(&rest, '_', id) || !dm_str_split(&rest, '_', &until) ||
            dm_parse_i64(of, INT64_MIN, INT64_MAX, &whose->v, NULL) < 0 || !dm_uuid_ok(*id) ||
            dm_parse_i64(until, 1, INT64_MAX, &until_s, NULL) < 0)
        return DM_DOWNLOAD_NONE;
    write_parts(parts, *whose, *id, until_s);
    int r = sign(api, parts, mac, err);
    if (r < 0)
        return r;
    bool good = dm_str_eq_secret(rest, dm_str_c(mac)) && until_s > dm_wall_us(api->clock) / 1000000;
    return good ? 0 : DM_DOWNLOAD_NONE;
}

/* --- files -------------------------------------------------------------------------------------------------- */

static const char *media_of(dm_str format)
{
    static const struct {
        const char *format, *media;
    } known[] = {{"csv", "text/csv; charset=utf-8"}, {"jsonl", "application/jsonl"}, {"pdf", "application/pdf"},
            {"ubl", "application/xml"}, {"cii", "application/xml"}};
    for (size_t i = 0; i < DM_LEN(known); i++)
        if (dm_str_eq_c(format, known[i].format))
            return known[i].media;
    return "application/octet-stream";
}

/* What it is called where it is saved: "dormouse-cost-2026-03-2026-04.csv", "INV-2026-000042.ubl.xml",
 * "statement-412.pdf". */
static void name_of(const dm_export *e, char out[NAME_MAX_])
{
    char from[32], to[32];
    bool xml = dm_str_eq_c(e->format, "ubl") || dm_str_eq_c(e->format, "cii");
    dm_rfc3339(e->from_us, from);
    dm_rfc3339(e->to_us - 1, to);
    bool months = strncmp(from, to, MONTH_LEN) != 0;
    if (e->number.p != NULL)
        (void)snprintf(out, NAME_MAX_, "%s%.*s.%.*s%s",
                dm_str_eq_c(e->dataset, DM_EXPORT_STATEMENT) ? DM_EXPORT_STATEMENT "-" : "", (int)e->number.n,
                e->number.p, (int)e->format.n, e->format.p, xml ? ".xml" : "");
    else
        (void)snprintf(out, NAME_MAX_, "dormouse-%.*s-%.*s%s%.*s.%.*s", (int)e->dataset.n, e->dataset.p, MONTH_LEN,
                from, months ? "-" : "", months ? MONTH_LEN : 0, to, (int)e->format.n, e->format.p);
}

int dm_download_answer(dm_req *req, dm_api *api, const dm_export *e, dm_err *err)
{
    char file[FILE_MAX], name[NAME_MAX_];
    if (!dm_str_eq_c(e->state, "ready"))
        return dm_deny(
                req, DM_NO_EXPORT_NOT_READY, what, "there is no file of it: it is %.*s", (int)e->state.n, e->state.p);
    int r = dm_str_to_array(e->file, file, sizeof file, err);
    if (r < 0)
        return r;
    name_of(e, name);
    const dm_file_answer f = {.folder = api->config->export_folder,
            .file = file,
            .media = media_of(e->format),
            .name = name,
            .tag = e->sha256};
    r = dm_file_answer_it(req, &f, err);
    if (r == DM_FILE_GONE)
        return dm_deny(req, DM_NO_EXPORT_NOT_READY, what, "its file was removed");
    return r == DM_FILE_RANGE ? dm_deny(req, DM_NO_DOWNLOAD_RANGE, what, "the file ends before that") : r;
}
