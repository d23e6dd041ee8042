/**
 * JSON in the one form that a bundle has it in: no blanks, members in order, one way to write each string and number.
 * Whatever is read here would be written as the very same bytes, so that who compares values has compared bytes.
 */

import { order, same, sha256, unhex } from './bytes.ts'
import { need } from './fault.ts'

export type Json = null | boolean | number | string | Json[] | { readonly [name: string]: Json }
export type Members = { readonly [name: string]: Json }

const DEPTH = 12
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  whole(): Json {
    const value = this.value(0)
    need(this.at === this.text.length, 'something stands behind its JSON')
    return value
  }

  private take(piece: string): boolean {
    if (!this.text.startsWith(piece, this.at)) {
      return false
    }
    this.at += piece.length
    return true
  }

  private value(depth: number): Json {
    need(depth < DEPTH, 'its JSON is too deep')
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth)
      case '[':
        return this.list(depth)
      case '"':
        return this.string()
      default:
        return this.word()
    }
  }

  private object(depth: number): Members {
    const out: { [name: string]: Json } = Object.create(null)
    let last = ''
    this.at++
    if (this.take('}')) {
      return out
    }
    for (let first = true; ; first = false) {
      need(this.text[this.at] === '"', 'its JSON has a member without a name')
      const name = this.string()
      need(first || order(last, name) < 0, 'members of its JSON are not in order')
      need(this.take(':'), 'its JSON has a member without a value')
      out[name] = this.value(depth + 1)
      last = name
      if (this.take('}')) {
        return out
      }
      need(this.take(','), 'its JSON ends within an object')
    }
  }

  private list(depth: number): Json[] {
    const out: Json[] = []
    this.at++
    if (this.take(']')) {
      return out
    }
    for (;;) {
      out.push(this.value(depth + 1))
      if (this.take(']')) {
        return out
      }
      need(this.take(','), 'its JSON ends within a list')
    }
  }

  private string(): string {
    const from = ++this.at
    let escaped = false
    for (; ; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code === 0x22) {
        break
      }
      need(code >= 0x20 && code !== 0x7f, 'its JSON has a string that does not end, or a control character in one')
      if (code === 0x5c) {
        escaped = true
        this.at++
      }
    }
    const raw = this.text.slice(from, this.at++)
    return escaped ? unescaped(raw) : raw
  }

  private word(): Json {
    if (this.take('null')) {
      return null
    }
    if (this.take('true')) {
      return true
    }
    if (this.take('false')) {
      return false
    }
    const form = /-?(?:0|[1-9][0-9]*)/y
    form.lastIndex = this.at
    const match = form.exec(this.text)
    need(match !== null && match[0] !== '-0', 'its JSON has a value that cannot be read')
    const value = Number(match[0])
    need(Number.isSafeInteger(value), 'its JSON has a number beyond 2^53')
    this.at += match[0].length
    return value
  }
}

const SHORT: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const NAMED = '\b\f\n\r\t'

function unescaped(raw: string): string {
  return raw.replace(/\\(?:u([0-9a-f]{4})|([^u])|u)/g, (_, code: string | undefined, short: string | undefined) => {
    const out = code === undefined ? SHORT[short ?? ''] : String.fromCharCode(Number.parseInt(code, 16))
    need(out !== undefined, 'its JSON has an escape that is none')
    need(
      code === undefined || ((out < ' ' || out === '\x7f') && !NAMED.includes(out)),
      'its JSON escapes what needs none',
    )
    return out
  })
}

/** The value of a file; Unreadable where it is not JSON, or not in its one form. */
export function parse(bytes: Uint8Array): Json {
  let text = ''
  try {
    text = strict.decode(bytes)
  } catch {
    need(false, 'it is not UTF-8')
  }
  return new Reader(text).whole()
}

const TAIL = /^,"sum":"([0-9a-f]{64})"\}$/

