// What lives now and what it comes to; what needs a look; of an empty project the way to its first sandbox.
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { asFail } from '../../live/fail'
import { any as anyQuery, caps, limits, plan } from '../../live/queries'
import type { Caps, Plan } from '../../live/types'
import { useLive } from '../../live/useLive'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock, monthName } from '../../words/format'
import { Attention } from './Attention'
import { Hour } from './Hour'
import { Newest } from './Newest'
import css from './Overview.module.css'
import { Quickstart } from './Quickstart'

export function Overview() {
  const project = useProject()
  const { live, why } = useLive()
  // Who came to an empty project stays with the quickstart until he leaves it: it is what says that the first one is there.
  const any = useQuery(anyQuery(project.slug))
  if (any.error !== null && any.data === undefined)
    return <DenialCard fail={asFail(any.error)} onRetry={() => void any.refetch()} />
  if (any.data === undefined) return <Bones heights={[28, 112, 144, 320]} />
  if (!any.data) return <Quickstart />
  if (live.counts === null && why !== null && why.status !== 0) return <DenialCard fail={why} />
  return (
    <div className={css.page}>
      <h1>{words.overview.title}</h1>
      <Tiles />
      <Hour />
      <Attention />
      <Newest />
    </div>
  )
}

function Tiles() {
  const project = useProject()
  const prefs = usePrefs()
  const { live } = useLive()
  const bounds = useQuery(limits(project.slug))
  const running = bounds.data?.rows.find((row) => row.name === 'running_max' && row.binds === 'project')
  const { counts, cost, spend } = live
  const many = (n: number | undefined) => (n === undefined ? '–' : n.toLocaleString('en'))
  const currency = cost?.currency ?? spend?.currency ?? null
  const asOf = spend?.as_of ?? cost?.as_of ?? null
  return (
    <section className={`${parts.card} ${css.tiles}`} aria-label={words.overview.title}>
      <div className={css.tile}>
        <h2>{words.overview.running}</h2>
        <p className={css.big}>{many(counts?.running)}</p>
        {running === undefined ? null : (
          <p className={css.note}>{words.overview.of(running.limit.toLocaleString('en'))}</p>
        )}
      </div>
      <div className={css.tile}>
        <h2>{words.overview.asleep}</h2>
        <p className={css.big}>{many(counts?.asleep)}</p>
        {counts !== null && counts.changing > 0 ? (
          <p className={css.note}>
            {counts.changing} {words.overview.changing}
          </p>
        ) : null}
      </div>
      <div className={css.tile}>
        <h2>{words.overview.now}</h2>
        {spend === null ? (
          <>
            <p className={css.money}>–</p>
            <p className={css.note}>{cost === null ? words.overview.noMoney : words.overview.openNote}</p>
          </>
        ) : (
          <>
            <p className={css.money}>
              <Amount value={spend.amount} currency={currency} short />
            </p>
            <p className={css.note}>
              {asOf === null ? words.overview.openNote : words.overview.asOf(clock(asOf, prefs))}
            </p>
          </>
        )}
      </div>
      <Month />
    </section>
  )
}

function Month() {
  const project = useProject()
  const { live } = useLive()
  const mine = useQuery({ ...plan(project.account), enabled: project.account !== '' })
  const bounds = useQuery({ ...caps(project.account), enabled: project.account !== '' })
  const month = useRef(monthName(new Date())).current
  return (
    <div className={css.tile}>
      <h2>{month}</h2>
      {live.cost?.month == null ? (
        <p className={css.money}>–</p>
      ) : (
        <p className={css.money}>
          <Amount value={live.cost.month} currency={live.cost.currency} short />
        </p>
      )}
      <p className={css.note}>{words.overview.monthNote}</p>
      {mine.data === undefined ? null : <Projected plan={mine.data} caps={bounds.data ?? null} />}
    </div>
  )
}

function Projected({ plan: mine, caps: bounds }: { plan: Plan; caps: Caps | null }) {
  const all = bounds?.rows.find((row) => row.project === null)
  if (mine.spend.projected === null) return null
  return (
    <p className={css.note}>
      {words.overview.projected} <Amount value={mine.spend.projected} currency={mine.currency} short />
      {all?.money_bound == null ? null : (
        <>
          , {words.overview.cap} <Amount value={all.money_bound} short />
        </>
      )}
    </p>
  )
}
