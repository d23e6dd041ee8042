/* Who may see and change whose rows, on a real PostgreSQL, for every table there is: the catalogue is asked, so that a
 * new table that is not bound to its account fails here. Rows of two accounts are made up from the columns' types; what
 * a table checks about its values is left aside, for the policies are what is tried. */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/parse.h"

#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static PGconn *super;

/* Books of the house, in which accounts are named: the API, which speaks for tenants, is granted nothing on them. */
#define HOUSE_BOOKS "'anomaly', 'journal_txn', 'ledger_account'"
#define TENANT_TABLES                                                                                                  \
    "SELECT c.oid, c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'account_no' "  \
    "WHERE c.relnamespace = 'dm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "                  \
    "AND c.relname NOT IN (" HOUSE_BOOKS ") "

static PGresult *try(PGconn *c, const char *text)
{
    return PQexec(c, text);
}

static const char *ask(PGconn *c, const char *text)
{
    static char answer[4][8192];
    static unsigned at;
    PGresult *res = try(c, text);
    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", text, PQerrorMessage(c));
    char *out = answer[at++ % 4];
    (void)snprintf(out, sizeof(answer[0]), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return out;
}

static int64_t number(const char *digits)
{
    int64_t v;
    assert_int_equal(dm_parse_i64(dm_str_c(digits), INT64_MIN, INT64_MAX, &v, NULL), 0);
    return v;
}

static PGconn *as(const char *role, int account, int project)
{
    char text[160];
    PGconn *c = PQconnectdb(cluster_conninfo(&pg, "tenancy", role));
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    (void)ask(c, "SET client_min_messages TO warning");
    if (account != 0) {
        (void)snprintf(text, sizeof(text),
                "SELECT set_config('dm.account_no', '%d', false), set_config('dm.project_no', '%d', false)", account,
                project);
        (void)ask(c, text);
    }
    return c;
}

/* --- rows of two accounts ----------------------------------------------------------------------------------- */

static const char make_up[] =
        "CREATE FUNCTION public.value_of(col text, type text, n int) RETURNS text LANGUAGE sql AS $$ "
        "SELECT CASE WHEN col = 'account_no' OR col = 'project_no' THEN n::text "
        "WHEN type IN ('bigint', 'integer', 'smallint') OR type LIKE 'numeric%' THEN n::text "
        "WHEN type = 'text' OR type LIKE 'character%' THEN quote_literal(chr(64 + n)) "
        "WHEN type = 'uuid' THEN 'gen_random_uuid()' "
        "WHEN type = 'bytea' THEN quote_literal('\\x' || repeat('0' || n, 32)) "
        "WHEN type = 'boolean' THEN 'false' "
        "WHEN type = 'jsonb' THEN quote_literal('{}') "
        "WHEN type = 'date' THEN quote_literal('2026-03-01') "
        "WHEN type LIKE 'timestamp%' THEN quote_literal('2026-03-01Z') "
        "WHEN type LIKE 'bit%' THEN 'B''0''' "
        "WHEN type LIKE '%[]' THEN quote_literal('{}') END $$;"
        "CREATE FUNCTION public.row_of(t text, n int) RETURNS text LANGUAGE sql AS $$ "
        "SELECT format('INSERT INTO dm.%I (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', t, "
        "string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), "
        "string_agg(coalesce(public.value_of(a.attname, format_type(a.atttypid, a.atttypmod), n), 'UNKNOWN_TYPE'), ', "
        "' "
        "ORDER BY a.attnum)) FROM pg_attribute a "
        "WHERE a.attrelid = ('dm.' || quote_ident(t))::regclass AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attgenerated = '' AND (a.attnotnull OR a.attname IN ('account_no', 'project_no')) $$;"
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO public;";

static const char loosen[] =
        "SET session_replication_role = replica; DO $$ DECLARE k record; BEGIN FOR k IN SELECT conrelid::regclass AS "
        "t, conname FROM pg_constraint "
        "WHERE connamespace = 'dm'::regnamespace AND contype IN ('c', 'f') AND conparentid = 0 AND coninhcount = 0 "
        "LOOP "
        "EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', k.t, k.conname); END LOOP; END $$;"
        "DO $$ DECLARE t record; n int; BEGIN FOR t IN " TENANT_TABLES
        " LOOP FOR n IN 1..2 LOOP EXECUTE public.row_of(t.relname, n); END LOOP; END LOOP; END $$;";

static int start(void **state)
{
    (void)state;
    if (cluster_start(&pg) < 0)
        return -1;
    if (cluster_script(&pg, "postgres", "postgres", "CREATE DATABASE tenancy OWNER dm_migrate") < 0 ||
            cluster_migrate(&pg, "tenancy") < 0 ||
            cluster_script(&pg, "tenancy", "postgres",
                    "SELECT dm.add_partitions(1772323200, 1772323200 + 86400), dm.turn_past(0, 0)") < 0 ||
            cluster_script(&pg, "tenancy", "postgres", make_up) < 0 ||
            cluster_script(&pg, "tenancy", "postgres", loosen) < 0)
        return -1;
    super = as("postgres", 0, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    PQfinish(super);
    cluster_stop(&pg);
    return 0;
}

/* --- the catalogue ------------------------------------------------------------------------------------------ */

static void no_role_is_above_the_rules(void **state)
{
    (void)state;
    assert_string_equal(ask(super, "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname LIKE 'dm\\_%' AND "
                                   "(rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"),
            "");
    /* Nor is one by being a member of another. */
    assert_string_equal(ask(super, "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member "
                                   "WHERE r.rolname LIKE 'dm\\_%'"),
            "0");
}

static void every_tenants_table_is_bound(void **state)
{
    (void)state;
    assert_true(number(ask(super, "SELECT count(*) FROM (" TENANT_TABLES ") t")) >= 18);
    assert_string_equal(ask(super, "SELECT string_agg(c.relname, ', ' ORDER BY 1) FROM pg_class c JOIN (" TENANT_TABLES
                                   ") t USING (oid) WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)"),
            "");
    /* What is reached through an account's table only is bound, too: no table knows a project and not its account. */
    assert_string_equal(
            ask(super,
                    "SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = "
                    "c.oid AND a.attname IN ('project_no', 'token_sealed', 'secret') WHERE c.relnamespace = "
                    "'dm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT "
                    "c.relrowsecurity AND c.relname NOT IN (" HOUSE_BOOKS ")"),
            "");
    /* Partitions are reached through their parents alone. */
    assert_string_equal(
            ask(super,
                    "SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relnamespace = 'dm'::regnamespace AND "
                    "c.relispartition AND c.relkind = 'r' AND (NOT c.relrowsecurity OR EXISTS (SELECT FROM "
                    "aclexplode(c.relacl) g WHERE g.grantee <> c.relowner))"),
            "");
    assert_string_not_equal(ask(super, "SELECT count(*) FROM pg_class WHERE relispartition"), "0");
}

static void the_house_books_are_not_the_apis(void **state)
{
    (void)state;
    assert_string_equal(ask(super, "SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relnamespace = "
                                   "'dm'::regnamespace AND c.relname IN (" HOUSE_BOOKS
                                   ", 'journal_entry', 'usage_chunk', 'attestation_end', 'frame_gap', 'outbox') AND "
                                   "(has_any_column_privilege('dm_api', c.oid, 'SELECT, INSERT, UPDATE') OR "
                                   "has_table_privilege('dm_api', c.oid, 'DELETE'))"),
            "");
}

/* Nothing is everybody's, no evidence can be taken back, and what looks past the rules is a narrow function. */
static void grants_are_narrow(void **state)
{
    (void)state;
    assert_string_equal(ask(super, "SELECT string_agg(c.relname, ', ') FROM pg_class c, aclexplode(c.relacl) g WHERE "
                                   "c.relnamespace = 'dm'::regnamespace AND g.grantee = 0"),
            "");
    assert_string_equal(
            ask(super, "SELECT string_agg(DISTINCT c.relname || ' ' || g.privilege_type, ', ') FROM pg_class "
                       "c, aclexplode(c.relacl) g WHERE c.relnamespace = 'dm'::regnamespace AND g.grantee "
                       "<> c.relowner AND g.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES')"),
            "");
    assert_string_equal(
            ask(super,
                    "SELECT string_agg(c.relname || ' of ' || r.rolname, ', ' ORDER BY 1) FROM pg_class c, "
                    "aclexplode(c.relacl) g JOIN pg_roles r ON r.oid = g.grantee WHERE c.relnamespace = "
                    "'dm'::regnamespace AND g.grantee <> c.relowner AND g.privilege_type = 'DELETE' AND c.relname NOT "
                    "LIKE 'template%' AND c.relname NOT IN ('account_limit', 'project_limit', 'idempotency', 'member', "
                    "'recovery_code', 'denial', 'attempt', 'hold', 'price', 'price_tier', 'project_series', "
                    "'series_step', 'expiry', 'snapshot', "
                    "'budget_lease', 'budget_ran', 'budget_cap', 'alert_mark', 'budget_low', 'simulation', "
                    "'export_schedule', 'export_target', "
                    "'usage_owed')"),
            "");
    assert_string_equal(
            ask(super, "SELECT string_agg(proname, ', ' ORDER BY 1) FROM pg_proc p WHERE p.pronamespace = "
                       "'dm'::regnamespace AND p.prosecdef AND (p.proconfig IS NULL OR NOT p.proconfig @> "
                       "ARRAY['search_path=dm, pg_temp'] OR has_function_privilege('public', p.oid, 'EXECUTE'))"),
            "");
    assert_string_equal(
            ask(super,
                    "SELECT string_agg(proname || ' ' || r.rolname, ', ' ORDER BY proname, r.rolname) FROM pg_proc p, "
                    "aclexplode(p.proacl) g JOIN pg_roles r ON r.oid = g.grantee WHERE p.pronamespace = "
                    "'dm'::regnamespace AND p.prosecdef AND g.grantee <> p.proowner"),
            "account_limits dm_api, account_limits dm_ops, "
            "account_limits dm_who, "
            "accounts_of_address dm_ops, "
            "add_operator dm_ops, "
            "add_owner dm_ops, "
            "add_partitions dm_meter, "
            "ask_for_usage dm_api, "
            "budget_grant dm_ops, budget_take dm_api, budget_take dm_ops, "
            "budget_unpromise dm_api, budget_unpromise dm_ops, "
            "disable_operator dm_ops, "
            "drop_draft dm_meter, "
            "enable_operator dm_ops, "
            "end_token_keys dm_ops, "
            "entity_open dm_export, "
            "export_schedules_due dm_export, "
            "find_account_member dm_who, "
            "find_at_door dm_api, "
            "find_build dm_api, "
            "find_invitation dm_who, "
            "find_key dm_api, "
            "find_link dm_who, "
            "find_look dm_who, "
            "find_member dm_who, "
            "find_operator dm_who, "
            "find_person dm_who, "
            "find_session dm_who, "
            "find_signers dm_api, "
            "find_template dm_api, "
            "find_token dm_who, "
            "held dm_api, "
            "held dm_who, "
            "key_ids dm_api, "
            "letters dm_ops, "
            "look_projects dm_who, "
            "looks_over dm_ops, "
            "members_of dm_ops, "
            "my_accounts dm_who, "
            "my_projects dm_who, "
            "operators dm_ops, "
            "parent_of dm_api, "
            "people dm_api, "
            "people dm_ops, "
            "place dm_api, place_on dm_api, "
            "projects_in dm_api, "
            "projects_in dm_ops, "
            "projects_of dm_who, "
            "reset_operator dm_ops, "
            "sign_up dm_who, "
            "spend_forget dm_meter, "
            "start_all dm_api, "
            "step_all dm_api, "
            "tags_of dm_api, "
            "take_invitation dm_who, "
            "turn_past dm_meter, "
            "usable_builds dm_api, "
            "usable_templates dm_api, "
            "wallet_judge dm_meter");
}

static void the_meter_knows_no_secret_and_changes_no_tenant(void **state)
{
    (void)state;
    assert_string_equal(
            ask(super, "SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON "
                       "a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relnamespace = "
                       "'dm'::regnamespace AND a.attname IN ('sha256', 'token_sealed', 'envs', 'env', 'mask') AND "
                       "c.relname IN ('api_key', 'sandbox') AND has_column_privilege('dm_meter', c.oid, a.attname, "
                       "'SELECT')"),
            "");
    assert_string_equal(
            ask(super,
                    "SELECT string_agg(c.relname, ', ' ORDER BY 1) FROM pg_class c WHERE c.relnamespace = "
                    "'dm'::regnamespace AND c.relkind IN ('r', 'p') AND (has_any_column_privilege('dm_meter', c.oid, "
                    "'INSERT, UPDATE')) AND c.relname IN ('account', 'account_limit', 'api_key', 'audit', 'project', "
                    "'project_limit', 'price', 'price_book', 'quota_use', 'sandbox', 'sandbox_event', 'tier', "
                    "'tier_limit', 'worker', 'worker_key')"),
            "");
}

/* Nobody but dm_who reads what proves who a person is; and of a tenant's secrets an operator's role reads none: not
 * what is sealed, nor what a link is proven by. A key's hash is the exception: the demo's own key is asked for by it.
 */
static void an_operator_meets_no_secret(void **state)
{
    (void)state;
    assert_string_equal(
            ask(super, "SELECT string_agg(c.relname || '.' || a.attname || ' of ' || r, ', ') FROM pg_class c JOIN "
                       "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped, "
                       "unnest(ARRAY['dm_ops', 'dm_api', 'dm_meter']) r WHERE c.relnamespace = 'dm'::regnamespace AND "
                       "c.relname IN ('person', 'operator', 'session', 'recovery_code', 'person_link', 'person_token', "
                       "'token_key') AND "
                       "has_column_privilege(r, c.oid, a.attnum, 'SELECT')"),
            "");
    assert_string_equal(
            ask(super, "SELECT string_agg(c.relname || '.' || a.attname, ', ' ORDER BY 1) FROM pg_class c JOIN "
                       "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE "
                       "c.relnamespace = 'dm'::regnamespace AND c.relkind IN ('r', 'p') AND (a.attname ~ "
                       "'sealed$|password|token|secret' OR (a.attname = 'sha256' AND c.relname NOT IN ('statement', "
                       "'invoice', 'invoice_statement', 'invoice_chain', "
                       "'statement_page')) OR "
                       "(c.relname = 'mail' AND a.attname = 'body')) AND has_column_privilege('dm_ops', c.oid, "
                       "a.attnum, 'SELECT')"),
            "api_key.sha256");
}

/* --- trying it ---------------------------------------------------------------------------------------------- */

typedef void (*each_fn)(const char *table);

static void each_tenants_table(each_fn fn)
{
    PGresult *res = try(super, "SELECT relname FROM (" TENANT_TABLES ") t ORDER BY 1");
    assert_true(PQntuples(res) > 0);
    for (int i = 0; i < PQntuples(res); i++)
        fn(PQgetvalue(res, i, 0));
    PQclear(res);
}

static bool may(const char *role, const char *table, const char *what)
{
    char text[300];
    bool column = strcmp(what, "DELETE") != 0;
    (void)snprintf(text, sizeof(text), "SELECT has_%s_privilege('%s', 'dm.%s', '%s')", column ? "any_column" : "table",
            role, table, what);
    return strcmp(ask(super, text), "t") == 0;
}

static int64_t count(PGconn *c, const char *table, const char *where)
{
    char text[300];
    (void)snprintf(text, sizeof(text), "SELECT count(account_no) FROM dm.%s WHERE %s", table, where);
    return number(ask(c, text));
}

static void reads_its_own(const char *table)
{
    if (!may("dm_api", table, "SELECT"))
        return;
    PGconn *one = as("dm_api", 1, 1), *none = as("dm_api", 0, 0), *other = as("dm_api", 1, 2);
    if (count(one, table, "account_no = 1") == 0)
        fail_msg("dm_api does not see its own rows of %s", table);
    if (count(one, table, "account_no <> 1") != 0 || count(other, table, "account_no <> 1") != 0)
        fail_msg("dm_api sees another account's rows of %s", table);
    if (count(none, table, "true") != 0)
        fail_msg("dm_api sees rows of %s without a scope", table);
    PQfinish(one);
    PQfinish(none);
    PQfinish(other);
}

/* As another account, and without a scope: nothing that is there is changed, and nothing is added for account 2. */
static void changes_its_own(const char *table)
{
    char text[2400], insert[2000];
    (void)snprintf(text, sizeof(text), "SELECT public.row_of('%s', 2)", table);
    (void)snprintf(insert, sizeof(insert), "%s", ask(super, text));
    for (int scope = 0; scope < 2; scope++) {
        PGconn *c = as("dm_api", scope, scope);
        if (may("dm_api", table, "UPDATE") && may("dm_api", table, "SELECT")) {
            char column[64];
            (void)snprintf(text, sizeof(text),
                    "SELECT attname FROM pg_attribute WHERE attrelid = 'dm.%s'::regclass AND attnum > 0 AND NOT "
                    "attisdropped AND has_column_privilege('dm_api', attrelid, attnum, 'UPDATE') ORDER BY attnum LIMIT "
                    "1",
                    table);
            (void)snprintf(column, sizeof(column), "%s", ask(super, text));
            (void)snprintf(text, sizeof(text), "UPDATE dm.%s SET %s = %s WHERE account_no = 2", table, column, column);
            PGresult *res = try(c, text);
            assert_string_equal(PQcmdTuples(res), "0");
            PQclear(res);
        }
        if (may("dm_api", table, "DELETE")) {
            (void)snprintf(text, sizeof(text), "DELETE FROM dm.%s WHERE account_no = 2", table);
            PGresult *res = try(c, text);
            assert_string_equal(PQcmdTuples(res), "0");
            PQclear(res);
        }
        PGresult *res = try(c, insert);
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (state == NULL || strcmp(state, "42501") != 0) /* insufficient_privilege: no grant, or a policy's check */
            fail_msg("dm_api in scope %d: %s: %s", scope, insert, PQresultErrorMessage(res));
        PQclear(res);
        PQfinish(c);
    }
    assert_int_equal(count(super, table, "account_no = 2"), 1);
}

static void an_account_reads_its_own(void **state)
{
    (void)state;
    each_tenants_table(reads_its_own);
}

static void an_account_changes_its_own(void **state)
{
    (void)state;
    each_tenants_table(changes_its_own);
}

static void sees_all_or_nothing(const char *table)
{
    static const char *const roles[] = {"dm_meter", "dm_ops", "dm_migrate"};
    for (size_t i = 0; i < DM_LEN(roles); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), "SELECT has_column_privilege('%s', 'dm.%s', 'account_no', 'SELECT')",
                roles[i], table);
        if (strcmp(ask(super, text), "t") != 0)
            continue;
        PGconn *c = as(roles[i], 1, 1); /* a scope means nothing to those whose work is all */
        if (count(c, table, "account_no IN (1, 2)") != 2)
            fail_msg("%s does not see both accounts in %s", roles[i], table);
        PQfinish(c);
    }
}

