-- Whoever was not to sign in for a while begins with a new second factor: of the old one nobody knows where it has been. His
-- password stays, and his codes for a lost factor go with it.
CREATE OR REPLACE FUNCTION dm.enable_operator(called text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE _no bigint;
BEGIN
    UPDATE dm.operator SET disabled_at = NULL, totp_sealed = NULL, totp_from = NULL
        WHERE name = called AND disabled_at IS NOT NULL RETURNING operator_no INTO _no;
    IF FOUND THEN
        DELETE FROM dm.recovery_code WHERE operator_no = _no;
        RETURN 'done';
    END IF;
    RETURN CASE WHEN EXISTS (SELECT FROM dm.operator o WHERE o.name = called) THEN 'same' ELSE 'none' END;
END $$;
