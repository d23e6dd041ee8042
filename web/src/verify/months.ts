/** The account as a whole: pooled minutes, what is sold in tiers, and what later statements make of both, month by month. */
import { order } from './bytes.ts'
import { need, Unreadable } from './fault.ts'
import { type Changed, type Filled, type Own, put } from './own.ts'
import type { Charge } from './rate.ts'
import { inTurn, isMinutes } from './segments.ts'
import type { Book, Correction, Head, Line, Price, Sku } from './shapes.ts'
import type { Part } from './stated.ts'

/** A line of the head that must be there. */
type Due = Omit<Charge, 'measured'> & { readonly kind: 'usage' | 'correction' }

interface Month {
  /** It lies in the bundle from its first second on. */
  readonly whole: boolean
  /** Where the pool stands; null where that is not known yet. */
  total: number | null
  /** Whose seconds are in it, as long as that is known. */
  parts: Map<string, Part>
  known: boolean
  readonly counts: Map<string, bigint>
}

const MICRO = 1_000_000n
const minutesOf = (seconds: number): number => Math.floor(seconds / 60)
export const monthOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 7)
const beginOf = (month: string): number => Date.parse(`${month}-01T00:00:00Z`) / 1000

export class Months {
  private readonly months = new Map<string, Month>()
  private readonly books: ReadonlyMap<number, Book>
  private readonly first: number
  private begins: number | null = null
  private readonly minutesInTiers: boolean
  /** Pools and counts of which the first figure was believed, and pools that were not known by segment. */
  readonly seen = { poolsUnseen: 0, poolsSplit: 0, tiersUnseen: 0 }

  constructor(books: ReadonlyMap<number, Book>, first: number) {
    this.books = books
    this.first = first
    this.minutesInTiers = [...books.values()].some((b) => b.prices.get('minutes')?.mode != null)
  }

  /** Of a statement of version 1 nothing is known of the pool. */
  unpaged(head: Head): void {
    this.begins ??= head.period.start
    const month = this.month(head.period.start)
    this.months.set(monthOf(head.period.start), { ...month, whole: false, total: null, known: false })
  }

  private month(at: number): Month {
    const name = monthOf(at)
    let month = this.months.get(name)
    if (month === undefined) {
      const whole = this.first === 1 || (this.begins !== null && beginOf(name) >= this.begins)
      month = { whole, total: whole ? 0 : null, parts: new Map(), known: whole, counts: new Map() }
      this.months.set(name, month)
    }
    return month
  }

  /** Lines, pool and tiers of a head are what rows make of them; else Unreadable says why. */
  check(head: Head, own: Own, corrected: readonly Changed[]): void {
    this.begins ??= head.period.start
    const behind = head.lines.findIndex((line) => line.kind === 'correction')
    const mine = behind < 0 ? head.lines : head.lines.slice(0, behind)
    const late = behind < 0 ? [] : head.lines.slice(behind)
    let at = 0
    for (const one of corrected) {
      at += this.correct(head, one, late.slice(at))
    }
    need(at === late.length, 'a line corrects what nothing has changed')
    this.fill(head, own, corrected, mine)
  }

  // --- what is corrected ---

  /** How many of the lines are of this period. */
  private correct(head: Head, changed: Changed, lines: readonly Line[]): number {
    const { correction } = changed
    const month = this.month(correction.period.start)
    const { poolS } = correction
    if (this.minutesInTiers) {
      need(poolS === 0, 'a pool that is sold in tiers is not corrected')
      return 0
    }
    need(changed.unseen || poolS === changed.change, 'it changes the pool by what its rows do not')
    const changes = changed.changes()
    if (changes !== null && poolS === 0 && changes.length === 0) {
      return 0
    }
    const base = month.total
    if (month.total !== null) {
      month.total += poolS
    }
    if (changes === null || !month.known || !month.whole) {
      month.known = false
      return this.unknownLines(head, correction, lines, month.whole ? base : null)
    }
    const old = this.rated(month.parts)
    const parts = new Map(month.parts)
    for (const part of changes) {
      put(parts, part)
    }
    month.parts = parts
    return dueLines(differences(old, this.rated(parts), correction), lines)
  }

