-- What an account's people have written out as files: orders, which the API writes and dormouse-export carries out. It is a role of its
-- own: it reads what it exports, in one account's scope at a time, and writes nothing but its orders.

-- Whole seconds of UTC.
CREATE FUNCTION dm.s(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN extract(epoch FROM t)::bigint;

CREATE TABLE dm.export (
    account_no bigint NOT NULL REFERENCES dm.account,
    export_no  bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    dataset    text NOT NULL CHECK (dataset ~ '^[a-z0-9._-]{1,40}$'),
    format     text NOT NULL CHECK (format ~ '^[a-z0-9]{1,16}$'),
    from_at    timestamptz,                                   -- whole months of UTC
    to_at      timestamptz CHECK (to_at > from_at),
    number     text,                                          -- of an invoice: of the dataset `document`
    who        text NOT NULL,
    idem_key   text NOT NULL CHECK (length(idem_key) BETWEEN 1 AND 255),
    asked_at   timestamptz NOT NULL DEFAULT now(),
    cancel_at  timestamptz,
    state      text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'ready', 'failed', 'cancelled', 'removed')),
    taker      uuid,                                          -- which thread of which exporter has it
    taken_at   timestamptz,
    beat_at    timestamptz,
    tries      int NOT NULL DEFAULT 0,
    rows_done  bigint NOT NULL DEFAULT 0,
    rows_all   bigint,                                        -- as it was counted before the first
    file       text,                                          -- its name in the folder of exports
    bytes      bigint,
    digest     bytea CHECK (octet_length(digest) = 32),       -- SHA-256 of the file
    manifest   text,                                          -- metering/export/data/manifest.h
    why        text,                                          -- of one that failed
    ended_at   timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (account_no, export_no),
    UNIQUE (account_no, idem_key),
    CHECK ((from_at IS NULL) = (to_at IS NULL) AND (from_at IS NULL) = (number IS NOT NULL)),
    CHECK (state <> 'ready' OR (file, bytes, digest, expires_at) IS NOT NULL),
    CHECK ((state = 'running') = (taker IS NOT NULL))
);
-- One at a time of an account.
CREATE UNIQUE INDEX export_running ON dm.export (account_no) WHERE state = 'running';
CREATE INDEX export_queued ON dm.export (export_no) WHERE state = 'queued';
CREATE INDEX export_over ON dm.export (expires_at) WHERE state = 'ready';

ALTER TABLE dm.export ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.export FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.export TO dm_api USING (account_no = dm.account_no()) WITH CHECK (account_no = dm.account_no());
CREATE POLICY everyone ON dm.export TO dm_export, dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY operators ON dm.export TO dm_ops USING (true) WITH CHECK (true);
GRANT SELECT ON dm.export TO dm_api, dm_ops, dm_export;
GRANT INSERT (account_no, dataset, format, from_at, to_at, number, who, idem_key), UPDATE (cancel_at) ON dm.export TO dm_api, dm_ops;
GRANT UPDATE (state, taker, taken_at, beat_at, tries, rows_done, rows_all, file, bytes, digest, manifest, why, ended_at, expires_at)
    ON dm.export TO dm_export;
GRANT UPDATE (idem_key) ON dm.export TO dm_export;            -- whoever asks again for what is gone asks anew

CREATE FUNCTION dm.export_asked() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NOTIFY dm_exports;
    RETURN NULL;
END $$;
CREATE TRIGGER export_asked AFTER INSERT ON dm.export FOR EACH STATEMENT EXECUTE FUNCTION dm.export_asked();

-- An order, by whichever mouth: its id; null: the account has too many that are not done yet; or other: the key came with another
-- order before.
CREATE FUNCTION dm.export_ask(whose bigint, what text, how text, since timestamptz, until timestamptz, document text, by_whom text,
                              idem text, OUT made uuid, OUT again boolean, OUT other boolean)
    LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    SELECT e.id, true, (e.dataset, e.format) IS DISTINCT FROM (what, how) OR e.from_at IS DISTINCT FROM since
           OR e.to_at IS DISTINCT FROM until OR e.number IS DISTINCT FROM document
        INTO made, again, other FROM export e WHERE e.account_no = whose AND e.idem_key = idem;
    IF FOUND THEN
        RETURN;
    END IF;
    again := false;
    other := false;
    IF (SELECT count(*) FROM export e WHERE e.account_no = whose AND e.state IN ('queued', 'running') AND e.cancel_at IS NULL) >= 20 THEN
        RETURN;
    END IF;
    INSERT INTO export (account_no, dataset, format, from_at, to_at, number, who, idem_key)
        VALUES (whose, what, how, since, until, document, by_whom, coalesce(idem, gen_random_uuid()::text))
        ON CONFLICT (account_no, idem_key) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN                                      -- somebody else, at this moment
        RAISE EXCEPTION 'asked for twice at once' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
REVOKE ALL ON FUNCTION dm.export_ask(bigint, text, text, timestamptz, timestamptz, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION dm.export_ask(bigint, text, text, timestamptz, timestamptz, text, text, text) TO dm_api, dm_ops;

-- What it reads, of the account in scope.
GRANT USAGE ON SCHEMA dm TO dm_export;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['account', 'project', 'api_key', 'statement', 'statement_line', 'invoice', 'invoice_line', 'invoice_tax',
                             'invoice_statement', 'invoice_state'] LOOP
        EXECUTE format('CREATE POLICY exporting ON dm.%I FOR SELECT TO dm_export USING (account_no = dm.account_no())', t);
    END LOOP;
END $$;
GRANT SELECT ON dm.region, dm.statement_line, dm.invoice, dm.invoice_line, dm.invoice_tax, dm.invoice_statement,
    dm.invoice_state TO dm_export;
GRANT SELECT (account_no, id, legal_name, currency) ON dm.account TO dm_export;
GRANT SELECT (account_no, project_no, id, slug, name) ON dm.project TO dm_export;
GRANT SELECT (account_no, project_no, key_no, id) ON dm.api_key TO dm_export;
GRANT SELECT (account_no, period_start, period_s, number, currency, total) ON dm.statement TO dm_export;
