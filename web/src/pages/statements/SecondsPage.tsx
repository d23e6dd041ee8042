// From a line of a statement to the very seconds: what a worker swore to of one life of a sandbox, drawn from the signed bytes
// themselves, and the lines that were made of it.
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link, useSearch } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { Bar } from '../../bar/Bar'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { allOf } from '../../live/useRows'
import { type Money, moneyText, type Price, priceText, type Quantity, quantityText } from '../../money/money'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Facts } from '../../parts/Facts'
import { Icon } from '../../parts/Icon'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { Glyph } from '../../parts/StateWord'
import { type Attestation, attestation } from '../../verify/attestation'
import { sha } from '../../verify/bytes'
import { type Line, page as readPage } from '../../verify/shapes'
import { billing } from '../../words/billing'
import { clock, exact, short, whole } from '../../words/format'
import { bytesOf, lifeOf } from './seconds'

const w = billing.statements
const UTC = { utc: true }

export default function SecondsPage({ number, hash }: { number: string; hash: string }) {
  return (
    <OfAccount right="billing.read">
      <Known number={whole(number) ?? 0} hash={hash} />
    </OfAccount>
  )
}

function Known({ number, hash }: { number: number; hash: string }) {
  const { account } = useProject()
  const query = useQuery({
    queryKey: ['oath', account, hash],
    queryFn: async () => {
      const said = await must(
        api.GET('/v1/accounts/{id}/attestations/{hash}', { params: { path: { id: account, hash } } }),
      )
      const bytes = bytesOf(said.message)
      return { oath: attestation(bytes), same: sha(bytes) === hash, attested: said.attested }
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
  return (
    <div className={parts.page}>
      <Link href={to.statement(account, number)} className={parts.back}>
        <Icon name="back" />
        {w.one(number.toLocaleString('en'))}
      </Link>
      {query.data !== undefined ? (
        <Shown {...query.data} number={number} hash={hash} />
      ) : query.error === null ? (
        <Bones heights={[36, 96, 120]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
    </div>
  )
}

type Sworn = { oath: Attestation; same: boolean; attested: boolean; number: number; hash: string }

function Shown({ oath, same, attested, number, hash }: Sworn) {
  const prefs = usePrefs()
  const life = useMemo(() => lifeOf(oath, attested), [oath, attested])
  const count = (state: number) => oath.states.reduce((sum, one) => sum + (one === state ? 1 : 0), 0)
  const at = (second: number) => clock(new Date(second * 1000).toISOString(), UTC)
  const f = w.seconds
  return (
    <>
      <div className={parts.block}>
        <h1 className={parts.mono}>{oath.sandbox}</h1>
        <p className={`${parts.state} ${parts.sentence} ${same ? parts.good : parts.fault}`}>
          <Glyph look={same ? 'good' : 'fault'} />
          {same ? f.same : f.other}
        </p>
      </div>
      <section className={`${parts.card} ${parts.pad} ${parts.block}`} aria-labelledby="seconds">
        <h2 id="seconds">{f.title}</h2>
        <Bar life={life} height={48} />
        {prefs.utc ? null : <p className={parts.hint}>{f.utc}</p>}
      </section>
      <Facts
        rows={[
          [f.period, `${at(oath.start)} to ${at(oath.start + oath.seconds)}`],
          [f.ran, exact(count(1))],
          [f.slept, exact(count(2))],
          [f.epoch, oath.epoch],
          [f.by, attested ? f.worker(oath.worker.toString()) : w.unsigned],
          [
            f.hash,
            <span key="hash" className={`${parts.value} ${parts.mono}`} title={hash}>
              {short(hash)} <Copy text={hash} onlyIcon />
            </span>,
          ],
        ]}
      />
      <Lines oath={oath} number={number} hash={hash} />
    </>
  )
}

/** The lines stand on the page of the statement that the link names. */
function Lines({ oath, number, hash }: { oath: Attestation; number: number; hash: string }) {
  const { account } = useProject()
  const page = whole(new URLSearchParams(useSearch()).get('page') ?? '')
  const query = useQuery({
    queryKey: ['statement-page', account, number, page],
    queryFn: async () => {
      const said = await must(
        api.GET('/v1/accounts/{id}/statements/{number}/pages/{page}', {
          params: { path: { id: account, number, page: page ?? 1 } },
        }),
      )
      return readPage(new TextEncoder().encode(said.body), { start: oath.start, end: oath.start + oath.seconds })
    },
    enabled: page !== null,
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (page === null) return null
  const row = query.data?.rows.find((one) => one.attestation === hash)
  const lines = query.data?.lines.filter((line) => line.of === row?.of)
  const c = w.lineColumns
  return (
    <section className={parts.block} aria-labelledby="made">
      <h2 id="made">{w.seconds.made}</h2>
      <List<Line>
        label={w.seconds.made}
        list={allOf(lines, query)}
        id={(line) => `${line.sku}${line.tier}${line.from}${line.amount}`}
        empty={<span className={parts.dim}>{w.noLines}</span>}
        columns={[
          { id: 'sku', title: c.sku, cell: (line) => <span className={parts.mono}>{line.sku}</span> },
          { id: 'seconds', title: c.seconds, end: true, cell: (line) => line.seconds.toLocaleString('en') },
          {
            id: 'formula',
            title: c.formula,
            end: true,
            cell: (line) => (
              <span className={parts.mono}>
                {quantityText(line.qty as Quantity)} x {priceText(line.perUnit as Price)}
              </span>
            ),
          },
          {
            id: 'amount',
            title: c.amount,
            end: true,
            cell: (line) => <Amount value={moneyText(line.amount as Money)} />,
          },
        ]}
      />
    </section>
  )
}
