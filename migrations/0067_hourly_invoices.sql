-- Who pays by the hour gets an invoice of each month, too: what the wallet has settled of it, its tax, and what is left.

-- What an account has left, as it was; what an invoice is of is paid there, and bounds nothing any more.
CREATE OR REPLACE FUNCTION dm.wallet_left(whose bigint) RETURNS numeric LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce(w.free, 0) - coalesce(s.due, 0) - coalesce(o.amount, 0)
           - CASE WHEN t.rated_by = 'minutes' THEN
                 greatest(div(coalesce(pool.s, 0) + coalesce(o.running_s, 0), 60)
                          - greatest(div(coalesce(pool.s, 0), 60), div(coalesce(plan.included_s, 0) + 59, 60)), 0)
                 * coalesce(minute.per_unit, 0) ELSE 0 END
    FROM dm.account a JOIN dm.tier t ON t.name = a.tier
    LEFT JOIN LATERAL (SELECT sum(dm.wallet_free(g, now())) AS free FROM dm.wallet_grant g
                       WHERE g.account_no = a.account_no AND g.currency = a.currency AND g.remaining > 0) w ON true
    LEFT JOIN LATERAL (SELECT sum(d.total - coalesce((SELECT sum(b.promo + b.paid) FROM dm.wallet_burn b
                                                      WHERE b.account_no = d.account_no AND b.statement_no = d.number), 0)) AS due
                       FROM dm.statement d WHERE d.account_no = a.account_no
                       AND d.number > coalesce((SELECT v.settled_through FROM dm.wallet v WHERE v.account_no = a.account_no), 0)
                       AND d.period_start >= dm.wallet_settles_from(now())
                       AND NOT EXISTS (SELECT FROM dm.invoice_statement i WHERE i.account_no = d.account_no
                                       AND i.period_start = d.period_start AND i.live)) s ON true
    LEFT JOIN LATERAL (SELECT sum(p.amount) AS amount, sum(p.running_s)::bigint AS running_s FROM dm.spend_open p
                       WHERE p.account_no = a.account_no AND p.period_start >= dm.wallet_settles_from(now())
                       AND NOT EXISTS (SELECT FROM dm.statement e WHERE e.account_no = p.account_no
                                       AND e.period_start = p.period_start)) o ON true
    LEFT JOIN LATERAL (SELECT max(m.pool_after_s) AS s FROM dm.statement m WHERE m.account_no = a.account_no
                       AND m.period_start >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') pool ON true
    LEFT JOIN LATERAL (SELECT n.included_s FROM dm.account_plan n WHERE n.account_no = a.account_no
                       AND n.valid_from <= now() ORDER BY n.valid_from DESC LIMIT 1) plan ON true
    LEFT JOIN LATERAL (SELECT max(dm.dearest(r)) AS per_unit FROM dm.books_now(whose) h JOIN dm.price r ON r.book_id = h
                       WHERE r.sku = 'minutes') minute ON true
    WHERE a.account_no = whose;
END;

-- A month that was done before is looked at again where an account's statements of it are in no invoice and no word says why.
DELETE FROM dm.invoice_round r WHERE EXISTS (
    SELECT FROM dm.statement s WHERE s.period_start >= r.month::timestamp AT TIME ZONE 'UTC'
    AND s.period_start < (r.month + interval '1 month') AT TIME ZONE 'UTC'
    AND NOT EXISTS (SELECT FROM dm.invoice_month m WHERE m.account_no = s.account_no AND m.month = r.month));

-- What a wallet gave for a document: for each of its statements by the hour, and at its issue, less what it got back.
CREATE FUNCTION dm.invoice_burnt(whose bigint, invoice bigint, OUT promo numeric, OUT paid numeric)
    LANGUAGE sql STABLE SET search_path = dm, pg_temp
BEGIN ATOMIC
    SELECT coalesce(sum(b.promo), 0),
           coalesce(sum(b.paid), 0) - coalesce((SELECT g.amount FROM dm.wallet_grant g WHERE g.idem_key = k.key || 'rest'), 0)
    FROM (SELECT format('settle:%s:%s:', i.entity_no, i.number) AS key FROM dm.invoice i
          WHERE i.account_no = whose AND i.invoice_no = invoice) k
    LEFT JOIN dm.wallet_burn b ON b.account_no = whose
        AND (b.statement_no IN (SELECT x.number FROM dm.invoice_statement x WHERE x.account_no = whose AND x.invoice_no = invoice)
             OR b.idem_key IN (k.key || 'promo', k.key || 'paid'))
    GROUP BY k.key;
END;
REVOKE ALL ON FUNCTION dm.invoice_burnt(bigint, bigint) FROM public;
GRANT EXECUTE ON FUNCTION dm.invoice_burnt(bigint, bigint) TO dm_meter;
