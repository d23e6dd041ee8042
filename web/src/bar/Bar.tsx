/**
 * The run/sleep bar. Drawn as SVG, so that it prints and takes its colours from the tokens; it is one slider over its
 * seconds, so that arrows and a screen reader need nothing else. T shows the same as a table.
 */
import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import css from './bar.module.css'
import { type Mark, marks, secondAt, ticks, xOf } from './marks.ts'
import { pan, press, type Stand, whole, zoom } from './steer.ts'
import { type Ended, type Life, Track } from './track.ts'
import { COLUMNS, clock, day, reading, summary, table } from './words.ts'

const SLEEP = 0.38
/** Above this height a run has a pale body under a cap of its colour. */
const LOW = 24
const CAP = 2
const END = 3

export interface BarProps {
  readonly life: Life
  /** In pixels; 14 is that of a row in a list. */
  readonly height?: number
  /** Fixed where the place is known before it is drawn; else the bar is as wide as what it stands in. */
  readonly width?: number
  /** What else is known of a second: its worker, its frame. */
  readonly about?: (second: number) => readonly string[]
}

function Shape({ mark, height, hatch }: { readonly mark: Mark; readonly height: number; readonly hatch: string }) {
  const { x, width, state, unattested, thin } = mark
  if (state === 'off') return null
  if (state === 'gap') {
    return <line className={css.gap} x1={x} x2={x + width} y1={height - 3} y2={height - 3} />
  }
  const tall = state === 'run' ? height : Math.max(CAP, Math.round(height * SLEEP))
  const y = height - tall
  const pale = height > LOW && !thin
  return (
    <g className={css[state]}>
      <rect className={pale ? css.tint : css.fill} x={x} y={y} width={width} height={tall} />
      {pale && <rect className={css.fill} x={x} y={y} width={width} height={CAP} />}
      {unattested && <rect x={x} y={y} width={width} height={tall} fill={`url(#${hatch})`} />}
    </g>
  )
}

const endClass = (ended: Ended): string | undefined =>
  ended.whose === 'ours' ? css.fault : ended.whose === 'customer' ? css.mine : css.rule

/** As wide as what it stands in, in whole pixels. */
function useWidth(fixed: number | undefined): [(at: HTMLElement | null) => void, number] {
  const [element, setElement] = useState<HTMLElement | null>(null)
  const [width, setWidth] = useState(fixed ?? 240)
  useEffect(() => {
    if (element === null || fixed !== undefined) return undefined
    const watch = new ResizeObserver(() => {
      setWidth(Math.max(1, Math.floor(element.clientWidth)))
    })
    watch.observe(element)
    return () => {
      watch.disconnect()
    }
  }, [element, fixed])
  return [setElement, fixed ?? width]
}

export function Bar({ life, height = 48, width: fixed, about }: BarProps) {
  const track = useMemo(() => new Track(life), [life])
  const hatch = useId()
  const [kept, setStand] = useState<{ readonly track: Track; readonly stand: Stand } | null>(null)
  const stand = kept?.track === track ? kept.stand : whole(track)
  const [place, width] = useWidth(fixed)
  const drag = useRef<{ readonly x: number; readonly stand: Stand } | null>(null)
  const box = useRef<HTMLDivElement | null>(null)
  const { view, cursor } = stand
  const seen = useMemo(() => marks(track, view, width), [track, view, width])
  const latest = useRef({ track, stand, width })
  latest.current = { track, stand, width }
  const go = (next: Stand): void => {
    setStand({ track, stand: next })
  }

  // React's own wheel listener may not keep the page from scrolling.
  useEffect(() => {
    const at = box.current
    const wheel = (e: WheelEvent): void => {
      if (!e.ctrlKey && !e.metaKey && document.activeElement !== at) return
      e.preventDefault()
      const now = latest.current
      const around = secondAt(e.offsetX, now.stand.view, now.width)
      const next = zoom(now.track, now.stand.view, e.deltaY < 0 ? 1.25 : 0.8, around)
      setStand({ track: now.track, stand: { ...now.stand, view: next } })
    }
    at?.addEventListener('wheel', wheel, { passive: false })
    return () => {
      at?.removeEventListener('wheel', wheel)
    }
  }, [])

  const key = (e: KeyboardEvent): void => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const next = press(track, stand, e)
    if (next !== null) {
      e.preventDefault()
      e.stopPropagation()
      go(next)
    }
  }
  const left = (e: PointerEvent): number => e.clientX - (box.current?.getBoundingClientRect().left ?? 0)
  const down = (e: PointerEvent): void => {
    drag.current = { x: left(e), stand: { ...stand, cursor: secondAt(left(e), view, width) } }
    go(drag.current.stand)
    box.current?.setPointerCapture(e.pointerId)
  }
  const move = (e: PointerEvent): void => {
    const from = drag.current
    if (from === null) return
    const by = Math.round(((from.x - left(e)) * (from.stand.view.to - from.stand.view.from)) / width)
    go({ ...from.stand, view: pan(track, from.stand.view, by) })
  }
  const up = (): void => {
    drag.current = null
  }

  const text = reading(track, cursor, about?.(cursor))
  const ended = life.ended ?? null
  return (
    <figure className={css.bar} ref={place}>
      <div
        className={css.seconds}
        ref={box}
        style={{ inlineSize: width }}
        role="slider"
        tabIndex={0}
        aria-label={summary(track, view)}
        aria-valuemin={track.from}
        aria-valuemax={Math.max(track.from, track.to - 1)}
        aria-valuenow={cursor}
        aria-valuetext={text}
        aria-keyshortcuts="ArrowLeft ArrowRight Shift+ArrowLeft Shift+ArrowRight N P T Plus Minus"
        onKeyDown={key}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
      >
        <svg width={width} height={height} aria-hidden="true">
          <defs>
            <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect className={css.hatch} width="2" height="6" />
            </pattern>
          </defs>
          <rect className={css.ground} x={0} y={height - 1} width={width} height={1} />
          {seen.map((mark) => (
            <Shape key={mark.x} mark={mark} height={height} hatch={hatch} />
          ))}
          {ended !== null && ended.at >= view.from && ended.at <= view.to && (
            <rect
              className={endClass(ended)}
              x={Math.min(width - END, xOf(ended.at, view, width))}
              width={END}
              height={height}
            />
          )}
          <rect className={css.cursor} x={xOf(cursor, view, width)} width={1} height={height} />
        </svg>
      </div>
      {height > LOW && (
        <div className={css.ticks} aria-hidden="true" style={{ inlineSize: width }}>
          {ticks(view, width).map((at) => (
            <span key={at} style={{ insetInlineStart: xOf(at, view, width) }}>
              {at % 86400 === 0 ? day(at).slice(5) : at % 60 === 0 ? clock(at).slice(0, 5) : clock(at)}
            </span>
          ))}
        </div>
      )}
      {height > LOW && <figcaption className={css.reading}>{text}</figcaption>}
      {stand.table && (
        <table className={css.table}>
          <caption>{summary(track, view)}</caption>
          <thead>
            <tr>
              {COLUMNS.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table(track, view)
              .slice(0, ROWS)
              .map(({ run, cells }) => (
                <tr key={run.from}>
                  {cells.map((cell, i) => (
                    <td key={COLUMNS[i]}>{cell}</td>
                  ))}
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </figure>
  )
}

/** A table has no more rows than that; who wants others zooms. */
const ROWS = 500