  /** The minutes of a month by (book, tier), all of its parts in turn. */
  private rated(parts: ReadonlyMap<string, Part>): Map<string, { book: Book; tier: number; minutes: number }> {
    const out = new Map<string, { book: Book; tier: number; minutes: number }>()
    let at = 0
    for (const part of [...parts.values()].sort((a, b) => inTurn(a, b) || a.book - b.book)) {
      const book = this.books.get(part.book)
      need(book !== undefined, 'a price book is missing')
      for (const [tier, minutes] of split(at, part.seconds, part.includedS)) {
        const key = `${part.book} ${tier}`
        out.set(key, { book, tier, minutes: minutes + (out.get(key)?.minutes ?? 0) })
      }
      at += part.seconds
    }
    return out
  }

  private unknownLines(head: Head, { period, poolS }: Correction, lines: readonly Line[], base: number | null): number {
    let n = 0
    let sum = 0n
    for (; n < lines.length; n++) {
      const line = lines[n] as Line
      if (line.from !== period.start || line.to !== period.end) {
        break
      }
      this.isMinutes(head, line, 'correction')
      need(line.seconds === poolS && line.qty !== 0n, 'minutes that are corrected have other seconds')
      sum += line.qty
    }
    need(
      base === null || sum === BigInt(minutesOf(base + poolS) - minutesOf(base)) * MICRO,
      'minutes that are corrected do not add up',
    )
    return n
  }

  private isMinutes(head: Head, line: Line, kind: Line['kind']): void {
    const book = head.books.some((b) => b.id === line.book) ? this.books.get(line.book) : undefined
    const price = book?.prices.get('minutes')
    const per = line.tier === 0 ? 0n : price?.tiers[line.tier - 1]?.perUnit
    need(
      book?.minutes === true && line.kind === kind && line.sku === 'minutes' && per === line.perUnit,
      'minutes have another price than their book',
    )
    need(
      line.amount === line.qty * line.perUnit && line.qty % MICRO === 0n,
      'an amount of minutes is not their quantity at their price',
    )
  }

  // --- the own period ---

  private fill(head: Head, own: Own, corrected: readonly Changed[], lines: readonly Line[]): void {
    const month = this.month(head.period.start)
    const filled = own.filled()
    const { unknown } = own
    const name = monthOf(head.period.start)
    const later = corrected.filter((c) => monthOf(c.correction.period.start) === name).map((c) => c.correction.poolS)
    const pools = own.pools || later.some((s) => s !== 0)
    need(
      pools === (head.pool !== null),
      pools ? 'it has a pool, and says that it has none' : 'it says that it has a pool, and has none',
    )
    let at = month.total
    if (head.pool !== null) {
      if (at === null) {
        this.seen.poolsUnseen++
        at = head.pool.beforeS
      }
      need(head.pool.beforeS === at, 'its pool does not begin where the one before ended')
    }
    const due: Due[] = []
    const counted = new Map<string, { book: number; sku: Sku; before: bigint; after: bigint }>()
    const count = (price: Price, of: Filled, qty: bigint, seconds: number): void => {
      due.push(...this.counted(head, month, counted, price, of, qty, seconds))
    }
    let position = at ?? 0
    for (const of of filled) {
      if (isMinutes(of.segment) && !unknown) {
        position = this.pool(of, position, due, count)
      }
      for (const [sku, { qty, seconds }] of [...of.measured].sort(([a], [b]) => order(a, b))) {
        const price = of.segment.book.prices.get(sku)
        if (price !== undefined && qty !== 0n) {
          count(price, of, qty, seconds)
        }
      }
    }
    if (unknown) {
      this.seen.poolsSplit++
      position += own.part
      this.splitMinutes(head, lines, at ?? 0, position, month, counted)
    }
    const rest = unknown ? lines.filter((line) => line.sku !== 'minutes') : lines
    due.sort((a, b) => a.from - b.from || a.book - b.book || order(a.sku, b.sku) || a.tier - b.tier)
    need(dueLines(due, rest) === rest.length, 'a line is not of what the account used')
    this.poolEnds(head, filled, position)
    this.tiersAre(head, counted)
    this.keep(month, own, head.pool === null ? month.total : position, unknown)
  }

