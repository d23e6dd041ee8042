import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useSyncExternalStore } from 'react'
import { I18nProvider, RouterProvider } from 'react-aria-components'
import { Redirect, Route, Router, Switch, useLocation } from 'wouter'
import { session } from '../live/api'
import { asFail } from '../live/fail'
import { look } from '../live/look'
import { me as meQuery } from '../live/queries'
import type { Me } from '../live/types'
import { LiveProvider } from '../live/useLive'
import { useSignedOut } from '../live/useSignedOut'
import { Overview } from '../pages/overview/Overview'
import { Bones } from '../parts/Bones'
import { DenialCard } from '../parts/DenialCard'
import { words } from '../words'
import { Broken } from './Broken'
import { lastProject, type Project, ProjectContext } from './project'
import { routes, to } from './routes'
import { Shell } from './Shell'

const Sign = lazy(() => import('../pages/sign/Sign'))
const Ops = lazy(() => import('../pages/ops/Ops'))
const Cli = lazy(() => import('../pages/sign/Cli'))
const SignInOver = lazy(() => import('../pages/sign/SignInOver'))
const Sandboxes = lazy(() => import('../pages/sandboxes/Sandboxes'))
const SandboxPage = lazy(() => import('../pages/sandbox/SandboxPage'))
const Keys = lazy(() => import('../pages/keys/Keys'))
const Members = lazy(() => import('../pages/members/Members'))
const Limits = lazy(() => import('../pages/limits/Limits'))
const Audit = lazy(() => import('../pages/audit/Audit'))
const Usage = lazy(() => import('../pages/usage/Usage'))
const Calculator = lazy(() => import('../pages/calculator/Calculator'))
const Invoices = lazy(() => import('../pages/invoices/Invoices'))
const Statements = lazy(() => import('../pages/statements/Statements'))
const Plan = lazy(() => import('../pages/plan/Plan'))
const Account = lazy(() => import('../pages/account/Account'))
const Exports = lazy(() => import('../pages/exports/Exports'))
const Check = lazy(() => import('../pages/check/Check'))
const InvoicePage = lazy(() => import('../pages/invoices/InvoicePage'))
const SecondsPage = lazy(() => import('../pages/statements/SecondsPage'))
const StatementPage = lazy(() => import('../pages/statements/StatementPage'))

export function makeQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2000,
        refetchOnWindowFocus: true,
        // What is refused stays refused; who cannot be reached may be in a moment.
        retry: (count, error) => {
          const { status } = asFail(error)
          return count < 3 && (status === 0 || status >= 500) && !session.out
        },
        retryDelay: (count) => 500 * 2 ** count,
        // navigator.onLine says no where a machine of one's own is reached all the same
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  })
}

const queries = makeQueries()

export function App() {
  return (
    <Broken>
      <I18nProvider locale="en-US">
        <QueryClientProvider client={queries}>
          <Router base="/console">
            <Aria />
          </Router>
        </QueryClientProvider>
      </I18nProvider>
    </Broken>
  )
}

function Aria() {
  const [, navigate] = useLocation()
  return (
    <RouterProvider navigate={navigate} useHref={(href) => (href.startsWith('/') ? `/console${href}` : href)}>
      <Suspense fallback={<Bones heights={[]} />}>
        <Switch>
          {[routes.signIn, routes.signUp, routes.reset, routes.resetTo, routes.confirm, routes.invite].map((path) => (
            <Route key={path} path={path} component={Sign} />
          ))}
          <Route path={routes.ops} component={Ops} />
          <Route>
            <SignedIn />
          </Route>
        </Switch>
      </Suspense>
    </RouterProvider>
  )
}

function SignedIn() {
  const over = useSyncExternalStore(look.watch, () => look.over)
  return over ? <LookOver /> : <Known />
}

function LookOver() {
  return (
    <main style={{ maxInlineSize: 480, margin: '15vh auto', padding: 16, display: 'grid', gap: 12 }}>
      <h1>{words.top.lookOver}</h1>
      <p>{words.top.lookOverWhy}</p>
      <p>
        <a
          href="/console/ops/tenants"
          onClick={() => {
            look.leave()
          }}
        >
          {words.top.lookBack}
        </a>
      </p>
    </main>
  )
}

