/* What does not hold, by the record that it is. */
#include <stdarg.h>

#include "base/parse.h"

#include "metering/verify/own.h"

void dm_v_entry(char out[DM_USTAR_NAME], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(out, DM_USTAR_NAME, fmt, ap);
    va_end(ap);
}

static void words_of(char out[200], const char *fmt, va_list ap)
{
    (void)vsnprintf(out, 200, fmt, ap);
}

static bool number_of(dm_str *rest, const char *before, const char *after, int64_t *out)
{
    dm_str b = dm_str_c(before), a = dm_str_c(after);
    size_t n = 0;
    if (!dm_str_starts(*rest, b))
        return false;
    dm_str text = {rest->p + b.n, rest->n - b.n};
    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
        n++;
    dm_str tail = {text.p + n, text.n - n};
    if (dm_parse_i64((dm_str){text.p, n}, 0, INT64_MAX, out, NULL) < 0 || !dm_str_starts(tail, a))
        return false;
    *rest = (dm_str){tail.p + a.n, tail.n - a.n};
    return true;
}

dm_v_rank dm_v_rank_of(const char *name)
{
    dm_str s = dm_str_c(name), rest;
    int64_t n, p;
    if (dm_str_eq_c(s, "manifest.json"))
        return (dm_v_rank){{1}};
    if (dm_str_eq_c(s, "keys/0.json"))
        return (dm_v_rank){{2}};
    rest = s;
    if (number_of(&rest, "books/", ".json", &n) && rest.n == 0)
        return (dm_v_rank){{3, n}};
    rest = s;
    if (number_of(&rest, "statements/", ".json", &n) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_STATEMENT, n, 0}};
    rest = s;
    if (number_of(&rest, "statements/", ".sig", &n) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_STATEMENT, n, 1}};
    rest = s;
    if (number_of(&rest, "statements/", "/pages/", &n) && number_of(&rest, "", ".json", &p) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_STATEMENT, n, 2, 2 * p}};
    rest = s;
    if (number_of(&rest, "attestations/", "/", &n) && number_of(&rest, "", ".bin", &p) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_STATEMENT, n, 2, 2 * p + 1}};
    rest = s;
    if (number_of(&rest, "invoices/", ".json", &n) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_INVOICE, n, 0}};
    rest = s;
    if (number_of(&rest, "invoices/", ".sig", &n) && rest.n == 0)
        return (dm_v_rank){{DM_V_OF_INVOICE, n, 1}};
    return (dm_v_rank){{0}};
}

int dm_v_fault(dm_v *v, dm_fault_kind kind, const char *entry, const char *fmt, ...)
{
    dm_fault *f = &v->out->fault;
    va_list ap;
    dm_v_rank at = dm_v_rank_of(entry);
    *f = (dm_fault){.kind = kind,
            .statement = at.at[0] == DM_V_OF_STATEMENT ? at.at[1] : 0,
            .page = at.at[0] == DM_V_OF_STATEMENT && at.at[2] == 2 ? (uint32_t)(at.at[3] / 2) : 0};
    (void)snprintf(f->entry, sizeof(f->entry), "%s", entry);
    va_start(ap, fmt);
    words_of(f->words, fmt, ap);
    va_end(ap);
    return DM_VERIFY_BAD;
}

int dm_v_row_fault(dm_v *v, dm_fault_kind kind, const dm_stated *row, uint32_t page, uint32_t place, bool of_page,
        const char *fmt, ...)
{
    dm_fault *f = &v->out->fault;
    va_list ap;
    *f = (dm_fault){.kind = kind,
            .statement = v->head.number,
            .page = page,
            .place = place,
            .has_sandbox = true,
            .sandbox = row->sandbox,
            .epoch = row->epoch,
            .has_hash = !row->bare,
            .hash = row->attestation};
    if (of_page)
        dm_v_entry(f->entry, "statements/%lld/pages/%u.json", (long long)v->head.number, page);
    else
        dm_v_entry(f->entry, "attestations/%lld/%u.bin", (long long)v->head.number, page);
    va_start(ap, fmt);
    words_of(f->words, fmt, ap);
    va_end(ap);
    return DM_VERIFY_BAD;
}

int dm_v_unknown(dm_v *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    words_of(v->out->unknown, fmt, ap);
    va_end(ap);
    return DM_VERIFY_UNKNOWN;
}
