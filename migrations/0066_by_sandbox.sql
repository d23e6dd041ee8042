-- What statements come to by sandbox, added up by day of UTC, so that a month of many sandboxes is shown without their pages.
-- A statement owes that from the moment it is there; the meter pays it document by document: the head, which is number 0, then
-- the pages. What is still owed is read from the documents themselves, so what is shown is what is stated, at every moment.

-- Ten digits of base 36, and the bytes of a sandbox's id (base/wire/id.h): two times ten of them behind the i. Written out, so that
-- they cost a statement that has many of them no look-up of their own.
CREATE FUNCTION dm.of_base36(digits text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 1, 1)) - 1)::bigint * 101559956668416 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 2, 1)) - 1)::bigint * 2821109907456 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 3, 1)) - 1)::bigint * 78364164096 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 4, 1)) - 1)::bigint * 2176782336 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 5, 1)) - 1)::bigint * 60466176 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 6, 1)) - 1)::bigint * 1679616 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 7, 1)) - 1)::bigint * 46656 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 8, 1)) - 1)::bigint * 1296 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 9, 1)) - 1)::bigint * 36 +
           (strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, 10, 1)) - 1)::bigint;
CREATE FUNCTION dm.sandbox_of(name text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN decode(lpad(
        to_hex(div(dm.of_base36(substr(name, 2, 10)) * 3656158440062976::numeric + dm.of_base36(substr(name, 12, 10)), 4503599627370496)::bigint) ||
        lpad(to_hex(mod(dm.of_base36(substr(name, 2, 10)) * 3656158440062976::numeric + dm.of_base36(substr(name, 12, 10)), 4503599627370496)::bigint),
             13, '0'), 32, '0'), 'hex');

-- What a document says of each sandbox; an empty id: of the account as a whole. Time is told as by day (metering/bill/day.h): of a
-- correction it is what its lines change.
CREATE FUNCTION dm.stated_use(document bytea)
    RETURNS TABLE (project_no int, sandbox_id bytea, running_s bigint, hibernated_s bigint, amount numeric)
    LANGUAGE sql STABLE STRICT SET search_path = dm, pg_temp
BEGIN ATOMIC
    WITH j AS MATERIALIZED (SELECT convert_from(document, 'UTF8')::jsonb AS d)
    SELECT u.project_no, coalesce(dm.sandbox_of(u.sandbox), ''), sum(u.running_s)::bigint, sum(u.hibernated_s)::bigint, sum(u.amount)
    FROM (SELECT s.sandbox, s.project_no, s.running_s, s.hibernated_s, 0 AS amount
          FROM j, jsonb_to_recordset(j.d->'sandboxes') s (sandbox text, project_no int, running_s bigint, hibernated_s bigint)
          WHERE NOT j.d ? 'corrects'
          UNION ALL
          SELECT l.sandbox, coalesce(l.project_no, 0), CASE WHEN l.kind = 'correction' AND l.sku = 'vcpu-run' THEN l.seconds ELSE 0 END,
                 CASE WHEN l.kind = 'correction' AND l.sku = 'disk-hib' THEN l.seconds ELSE 0 END, l.amount
          FROM j, jsonb_to_recordset(j.d->'lines') l (sandbox text, project_no int, kind text, sku text, seconds bigint, amount numeric)) u
    GROUP BY u.project_no, u.sandbox;
END;

-- project_no 0, an empty sandbox_id: the account as a whole.
CREATE TABLE dm.usage_sandbox (
    account_no   bigint NOT NULL REFERENCES dm.account,
    day          date NOT NULL,
    project_no   int NOT NULL,
    sandbox_id   bytea NOT NULL CHECK (octet_length(sandbox_id) IN (0, 16)),
    running_s    bigint NOT NULL,
    hibernated_s bigint NOT NULL,
    amount       numeric(38, 18) NOT NULL,
    PRIMARY KEY (account_no, day, project_no, sandbox_id)
) WITH (fillfactor = 80); -- a day's rows are added to each period

-- added: so many of its documents, of `documents`, are in dm.usage_sandbox.
CREATE TABLE dm.usage_owed (
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    documents    int NOT NULL CHECK (documents > 0),
    added        int NOT NULL DEFAULT 0 CHECK (added >= 0 AND added < documents),
    PRIMARY KEY (account_no, period_start),
    FOREIGN KEY (account_no, period_start) REFERENCES dm.statement
);
CREATE INDEX usage_owed_oldest ON dm.usage_owed (period_start, account_no);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_sandbox', 'usage_owed'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_api, dm_ops', t);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE (running_s, hibernated_s, amount) ON dm.usage_sandbox TO dm_meter;
GRANT SELECT, INSERT, UPDATE (added), DELETE ON dm.usage_owed TO dm_meter;

CREATE FUNCTION dm.owe_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO usage_owed (account_no, period_start, documents) VALUES (NEW.account_no, NEW.period_start, 1 + NEW.pages);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.owe_usage() FROM public;
CREATE TRIGGER owe_usage AFTER INSERT ON dm.statement FOR EACH ROW EXECUTE FUNCTION dm.owe_usage();

-- What is stated already is owed, too.
INSERT INTO dm.usage_owed (account_no, period_start, documents) SELECT account_no, period_start, 1 + pages FROM dm.statement;

-- What sandboxes of the account say under a name in their metadata; those that do not say it are left out.
CREATE FUNCTION dm.tags_of(sandboxes bytea[], name text) RETURNS TABLE (sandbox_id bytea, value text) LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT s.sandbox_id, s.metadata->>name FROM unnest(sandboxes) u (sandbox_id) JOIN dm.sandbox s ON s.sandbox_id = u.sandbox_id
    WHERE s.account_no = dm.account_no() AND s.metadata ? name AND s.metadata->>name IS NOT NULL;
END;
REVOKE ALL ON FUNCTION dm.tags_of(bytea[], text) FROM public;
GRANT EXECUTE ON FUNCTION dm.tags_of(bytea[], text) TO dm_api;
