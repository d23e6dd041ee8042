// What somebody is typing, kept in this tab until it is sent: a reload, an ended session and an API that is away take nothing of
// it. Never for what is secret; who signs out leaves none behind.
import { useCallback, useState } from 'react'

const PREFIX = 'dormouse-draft:'

function read(name: string): string | null {
  try {
    return sessionStorage.getItem(PREFIX + name)
  } catch {
    return null
  }
}

function keep(name: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name)
    else sessionStorage.setItem(PREFIX + name, value)
  } catch {
    // a browser that keeps nothing: it holds until the page is closed
  }
}

export function forgetDrafts(): void {
  try {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(PREFIX)) sessionStorage.removeItem(name)
  } catch {
    // there are none
  }
}

/** name: of the form and its field, with whatever it is about. forget: it was sent, or is not wanted. */
export function useDraft(
  name: string,
  initial = '',
): [value: string, set: (value: string) => void, forget: () => void] {
  const [value, setValue] = useState(() => read(name) ?? initial)
  const set = useCallback(
    (now: string) => {
      setValue(now)
      keep(name, now)
    },
    [name],
  )
  const forget = useCallback(() => {
    setValue(initial)
    keep(name, null)
  }, [name, initial])
  return [value, set, forget]
}
