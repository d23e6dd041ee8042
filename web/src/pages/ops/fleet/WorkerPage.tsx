// One host: what it is now, emptying it, and the sandboxes that are on it.
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { routes } from '../../../app/routes'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Worker } from '../../../live/types'
import { Bones } from '../../../parts/Bones'
import { DenialCard } from '../../../parts/DenialCard'
import { Facts } from '../../../parts/Facts'
import { Icon } from '../../../parts/Icon'
import parts from '../../../parts/parts.module.css'
import { clock, mib, plain, whole } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Section } from '../parts'
import { SeenList } from '../sandboxes/SeenList'
import { beat, DrainButton, HostWord } from './Fleet'
import css from './fleet.module.css'

const w = ops.fleet

export default function WorkerPage({ no: text }: { no: string }) {
  const no = whole(text) ?? 0
  const prefs = usePrefs()
  const query = useQuery({
    queryKey: ['ops', 'workers', no],
    queryFn: () => must(api.GET('/v1/ops/workers/{no}', { params: { path: { no } } })) as Promise<Worker>,
    refetchInterval: 1000,
  })
  const one = query.data
  const back = (
    <Link href={routes.opsFleet} className={parts.back}>
      <Icon name="back" />
      {w.title}
    </Link>
  )
  if (one === undefined) {
    return (
      <div className={parts.page}>
        {back}
        {query.error === null ? (
          <Bones heights={[28, 96, 240]} />
        ) : (
          <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
        )}
      </div>
    )
  }
  const f = w.facts
  return (
    <div className={parts.page}>
      {back}
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{plain(one.name)}</h1>
          <DrainButton of={one} />
        </div>
        <p>
          <HostWord of={one} />
          {one.refusing && one.why !== null ? `: ${plain(one.why)}` : ''}
        </p>
      </div>
      {one.state === 'draining' ? <Left of={one} /> : null}
      <Facts
        rows={[
          [f.beat, beat(one)],
          [f.region, plain(one.region)],
          [f.running, one.running.toLocaleString('en')],
          [f.asleep, one.asleep.toLocaleString('en')],
          [f.slots, w.of(one.slots - one.free_slots, one.slots)],
          [f.pool, one.pool.toLocaleString('en')],
          [f.memory, one.mem_free_mib === null ? w.unsaid : w.memory(mib(one.mem_free_mib), mib(one.mem_mib))],
          [f.accel, plain(one.accel)],
          [f.version, plain(one.version ?? w.unsaid)],
          [f.boot, String(one.boot)],
          [f.enrolled, clock(one.enrolled_at, prefs)],
        ]}
      />
      <Section id="boxes" title={w.boxes}>
        <SeenList filter={{ worker: one.no }} />
      </Section>
    </div>
  )
}

/** From as many as there were when one began to look, down to none. */
function Left({ of }: { of: Worker }) {
  const most = useRef(of.running)
  most.current = Math.max(most.current, of.running)
  const part = most.current === 0 ? 0 : of.running / most.current
  return (
    <div className={`${parts.card} ${parts.pad} ${css.left}`} role="status">
      <strong>{of.running === 0 ? w.allAsleep : w.leftOf(of.running, most.current)}</strong>
      <div className={`${parts.gauge} ${parts.change}`} aria-hidden="true">
        <div style={{ inlineSize: `${part * 100}%` }} />
      </div>
    </div>
  )
}
