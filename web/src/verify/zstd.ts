/**
 * One frame of zstd, a block at a time. fzstd decodes the blocks; what is a frame, how large its window may be and
 * where it ends is judged here, so that no file of a few bytes makes us hold more than one block (128 KiB) of what it
 * unpacks to, beside the window.
 */
import { Decompress } from 'fzstd'
import { need } from './fault.ts'

const MAGIC = 0xfd2fb528
const WINDOW = 8 << 20
const BLOCK = 128 << 10

/** Bytes as they come from a file, some at a time; null at the end. */
export type Source = () => Promise<Uint8Array | null>

export class Unzstd {
  private readonly source: Source
  private held: Uint8Array = new Uint8Array(0)
  private readonly decoder: Decompress
  private out: Uint8Array[] = []
  private begun = false
  private checksum = false
  private ended = false
  /** Bytes taken from the source. */
  taken = 0

  constructor(source: Source) {
    this.source = source
    this.decoder = new Decompress((chunk) => {
      if (chunk.length > 0) {
        this.out.push(chunk)
      }
    })
  }

  /** What comes next, at most a block; null when the frame is over and nothing stands behind it. */
  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const ready = this.out.shift()
      if (ready !== undefined) {
        return ready
      }
      if (this.ended) {
        return null
      }
      await (this.begun ? this.block() : this.head())
    }
  }

  private async fill(least: number): Promise<boolean> {
    while (this.held.length < least) {
      const more = await this.source()
      if (more === null) {
        return false
      }
      this.taken += more.length
      if (this.held.length === 0) {
        this.held = more
      } else {
        const all = new Uint8Array(this.held.length + more.length)
        all.set(this.held)
        all.set(more, this.held.length)
        this.held = all
      }
    }
    return true
  }

  private push(n: number, last: boolean): void {
    const part = this.held.slice(0, n)
    this.held = this.held.subarray(n)
    try {
      this.decoder.push(part, last)
    } catch {
      need(false, 'it cannot be unpacked')
    }
  }

  private at(i: number): number {
    return this.held[i] ?? 0
  }

  private async head(): Promise<void> {
    need(await this.fill(6), 'it is shorter than a frame of zstd')
    need((this.at(0) | (this.at(1) << 8) | (this.at(2) << 16) | (this.at(3) << 24)) >>> 0 === MAGIC, 'it is not zstd')
    const flags = this.at(4)
    const single = (flags & 32) !== 0
    need((flags & 8) === 0 && (flags & 3) === 0, 'it needs a dictionary, or is of another zstd')
    this.checksum = (flags & 4) !== 0
    const sized = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0
    const size = 5 + (single ? 0 : 1) + sized
    need(await this.fill(size), 'it ends within its head')
    if (single) {
      let bytes = 0n
      for (let i = sized - 1; i >= 0; i--) {
        bytes = (bytes << 8n) | BigInt(this.at(5 + i))
      }
      need(bytes + (sized === 2 ? 256n : 0n) <= BigInt(WINDOW), 'its window is larger than 8 MiB')
    } else {
      const base = 2 ** (10 + (this.at(5) >> 3))
      need(base + (base / 8) * (this.at(5) & 7) <= WINDOW, 'its window is larger than 8 MiB')
    }
    this.push(size, false)
    this.begun = true
  }

  private async block(): Promise<void> {
    need(await this.fill(3), 'it ends too soon')
    const head = this.at(0) | (this.at(1) << 8) | (this.at(2) << 16)
    const last = (head & 1) === 1
    const kind = (head >> 1) & 3
    need(kind !== 3 && head >> 3 <= BLOCK, 'it has a block that cannot be')
    const behind = last && this.checksum ? 4 : 0
    const size = 3 + (kind === 1 ? 1 : head >> 3) + behind
    need(await this.fill(size), 'it ends too soon')
    this.push(size, last)
    if (last) {
      this.ended = true
      need(!(await this.fill(1)), 'something stands behind its frame')
    }
  }
}
