// Contracts of single accounts, and their early ends: each is made by two people.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { OpsContract } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { moneyText, typed } from '../../../money/money'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Field } from '../../../parts/Field'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { monthAfter, monthOf } from '../../../words/months'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from, useOps, whoIs } from '../ops'
import { TenantLink, whoWord } from '../parts'
import { StatusWord } from './Books'

const w = ops.contracts

const PATHS = {
  approve: '/v1/ops/contracts/{id}/approve',
  withdraw: '/v1/ops/contracts/{id}/withdraw',
  endApprove: '/v1/ops/contracts/{id}/end/approve',
  endWithdraw: '/v1/ops/contracts/{id}/end/withdraw',
} as const
type Wish = keyof typeof PATHS

/** What can be done to one as it stands; another's approval is another's. */
function wishes(of: OpsContract, me: string): { all: Wish[]; another: boolean; end: boolean } {
  if (of.status === 'draft') {
    const own = of.drafted?.by === me
    return { all: own ? ['withdraw'] : ['approve', 'withdraw'], another: own, end: false }
  }
  if (of.status !== 'approved') return { all: [], another: false, end: false }
  if (of.end_ordered != null && of.end_approved == null) {
    const own = of.end_ordered.by === me
    return { all: own ? ['endWithdraw'] : ['endApprove', 'endWithdraw'], another: own, end: false }
  }
  return { all: [], another: false, end: of.end_ordered == null }
}

export function Contracts() {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [drafting, draft] = useState(false)
  const [decided, decide] = useState<{ of: OpsContract; wish: Wish } | null>(null)
  const [ended, end] = useState<OpsContract | null>(null)
  const list = useRows<OpsContract>(['ops', 'contracts'], (cursor) =>
    must(api.GET('/v1/ops/contracts', { params: { query: from(cursor) } })),
  )
  const anew = () => {
    draft(false)
    decide(null)
    end(null)
    void queries.invalidateQueries({ queryKey: ['ops', 'contracts'] })
  }
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={parts.head}>
        <p className={parts.lead}>{w.lead}</p>
        <Button acts onPress={() => draft(true)}>
          {w.draft}
        </Button>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={<strong>{w.empty}</strong>}
        columns={[
          {
            id: 'name',
            title: c.name,
            wide: true,
            cell: (row) => (
              <>
                {plain(row.name)}
                {row.reference === '' ? null : <span className={parts.hint}> {plain(row.reference)}</span>}
              </>
            ),
          },
          { id: 'tenant', title: c.tenant, cell: (row) => <TenantLink id={row.account} /> },
          {
            id: 'least',
            title: c.least,
            end: true,
            cell: (row) => <Amount value={row.least_monthly} currency={row.currency} short />,
          },
          { id: 'from', title: c.from, cell: (row) => row.valid_from.slice(0, 10) },
          {
            id: 'to',
            title: c.to,
            cell: (row) => (
              <>
                {row.valid_to?.slice(0, 10) ?? words.none}
                {row.ends_at !== null && row.end_approved == null ? (
                  <span className={parts.hint}> {w.endsEarly(row.ends_at.slice(0, 10))}</span>
                ) : null}
              </>
            ),
          },
          {
            id: 'status',
            title: c.status,
            cell: (row) => (
              <>
                <StatusWord of={row.status} />
                {row.drafted == null ? null : (
                  <p className={parts.hint}>
                    {whoWord(row.drafted.by)}, {row.drafted.at === undefined ? '' : clock(row.drafted.at, prefs)}
                  </p>
                )}
              </>
            ),
          },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => {
              const { all, another, end: ends } = wishes(row, whoIs(me))
              return (
                <span className={`${parts.row} ${parts.acts}`}>
                  {another ? <span className={parts.hint}>{ops.act.another}</span> : null}
                  {all.map((wish) => (
                    <Button
                      key={wish}
                      kind={/ithdraw/.test(wish) ? 'quietDanger' : 'plain'}
                      acts
                      onPress={() => decide({ of: row, wish })}
                    >
                      {w.wishes[wish].go}
                    </Button>
                  ))}
                  {ends ? (
                    <Button kind="quietDanger" acts onPress={() => end(row)}>
                      {w.end}
                    </Button>
                  ) : null}
                </span>
              )
            },
          },
        ]}
      />
      {drafting ? <DraftContract done={anew} close={() => draft(false)} /> : null}
      {ended === null ? null : <EndEarly of={ended} done={anew} close={() => end(null)} />}
      {decided === null ? null : (
        <Act
          name={`contract:${decided.wish}:${decided.of.id}`}
          title={w.wishes[decided.wish].title(plain(decided.of.name))}
          go={w.wishes[decided.wish].go}
          danger={/ithdraw/.test(decided.wish)}
          run={(reason) =>
            must(api.POST(PATHS[decided.wish], { params: { path: { id: decided.of.id } }, body: { reason } }))
          }
          done={anew}
          close={() => decide(null)}
        >
          <p>
            <Amount value={decided.of.least_monthly} currency={decided.of.currency} short /> {w.aMonth},{' '}
            {decided.of.valid_from.slice(0, 10)}
            {decided.of.ends_at === null ? '' : `, ${w.endsEarly(decided.of.ends_at.slice(0, 10))}`}
          </p>
        </Act>
      )}
    </div>
  )
}

