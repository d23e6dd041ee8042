-- What the API needs to be quick and to finish what it began: who changed the keys, and which transitions stand still.

-- A transition whose API process died is found by its age and carried to its end.
ALTER TABLE dm.sandbox ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX sandbox_moving ON dm.sandbox (changed_at) WHERE state IN ('starting', 'pausing', 'resuming', 'ending');

-- An Idempotency-Key is good for a day.
CREATE INDEX idempotency_age ON dm.idempotency (created_at);

-- Every replica keeps what a key is for a few seconds; this tells it to ask again. One word for all: changes are rare.
CREATE FUNCTION dm.notify_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NOTIFY dm_keys;
    RETURN NULL;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['api_key', 'account', 'project', 'tier_limit', 'account_limit', 'project_limit'] LOOP
        EXECUTE format('CREATE TRIGGER notify_keys AFTER INSERT OR UPDATE OR DELETE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_keys()', t);
    END LOOP;
END $$;

-- What a waking sandbox is made of, by the build its own row names: the build may be another project's public one.
CREATE FUNCTION dm.find_build(build uuid)
    RETURNS TABLE (image text, default_user text, workdir text, env jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT b.image, b.default_user, b.workdir, b.env FROM dm.template_build b WHERE b.build_id = build;
END;
REVOKE ALL ON FUNCTION dm.find_build(uuid) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_build(uuid) TO dm_api;
