/** The files of a bundle, read: what each has and nothing else. sdk/FORMAT.md has a table for each. */
import { order } from './bytes.ts'
import { Newer, need } from './fault.ts'
import * as j from './json.ts'

export const SKUS = ['disk-hib', 'disk-run-over-30', 'mem-run', 'vcpu-run'] as const
export const SOLD = [...SKUS, 'minutes', 'snapshot'] as const
export type Sku = (typeof SOLD)[number]

export interface Period {
  readonly start: number
  readonly end: number
}

export interface BookRef {
  readonly id: number
  readonly sha256: string
}

export interface Manifest {
  readonly account: string
  readonly books: readonly (BookRef & { readonly validTo: number | null })[]
  readonly first: number
  readonly last: number
  readonly invoices: readonly string[]
  readonly regions: readonly { readonly no: number; readonly name: string; readonly group: string }[]
}

export interface Key {
  readonly key: string
  readonly from: number
  readonly to: number | null
}

export interface Price {
  readonly sku: Sku
  /** Of the first tier, where there are any. */
  readonly perUnit: bigint
  readonly mode: 'graduated' | 'volume' | null
  /** The first from 0; one alone where it is not sold in tiers. */
  readonly tiers: readonly { readonly from: bigint; readonly perUnit: bigint }[]
}

export interface Book {
  readonly id: number
  readonly currency: string
  readonly group: string
  readonly tier: string
  readonly minutes: boolean
  readonly contract: boolean
  readonly from: number
  readonly to: number | null
  readonly prices: ReadonlyMap<Sku, Price>
}

export interface Line {
  readonly sku: Sku
  readonly kind: 'usage' | 'measured' | 'correction'
  readonly book: number
  readonly tier: number
  readonly perUnit: bigint
  readonly qty: bigint
  readonly seconds: number
  readonly amount: bigint
  readonly from: number
  readonly to: number
  /** Of a page's line: what it shares with its row, as one text; "" of a head's. */
  readonly of: string
  readonly project: string | null
  readonly projectNo: number | null
}

export interface Correction {
  readonly number: number | null
  readonly period: Period
  readonly poolS: number
}

export interface Head {
  readonly account: string
  readonly number: number
  readonly version: 1 | 2 | 3
  /** A row of its pages names whose memory its sandbox began with: then what is written there is higher by 2. */
  readonly forked: boolean
  readonly currency: string
  readonly period: Period
  readonly previous: string
  readonly plans: readonly {
    readonly from: number
    readonly to: number
    readonly tier: string
    readonly includedS: number
  }[]
  readonly books: readonly BookRef[]
  readonly corrects: readonly Correction[]
  readonly lines: readonly Line[]
  readonly pages: { readonly count: number; readonly lines: number; readonly root: string }
  readonly attestations: { readonly count: number; readonly root: string; readonly unattested: number }
  readonly pool: { readonly afterS: number; readonly beforeS: number; readonly includedS: number } | null
  readonly tiers:
    | readonly { readonly book: number; readonly sku: Sku; readonly before: bigint; readonly after: bigint }[]
    | null
  readonly runningS: number
  readonly hibernatedS: number
  readonly total: bigint
}

export interface Sig {
  readonly number: number
  readonly head: string
  readonly closedAt: number
  readonly key: string
  readonly signature: Uint8Array
  readonly pages: readonly string[]
}

export interface Row {
  readonly attestation: string | null
  readonly attested: boolean
  readonly basis: 'frames' | 'attestation' | 'nothing'
  readonly epoch: number
  readonly hibernatedS: number
  readonly runningS: number
  readonly memMib: number
  readonly vcpus: number
  readonly project: string
  readonly projectNo: number
  readonly region: string
  readonly sandbox: string
  /** Whose memory it began with, as the service has it. */
  readonly parent: string | null
  readonly spec: number
  readonly specTable: number
  /** What its lines share with it, as one text. */
  readonly of: string
}

export interface Page {
  readonly account: string
  readonly number: number
  readonly page: number
  readonly corrects: { readonly number: number | null; readonly period: Period } | null
  /** One of its rows names a parent. */
  readonly forked: boolean
  readonly rows: readonly Row[]
  readonly lines: readonly Line[]
}

const U32 = 2 ** 32 - 1
const ascending = <T>(all: readonly T[], key: (one: T) => number) =>
  all.every((one, i) => i === 0 || key(all[i - 1] as T) < key(one))

export function period(value: j.Json | undefined): Period {
  const m = j.members(value, ['end', 'start'])
  const out = { start: j.time(m['start']), end: j.time(m['end']) }
  const length = out.end - out.start
  need(
    length >= 60 && length <= 3600 && length % 60 === 0 && 3600 % length === 0 && out.start % length === 0,
    'a period cannot be',
  )
  return out
}

