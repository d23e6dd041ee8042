// One tenant: what keeps it, what it has and may have, who is in it; and what an operator may do about it.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { routes, to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { AccountDetail, Hold } from '../../../live/types'
import { allOf } from '../../../live/useRows'
import { Bones } from '../../../parts/Bones'
import { Copy } from '../../../parts/Copy'
import { DenialCard } from '../../../parts/DenialCard'
import { Facts } from '../../../parts/Facts'
import { Icon } from '../../../parts/Icon'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { causeWord } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, mib, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { project } from '../../../words/project'
import { IssueButton } from '../invoices/Orders'
import { Section, Word, whoWord } from '../parts'
import { Acts, SetLimit } from './Acts'
import { Credits } from './Credits'
import type { Tier } from './Tenants'

const w = ops.tenant

export default function TenantPage({ id }: { id: string }) {
  const prefs = usePrefs()
  const query = useQuery({
    queryKey: ['ops', 'account', id],
    queryFn: () =>
      must(api.GET('/v1/ops/accounts/{id}', { params: { path: { id } } })) as unknown as Promise<AccountDetail>,
    refetchInterval: 5000,
  })
  const one = query.data
  const back = (
    <Link href={routes.opsTenants} className={parts.back}>
      <Icon name="back" />
      {ops.tenants.title}
    </Link>
  )
  if (one === undefined) {
    return (
      <div className={parts.page}>
        {back}
        {query.error === null ? (
          <Bones heights={[28, 96, 240]} />
        ) : (
          <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
        )}
      </div>
    )
  }
  const running = one.projects.reduce((sum, p) => sum + p.running, 0)
  const asleep = one.projects.reduce((sum, p) => sum + p.asleep_mib, 0)
  const f = w.facts
  return (
    <div className={parts.page}>
      {back}
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{plain(one.name)}</h1>
          <Acts of={one} running={running} />
        </div>
        <Standing of={one} />
      </div>
      <Facts
        rows={[
          [
            f.id,
            <span key="id" className={`${parts.value} ${parts.mono}`}>
              {one.id}
              <Copy text={one.id} onlyIcon />
            </span>,
          ],
          [f.tier, ops.tenants.tiers[one.tier as Tier] ?? plain(one.tier)],
          [f.currency, plain(one.currency)],
          [f.country, plain(one.country)],
          [
            f.running,
            <Link key="running" href={to.opsSandboxes(`?account=${one.id}`)}>
              {running.toLocaleString('en')}
            </Link>,
          ],
          [f.asleep, mib(asleep)],
          [f.since, clock(one.created_at, prefs)],
        ]}
      />
      <Projects of={one} />
      <Limits of={one} />
      <Credits account={one.id} currency={one.currency} />
      <Section id="invoices" title={w.invoices} act={<IssueButton account={one.id} />}>
        <p>
          <Link href={to.opsInvoices()}>{w.allInvoices}</Link>,{' '}
          <Link href={to.opsInvoices('?tab=orders')}>{w.allOrders}</Link>
        </p>
      </Section>
      <Members of={one} />
      <Plans of={one} />
    </div>
  )
}

function Standing({ of }: { of: AccountDetail }) {
  if (of.blocked === null && !of.banned && of.holds.length === 0) {
    return (
      <p>
        <Word look="good" sentence>
          {w.good}
        </Word>
      </p>
    )
  }
  return (
    <ul className={parts.block}>
      {of.banned ? (
        <li>
          <Word look="fault">{ops.tenants.banned}</Word>
        </li>
      ) : null}
      {of.blocked === null ? null : (
        <li>
          <Word look="rule" sentence>
            {ops.tenants.blockedFor(plain(of.blocked))}
          </Word>
        </li>
      )}
      {of.holds.map((hold) => (
        <li key={`${hold.project ?? ''}${hold.cause}`}>
          <Held of={hold} />
        </li>
      ))}
    </ul>
  )
}

function Held({ of }: { of: Hold }) {
  const prefs = usePrefs()
  return (
    <>
      <Word look="rule" sentence>
        {of.project === null ? '' : `${plain(of.project)}: `}
        {causeWord(of.cause)}
      </Word>{' '}
      <span className={parts.dim}>
        {w.heldBy(whoWord(of.set_by), clock(of.at, prefs), plain(of.reason))}
        {of.until === null ? '' : ` ${w.until(clock(of.until, prefs))}`}
      </span>{' '}
      <strong>{of.running > 0 ? w.stillRun(of.running) : w.allSleep}</strong>
    </>
  )
}

