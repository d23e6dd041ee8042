-- The floor: schema, roles, and the functions every table leans on.
--
-- dm_migrate owns everything and logs in only to migrate. dm_api sees one account and project a transaction. dm_meter
-- sees usage, ledger and prices of all, no key, no secret. dm_ops is fleet and operator. None bypasses row-level
-- security, every tenant-owned table forces it.

CREATE SCHEMA dm;

-- Times live in the database as timestamptz and travel as microseconds of UTC, exact both ways.
CREATE FUNCTION dm.us(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (extract(epoch FROM t) * 1000000)::bigint;
CREATE FUNCTION dm.ts(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN timestamptz 'epoch' + us * interval '1 microsecond';

-- The scope a transaction was given; null outside one, and then no tenant's row is visible.
CREATE FUNCTION dm.account_no() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('dm.account_no', true), '')::bigint;
CREATE FUNCTION dm.project_no() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('dm.project_no', true), '')::bigint;

GRANT USAGE ON SCHEMA dm TO dm_api, dm_meter, dm_ops;
