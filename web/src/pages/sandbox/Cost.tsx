// What it has come to this month, by its own lines, and what it would have, had it slept while it was idle.
import { useState } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { to } from '../../app/routes'
import type { Sandbox } from '../../live/types'
import { Amount } from '../../parts/Amount'
import { Facts } from '../../parts/Facts'
import { Field } from '../../parts/Field'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, exact } from '../../words/format'
import { ofAddress, wrong } from '../calculator/asked'
import { Choices } from '../calculator/Calculator'

const w = words.box.cost

export default function Cost({ box }: { box: Sandbox }) {
  const project = useProject()
  const prefs = usePrefs()
  const [idle, setIdle] = useState('80')
  if (!mayAccount(project, 'usage.read')) return <NoRight right="usage.read" account />
  const asked = { ...ofAddress(`?of=box&box=${encodeURIComponent(box.id)}`), idle }
  const fault = wrong(asked)
  const { month } = box
  return (
    <div className={parts.page}>
      {month === null ? (
        <p className={parts.dim}>{w.none}</p>
      ) : (
        <Facts
          rows={[
            [
              w.month,
              month.amount == null ? (
                w.pooled
              ) : (
                <Amount key="amount" value={month.amount} currency={month.currency ?? ''} />
              ),
            ],
            [w.ran, exact(month.run_s ?? 0)],
            [w.slept, exact(month.hib_s ?? 0)],
            [w.through, month.closed_through === undefined ? words.none : clock(month.closed_through, prefs)],
          ]}
        />
      )}
      <section className={parts.block} aria-labelledby="what-if">
        <div className={parts.head}>
          <h2 id="what-if">{billing.calculator.whatIf}</h2>
          <Link href={to.calculator(project.account, `?of=box&box=${encodeURIComponent(box.id)}`)}>
            {billing.calculator.title}
          </Link>
        </div>
        <div className={`${parts.fields} ${parts.small}`}>
          <Field
            label={billing.calculator.fields.idle}
            value={idle}
            onChange={(text) => setIdle(text.trim())}
            inputMode="numeric"
            maxLength={3}
            mono
          />
        </div>
        {fault === null ? <Choices asked={asked} /> : <p className={parts.error}>{fault}</p>}
      </section>
    </div>
  )
}
