import { describe, expect, it } from 'vitest'
import { asFail, failOf } from './fail'

describe('what an answer that is no is read as', () => {
  it('keeps the denial and says its rule', () => {
    const denial = {
      what: 'sandbox.create',
      rule: 'project.running_max',
      limit: 3,
      current: 3,
      allowed: null,
      retry_after_s: null,
      cure: 'put one to sleep',
      doc: null,
    }
    const fail = failOf(429, { code: 429, message: 'too many', denial }, 'r1')
    expect([fail.status, fail.message, fail.rule, fail.requestId]).toEqual([
      429,
      'too many',
      'project.running_max',
      'r1',
    ])
  })
  it('stands a body that is anything', () => {
    for (const body of [null, 7, 'x', [], { message: 7 }, { denial: 'no' }]) {
      const fail = failOf(502, body, null)
      expect([fail.message, fail.denial]).toEqual(['the answer was 502', null])
    }
  })
  it('takes what was thrown for what it is', () => {
    const fail = failOf(404, {}, null)
    expect(asFail(fail)).toBe(fail)
    expect(asFail(new Error('x')).message).toBe('x')
  })
})
