/** What a worker swore to of one life of a sandbox in one period: 147 bytes, its runs, its disk, and a signature. */
import { hex, sha } from './bytes.ts'
import { need } from './fault.ts'

export const LARGEST = 65536
const LAST_CAUSE = 19
const UNKNOWN = 0xffffffff
const SANDBOXES = 36n ** 20n

export interface Attestation {
  readonly hash: string
  readonly worker: bigint
  readonly boot: bigint
  readonly projectNo: number
  readonly sandbox: string
  readonly epoch: number
  readonly specTable: number
  readonly spec: number
  readonly regionNo: number
  readonly start: number
  readonly seconds: number
  readonly previous: string
  /** A byte a second: 0 away, 1 running, 2 hibernated. */
  readonly states: Uint8Array
  /** Of each begun minute, in units of 16 MiB; none known: the last known one before, or 0. */
  readonly disk: readonly number[]
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** A sandbox's name: i and 20 digits of base 36. */
export function sandboxOf(bytes: Uint8Array): string {
  const number = BigInt(`0x${hex(bytes)}`)
  need(number < SANDBOXES, 'its sandbox cannot be')
  return `i${number.toString(36).padStart(20, '0')}`
}

const U63 = 1n << 63n

export function attestation(message: Uint8Array): Attestation {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const take = (size: number): number => {
    need(at + size <= message.length, 'it is too short')
    at += size
    return at - size
  }
  const u8 = () => view.getUint8(take(1))
  const u16 = () => view.getUint16(take(2), true)
  const u32 = () => view.getUint32(take(4), true)
  const u64 = () => view.getBigUint64(take(8), true)
  const bytes = (size: number) => {
    const from = take(size)
    return message.subarray(from, from + size)
  }
  need(u8() === 1 && u16() === 1, 'it is no attestation of version 1')
  const worker = u64()
  const boot = u64()
  const projectNo = u32()
  const sandbox = sandboxOf(bytes(16))
  const epoch = u32()
  const specTable = u16()
  const spec = u16()
  const regionNo = u16()
  const begins = view.getBigInt64(take(8), true)
  const seconds = u32()
  const first = u64()
  const last = u64()
  const previous = hex(bytes(32))
  const cause = u16()
  need(worker > 0n && worker < U63 && boot < U63 && last < U63 && first <= last, 'its worker or frames cannot be')
  need(epoch > 0 && epoch < 2 ** 31 && cause <= LAST_CAUSE, 'its epoch or cause cannot be')
  need(begins >= 0n && begins < 1n << 40n && seconds > 0 && seconds <= 3600, 'its period cannot be')
  const states = new Uint8Array(seconds)
  let second = 0
  let before = -1
  for (let runs = u16(); runs > 0; runs--) {
    const state = u8()
    const length = u16()
    need(state <= 2 && state !== before && length > 0 && second + length <= seconds, 'its runs cannot be')
    states.fill(state, second, second + length)
    second += length
    before = state
  }
  need(second === seconds, 'its runs are not as long as its period')
  const minutes = u16()
  need(minutes === Math.ceil(seconds / 60), 'it has more minutes or less than its period')
  const disk: number[] = []
  for (let i = 0; i < minutes; i++) {
    const units = u32()
    disk.push(units === UNKNOWN ? (disk[i - 1] ?? 0) : units)
  }
  const signed = message.subarray(0, at)
  const signature = bytes(64)
  need(at === message.length, 'something stands behind it')
  return {
    hash: sha(message),
    worker,
    boot,
    projectNo,
    sandbox,
    epoch,
    specTable,
    spec,
    regionNo,
    start: Number(begins),
    seconds,
    previous,
    states,
    disk,
    signed,
    signature,
  }
}

const VCPUS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 8, 8]
const MEMORY = [
  256, 512, 1024, 2048, 4096, 512, 1024, 2048, 4096, 8192, 1024, 2048, 4096, 8192, 16384, 2048, 4096, 8192, 16384,
]

/** What a size is, or null: it is none of the table. */
export function sizeOf(table: number, spec: number): { readonly vcpus: number; readonly memMib: number } | null {
  const vcpus = VCPUS[spec - 1]
  const memMib = MEMORY[spec - 1]
  return table === 1 && vcpus !== undefined && memMib !== undefined ? { vcpus, memMib } : null
}
