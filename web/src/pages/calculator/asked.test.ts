import { describe, expect, it } from 'vitest'
import { bodyOf, ofAddress, wrong } from './asked'

describe('what the calculator is asked', () => {
  it('is of a size, until a sandbox is named', () => {
    expect(bodyOf(ofAddress(''))).toEqual({
      vcpus: 2,
      memory_mib: 4096,
      disk_mib: 1024,
      count: 10,
      running_s_a_day: 28_800,
      asleep_s_a_day: 57_600,
      days: 30,
    })
    expect(bodyOf(ofAddress('?box=i7f3&idle=50'))).toEqual({ sandbox: 'i7f3', idle_percent: 50 })
  })
  it('is refused in words before it is sent', () => {
    expect(wrong(ofAddress(''))).toBe(null)
    expect(wrong(ofAddress('?run=20&hib=5'))).toMatch(/24 hours/)
    expect(wrong(ofAddress('?count=0'))).toBe('How many: a whole number from 1 to 1,000,000.')
    expect(wrong(ofAddress('?count=1.5'))).toMatch(/whole number/)
    expect(wrong(ofAddress('?count='))).toMatch(/whole number/)
    // what is of the other question says nothing against this one
    expect(wrong(ofAddress('?box=i7f3&count=0'))).toBe(null)
    expect(wrong(ofAddress('?box=i7f3&idle=101'))).toMatch(/from 0 to 100/)
  })
})
