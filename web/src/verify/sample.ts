/**
 * Bundles for tests: one statement of one hour, in which each sandbox ran all of it, made and signed here as
 * sdk/FORMAT.md says. It shares with the verifier what packs (a tar's head, a tree) and nothing that judges.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { rootOf } from './bytes.ts'
import { headOf } from './tar.ts'

type Value = null | boolean | number | string | Value[] | { [name: string]: Value }
export type File = [string, Uint8Array]

const START = Date.UTC(2026, 2, 1, 10) / 1000
const HOUR = 3600
const ROWS = 500
const NONE = '0'.repeat(64)

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const sha = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex')
const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

function text(value: Value): string {
  if (Array.isArray(value)) {
    return `[${value.map(text).join(',')}]`
  }
  if (value !== null && typeof value === 'object') {
    const names = Object.keys(value).sort()
    return `{${names.map((name) => `${JSON.stringify(name)}:${text(value[name] ?? null)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

const canonical = (value: Value): Uint8Array => bytes(text(value))

function summed(value: Value): Uint8Array {
  const body = text(value).slice(0, -1)
  return bytes(`${body},"sum":"${sha(bytes(body))}"}`)
}

const decimals = (value: bigint, places: number): string => {
  const digits = value.toString().padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

interface Signer {
  readonly key: KeyObject
  readonly hex: string
}

function signer(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { key: privateKey, hex: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex') }
}

/** All of the hour running, half a GiB of disk. */
function oath(no: number, worker: Signer): Uint8Array {
  const out = Buffer.alloc(111 + 2 + 3 + 2 + 240 + 64)
  let at = out.writeUInt8(1, 0)
  at = out.writeUInt16LE(1, at)
  at = out.writeBigUInt64LE(1n, at)
  at = out.writeBigUInt64LE(7n, at)
  at = out.writeUInt32LE(1, at)
  out.writeBigUInt64BE(BigInt(no), at + 8)
  at = out.writeUInt32LE(1, at + 16)
  at = out.writeUInt16LE(1, at)
  at = out.writeUInt16LE(3, at)
  at = out.writeUInt16LE(1, at)
  at = out.writeBigInt64LE(BigInt(START), at)
  at = out.writeUInt32LE(HOUR, at)
  at = out.writeBigUInt64LE(1n, at)
  at = out.writeBigUInt64LE(3600n, at)
  at = out.writeUInt16LE(0, at + 32)
  at = out.writeUInt16LE(1, at)
  at = out.writeUInt8(1, at)
  at = out.writeUInt16LE(HOUR, at)
  at = out.writeUInt16LE(60, at)
  for (let i = 0; i < 60; i++) {
    at = out.writeUInt32LE(32, at)
  }
  const signature = sign(null, out.subarray(0, at), worker.key)
  return new Uint8Array(Buffer.concat([out.subarray(0, at), signature]))
}

const PRICES = { 'mem-run': 10830000n, 'vcpu-run': 21700000n } as const
const sold = { project: '00000000-0000-4000-8000-000000000001', project_no: 1, region: 'local', spec: 3, spec_table: 1 }

const nameOf = (no: number): string => `i${no.toString(36).padStart(20, '0')}`

function lines(no: number): Value[] {
  return (['mem-run', 'vcpu-run'] as const).map((sku) => ({
    ...sold,
    amount: decimals(PRICES[sku] * 3600n * 1_000_000n, 18),
    book: 1,
    epoch: 1,
    from: time(START),
    kind: 'usage',
    per_unit: decimals(PRICES[sku], 12),
    qty: '3600.000000',
    sandbox: nameOf(no),
    seconds: HOUR,
    sku,
    tier: 0,
    to: time(START + HOUR),
  }))
}

/** What is written of the last sandbox: whose memory it began with; and what the versions of its page and of the head are. */
export interface Fork {
  readonly parent: number
  readonly page: number
  readonly head: number
}

