-- Which meters there are: each says of itself once a second that it is there. One of them holds the office (0041); another
-- takes it when that one gave it up, or was not heard for some seconds. One that comes back under the name of the holder is
-- its next life, and waits for nobody.
ALTER TABLE dm.meter_holder
    ADD COLUMN name    text NOT NULL DEFAULT '' CHECK (length(name) <= 64),
    ADD COLUMN left_at timestamptz; -- it gave the office up; null: it has not
GRANT UPDATE (name, left_at) ON dm.meter_holder TO dm_meter;

CREATE TABLE dm.meter_here (
    name    text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    owner   uuid NOT NULL,                -- which of its lives
    version text NOT NULL CHECK (length(version) <= 32),
    reaches boolean NOT NULL,             -- the broker
    beat_at timestamptz NOT NULL DEFAULT now() -- 'epoch': it stopped
);
GRANT SELECT, INSERT, UPDATE ON dm.meter_here TO dm_meter;
GRANT SELECT ON dm.meter_here TO dm_ops;
