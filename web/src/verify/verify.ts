/**
 * A bundle of statements checked from its first byte to its last, as sdk/FORMAT.md says and in its order; the first record that is
 * not as it must be is the verdict. Nothing of the service is asked and none of its code is used.
 *
 * It reads its source once, from front to back, and keeps a page, what later corrections may need, and sums.
 */

import { type Money, moneyText } from '../money/money.ts'
import { Archive, workerOf } from './archive.ts'
import { rootOf, sha, unhex, ZEROS } from './bytes.ts'
import { document, documentSig, issuedOf } from './documents.ts'
import { Fault, type Found, Newer, need, Unreadable } from './fault.ts'
import { Invoices } from './invoices.ts'
import { Keys, validAt } from './keys.ts'
import { Links } from './links.ts'
import type { Frame, Judged, Said } from './lives.ts'
import { Months } from './months.ts'
import { Changed, Own, partsOf } from './own.ts'
import { Pages } from './page.ts'
import { isMinutes, type Segments, segmentsOf } from './segments.ts'
import {
  type Book,
  book,
  type Correction,
  type Head,
  type Line,
  type Manifest,
  type Period,
  head as readHead,
  keys as readKeys,
  manifest as readManifest,
  sig as readSig,
  type Sig,
} from './shapes.ts'
import { chargesBy, type Stated } from './stated.ts'
import { Tar } from './tar.ts'
import { type Source, Unzstd } from './zstd.ts'

export interface Verdict {
  readonly verdict: 'good' | 'bad' | 'unknown'
  readonly fault: Found | null
  /** What is newer than this program. */
  readonly unknown: string | null
  readonly account: string
  readonly first: number
  readonly last: number
  readonly statements: number
  /** Of version 1: signature and chain alone. */
  readonly unpaged: number
  readonly pages: number
  readonly lines: number
  readonly total: string
  readonly currency: string
  readonly rows: Readonly<Record<Exclude<Said, 'unseen'>, number>>
  readonly links: Readonly<Record<'before' | 'began' | 'broken' | 'followed', number>>
  readonly documents: { readonly credit_notes: number; readonly invoices: number; readonly partly: number }
  readonly pools_unseen: number
  readonly pools_split: number
  readonly tiers_unseen: number
  readonly corrections: { readonly rows: number; readonly unseen: number }
  /** The service's keys, in hex: the only thing to compare with what the service says of itself. */
  readonly keys: readonly string[]
}

export interface Progress {
  readonly bytes: number
  readonly statement: number
  readonly last: number
  readonly rows: number
}

export interface Options {
  /** Called at most once a page; what it returns is waited for. It throws to stop. */
  readonly progress?: (p: Progress) => void | Promise<void>
  /** Starts of the periods that something in the bundle corrects (see `corrected`); none given: all are kept. */
  readonly kept?: ReadonlySet<number>
  readonly subtle?: SubtleCrypto | undefined
  /** Keys of the service that one has from elsewhere, or their SHA-256, in hex; none given: those of the bundle are believed. */
  readonly pins?: readonly string[]
}

interface Known {
  readonly period: Period
  readonly head: Head
  readonly hash: string
}

export class Verifier {
  private readonly unzstd: Unzstd
  private readonly archive: Archive
  private readonly keys: Keys
  private readonly options: Options
  private readonly links = new Links()
  private readonly books = new Map<number, Book>()
  private readonly statements = new Map<number, Known>()
  private manifest: Manifest | null = null
  private months: Months | null = null
  private invoices: Invoices | null = null
  private previous: Known | null = null
  private unpagedUntil: number | null = null
  private readonly history = new Map<number, Map<string, Map<string, Stated>>>()
  private readonly rows = { exact: 0, less: 0, nothing: 0, unattested: 0, unseen: 0 }
  private seen = { statements: 0, unpaged: 0, pages: 0, lines: 0, rows: 0, corrected: 0 }
  private total = 0n
  private currency = ''
  private at = 0

  constructor(source: Source, options: Options = {}) {
    this.unzstd = new Unzstd(source)
    this.archive = new Archive(new Tar(() => this.unzstd.next()))
    this.keys = new Keys('subtle' in options ? options.subtle : globalThis.crypto?.subtle)
    this.options = options
  }

  async verdict(): Promise<Verdict> {
    try {
      await this.all()
      return this.said('good', null, null)
    } catch (e) {
      if (e instanceof Fault) {
        return this.said('bad', e.found, null)
      }
      if (e instanceof Newer) {
        return this.said('unknown', null, e.message)
      }
      throw e
    }
  }

