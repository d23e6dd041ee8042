import { money, shown } from '../money/money'
import css from './parts.module.css'

/** An amount as the API sent it, all 18 decimals; what only fills them is dimmed. `short` leaves the dimmed part out. */
export function Amount({
  value,
  currency,
  short = false,
}: {
  value: string
  currency?: string | null
  short?: boolean
}) {
  const piece = shown(money(value))
  return (
    <span className={css.money} title={short ? value : undefined}>
      {currency ? `${currency} ` : ''}
      {piece.sign}
      {piece.whole}.{piece.fraction}
      {short || piece.zeros === '' ? null : <i>{piece.zeros}</i>}
    </span>
  )
}
