-- Reconciliations: what has to agree of a closed period, looked at by the meter and kept for operators.
CREATE TABLE dm.reconciliation (
    check_no     smallint NOT NULL CHECK (check_no BETWEEN 1 AND 11),
    period_start timestamptz NOT NULL REFERENCES dm.period,
    compared     bigint NOT NULL CHECK (compared >= 0),                       -- accounts, workers, bookings, sandboxes
    differ       bigint NOT NULL CHECK (differ BETWEEN 0 AND compared),
    detail       text NOT NULL CHECK (length(detail) <= 1000),                -- the first of those
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (check_no, period_start)
);
CREATE INDEX reconciliation_period ON dm.reconciliation (period_start, check_no);
CREATE INDEX reconciliation_differ ON dm.reconciliation (period_start, check_no) WHERE differ > 0;
GRANT SELECT, INSERT, UPDATE (compared, differ, detail, at) ON dm.reconciliation TO dm_meter;
GRANT SELECT ON dm.reconciliation TO dm_ops;
-- What was booked while a period lasted is looked at with it.
CREATE INDEX journal_txn_booked ON dm.journal_txn USING brin (booked_at);
-- An operator looks at the newest of both.
CREATE INDEX usage_gap_period ON dm.usage_gap (period_start);
CREATE INDEX account_period_period ON dm.account_period (period_start, state);
CREATE INDEX worker_period_period ON dm.worker_period (period_start);
