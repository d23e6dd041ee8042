/**
 * What is drawn of a track: columns of whole seconds, no second in two of them and none in none, and what of them looks
 * alike as one mark. A billed second is never invisible: a column in which any second ran is drawn as one that ran.
 */
import type { State, Stretch, Sums, Track } from './track.ts'

export interface Column extends Stretch {
  /** In whole pixels; never empty. */
  readonly x: number
  readonly width: number
  readonly sums: Sums
  readonly state: State
  readonly unattested: boolean
}

export interface Mark {
  readonly x: number
  readonly width: number
  readonly state: State
  readonly unattested: boolean
  /** So thin that only its full colour is seen. */
  readonly thin: boolean
}

/** From so many pixels a second on, each second is a mark of its own. */
const APART = 3
const THIN = 2

const stateOf = ({ run, hib, gap }: Sums): State => (run > 0 ? 'run' : hib > 0 ? 'hib' : gap > 0 ? 'gap' : 'off')

/** As many as there are pixels, or seconds where those are fewer. */
export function columns(track: Track, view: Stretch, width: number): Column[] {
  const seconds = view.to - view.from
  const count = Math.min(seconds, width)
  const out: Column[] = []
  for (let i = 0; i < count; i++) {
    const from = view.from + Math.floor((i * seconds) / count)
    const to = view.from + Math.floor(((i + 1) * seconds) / count)
    const x = Math.floor((i * width) / count)
    const sums = track.sums({ from, to })
    const end = Math.floor(((i + 1) * width) / count)
    out.push({ from, to, x, width: end - x, sums, state: stateOf(sums), unattested: track.unattested({ from, to }) })
  }
  return out
}

export function marks(track: Track, view: Stretch, width: number): Mark[] {
  const apart = width >= APART * (view.to - view.from)
  const out: Mark[] = []
  for (const { x, width: w, state, unattested } of columns(track, view, width)) {
    const last = out.at(-1)
    if (apart && state !== 'off') {
      out.push({ x, width: w - 1, state, unattested, thin: w - 1 <= THIN })
    } else if (
      last !== undefined &&
      last.state === state &&
      last.unattested === unattested &&
      last.x + last.width === x
    ) {
      out[out.length - 1] = { ...last, width: last.width + w, thin: last.width + w <= THIN }
    } else {
      out.push({ x, width: w, state, unattested, thin: w <= THIN })
    }
  }
  return out
}

/** Where a second stands, in pixels from the left. */
export const xOf = (second: number, view: Stretch, width: number): number =>
  ((second - view.from) * width) / (view.to - view.from)

/** Which second is at a pixel. */
export const secondAt = (x: number, view: Stretch, width: number): number =>
  Math.min(view.to - 1, Math.max(view.from, view.from + Math.floor((x * (view.to - view.from)) / width)))

const STEPS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800]

/** Seconds to write a time at, at least so many pixels apart. */
export function ticks(view: Stretch, width: number, least = 80): number[] {
  const seconds = view.to - view.from
  const step = STEPS.find((s) => (s * width) / seconds >= least) ?? seconds
  const out: number[] = []
  for (let at = Math.ceil(view.from / step) * step; at < view.to; at += step) out.push(at)
  return out
}
