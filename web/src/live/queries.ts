// What pages ask for, by name: the key of the cache and the call, in one place.
import { queryOptions } from '@tanstack/react-query'
import { api, must } from './api'
import type { Filter } from './filter'
import { asQuery } from './filter'
import type { Caps, Event, Limit, LogLine, Me, Member, Page, Plan, Sandbox } from './types'

export const me = () =>
  queryOptions({ queryKey: ['me'], queryFn: () => must(api.GET('/v1/me')) as Promise<Me>, staleTime: 60_000 })

export const limits = (slug: string) =>
  queryOptions({
    queryKey: ['limits', slug],
    queryFn: () =>
      must(api.GET('/v1/projects/{slug}/limits', { params: { path: { slug }, query: { limit: 1000 } } })) as Promise<
        Page<Limit> & { tier: string }
      >,
    staleTime: 30_000,
  })

/** The first thousand of them: whom a page means by an id, and whom one may ask. */
export const members = (slug: string) =>
  queryOptions({
    queryKey: ['members', slug],
    queryFn: () =>
      must(api.GET('/v1/projects/{slug}/members', { params: { path: { slug }, query: { limit: 1000 } } })) as Promise<
        Page<Member>
      >,
    staleTime: 30_000,
  })

export const series = (slug: string) =>
  queryOptions({
    queryKey: ['series', slug],
    queryFn: () => must(api.GET('/v1/projects/{slug}/series', { params: { path: { slug } } })),
    refetchInterval: 20_000,
  })

export const plan = (account: string) =>
  queryOptions({
    queryKey: ['plan', account],
    queryFn: () => must(api.GET('/v1/accounts/{id}/plan', { params: { path: { id: account } } })) as Promise<Plan>,
    refetchInterval: 15_000,
  })

export const caps = (account: string) =>
  queryOptions({
    queryKey: ['caps', account],
    queryFn: () => must(api.GET('/v1/accounts/{id}/caps', { params: { path: { id: account } } })) as Promise<Caps>,
    refetchInterval: 30_000,
  })

/** One page of the list. spent: with what each row has spent, of which the API gives a hundred at once. */
export function sandboxes(slug: string, filter: Filter, cursor: string | null, spent: boolean, signal: AbortSignal) {
  return must(
    api.GET('/v1/projects/{slug}/sandboxes', {
      params: {
        path: { slug },
        query: {
          ...asQuery(filter),
          limit: spent ? 100 : 1000,
          ...(spent ? { with: 'runs_1h,month' } : {}),
          ...(cursor === null ? {} : { cursor }),
        },
      },
      signal,
    }),
  ) as Promise<Page<Sandbox>>
}

/** Whether the project ever had a sandbox. What was found is forgotten with the page that asked. */
export const any = (slug: string) =>
  queryOptions({
    queryKey: ['any', slug],
    queryFn: async () => {
      const page = await must(
        api.GET('/v1/projects/{slug}/sandboxes', { params: { path: { slug }, query: { limit: 1 } } }),
      )
      return page.rows.length > 0
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

export const sandbox = (slug: string, id: string) =>
  queryOptions({
    queryKey: ['sandbox', slug, id],
    queryFn: () =>
      must(api.GET('/v1/projects/{slug}/sandboxes/{id}', { params: { path: { slug, id } } })) as Promise<Sandbox>,
  })

export function events(slug: string, id: string, cursor: string | null) {
  return must(
    api.GET('/v1/projects/{slug}/sandboxes/{id}/events', {
      params: { path: { slug, id }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
    }),
  ) as Promise<Page<Event>>
}

export type LogFilter = { search: string; level: '' | 'info' | 'warn' }

export function logs(slug: string, id: string, filter: LogFilter, cursor: string | null) {
  return must(
    api.GET('/v1/projects/{slug}/sandboxes/{id}/logs', {
      params: {
        path: { slug, id },
        query: {
          limit: 200,
          ...(filter.search === '' ? {} : { search: filter.search }),
          ...(filter.level === '' ? {} : { level: filter.level }),
          ...(cursor === null ? {} : { cursor }),
        },
      },
    }),
  ) as Promise<Page<LogLine>>
}

const DAY_MS = 86_400_000

/** Its seconds from its first on, and of an older one those of its last day. */
export const usage = (slug: string, { id, created_at, ended_at }: Sandbox) =>
  queryOptions({
    queryKey: ['usage', slug, id, ended_at],
    queryFn: () => {
      const to = ended_at === null ? Date.now() : new Date(ended_at).getTime() + 1000
      const from = Math.max(new Date(created_at).getTime(), to - DAY_MS)
      const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
      return must(api.GET('/v1/projects/{slug}/sandboxes/{id}/usage', { params: { path: { slug, id }, query: range } }))
    },
    refetchInterval: ended_at === null ? 30_000 : false,
  })

export const metrics = (slug: string, id: string, on: boolean) =>
  queryOptions({
    queryKey: ['metrics', slug, id],
    queryFn: () => must(api.GET('/v1/projects/{slug}/sandboxes/{id}/metrics', { params: { path: { slug, id } } })),
    refetchInterval: on ? 2000 : false,
  })
