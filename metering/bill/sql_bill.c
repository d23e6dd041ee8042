#include "metering/bill/sql_bill.h"

#include "base/parse.h"

/* --- what is owed ------------------------------------------------------------------------------------------- */

int dm_sql_owed_after(dm_pg *c, int64_t start, dm_account_no account_no, uint64_t part, uint64_t parts, int64_t limit,
        dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"close_owed_after",
            "SELECT a.account_no, dm.us(a.period_start) / 1000000, p.period_s FROM dm.account_period a "
            "JOIN dm.period p USING (period_start) WHERE a.state = 'open' "
            "AND (a.period_start, a.account_no) > (dm.ts($1::bigint * 1000000), $2::bigint) "
            "AND a.account_no % $5::bigint = $4::bigint "
            "ORDER BY a.period_start, a.account_no LIMIT $3::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(account_no.v), dm_pa_i64(limit), dm_pa_i64((int64_t)part),
            dm_pa_i64((int64_t)parts)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_periods_close(dm_pg *c, dm_err *err)
{
    static const dm_pg_stmt st = {"close_periods_close",
            "UPDATE dm.period p SET closed_at = now() WHERE closed_at IS NULL AND NOT EXISTS (SELECT FROM "
            "dm.account_period a WHERE a.period_start = p.period_start AND a.state = 'open')",
            DM_PG_NONE};
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* What is asked of an account and a period: one row. */
static int of_period(
        dm_pg *c, const dm_pg_stmt *st, dm_account_no account_no, int64_t start, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bill_open(dm_pg *c, dm_account_no account_no, int64_t start, bool *open, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_open",
            "SELECT state = 'open' FROM dm.account_period WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) FOR UPDATE",
            DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = of_period(c, &st, account_no, start, &rows, err);
    if (r == 0)
        *open = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_sql_bill_account(dm_pg *c, dm_account_no account_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "bill_account", "SELECT id, currency FROM dm.account WHERE account_no = $1::bigint", DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bill_plans(dm_pg *c, dm_account_no account_no, int64_t start, int64_t end, dm_pg_rows **out, dm_err *err)
{
    /* The first plan holds for whatever lies before it, too: an account had nothing then, but clocks differ. */
    static const dm_pg_stmt st = {"bill_plans",
            "SELECT tier, included_s, greatest(from_s, $2::bigint), least(to_s, $3::bigint) FROM (SELECT tier, "
            "included_s, CASE WHEN row_number() OVER w = 1 THEN $2::bigint ELSE dm.us(valid_from) / 1000000 END AS "
            "from_s, coalesce(dm.us(lead(valid_from) OVER w) / 1000000, $3::bigint) AS to_s FROM dm.account_plan "
            "WHERE account_no = $1::bigint WINDOW w AS (ORDER BY valid_from)) p "
            "WHERE from_s < $3::bigint AND to_s > $2::bigint ORDER BY from_s",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_i64(end)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bill_books(dm_pg *c, dm_account_no account_no, dm_str tier, dm_str currency, int64_t start, int64_t end,
        int64_t instead, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_books",
            "SELECT b.book_id, b.price_group, b.rated_by, dm.us(b.valid_from) / 1000000, dm.us(h.holds_from) / "
            "1000000, "
            "dm.us(h.holds_to) / 1000000, b.compute_type, b.compute_quality, c.id, " DM_SQL_PRICE
            " FROM dm.books_of($1::bigint, $2, $3, dm.ts($4::bigint * 1000000), dm.ts($5::bigint * 1000000)) h "
            "JOIN dm.price_book k ON k.book_id = h.book_id LEFT JOIN dm.price_book i ON i.book_id = $6::bigint "
            "AND (i.price_group, i.tier, i.currency, i.compute_type, i.compute_quality) = "
            "(k.price_group, k.tier, k.currency, k.compute_type, k.compute_quality) "
            "AND (i.contract_no IS NULL AND k.contract_no IS NULL OR EXISTS (SELECT FROM dm.contract x "
            "WHERE x.contract_no = i.contract_no AND x.account_no = $1::bigint)) "
            "JOIN dm.price_book b ON b.book_id = coalesce(i.book_id, k.book_id) JOIN dm.price p ON p.book_id = "
            "b.book_id "
            "LEFT JOIN dm.contract c ON c.contract_no = b.contract_no "
            "ORDER BY b.price_group COLLATE \"C\", b.compute_type COLLATE \"C\", b.compute_quality COLLATE \"C\", "
            "h.holds_from, b.book_id, p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_text(tier), dm_pa_text(currency), dm_pa_i64(start),
            dm_pa_i64(end), dm_pa_i64(instead)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bill_previous(dm_pg *c, dm_account_no account_no, dm_statement_no *number, dm_digest *sha256, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_previous",
            "SELECT sha256, number FROM dm.statement WHERE account_no = $1::bigint ORDER BY number DESC LIMIT 1",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    number->v = 0;
    *sha256 = (dm_digest){0};
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    number->v = dm_pg_i64(rows, 0, 1);
    return dm_pg_bytes(rows, 0, 0, sha256->b, sizeof(sha256->b), err);
}

int dm_sql_bill_pool(dm_pg *c, dm_account_no account_no, int64_t start, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_pool",
            "SELECT pool_after_s FROM dm.statement WHERE account_no = $1::bigint AND pool_after_s IS NOT NULL "
            "AND period_start < dm.ts($2::bigint * 1000000) AND period_start >= "
            "date_trunc('month', dm.ts($2::bigint * 1000000) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' "
            "ORDER BY period_start DESC LIMIT 1",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : 0;
    return r;
}

int dm_sql_bill_tiers(dm_pg *c, dm_account_no account_no, int64_t start, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_tiers",
            "SELECT book_id, sku, max(after_qty) FROM dm.statement_tier WHERE account_no = $1::bigint "
            "AND period_start < dm.ts($2::bigint * 1000000) AND period_start >= "
            "date_trunc('month', dm.ts($2::bigint * 1000000), 'UTC') GROUP BY book_id, sku",
            DM_PG_ROWS};
    return of_period(c, &st, account_no, start, out, err);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

int dm_sql_bill_drop_draft(dm_pg *c, dm_account_no account_no, int64_t start, dm_err *err)
{
    static const dm_pg_stmt st = {
            "bill_drop_draft", "SELECT dm.drop_draft($1::bigint, dm.ts($2::bigint * 1000000))", DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    return of_period(c, &st, account_no, start, &rows, err);
}

int dm_sql_bill_pages(dm_pg *c, dm_account_no account_no, int64_t start, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_pages",
            "SELECT count(*) FROM dm.statement_page WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000)",
            DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = of_period(c, &st, account_no, start, &rows, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_bill_page_add(
        dm_pg *c, dm_account_no account_no, const dm_stated_page *p, dm_str body, const dm_digest *sha256, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_page_add",
            "INSERT INTO dm.statement_page (account_no, period_start, page_no, body, sha256) "
            "VALUES ($1::bigint, dm.ts($2::bigint * 1000000), $3::int, $4, $5)",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(p->period_start), dm_pa_i64(p->page),
            dm_pa_bytes(body.p, body.n), dm_pa_bytes(sha256->b, sizeof(sha256->b))};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_bill_statement(dm_pg *c, dm_account_no account_no, const dm_statement *s, const dm_signed *sig, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_statement",
            "INSERT INTO dm.statement (account_no, period_start, period_s, number, currency, total, running_s, "
            "hibernated_s, pool_after_s, unattested, body, sha256, previous_sha256, public_key, signature, version, "
            "pages, pool_kept) VALUES ($1::bigint, dm.ts($2::bigint * 1000000), $3::int, $4::bigint, $5, $6::numeric, "
            "$7::bigint, $8::bigint, $9::bigint, $10::int, $11, $12, $13, $14, $15, $16::smallint, $17::int, true)",
            DM_PG_NONE};
    char total[DM_MONEY_TEXT];
    dm_money_print(s->sum.total, total);
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(s->period_start), dm_pa_i64(s->period_s),
            dm_pa_i64(s->number.v), dm_pa_c(s->currency), dm_pa_c(total), dm_pa_i64((int64_t)s->sum.running_s),
            dm_pa_i64((int64_t)s->sum.hibernated_s), s->pooled ? dm_pa_i64((int64_t)s->pool_after_s) : dm_pa_null(),
            dm_pa_i64((int64_t)s->sum.unattested), dm_pa_bytes(sig->body.p, sig->body.n),
            dm_pa_bytes(sig->sha256.b, sizeof(sig->sha256.b)), dm_pa_bytes(s->previous.b, sizeof(s->previous.b)),
            dm_pa_bytes(sig->key.b, sizeof(sig->key.b)), dm_pa_bytes(sig->signature.b, sizeof(sig->signature.b)),
            dm_pa_i64(dm_statement_version(s)), dm_pa_i64((int64_t)s->sum.pages.n)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

/* Lines of a statement; times are in microseconds, as dm.ts has them. corrects null: usage. */
static void lines_of(dm_many *m, dm_pg *c, dm_account_no account_no, int64_t start)
{
    static const dm_pg_stmt st = {"bill_lines",
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sandbox_id, epoch, "
            "region_no, spec_table, spec, compute_type, compute_quality, key_no, template_id, build_id, sku, tier, "
            "book_id, charge_from, charge_to, seconds, qty, per_unit, amount, corrects_period) SELECT $2::bigint, "
            "dm.ts($3::bigint * 1000000), l.line_no, l.kind, "
            "l.project_no, decode(l.sandbox_id, 'hex'), l.epoch, "
            "l.region_no, l.spec_table, l.spec, l.compute_type, l.compute_quality, l.key_no, l.template_id, "
            "l.build_id, l.sku, l.tier, l.book_id, dm.ts(l.charge_from), dm.ts(l.charge_to), l.seconds, l.qty, "
            "l.per_unit, l.amount, dm.ts(l.corrects) FROM json_to_recordset($1::json) AS l (line_no int, "
            "kind text, project_no int, "
            "sandbox_id text, epoch int, region_no smallint, spec_table smallint, spec smallint, compute_type text, "
            "compute_quality text, key_no bigint, template_id text, build_id uuid, sku text, tier smallint, "
            "book_id bigint, charge_from bigint, charge_to bigint, seconds bigint, qty numeric, per_unit numeric, "
            "amount numeric, corrects bigint)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}

static int put_line(dm_many *m, int64_t period_start, const dm_stated_correction *corrects, uint64_t line_no,
        const dm_stated *of, const dm_rate_line *l, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_jw *w = dm_many_row(m);
    dm_jw_ku64(w, "line_no", line_no);
    if (corrects != NULL) {
        period_start = corrects->start;
        dm_jw_ki64(w, "corrects", period_start * 1000000);
    }
    dm_jw_kc(w, "kind", corrects != NULL ? "correction" : l->measured ? "measured" : "usage");
    if (of != NULL) {
        char hex[2 * DM_SANDBOX_ID_BYTES + 1];
        dm_hex(of->sandbox.b, sizeof(of->sandbox.b), hex);
        dm_jw_ki64(w, "project_no", of->project_no.v);
        dm_jw_kc(w, "sandbox_id", hex);
        dm_jw_ku64(w, "epoch", of->epoch);
        dm_jw_ku64(w, "region_no", of->region_no);
        dm_jw_ku64(w, "spec_table", of->spec_table);
        dm_jw_ku64(w, "spec", of->spec);
    }
    if (of != NULL && of->has_row) {
        dm_jw_kc(w, "compute_type", of->compute_type);
        dm_jw_kc(w, "compute_quality", of->compute_quality);
        dm_jw_ki64(w, "key_no", of->key_no.v);
        dm_jw_kc(w, "template_id", of->template_id);
        dm_jw_kc(w, "build_id", of->build_id);
    }
    dm_jw_kc(w, "sku", dm_sku_name(l->sku));
    dm_jw_ku64(w, "tier", l->tier);
    dm_jw_ki64(w, "book_id", l->book_id);
    dm_jw_ki64(w, "charge_from", (period_start + l->from) * 1000000);
    dm_jw_ki64(w, "charge_to", (period_start + l->to) * 1000000);
    dm_jw_ki64(w, "seconds", l->seconds);
    dm_qty_print(l->qty, text);
    dm_jw_kc(w, "qty", text);
    dm_price_print(l->per_unit, text);
    dm_jw_kc(w, "per_unit", text);
    dm_money_print(l->amount, text);
    dm_jw_kc(w, "amount", text);
    return dm_many_row_end(m, err);
}

int dm_sql_bill_page_lines(dm_pg *c, dm_account_no account_no, const dm_stated_page *p, uint64_t before, dm_err *err)
{
    DM_AUTO_MANY m;
    size_t line = 0;
    int r = 0;
    lines_of(&m, c, account_no, p->period_start);
    for (size_t i = 0; i < p->nsandboxes; i++) {
        for (size_t k = 0; r == 0 && k < p->sandboxes[i].nlines; k++, line++)
            r = put_line(&m, p->period_start, p->corrects, before + line + 1, &p->sandboxes[i], &p->lines[line], err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

int dm_sql_bill_account_lines(dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err)
{
    DM_AUTO_MANY m;
    int r = 0;
    lines_of(&m, c, account_no, s->period_start);
    uint64_t at = s->sum.lines;
    for (size_t i = 0; r == 0 && i < s->nlines; i++)
        r = put_line(&m, s->period_start, NULL, ++at, NULL, &s->lines[i], err);
    for (size_t i = 0; r == 0 && i < s->ncorrections; i++) {
        const dm_stated_correction *k = &s->corrections[i];
        for (size_t n = 0; r == 0 && n < k->nlines; n++)
            r = put_line(&m, s->period_start, k, ++at, NULL, &k->lines[n], err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

int dm_sql_bill_pooled(dm_pg *c, dm_account_no account_no, int64_t start, const dm_pooled *v, size_t n, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_pooled",
            "INSERT INTO dm.statement_pool (account_no, period_start, of_period, sandbox_id, charge_from, charge_to, "
            "price_group, book_id, included_s, seconds) SELECT $2::bigint, dm.ts($3::bigint * 1000000), "
            "dm.ts(p.of_period), decode(p.sandbox_id, 'hex'), dm.ts(p.charge_from), dm.ts(p.charge_to), p.price_group, "
            "p.book_id, p.included_s, p.seconds FROM json_to_recordset($1::json) AS p (of_period bigint, "
            "sandbox_id text, charge_from bigint, charge_to bigint, price_group text, book_id bigint, "
            "included_s bigint, seconds bigint)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start)};
    DM_AUTO_MANY m;
    int r = 0;
    dm_many_init(&m, c, &st, args, DM_LEN(args));
    for (size_t i = 0; r == 0 && i < n; i++) {
        char hex[2 * DM_SANDBOX_ID_BYTES + 1];
        dm_hex(v[i].sandbox.b, sizeof(v[i].sandbox.b), hex);
        dm_jw *w = dm_many_row(&m);
        dm_jw_ki64(w, "of_period", v[i].of_start * 1000000);
        dm_jw_kc(w, "sandbox_id", hex);
        dm_jw_ki64(w, "charge_from", (v[i].of_start + v[i].from) * 1000000);
        dm_jw_ki64(w, "charge_to", (v[i].of_start + v[i].to) * 1000000);
        dm_jw_kc(w, "price_group", v[i].group);
        dm_jw_ki64(w, "book_id", v[i].book_id);
        dm_jw_ku64(w, "included_s", v[i].included_s);
        dm_jw_ki64(w, "seconds", v[i].seconds);
        r = dm_many_row_end(&m, err);
    }
    return r == 0 ? dm_many_flush(&m, err) : r;
}

int dm_sql_bill_statement_tiers(dm_pg *c, dm_account_no account_no, const dm_statement *s, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_statement_tiers",
            "INSERT INTO dm.statement_tier (account_no, period_start, book_id, sku, after_qty) "
            "VALUES ($1::bigint, dm.ts($2::bigint * 1000000), $3::bigint, $4, $5::numeric)",
            DM_PG_NONE};
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->ntiers; i++) {
        char text[DM_MONEY_TEXT];
        dm_qty_print(s->tiers[i].after, text);
        dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(s->period_start), dm_pa_i64(s->tiers[i].book_id),
                dm_pa_c(dm_sku_name(s->tiers[i].sku)), dm_pa_c(text)};
        r = dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
    }
    return r;
}

void dm_sql_bill_days(dm_many *m, dm_pg *c, dm_account_no account_no, int64_t start)
{
    static const dm_pg_stmt st = {"bill_days",
            "INSERT INTO dm.usage_day AS d (account_no, day, project_no, template_id, key_no, sku, running_s, "
            "hibernated_s, qty, amount) SELECT $2::bigint, (dm.ts($3::bigint * 1000000) AT TIME ZONE 'UTC')::date, "
            "l.project_no, l.template_id, l.key_no, l.sku, sum(l.running_s), sum(l.hibernated_s), sum(l.qty), "
            "sum(l.amount) FROM json_to_recordset($1::json) AS l (project_no int, template_id text, key_no bigint, "
            "sku text, running_s bigint, hibernated_s bigint, qty numeric, amount numeric) GROUP BY 3, 4, 5, 6 "
            "ON CONFLICT (account_no, day, project_no, template_id, key_no, sku) DO UPDATE SET "
            "running_s = d.running_s + excluded.running_s, hibernated_s = d.hibernated_s + excluded.hibernated_s, "
            "qty = d.qty + excluded.qty, amount = d.amount + excluded.amount",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}

int dm_sql_bill_day_add(dm_many *m, const dm_day_key *key, const dm_day_sum *sum, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_jw *w = dm_many_row(m);
    dm_jw_ki64(w, "project_no", key->project_no);
    dm_jw_kc(w, "template_id", key->template_id);
    dm_jw_ki64(w, "key_no", key->key_no);
    dm_jw_kc(w, "sku", key->sku == DM_DAY_TIME ? "" : dm_sku_name((dm_sku)key->sku));
    dm_jw_ki64(w, "running_s", sum->running_s);
    dm_jw_ki64(w, "hibernated_s", sum->hibernated_s);
    dm_qty_print(sum->qty, text);
    dm_jw_kc(w, "qty", text);
    dm_money_print(sum->amount, text);
    dm_jw_kc(w, "amount", text);
    return dm_many_row_end(m, err);
}

int dm_sql_bill_state(dm_pg *c, dm_account_no account_no, int64_t start, const char *state, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_state",
            "UPDATE dm.account_period SET state = $3 WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND state = 'open'",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_c(state)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}
