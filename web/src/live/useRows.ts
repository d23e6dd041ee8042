// A list of /v1 as far as one has asked for it: page after page, by the cursor of the one before.
import { type QueryKey, useInfiniteQuery } from '@tanstack/react-query'
import { asFail, type Fail } from './fail'
import type { Page } from './types'

export type Rows<T, P extends Page<T> = Page<T>> = {
  /** undefined: none has come yet */
  rows: T[] | undefined
  /** what the list says beside its rows */
  first: P | undefined
  total: number
  least: boolean
  more: boolean
  loadingMore: boolean
  loadMore: () => void
  fail: Fail | null
  again: () => void
}

/** Rows that came whole, with something else: there is no more of them. Without a query they cannot fail. */
export function allOf<T>(
  rows: T[] | undefined,
  query?: { error: unknown; refetch: () => unknown },
  failOf: (error: unknown) => Fail = asFail,
): Omit<Rows<T>, 'first'> {
  return {
    rows,
    total: rows?.length ?? 0,
    least: false,
    more: false,
    loadingMore: false,
    loadMore: () => undefined,
    fail: query === undefined || query.error === null ? null : failOf(query.error),
    again: () => void query?.refetch(),
  }
}

/** every: milliseconds after which it is asked for anew. */
export function useRows<T, P extends Page<T> = Page<T>>(
  key: QueryKey,
  ask: (cursor: string | null) => Promise<unknown>,
  { every = false, enabled = true }: { every?: number | false; enabled?: boolean } = {},
): Rows<T, P> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => ask(pageParam) as Promise<P>,
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: every,
    enabled,
  })
  const first = query.data?.pages[0]
  return {
    rows: query.data?.pages.flatMap((page) => page.rows),
    first,
    total: first?.total ?? 0,
    least: first?.total_is_least ?? false,
    more: query.hasNextPage,
    loadingMore: query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
    fail: query.error === null ? null : asFail(query.error),
    again: () => void query.refetch(),
  }
}
