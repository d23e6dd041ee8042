// Running, asleep, deleted, side by side; or what a real sandbox would have come to, had it slept. What is typed is the address.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useDeferredValue } from 'react'
import { useLocation, useSearch } from 'wouter'
import { mayAccount, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Field } from '../../parts/Field'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { billing } from '../../words/billing'
import { exact, plain } from '../../words/format'
import { bodyOf, FIELDS, type Field as FieldName, ofAddress, wrong } from './asked'
import css from './calculator.module.css'

const w = billing.calculator

export default function Calculator() {
  return mayAccount(useProject(), 'usage.read') ? <Known /> : <NoRight right="usage.read" account />
}

function Known() {
  const { account } = useProject()
  const [, navigate] = useLocation()
  const asked = ofAddress(useSearch())
  const put = (name: string, value: string) => {
    const query = new URLSearchParams(asked as Record<string, string>)
    query.set(name, value)
    navigate(to.calculator(account, `?${query}`), { replace: true })
  }
  const shown: readonly FieldName[] =
    asked.of === 'box' ? ['idle'] : ['vcpus', 'memory', 'disk', 'count', 'run', 'hib', 'days']
  const fault = wrong(asked)
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      <div className={css.both}>
        <form className={`${parts.card} ${css.form}`} onSubmit={(e) => e.preventDefault()}>
          <Choice
            label={w.what}
            value={asked.of}
            of={[
              { id: 'size', text: w.of.size },
              { id: 'box', text: w.of.box },
            ]}
            onChange={(of) => put('of', of)}
          />
          {asked.of === 'box' ? (
            <Field
              label={w.fields.box}
              value={asked.box}
              onChange={(v) => put('box', v.trim())}
              maxLength={64}
              autoComplete="off"
              mono
            />
          ) : null}
          <div className={css.fields}>
            {shown.map((name) => (
              <Field
                key={name}
                label={w.fields[name]}
                value={asked[name]}
                onChange={(v) => put(name, v.trim())}
                inputMode="numeric"
                maxLength={FIELDS[name].digits}
                autoComplete="off"
                mono
              />
            ))}
          </div>
          {fault === null ? null : (
            <p className={parts.error} role="alert">
              {fault}
            </p>
          )}
        </form>
        {fault === null && (asked.of === 'size' || asked.box !== '') ? <Choices asked={asked} /> : null}
      </div>
    </div>
  )
}

export function Choices({ asked }: { asked: ReturnType<typeof ofAddress> }) {
  const { account } = useProject()
  const body = useDeferredValue(bodyOf(asked))
  const query = useQuery({
    queryKey: ['estimate', account, body],
    queryFn: ({ signal }) =>
      must(api.POST('/v1/accounts/{id}/estimate', { params: { path: { id: account } }, body, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  })
  const said = query.data
  if (query.error !== null) return <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
  if (said === undefined) return <Bones heights={[140, 140, 140]} />
  return (
    <div className={css.right}>
      <div className={css.choices}>
        {said.choices.map((choice) => (
          <section
            key={choice.name}
            className={`${parts.card} ${css.choice}`}
            data-look={choice.name.startsWith('asleep') ? 'sleep' : choice.name === 'deleted' ? 'ended' : 'run'}
          >
            <h2>{w.choices[choice.name]}</h2>
            <p className={css.amount}>
              <Amount value={choice.amount} currency={said.currency} short />
            </p>
            <p className={parts.dim}>{w.choiceWhy[choice.name]}</p>
            <p className={parts.hint}>{w.each(exact(choice.running_s), exact(choice.asleep_s))}</p>
            <details>
              <summary>{w.lines}</summary>
              <ul className={css.lines}>
                {choice.lines.map((line) => (
                  <li key={`${line.sku}${line.tier}`}>
                    <span className={parts.mono}>{line.sku}</span>
                    <span className={parts.mono}>
                      {line.qty} x {line.per_unit}
                    </span>
                    <Amount value={line.amount} />
                  </li>
                ))}
              </ul>
            </details>
          </section>
        ))}
      </div>
      <p>{said.rated_by === 'minutes' ? w.minutes : w.resources}</p>
      <dl className={`${parts.card} ${parts.facts}`}>
        <div>
          <dt>
            {w.hour}: {w.running}
          </dt>
          <dd>
            <Amount value={said.hour.running} currency={said.currency} short />
          </dd>
        </div>
        <div>
          <dt>
            {w.hour}: {w.asleep}
          </dt>
          <dd>
            <Amount value={said.hour.asleep} currency={said.currency} short />
          </dd>
        </div>
        <div className={parts.wide}>
          <dt>{w.formula}</dt>
          <dd>
            {plain(said.formula)} ({w.book(said.price_book.id)}, {plain(said.plan)})
          </dd>
        </div>
      </dl>
    </div>
  )
}
