-- Forks: whose memory a sandbox began with. The row says so for good, its first event in words.

ALTER TABLE dm.sandbox ADD COLUMN parent_id bytea CHECK (octet_length(parent_id) = 16);
CREATE INDEX sandbox_children ON dm.sandbox (account_no, project_no, parent_id) WHERE parent_id IS NOT NULL;
GRANT SELECT (parent_id) ON dm.sandbox TO dm_ops;

-- What starts from another's memory starts where that is, or not at all: the same as dm.place, of that worker alone.
CREATE FUNCTION dm.place_on(worker bigint, stale_s int, mem int) RETURNS TABLE (worker_no bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = dm, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT w.worker_no FROM dm.worker w
        WHERE w.worker_no = worker AND w.state = 'active' AND NOT w.refusing
          AND w.beat_at > now() - stale_s * interval '1 second'
          AND (w.mem_free_mib IS NULL OR w.mem_free_mib >= mem);
END $$;
REVOKE ALL ON FUNCTION dm.place_on(bigint, int, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.place_on(bigint, int, int) TO dm_api;
