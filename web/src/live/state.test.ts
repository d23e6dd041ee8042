import { describe, expect, it } from 'vitest'
import { apply, NEWEST, NOTHING } from './state'
import type { Sandbox } from './types'

const box = (id: string, created_at: string, state = 'running') => ({ id, created_at, state }) as Sandbox

describe('what the stream makes of what is known', () => {
  it('replaces it by a snapshot, and keeps what the snapshot leaves out', () => {
    const cost = { hour: '1', month: '2', currency: 'CNY', as_of: null }
    const one = apply(NOTHING, 'snapshot', {
      counts: { running: 1 },
      cost,
      sandboxes: [box('a', '1')],
      denials: null,
      alerts: [],
    })
    const two = apply(one, 'snapshot', { counts: { running: 2 }, sandboxes: [] })
    expect([two.counts?.running, two.cost, two.sandboxes, two.denials, two.snapshots]).toEqual([2, cost, [], null, 2])
  })
  it('has each sandbox once, as it was told last, the newest first and no more than are shown', () => {
    let live = NOTHING
    for (let i = 0; i < 30; i++)
      live = apply(live, 'sandbox', box(`s${i % 15}`, String(100 + (i % 15)), i < 15 ? 'starting' : 'running'))
    expect(live.sandboxes.map((s) => s.id)).toEqual(Array.from({ length: NEWEST }, (_, i) => `s${14 - i}`))
    expect(live.sandboxes.every((s) => s.state === 'running')).toBe(true)
  })
  it('counts a refusal that is told again no second time', () => {
    const refusal = { at: '1', last_at: '1', count: 1, who: 'key:1', key: '1', sandbox: null, denial: { rule: 'r' } }
    const live = apply(apply(NOTHING, 'denial', refusal), 'denial', { ...refusal, last_at: '2', count: 5 })
    expect(live.denials?.map((d) => d.count)).toEqual([5])
  })
  it('lets pass what it does not know', () => {
    expect(apply(NOTHING, 'beat', {})).toBe(NOTHING)
    expect(apply(NOTHING, 'later', { x: 1 })).toBe(NOTHING)
  })
})
