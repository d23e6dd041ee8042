/** Invoices and credit notes, read: what each has, in the one form that it has it in. */

import { exponent } from '../money/money.ts'
import { need } from './fault.ts'
import * as j from './json.ts'
import { type BookRef, bookRefs } from './shapes.ts'

export interface Item {
  readonly line: number
  readonly kind: string
  readonly sku: string
  readonly book: number | null
  readonly tier: number
  readonly perUnit: bigint | null
  readonly qty: bigint | null
  readonly seconds: number
  readonly amount: bigint
  readonly net: bigint
  readonly ofLine: number | null
  readonly project: string | null
  readonly projectName: string | null
  readonly projectNo: number | null
  readonly tax: number
  readonly unit: string
  readonly unitCode: string
}

export interface Tax {
  readonly category: string
  readonly jurisdiction: string
  readonly rate: bigint
  readonly exact: bigint
  readonly discount: bigint
  readonly rounding: bigint
  readonly lines: bigint
  readonly base: bigint
  readonly allowance: bigint
  readonly amount: bigint
}

export interface Commitment {
  readonly month: string
  readonly before: bigint
  readonly charges: bigint
  readonly least: bigint
  readonly invoices: readonly string[]
  readonly line: number | null
}

export interface Document {
  readonly account: string
  readonly kind: 'invoice' | 'credit_note'
  readonly number: string
  readonly chain: number
  readonly previous: string
  readonly currency: string
  readonly decimals: number
  readonly issued: number
  readonly refersTo: string | null
  readonly books: readonly BookRef[]
  readonly plans: readonly string[]
  readonly period: { readonly start: number; readonly end: number }
  readonly statements: {
    readonly count: number
    readonly first: number | null
    readonly last: number | null
    readonly root: string
  }
  readonly lines: readonly Item[]
  readonly taxes: readonly Tax[]
  readonly commitments: readonly Commitment[]
  readonly totals: Readonly<
    Record<'allowance' | 'due' | 'lines' | 'net' | 'prepaid' | 'tax' | 'total' | 'exact' | 'rounding', bigint>
  >
}

export interface DocumentSig {
  readonly hash: string
  readonly key: string
  readonly number: string
  readonly seller: number
  readonly signature: Uint8Array
  readonly statements: readonly number[]
}

const FORMULA = 'cost = (number of vCPUs x vCPU price + memory size x memory price) x billed duration, then storage'
const PARTY = 'address bic country email iban legal_id name tax_id'.split(' ')
const ITEM =
  'amount book kind line net of_line per_unit project project_name project_no qty seconds sku tax tier unit unit_code'.split(
    ' ',
  )
const TAX =
  'allowance amount base category discount exact jurisdiction lines rate reason reason_code reverse_charge rounding'.split(
    ' ',
  )
const TOTALS = 'allowance due exact lines net prepaid rounding tax total'.split(' ')
const DOCUMENT = (
  'account books buyer chain currency due formula issued kind lines number payment_terms_days period plans previous purchase_order reason refers_to seller ' +
  'statements tax_id_check taxes totals version'
).split(' ')
const LARGE = 10n ** 38n

export function documentSig(bytes: Uint8Array): DocumentSig {
  const m = j.members(j.summed(bytes), ['hash', 'key', 'number', 'seller', 'signature', 'statements'])
  return {
    hash: j.hash(m['hash']),
    key: j.hash(m['key']),
    number: j.text(m['number'], 39),
    seller: j.whole(m['seller'], 1),
    signature: j.bytesOf(m['signature'], 64),
    statements: j.list(m['statements'], (one) => j.whole(one, 1)),
  }
}

function party(value: j.Json | undefined): void {
  for (const one of Object.values(j.members(value, PARTY))) {
    j.textOrNull(one)
  }
}

function day(value: j.Json | undefined): void {
  need(
    typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
    'a day is missing',
  )
}

const orNull = <T>(value: j.Json | undefined, read: (value: j.Json | undefined) => T): T | null =>
  value === null ? null : read(value)
const span = (value: j.Json | undefined) => {
  const m = j.members(value, ['end', 'start'])
  return { start: j.time(m['start']), end: j.time(m['end']) }
}

function item(value: j.Json, minor: (value: j.Json | undefined) => bigint): Item {
  const m = j.members(value, ITEM)
  return {
    line: j.whole(m['line'], 1),
    kind: j.text(m['kind'], 40),
    sku: j.text(m['sku'], 40),
    book: orNull(m['book'], (v) => j.whole(v, 1)),
    tier: j.whole(m['tier'], 0, 255),
    perUnit: orNull(m['per_unit'], j.priceOf),
    qty: orNull(m['qty'], (v) => j.exact(v, 6, LARGE)),
    seconds: j.whole(m['seconds'], -Number.MAX_SAFE_INTEGER),
    amount: j.exact(m['amount'], 18, LARGE),
    net: minor(m['net']),
    ofLine: orNull(m['of_line'], (v) => j.whole(v, 1)),
    project: j.textOrNull(m['project']),
    projectName: j.textOrNull(m['project_name']),
    projectNo: orNull(m['project_no'], (v) => j.whole(v)),
    tax: j.whole(m['tax'], 1),
    unit: j.text(m['unit']),
    unitCode: j.text(m['unit_code']),
  }
}

