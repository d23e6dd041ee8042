#include "metering/export/table.h"

enum {
    WHAT_MIN = 11500,  /* of what a row is, the column that wraps */
    MONO_PER_MIL = 602 /* a digit's width, of 1000 of its size */
};

void dm_table_holds(dm_table *t, size_t column, const char *figure)
{
    size_t n = strlen(figure);
    t->chars[column] = n > t->chars[column] ? n : t->chars[column];
}

void dm_table_fit(dm_table *t)
{
    size_t sum = 0;
    for (size_t c = 0; c < t->n; c++) {
        dm_table_holds(t, c, t->names[c]);
        sum += t->chars[c];
    }
    int most = (DM_SHEET_WIDE - WHAT_MIN - (int)t->n * DM_SHEET_GAP) * 1000 / ((int)sum * MONO_PER_MIL);
    t->row = (dm_paper_style){DM_PAPER_MONO, DM_PAPER_INK, most < 750 ? most : 750, 1050};
    int x = DM_SHEET_RIGHT;
    for (size_t c = t->n; c-- > 0;) {
        t->at[c] = x;
        x -= (int)t->chars[c] * t->row.size * MONO_PER_MIL / 1000 + DM_SHEET_GAP;
    }
    t->what = x - DM_SHEET_LEFT;
}

static void open_it(dm_sheet *s, dm_table *t)
{
    dm_paper_open(s->p, "Table");
    dm_paper_open(s->p, "TR");
    dm_paper_open(s->p, "TH");
    (void)dm_paper_left(s->p, &dm_type.small, DM_SHEET_LEFT, s->y, DM_STR("What"));
    dm_paper_close(s->p, "TH");
    for (size_t c = 0; c < t->n; c++) {
        dm_paper_open(s->p, "TH");
        (void)dm_paper_right(s->p, &dm_type.small, t->at[c], s->y, dm_str_c(t->names[c]));
        dm_paper_close(s->p, "TH");
    }
    dm_paper_close(s->p, "TR");
    dm_paper_box(s->p, DM_PAPER_LINE, DM_SHEET_LEFT, s->y + 350, DM_SHEET_WIDE, 60);
    s->y += 1400;
    t->open = true;
}

void dm_table_row(dm_sheet *s, dm_table *t, dm_str what, const char *const figures[])
{
    static const dm_paper_style words = {DM_PAPER_TEXT, DM_PAPER_INK, 750, 1050};
    int n = dm_paper_wrapped(s->p, &words, DM_SHEET_LEFT, s->y, t->what, what, false);
    if (s->y + n * words.leading > DM_SHEET_BOTTOM)
        dm_table_close(s, t);
    dm_sheet_room(s, n * words.leading);
    if (!t->open)
        open_it(s, t);
    dm_paper_open(s->p, "TR");
    dm_paper_open(s->p, "TD");
    (void)dm_paper_wrapped(s->p, &words, DM_SHEET_LEFT, s->y, t->what, what, true);
    dm_paper_close(s->p, "TD");
    for (size_t c = 0; c < t->n; c++) {
        dm_paper_open(s->p, "TD");
        dm_paper_figure(s->p, &t->row, t->at[c], s->y, figures[c][0] != '\0' ? figures[c] : "-", t->keep[c]);
        dm_paper_close(s->p, "TD");
    }
    dm_paper_close(s->p, "TR");
    s->y += n * words.leading + 150;
}

void dm_table_close(dm_sheet *s, dm_table *t)
{
    if (t->open)
        dm_paper_close(s->p, "Table");
    t->open = false;
}
