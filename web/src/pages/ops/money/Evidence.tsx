// What was compared, and what did not fit together: lists of the ledger's own words. Nobody is charged for any of it.
import type { ReactNode } from 'react'
import { useLocation, useSearch } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import type { Anomaly, DeadLetter, Gap, LostFrames, Partition, Reconciliation } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { FilterField } from '../../../parts/FilterField'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { bytes, clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { from } from '../ops'
import { BoxLink, HostLink, TenantLink, Word } from '../parts'
import css from './money.module.css'

const w = ops.ledger
const EVERY = { every: 10_000 }

/** One value of the address, beside the tab. */
function useSaid(tab: string, name: string): [said: string, put: (value: string) => void] {
  const [, navigate] = useLocation()
  const said = new URLSearchParams(useSearch()).get(name) ?? ''
  return [
    said,
    (value) =>
      navigate(to.opsMoney(`?tab=${tab}${value === '' ? '' : `&${name}=${encodeURIComponent(value)}`}`), {
        replace: true,
      }),
  ]
}

function Filtered({ children }: { children: ReactNode }) {
  return <div className={`${parts.fields} ${parts.small}`}>{children}</div>
}

export function Checks() {
  const prefs = usePrefs()
  const [only, put] = useSaid('checks', 'verdict')
  const list = useRows<Reconciliation>(
    ['ops', 'checks', only],
    (cursor) =>
      must(
        api.GET('/v1/ops/money/reconciliations', {
          params: { query: { ...(only === '' ? {} : { verdict: 'differs' as const }), ...from(cursor, 110) } },
        }),
      ),
    EVERY,
  )
  const c = w.checkColumns
  return (
    <div className={parts.block}>
      <div className={parts.row}>
        <label className={parts.check}>
          <input type="checkbox" checked={only !== ''} onChange={(e) => put(e.target.checked ? 'differs' : '')} />
          {w.onlyDiffer}
        </label>
      </div>
      <List
        label={w.tabs.checks}
        list={list}
        id={(row) => `${row.period}${row.number}`}
        empty={<strong>{only === '' ? w.noChecks : w.allAgree}</strong>}
        columns={[
          { id: 'period', title: c.period, cell: (row) => clock(row.period, prefs) },
          { id: 'name', title: c.name, cell: (row) => `${row.number} ${plain(row.name ?? '')}` },
          {
            id: 'verdict',
            title: c.verdict,
            cell: (row) =>
              row.differ === 0 ? <Word look="good">{w.agrees}</Word> : <Word look="fault">{w.differ(row.differ)}</Word>,
          },
          { id: 'compared', title: c.compared, end: true, cell: (row) => row.compared.toLocaleString('en') },
          { id: 'detail', title: c.detail, wide: true, cell: (row) => plain(row.detail) },
        ]}
      />
    </div>
  )
}

export function Gaps() {
  const prefs = usePrefs()
  const [period, put] = useSaid('gaps', 'period')
  const list = useRows<Gap>(
    ['ops', 'gaps', period],
    (cursor) =>
      must(
        api.GET('/v1/ops/money/gaps', {
          params: { query: { ...(period === '' ? {} : { period }), ...from(cursor, 100) } },
        }),
      ),
    EVERY,
  )
  const c = w.gapColumns
  return (
    <div className={parts.block}>
      {period === '' ? null : (
        <div className={parts.row}>
          <span>{w.ofPeriod(clock(period, prefs))}</span>
          <Button kind="quiet" onPress={() => put('')}>
            {w.allPeriods}
          </Button>
        </div>
      )}
      <List
        label={w.tabs.gaps}
        list={list}
        id={(row) => `${row.sandbox}${row.epoch}${row.from}`}
        empty={<strong>{period === '' ? w.noGaps : w.noGapsThen}</strong>}
        columns={[
          { id: 'box', title: c.box, cell: (row) => <BoxLink id={row.sandbox} /> },
          { id: 'tenant', title: c.tenant, cell: (row) => <TenantLink id={row.account} /> },
          { id: 'epoch', title: c.epoch, end: true, cell: (row) => row.epoch },
          { id: 'from', title: c.from, cell: (row) => clock(row.from, prefs) },
          { id: 'to', title: c.to, cell: (row) => clock(row.to, prefs) },
          { id: 'seconds', title: c.seconds, end: true, cell: (row) => row.seconds.toLocaleString('en') },
          { id: 'cause', title: c.cause, wide: true, cell: (row) => w.gapCauses[row.cause] },
        ]}
      />
    </div>
  )
}

export function Lost() {
  const prefs = usePrefs()
  const list = useRows<LostFrames>(
    ['ops', 'lost'],
    (cursor) => must(api.GET('/v1/ops/money/lost-frames', { params: { query: from(cursor, 100) } })),
    EVERY,
  )
  const c = w.lostColumns
  return (
    <List
      label={w.tabs.lost}
      list={list}
      id={(row) => `${row.worker} ${row.boot} ${row.first_frame}`}
      empty={<strong>{w.noLost}</strong>}
      columns={[
        { id: 'host', title: c.host, cell: (row) => <HostLink no={row.worker} name={row.name} /> },
        { id: 'boot', title: c.boot, end: true, cell: (row) => row.boot },
        {
          id: 'frames',
          title: c.frames,
          end: true,
          cell: (row) => w.range(row.first_frame.toLocaleString('en'), row.last_frame.toLocaleString('en')),
        },
        { id: 'from', title: c.from, cell: (row) => clock(row.from, prefs) },
        { id: 'to', title: c.to, cell: (row) => clock(row.to, prefs) },
        { id: 'at', title: c.at, cell: (row) => clock(row.written_off_at, prefs) },
      ]}
    />
  )
}

export function DeadLetters() {
  const prefs = usePrefs()
  const [reason, put] = useSaid('dead', 'reason')
  const list = useRows<DeadLetter>(
    ['ops', 'dead', reason],
    (cursor) =>
      must(
        api.GET('/v1/ops/money/dead-letters', {
          params: { query: { ...(reason === '' ? {} : { reason }), ...from(cursor, 100) } },
        }),
      ),
    EVERY,
  )
  const c = w.deadColumns
  const place = (row: DeadLetter) =>
    Object.entries(row.place)
      .map(([name, value]) => `${plain(name)} ${plain(String(value))}`)
      .join(', ')
  return (
    <div className={parts.block}>
      <Filtered>
        <FilterField label={c.reason} hint="seal" value={reason} put={put} />
      </Filtered>
      <List
        label={w.tabs.dead}
        list={list}
        id={(row) => String(row.number)}
        empty={<strong>{w.noDead}</strong>}
        columns={[
          { id: 'at', title: c.at, cell: (row) => clock(row.at, prefs) },
          { id: 'reason', title: c.reason, cell: (row) => <code>{plain(row.reason)}</code> },
          { id: 'detail', title: c.detail, wide: true, cell: (row) => plain(row.detail) },
          {
            id: 'place',
            title: c.place,
            wide: true,
            cell: (row) => (
              <span className={parts.hint}>
                {row.topic === null ? '' : `${plain(row.topic)}: `}
                {place(row)}
              </span>
            ),
          },
          { id: 'count', title: c.count, end: true, cell: (row) => row.count.toLocaleString('en') },
          {
            id: 'bytes',
            title: c.bytes,
            end: true,
            cell: (row) => (
              <span title={row.value} className={css.bytes}>
                {bytes(row.bytes)}
              </span>
            ),
          },
        ]}
      />
    </div>
  )
}

export function Anomalies() {
  const prefs = usePrefs()
  const [kind, put] = useSaid('anomalies', 'kind')
  const list = useRows<Anomaly>(
    ['ops', 'anomalies', kind],
    (cursor) =>
      must(
        api.GET('/v1/ops/money/anomalies', {
          params: { query: { ...(kind === '' ? {} : { kind }), ...from(cursor, 100) } },
        }),
      ),
    EVERY,
  )
  const c = w.anomalyColumns
  return (
    <div className={parts.block}>
      <Filtered>
        <FilterField label={c.kind} hint="frames_missing" value={kind} put={put} />
      </Filtered>
      <List
        label={w.tabs.anomalies}
        list={list}
        id={(row) => String(row.number)}
        empty={<strong>{w.noAnomalies}</strong>}
        columns={[
          { id: 'at', title: c.at, cell: (row) => clock(row.at, prefs) },
          { id: 'kind', title: c.kind, cell: (row) => <code>{plain(row.kind)}</code> },
          { id: 'detail', title: c.detail, wide: true, cell: (row) => plain(row.detail) },
          { id: 'host', title: c.host, cell: (row) => <HostLink no={row.worker} name={null} /> },
          { id: 'tenant', title: c.tenant, cell: (row) => <TenantLink id={row.account} /> },
          { id: 'box', title: c.box, cell: (row) => <BoxLink id={row.sandbox} /> },
        ]}
      />
    </div>
  )
}

export function Partitions() {
  const list = useRows<Partition>(
    ['ops', 'partitions'],
    (cursor) => must(api.GET('/v1/ops/money/partitions', { params: { query: from(cursor, 200) } })),
    EVERY,
  )
  const c = w.partitionColumns
  return (
    <List
      label={w.tabs.stream}
      list={list}
      id={(row) => `${row.topic} ${row.partition}`}
      empty={<strong>{w.noPartitions}</strong>}
      columns={[
        { id: 'topic', title: c.topic, cell: (row) => <code>{plain(row.topic)}</code> },
        { id: 'partition', title: c.partition, end: true, cell: (row) => row.partition },
        {
          id: 'next',
          title: c.next,
          end: true,
          cell: (row) => (row.next_offset === null ? words.never : row.next_offset.toLocaleString('en')),
        },
        { id: 'generation', title: c.generation, end: true, cell: (row) => row.generation },
      ]}
    />
  )
}