/** The first second of a month of UTC, as the service wants it. */
const begin = (month: string) => `${month}-01T00:00:00Z`

function DraftContract({ done, close }: { done: () => void; close: () => void }) {
  const [account, setAccount] = useState('')
  const [name, setName] = useState('')
  const [currency, setCurrency] = useState('')
  const [month, setMonth] = useState(monthAfter(monthOf(new Date()), 1))
  const [last, setLast] = useState('')
  const [least, setLeast] = useState('')
  const [reference, setReference] = useState('')
  const sum = least === '' ? null : typed(least)
  const whole =
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(account.trim()) &&
    name.trim() !== '' &&
    /^[A-Z]{3}$/.test(currency) &&
    /^\d{4}-\d{2}$/.test(month) &&
    (last === '' || /^\d{4}-\d{2}$/.test(last)) &&
    (least === '' || (sum !== null && sum >= 0n))
  return (
    <Act
      name="contract-draft"
      title={w.draftTitle}
      go={w.draft}
      ready={whole}
      run={(reason) =>
        must(
          api.POST('/v1/ops/contracts', {
            body: {
              account: account.trim(),
              name: name.trim(),
              currency,
              valid_from: begin(month),
              reason,
              ...(last === '' ? {} : { valid_to: begin(last) }),
              ...(sum === null ? {} : { least_monthly: moneyText(sum) }),
              ...(reference.trim() === '' ? {} : { reference: reference.trim() }),
            },
          }),
        )
      }
      done={done}
      close={close}
    >
      <Field label={w.account} hint={w.accountHint} value={account} onChange={setAccount} isRequired mono />
      <Field label={w.name} value={name} onChange={setName} maxLength={200} isRequired />
      <div className={parts.fields}>
        <Field
          label={w.currency}
          value={currency}
          onChange={(t) => setCurrency(t.toUpperCase())}
          maxLength={3}
          isRequired
        />
        <Field label={w.least} value={least} onChange={setLeast} inputMode="decimal" mono />
        <Field label={w.first} hint={w.firstHint} type="month" value={month} onChange={setMonth} isRequired />
        <Field label={w.last} hint={w.lastHint} type="month" value={last} onChange={setLast} />
      </div>
      <Field label={w.reference} value={reference} onChange={setReference} maxLength={200} />
    </Act>
  )
}

function EndEarly({ of, done, close }: { of: OpsContract; done: () => void; close: () => void }) {
  const [month, setMonth] = useState(monthAfter(monthOf(new Date()), 1))
  return (
    <Act
      name={`contract:end:${of.id}`}
      title={w.endTitle(plain(of.name))}
      go={w.end}
      danger
      ready={/^\d{4}-\d{2}$/.test(month)}
      run={(reason) =>
        must(
          api.POST('/v1/ops/contracts/{id}/end', {
            params: { path: { id: of.id } },
            body: { ends_at: begin(month), reason },
          }),
        )
      }
      done={done}
      close={close}
    >
      <p>{w.endWhy}</p>
      <Field label={w.endsWith} hint={w.firstHint} type="month" value={month} onChange={setMonth} isRequired />
    </Act>
  )
}
