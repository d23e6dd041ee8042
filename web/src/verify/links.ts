/** Whether each attestation of a sandbox names the one before it. */
import type { Attestation } from './attestation.ts'
import { ZEROS } from './bytes.ts'
import type { Place } from './fault.ts'

const KEPT = 48

interface Last {
  readonly hash: string
  readonly previous: string
  readonly worker: bigint
  readonly boot: bigint
  readonly number: number
}

export class Links {
  private readonly last = new Map<string, Last>()
  private swept = 0
  /** It names the one before; it is the first; it names one before the bundle; it names another. */
  readonly seen = { followed: 0, began: 0, before: 0, broken: 0 }
  firstBroken: (Place & { readonly statement: number; readonly page: number }) | null = null

  /** Null, or why its worker must have gone back behind its own word. */
  next(oath: Attestation, number: number, where: Place, page: number): string | null {
    this.sweep(number)
    const last = this.last.get(oath.sandbox)
    this.last.set(oath.sandbox, {
      hash: oath.hash,
      previous: oath.previous,
      worker: oath.worker,
      boot: oath.boot,
      number,
    })
    if (last === undefined) {
      this.seen[oath.previous === ZEROS ? 'began' : 'before']++
      return null
    }
    if (oath.previous === last.hash) {
      this.seen.followed++
      return null
    }
    if (
      oath.boot !== 0n &&
      oath.boot === last.boot &&
      oath.worker === last.worker &&
      (oath.previous === last.previous || oath.previous === ZEROS)
    ) {
      return 'its worker went back behind what it had signed'
    }
    this.seen.broken++
    this.firstBroken ??= { ...where, statement: number, page }
    return null
  }

  private sweep(number: number): void {
    if (number === this.swept) {
      return
    }
    this.swept = number
    for (const [sandbox, last] of this.last) {
      if (number - last.number > KEPT) {
        this.last.delete(sandbox)
      }
    }
  }
}
