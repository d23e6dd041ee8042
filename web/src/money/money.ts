/**
 * Money, prices and quantities as the service counts them: whole numbers of 10^-18, 10^-12 and 10^-6, never a float.
 *
 * A price times a quantity is money, exactly: 10^-12 x 10^-6 = 10^-18. Nothing here rounds but `rounded`, and that
 * only to the decimals of a currency, once, where an invoice does. This is the only place of the console that reads
 * money; what leaves it for the eye is text. tests/lint/exact holds the rest of web/src to that.
 */

declare const unit: unique symbol
/** A whole number of 10^-18 of a currency's unit; negative where it is given back. */
export type Money = bigint & { readonly [unit]: 'money' }
/** A whole number of 10^-12 of a currency's unit for one of what is sold; never negative. */
export type Price = bigint & { readonly [unit]: 'price' }
/** A whole number of 10^-6 of what is sold: seconds, GiB-seconds, minutes. */
export type Quantity = bigint & { readonly [unit]: 'quantity' }

export const MONEY_DECIMALS = 18
export const PRICE_DECIMALS = 12
export const QUANTITY_DECIMALS = 6
export const ZERO = 0n as Money

const TEN = 10n
const FORM = /^(-?)(\d{1,40})(?:\.(\d{1,18}))?$/

/** The whole number of 10^-decimals that text says, or null: it is no number, or says more than that can hold. */
export function scaled(text: string, decimals: number): bigint | null {
  const match = FORM.exec(text)
  if (match === null) {
    return null
  }
  const fraction = match[3] ?? ''
  if (fraction.length > decimals) {
    return null
  }
  const size = BigInt(`${match[2]}${fraction.padEnd(decimals, '0')}`)
  return match[1] === '-' ? -size : size
}

function must<T>(value: bigint | null, text: string): T {
  if (value === null) {
    throw new RangeError(`not an amount: ${JSON.stringify(text.slice(0, 80))}`)
  }
  return value as T
}

/** What the API sent; throws a RangeError where it is no amount. For what a person typed take `typed`. */
export const money = (text: string): Money => must(scaled(text, MONEY_DECIMALS), text)
export const price = (text: string): Price => must(scaled(text, PRICE_DECIMALS), text)
export const quantity = (text: string): Quantity => must(scaled(text, QUANTITY_DECIMALS), text)

/**
 * What a person typed or pasted, or null. Blanks around it and commas between thousands are taken as one writes
 * them; a comma anywhere else could be a decimal point elsewhere in the world, and is not guessed at.
 */
export function typed(text: string): Money | null {
  const bare = text.trim()
  const plain = /^-?\d{1,3}(,\d{3})+(\.\d*)?$/.test(bare) ? bare.replaceAll(',', '') : bare
  return scaled(plain.replace(/\.$/, ''), MONEY_DECIMALS) as Money | null
}

export const add = (a: Money, b: Money): Money => (a + b) as Money
export const subtract = (a: Money, b: Money): Money => (a - b) as Money
export const negate = (a: Money): Money => -a as Money
export const multiply = (per: Price, qty: Quantity): Money => (per * qty) as Money
export const sum = (all: Iterable<Money>): Money => {
  let out = 0n
  for (const one of all) {
    out += one
  }
  return out as Money
}
/** Below 0, 0 or above 0, as sort() wants it. */
export const compare = (a: Money, b: Money): -1 | 0 | 1 => (a < b ? -1 : a > b ? 1 : 0)

function written(value: bigint, decimals: number): string {
  const size = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0')
  const sign = value < 0n ? '-' : ''
  return decimals === 0 ? `${sign}${size}` : `${sign}${size.slice(0, -decimals)}.${size.slice(-decimals)}`
}

/** All decimals, as the API writes them; what "copy" gives. */
export const moneyText = (value: Money): string => written(value, MONEY_DECIMALS)
export const priceText = (value: Price): string => written(value, PRICE_DECIMALS)
export const quantityText = (value: Quantity): string => written(value, QUANTITY_DECIMALS)

const NONE = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ')
const THREE = 'BHD IQD JOD KWD LYD OMR TND'.split(' ')
const FOUR = 'CLF UYW'.split(' ')
const METALS = 'XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX'.split(' ')

/** How many decimals what is paid in a currency has (ISO 4217), or null: it is none that one could pay in. */
export function exponent(currency: string): 0 | 2 | 3 | 4 | null {
  if (!/^[A-Z]{3}$/.test(currency) || METALS.includes(currency)) {
    return null
  }
  return NONE.includes(currency) ? 0 : THREE.includes(currency) ? 3 : FOUR.includes(currency) ? 4 : 2
}

/** To the nearest value with so many decimals, of two to the one farther from zero; still 10^-18. */
export function rounded(value: Money, decimals: number): Money {
  const step = TEN ** BigInt(MONEY_DECIMALS - decimals)
  const size = value < 0n ? -value : value
  const near = ((size + step / 2n) / step) * step
  return (value < 0n ? -near : near) as Money
}

/** What an invoice says of an amount: rounded to the currency's decimals, and no point where it has none. */
export function minorText(value: Money, currency: string): string {
  const decimals = exponent(currency) ?? 2
  return written(rounded(value, decimals) / TEN ** BigInt(MONEY_DECIMALS - decimals), decimals)
}

/** How an amount is shown: all of its digits, in pieces that a column can align and dim. */
export interface Shown {
  /** "-", or nothing. */
  readonly sign: '-' | ''
  /** The digits before the point, in thousands: "4,211". */
  readonly whole: string
  /** The digits behind the point that say something; at least `least` of them. */
  readonly fraction: string
  /** The zeros behind those, which a page dims and never cuts. */
  readonly zeros: string
}

export function shown(value: Money, least = 2): Shown {
  const [whole = '', fraction = ''] = written(value < 0n ? -value : value, MONEY_DECIMALS).split('.')
  const keep = fraction.replace(/0+$/, '').padEnd(least, '0')
  return {
    sign: value < 0n ? '-' : '',
    whole: whole.replace(/\B(?=(\d{3})+$)/g, ','),
    fraction: keep,
    zeros: fraction.slice(keep.length),
  }
}

/** An amount in a sentence: thousands, and no more zeros behind the point than `least` asks for. Not rounded. */
export function sentence(value: Money, least = 2): string {
  const { sign, whole, fraction } = shown(value, least)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}

/** Amounts below each other with their points in one column, for what is set in a fixed pitch. */
export function aligned(values: readonly Money[], least = 2): string[] {
  const parts = values.map((value) => shown(value, least))
  const left = Math.max(0, ...parts.map((p) => p.sign.length + p.whole.length))
  const right = Math.max(0, ...parts.map((p) => p.fraction.length))
  return parts.map((p) => `${`${p.sign}${p.whole}`.padStart(left)}.${p.fraction.padEnd(right, '0')}`)
}
