// What it uses now, and as this page has seen it: the API tells the last second, so the line begins when the page was opened.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useProject } from '../../app/project'
import { asFail } from '../../live/fail'
import { metrics } from '../../live/queries'
import type { Sandbox } from '../../live/types'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { bytes } from '../../words/format'
import css from './Sandbox.module.css'

type Point = { at: string; cpu: number; mem: number; disk: number }
const MOST = 150

export function Metrics({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const on = box.state === 'running'
  const query = useQuery(metrics(slug, box.id, on))
  const [points, setPoints] = useState<readonly Point[]>([])
  const now = query.data?.now ?? null
  useEffect(() => {
    if (now?.at === undefined) return
    const { at, cpu_pct = 0, mem_used = 0, disk_used = 0 } = now
    setPoints((all) =>
      all.at(-1)?.at === at ? all : [...all.slice(1 - MOST), { at, cpu: cpu_pct, mem: mem_used, disk: disk_used }],
    )
  }, [now])
  const w = words.box.metrics
  if (query.error !== null && query.data === undefined)
    return <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
  if (!on || now === null) {
    return (
      <p className={`${parts.card} ${css.pad}`}>
        {box.state === 'ended' ? w.ended : box.state === 'paused' ? w.asleep : w.none}
      </p>
    )
  }
  const cpus = now.vcpus ?? 1
  const of = (total: number) => Math.max(1, total)
  return (
    <div className={css.page}>
      <div className={css.gauges}>
        <Gauge
          name={w.cpu}
          value={`${(now.cpu_pct ?? 0).toFixed(0)} %`}
          more={w.of(`${cpus} vCPU`)}
          all={points.map((p) => p.cpu / 100)}
          colour="var(--series-1)"
        />
        <Gauge
          name={w.mem}
          value={bytes(now.mem_used ?? 0)}
          more={`${w.of(bytes(now.mem_total ?? 0))}, ${w.cache(bytes(now.mem_cache ?? 0))}`}
          all={points.map((p) => p.mem / of(now.mem_total ?? 0))}
          colour="var(--series-2)"
        />
        <Gauge
          name={w.disk}
          value={bytes(now.disk_used ?? 0)}
          more={w.of(bytes(now.disk_total ?? 0))}
          all={points.map((p) => p.disk / of(now.disk_total ?? 0))}
          colour="var(--series-5)"
        />
      </div>
      <p className={parts.hint}>
        {w.window} {w.line}
      </p>
    </div>
  )
}

/** all: parts of what it has, 0 to 1. */
function Gauge({
  name,
  value,
  more,
  all,
  colour,
}: {
  name: string
  value: string
  more: string
  all: readonly number[]
  colour: string
}) {
  const y = (part: number) => 71 - Math.min(1, Math.max(0, part)) * 70
  const path = all.map((part, i) => `${i === 0 ? 'M' : 'L'}${MOST - all.length + i} ${y(part).toFixed(1)}`).join('')
  return (
    <section className={`${parts.card} ${css.gauge}`}>
      <h3>{name}</h3>
      <p>
        <span className={css.value}>{value}</span> <span className={parts.dim}>{more}</span>
      </p>
      <svg viewBox={`0 0 ${MOST} 72`} preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" x2={MOST} y1="71" y2="71" stroke="var(--line)" vectorEffect="non-scaling-stroke" />
        <line
          x1="0"
          x2={MOST}
          y1={y(0.85)}
          y2={y(0.85)}
          stroke="var(--edge)"
          strokeDasharray="4 4"
          vectorEffect="non-scaling-stroke"
        />
        <path d={path} fill="none" stroke={colour} strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
      </svg>
    </section>
  )
}