  private said(verdict: Verdict['verdict'], fault: Found | null, unknown: string | null): Verdict {
    const { unseen, ...rows } = this.rows
    const documents = this.invoices?.seen
    return {
      verdict,
      fault,
      unknown,
      account: this.manifest?.account ?? '',
      first: this.manifest?.first ?? 0,
      last: this.manifest?.last ?? 0,
      statements: this.seen.statements,
      unpaged: this.seen.unpaged,
      pages: this.seen.pages,
      lines: this.seen.lines,
      total: moneyText(this.total as Money),
      currency: this.currency,
      rows,
      links: this.links.seen,
      documents: {
        credit_notes: documents?.creditNotes ?? 0,
        invoices: documents?.invoices ?? 0,
        partly: documents?.partly ?? 0,
      },
      pools_unseen: this.months?.seen.poolsUnseen ?? 0,
      pools_split: this.months?.seen.poolsSplit ?? 0,
      tiers_unseen: this.months?.seen.tiersUnseen ?? 0,
      corrections: { rows: this.seen.corrected, unseen },
      keys: this.keys.of(0n).map((k) => k.key),
    }
  }

  private async all(): Promise<void> {
    const manifest = await this.read('manifest.json', 'edited', readManifest)
    this.manifest = manifest
    this.invoices = new Invoices(manifest)
    this.keys.put(0n, await this.read('keys/0.json', 'edited', (bytes) => readKeys(bytes, 0)))
    this.pinned(this.options.pins ?? [])
    for (const { id, sha256, validTo } of manifest.books) {
      const entry = `books/${id}.json`
      const bytes = await this.archive.file(entry)
      if (sha(bytes) !== sha256) {
        throw new Fault('edited', entry, 'its hash is not that of the manifest')
      }
      this.books.set(
        id,
        reading('wrong', entry, () => book(bytes, id, validTo)),
      )
    }
    this.months = new Months(this.books, manifest.first)
    for (this.at = manifest.first; this.at <= manifest.last; this.at++) {
      await this.statement(this.at, manifest, this.months, this.invoices)
    }
    for (let k = 1; k <= manifest.invoices.length; k++) {
      await this.invoice(k, this.invoices)
    }
    await this.archive.end()
  }

  private pinned(pins: readonly string[]): void {
    for (const { key } of this.keys.of(0n)) {
      if (pins.length > 0 && !pins.includes(key) && !pins.includes(sha(unhex(key)))) {
        throw new Fault('foreign', 'keys/0.json', `the key ${key} is not one of those that you gave`)
      }
    }
  }

  private async read<T>(entry: string, kind: 'edited' | 'wrong', of: (bytes: Uint8Array) => T): Promise<T> {
    const bytes = await this.archive.file(entry)
    return reading(kind, entry, () => of(bytes))
  }

  // --- statements ---

  private async statement(n: number, manifest: Manifest, months: Months, invoices: Invoices): Promise<void> {
    const entry = `statements/${n}.json`
    const its = `statements/${n}.sig`
    const body = await this.archive.file(entry)
    const sig = await this.read(its, 'edited', readSig)
    if (sig.number !== n) {
      throw new Fault('reordered', its, 'it is of another statement')
    }
    const hash = sha(body)
    if (hash !== sig.head) {
      throw new Fault('edited', entry, 'its hash is not that which was signed')
    }
    const valid = validAt(this.keys.of(0n), sig.closedAt).filter((k) => k.key === sig.key)
    if (!(await this.keys.some(valid, sig.signature, body))) {
      throw new Fault('foreign', entry, 'the service did not sign it')
    }
    const head = reading('wrong', entry, () => readHead(body))
    this.chained(n, head, sig, manifest)
    const known = { period: head.period, head, hash }
    this.statements.set(n, known)
    this.previous = known
    this.currency = head.currency
    invoices.statement(head, hash)
    this.seen.statements++
    if (head.version === 1) {
      this.seen.unpaged++
      this.unpagedUntil = head.period.end
      months.unpaged(head)
      this.total += head.total
    } else {
      await this.paged(head, sig, manifest, months, invoices)
    }
    await this.progress(0)
  }

