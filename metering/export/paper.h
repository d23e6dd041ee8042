/* metering/export/paper.h: pages of A4 into a PDF that says what its parts are (tags), by pango and cairo. The one file
 * behind it that knows floating point, which those libraries measure in: here all is whole, in hundredths of a point.
 * x goes right and y down from the upper left; texts stand on a base line. Fonts are the pinned files of Debian's
 * packages, and no other that a machine has: the same texts are the same bytes everywhere.
 *
 * Errors stick, and are asked for at the end. A character that no font of ours has is one: a box is never printed. */
#ifndef DM_METERING_EXPORT_PAPER_H
#define DM_METERING_EXPORT_PAPER_H

#include "base/buf.h"

enum { DM_PAPER_W = 59528, DM_PAPER_H = 84189 };

typedef enum dm_paper_font { DM_PAPER_TEXT, DM_PAPER_BOLD, DM_PAPER_MONO } dm_paper_font;
typedef enum dm_paper_ink {
    DM_PAPER_INK,
    DM_PAPER_INK2,
    DM_PAPER_INK3,
    DM_PAPER_DIM,
    DM_PAPER_ACCENT,
    DM_PAPER_LINE,
    DM_PAPER_SUNKEN,
    DM_PAPER_RUN, /* of the bar */
    DM_PAPER_SLEEP
} dm_paper_ink;

typedef struct dm_paper_style {
    dm_paper_font font;
    dm_paper_ink ink;
    int size, leading; /* from base line to base line */
} dm_paper_style;

typedef struct dm_paper dm_paper;

/* day: "2026-03-02T22:00:00Z", which is said to be when it was made. */
int dm_paper_new(const char *title, const char *day, dm_paper **out, dm_err *err) DM_NODISCARD;
void dm_paper_free(dm_paper *p); /* NULL is fine */
DM_DEFINE_FREEP(dm_paper)

/* dry: from here on it is measured only, and nothing is drawn. */
void dm_paper_dry(dm_paper *p, bool dry);
void dm_paper_page_end(dm_paper *p);

/* Document, H1, H2, P, Table, TR, TH, TD; NonStruct for what is no content. Each is closed, the last first. */
void dm_paper_open(dm_paper *p, const char *tag);
void dm_paper_close(dm_paper *p, const char *tag);

/* One line. Returns its width. */
int dm_paper_left(dm_paper *p, const dm_paper_style *s, int x, int y, dm_str text);
int dm_paper_right(dm_paper *p, const dm_paper_style *s, int x, int y, dm_str text);
/* A figure that ends at x, the zeros that say nothing dimmed; the last keep decimals are never. */
void dm_paper_figure(dm_paper *p, const dm_paper_style *s, int x, int y, const char *figure, size_t keep);
/* As many lines as it takes in that width, the first on y. Returns how many. draw: else it is measured only. */
int dm_paper_wrapped(dm_paper *p, const dm_paper_style *s, int x, int y, int width, dm_str text, bool draw);

/* Filled, and no content. */
void dm_paper_box(dm_paper *p, dm_paper_ink ink, int x, int y, int w, int h);

/* Appends the file. DM_E_INVALID: a text has a character for which there is no font, and which text. */
int dm_paper_end(dm_paper *p, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
