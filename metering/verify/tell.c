/* A verdict in words, and as JSON. */
#include "base/json.h"
#include "base/parse.h"

#include "metering/verify/verify.h"

const char *dm_fault_word(dm_fault_kind kind)
{
    static const char *const words[DM_FAULT_KINDS] = {
            [DM_FAULT_NONE] = "none",
            [DM_FAULT_DAMAGED] = "damaged",
            [DM_FAULT_EDITED] = "edited",
            [DM_FAULT_DROPPED] = "dropped",
            [DM_FAULT_DOUBLED] = "doubled",
            [DM_FAULT_REORDERED] = "reordered",
            [DM_FAULT_FOREIGN] = "foreign",
            [DM_FAULT_WRONG] = "wrong",
    };
    return words[kind];
}

static void put_null(dm_jw *w, const char *name)
{
    dm_jw_key(w, name);
    dm_jw_null(w);
}

static void put_number(dm_jw *w, const char *name, int64_t n)
{
    if (n == 0)
        put_null(w, name);
    else
        dm_jw_ki64(w, name, n);
}

static void put_record(dm_jw *w, const dm_fault *f)
{
    char hex[2 * DM_SHA256 + 1];
    put_number(w, "statement", f->statement);
    put_number(w, "page", f->page);
    put_number(w, "place", f->place);
    if (f->has_sandbox) {
        dm_sandbox_name name = dm_sandbox_name_of(&f->sandbox);
        dm_jw_kc(w, "sandbox", name.s);
        dm_jw_ku64(w, "epoch", f->epoch);
    } else {
        put_null(w, "sandbox");
        put_null(w, "epoch");
    }
    dm_hex(f->hash.b, sizeof(f->hash.b), hex);
    dm_jw_kmaybe(w, "hash", f->has_hash ? dm_str_c(hex) : (dm_str){NULL, 0});
}

static void put_counts(dm_jw *w, const dm_verdict *v)
{
    dm_jw_key(w, "rows");
    dm_jw_obj(w);
    dm_jw_ku64(w, "exact", v->exact);
    dm_jw_ku64(w, "less", v->less);
    dm_jw_ku64(w, "nothing", v->nothing);
    dm_jw_ku64(w, "unattested", v->unattested);
    dm_jw_end(w);
    dm_jw_key(w, "links");
    dm_jw_obj(w);
    dm_jw_ku64(w, "before", v->before);
    dm_jw_ku64(w, "began", v->began);
    dm_jw_ku64(w, "broken", v->broken);
    dm_jw_ku64(w, "followed", v->followed);
    dm_jw_end(w);
    dm_jw_key(w, "first_broken");
    if (v->broken > 0) {
        dm_jw_obj(w);
        put_record(w, &v->first_broken);
        dm_jw_end(w);
    } else {
        dm_jw_null(w);
    }
    dm_jw_key(w, "documents");
    dm_jw_obj(w);
    dm_jw_ku64(w, "credit_notes", v->credit_notes);
    dm_jw_ku64(w, "invoices", v->invoices);
    dm_jw_ku64(w, "partly", v->invoices_partly);
    dm_jw_end(w);
    dm_jw_ku64(w, "pools_unseen", v->pools_unseen);
    dm_jw_ku64(w, "pools_split", v->pools_split);
    dm_jw_ku64(w, "tiers_unseen", v->tiers_unseen);
    dm_jw_key(w, "corrections");
    dm_jw_obj(w);
    dm_jw_ku64(w, "rows", v->corrected);
    dm_jw_ku64(w, "unseen", v->unseen);
    dm_jw_end(w);
}

void dm_verdict_json(const dm_verdict *v, int outcome, dm_buf *out)
{
    char text[DM_MONEY_TEXT];
    dm_jw writer, *w = &writer;
    dm_jw_init(w, out);
    dm_jw_obj(w);
    dm_jw_kc(w, "verdict", outcome == 0 ? "good" : outcome == DM_VERIFY_BAD ? "bad" : "unknown");
    dm_jw_key(w, "fault");
    if (outcome == DM_VERIFY_BAD) {
        dm_jw_obj(w);
        dm_jw_kc(w, "kind", dm_fault_word(v->fault.kind));
        dm_jw_kc(w, "entry", v->fault.entry);
        put_record(w, &v->fault);
        dm_jw_kc(w, "words", v->fault.words);
        dm_jw_end(w);
    } else {
        dm_jw_null(w);
    }
    dm_jw_kmaybe(w, "unknown", outcome == DM_VERIFY_UNKNOWN ? dm_str_c(v->unknown) : (dm_str){NULL, 0});
    dm_jw_kc(w, "account", v->account);
    dm_jw_ki64(w, "first", v->first);
    dm_jw_ki64(w, "last", v->last);
    dm_jw_ki64(w, "statements", v->statements);
    dm_jw_ki64(w, "unpaged", v->unpaged);
    dm_jw_ku64(w, "pages", v->pages);
    dm_jw_ku64(w, "lines", v->lines);
    dm_money_print(v->total, text);
    dm_jw_kc(w, "total", text);
    dm_jw_kc(w, "currency", v->currency);
    put_counts(w, v);
    dm_jw_end(w);
    (void)dm_buf_ch(out, '\n');
}

/* --- words -------------------------------------------------------------------------------------------------- */

