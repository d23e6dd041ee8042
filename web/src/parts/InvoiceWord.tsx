import type { Invoice } from '../live/types'
import { billing } from '../words/billing'
import css from './parts.module.css'
import { Glyph, type Look } from './StateWord'

const LOOKS: Record<Invoice['status'], Look> = {
  issued: 'ended',
  paid: 'good',
  partially_paid: 'change',
  overdue: 'fault',
  disputed: 'rule',
  uncollectible: 'ended',
  voided: 'ended',
}

/** How an invoice stands: glyph, word and colour; nothing of it moves. */
export function InvoiceWord({ status }: { status: Invoice['status'] }) {
  const look = LOOKS[status]
  return (
    <span className={`${css.state} ${css[look]} ${css.still}`}>
      <Glyph look={look} />
      {billing.invoices.status[status]}
    </span>
  )
}
