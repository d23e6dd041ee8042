// The stream as React has it: one for the project that is looked at, whatever page shows it.
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { AwayContext } from './away'
import type { Fail } from './fail'
import { apply, type Live, NOTHING } from './state'
import { openStream, type Status } from './stream'
import type { Sandbox } from './types'

export type Known = { live: Live; status: Status; why: Fail | null; heardAt: number | null }

const SHORT_PAGES = 3

/** What is cached of a list, in pages. */
export type Listed = { pages: { rows: Sandbox[] }[]; pageParams: unknown[] }

/** The list with these rows as they are now. What a row has spent is not told by the stream and stays. */
export function refreshed(old: Listed, changed: ReadonlyMap<string, Sandbox>): Listed {
  return {
    ...old,
    pages: old.pages.map((page) => ({
      ...page,
      rows: page.rows.map((row) => {
        const now = changed.get(row.id)
        return now === undefined ? row : { ...now, runs_1h: row.runs_1h, month: row.month }
      }),
    })),
  }
}

const Context = createContext<Known>({ live: NOTHING, status: 'connecting', why: null, heardAt: null })

export function LiveProvider({ slug, children }: { slug: string; children: ReactNode }) {
  const [known, setKnown] = useState<Known>({ live: NOTHING, status: 'connecting', why: null, heardAt: null })
  const queries = useQueryClient()
  useEffect(() => {
    setKnown({ live: NOTHING, status: 'connecting', why: null, heardAt: null })
    // Two hundred rows may change at once: lists are gone through once for all that came within a tenth of a second.
    const changed = new Map<string, Sandbox>()
    let timer: ReturnType<typeof setTimeout> | undefined
    let asking: ReturnType<typeof setTimeout> | undefined
    // What is new, or fits a filter no more, only the API can say: lists that are short are asked for anew, once in two seconds.
    const askAnew = () => {
      asking = undefined
      void queries.invalidateQueries({
        queryKey: ['sandboxes', slug],
        predicate: (query) => ((query.state.data as Listed | undefined)?.pages.length ?? 0) <= SHORT_PAGES,
      })
    }
    const flush = () => {
      timer = undefined
      queries.setQueriesData<Listed>({ queryKey: ['sandboxes', slug] }, (old) => old && refreshed(old, changed))
      for (const id of changed.keys()) void queries.invalidateQueries({ queryKey: ['sandbox', slug, id] })
      changed.clear()
      asking ??= setTimeout(askAnew, 2000)
    }
    const close = openStream(slug, {
      status: (status, why) =>
        setKnown((k) => ({
          ...k,
          status,
          why,
          heardAt: status === 'live' || status === 'polling' ? Date.now() : k.heardAt,
        })),
      event: (name, data, asked) => {
        setKnown((k) => ({ ...k, live: apply(k.live, name, data) }))
        if (name === 'sandbox') {
          const sandbox = data as Sandbox
          changed.set(sandbox.id, sandbox)
          timer ??= setTimeout(flush, 100)
        }
        if (asked) {
          askAnew()
          void queries.invalidateQueries({ queryKey: ['sandbox', slug] })
        } else if (name === 'snapshot') void queries.invalidateQueries({ queryKey: ['sandboxes', slug] })
        if (name === 'period')
          for (const kind of ['plan', 'usage']) void queries.invalidateQueries({ queryKey: [kind] })
      },
    })
    return () => {
      clearTimeout(timer)
      clearTimeout(asking)
      close()
    }
  }, [slug, queries])
  // who may not see the stream is not told that the service is away
  const away = known.status === 'away' && (known.why === null || known.why.status === 0 || known.why.status >= 500)
  return (
    <Context.Provider value={known}>
      <AwayContext.Provider value={away}>{children}</AwayContext.Provider>
    </Context.Provider>
  )
}

export function useLive(): Known {
  return useContext(Context)
}
