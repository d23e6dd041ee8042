// What the pages of operators share: who looks at them, where they are, and how they are asked for.
import { createContext, useContext } from 'react'
import type { Place, Section } from '../../app/nav'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Deployment, Health, SignedIn } from '../../live/types'
import { ops } from '../../words/ops'

export type Ops = {
  me: SignedIn
  deployment: Deployment
}

export const OpsContext = createContext<Ops | null>(null)

export function useOps(): Ops {
  const known = useContext(OpsContext)
  if (known === null) throw new Error('no operator above this page')
  return known
}

/** How an operator is called where somebody did something. */
export const whoIs = (me: SignedIn) => `operator:${me.name ?? ''}`

const w = ops.nav
export const SECTIONS: readonly Section[] = [
  { id: 'run', title: '' },
  { id: 'money', title: w.money },
  { id: 'people', title: w.house },
]

export const PLACES: readonly Place[] = [
  { id: 'health', text: w.health, href: to.opsHealth, icon: 'limits', section: 'run', begin: true, bar: true },
  { id: 'fleet', text: w.fleet, href: to.opsFleet, icon: 'fleet', section: 'run', bar: true },
  { id: 'sandboxes', text: w.sandboxes, href: to.opsSandboxes(), icon: 'sandboxes', section: 'run', bar: true },
  { id: 'tenants', text: w.tenants, href: to.opsTenants(), icon: 'members', section: 'run', bar: true },
  { id: 'ledger', text: w.ledger, href: to.opsMoney(), icon: 'statement', section: 'money' },
  { id: 'invoices', text: w.invoices, href: to.opsInvoices(), icon: 'invoice', section: 'money' },
  { id: 'prices', text: w.prices, href: to.opsPrices(), icon: 'plan', section: 'money' },
  { id: 'operators', text: w.operators, href: to.opsPeople, icon: 'user', section: 'people' },
  { id: 'docs', text: w.docs, href: '/docs/operators', icon: 'docs', section: 'people', outside: true },
]

export const health = {
  queryKey: ['ops', 'health'],
  queryFn: () => must(api.GET('/v1/ops/health')) as Promise<Health>,
  refetchInterval: 5000,
}

/** What is in a query beside where a page begins. */
export const from = (cursor: string | null, limit = 50) => ({ limit, ...(cursor === null ? {} : { cursor }) })
