// The face of operators, below /console/ops: another door, another session, and pages that no customer's view carries.
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Link, Route, Switch } from 'wouter'
import { routes, to } from '../../app/routes'
import { api, must, opsSession } from '../../live/api'
import { AwayContext } from '../../live/away'
import { asFail } from '../../live/fail'
import type { Deployment, SignedIn } from '../../live/types'
import { useSignedOut } from '../../live/useSignedOut'
import { Bones } from '../../parts/Bones'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { ops } from '../../words/ops'
import SignInOver from '../sign/SignInOver'
import { Enter, FirstTime, useAnew } from './enter/Enter'
import { Frame } from './Frame'
import { HealthPage } from './health/HealthPage'
import { health, OpsContext } from './ops'

const Fleet = lazy(() => import('./fleet/Fleet'))
const WorkerPage = lazy(() => import('./fleet/WorkerPage'))
const SeenSandboxes = lazy(() => import('./sandboxes/SeenSandboxes'))
const Tenants = lazy(() => import('./tenants/Tenants'))
const TenantPage = lazy(() => import('./tenants/TenantPage'))
const Ledger = lazy(() => import('./money/Ledger'))
const AllInvoices = lazy(() => import('./invoices/AllInvoices'))
const Prices = lazy(() => import('./prices/Prices'))
const BookPage = lazy(() => import('./prices/BookPage'))
const Operators = lazy(() => import('./people/Operators'))

type Known = { operator: SignedIn; proven_until: string | null; deployment: Deployment }

export default function Ops() {
  const known = useQuery({
    queryKey: ['ops', 'me'],
    queryFn: () => must(api.GET('/v1/ops/me')) as Promise<Known>,
    staleTime: 60_000,
    retry: (count, error) => count < 3 && asFail(error).status !== 401,
  })
  const out = useSignedOut(opsSession)
  if (known.data === undefined) {
    if (out) return <Enter />
    if (known.error !== null && !known.isFetching) {
      return (
        <main style={{ maxInlineSize: 480, margin: '15vh auto', padding: 16 }}>
          <DenialCard fail={asFail(known.error)} onRetry={() => void known.refetch()} />
        </main>
      )
    }
    return <Bones heights={[]} />
  }
  const { operator, deployment } = known.data
  if (operator.must_change_password === true || operator.second_factor !== true) {
    return out ? <Enter /> : <FirstTime me={operator} />
  }
  return <Inside me={operator} deployment={deployment} out={out} />
}

function Inside({ me, deployment, out }: { me: SignedIn; deployment: Deployment; out: boolean }) {
  const anew = useAnew()
  const asked = useQuery(health)
  const fail = asked.error === null ? null : asFail(asked.error)
  const away = fail !== null && (fail.status === 0 || fail.status >= 500)
  return (
    <OpsContext.Provider value={{ me, deployment }}>
      <AwayContext.Provider value={away}>
        <Frame heardAt={asked.dataUpdatedAt}>
          <Suspense fallback={<Bones heights={[28, 120, 320]} />}>
            <Switch>
              <Route path={routes.opsHealth} component={HealthPage} />
              <Route path={routes.opsFleet} component={Fleet} />
              <Route path={routes.opsWorker}>{({ no }) => <WorkerPage key={no} no={no} />}</Route>
              <Route path={routes.opsSandboxes} component={SeenSandboxes} />
              <Route path={routes.opsTenants} component={Tenants} />
              <Route path={routes.opsTenant}>{({ id }) => <TenantPage key={id} id={id} />}</Route>
              <Route path={routes.opsMoney} component={Ledger} />
              <Route path={routes.opsInvoices} component={AllInvoices} />
              <Route path={routes.opsPrices} component={Prices} />
              <Route path={routes.opsBook}>{({ id }) => <BookPage key={id} id={id} />}</Route>
              <Route path={routes.opsPeople} component={Operators} />
              <Route>
                <div className={`${parts.card} ${parts.empty}`}>
                  <strong>{words.fail.lost}</strong>
                  <Link href={to.opsHealth}>{ops.nav.health}</Link>
                </div>
              </Route>
            </Switch>
          </Suspense>
        </Frame>
      </AwayContext.Provider>
      {out ? <SignInOver email={me.email ?? ''} operator done={anew} /> : null}
    </OpsContext.Provider>
  )
}
