/** Ed25519, by the browser's own code where it has it, else by @noble/ed25519, which is a tenth as fast. */
import { hashes, verify as slow } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { unhex } from './bytes.ts'
import type { Key } from './shapes.ts'

hashes.sha512 = sha512

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
const MOST = 4096

export class Keys {
  /** By who has them: 0 the service, else a worker's number. */
  private readonly all = new Map<string, readonly Key[]>()
  private readonly imported = new Map<string, Promise<CryptoKey | null>>()
  private readonly subtle: SubtleCrypto | undefined

  constructor(subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle) {
    this.subtle = subtle
  }

  has(of: bigint): boolean {
    return this.all.has(of.toString())
  }

  put(of: bigint, keys: readonly Key[]): void {
    this.all.set(of.toString(), keys)
  }

  of(who: bigint): readonly Key[] {
    return this.all.get(who.toString()) ?? []
  }

  async made(key: string, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    if (this.subtle !== undefined) {
      const imported = await this.take(key, this.subtle)
      if (imported !== null) {
        return this.subtle.verify('Ed25519', imported, own(signature), own(message))
      }
    }
    try {
      return slow(signature, message, unhex(key), { zip215: false })
    } catch {
      return false
    }
  }

  /** Some key of those that were valid made it. */
  async some(keys: readonly Key[], signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    for (const { key } of keys) {
      if (await this.made(key, signature, message)) {
        return true
      }
    }
    return false
  }

  private take(key: string, subtle: SubtleCrypto): Promise<CryptoKey | null> {
    let out = this.imported.get(key)
    if (out === undefined) {
      if (this.imported.size >= MOST) {
        this.imported.clear()
      }
      out = subtle.importKey('raw', own(unhex(key)), 'Ed25519', false, ['verify']).catch(() => null)
      this.imported.set(key, out)
    }
    return out
  }
}

/** Keys that were valid in that second. */
export const validAt = (keys: readonly Key[], at: number): Key[] =>
  keys.filter((k) => k.from <= at && (k.to === null || at < k.to))

/** Keys that were valid in some second of a period. */
export const validWithin = (keys: readonly Key[], start: number, end: number): Key[] =>
  keys.filter((k) => k.from < end && (k.to === null || k.to > start))
