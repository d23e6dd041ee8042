// A price of a draft as the service takes it. What was not touched stays as it was made: of a list price and a discount, with the words
// that people read beside it. What was touched is the price that was typed alone: the old words would say another.
import type { PriceBook } from '../../../live/types'

export type Price = PriceBook['prices'][number]
type Sku = 'disk-hib' | 'disk-run-over-30' | 'mem-run' | 'minutes' | 'snapshot' | 'vcpu-run'
type Asked = { sku: Sku; per_unit?: string; list_per_unit?: string; discount_bp?: number; label?: string }

const SKUS: readonly Sku[] = ['minutes', 'vcpu-run', 'mem-run', 'disk-run-over-30', 'disk-hib', 'snapshot']
export const PRICE = /^\d{1,6}(\.\d{1,12})?$/

export function asked(price: Price, text: string): Asked {
  const sku = SKUS.find((one) => one === price.sku)
  if (sku === undefined) throw new Error(`no such price: ${price.sku}`)
  if (text !== price.per_unit) return { sku, per_unit: text }
  return {
    sku,
    ...(price.list_per_unit == null
      ? { per_unit: text }
      : { list_per_unit: price.list_per_unit, discount_bp: price.discount_bp ?? 0 }),
    ...(price.label ? { label: price.label } : {}),
  }
}
