// The rows: only those that are seen are there, and all of them can be reached by keys.
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, memo, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useLocation } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { mayAct, useProject } from '../../app/project'
import { to } from '../../app/routes'
import type { Sort } from '../../live/filter'
import type { Sandbox } from '../../live/types'
import { useAct } from '../../live/useAct'
import type { useSandboxes } from '../../live/useSandboxes'
import { Amount } from '../../parts/Amount'
import { copyText } from '../../parts/Copy'
import parts from '../../parts/parts.module.css'
import { causeWord, StateWord } from '../../parts/StateWord'
import { Strip } from '../../parts/Strip'
import { useNow } from '../../parts/useNow'
import { words } from '../../words'
import { age, plain, short, size } from '../../words/format'
import css from './Sandboxes.module.css'

const NARROW = '(max-width: 760px)'
const PAGE = 10
/** in pixels, as in the style sheet: it stays while the rows scroll */
const HEADER = 32

function useNarrow(): boolean {
  return useSyncExternalStore(
    (told) => {
      const query = matchMedia(NARROW)
      query.addEventListener('change', told)
      return () => query.removeEventListener('change', told)
    },
    () => matchMedia(NARROW).matches,
  )
}

type Props = {
  list: ReturnType<typeof useSandboxes>
  selected: ReadonlySet<string>
  select: (ids: ReadonlySet<string>) => void
  sort: Sort
  resort: (sort: Sort) => void
}

export function Grid({ list, selected, select, sort, resort }: Props) {
  const project = useProject()
  const { slug } = project
  const prefs = usePrefs()
  const [, navigate] = useLocation()
  const [here, setHere] = useState(0)
  const body = useRef<HTMLDivElement>(null)
  const narrow = useNarrow()
  const now = useNow(15_000)
  const act = useAct(slug)
  const { rows } = list
  const top = narrow ? 0 : HEADER
  const lines = useVirtualizer({
    count: rows.length,
    getScrollElement: () => body.current,
    estimateSize: () => (narrow ? 96 : 40),
    overscan: 8,
    scrollMargin: top,
    scrollPaddingStart: top,
  })
  useEffect(() => lines.measure(), [narrow, lines])
  const shown = lines.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (last >= rows.length - 30 && list.more) list.loadMore()
  })

  const move = (at: number) => {
    const to_ = Math.max(0, Math.min(rows.length - 1, at))
    setHere(to_)
    lines.scrollToIndex(to_)
  }
  const toggle = (id: string) => {
    const next = new Set(selected)
    if (!next.delete(id)) next.add(id)
    select(next)
  }
  const open = (row: Sandbox) => navigate(to.sandbox(slug, row.id))
  // a row that stays is not drawn anew while one scrolls: what it calls is the same each time
  const latest = useRef<RowActs>({ toggle, open, focus: setHere })
  latest.current = { toggle, open, focus: setHere }
  const [on] = useState<RowActs>(() => ({
    toggle: (id) => latest.current.toggle(id),
    open: (row) => latest.current.open(row),
    focus: (index) => latest.current.focus(index),
  }))
  const keys: Record<string, (row: Sandbox) => void> = {
    ArrowDown: () => move(here + 1),
    ArrowUp: () => move(here - 1),
    PageDown: () => move(here + PAGE),
    PageUp: () => move(here - PAGE),
    Home: () => move(0),
    End: () =>
      void list.toEnd().then(() => {
        // the rows that came are there after the next paint
        requestAnimationFrame(() => requestAnimationFrame(() => setGoEnd((n) => n + 1)))
      }),
    Enter: open,
    ' ': (row) => toggle(row.id),
    ...(prefs.keys
      ? {
          j: () => move(here + 1),
          k: () => move(here - 1),
          c: (row: Sandbox) => void copyText(row.id),
          p: (row: Sandbox) => {
            if (!mayAct(project)) return
            if (row.state === 'running') act.mutate({ id: row.id, act: 'pause' })
            if (row.state === 'paused') act.mutate({ id: row.id, act: 'resume' })
          },
        }
      : {}),
  }
  const [goEnd, setGoEnd] = useState(0)
  const count = rows.length
  useEffect(() => {
    if (goEnd > 0) move(count - 1)
  }, [goEnd])
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[here]
    const does = keys[event.key]
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      row === undefined ||
      does === undefined ||
      event.target !== body.current
    )
      return
    event.preventDefault()
    does(row)
  }
  const all = rows.length > 0 && rows.every((row) => selected.has(row.id))
  const c = words.list.columns
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows that are not seen are not there, which no table allows
    <div
      role="grid"
      className={`${parts.card} ${css.grid}`}
      aria-label={words.list.title}
      aria-rowcount={list.more ? -1 : rows.length + 1}
      aria-colcount={10}
      aria-multiselectable="true"
      ref={body}
      tabIndex={0}
      onKeyDown={onKeyDown}
      aria-activedescendant={rows[here] === undefined ? undefined : `row-${rows[here]?.id}`}
    >
      {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above; the body has the focus */}
      <div role="row" className={css.header} aria-rowindex={1}>
        <Head className={css.pick}>
          <input
            type="checkbox"
            checked={all}
            onChange={() => select(all ? new Set() : new Set(rows.map((row) => row.id)))}
            aria-label={words.list.selectAll}
          />
        </Head>
        <Head>{c.id}</Head>
        <Head>{c.state}</Head>
        <Head>{c.hour}</Head>
        <Head>{c.template}</Head>
        <Head>{c.spec}</Head>
        <Head className={css.key}>{c.key}</Head>
        <Head sort={sort === 'newest' ? 'ascending' : 'descending'}>
          <button
            type="button"
            className={css.sort}
            title={words.list[sort === 'newest' ? 'newestFirst' : 'oldestFirst']}
            onClick={() => resort(sort === 'newest' ? 'oldest' : 'newest')}
          >
            {c.age} <span aria-hidden="true">{sort === 'newest' ? '↑' : '↓'}</span>
          </button>
        </Head>
        <Head className={css.end}>{c.month}</Head>
        <Head>{c.why}</Head>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup">
        <div className={css.all} role="presentation" style={{ blockSize: lines.getTotalSize() }}>
          {shown.map((line) => {
            const row = rows[line.index]
            return row === undefined ? null : (
              <Line
                key={row.id}
                row={row}
                index={line.index}
                top={line.start - top}
                here={line.index === here}
                selected={selected.has(row.id)}
                now={now}
                on={on}
              />
            )
          })}
        </div>
        {list.loadingMore ? <p className={css.status}>{words.list.more}</p> : null}
      </div>
    </div>
  )
}

