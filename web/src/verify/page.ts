/** The pages of a statement and what was sworn to of each row: read, compared, signatures checked, lives judged. */
import { type Attestation, attestation, LARGEST } from './attestation.ts'
import { sha, Tree, unhex } from './bytes.ts'
import { Fault, type Kind, need, Unreadable } from './fault.ts'
import { type Keys, validAt, validWithin } from './keys.ts'
import type { Links } from './links.ts'
import { type Frame, type Judged, judge, type Life, sizeIsRight } from './lives.ts'
import {
  type Correction,
  type Head,
  type Line,
  type Manifest,
  type Page,
  type Row,
  page as readPage,
  type Sig,
} from './shapes.ts'

const ROWS = 500
const LINES = 4000

/** What all statements share. */
export interface Ground {
  readonly manifest: Manifest
  readonly keys: Keys
  readonly links: Links
  readonly frameOf: (head: Head, corrects: Correction | null) => Frame
  /** Called for each sandbox when all its lives are judged. */
  readonly judged: (lives: readonly Judged[], corrects: Correction | null) => void
  readonly rows: (n: number) => Promise<void>
}

interface Open {
  readonly page: Page
  readonly entry: string
  readonly oaths: string
  readonly linesOf: readonly (readonly Line[])[]
}

/** Where a row stands among all of its period. */
interface Rank {
  readonly sandbox: string
  readonly numbers: readonly number[]
  readonly worker: bigint | null
}

export class Pages {
  private readonly ground: Ground
  private readonly head: Head
  private readonly sig: Sig
  private corrects: Correction | null = null
  private corrected = -1
  private frame: Frame
  private pending: Life[] = []
  private rank: Rank | null = null
  private before: Page | null = null
  /** A page whose bytes are not those that were signed: what fails next may say in which row. */
  private edited: { readonly entry: string; readonly number: number } | null = null
  private current = 0
  private signed: { readonly right: Promise<boolean>; readonly fault: Fault }[] = []
  readonly tree = new Tree()
  unattested = 0
  lines = 0
  total = 0n
  runningS = 0
  forked = false
  hibernatedS = 0
  readonly pageLines: Line[] = []

  constructor(ground: Ground, head: Head, sig: Sig) {
    this.ground = ground
    this.head = head
    this.sig = sig
    this.frame = ground.frameOf(head, null)
  }

  /** Page P, from 1, and then its attestations by the function. */
  async page(
    p: number,
    body: Uint8Array,
    oaths: () => Promise<Uint8Array>,
    each: (lines: readonly Line[], corrects: Correction | null) => void,
  ): Promise<void> {
    this.current = p
    const entry = `statements/${this.head.number}/pages/${p}.json`
    this.listed(entry, p, body)
    await this.located(async () => {
      const open = this.read(entry, p, body)
      const messages = await oaths()
      try {
        this.rowsOf(open, messages)
      } finally {
        await this.settled()
      }
      await this.ground.rows(open.page.rows.length)
      each(open.page.lines, this.corrects)
    })
  }

  /** Behind the last page. */
  async end(): Promise<void> {
    await this.located(async () => {
      this.flush()
    })
    if (this.edited !== null) {
      throw new Fault('edited', this.edited.entry, 'its bytes are not those that were signed')
    }
    need(this.corrected === this.head.corrects.length - 1, 'a period that it corrects has no page')
  }

  private listed(entry: string, p: number, body: Uint8Array): void {
    if (this.edited !== null) {
      return
    }
    const hash = sha(body)
    if (hash === this.sig.pages[p - 1]) {
      return
    }
    const at = this.sig.pages.indexOf(hash)
    if (at >= 0) {
      throw new Fault(at < p - 1 ? 'doubled' : 'reordered', entry, 'it has the bytes of another page')
    }
    this.edited = { entry, number: p }
  }

  /** What fails on a page that was edited only says in which row it was. */
  private async located(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (e) {
      if (this.edited === null || !(e instanceof Fault || e instanceof Unreadable)) {
        throw e
      }
      const { entry, number } = this.edited
      const row = e instanceof Fault && e.found.page === number && e.found.place !== null ? e.found : null
      const where = row && { place: row.place ?? 0, sandbox: row.sandbox ?? '', epoch: row.epoch ?? 0, hash: row.hash }
      throw new Fault(
        'edited',
        entry,
        `its bytes are not those that were signed${e instanceof Fault ? `: ${e.found.words}` : ''}`,
        where,
      )
    }
  }

