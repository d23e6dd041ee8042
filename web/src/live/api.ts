// The one way to the API: same origin, cookies, our header on what changes something. A session's short cookie lasts five
// minutes: who is told that it is over refreshes it, once for all who wait, and asks again. If that is refused, the person has
// to sign in: `onSignedOut` says so, the page stays as it is, and what waited is asked again after it.
import createClient from 'openapi-fetch'
import { failOf, offline } from './fail'
import type { paths } from './schema'

type Told = (out: boolean) => void

let out = false
const watchers = new Set<Told>()
let refreshing: Promise<boolean> | null = null

export const session = {
  get out() {
    return out
  },
  set(now: boolean) {
    if (out === now) return
    out = now
    for (const told of watchers) told(now)
  },
  watch(told: Told) {
    watchers.add(told)
    return () => {
      watchers.delete(told)
    }
  },
}

async function refreshOnce(): Promise<boolean> {
  const ask = async () => (await fetch('/v1/auth/refresh', { method: 'POST', headers: { 'Dormouse-Csrf': '1' } })).ok
  // The long cookie is good once: of several tabs one refreshes, and the others find the new one and use it.
  if (!('locks' in navigator)) return ask()
  return navigator.locks.request('dormouse-refresh', async () => (await fetch('/v1/me')).ok || ask())
}

/** Whether there is a session again. */
export function refresh(): Promise<boolean> {
  refreshing ??= refreshOnce()
    .catch(() => false)
    .finally(() => {
      refreshing = null
    })
  return refreshing
}

/** fetch, for the API: a session that is over is refreshed and the request sent again. */
export async function ask(input: Request): Promise<Response> {
  const again = input.clone()
  let answer: Response
  try {
    answer = await fetch(input)
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw offline()
  }
  // Only a session that is over: wrong credentials are 401, too, and are the caller's to read.
  if (answer.status !== 401 || new URL(input.url).pathname.startsWith('/v1/auth/')) return answer
  if (await refresh()) return fetch(again)
  session.set(true)
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
