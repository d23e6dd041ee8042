/* Each step is one that a validator asks for (veraPDF by clause, Mustang for Factur-X), and no other. */
#include "metering/export/finish.h"

#include <qpdf/qpdf-c.h>
#include <stdio.h>

#include "base/file.h"

#define PRODUCER "Dormouse"
#define PROFILE "/usr/share/color/icc/sRGB.icc" /* Debian's icc-profiles-free */

enum { PROFILE_MAX = 1 << 20, XMP_MAX = 16 << 10 };

/* --- XMP ---------------------------------------------------------------------------------------------------- */

static const char declared[] =
        "<rdf:Description rdf:about=\"\" xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\" "
        "xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\" "
        "xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\"><pdfaExtension:schemas><rdf:Bag>";

static void schema(
        dm_buf *b, const char *name, const char *uri, const char *prefix, const char *const (*props)[3], size_t n)
{
    (void)dm_buf_fmt(b,
            "<rdf:li rdf:parseType=\"Resource\"><pdfaSchema:schema>%s</pdfaSchema:schema>"
            "<pdfaSchema:namespaceURI>%s</pdfaSchema:namespaceURI><pdfaSchema:prefix>%s</pdfaSchema:prefix>"
            "<pdfaSchema:property><rdf:Seq>",
            name, uri, prefix);
    for (size_t i = 0; i < n; i++)
        (void)dm_buf_fmt(b,
                "<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:name>%s</pdfaProperty:name>"
                "<pdfaProperty:valueType>%s</pdfaProperty:valueType><pdfaProperty:category>%s</pdfaProperty:category>"
                "<pdfaProperty:description>%s</pdfaProperty:description></rdf:li>",
                props[i][0], props[i][1], i == 0 && n == 1 ? "internal" : "external", props[i][2]);
    (void)dm_buf_c(b, "</rdf:Seq></pdfaSchema:property></rdf:li>");
}

#define FX "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"

static void schemas(dm_buf *b, bool xml)
{
    static const char *const ua[][3] = {{"part", "Integer", "Part of PDF/UA"}};
    static const char *const fx[][3] = {{"DocumentFileName", "Text", "Name of the embedded XML"},
            {"DocumentType", "Text", "INVOICE"}, {"Version", "Text", "Version of the XML schema"},
            {"ConformanceLevel", "Text", "Profile of the XML"}};
    (void)dm_buf_c(b, declared);
    schema(b, "PDF/UA identification", "http://www.aiim.org/pdfua/ns/id/", "pdfuaid", ua, DM_LEN(ua));
    if (xml)
        schema(b, "Factur-X PDFA Extension Schema", FX, "fx", fx, DM_LEN(fx));
    (void)dm_buf_c(b, "</rdf:Bag></pdfaExtension:schemas></rdf:Description>");
}

/* title has no sign that XML minds: it is a kind and a number of ours. */
static void xmp(dm_buf *b, const dm_finish *f)
{
    (void)dm_buf_fmt(b,
            "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
            "<rdf:Description rdf:about=\"\" "
            "xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\"><pdfaid:part>3</pdfaid:part>"
            "<pdfaid:conformance>A</pdfaid:conformance></rdf:Description>"
            "<rdf:Description rdf:about=\"\" "
            "xmlns:pdfuaid=\"http://www.aiim.org/pdfua/ns/id/\"><pdfuaid:part>1</pdfuaid:part>"
            "</rdf:Description><rdf:Description rdf:about=\"\" "
            "xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title><rdf:Alt>"
            "<rdf:li xml:lang=\"x-default\">%s</rdf:li></rdf:Alt></dc:title></rdf:Description>"
            "<rdf:Description rdf:about=\"\" "
            "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"><xmp:CreateDate>%s</xmp:CreateDate>"
            "</rdf:Description><rdf:Description rdf:about=\"\" "
            "xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\"><pdf:Producer>" PRODUCER "</pdf:Producer></rdf:Description>",
            f->title, f->day);
    schemas(b, f->xml.n > 0);
    if (f->xml.n > 0)
        (void)dm_buf_c(b,
                "<rdf:Description rdf:about=\"\" xmlns:fx=\"" FX "\"><fx:DocumentType>INVOICE</fx:DocumentType>"
                "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName><fx:Version>1.0</fx:Version>"
                "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel></rdf:Description>");
    (void)dm_buf_c(b, "</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>");
}

