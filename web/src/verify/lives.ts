/** All lives of one sandbox in one period, judged from the last to the first: each second is billed once. */
import { type Attestation, sizeOf } from './attestation.ts'
import { Fault } from './fault.ts'
import { type Bounds, bySkuThenFrom, type Charge, lessIsWrong, lessOf, type Rated, rate, says, sworn } from './rate.ts'
import { fitting, holding, isMinutes, type Segment, type Segments } from './segments.ts'
import { type Book, type Head, type Line, type Period, type Row, SKUS } from './shapes.ts'
import { merged, missing, type Stated, statedCharges } from './stated.ts'

/** A row of a page with all that belongs to it. */
export interface Life {
  readonly row: Row
  readonly lines: readonly Line[]
  /** Null where nobody swore to it any more. */
  readonly oath: Attestation | null
  readonly entry: string
  readonly place: number
}

/** The period that rows are of, as their statement sees it. */
export interface Frame {
  readonly head: Head
  readonly period: Period
  readonly corrects: boolean
  /** Nobody stated that period before. */
  readonly unstated: boolean
  /** What was stated lies before the bundle. */
  readonly unseen: boolean
  readonly books: ReadonlyMap<number, Book>
  readonly groupOf: (region: string) => string
  readonly segments: (group: string) => Segments
  /** Of one sandbox, by row. */
  readonly stated: (sandbox: string) => ReadonlyMap<string, Stated>
}

export type Said = 'exact' | 'less' | 'unattested' | 'nothing' | 'unseen'

export interface Judged {
  readonly life: Life
  readonly said: Said
  readonly group: string
  readonly segments: readonly Segment[]
  /** Running seconds that the pool takes; by segment where that is known. */
  readonly part: number
  readonly parts: ReadonlyMap<Segment, number> | null
  /** All that is charged by the second now. */
  readonly charges: readonly Charge[]
}

/** Whether a segment of a row is by minutes; beside a statement's segments its seconds may be pooled. */
const pooled = (segments: readonly Segment[], frame: Frame): boolean => frame.unstated || segments.some(isMinutes)

class Lives {
  private readonly taken: Uint8Array
  private lessBehind = false
  private readonly frame: Frame

  constructor(frame: Frame) {
    this.frame = frame
    this.taken = new Uint8Array(frame.period.end - frame.period.start)
  }

  one(life: Life): Judged {
    const { row, oath } = life
    const group = this.frame.groupOf(row.region)
    if (this.frame.unseen) {
      return this.unseen(life, group)
    }
    const stated = statedCharges(this.frame.stated(row.sandbox).get(row.of))
    const now = this.frame.corrects ? merged(stated, life.lines) : null
    const segments = this.segmentsOf(life, group, now ?? [])
    if (row.basis === 'nothing') {
      return this.nothing(life, group, segments, now)
    }
    if (oath === null) {
      throw wrong(life, 'nobody swore to it, and it is billed')
    }
    const own = this.own(oath)
    const whole = sworn(oath)
    const exact = rate(row, { ...whole, states: own }, segments)
    const bound = this.lessBehind ? rate(row, whole, segments) : exact
    for (let i = 0; i < own.length; i++) {
      this.taken[i] = (this.taken[i] ?? 0) | (oath.states[i] ?? 0)
    }
    if (this.exactly(life, exact, now)) {
      return this.judged(life, row.attested ? 'exact' : 'unattested', group, segments, exact, now ?? exact.charges)
    }
    if (!row.attested) {
      throw wrong(life, 'it is not what the service swore to')
    }
    const charges = now ?? lessOf(life.lines)
    const bounds: Bounds = { segments, bound, pooledBeside: this.frame.unstated, corrects: this.frame.corrects }
    const why = charges === null ? 'an amount is not its quantity at its price' : lessIsWrong(row, charges, bounds)
    if (why !== null || charges === null) {
      throw wrong(life, why ?? '')
    }
    this.lessBehind = true
    return this.judged(life, 'less', group, segments, null, charges)
  }

  /** Seconds in use that no life behind had in use. */
  private own(oath: Attestation): Uint8Array {
    return oath.states.map((state, i) => (this.taken[i] === 0 ? state : 0))
  }

  private segmentsOf(life: Life, group: string, now: readonly Charge[]): readonly Segment[] {
    const found = this.frame.unstated ? this.ofLines(life, group, now) : this.frame.segments(group)
    if (!found.fit) {
      throw wrong(life, 'price books overlap where it ran')
    }
    return found.all
  }

  /** Of a period without a statement: what the row's own lines are of. */
  private ofLines(life: Life, group: string, now: readonly Charge[]): Segments {
    const out = new Map<string, Segment>()
    for (const c of [...life.lines, ...now]) {
      out.set(`${c.from} ${c.to} ${c.book}`, this.segmentOf(life, group, c))
    }
    return fitting(group, [...out.values()])
  }

  /** The segment that a line of a period without a statement, or of an unseen row, says that it is of. */
  private segmentOf(life: Life, group: string, c: Pick<Charge, 'from' | 'to' | 'book'>): Segment {
    const { head, books } = this.frame
    const book = head.books.some((b) => b.id === c.book) ? books.get(c.book) : undefined
    const holds =
      book !== undefined &&
      book.group === group &&
      book.currency === head.currency &&
      holding(book, books.values(), c.from, c.to).some((p) => p.start === c.from && p.end === c.to)
    if (!holds) {
      throw wrong(life, 'a line is of a price book that does not hold there')
    }
    return { from: c.from, to: c.to, book, includedS: 0 }
  }

