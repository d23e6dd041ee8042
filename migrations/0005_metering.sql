-- Usage, evidence, statements, ledger. Seconds are bigint seconds of UTC. What the meter writes is never changed: rows of
-- evidence and money are only ever added, by the meter alone; a status table says how far each period is.

-- --- the stream ---------------------------------------------------------------------------------------------------------

-- The fence: whoever holds the newest generation may flush. -2: the partition was never read, begin at its oldest.
CREATE TABLE dm.consumer_offset (
    topic       text NOT NULL,
    part        int NOT NULL CHECK (part >= 0),
    next_offset bigint NOT NULL DEFAULT -2 CHECK (next_offset >= 0 OR next_offset = -2),
    owner       uuid NOT NULL,
    generation  bigint NOT NULL,
    PRIMARY KEY (topic, part)
);

-- The frames as received, each once, zstd: one row a flush, worker and period. They mix tenants and are shown to nobody.
CREATE TABLE dm.usage_chunk (
    worker_no    bigint NOT NULL,
    worker_boot  bigint NOT NULL,
    first_frame  bigint NOT NULL,
    first_part   int NOT NULL,
    last_frame   bigint NOT NULL,
    first_second bigint NOT NULL,
    last_second  bigint NOT NULL,
    frames       int NOT NULL,
    raw_bytes    int NOT NULL,
    payload      bytea NOT NULL,
    PRIMARY KEY (worker_no, worker_boot, first_frame, first_part, first_second)
) PARTITION BY RANGE (first_second);
CREATE INDEX usage_chunk_time ON dm.usage_chunk (first_second);

-- Every frame up to (worker_boot, last_frame) is in the ledger or was written off: the worker may forget them.
CREATE TABLE dm.worker_mark (
    worker_no        bigint PRIMARY KEY,
    worker_boot      bigint NOT NULL,
    last_frame       bigint NOT NULL,
    last_second      bigint NOT NULL,
    complete_through bigint NOT NULL
);

-- Frames that never came and were no longer waited for.
CREATE TABLE dm.frame_gap (
    worker_no   bigint NOT NULL,
    worker_boot bigint NOT NULL,
    first_frame bigint NOT NULL,
    last_frame  bigint NOT NULL,
    from_s      bigint NOT NULL,
    to_s        bigint NOT NULL,
    written_off_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker_no, worker_boot, first_frame)
);

-- What the workers swore to (base/wire/attest.h); account_no 0: of a project that does not exist. by_service: the worker
-- could not, and the service signed what the frames say.
CREATE TABLE dm.attestation (
    account_no   bigint NOT NULL,
    project_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    sandbox_id   bytea NOT NULL,
    epoch        int NOT NULL,
    spec_table   int NOT NULL,
    spec         int NOT NULL,
    region_no    int NOT NULL,
    worker_no    bigint NOT NULL,
    worker_boot  bigint NOT NULL,
    by_service   boolean NOT NULL DEFAULT false,
    hash         bytea NOT NULL CHECK (hash = sha256(message)),
    message      bytea NOT NULL,
    PRIMARY KEY (account_no, project_no, period_start, sandbox_id, epoch, spec_table, spec, worker_no, hash)
) PARTITION BY RANGE (period_start);
CREATE INDEX attestation_hash ON dm.attestation (hash);
CREATE INDEX attestation_worker ON dm.attestation (period_start, worker_no);
CREATE INDEX attestation_account ON dm.attestation (period_start, account_no, sandbox_id);
CREATE INDEX attestation_sandbox ON dm.attestation (sandbox_id, period_start);

CREATE TABLE dm.attestation_end (
    worker_no    bigint NOT NULL,
    period_start timestamptz NOT NULL,
    worker_boot  bigint NOT NULL,
    attested     bigint NOT NULL,      -- how many attestations
    digest       bytea NOT NULL,       -- over their hashes, sorted
    message      bytea NOT NULL,
    PRIMARY KEY (worker_no, period_start, worker_boot, digest)
);