static void say_record(dm_buf *b, const dm_fault *f)
{
    char hex[2 * DM_SHA256 + 1];
    if (f->statement > 0)
        (void)dm_buf_fmt(b, "  statement    %lld\n", (long long)f->statement);
    if (f->page > 0)
        (void)dm_buf_fmt(b, "  page         %u\n", f->page);
    if (f->has_sandbox) {
        dm_sandbox_name name = dm_sandbox_name_of(&f->sandbox);
        (void)dm_buf_fmt(b, "  sandbox      %s, epoch %u, row %u of the page\n", name.s, f->epoch, f->place);
    }
    if (f->has_hash) {
        dm_hex(f->hash.b, sizeof(f->hash.b), hex);
        (void)dm_buf_fmt(b, "  attestation  %s\n", hex);
    }
}

static void say_rows(dm_buf *b, const dm_verdict *v)
{
    (void)dm_buf_fmt(b, "%llu rows follow from what workers signed, second by second and line by line.\n",
            (unsigned long long)v->exact);
    if (v->unattested > 0)
        (void)dm_buf_fmt(b,
                "%llu rows are unattested: their worker could not sign, and the service signed what its frames say.\n"
                "  Frames mix customers and stay with the service: that these seconds were run cannot be seen here.\n",
                (unsigned long long)v->unattested);
    if (v->less > 0)
        (void)dm_buf_fmt(b,
                "%llu rows are billed less than was attested, by frames or rules that are not in the bundle.\n"
                "  That they are not billed more is what can be seen here.\n",
                (unsigned long long)v->less);
    if (v->nothing > 0)
        (void)dm_buf_fmt(b, "%llu rows are not charged.\n", (unsigned long long)v->nothing);
    if (v->corrected > 0)
        (void)dm_buf_fmt(b, "%llu of these rows correct what was stated before, to what their attestations say.\n",
                (unsigned long long)v->corrected);
    if (v->unseen > 0)
        (void)dm_buf_fmt(b,
                "%llu rows correct what was stated before the bundle: of them signatures and prices are checked.\n",
                (unsigned long long)v->unseen);
}

static void say_invoices(dm_buf *b, const dm_verdict *v)
{
    if (v->invoices + v->credit_notes > 0)
        (void)dm_buf_fmt(b, "%llu invoices and %llu credit notes follow from these statements, rounded once a tax.\n",
                (unsigned long long)v->invoices, (unsigned long long)v->credit_notes);
    if (v->invoices_partly > 0)
        (void)dm_buf_fmt(b, "Of %llu of them statements are missing here: that their lines are right is believed.\n",
                (unsigned long long)v->invoices_partly);
}

static void say_links(dm_buf *b, const dm_verdict *v)
{
    (void)dm_buf_fmt(b,
            "%llu attestations name the one before of their sandbox; %llu are its first, %llu follow one "
            "from before the bundle.\n",
            (unsigned long long)v->followed, (unsigned long long)v->began, (unsigned long long)v->before);
    if (v->broken == 0)
        return;
    (void)dm_buf_fmt(b,
            "%llu attestations follow one that no statement here names, though their sandbox has one before them.\n"
            "  That is so where the service signed in between, or a worker's came too late to count. The first:\n",
            (unsigned long long)v->broken);
    say_record(b, &v->first_broken);
}

static void say_limits(dm_buf *b, const dm_verdict *v)
{
    if (v->unpaged > 0)
        (void)dm_buf_fmt(b, "%lld statements are of version 1: of them signature and chain are checked, and no more.\n",
                (long long)v->unpaged);
    if (v->pools_unseen > 0)
        (void)dm_buf_fmt(b,
                "In %llu statements the pool of minutes begins before the bundle: what was in it is "
                "believed.\n",
                (unsigned long long)v->pools_unseen);
    if (v->tiers_unseen > 0)
        (void)dm_buf_fmt(b,
                "%llu counts of what is sold in tiers begin before the bundle: where they stood is believed.\n",
                (unsigned long long)v->tiers_unseen);
    if (v->pools_split > 0)
        (void)dm_buf_fmt(b, "In %llu statements the minutes are checked as a sum, and not price by price.\n",
                (unsigned long long)v->pools_split);
    (void)dm_buf_c(b, "What all of it stands on is in keys/: compare it with the service's public list, /v1/keys.\n");
}

void dm_verdict_words(const dm_verdict *v, int outcome, dm_buf *out)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(v->total, text);
    if (outcome == DM_VERIFY_BAD) {
        (void)dm_buf_fmt(out, "BAD: %s is %s: %s\n", v->fault.entry[0] != '\0' ? v->fault.entry : "the file",
                dm_fault_word(v->fault.kind), v->fault.words);
        say_record(out, &v->fault);
        return;
    }
    if (outcome == DM_VERIFY_UNKNOWN) {
        (void)dm_buf_fmt(out, "UNKNOWN: %s. A newer dormouse-verify may know it.\n", v->unknown);
        return;
    }
    (void)dm_buf_fmt(out, "GOOD: account %s, statements %lld to %lld, %s %s\n", v->account, (long long)v->first,
            (long long)v->last, v->currency, text);
    say_rows(out, v);
    say_invoices(out, v);
    say_links(out, v);
    say_limits(out, v);
}
