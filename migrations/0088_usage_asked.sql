-- A day that is over and not settled yet, and that somebody asks for, has its turn before those that nobody asked for. asked: when
-- its turn is. An account's days stand a turn apart, behind those it asked for before: so one that asks for a year does not keep
-- another waiting that asks for a day.
ALTER TABLE dm.usage_settled ADD COLUMN asked timestamptz;
CREATE INDEX usage_settled_asked ON dm.usage_settled (asked, day, account_no) WHERE NOT settled AND asked IS NOT NULL;

-- Asks for what is not settled of the caller's days from first to last, and of what of it something is stated; told: how many days
-- that is, and how many are settled. A day that is being settled at this moment is not waited for.
CREATE FUNCTION dm.ask_for_usage(first date, last date, OUT stated int, OUT settled int) LANGUAGE sql
    SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    WITH due AS (
        SELECT t.account_no, t.day FROM dm.usage_settled t
        WHERE t.account_no = dm.account_no() AND t.day BETWEEN first AND last AND NOT t.settled AND t.asked IS NULL
            AND t.day < (now() AT TIME ZONE 'UTC')::date
        FOR UPDATE SKIP LOCKED),
    turns AS (
        SELECT d.account_no, d.day, row_number() OVER (ORDER BY d.day) * interval '10 seconds' +
            greatest(now(), (SELECT max(a.asked) FROM dm.usage_settled a
                WHERE a.account_no = dm.account_no() AND NOT a.settled AND a.asked IS NOT NULL)) AS at
        FROM due d)
    UPDATE dm.usage_settled t SET asked = n.at FROM turns n WHERE t.account_no = n.account_no AND t.day = n.day;
    SELECT count(*)::int, (count(*) FILTER (WHERE t.settled))::int FROM dm.usage_settled t
    WHERE t.account_no = dm.account_no() AND t.day BETWEEN first AND last;
END;
REVOKE ALL ON FUNCTION dm.ask_for_usage(date, date) FROM public;
GRANT EXECUTE ON FUNCTION dm.ask_for_usage(date, date) TO dm_api;
