import { useSyncExternalStore } from 'react'
import type { Session } from './api'

/** Whether one has to sign in before anything more is answered. */
export function useSignedOut(of: Session): boolean {
  return useSyncExternalStore(
    (told) => of.watch(told),
    () => of.out,
  )
}
