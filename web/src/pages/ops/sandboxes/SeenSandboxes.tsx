// Sandboxes of all tenants, newest first. The filter is the address.
import { useLocation, useSearch } from 'wouter'
import { to } from '../../../app/routes'
import type { State } from '../../../live/types'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { FilterField } from '../../../parts/FilterField'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { whole } from '../../../words/format'
import { ops } from '../../../words/ops'
import { type SeenFilter, SeenList } from './SeenList'

const w = ops.sandboxes
const STATES = Object.keys(words.state) as State[]
const NAMES = ['id', 'project', 'account', 'worker', 'state'] as const
type Said = Partial<Record<(typeof NAMES)[number], string>>

function ofAddress(search: string): Said {
  const asked = new URLSearchParams(search)
  const out: Said = {}
  for (const name of NAMES) {
    const value = asked.get(name)
    if (value !== null && value !== '') out[name] = value
  }
  return out
}

/** What the service takes of it; what it is not, it says itself. */
function asked({ id, project, account, worker, state }: Said): SeenFilter {
  const no = worker === undefined ? null : whole(worker)
  const known = STATES.find((one) => one === state)
  return {
    ...(id === undefined ? {} : { id }),
    ...(project === undefined ? {} : { project }),
    ...(account === undefined ? {} : { account }),
    ...(no === null ? {} : { worker: no }),
    ...(known === undefined ? {} : { state: known }),
  }
}

export default function SeenSandboxes() {
  const [, navigate] = useLocation()
  const said = ofAddress(useSearch())
  const go = (now: Said) => {
    const query = new URLSearchParams(now).toString()
    navigate(to.opsSandboxes(query === '' ? '' : `?${query}`), { replace: true })
  }
  const put = (name: keyof Said, value: string) => {
    const { [name]: _, ...rest } = said
    go(value === '' ? rest : { ...rest, [name]: value })
  }
  const some = Object.keys(said).length > 0
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <div className={`${parts.fields} ${parts.small}`}>
          <FilterField label={w.fields.id} hint="i7f3…" value={said.id ?? ''} put={(v) => put('id', v)} />
          <FilterField
            label={w.fields.project}
            hint={w.projectHint}
            value={said.project ?? ''}
            put={(v) => put('project', v)}
          />
          <FilterField label={w.fields.worker} hint="3" value={said.worker ?? ''} put={(v) => put('worker', v)} />
          <Choice
            label={w.fields.state}
            value={said.state ?? ''}
            of={[{ id: '', text: w.notEnded }, ...STATES.map((id) => ({ id: id as string, text: words.state[id] }))]}
            onChange={(v) => put('state', v)}
          />
        </div>
        {said.worker === undefined || whole(said.worker) !== null ? null : (
          <p className={parts.error} role="alert">
            {w.wrongWorker(said.worker)}
          </p>
        )}
        {said.account === undefined ? null : (
          <div className={parts.row}>
            <span className={parts.dim}>{w.ofAccount}</span>
            <code>{said.account}</code>
            <Button kind="quiet" onPress={() => put('account', '')}>
              {words.list.clearFilter}
            </Button>
          </div>
        )}
      </div>
      <SeenList
        filter={asked(said)}
        empty={
          <>
            <strong>{some ? w.noHits : w.empty}</strong>
            <div className={parts.row}>
              {some && said.state !== 'ended' ? (
                <Button onPress={() => put('state', 'ended')}>{w.amongEnded}</Button>
              ) : null}
              {some ? (
                <Button kind="quiet" onPress={() => go({})}>
                  {words.list.clearFilter}
                </Button>
              ) : null}
            </div>
          </>
        }
      />
    </div>
  )
}
