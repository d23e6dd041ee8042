import { describe, expect, it } from 'vitest'
import { bytesOf, runsOf } from './seconds'

describe('the seconds of an attestation', () => {
  it('are runs that differ, and every second is in one', () => {
    expect(runsOf(new Uint8Array([0, 0, 1, 1, 1, 2, 1]))).toEqual([
      ['off', 2],
      ['run', 3],
      ['hib', 1],
      ['run', 1],
    ])
    expect(runsOf(new Uint8Array(0))).toEqual([])
    const many = new Uint8Array(3600).map((_, i) => (i * 7) % 3)
    expect(runsOf(many).reduce((sum, [, n]) => sum + n, 0)).toBe(3600)
  })
  it('come as they were signed', () => {
    expect([...bytesOf('AP8Q')]).toEqual([0, 255, 16])
  })
})
