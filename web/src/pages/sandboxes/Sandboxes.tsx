// All sandboxes of the project: ten thousand in one scroll, a filter that is the address, and acts on many.
import { useEffect, useState } from 'react'
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components'
import { Link, useLocation, useSearch } from 'wouter'
import { useKeys } from '../../app/keys'
import { mayAct, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { asFail } from '../../live/fail'
import {
  address,
  EMPTY,
  type Filter,
  parts as filterParts,
  ofAddress,
  STATES,
  typed,
  written,
  wrongState,
} from '../../live/filter'
import { useSandboxes } from '../../live/useSandboxes'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { type Act, Bulk } from './Bulk'
import { Grid } from './Grid'
import css from './Sandboxes.module.css'

const TYPED_MS = 250

export default function Sandboxes() {
  const project = useProject()
  const [, navigate] = useLocation()
  const search = useSearch()
  const filter = ofAddress(search)
  const wrong = wrongState(filter)
  const list = useSandboxes(project.slug, filter)
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [act, setAct] = useState<Act | null>(null)
  const go = (f: Filter) => navigate(to.sandboxes(project.slug, address(f)), { replace: true })
  const may = mayAct(project)
  useKeys({ '/': () => document.getElementById('filter')?.focus() })

  const some = address({ ...filter, sort: EMPTY.sort }) !== ''
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1>{words.list.title}</h1>
        <p className={parts.dim} role="status">
          {list.loaded ? words.list.shown(list.rows.length, list.total, list.least) : ''}
        </p>
      </div>
      <div className={css.tools}>
        <FilterInput filter={filter} go={go} />
        <StateChips filter={filter} go={go} />
        {selected.size === 0 ? null : (
          <>
            <Button isDisabled={!may} onPress={() => setAct('pause')}>
              {words.list.sleep(selected.size)}
            </Button>
            <Button kind="danger" isDisabled={!may} onPress={() => setAct('kill')}>
              {words.list.kill(selected.size)}
            </Button>
            <Button kind="quiet" onPress={() => setSelected(new Set())}>
              {words.list.clear}
            </Button>
            {may ? null : <span className={parts.hint}>{words.list.noRight}</span>}
          </>
        )}
      </div>
      {wrong !== null ? (
        <p className={parts.error} role="alert">
          {words.list.filterBad(wrong)}
        </p>
      ) : list.error !== null && !list.loaded ? (
        <DenialCard fail={asFail(list.error)} onRetry={() => void list.refetch()} />
      ) : !list.loaded ? (
        <Bones heights={Array.from({ length: 8 }, () => 40)} />
      ) : list.rows.length === 0 && !list.more ? (
        <Nothing filter={some ? filter : null} go={go} />
      ) : (
        <Grid
          list={list}
          selected={selected}
          select={setSelected}
          sort={filter.sort}
          resort={(sort) => go({ ...filter, sort })}
        />
      )}
      {act === null ? null : (
        <Bulk
          act={act}
          ids={[...selected]}
          close={(left) => {
            setAct(null)
            setSelected(new Set(left))
          }}
        />
      )}
    </div>
  )
}

/** What is typed is the filter a quarter of a second later; what the address says is what stands here. */
function FilterInput({ filter, go }: { filter: Filter; go: (f: Filter) => void }) {
  const said = written(filter)
  const [text, setText] = useState(said)
  useEffect(() => setText((now) => (written(typed(now)) === said ? now : said)), [said])
  useEffect(() => {
    if (written(typed(text)) === said) return
    const timer = setTimeout(() => go(typed(text)), TYPED_MS)
    return () => clearTimeout(timer)
  })
  return (
    <input
      id="filter"
      type="search"
      className={`${parts.input} ${css.filter}`}
      aria-label={words.list.filter}
      placeholder={words.list.filterHint}
      value={text}
      spellCheck={false}
      autoComplete="off"
      onChange={(e) => setText(e.target.value)}
      onKeyDown={(e) => {
        if (e.key === 'Enter') go(typed(text))
        if (e.key === 'Escape') e.currentTarget.blur()
      }}
    />
  )
}

function StateChips({ filter, go }: { filter: Filter; go: (f: Filter) => void }) {
  return (
    <ToggleButtonGroup
      selectionMode="multiple"
      selectedKeys={filter.state}
      onSelectionChange={(keys) => go({ ...filter, state: Object.keys(STATES).filter((s) => keys.has(s)) })}
      className={css.chips ?? ''}
      aria-label={words.list.columns.state}
    >
      {Object.keys(STATES).map((state) => (
        <ToggleButton key={state} id={state} className={css.chip ?? ''}>
          {state}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  )
}

function Nothing({ filter, go }: { filter: Filter | null; go: (f: Filter) => void }) {
  const { slug } = useProject()
  if (filter === null) {
    return (
      <div className={`${parts.card} ${parts.empty}`}>
        <strong>{words.list.empty}</strong>
        <Link href={to.overview(slug)}>{words.list.emptyCure}</Link>
      </div>
    )
  }
  return (
    <div className={`${parts.card} ${parts.empty}`}>
      <strong>{words.list.noHits}</strong>
      <div className={parts.row}>
        {filterParts(filter).map(({ word, without }) => (
          <Button key={word} onPress={() => go(without)}>
            {words.list.noHitsCure(word)}
          </Button>
        ))}
        <Button kind="quiet" onPress={() => go(EMPTY)}>
          {words.list.clearFilter}
        </Button>
      </div>
    </div>
  )
}
