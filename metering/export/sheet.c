#include "metering/export/sheet.h"

#include <stdio.h>

#include "base/parse.h"

#include "metering/export/finish.h"
#include "metering/export/format.h"

enum { FOOT = DM_PAPER_H - 4200 };

const dm_sheet_type dm_type = {.title = {DM_PAPER_BOLD, DM_PAPER_INK, 2000, 2600},
        .head = {DM_PAPER_BOLD, DM_PAPER_ACCENT, 1150, 1500},
        .body = {DM_PAPER_TEXT, DM_PAPER_INK, 900, 1250},
        .strong = {DM_PAPER_BOLD, DM_PAPER_INK, 900, 1250},
        .label = {DM_PAPER_TEXT, DM_PAPER_INK3, 800, 1100},
        .small = {DM_PAPER_TEXT, DM_PAPER_INK3, 750, 1000},
        .figure = {DM_PAPER_MONO, DM_PAPER_INK, 900, 1250},
        .large = {DM_PAPER_MONO, DM_PAPER_INK, 2000, 2600},
        .hash = {DM_PAPER_MONO, DM_PAPER_INK2, 700, 1000}};

static void foot(dm_sheet *s)
{
    char text[DM_SHEET_TEXT];
    dm_paper_open(s->p, "NonStruct");
    (void)dm_paper_left(s->p, &dm_type.small, DM_SHEET_LEFT, FOOT, s->name);
    (void)snprintf(text, sizeof text, "Page %d of %d", s->page, s->pages);
    (void)dm_paper_right(s->p, &dm_type.small, DM_SHEET_RIGHT, FOOT, dm_str_c(text));
    dm_paper_close(s->p, "NonStruct");
    dm_paper_page_end(s->p);
}

void dm_sheet_room(dm_sheet *s, int height)
{
    if (s->y + height <= DM_SHEET_BOTTOM)
        return;
    foot(s);
    s->page++;
    s->y = DM_SHEET_TOP;
}

void dm_sheet_paragraph(dm_sheet *s, const char *tag, const dm_paper_style *style, int x, int width, dm_str text)
{
    int n = dm_paper_wrapped(s->p, style, x, s->y, width, text, false);
    dm_sheet_room(s, n * style->leading);
    dm_paper_open(s->p, tag);
    s->y += style->leading * dm_paper_wrapped(s->p, style, x, s->y, width, text, true);
    dm_paper_close(s->p, tag);
}

void dm_sheet_pair(
        dm_sheet *s, int x, int indent, int width, const char *name, const dm_paper_style *style, dm_str text)
{
    if (text.n == 0)
        return;
    dm_paper_open(s->p, "P");
    (void)dm_paper_left(s->p, &dm_type.label, x, s->y, dm_str_c(name));
    s->y += style->leading * dm_paper_wrapped(s->p, style, x + indent, s->y, width - indent, text, true);
    dm_paper_close(s->p, "P");
}

void dm_sheet_proof(dm_sheet *s, const char *name, const dm_digest *d)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d->b, sizeof d->b, hex);
    dm_sheet_room(s, dm_type.hash.leading);
    dm_sheet_pair(s, DM_SHEET_LEFT, 11000, DM_SHEET_WIDE, name, &dm_type.hash, dm_str_c(hex));
}

void dm_sheet_bar(dm_sheet *s, uint64_t running_s, uint64_t asleep_s)
{
    enum { HIGH = 700, LOW = HIGH * 38 / 100, LEAST = 60, BELOW = 1000 };
    char text[DM_SHEET_TEXT];
    if (running_s == 0 && asleep_s == 0)
        return;
    dm_sheet_room(s, HIGH + BELOW + dm_type.label.leading);
    __extension__ typedef unsigned __int128 wide;
    int run = (int)((wide)running_s * DM_SHEET_WIDE / ((wide)running_s + asleep_s));
    run = running_s > 0 && run < LEAST                            ? LEAST
          : asleep_s > 0 && run > (int)DM_SHEET_WIDE - (int)LEAST ? DM_SHEET_WIDE - LEAST
                                                                  : run;
    if (run > 0)
        dm_paper_box(s->p, DM_PAPER_RUN, DM_SHEET_LEFT, s->y, run, HIGH);
    if (asleep_s > 0)
        dm_paper_box(s->p, DM_PAPER_SLEEP, DM_SHEET_LEFT + run, s->y + HIGH - LOW, DM_SHEET_WIDE - run, LOW);
    s->y += HIGH + BELOW;
    (void)snprintf(text, sizeof text, "Ran %llu s (full height), slept %llu s (low)", (unsigned long long)running_s,
            (unsigned long long)asleep_s);
    dm_sheet_paragraph(s, "P", &dm_type.label, DM_SHEET_LEFT, DM_SHEET_WIDE, dm_str_c(text));
}

static void run(dm_sheet *s, const dm_sheet_doc *d)
{
    s->page = 1;
    s->y = DM_SHEET_TOP;
    dm_paper_open(s->p, "Document");
    d->draw(s, d->arg);
    foot(s);
    dm_paper_close(s->p, "Document");
}

int dm_sheet_write(const dm_sheet_doc *d, dm_buf *out, dm_err *err)
{
    DM_AUTO(dm_paper) p = NULL;
    DM_AUTO_BUF pages;
    dm_buf_init(&pages, 2 * (size_t)DM_EXPORT_BYTES_MAX);
    int r = dm_paper_new(d->title, d->day, &p, err);
    if (r < 0)
        return r;
    dm_sheet s = {.p = p, .name = d->name};
    dm_paper_dry(p, true);
    run(&s, d);
    s.pages = s.page;
    dm_paper_dry(p, false);
    run(&s, d);
    r = dm_paper_end(p, &pages, err);
    const dm_finish f = {.pages = dm_buf_view(&pages), .title = d->title, .day = d->day, .xml = d->xml};
    return r == 0 ? dm_finish_pdf(&f, out, err) : r;
}
