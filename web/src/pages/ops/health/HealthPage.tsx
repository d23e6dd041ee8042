// What is looked at first: what is wrong with where its cause stands, then how much runs, how far the ledger is, what is asked.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Asked, Health, Page, SeenPeriod } from '../../../live/types'
import { allOf } from '../../../live/useRows'
import { Bones } from '../../../parts/Bones'
import { Choice } from '../../../parts/Choice'
import { DenialCard } from '../../../parts/DenialCard'
import { Facts } from '../../../parts/Facts'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { useNow } from '../../../parts/useNow'
import { words } from '../../../words'
import { clock, plain, span } from '../../../words/format'
import { ops } from '../../../words/ops'
import { health } from '../ops'
import { Section, Word } from '../parts'
import css from './health.module.css'
import { redsOf } from './reds'

const w = ops.health
const many = (n: number | undefined) => (n ?? 0).toLocaleString('en')

export function HealthPage() {
  const query = useQuery(health)
  const periods = useQuery({
    queryKey: ['ops', 'periods', 'newest'],
    queryFn: () =>
      must(api.GET('/v1/ops/money/periods', { params: { query: { limit: 24 } } })) as Promise<Page<SeenPeriod>>,
    refetchInterval: 10_000,
  })
  const h = query.data
  if (h === undefined) {
    return query.error === null ? (
      <Bones heights={[28, 96, 120, 240]} />
    ) : (
      <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
    )
  }
  return (
    <div className={parts.page}>
      <h1>{w.title}</h1>
      <Reds of={h} periods={periods.data?.rows ?? []} />
      <section className={`${parts.card} ${parts.tiles}`} aria-label={w.now}>
        <div>
          <h2>{w.running}</h2>
          <p className={parts.big}>{many(h.workers.running)}</p>
          <p className={parts.hint}>{w.asleep(many(h.workers.asleep))}</p>
        </div>
        <div>
          <h2>{w.hosts}</h2>
          <p className={parts.big}>{many(h.workers.active)}</p>
          <p className={parts.hint}>{w.hostsNote(h.workers.draining ?? 0, h.workers.written_off ?? 0)}</p>
        </div>
        <Closed of={h} />
        <div>
          <h2>{w.waiting}</h2>
          <p className={parts.big}>{many((h.waiting.sweep ?? 0) + (h.waiting.held ?? 0))}</p>
          <p className={parts.hint}>{w.waitingNote(many(h.waiting.letters), many(h.waiting.outbox))}</p>
        </div>
      </section>
      <Requests of={h} />
      <Meters of={h} />
      <Facts
        rows={[
          [w.facts.replicas, h.replicas.length.toLocaleString('en')],
          [w.facts.answered, `${h.replica.instance ?? words.none}, ${plain(h.replica.version ?? '')}`],
          [
            w.facts.versions,
            (h.workers.versions ?? [])
              .map((v) => `${plain(v.version ?? words.none)} (${many(v.workers)})`)
              .join(', ') || words.none,
          ],
          [w.facts.schema, String(h.schema)],
          [w.facts.lag, w.lag(many(h.meter?.lag_frames), many(h.meter?.lag_attestations))],
          [
            w.facts.lines,
            Object.entries(h.replica.waiting ?? {})
              .filter(([, n]) => n > 0)
              .map(([name, n]) => `${plain(name)} ${n}`)
              .join(', ') || w.empty,
          ],
        ]}
      />
    </div>
  )
}

function Reds({ of, periods }: { of: Health; periods: readonly SeenPeriod[] }) {
  const reds = redsOf(of, periods, useNow(5000).getTime())
  if (reds.length === 0) {
    return (
      <p className={`${parts.card} ${parts.pad}`}>
        <Word look="good">{w.calm}</Word>
      </p>
    )
  }
  return (
    <ul className={`${parts.card} ${css.reds}`} aria-label={w.look}>
      {reds.map(({ text, href }) => (
        <li key={text}>
          <Word look="fault" sentence>
            {text}
          </Word>
          {href.startsWith('/docs') ? <a href={href}>{w.show}</a> : <Link href={href}>{w.show}</Link>}
        </li>
      ))}
    </ul>
  )
}

