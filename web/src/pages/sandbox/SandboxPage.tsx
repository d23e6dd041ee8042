// One sandbox: what it is now and why, what can be done, and all that it went through.
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components'
import { Link, useLocation, useSearch } from 'wouter'
import { useKeys } from '../../app/keys'
import { usePrefs } from '../../app/prefs'
import { mayAct, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { asFail } from '../../live/fail'
import { sandbox as sandboxQuery } from '../../live/queries'
import type { Sandbox } from '../../live/types'
import { useAct } from '../../live/useAct'
import { Bones } from '../../parts/Bones'
import { Copy, copyText } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Icon } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { causeWord, StateWord } from '../../parts/StateWord'
import { words } from '../../words'
import { clock, plain, short } from '../../words/format'
import { Acts } from './Acts'
import { Facts } from './Facts'
import { Life } from './Life'
import { Logs } from './Logs'
import { Metrics } from './Metrics'
import { Reach } from './Reach'
import css from './Sandbox.module.css'

const Terminal = lazy(() => import('./Terminal'))
const Files = lazy(() => import('./Files'))
const Lineage = lazy(() => import('./Lineage'))
const Cost = lazy(() => import('./Cost'))

const TABS = ['life', 'metrics', 'logs', 'terminal', 'files', 'lineage', 'cost'] as const
type TabName = (typeof TABS)[number]

export default function SandboxPage({ id }: { id: string }) {
  const project = useProject()
  const { slug } = project
  const [, navigate] = useLocation()
  const asked = new URLSearchParams(useSearch()).get('tab')
  const tab: TabName = TABS.find((t) => t === asked) ?? 'life'
  const query = useQuery(sandboxQuery(slug, id))
  const act = useAct(slug)
  const box = query.data
  const go = (t: TabName) => navigate(to.sandbox(slug, id, t), { replace: true })
  const beside = (by: number) => () => go(TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] ?? 'life')
  useKeys({
    '[': beside(-1),
    ']': beside(1),
    c: () => void copyText(id),
    p: () => {
      if (box === undefined || !mayAct(project) || act.isPending) return
      if (box.state === 'running') act.mutate({ id, act: 'pause' })
      if (box.state === 'paused') act.mutate({ id, act: 'resume' })
    },
  })
  const back = (
    <Link href={to.sandboxes(slug)} className={parts.back}>
      <Icon name="back" />
      {words.box.back}
    </Link>
  )
  if (box === undefined) {
    return (
      <div className={css.page}>
        {back}
        {query.error === null ? (
          <Bones heights={[36, 24, 96, 40, 240]} />
        ) : (
          <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
        )}
      </div>
    )
  }
  return (
    <div className={css.page}>
      {back}
      <div className={css.head}>
        <h1 className={css.title}>
          {id}
          <Copy text={id} label={words.box.copyId} onlyIcon />
        </h1>
        <Acts box={box} act={act} />
      </div>
      <First box={box} />
      {act.error === null ? null : (
        <DenialCard
          fail={asFail(act.error)}
          {...(act.variables === undefined ? {} : { onRetry: () => act.mutate(act.variables) })}
        />
      )}
      <Facts box={box} />
      <Tabs
        className={css.tabs ?? ''}
        selectedKey={tab}
        onSelectionChange={(now) => go(TABS.find((t) => t === now) ?? 'life')}
      >
        <TabList className={parts.tabs ?? ''} aria-label={short(id)}>
          {TABS.map((name) => (
            <Tab key={name} id={name} className={parts.tab ?? ''}>
              {words.box.tabs[name]}
            </Tab>
          ))}
        </TabList>
        <TabPanel id="life" className={parts.panel ?? ''}>
          <Life box={box} />
        </TabPanel>
        <TabPanel id="metrics" className={parts.panel ?? ''}>
          <Metrics box={box} />
        </TabPanel>
        <TabPanel id="logs" className={parts.panel ?? ''}>
          <Logs box={box} />
        </TabPanel>
        <TabPanel id="terminal" className={parts.panel ?? ''}>
          <Reach box={box} act={act}>
            <Suspense fallback={<Bones heights={[320]} />}>
              <Terminal box={box} />
            </Suspense>
          </Reach>
        </TabPanel>
        <TabPanel id="files" className={parts.panel ?? ''}>
          <Reach box={box} act={act}>
            <Suspense fallback={<Bones heights={[40, 240]} />}>
              <Files box={box} />
            </Suspense>
          </Reach>
        </TabPanel>
        <TabPanel id="lineage" className={parts.panel ?? ''}>
          <Suspense fallback={<Bones heights={[40, 40, 40]} />}>
            <Lineage box={box} />
          </Suspense>
        </TabPanel>
        <TabPanel id="cost" className={parts.panel ?? ''}>
          <Suspense fallback={<Bones heights={[96, 140]} />}>
            <Cost box={box} />
          </Suspense>
        </TabPanel>
      </Tabs>
    </div>
  )
}

/** The first line answers "why": state, since when, cause, and what to do. */
function First({ box }: { box: Sandbox }) {
  const prefs = usePrefs()
  const still = box.state === 'paused' || box.state === 'ended'
  const at = box.state === 'paused' ? box.paused_at : box.state === 'ended' ? box.ended_at : box.started_at
  const cure = still && box.cause !== null ? words.causeCure[box.cause] : undefined
  return (
    <p className={css.first}>
      <StateWord state={box.state} whose={box.whose} />
      <span>
        {at === null ? '' : words.box.since(clock(at, prefs))}
        {still && box.cause !== null ? `: ${causeWord(box.cause)}` : ''}
        {still && box.whose !== null && box.whose !== 'customer' ? ` (${words.whose[box.whose]})` : ''}
      </span>
      {cure === undefined ? null : <span className={css.cure}>{plain(cure)}</span>}
    </p>
  )
}
