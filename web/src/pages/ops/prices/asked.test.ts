import { describe, expect, it } from 'vitest'
import { asked, PRICE } from './asked'

const plain = {
  sku: 'vcpu-run',
  unit: 'Core-Seconds',
  per_unit: '0.000034200000',
  label: 'CNY 0.1232 an hour',
  tiers: [],
}
const listed = { ...plain, list_per_unit: '0.000038', discount_bp: 1000 }

describe('a price of a draft', () => {
  it('stays as it was made where it was not touched', () => {
    expect(asked(plain, plain.per_unit)).toEqual({ sku: 'vcpu-run', per_unit: plain.per_unit, label: plain.label })
    expect(asked(listed, plain.per_unit)).toEqual({
      sku: 'vcpu-run',
      list_per_unit: '0.000038',
      discount_bp: 1000,
      label: plain.label,
    })
  })
  it('is what was typed alone where it was: old words would say another price', () =>
    expect(asked(listed, '0.00003')).toEqual({ sku: 'vcpu-run', per_unit: '0.00003' }))
  it('is of a thing that is sold', () => expect(() => asked({ ...plain, sku: 'air' }, '1')).toThrow('air'))
  it('is a decimal number', () => {
    expect(['0.00003', '12', '0.0000000000001', 'much', '1e3', '-1'].map((text) => PRICE.test(text))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
})
