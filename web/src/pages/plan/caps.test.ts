import { describe, expect, it } from 'vitest'
import { percentsOf } from './Alerts'
import { capOf, secondsOf } from './Caps'

describe('what is typed as a cap', () => {
  it('is an amount with six decimals, or takes it away', () => {
    expect([capOf('8,000.5'), capOf(' 0.000001 '), capOf('')]).toEqual(['8000.500000', '0.000001', null])
  })
  it('is nothing else', () => {
    expect([capOf('-1'), capOf('0.0000001'), capOf('8 000'), capOf('1e3'), capOf('many')]).toEqual(
      Array(5).fill(undefined),
    )
    expect([secondsOf('6,000'), secondsOf(''), secondsOf('1.5'), secondsOf('-1')]).toEqual([
      '6000',
      null,
      undefined,
      undefined,
    ])
  })
})

describe('percents', () => {
  it('are whole, from 1 to 100, each once, ten at most', () => {
    expect(percentsOf('90, 50,100')).toEqual([50, 90, 100])
    expect(percentsOf('')).toEqual([])
    expect([percentsOf('0'), percentsOf('101'), percentsOf('1.5'), percentsOf('50,50')]).toEqual(Array(4).fill(null))
    expect(percentsOf('1,2,3,4,5,6,7,8,9,10,11')).toBe(null)
  })
})
