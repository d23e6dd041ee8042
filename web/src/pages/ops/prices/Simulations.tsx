// What a book would have come to in a closed month: ordered, watched, and looked through by the account it moves most.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { PriceBook, SimulatedAccount, Simulation } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { lastMonths } from '../../../words/months'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from } from '../ops'
import { Section, TenantLink, Word, whoWord } from '../parts'

const w = ops.simulations
const MONTHS = 13
const LOOKS: Record<Simulation['state'], Look> = {
  ordered: 'change',
  running: 'change',
  done: 'good',
  failed: 'fault',
  cancelled: 'ended',
}
const goesOn = ({ state }: Simulation) => state === 'ordered' || state === 'running'

export function Simulations({ of }: { of: PriceBook }) {
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [watched, watch] = useState(false)
  const [asked, ask] = useState(false)
  const [cancelled, cancel] = useState<Simulation | null>(null)
  const [shown, show] = useState<number | null>(null)
  const [month, setMonth] = useState('')
  const key = ['ops', 'simulations', of.id]
  const list = useRows<Simulation>(
    key,
    (cursor) =>
      must(api.GET('/v1/ops/money/simulations', { params: { query: { price_book: of.id, ...from(cursor, 20) } } })),
    { every: watched ? 1000 : 15_000 },
  )
  const some = list.rows?.some(goesOn) ?? false
  if (some !== watched) watch(some)
  const anew = () => void queries.invalidateQueries({ queryKey: key })
  const here = list.rows?.find((one) => one.number === shown) ?? list.rows?.[0]
  const c = w.columns
  return (
    <Section
      id="simulations"
      title={w.title}
      act={
        of.status === 'withdrawn' ? null : (
          <Button acts onPress={() => ask(true)}>
            {w.go}
          </Button>
        )
      }
    >
      <List
        label={w.title}
        list={list}
        id={(row) => String(row.number)}
        counted={false}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyWhy}</p>
          </>
        }
        columns={[
          {
            id: 'no',
            title: c.no,
            cell: (row) => (
              <button type="button" className={parts.link} aria-pressed={row === here} onClick={() => show(row.number)}>
                {w.one(row.number, row.month)}
              </button>
            ),
          },
          {
            id: 'state',
            title: c.state,
            cell: (row) => (
              <>
                <Word look={LOOKS[row.state]}>{w.states[row.state]}</Word>
                {row.outcome == null ? null : <p className={parts.error}>{plain(row.outcome)}</p>}
              </>
            ),
          },
          {
            id: 'accounts',
            title: c.accounts,
            end: true,
            cell: (row) => w.done(row.accounts.done, row.accounts.all ?? null),
          },
          { id: 'moves', title: c.moves, end: true, cell: (row) => w.moves(row.accounts.dearer, row.accounts.cheaper) },
          {
            id: 'charged',
            title: c.charged,
            end: true,
            cell: (row) => <Amount value={row.charged} currency={row.currency} short />,
          },
          { id: 'difference', title: c.difference, end: true, cell: (row) => <Amount value={row.difference} short /> },
          { id: 'by', title: c.by, cell: (row) => `${whoWord(row.ordered_by)}, ${clock(row.ordered_at, prefs)}` },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              goesOn(row) ? (
                <Button kind="quietDanger" acts onPress={() => cancel(row)}>
                  {w.cancel}
                </Button>
              ) : null,
          },
        ]}
      />
      {here === undefined ? null : <Accounts key={here.number} of={here} />}
      {asked ? (
        <Act
          name={`simulate:${of.id}`}
          title={w.goTitle(of.id)}
          go={w.go}
          run={(reason) =>
            must(
              api.POST('/v1/ops/price-books/{id}/simulate', {
                params: { path: { id: of.id } },
                body: { ...(month === '' ? {} : { month }), reason },
              }),
            )
          }
          done={() => {
            ask(false)
            anew()
          }}
          close={() => ask(false)}
        >
          <p>{w.goWhy}</p>
          <Choice
            label={w.month}
            value={month}
            of={[{ id: '', text: w.newest }, ...lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))]}
            onChange={setMonth}
          />
        </Act>
      ) : null}
      {cancelled === null ? null : (
        <Act
          name={`cancel:${cancelled.number}`}
          title={w.cancelTitle(cancelled.number)}
          go={w.cancel}
          danger
          run={(reason) =>
            must(
              api.POST('/v1/ops/money/simulations/{no}/cancel', {
                params: { path: { no: cancelled.number } },
                body: { reason },
              }),
            )
          }
          done={() => {
            cancel(null)
            anew()
          }}
          close={() => cancel(null)}
        >
          <p>{w.cancelWhy}</p>
        </Act>
      )}
    </Section>
  )
}

function Accounts({ of }: { of: Simulation }) {
  const list = useRows<SimulatedAccount>(
    ['ops', 'simulated', of.number],
    (cursor) =>
      must(
        api.GET('/v1/ops/money/simulations/{no}/accounts', {
          params: { path: { no: of.number }, query: from(cursor, 100) },
        }),
      ),
    { every: goesOn(of) ? 2000 : false },
  )
  const c = w.accountColumns
  return (
    <List
      label={w.accounts(of.number)}
      list={list}
      id={(row) => row.account}
      empty={<span className={parts.dim}>{w.noAccounts}</span>}
      columns={[
        { id: 'name', title: c.name, cell: (row) => <TenantLink id={row.account} name={row.name} /> },
        { id: 'periods', title: c.periods, end: true, cell: (row) => row.periods.toLocaleString('en') },
        {
          id: 'charged',
          title: c.charged,
          end: true,
          cell: (row) => <Amount value={row.charged} currency={of.currency} short />,
        },
        { id: 'simulated', title: c.simulated, end: true, cell: (row) => <Amount value={row.simulated} short /> },
        { id: 'difference', title: c.difference, end: true, cell: (row) => <Amount value={row.difference} short /> },
        {
          id: 'failed',
          title: c.failed,
          wide: true,
          cell: (row) =>
            row.failed === null ? (
              <span className={parts.dim}>{row.done ? words.none : w.soFar}</span>
            ) : (
              <span className={parts.error}>{plain(row.failed)}</span>
            ),
        },
      ]}
    />
  )
}
