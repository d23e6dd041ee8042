#include "metering/invoice/camt.h"

#include <expat.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/grow.h"
#include "base/parse.h"

enum { PATH_MAX_BYTES = 512, PARTS_MAX = 10000 };

#define STATEMENT "/Document/BkToCstmrStmt/Stmt"
#define ENTRY STATEMENT "/Ntry"
#define PART ENTRY "/NtryDtls/TxDtls"

/* A payment of an entry; an entry has one of its own, too. */
typedef struct part {
    char amount[48], currency[4], text[DM_CAMT_TEXT];
} part;

typedef struct reading {
    XML_Parser parser;
    dm_camt_fn fn;
    void *arg;
    int code; /* of what ended it */
    dm_err why;
    char path[PATH_MAX_BYTES];
    size_t path_len;
    unsigned depth;
    char word[DM_CAMT_TEXT]; /* the text of the element that is open */
    size_t word_len;
    char unit[4]; /* its Ccy */
    char statement[64], account[64], number[64], reference[64], direction[8], reversal[8], status[8], day[32];
    part whole, *parts;
    size_t nparts, parts_room, nentries;
    dm_camt_entry entry;
} reading;

static void stop(reading *r, int code)
{
    r->code = code;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static void wrong(reading *r, const char *what)
{
    if (r->code == 0)
        stop(r, dm_fail(&r->why, DM_E_INVALID, "entry %zu: %s", r->nentries + 1, what));
}

/* --- one entry ---------------------------------------------------------------------------------------------- */

static int parse_amount(const part *p, dm_money *out)
{
    int r = dm_money_parse(dm_str_c(p->amount), out, NULL);
    return r == 0 && out->v >= 0 && strlen(p->currency) == 3 ? 0 : DM_E_INVALID;
}

static void say(reading *r, const part *p, dm_money amount, size_t n)
{
    dm_camt_entry *e = &r->entry;
    char name[144];
    /* the bank's reference is once in the account; its number of an entry is so in the statement alone */
    if (r->reference[0] != '\0')
        (void)snprintf(name, sizeof name, "%s", r->reference);
    else
        (void)snprintf(name, sizeof name, "%s:%s", r->statement, r->number);
    *e = (dm_camt_entry){.amount = amount,
            .debit = strcmp(r->direction, "DBIT") == 0,
            .reversal = strcmp(r->reversal, "true") == 0 || strcmp(r->reversal, "1") == 0,
            .booked = strcmp(r->status, "BOOK") == 0};
    (void)snprintf(e->account, sizeof e->account, "%s", r->account);
    (void)snprintf(e->currency, sizeof e->currency, "%s", p->currency);
    (void)snprintf(e->day, sizeof e->day, "%.10s", r->day);
    (void)snprintf(e->text, sizeof e->text, "%s", p->text);
    if (n > 0)
        (void)snprintf(e->reference, sizeof e->reference, "%s/%zu", name, n);
    else
        (void)snprintf(e->reference, sizeof e->reference, "%s", name);
    int x = r->fn(r->arg, e, &r->why);
    if (x != 0)
        stop(r, x);
}

/* Several payments come one by one, if they are all of the entry. */
static bool comes_to(const reading *r, dm_money whole)
{
    dm_money sum = {0}, one;
    for (size_t i = 0; i < r->nparts; i++) {
        if (parse_amount(&r->parts[i], &one) < 0 || strcmp(r->parts[i].currency, r->whole.currency) != 0 ||
                dm_money_add(sum, one, &sum, NULL) < 0)
            return false;
    }
    return dm_money_cmp(sum, whole) == 0;
}

static void end_entry(reading *r)
{
    dm_money whole, one;
    bool known = strcmp(r->direction, "CRDT") == 0 || strcmp(r->direction, "DBIT") == 0;
    if (r->account[0] == '\0' || parse_amount(&r->whole, &whole) < 0 || !known)
        wrong(r, "without account, amount or direction");
    else if (r->reference[0] == '\0' && (r->number[0] == '\0' || r->statement[0] == '\0'))
        wrong(r, "without a reference");
    else if (++r->nentries > DM_CAMT_ENTRIES_MAX)
        wrong(r, "more than a file may have");
    else if (r->nparts > 1 && !comes_to(r, whole))
        wrong(r, "its payments do not come to it");
    if (r->code == 0 && r->nparts == 1) /* its amount is the entry's, whatever else it is told in */
        (void)snprintf(r->whole.text, sizeof r->whole.text, "%s", r->parts[0].text);
    if (r->code == 0 && r->nparts <= 1)
        say(r, &r->whole, whole, 0);
    for (size_t i = 0; r->code == 0 && r->nparts > 1 && i < r->nparts; i++) {
        (void)parse_amount(&r->parts[i], &one);
        say(r, &r->parts[i], one, i + 1);
    }
}

/* --- elements ----------------------------------------------------------------------------------------------- */

static bool at(const reading *r, const char *path)
{
    return strcmp(r->path, path) == 0;
}

static void begin_entry(reading *r)
{
    r->number[0] = r->reference[0] = r->direction[0] = r->reversal[0] = r->status[0] = r->day[0] = '\0';
    r->whole = (part){.amount = ""};
    r->nparts = 0;
}

static void begin_part(reading *r)
{
    dm_err err;
    if (dm_grow(&r->parts, &r->parts_room, r->nparts, PARTS_MAX, "payments of an entry", &err) < 0)
        wrong(r, "too many payments");
    else
        r->parts[r->nparts++] = (part){.amount = ""};
}

static void XMLCALL begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    reading *r = arg;
    const char *local = strrchr(name, '|'); /* behind its namespace */
    local = local != NULL ? local + 1 : name;
    size_t n = strlen(local);
    if (++r->depth > DM_CAMT_DEPTH || r->path_len + 1 + n >= sizeof r->path) {
        wrong(r, "too deep");
        return;
    }
    r->path[r->path_len] = '/';
    memcpy(r->path + r->path_len + 1, local, n + 1);
    r->path_len += 1 + n;
    r->word_len = 0;
    r->unit[0] = '\0';
    for (size_t i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], "Ccy") == 0)
            (void)snprintf(r->unit, sizeof r->unit, "%s", attributes[i + 1]);
    }
    if (at(r, STATEMENT))
        r->statement[0] = r->account[0] = '\0';
    else if (at(r, ENTRY))
        begin_entry(r);
    else if (at(r, PART))
        begin_part(r);
}

