/* metering/rules/invoice.h: an invoice, or a credit note to one: its sums, and its canonical bytes, of which PDF, UBL
 * and CII are made and of nothing else. Pure: the same lines, tax, seller and buyer give the same bytes.
 *
 * Sums. A line's amount is exact. For each tax (a category and rate: tax.h) its lines come to `exact`, a credit of ours
 * takes `discount` off that before tax, and what is left is rounded to the currency's minor unit once: `base`. Tax is
 * on the rounded base and rounded once. What rounding took or gave is `rounding`, at most half a minor unit of each
 * tax. What is printed beside a line, `net`, is a share by largest remainder (allocate.h), so that lines add up to the
 * rounded sum of their exact amounts; `allowance`, what that exceeds the base by, is the discount as it is printed.
 *
 * The bytes are one line of JSON, as statement.h has it: no blanks, members in the order of their names, UTF-8. "money"
 * has 18 decimals; "minor" is an amount with the decimals of the currency, and no point where those are none. A day is
 * "YYYY-MM-DD". What there is not is null.
 *
 * {"account": uuid,
 *  "books": [{"id": number, "sha256": hash}, by id],                 the price books that were applied
 *  "buyer": party,
 *  "chain": from 1, without a gap among the documents of the seller,
 *  "commitments": [{"before": money, "charges": money, "contract": uuid, "invoices": [number, by chain],
 *     "least": money, "line": which of "lines" | null, "month": "YYYY-MM"}, by month],    there where there are any
 *  "currency": "USD",
 *  "due": day | null,                                                null: a credit note
 *  "formula": how a line is made,
 *  "issued": time,
 *  "kind": "invoice" | "credit_note",
 *  "lines": [{"amount": money, "book": id | null, "kind": "usage" | "correction" | "fee" | "commitment" | "credit",
 *     "line": from 1,
 *     "net": minor, "of_line": the credited line | null, "per_unit": price | null, "project": uuid | null,
 *     "project_name": text | null, "project_no": number | null, "qty": quantity | null, "seconds": number,
 *     "sku": name, "tax": from 1, which of "taxes", "tier": number, "unit": text, "unit_code": of UN/ECE Rec 20}],
 *  "number": "INV-2026-000042",
 *  "payment_terms_days": number | null,
 *  "period": {"end": time, "start": time},
 *  "plans": [name, by name],
 *  "previous": hash of the seller's document before this one; 64 zeros in the first,
 *  "purchase_order": text | null,
 *  "reason": why it is credited | null,
 *  "refers_to": number of the credited invoice | null,
 *  "seller": party,
 *  "statements": {"count": number, "first": number | null, "last": number | null, "root": hash},
 *  "tax_id_check": how the buyer's tax id was checked, when, by whom | null,
 *  "taxes": [{"allowance": minor, "amount": minor, "base": minor, "category": "S", "discount": money, "exact": money,
 *     "jurisdiction": text, "lines": minor, "rate": percent with 4 decimals, "reason": text | null,
 *     "reason_code": text | null, "reverse_charge": bool, "rounding": money}],
 *  "totals": {"allowance": minor, "due": minor, "exact": money, "lines": minor, "net": minor, "prepaid": minor,
 *     "rounding": money, "tax": minor, "total": minor},
 *  "version": 1 | 2 where there are commitments}
 *
 * party: {"address": text, "country": "DE", "email": text | null, "iban", "bic", "legal_id", "name", "tax_id":
 * likewise} lines: one for each kind, project, SKU, price book, tier and price. statements.root: the tree (merkle.h)
 * over the hashes of the statements that are invoiced, by number. totals.total is net + tax, due what is left of it
 * after prepaid. All amounts of a credit note are what it takes away, and so positive; its "exact" is its net.
 *
 * Commitments. A contract says what each month of UTC costs at least. Once a month is over, an invoice of it has a line
 * of the kind (and SKU) "commitment" of what it is short: least less charges, where that is above nothing. charges: all
 * that has been charged for the month's seconds, before tax and before credits, by this invoice and those that it names
 * in "invoices": lines of usage and what corrects them, whichever month's statement they stand on. What those invoices
 * have charged for the same commitment is `before`, and comes off; so where late evidence makes the month dearer, a
 * later invoice has a line below nothing, and a month costs the larger of least and charges, whatever comes when.
 *
 * The hash is SHA-256 of these bytes, the signature Ed25519 over them by a key of dm.service_key. */
#ifndef DM_METERING_RULES_INVOICE_H
#define DM_METERING_RULES_INVOICE_H

#include "base/json.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/limits.h"
#include "metering/rules/merkle.h"
#include "metering/rules/tax.h"

enum { DM_INVOICE_VERSION = 1, DM_INVOICE_VERSION_COMMITTED };

#define DM_INVOICE_COMMITMENT "commitment" /* the kind of a line, and its SKU */

#define DM_INVOICE_FORMULA                                                                                             \
    "cost = (number of vCPUs x vCPU price + memory size x memory price) x billed duration, then storage"

