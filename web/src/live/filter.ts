// The filter of the list of sandboxes, three ways: as a person types it (state:asleep template:base team=ml words), as the
// address has it, and as the API takes it.
import type { State } from './types'

export type Filter = {
  q: string
  state: string[]
  template: string
  key: string
  cause: string[]
  metadata: [string, string][]
  sort: Sort
}

export type Sort = 'newest' | 'oldest'
const sortOf = (text: string): Sort => (text === 'oldest' ? 'oldest' : 'newest')

export const EMPTY: Filter = { q: '', state: [], template: '', key: '', cause: [], metadata: [], sort: 'newest' }

/** What people call a state, and what the API does. */
export const STATES: Record<string, readonly State[]> = {
  running: ['running'],
  asleep: ['paused'],
  changing: ['starting', 'pausing', 'resuming', 'ending'],
  ended: ['ended'],
}

const list = (text: string) => text.split(',').filter((word) => word !== '')

export function typed(text: string): Filter {
  const filter: Filter = { ...EMPTY, state: [], cause: [], metadata: [] }
  const words: string[] = []
  for (const word of text.split(/\s+/).filter((w) => w !== '')) {
    const colon = /^(state|template|key|cause|sort):(.*)$/.exec(word)
    const equal = word.indexOf('=')
    if (colon !== null) {
      const value = colon[2] ?? ''
      if (colon[1] === 'state') filter.state = list(value)
      else if (colon[1] === 'cause') filter.cause = list(value)
      else if (colon[1] === 'template') filter.template = value
      else if (colon[1] === 'sort') filter.sort = sortOf(value)
      else filter.key = value
    } else if (equal > 0) filter.metadata.push([word.slice(0, equal), word.slice(equal + 1)])
    else words.push(word)
  }
  filter.q = words.join(' ')
  return filter
}

export function written(f: Filter): string {
  return [
    f.state.length > 0 ? `state:${f.state.join(',')}` : '',
    f.template === '' ? '' : `template:${f.template}`,
    f.key === '' ? '' : `key:${f.key}`,
    f.cause.length > 0 ? `cause:${f.cause.join(',')}` : '',
    ...f.metadata.map(([name, value]) => `${name}=${value}`),
    f.q,
    f.sort === 'newest' ? '' : `sort:${f.sort}`,
  ]
    .filter((part) => part !== '')
    .join(' ')
}

export function ofAddress(search: string): Filter {
  const p = new URLSearchParams(search)
  return {
    q: p.get('q') ?? '',
    state: list(p.get('state') ?? ''),
    template: p.get('template') ?? '',
    key: p.get('key') ?? '',
    cause: list(p.get('cause') ?? ''),
    metadata: p.getAll('metadata').flatMap((pair): [string, string][] => {
      const equal = pair.indexOf('=')
      return equal > 0 ? [[pair.slice(0, equal), pair.slice(equal + 1)]] : []
    }),
    sort: sortOf(p.get('sort') ?? ''),
  }
}

/** "" or "?...". */
export function address(f: Filter): string {
  const p = new URLSearchParams()
  if (f.q !== '') p.set('q', f.q)
  if (f.state.length > 0) p.set('state', f.state.join(','))
  if (f.template !== '') p.set('template', f.template)
  if (f.key !== '') p.set('key', f.key)
  if (f.cause.length > 0) p.set('cause', f.cause.join(','))
  for (const [name, value] of f.metadata) p.append('metadata', `${name}=${value}`)
  if (f.sort !== 'newest') p.set('sort', f.sort)
  const text = p.toString()
  return text === '' ? '' : `?${text}`
}

/** The first state that is none, or null. */
export function wrongState(f: Filter): string | null {
  return f.state.find((word) => !(word in STATES)) ?? null
}

const states = (f: Filter): State[] => f.state.flatMap((word) => STATES[word] ?? [])

/** For GET, as a query. */
export function asQuery(f: Filter) {
  return {
    ...(f.q === '' ? {} : { q: f.q }),
    ...(f.state.length > 0 ? { state: states(f).join(',') } : {}),
    ...(f.template === '' ? {} : { template: f.template }),
    ...(f.key === '' ? {} : { key: f.key }),
    ...(f.cause.length > 0 ? { cause: f.cause.join(',') } : {}),
    ...(f.metadata.length > 0 ? { metadata: f.metadata.map(([name, value]) => `${name}=${value}`) } : {}),
    ...(f.sort === 'oldest' ? { sort: 'created' as const } : {}),
  }
}

/** Each part of it alone, as it is written: what one may drop where nothing fits. */
export function parts(f: Filter): { word: string; without: Filter }[] {
  return [
    ...(f.state.length > 0 ? [{ word: `state:${f.state.join(',')}`, without: { ...f, state: [] } }] : []),
    ...(f.template === '' ? [] : [{ word: `template:${f.template}`, without: { ...f, template: '' } }]),
    ...(f.key === '' ? [] : [{ word: `key:${f.key}`, without: { ...f, key: '' } }]),
    ...(f.cause.length > 0 ? [{ word: `cause:${f.cause.join(',')}`, without: { ...f, cause: [] } }] : []),
    ...f.metadata.map(([name, value], i) => ({
      word: `${name}=${value}`,
      without: { ...f, metadata: f.metadata.filter((_, j) => j !== i) },
    })),
    ...(f.q === '' ? [] : [{ word: `"${f.q}"`, without: { ...f, q: '' } }]),
  ]
}
