import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Message, Reader } from './sse'

const TEXT =
  'retry: 2000\n\nevent: snapshot\nid: 7\ndata: {"a":1}\n\n: a remark\nevent: beat\r\nid: 8\r\ndata: x\r\ndata: y\r\n\r\ndata:z\n\n'
const SAID: Message[] = [
  { event: 'snapshot', id: '7', data: '{"a":1}' },
  { event: 'beat', id: '8', data: 'x\ny' },
  { event: 'message', id: '8', data: 'z' },
]

describe('events as they arrive', () => {
  it('are the same however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: TEXT.length }), { maxLength: 20 }), (cuts) => {
        const reader = new Reader()
        const at = [...new Set([0, ...cuts, TEXT.length])].sort((a, b) => a - b)
        const out = at.slice(1).flatMap((end, i) => reader.feed(TEXT.slice(at[i], end)))
        expect(out).toEqual(SAID)
      }),
    )
  })
  it('have a bound', () => {
    const reader = new Reader()
    expect(() => {
      for (let i = 0; i < 100; i++) reader.feed('x'.repeat(100_000))
    }).toThrow(RangeError)
  })
})
