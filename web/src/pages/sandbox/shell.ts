// One shell in the sandbox and its connection: it is found again after a reload, a broken connection and a nap. Without a screen, so
// that the page is the only one who knows what one looks like.
import type { Inside } from '../../live/inside'

type Size = { cols: number; rows: number }
export type ShellState = 'connecting' | 'connected' | 'lost' | 'over'
type Hears = {
  /** resolves when it is on the screen: the connection reads no faster than that */
  output(bytes: Uint8Array): Promise<void>
  state(now: ShellState, code: number | null): void
}

const WAITS_MS = [500, 1000, 2000, 4000, 8000]
/** so many bytes go in one call */
const PIECE = 32 * 1024
export const MOST_PASTED = 1 << 20

/** The pid of the shell of a tab: not a secret, and nothing where it cannot be kept. */
const kept = {
  name: (id: string) => `dormouse-shell:${id}`,
  get(id: string): number | null {
    try {
      const text = sessionStorage.getItem(kept.name(id))
      return text !== null && /^\d{1,10}$/.test(text) ? Number.parseInt(text, 10) : null
    } catch {
      return null
    }
  },
  set(id: string, pid: number | null): void {
    try {
      if (pid === null) sessionStorage.removeItem(kept.name(id))
      else sessionStorage.setItem(kept.name(id), String(pid))
    } catch {
      // the next reload gets another shell
    }
  },
}

export class Shell {
  private pid: number | null
  private closed = false
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private leave: (() => void) | null = null
  private waiting: Uint8Array[] = []
  private sending = false
  private runs = false

  constructor(
    private readonly inside: Inside,
    private readonly id: string,
    private size: Size,
    private readonly hears: Hears,
  ) {
    this.pid = kept.get(id)
  }

  /** Called when it runs, and again when it runs once more. */
  start(): void {
    if (this.closed || this.runs) return
    this.runs = true
    clearTimeout(this.timer)
    void this.run()
  }

  /** It sleeps: no connection is tried for until it is started again. */
  rest(): void {
    clearTimeout(this.timer)
    this.inside.forget()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    this.leave?.()
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE) this.waiting.push(bytes.subarray(at, at + PIECE))
    if (!this.sending) void this.drain()
  }

  resize(size: Size): void {
    this.size = size
    const { pid } = this
    if (pid !== null && this.runs)
      void this.inside
        .get()
        .then((box) => box.pty.resize(pid, size))
        .catch(() => undefined)
  }

  private async run(): Promise<void> {
    this.hears.state('connecting', null)
    let code: number | null = null
    let over = false
    try {
      const handle = await this.open()
      this.pid = handle.pid
      kept.set(this.id, handle.pid)
      this.failures = 0
      this.leave = () => void handle.disconnect().catch(() => undefined)
      if (this.closed) return this.leave()
      this.hears.state('connected', null)
      this.resize(this.size)
      if (!this.sending) void this.drain()
      const done = await handle.wait().catch((e: unknown) => e as { exitCode?: number })
      // an end has a code; without one the connection broke, and the shell is where it was
      if (typeof done.exitCode === 'number') {
        over = true
        code = done.exitCode
      }
    } catch (e) {
      // its shell is gone: the next attempt gets another
      if (this.pid !== null && e instanceof Error && /not.?found/i.test(`${e.name} ${e.message}`)) this.lose()
    }
    this.runs = false
    this.leave = null
    if (this.closed) return
    if (over) {
      this.lose()
      this.hears.state('over', code)
      return
    }
    this.hears.state('lost', null)
    this.timer = setTimeout(() => this.start(), WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)])
  }

  private lose(): void {
    this.pid = null
    kept.set(this.id, null)
  }

  private async open() {
    const box = await this.inside.get()
    const onData = (bytes: Uint8Array) => this.hears.output(bytes)
    if (this.pid !== null) return box.pty.connect(this.pid, { onData, timeoutMs: 0 })
    return box.pty.create({ ...this.size, onData, timeoutMs: 0 })
  }

  /** In the order in which it was typed; what is typed meanwhile goes together. */
  private async drain(): Promise<void> {
    this.sending = true
    try {
      while (this.waiting.length > 0 && this.pid !== null && this.runs) {
        const bytes = joined(this.waiting)
        const box = await this.inside.get()
        await box.pty.sendInput(this.pid, bytes)
        this.waiting = this.waiting.slice(this.taken(bytes.length))
      }
    } catch {
      // it waits for the connection to come again
    }
    this.sending = false
  }

  private taken(bytes: number): number {
    let n = 0
    let sum = 0
    for (const one of this.waiting) {
      if (sum + one.length > bytes) break
      sum += one.length
      n++
    }
    return n
  }
}

/** The first of them, together no more than a piece. */
export function joined(all: readonly Uint8Array[]): Uint8Array {
  let size = 0
  let n = 0
  for (const one of all) {
    if (n > 0 && size + one.length > PIECE) break
    size += one.length
    n++
  }
  const out = new Uint8Array(size)
  let at = 0
  for (const one of all.slice(0, n)) {
    out.set(one, at)
    at += one.length
  }
  return out
}
