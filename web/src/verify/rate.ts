/** What seconds of a row come to, and whether what is charged for them is just that, or honestly less. */
import type { Attestation } from './attestation.ts'
import { order } from './bytes.ts'
import type { Segment } from './segments.ts'
import { type Line, type Row, SKUS, type Sku } from './shapes.ts'

/** Seconds of a sandbox, a byte each as in an attestation, from the period's start. */
export interface Seconds {
  readonly start: number
  readonly states: Uint8Array
  readonly disk: readonly number[]
}

/** One line of the table, without what it says of its row. */
export interface Charge {
  readonly sku: Sku
  readonly book: number
  readonly tier: number
  readonly from: number
  readonly to: number
  readonly perUnit: bigint
  readonly qty: bigint
  readonly seconds: number
  /** It is sold in tiers: charged to the account as a whole. */
  readonly measured: boolean
}

export interface Rated {
  readonly charges: readonly Charge[]
  readonly running: number
  readonly hibernated: number
  /** Running seconds by segment. */
  readonly bySegment: readonly number[]
  /** A second ran or had a disk where no segment holds. */
  readonly uncovered: boolean
  /** A book has no price for something that it would be rated by. */
  readonly unpriced: boolean
}

const FREE = 1920
/** 16 MiB as GiB, in millionths: 10^6 / 64. */
const UNIT = 15625n
const GIB = 1024n
const MICRO = 1_000_000n

interface Counted {
  run: number
  hib: number
  hibOnDisk: number
  hibDisk: bigint
  overDisk: number
  over: bigint
}

function counted(s: Seconds, from: number, to: number): Counted {
  const out = { run: 0, hib: 0, hibOnDisk: 0, hibDisk: 0n, overDisk: 0, over: 0n }
  for (let minute = Math.floor(from / 60); minute * 60 < to; minute++) {
    const disk = s.disk[minute] ?? 0
    let run = 0
    let hib = 0
    for (let i = Math.max(from, minute * 60), end = Math.min(to, minute * 60 + 60); i < end; i++) {
      const state = s.states[i]
      run += state === 1 ? 1 : 0
      hib += state === 2 ? 1 : 0
    }
    out.run += run
    out.hib += hib
    if (disk > 0) {
      out.hibOnDisk += hib
      out.hibDisk += BigInt(disk * hib)
    }
    if (disk > FREE) {
      out.overDisk += run
      out.over += BigInt((disk - FREE) * run)
    }
  }
  return out
}

/** The quantity of seconds of a size; what is not a whole millionth cannot be. */
export const perSecond = (sku: Sku, row: Pick<Row, 'vcpus' | 'memMib'>, seconds: number): bigint =>
  sku === 'vcpu-run'
    ? BigInt(row.vcpus) * BigInt(seconds) * MICRO
    : (BigInt(row.memMib) * BigInt(seconds) * MICRO) / GIB

export const bySkuThenFrom = (a: { sku: Sku; from: number }, b: { sku: Sku; from: number }): number =>
  order(a.sku, b.sku) || a.from - b.from

/** The table, for a row's seconds in its segments. */
export function rate(row: Row, s: Seconds, segments: readonly Segment[]): Rated {
  const charges: Charge[] = []
  const bySegment: number[] = []
  const all = counted(s, 0, s.states.length)
  let covered = 0
  let onDisk = 0
  let unpriced = false
  for (const segment of segments) {
    const c = counted(s, segment.from - s.start, segment.to - s.start)
    bySegment.push(c.run)
    covered += c.run
    onDisk += c.hibOnDisk
    const table: [Sku, number, bigint][] = [['disk-hib', c.hibOnDisk, c.hibDisk * UNIT]]
    if (!segment.book.minutes) {
      table.push(
        ['disk-run-over-30', c.overDisk, c.over * UNIT],
        ['mem-run', c.run, perSecond('mem-run', row, c.run)],
        ['vcpu-run', c.run, perSecond('vcpu-run', row, c.run)],
      )
    }
    for (const [sku, seconds, qty] of table) {
      if (qty === 0n) {
        continue
      }
      const price = segment.book.prices.get(sku)
      unpriced ||= price === undefined
      charges.push({
        sku,
        book: segment.book.id,
        tier: 0,
        from: segment.from,
        to: segment.to,
        perUnit: price?.perUnit ?? 0n,
        qty,
        seconds,
        measured: price !== undefined && price.mode !== null,
      })
    }
  }
  charges.sort(bySkuThenFrom)
  return {
    charges,
    running: all.run,
    hibernated: all.hib,
    bySegment,
    uncovered: covered < all.run || onDisk < all.hibOnDisk,
    unpriced,
  }
}