function Projects({ of }: { of: AccountDetail }) {
  const prefs = usePrefs()
  const c = w.projectColumns
  return (
    <Section id="projects" title={w.projects}>
      <List
        label={w.projects}
        list={allOf(of.projects)}
        id={(row) => row.id}
        empty={<span className={parts.dim}>{w.noProjects}</span>}
        columns={[
          {
            id: 'name',
            title: c.name,
            cell: (row) => (
              <>
                <Link href={to.opsSandboxes(`?project=${encodeURIComponent(row.slug)}`)}>{plain(row.name)}</Link>{' '}
                <span className={`${parts.hint} ${parts.mono}`}>{plain(row.slug)}</span>
              </>
            ),
          },
          { id: 'region', title: c.region, cell: (row) => plain(row.region) },
          { id: 'running', title: c.running, end: true, cell: (row) => row.running.toLocaleString('en') },
          { id: 'asleep', title: c.asleep, end: true, cell: (row) => mib(row.asleep_mib) },
          { id: 'since', title: c.since, cell: (row) => clock(row.created_at, prefs) },
        ]}
      />
    </Section>
  )
}

function Limits({ of }: { of: AccountDetail }) {
  const prefs = usePrefs()
  const c = w.limitColumns
  return (
    <Section id="limits" title={w.limits} act={<SetLimit of={of} />}>
      <List
        label={w.limits}
        list={allOf(of.limits)}
        id={(row) => `${row.project ?? ''} ${row.name} ${row.set_at}`}
        empty={<span className={parts.dim}>{w.noLimits}</span>}
        columns={[
          { id: 'name', title: c.name, cell: (row) => <span className={parts.mono}>{plain(row.name)}</span> },
          { id: 'of', title: c.of, cell: (row) => (row.project === null ? w.ofAccount : plain(row.project)) },
          { id: 'limit', title: c.limit, end: true, cell: (row) => row.limit.toLocaleString('en') },
          {
            id: 'why',
            title: c.why,
            wide: true,
            cell: (row) => `${whoWord(row.set_by)}, ${clock(row.set_at, prefs)}: ${plain(row.reason)}`,
          },
          { id: 'until', title: c.until, cell: (row) => (row.until === null ? words.never : clock(row.until, prefs)) },
        ]}
      />
    </Section>
  )
}

function Members({ of }: { of: AccountDetail }) {
  const prefs = usePrefs()
  const c = w.memberColumns
  return (
    <Section id="members" title={w.members}>
      <List
        label={w.members}
        list={allOf(of.members)}
        id={(row) => `${row.id}${row.project ?? ''}`}
        empty={<span className={parts.dim}>{w.noMembers}</span>}
        columns={[
          {
            id: 'who',
            title: c.who,
            cell: (row) => (
              <>
                {plain(row.name)} <span className={parts.dim}>{plain(row.email)}</span>
                {row.confirmed ? null : <span className={parts.tag}>{project.members.unconfirmed}</span>}
              </>
            ),
          },
          { id: 'role', title: c.role, cell: (row) => plain(row.role) },
          { id: 'of', title: c.of, cell: (row) => (row.project === null ? w.ofAccount : plain(row.project)) },
          { id: 'second', title: c.second, cell: (row) => (row.totp ? project.members.on : project.members.off) },
          { id: 'since', title: c.since, cell: (row) => clock(row.added_at, prefs) },
        ]}
      />
    </Section>
  )
}

function Plans({ of }: { of: AccountDetail }) {
  const prefs = usePrefs()
  const c = w.planColumns
  return (
    <Section id="plans" title={w.plans}>
      <List
        label={w.plans}
        list={allOf(of.plans)}
        id={(row) => row.from}
        empty={<span className={parts.dim}>{words.none}</span>}
        columns={[
          { id: 'tier', title: c.tier, cell: (row) => ops.tenants.tiers[row.tier as Tier] ?? plain(row.tier) },
          { id: 'included', title: c.included, end: true, cell: (row) => w.seconds(row.included_s) },
          { id: 'from', title: c.from, cell: (row) => clock(row.from, prefs) },
        ]}
      />
    </Section>
  )
}