/** The files of a bundle with so many sandboxes, 1 vCPU and 1 GiB each; of the last one what fork says. */
export function sample(sandboxes: number, fork?: Fork): File[] {
  const account = '00000000-0000-4000-8000-0000000000a1'
  const service = signer()
  const worker = signer()
  const prices = [
    ['disk-hib', 300000n],
    ['disk-run-over-30', 300000n],
    ['mem-run', PRICES['mem-run']],
    ['vcpu-run', PRICES['vcpu-run']],
  ] as const
  const book = canonical({
    currency: 'CNY',
    group: 'mainland',
    prices: prices.map(([sku, per]) => ({ per_unit: decimals(per, 12), sku, unit: 'GiB-Seconds' })),
    rated_by: 'resources',
    tier: 'payg',
    valid_from: '2026-01-01T00:00:00Z',
  })
  const pages: File[] = []
  const hashes: string[] = []
  const sworn: string[] = []
  for (let first = 1, p = 1; first <= sandboxes; first += ROWS, p++) {
    const on = Array.from({ length: Math.min(ROWS, sandboxes - first + 1) }, (_, i) => first + i)
    const messages = on.map((no) => oath(no, worker))
    sworn.push(...messages.map(sha))
    const page = canonical({
      account,
      lines: on.flatMap(lines),
      number: 1,
      page: p,
      sandboxes: on.map((no, i) => ({
        ...sold,
        attestation: sha(messages[i] ?? new Uint8Array(0)),
        attested: true,
        basis: 'attestation',
        epoch: 1,
        hibernated_s: 0,
        mem_mib: 1024,
        running_s: HOUR,
        sandbox: nameOf(no),
        vcpus: 1,
        ...(fork && no === sandboxes ? { parent: nameOf(fork.parent) } : {}),
      })),
      version: fork && on.includes(sandboxes) ? fork.page : 2,
    })
    const lengths = messages.map((m) => new Uint8Array([m.length & 255, m.length >> 8, 0, 0]))
    hashes.push(sha(page))
    pages.push([`statements/1/pages/${p}.json`, page])
    pages.push([`attestations/1/${p}.bin`, Buffer.concat(messages.flatMap((m, i) => [lengths[i] ?? m, m]))])
  }
  const used = sandboxes > 0 ? [{ id: 1, sha256: sha(book) }] : []
  const head = canonical({
    account,
    attestations: { count: sandboxes, root: rootOf(sworn), unattested: 0 },
    books: used,
    currency: 'CNY',
    hibernated_s: 0,
    lines: [],
    number: 1,
    pages: { count: hashes.length, lines: 2 * sandboxes, root: rootOf(hashes) },
    period: { end: time(START + HOUR), start: time(START) },
    plans: [{ from: time(START), included_s: 0, tier: 'payg', to: time(START + HOUR) }],
    pool: null,
    previous: NONE,
    running_s: HOUR * sandboxes,
    total: decimals((PRICES['mem-run'] + PRICES['vcpu-run']) * 3600n * 1_000_000n * BigInt(sandboxes), 18),
    version: fork ? fork.head : 2,
  })
  const keysOf = (of: number, { hex }: Signer): Uint8Array =>
    summed({ keys: [{ key: hex, valid_from: '2026-01-01T00:00:00Z', valid_to: null }], of })
  return [
    [
      'manifest.json',
      summed({
        account,
        books: [{ id: 1, sha256: sha(book), valid_to: null }],
        first: 1,
        format: 1,
        last: 1,
        regions: [{ group: 'mainland', name: 'local', no: 1 }],
      }),
    ],
    ['keys/0.json', keysOf(0, service)],
    ['books/1.json', book],
    ['statements/1.json', head],
    [
      'statements/1.sig',
      summed({
        closed_at: time(START + HOUR + 20),
        head: sha(head),
        key: service.hex,
        number: 1,
        pages: hashes,
        signature: sign(null, head, service.key).toString('hex'),
      }),
    ],
    ['keys/1.json', keysOf(1, worker)],
    ...pages,
  ]
}

export function tar(files: readonly File[]): Uint8Array {
  const parts = files.flatMap(([name, body]) => [
    headOf(bytes(name), body.length),
    body,
    new Uint8Array(-body.length & 511),
  ])
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(1024)]))
}

export const packed = (files: readonly File[]): Uint8Array => new Uint8Array(zstdCompressSync(tar(files)))
