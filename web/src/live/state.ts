// What the page knows of a project by its stream: one value, made anew by each event. Without I/O, so that it can be tried.
import type { Alert, Cost, Counts, Refusal, Sandbox, Spend } from './types'

export const NEWEST = 10

export type Live = {
  /** null: no snapshot has come yet */
  counts: Counts | null
  /** null: none has come, or the person may not read usage */
  cost: Cost | null
  /** what no statement says yet; null likewise */
  spend: Spend | null
  /** null: the person may not read limits */
  denials: Refusal[] | null
  alerts: Alert[] | null
  sandboxes: Sandbox[]
  /** rises with every snapshot: lists are to be asked for anew */
  snapshots: number
  /** rises with every closed period */
  periods: number
}

export const NOTHING: Live = {
  counts: null,
  cost: null,
  spend: null,
  denials: null,
  alerts: null,
  sandboxes: [],
  snapshots: 0,
  periods: 0,
}

/** The newest first, each once. */
function newest<T>(one: T, rest: readonly T[], same: (a: T, b: T) => boolean, when: (x: T) => string): T[] {
  return [one, ...rest.filter((other) => !same(one, other))]
    .sort((a, b) => (when(a) < when(b) ? 1 : -1))
    .slice(0, NEWEST)
}

const sameRefusal = (a: Refusal, b: Refusal) => a.at === b.at && a.denial.rule === b.denial.rule && a.key === b.key

type Snapshot = Partial<{
  counts: Counts
  cost: Cost | null
  spend: Spend | null
  sandboxes: Sandbox[]
  denials: Refusal[] | null
  alerts: Alert[] | null
}>

/** What an event makes of it; an event that is not known changes nothing. */
export function apply(live: Live, event: string, data: unknown): Live {
  switch (event) {
    case 'snapshot': {
      const s = data as Snapshot
      return {
        counts: s.counts ?? live.counts,
        cost: s.cost === undefined ? live.cost : s.cost,
        spend: s.spend === undefined ? live.spend : s.spend,
        sandboxes: s.sandboxes ?? [],
        denials: s.denials === undefined ? live.denials : s.denials,
        alerts: s.alerts === undefined ? live.alerts : s.alerts,
        snapshots: live.snapshots + 1,
        periods: live.periods,
      }
    }
    case 'counts':
      return { ...live, counts: data as Counts }
    case 'cost':
      return { ...live, cost: data as Cost }
    case 'spend':
      return { ...live, spend: data as Spend }
    case 'period':
      return { ...live, periods: live.periods + 1 }
    case 'sandbox': {
      const sandbox = data as Sandbox
      return {
        ...live,
        sandboxes: newest(
          sandbox,
          live.sandboxes,
          (a, b) => a.id === b.id,
          (s) => s.created_at,
        ),
      }
    }
    case 'denial':
      return { ...live, denials: newest(data as Refusal, live.denials ?? [], sameRefusal, (d) => d.last_at) }
    case 'alert':
      return {
        ...live,
        alerts: newest(
          data as Alert,
          live.alerts ?? [],
          (a, b) => a.no === b.no,
          (a) => a.at,
        ),
      }
    default:
      return live
  }
}
