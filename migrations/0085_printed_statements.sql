-- A statement on paper: dormouse-export has its signed bytes printed.
CREATE POLICY exporting ON dm.statement_page FOR SELECT TO dm_export USING (account_no = dm.account_no());
GRANT SELECT ON dm.statement_page TO dm_export;
GRANT SELECT (body, pages) ON dm.statement TO dm_export;
