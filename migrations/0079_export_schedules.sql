-- What an account wants written out of each month, once that is closed: a dataset in a format, ordered once for each month.

-- through: of months up to this one nothing is to be ordered any more.
CREATE TABLE dm.export_schedule (
    account_no  bigint NOT NULL REFERENCES dm.account,
    schedule_no bigint GENERATED ALWAYS AS IDENTITY,
    id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    dataset     text NOT NULL CHECK (dataset ~ '^[a-z0-9._-]{1,40}$'),
    format      text NOT NULL CHECK (format ~ '^[a-z0-9]{1,16}$'),
    who         text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    through     date NOT NULL CHECK (through = '-infinity' OR extract(day FROM through) = 1),
    PRIMARY KEY (account_no, schedule_no),
    UNIQUE (account_no, dataset, format)
);
ALTER TABLE dm.export_schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.export_schedule FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.export_schedule TO dm_api USING (account_no = dm.account_no()) WITH CHECK (account_no = dm.account_no());
CREATE POLICY everyone ON dm.export_schedule TO dm_migrate USING (true) WITH CHECK (true);
CREATE POLICY reading ON dm.export_schedule FOR SELECT TO dm_ops USING (true);
GRANT SELECT, DELETE, INSERT (account_no, dataset, format, who) ON dm.export_schedule TO dm_api;
GRANT SELECT ON dm.export_schedule TO dm_ops;

-- From the month on that is open now: what is closed already is ordered by hand.
CREATE FUNCTION dm.export_schedule_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    NEW.through := coalesce((SELECT max(m.month) FROM invoice_month m WHERE m.account_no = NEW.account_no), '-infinity');
    RETURN NEW;
END $$;
CREATE TRIGGER begins BEFORE INSERT ON dm.export_schedule FOR EACH ROW EXECUTE FUNCTION dm.export_schedule_begins();

-- Orders what is due: of each schedule the months that were made up since (dm.invoice_month). An order and its mark are one
-- transaction, so whoever dies has ordered it or has not; one that finds too many waiting orders it later. How many it ordered.
CREATE FUNCTION dm.export_schedules_due() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    due     record;
    ordered bigint := 0;
BEGIN
    FOR due IN
        SELECT s.account_no, s.schedule_no, s.dataset, s.format, m.month
        FROM export_schedule s JOIN invoice_month m ON m.account_no = s.account_no AND m.month > s.through
        ORDER BY s.account_no, m.month, s.schedule_no LIMIT 500 FOR UPDATE OF s SKIP LOCKED
    LOOP
        CONTINUE WHEN (SELECT made FROM export_ask(due.account_no, due.dataset, due.format, due.month::timestamp AT TIME ZONE 'UTC',
            (due.month + interval '1 month') AT TIME ZONE 'UTC', NULL, 'schedule',
            format('schedule:%s:%s:%s', due.dataset, due.format, to_char(due.month, 'YYYY-MM')))) IS NULL;
        UPDATE export_schedule s SET through = greatest(s.through, due.month)
            WHERE s.account_no = due.account_no AND s.schedule_no = due.schedule_no;
        ordered := ordered + 1;
    END LOOP;
    RETURN ordered;
END $$;
REVOKE ALL ON FUNCTION dm.export_schedules_due(), dm.export_schedule_begins() FROM public;
GRANT EXECUTE ON FUNCTION dm.export_schedules_due() TO dm_export;
