// The list of sandboxes in pages, as far as one has scrolled. With what each has spent the API gives a hundred at once; to the
// very end one goes by thousands without it.
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import { address, type Filter } from './filter'
import { sandboxes } from './queries'
import type { Page, Sandbox } from './types'

type Cursor = { cursor: string | null; spent: boolean }
type Pages = { pages: Page<Sandbox>[]; pageParams: Cursor[] }

/** So many pages of a thousand are the end of what one list shows. */
const MOST_PAGES = 20

export function useSandboxes(slug: string, filter: Filter) {
  const queries = useQueryClient()
  const key = ['sandboxes', slug, address(filter)]
  const [hurrying, setHurrying] = useState(false)
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => sandboxes(slug, filter, pageParam.cursor, pageParam.spent, signal),
    initialPageParam: { cursor: null, spent: true } as Cursor,
    getNextPageParam: (last): Cursor | undefined =>
      last.next === null ? undefined : { cursor: last.next, spent: true },
    staleTime: 10_000,
    refetchOnWindowFocus: false,
  })
  const toEnd = useCallback(async () => {
    setHurrying(true)
    try {
      for (let i = 0; i < MOST_PAGES; i++) {
        const known = queries.getQueryData<Pages>(key)
        const next = known?.pages.at(-1)?.next
        if (known === undefined || next == null) return
        const page = await sandboxes(slug, filter, next, false, new AbortController().signal)
        queries.setQueryData<Pages>(
          key,
          (old) =>
            old && { pages: [...old.pages, page], pageParams: [...old.pageParams, { cursor: next, spent: false }] },
        )
      }
    } finally {
      setHurrying(false)
    }
  }, [queries, slug, filter, key])
  const first = query.data?.pages[0]
  return {
    rows: query.data?.pages.flatMap((page) => page.rows) ?? [],
    total: first?.total ?? 0,
    least: first?.total_is_least ?? false,
    loaded: query.data !== undefined,
    more: query.hasNextPage,
    loadingMore: query.isFetchingNextPage || hurrying,
    loadMore: () => {
      if (!query.isFetching && !hurrying) void query.fetchNextPage()
    },
    toEnd,
    error: query.error,
    refetch: query.refetch,
  }
}
