import { describe, expect, it } from 'vitest'
import type { Health, SeenPeriod } from '../../../live/types'
import { redsOf } from './reds'

const NOW = Date.parse('2026-12-01T12:00:00Z')
const well: Health = {
  at: '2026-12-01T12:00:00Z',
  replica: {},
  replicas: [1],
  workers: { active: 3, draining: 0, written_off: 0, late: 0, refusing: 0, running: 9, asleep: 90, versions: [] },
  waiting: { sweep: 0, held: 0, letters: 0, letters_given_up: 0, outbox: 0 },
  meter: { beat_age_s: 2, lag_frames: 0, lag_attestations: 0, watermark: '2026-12-01T11:59:55Z', closed_through: null },
  schema: 75,
}
const period: SeenPeriod = {
  start: '2026-12-01T11:00:00Z',
  seconds: 3600,
  written_at: '2026-12-01T12:00:05Z',
  closed_at: null,
  accounts: { open: 1, closed: 0, empty: 0 },
  workers: { count: 3, complete: 3, attested: 3 },
  late: [],
  gap_s: 0,
  anomalies: 0,
  reconciliations: { compared: 11, differ: 0 },
}
const hrefs = (h: Health, periods: SeenPeriod[] = [period]) => redsOf(h, periods, NOW).map((red) => red.href)

describe('what needs a look', () => {
  it('is nothing where all is well', () => expect(hrefs(well)).toEqual([]))
  it('is a meter that was never there, or is silent', () => {
    expect(hrefs({ ...well, meter: null })).toEqual(['/ops/money'])
    expect(hrefs({ ...well, meter: { ...well.meter, beat_age_s: 16 } })).toEqual(['/ops/money'])
  })
  it('is evidence that does not come', () => {
    expect(hrefs({ ...well, meter: { ...well.meter, watermark: '2026-12-01T11:58:59Z' } })).toEqual(['/ops/money'])
    expect(hrefs({ ...well, meter: { ...well.meter, watermark: null } })).toEqual([])
  })
  it('is what does not agree before what is merely late', () => {
    const bad = { ...period, gap_s: 5, reconciliations: { compared: 11, differ: 1 } }
    expect(hrefs({ ...well, workers: { ...well.workers, late: 1 } }, [bad])).toEqual([
      '/ops/money?tab=checks',
      '/ops/fleet',
      '/ops/money?tab=gaps',
    ])
  })
})
