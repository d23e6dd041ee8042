// One invoice or credit note: what it comes to and why it stands as it does, its files, its lines by project, what became of it.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Invoice, InvoiceLine } from '../../live/types'
import { allOf, useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { DenialCard } from '../../parts/DenialCard'
import { Facts } from '../../parts/Facts'
import { Icon } from '../../parts/Icon'
import { InvoiceWord } from '../../parts/InvoiceWord'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { SaveButton } from '../../parts/SaveButton'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import { filePath } from './Invoices'
import { Receipts } from './Receipts'

const w = billing.invoices

type One = Invoice & { events: { at: string; status: Invoice['status']; why: string; who: string }[] }

export default function InvoicePage({ number }: { number: string }) {
  return (
    <OfAccount right="billing.read">
      <Known number={number} />
    </OfAccount>
  )
}

function Known({ number }: { number: string }) {
  const { account } = useProject()
  const query = useQuery({
    queryKey: ['invoice', account, number],
    queryFn: () =>
      must(
        api.GET('/v1/accounts/{id}/invoices/{number}', { params: { path: { id: account, number } } }),
      ) as Promise<One>,
  })
  const one = query.data
  return (
    <div className={parts.page}>
      <Link href={to.invoices(account)} className={parts.back}>
        <Icon name="back" />
        {w.back}
      </Link>
      {one !== undefined ? (
        <Shown one={one} />
      ) : query.error === null ? (
        <Bones heights={[36, 96, 240]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
    </div>
  )
}

function Shown({ one }: { one: One }) {
  const { account } = useProject()
  const prefs = usePrefs()
  const whoWord = useWho()
  const f = w.facts
  const month = one.periodStart.slice(0, 7)
  const amount = (value: string) => <Amount value={value} currency={one.currency} short />
  const files = [
    ['.pdf', w.pdf],
    ['.ubl.xml', w.ubl],
    ['.cii.xml', w.cii],
    ['.json', w.json],
  ] as const
  return (
    <>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>
            {w.kinds[one.kind]} <span className={parts.mono}>{one.number}</span>
          </h1>
          <div className={parts.row}>
            {files.map(([form, text]) => (
              <SaveButton
                key={form}
                path={filePath(account, one.number, form)}
                name={`${one.number}${form}`}
                text={text}
              />
            ))}
            <SaveButton
              path={`/v1/accounts/${encodeURIComponent(account)}/bundle?from=${month}`}
              name={`${month}.tar.zst`}
              text={w.bundle}
            />
            <Link href={to.check(account, `?month=${month}`)} className={`${parts.button} ${parts.primary}`}>
              {w.verify}
            </Link>
          </div>
        </div>
        <p className={parts.row}>
          <InvoiceWord status={one.status} /> <span className={parts.dim}>{plain(one.why)}</span>
        </p>
      </div>
      <Facts
        rows={[
          [f.total, amount(one.total)],
          [f.open, amount(one.open)],
          [f.due, one.due ?? words.none],
          [f.net, amount(one.net)],
          [f.tax, amount(one.tax)],
          [f.prepaid, amount(one.prepaid)],
          [f.paid, amount(one.paid)],
          [f.credited, amount(one.credited)],
          [f.period, month],
          [f.issued, clock(one.issuedAt, prefs)],
          [
            f.refersTo,
            one.refersTo === null ? null : <Link href={to.invoice(account, one.refersTo)}>{one.refersTo}</Link>,
          ],
          [f.reason, one.reason === null ? null : plain(one.reason)],
        ]}
      />
      <Lines one={one} />
      {one.kind === 'invoice' ? <Receipts invoice={one.number} /> : null}
      <section className={parts.block} aria-labelledby="events">
        <h2 id="events">{w.events}</h2>
        <List
          label={w.events}
          list={allOf(one.events)}
          id={(event) => `${event.at}${event.status}${event.why}`}
          empty={words.none}
          columns={[
            { id: 'at', title: billing.plan.alertColumns.at, cell: (event) => clock(event.at, prefs) },
            { id: 'status', title: w.columns.status, cell: (event) => <InvoiceWord status={event.status} /> },
            { id: 'why', title: billing.plan.grantColumns.why, wide: true, cell: (event) => plain(event.why) },
            { id: 'who', title: w.who, cell: (event) => whoWord(event.who) },
          ]}
        />
      </section>
    </>
  )
}

function Lines({ one }: { one: Invoice }) {
  const { account } = useProject()
  const list = useRows<InvoiceLine>(['invoice-lines', account, one.number], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/invoices/{number}/lines', {
        params: {
          path: { id: account, number: one.number },
          query: { limit: 100, ...(cursor === null ? {} : { cursor }) },
        },
      }),
    ),
  )
  const c = w.lineColumns
  return (
    <section className={parts.block} aria-labelledby="lines">
      <div className={parts.head}>
        <h2 id="lines">{w.lines}</h2>
        <Link href={to.statements(account)}>{w.statementsOf}</Link>
      </div>
      <List<InvoiceLine>
        label={w.lines}
        list={list}
        id={(line) => String(line.line)}
        empty={<span className={parts.dim}>{w.noLines}</span>}
        columns={[
          {
            id: 'project',
            title: c.project,
            cell: (line) =>
              line.projectName === null ? <span className={parts.dim}>{w.account}</span> : plain(line.projectName),
          },
          {
            id: 'sku',
            title: c.sku,
            cell: (line) => (
              <>
                <span className={parts.mono}>{line.sku}</span>
                {w.lineKinds[line.kind] === '' ? null : <span className={parts.tag}>{w.lineKinds[line.kind]}</span>}
              </>
            ),
          },
          {
            id: 'quantity',
            title: c.quantity,
            end: true,
            cell: (line) => <span className={parts.mono}>{line.quantity ?? words.none}</span>,
          },
          {
            id: 'per',
            title: c.per,
            end: true,
            cell: (line) => <span className={parts.mono}>{line.perUnit ?? words.none}</span>,
          },
          { id: 'amount', title: c.amount, end: true, cell: (line) => <Amount value={line.amount} /> },
          { id: 'net', title: c.net, end: true, cell: (line) => <Amount value={line.net} short /> },
        ]}
      />
    </section>
  )
}
