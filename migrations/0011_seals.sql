-- Usage frames are sealed by their worker. From this start of its daemon on only what has its seal is a frame of it; null: it
-- has not said yet that it makes such frames.
ALTER TABLE dm.worker ADD COLUMN sealed_from_boot bigint CHECK (sealed_from_boot > 0);
