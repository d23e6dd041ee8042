#include "metering/invoice/settle.h"

/* There is no wallet yet: nobody has anything in advance. */
int dm_invoice_settle(dm_pg *c, const dm_settle *s, dm_money *taken, dm_err *err)
{
    (void)c;
    (void)s;
    (void)err;
    *taken = (dm_money){0};
    return 0;
}
