// Single keys. None of them ends anything, none is taken while somebody types, and all can be turned off.
import { useEffect, useRef } from 'react'
import { usePrefs } from './prefs'

export type Keys = Record<string, (event: KeyboardEvent) => void>

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** Names as KeyboardEvent.key has them. Nothing is heard while a dialog or a menu is open. */
export function useKeys(keys: Keys): void {
  const { keys: on } = usePrefs()
  const held = useRef(keys)
  held.current = keys
  useEffect(() => {
    if (!on) return
    const hear = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return
      if (document.querySelector('[role=dialog], [role=alertdialog], [role=menu]') !== null) return
      const act = held.current[event.key]
      if (act === undefined) return
      event.preventDefault()
      act(event)
    }
    document.addEventListener('keydown', hear)
    return () => document.removeEventListener('keydown', hear)
  }, [on])
}
