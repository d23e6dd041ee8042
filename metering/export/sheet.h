/* metering/export/sheet.h: what all documents on paper look like: margins, type, pages that turn by themselves and say
 * which of how many they are, and the few ways in which words stand on them. Above paper.h, which draws; measures are
 * its. A document is gone through twice: dry, to know how many pages there are, and then drawn. */
#ifndef DM_METERING_EXPORT_SHEET_H
#define DM_METERING_EXPORT_SHEET_H

#include "base/crypto.h"

#include "metering/export/paper.h"

enum {
    DM_SHEET_LEFT = 4800,
    DM_SHEET_RIGHT = DM_PAPER_W - 4800,
    DM_SHEET_WIDE = DM_SHEET_RIGHT - DM_SHEET_LEFT,
    DM_SHEET_TOP = 6000,
    DM_SHEET_BOTTOM = DM_PAPER_H - 6600,
    DM_SHEET_GAP = 700, /* between columns */
    DM_SHEET_TEXT = 1024
};

typedef struct dm_sheet_type {
    dm_paper_style title, head, body, strong, label, small, figure, large, hash;
} dm_sheet_type;
extern const dm_sheet_type dm_type;

typedef struct dm_sheet {
    dm_paper *p;
    dm_str name; /* stands at the foot of each page */
    int y, page, pages;
} dm_sheet;

/* Draws it, after a dry run, and appends it, finished: title and day as paper.h has them, xml as finish.h. draw leaves
 * the last page open. */
typedef struct dm_sheet_doc {
    const char *title, *day;
    dm_str name, xml;
    void (*draw)(dm_sheet *s, void *arg);
    void *arg;
} dm_sheet_doc;
int dm_sheet_write(const dm_sheet_doc *d, dm_buf *out, dm_err *err) DM_NODISCARD;

/* Room for so much on this page, or another. */
void dm_sheet_room(dm_sheet *s, int height);
void dm_sheet_paragraph(dm_sheet *s, const char *tag, const dm_paper_style *style, int x, int width, dm_str text);
/* A word and what it is of; where that is nothing (.n 0), nothing. */
void dm_sheet_pair(
        dm_sheet *s, int x, int indent, int width, const char *name, const dm_paper_style *style, dm_str text);
/* A name and a hash, over the whole width. */
void dm_sheet_proof(dm_sheet *s, const char *name, const dm_digest *d);
/* How long something ran and slept: a bar of it, full where it ran and low where it slept, and the seconds in words. A
 * second is never too little to be seen. Of neither, nothing. */
void dm_sheet_bar(dm_sheet *s, uint64_t running_s, uint64_t asleep_s);

#endif
