// What a person chose for this browser. Nothing of it is a secret, and nothing depends on its being there.
import { useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'
export type Prefs = { theme: Theme; utc: boolean; keys: boolean }

const NAME = 'dormouse'
const DEFAULT: Prefs = { theme: 'system', utc: false, keys: true }
const watchers = new Set<() => void>()
let current = read()

function read(): Prefs {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? '{}') as Partial<Prefs>
    return {
      theme: kept.theme === 'light' || kept.theme === 'dark' ? kept.theme : 'system',
      utc: kept.utc === true,
      keys: kept.keys !== false,
    }
  } catch {
    return DEFAULT
  }
}

export function choose(some: Partial<Prefs>): void {
  current = { ...current, ...some }
  try {
    localStorage.setItem(NAME, JSON.stringify(current))
  } catch {
    // a browser that keeps nothing: it holds until the page is closed
  }
  showTheme()
  for (const told of watchers) told()
}

export function showTheme(): void {
  const root = document.documentElement
  if (current.theme === 'system') delete root.dataset.theme
  else root.dataset.theme = current.theme
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(
    (told) => {
      watchers.add(told)
      return () => watchers.delete(told)
    },
    () => current,
  )
}
