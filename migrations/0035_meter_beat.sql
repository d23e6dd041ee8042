-- What the meter says of itself, each few seconds: that it is there, and how far the stream's end is from what it has read.
CREATE TABLE dm.meter_beat (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner      uuid NOT NULL,                           -- which of its lives
    version    text NOT NULL CHECK (length(version) <= 32),
    beat_at    timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL,
    lag_frames bigint NOT NULL CHECK (lag_frames >= 0),   -- messages not yet read
    lag_attestations bigint NOT NULL CHECK (lag_attestations >= 0)
);
GRANT SELECT, INSERT, UPDATE ON dm.meter_beat TO dm_meter;
GRANT SELECT ON dm.meter_beat TO dm_ops;

-- Letters that wait, and those that were given up: how many, and nothing of what they say or to whom. Counted no further
-- than so many.
CREATE FUNCTION dm.letters(most int) RETURNS TABLE (waiting bigint, gave_up bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT (SELECT count(*) FROM (SELECT FROM dm.mail m WHERE m.sent_at IS NULL AND m.gave_up_at IS NULL LIMIT most) w),
           (SELECT count(*) FROM (SELECT FROM dm.mail m WHERE m.gave_up_at > now() - interval '1 day' LIMIT most) g);
END;
REVOKE ALL ON FUNCTION dm.letters(int) FROM public;
GRANT EXECUTE ON FUNCTION dm.letters(int) TO dm_ops;
CREATE INDEX mail_gave_up ON dm.mail (gave_up_at) WHERE gave_up_at IS NOT NULL;
