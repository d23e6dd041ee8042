import fc from 'fast-check'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import { Bar } from './Bar.tsx'
import { columns, marks, secondAt, ticks, xOf } from './marks.ts'
import { press, type Stand, whole, zoom } from './steer.ts'
import { type Life, type State, Track } from './track.ts'
import { gib, reading, summary, table } from './words.ts'

const START = Date.UTC(2026, 10, 30, 14) / 1000
const state = fc.constantFrom<State>('run', 'hib', 'off', 'gap')
const runs = fc.array(fc.tuple(state, fc.integer({ min: 0, max: 5000 })), { minLength: 1, maxLength: 40 })
const life = runs.filter((r) => r.some(([, n]) => n > 0)).map((r): Life => ({ start: START, runs: r }))
const short = fc
  .array(fc.tuple(state, fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 12 })
  .map((r): Life => ({ start: START, runs: r }))
const pixels = fc.integer({ min: 1, max: 1500 })

/** Each second by itself, as slowly as one likes. */
const plain = ({ runs: all }: Life): State[] => all.flatMap(([s, n]) => Array.from({ length: n }, () => s))

function part(track: Track, a: number, b: number) {
  const at = track.from + Math.floor(a * (track.to - track.from))
  return { from: at, to: Math.min(track.to, at + 1 + Math.floor(b * (track.to - at))) }
}
const share = fc.double({ min: 0, max: 0.999, noNaN: true })

describe('columns', () => {
  it('lose no second and count none twice', () => {
    fc.assert(
      fc.property(life, pixels, share, share, (l, width, a, b) => {
        const track = new Track(l)
        const view = part(track, a, b)
        const all = columns(track, view, width)
        const want = { run: 0, hib: 0, off: 0, gap: 0 }
        for (const s of plain(l).slice(view.from - START, view.to - START)) want[s]++
        const got = { run: 0, hib: 0, off: 0, gap: 0 }
        let second = view.from
        let x = 0
        for (const c of all) {
          expect([c.from, c.x]).toEqual([second, x])
          expect(c.to > c.from && c.width > 0).toBe(true)
          second = c.to
          x += c.width
          for (const s of ['run', 'hib', 'off', 'gap'] as const) got[s] += c.sums[s]
        }
        expect([second, x, got]).toEqual([view.to, width, want])
        expect(track.sums(view)).toEqual(want)
      }),
    )
  })
  it('show each second that ran, and each that slept where none ran', () => {
    fc.assert(
      fc.property(life, pixels, (l, width) => {
        const track = new Track(l)
        const drawn = marks(track, track, width)
        for (const { x, sums } of columns(track, track, width)) {
          const seen = drawn.find((m) => m.x <= x && x < m.x + m.width)?.state
          const want = sums.run > 0 ? 'run' : sums.hib > 0 ? 'hib' : sums.gap > 0 ? 'gap' : 'off'
          expect(seen).toBe(want)
        }
      }),
    )
  })
  it('show one running second in an hour at 240 pixels, at full height and in full colour', () => {
    for (let at = 0; at < 3600; at++) {
      const l: Life = {
        start: START,
        runs: [
          ['hib', at],
          ['run', 1],
          ['hib', 3599 - at],
        ],
      }
      const track = new Track(l)
      const seen = marks(track, track, 240).filter((m) => m.state === 'run')
      expect(seen.map(({ width, thin }) => [width, thin])).toEqual([[1, true]])
    }
    const l: Life = {
      start: START,
      runs: [
        ['off', 1800],
        ['run', 1],
        ['off', 1799],
      ],
    }
    const html = renderToStaticMarkup(createElement(Bar, { life: l, width: 240, height: 48 }))
    expect(html).toMatch(/<rect class="[^"]*fill[^"]*" x="120" y="0" width="1" height="48">/)
  })
  it('are a mark a second where a second has three pixels', () => {
    const track = new Track({ start: START, runs: [['run', 80]] })
    expect(marks(track, track, 240)).toHaveLength(80)
    expect(marks(track, track, 239)).toHaveLength(1)
  })
})