function Known() {
  const known = useQuery(meQuery())
  const out = useSignedOut(session)
  const [path] = useLocation()
  if (known.data === undefined) {
    if (out) return <Redirect to={`${routes.signIn}?then=${encodeURIComponent(path + location.search)}`} replace />
    if (known.error !== null) {
      return (
        <main style={{ maxInlineSize: 480, margin: '15vh auto', padding: 16 }}>
          <DenialCard fail={asFail(known.error)} onRetry={() => void known.refetch()} />
        </main>
      )
    }
    return <Bones heights={[]} />
  }
  return (
    <>
      <Pages me={known.data} />
      {out ? (
        <Suspense>
          <SignInOver
            email={known.data.user?.email ?? ''}
            done={() => {
              session.set(false)
              void queries.invalidateQueries()
            }}
          />
        </Suspense>
      ) : null}
    </>
  )
}

function Pages({ me }: { me: Me }) {
  const first = me.projects?.[0]
  return (
    <Switch>
      <Route path={routes.cli}>
        <Cli email={me.user?.email ?? ''} />
      </Route>
      <Route path="/">
        {first?.slug === undefined ? (
          <Lost text={words.sign.none} />
        ) : (
          <Redirect to={to.overview(first.slug)} replace />
        )}
      </Route>
      <Route path={/^\/(?<kind>[ap])\/(?<id>[^/]+)/}>{({ kind, id }) => <Inside me={me} kind={kind} id={id} />}</Route>
      <Route>
        <Lost text={words.fail.lost} />
      </Route>
    </Switch>
  )
}

/** What is of a project stands in it; what is of an account stands in the project of it that one was in last. */
function projectOf(me: Me, kind: string, id: string): Project | null {
  const mine = me.projects ?? []
  const last = lastProject.get()
  const ofAccount = mine.filter((p) => p.account === id)
  const found =
    kind === 'p' ? mine.find((p) => p.slug === id) : (ofAccount.find((p) => p.slug === last) ?? ofAccount[0])
  // who looks as a tenant is told of its projects, too; what is not among them is not there
  if (found?.slug === undefined) return null
  const account = me.accounts?.find((a) => a.id === found.account)
  return {
    slug: found.slug,
    name: found.name ?? found.slug,
    account: found.account ?? '',
    accountName: account?.name ?? '',
    roles: found.roles ?? [],
    accountRoles: account?.roles ?? [],
    me,
  }
}

function Inside({ me, kind, id }: { me: Me; kind: string | undefined; id: string | undefined }) {
  const project = projectOf(me, kind ?? '', decodeURIComponent(id ?? ''))
  const slug = project?.slug
  useEffect(() => {
    if (slug !== undefined) lastProject.keep(slug)
  }, [slug])
  if (project === null) return <Lost text={words.fail.lost} />
  return (
    <ProjectContext.Provider value={project}>
      <LiveProvider slug={project.slug}>
        <Shell>
          <Suspense fallback={<Bones heights={[28, 120, 320]} />}>
            <Switch>
              <Route path={routes.overview} component={Overview} />
              <Route path={routes.sandboxes} component={Sandboxes} />
              <Route path={routes.sandbox}>{({ id: box }) => <SandboxPage key={box} id={box} />}</Route>
              <Route path={routes.keys} component={Keys} />
              <Route path={routes.members} component={Members} />
              <Route path={routes.limits} component={Limits} />
              <Route path={routes.audit} component={Audit} />
              <Route path={routes.usage} component={Usage} />
              <Route path={routes.calculator} component={Calculator} />
              <Route path={routes.invoices} component={Invoices} />
              <Route path={routes.statements} component={Statements} />
              <Route path={routes.plan} component={Plan} />
              <Route path={routes.exports} component={Exports} />
              <Route path={routes.account} component={Account} />
              <Route path={routes.check} component={Check} />
              <Route path={routes.invoice}>{({ number }) => <InvoicePage key={number} number={number} />}</Route>
              <Route path={routes.seconds}>
                {({ number, hash }) => <SecondsPage key={hash} number={number} hash={hash} />}
              </Route>
              <Route path={routes.statement}>{({ number }) => <StatementPage key={number} number={number} />}</Route>
              <Route>
                <Lost text={words.fail.lost} />
              </Route>
            </Switch>
          </Suspense>
        </Shell>
      </LiveProvider>
    </ProjectContext.Provider>
  )
}

function Lost({ text }: { text: string }) {
  return (
    <main style={{ maxInlineSize: 480, margin: '15vh auto', padding: 16, display: 'grid', gap: 12 }}>
      <h1>{text}</h1>
      <p>{words.fail.lostCure}</p>
      <p>
        <a href="/console/">{words.name}</a>
      </p>
    </main>
  )
}
