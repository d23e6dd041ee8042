/* metering/export/einvoice.h: an invoice as EN 16931 has it, before it is in a syntax: UBL 2.1 and CII D16B say the
 * same by other names. What the standard cannot say is refused with words, never said wrongly:
 *   - amounts have at most two decimals, so a currency with more has no such document;
 *   - a tax of the category O stands alone, and no VAT id beside it (BR-O-02, BR-O-12), so that the seller needs
 * another number to be known by (BR-CO-26);
 *   - seller and buyer have a name and a country.
 * A line has its share of the rounded sum (net), so that lines add up without a rest, and its exact amount in its note.
 * Quantities may be negative, prices never are. Pure. */
#ifndef DM_METERING_EXPORT_EINVOICE_H
#define DM_METERING_EXPORT_EINVOICE_H

#include "metering/export/doc.h"
#include "metering/export/xml.h"

#define DM_EINVOICE_PROFILE "urn:cen.eu:en16931:2017"

enum { DM_EINVOICE_TEXT = 512, DM_EINVOICE_ID = 80 };

typedef struct dm_einvoice_party {
    dm_str name, country, legal_id, email; /* .n 0: none */
    char vat[DM_EINVOICE_ID];              /* "": none, or it may not stand there */
    char other[DM_EINVOICE_ID];            /* a tax number that is no VAT id; of the seller alone */
    char line[3][DM_EINVOICE_TEXT];        /* of its address; what there is more of stands in the last */
} dm_einvoice_party;

typedef struct dm_einvoice {
    const dm_invoice *v;
    dm_einvoice_party seller, buyer;
    char issued[16], due[16], from[16], to[16]; /* "2026-03-02", the last day included; due "": a credit note */
    bool paid_by_transfer;                      /* there is something to pay, and an account to pay it to */
    char terms[DM_EINVOICE_TEXT], note[DM_EINVOICE_TEXT];
} dm_einvoice;

/* Borrows of v. */
int dm_einvoice_of(const dm_invoice *v, dm_einvoice *out, dm_err *err) DM_NODISCARD;

/* A day as CII writes it: "20260302". */
void dm_einvoice_day(const char *day, char out[16]);

typedef struct dm_einvoice_line {
    char qty[DM_MONEY_TEXT], price[DM_MONEY_TEXT], net[DM_MONEY_TEXT]; /* without the zeros that say nothing */
    const char *unit;                                                  /* of UN/ECE Rec 20 */
    char name[DM_EINVOICE_TEXT], note[DM_EINVOICE_TEXT];
} dm_einvoice_line;

/* The i-th, from 0. What has no quantity is one of its amount. */
void dm_einvoice_line_of(const dm_invoice *v, size_t i, dm_einvoice_line *out);

/* All of it, appended to out, as a syntax has it. */
int dm_einvoice_write(
        const dm_export_doc *d, void (*syntax)(dm_xml *x, const dm_einvoice *e), dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
