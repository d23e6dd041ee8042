-- What goes on, found before it is known whose it is; and the word of each end, so that every replica refuses it at once.

-- A session that goes on: whose it is. Of an operator also whether he is past his first sign-in: a password of his own,
-- and a second factor.
CREATE FUNCTION dm.find_session(which uuid)
    RETURNS TABLE (person_no bigint, operator_no bigint, id uuid, name text, ready boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT s.person_no, s.operator_no, coalesce(p.id, o.id), coalesce(o.name, ''),
           s.person_no IS NOT NULL OR (NOT o.one_time AND o.totp_from IS NOT NULL)
    FROM dm.session s
    LEFT JOIN dm.person p ON p.person_no = s.person_no
    LEFT JOIN dm.operator o ON o.operator_no = s.operator_no
    WHERE s.id = which AND s.ended_at IS NULL AND s.expires_at > now() AND p.closed_at IS NULL AND o.disabled_at IS NULL;
END;
REVOKE ALL ON FUNCTION dm.find_session(uuid) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_session(uuid) TO dm_who;

-- What a person is somewhere is told with what binds the account there.
GRANT EXECUTE ON FUNCTION dm.account_limits(bigint) TO dm_who;

CREATE FUNCTION dm.notify_session() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM pg_notify('dm_sessions', new.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER notify_end AFTER UPDATE OF ended_at ON dm.session FOR EACH ROW EXECUTE FUNCTION dm.notify_session();

-- What all of somebody's sessions are has changed; that is rare, so all of everybody's are asked for again.
CREATE FUNCTION dm.notify_sessions() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    PERFORM pg_notify('dm_sessions', '');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_sessions AFTER UPDATE OF closed_at ON dm.person
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_sessions();
CREATE TRIGGER notify_sessions AFTER UPDATE OF one_time, totp_from, disabled_at ON dm.operator
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_sessions();

CREATE FUNCTION dm.notify_token_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NOTIFY dm_token_keys;
    RETURN NULL;
END $$;
CREATE TRIGGER notify_token_keys AFTER INSERT OR UPDATE ON dm.token_key
    FOR EACH STATEMENT EXECUTE FUNCTION dm.notify_token_keys();
