// Caps of the account and of projects: how much is used, what may still be added past them, and another value.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { mayAccount, useProject } from '../../app/project'
import { rolesWith } from '../../app/rights'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { caps as capsQuery } from '../../live/queries'
import type { Caps as Capped } from '../../live/types'
import { useDraft } from '../../live/useDraft'
import { type Money, money, moneyText, typed } from '../../money/money'
import { pixels } from '../../money/scale'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { exact, plain } from '../../words/format'
import css from './plan.module.css'

const w = billing.plan
type Row = Capped['rows'][number]

/** What the API takes: null takes the cap away; undefined: it is no such amount. */
export function capOf(text: string): string | null | undefined {
  if (text.trim() === '') return null
  const value = typed(text)
  if (value === null || value < 0n || value % 1_000_000_000_000n !== 0n) return undefined
  return moneyText(value).slice(0, -12)
}

export function secondsOf(text: string): string | null | undefined {
  const bare = text.trim().replaceAll(',', '')
  return bare === '' ? null : /^\d{1,12}$/.test(bare) ? bare : undefined
}

export function Caps() {
  const project = useProject()
  const query = useQuery({ ...capsQuery(project.account), refetchInterval: 5000 })
  return (
    <section className={parts.block} aria-labelledby="caps">
      <h2 id="caps">{w.caps}</h2>
      <p className={parts.lead}>{w.capsLead}</p>
      {query.data !== undefined ? (
        <Known caps={query.data} />
      ) : query.error === null ? (
        <Bones heights={[160]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
    </section>
  )
}

function Known({ caps }: { caps: Capped }) {
  const project = useProject()
  const mine = (project.me.projects ?? []).filter((p) => p.account === project.account)
  const [of, setOf] = useState('')
  const row = caps.rows.find((one) => (one.project ?? '') === of)
  return (
    <div className={`${parts.card} ${css.card}`}>
      {caps.rows.map((one) => (
        <Standing key={one.project ?? ''} row={one} currency={caps.currency} />
      ))}
      <p className={parts.hint}>{w.unheard(exact(caps.unheard_seconds))}</p>
      <div className={css.one}>
        <Choice
          label={w.scope}
          value={of}
          of={[
            { id: '', text: w.account },
            ...mine.map((p) => ({ id: p.slug ?? '', text: plain(p.name ?? p.slug ?? '') })),
          ]}
          onChange={setOf}
        />
      </div>
      <Change key={`${of} ${row?.money ?? ''} ${row?.seconds ?? ''}`} of={of} row={row} currency={caps.currency} />
    </div>
  )
}

function Standing({ row, currency }: { row: Row; currency: string }) {
  const used = money(row.money_used)
  const bound = row.money_bound === null ? null : money(row.money_bound)
  const open = (used + money(row.money_open)) as Money
  return (
    <div className={css.standing}>
      <div className={parts.row}>
        <strong>{row.project === null ? w.account : plain(row.project)}</strong>
        <span className={parts.dim}>{w.used}</span>
        <Amount value={row.money_used} currency={currency} short />
        {row.money_bound === null ? (
          <span className={parts.dim}>{words.overview.projectedNone}</span>
        ) : (
          <>
            <span className={parts.dim}>{w.bound}</span>
            <Amount value={row.money_bound} currency={currency} short />
          </>
        )}
        {money(row.money_open) > 0n ? (
          <span className={parts.hint}>{w.open(`${currency} ${row.money_open}`)}</span>
        ) : null}
      </div>
      {bound === null ? null : (
        <div className={`${parts.gauge} ${used >= bound ? parts.fault : parts.run}`} aria-hidden="true">
          <div className={css.open} style={{ inlineSize: `${pixels(open, bound, 100)}%` }} />
          <div className={css.used} style={{ inlineSize: `${pixels(used, bound, 100)}%` }} />
        </div>
      )}
      {row.seconds_bound === null ? null : (
        <p className={parts.hint}>
          {row.seconds_used} / {row.seconds_bound} s
        </p>
      )}
    </div>
  )
}

function Change({ of, row, currency }: { of: string; row: Row | undefined; currency: string }) {
  const project = useProject()
  const queries = useQueryClient()
  const able = mayAccount(project, 'billing.change')
  const draft = `cap:${project.account}:${of}`
  const [amount, setAmount, forgetAmount] = useDraft(`${draft}:money`, row?.money ?? '')
  const [seconds, setSeconds, forgetSeconds] = useDraft(`${draft}:seconds`, row?.seconds ?? '')
  const cap = capOf(amount)
  const bound = secondsOf(seconds)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.PUT('/v1/accounts/{id}/caps', {
          params: { path: { id: project.account } },
          body: {
            ...(of === '' ? {} : { project: of }),
            ...(cap === undefined ? {} : { money: cap }),
            ...(bound === undefined ? {} : { seconds: bound }),
          },
        }),
      ) as Promise<Capped>,
    onSuccess: (now) => {
      forgetAmount()
      forgetSeconds()
      queries.setQueryData(['caps', project.account], now)
    },
  })
  return (
    <form
      className={css.form}
      onSubmit={(e) => {
        e.preventDefault()
        act.mutate()
      }}
    >
      <div className={parts.fields}>
        <Field
          label={w.money(currency)}
          hint={w.moneyHint}
          value={amount}
          onChange={setAmount}
          inputMode="decimal"
          maxLength={24}
          isDisabled={!able}
          isInvalid={cap === undefined}
          autoComplete="off"
          mono
        />
        <Field
          label={w.seconds}
          value={seconds}
          onChange={setSeconds}
          inputMode="numeric"
          maxLength={16}
          isDisabled={!able}
          isInvalid={bound === undefined}
          autoComplete="off"
          mono
        />
      </div>
      {cap === undefined ? <p className={parts.error}>{w.wrongMoney}</p> : null}
      {bound === undefined ? <p className={parts.error}>{w.wrongSeconds}</p> : null}
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
      <div className={parts.row}>
        <Button
          type="submit"
          kind="primary"
          acts
          isDisabled={!able || cap === undefined || bound === undefined}
          isPending={act.isPending}
        >
          {w.save}
        </Button>
        {act.isSuccess ? <span role="status">{w.saved}</span> : null}
        {able ? null : <span className={parts.hint}>{words.noRight.act(rolesWith('billing.change'))}</span>}
      </div>
    </form>
  )
}
