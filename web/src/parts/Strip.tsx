// The last hour of a sandbox in a row: RUN full height, asleep the lower part, no evidence dotted. Read aloud as its sums.
import type { Run } from '../live/types'
import { words } from '../words'
import { exact } from '../words/format'
import css from './parts.module.css'

const HEIGHT = 14
const LOW = 5.5

export function sums(runs: readonly Run[]): Record<Run[0], number> {
  const out = { run: 0, hib: 0, off: 0, gap: 0 }
  for (const [state, seconds] of runs) out[state] += seconds
  return out
}

export function sumsText(runs: readonly Run[]): string {
  const { run, hib, gap } = sums(runs)
  return words.box.life.text(exact(run), exact(hib), gap > 0 ? exact(gap) : '')
}

/** seconds: what the whole width stands for; the runs begin at its left. A run is never thinner than a pixel or so. */
export function Strip({
  runs,
  seconds = 3600,
  height = HEIGHT,
}: {
  runs: readonly Run[]
  seconds?: number
  height?: number
}) {
  let at = 0
  const narrowest = seconds / 200
  return (
    <svg
      className={css.strip}
      viewBox={`0 0 ${seconds} ${HEIGHT}`}
      height={height}
      preserveAspectRatio="none"
      role="img"
      aria-label={sumsText(runs)}
    >
      <rect x="0" y={HEIGHT - 0.75} width={seconds} height="0.75" fill="var(--line)" />
      {runs.map(([state, length]) => {
        const x = at
        at += length
        if (state === 'off') return null
        const width = Math.max(length, state === 'run' ? narrowest : 0)
        const key = `${state}${x}`
        if (state === 'gap')
          return (
            <line
              key={key}
              x1={x}
              x2={x + width}
              y1={HEIGHT / 2}
              y2={HEIGHT / 2}
              stroke="var(--edge)"
              strokeWidth="2"
              strokeDasharray={`${seconds / 120} ${seconds / 120}`}
            />
          )
        return (
          <rect
            key={key}
            x={x}
            width={width}
            y={state === 'run' ? 0 : HEIGHT - LOW}
            height={state === 'run' ? HEIGHT : LOW}
            fill={state === 'run' ? 'var(--run)' : 'var(--sleep)'}
          />
        )
      })}
    </svg>
  )
}
