#include "metering/export/paper.h"

#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <stdio.h>

/* Debian's fonts-noto-core, fonts-noto-cjk, fonts-dejavu-core. What is not there is not used: a text that needs it is
 * refused. */
static const char *const files[] = {"/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSans-Bold.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansArabic-Bold.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansHebrew-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSansHebrew-Bold.ttf",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"};
#define TEXT_FAMILIES "Noto Sans,Noto Sans CJK SC,Noto Sans Arabic,Noto Sans Hebrew"
#define MONO_FAMILIES "DejaVu Sans Mono," TEXT_FAMILIES

static const unsigned inks[] = {[DM_PAPER_INK] = 0x211C16,
        [DM_PAPER_INK2] = 0x51483C,
        [DM_PAPER_INK3] = 0x6B6153,
        [DM_PAPER_DIM] = 0x8B8171,
        [DM_PAPER_ACCENT] = 0x8F4B0E,
        [DM_PAPER_LINE] = 0xE2DACD,
        [DM_PAPER_SUNKEN] = 0xF1ECE3,
        [DM_PAPER_RUN] = 0xB86A12,
        [DM_PAPER_SLEEP] = 0x4F5DC0};

struct dm_paper {
    dm_buf bytes;
    cairo_surface_t *surface;
    cairo_t *cr;
    FcConfig *config;
    PangoFontMap *map;
    PangoContext *context;
    PangoLayout *layout;
    bool dry;
    int bad;
    char unknown[128]; /* the text that has no font */
    dm_buf last;       /* what the layout has: a text and a byte, */
    int last_width, last_size;
    dm_paper_font last_font;
};

static cairo_status_t put(void *arg, const unsigned char *bytes, unsigned n)
{
    return dm_buf_add(arg, bytes, n) < 0 ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static double pt(int hundredths)
{
    return hundredths / 100.0;
}

static int hundredths(int pango)
{
    return (int)((long long)pango * 100 / PANGO_SCALE);
}

static int fonts(dm_paper *p, dm_err *err)
{
    p->config = FcConfigCreate();
    if (p->config == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for fonts");
    for (size_t i = 0; i < DM_LEN(files); i++) {
        if (!FcConfigAppFontAddFile(p->config, (const FcChar8 *)files[i]) && i < 3)
            return dm_fail(err, DM_E_NOTFOUND, "there is no font %s", files[i]);
    }
    if (!FcConfigSetCurrent(p->config)) /* else the machine's own fonts are looked through, for nothing */
        return dm_fail(err, DM_E_NOMEM, "no memory for fonts");
    p->map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
    if (p->map == NULL)
        return dm_fail(err, DM_E_INTERNAL, "pango has no FreeType");
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(p->map), p->config);
    return 0;
}

/* Glyphs where the type's designer wants them, not where a screen has pixels: else blanks collapse. */
static void context(dm_paper *p)
{
    cairo_font_options_t *o = cairo_font_options_create();
    cairo_font_options_set_hint_style(o, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(o, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(o, CAIRO_ANTIALIAS_GRAY);
    p->context = pango_font_map_create_context(p->map);
    pango_cairo_context_set_resolution(p->context, 72);
    pango_cairo_context_set_font_options(p->context, o);
    pango_context_set_round_glyph_positions(p->context, FALSE);
    pango_context_set_language(p->context, pango_language_from_string("en")); /* not the machine's */
    p->layout = pango_layout_new(p->context);
    cairo_font_options_destroy(o);
}

int dm_paper_new(const char *title, const char *day, dm_paper **out, dm_err *err)
{
    DM_AUTO(dm_paper) p = calloc(1, sizeof *p);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for pages");
    dm_buf_init(&p->bytes, 256 << 20);
    dm_buf_init(&p->last, 64 << 10);
    int r = fonts(p, err);
    if (r < 0)
        return r;
    context(p);
    p->surface = cairo_pdf_surface_create_for_stream(put, &p->bytes, pt(DM_PAPER_W), pt(DM_PAPER_H));
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_TITLE, title);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_CREATE_DATE, day);
    p->cr = cairo_create(p->surface);
    *out = dm_steal(&p);
    return 0;
}

void dm_paper_free(dm_paper *p)
{
    if (p == NULL)
        return;
    if (p->layout != NULL)
        g_object_unref(p->layout);
    if (p->context != NULL)
        g_object_unref(p->context);
    if (p->cr != NULL)
        cairo_destroy(p->cr);
    if (p->surface != NULL)
        cairo_surface_destroy(p->surface);
    if (p->map != NULL)
        g_object_unref(p->map);
    if (p->config != NULL)
        FcConfigDestroy(p->config);
    dm_buf_done(&p->bytes);
    dm_buf_done(&p->last);
    free(p);
}

void dm_paper_dry(dm_paper *p, bool dry)
{
    p->dry = dry;
}

void dm_paper_page_end(dm_paper *p)
{
    if (!p->dry)
        cairo_show_page(p->cr);
}

void dm_paper_open(dm_paper *p, const char *tag)
{
    if (!p->dry)
        cairo_tag_begin(p->cr, tag, NULL);
}

void dm_paper_close(dm_paper *p, const char *tag)
{
    if (!p->dry)
        cairo_tag_end(p->cr, tag);
}

static void ink(dm_paper *p, dm_paper_ink which)
{
    unsigned c = inks[which];
    cairo_set_source_rgb(p->cr, (c >> 16 & 255) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0);
}

/* What was measured is drawn next: it is laid out once. */
static bool is_set(dm_paper *p, const dm_paper_style *s, int width, dm_str text)
{
    bool same = p->last_width == width && p->last_font == s->font && p->last_size == s->size &&
                p->last.len == text.n + 1 && memcmp(p->last.p, text.p, text.n) == 0;
    p->last_width = width;
    p->last_font = s->font;
    p->last_size = s->size;
    dm_buf_reset(&p->last);
    if (dm_buf_str(&p->last, text) < 0 || dm_buf_ch(&p->last, '\n') < 0)
        dm_buf_reset(&p->last);
    return same;
}

static void set(dm_paper *p, const dm_paper_style *s, int width, dm_str text)
{
    if (is_set(p, s, width, text))
        return;
    PangoFontDescription *d =
            pango_font_description_from_string(s->font == DM_PAPER_MONO ? MONO_FAMILIES : TEXT_FAMILIES);
    pango_font_description_set_absolute_size(d, (double)s->size * PANGO_SCALE / 100);
    pango_font_description_set_weight(d, s->font == DM_PAPER_BOLD ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(p->layout, d);
    pango_font_description_free(d);
    pango_layout_set_width(p->layout, width < 0 ? -1 : (int)((long long)width * PANGO_SCALE / 100));
    pango_layout_set_wrap(p->layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(p->layout, text.n > 0 ? text.p : "", (int)text.n);
    if (pango_layout_get_unknown_glyphs_count(p->layout) != 0 && p->bad == 0) {
        p->bad = DM_E_INVALID;
        (void)snprintf(p->unknown, sizeof p->unknown, "%.*s", (int)(text.n < 100 ? text.n : 100), text.p);
    }
}

static int width(dm_paper *p)
{
    int w;
    pango_layout_get_size(p->layout, &w, NULL);
    return hundredths(w);
}

static void show(dm_paper *p, const dm_paper_style *s, int x, int y)
{
    if (p->dry)
        return;
    ink(p, s->ink);
    cairo_move_to(p->cr, pt(x), pt(y));
    pango_cairo_show_layout_line(p->cr, pango_layout_get_line_readonly(p->layout, 0));
}

int dm_paper_left(dm_paper *p, const dm_paper_style *s, int x, int y, dm_str text)
{
    set(p, s, -1, text);
    show(p, s, x, y);
    return width(p);
}

int dm_paper_right(dm_paper *p, const dm_paper_style *s, int x, int y, dm_str text)
{
    set(p, s, -1, text);
    int w = width(p);
    show(p, s, x - w, y);
    return w;
}

void dm_paper_figure(dm_paper *p, const dm_paper_style *s, int x, int y, const char *figure, size_t keep)
{
    const char *point = strchr(figure, '.');
    size_t n = strlen(figure), end = n;
    dm_paper_style dim = *s;
    if (p->dry) /* figures have digits alone, which never lack a font, and stand on one line */
        return;
    dim.ink = DM_PAPER_DIM;
    while (point != NULL && end > (size_t)(point - figure) + 1 + keep && figure[end - 1] == '0')
        end--;
    if (point != NULL && end == (size_t)(point - figure) + 1)
        end--;
    if (end < n)
        x -= dm_paper_right(p, &dim, x, y, (dm_str){figure + end, n - end});
    (void)dm_paper_right(p, s, x, y, (dm_str){figure, end});
}

int dm_paper_wrapped(dm_paper *p, const dm_paper_style *s, int x, int y, int room, dm_str text, bool draw)
{
    set(p, s, room, text);
    int n = pango_layout_get_line_count(p->layout);
    if (p->dry || !draw)
        return n;
    PangoLayoutIter *it = pango_layout_get_iter(p->layout);
    ink(p, s->ink);
    for (int i = 0; i < n; i++) {
        PangoRectangle box;
        pango_layout_iter_get_line_extents(it, NULL, &box);
        cairo_move_to(p->cr, pt(x + hundredths(box.x)), pt(y + i * s->leading));
        pango_cairo_show_layout_line(p->cr, pango_layout_iter_get_line_readonly(it));
        (void)pango_layout_iter_next_line(it);
    }
    pango_layout_iter_free(it);
    return n;
}

void dm_paper_box(dm_paper *p, dm_paper_ink which, int x, int y, int w, int h)
{
    if (p->dry)
        return;
    dm_paper_open(p, "NonStruct");
    ink(p, which);
    cairo_rectangle(p->cr, pt(x), pt(y), pt(w), pt(h));
    cairo_fill(p->cr);
    dm_paper_close(p, "NonStruct");
}

int dm_paper_end(dm_paper *p, dm_buf *out, dm_err *err)
{
    cairo_surface_finish(p->surface);
    if (p->bad == DM_E_INVALID)
        return dm_fail(err, p->bad, "there is no font for a character of \"%s\"", p->unknown);
    int r = dm_buf_ok(&p->bytes, err);
    if (r == 0 &&
            (cairo_status(p->cr) != CAIRO_STATUS_SUCCESS || cairo_surface_status(p->surface) != CAIRO_STATUS_SUCCESS))
        return dm_fail(err, DM_E_INTERNAL, "cairo: %s", cairo_status_to_string(cairo_status(p->cr)));
    return r == 0 ? dm_buf_str(out, dm_buf_view(&p->bytes)) : r;
}
