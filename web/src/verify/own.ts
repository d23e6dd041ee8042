/** What rows of a statement come to, added up as they are judged, so that none of them has to be kept. */
import type { Judged } from './lives.ts'
import { inTurn, isMinutes, type Segment } from './segments.ts'
import type { Correction, Sku } from './shapes.ts'
import { type Part, partKey, type Stated } from './stated.ts'

/** A segment and all that rows of it have come to. */
export interface Filled {
  readonly segment: Segment
  readonly from: number
  readonly group: string
  pooled: number
  readonly measured: Map<Sku, { qty: bigint; seconds: number }>
}

/** What a row has put into the pool, by segment, where that is known. */
export function partsOf(row: Judged): ReadonlyMap<string, Part> | null {
  if (row.parts === null) {
    return null
  }
  const out = new Map<string, Part>()
  for (const [{ from, book, includedS }, seconds] of row.parts) {
    if (seconds !== 0) {
      const part = { from, group: row.group, book: book.id, includedS, seconds }
      out.set(partKey(part), part)
    }
  }
  return out
}

/** Adds a part's seconds, or takes them away. */
export function put(all: Map<string, Part>, part: Part, sign: 1 | -1 = 1): void {
  const key = partKey(part)
  all.set(key, { ...part, seconds: sign * part.seconds + (all.get(key)?.seconds ?? 0) })
}

/** Rows of a statement's own period. */
export class Own {
  private readonly all = new Map<string, Filled>()
  readonly parts = new Map<string, Part>()
  /** Of all that the pool takes. */
  part = 0
  /** Of some of it nobody knows which segment it fills. */
  unknown = false
  /** Some row with a billed second has a segment by minutes. */
  pools = false

  add(row: Judged): void {
    this.part += row.part
    this.unknown ||= row.parts === null
    this.pools ||= row.life.row.runningS + row.life.row.hibernatedS > 0 && row.segments.some(isMinutes)
    for (const part of partsOf(row)?.values() ?? []) {
      put(this.parts, part)
    }
    if (row.said !== 'nothing') {
      this.fill(row)
    }
  }

  private fill(row: Judged): void {
    const key = (s: { from: number }, book: number): string => `${row.group} ${s.from} ${book}`
    for (const segment of row.segments) {
      const k = key(segment, segment.book.id)
      let filled = this.all.get(k)
      if (filled === undefined) {
        filled = { segment, from: segment.from, group: row.group, pooled: 0, measured: new Map() }
        this.all.set(k, filled)
      }
      filled.pooled += row.parts?.get(segment) ?? 0
    }
    for (const line of row.life.lines) {
      const measured = line.kind === 'measured' ? this.all.get(key(line, line.book))?.measured : undefined
      const was = measured?.get(line.sku)
      measured?.set(line.sku, { qty: line.qty + (was?.qty ?? 0n), seconds: line.seconds + (was?.seconds ?? 0) })
    }
  }

  /** Segments of all groups that rows are in, in the order in which they count. */
  filled(): Filled[] {
    return [...this.all.values()].sort(inTurn)
  }
}

/** Rows of a period that is corrected. */
export class Changed {
  readonly correction: Correction
  private readonly parts = new Map<string, Part>()
  private known = true
  unseen = false
  /** By what the pool has more of them than before. */
  change = 0

  constructor(correction: Correction) {
    this.correction = correction
  }

  add(row: Judged, before: Stated | undefined): void {
    this.unseen ||= row.said === 'unseen'
    this.change += row.part - (before?.part ?? 0)
    const now = partsOf(row)
    const was = before === undefined ? new Map<string, Part>() : before.parts
    this.known &&= now !== null && was !== null
    for (const part of was?.values() ?? []) {
      put(this.parts, part, -1)
    }
    for (const part of now?.values() ?? []) {
      put(this.parts, part)
    }
  }

  /** By how much each segment's seconds in the pool change; null where that is not known of one. */
  changes(): Part[] | null {
    return this.known && !this.unseen ? [...this.parts.values()].filter((part) => part.seconds !== 0) : null
  }
}
