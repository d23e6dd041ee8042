/** Documents judged: lines by their statements, what a month costs at least, sums, and what credit notes give back. */
import { order, rootOf, ZEROS } from './bytes.ts'
import type { Commitment, Document, DocumentSig, Item, Tax } from './documents.ts'
import { Fault, need, Unreadable } from './fault.ts'
import { monthOf } from './months.ts'
import type { BookRef, Correction, Head, Line, Manifest } from './shapes.ts'

/** What an invoice needs of a statement. */
interface Statement {
  readonly hash: string
  readonly head: Head
  readonly sums: Map<string, Item>
  /** By month of the period that was charged. */
  readonly charges: Map<string, bigint>
}

interface Before {
  readonly document: Document
  readonly sig: DocumentSig
  /** What is left of each line's net, of each tax's base and amount, after credit notes. */
  readonly net: bigint[]
  readonly base: bigint[]
  readonly amount: bigint[]
  readonly hash: string
}

const unitOf = (sku: string): [string, string] => {
  switch (sku) {
    case 'vcpu-run':
      return ['Core-Seconds', 'SEC']
    case 'minutes':
      return ['Minutes', 'MIN']
    case 'commitment':
      return ['Units', 'C62']
    default:
      return ['GiB-Seconds', 'C62']
  }
}

export class Invoices {
  private readonly statements = new Map<number, Statement>()
  private readonly documents = new Map<string, Before>()
  private readonly last = new Map<number, Before>()
  private readonly manifest: Manifest
  readonly seen = { invoices: 0, creditNotes: 0, partly: 0 }

  constructor(manifest: Manifest) {
    this.manifest = manifest
  }

  statement(head: Head, hash: string): void {
    this.statements.set(head.number, { hash, head, sums: new Map(), charges: new Map() })
  }

  /** Lines of a statement, of a page or of its head. */
  add(number: number, lines: readonly Line[], corrects: Correction | null): void {
    const of = this.statements.get(number)
    if (of === undefined) {
      return
    }
    for (const line of lines) {
      if (line.kind === 'measured') {
        continue
      }
      const month = monthOf(
        line.kind === 'correction' && corrects === null ? line.from : (corrects?.period ?? of.head.period).start,
      )
      of.charges.set(month, (of.charges.get(month) ?? 0n) + line.amount)
      const key = `${line.projectNo} ${line.project} ${line.kind} ${line.sku} ${line.book} ${line.tier} ${line.perUnit}`
      of.sums.set(key, added(of.sums.get(key), asItem(line)))
    }
  }

  /** The K-th document, whose hash and signature are right. */
  check(k: number, d: Document, sig: DocumentSig, hash: string): void {
    const entry = `invoices/${k}.json`
    const its = entry.replace('.json', '.sig')
    if (d.account !== this.manifest.account || d.number !== this.manifest.invoices[k - 1]) {
      throw new Fault('reordered', entry, 'it is of another account, or another document')
    }
    need(d.chain !== 1 || d.previous === ZEROS, 'it is the first of its chain, and names one before it')
    const last = this.last.get(sig.seller)
    need(last === undefined || last.document.chain < d.chain, 'its place in the chain is not behind the one before')
    need(
      last === undefined || last.document.chain + 1 !== d.chain || last.hash === d.previous,
      'it does not name the document before it',
    )
    const { count, first, last: end } = d.statements
    const of = sig.statements
    const rise = of.every((n, i) => i === 0 || (of[i - 1] ?? 0) < n)
    if (!rise || of.length !== count || (of[0] ?? null) !== first || (of.at(-1) ?? null) !== end) {
      throw new Fault('edited', its, 'its statements are not those of the document')
    }
    if (d.kind === 'invoice') {
      this.invoice(entry, its, d, sig)
    } else {
      need(of.length === 0, 'a credit note has no statements')
      this.credit(entry, d)
    }
    need(
      d.lines.every((line, i) => line.line === i + 1 && line.tax <= d.taxes.length),
      'its lines are not numbered, or of a tax that it has not',
    )
    const left: Before = {
      document: d,
      sig,
      hash,
      net: d.lines.map((l) => l.net),
      base: d.taxes.map((t) => t.base),
      amount: d.taxes.map((t) => t.amount),
    }
    this.last.set(sig.seller, left)
    this.documents.set(d.number, left)
    this.seen[d.kind === 'invoice' ? 'invoices' : 'creditNotes']++
  }

