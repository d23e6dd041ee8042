-- A project's sandboxes are listed by when they were created, those that have ended too, and found by what they are
-- labelled with: each way by an index in the order of the list, so that a page costs what a page has.

CREATE INDEX sandbox_list ON dm.sandbox (account_no, project_no, created_at, sandbox_id);
CREATE INDEX sandbox_list_state ON dm.sandbox (account_no, project_no, state, created_at, sandbox_id);
CREATE INDEX sandbox_list_cause ON dm.sandbox (account_no, project_no, cause, created_at, sandbox_id) WHERE cause IS NOT NULL;

-- What a sandbox can be found by and never changes: its template, its key, each pair and each word of its metadata. A
-- table of its own, since a row of dm.sandbox is written again at each transition, and each index on it with it. A label
-- is a digest, so that a long value is found as quickly as a short one.
CREATE TABLE dm.sandbox_label (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    label      bytea NOT NULL CHECK (octet_length(label) = 16),
    created_at timestamptz NOT NULL,
    sandbox_id bytea NOT NULL,
    PRIMARY KEY (account_no, project_no, label, created_at, sandbox_id)
);
GRANT SELECT, INSERT ON dm.sandbox_label TO dm_api, dm_ops;
ALTER TABLE dm.sandbox_label ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.sandbox_label FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.sandbox_label TO dm_api
    USING (account_no = dm.account_no() AND project_no = dm.project_no())
    WITH CHECK (account_no = dm.account_no() AND project_no = dm.project_no());
CREATE POLICY everyone ON dm.sandbox_label TO dm_ops, dm_migrate USING (true) WITH CHECK (true);

CREATE FUNCTION dm.label(kind text, name text, value text) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substring(sha256(convert_to(kind || ':' || length(name) || ':' || name || ':' || value, 'UTF8')) FOR 16);

-- Lower case, of letters and digits, at most 64 of them and of 64 characters: what is longer or more is not found by.
CREATE FUNCTION dm.words(words text) RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT w FROM unnest(regexp_split_to_array(lower(left(words, 8192)), '[^[:alnum:]]+')) w
    WHERE w <> '' AND length(w) <= 64 ORDER BY w LIMIT 64;
END;

CREATE FUNCTION dm.add_labels() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO dm.sandbox_label (account_no, project_no, label, created_at, sandbox_id)
        VALUES (NEW.account_no, NEW.project_no, dm.label('template', '', NEW.template_id), NEW.created_at, NEW.sandbox_id),
               (NEW.account_no, NEW.project_no, dm.label('key', '', NEW.key_no::text), NEW.created_at, NEW.sandbox_id);
    IF NEW.metadata <> '{}' THEN
        INSERT INTO dm.sandbox_label (account_no, project_no, label, created_at, sandbox_id)
            SELECT NEW.account_no, NEW.project_no, dm.label('pair', m.key, m.value), NEW.created_at, NEW.sandbox_id
            FROM jsonb_each_text(NEW.metadata) m
            UNION ALL
            SELECT NEW.account_no, NEW.project_no, dm.label('word', '', w), NEW.created_at, NEW.sandbox_id
            FROM dm.words((SELECT string_agg(m.key || ' ' || m.value, ' ') FROM jsonb_each_text(NEW.metadata) m)) w;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER add_labels AFTER INSERT ON dm.sandbox FOR EACH ROW EXECUTE FUNCTION dm.add_labels();

INSERT INTO dm.sandbox_label (account_no, project_no, label, created_at, sandbox_id)
    SELECT s.account_no, s.project_no, l.label, s.created_at, s.sandbox_id FROM dm.sandbox s CROSS JOIN LATERAL
        (SELECT dm.label('template', '', s.template_id) AS label UNION ALL SELECT dm.label('key', '', s.key_no::text)
         UNION ALL SELECT dm.label('pair', m.key, m.value) FROM jsonb_each_text(s.metadata) m
         UNION ALL SELECT dm.label('word', '', w)
         FROM dm.words((SELECT string_agg(m.key || ' ' || m.value, ' ') FROM jsonb_each_text(s.metadata) m)) w) l;

-- What a sandbox was charged is asked for by the sandbox.
CREATE INDEX statement_line_sandbox ON dm.statement_line (account_no, sandbox_id, period_start) WHERE sandbox_id IS NOT NULL;
-- And how it spent its seconds.
CREATE INDEX usage_period_sandbox ON dm.usage_period (sandbox_id, period_start);
