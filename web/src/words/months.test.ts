import { describe, expect, it } from 'vitest'
import { daysOf, isMonth, lastMonths, monthAfter, rangeOf } from './months'

describe('months', () => {
  it('follow each other over the year', () => {
    expect([monthAfter('2026-12', 1), monthAfter('2026-01', -1), monthAfter('2026-11', 0)]).toEqual([
      '2027-01',
      '2025-12',
      '2026-11',
    ])
    expect(lastMonths(new Date('2026-01-31T23:59:59Z'), 3)).toEqual(['2026-01', '2025-12', '2025-11'])
  })
  it('have their own days, in leap years too', () => {
    expect([daysOf('2028-02').length, daysOf('2026-02').length, daysOf('2026-11').at(-1)]).toEqual([
      29,
      28,
      '2026-11-30',
    ])
    expect(rangeOf('2026-11')).toEqual({ from: 1793491200, to: 1796083200 })
  })
  it('are not whatever looks like one', () => {
    expect([isMonth('2026-13'), isMonth('2026-1'), isMonth('2026-09')]).toEqual([false, false, true])
  })
})
