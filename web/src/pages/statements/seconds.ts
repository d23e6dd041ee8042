// What a worker swore to, second by second, as the bar takes it.
import type { Life } from '../../bar/track'
import type { Attestation } from '../../verify/attestation'

const STATES = ['off', 'run', 'hib'] as const

/** states: a byte a second, 0 away, 1 running, 2 hibernated; another cannot be in an attestation that was read. */
export function runsOf(states: Uint8Array): Life['runs'] {
  const out: [(typeof STATES)[number], number][] = []
  for (const byte of states) {
    const state = STATES[byte] ?? 'off'
    const last = out.at(-1)
    if (last?.[0] === state) last[1]++
    else out.push([state, 1])
  }
  return out
}

export function lifeOf(oath: Attestation, attested: boolean): Life {
  return {
    start: oath.start,
    runs: runsOf(oath.states),
    disk: oath.disk,
    ...(attested ? {} : { unattested: [{ from: oath.start, to: oath.start + oath.seconds }] }),
    ended: null,
  }
}

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
}
