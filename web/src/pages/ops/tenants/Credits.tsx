// Credits, and the word that money has come: ordered by one, above a threshold approved by another, then booked.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { Credit } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { moneyText, typed } from '../../../money/money'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { Field } from '../../../parts/Field'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from, useOps, whoIs } from '../ops'
import { Section, Word, whoWord } from '../parts'

const w = ops.credits
const KINDS = ['promo', 'operator', 'paid'] as const
const LOOKS: Record<Credit['state'], Look> = {
  waiting: 'change',
  approved: 'change',
  booked: 'good',
  refused: 'fault',
  withdrawn: 'ended',
}

export function Credits({ account, currency }: { account: string; currency: string }) {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [ordering, order] = useState(false)
  const [decided, decide] = useState<{ of: Credit; act: 'approve' | 'withdraw' } | null>(null)
  const key = ['ops', 'credits', account]
  const list = useRows<Credit>(
    key,
    (cursor) =>
      must(api.GET('/v1/ops/accounts/{id}/credits', { params: { path: { id: account }, query: from(cursor) } })),
    { every: 5000 },
  )
  const anew = () => void queries.invalidateQueries({ queryKey: key })
  const c = w.columns
  return (
    <Section
      id="credits"
      title={w.title}
      act={
        <Button acts onPress={() => order(true)}>
          {w.order}
        </Button>
      }
    >
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={<span className={parts.dim}>{w.empty}</span>}
        columns={[
          {
            id: 'amount',
            title: c.amount,
            cell: (row) => <Amount value={row.amount} currency={row.currency} short />,
          },
          { id: 'kind', title: c.kind, cell: (row) => w.kinds[row.kind] },
          {
            id: 'state',
            title: c.state,
            cell: (row) => (
              <>
                <Word look={LOOKS[row.state]}>{w.states[row.state]}</Word>
                {row.refused === null ? null : <p className={parts.error}>{plain(row.refused)}</p>}
              </>
            ),
          },
          {
            id: 'by',
            title: c.by,
            wide: true,
            cell: (row) => (
              <>
                {whoWord(row.ordered_by)}, {clock(row.ordered_at, prefs)}: {plain(row.reason)}
                {row.approved_by === null ? null : (
                  <span className={parts.hint}> {w.approvedBy(whoWord(row.approved_by))}</span>
                )}
              </>
            ),
          },
          {
            id: 'ends',
            title: c.ends,
            cell: (row) => (row.expires_at === null ? words.never : clock(row.expires_at, prefs)),
          },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              row.state === 'waiting' || row.state === 'approved' ? (
                <span className={`${parts.row} ${parts.acts}`}>
                  {row.state === 'waiting' && row.ordered_by === whoIs(me) ? (
                    <span className={parts.hint}>{ops.act.another}</span>
                  ) : null}
                  {row.state === 'waiting' && row.ordered_by !== whoIs(me) ? (
                    <Button acts onPress={() => decide({ of: row, act: 'approve' })}>
                      {ops.act.approve}
                    </Button>
                  ) : null}
                  <Button kind="quietDanger" acts onPress={() => decide({ of: row, act: 'withdraw' })}>
                    {ops.act.withdraw}
                  </Button>
                </span>
              ) : null,
          },
        ]}
      />
      {ordering ? <Order account={account} currency={currency} anew={anew} close={() => order(false)} /> : null}
      {decided === null ? null : (
        <Act
          name={`credit:${decided.act}:${decided.of.id}`}
          title={decided.act === 'approve' ? w.approveTitle : w.withdrawTitle}
          go={ops.act[decided.act]}
          danger={decided.act === 'withdraw'}
          run={(reason) =>
            must(
              api.POST(
                decided.act === 'approve'
                  ? '/v1/ops/accounts/{id}/credits/{credit}/approve'
                  : '/v1/ops/accounts/{id}/credits/{credit}/withdraw',
                { params: { path: { id: account, credit: decided.of.id } }, body: { reason } },
              ),
            )
          }
          done={() => {
            decide(null)
            anew()
          }}
          close={() => decide(null)}
        >
          <p>
            <Amount value={decided.of.amount} currency={decided.of.currency} short />, {w.kinds[decided.of.kind]},{' '}
            {w.orderedBy(whoWord(decided.of.ordered_by))}: {plain(decided.of.reason)}
          </p>
        </Act>
      )}
    </Section>
  )
}

function Order({
  account,
  currency,
  anew,
  close,
}: {
  account: string
  currency: string
  anew: () => void
  close: () => void
}) {
  const [kind, setKind] = useState<(typeof KINDS)[number]>('promo')
  const [amount, setAmount] = useState('')
  const [ends, setEnds] = useState('')
  const [reference, setReference] = useState('')
  const size = typed(amount)
  const fits = size !== null && size > 0n
  return (
    <Act
      name={`credit:${account}`}
      title={w.orderTitle}
      go={w.order}
      ready={fits}
      run={(reason, wish) =>
        must(
          api.POST('/v1/ops/accounts/{id}/credits', {
            params: { path: { id: account }, header: { 'Idempotency-Key': wish } },
            body: {
              amount: size === null ? '' : moneyText(size),
              currency,
              kind,
              reason,
              ...(kind === 'paid' || ends === '' ? {} : { expires_at: `${ends}T00:00:00Z` }),
              ...(kind !== 'paid' || reference.trim() === '' ? {} : { reference: reference.trim() }),
            },
          }),
        )
      }
      done={() => {
        anew()
        close()
      }}
      close={close}
    >
      <p>{w.orderWhy}</p>
      <Choice label={w.kind} value={kind} of={KINDS.map((id) => ({ id, text: w.kinds[id] }))} onChange={setKind} />
      <Field
        label={w.amount(currency)}
        hint={w.amountHint}
        value={amount}
        onChange={setAmount}
        inputMode="decimal"
        isInvalid={amount !== '' && !fits}
        isRequired
        mono
      />
      {kind === 'paid' ? (
        <Field label={w.reference} hint={w.referenceHint} value={reference} onChange={setReference} maxLength={200} />
      ) : (
        <Field label={w.ends} hint={w.endsHint} type="date" value={ends} onChange={setEnds} />
      )}
    </Act>
  )
}
