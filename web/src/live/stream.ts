// One stream of a project for the visible tab. It comes again by itself, with the id of the last event it had; a tab that has
// been hidden for ten seconds holds none.
import { ask, session } from './api'
import { asFail, type Fail, failOf } from './fail'
import { Reader } from './sse'

export type Status = 'connecting' | 'live' | 'away'
type Hears = {
  event(name: string, data: unknown): void
  /** at: of the last thing heard, in the browser's milliseconds */
  status(now: Status, why: Fail | null): void
}

const HIDDEN_MS = 10_000
/** twice the server's beat, and a little */
const SILENT_MS = 35_000
const WAITS_MS = [500, 1000, 2000, 4000, 8000]

export function openStream(slug: string, hears: Hears): () => void {
  let last: string | null = null
  let stop: AbortController | null = null
  let closed = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let hide: ReturnType<typeof setTimeout> | undefined

  async function read(signal: AbortSignal, alive: () => void): Promise<void> {
    const url = new URL(`/v1/projects/${encodeURIComponent(slug)}/live`, location.origin)
    if (last !== null) url.searchParams.set('since', last)
    const answer = await ask(new Request(url, { signal, headers: { Accept: 'text/event-stream' } }))
    if (!answer.ok || answer.body === null) {
      throw failOf(answer.status, await answer.json().catch(() => null), answer.headers.get('X-Request-Id'))
    }
    const reader = new Reader()
    const decoder = new TextDecoder()
    for (const body = answer.body.getReader(); ; ) {
      const { done, value } = await body.read()
      if (done) return
      alive()
      for (const message of reader.feed(decoder.decode(value, { stream: true }))) {
        if (message.id !== null) last = message.id
        failures = 0
        hears.status('live', null)
        hears.event(message.event, JSON.parse(message.data))
      }
    }
  }

  async function run(): Promise<void> {
    if (closed || stop !== null || session.out) return
    const mine = new AbortController()
    stop = mine
    let watch: ReturnType<typeof setTimeout> | undefined
    const alive = () => {
      clearTimeout(watch)
      watch = setTimeout(() => mine.abort(), SILENT_MS)
    }
    alive()
    if (failures === 0) hears.status('connecting', null)
    let why: Fail | null = null
    try {
      await read(mine.signal, alive)
    } catch (e) {
      why = asFail(e)
    }
    clearTimeout(watch)
    if (stop !== mine) return
    stop = null
    if (closed || document.hidden) return
    failures++
    hears.status('away', why)
    // Who may not see the project will not see it in a second either.
    if (why !== null && (why.status === 403 || why.status === 404)) return
    timer = setTimeout(run, WAITS_MS[Math.min(failures, WAITS_MS.length) - 1])
  }

  function end(): void {
    clearTimeout(timer)
    const ended = stop
    stop = null
    ended?.abort()
  }

  const seen = () => {
    clearTimeout(hide)
    if (document.hidden) hide = setTimeout(end, HIDDEN_MS)
    else if (stop === null) {
      clearTimeout(timer)
      void run()
    }
  }
  const online = () => {
    clearTimeout(timer)
    if (stop === null) void run()
  }
  document.addEventListener('visibilitychange', seen)
  window.addEventListener('online', online)
  const unwatch = session.watch((out) => (out ? end() : online()))
  void run()
  return () => {
    closed = true
    document.removeEventListener('visibilitychange', seen)
    window.removeEventListener('online', online)
    unwatch()
    clearTimeout(hide)
    end()
  }
}
