import { describe, expect, it } from 'vitest'
import { joined } from './shell'

const bytes = (n: number, of: number) => new Uint8Array(n).fill(of)

describe('what is typed', () => {
  it('goes together, in order, a piece at a time', () => {
    expect([...joined([bytes(2, 1), bytes(1, 2)])]).toEqual([1, 1, 2])
    expect(joined([bytes(20_000, 1), bytes(20_000, 2)]).length).toBe(20_000)
    // one that is larger than a piece is never left behind
    expect(joined([bytes(40_000, 1), bytes(1, 2)]).length).toBe(40_000)
    expect(joined([]).length).toBe(0)
  })
})