  private all(numbers: readonly number[]): Statement[] | null {
    const out = numbers.map((n) => this.statements.get(n))
    return out.every((s): s is Statement => s !== undefined && s.head.version !== 1) ? out : null
  }

  private invoice(entry: string, its: string, d: Document, sig: DocumentSig): void {
    need(d.refersTo === null, 'an invoice refers to none')
    const statements = this.all(sig.statements)
    const own = d.commitments.filter((c) => comesTo(c) !== 0n).length
    const behind = d.lines.length - own
    if (statements === null) {
      this.seen.partly++
    } else {
      if (rootOf(statements.map((s) => s.hash)) !== d.statements.root) {
        throw new Fault('edited', its, 'its statements do not make the root of the document')
      }
      this.lines(entry, d, statements, behind)
    }
    need(behind >= 0, 'it has fewer lines than commitments')
    d.lines.slice(0, behind).forEach((line, i) => {
      if (line.kind === 'commitment' || line.sku === 'commitment') {
        throw at(entry, i + 1, 'a commitment stands among what was used')
      }
    })
    this.commitments(entry, d, sig, behind)
    sums(
      d,
      d.taxes.reduce((all, t) => all + t.discount, 0n),
    )
  }

  private lines(entry: string, d: Document, statements: readonly Statement[], behind: number): void {
    const first = statements[0]?.head.period.start
    const end = statements.at(-1)?.head.period.end
    const months = d.commitments.map((c) => c.month)
    const start = first ?? monthStart(months[0] ?? '')
    const stop = end ?? monthStart(months.at(-1) ?? '', 1)
    need(d.period.start === start && d.period.end === stop, 'its period is not that of its statements')
    const tiers = [...new Set(statements.flatMap((s) => s.head.plans.map((p) => p.tier)))].sort(order)
    need(tiers.join(' ') === d.plans.join(' '), 'its plans are not those of its statements')
    const all = new Map<string, Item>()
    for (const s of statements) {
      for (const [key, item] of s.sums) {
        all.set(key, added(all.get(key), item))
      }
    }
    const want = [...all.values()].sort(inOrder)
    const own = d.lines.slice(0, behind < 0 ? 0 : behind)
    own.forEach((line, i) => {
      const w = want[i]
      if (w !== undefined && (line.line !== i + 1 || !sameItem(line, w))) {
        throw at(entry, i + 1, 'it is not the sum of what its statements charge')
      }
    })
    need(own.length === want.length, 'it has not the lines of what its statements charge')
    const books = new Map<number, BookRef>(
      statements.flatMap((s) => s.head.books.map((b): [number, BookRef] => [b.id, b])),
    )
    const refs = [...books.values()].sort((a, b) => a.id - b.id)
    need(
      refs.length === d.books.length &&
        refs.every((b, i) => d.books[i]?.id === b.id && d.books[i]?.sha256 === b.sha256),
      'its price books are not those of its statements',
    )
  }

  private commitments(entry: string, d: Document, sig: DocumentSig, behind: number): void {
    let next = behind
    for (const c of d.commitments) {
      const amount = comesTo(c)
      if ((amount === 0n) !== (c.line === null)) {
        throw at(entry, c.line ?? next + 1, 'a commitment has a line without an amount, or the reverse')
      }
      if (c.line !== null) {
        const line = d.lines[next]
        if (line === undefined || c.line !== next + 1 || !isCommitment(line, amount)) {
          throw at(entry, next + 1, 'a line is not what its commitment comes to')
        }
        next++
      }
      this.counts(d, sig, c)
    }
  }

  /** What a commitment counts, where all of that is in the bundle. */
  private counts(d: Document, sig: DocumentSig, c: Document['commitments'][number]): void {
    const others = c.invoices.map((number) => this.documents.get(number))
    if (!others.every((o): o is Before => o !== undefined && o.document.kind === 'invoice')) {
      return
    }
    const numbers = [...sig.statements, ...others.flatMap((o) => o.sig.statements)]
    need(
      new Set(numbers).size === numbers.length &&
        new Set(c.invoices).size === c.invoices.length &&
        !c.invoices.includes(d.number),
      'a statement is counted twice',
    )
    const statements = this.all(numbers)
    if (statements === null) {
      return
    }
    const charges = statements.reduce((all, s) => all + (s.charges.get(c.month) ?? 0n), 0n)
    const before = others.reduce(
      (all, o) =>
        all + o.document.commitments.filter((x) => x.month === c.month).reduce((of, x) => of + comesTo(x), 0n),
      0n,
    )
    need(charges === c.charges, 'a month was charged for something else')
    need(before === c.before, 'a commitment came to something else before')
  }

