#include "api/kit/denial.h"

#include <assert.h>

static const dm_no_row rows[DM_NOS] = {
#define NO(name, rule, status, error_code, retry_after_s, page, cure)                                                  \
    {rule, status, error_code, retry_after_s, "/docs/" page, cure},
#include "api/kit/denials.def"
#undef NO
};

const dm_no_row *dm_no_get(dm_no no)
{
    assert(no < DM_NOS);
    return &rows[no];
}

dm_denial dm_no_denial(dm_no no, const char *what)
{
    const dm_no_row *row = dm_no_get(no);
    return (dm_denial){
            .what = what, .rule = row->rule, .retry_after_s = row->retry_after_s, .cure = row->cure, .doc = row->doc};
}