static void those_whose_work_is_all_see_all(void **state)
{
    (void)state;
    each_tenants_table(sees_all_or_nothing);
}

/* A project is not its neighbour in the same account: the account's own tables are the exception, and are named. */
static void reads_its_projects(const char *table)
{
    static const char shared[] =
            " account account_limit account_plan quota_use attestation usage_period usage_gap account_period "
            "contract statement_tier statement statement_line statement_page spend_open member invitation hold "
            "budget_use usage_day usage_sandbox usage_sandbox_month usage_settled usage_owed "
            "budget_lease budget_ran budget_promise "
            "wallet wallet_order wallet_grant wallet_burn wallet_burn_part wallet_hold wallet_hold_part "
            "budget_lease budget_ran budget_promise budget_cap "
            "invoice invoice_line invoice_tax invoice_statement invoice_event invoice_state invoice_payment "
            "invoice_month invoice_commitment receipt export export_schedule export_target export_delivery "
            "statement statement_line statement_page spend_open member invitation hold budget_use ";
    char text[200], word[80];
    (void)snprintf(word, sizeof(word), " %s ", table);
    if (strstr(shared, word) != NULL || !may("dm_api", table, "SELECT"))
        return;
    (void)snprintf(text, sizeof(text), "SELECT count(*) FROM dm.%s", table);
    PGconn *c = as("dm_api", 1, 2);
    if (strcmp(ask(c, text), "0") != 0)
        fail_msg("project 2 sees project 1's rows of %s", table);
    PQfinish(c);
}

static void a_project_reads_its_own(void **state)
{
    (void)state;
    each_tenants_table(reads_its_projects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(no_role_is_above_the_rules),
            cmocka_unit_test(every_tenants_table_is_bound),
            cmocka_unit_test(the_house_books_are_not_the_apis),
            cmocka_unit_test(grants_are_narrow),
            cmocka_unit_test(the_meter_knows_no_secret_and_changes_no_tenant),
            cmocka_unit_test(an_operator_meets_no_secret),
            cmocka_unit_test(an_account_reads_its_own),
            cmocka_unit_test(an_account_changes_its_own),
            cmocka_unit_test(those_whose_work_is_all_see_all),
            cmocka_unit_test(a_project_reads_its_own),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
