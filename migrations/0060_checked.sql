-- What became of money while a period lasted is looked at with it: documents, payments, bookings of the wallet.
CREATE INDEX invoice_issued ON dm.invoice (issued_at);
CREATE INDEX invoice_payment_at ON dm.invoice_payment (at);
CREATE INDEX invoice_month_at ON dm.invoice_month (at);
CREATE INDEX bank_file_done ON dm.bank_file (done_at);

-- What is missing, and what could not be taken, is listed newest first.
CREATE INDEX frame_gap_newest ON dm.frame_gap (from_s);
CREATE INDEX outbox_dead ON dm.outbox (outbox_no) WHERE topic = 'dm.usage.dlq.v1';
