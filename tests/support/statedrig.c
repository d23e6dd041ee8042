#include <stdio.h>

#include "metering/rules/statement.h"
#include "tests/support/docrig.h"

enum { START = 1772359200, PERIOD_S = 3600, EACH = 3 };

static const char account[] = "00000000-0000-4000-8000-0000000000a1";

/* One in ten runs for some seconds, the others sleep; a project of many, and some of a few. */
static void sandbox(size_t i, dm_stated *out)
{
    int64_t no = i % 3 == 0 ? 1 : 1 + (int64_t)(i % 700);
    *out = (dm_stated){.project_no = {no},
            .epoch = 1,
            .spec_table = 1,
            .spec = 4,
            .region = "local",
            .vcpus = 1,
            .mem_mib = 2048,
            .running_s = i % 10 == 0 ? 47 : 0,
            .hibernated_s = i % 10 == 0 ? 0 : PERIOD_S,
            .basis = DM_BASIS_FRAMES,
            .attested = i % 100 != 7,
            .nlines = EACH};
    (void)snprintf(out->project, sizeof out->project, "00000000-0000-4000-8000-%012lld", (long long)no);
    for (size_t b = 0; b < sizeof i; b++)
        out->sandbox.b[DM_SANDBOX_ID_BYTES - 1 - b] = (uint8_t)(i >> 8 * b);
    memset(out->attestation.b, (int)(i % 251), sizeof out->attestation.b);
}

static bool lines_of(const dm_stated *s, dm_rate_line out[EACH])
{
    static const dm_sku skus[EACH] = {DM_SKU_DISK_HIB, DM_SKU_MEM_RUN, DM_SKU_VCPU_RUN};
    static const int64_t prices[EACH] = {300000, 10830000, 21700000};
    int64_t seconds[EACH] = {(int64_t)s->hibernated_s, (int64_t)s->running_s, (int64_t)s->running_s};
    bool ok = true;
    for (size_t i = 0; i < EACH; i++) {
        out[i] = (dm_rate_line){.sku = skus[i],
                .book_id = 3,
                .to = PERIOD_S,
                .seconds = seconds[i],
                .qty = {seconds[i] * 1000000 + 1},
                .per_unit = {prices[i]}};
        ok = ok && dm_money_of(out[i].qty, out[i].per_unit, &out[i].amount, NULL) == 0;
    }
    return ok;
}

typedef struct stating {
    dm_statement head;
    dm_stated_correction hour;
    dm_stated *sandboxes;
    dm_rate_line *lines;
    dm_buf pages;
} stating;

static bool page(stating *s, const dm_stated_page *p)
{
    dm_digest hash;
    size_t at = s->pages.len;
    if (dm_stated_page_body(p, &s->pages, NULL) < 0 ||
            dm_sha256((dm_str){s->pages.p + at, s->pages.len - at}, &hash, NULL) < 0)
        return false;
    return dm_stated_sum_page(&s->head.sum, p, &hash, NULL) == 0 && dm_buf_ch(&s->pages, '\n') == 0;
}

static bool state(stating *s, size_t n, bool late)
{
    uint32_t number = 1;
    s->head = (dm_statement){.currency = "CNY",
            .number = {412},
            .period_start = START,
            .period_s = PERIOD_S,
            .plans = {{"payg", 0, 0, PERIOD_S}},
            .nplans = 1};
    memcpy(s->head.account, account, sizeof account);
    for (size_t from = 0; from < n; number++) {
        size_t some = n - from < DM_STATED_PAGE ? n - from : DM_STATED_PAGE;
        for (size_t i = 0; i < some; i++) {
            sandbox(from + i, &s->sandboxes[i]);
            if (!lines_of(&s->sandboxes[i], &s->lines[i * EACH]))
                return false;
        }
        const dm_stated_page p = {account, {412}, START, number, s->sandboxes, some, s->lines, some * EACH, NULL};
        if (!page(s, &p))
            return false;
        from += some;
    }
    if (!late)
        return true;
    s->hour = (dm_stated_correction){.start = START - PERIOD_S, .end = START, .number = {411}};
    s->head.corrections = &s->hour;
    s->head.ncorrections = 1;
    sandbox(0, &s->sandboxes[0]);
    if (!lines_of(&s->sandboxes[0], s->lines))
        return false;
    const dm_stated_page p = {account, {412}, START, number, s->sandboxes, 1, s->lines, EACH, &s->hour};
    return page(s, &p);
}

bool doc_state(size_t sandboxes, bool late, dm_buf *out)
{
    stating s = {.sandboxes = calloc(DM_STATED_PAGE, sizeof *s.sandboxes),
            .lines = calloc((size_t)DM_STATED_PAGE * EACH, sizeof *s.lines)};
    dm_buf_init(&s.pages, out->cap);
    bool ok = s.sandboxes != NULL && s.lines != NULL && state(&s, sandboxes, late) &&
              dm_statement_head(&s.head, out, NULL) == 0 && dm_buf_ch(out, '\n') == 0 &&
              dm_buf_str(out, dm_buf_view(&s.pages)) == 0;
    dm_buf_done(&s.pages);
    free(s.sandboxes);
    free(s.lines);
    return ok;
}
