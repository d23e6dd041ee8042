import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import type { Sandbox } from '../../live/types'
import parts from '../../parts/parts.module.css'
import { useNow } from '../../parts/useNow'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, mib, plain, span } from '../../words/format'
import css from './Sandbox.module.css'

export function Facts({ box }: { box: Sandbox }) {
  const { slug, account } = useProject()
  const prefs = usePrefs()
  const now = useNow()
  const f = words.box.facts
  const spec = (s: { vcpus?: number | undefined; memory_mib?: number | undefined }) =>
    `${s.vcpus ?? 0} vCPU, ${mib(s.memory_mib ?? 0)}`
  const left = box.end_at === null ? null : (new Date(box.end_at).getTime() - now.getTime()) / 1000
  const rows: [string, React.ReactNode][] = [
    [f.template, plain(box.alias ?? box.template)],
    [f.spec, `${spec(box.spec)} (table ${box.spec.table ?? 1})`],
    [f.asked, spec(box.asked)],
    [f.disk, mib(box.spec.disk_mib ?? 0)],
    [
      f.key,
      box.key === null ? (
        '–'
      ) : (
        <Link href={to.sandboxes(slug, `?key=${box.key.id ?? ''}`)}>{plain(box.key.name ?? box.key.id ?? '')}</Link>
      ),
    ],
    [f.region, box.region],
    [f.epoch, box.epoch],
    [f.created, clock(box.created_at, prefs)],
    ...(box.state === 'running' && box.end_at !== null && left !== null
      ? ([[box.on_timeout === 'pause' ? f.sleeps : f.ends, `${clock(box.end_at, prefs)}, in ${span(left)}`]] as [
          string,
          React.ReactNode,
        ][])
      : []),
    ...(box.expires_at === null ? [] : ([[f.expires, clock(box.expires_at, prefs)]] as [string, React.ReactNode][])),
    ...(box.allow_internet == null
      ? []
      : ([[f.network, box.allow_internet ? words.box.on : words.box.off]] as [string, React.ReactNode][])),
    [
      billing.calculator.title,
      <Link key="calculator" href={to.calculator(account, `?box=${encodeURIComponent(box.id)}`)}>
        {billing.calculator.whatIf}
      </Link>,
    ],
  ]
  const metadata = Object.entries(box.metadata)
  return (
    <dl className={`${parts.card} ${css.facts}`}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {metadata.length === 0 ? null : (
        <div style={{ gridColumn: '1 / -1' }}>
          <dt>{f.metadata}</dt>
          <dd className={parts.row}>
            {metadata.map(([name, value]) => (
              <Link
                key={name}
                className={parts.mono}
                href={to.sandboxes(slug, `?metadata=${encodeURIComponent(`${name}=${value}`)}`)}
              >
                {plain(name)}={plain(value)}
              </Link>
            ))}
          </dd>
        </div>
      )}
    </dl>
  )
}
