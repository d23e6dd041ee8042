// One stream of a project for the visible tab. It comes again by itself, with the id of the last event it had; a tab that has
// been hidden for ten seconds holds none. While it is refused, breaks off or stays silent, the project is asked for every two
// seconds instead, and the stream is tried for all the same.
import { ask, session } from './api'
import { asFail, type Fail, failOf } from './fail'
import { Reader } from './sse'

export type Status = 'connecting' | 'live' | 'polling' | 'away'
type Hears = {
  /** asked: it came by asking, and nothing tells what changed */
  event(name: string, data: unknown, asked: boolean): void
  /** at: of the last thing heard, in the browser's milliseconds */
  status(now: Status, why: Fail | null): void
}

const HIDDEN_MS = 10_000
/** twice the server's beat, and a little */
const SILENT_MS = 35_000
/** a stream that says nothing for so long when it begins is no stream */
const BEGIN_MS = 5000
const ASK_MS = 2000
const WAITS_MS = [500, 1000, 2000, 4000, 8000]

export function openStream(slug: string, hears: Hears): () => void {
  let last: string | null = null
  let stop: AbortController | null = null
  let closed = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let hide: ReturnType<typeof setTimeout> | undefined
  let asking: ReturnType<typeof setTimeout> | undefined
  let live = false
  const address = () => new URL(`/v1/projects/${encodeURIComponent(slug)}/live`, location.origin)

  async function askOnce(): Promise<void> {
    const url = address()
    url.searchParams.set('once', '1')
    const answer = await ask(new Request(url, { signal: AbortSignal.timeout(SILENT_MS) }))
    if (!answer.ok) {
      throw failOf(answer.status, await answer.json().catch(() => null), answer.headers.get('X-Request-Id'))
    }
    const data: unknown = await answer.json()
    if (closed || live) return
    hears.status('polling', null)
    hears.event('snapshot', data, true)
  }

  async function keepAsking(): Promise<void> {
    try {
      await askOnce()
    } catch (e) {
      if (!closed && !live) hears.status('away', asFail(e))
    }
    if (!closed && !live && !document.hidden && !session.out) asking = setTimeout(keepAsking, ASK_MS)
    else asking = undefined
  }

  function beginAsking(): void {
    if (closed || live || asking !== undefined || document.hidden || session.out) return
    asking = setTimeout(keepAsking, 0)
  }

  function isLive(now: boolean): void {
    live = now
    if (!now) return
    clearTimeout(asking)
    asking = undefined
  }

  async function read(signal: AbortSignal, alive: () => void): Promise<void> {
    const url = address()
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
        isLive(true)
        hears.status('live', null)
        hears.event(message.event, JSON.parse(message.data), false)
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
    const begin = setTimeout(beginAsking, BEGIN_MS)
    if (failures === 0) hears.status('connecting', null)
    let why: Fail | null = null
    try {
      await read(mine.signal, alive)
    } catch (e) {
      why = asFail(e)
    }
    clearTimeout(watch)
    clearTimeout(begin)
    if (stop !== mine) return
    stop = null
    isLive(false)
    if (closed || document.hidden) return
    failures++
    if (asking === undefined) hears.status('away', why)
    // Who may not see the project will not see it in a second either.
    if (why !== null && (why.status === 403 || why.status === 404)) return
    beginAsking()
    timer = setTimeout(run, WAITS_MS[Math.min(failures, WAITS_MS.length) - 1])
  }

  function end(): void {
    clearTimeout(timer)
    clearTimeout(asking)
    asking = undefined
    isLive(false)
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
