// Who pays: found by whatever he is known by. The filter is the address.
import { Link, useLocation, useSearch } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import type { Account } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { FilterField } from '../../../parts/FilterField'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { clock, mib, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { from } from '../ops'
import { Word } from '../parts'

const w = ops.tenants
export const TIERS = ['free', 'pro', 'payg', 'enterprise'] as const
export type Tier = (typeof TIERS)[number]
const NAMES = ['q', 'tier', 'blocked'] as const
type Said = Partial<Record<(typeof NAMES)[number], string>>

export default function Tenants() {
  const [, navigate] = useLocation()
  const prefs = usePrefs()
  const asked = new URLSearchParams(useSearch())
  const said: Said = {}
  for (const name of NAMES) {
    const value = asked.get(name)
    if (value !== null && value !== '') said[name] = value
  }
  const go = (now: Said) => {
    const query = new URLSearchParams(now).toString()
    navigate(to.opsTenants(query === '' ? '' : `?${query}`), { replace: true })
  }
  const put = (name: keyof Said, value: string) => {
    const { [name]: _, ...rest } = said
    go(value === '' ? rest : { ...rest, [name]: value })
  }
  const list = useRows<Account>(['ops', 'accounts', said], (cursor) =>
    must(
      api.GET('/v1/ops/accounts', {
        params: {
          query: {
            ...(said.q === undefined ? {} : { q: said.q }),
            ...(said.tier === undefined ? {} : { tier: said.tier }),
            ...(said.blocked === 'true' ? { blocked: true } : {}),
            ...from(cursor),
          },
        },
      }),
    ),
  )
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <div className={`${parts.fields} ${parts.small}`}>
          <FilterField label={w.fields.q} hint={w.qHint} value={said.q ?? ''} put={(v) => put('q', v)} />
          <Choice
            label={w.fields.tier}
            value={said.tier ?? ''}
            of={[{ id: '', text: w.any }, ...TIERS.map((id) => ({ id: id as string, text: w.tiers[id] }))]}
            onChange={(v) => put('tier', v)}
          />
          <Choice
            label={w.fields.blocked}
            value={said.blocked ?? ''}
            of={[
              { id: '', text: w.any },
              { id: 'true', text: w.onlyBlocked },
            ]}
            onChange={(v) => put('blocked', v)}
          />
        </div>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={
          <>
            <strong>{Object.keys(said).length === 0 ? w.empty : w.noHits}</strong>
            {Object.keys(said).length === 0 ? null : <Button onPress={() => go({})}>{words.list.clearFilter}</Button>}
          </>
        }
        columns={[
          {
            id: 'name',
            title: c.name,
            wide: true,
            cell: (row) => (
              <>
                <Link href={to.opsTenant(row.id)}>{plain(row.name)}</Link>{' '}
                <span className={parts.hint}>{plain(row.country)}</span>
              </>
            ),
          },
          { id: 'tier', title: c.tier, cell: (row) => w.tiers[row.tier as Tier] ?? plain(row.tier) },
          { id: 'currency', title: c.currency, cell: (row) => plain(row.currency) },
          { id: 'state', title: c.state, wide: true, cell: (row) => <Standing of={row} /> },
          { id: 'projects', title: c.projects, end: true, cell: (row) => row.projects.toLocaleString('en') },
          { id: 'running', title: c.running, end: true, cell: (row) => row.running.toLocaleString('en') },
          { id: 'asleep', title: c.asleep, end: true, cell: (row) => mib(row.asleep_mib) },
          { id: 'since', title: c.since, cell: (row) => clock(row.created_at, prefs) },
        ]}
      />
    </div>
  )
}

function Standing({ of }: { of: Account }) {
  if (of.banned) return <Word look="fault">{w.banned}</Word>
  if (of.blocked !== null)
    return (
      <Word look="rule" sentence>
        {w.blockedFor(plain(of.blocked))}
      </Word>
    )
  return <span className={parts.dim}>{w.good}</span>
}
