// The one way to the API: same origin, cookies, our header on what changes something. A session's short cookie lasts five
// minutes: who is told that it is over refreshes it, once for all who wait, and asks again. If that is refused, the person has
// to sign in: `watch` says so, the page stays as it is, and what waited is asked again after it. Customers and operators have
// sessions of their own, with cookies of their own: the path says whose.
import createClient from 'openapi-fetch'
import { failOf, offline } from './fail'
import { look } from './look'
import type { paths } from './schema'

type Told = (out: boolean) => void

export class Session {
  private ended = false
  private readonly watchers = new Set<Told>()
  private refreshing: Promise<boolean> | null = null

  constructor(
    private readonly door: '/v1/auth' | '/v1/ops/auth',
    private readonly me: '/v1/me' | '/v1/ops/me',
  ) {}

  /** One has to sign in before anything more is answered. */
  get out(): boolean {
    return this.ended
  }

  set(out: boolean): void {
    if (this.ended === out) return
    this.ended = out
    for (const told of this.watchers) told(out)
  }

  watch(told: Told): () => void {
    this.watchers.add(told)
    return () => {
      this.watchers.delete(told)
    }
  }

  /** Whether there is a session again. */
  refresh(): Promise<boolean> {
    this.refreshing ??= this.refreshOnce()
      .catch(() => false)
      .finally(() => {
        this.refreshing = null
      })
    return this.refreshing
  }

  private async refreshOnce(): Promise<boolean> {
    const ask = async () =>
      (await fetch(`${this.door}/refresh`, { method: 'POST', headers: { 'Dormouse-Csrf': '1' } })).ok
    // The long cookie is good once: of several tabs one refreshes, and the others find the new one and use it.
    if (!('locks' in navigator)) return ask()
    return navigator.locks.request(`dormouse-refresh${this.door}`, async () => (await fetch(this.me)).ok || ask())
  }
}

export const session = new Session('/v1/auth', '/v1/me')
export const opsSession = new Session('/v1/ops/auth', '/v1/ops/me')

/** A wrong password and a wrong code are 401, too, and are the caller's to read: only what is over is refreshed. */
async function isOver(answer: Response): Promise<boolean> {
  const { denial } = failOf(
    401,
    await answer
      .clone()
      .json()
      .catch(() => null),
    null,
  )
  if (denial?.rule === 'look.over') look.end()
  return denial === null || denial.rule === 'auth.session' || denial.rule === 'auth.key'
}

/** fetch, for the API: a session that is over is refreshed and the request sent again. */
export async function ask(input: Request): Promise<Response> {
  const { pathname } = new URL(input.url)
  for (const [name, value] of Object.entries(look.header(pathname))) input.headers.set(name, value)
  const again = input.clone()
  let answer: Response
  try {
    answer = await fetch(input)
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw offline()
  }
  if (answer.status !== 401 || /\/auth\/(sign-in|second)$/.test(pathname) || !(await isOver(answer))) return answer
  const whose = pathname.startsWith('/v1/ops/') ? opsSession : session
  if (await whose.refresh()) return fetch(again)
  whose.set(true)
  return answer
}

const client = createClient<paths>({ baseUrl: '', fetch: ask })
client.use({
  onRequest({ request }) {
    if (request.method !== 'GET') request.headers.set('Dormouse-Csrf', '1')
    return request
  },
})

export const api = client

/** What the API answered, or a Fail thrown. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw failOf(response.status, error, response.headers.get('X-Request-Id'))
  return data as T
}

/** One name for one wish, however often it is sent. */
export function once(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')
}
