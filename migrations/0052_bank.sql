-- What the bank says that came: a file of it as it was handed in, and its entries, each once.

CREATE TABLE dm.bank_file (
    file_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),     -- SHA-256 of it: handed in again it is the same
    body    bytea COMPRESSION lz4 NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 4194304),
    who     text NOT NULL,
    why     text NOT NULL CHECK (length(why) BETWEEN 1 AND 500),
    at      timestamptz NOT NULL DEFAULT now(),
    state   text NOT NULL DEFAULT 'ordered' CHECK (state IN ('ordered', 'done', 'refused')),
    outcome text,                                          -- why it was refused; else how many entries were new
    done_at timestamptz
);
CREATE INDEX bank_file_open ON dm.bank_file (file_no) WHERE state = 'ordered';

-- An entry of our account at the bank. outcome: 'paid': it is a payment of that invoice; 'unmatched': it is kept until somebody
-- knows what it is for; 'out': it went out, or undoes what came in: no payment is taken back by a file.
CREATE TABLE dm.bank_entry (
    bank_account   text NOT NULL,
    reference      text NOT NULL,
    entry_no       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    file_no        bigint NOT NULL REFERENCES dm.bank_file,
    booked_on      date NOT NULL,
    currency       char(3) NOT NULL,
    amount         numeric(38, 18) NOT NULL CHECK (amount >= 0),
    words          text NOT NULL,
    invoice_number text,
    outcome        text NOT NULL CHECK (outcome IN ('paid', 'unmatched', 'out')),
    why            text NOT NULL,
    PRIMARY KEY (bank_account, reference)
);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dm.bank_entry FOR EACH ROW EXECUTE FUNCTION dm.immutable();
CREATE TRIGGER immutable_truncate BEFORE TRUNCATE ON dm.bank_entry FOR EACH STATEMENT EXECUTE FUNCTION dm.immutable();

GRANT SELECT, INSERT (digest, body, who, why) ON dm.bank_file TO dm_ops;
GRANT SELECT, UPDATE (state, outcome, done_at) ON dm.bank_file TO dm_meter;
GRANT SELECT, INSERT ON dm.bank_entry TO dm_meter;
GRANT SELECT ON dm.bank_entry TO dm_ops;
