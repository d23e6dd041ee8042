/** A second, a run and a bar in words: what a screen reader says and a table has. */
import type { Run, State, Stretch, Track } from './track.ts'

const NAMES: Readonly<Record<State, string>> = { run: 'running', hib: 'asleep', off: 'not there', gap: 'no evidence' }
const BILLED: Readonly<Record<State, string>> = {
  run: 'billed',
  hib: 'disk billed',
  off: 'not billed',
  gap: 'not billed',
}

export const stateName = (state: State): string => NAMES[state]
export const billed = (state: State): string => BILLED[state]

const iso = (second: number): string => new Date(second * 1000).toISOString()
export const clock = (second: number): string => iso(second).slice(11, 19)
export const day = (second: number): string => iso(second).slice(0, 10)

/** GiB with what decimals it needs: 64 units are one. */
export const gib = (units: number): string => `${(units / 64).toLocaleString('en', { maximumFractionDigits: 6 })} GiB`

/** "14:02:11 UTC, running, billed, disk 1.25 GiB", and what else is known of that second. */
export function reading(track: Track, second: number, more: readonly string[] = []): string {
  const run = track.at(second)
  const parts = [`${clock(second)} UTC`]
  if (run === null) return [...parts, 'nothing'].join(', ')
  parts.push(stateName(run.state), billed(run.state))
  const disk = track.disk(second)
  if (disk !== null && (run.state === 'run' || run.state === 'hib')) parts.push(`disk ${gib(disk)}`)
  if (track.unattested({ from: second, to: second + 1 })) parts.push('signed by the service alone')
  const { ended } = track.life
  if (ended != null && second === track.to - 1) parts.push(`ended: ${ended.cause}`)
  return [...parts, ...more].join(', ')
}

const seconds = (n: number): string => `${n.toLocaleString('en')} s`

/** All of a stretch in a sentence. */
export function summary(track: Track, view: Stretch): string {
  const { run, hib, gap } = track.sums(view)
  const none = gap > 0 ? `, ${seconds(gap)} without evidence` : ''
  return `${day(view.from)} ${clock(view.from)} to ${clock(view.to)} UTC: ${seconds(run)} running, ${seconds(hib)} asleep${none}`
}

export interface TableRow {
  readonly run: Run
  readonly cells: readonly string[]
}

export const COLUMNS = ['From (UTC)', 'To', 'State', 'Seconds', 'Charged'] as const

/** What is within a stretch, a row each run. */
export function table(track: Track, view: Stretch): TableRow[] {
  return track.runs
    .filter((run) => run.from < view.to && view.from < run.to)
    .map((run) => {
      const from = Math.max(run.from, view.from)
      const to = Math.min(run.to, view.to)
      const cells = [
        `${day(from)} ${clock(from)}`,
        clock(to),
        stateName(run.state),
        String(to - from),
        billed(run.state),
      ]
      return { run: { ...run, from, to }, cells }
    })
}
