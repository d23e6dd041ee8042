// Price books, newest first. A draft is made of one that there is: what it is for stays, its prices and its beginning are new.
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import type { PriceBook } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { from } from '../ops'
import { Word } from '../parts'
import { Draft } from './Draft'

const w = ops.prices
export const STATUSES = ['draft', 'approved', 'withdrawn'] as const
export type Status = (typeof STATUSES)[number]
const LOOKS: Record<Status, Look> = { draft: 'change', approved: 'good', withdrawn: 'ended' }

export function StatusWord({ of }: { of: Status }) {
  return <Word look={LOOKS[of]}>{w.statuses[of]}</Word>
}

export function Books() {
  const prefs = usePrefs()
  const [, navigate] = useLocation()
  const [status, setStatus] = useState<'' | Status>('')
  const [copied, copy] = useState<PriceBook | null>(null)
  const list = useRows<PriceBook>(['ops', 'books', status], (cursor) =>
    must(
      api.GET('/v1/ops/price-books', { params: { query: { ...(status === '' ? {} : { status }), ...from(cursor) } } }),
    ),
  )
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={`${parts.fields} ${parts.small}`}>
        <Choice
          label={c.status}
          value={status}
          of={[{ id: '', text: ops.tenants.any }, ...STATUSES.map((id) => ({ id, text: w.statuses[id] }))]}
          onChange={setStatus}
        />
      </div>
      <List
        label={w.tabs.books}
        list={list}
        id={(row) => String(row.id)}
        empty={<strong>{w.noBooks}</strong>}
        columns={[
          { id: 'id', title: c.id, cell: (row) => <Link href={to.opsBook(row.id)}>{w.book(row.id)}</Link> },
          {
            id: 'for',
            title: c.for,
            cell: (row) => (
              <>
                {plain(row.tier)}, {plain(row.price_group)}, {plain(row.currency)}
                {row.contract ? <span className={parts.tag}>{w.ofContract}</span> : null}
              </>
            ),
          },
          { id: 'by', title: c.ratedBy, cell: (row) => w.ratedBy[row.rated_by] },
          { id: 'status', title: c.status, cell: (row) => <StatusWord of={row.status} /> },
          { id: 'from', title: c.from, cell: (row) => clock(row.valid_from, prefs) },
          { id: 'to', title: c.to, cell: (row) => (row.valid_to === null ? words.none : clock(row.valid_to, prefs)) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => (
              <Button kind="quiet" acts onPress={() => copy(row)}>
                {w.draftFrom}
              </Button>
            ),
          },
        ]}
      />
      {copied === null ? null : (
        <Draft of={copied} done={({ id }) => navigate(to.opsBook(id))} close={() => copy(null)} />
      )}
    </div>
  )
}