  private read(entry: string, p: number, body: Uint8Array): Open {
    try {
      const page = readPage(body, this.head.period)
      this.belongs(page)
      need(page.rows.length > 0, 'it has no rows')
      const linesOf = split(page)
      need(
        page.account === this.head.account && page.number === this.head.number && page.page === p,
        'it is of another account, statement or place',
      )
      const last = this.before
      if (last !== null && last.corrects?.period.start === page.corrects?.period.start) {
        need(
          last.rows.length === ROWS || last.lines.length + (linesOf[0]?.length ?? 0) > LINES,
          'the page before it was not full',
        )
      }
      this.before = page
      return { page, entry, oaths: `attestations/${this.head.number}/${p}.bin`, linesOf }
    } catch (e) {
      if (e instanceof Unreadable) {
        throw new Fault('wrong', entry, e.message)
      }
      throw e
    }
  }

  /** It is of the period of the page before, or of the next one that is corrected. */
  private belongs(page: Page): void {
    const of = page.corrects
    if (of === null) {
      need(this.corrected < 0, 'a page of the own period stands behind one that corrects')
      return
    }
    const same = this.head.corrects[this.corrected]
    const next = this.head.corrects[this.corrected + 1]
    const is = (c: Correction | undefined): boolean =>
      c !== undefined && c.period.start === of.period.start && c.period.end === of.period.end && c.number === of.number
    need(is(same) || is(next), 'it corrects a period that is not the next one')
  }

  private rowsOf(open: Open, messages: Uint8Array): void {
    let at = 0
    const { page, oaths } = open
    for (const [i, row] of page.rows.entries()) {
      if (i === 0 && page.corrects !== null && page.corrects.period.start !== this.corrects?.period.start) {
        this.flush()
        this.corrected++
        this.corrects = this.head.corrects[this.corrected] ?? null
        this.frame = this.ground.frameOf(this.head, this.corrects)
        this.rank = null
      } else if (this.pending[0] !== undefined && this.pending[0].row.sandbox !== row.sandbox) {
        this.flush()
      }
      const where = { place: i + 1, sandbox: row.sandbox, epoch: row.epoch, hash: row.attestation }
      const wrong = (words: string, kind: Kind = 'wrong'): Fault => new Fault(kind, oaths, words, where)
      let oath: Attestation | null = null
      if (row.attestation === null) {
        if (this.frame.groupOf(row.region) === '' || !sizeIsRight(row)) {
          throw wrong('its region or its size is none that there is')
        }
      } else {
        const message = this.message(messages, at, page.rows, i, oaths)
        at += 4 + message.length
        oath = this.readOath(message, row, wrong)
        this.signature(oath, row, wrong)
        this.tree.add(unhex(row.attestation))
        this.unattested += row.attested ? 0 : 1
      }
      this.ranked(row, oath, wrong)
      if (page.corrects === null && oath !== null) {
        const why = this.ground.links.next(oath, this.head.number, where, this.current)
        if (why !== null) {
          throw wrong(why)
        }
        this.runningS += row.runningS
        this.hibernatedS += row.hibernatedS
      }
      this.pending.push({ row, lines: open.linesOf[i] ?? [], oath, entry: open.entry, place: i + 1 })
    }
    for (const line of page.lines) {
      this.total += line.amount
    }
    this.lines += page.lines.length
    this.forked ||= page.forked
    this.left(messages, at, page.rows, oaths)
  }

  /** The message of a row, whose hash is the row's; what else stands there says what happened. */
  private message(all: Uint8Array, at: number, rows: readonly Row[], i: number, entry: string): Uint8Array {
    const fault = (kind: Kind, place: number, words: string): Fault => {
      const row = rows[place]
      return new Fault(
        kind,
        entry,
        words,
        row && { place: place + 1, sandbox: row.sandbox, epoch: row.epoch, hash: row.attestation },
      )
    }
    if (at === all.length) {
      throw fault('dropped', i, 'what was sworn to of it is missing')
    }
    const message = messageAt(all, at)
    if (message === null) {
      throw fault('edited', i, 'the length of what was sworn to cannot be')
    }
    const hash = sha(message)
    if (hash === rows[i]?.attestation) {
      return message
    }
    const of = rows.findIndex((row) => row.attestation === hash)
    if (of < 0) {
      throw fault('edited', i, 'what was sworn to of it is something else')
    }
    if (of < i) {
      throw fault('doubled', of, 'what was sworn to of it is there twice')
    }
    const next = rows.findIndex((row, k) => k > i && row.attestation !== null)
    const behind = messageAt(all, at + 4 + message.length)
    const swapped = of !== next || (behind !== null && sha(behind) === rows[i]?.attestation)
    throw fault(
      swapped ? 'reordered' : 'dropped',
      i,
      swapped ? 'what was sworn to of another stands in its place' : 'what was sworn to of it is missing',
    )
  }