  private credit(entry: string, d: Document): void {
    const of = this.documents.get(d.refersTo ?? '')
    need(of !== undefined && of.document.kind === 'invoice', 'its invoice is not in the bundle before it')
    const { document: invoice } = of
    const net = [...of.net]
    d.lines.forEach((line, i) => {
      const its = invoice.lines[(line.ofLine ?? 0) - 1]
      const left = net[(line.ofLine ?? 0) - 1] ?? 0n
      const [unit, code] = unitOf(line.sku)
      const right =
        its !== undefined &&
        line.line === i + 1 &&
        line.kind === 'credit' &&
        line.book === null &&
        line.perUnit === null &&
        line.qty === null &&
        line.seconds === 0 &&
        line.sku === its.sku &&
        line.tier === its.tier &&
        line.tax === its.tax &&
        line.project === its.project &&
        line.projectName === its.projectName &&
        line.projectNo === its.projectNo &&
        line.unit === unit &&
        line.unitCode === code &&
        line.net > 0n &&
        line.net <= left &&
        line.amount === line.net * step(d)
      if (!right) {
        throw at(entry, i + 1, 'it gives back what is not left of its line')
      }
      net[(line.ofLine ?? 0) - 1] = left - line.net
    })
    need(
      d.currency === invoice.currency && d.taxes.length === invoice.taxes.length && d.commitments.length === 0,
      'it is not of the kind of its invoice',
    )
    const base = [...of.base]
    const amount = [...of.amount]
    d.taxes.forEach((tax, i) => {
      need(
        tax.rate === invoice.taxes[i]?.rate && tax.discount === 0n,
        'its tax has another rate than that of its invoice, or a discount',
      )
      const sum = d.lines.filter((l) => l.tax === i + 1).reduce((all, l) => all + l.net, 0n)
      need(
        tax.lines === sum &&
          tax.base === sum &&
          tax.exact === sum * step(d) &&
          tax.rounding === 0n &&
          tax.allowance === 0n,
        'its sums are not those of its lines',
      )
      const left = base[i] ?? 0n
      need(sum <= left, 'it gives back more than its invoice has')
      const due = rounded(sum * tax.rate, 1_000_000n)
      const of = amount[i] ?? 0n
      const gives = sum === left || of < due ? of : due
      need(tax.amount === gives, 'its tax is not that of its sums')
      base[i] = left - sum
      amount[i] = of - gives
    })
    totals(d)
    of.net.splice(0, of.net.length, ...net)
    of.base.splice(0, of.base.length, ...base)
    of.amount.splice(0, of.amount.length, ...amount)
  }
}

const at = (entry: string, place: number, words: string): Fault => new Fault('wrong', entry, words, { place })
const max0 = (a: bigint): bigint => (a > 0n ? a : 0n)

/** What a month is short of its least, less what was charged for that before. */
const comesTo = (c: Commitment): bigint => max0(c.least - c.charges) - c.before

/** One of a currency's smallest in 10^-18. */
const step = (d: Document): bigint => 10n ** BigInt(18 - d.decimals)

/** a / by, to the nearest, of two to the one farther from zero. */
function rounded(a: bigint, by: bigint): bigint {
  const size = a < 0n ? -a : a
  const near = (2n * size + by) / (2n * by)
  return a < 0n ? -near : near
}

const floored = (a: bigint, by: bigint): bigint => (a < 0n && a % by !== 0n ? a / by - 1n : a / by)

/** Where a month begins; that many months on. */
function monthStart(month: string, on = 0): number {
  const [year = '0', no = '1'] = month.split('-')
  return Date.UTC(Number(year), Number(no) - 1 + on, 1) / 1000
}

function asItem(line: Line): Item {
  const [unit, unitCode] = unitOf(line.sku)
  return {
    line: 0,
    kind: line.kind,
    sku: line.sku,
    book: line.book,
    tier: line.tier,
    perUnit: line.perUnit,
    qty: line.qty,
    seconds: line.seconds,
    amount: line.amount,
    net: 0n,
    ofLine: null,
    project: line.project,
    projectName: null,
    projectNo: line.projectNo,
    tax: 1,
    unit,
    unitCode,
  }
}

