-- A delivery into an account's bucket that is given up is told to who keeps the account: with the commit that gives it up, once a
-- delivery and person (api/post sends what waits in dm.mail). dm_export sees neither people nor letters.
CREATE FUNCTION dm.export_undelivered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
BEGIN
    INSERT INTO mail (cause, recipient, subject, body)
        SELECT DISTINCT 'undelivered:' || NEW.export_no || ':' || p.id, p.email,
               format('An export could not be put into your bucket: %s, %s', e.dataset, to_char(e.from_at AT TIME ZONE 'UTC', 'YYYY-MM')),
               format(E'The export "%s" as %s, of %s, could not be put%s, and is not tried any more.\n\nThe last try said: %s\n\n'
                      'The file itself is ready: download it from the page of exports until %s. What is wrong with the bucket is mended '
                      'there, too; the next export is put where it says then.\n',
                      e.dataset, e.format, to_char(e.from_at AT TIME ZONE 'UTC', 'YYYY-MM'),
                      coalesce(format(' into the bucket "%s" at %s', t.bucket, t.endpoint), ' into a bucket'),
                      left(regexp_replace(coalesce(NEW.why, 'nothing'), '[[:cntrl:]]', ' ', 'g'), 1000),
                      to_char(e.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
               || coalesce(E'\n' || nullif(l.url, '') || '/console/a/' || a.id || E'/exports\n', '')
        FROM export e JOIN account a USING (account_no) JOIN legal_entity l ON l.entity_no = a.entity_no
            LEFT JOIN export_target t ON t.account_no = a.account_no
            JOIN member m ON m.account_no = a.account_no AND m.project_no = 0 AND m.role IN ('owner', 'admin', 'billing')
            JOIN person p ON p.person_no = m.person_no AND p.closed_at IS NULL
        WHERE e.export_no = NEW.export_no
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION dm.export_undelivered() FROM public;
CREATE TRIGGER export_undelivered AFTER UPDATE OF state ON dm.export_delivery FOR EACH ROW
    WHEN (NEW.state = 'failed' AND OLD.state = 'waiting') EXECUTE FUNCTION dm.export_undelivered();
