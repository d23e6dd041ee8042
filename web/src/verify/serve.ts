/**
 * The verifier for a program on the other end of a pipe: a length (u32, little-endian) and so many bytes of a bundle in,
 * a verdict as one line of JSON out, in two passes as the page does. tests/verify holds it against two others with it.
 */
import { stdin, stdout } from 'node:process'
import { corrected } from './corrected.ts'
import { Verifier } from './verify.ts'
import type { Source } from './zstd.ts'

const PART = 16384

function inParts(bytes: Uint8Array): Source {
  let at = 0
  return () => {
    const part = bytes.subarray(at, at + PART)
    at += part.length
    return Promise.resolve(part.length === 0 ? null : part)
  }
}

let held = Buffer.alloc(0)
for await (const chunk of stdin) {
  held = Buffer.concat([held, chunk as Buffer])
  while (held.length >= 4 && held.length >= 4 + held.readUInt32LE(0)) {
    const size = held.readUInt32LE(0)
    const bundle = new Uint8Array(held.subarray(4, 4 + size))
    const kept = await corrected(inParts(bundle))
    const verdict = await new Verifier(inParts(bundle), { kept }).verdict()
    held = held.subarray(4 + size)
    stdout.write(`${JSON.stringify(verdict)}\n`)
  }
}
