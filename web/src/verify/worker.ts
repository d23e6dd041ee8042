/// <reference lib="webworker" />
/** The verifier in a Worker of its own: a file in, progress and one verdict out. It ends by being terminated. */
import type { Answer, Asked } from './check.ts'
import { corrected } from './corrected.ts'
import { Verifier } from './verify.ts'
import type { Source } from './zstd.ts'

const PART = 1 << 18
/** Milliseconds between two words of progress: a page that is told more often has less time to be a page. */
const EVERY = 100

const self = globalThis as unknown as DedicatedWorkerGlobalScope
const say = (answer: Answer): void => {
  self.postMessage(answer)
}

function read(file: Blob): Source {
  let at = 0
  return async () => {
    if (at >= file.size) {
      return null
    }
    const part = new Uint8Array(await file.slice(at, at + PART).arrayBuffer())
    at += part.length
    return part
  }
}

async function check({ file, pins }: Asked): Promise<void> {
  let said = 0
  const progress = (bytes: number, statement: number, last: number, rows: number): void => {
    const now = performance.now()
    if (now - said >= EVERY) {
      said = now
      say({ progress: { bytes, of: 2 * file.size, statement, last, rows } })
    }
  }
  const kept = await corrected(read(file), (bytes) => {
    progress(bytes, 0, 0, 0)
  })
  const verifier = new Verifier(read(file), {
    kept,
    pins,
    progress: (p) => {
      progress(file.size + p.bytes, p.statement, p.last, p.rows)
    },
  })
  say({ verdict: await verifier.verdict() })
}

self.addEventListener('message', ({ data }: MessageEvent<Asked>) => {
  check(data).catch((e: unknown) => {
    say({ failed: e instanceof Error ? e.message : String(e) })
  })
})