-- What does not fit together, for people. Never billed against a customer.
CREATE TABLE dm.anomaly (
    anomaly_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    kind         text NOT NULL,
    worker_no    bigint,
    worker_boot  bigint,
    account_no   bigint,
    project_no   bigint,
    sandbox_id   bytea,
    epoch        bigint,
    period_start timestamptz,
    detail       text NOT NULL
);
CREATE INDEX anomaly_period ON dm.anomaly (period_start, kind);

-- --- periods ------------------------------------------------------------------------------------------------------------

-- A row is made, with all rows of usage_period, when every worker is through the period; closed_at when every account's
-- statement is.
CREATE TABLE dm.period (
    period_start timestamptz PRIMARY KEY,
    period_s     int NOT NULL CHECK (period_s BETWEEN 60 AND 3600),
    written_at   timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz
);

-- How each worker stood when the period was written.
CREATE TABLE dm.worker_period (
    worker_no    bigint NOT NULL,
    period_start timestamptz NOT NULL REFERENCES dm.period,
    complete     boolean NOT NULL,     -- its watermark had passed
    attested     boolean NOT NULL,     -- all it swore to was there
    PRIMARY KEY (worker_no, period_start)
);

CREATE TABLE dm.account_period (
    account_no   bigint NOT NULL REFERENCES dm.account,
    period_start timestamptz NOT NULL REFERENCES dm.period,
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'empty')),
    PRIMARY KEY (account_no, period_start)
);
CREATE INDEX account_period_open ON dm.account_period (period_start, account_no) WHERE state = 'open';

-- Evidence by sandbox: what the frames say, merged; written once and rebuilt from the chunks byte for byte. account_no 0:
-- the project does not exist. A minute without a disk figure is -1.
CREATE TABLE dm.usage_period (
    account_no   bigint NOT NULL,
    project_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    sandbox_id   bytea NOT NULL CHECK (octet_length(sandbox_id) = 16),
    epoch        int NOT NULL,
    spec_table   int NOT NULL,
    spec         int NOT NULL,
    region_no    int NOT NULL,
    worker_no    bigint NOT NULL,
    run_bits     bit varying(3600) NOT NULL,
    hib_bits     bit varying(3600) NOT NULL,
    disk_16mib   int[] NOT NULL,
    PRIMARY KEY (account_no, project_no, period_start, sandbox_id, epoch, spec_table, spec, region_no, worker_no)
) PARTITION BY RANGE (period_start);
CREATE INDEX usage_period_account ON dm.usage_period (period_start, account_no, sandbox_id);

-- Seconds of a sandbox for which there is no evidence and no charge.
CREATE TABLE dm.usage_gap (
    account_no   bigint NOT NULL,
    project_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    sandbox_id   bytea NOT NULL,
    epoch        int NOT NULL,
    from_s       bigint NOT NULL,
    to_s         bigint NOT NULL,
    cause        text NOT NULL CHECK (cause IN ('frames_missing', 'worker_silent')),
    resolution   text NOT NULL CHECK (resolution IN ('written_off')),
    PRIMARY KEY (account_no, project_no, sandbox_id, epoch, from_s)
);

-- --- statements ---------------------------------------------------------------------------------------------------------

-- Keys this service signs with. The public halves are published.
CREATE TABLE dm.service_key (
    public_key bytea PRIMARY KEY CHECK (octet_length(public_key) = 32),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz
);

