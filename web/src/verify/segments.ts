/** Which price holds when: the stretches of a period in which one plan and one book do. */
import { order } from './bytes.ts'
import type { Book, Head, Period } from './shapes.ts'

export interface Segment {
  readonly from: number
  readonly to: number
  readonly book: Book
  /** What the plan includes of pooled seconds a month. */
  readonly includedS: number
}

/** Of one group of regions, in order of time. */
export interface Segments {
  readonly group: string
  readonly all: readonly Segment[]
  /** They do not overlap, and are not too many. */
  readonly fit: boolean
}

const MOST = 16
const END = Number.MAX_SAFE_INTEGER

/** What is left of [from, to) where none of the others holds. */
function without(from: number, to: number, others: readonly Period[]): Period[] {
  let left: Period[] = from < to ? [{ start: from, end: to }] : []
  for (const other of others) {
    left = left.flatMap((p) =>
      [
        { start: p.start, end: Math.min(p.end, other.start) },
        { start: Math.max(p.start, other.end), end: p.end },
      ].filter((piece) => piece.start < piece.end),
    )
  }
  return left
}

/** When contracts of the account hold for whom a book is: there everybody's books of that kind do not. */
function cutOut(book: Book, books: Iterable<Book>): Period[] {
  const out: Period[] = []
  for (const own of books) {
    if (
      !book.contract &&
      own.contract &&
      own.tier === book.tier &&
      own.currency === book.currency &&
      own.group === book.group
    ) {
      out.push({ start: own.from, end: own.to ?? END })
    }
  }
  return out
}

/** What there is of a book within a stretch of time; cut where a contract holds instead. */
export const holding = (book: Book, all: Iterable<Book>, from: number, to: number): Period[] =>
  without(Math.max(book.from, from), Math.min(book.to ?? END, to), cutOut(book, all))

export function fitting(group: string, all: Segment[]): Segments {
  all.sort((a, b) => a.from - b.from || a.to - b.to)
  return { group, all, fit: all.length <= MOST && all.every((s, i) => i === 0 || (all[i - 1]?.to ?? 0) <= s.from) }
}

/** The segments of a group in the period of a head, by some of the manifest's books. */
export function segmentsOf(head: Head, group: string, of: readonly Book[], all: ReadonlyMap<number, Book>): Segments {
  const out: Segment[] = []
  for (const plan of head.plans) {
    for (const book of of) {
      if (book.tier === plan.tier && book.currency === head.currency && book.group === group) {
        for (const p of holding(
          book,
          all.values(),
          Math.max(plan.from, head.period.start),
          Math.min(plan.to, head.period.end),
        )) {
          out.push({ from: p.start, to: p.end, book, includedS: plan.includedS })
        }
      }
    }
  }
  return fitting(group, out)
}

export const isMinutes = (s: Segment): boolean => s.book.minutes

/** In which segments come when the account as a whole is counted. */
export const inTurn = (a: { from: number; group: string }, b: { from: number; group: string }): number =>
  a.from - b.from || order(a.group, b.group)
