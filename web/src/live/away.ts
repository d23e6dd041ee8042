// Whether the service does not answer now: what is shown is the last that was known, and what would change something waits. Who
// puts a page up says it (the stream of a project, the health that operators' pages ask for); a Button that acts reads it.
import { createContext, useContext } from 'react'

export const AwayContext = createContext(false)
export const useAway = () => useContext(AwayContext)

/** Of the bar that says so. */
export const AWAY_BAR = 'away-bar'
