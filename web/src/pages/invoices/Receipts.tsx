// What came, and its receipts: of the account, or of one invoice.
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Receipt } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { SaveButton } from '../../parts/SaveButton'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'

const w = billing.receipts

export function Receipts({ invoice }: { invoice?: string }) {
  const { account } = useProject()
  const prefs = usePrefs()
  const list = useRows<Receipt>(['receipts', account, invoice ?? ''], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/receipts', {
        params: {
          path: { id: account },
          query: {
            limit: 50,
            ...(invoice === undefined ? {} : { invoice }),
            ...(cursor === null ? {} : { cursor }),
          },
        },
      }),
    ),
  )
  const c = w.columns
  return (
    <section className={parts.block} aria-labelledby="receipts">
      <h2 id="receipts">{w.title}</h2>
      <List<Receipt>
        label={w.title}
        list={list}
        id={(row) => row.number}
        empty={<span className={parts.dim}>{w.empty}</span>}
        columns={[
          { id: 'number', title: c.number, cell: (row) => <span className={parts.mono}>{row.number}</span> },
          {
            id: 'of',
            title: c.of,
            cell: (row) =>
              row.invoice === null ? (
                w.topUp
              ) : (
                <Link href={to.invoice(account, row.invoice)} className={parts.mono}>
                  {row.invoice}
                </Link>
              ),
          },
          { id: 'on', title: c.on, cell: (row) => row.received_on },
          { id: 'booked', title: c.booked, cell: (row) => clock(row.booked_at, prefs) },
          { id: 'reference', title: c.reference, wide: true, cell: (row) => plain(row.reference) },
          {
            id: 'amount',
            title: c.amount,
            end: true,
            cell: (row) => <Amount value={row.amount} currency={row.currency} short />,
          },
          {
            id: 'files',
            title: c.files,
            end: true,
            acts: true,
            cell: (row) => (
              <SaveButton
                path={`/v1/accounts/${encodeURIComponent(account)}/receipts/${encodeURIComponent(row.number)}.pdf`}
                name={`${row.number}.pdf`}
                text={w.pdf}
                quiet
              />
            ),
          },
        ]}
      />
    </section>
  )
}
