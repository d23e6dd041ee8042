// The account's signed statements, newest first.
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Statement } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { billing } from '../../words/billing'
import { clock, exact } from '../../words/format'

const w = billing.statements
const UTC = { utc: true }

export default function Statements() {
  return (
    <OfAccount right="billing.read">
      <Known />
    </OfAccount>
  )
}

function Known() {
  const { account, me } = useProject()
  const prefs = usePrefs()
  const list = useRows<Statement>(
    ['statements', account],
    (cursor) =>
      must(
        api.GET('/v1/accounts/{id}/statements', {
          params: { path: { id: account }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: 15_000 },
  )
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead(exact(me.deployment?.period_s ?? 3600))}</p>
      </div>
      <List<Statement>
        label={w.title}
        list={list}
        id={(row) => String(row.number)}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyCure}</p>
          </>
        }
        columns={[
          {
            id: 'number',
            title: c.number,
            cell: (row) => (
              <>
                <Link href={to.statement(account, row.number)} className={parts.mono}>
                  {row.number}
                </Link>
                {row.unattested > 0 ? <span className={parts.tag}>{w.unattested(row.unattested)}</span> : null}
              </>
            ),
          },
          {
            id: 'period',
            title: c.period,
            cell: (row) => `${clock(row.periodStart, UTC)} to ${clock(row.periodEnd, UTC)}`,
          },
          { id: 'run', title: c.run, end: true, cell: (row) => exact(row.runningSeconds) },
          { id: 'hib', title: c.hib, end: true, cell: (row) => exact(row.hibernatedSeconds) },
          {
            id: 'total',
            title: c.total,
            end: true,
            cell: (row) => <Amount value={row.total} currency={row.currency} />,
          },
          { id: 'closed', title: c.closed, end: true, cell: (row) => clock(row.closedAt, prefs) },
        ]}
      />
    </div>
  )
}
