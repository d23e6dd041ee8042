// An operator looks as a tenant: in this tab alone, which names the look in whatever it asks of a customer's API. The name is no
// secret, it is good with the cookie alone (web/docs/operators.md).

const NAME = 'dormouse-look'
const watchers = new Set<() => void>()
let id = kept()
let over = false

function kept(): string | null {
  try {
    const text = sessionStorage.getItem(NAME) ?? ''
    return /^[0-9a-f-]{36}$/.test(text) ? text : null
  } catch {
    return null
  }
}

function set(now: string | null): void {
  id = now
  over = false
  try {
    if (now === null) sessionStorage.removeItem(NAME)
    else sessionStorage.setItem(NAME, now)
  } catch {
    // a browser that keeps nothing: the tab looks until it is reloaded
  }
  for (const told of watchers) told()
}

export const look = {
  begin: (of: string): void => set(of),
  leave: (): void => set(null),
  /** The service says that it is over: what is shown is the last that was seen. */
  end(): void {
    if (id === null || over) return
    over = true
    for (const told of watchers) told()
  },
  get over() {
    return over
  },
  /** What names it in a request below this path. */
  header: (path: string): Record<string, string> =>
    id === null || path.startsWith('/v1/ops/') ? {} : { 'Dormouse-Look': id },
  watch(told: () => void): () => void {
    watchers.add(told)
    return () => {
      watchers.delete(told)
    }
  },
}
