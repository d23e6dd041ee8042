/** The page's end of the Worker: one check at a time, with progress, and an end to it whenever one likes. */
import type { Verdict } from './verify.ts'

export interface Asked {
  readonly file: Blob
  readonly pins: readonly string[]
}

/** How far it is: bytes of twice the file, since it is read twice. */
export interface Far {
  readonly bytes: number
  readonly of: number
  readonly statement: number
  readonly last: number
  readonly rows: number
}

export type Answer = { readonly progress: Far } | { readonly verdict: Verdict } | { readonly failed: string }

export class Cancelled extends Error {}

export interface Check {
  /** Rejects with Cancelled after `cancel`, with another Error where the file could not be read at all. */
  readonly done: Promise<Verdict>
  readonly cancel: () => void
}

/** Has a file checked by a Worker that was just made for it; the Worker ends with the check. */
export function check(worker: Worker, asked: Asked, progress: (far: Far) => void): Check {
  let stop: (why: Error) => void = () => undefined
  const done = new Promise<Verdict>((resolve, reject) => {
    stop = reject
    worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      if ('progress' in data) {
        progress(data.progress)
      } else if ('verdict' in data) {
        resolve(data.verdict)
      } else {
        reject(new Error(data.failed))
      }
    })
    worker.addEventListener('error', (e) => {
      reject(new Error(e.message))
    })
  }).finally(() => {
    worker.terminate()
  })
  worker.postMessage(asked)
  return {
    done,
    cancel: () => {
      worker.terminate()
      stop(new Cancelled('cancelled'))
    },
  }
}

/** Keys as one pastes them: hex, with whatever between them. Null: something there is none. */
export function pinsOf(text: string): string[] | null {
  const words = text
    .toLowerCase()
    .split(/[^0-9a-z]+/)
    .filter((word) => word !== '')
  return words.every((word) => /^[0-9a-f]{64}$/.test(word)) ? words : null
}
