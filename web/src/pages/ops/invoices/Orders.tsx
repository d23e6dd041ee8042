// What was ordered of invoices, by whom and why, and what came of it. What waits, waits for another than who ordered it.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { InvoiceOrder } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { lastMonths } from '../../../words/months'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from, useOps, whoIs } from '../ops'
import { TenantLink, Word, whoWord } from '../parts'

const w = ops.invoices
const LOOKS: Record<InvoiceOrder['state'], Look> = {
  waiting: 'change',
  ordered: 'change',
  done: 'good',
  refused: 'fault',
}

export function Orders() {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [approved, approve] = useState<InvoiceOrder | null>(null)
  const list = useRows<InvoiceOrder>(
    ['ops', 'orders'],
    (cursor) => must(api.GET('/v1/ops/invoice-orders', { params: { query: from(cursor) } })),
    { every: 5000 },
  )
  const c = w.orderColumns
  return (
    <>
      <List
        label={w.tabs.orders}
        list={list}
        id={(row) => String(row.order)}
        empty={<strong>{w.noOrders}</strong>}
        columns={[
          { id: 'no', title: c.no, cell: (row) => `${row.order}, ${w.orderKinds[row.kind]}` },
          { id: 'tenant', title: c.tenant, cell: (row) => <TenantLink id={row.account} /> },
          {
            id: 'of',
            title: c.of,
            cell: (row) => (
              <span className={parts.mono}>{plain(row.number ?? row.month?.slice(0, 7) ?? words.none)}</span>
            ),
          },
          {
            id: 'amount',
            title: c.amount,
            end: true,
            cell: (row) =>
              row.amount === null ? words.none : <Amount value={row.amount} currency={row.currency} short />,
          },
          {
            id: 'by',
            title: c.by,
            wide: true,
            cell: (row) => (
              <>
                {whoWord(row.who)}, {clock(row.at, prefs)}: {plain(row.why)}
                {row.approved_by === null ? null : (
                  <span className={parts.hint}> {ops.credits.approvedBy(whoWord(row.approved_by))}</span>
                )}
              </>
            ),
          },
          {
            id: 'state',
            title: c.state,
            cell: (row) => <Word look={LOOKS[row.state]}>{w.orderStates[row.state]}</Word>,
          },
          { id: 'outcome', title: c.outcome, wide: true, cell: (row) => <Outcome of={row} /> },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              row.state !== 'waiting' ? null : row.who === whoIs(me) ? (
                <span className={parts.hint}>{ops.act.another}</span>
              ) : (
                <Button acts onPress={() => approve(row)}>
                  {ops.act.approve}
                </Button>
              ),
          },
        ]}
      />
      {approved === null ? null : (
        <Act
          name={`order:${approved.order}`}
          title={w.approveTitle(approved.order)}
          go={ops.act.approve}
          run={(reason) =>
            must(
              api.POST('/v1/ops/invoice-orders/{no}/approve', {
                params: { path: { no: approved.order } },
                body: { reason },
              }),
            )
          }
          done={() => {
            approve(null)
            void queries.invalidateQueries({ queryKey: ['ops', 'orders'] })
          }}
          close={() => approve(null)}
        >
          <p>
            {w.orderKinds[approved.kind]} {plain(approved.number ?? approved.month?.slice(0, 7) ?? '')}:{' '}
            {ops.credits.orderedBy(whoWord(approved.who))}: {plain(approved.why)}
          </p>
        </Act>
      )}
    </>
  )
}

/** Name by name; nothing of it is trusted to be of any shape. */
function Outcome({ of: { outcome } }: { of: InvoiceOrder }) {
  if (outcome === null) return null
  return (
    <span className={parts.hint}>
      {Object.entries(outcome)
        .map(([name, value]) => `${plain(name)} ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`)
        .join(', ')}
    </span>
  )
}

const MONTHS = 13

/** What a month has of statements that no invoice is of becomes one now, or a draft to look at. */
export function IssueButton({ account }: { account: string }) {
  const queries = useQueryClient()
  const [asked, ask] = useState(false)
  const [said, say] = useState<string | null>(null)
  const offered = lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))
  const [month, setMonth] = useState(offered[1]?.id ?? '')
  const [draft, setDraft] = useState(true)
  return (
    <>
      {said === null ? null : (
        <span className={parts.hint} role="status">
          {said}
        </span>
      )}
      <Button acts onPress={() => ask(true)}>
        {w.issue}
      </Button>
      {asked ? (
        <Act
          name={`issue:${account}`}
          title={w.issueTitle}
          go={draft ? w.issueDraft : w.issue}
          run={(reason, wish) =>
            must(
              api.POST('/v1/ops/accounts/{id}/invoices', {
                params: { path: { id: account }, header: { 'Idempotency-Key': wish } },
                body: { month, draft, reason },
              }),
            )
          }
          done={({ order, state }) => {
            ask(false)
            say(w.ordered(order, w.orderStates[state]))
            void queries.invalidateQueries({ queryKey: ['ops', 'orders'] })
          }}
          close={() => ask(false)}
        >
          <p>{w.issueWhy}</p>
          <Choice label={w.month} value={month} of={offered} onChange={setMonth} />
          <label className={parts.check}>
            <input type="checkbox" checked={draft} onChange={(e) => setDraft(e.target.checked)} />
            {w.onlyDraft}
          </label>
        </Act>
      ) : null}
    </>
  )
}
