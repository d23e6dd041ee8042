// Its log, the newest last. It follows as long as one is at its end; who scrolls up stays where he reads.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { asFail } from '../../live/fail'
import { type LogFilter, logs } from '../../live/queries'
import type { Sandbox } from '../../live/types'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock, plain } from '../../words/format'
import css from './Sandbox.module.css'

const TYPED_MS = 250
/** so near to the end is at the end */
const NEAR_PX = 24

export function Logs({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const prefs = usePrefs()
  const [search, setSearch] = useState('')
  const [filter, setFilter] = useState<LogFilter>({ search: '', level: '' })
  const [follow, setFollow] = useState(true)
  const end = useRef<HTMLOListElement>(null)
  useEffect(() => {
    const timer = setTimeout(() => setFilter((f) => ({ ...f, search })), TYPED_MS)
    return () => clearTimeout(timer)
  }, [search])
  const query = useInfiniteQuery({
    queryKey: ['logs', slug, box.id, filter],
    queryFn: ({ pageParam }) => logs(slug, box.id, filter, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: follow && box.state !== 'ended' ? 2000 : false,
  })
  const rows = query.data?.pages.flatMap((page) => page.rows).reverse()
  const newest = rows?.at(-1)?.at
  useLayoutEffect(() => {
    const list = end.current
    if (follow && list !== null) list.scrollTop = list.scrollHeight
  }, [follow, newest])
  const w = words.box.logs
  return (
    <div className={`${parts.card} ${css.logs}`}>
      <div className={css.logtools}>
        <input
          type="search"
          className={parts.input}
          placeholder={w.search}
          aria-label={w.search}
          value={search}
          onChange={(e) => setSearch(e.target.value)}
        />
        <label>
          {w.level}
          <select
            value={filter.level}
            onChange={(e) => setFilter({ ...filter, level: e.target.value as LogFilter['level'] })}
          >
            <option value="">{w.levels.all}</option>
            <option value="info">{w.levels.info}</option>
            <option value="warn">{w.levels.warn}</option>
          </select>
        </label>
        <label>
          <input type="checkbox" checked={follow} onChange={(e) => setFollow(e.target.checked)} />
          {w.follow}
        </label>
        {rows === undefined || rows.length === 0 ? null : (
          <Copy text={rows.map((r) => `${r.at} ${r.level} ${r.message}`).join('\n')} />
        )}
      </div>
      {query.error !== null && rows === undefined ? (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      ) : null}
      {rows === undefined && query.error === null ? (
        <div className={css.pad}>
          <Bones heights={[16, 16, 16, 16]} />
        </div>
      ) : null}
      {rows?.length === 0 ? (
        <p className={css.pad}>{filter.search === '' && filter.level === '' ? w.empty : w.noHits}</p>
      ) : null}
      {rows === undefined || rows.length === 0 ? null : (
        <ol
          className={css.lines}
          ref={end}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys, too
          tabIndex={0}
          onWheel={(e) => {
            const list = e.currentTarget
            if (e.deltaY < 0) setFollow(false)
            else if (list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX) setFollow(true)
          }}
        >
          {query.hasNextPage ? (
            <li>
              <Button kind="quiet" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
                {w.more}
              </Button>
            </li>
          ) : null}
          {rows.map((row, i) => (
            <li key={`${row.at}${i}`}>
              <span>{clock(row.at, prefs)}</span>
              <span className={row.level === 'warn' ? css.warn : ''}>{row.level}</span>
              <span>{plain(row.message)}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  )
}
