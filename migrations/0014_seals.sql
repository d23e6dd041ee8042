-- Usage frames are sealed by their worker. From this start of its daemon on only what has its seal is a frame of it; null: it
-- has not said yet that it makes such frames.
ALTER TABLE dm.worker ADD COLUMN sealed_from_boot bigint CHECK (sealed_from_boot > 0);

-- Which worker a sandbox was with in each of its lives: evidence of it is taken from that worker alone. Null: nobody had it
-- yet; of lives before this column, the one that the sandbox's row names.
ALTER TABLE dm.sandbox_event ADD COLUMN worker_no bigint;
CREATE INDEX sandbox_event_epoch ON dm.sandbox_event (sandbox_id, epoch);
