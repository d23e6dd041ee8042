// A state is always glyph, word and colour, so that it reads in grey, in print and aloud.
import type { State, Whose } from '../live/types'
import { words } from '../words'
import css from './parts.module.css'

export type Look = 'run' | 'sleep' | 'change' | 'ended' | 'rule' | 'fault' | 'good'

const GLYPHS: Record<Look, React.ReactNode> = {
  run: <circle cx="7" cy="7" r="5" />,
  sleep: <path d="M11.8 9A5.5 5.5 0 1 1 6 1.700 4.600 4.600 0 0 0 11.800 9z" />,
  change: (
    <>
      <path d="M7 2a5 5 0 0 0 0 10z" />
      <circle cx="7" cy="7" r="4.5" fill="none" stroke="var(--fill)" />
    </>
  ),
  ended: <rect x="2.5" y="2.500" width="9" height="9" />,
  rule: <path d="M2.500 2.500h9v3.300h-9zM2.500 8.200h9v3.300h-9z" />,
  fault: (
    <path d="M2 3.600 3.600 2 7 5.400 10.400 2 12 3.600 8.600 7l3.400 3.400-1.600 1.600L7 8.600 3.600 12 2 10.400 5.400 7z" />
  ),
  good: <path d="M1.800 7.600 3.300 6l2.300 2.300L10.700 3l1.500 1.500-6.600 6.900z" />,
}

export function Glyph({ look }: { look: Look }) {
  return (
    <svg viewBox="0 0 14 14" width="14" height="14" fill="var(--fill)" aria-hidden="true">
      {GLYPHS[look]}
    </svg>
  )
}

export function lookOf(state: State, whose: Whose): Look {
  if (state === 'running') return 'run'
  if (state === 'paused') return 'sleep'
  if (state !== 'ended') return 'change'
  return whose === 'ours' ? 'fault' : whose === 'policy' || whose === 'operator' ? 'rule' : 'ended'
}

export function StateWord({ state, whose }: { state: State; whose: Whose }) {
  const look = lookOf(state, whose)
  return (
    <span className={`${css.state} ${css[look]}`}>
      <Glyph look={look} />
      {words.state[state]}
    </span>
  )
}

export function causeWord(cause: string | null): string {
  return cause === null ? '' : (words.cause[cause] ?? cause)
}
