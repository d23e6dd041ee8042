// One statement, from its total down to what a worker swore to of a sandbox: head, lines with their formula, attestations.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Oath, StatementLine } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Facts } from '../../parts/Facts'
import { Icon } from '../../parts/Icon'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { SaveButton } from '../../parts/SaveButton'
import { billing } from '../../words/billing'
import { clock, plain, short, whole } from '../../words/format'

const w = billing.statements
const UTC = { utc: true }
/** that the first statement names: there is none before it */
const NONE = /^0{64}$/

type Signed = { number: number; sha256: string; publicKey: string; signature: string; body: string }
/** What of a signed head is shown; the verifier is who reads all of it, and trusts none of it. */
type Head = {
  currency: string
  total: string
  period: { start: string; end: string }
  previous: string
  books: { id: number }[]
  plans: { tier: string }[]
  attestations?: { count: number; unattested: number }
}

export default function StatementPage({ number }: { number: string }) {
  return (
    <OfAccount right="billing.read">
      <Known number={whole(number) ?? 0} />
    </OfAccount>
  )
}

function Known({ number }: { number: number }) {
  const { account } = useProject()
  const query = useQuery({
    queryKey: ['statement', account, number],
    queryFn: () =>
      must(
        api.GET('/v1/accounts/{id}/statements/{number}', { params: { path: { id: account, number } } }),
      ) as Promise<Signed>,
    staleTime: Number.POSITIVE_INFINITY,
  })
  return (
    <div className={parts.page}>
      <Link href={to.statements(account)} className={parts.back}>
        <Icon name="back" />
        {w.back}
      </Link>
      {query.data !== undefined ? (
        <Shown signed={query.data} />
      ) : query.error === null ? (
        <Bones heights={[36, 96, 240]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
    </div>
  )
}

function Shown({ signed }: { signed: Signed }) {
  const { account } = useProject()
  const head = JSON.parse(signed.body) as Head
  const f = w.facts
  const hash = (text: string) => (
    <span className={`${parts.value} ${parts.mono}`} title={text}>
      {short(text)} <Copy text={text} onlyIcon />
    </span>
  )
  const one = w.one(signed.number.toLocaleString('en'))
  return (
    <>
      <div className={parts.head}>
        <h1>{one}</h1>
        <div className={parts.row}>
          {NONE.test(head.previous) ? null : (
            <Link href={to.statement(account, signed.number - 1)} className={parts.button}>
              {w.before}
            </Link>
          )}
          <SaveButton
            path={`/v1/accounts/${encodeURIComponent(account)}/statements/${signed.number}.pdf`}
            name={`statement-${signed.number}.pdf`}
            text={w.pdf}
          />
          <SaveButton
            path={`/v1/accounts/${encodeURIComponent(account)}/statements/${signed.number}/bundle`}
            name={`statement-${signed.number}.tar.zst`}
            text={w.bundle}
          />
          <Link href={to.check(account, `?statement=${signed.number}`)} className={`${parts.button} ${parts.primary}`}>
            {w.verify}
          </Link>
        </div>
      </div>
      <Facts
        rows={[
          [
            f.total,
            <span key="total" className={parts.value}>
              <Amount value={head.total} currency={head.currency} />{' '}
              <Copy text={head.total} label={billing.copyAmount} onlyIcon />
            </span>,
          ],
          [f.period, `${clock(head.period.start, UTC)} to ${clock(head.period.end, UTC)}`],
          [f.plan, head.plans.map((plan) => plain(plan.tier)).join(', ')],
          [f.books, head.books.map((book) => book.id).join(', ')],
          [f.lives, head.attestations?.count.toLocaleString('en') ?? null],
          [f.unattested, head.attestations?.unattested.toLocaleString('en') ?? null],
          [f.hash, hash(signed.sha256)],
          [f.previous, NONE.test(head.previous) ? null : hash(head.previous)],
          [f.signature, hash(signed.signature)],
          [f.key, hash(signed.publicKey)],
        ]}
      />
      <Lines number={signed.number} />
      <Oaths number={signed.number} />
    </>
  )
}

function Lines({ number }: { number: number }) {
  const { account } = useProject()
  const list = useRows<StatementLine>(['statement-lines', account, number], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/statements/{number}/lines', {
        params: { path: { id: account, number }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const c = w.lineColumns
  return (
    <section className={parts.block} aria-labelledby="lines">
      <h2 id="lines">{w.lines}</h2>
      <List<StatementLine>
        label={w.lines}
        list={list}
        id={(line) => String(line.line)}
        empty={<span className={parts.dim}>{w.noLines}</span>}
        columns={[
          {
            id: 'sandbox',
            title: c.sandbox,
            cell: (line) =>
              line.sandbox === null ? (
                <span className={parts.dim}>{w.account}</span>
              ) : (
                <span className={parts.mono} title={line.sandbox}>
                  {short(line.sandbox)}
                </span>
              ),
          },
          {
            id: 'sku',
            title: c.sku,
            cell: (line) => (
              <>
                <span className={parts.mono}>{line.sku}</span>
                {line.corrects === undefined ? null : (
                  <span className={parts.tag}>{w.corrects(clock(line.corrects, UTC))}</span>
                )}
              </>
            ),
          },
          { id: 'seconds', title: c.seconds, end: true, cell: (line) => line.seconds.toLocaleString('en') },
          {
            id: 'formula',
            title: c.formula,
            end: true,
            cell: (line) => (
              <span className={parts.mono}>
                {line.quantity} x {line.perUnit}
              </span>
            ),
          },
          { id: 'amount', title: c.amount, end: true, cell: (line) => <Amount value={line.amount} /> },
        ]}
      />
    </section>
  )
}

function Oaths({ number }: { number: number }) {
  const { account } = useProject()
  const list = useRows<Oath>(['statement-oaths', account, number], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/statements/{number}/attestations', {
        params: { path: { id: account, number }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const c = w.oathColumns
  return (
    <section className={parts.block} aria-labelledby="oaths">
      <h2 id="oaths">{w.oaths}</h2>
      <List<Oath>
        label={w.oaths}
        list={list}
        id={(row) => `${row.sandbox}${row.epoch}${row.hash}`}
        empty={<span className={parts.dim}>{w.noOaths}</span>}
        columns={[
          {
            id: 'sandbox',
            title: c.sandbox,
            cell: (row) => (
              <span className={parts.mono} title={row.sandbox}>
                {short(row.sandbox)}
              </span>
            ),
          },
          { id: 'epoch', title: c.epoch, end: true, cell: (row) => row.epoch },
          {
            id: 'worker',
            title: c.worker,
            end: true,
            cell: (row) => (row.attested ? row.worker : <span className={parts.dim}>{w.unsigned}</span>),
          },
          {
            id: 'hash',
            title: c.hash,
            wide: true,
            cell: (row) => (
              <Link href={to.seconds(account, number, row.hash, row.page)} className={parts.mono}>
                {row.hash}
              </Link>
            ),
          },
        ]}
      />
    </section>
  )
}
