#include "api/dm/rows.h"

dm_jw dm_rows_begin(dm_req *req)
{
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_key(&w, "rows");
    dm_jw_arr(&w);
    return w;
}

void dm_rows_end(dm_jw *w, const char *next, int64_t total)
{
    dm_jw_arr_end(w);
    dm_jw_kc(w, "next", next);
    if (total >= 0)
        dm_jw_ki64(w, "total", total);
    dm_jw_end(w);
}