typedef struct dm_invoice_party { /* .p NULL: none */
    dm_str name, address, country, tax_id, legal_id, email, iban, bic;
} dm_invoice_party;
/* As an invoice says it, or as it is frozen; borrowed of obj. */
dm_invoice_party dm_invoice_party_of(const json_t *obj);
/* As a member, within an object. */
void dm_invoice_party_write(dm_jw *w, const char *name, const dm_invoice_party *p);

typedef struct dm_invoice_line {
    dm_str kind, sku;
    dm_str project, project_name; /* .p NULL: of the account as a whole */
    dm_project_no project_no;
    bool priced; /* has book, qty and per_unit */
    int64_t book;
    dm_qty qty;
    dm_price per_unit;
    uint32_t tier;
    int64_t seconds;  /* of corrections maybe below nothing */
    uint32_t of_line; /* 0: none */
    size_t tax;       /* from 0, of the invoice's */
    dm_money amount;
    dm_money net; /* reckoned; of a credit note's lines given */
} dm_invoice_line;

typedef struct dm_invoice_tax {
    dm_str category, jurisdiction, reason_code, reason;
    uint32_t rate_ppm;
    bool reverse_charge;
    dm_money exact, discount, lines, base, amount, rounding; /* reckoned */
} dm_invoice_tax;

typedef struct dm_invoice_book {
    int64_t id;
    dm_digest sha256;
} dm_invoice_book;

/* A month of which a contract says what it costs at least. */
typedef struct dm_invoice_commitment {
    dm_str contract;         /* its uuid */
    int64_t month_s, next_s; /* the month's first second, and the next one's */
    dm_money least, charges, before;
    dm_money amount; /* of its line */
    uint32_t line;   /* from 1; 0: it has none, and amount is nothing */
    dm_str invoices; /* numbers, with a comma between two: those before it that are counted in */
} dm_invoice_commitment;

/* All of it is borrowed. */
typedef struct dm_invoice {
    const char *account, *currency;
    unsigned decimals; /* the currency's */
    bool credit_note;
    dm_str number, refers_to, reason;
    int64_t chain;
    int64_t issued_s, due_s, period_start, period_end;
    int64_t terms_days;
    dm_str purchase_order, tax_id_check;
    dm_digest previous;
    dm_invoice_party seller, buyer;
    const dm_invoice_book *books;
    size_t nbooks;
    const dm_str *plans;
    size_t nplans;
    int64_t statements, first_statement, last_statement;
    dm_digest statements_root;
    dm_invoice_commitment *commitments;
    size_t ncommitments;
    dm_invoice_line *lines;
    size_t nlines;
    dm_invoice_tax *taxes;
    size_t ntaxes;
    dm_money discount;                                         /* exact, before tax; not below 0 */
    dm_money prepaid;                                          /* whole, of the total; not below 0 */
    dm_money exact, lines_sum, net, tax, total, due, rounding; /* reckoned */
} dm_invoice;

/* From the lines' amounts and the taxes' rates, the discount and what is prepaid, to all that is reckoned. The discount
 * is taken from the taxes in their order, of each at most what its lines come to. DM_E_INVALID where it is more than
 * all of them, or prepaid more than the total: nothing is returned by an invoice. */
int dm_invoice_reckon(dm_invoice *v, dm_err *err) DM_NODISCARD;

/* A credit note's, whose lines have their net. of: its invoice, as it was reckoned; credited[i], taxed[i]: what of
 * the i-th tax of it has been credited before, of base and tax. The tax is that of what is credited, never more than is
 * left, and all that is left with the last of the base. */
int dm_invoice_reckon_credit(
        dm_invoice *v, const dm_invoice *of, const dm_money *credited, const dm_money *taxed, dm_err *err) DM_NODISCARD;

/* What each of its commitments comes to, and behind the other lines those that charge it, of the tax 0: lines has room
 * for as many more as there are commitments. */
int dm_invoice_commit(dm_invoice *v, dm_err *err) DM_NODISCARD;
/* A credit note's where its invoice is not at hand: its sums are those of its lines, and what its taxes come to is as
 * it was read: not below nothing. */
int dm_invoice_reckon_alone(dm_invoice *v, dm_err *err) DM_NODISCARD;

/* A document's members, borrowed from j and (numbers of commitments) names; lines, taxes and commitments are the
 * caller's to free. Of what is reckoned nothing is read but what a credit note's lines have of net and its taxes of
 * amount, which do not follow from itself; books and plans are left out. DM_E_INVALID. */
int dm_invoice_read(const json_t *j, dm_invoice *out, dm_buf *names, dm_err *err) DM_NODISCARD;
/* And those; the list is the caller's to free. A plan that is no text is "". */
int dm_invoice_read_books(const json_t *j, dm_invoice_book **out, size_t *n, dm_err *err) DM_NODISCARD;
int dm_invoice_read_plans(const json_t *j, dm_str **out, size_t *n, dm_err *err) DM_NODISCARD;

/* Appends the bytes. */
int dm_invoice_body(const dm_invoice *v, dm_buf *b, dm_err *err) DM_NODISCARD;

/* What people call a SKU's unit, and Rec 20's code of it. */
const char *dm_invoice_unit(dm_str sku);
const char *dm_invoice_unit_code(dm_str sku);
/* "YYYY-MM-DD" */
void dm_day_text(int64_t second, char out[32]);

#endif
