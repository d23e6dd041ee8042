// Where a command line waits, and what it is told there: its words, in its own names.

/** A port of this computer over plain HTTP, or null: a token goes nowhere else. */
export function waiting(next: string | null): URL | null {
  let url: URL
  try {
    url = new URL(next ?? '')
  } catch {
    return null
  }
  const here = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  const bare =
    url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
  return here && bare && url.protocol === 'http:' && url.port !== '' ? url : null
}

export type Answer = { error: string } | { email: string; token: string; origin: string }

export function answered(at: URL, answer: Answer): string {
  const url = new URL(at)
  const said =
    'error' in answer
      ? { error: answer.error }
      : {
          email: answer.email,
          accessToken: answer.token,
          refreshToken: answer.token,
          tokenEndpoint: `${answer.origin}/oauth/token`,
          revokeEndpoint: `${answer.origin}/oauth/revoke`,
          clientId: 'e2b-cli',
        }
  for (const [name, value] of Object.entries(said)) url.searchParams.set(name, value)
  return url.href
}