  private left(all: Uint8Array, at: number, rows: readonly Row[], entry: string): void {
    if (at === all.length) {
      return
    }
    const message = messageAt(all, at)
    const hash = message === null ? null : sha(message)
    const of = rows.findIndex((row) => row.attestation !== null && row.attestation === hash)
    const place = of < 0 ? rows.length - 1 : of
    const row = rows[place] as Row
    throw new Fault(of < 0 ? 'edited' : 'doubled', entry, 'something stands behind what was sworn to of the last row', {
      place: place + 1,
      sandbox: row.sandbox,
      epoch: row.epoch,
      hash: row.attestation,
    })
  }

  private readOath(message: Uint8Array, row: Row, wrong: (words: string) => Fault): Attestation {
    let oath: Attestation
    try {
      oath = attestation(message)
    } catch (e) {
      if (e instanceof Unreadable) {
        throw wrong(e.message)
      }
      throw e
    }
    const { start, end } = this.frame.period
    const region = this.ground.manifest.regions.find((r) => r.no === oath.regionNo)
    if (oath.start !== start || oath.seconds !== end - start) {
      throw wrong('it was sworn to of another period')
    }
    if (
      oath.sandbox !== row.sandbox ||
      oath.projectNo !== row.projectNo ||
      oath.epoch !== row.epoch ||
      oath.specTable !== row.specTable ||
      oath.spec !== row.spec
    ) {
      throw wrong('it was sworn to of another life')
    }
    if (region === undefined || region.name !== row.region || !sizeIsRight(row)) {
      throw wrong('its region or its size is not that which was sworn to')
    }
    if (row.attested !== (oath.boot !== 0n)) {
      throw wrong('it was signed by another than it says')
    }
    return oath
  }

  /**
   * Whether a row's signature is right is known later: a browser checks many at once. What fails first is still what
   * is said first, since nothing behind a row is said before its signature is known (`settled`).
   */
  private signature(oath: Attestation, row: Row, wrong: (words: string, kind?: Kind) => Fault): void {
    const { keys } = this.ground
    const { start, end } = this.frame.period
    if (row.attested && !keys.has(oath.worker)) {
      throw new Fault('dropped', `keys/${oath.worker}.json`, `the keys of worker ${oath.worker} are missing`)
    }
    const valid = row.attested ? validWithin(keys.of(oath.worker), start, end) : validAt(keys.of(0n), this.sig.closedAt)
    const fault = wrong(row.attested ? 'its worker did not sign it' : 'the service did not sign it', 'foreign')
    this.signed.push({ right: keys.some(valid, oath.signature, oath.signed), fault })
  }

  /** Throws the first signature that is not right. */
  private async settled(): Promise<void> {
    const all = this.signed
    this.signed = []
    const right = await Promise.all(all.map((one) => one.right))
    const wrong = all.find((_, i) => right[i] !== true)
    if (wrong !== undefined) {
      throw wrong.fault
    }
  }

  private ranked(row: Row, oath: Attestation | null, wrong: (words: string) => Fault): void {
    const region = oath?.regionNo ?? this.ground.manifest.regions.find((r) => r.name === row.region)?.no ?? 0
    const rank = {
      sandbox: row.sandbox,
      numbers: [row.projectNo, row.epoch, row.specTable, row.spec, region],
      worker: oath?.worker ?? null,
    }
    if (this.rank !== null && !follows(this.rank, rank)) {
      throw wrong('rows are not in order')
    }
    this.rank = rank
  }

  private flush(): void {
    const lives = this.pending
    if (lives.length === 0) {
      return
    }
    this.pending = []
    this.ground.judged(judge(lives, this.frame), this.corrects)
    if (this.edited !== null && this.edited.number !== this.current) {
      throw new Fault('edited', this.edited.entry, 'its bytes are not those that were signed')
    }
  }
}

function follows(a: Rank, b: Rank): boolean {
  if (a.sandbox !== b.sandbox) {
    return a.sandbox < b.sandbox
  }
  for (const [i, n] of a.numbers.entries()) {
    const m = b.numbers[i] ?? 0
    if (n !== m) {
      return n < m
    }
  }
  return a.worker === null || b.worker === null || a.worker < b.worker
}

function messageAt(all: Uint8Array, at: number): Uint8Array | null {
  if (at + 4 > all.length) {
    return null
  }
  const size = new DataView(all.buffer, all.byteOffset + at, 4).getUint32(0, true)
  return size > LARGEST || at + 4 + size > all.length ? null : all.subarray(at + 4, at + 4 + size)
}

/** Each row's lines: those behind it that share with it what a line shares with its row. */
function split(page: Page): Line[][] {
  const out: Line[][] = page.rows.map(() => [])
  let i = 0
  for (const line of page.lines) {
    while (page.rows[i] !== undefined && page.rows[i]?.of !== line.of) {
      i++
    }
    need(out[i] !== undefined, 'a line is of no row, or out of order')
    out[i]?.push(line)
  }
  return out
}