static void XMLCALL words(void *arg, const XML_Char *s, int len)
{
    reading *r = arg;
    size_t n = (size_t)len, room = sizeof r->word - 1 - r->word_len;
    n = n < room ? n : room;
    memcpy(r->word + r->word_len, s, n);
    r->word_len += n;
}

static void keep_amount(reading *r, part *p)
{
    p->amount[0] = '\0'; /* what is too long is none */
    if (r->word_len < sizeof p->amount)
        memcpy(p->amount, r->word, r->word_len + 1);
    (void)snprintf(p->currency, sizeof p->currency, "%s", r->unit);
}

/* What the payer gave, a line each. */
static void keep_text(reading *r, part *p)
{
    size_t n = strlen(p->text);
    (void)snprintf(p->text + n, sizeof p->text - n, "%s%s", n > 0 ? "\n" : "", r->word);
}

static void end_of_part(reading *r)
{
    part *p = &r->parts[r->nparts - 1];
    if (at(r, PART "/Amt") || (at(r, PART "/AmtDtls/TxAmt/Amt") && p->amount[0] == '\0'))
        keep_amount(r, p);
    else if (at(r, PART "/RmtInf/Ustrd") || at(r, PART "/RmtInf/Strd/CdtrRefInf/Ref") ||
             at(r, PART "/RmtInf/Strd/RfrdDocInf/Nb"))
        keep_text(r, p);
}