const added = (a: Item | undefined, b: Item): Item =>
  a === undefined
    ? b
    : { ...a, qty: (a.qty ?? 0n) + (b.qty ?? 0n), seconds: a.seconds + b.seconds, amount: a.amount + b.amount }

const inOrder = (a: Item, b: Item): number =>
  (a.projectNo ?? -1) - (b.projectNo ?? -1) ||
  order(a.kind, b.kind) ||
  order(a.sku, b.sku) ||
  (a.book ?? 0) - (b.book ?? 0) ||
  a.tier - b.tier ||
  ((a.perUnit ?? 0n) < (b.perUnit ?? 0n) ? -1 : 1)

const SAME = [
  'kind',
  'sku',
  'book',
  'tier',
  'perUnit',
  'qty',
  'seconds',
  'amount',
  'ofLine',
  'project',
  'projectNo',
  'unit',
  'unitCode',
] as const
const sameItem = (a: Item, b: Item): boolean =>
  SAME.every((name) => a[name] === b[name]) && (a.projectName === null) === (a.project === null)

function isCommitment(line: Item, amount: bigint): boolean {
  const [unit, code] = unitOf('commitment')
  const empty = [line.book, line.perUnit, line.qty, line.ofLine, line.project, line.projectName, line.projectNo].every(
    (one) => one === null,
  )
  return (
    empty &&
    line.kind === 'commitment' &&
    line.sku === 'commitment' &&
    line.amount === amount &&
    line.seconds === 0 &&
    line.tier === 0 &&
    line.tax === 1 &&
    line.unit === unit &&
    line.unitCode === code
  )
}

/** The sums of an invoice; what all discounts come to is believed. */
function sums(d: Document, discounts: bigint): void {
  let left = discounts
  const one = step(d)
  d.taxes.forEach((tax, i) => {
    const lines = d.lines.filter((l) => l.tax === i + 1)
    const exact = lines.reduce((all, l) => all + l.amount, 0n)
    const discount = max0(left < exact ? left : exact)
    left -= discount
    need(
      tax.exact === exact && tax.discount === discount,
      'a sum before tax is not that of its lines, or a discount not where it must be',
    )
    need(
      tax.lines === rounded(exact, one) && tax.base === rounded(exact - discount, one),
      'a sum is not rounded as it must be',
    )
    need(
      tax.rounding === exact - discount - tax.base * one && tax.allowance === tax.lines - tax.base,
      'what was rounded away is something else',
    )
    need(tax.amount === rounded(tax.base * tax.rate, 1_000_000n), 'a tax is not that of its base')
    nets(lines, tax, one)
  })
  totals(d)
}

/** Each line's whole units, and one more for those with the largest remainders. */
function nets(lines: readonly Item[], tax: Tax, one: bigint): void {
  const floors = lines.map((l) => floored(l.amount, one))
  const more = tax.lines - floors.reduce((all, f) => all + f, 0n)
  const rest = lines.map((l, i) => ({ i, left: l.amount - (floors[i] ?? 0n) * one }))
  rest.sort((a, b) => (a.left === b.left ? a.i - b.i : a.left > b.left ? -1 : 1))
  rest.forEach(({ i }, k) => {
    const want = (floors[i] ?? 0n) + (BigInt(k) < more ? 1n : 0n)
    if (lines[i]?.net !== want) {
      throw new Unreadable('what a line has of the rounded sum is something else')
    }
  })
}

function totals(d: Document): void {
  const sum = (of: (t: Tax) => bigint): bigint => d.taxes.reduce((all, t) => all + of(t), 0n)
  const t = d.totals
  need(
    t.allowance === sum((x) => x.allowance) &&
      t.lines === sum((x) => x.lines) &&
      t.exact === sum((x) => x.exact) &&
      t.rounding === sum((x) => x.rounding),
    'a total is not that of its sums',
  )
  need(
    t.net === sum((x) => x.base) && t.tax === sum((x) => x.amount) && t.total === t.net + t.tax,
    'its total is not that of its sums',
  )
  need(
    t.prepaid >= 0n && (t.prepaid === 0n || t.prepaid <= t.total) && t.due === t.total - t.prepaid,
    'what is due is not its total less what was paid',
  )
}
