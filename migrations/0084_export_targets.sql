-- Where an account wants its scheduled exports put: a bucket of its own, and how each of them got there.

-- secret: sealed (base/crypto.h) under a key that the API and the exporter have, and the database has not.
CREATE TABLE dm.export_target (
    account_no bigint PRIMARY KEY REFERENCES dm.account,
    endpoint   text NOT NULL CHECK (length(endpoint) BETWEEN 1 AND 300),
    region     text NOT NULL CHECK (region ~ '^[a-z0-9-]{1,40}$'),
    bucket     text NOT NULL CHECK (bucket ~ '^[a-z0-9][a-z0-9.-]{2,62}$'),
    prefix     text NOT NULL CHECK (prefix ~ '^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$' AND length(prefix) <= 200),
    key_id     text NOT NULL CHECK (length(key_id) BETWEEN 1 AND 200),
    secret     bytea NOT NULL,
    who        text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now()
);

-- Of an export that is to be put there. next_at: nobody looks at it before; who is at it moves that on.
CREATE TABLE dm.export_delivery (
    account_no bigint NOT NULL REFERENCES dm.account,
    export_no  bigint PRIMARY KEY REFERENCES dm.export (export_no) ON DELETE CASCADE,
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries      int NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    object     text,                                          -- where it is, once it was begun
    why        text,                                          -- the last try's, where that failed
    ended_at   timestamptz,
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX export_delivery_waiting ON dm.export_delivery (next_at) WHERE state = 'waiting';

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['export_target', 'export_delivery'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I TO dm_api USING (account_no = dm.account_no()) WITH CHECK (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
    END LOOP;
END $$;
CREATE POLICY exporting ON dm.export_target FOR SELECT TO dm_export USING (account_no = dm.account_no());
CREATE POLICY exporting ON dm.export_delivery TO dm_export USING (true) WITH CHECK (true);
GRANT SELECT (account_no, endpoint, region, bucket, prefix, key_id, who, set_at), DELETE,
    INSERT (account_no, endpoint, region, bucket, prefix, key_id, secret, who) ON dm.export_target TO dm_api;
GRANT SELECT (account_no, endpoint, region, bucket, prefix, key_id, who, set_at) ON dm.export_target TO dm_ops;
GRANT SELECT ON dm.export_target TO dm_export;
GRANT SELECT ON dm.export_delivery TO dm_api, dm_ops, dm_export;
GRANT UPDATE (state, tries, next_at, object, why, ended_at) ON dm.export_delivery TO dm_export;

-- With the commit that makes it ready.
CREATE FUNCTION dm.export_to_deliver() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO export_delivery (account_no, export_no) SELECT t.account_no, NEW.export_no FROM export_target t
        WHERE t.account_no = NEW.account_no ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.export_to_deliver() FROM public;
CREATE TRIGGER export_to_deliver AFTER UPDATE OF state ON dm.export FOR EACH ROW
    WHEN (NEW.state = 'ready' AND OLD.state = 'running' AND NEW.who = 'schedule') EXECUTE FUNCTION dm.export_to_deliver();
