-- What an operator sees of a worker, and its beat says: machines that stand ready, why it refuses, of which version it is.
-- Null: it has not said, or is of a version that does not.
ALTER TABLE dm.worker ADD COLUMN pooled int NOT NULL DEFAULT 0, ADD COLUMN why text, ADD COLUMN version text;
