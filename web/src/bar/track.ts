/**
 * The seconds of a sandbox as a bar shows them: what each of them was, and how many there are of what between two of
 * them. Times are whole seconds since 1970; a stretch has its first second and not its last. Nothing here draws.
 */

/** As the API has them: ran, slept, was not there, and nobody can prove what it did. */
export type State = 'run' | 'hib' | 'off' | 'gap'

export type Runs = readonly (readonly [State, number])[]

export interface Stretch {
  readonly from: number
  readonly to: number
}

export interface Ended {
  readonly at: number
  readonly whose: 'customer' | 'policy' | 'operator' | 'ours'
  /** In words. */
  readonly cause: string
}

export interface Life {
  /** The second in which runs begin. */
  readonly start: number
  readonly runs: Runs
  /** Of each minute from the one that `start` is in, in units of 16 MiB; null: nobody knows. */
  readonly disk?: readonly (number | null)[]
  /** Signed by the service alone. */
  readonly unattested?: readonly Stretch[]
  readonly ended?: Ended | null
}

/** Seconds by what they were. */
export type Sums = Readonly<Record<State, number>>

export interface Run extends Stretch {
  readonly state: State
}

const NONE: Sums = { run: 0, hib: 0, off: 0, gap: 0 }

/** What the API says as runs that are not empty, neighbours that differ. */
function runsOf({ start, runs }: Life): Run[] {
  const out: Run[] = []
  let at = start
  for (const [state, seconds] of runs) {
    if (seconds <= 0) continue
    const last = out.at(-1)
    if (last?.state === state) out[out.length - 1] = { ...last, to: last.to + seconds }
    else out.push({ state, from: at, to: at + seconds })
    at += seconds
  }
  return out
}

export class Track {
  readonly life: Life
  readonly from: number
  readonly to: number
  readonly runs: readonly Run[]
  /** Of all seconds before each run, and at last of all. */
  private readonly before: readonly Sums[]

  constructor(life: Life) {
    this.life = life
    this.runs = runsOf(life)
    this.from = life.start
    this.to = this.runs.at(-1)?.to ?? life.start
    const before = [NONE]
    let sums = NONE
    for (const { state, from, to } of this.runs) {
      sums = { ...sums, [state]: sums[state] + to - from }
      before.push(sums)
    }
    this.before = before
  }

  /** Which run a second is in; -1: none. */
  index(second: number): number {
    let low = 0
    let high = this.runs.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const run = this.runs[middle]
      if (run === undefined || second < run.from) high = middle - 1
      else if (second >= run.to) low = middle + 1
      else return middle
    }
    return -1
  }

  at(second: number): Run | null {
    return this.runs[this.index(second)] ?? null
  }

  /** Of the seconds in a stretch; what lies outside of the runs is "off". */
  sums({ from, to }: Stretch): Sums {
    const a = Math.max(from, this.from)
    const b = Math.min(to, this.to)
    const outside = Math.max(0, to - from) - Math.max(0, b - a)
    if (b <= a) return { ...NONE, off: outside }
    const left = this.until(a)
    const right = this.until(b)
    return {
      run: right.run - left.run,
      hib: right.hib - left.hib,
      off: right.off - left.off + outside,
      gap: right.gap - left.gap,
    }
  }

  /** Of all seconds before one that is within, or right behind the last. */
  private until(second: number): Sums {
    const i = second === this.to ? this.runs.length : this.index(second)
    const sums = this.before[i] ?? NONE
    const run = this.runs[i]
    return run === undefined ? sums : { ...sums, [run.state]: sums[run.state] + second - run.from }
  }

  /** What its disk had in a second, in units of 16 MiB; null: nobody knows. */
  disk(second: number): number | null {
    const minute = Math.floor(second / 60) - Math.floor(this.from / 60)
    return this.life.disk?.[minute] ?? null
  }

  unattested({ from, to }: Stretch): boolean {
    return this.life.unattested?.some((u) => u.from < to && from < u.to) ?? false
  }

  /** The first second of the next run, or of this one or the one before; where there is none, the last or first second. */
  change(second: number, by: 1 | -1): number {
    const i = this.index(second)
    const run = this.runs[i]
    if (run === undefined) return second
    if (by === 1) return Math.min(run.to, this.to - 1)
    return run.from < second ? run.from : (this.runs[i - 1]?.from ?? this.from)
  }
}