  private chained(n: number, head: Head, sig: Sig, manifest: Manifest): void {
    const entry = `statements/${n}.json`
    const must = (holds: boolean, words: string): void => {
      if (!holds) {
        throw new Fault('wrong', entry, words)
      }
    }
    for (const c of head.corrects) {
      must(this.numbered(c, manifest), 'it corrects a period that another statement is of')
    }
    if (head.number !== n || head.account !== manifest.account) {
      throw new Fault('reordered', entry, 'it is another statement, or of another account')
    }
    const last = this.previous
    must(n !== 1 || head.previous === ZEROS, 'it is the first, and names one before it')
    must(last === null || head.previous === last.hash, 'it does not name the one before it')
    must(
      last === null || last.period.end <= head.period.start,
      'its period begins before that of the one before has ended',
    )
    must(sig.closedAt >= head.period.end, 'it was closed before its period had ended')
    if (head.version === 1) {
      return
    }
    for (const { id, sha256 } of head.books) {
      const of = manifest.books.find((b) => b.id === id)
      if (of === undefined || of.sha256 !== sha256) {
        throw new Fault(
          of === undefined ? 'dropped' : 'edited',
          `books/${id}.json`,
          'it is not the price book of a statement',
        )
      }
    }
    if (sig.pages.length !== head.pages.count || rootOf(sig.pages) !== head.pages.root) {
      throw new Fault('edited', `statements/${n}.sig`, 'its pages do not make the root of the statement')
    }
  }

  /** The number of what is corrected is that of the statement in the bundle with that period, or of none. */
  private numbered({ number, period }: Correction, manifest: Manifest): boolean {
    for (const [n, { period: of }] of this.statements) {
      if (of.start === period.start) {
        return n === number && of.end === period.end
      }
    }
    const first = this.statements.get(manifest.first)?.period.start
    return number === null || (number < manifest.first && (first === undefined || period.start < first))
  }

  private async paged(head: Head, sig: Sig, manifest: Manifest, months: Months, invoices: Invoices): Promise<void> {
    const own = new Own()
    const corrected = head.corrects.map((correction) => new Changed(correction))
    const used = new Set(head.lines.map((line) => line.book))
    const pages = new Pages(
      {
        manifest,
        keys: this.keys,
        links: this.links,
        frameOf: (of, c) => this.frame(of, c, manifest),
        judged: (lives, c) => {
          this.judged(lives, c, own, corrected, used)
        },
        rows: (n) => this.progress(n),
      },
      head,
      sig,
    )
    for (let p = 1; p <= head.pages.count; p++) {
      await this.workers()
      const body = await this.archive.file(`statements/${head.number}/pages/${p}.json`)
      await pages.page(
        p,
        body,
        () => this.archive.file(`attestations/${head.number}/${p}.bin`),
        (lines, c) => {
          invoices.add(head.number, lines, c)
          for (const line of lines) {
            used.add(line.book)
          }
        },
      )
      this.seen.pages++
    }
    const entry = `statements/${head.number}.json`
    await pages.end().catch((e: unknown) => {
      throw e instanceof Unreadable ? new Fault('wrong', entry, e.message) : e
    })
    reading('wrong', entry, () => {
      months.check(head, own, corrected)
      sums(head, pages, used)
    })
    invoices.add(head.number, head.lines, null)
    this.seen.lines += pages.lines
    this.total += head.total
  }

  private async workers(): Promise<void> {
    for (let next = await this.archive.keys(); next !== null; next = await this.archive.keys()) {
      const worker = workerOf(next.name) ?? 0
      const { body, name } = next
      const keys = reading('edited', name, () => readKeys(body, worker))
      if (this.keys.has(BigInt(worker))) {
        throw new Fault('doubled', name, 'its keys are there already')
      }
      this.keys.put(BigInt(worker), keys)
    }
  }

  /** What rows of a period are judged by: its own statement's plans, and prices. */
  private frame(head: Head, corrects: Correction | null, manifest: Manifest): Frame {
    const period = corrects?.period ?? head.period
    const of = corrects === null ? head : this.ofPeriod(period)
    const first = this.statements.get(manifest.first)?.period.start ?? 0
    const early =
      (manifest.first !== 1 && period.start < first) || (this.unpagedUntil !== null && period.start < this.unpagedUntil)
    const books = corrects === null ? head.books.flatMap((b) => this.books.get(b.id) ?? []) : [...this.books.values()]
    const found = new Map<string, Segments>()
    return {
      head,
      period,
      corrects: corrects !== null,
      unstated: of === null,
      unseen: corrects !== null && early,
      books: this.books,
      groupOf: (region) => manifest.regions.find((r) => r.name === region)?.group ?? '',
      segments: (group) => {
        let out = found.get(group)
        if (out === undefined) {
          out = segmentsOf(of ?? head, group, books, this.books)
          found.set(group, out)
        }
        return out
      },
      stated: (sandbox) => this.history.get(period.start)?.get(sandbox) ?? new Map(),
    }
  }

