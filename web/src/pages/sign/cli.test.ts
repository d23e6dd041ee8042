import { expect, test } from 'vitest'
import { answered, waiting } from './cli'

test('a port of this computer, and nothing else', () => {
  for (const ok of ['http://localhost:4711', 'http://127.0.0.1:8080', 'http://[::1]:4711/'])
    expect(waiting(ok)?.port, ok).toMatch(/^[0-9]+$/)
  for (const bad of [
    null,
    '',
    'x',
    'http://localhost',
    'https://localhost:4711',
    'http://localhost:4711/path',
    'http://localhost:4711/?a=b',
    'http://localhost:4711#x',
    'http://localhost.example:4711',
    'http://example.test:4711',
    'http://u:p@localhost:4711',
    'http://localhost:4711@example.test',
    'javascript:alert(1)',
  ])
    expect(waiting(bad), String(bad)).toBe(null)
})

test('what it is told', () => {
  const at = new URL('http://localhost:4711')
  const url = new URL(answered(at, { email: 'a+b@x.test', token: 'sk_e2b_00', origin: 'https://x.test' }))
  expect(url.origin).toBe('http://localhost:4711')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    email: 'a+b@x.test',
    accessToken: 'sk_e2b_00',
    refreshToken: 'sk_e2b_00',
    tokenEndpoint: 'https://x.test/oauth/token',
    revokeEndpoint: 'https://x.test/oauth/revoke',
    clientId: 'e2b-cli',
  })
  expect(answered(at, { error: 'access_denied' })).toBe('http://localhost:4711/?error=access_denied')
})
