-- Which meter may write. Taking over changes the row; whoever closes a period or makes a statement holds it shared until his
-- commit, so that a takeover waits for that step. Offsets have a fence of their own (dm.consumer_offset): what takes evidence
-- in touches this row never again, and so waits for no statement.
CREATE TABLE dm.meter_holder (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner uuid NOT NULL
);
GRANT SELECT, INSERT, UPDATE (owner) ON dm.meter_holder TO dm_meter;
GRANT SELECT ON dm.meter_holder TO dm_ops;
