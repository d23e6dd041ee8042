import { describe, expect, it } from 'vitest'
import { changed, ofBilling } from './billed'

const was = ofBilling({
  legal_name: 'Ada Ltd',
  address: ['1 Street', 'Town'],
  country: 'DE',
  tax_id: 'DE123456789',
  currency: 'CNY',
  currency_stays: true,
  billing_cycle: 'monthly',
  invoice_email: null,
  purchase_order: null,
})

describe('what is sent of a billing profile', () => {
  it('is nothing where nothing was touched', () => expect(changed(was, was)).toEqual({}))
  it('is nothing where a line was left empty', () =>
    expect(changed(was, { ...was, address: '1 Street\n\nTown ' })).toEqual({}))
  it('is what has changed alone', () => {
    expect(changed(was, { ...was, legal_name: ' Ada GmbH ', address: '1 Street\n\n  Other town ' })).toEqual({
      legal_name: 'Ada GmbH',
      address: ['1 Street', 'Other town'],
    })
  })
  it('takes away what may be none, and leaves what may not', () => {
    expect(changed(was, { ...was, tax_id: '', country: '' })).toEqual({ tax_id: null })
  })
})
