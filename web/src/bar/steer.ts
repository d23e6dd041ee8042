/** How one moves in a bar: a cursor on a second, a view around it, and keys that lead to each second there is. */
import type { Stretch, Track } from './track.ts'

export interface Stand {
  readonly cursor: number
  readonly view: Stretch
  /** Shown as a table instead. */
  readonly table: boolean
}

export interface Key {
  readonly key: string
  readonly shiftKey?: boolean
}

/** No fewer seconds than that are seen at once, unless there are no more. */
const LEAST = 20
const MINUTE = 60

const within = (second: number, { from, to }: Stretch): number => Math.max(from, Math.min(to - 1, second))

export const whole = (track: Track): Stand => ({
  cursor: Math.max(track.from, track.to - 1),
  view: { from: track.from, to: Math.max(track.to, track.from + 1) },
  table: false,
})

/** So many times as close, with one second staying where it is; never beyond the track. */
export function zoom(track: Track, view: Stretch, times: number, around: number): Stretch {
  const all = Math.max(1, track.to - track.from)
  const now = view.to - view.from
  const seconds = Math.round(Math.min(all, Math.max(Math.min(LEAST, all), now / times)))
  const share = (around - view.from) / now
  const from = Math.round(around - share * seconds)
  return moved(track, { from, to: from + seconds })
}

/** Pushed back between the track's ends. */
function moved(track: Track, { from, to }: Stretch): Stretch {
  const seconds = to - from
  const last = Math.max(track.from, track.to - seconds)
  const at = Math.max(track.from, Math.min(last, from))
  return { from: at, to: at + seconds }
}

/** Dragged by so many seconds. */
export const pan = (track: Track, view: Stretch, by: number): Stretch =>
  moved(track, { from: view.from + by, to: view.to + by })

/** The view with a second in it, moved by as little as that takes. */
export function following(track: Track, view: Stretch, second: number): Stretch {
  if (second < view.from) return pan(track, view, second - view.from)
  return second >= view.to ? pan(track, view, second - view.to + 1) : view
}

/** What a key does; null: it is not one of ours, and somebody else's. */
export function press(track: Track, stand: Stand, { key, shiftKey = false }: Key): Stand | null {
  const to = (second: number): Stand => {
    const cursor = within(second, track)
    return { ...stand, cursor, view: following(track, stand.view, cursor) }
  }
  const step = shiftKey ? MINUTE : 1
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return to(stand.cursor + step)
    case 'ArrowLeft':
    case 'ArrowDown':
      return to(stand.cursor - step)
    case 'n':
    case 'N':
      return to(track.change(stand.cursor, 1))
    case 'p':
    case 'P':
      return to(track.change(stand.cursor, -1))
    case 'Home':
      return to(track.from)
    case 'End':
      return to(track.to - 1)
    case '+':
    case '=':
      return { ...stand, view: zoom(track, stand.view, 2, stand.cursor) }
    case '-':
      return { ...stand, view: zoom(track, stand.view, 0.5, stand.cursor) }
    case 't':
    case 'T':
      return { ...stand, table: !stand.table }
    default:
      return null
  }
}