function tax(value: j.Json, minor: (value: j.Json | undefined) => bigint): Tax {
  const m = j.members(value, TAX)
  j.textOrNull(m['reason'])
  j.textOrNull(m['reason_code'])
  j.flag(m['reverse_charge'])
  const rate = j.exact(m['rate'], 4, 10n ** 9n)
  need(rate >= 0n, 'a tax has a negative rate')
  const money = (name: string): bigint => j.exact(m[name], 18, LARGE)
  return {
    category: j.text(m['category']),
    jurisdiction: j.text(m['jurisdiction']),
    rate,
    exact: money('exact'),
    discount: money('discount'),
    rounding: money('rounding'),
    lines: minor(m['lines']),
    base: minor(m['base']),
    allowance: minor(m['allowance']),
    amount: minor(m['amount']),
  }
}

function commitment(value: j.Json): Commitment {
  const m = j.members(value, ['before', 'charges', 'contract', 'invoices', 'least', 'line', 'month'])
  j.text(m['contract'], 36)
  const month = j.text(m['month'], 7)
  need(/^\d{4}-(0[1-9]|1[0-2])$/.test(month), 'a month is missing')
  return {
    month,
    before: j.exact(m['before'], 18, LARGE),
    charges: j.exact(m['charges'], 18, LARGE),
    least: j.exact(m['least'], 18, LARGE),
    invoices: j.list(m['invoices'], (one) => j.text(one, 39)),
    line: orNull(m['line'], (v) => j.whole(v, 1)),
  }
}

export function document(bytes: Uint8Array): Document {
  const value = j.parse(bytes)
  const m = j.members(value, DOCUMENT, ['commitments'])
  const kind = j.oneOf(m['kind'], ['invoice', 'credit_note'])
  const owes = 'commitments' in m
  const currency = j.text(m['currency'], 3)
  const decimals = exponent(currency)
  need(decimals !== null, 'it is in no currency that one could pay in')
  need(
    m['version'] === (owes ? 2 : 1) && (!owes || kind === 'invoice') && m['formula'] === FORMULA,
    'its version or its formula cannot be',
  )
  const minor = (v: j.Json | undefined): bigint => j.exact(v, decimals, LARGE)
  party(m['buyer'])
  party(m['seller'])
  for (const name of ['purchase_order', 'reason', 'refers_to', 'tax_id_check']) {
    j.textOrNull(m[name])
  }
  if (kind === 'invoice') {
    day(m['due'])
    j.whole(m['payment_terms_days'])
  } else {
    need(m['due'] === null && m['payment_terms_days'] === null, 'a credit note is not due')
  }
  const s = j.members(m['statements'], ['count', 'first', 'last', 'root'])
  const t = j.members(m['totals'], TOTALS)
  const money = (v: j.Json | undefined): bigint => j.exact(v, 18, LARGE)
  const taxes = j.list(m['taxes'], (one) => tax(one, minor), 16)
  const lines = j.list(m['lines'], (one) => item(one, minor), 20000)
  const commitments = owes ? j.list(m['commitments'], commitment, 240) : []
  need(taxes.length > 0 && owes === commitments.length > 0, 'it has no taxes, or no commitments')
  need(
    commitments.every((c, i) => i === 0 || (commitments[i - 1]?.month ?? '') < c.month),
    'its commitments are not in order',
  )
  return {
    account: j.text(m['account'], 36),
    kind,
    number: j.text(m['number'], 39),
    chain: j.whole(m['chain'], 1),
    previous: j.hash(m['previous']),
    currency,
    decimals,
    issued: j.time(m['issued']),
    refersTo: j.textOrNull(m['refers_to']),
    books: bookRefs(m['books']),
    plans: j.list(m['plans'], (one) => j.text(one)),
    period: span(m['period']),
    statements: {
      count: j.whole(s['count']),
      first: orNull(s['first'], (v) => j.whole(v, 1)),
      last: orNull(s['last'], (v) => j.whole(v, 1)),
      root: j.hash(s['root']),
    },
    lines,
    taxes,
    commitments,
    totals: {
      allowance: minor(t['allowance']),
      due: minor(t['due']),
      lines: minor(t['lines']),
      net: minor(t['net']),
      prepaid: minor(t['prepaid']),
      tax: minor(t['tax']),
      total: minor(t['total']),
      exact: money(t['exact']),
      rounding: money(t['rounding']),
    },
  }
}

/** Of `issued` alone, for a document that cannot be read: null then. */
export function issuedOf(bytes: Uint8Array): number | null {
  try {
    const value = j.parse(bytes)
    return j.isObject(value) ? j.time(value['issued']) : null
  } catch {
    return null
  }
}
