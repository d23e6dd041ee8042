#include "metering/invoice/status.h"

const char *dm_invoice_status(const dm_invoice_facts *f, int64_t now_s)
{
    if (f->voided)
        return "voided";
    if (f->open.v == 0)
        return "paid";
    if (f->uncollectible)
        return "uncollectible";
    if (f->disputed)
        return "disputed";
    if (now_s >= f->due_s + DM_DAY_S)
        return "overdue";
    return f->paid.v > 0 ? "partially_paid" : "issued";
}
