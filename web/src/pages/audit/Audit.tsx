// Who did what, newest first. The filter is the address, and what is downloaded is what it leaves.
import { useMutation } from '@tanstack/react-query'
import { useLocation, useSearch } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { may, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { save } from '../../live/save'
import type { AuditLine } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { FilterField } from '../../parts/FilterField'
import { List } from '../../parts/List'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { useWho } from '../../parts/useWho'
import { clock, plain } from '../../words/format'
import { project as words_ } from '../../words/project'
import css from './audit.module.css'

const w = words_.audit
const NAMES = ['who', 'verb', 'from', 'to'] as const
type Filter = Partial<Record<(typeof NAMES)[number], string>>

function ofAddress(search: string): Filter {
  const said = new URLSearchParams(search)
  const out: Filter = {}
  for (const name of NAMES) {
    const value = said.get(name)
    if (value !== null && value !== '') out[name] = value
  }
  return out
}

/** A day of UTC, as audits and bills have them; the API takes moments. */
function asked(filter: Filter): Filter {
  const moment = (day: string) => (/^\d{4}-\d{2}-\d{2}$/.test(day) ? `${day}T00:00:00Z` : day)
  return {
    ...filter,
    ...(filter.from === undefined ? {} : { from: moment(filter.from) }),
    ...(filter.to === undefined ? {} : { to: moment(filter.to) }),
  }
}

export default function Audit() {
  return may(useProject(), 'audit.read') ? <Known /> : <NoRight right="audit.read" />
}

function Known() {
  const { slug } = useProject()
  const prefs = usePrefs()
  const whoWord = useWho()
  const [, navigate] = useLocation()
  const filter = ofAddress(useSearch())
  const go = (now: Filter) => {
    const query = new URLSearchParams(now as Record<string, string>).toString()
    navigate(to.audit(slug, query === '' ? '' : `?${query}`), { replace: true })
  }
  const put = (name: keyof Filter, value: string) => {
    const { [name]: _, ...rest } = filter
    go(value === '' ? rest : { ...rest, [name]: value })
  }
  const list = useRows<AuditLine>(['audit', slug, filter], (cursor) =>
    must(
      api.GET('/v1/projects/{slug}/audit', {
        params: { path: { slug }, query: { ...asked(filter), limit: 50, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const file = useMutation({
    mutationFn: () =>
      save(
        `/v1/projects/${encodeURIComponent(slug)}/audit?${new URLSearchParams({
          ...asked(filter),
          format: 'csv',
          limit: '1000',
        })}`,
        'audit.csv',
      ),
  })
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.title}</h1>
          <Button isPending={file.isPending} onPress={() => file.mutate()}>
            {w.csv}
          </Button>
        </div>
        <p className={parts.lead}>{w.lead}</p>
        {file.error === null ? null : <DenialCard fail={asFail(file.error)} onRetry={() => file.mutate()} />}
        <div className={css.tools}>
          <FilterField
            label={w.who}
            hint="person:… key:… operator:…"
            value={filter.who ?? ''}
            put={(v) => put('who', v)}
          />
          <FilterField label={w.verb} hint="key." value={filter.verb ?? ''} put={(v) => put('verb', v)} />
          <FilterField label={`${w.from} (UTC)`} type="date" value={filter.from ?? ''} put={(v) => put('from', v)} />
          <FilterField label={`${w.to} (UTC)`} type="date" value={filter.to ?? ''} put={(v) => put('to', v)} />
        </div>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => `${row.at}${row.verb}${row.object}`}
        empty={
          <>
            <strong>{w.empty}</strong>
            {Object.keys(filter).length === 0 ? null : <Button onPress={() => go({})}>{w.clear}</Button>}
          </>
        }
        columns={[
          { id: 'at', title: c.at, cell: (row) => clock(row.at, prefs) },
          {
            id: 'who',
            title: c.who,
            cell: (row) => (
              <button type="button" className={parts.link} title={row.who} onClick={() => put('who', row.who)}>
                {whoWord(row.who)}
              </button>
            ),
          },
          {
            id: 'verb',
            title: c.verb,
            cell: (row) => (
              <button type="button" className={`${parts.link} ${parts.mono}`} onClick={() => put('verb', row.verb)}>
                {row.verb}
              </button>
            ),
          },
          {
            id: 'object',
            title: c.object,
            wide: true,
            cell: (row) => <span className={parts.mono}>{plain(row.object)}</span>,
          },
          { id: 'detail', title: c.detail, wide: true, cell: (row) => <Detail of={row.detail} /> },
        ]}
      />
    </div>
  )
}

/** What an act said of itself, name by name; nothing of it is trusted to be of any shape. */
function Detail({ of }: { of: Record<string, unknown> }) {
  const all = Object.entries(of)
  if (all.length === 0) return null
  return (
    <span className={css.detail}>
      {all.map(([name, value]) => (
        <span key={name}>
          <span className={parts.dim}>{plain(name)}</span>{' '}
          {plain(typeof value === 'string' ? value : JSON.stringify(value))}
        </span>
      ))}
    </span>
  )
}
