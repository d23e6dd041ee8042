// A bundle is fetched, or chosen, and judged in this browser by the verifier that stands beside the other two: it says good, or which
// record is not right. What it is held against: the keys that the service names, and the total that the API says.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, ask, must } from '../../live/api'
import { asFail, type Fail, failOf, troubleOf } from '../../live/fail'
import { Amount } from '../../parts/Amount'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Facts } from '../../parts/Facts'
import { Field } from '../../parts/Field'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { Glyph } from '../../parts/StateWord'
import { Cancelled, type Check as Checking, check, type Far } from '../../verify/check'
import type { Verdict } from '../../verify/verify'
import { believed, KINDS, seen, where } from '../../verify/words'
import { billing } from '../../words/billing'
import { plain, short } from '../../words/format'
import { isMonth, lastMonths, monthOf } from '../../words/months'
import css from './check.module.css'

const w = billing.check
const MONTHS = 13

export default function Check() {
  return (
    <OfAccount right="billing.read">
      <Known />
    </OfAccount>
  )
}

type Asked = { what: 'statement' | 'month'; number: string; month: string }

function ofAddress(search: string): { asked: Asked; wanted: boolean } {
  const p = new URLSearchParams(search)
  const number = p.get('statement') ?? ''
  const month = p.get('month') ?? ''
  return {
    asked: {
      what: month !== '' ? 'month' : 'statement',
      number: /^\d{1,9}$/.test(number) ? number : '',
      month: isMonth(month) ? month : monthOf(new Date()),
    },
    wanted: number !== '' || month !== '',
  }
}

/** The keys of the service: with others a bundle is refused. */
function usePins() {
  return useQuery({
    queryKey: ['service-keys'],
    queryFn: async () => {
      const page = await must(api.GET('/v1/keys', { params: { query: { limit: 1000 } } }))
      return (page.rows as { of: string; publicKey: string }[])
        .filter((row) => row.of === 'service')
        .map((row) => row.publicKey)
    },
    staleTime: 60_000,
  })
}

type State =
  | { at: 'rest' }
  | { at: 'fetching' }
  | { at: 'checking'; name: string; far: Far | null }
  | { at: 'said'; name: string; verdict: Verdict; seconds: string; total: string | null }
  | { at: 'failed'; fail: Fail }

function Known() {
  const { account } = useProject()
  const [, navigate] = useLocation()
  const { asked, wanted } = ofAddress(useSearch())
  const [number, setNumber] = useState(asked.number)
  useEffect(() => setNumber(asked.number), [asked.number])
  const pins = usePins()
  const [state, setState] = useState<State>({ at: 'rest' })
  const running = useRef<Checking | null>(null)
  useEffect(() => () => running.current?.cancel(), [])

  const judge = async (file: Blob, name: string, total: string | null) => {
    running.current?.cancel()
    setState({ at: 'checking', name, far: null })
    const since = performance.now()
    const worker = new Worker(new URL('../../verify/worker.ts', import.meta.url), { type: 'module' })
    const mine = check(worker, { file, pins: pins.data ?? [] }, (far) => setState({ at: 'checking', name, far }))
    running.current = mine
    try {
      const verdict = await mine.done
      const seconds = `${((performance.now() - since) / 1000).toFixed(1)} s`
      setState({ at: 'said', name, verdict, seconds, total })
    } catch (e) {
      if (e instanceof Cancelled) return
      setState({ at: 'failed', fail: troubleOf(e) })
    }
  }
  const fetchAndJudge = async (of: Asked) => {
    running.current?.cancel()
    setState({ at: 'fetching' })
    try {
      const root = `/v1/accounts/${encodeURIComponent(account)}`
      const one = of.what === 'statement'
      const path = one ? `${root}/statements/${of.number}/bundle` : `${root}/bundle?from=${of.month}`
      const answer = await ask(new Request(new URL(path, location.origin)))
      if (!answer.ok) {
        throw failOf(answer.status, await answer.json().catch(() => null), answer.headers.get('X-Request-Id'))
      }
      const total = one ? await totalOf(account, Number.parseInt(of.number, 10)) : null
      await judge(await answer.blob(), one ? `statement-${of.number}.tar.zst` : `${of.month}.tar.zst`, total)
    } catch (e) {
      setState({ at: 'failed', fail: asFail(e) })
    }
  }
  // who came by a link that names it wants it checked: once, when the keys are known
  const begun = useRef('')
  const here = `${asked.what}${asked.number}${asked.month}`
  useEffect(() => {
    if (!wanted || pins.data === undefined || begun.current === here) return
    begun.current = here
    if (asked.what === 'month' || asked.number !== '') void fetchAndJudge(asked)
  })
  const put = (of: Asked) => {
    begun.current = `${of.what}${of.number}${of.month}`
    navigate(
      to.check(account, of.what === 'month' ? `?month=${of.month}` : of.number === '' ? '' : `?statement=${of.number}`),
      { replace: true },
    )
  }
  const go = () => {
    const of = { ...asked, number: number.trim() }
    put(of)
    void fetchAndJudge(of)
  }
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      {pins.error === null ? null : <DenialCard fail={asFail(pins.error)} onRetry={() => void pins.refetch()} />}
      <div className={css.both}>
        <form
          className={`${parts.card} ${css.form}`}
          onSubmit={(e) => {
            e.preventDefault()
            go()
          }}
        >
          <h2>{w.from}</h2>
          <div className={css.fields}>
            <Choice
              label={w.what}
              value={asked.what}
              of={[
                { id: 'statement', text: w.statement },
                { id: 'month', text: w.month },
              ]}
              onChange={(what) => put({ ...asked, what })}
            />
            {asked.what === 'statement' ? (
              <Field
                label={w.number}
                value={number}
                onChange={setNumber}
                inputMode="numeric"
                pattern="[0-9]{1,9}"
                isRequired
                autoComplete="off"
                mono
              />
            ) : (
              <Choice
                label={w.monthOf}
                value={asked.month}
                of={lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))}
                onChange={(month) => put({ ...asked, month })}
              />
            )}
            <Button type="submit" kind="primary" isDisabled={pins.data === undefined}>
              {w.go}
            </Button>
          </div>
        </form>
        <section className={`${parts.card} ${css.form}`}>
          <h2>{w.file}</h2>
          <label className={parts.field}>
            <span className={parts.label}>{w.fileHint}</span>
            <input
              type="file"
              accept=".zst,application/zstd"
              disabled={pins.data === undefined}
              onChange={(e) => {
                const file = e.target.files?.[0]
                if (file !== undefined) void judge(file, file.name, null)
                e.target.value = ''
              }}
            />
          </label>
          <a href="/console/verify/">{w.saved}</a>
        </section>
      </div>
      <div aria-live="polite">
        <Outcome
          state={state}
          cancel={() => {
            running.current?.cancel()
            setState({ at: 'rest' })
          }}
          again={() => void fetchAndJudge(asked)}
        />
      </div>
    </div>
  )
}

