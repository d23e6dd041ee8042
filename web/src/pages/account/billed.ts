// The billing profile as a form: all text, and what of it has changed, as the API takes it. What was emptied is null where that is a
// value, and is not sent where it is none.
import type { OwnAccount } from '../../live/types'

export type Billing = NonNullable<OwnAccount['billing']>
export type Form = Record<
  'legal_name' | 'address' | 'country' | 'tax_id' | 'currency' | 'billing_cycle' | 'invoice_email' | 'purchase_order',
  string
>
type Wish = {
  legal_name?: string
  address?: string[]
  country?: string
  tax_id?: string | null
  currency?: string
  billing_cycle?: 'hourly' | 'monthly'
  invoice_email?: string | null
  purchase_order?: string | null
}

export const ADDRESS_LINES = 6

export function ofBilling(b: Billing): Form {
  return {
    legal_name: b.legal_name ?? '',
    address: (b.address ?? []).join('\n'),
    country: b.country ?? '',
    tax_id: b.tax_id ?? '',
    currency: b.currency ?? '',
    billing_cycle: b.billing_cycle ?? 'monthly',
    invoice_email: b.invoice_email ?? '',
    purchase_order: b.purchase_order ?? '',
  }
}

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

export function changed(was: Form, now: Form): Wish {
  const out: Wish = {}
  const said = (name: keyof Form) => now[name].trim()
  const differs = (name: keyof Form) => was[name].trim() !== said(name)
  for (const name of ['legal_name', 'country', 'currency'] as const)
    if (differs(name) && said(name) !== '') out[name] = said(name)
  for (const name of ['tax_id', 'invoice_email', 'purchase_order'] as const)
    if (differs(name)) out[name] = said(name) === '' ? null : said(name)
  const address = lines(now.address)
  if (address.join('\n') !== lines(was.address).join('\n')) out.address = address
  if (differs('billing_cycle')) out.billing_cycle = now.billing_cycle === 'hourly' ? 'hourly' : 'monthly'
  return out
}