  private pool(
    of: Filled,
    at: number,
    due: Due[],
    count: (price: Price, of: Filled, qty: bigint, seconds: number) => void,
  ): number {
    for (const [tier, minutes] of split(at, of.pooled, of.segment.includedS)) {
      const price = of.segment.book.prices.get('minutes')
      need(price !== undefined, 'a book of minutes has no price of them')
      if (tier === 1 && price.mode !== null) {
        count(price, of, BigInt(minutes) * MICRO, of.pooled)
      } else {
        due.push(line(of, 'minutes', tier, tier === 0 ? 0n : price.perUnit, BigInt(minutes) * MICRO, of.pooled))
      }
    }
    return at + of.pooled
  }

  /** What a quantity adds to its count, as lines. */
  private counted(
    head: Head,
    month: Month,
    counted: Map<string, { book: number; sku: Sku; before: bigint; after: bigint }>,
    price: Price,
    of: Filled,
    qty: bigint,
    seconds: number,
  ): Due[] {
    const key = `${of.segment.book.id} ${price.sku}`
    let a = month.counts.get(key)
    if (a === undefined) {
      const said = head.tiers?.find((t) => t.book === of.segment.book.id && t.sku === price.sku)?.before
      a = month.whole ? 0n : (said ?? 0n)
      this.seen.tiersUnseen += month.whole ? 0 : 1
    }
    const b = a + qty
    month.counts.set(key, b)
    counted.set(key, { book: of.segment.book.id, sku: price.sku, before: counted.get(key)?.before ?? a, after: b })
    const base = price.sku === 'minutes' ? 1 : 0
    return tiersOf(price, a, b).map(([tier, part]) =>
      line(of, price.sku, base + tier, price.tiers[tier]?.perUnit ?? 0n, part, seconds),
    )
  }

  /** Minutes of which nobody knows whose they are: their sums alone. */
  private splitMinutes(
    head: Head,
    lines: readonly Line[],
    a: number,
    b: number,
    month: Month,
    counted: Map<string, { book: number; sku: Sku; before: bigint; after: bigint }>,
  ): void {
    let sum = 0n
    for (const one of lines) {
      if (one.sku !== 'minutes') {
        continue
      }
      this.isMinutes(head, one, 'usage')
      sum += one.qty
      if (one.tier > 0 && this.books.get(one.book)?.prices.get('minutes')?.mode != null) {
        const key = `${one.book} minutes`
        const before =
          month.counts.get(key) ??
          (month.whole ? 0n : (head.tiers?.find((t) => t.book === one.book && t.sku === 'minutes')?.before ?? 0n))
        month.counts.set(key, before + one.qty)
        counted.set(key, {
          book: one.book,
          sku: 'minutes',
          before: counted.get(key)?.before ?? before,
          after: before + one.qty,
        })
      }
    }
    need(sum === BigInt(minutesOf(b) - minutesOf(a)) * MICRO, 'its minutes do not add up')
  }

  private poolEnds(head: Head, filled: readonly Filled[], position: number): void {
    if (head.pool === null) {
      return
    }
    need(head.pool.afterS === position, 'its pool does not end where its seconds take it')
    const last = filled.filter((of) => isMinutes(of.segment)).at(-1)
    const included = head.pool.includedS
    const right =
      last === undefined
        ? included === 0 || head.plans.some((p) => p.includedS === included)
        : included === last.segment.includedS
    need(right, 'its pool includes another number of seconds than its plan')
  }