function Closed({ of: { meter } }: { of: Health }) {
  const prefs = usePrefs()
  const now = useNow()
  const mark = meter?.watermark ?? null
  return (
    <div>
      <h2>{w.closed}</h2>
      <p className={parts.big}>{meter?.closed_through == null ? words.none : clock(meter.closed_through, prefs)}</p>
      <p className={parts.hint}>
        {mark === null ? w.noEvidence : w.evidence(span((now.getTime() - Date.parse(mark)) / 1000))}
      </p>
    </div>
  )
}

type Row = { mouth: string; count: number; p50: number | null; p99: number | null; errors: Record<string, number> }

const rowsOf = (asked: Asked | undefined): Row[] =>
  Object.entries(asked ?? {}).map(([mouth, one]) => ({
    mouth,
    count: one.count ?? 0,
    p50: one.p50_ms ?? null,
    p99: one.p99_ms ?? null,
    errors: one.errors ?? {},
  }))

function Requests({ of }: { of: Health }) {
  const [over, setOver] = useState<'minute' | 'hour'>('hour')
  const c = w.columns
  const ms = (n: number | null, count: number) => (count === 0 ? words.none : n === null ? w.long : `${n} ms`)
  return (
    <Section
      id="asked"
      title={w.asked}
      act={
        <div className={parts.small}>
          <Choice
            label={w.over}
            hideLabel
            value={over}
            of={[
              { id: 'minute', text: w.overs.minute },
              { id: 'hour', text: w.overs.hour },
            ]}
            onChange={setOver}
          />
        </div>
      }
    >
      <List<Row>
        label={w.asked}
        list={allOf(rowsOf(of.replica.requests?.[over]))}
        id={(row) => row.mouth}
        counted={false}
        empty={<span className={parts.dim}>{w.nothing}</span>}
        columns={[
          { id: 'mouth', title: c.mouth, cell: (row) => w.mouths[row.mouth] ?? plain(row.mouth) },
          { id: 'count', title: c.count, end: true, cell: (row) => row.count.toLocaleString('en') },
          { id: 'p50', title: c.p50, end: true, cell: (row) => ms(row.p50, row.count) },
          { id: 'p99', title: c.p99, end: true, cell: (row) => ms(row.p99, row.count) },
          {
            id: 'errors',
            title: c.errors,
            wide: true,
            cell: (row) =>
              Object.entries(row.errors).length === 0 ? (
                <span className={parts.dim}>{words.none}</span>
              ) : (
                <span className={css.errors}>
                  {Object.entries(row.errors).map(([status, n]) => (
                    <span key={status} className={status.startsWith('5') ? parts.error : parts.dim}>
                      {status} × {n.toLocaleString('en')}
                    </span>
                  ))}
                </span>
              ),
          },
        ]}
      />
    </Section>
  )
}

function Meters({ of }: { of: Health }) {
  const c = w.meterColumns
  const all = of.meters ?? []
  if (all.length < 2) return null
  return (
    <Section id="meters" title={w.meters}>
      <List
        label={w.meters}
        list={allOf([...all])}
        id={(row) => row.name ?? ''}
        counted={false}
        empty={null}
        columns={[
          { id: 'name', title: c.name, cell: (row) => plain(row.name ?? '') },
          {
            id: 'holds',
            title: c.holds,
            cell: (row) =>
              row.holds === true ? <Word look="good">{w.writes}</Word> : <span className={parts.dim}>{w.stands}</span>,
          },
          {
            id: 'reaches',
            title: c.reaches,
            cell: (row) => (row.reaches_broker === true ? w.yes : <Word look="fault">{w.no}</Word>),
          },
          { id: 'beat', title: c.beat, cell: (row) => words.ago(span(row.beat_age_s ?? 0)) },
          { id: 'version', title: c.version, cell: (row) => plain(row.version ?? '') },
        ]}
      />
    </Section>
  )
}
