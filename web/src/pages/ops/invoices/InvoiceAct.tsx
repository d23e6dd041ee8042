// One act on one invoice, ordered once. Above a threshold it waits for another operator, among the orders.
import { useState } from 'react'
import { api, must } from '../../../live/api'
import type { Invoice } from '../../../live/types'
import { moneyText, typed } from '../../../money/money'
import { Amount } from '../../../parts/Amount'
import { Field } from '../../../parts/Field'
import { plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'

const w = ops.invoices

const PATHS = {
  pay: '/v1/ops/accounts/{id}/invoices/{number}/pay',
  credit: '/v1/ops/accounts/{id}/invoices/{number}/credit',
  dispute: '/v1/ops/accounts/{id}/invoices/{number}/dispute',
  'settle-dispute': '/v1/ops/accounts/{id}/invoices/{number}/settle-dispute',
  void: '/v1/ops/accounts/{id}/invoices/{number}/void',
  uncollectible: '/v1/ops/accounts/{id}/invoices/{number}/uncollectible',
} as const

export type Wish = keyof typeof PATHS

type Props = { of: Invoice; wish: Wish; done: () => void; close: () => void }

export function InvoiceAct({ of, wish, done, close }: Props) {
  const [amount, setAmount] = useState('')
  const [day, setDay] = useState(() => new Date().toISOString().slice(0, 10))
  const [reference, setReference] = useState('')
  const said = w.wishes[wish]
  const size = typed(amount)
  const fits = size !== null && size > 0n
  const pays = wish === 'pay'
  return (
    <Act
      name={`invoice:${wish}:${of.number}`}
      title={said.title(plain(of.number))}
      go={said.go}
      danger={wish === 'void' || wish === 'uncollectible'}
      ready={!pays || (fits && day !== '')}
      run={(reason, name) => {
        const params = { path: { id: of.account ?? '', number: of.number }, header: { 'Idempotency-Key': name } }
        return pays
          ? must(
              api.POST(PATHS.pay, {
                params,
                body: {
                  amount: size === null ? '' : moneyText(size),
                  received_on: day,
                  reason,
                  ...(reference.trim() === '' ? {} : { reference: reference.trim() }),
                },
              }),
            )
          : must(api.POST(PATHS[wish], { params, body: { reason } }))
      }}
      done={done}
      close={close}
    >
      <p>{said.why}</p>
      <p>
        {w.openNow} <Amount value={of.open} currency={of.currency} short />
      </p>
      {pays ? (
        <>
          <Field
            label={ops.credits.amount(of.currency)}
            hint={ops.credits.amountHint}
            value={amount}
            onChange={setAmount}
            inputMode="decimal"
            isInvalid={amount !== '' && !fits}
            isRequired
            mono
          />
          <Field label={w.receivedOn} type="date" value={day} onChange={setDay} isRequired />
          <Field
            label={ops.credits.reference}
            hint={ops.credits.referenceHint}
            value={reference}
            onChange={setReference}
            maxLength={200}
          />
        </>
      ) : null}
    </Act>
  )
}
