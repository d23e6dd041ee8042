import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { address, asQuery, EMPTY, ofAddress, parts, typed, written, wrongState } from './filter'

const word = fc.stringMatching(/^[a-z0-9_.-]{1,8}$/)
const filter = fc.record({
  q: fc.array(word, { maxLength: 3 }).map((w) => w.join(' ')),
  state: fc.uniqueArray(fc.constantFrom('running', 'asleep', 'changing', 'ended')),
  template: fc.oneof(fc.constant(''), word),
  key: fc.oneof(fc.constant(''), word),
  cause: fc.uniqueArray(fc.constantFrom('timeout', 'host_lost')),
  metadata: fc.array(fc.tuple(word, word), { maxLength: 3 }),
  sort: fc.constantFrom('newest' as const, 'oldest' as const),
})

describe('a filter', () => {
  it('comes back from what is typed and from the address as it was', () => {
    fc.assert(
      fc.property(filter, (f) => {
        expect(typed(written(f))).toEqual(f)
        expect(ofAddress(address(f))).toEqual(f)
      }),
    )
  })
  it('says to the API what people call a state', () => {
    expect(asQuery(typed('state:asleep,changing template:py team=ml x y'))).toEqual({
      q: 'x y',
      state: 'paused,starting,pausing,resuming,ending',
      template: 'py',
      metadata: ['team=ml'],
    })
    expect(asQuery(typed('sort:oldest'))).toEqual({ sort: 'created' })
    expect([wrongState(typed('state:asleep')), wrongState(typed('state:sleepy'))]).toEqual([null, 'sleepy'])
  })
  it('can be taken apart', () => {
    expect(parts(EMPTY)).toEqual([])
    for (const part of parts(typed('state:ended a=b x')))
      expect(written(part.without)).not.toContain(part.word.replaceAll('"', ''))
  })
})
