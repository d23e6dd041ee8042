// Periods by hosts: what is not whole is one click from its seconds. Below it each period, and how far its accounts are.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Page, SeenPeriod, Watermark } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Bones } from '../../../parts/Bones'
import { DenialCard } from '../../../parts/DenialCard'
import { List } from '../../../parts/List'
import list_ from '../../../parts/List.module.css'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, span } from '../../../words/format'
import { ops } from '../../../words/ops'
import { from } from '../ops'
import { HostLink, Section, Word } from '../parts'
import css from './money.module.css'

const w = ops.ledger
const EVERY_MS = 10_000
const SHOWN = 12

type Cell = Watermark['cells'][number]
const LOOKS: Record<Cell, Look> = { ok: 'good', gap: 'fault', late: 'rule', unattested: 'rule', none: 'ended' }

export function Hours() {
  return (
    <div className={parts.page}>
      <Grid />
      <Periods />
    </div>
  )
}

function Grid() {
  const prefs = usePrefs()
  const query = useQuery({
    queryKey: ['ops', 'watermarks'],
    queryFn: () =>
      must(api.GET('/v1/ops/money/watermarks', { params: { query: { periods: SHOWN, limit: 200 } } })) as Promise<
        Page<Watermark> & { periods: string[] }
      >,
    refetchInterval: EVERY_MS,
  })
  const said = query.data
  if (said === undefined) {
    return query.error === null ? (
      <Bones heights={[28, 160]} />
    ) : (
      <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
    )
  }
  return (
    <Section id="watermarks" title={w.watermarks}>
      {said.rows.length === 0 ? (
        <div className={`${parts.card} ${parts.empty}`}>
          <strong>{w.noHosts}</strong>
        </div>
      ) : (
        <div className={`${parts.card} ${list_.scroll}`}>
          {/* hours are columns: on a telephone it scrolls inside itself, and its hosts stay */}
          <table className={css.grid} aria-label={w.watermarks}>
            <thead>
              <tr>
                <th scope="col">{w.host}</th>
                <th scope="col">{w.through}</th>
                {said.periods.map((at) => (
                  <th key={at} scope="col" title={at}>
                    {clock(at, prefs).slice(-8, -3)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {said.rows.map((row) => (
                <tr key={row.worker}>
                  <th scope="row">
                    <HostLink no={row.worker} name={row.name} />
                  </th>
                  <td>{row.complete_through === null ? words.none : clock(row.complete_through, prefs)}</td>
                  {said.periods.map((at, i) => (
                    <td key={at}>
                      <CellWord at={at} of={row.cells[i] ?? 'none'} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className={parts.hint}>{w.cellsNote}</p>
    </Section>
  )
}

function CellWord({ at, of }: { at: string; of: Cell }) {
  if (of === 'none') return <span className={parts.dim}>{w.cells.none}</span>
  if (of === 'ok') return <Word look="good">{w.cells.ok}</Word>
  return (
    <Link href={to.opsMoney(`?tab=gaps&period=${encodeURIComponent(at)}`)}>
      <Word look={LOOKS[of]}>{w.cells[of]}</Word>
    </Link>
  )
}

function Periods() {
  const prefs = usePrefs()
  const list = useRows<SeenPeriod>(
    ['ops', 'periods'],
    (cursor) => must(api.GET('/v1/ops/money/periods', { params: { query: from(cursor, 24) } })),
    { every: EVERY_MS },
  )
  const c = w.periodColumns
  return (
    <Section id="periods" title={w.periods}>
      <List
        label={w.periods}
        list={list}
        id={(row) => row.start}
        empty={
          <>
            <strong>{w.noPeriods}</strong>
            <p>{w.noPeriodsWhy}</p>
          </>
        }
        columns={[
          { id: 'start', title: c.start, cell: (row) => `${clock(row.start, prefs)}, ${span(row.seconds)}` },
          {
            id: 'closed',
            title: c.closed,
            cell: (row) =>
              row.closed_at === null ? (
                <Word look="change">{w.open(row.accounts.open ?? 0)}</Word>
              ) : (
                <Word look="good">{clock(row.closed_at, prefs)}</Word>
              ),
          },
          {
            id: 'accounts',
            title: c.accounts,
            end: true,
            cell: (row) => w.accounts(row.accounts.closed ?? 0, row.accounts.empty ?? 0),
          },
          {
            id: 'workers',
            title: c.workers,
            end: true,
            cell: (row) => `${row.workers.attested ?? 0} / ${row.workers.count ?? 0}`,
          },
          {
            id: 'gaps',
            title: c.gaps,
            end: true,
            cell: (row) =>
              row.gap_s === 0 ? (
                <span className={parts.dim}>0</span>
              ) : (
                <Link href={to.opsMoney(`?tab=gaps&period=${encodeURIComponent(row.start)}`)}>
                  {row.gap_s.toLocaleString('en')} s
                </Link>
              ),
          },
          {
            id: 'anomalies',
            title: c.anomalies,
            end: true,
            cell: (row) =>
              row.anomalies === 0 ? (
                <span className={parts.dim}>0</span>
              ) : (
                <Link href={to.opsMoney('?tab=anomalies')}>{row.anomalies.toLocaleString('en')}</Link>
              ),
          },
          { id: 'checks', title: c.checks, cell: (row) => <Agreed of={row} /> },
        ]}
      />
    </Section>
  )
}

function Agreed({ of: { reconciliations } }: { of: SeenPeriod }) {
  const { compared = 0, differ = 0 } = reconciliations
  if (compared === 0) return <span className={parts.dim}>{w.notCompared}</span>
  if (differ === 0) return <Word look="good">{w.agree(compared)}</Word>
  return (
    <Link href={to.opsMoney('?tab=checks')}>
      <Word look="fault">{w.differ(differ)}</Word>
    </Link>
  )
}