/* --- objects ------------------------------------------------------------------------------------------------ */

static qpdf_oh stream(qpdf_data q, const char *dict, dm_str bytes)
{
    qpdf_oh s = qpdf_oh_new_stream(q), d = qpdf_oh_get_dict(q, s), from = qpdf_oh_parse(q, dict);
    qpdf_oh_begin_dict_key_iter(q, from);
    while (qpdf_oh_dict_more_keys(q)) {
        const char *key = qpdf_oh_dict_next_key(q);
        qpdf_oh_replace_key(q, d, key, qpdf_oh_get_key(q, from, key));
    }
    qpdf_oh_replace_stream_data(
            q, s, (const unsigned char *)bytes.p, bytes.n, qpdf_oh_new_null(q), qpdf_oh_new_null(q));
    return s;
}

/* "2026-03-02T22:00:00Z" as PDF has it. */
static void pdf_day(const char *day, char out[40])
{
    (void)snprintf(out, 40, "D:%.4s%.2s%.2s%.2s%.2s%.2sZ", day, day + 5, day + 8, day + 11, day + 14, day + 17);
}

static void attach(qpdf_data q, qpdf_oh root, const dm_finish *f)
{
    char dict[128], day[40];
    pdf_day(f->day, day);
    (void)snprintf(
            dict, sizeof dict, "<< /Type /EmbeddedFile /Subtype /text#2fxml /Params << /ModDate (%s) >> >>", day);
    qpdf_oh file = stream(q, dict, f->xml);
    qpdf_oh spec = qpdf_make_indirect_object(
            q, qpdf_oh_parse(q,
                       "<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /AFRelationship /Alternative /Desc "
                       "(Invoice as Factur-X) >>"));
    qpdf_oh both = qpdf_oh_new_dictionary(q), list = qpdf_oh_new_array(q), names = qpdf_oh_new_array(q);
    qpdf_oh files = qpdf_oh_new_dictionary(q), all = qpdf_oh_new_dictionary(q);
    qpdf_oh_replace_key(q, both, "/F", file);
    qpdf_oh_replace_key(q, both, "/UF", file);
    qpdf_oh_replace_key(q, spec, "/EF", both);
    qpdf_oh_append_item(q, list, spec);
    qpdf_oh_append_item(q, names, qpdf_oh_new_string(q, "factur-x.xml"));
    qpdf_oh_append_item(q, names, spec);
    qpdf_oh_replace_key(q, files, "/Names", names);
    qpdf_oh_replace_key(q, all, "/EmbeddedFiles", files);
    qpdf_oh_replace_key(q, root, "/AF", list);
    qpdf_oh_replace_key(q, root, "/Names", all);
}

static void catalog(qpdf_data q, const dm_finish *f, dm_str icc, dm_str meta)
{
    qpdf_oh root = qpdf_get_root(q), intents = qpdf_oh_new_array(q);
    qpdf_oh intent = qpdf_oh_parse(q, "<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) >>");
    qpdf_oh_replace_key(q, root, "/Lang", qpdf_oh_new_string(q, "en"));
    qpdf_oh_replace_key(q, root, "/ViewerPreferences", qpdf_oh_parse(q, "<< /DisplayDocTitle true >>"));
    qpdf_oh_replace_key(q, root, "/MarkInfo", qpdf_oh_parse(q, "<< /Marked true >>"));
    qpdf_oh_replace_key(q, root, "/Metadata", stream(q, "<< /Type /Metadata /Subtype /XML >>", meta));
    qpdf_oh_replace_key(q, intent, "/DestOutputProfile", stream(q, "<< /N 3 >>", icc));
    qpdf_oh_append_item(q, intents, intent);
    qpdf_oh_replace_key(q, root, "/OutputIntents", intents);
    if (f->xml.n > 0)
        attach(q, root, f);
}

