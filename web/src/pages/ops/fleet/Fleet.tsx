// The hosts: whether each is heard of, how full it is, and emptying one, which is seen to go down to nobody.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import type { Worker } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { mib, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from } from '../ops'
import { Word } from '../parts'
import css from './fleet.module.css'

const w = ops.fleet
/** A host that is not heard of any more is to be seen within five seconds. */
const EVERY_MS = 2000

export function HostWord({ of }: { of: Worker }) {
  if (of.late) return <Word look="fault">{w.late}</Word>
  if (of.state === 'written_off') return <Word look="ended">{w.states.written_off}</Word>
  if (of.state === 'draining') return <Word look="change">{of.running > 0 ? w.states.draining : w.drained}</Word>
  return of.refusing ? <Word look="rule">{w.refusing}</Word> : <Word look="good">{w.states.active}</Word>
}

export const beat = (of: Worker) => `${of.beat_age_s.toFixed(1)} s`

export default function Fleet() {
  const list = useRows<Worker>(
    ['ops', 'workers'],
    (cursor) => must(api.GET('/v1/ops/workers', { params: { query: from(cursor, 200) } })),
    { every: EVERY_MS },
  )
  const rows = list.rows ?? []
  const count = (fits: (one: Worker) => boolean) => rows.filter(fits).length
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.title}</h1>
          {list.rows === undefined ? null : (
            <p className={parts.dim} role="status">
              {w.count(
                count((one) => one.state !== 'written_off'),
                count((one) => one.late),
                count((one) => one.refusing),
              )}
            </p>
          )}
        </div>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => String(row.no)}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyCure}</p>
          </>
        }
        columns={[
          { id: 'name', title: c.name, cell: (row) => <Link href={to.opsWorker(row.no)}>{plain(row.name)}</Link> },
          { id: 'region', title: c.region, cell: (row) => plain(row.region) },
          { id: 'state', title: c.state, cell: (row) => <HostWord of={row} /> },
          { id: 'beat', title: c.beat, end: true, cell: (row) => beat(row) },
          { id: 'running', title: c.running, end: true, cell: (row) => <Running of={row} /> },
          { id: 'asleep', title: c.asleep, end: true, cell: (row) => row.asleep.toLocaleString('en') },
          { id: 'slots', title: c.slots, cell: (row) => <Slots of={row} /> },
          { id: 'pool', title: c.pool, end: true, cell: (row) => row.pool.toLocaleString('en') },
          {
            id: 'memory',
            title: c.memory,
            end: true,
            cell: (row) => (row.mem_free_mib === null ? w.unsaid : mib(row.mem_free_mib)),
          },
          { id: 'version', title: c.version, cell: (row) => plain(row.version ?? w.unsaid) },
          { id: 'acts', title: c.acts, end: true, acts: true, cell: (row) => <DrainButton of={row} /> },
        ]}
      />
    </div>
  )
}

/** Of one that is emptied, how many are left. */
function Running({ of }: { of: Worker }) {
  const n = of.running.toLocaleString('en')
  return of.state === 'draining' ? <strong>{w.left(n)}</strong> : <>{n}</>
}

function Slots({ of }: { of: Worker }) {
  const used = of.slots - of.free_slots
  return (
    <div className={css.slots}>
      <div className={`${parts.gauge} ${parts.run}`} aria-hidden="true">
        <div style={{ inlineSize: `${of.slots === 0 ? 0 : (used / of.slots) * 100}%` }} />
      </div>
      <span>{w.of(used, of.slots)}</span>
    </div>
  )
}

export function DrainButton({ of }: { of: Worker }) {
  const queries = useQueryClient()
  const [asked, ask] = useState(false)
  const drains = of.state === 'active'
  const name = plain(of.name)
  if (of.state === 'written_off') return null
  return (
    <>
      <Button kind={drains ? 'quietDanger' : 'quiet'} acts onPress={() => ask(true)}>
        {drains ? w.drain : w.undrain}
      </Button>
      {asked ? (
        <Act
          name={`drain:${of.no}`}
          title={drains ? w.drainTitle(name) : w.undrainTitle(name)}
          go={drains ? w.drain : w.undrain}
          danger={drains}
          run={(reason) =>
            must(
              api.POST(drains ? '/v1/ops/workers/{no}/drain' : '/v1/ops/workers/{no}/undrain', {
                params: { path: { no: of.no } },
                body: { reason },
              }),
            )
          }
          done={() => {
            ask(false)
            void queries.invalidateQueries({ queryKey: ['ops', 'workers'] })
          }}
          close={() => ask(false)}
        >
          <p>{drains ? w.drainLoses(of.running) : w.undrainWhy}</p>
        </Act>
      ) : null}
    </>
  )
}
