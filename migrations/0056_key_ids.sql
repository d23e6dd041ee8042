-- The ids of the account's keys, which a scope of no project does not see, by the numbers that stand on lines.
CREATE FUNCTION dm.key_ids() RETURNS TABLE (key_no bigint, id uuid) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT k.key_no, k.id FROM dm.api_key k WHERE k.account_no = dm.account_no();
END;
REVOKE ALL ON FUNCTION dm.key_ids() FROM public;
GRANT EXECUTE ON FUNCTION dm.key_ids() TO dm_api;
