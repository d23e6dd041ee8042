/** Why a bundle is refused: the first record that is not as it must be. */

export type Kind = 'damaged' | 'edited' | 'dropped' | 'doubled' | 'reordered' | 'foreign' | 'wrong'

/** A row among the others of its page. */
export interface Place {
  readonly place: number
  readonly sandbox: string
  readonly epoch: number
  readonly hash: string | null
}

export interface Found {
  readonly kind: Kind
  /** The file of the bundle. */
  readonly entry: string
  readonly statement: number | null
  readonly page: number | null
  /** On its page or in its document, from 1. */
  readonly place: number | null
  readonly sandbox: string | null
  readonly epoch: number | null
  readonly hash: string | null
  readonly words: string
}

/** The first check that failed. */
export class Fault extends Error {
  readonly found: Found

  constructor(kind: Kind, entry: string, words: string, where?: Partial<Place> | null) {
    super(`${kind}: ${entry}: ${words}`)
    const match = /^(?:statements|attestations)\/(\d+)(?:(?:\/pages)?\/(\d+))?\./.exec(entry)
    this.found = {
      kind,
      entry,
      statement: match?.[1] === undefined ? null : Number(match[1]),
      page: match?.[2] === undefined ? null : Number(match[2]),
      place: where?.place ?? null,
      sandbox: where?.sandbox ?? null,
      epoch: where?.epoch ?? null,
      hash: where?.hash ?? null,
      words,
    }
  }
}

/** The bundle is newer than sdk/FORMAT.md as this program knows it: neither good nor bad. */
export class Newer extends Error {}

/** What cannot be read; whoever reads knows which file it is. */
export class Unreadable extends Error {}

export function need(holds: boolean, words: string): asserts holds {
  if (!holds) {
    throw new Unreadable(words)
  }
}
