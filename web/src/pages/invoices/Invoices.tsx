// What is owed and when, and every invoice and credit note with its files.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Invoice, Page } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { InvoiceWord } from '../../parts/InvoiceWord'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { SaveButton } from '../../parts/SaveButton'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { monthAfter, monthOf } from '../../words/months'
import { Receipts } from './Receipts'

const w = billing.invoices

type Owed = Page<Invoice> & { currency: string; owed: string; overdue: string; due: string | null }

export default function Invoices() {
  return (
    <OfAccount right="billing.read">
      <Known />
    </OfAccount>
  )
}

export const filePath = (account: string, number: string, form: string) =>
  `/v1/accounts/${encodeURIComponent(account)}/invoices/${encodeURIComponent(number)}${form}`

function Known() {
  const { account } = useProject()
  const list = useRows<Invoice, Owed>(
    ['invoices', account],
    (cursor) =>
      must(
        api.GET('/v1/accounts/{id}/invoices', {
          params: { path: { id: account }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: 60_000 },
  )
  const said = list.first
  const c = w.columns
  return (
    <div className={parts.page}>
      <h1>{w.title}</h1>
      {said === undefined ? null : (
        <section className={`${parts.card} ${parts.tiles}`} aria-label={w.owed}>
          <div>
            <h2>{w.owed}</h2>
            <p className={parts.big}>
              <Amount value={said.owed} currency={said.currency} short />
            </p>
          </div>
          <div>
            <h2>{w.overdue}</h2>
            <p className={parts.big}>
              <Amount value={said.overdue} currency={said.currency} short />
            </p>
          </div>
          <div>
            <h2>{w.due}</h2>
            <p className={parts.big}>{said.due ?? w.nothing}</p>
          </div>
        </section>
      )}
      <List<Invoice>
        label={w.title}
        list={list}
        id={(row) => row.number}
        empty={<First />}
        columns={[
          {
            id: 'number',
            title: c.number,
            cell: (row) => (
              <>
                <Link href={to.invoice(account, row.number)} className={parts.mono}>
                  {row.number}
                </Link>
                {row.kind === 'credit_note' ? <span className={parts.tag}>{w.kinds.credit_note}</span> : null}
              </>
            ),
          },
          { id: 'status', title: c.status, cell: (row) => <InvoiceWord status={row.status} /> },
          { id: 'period', title: c.period, cell: (row) => row.periodStart.slice(0, 7) },
          {
            id: 'total',
            title: c.total,
            end: true,
            cell: (row) => <Amount value={row.total} currency={row.currency} short />,
          },
          { id: 'open', title: c.open, end: true, cell: (row) => <Amount value={row.open} short /> },
          { id: 'due', title: c.due, cell: (row) => row.due ?? words.none },
          {
            id: 'files',
            title: c.files,
            end: true,
            acts: true,
            cell: (row) => (
              <span className={`${parts.row} ${parts.acts}`}>
                <SaveButton
                  path={filePath(account, row.number, '.pdf')}
                  name={`${row.number}.pdf`}
                  text={w.pdf}
                  quiet
                />
                <SaveButton
                  path={filePath(account, row.number, '.ubl.xml')}
                  name={`${row.number}.xml`}
                  text="XML"
                  quiet
                />
              </span>
            ),
          },
        ]}
      />
      <Receipts />
    </div>
  )
}

function First() {
  const { account } = useProject()
  const { data } = useQuery({
    queryKey: ['statements', account, 'count'],
    queryFn: () =>
      must(api.GET('/v1/accounts/{id}/statements', { params: { path: { id: account }, query: { limit: 1 } } })),
  })
  return (
    <>
      <strong>{w.empty(`${monthAfter(monthOf(new Date()), 1)}-01`)}</strong>
      {data === undefined ? null : (
        <Link href={to.statements(account)}>
          {w.statements(`${data.total.toLocaleString('en')}${data.total_is_least ? '+' : ''}`)}
        </Link>
      )}
    </>
  )
}
