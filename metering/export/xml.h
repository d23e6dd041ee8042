/* metering/export/xml.h: XML into a buffer, by libxml2, which puts the names and signs where they belong. Errors stick
 * to the writer, and are asked for once, at the end. */
#ifndef DM_METERING_EXPORT_XML_H
#define DM_METERING_EXPORT_XML_H

#include "base/buf.h"

typedef struct dm_xml dm_xml;

/* Begins a document, appended to out, which outlives it. */
int dm_xml_new(dm_buf *out, dm_xml **x, dm_err *err) DM_NODISCARD;
void dm_xml_free(dm_xml *x); /* NULL is fine */
DM_DEFINE_FREEP(dm_xml)

/* Names are ours, prefix and all; texts are anybody's UTF-8. */
void dm_xml_open(dm_xml *x, const char *name);
void dm_xml_close(dm_xml *x);
void dm_xml_attr(dm_xml *x, const char *name, const char *value);
void dm_xml_text(dm_xml *x, dm_str text);
/* An element with nothing but that text in it; of no text (.n 0), nothing. */
void dm_xml_leaf(dm_xml *x, const char *name, dm_str text);
void dm_xml_leaf_c(dm_xml *x, const char *name, const char *text);
/* It within an element of its own; of no text neither. */
void dm_xml_leaf_in(dm_xml *x, const char *outer, const char *name, dm_str text);
/* A leaf with an attribute, whatever its text. */
void dm_xml_leaf_of(dm_xml *x, const char *name, const char *attr, const char *value, const char *text);

/* Ends the document. DM_E_INVALID where a text had a character that XML has not (controls, U+FFFE). */
int dm_xml_end(dm_xml *x, dm_err *err) DM_NODISCARD;

#endif
