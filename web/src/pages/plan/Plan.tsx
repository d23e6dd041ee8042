// What the account's seconds are rated by, what the month has come to and may come to, what is told of it, what is paid in advance.
import { useQuery } from '@tanstack/react-query'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { asFail } from '../../live/fail'
import { plan as planQuery } from '../../live/queries'
import type { Plan as Planned } from '../../live/types'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { DenialCard } from '../../parts/DenialCard'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import { Alerts } from './Alerts'
import { Caps } from './Caps'
import { Contracts, Wallet } from './Wallet'

const w = billing.plan

export default function Plan() {
  return (
    <OfAccount right="usage.read">
      <Known />
    </OfAccount>
  )
}

function Known() {
  const project = useProject()
  const query = useQuery(planQuery(project.account))
  const bills = mayAccount(project, 'billing.read')
  return (
    <div className={parts.page}>
      <h1>{w.title}</h1>
      {query.data !== undefined ? (
        <Tiles plan={query.data} />
      ) : query.error === null ? (
        <Bones heights={[112]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
      {bills ? (
        <>
          <Caps />
          <Alerts />
          <Wallet />
          <Contracts />
        </>
      ) : null}
    </div>
  )
}

function Tiles({ plan: { plan, rated_by, billing_cycle, currency, minutes, spend, next_change } }: { plan: Planned }) {
  const prefs = usePrefs()
  return (
    <div className={parts.block}>
      <section className={`${parts.card} ${parts.tiles}`} aria-label={w.plan}>
        <div>
          <h2>{w.plan}</h2>
          <p className={parts.big}>{plain(plan)}</p>
          <p className={parts.hint}>
            {rated_by === null ? '' : `${w.ratedBy[rated_by]}, `}
            {w.billed(plain(billing_cycle))}
          </p>
        </div>
        <div>
          <h2>{w.month}</h2>
          <p className={parts.big}>
            <Amount value={spend.month} currency={currency} short />
          </p>
          {spend.as_of === null ? null : <p className={parts.hint}>{w.asOf(clock(spend.as_of, prefs))}</p>}
        </div>
        <div>
          <h2>{w.projected}</h2>
          <p className={parts.big}>
            {spend.projected === null ? words.none : <Amount value={spend.projected} currency={currency} short />}
          </p>
        </div>
        <div>
          <h2>{w.perSecond}</h2>
          <p className={parts.big}>
            <Amount value={spend.per_second} short />
          </p>
          <p className={parts.hint}>{w.running(spend.running)}</p>
        </div>
        {minutes === null ? null : (
          <div>
            <h2>{w.minutes}</h2>
            <p className={parts.big}>{minutes.left_minutes.toLocaleString('en')}</p>
            <p className={parts.hint}>
              {w.minutesOf(
                Math.floor(minutes.included_seconds / 60).toLocaleString('en'),
                minutes.resets_at === null ? '' : clock(minutes.resets_at, prefs),
              )}
            </p>
          </div>
        )}
      </section>
      {next_change === null ? null : (
        <p>{w.next(plain(next_change.plan), next_change.at === null ? '' : clock(next_change.at, prefs))}</p>
      )}
    </div>
  )
}
