/** What earlier statements have said of a row, and what that comes to with the lines that correct it. */

import { order } from './bytes.ts'
import { bySkuThenFrom, type Charge } from './rate.ts'
import type { Line } from './shapes.ts'

export interface Stated {
  /** By everything that makes two lines one. */
  readonly charges: ReadonlyMap<string, Charge>
  /** What the pool has of it; by (segment's begin, group, book), where that is known. */
  readonly part: number
  readonly parts: ReadonlyMap<string, Part> | null
}

/** Seconds that a segment has put into the pool. */
export interface Part {
  readonly from: number
  readonly group: string
  readonly book: number
  readonly includedS: number
  readonly seconds: number
}

export const partKey = (p: Pick<Part, 'from' | 'group' | 'book'>): string => `${p.from} ${p.group} ${p.book}`

const key = (c: Pick<Charge, 'sku' | 'tier' | 'book' | 'from' | 'to' | 'perUnit'>): string =>
  `${c.sku} ${c.tier} ${c.book} ${c.from} ${c.to} ${c.perUnit}`

export const statedCharges = (stated: Stated | undefined): ReadonlyMap<string, Charge> => stated?.charges ?? new Map()

const inOrder = (a: Charge, b: Charge): number =>
  bySkuThenFrom(a, b) || a.book - b.book || a.tier - b.tier || order(String(a.perUnit), String(b.perUnit))

/** Both together, without what comes to nothing: by sku and from. */
export function merged(stated: ReadonlyMap<string, Charge>, lines: readonly Line[]): Charge[] {
  const all = new Map(stated)
  for (const line of lines) {
    if (line.kind === 'measured') {
      continue
    }
    const before = all.get(key(line))
    all.set(key(line), {
      sku: line.sku,
      book: line.book,
      tier: line.tier,
      from: line.from,
      to: line.to,
      perUnit: line.perUnit,
      qty: line.qty + (before?.qty ?? 0n),
      seconds: line.seconds + (before?.seconds ?? 0),
      measured: false,
    })
  }
  return [...all.values()].filter((c) => c.qty !== 0n || c.seconds !== 0).sort(inOrder)
}

export const chargesBy = (charges: readonly Charge[]): Map<string, Charge> =>
  new Map(charges.filter((c) => !c.measured).map((c) => [key(c), c]))

/** Whether something was stated of a row that is not there any more. */
export function missing(
  stated: ReadonlyMap<string, Stated>,
  there: ReadonlySet<string>,
  minutesInTiers: boolean,
): boolean {
  for (const [of, s] of stated) {
    if (!there.has(of) && (s.charges.size > 0 || (s.part !== 0 && !minutesInTiers))) {
      return true
    }
  }
  return false
}
