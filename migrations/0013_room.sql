-- Room: how much memory a worker can still give away, and what the sleepers of a project take on disk.

-- As its last beat said; null: it has said nothing yet.
ALTER TABLE dm.worker ADD COLUMN mem_free_mib bigint;

DROP FUNCTION dm.place(smallint, int);
CREATE FUNCTION dm.place(region smallint, stale_s int, mem int)
    RETURNS TABLE (worker_no bigint, door text, free_slots int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT w.worker_no, w.door, w.free_slots FROM dm.worker w
    WHERE w.region_no = region AND w.state = 'active' AND NOT w.refusing
      AND w.beat_at > now() - stale_s * interval '1 second'
      AND (w.mem_free_mib IS NULL OR w.mem_free_mib >= mem)
    ORDER BY w.free_slots DESC, w.worker_no;
END;
REVOKE ALL ON FUNCTION dm.place(smallint, int, int) FROM public;
GRANT EXECUTE ON FUNCTION dm.place(smallint, int, int) TO dm_api;

-- What its image took when it last slept, memory and disk, and the sum of that over those of a project that sleep. Nobody
-- measured those that sleep already: they count as the least there is.
ALTER TABLE dm.sandbox ADD COLUMN image_mib bigint NOT NULL DEFAULT 0;
ALTER TABLE dm.quota_use ADD COLUMN asleep_mib bigint NOT NULL DEFAULT 0;
UPDATE dm.sandbox SET image_mib = 16 WHERE state IN ('paused', 'resuming');
UPDATE dm.quota_use q SET asleep_mib = s.mib
    FROM (SELECT account_no, project_no, sum(image_mib) AS mib FROM dm.sandbox
          WHERE state IN ('paused', 'resuming') GROUP BY account_no, project_no) s
    WHERE q.account_no = s.account_no AND q.project_no = s.project_no;

-- Free has had its limit from the first day; nothing read it.
INSERT INTO dm.tier_limit (tier, name, value) VALUES
    ('pro', 'asleep_disk_mib_max', 102400), ('payg', 'asleep_disk_mib_max', 1048576),
    ('enterprise', 'asleep_disk_mib_max', 1048576)
    ON CONFLICT (tier, name) DO NOTHING;
