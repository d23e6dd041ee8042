// What statements have come to: by day as bars, and by whatever one asks as a table. Month, day, group and project are the address.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { mayAccount, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Page, Used } from '../../live/types'
import { useRows } from '../../live/useRows'
import { compare, type Money, money } from '../../money/money'
import { pixels } from '../../money/scale'
import { Amount } from '../../parts/Amount'
import { Choice } from '../../parts/Choice'
import { Copy } from '../../parts/Copy'
import { Field } from '../../parts/Field'
import { List } from '../../parts/List'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { exact, plain } from '../../words/format'
import { daysOf, isDay, isMonth, lastMonths, monthOf, rangeOf } from '../../words/months'
import css from './usage.module.css'

const w = billing.usage
const GROUPS = ['day', 'sandbox', 'template', 'key', 'project', 'sku', 'tag'] as const
type Group = (typeof GROUPS)[number]
type Asked = { month: string; day: string; group: Group; tag: string; project: string }
type Sums = Page<Used> & { currency: string; amount: string }
const MONTHS = 13

function ofAddress(search: string): Asked {
  const p = new URLSearchParams(search)
  const month = p.get('month') ?? ''
  const day = p.get('day') ?? ''
  return {
    month: isMonth(month) ? month : monthOf(new Date()),
    day: isDay(day) ? day : '',
    group: GROUPS.find((g) => g === p.get('by')) ?? 'sandbox',
    tag: p.get('tag') ?? '',
    project: p.get('project') ?? '',
  }
}

function range({ month, day }: Asked): { from: number; to: number } {
  if (day === '' || !day.startsWith(month)) return rangeOf(month)
  const from = Date.parse(`${day}T00:00:00Z`) / 1000
  return { from, to: from + 86_400 }
}

export default function Usage() {
  return mayAccount(useProject(), 'usage.read') ? <Known /> : <NoRight right="usage.read" account />
}

function Known() {
  const project = useProject()
  const { account } = project
  const [, navigate] = useLocation()
  const asked = ofAddress(useSearch())
  const go = (some: Partial<Asked>) => {
    const { month, day, group, tag, project: of } = { ...asked, ...some }
    const query = new URLSearchParams({ month, by: group })
    if (day !== '') query.set('day', day)
    if (group === 'tag' && tag !== '') query.set('tag', tag)
    if (of !== '') query.set('project', of)
    navigate(to.usage(account, `?${query}`), { replace: true })
  }
  const mine = (project.me.projects ?? []).filter((p) => p.account === account)
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
        <div className={parts.fields}>
          <Choice
            label={w.month}
            value={asked.month}
            of={lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))}
            onChange={(month) => go({ month, day: '' })}
          />
          <Choice
            label={w.by}
            value={asked.group}
            of={GROUPS.map((id) => ({ id, text: w.groups[id] }))}
            onChange={(group) => go({ group })}
          />
          {asked.group === 'tag' ? <Tag value={asked.tag} put={(tag) => go({ tag })} /> : null}
          <Choice
            label={w.project}
            value={asked.project}
            of={[
              { id: '', text: w.allProjects },
              ...mine.map((p) => ({ id: p.slug ?? '', text: plain(p.name ?? p.slug ?? '') })),
            ]}
            onChange={(of) => go({ project: of })}
          />
        </div>
      </div>
      <Days asked={asked} go={go} />
      <Table asked={asked} />
    </div>
  )
}

function Tag({ value, put }: { value: string; put: (tag: string) => void }) {
  const [text, setText] = useState(value)
  return (
    <Field
      label={w.tag}
      hint={w.tagHint}
      value={text}
      onChange={setText}
      onBlur={() => put(text.trim())}
      onKeyDown={(e) => {
        if (e.key === 'Enter') put(text.trim())
        else e.continuePropagation()
      }}
      maxLength={200}
      autoComplete="off"
      mono
    />
  )
}

function ask(account: string, asked: Asked, group: string, cursor: string | null): Promise<unknown> {
  return must(
    api.GET('/v1/accounts/{id}/usage', {
      params: {
        path: { id: account },
        query: {
          group,
          ...range(asked),
          ...(asked.project === '' ? {} : { project: asked.project }),
          limit: 100,
          ...(cursor === null ? {} : { cursor }),
        },
      },
    }),
  )
}

const HEIGHT = 120

