-- How long ago the second factor was shown in a session: what is about money asks for one that is fresh. In microseconds by
-- the database's clock, so that no replica's own counts; null: never.
DROP FUNCTION dm.find_session(uuid);
CREATE FUNCTION dm.find_session(which uuid)
    RETURNS TABLE (person_no bigint, operator_no bigint, id uuid, name text, ready boolean, proven_ago_us bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT s.person_no, s.operator_no, coalesce(p.id, o.id), coalesce(o.name, ''),
           s.person_no IS NOT NULL OR (NOT o.one_time AND o.totp_from IS NOT NULL),
           CASE WHEN s.proven_at IS NOT NULL THEN greatest((extract(epoch FROM now() - s.proven_at) * 1000000)::bigint, 0) END
    FROM dm.session s
    LEFT JOIN dm.person p ON p.person_no = s.person_no
    LEFT JOIN dm.operator o ON o.operator_no = s.operator_no
    WHERE s.id = which AND s.ended_at IS NULL AND s.expires_at > now() AND p.closed_at IS NULL AND o.disabled_at IS NULL;
END;
REVOKE ALL ON FUNCTION dm.find_session(uuid) FROM public;
GRANT EXECUTE ON FUNCTION dm.find_session(uuid) TO dm_who;

-- It is shown once more: every replica asks anew.
DROP TRIGGER notify_end ON dm.session;
CREATE TRIGGER notify_end AFTER UPDATE OF ended_at, proven_at ON dm.session
    FOR EACH ROW EXECUTE FUNCTION dm.notify_session();