  private ofPeriod(period: Period): Head | null {
    for (const { head } of this.statements.values()) {
      if (head.period.start === period.start && head.period.end === period.end) {
        return head
      }
    }
    return null
  }

  private judged(
    lives: readonly Judged[],
    corrects: Correction | null,
    own: Own,
    corrected: readonly Changed[],
    used: Set<number>,
  ): void {
    const period = corrects?.period.start ?? lives[0]?.life.oath?.start ?? 0
    const of = corrected.find((c) => c.correction === corrects)
    const sandbox = lives[0]?.life.row.sandbox ?? ''
    const before = this.history.get(period)?.get(sandbox)
    for (const row of lives) {
      this.rows[row.said]++
      if (of !== undefined) {
        of.add(row, before?.get(row.life.row.of))
        this.seen.corrected++
      } else {
        own.add(row)
        if (row.life.row.runningS + row.life.row.hibernatedS > 0) {
          for (const segment of row.segments.filter(isMinutes)) {
            used.add(segment.book.id)
          }
        }
      }
    }
    if (this.options.kept?.has(period) ?? true) {
      let of = this.history.get(period)
      if (of === undefined) {
        of = new Map()
        this.history.set(period, of)
      }
      of.set(
        sandbox,
        new Map(
          lives.map((row) => [
            row.life.row.of,
            { charges: chargesBy(row.charges), part: row.part, parts: partsOf(row) },
          ]),
        ),
      )
    }
  }

  private async progress(rows: number): Promise<void> {
    this.seen.rows += rows
    await this.options.progress?.({
      bytes: this.unzstd.taken,
      statement: this.at,
      last: this.manifest?.last ?? 0,
      rows: this.seen.rows,
    })
  }

  // --- documents ---

  private async invoice(k: number, invoices: Invoices): Promise<void> {
    const entry = `invoices/${k}.json`
    const its = `invoices/${k}.sig`
    const body = await this.archive.file(entry)
    const sig = await this.read(its, 'edited', documentSig)
    if (sig.number !== this.manifest?.invoices[k - 1]) {
      throw new Fault('reordered', its, 'it is of another document')
    }
    const hash = sha(body)
    if (hash !== sig.hash) {
      throw new Fault('edited', entry, 'its hash is not that which was signed')
    }
    const issued = issuedOf(body)
    const valid = this.keys
      .of(0n)
      .filter((key) => key.key === sig.key && (issued === null || validAt([key], issued).length > 0))
    if (!(await this.keys.some(valid, sig.signature, body))) {
      throw new Fault('foreign', entry, 'the service did not sign it')
    }
    reading('wrong', entry, () => {
      invoices.check(k, document(body), sig, hash)
    })
  }
}

/** What cannot be read of a file is a fault of that file. */
function reading<T>(kind: 'edited' | 'wrong', entry: string, work: () => T): T {
  try {
    return work()
  } catch (e) {
    if (e instanceof Unreadable) {
      throw new Fault(kind, entry, e.message)
    }
    throw e
  }
}

function sums(head: Head, pages: Pages, used: ReadonlySet<number>): void {
  need(head.forked === pages.forked, 'its version does not say whether its rows name parents')
  need(
    head.runningS === pages.runningS && head.hibernatedS === pages.hibernatedS,
    'its seconds are not those of its rows',
  )
  need(
    head.attestations.count === pages.tree.count && head.attestations.root === pages.tree.root(),
    'its attestations are not those of its rows',
  )
  need(
    head.attestations.unattested === pages.unattested && head.pages.lines === pages.lines,
    'what it counts are not its rows and lines',
  )
  const total = head.lines.reduce((all: bigint, line: Line) => all + line.amount, pages.total)
  need(head.total === total, 'its total is not the sum of its lines')
  const books = [...used].sort((a, b) => a - b)
  need(
    books.length === head.books.length && books.every((id, i) => head.books[i]?.id === id),
    'its price books are not those that it used',
  )
}
