// Sixty minutes: how many ran when each was over, what was created in it, what was refused.
import { useQuery } from '@tanstack/react-query'
import { useProject } from '../../app/project'
import { series } from '../../live/queries'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import css from './Overview.module.css'

const MINUTES = 60
const TALL = 96
const LOW = 22

export function Hour() {
  const { slug } = useProject()
  const { data } = useQuery(series(slug))
  if (data === undefined) return <div className={`${parts.card} ${css.strip}`} style={{ blockSize: 168 }} />
  const end = data.through === null ? Date.now() / 1000 : new Date(data.through).getTime() / 1000
  const minute = (at: number) => MINUTES - Math.round((end - at) / 60)
  const most = Math.max(1, ...data.running.map((n) => n ?? 0))
  const made = Math.max(1, ...data.created)
  const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0)
  const text = words.overview.stripText(
    sum(data.created),
    data.running.length === 0 ? 0 : Math.max(0, ...data.running.map((n) => n ?? 0)),
    sum(data.refused),
  )
  return (
    <section className={`${parts.card} ${css.strip} ${parts.block}`} aria-labelledby="hour">
      <div className={css.head}>
        <h2 id="hour">{words.overview.strip}</h2>
        <p className={css.legend}>
          <span className={parts.run}>
            <i style={{ background: 'var(--run)' }} />
            {words.overview.runningThen(most.toLocaleString('en'))}
          </span>
          <span>
            <i style={{ background: 'var(--edge)' }} />
            {words.overview.created(made.toLocaleString('en'))}
          </span>
          <span className={parts.fault}>
            <i style={{ background: 'var(--fault)', blockSize: 3 }} />
            {words.overview.refusedThen}
          </span>
        </p>
      </div>
      <svg viewBox={`0 0 ${MINUTES} ${TALL}`} preserveAspectRatio="none" role="img" aria-label={text}>
        <line
          x1="0"
          x2={MINUTES}
          y1={TALL - LOW - 4}
          y2={TALL - LOW - 4}
          stroke="var(--line)"
          vectorEffect="non-scaling-stroke"
        />
        <line
          x1="0"
          x2={MINUTES}
          y1={TALL - 0.5}
          y2={TALL - 0.5}
          stroke="var(--line)"
          vectorEffect="non-scaling-stroke"
        />
        {data.at.map((at, i) => {
          const x = minute(at)
          const ran = ((data.running[i] ?? 0) / most) * (TALL - LOW - 10)
          const created = ((data.created[i] ?? 0) / made) * (LOW - 4)
          return (
            <g key={at}>
              <rect x={x + 0.08} width="0.84" y={TALL - LOW - 4 - ran} height={ran} fill="var(--run)" />
              <rect x={x + 0.08} width="0.84" y={TALL - created} height={created} fill="var(--edge)" />
              {(data.refused[i] ?? 0) > 0 ? (
                <rect x={x + 0.08} width="0.84" y="0" height="3" fill="var(--fault)" />
              ) : null}
            </g>
          )
        })}
      </svg>
    </section>
  )
}
