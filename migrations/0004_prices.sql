-- Price books. A price is an integer of 10^-12 of a currency unit a base unit-second, kept as NUMERIC(18,12); the label
-- beside it is what people read, and does not multiply back.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE TABLE dm.price_book (
    book_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    price_group text NOT NULL,
    rated_by    text NOT NULL CHECK (rated_by IN ('minutes', 'resources')),
    tier        text NOT NULL REFERENCES dm.tier,
    currency    char(3) NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz,
    CHECK (valid_from = date_trunc('second', valid_from) AND (valid_to IS NULL OR valid_to > valid_from)),
    EXCLUDE USING gist (price_group WITH =, tier WITH =, currency WITH =, tstzrange(valid_from, valid_to) WITH &&)
);

CREATE TABLE dm.price (
    book_id  bigint NOT NULL REFERENCES dm.price_book,
    sku      text NOT NULL CHECK (sku IN ('vcpu-run', 'mem-run', 'disk-run-over-30', 'disk-hib', 'snapshot', 'minutes')),
    per_unit numeric(18, 12) NOT NULL CHECK (per_unit >= 0),
    unit     text NOT NULL,
    label    text NOT NULL,
    PRIMARY KEY (book_id, sku)
);

GRANT SELECT ON dm.price_book, dm.price TO dm_api, dm_meter, dm_ops;
GRANT INSERT ON dm.price_book, dm.price TO dm_ops;
GRANT UPDATE (valid_to) ON dm.price_book TO dm_ops;

WITH book AS (
    INSERT INTO dm.price_book (price_group, rated_by, tier, currency, valid_from) VALUES
        ('mainland', 'resources', 'payg', 'CNY', '2026-01-01Z'), ('mainland', 'resources', 'enterprise', 'CNY', '2026-01-01Z'),
        ('other', 'resources', 'payg', 'CNY', '2026-01-01Z'), ('other', 'resources', 'enterprise', 'CNY', '2026-01-01Z'),
        ('mainland', 'minutes', 'free', 'USD', '2026-01-01Z'), ('mainland', 'minutes', 'pro', 'USD', '2026-01-01Z'),
        ('other', 'minutes', 'free', 'USD', '2026-01-01Z'), ('other', 'minutes', 'pro', 'USD', '2026-01-01Z')
    RETURNING book_id, price_group, rated_by, tier)
INSERT INTO dm.price (book_id, sku, per_unit, unit, label)
SELECT b.book_id, p.sku, p.per_unit, p.unit, p.label
FROM book b JOIN (VALUES
    ('mainland', 'resources', NULL, 'vcpu-run', 0.0000217, 'Core-Seconds', 'CNY 0.078 an hour'),
    ('mainland', 'resources', NULL, 'mem-run', 0.00001083, 'GiB-Seconds', 'CNY 0.039 an hour'),
    ('mainland', 'resources', NULL, 'disk-run-over-30', 0.0000003, 'GiB-Seconds', ''),
    ('mainland', 'resources', NULL, 'disk-hib', 0.0000003, 'GiB-Seconds', ''),
    ('mainland', 'resources', NULL, 'snapshot', 0.0000003, 'GiB-Seconds', ''),
    ('other', 'resources', NULL, 'vcpu-run', 0.0000342, 'Core-Seconds', 'CNY 0.1232 an hour'),
    ('other', 'resources', NULL, 'mem-run', 0.00001711, 'GiB-Seconds', 'CNY 0.0616 an hour'),
    ('other', 'resources', NULL, 'disk-run-over-30', 0.0000004, 'GiB-Seconds', ''),
    ('other', 'resources', NULL, 'disk-hib', 0.0000004, 'GiB-Seconds', ''),
    ('other', 'resources', NULL, 'snapshot', 0.0000004, 'GiB-Seconds', ''),
    (NULL, 'minutes', 'free', 'minutes', 0, 'Minutes', '100 sandbox-minutes a month'),
    (NULL, 'minutes', 'free', 'disk-hib', 0, 'GiB-Seconds', ''),
    (NULL, 'minutes', 'free', 'snapshot', 0, 'GiB-Seconds', ''),
    (NULL, 'minutes', 'pro', 'minutes', 0.005, 'Minutes', 'USD 0.005 a minute'),
    (NULL, 'minutes', 'pro', 'disk-hib', 0.00000004, 'GiB-Seconds', ''),
    (NULL, 'minutes', 'pro', 'snapshot', 0.00000004, 'GiB-Seconds', ''))
    AS p (price_group, rated_by, tier, sku, per_unit, unit, label)
ON b.rated_by = p.rated_by AND (p.price_group IS NULL OR p.price_group = b.price_group)
   AND (p.tier IS NULL OR p.tier = b.tier);
