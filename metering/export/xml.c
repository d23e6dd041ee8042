#include "metering/export/xml.h"

#include <libxml/xmlwriter.h>

#include "base/parse.h"

enum { TEXT_MAX = 1 << 20 };

struct dm_xml {
    xmlTextWriter *w;
    dm_buf *out;
    dm_buf text; /* a text that ends in NUL */
    int bad;     /* the first failure */
};

/* It never fails: libxml2 would say so to standard error. The buffer knows. */
static int put(void *arg, const char *p, int n)
{
    (void)dm_buf_add(arg, p, (size_t)n);
    return n;
}

int dm_xml_new(dm_buf *out, dm_xml **x, dm_err *err)
{
    DM_AUTO(dm_xml) new = calloc(1, sizeof *new);
    if (new == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for XML");
    new->out = out;
    dm_buf_init(&new->text, TEXT_MAX);
    xmlOutputBuffer *buffer = xmlOutputBufferCreateIO(put, NULL, out, NULL);
    if (buffer != NULL && (new->w = xmlNewTextWriter(buffer)) == NULL)
        (void)xmlOutputBufferClose(buffer);
    if (new->w == NULL || xmlTextWriterSetIndent(new->w, 1) < 0 ||
            xmlTextWriterStartDocument(new->w, "1.0", "UTF-8", NULL) < 0)
        return dm_fail(err, DM_E_NOMEM, "no memory for XML");
    *x = dm_steal(&new);
    return 0;
}

void dm_xml_free(dm_xml *x)
{
    if (x == NULL)
        return;
    xmlFreeTextWriter(x->w);
    dm_buf_done(&x->text);
    free(x);
}

static void done(dm_xml *x, int r)
{
    if (r < 0 && x->bad == 0)
        x->bad = DM_E_NOMEM;
}

static const xmlChar *as_xml(const char *z)
{
    return (const xmlChar *)z;
}

void dm_xml_open(dm_xml *x, const char *name)
{
    done(x, xmlTextWriterStartElement(x->w, as_xml(name)));
}

void dm_xml_close(dm_xml *x)
{
    done(x, xmlTextWriterEndElement(x->w));
}

void dm_xml_attr(dm_xml *x, const char *name, const char *value)
{
    done(x, xmlTextWriterWriteAttribute(x->w, as_xml(name), as_xml(value)));
}

static bool sayable(dm_str text)
{
    while (text.n > 0) {
        size_t step = dm_utf8_step(text);
        unsigned char c = (unsigned char)text.p[0];
        if (step == 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
            return false;
        if (step == 3 && memcmp(text.p, "\xef\xbf", 2) == 0 && (unsigned char)text.p[2] >= 0xbe)
            return false; /* U+FFFE, U+FFFF */
        text = (dm_str){text.p + step, text.n - step};
    }
    return true;
}

void dm_xml_text(dm_xml *x, dm_str text)
{
    if (!sayable(text)) {
        if (x->bad == 0)
            x->bad = DM_E_INVALID;
        return;
    }
    dm_buf_reset(&x->text);
    int r = dm_buf_str(&x->text, text);
    if (r < 0 && x->bad == 0)
        x->bad = r;
    if (r == 0 && text.n > 0)
        done(x, xmlTextWriterWriteString(x->w, as_xml(x->text.p)));
}

void dm_xml_leaf(dm_xml *x, const char *name, dm_str text)
{
    if (text.n == 0)
        return;
    dm_xml_open(x, name);
    dm_xml_text(x, text);
    dm_xml_close(x);
}

void dm_xml_leaf_c(dm_xml *x, const char *name, const char *text)
{
    dm_xml_leaf(x, name, dm_str_c(text));
}

void dm_xml_leaf_in(dm_xml *x, const char *outer, const char *name, dm_str text)
{
    if (text.n == 0)
        return;
    dm_xml_open(x, outer);
    dm_xml_leaf(x, name, text);
    dm_xml_close(x);
}

void dm_xml_leaf_of(dm_xml *x, const char *name, const char *attr, const char *value, const char *text)
{
    dm_xml_open(x, name);
    dm_xml_attr(x, attr, value);
    dm_xml_text(x, dm_str_c(text));
    dm_xml_close(x);
}

int dm_xml_end(dm_xml *x, dm_err *err)
{
    done(x, xmlTextWriterEndDocument(x->w));
    done(x, xmlTextWriterFlush(x->w));
    if (x->bad == DM_E_INVALID)
        return dm_fail(err, x->bad, "a text of it has a character that XML does not have");
    int r = dm_buf_ok(x->out, err);
    if (r == 0 && x->bad != 0)
        r = dm_fail(err, x->bad, "no memory for XML");
    return r;
}