-- The signed statement of an account and a period. Its canonical body is described in metering/rules/statement.h.
CREATE TABLE dm.statement (
    account_no      bigint NOT NULL REFERENCES dm.account,
    period_start    timestamptz NOT NULL REFERENCES dm.period,
    period_s        int NOT NULL,
    number          bigint NOT NULL CHECK (number > 0),   -- without a gap in an account
    currency        char(3) NOT NULL,
    total           numeric(38, 18) NOT NULL,
    running_s       bigint NOT NULL,
    hibernated_s    bigint NOT NULL,
    pool_after_s    bigint,              -- of the month, minutes plans
    unattested      int NOT NULL,
    body            bytea NOT NULL,
    sha256          bytea NOT NULL CHECK (sha256 = sha256(body)),
    previous_sha256 bytea NOT NULL CHECK (octet_length(previous_sha256) = 32),
    public_key      bytea NOT NULL REFERENCES dm.service_key,
    signature       bytea NOT NULL CHECK (octet_length(signature) = 64),
    closed_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_no, period_start),
    UNIQUE (account_no, number)
);

-- Its lines, as rows; project_no null: of the account as a whole (pooled minutes).
CREATE TABLE dm.statement_line (
    account_no   bigint NOT NULL,
    period_start timestamptz NOT NULL,
    line_no      int NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('usage', 'correction', 'credit', 'tax', 'fee')),
    project_no   int,
    sandbox_id   bytea,
    epoch        int,
    region_no    smallint,
    spec_table   smallint,
    spec         smallint,
    compute_type text,
    compute_quality text,
    key_no       bigint,
    template_id  text,
    build_id     uuid,
    sku          text NOT NULL,
    tier         smallint NOT NULL DEFAULT 0,
    book_id      bigint REFERENCES dm.price_book,
    charge_from  timestamptz NOT NULL,
    charge_to    timestamptz NOT NULL,
    seconds      bigint NOT NULL CHECK (seconds >= 0),
    qty          numeric(20, 6) NOT NULL,
    per_unit     numeric(18, 12) NOT NULL,
    amount       numeric(38, 18) NOT NULL,
    corrects_period timestamptz,
    corrects_line   int,
    PRIMARY KEY (account_no, period_start, line_no),
    FOREIGN KEY (account_no, period_start) REFERENCES dm.statement,
    CHECK (kind NOT IN ('usage', 'correction') OR amount = qty * per_unit)
);

-- --- ledger -------------------------------------------------------------------------------------------------------------

-- account_no 0: the business's own.
CREATE TABLE dm.ledger_account (
    ledger_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_no bigint NOT NULL,
    name       text NOT NULL,
    currency   char(3) NOT NULL,
    UNIQUE (account_no, name, currency)
);