static void end_of_entry(reading *r)
{
    static const struct {
        const char *path;
        size_t offset, size;
    } plain[] = {
            {ENTRY "/NtryRef", offsetof(reading, number), sizeof((reading *)0)->number},
            {ENTRY "/AcctSvcrRef", offsetof(reading, reference), sizeof((reading *)0)->reference},
            {ENTRY "/CdtDbtInd", offsetof(reading, direction), sizeof((reading *)0)->direction},
            {ENTRY "/RvslInd", offsetof(reading, reversal), sizeof((reading *)0)->reversal},
            {ENTRY "/Sts", offsetof(reading, status), sizeof((reading *)0)->status},    /* version 02 */
            {ENTRY "/Sts/Cd", offsetof(reading, status), sizeof((reading *)0)->status}, /* version 08 */
            {ENTRY "/BookgDt/Dt", offsetof(reading, day), sizeof((reading *)0)->day},
            {ENTRY "/BookgDt/DtTm", offsetof(reading, day), sizeof((reading *)0)->day},
            {STATEMENT "/Id", offsetof(reading, statement), sizeof((reading *)0)->statement},
            {STATEMENT "/Acct/Id/IBAN", offsetof(reading, account), sizeof((reading *)0)->account},
            {STATEMENT "/Acct/Id/Othr/Id", offsetof(reading, account), sizeof((reading *)0)->account},
    };
    for (size_t i = 0; i < DM_LEN(plain); i++) {
        if (!at(r, plain[i].path) || r->word_len == 0)
            continue;
        if (r->word_len >= plain[i].size)
            wrong(r, "a reference or date is too long"); /* cut it could be taken for another */
        else
            memcpy((char *)r + plain[i].offset, r->word, r->word_len + 1);
        return;
    }
    if (at(r, ENTRY "/Amt"))
        keep_amount(r, &r->whole);
    else if (at(r, ENTRY))
        end_entry(r);
}

static void XMLCALL end(void *arg, const XML_Char *name)
{
    reading *r = arg;
    (void)name;
    while (r->word_len > 0 && strchr(" \t\r\n", r->word[r->word_len - 1]) != NULL)
        r->word_len--;
    r->word[r->word_len] = '\0';
    if (r->nparts > 0)
        end_of_part(r);
    end_of_entry(r);
    r->depth--;
    while (r->path_len > 0 && r->path[r->path_len] != '/')
        r->path_len--;
    r->path[r->path_len] = '\0';
    r->word_len = 0;
}

/* A file of a bank has none; what has one wants to make us read something else. */
static void XMLCALL doctype(
        void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal;
    wrong(arg, "a DTD");
}

int dm_camt_read(dm_str xml, dm_camt_fn fn, void *arg, dm_err *err)
{
    if (xml.n > DM_CAMT_BYTES_MAX)
        return dm_fail(err, DM_E_LIMIT, "a file of more than %d bytes", DM_CAMT_BYTES_MAX);
    reading *r = calloc(1, sizeof *r);
    XML_Parser parser = r != NULL ? XML_ParserCreateNS(NULL, '|') : NULL;
    if (parser == NULL) {
        free(r);
        return dm_fail(err, DM_E_NOMEM, "no memory for a parser");
    }
    r->parser = parser;
    r->fn = fn;
    r->arg = arg;
    XML_SetUserData(parser, r);
    XML_SetElementHandler(parser, begin, end);
    XML_SetCharacterDataHandler(parser, words);
    XML_SetStartDoctypeDeclHandler(parser, doctype);
    int x = 0;
    if (XML_Parse(parser, xml.p, (int)xml.n, XML_TRUE) == XML_STATUS_OK)
        x = r->nentries > 0 || r->statement[0] != '\0'
                    ? 0
                    : dm_fail(err, DM_E_INVALID, "it is no statement of an account (camt.053)");
    else if (r->code > 0)
        x = r->code;
    else if (r->code < 0)
        x = dm_fail(err, r->code, "%s", r->why.msg);
    else
        x = dm_fail(err, DM_E_INVALID, "line %lu: %s", XML_GetCurrentLineNumber(parser),
                XML_ErrorString(XML_GetErrorCode(parser)));
    XML_ParserFree(parser);
    free(r->parts);
    free(r);
    return x;
}