const refs = (value: j.Json | undefined): BookRef[] => {
  const out = j.list(value, (one) => {
    const m = j.members(one, ['id', 'sha256'])
    return { id: j.whole(m['id'], 1), sha256: j.hash(m['sha256']) }
  })
  need(
    ascending(out, (b) => b.id),
    'books are not in order',
  )
  return out
}

export { refs as bookRefs }

export function manifest(bytes: Uint8Array): Manifest {
  const all = j.summed(bytes)
  if (j.whole(all['format'], 1) > 1) {
    throw new Newer(`format ${all['format']} of a bundle`)
  }
  const m = j.members(all, ['account', 'books', 'first', 'format', 'last', 'regions'], ['invoices'])
  const out = {
    account: j.text(m['account'], 36),
    books: j.list(m['books'], (one) => {
      const b = j.members(one, ['id', 'sha256', 'valid_to'])
      return { id: j.whole(b['id'], 1), sha256: j.hash(b['sha256']), validTo: j.timeOrNull(b['valid_to']) }
    }),
    first: j.whole(m['first'], 1),
    last: j.whole(m['last'], 1),
    invoices: m['invoices'] === undefined ? [] : j.list(m['invoices'], (one) => j.text(one, 39)),
    regions: j.list(m['regions'], (one) => {
      const r = j.members(one, ['group', 'name', 'no'])
      return { no: j.whole(r['no'], 0, 65535), name: j.text(r['name'], 63), group: j.text(r['group']) }
    }),
  }
  need(out.first <= out.last && ascending(out.books, (b) => b.id), 'its numbers are not in order')
  return out
}

export function keys(bytes: Uint8Array, of: number): Key[] {
  const m = j.members(j.summed(bytes), ['keys', 'of'])
  need(j.whole(m['of']) === of, "it has another one's keys than its name says")
  return j.list(m['keys'], (one) => {
    const k = j.members(one, ['key', 'valid_from', 'valid_to'])
    return { key: j.hash(k['key']), from: j.time(k['valid_from']), to: j.timeOrNull(k['valid_to']) }
  })
}

/** A price with what it was before its discount, where it has one. */
function discounted(m: j.Members): bigint {
  const per = j.priceOf(m['per_unit'])
  need('discount_bp' in m === 'list_per_unit' in m, 'a discount without a price, or the reverse')
  if ('discount_bp' in m) {
    const left = 10000n - BigInt(j.whole(m['discount_bp'], 0, 10000))
    need(j.priceOf(m['list_per_unit']) * left === per * 10000n, 'a price is not what its discount makes of it')
  }
  return per
}

function priced(one: j.Json): Price {
  const m = j.members(one, ['per_unit', 'sku', 'unit'], ['discount_bp', 'list_per_unit', 'mode', 'tiers'])
  j.text(m['unit'])
  const perUnit = discounted(m)
  need('mode' in m === 'tiers' in m, 'tiers without a mode, or the reverse')
  const more = !('tiers' in m)
    ? []
    : j.list(m['tiers'], (t) => {
        const of = j.members(t, ['from', 'per_unit'], ['discount_bp', 'list_per_unit'])
        return { from: j.qtyOf(of['from']), perUnit: discounted(of) }
      })
  const tiers = [{ from: 0n, perUnit }, ...more]
  need(!('tiers' in m) || (more.length >= 1 && more.length <= 8), 'tiers cannot be so many')
  need(
    tiers.every((t, i) => i === 0 || t.from > (tiers[i - 1]?.from ?? 0n)),
    'tiers do not rise',
  )
  return {
    sku: j.oneOf(m['sku'], SOLD),
    perUnit,
    mode: 'mode' in m ? j.oneOf(m['mode'], ['graduated', 'volume'] as const) : null,
    tiers,
  }
}

export function book(bytes: Uint8Array, id: number, to: number | null): Book {
  const value = j.parse(bytes)
  const m = j.members(
    value,
    ['currency', 'group', 'prices', 'rated_by', 'tier', 'valid_from'],
    ['contract', 'compute_type', 'compute_quality'],
  )
  if ('compute_type' in m || 'compute_quality' in m) {
    throw new Newer(`price book ${id} is of another kind of sandbox`)
  }
  const prices = j.list(m['prices'], priced)
  need(
    prices.every((p, i) => i === 0 || order(prices[i - 1]?.sku ?? '', p.sku) < 0),
    'prices are not in order',
  )
  return {
    id,
    currency: j.text(m['currency']),
    group: j.text(m['group']),
    tier: j.text(m['tier']),
    minutes: j.oneOf(m['rated_by'], ['resources', 'minutes']) === 'minutes',
    contract: 'contract' in m,
    from: j.time(m['valid_from']),
    to,
    prices: new Map(prices.map((p) => [p.sku, p])),
  }
}

