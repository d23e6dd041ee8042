-- What was refused, a week long, for its owner to read. Of one project and rule at most so many rows an hour; what comes
-- after that raises the count of the newest (tenants/plan/denials.h).

CREATE TABLE dm.denial (
    account_no bigint NOT NULL,
    project_no int NOT NULL,
    denial_no  bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    who        text NOT NULL CHECK (length(who) <= 64),        -- 'key:UUID', 'door'
    sandbox    text NOT NULL DEFAULT '' CHECK (length(sandbox) <= 40),
    rule       text NOT NULL CHECK (length(rule) <= 64),
    denial     jsonb NOT NULL,
    count      bigint NOT NULL DEFAULT 1 CHECK (count > 0),
    PRIMARY KEY (account_no, project_no, denial_no)
);
CREATE INDEX denial_rule ON dm.denial (account_no, project_no, rule, at);
CREATE INDEX denial_age ON dm.denial (at);

GRANT SELECT ON dm.denial TO dm_api, dm_ops;
GRANT INSERT, DELETE, UPDATE (count, last_at) ON dm.denial TO dm_ops;
ALTER TABLE dm.denial ENABLE ROW LEVEL SECURITY;
ALTER TABLE dm.denial FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dm.denial FOR SELECT TO dm_api
    USING (account_no = dm.account_no() AND project_no = dm.project_no());
CREATE POLICY everyone ON dm.denial TO dm_ops, dm_migrate USING (true) WITH CHECK (true);
