-- Signed file URLs that name no sandbox: whose token made the signature is found by trying. What may be tried, newest
-- change first, at most `most`: secured sandboxes that run, or that traffic may wake. A replica of the API keeps what it
-- has seen and asks for what changed since.

CREATE INDEX sandbox_signers ON dm.sandbox (changed_at DESC) WHERE secure AND state <> 'ended';

CREATE FUNCTION dm.find_signers(since timestamptz, most int)
    RETURNS TABLE (sandbox_id bytea, token_sealed bytea, changed_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT s.sandbox_id, s.token_sealed, s.changed_at FROM dm.sandbox s
    WHERE s.secure AND s.state <> 'ended' AND (s.auto_resume OR s.state <> 'paused') AND s.changed_at >= since
    ORDER BY s.changed_at DESC LIMIT most;
END;
REVOKE ALL ON FUNCTION dm.find_signers(timestamptz, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_signers(timestamptz, int) TO dm_api;