const LINE =
  'amount book epoch from kind per_unit project project_no qty region sandbox seconds sku spec spec_table tier to'.split(
    ' ',
  )
const SHARED = ['sandbox', 'project_no', 'epoch', 'spec_table', 'spec', 'region'] as const
const shared = (m: j.Members): string => SHARED.map((name) => m[name]).join(' ')

/** A line; of the head where it has no row. */
function line(value: j.Json, ofHead: boolean, within: Period | null, own: boolean): Line {
  const m = j.members(value, LINE)
  for (const name of ['project', ...SHARED]) {
    need((m[name] === null) === ofHead, `"${name}" of a line cannot be`)
  }
  const out: Line = {
    sku: j.oneOf(m['sku'], SOLD),
    kind: j.oneOf(m['kind'], ['usage', 'measured', 'correction']),
    book: j.whole(m['book'], 1),
    tier: j.whole(m['tier'], 0, 255),
    perUnit: j.priceOf(m['per_unit']),
    qty: j.qtyOf(m['qty']),
    seconds: j.whole(m['seconds'], own ? 0 : -Number.MAX_SAFE_INTEGER),
    amount: j.moneyOf(m['amount']),
    from: j.time(m['from']),
    to: j.time(m['to']),
    of: ofHead ? '' : shared(m),
    project: j.textOrNull(m['project']),
    projectNo: m['project_no'] === null ? null : j.whole(m['project_no'], 0, U32),
  }
  need(
    out.from <= out.to && (within === null || (out.from >= within.start && out.to <= within.end)),
    'a line is outside of its period',
  )
  return out
}

const HEAD =
  'account attestations books currency hibernated_s lines number pages period plans pool previous running_s total version'.split(
    ' ',
  )

/** So much higher is the version of a page that names a parent, and of its head. */
const FORKED = 2

export function head(bytes: Uint8Array): Head {
  const value = j.parse(bytes)
  need(j.isObject(value), 'it is no object')
  const version = j.whole(value['version'], 1)
  if (version > 3 + FORKED) {
    throw new Newer(`version ${version} of a statement`)
  }
  return version === 1 ? first(value) : paged(value, version % FORKED === 1 ? 3 : 2, version > 3)
}

/** Of version 1 only what its chain needs. */
function first(m: j.Members): Head {
  return {
    account: j.text(m['account'], 36),
    number: j.whole(m['number'], 1),
    version: 1,
    forked: false,
    currency: j.text(m['currency']),
    period: period(m['period']),
    previous: j.hash(m['previous']),
    total: j.moneyOf(m['total']),
    plans: [],
    books: [],
    corrects: [],
    lines: [],
    pages: { count: 0, lines: 0, root: '' },
    attestations: { count: 0, root: '', unattested: 0 },
    pool: null,
    tiers: null,
    runningS: 0,
    hibernatedS: 0,
  }
}

function paged(value: j.Members, version: 2 | 3, forked: boolean): Head {
  const m = j.members(value, version === 3 ? [...HEAD, 'corrects'] : HEAD, ['tiers'])
  const own = period(m['period'])
  const a = j.members(m['attestations'], ['count', 'root', 'unattested'])
  const p = j.members(m['pages'], ['count', 'lines', 'root'])
  const pool = m['pool'] === null ? null : j.members(m['pool'], ['after_s', 'before_s', 'included_s'])
  const corrects =
    version === 2
      ? []
      : j.list(
          m['corrects'],
          (one) => {
            const c = j.members(one, ['number', 'period', 'pool_s'])
            return {
              number: c['number'] === null ? null : j.whole(c['number'], 1),
              period: period(c['period']),
              poolS: j.whole(c['pool_s'], -Number.MAX_SAFE_INTEGER),
            }
          },
          512,
        )
  need(version === 2 || corrects.length > 0, 'it corrects nothing')
  need(
    ascending(corrects, (c) => c.period.start) && corrects.every((c) => c.period.end <= own.start),
    'what it corrects is not in order',
  )
  const plans = j.list(m['plans'], (one) => {
    const of = j.members(one, ['from', 'included_s', 'tier', 'to'])
    return {
      from: j.time(of['from']),
      to: j.time(of['to']),
      tier: j.text(of['tier']),
      includedS: j.whole(of['included_s']),
    }
  })
  need(
    plans.length > 0 &&
      plans.every((one, i) => one.from < one.to && one.from === (i === 0 ? own.start : plans[i - 1]?.to)) &&
      plans.at(-1)?.to === own.end,
    'its plans leave a gap',
  )
  return {
    account: j.text(m['account'], 36),
    number: j.whole(m['number'], 1),
    version,
    forked,
    currency: j.text(m['currency']),
    period: own,
    previous: j.hash(m['previous']),
    plans,
    books: refs(m['books']),
    corrects,
    lines: j.list(m['lines'], (one) => line(one, true, null, false)),
    pages: { count: j.whole(p['count']), lines: j.whole(p['lines']), root: j.hash(p['root']) },
    attestations: { count: j.whole(a['count']), root: j.hash(a['root']), unattested: j.whole(a['unattested']) },
    pool: pool && {
      afterS: j.whole(pool['after_s']),
      beforeS: j.whole(pool['before_s']),
      includedS: j.whole(pool['included_s']),
    },
    tiers:
      m['tiers'] === undefined
        ? null
        : j.list(m['tiers'], (one) => {
            const t = j.members(one, ['after', 'before', 'book', 'sku'])
            return {
              book: j.whole(t['book'], 1),
              sku: j.oneOf(t['sku'], SOLD),
              before: j.qtyOf(t['before']),
              after: j.qtyOf(t['after']),
            }
          }),
    runningS: j.whole(m['running_s']),
    hibernatedS: j.whole(m['hibernated_s']),
    total: j.moneyOf(m['total']),
  }
}