  private tiersAre(
    head: Head,
    counted: ReadonlyMap<string, { book: number; sku: Sku; before: bigint; after: bigint }>,
  ): void {
    const want = [...counted.values()].sort((a, b) => a.book - b.book || order(a.sku, b.sku))
    const have = head.tiers ?? []
    need((head.tiers === null) === (want.length === 0) && have.length === want.length, 'it has other counts of tiers')
    need(
      want.every(
        (w, i) =>
          have[i]?.book === w.book &&
          have[i]?.sku === w.sku &&
          have[i]?.before === w.before &&
          have[i]?.after === w.after,
      ),
      'a count of a tier does not stand where it must',
    )
  }

  private keep(month: Month, own: Own, total: number | null, unknown: boolean): void {
    month.total = total
    month.known &&= !unknown
    for (const part of own.parts.values()) {
      put(month.parts, part)
    }
  }
}

/** Of seconds that come to a pool at `at`: whole minutes, the free ones first; by tier. None of nothing. */
function split(at: number, seconds: number, includedS: number): [0 | 1, number][] {
  const a = minutesOf(at)
  const b = minutesOf(at + seconds)
  const edge = Math.min(Math.max(Math.ceil(includedS / 60), a), b)
  return (
    [
      [0, edge - a],
      [1, b - edge],
    ] as [0 | 1, number][]
  ).filter(([, minutes]) => minutes !== 0)
}

function tiersOf(price: Price, a: bigint, b: bigint): [number, bigint][] {
  const out: [number, bigint][] = []
  if (price.mode === 'graduated') {
    price.tiers.forEach((tier, i) => {
      const end = price.tiers[i + 1]?.from ?? b
      const from = a > tier.from ? a : tier.from
      const to = b < end ? b : end
      out.push([i, to > from ? to - from : 0n])
    })
  } else {
    const tierOf = (sum: bigint): number => price.tiers.findLastIndex((tier) => tier.from <= sum)
    if (tierOf(a) === tierOf(b)) {
      out.push([tierOf(b), b - a])
    } else {
      out.push([tierOf(a), -a], [tierOf(b), b])
    }
  }
  return out.filter(([, qty]) => qty !== 0n)
}

const line = (of: Filled, sku: Sku, tier: number, perUnit: bigint, qty: bigint, seconds: number): Due => ({
  sku,
  tier,
  perUnit,
  qty,
  seconds,
  kind: 'usage',
  book: of.segment.book.id,
  from: of.segment.from,
  to: of.segment.to,
})

/** How many of the lines are those that are due: all of them, at the beginning. */
function dueLines(due: readonly Due[], lines: readonly Line[]): number {
  due.forEach((d, i) => {
    const l = lines[i]
    const right =
      l !== undefined &&
      l.kind === d.kind &&
      l.sku === d.sku &&
      l.book === d.book &&
      l.tier === d.tier &&
      l.from === d.from &&
      l.to === d.to &&
      l.perUnit === d.perUnit &&
      l.qty === d.qty &&
      l.seconds === d.seconds &&
      l.amount === d.qty * d.perUnit
    if (!right) {
      throw new Unreadable('a line of the account as a whole is not what its seconds come to')
    }
  })
  return due.length
}

function differences(
  old: ReadonlyMap<string, { book: Book; tier: number; minutes: number }>,
  now: ReadonlyMap<string, { book: Book; tier: number; minutes: number }>,
  { period, poolS }: Correction,
): Due[] {
  const out: Due[] = []
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    const of = now.get(key) ?? old.get(key)
    const minutes = (now.get(key)?.minutes ?? 0) - (old.get(key)?.minutes ?? 0)
    if (of !== undefined && minutes !== 0) {
      const perUnit = of.tier === 0 ? 0n : (of.book.prices.get('minutes')?.perUnit ?? 0n)
      out.push({
        sku: 'minutes',
        book: of.book.id,
        tier: of.tier,
        from: period.start,
        to: period.end,
        perUnit,
        qty: BigInt(minutes) * MICRO,
        seconds: poolS,
        kind: 'correction',
      })
    }
  }
  return out.sort((a, b) => a.book - b.book || a.tier - b.tier)
}
