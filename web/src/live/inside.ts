// E2B's own client, pointed into one sandbox: with a token of this session for that sandbox alone, ten minutes at a time, and no API
// key. What is open when one token ends stays open; what is asked anew is asked with the next.
import { Sandbox } from 'e2b'
import { api, must } from './api'

/** so long before its end another token is fetched */
const EARLY_MS = 60_000

export class Inside {
  private box: Sandbox | null = null
  private until = 0
  private asking: Promise<Sandbox> | null = null

  constructor(
    private readonly slug: string,
    private readonly id: string,
  ) {}

  /** The client, with a token that is good for a minute or more. */
  async get(): Promise<Sandbox> {
    if (this.box !== null && Date.now() < this.until - EARLY_MS) return this.box
    this.asking ??= this.fetch().finally(() => {
      this.asking = null
    })
    return this.asking
  }

  /** It slept or its session ended: what it was reached with is asked for anew. */
  forget(): void {
    this.box = null
  }

  private async fetch(): Promise<Sandbox> {
    const given = await must(
      api.POST('/v1/projects/{slug}/sandboxes/{id}/access', { params: { path: { slug: this.slug, id: this.id } } }),
    )
    this.until = new Date(given.expires_at).getTime()
    this.box = new Sandbox({
      sandboxId: this.id,
      envdVersion: given.agent_version,
      envdAccessToken: given.token,
      ...(given.domain === null ? {} : { domain: given.domain, sandboxDomain: given.domain }),
      ...(given.url === null ? {} : { sandboxUrl: given.url }),
    })
    return this.box
  }
}
