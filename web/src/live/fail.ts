// One shape of "no" (promises of the API, sdk/openapi.yaml: Denial), whatever went wrong: a refusal, a fault of ours, no network.
import type { components } from './schema'

export type Denial = components['schemas']['Denial']

/** What a call came to that did not do what it was asked for. */
export class Fail extends Error {
  constructor(
    /** the HTTP status, 0 where there was no answer */
    readonly status: number,
    message: string,
    readonly denial: Denial | null,
    /** by which the operator finds it in his logs */
    readonly requestId: string | null,
  ) {
    super(message)
    this.name = 'Fail'
  }

  get rule(): string {
    return this.denial?.rule ?? (this.status === 0 ? 'offline' : 'service.failed')
  }
}

/** The body of an answer that is no 2xx, as a Fail. It trusts no member of it. */
export function failOf(status: number, body: unknown, requestId: string | null): Fail {
  const said = typeof body === 'object' && body !== null ? (body as { message?: unknown; denial?: unknown }) : {}
  const message = typeof said.message === 'string' && said.message !== '' ? said.message : `the answer was ${status}`
  const denial = typeof said.denial === 'object' && said.denial !== null ? (said.denial as Denial) : null
  return new Fail(status, message, denial, requestId)
}

export function offline(): Fail {
  return new Fail(0, 'the API cannot be reached from this browser right now', null, null)
}

/** Whatever was thrown, as a Fail. */
export function asFail(thrown: unknown): Fail {
  return thrown instanceof Fail
    ? thrown
    : new Fail(0, thrown instanceof Error ? thrown.message : String(thrown), null, null)
}

/** What somebody else's program threw: its own words, and not that nobody answered. */
export function troubleOf(thrown: unknown): Fail {
  return thrown instanceof Fail
    ? thrown
    : new Fail(500, thrown instanceof Error ? thrown.message : String(thrown), null, null)
}
