#include "metering/export/data/sql_usage.h"

#include "metering/export/data/sql_parts.h"

const dm_data_source dm_usage_days = {
        .open = {"usage_days_open",
                "DECLARE usage_days NO SCROLL CURSOR FOR SELECT dm.s(u.day::timestamp AT TIME ZONE 'UTC'), p.id, "
                "p.name, NULLIF(u.template_id, ''), k.id, NULLIF(u.sku, ''), u.running_s, u.hibernated_s, u.qty, NULL, "
                "u.amount, "
                "(SELECT a.currency FROM dm.account a WHERE a.account_no = $1::bigint), u.amount, to_char(u.day, "
                "'YYYY-MM-DD') FROM dm.usage_day u "
                "LEFT JOIN dm.project p ON p.account_no = u.account_no AND p.project_no = u.project_no "
                "LEFT JOIN dm.api_key k ON k.account_no = u.account_no AND k.key_no = u.key_no "
                "WHERE u.account_no = $1::bigint AND u.day >= (" DM_FROM
                " AT TIME ZONE 'UTC')::date AND u.day < (" DM_TO
                " AT TIME ZONE 'UTC')::date ORDER BY u.account_no, u.day, u.project_no, u.template_id, u.key_no, u.sku",
                DM_PG_NONE},
        .fetch = {"usage_days_fetch", "FETCH 1000 FROM usage_days", DM_PG_ROWS},
        .close = {"usage_days_close", "CLOSE usage_days", DM_PG_NONE},
};

const dm_pg_stmt dm_usage_stated = {"usage_stated",
        "SELECT to_char(s.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD'), sum(s.total), s.currency, true FROM "
        "dm.statement s WHERE s.account_no = $1::bigint AND s.period_start >= " DM_FROM " AND s.period_start < " DM_TO
        " GROUP BY 1, 3 ORDER BY 1",
        DM_PG_ROWS};