-- hash: SHA-256 of the hash before it in this account and of what was booked (for a close: the statement's).
CREATE TABLE dm.journal_txn (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_no   bigint NOT NULL,
    number       bigint NOT NULL CHECK (number > 0),      -- without a gap in an account
    idem_key     text NOT NULL UNIQUE,
    kind         text NOT NULL,
    effective_at timestamptz NOT NULL,
    booked_at    timestamptz NOT NULL DEFAULT now(),
    prev_hash    bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash         bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    UNIQUE (account_no, number)
);

CREATE TABLE dm.journal_entry (
    txn       uuid NOT NULL REFERENCES dm.journal_txn,
    n         int NOT NULL,
    ledger_no bigint NOT NULL REFERENCES dm.ledger_account,
    currency  char(3) NOT NULL,
    amount    numeric(38, 18) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (txn, n)
);

CREATE FUNCTION dm.journal_balanced() RETURNS trigger LANGUAGE plpgsql SET search_path = dm, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM journal_entry WHERE txn = NEW.txn GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'journal transaction % does not sum to zero', NEW.txn USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_balanced AFTER INSERT ON dm.journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dm.journal_balanced();

-- What others are told, sent after the commit, at least once.
CREATE TABLE dm.outbox (
    outbox_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text NOT NULL,
    key       text NOT NULL,
    payload   jsonb NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    sent_at   timestamptz
);
CREATE INDEX outbox_unsent ON dm.outbox (outbox_no) WHERE sent_at IS NULL;

-- --- what never changes -------------------------------------------------------------------------------------------------

CREATE FUNCTION dm.immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed, only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['usage_chunk', 'attestation', 'attestation_end', 'usage_period', 'usage_gap', 'frame_gap',
                             'statement', 'statement_line', 'journal_txn', 'journal_entry', 'ledger_account', 'anomaly'] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.%I
                        FOR EACH ROW EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable()', t);
        EXECUTE format('GRANT SELECT, INSERT ON dm.%I TO dm_meter', t);
        EXECUTE format('GRANT SELECT ON dm.%I TO dm_ops', t);
    END LOOP;
END $$;

GRANT SELECT, INSERT ON dm.consumer_offset, dm.worker_mark, dm.period, dm.worker_period, dm.account_period,
    dm.service_key, dm.outbox TO dm_meter;
GRANT UPDATE (next_offset, owner, generation) ON dm.consumer_offset TO dm_meter;
GRANT UPDATE (worker_boot, last_frame, last_second, complete_through) ON dm.worker_mark TO dm_meter;
GRANT UPDATE (closed_at) ON dm.period TO dm_meter;
GRANT UPDATE (state) ON dm.account_period TO dm_meter;
GRANT UPDATE (sent_at) ON dm.outbox TO dm_meter;
GRANT SELECT ON dm.consumer_offset, dm.worker_mark, dm.period, dm.worker_period, dm.account_period, dm.service_key,
    dm.outbox TO dm_ops;
GRANT SELECT ON dm.worker_mark, dm.period, dm.service_key TO dm_api;
GRANT SELECT ON dm.attestation, dm.usage_period, dm.usage_gap, dm.account_period, dm.statement, dm.statement_line TO dm_api;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['attestation', 'usage_period', 'usage_gap', 'account_period', 'statement', 'statement_line'] LOOP
        EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE dm.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON dm.%I FOR SELECT TO dm_api USING (account_no = dm.account_no())', t);
        EXECUTE format('CREATE POLICY everyone ON dm.%I TO dm_meter, dm_migrate USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY reading ON dm.%I FOR SELECT TO dm_ops USING (true)', t);
    END LOOP;
END $$;

-- --- partitions ---------------------------------------------------------------------------------------------------------

-- Makes what is missing between two seconds, both included: usage_chunk by the day, the others by the month of UTC. A
-- partition is reached through its parent alone: nobody is granted anything on it, and row-level security denies the rest.
CREATE FUNCTION dm.add_partitions(from_s bigint, to_s bigint) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = dm, pg_temp AS $$
DECLARE
    made int := 0;
    day bigint;
    month timestamp;
    part text;
    parent text;
BEGIN
    IF from_s < 0 OR to_s < from_s OR to_s - from_s > 400 * 86400 THEN
        RAISE EXCEPTION 'partitions for % to % are not made', from_s, to_s USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('dm.add_partitions'));
    FOR day IN SELECT generate_series(from_s / 86400, to_s / 86400) LOOP
        part := 'usage_chunk_' || to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
        IF to_regclass('dm.' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE dm.%I PARTITION OF dm.usage_chunk FOR VALUES FROM (%s) TO (%s)',
                           part, day * 86400, (day + 1) * 86400);
            EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', part);
            made := made + 1;
        END IF;
    END LOOP;
    month := date_trunc('month', to_timestamp(from_s) AT TIME ZONE 'UTC');
    WHILE month <= to_timestamp(to_s) AT TIME ZONE 'UTC' LOOP
        FOREACH parent IN ARRAY ARRAY['usage_period', 'attestation'] LOOP
            part := parent || '_' || to_char(month, 'YYYYMM');
            IF to_regclass('dm.' || part) IS NULL THEN
                EXECUTE format('CREATE TABLE dm.%I PARTITION OF dm.%I FOR VALUES FROM (%L) TO (%L)', part, parent,
                               month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
                EXECUTE format('ALTER TABLE dm.%I ENABLE ROW LEVEL SECURITY', part);
                made := made + 1;
            END IF;
        END LOOP;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION dm.add_partitions(bigint, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.add_partitions(bigint, bigint) TO dm_meter;