export function sig(bytes: Uint8Array): Sig {
  const m = j.members(j.summed(bytes), ['closed_at', 'head', 'key', 'number', 'pages', 'signature'])
  return {
    number: j.whole(m['number'], 1),
    head: j.hash(m['head']),
    closedAt: j.time(m['closed_at']),
    key: j.hash(m['key']),
    signature: j.bytesOf(m['signature'], 64),
    pages: j.list(m['pages'], j.hash),
  }
}

const ROW =
  'attestation attested basis epoch hibernated_s mem_mib project project_no region running_s sandbox spec spec_table vcpus'.split(
    ' ',
  )

function name(value: j.Json | undefined): string {
  const text = j.text(value, 21)
  need(/^i[0-9a-z]{20}$/.test(text), 'a sandbox is missing')
  return text
}

function row(value: j.Json, corrects: boolean): Row {
  const m = j.members(value, ROW, ['parent'])
  const sandbox = name(m['sandbox'])
  const parent = m['parent'] === undefined ? null : name(m['parent'])
  need(parent !== sandbox, 'a sandbox began with its own memory')
  return {
    attestation: corrects && m['attestation'] === null ? null : j.hash(m['attestation']),
    attested: j.flag(m['attested']),
    basis: j.oneOf(m['basis'], ['frames', 'attestation', 'nothing']),
    epoch: j.whole(m['epoch'], 1),
    hibernatedS: j.whole(m['hibernated_s'], 0, 3600),
    runningS: j.whole(m['running_s'], 0, 3600),
    memMib: j.whole(m['mem_mib'], 0, U32),
    vcpus: j.whole(m['vcpus'], 0, U32),
    project: j.text(m['project'], 36),
    projectNo: j.whole(m['project_no'], 0, U32),
    region: j.text(m['region'], 63),
    sandbox,
    parent,
    spec: j.whole(m['spec'], 0, 65535),
    specTable: j.whole(m['spec_table'], 0, 65535),
    of: shared(m),
  }
}

/** A page; `own` is the period of its statement, for a page that corrects nothing. */
export function page(bytes: Uint8Array, own: Period): Page {
  const value = j.parse(bytes)
  need(j.isObject(value), 'it is no object')
  const corrects = 'corrects' in value
  const m = j.members(
    value,
    ['account', 'lines', 'number', 'page', 'sandboxes', 'version'],
    corrects ? ['corrects'] : [],
  )
  const rows = j.list(m['sandboxes'], (one) => row(one, corrects), 500)
  const forked = rows.some((one) => one.parent !== null)
  need(m['version'] === (corrects ? 3 : 2) + (forked ? FORKED : 0), 'its version is not that of such a page')
  const c = corrects ? j.members(m['corrects'], ['number', 'period']) : null
  const of = c && { number: c['number'] === null ? null : j.whole(c['number'], 1), period: period(c['period']) }
  return {
    account: j.text(m['account'], 36),
    number: j.whole(m['number'], 1),
    page: j.whole(m['page'], 1),
    corrects: of,
    forked,
    rows,
    lines: j.list(m['lines'], (one) => line(one, false, of === null ? own : of.period, !corrects), 4000),
  }
}
