-- Whose memory a sandbox of the account began with, for its bill: of those that have ended, too.
CREATE FUNCTION dm.parent_of(sandbox bytea) RETURNS bytea LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = dm, pg_temp
    RETURN (SELECT s.parent_id FROM dm.sandbox s WHERE s.sandbox_id = sandbox AND s.account_no = dm.account_no());
REVOKE ALL ON FUNCTION dm.parent_of(bytea) FROM public;
GRANT EXECUTE ON FUNCTION dm.parent_of(bytea) TO dm_api;