/** The members of a file with a sum, the sum left out of them. */
export function summed(bytes: Uint8Array): Members {
  const at = bytes.length - 74
  const match = at > 0 ? TAIL.exec(String.fromCharCode(...bytes.subarray(at))) : null
  need(match?.[1] !== undefined, 'it does not end in its sum')
  need(same(sha256(bytes.subarray(0, at)), unhex(match[1])), 'its sum is not that of its bytes')
  const out = parse(bytes)
  need(isObject(out), 'it is no object')
  const { sum: _, ...rest } = out
  return rest
}

export const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The members of an object that has these, and of the others some. */
export function members(value: Json | undefined, names: readonly string[], others: readonly string[] = []): Members {
  need(isObject(value), 'an object is missing')
  for (const name of names) {
    need(name in value, `"${name}" is missing`)
  }
  for (const name in value) {
    need(names.includes(name) || others.includes(name), `"${name.slice(0, 40)}" is too much`)
  }
  return value
}

export function whole(value: Json | undefined, least = 0, most: number = Number.MAX_SAFE_INTEGER): number {
  need(typeof value === 'number' && value >= least && value <= most, 'a whole number is missing, or out of bounds')
  return value
}

export function text(value: Json | undefined, most = 1 << 20): string {
  need(typeof value === 'string' && value.length <= most, 'a text is missing, or too long')
  return value
}

export const textOrNull = (value: Json | undefined): string | null => (value === null ? null : text(value))

export function flag(value: Json | undefined): boolean {
  need(typeof value === 'boolean', 'true or false is missing')
  return value
}

export function list<T>(value: Json | undefined, each: (one: Json) => T, most = 1 << 20): T[] {
  need(Array.isArray(value) && value.length <= most, 'a list is missing, or too long')
  return value.map(each)
}

export function oneOf<T extends string>(value: Json | undefined, words: readonly T[]): T {
  const found = words.find((word) => word === value)
  need(found !== undefined, `none of ${words.join(', ')}`)
  return found
}

export function hash(value: Json | undefined): string {
  need(typeof value === 'string' && /^[0-9a-f]{64}$/.test(value), 'a hash is missing')
  return value
}

/** So many bytes in hex. */
export function bytesOf(value: Json | undefined, size: number): Uint8Array {
  need(
    typeof value === 'string' && value.length === 2 * size && /^[0-9a-f]*$/.test(value),
    `${size} bytes in hex are missing`,
  )
  return unhex(value)
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/

/** Seconds since 1970. */
export function time(value: Json | undefined): number {
  const seconds = typeof value === 'string' && MOMENT.test(value) ? Date.parse(value) / 1000 : Number.NaN
  need(Number.isSafeInteger(seconds) && written(seconds) === value, 'a time is missing')
  return seconds
}

export const timeOrNull = (value: Json | undefined): number | null => (value === null ? null : time(value))

export const written = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** A whole number of 10^-decimals; the text has just so many, and no zeros in front. */
export function exact(value: Json | undefined, decimals: number, below: bigint): bigint {
  need(typeof value === 'string' && value.length <= 64, 'an amount is missing')
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/.exec(value)
  need(match !== null && (match[3] ?? '').length === decimals, `an amount with ${decimals} decimals is missing`)
  const size = BigInt(`${match[2]}${match[3] ?? ''}`)
  need(size < below && !(match[1] === '-' && size === 0n), 'an amount is out of bounds')
  return match[1] === '-' ? -size : size
}

const E18 = 10n ** 18n
export const moneyOf = (value: Json | undefined): bigint => exact(value, 18, 10n ** 20n * E18)
export const priceOf = (value: Json | undefined): bigint => {
  const out = exact(value, 12, 10n ** 18n)
  need(out >= 0n, 'a price is negative')
  return out
}
export const qtyOf = (value: Json | undefined): bigint => exact(value, 6, 10n ** 20n)
