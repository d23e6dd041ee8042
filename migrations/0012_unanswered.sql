-- A guest that is woken and does not answer sleeps again (cause wake_unanswered). How many wakes in a row it was: after two
-- the next one is waited for, longer each time.
ALTER TABLE dm.sandbox ADD COLUMN unanswered int NOT NULL DEFAULT 0 CHECK (unanswered >= 0);