/** What a line must be that says a charge of a period's own. */
export const says = (line: Line, c: Charge): boolean =>
  line.sku === c.sku &&
  line.book === c.book &&
  line.tier === 0 &&
  line.from === c.from &&
  line.to === c.to &&
  line.qty === c.qty &&
  line.seconds === c.seconds &&
  line.kind === (c.measured ? 'measured' : 'usage') &&
  line.perUnit === (c.measured ? 0n : c.perUnit) &&
  line.amount === (c.measured ? 0n : c.qty * c.perUnit)

const sumOf = (of: readonly Charge[], skus: readonly Sku[]): number =>
  of.reduce((all, c) => all + (skus.includes(c.sku) ? c.seconds : 0), 0)

/** Charges as a row's lines say them, if each of them could be one that says less; else null. */
export function lessOf(lines: readonly Line[]): Charge[] | null {
  const out: Charge[] = []
  for (const line of lines) {
    const measured = line.kind === 'measured'
    if (
      line.kind === 'correction' ||
      (measured && (line.perUnit !== 0n || line.amount !== 0n)) ||
      (!measured && line.amount !== line.qty * line.perUnit)
    ) {
      return null
    }
    out.push({ ...line, measured })
  }
  return out
}

export interface Bounds {
  readonly segments: readonly Segment[]
  readonly bound: Rated
  /** Seconds that no segment has may be pooled: the period has no statement. */
  readonly pooledBeside: boolean
  /** Stated and corrected together: what is sold in tiers is not among them. */
  readonly corrects: boolean
}

/** What is wrong with a row that says less than its bound, or null: it honestly may. */
export function lessIsWrong(
  row: Row,
  charges: readonly Charge[],
  { segments, bound, pooledBeside, corrects }: Bounds,
): string | null {
  let inTiers = false
  for (const [i, c] of charges.entries()) {
    const segment = segments.find((s) => s.book.id === c.book && s.from === c.from && s.to === c.to)
    const price = segment?.book.prices.get(c.sku)
    if (
      segment === undefined ||
      price === undefined ||
      !(SKUS as readonly string[]).includes(c.sku) ||
      (segment.book.minutes && c.sku !== 'disk-hib')
    ) {
      return 'a line is of no price that holds there'
    }
    const tiered = price.mode !== null
    if (
      c.measured !== (tiered && !corrects) ||
      (tiered && corrects) ||
      c.tier !== 0 ||
      (!c.measured && c.perUnit !== price.perUnit)
    ) {
      return 'a price is not that of its book'
    }
    if (c.qty < 0n || c.seconds < 0 || c.seconds > c.to - c.from) {
      return 'a line has more seconds than there are, or less than none'
    }
    if ((c.sku === 'mem-run' || c.sku === 'vcpu-run') && c.qty !== perSecond(c.sku, row, c.seconds)) {
      return 'a quantity is not that of its seconds'
    }
    const last = charges[i - 1]
    if (last !== undefined && bySkuThenFrom(last, c) >= 0) {
      return 'lines are not in order, or twice'
    }
  }
  for (const s of segments) {
    inTiers ||=
      corrects && ['vcpu-run', 'mem-run'].some((sku) => (s.book.prices.get(sku as Sku)?.mode ?? null) !== null)
  }
  const vcpu = sumOf(charges, ['vcpu-run'])
  const mem = sumOf(charges, ['mem-run'])
  const some = pooledBeside || segments.some((s) => s.book.minutes)
  const all = segments.length > 0 && segments.every((s) => s.book.minutes) && !pooledBeside
  if (vcpu > row.runningS || mem > row.runningS) {
    return 'more seconds are charged than billed'
  }
  if (!inTiers && (vcpu !== mem || (!some && vcpu !== row.runningS) || (all && vcpu !== 0))) {
    return 'seconds of vCPUs and memory are not those that are billed'
  }
  if (sumOf(charges, ['disk-hib']) > row.hibernatedS) {
    return 'more hibernated seconds are charged than billed'
  }
  if (some && row.runningS > bound.running) {
    return 'more seconds are pooled than were sworn to'
  }
  const price = (c: Charge): bigint =>
    segments.find((s) => s.book.id === c.book && s.from === c.from)?.book.prices.get(c.sku)?.perUnit ?? 0n
  const worth = (of: readonly Charge[]): bigint =>
    of.reduce((sum, c) => (corrects && c.measured ? sum : sum + c.qty * price(c)), 0n)
  if (worth(charges) > worth(bound.charges)) {
    return 'it charges more than was sworn to'
  }
  return null
}

/** Seconds of an attestation, all in use. */
export const sworn = (a: Attestation): Seconds => ({ start: a.start, states: a.states, disk: a.disk })
