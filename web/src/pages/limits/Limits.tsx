// What binds the project: how much of it is used, whose word sets it, and what was refused by it.
import { useQuery } from '@tanstack/react-query'
import { usePrefs } from '../../app/prefs'
import { may, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { limits } from '../../live/queries'
import type { Limit, Refusal } from '../../live/types'
import { allOf, useRows } from '../../live/useRows'
import { List } from '../../parts/List'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { clock, plain } from '../../words/format'
import { project } from '../../words/project'
import css from './limits.module.css'

const w = project.limits

/** from so much of a limit on it reads as full */
const NEAR = 0.85

const full = (row: Limit) => (row.used === null ? -1 : row.limit === 0 ? 1 : row.used / row.limit)
/** What is nearest to its end comes first, what is not counted last. */
const fuller = (a: Limit, b: Limit) => full(b) - full(a) || (a.name < b.name ? -1 : 1)

export default function Limits() {
  return may(useProject(), 'limit.read') ? <Known /> : <NoRight right="limit.read" />
}

function Known() {
  const { slug } = useProject()
  const query = useQuery({ ...limits(slug), refetchInterval: 10_000 })
  const rows = query.data?.rows
  const list = (of: Limit['binds']) => allOf(rows?.filter((row) => row.binds === of).sort(fuller), query)
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.title}</h1>
          {query.data === undefined ? null : <span className={parts.tag}>{w.tier(plain(query.data.tier))}</span>}
        </div>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      {(['project', 'account'] as const).map((of) => (
        <section key={of} className={parts.block} aria-labelledby={`limits-${of}`}>
          <h2 id={`limits-${of}`}>{of === 'project' ? w.ofProject : w.ofAccount}</h2>
          <Table label={of === 'project' ? w.ofProject : w.ofAccount} list={list(of)} />
        </section>
      ))}
      <Denials />
    </div>
  )
}

function Table({ label, list }: { label: string; list: Parameters<typeof List<Limit>>[0]['list'] }) {
  const prefs = usePrefs()
  const c = w.columns
  return (
    <List<Limit>
      label={label}
      list={list}
      id={(row) => row.name}
      counted={false}
      empty={<span className={parts.dim}>{w.empty}</span>}
      columns={[
        {
          id: 'what',
          title: c.what,
          wide: true,
          cell: (row) => (
            <>
              {row.what} <span className={`${parts.hint} ${parts.mono}`}>{row.name}</span>
            </>
          ),
        },
        { id: 'used', title: c.used, cell: (row) => <Used row={row} /> },
        { id: 'limit', title: c.limit, end: true, cell: (row) => row.limit.toLocaleString('en') },
        {
          id: 'by',
          title: c.setBy,
          wide: true,
          cell: (row) => (
            <>
              {w.setBy[row.set_by]}
              {row.set_by === 'tier' ? null : (
                <span className={parts.hint}>
                  {row.who ? ` ${w.by(plain(row.who.replace(':', ' ')))}` : ''}
                  {row.until ? ` ${w.until(clock(row.until, prefs))}` : ''}
                  {row.reason ? `: ${plain(row.reason)}` : ''}
                </span>
              )}
            </>
          ),
        },
        {
          id: 'denied',
          title: c.denied,
          end: true,
          cell: (row) =>
            (row.denied_24h ?? 0) === 0 ? (
              <span className={parts.dim}>0</span>
            ) : (
              <strong className={parts.error}>{(row.denied_24h ?? 0).toLocaleString('en')}</strong>
            ),
        },
      ]}
    />
  )
}

function Used({ row }: { row: Limit }) {
  if (row.used === null) return <span className={parts.dim}>{w.uncounted}</span>
  const part = full(row)
  return (
    <div className={css.used}>
      <span>{row.used.toLocaleString('en')}</span>
      <div className={`${parts.gauge} ${part >= NEAR ? parts.fault : parts.run}`} aria-hidden="true">
        <div style={{ inlineSize: `${Math.min(100, part * 100)}%` }} />
      </div>
    </div>
  )
}

function Denials() {
  const { slug } = useProject()
  const prefs = usePrefs()
  const whoWord = useWho()
  const list = useRows<Refusal>(
    ['denials', slug],
    (cursor) =>
      must(
        api.GET('/v1/projects/{slug}/denials', {
          params: { path: { slug }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: 10_000 },
  )
  const c = w.denialColumns
  return (
    <section className={parts.block} aria-labelledby="denials">
      <h2 id="denials">{w.denials}</h2>
      <List
        label={w.denials}
        list={list}
        id={(row) => `${row.at}${row.denial.rule}${row.key ?? ''}`}
        empty={<span className={parts.dim}>{w.noDenials}</span>}
        columns={[
          {
            id: 'rule',
            title: c.rule,
            cell: (row) =>
              row.denial.doc === null ? (
                <span className={parts.mono}>{row.denial.rule}</span>
              ) : (
                <a
                  className={parts.mono}
                  href={`${row.denial.doc}#${row.denial.rule}`}
                  target="_blank"
                  rel="noreferrer"
                  title={words.fail.doc}
                >
                  {row.denial.rule}
                </a>
              ),
          },
          { id: 'what', title: c.what, wide: true, cell: (row) => plain(row.denial.cure) },
          { id: 'count', title: c.count, end: true, cell: (row) => row.count.toLocaleString('en') },
          { id: 'who', title: c.who, cell: (row) => whoWord(row.who) },
          { id: 'at', title: c.at, cell: (row) => clock(row.last_at, prefs) },
        ]}
      />
    </section>
  )
}
