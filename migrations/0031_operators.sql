-- Operators look after each other: who there is, who may not sign in any more, and a new beginning for who lost his second
-- factor. The role of operators' requests reads nothing of what anybody is proven by.

CREATE FUNCTION dm.operators()
    RETURNS TABLE (id uuid, name text, email text, state text, second_factor boolean, created_us bigint, disabled_us bigint,
                   seen_us bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT o.id, o.name, o.email,
           CASE WHEN o.disabled_at IS NOT NULL THEN 'disabled' WHEN o.one_time OR o.totp_from IS NULL THEN 'new'
                ELSE 'active' END,
           o.totp_from IS NOT NULL, dm.us(o.created_at), dm.us(o.disabled_at),
           (SELECT dm.us(max(s.used_at)) FROM dm.session s WHERE s.operator_no = o.operator_no)
    FROM dm.operator o ORDER BY o.name LIMIT 1000;
END;

-- 'done'; 'same': he is disabled already; 'none'; 'last': nobody else may sign in. Whoever may is locked, in one order, so
-- that of two who disable each other one stays.
CREATE FUNCTION dm.disable_operator(called text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE _no bigint; _disabled timestamptz;
BEGIN
    PERFORM FROM dm.operator o WHERE o.disabled_at IS NULL ORDER BY o.operator_no FOR UPDATE;
    SELECT o.operator_no, o.disabled_at INTO _no, _disabled FROM dm.operator o WHERE o.name = called;
    IF NOT FOUND THEN
        RETURN 'none';
    ELSIF _disabled IS NOT NULL THEN
        RETURN 'same';
    ELSIF NOT EXISTS (SELECT FROM dm.operator o WHERE o.disabled_at IS NULL AND o.operator_no <> _no) THEN
        RETURN 'last';
    END IF;
    UPDATE dm.operator SET disabled_at = now() WHERE operator_no = _no;
    UPDATE dm.session SET ended_at = now(), ended_why = 'disabled' WHERE operator_no = _no AND ended_at IS NULL;
    RETURN 'done';
END $$;

CREATE FUNCTION dm.enable_operator(called text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    UPDATE dm.operator SET disabled_at = NULL WHERE name = called AND disabled_at IS NOT NULL;
    IF FOUND THEN
        RETURN 'done';
    END IF;
    RETURN CASE WHEN EXISTS (SELECT FROM dm.operator o WHERE o.name = called) THEN 'same' ELSE 'none' END;
END $$;

-- As on his first day: a password for one sign-in, no second factor, no way back in, no session.
CREATE FUNCTION dm.reset_operator(called text, encoded text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE _no bigint;
BEGIN
    UPDATE dm.operator SET password = encoded, one_time = true, totp_sealed = NULL, totp_from = NULL WHERE name = called
        RETURNING operator_no INTO _no;
    IF _no IS NULL THEN
        RETURN 'none';
    END IF;
    DELETE FROM dm.recovery_code WHERE operator_no = _no;
    UPDATE dm.session SET ended_at = now(), ended_why = 'reset' WHERE operator_no = _no AND ended_at IS NULL;
    RETURN 'done';
END $$;

REVOKE ALL ON FUNCTION dm.operators(), dm.disable_operator(text), dm.enable_operator(text), dm.reset_operator(text, text)
    FROM public;
GRANT EXECUTE ON FUNCTION dm.operators(), dm.disable_operator(text), dm.enable_operator(text), dm.reset_operator(text, text)
    TO dm_ops;
