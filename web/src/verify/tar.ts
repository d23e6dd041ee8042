/** The files of an archive, one after the other, each whole and at most 16 MiB. */
import { need } from './fault.ts'

const LARGEST = 16 << 20
const HEAD = 512
const NAME = 100

export interface Entry {
  readonly name: string
  readonly body: Uint8Array
}

/** Some bytes of a file that is unpacked, or null behind its last. */
export type Bytes = () => Promise<Uint8Array | null>

/** The only head that a file of that name and size may have. */
export function headOf(name: Uint8Array, size: number): Uint8Array {
  const head = new Uint8Array(HEAD)
  const put = (at: number, text: string) => {
    for (let i = 0; i < text.length; i++) {
      head[at + i] = text.charCodeAt(i)
    }
  }
  head.set(name)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(148, '        ')
  put(156, '0')
  put(257, 'ustar\0')
  put(263, '00')
  const sum = head.reduce((all, byte) => all + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return head
}

export class Tar {
  private readonly bytes: Bytes
  private held: Uint8Array = new Uint8Array(0)
  private over = false

  constructor(bytes: Bytes) {
    this.bytes = bytes
  }

  /** The next file, or null behind the last one. */
  async next(): Promise<Entry | null> {
    if (this.over) {
      return null
    }
    const head = await this.take(HEAD)
    if (head.every((byte) => byte === 0)) {
      need(
        (await this.take(HEAD)).every((byte) => byte === 0),
        'it does not end as it must',
      )
      need(!(await this.more()), 'something stands behind its end')
      this.over = true
      return null
    }
    const end = head.subarray(0, NAME).indexOf(0)
    need(end > 0, 'a file of it has no name, or a long one')
    const digits = String.fromCharCode(...head.subarray(124, 135))
    need(/^[0-7]{11}$/.test(digits), 'a file of it has a size that cannot be')
    const size = Number.parseInt(digits, 8)
    need(size <= LARGEST, 'a file of it is larger than 16 MiB')
    const name = head.slice(0, end)
    const whole = headOf(name, size)
    need(
      head.every((byte, i) => byte === whole[i]),
      'a head of it is not as it must be',
    )
    const body = await this.take(size)
    need(
      (await this.take(-size & (HEAD - 1))).every((byte) => byte === 0),
      'a file of it is not followed by zeros',
    )
    return { name: String.fromCharCode(...name), body }
  }

  private async more(): Promise<boolean> {
    while (this.held.length === 0) {
      const next = await this.bytes()
      if (next === null) {
        return false
      }
      this.held = next
    }
    return true
  }

  private async take(size: number): Promise<Uint8Array> {
    const out = new Uint8Array(size)
    for (let at = 0; at < size; ) {
      need(await this.more(), 'it ends too soon')
      const part = this.held.subarray(0, size - at)
      out.set(part, at)
      this.held = this.held.subarray(part.length)
      at += part.length
    }
    return out
  }
}