describe('keys', () => {
  it('reach every second, there and back', () => {
    fc.assert(
      fc.property(short, (l) => {
        const track = new Track(l)
        let stand: Stand = { ...whole(track), cursor: track.from }
        const seen: number[] = [stand.cursor]
        for (let i = track.from + 1; i < track.to; i++) {
          stand = press(track, stand, { key: 'ArrowRight' }) ?? stand
          seen.push(stand.cursor)
        }
        expect(seen).toEqual(plain(l).map((_, i) => START + i))
        for (let i = track.from + 1; i < track.to; i++) stand = press(track, stand, { key: 'ArrowLeft' }) ?? stand
        expect(stand.cursor).toBe(track.from)
      }),
      { numRuns: 30 },
    )
  })
  it('reach every change by N and by P', () => {
    fc.assert(
      fc.property(life, (l) => {
        const track = new Track(l)
        const firsts = track.runs.map((r) => r.from)
        let stand: Stand = { ...whole(track), cursor: track.from }
        const there = firsts.map(() => {
          const { cursor } = stand
          stand = press(track, stand, { key: 'n' }) ?? stand
          return cursor
        })
        expect(there).toEqual(firsts)
        stand = { ...stand, cursor: track.to - 1 }
        const back: number[] = []
        for (let i = 0; i < firsts.length; i++) {
          stand = press(track, stand, { key: 'p' }) ?? stand
          back.push(stand.cursor)
        }
        expect(back.every((second) => firsts.includes(second))).toBe(true)
        expect(stand.cursor).toBe(firsts.length > 1 && track.to - 1 === firsts.at(-1) ? back.at(-1) : track.from)
      }),
    )
  })
  it('never leave the track, and keep the cursor in sight', () => {
    const key = fc.record({
      key: fc.constantFrom('ArrowLeft', 'ArrowRight', 'n', 'p', 'Home', 'End', '+', '-', 't', 'x'),
      shiftKey: fc.boolean(),
    })
    fc.assert(
      fc.property(life, fc.array(key, { maxLength: 60 }), (l, keys) => {
        const track = new Track(l)
        let stand = whole(track)
        for (const k of keys) {
          stand = press(track, stand, k) ?? stand
          const { cursor, view } = stand
          expect(track.from <= view.from && view.from < view.to && view.to <= track.to).toBe(true)
          expect(view.from <= cursor && cursor < view.to).toBe(true)
        }
      }),
    )
  })
  it('leave to others what is not theirs', () => {
    const track = new Track({ start: START, runs: [['run', 9]] })
    expect(press(track, whole(track), { key: 'k' })).toBeNull()
  })
  it('go by a minute with Shift', () => {
    const track = new Track({ start: START, runs: [['run', 900]] })
    const stand = { ...whole(track), cursor: START + 100 }
    expect(press(track, stand, { key: 'ArrowRight', shiftKey: true })?.cursor).toBe(START + 160)
    expect(press(track, stand, { key: 'ArrowLeft', shiftKey: true })?.cursor).toBe(START + 40)
  })
})

describe('a view', () => {
  it('keeps the second that one points at', () => {
    const track = new Track({ start: START, runs: [['run', 86400]] })
    const closer = zoom(track, track, 24, START + 43200)
    expect(closer).toEqual({ from: START + 41400, to: START + 45000 })
    expect(zoom(track, closer, 1 / 24, START + 43200)).toEqual({ from: track.from, to: track.to })
  })
  it('knows the second at each pixel', () => {
    fc.assert(
      fc.property(life, pixels, share, (l, width, a) => {
        const track = new Track(l)
        const x = Math.floor(a * width)
        const second = secondAt(x, track, width)
        expect(xOf(second, track, width) <= x && x < xOf(second + 1, track, width)).toBe(true)
      }),
    )
  })
  it('writes times that do not touch', () => {
    for (const seconds of [20, 60, 3600, 86400, 31 * 86400]) {
      const at = ticks({ from: START, to: START + seconds }, 1000)
      expect(at.length).toBeGreaterThan(1)
      expect(at.length).toBeLessThanOrEqual(13)
    }
  })
})

describe('words', () => {
  const l: Life = {
    start: START,
    runs: [
      ['run', 131],
      ['hib', 60],
      ['gap', 9],
    ],
    disk: [80, 80, 80, null],
    unattested: [{ from: START + 131, to: START + 191 }],
    ended: { at: START + 200, whose: 'ours', cause: 'the host was lost' },
  }
  const track = new Track(l)
  it('read a second', () => {
    expect(reading(track, START + 130, ['worker 3', 'frame 88,121'])).toBe(
      '14:02:10 UTC, running, billed, disk 1.25 GiB, worker 3, frame 88,121',
    )
    expect(reading(track, START + 131)).toBe(
      '14:02:11 UTC, asleep, disk billed, disk 1.25 GiB, signed by the service alone',
    )
    expect(reading(track, START + 199)).toBe('14:03:19 UTC, no evidence, not billed, ended: the host was lost')
    expect(gib(1)).toBe('0.015625 GiB')
  })
  it('have the same sums in a table', () => {
    fc.assert(
      fc.property(life, share, share, (any, a, b) => {
        const of = new Track(any)
        const view = part(of, a, b)
        const all = table(of, view)
        const ran = all.filter(({ run }) => run.state === 'run').reduce((n, { cells }) => n + Number(cells[3]), 0)
        expect(ran).toBe(of.sums(view).run)
        expect(all.reduce((n, { cells }) => n + Number(cells[3]), 0)).toBe(view.to - view.from)
      }),
    )
    expect(summary(track, track)).toContain('131 s running, 60 s asleep, 9 s without evidence')
  })
  it('are what a screen reader gets', () => {
    const html = renderToStaticMarkup(createElement(Bar, { life: l, width: 400 }))
    expect(html).toContain('role="slider"')
    expect(html).toContain('aria-valuetext="14:03:19 UTC, no evidence, not billed, ended: the host was lost"')
    expect(html).toMatch(/<rect class="[^"]*fault[^"]*"/)
    expect(html).toContain('url(#')
  })
})
