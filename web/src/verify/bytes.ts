/** Bytes, hashes and the tree of RFC 6962. */
import { sha256 } from '@noble/hashes/sha2.js'

export { sha256 }

const DIGITS = '0123456789abcdef'
const CODES = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0))

/** In one piece: text that was put together of pieces keeps them, and hashes are kept by the thousand. */
export function hex(bytes: Uint8Array): string {
  const out = new Uint8Array(2 * bytes.length)
  bytes.forEach((byte, i) => {
    out[2 * i] = CODES[byte >> 4] ?? 0
    out[2 * i + 1] = CODES[byte & 15] ?? 0
  })
  return String.fromCharCode(...out)
}

/** Of text that is hex in lower case, two digits a byte. */
export function unhex(text: string): Uint8Array {
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) {
    out[i] = (DIGITS.indexOf(text[2 * i] ?? '') << 4) | DIGITS.indexOf(text[2 * i + 1] ?? '')
  }
  return out
}

export const sha = (bytes: Uint8Array): string => hex(sha256(bytes))
export const ZEROS = '0'.repeat(64)

export function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) {
    return false
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return false
    }
  }
  return true
}

/** Below 0, 0 or above 0: by bytes, as names of files and of members are ordered. ASCII alone. */
export const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The root over hashes that come one after the other; it keeps one hash a level. */
export class Tree {
  private levels: (Uint8Array | undefined)[] = []
  count = 0

  add(hash: Uint8Array): void {
    let node = Tree.of(0, hash)
    let level = 0
    for (let left = this.levels[0]; left !== undefined; left = this.levels[level]) {
      node = Tree.of(1, left, node)
      this.levels[level] = undefined
      level++
    }
    this.levels[level] = node
    this.count++
  }

  root(): string {
    let node: Uint8Array | undefined
    for (const left of this.levels) {
      if (left !== undefined) {
        node = node === undefined ? left : Tree.of(1, left, node)
      }
    }
    return hex(node ?? sha256(new Uint8Array(0)))
  }

  private static of(kind: number, ...parts: Uint8Array[]): Uint8Array {
    const all = new Uint8Array(1 + parts.length * 32)
    all[0] = kind
    parts.forEach((part, i) => {
      all.set(part, 1 + i * 32)
    })
    return sha256(all)
  }
}

export function rootOf(hashes: readonly string[]): string {
  const tree = new Tree()
  for (const hash of hashes) {
    tree.add(unhex(hash))
  }
  return tree.root()
}