/* What each head of a column is of (PDF/UA 7.5), and where a font's glyphs are (PDF/A 6.2.11.3.2): cairo leaves both
 * out. Handles are given back as it goes: ten thousand lines are a hundred thousand elements. */
static void mend(qpdf_data q)
{
    int size = qpdf_oh_get_int_value_as_int(q, qpdf_oh_get_key(q, qpdf_get_trailer(q), "/Size"));
    qpdf_oh scope = qpdf_oh_parse(q, "<< /O /Table /Scope /Column >>"), identity = qpdf_oh_new_name(q, "/Identity");
    for (int id = 1; id < size; id++) {
        qpdf_oh o = qpdf_get_object_by_id(q, id, 0);
        if (qpdf_oh_is_dictionary(q, o)) {
            qpdf_oh s = qpdf_oh_get_key(q, o, "/S"), sub = qpdf_oh_get_key(q, o, "/Subtype");
            if (qpdf_oh_is_name_and_equals(q, s, "/TH"))
                qpdf_oh_replace_key(q, o, "/A", scope);
            if (qpdf_oh_is_name_and_equals(q, sub, "/CIDFontType2") && !qpdf_oh_has_key(q, o, "/CIDToGIDMap"))
                qpdf_oh_replace_key(q, o, "/CIDToGIDMap", identity);
            qpdf_oh_release(q, s);
            qpdf_oh_release(q, sub);
        }
        qpdf_oh_release(q, o);
    }
}

static int done(qpdf_data q, dm_err *err)
{
    return qpdf_has_error(q)
                   ? dm_fail(err, DM_E_INTERNAL, "libqpdf: %s", qpdf_get_error_full_text(q, qpdf_get_error(q)))
                   : 0;
}

static int write_pdf(qpdf_data q, dm_buf *out, dm_err *err)
{
    if (qpdf_init_write_memory(q) >= QPDF_ERRORS)
        return done(q, err);
    qpdf_set_deterministic_ID(q, QPDF_TRUE);
    qpdf_set_newline_before_endstream(q, QPDF_TRUE);
    qpdf_set_object_stream_mode(q, qpdf_o_generate);
    if (qpdf_write(q) >= QPDF_ERRORS)
        return done(q, err);
    int r = done(q, err);
    return r == 0 ? dm_buf_add(out, qpdf_get_buffer(q), qpdf_get_buffer_length(q)) : r;
}

int dm_finish_pdf(const dm_finish *f, dm_buf *out, dm_err *err)
{
    DM_AUTO_BUF icc, meta;
    char day[40];
    dm_buf_init(&icc, PROFILE_MAX);
    dm_buf_init(&meta, XMP_MAX);
    xmp(&meta, f);
    int r = dm_buf_ok(&meta, err);
    if (r == 0)
        r = dm_file_read(PROFILE, &icc, err);
    if (r < 0)
        return r;
    qpdf_data q = qpdf_init();
    qpdf_silence_errors(q);
    qpdf_set_suppress_warnings(q, QPDF_TRUE);
    if (qpdf_read_memory(q, "pages", f->pages.p, f->pages.n, NULL) >= QPDF_ERRORS) {
        r = done(q, err);
    } else {
        catalog(q, f, dm_buf_view(&icc), dm_buf_view(&meta));
        mend(q);
        pdf_day(f->day, day);
        qpdf_set_info_key(q, "/Producer", PRODUCER);
        qpdf_set_info_key(q, "/CreationDate", day);
        r = write_pdf(q, out, err);
    }
    qpdf_cleanup(&q);
    return r;
}