  private exactly(life: Life, exact: Rated, now: Charge[] | null): boolean {
    const { row, lines } = life
    if (
      row.runningS !== exact.running ||
      row.hibernatedS !== exact.hibernated ||
      exact.unpriced ||
      (exact.uncovered && !this.frame.unstated)
    ) {
      return false
    }
    if (now === null) {
      return (
        lines.length === exact.charges.length &&
        exact.charges.every((c, i) => lines[i] !== undefined && says(lines[i], c))
      )
    }
    const all = exact.charges.filter((c) => !c.measured)
    return now.length === all.length && all.every((c, i) => sameCharge(now[i], c)) && inOrder(lines)
  }

  private nothing(life: Life, group: string, segments: readonly Segment[], now: readonly Charge[] | null): Judged {
    const { row, lines } = life
    const left = now === null ? lines.length : now.length
    if (
      row.attested !== (life.oath !== null) ||
      row.runningS !== 0 ||
      row.hibernatedS !== 0 ||
      left !== 0 ||
      !inOrder(lines)
    ) {
      throw wrong(life, 'nobody saw it, and it is billed')
    }
    return { life, said: 'nothing', group, segments, part: 0, parts: new Map(), charges: [] }
  }

  private unseen(life: Life, group: string): Judged {
    for (const line of life.lines) {
      const { book } = this.segmentOf(life, group, line)
      const sku = SKUS.find((one) => one === line.sku)
      if (sku === undefined || line.tier !== 0 || book.prices.get(sku)?.perUnit !== line.perUnit) {
        throw wrong(life, 'a price is not that of its book')
      }
    }
    if (!inOrder(life.lines)) {
      throw wrong(life, 'lines are not in order')
    }
    return { life, said: 'unseen', group, segments: [], part: 0, parts: null, charges: [] }
  }

  private judged(
    life: Life,
    said: Said,
    group: string,
    segments: readonly Segment[],
    exact: Rated | null,
    charges: readonly Charge[],
  ): Judged {
    const by = charges.reduce((all, c) => all + (c.sku === 'vcpu-run' ? c.seconds : 0), 0)
    const minutes = segments.filter(isMinutes)
    const part = !pooled(segments, this.frame) ? 0 : life.row.runningS - by
    let parts: Map<Segment, number> | null = null
    if (part === 0 && minutes.length === 0) {
      parts = new Map()
    } else if (exact !== null && !this.frame.unstated) {
      parts = new Map(
        segments.map((s, i): [Segment, number] => [s, exact.bySegment[i] ?? 0]).filter(([s]) => isMinutes(s)),
      )
    } else if (segments.length === 1 && !this.frame.unstated) {
      parts = new Map(minutes.map((s) => [s, life.row.runningS]))
    }
    return { life, said, group, segments, part, parts, charges }
  }
}

const sameCharge = (a: Charge | undefined, b: Charge): boolean =>
  a !== undefined &&
  a.sku === b.sku &&
  a.book === b.book &&
  a.tier === b.tier &&
  a.from === b.from &&
  a.to === b.to &&
  a.perUnit === b.perUnit &&
  a.qty === b.qty &&
  a.seconds === b.seconds

const inOrder = (lines: readonly Line[]): boolean =>
  lines.every((line, i) => {
    const last = lines[i - 1]
    return last === undefined || bySkuThenFrom(last, line) <= 0
  })

export const wrong = (life: Life, words: string): Fault =>
  new Fault('wrong', life.entry, words, {
    place: life.place,
    sandbox: life.row.sandbox,
    epoch: life.row.epoch,
    hash: life.row.attestation,
  })

/** What lines of a period must be before anything is said of their sums. */
function lineIsWrong(life: Life, corrects: boolean): string | null {
  const keys = new Set<string>()
  for (const line of life.lines) {
    if ((line.kind === 'correction') !== corrects || line.project !== life.row.project) {
      return 'a line is of another kind, or of another project'
    }
    if (!corrects) {
      continue
    }
    const key = `${line.sku} ${line.tier} ${line.book} ${line.from} ${line.to} ${line.perUnit}`
    if (line.qty === 0n || keys.has(key) || line.amount !== line.qty * line.perUnit) {
      return 'a line corrects nothing, the same once more, or another amount than its quantity at its price'
    }
    keys.add(key)
  }
  return null
}

/** Whether size and seconds of a row can be; the first that cannot is a Fault. From the last life to the first. */
export function judge(lives: readonly Life[], frame: Frame): Judged[] {
  const of = new Lives(frame)
  const out: Judged[] = []
  for (let i = lives.length - 1; i >= 0; i--) {
    const life = lives[i]
    if (life !== undefined) {
      const why = lineIsWrong(life, frame.corrects)
      if (why !== null) {
        throw wrong(life, why)
      }
      out.push(of.one(life))
    }
  }
  const first = lives[0]
  if (frame.corrects && !frame.unseen && first !== undefined) {
    const there = new Set(lives.map((life) => life.row.of))
    const inTiers = [...frame.books.values()].some((b) => b.prices.get('minutes')?.mode != null)
    if (missing(frame.stated(first.row.sandbox), there, inTiers)) {
      throw wrong(first, 'a life that was charged is not there any more, and nothing is given back for it')
    }
  }
  return out.reverse()
}

export const sizeIsRight = (row: Row): boolean => {
  const size = sizeOf(row.specTable, row.spec)
  return size !== null && size.vcpus === row.vcpus && size.memMib === row.memMib
}