function Head({
  className,
  sort,
  children,
}: {
  className?: string | undefined
  sort?: 'ascending' | 'descending'
  children: React.ReactNode
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: of the grid above
    <div role="columnheader" className={className} aria-sort={sort}>
      {children}
    </div>
  )
}

type RowActs = {
  toggle: (id: string) => void
  open: (row: Sandbox) => void
  focus: (index: number) => void
}

type LineProps = {
  row: Sandbox
  index: number
  top: number
  here: boolean
  selected: boolean
  now: Date
  on: RowActs
}

const Line = memo(function Line({ row, index, top, here, selected, now, on }: LineProps) {
  const cell = (className: string | undefined, children: React.ReactNode) => (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: of the grid above
    <div role="gridcell" className={className}>
      {children}
    </div>
  )
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the body has the focus and the keys
    <div
      role="row"
      id={`row-${row.id}`}
      className={css.line}
      style={{ transform: `translateY(${top}px)` }}
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-here={here ? '' : undefined}
      onClick={() => on.open(row)}
      onMouseDown={() => on.focus(index)}
    >
      {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: only keeps a click from opening the row */}
      <div role="gridcell" className={css.pick} onClick={(e) => e.stopPropagation()}>
        <input
          type="checkbox"
          tabIndex={-1}
          checked={selected}
          onChange={() => on.toggle(row.id)}
          aria-label={words.list.select(short(row.id))}
        />
      </div>
      {cell(`${css.id} ${parts.mono}`, <span title={row.id}>{short(row.id)}</span>)}
      {cell(css.state, <StateWord state={row.state} whose={row.whose} />)}
      {cell(css.hour, row.runs_1h == null ? null : <Strip runs={(row.runs_1h.runs ?? []) as never} />)}
      {cell(css.template, plain(row.alias ?? row.template))}
      {cell(`${css.spec} ${parts.mono}`, size(row.spec))}
      {cell(css.key, plain(row.key?.name ?? ''))}
      {cell(css.age, age(row.created_at, now))}
      {cell(
        css.end,
        row.month?.amount == null ? <span className={parts.dim}>–</span> : <Amount value={row.month.amount} />,
      )}
      {cell(css.why, row.state === 'paused' || row.state === 'ended' ? causeWord(row.cause) : '')}
    </div>
  )
})
