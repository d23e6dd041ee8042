-- Who carries out what a row waits for. An instance of the API takes a number and holds an advisory lock on it for as long
-- as it lives, so that what it leaves in the middle of a transition is found by another the moment it is gone, and not
-- after a time in which it might just have been slow. 0: nobody any more, the sweep takes it up.
ALTER TABLE dm.sandbox ADD COLUMN ordered_by int NOT NULL DEFAULT 0;

CREATE SEQUENCE dm.api_instance AS int CYCLE;
GRANT USAGE ON SEQUENCE dm.api_instance TO dm_api, dm_ops;

-- What a failed start leaves: its key may be used again.
CREATE INDEX idempotency_sandbox ON dm.idempotency (sandbox_id);