async function totalOf(account: string, number: number): Promise<string | null> {
  // it is JSON: of paper one asks with .pdf behind the number
  const one = (await must(
    api.GET('/v1/accounts/{id}/statements/{number}', { params: { path: { id: account, number } } }),
  )) as { body?: string }
  return (JSON.parse(one.body ?? '{}') as { total?: string }).total ?? null
}

function Outcome({ state, cancel, again }: { state: State; cancel: () => void; again: () => void }) {
  if (state.at === 'rest') return null
  if (state.at === 'failed') return <DenialCard fail={state.fail} onRetry={again} />
  if (state.at === 'fetching') return <p className={`${parts.card} ${parts.pad}`}>{w.fetching}</p>
  if (state.at === 'checking') {
    const { far } = state
    return (
      <section className={`${parts.card} ${css.outcome}`}>
        <div className={parts.head}>
          <h2>{w.checking(plain(state.name))}</h2>
          <Button onPress={cancel}>{w.cancel}</Button>
        </div>
        <progress className={css.progress} aria-label={w.title} max={1} value={far === null ? 0 : far.bytes / far.of} />
        <p className={parts.dim}>{w.far(far?.statement ?? 0, far?.last ?? 0, far?.rows ?? 0)}</p>
      </section>
    )
  }
  const { verdict: v } = state
  if (v.verdict === 'bad' && v.fault !== null) {
    const { fault } = v
    return (
      <section className={`${parts.card} ${css.outcome} ${css.bad}`}>
        <h2 className={`${parts.state} ${parts.fault} ${css.verdict}`}>
          <Glyph look="fault" />
          {w.bad} {w.at(where(fault))}
        </h2>
        <p>{`${fault.words.charAt(0).toUpperCase()}${fault.words.slice(1)}.`}</p>
        <p className={parts.dim}>{KINDS[fault.kind]}</p>
        <Facts
          rows={[
            [w.record, <code key="entry">{plain(fault.entry === '' ? state.name : fault.entry)}</code>],
            [w.hash, fault.hash === null ? null : <code key="hash">{fault.hash}</code>],
          ]}
        />
        <p className={parts.dim}>{w.rest}</p>
      </section>
    )
  }
  if (v.verdict !== 'good') {
    return (
      <section className={`${parts.card} ${css.outcome}`}>
        <h2 className={`${parts.state} ${parts.rule} ${css.verdict}`}>
          <Glyph look="rule" />
          {w.unknown}
        </h2>
        <p>{w.old(plain(v.unknown ?? ''))}</p>
      </section>
    )
  }
  return <Good state={state} v={v} />
}

function Good({ state, v }: { state: Extract<State, { at: 'said' }>; v: Verdict }) {
  const { account } = useProject()
  const more = believed(v)
  const one = v.first === v.last
  return (
    <section className={`${parts.card} ${css.outcome} ${css.good}`}>
      <h2 className={`${parts.state} ${parts.good} ${css.verdict}`}>
        <Glyph look="good" />
        {w.good}
      </h2>
      <p className={css.total}>
        <Amount value={v.total} currency={v.currency} />
      </p>
      {state.total === null ? null : (
        <p className={state.total === v.total ? parts.good : parts.error}>
          {state.total === v.total ? w.equal : w.unequal(state.total)}
        </p>
      )}
      <ul className={css.said}>
        <li>
          {one ? (
            <Link href={to.statement(account, v.first)}>{w.statements(String(v.first), String(v.last))}</Link>
          ) : (
            w.statements(String(v.first), String(v.last))
          )}
          , {w.took(state.seconds)}.
        </li>
        {seen(v).map((text) => (
          <li key={text}>{text}</li>
        ))}
        <li>
          {w.keys}:{' '}
          {v.keys.map((key) => (
            <code key={key} title={key}>
              {short(key)}{' '}
            </code>
          ))}
        </li>
      </ul>
      {more.length === 0 ? null : (
        <div className={parts.dim}>
          {w.worth}:
          <ul className={css.said}>
            {more.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}
