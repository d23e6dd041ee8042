/** The files of a bundle in the order in which they must come; what comes instead is a Fault that names the right one. */
import { Fault, Newer, Unreadable } from './fault.ts'
import type { Entry, Tar } from './tar.ts'

const NUMBER = '([1-9][0-9]{0,14})'
const NAMES: [RegExp, (a: number, b: number) => number[]][] = [
  [/^manifest\.json$/, () => [0]],
  [/^keys\/0\.json$/, () => [1]],
  [new RegExp(`^books/${NUMBER}\\.json$`), (id) => [2, id]],
  [new RegExp(`^statements/${NUMBER}\\.json$`), (n) => [3, n, 0]],
  [new RegExp(`^statements/${NUMBER}\\.sig$`), (n) => [3, n, 1]],
  [new RegExp(`^statements/${NUMBER}/pages/${NUMBER}\\.json$`), (n, p) => [3, n, 2, p, 0]],
  [new RegExp(`^attestations/${NUMBER}/${NUMBER}\\.bin$`), (n, p) => [3, n, 2, p, 1]],
  [new RegExp(`^invoices/${NUMBER}\\.json$`), (k) => [4, k, 0]],
  [new RegExp(`^invoices/${NUMBER}\\.sig$`), (k) => [4, k, 1]],
]
const KEYS = new RegExp(`^keys/${NUMBER}\\.json$`)
const AT_END = [9]

/** Where a file stands among all; null: a worker's keys, which have no place of their own. */
function placeOf(name: string): number[] | null {
  for (const [form, place] of NAMES) {
    const match = form.exec(name)
    if (match !== null) {
      return place(Number(match[1]), Number(match[2]))
    }
  }
  if (KEYS.test(name)) {
    return null
  }
  throw new Newer(`a file ${JSON.stringify(name.slice(0, 60))}`)
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const less = (a[i] ?? 0) - (b[i] ?? 0)
    if (less !== 0) {
      return less
    }
  }
  return a.length - b.length
}

/** Of which worker keys are, by their file's name; null: it is another file. */
export const workerOf = (name: string): number | null => {
  const match = KEYS.exec(name)
  return match === null ? null : Number(match[1])
}

export class Archive {
  private readonly tar: Tar
  private ahead: Entry | null | undefined
  private last = ''
  /** Files that were taken. */
  files = 0

  constructor(tar: Tar) {
    this.tar = tar
  }

  private async peek(): Promise<Entry | null> {
    if (this.ahead === undefined) {
      try {
        this.ahead = await this.tar.next()
      } catch (e) {
        if (e instanceof Unreadable) {
          throw new Fault('damaged', this.last, `what follows it cannot be read: ${e.message}`)
        }
        throw e
      }
    }
    return this.ahead
  }

  private take(): void {
    this.last = this.ahead?.name ?? this.last
    this.ahead = undefined
    this.files++
  }

  /** A worker's keys, if such are next. */
  async keys(): Promise<Entry | null> {
    const next = await this.peek()
    if (next === null || workerOf(next.name) === null) {
      return null
    }
    this.take()
    return next
  }

  /** The bytes of the file that must be next. */
  async file(name: string): Promise<Uint8Array> {
    const next = await this.peek()
    if (next?.name !== name) {
      return this.another(next, name)
    }
    this.take()
    return next.body
  }

  /** No file is left. */
  async end(): Promise<void> {
    const next = await this.peek()
    if (next !== null) {
      await this.another(next, null)
    }
  }

  private async another(next: Entry | null, wanted: string | null): Promise<never> {
    const want = wanted === null ? AT_END : (placeOf(wanted) ?? AT_END)
    const dropped = (): Fault => new Fault('dropped', wanted ?? this.last, 'it is missing')
    if (next === null) {
      throw dropped()
    }
    const place = placeOf(next.name)
    if (place === null) {
      let behind: Entry | null = next
      while (behind !== null && workerOf(behind.name) !== null) {
        this.take()
        behind = await this.peek()
      }
      if ((behind?.name ?? null) === wanted) {
        throw new Fault('reordered', next.name, 'keys stand where none may')
      }
      throw dropped()
    }
    if (compare(place, want) > 0) {
      throw dropped()
    }
    if (next.name === this.last) {
      throw new Fault('doubled', next.name, 'it comes a second time')
    }
    throw new Fault('reordered', next.name, `it comes where ${wanted ?? 'nothing'} should`)
  }
}
