-- What FOCUS asks for beside what an export says already: who sells, what a sandbox was named by, and prices as they were before
-- a contract's discount. Of the account in scope alone, and of others' contracts nothing.

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sandbox', 'contract'] LOOP
        EXECUTE format('CREATE POLICY exporting ON dm.%I FOR SELECT TO dm_export USING (account_no = dm.account_no())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['price', 'price_tier'] LOOP
        EXECUTE format('CREATE POLICY exporting ON dm.%I FOR SELECT TO dm_export USING
                        (book_id IN (SELECT b.book_id FROM dm.price_book b))', t);
    END LOOP;
END $$;
CREATE POLICY exporting ON dm.price_book FOR SELECT TO dm_export USING
    (contract_no IS NULL OR contract_no IN (SELECT c.contract_no FROM dm.contract c));
GRANT SELECT (account_no, sandbox_id, metadata) ON dm.sandbox TO dm_export;
GRANT SELECT (account_no, contract_no) ON dm.contract TO dm_export;
GRANT SELECT (book_id, contract_no) ON dm.price_book TO dm_export;
GRANT SELECT (book_id, sku, per_unit, list_per_unit) ON dm.price TO dm_export;
GRANT SELECT (book_id, sku, tier_no, per_unit, list_per_unit) ON dm.price_tier TO dm_export;
GRANT SELECT (entity_no, name) ON dm.legal_entity TO dm_export;
GRANT SELECT (entity_no) ON dm.account TO dm_export;