/** A bar a day; what is exact stands in its name, and a click shows that day alone. */
function Days({ asked, go }: { asked: Asked; go: (some: Partial<Asked>) => void }) {
  const { account } = useProject()
  const whole = { ...asked, day: '' }
  const { data } = useQuery({
    queryKey: ['spent', account, 'days', asked.month, asked.project],
    queryFn: () => ask(account, whole, 'day', null) as Promise<Sums>,
    refetchInterval: 30_000,
  })
  const days = daysOf(asked.month)
  const known = new Map(data?.rows.map((row) => [row.key, money(row.amount)]))
  let most = 0n as Money
  for (const one of known.values()) if (compare(one, most) > 0) most = one
  return (
    <section className={`${parts.card} ${css.days}`} aria-labelledby="days">
      <div className={parts.head}>
        <h2 id="days">{w.chart}</h2>
        {data === undefined ? null : (
          <p className={css.sum}>
            <span className={parts.dim}>{w.total}</span> <Amount value={data.amount} currency={data.currency} />
            <Copy text={data.amount} label={billing.copyAmount} onlyIcon />
          </p>
        )}
      </div>
      <ol className={css.bars} style={{ blockSize: HEIGHT }}>
        {days.map((day) => {
          const amount = known.get(day)
          const text = data?.rows.find((row) => row.key === day)?.amount
          return (
            <li key={day}>
              {amount === undefined ? (
                <span className={css.nothing} />
              ) : (
                <button
                  type="button"
                  className={css.bar}
                  aria-pressed={asked.day === day}
                  aria-label={`${day}: ${data?.currency ?? ''} ${text ?? ''}`}
                  title={`${day}: ${data?.currency ?? ''} ${text ?? ''}`}
                  onClick={() => go({ day: asked.day === day ? '' : day })}
                  style={{ blockSize: HEIGHT }}
                >
                  <span style={{ blockSize: `${pixels(amount, most, HEIGHT - 4) + 2}px` }} />
                </button>
              )}
            </li>
          )
        })}
      </ol>
      <div className={css.scale} aria-hidden="true">
        <span>{days[0]}</span>
        <span>{days.at(-1)}</span>
      </div>
    </section>
  )
}

function Table({ asked }: { asked: Asked }) {
  const project = useProject()
  const { account, slug } = project
  const [, navigate] = useLocation()
  const ready = asked.group !== 'tag' || asked.tag !== ''
  const group = asked.group === 'tag' ? `tag:${asked.tag}` : asked.group
  const list = useRows<Used, Sums>(
    ['spent', account, group, asked.month, asked.day, asked.project],
    (cursor) => ask(account, asked, group, cursor),
    { every: 30_000, enabled: ready },
  )
  if (!ready) return <p className={`${parts.card} ${parts.empty}`}>{w.tagWanted}</p>
  const of = asked.project === '' ? slug : asked.project
  const only = (project.me.projects ?? []).filter((p) => p.account === account).length === 1
  const all = list.first === undefined ? (0n as Money) : money(list.first.amount)
  const c = w.columns
  return (
    <section className={parts.block} aria-label={w.groups[asked.group]}>
      {asked.day === '' ? null : (
        <div className={parts.row}>
          <strong>{w.day(asked.day)}</strong>
          <button
            type="button"
            className={parts.link}
            onClick={() => navigate(to.usage(account, `?month=${asked.month}&by=${asked.group}`), { replace: true })}
          >
            {w.allDays}
          </button>
        </div>
      )}
      <List<Used>
        label={w.title}
        list={list}
        id={(row) => row.key ?? ''}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyCure}</p>
          </>
        }
        columns={[
          {
            id: 'key',
            title: c.key,
            cell: (row) =>
              row.key === null ? (
                <span className={parts.dim}>{w.none}</span>
              ) : asked.group === 'sandbox' && (only || asked.project !== '') ? (
                <Link href={to.sandbox(of, row.key)} className={parts.mono}>
                  {row.key}
                </Link>
              ) : (
                <span className={parts.mono}>{plain(row.key)}</span>
              ),
          },
          {
            id: 'run',
            title: c.run,
            end: true,
            cell: (row) => (row.running_s === null ? words.none : exact(row.running_s)),
          },
          {
            id: 'hib',
            title: c.hib,
            end: true,
            cell: (row) => (row.hibernated_s === null ? words.none : exact(row.hibernated_s)),
          },
          {
            id: 'amount',
            title: `${c.amount}${list.first === undefined ? '' : `, ${list.first.currency}`}`,
            end: true,
            cell: (row) => (
              <>
                {row.split ? (
                  <span className={parts.tag} title={w.splitWhy}>
                    {w.split}
                  </span>
                ) : null}{' '}
                <Amount value={row.amount} />
              </>
            ),
          },
          {
            id: 'part',
            title: c.part,
            cell: (row) => (
              <div className={`${parts.gauge} ${parts.run} ${css.part}`} aria-hidden="true">
                <div style={{ inlineSize: `${pixels(money(row.amount), all, 100)}%` }} />
              </div>
            ),
          },
        ]}
      />
    </section>
  )
}
