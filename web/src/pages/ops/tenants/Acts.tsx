// What an operator may do to a tenant. What is about money asks for the second factor; what only stops something does not wait for it.
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useLocation } from 'wouter'
import { api, must } from '../../../live/api'
import { look } from '../../../live/look'
import type { AccountDetail } from '../../../live/types'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { Field } from '../../../parts/Field'
import parts from '../../../parts/parts.module.css'
import { plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { TIERS, type Tier } from './Tenants'

const w = ops.tenant.acts

/** The answer of an act is the tenant as it is then. */
function useKnow(id: string): (answer: unknown) => void {
  const queries = useQueryClient()
  return (answer) => {
    queries.setQueryData(['ops', 'account', id], answer)
    void queries.invalidateQueries({ queryKey: ['ops', 'accounts'] })
  }
}

type Asked = 'look' | 'tier' | 'suspend' | 'unsuspend' | 'block' | 'unblock'

export function Acts({ of, running }: { of: AccountDetail; running: number }) {
  const [asked, ask] = useState<Asked | null>(null)
  const close = () => ask(null)
  const suspended = of.holds.some((hold) => hold.cause === 'suspended_unpaid' && hold.project === null)
  const stop: Asked = suspended ? 'unsuspend' : 'suspend'
  const block: Asked = of.blocked === null ? 'block' : 'unblock'
  return (
    <div className={parts.row}>
      <Button acts onPress={() => ask('look')}>
        {w.look.go}
      </Button>
      <Button acts onPress={() => ask('tier')}>
        {w.tier.go}
      </Button>
      <Button acts kind={block === 'block' ? 'danger' : 'plain'} onPress={() => ask(block)}>
        {w[block].go}
      </Button>
      <Button acts kind={stop === 'suspend' ? 'danger' : 'plain'} onPress={() => ask(stop)}>
        {w[stop].go}
      </Button>
      {asked === 'look' ? <Look of={of} close={close} /> : null}
      {asked === 'tier' ? <OtherTier of={of} close={close} /> : null}
      {asked === 'suspend' || asked === 'unsuspend' || asked === 'block' || asked === 'unblock' ? (
        <Simple of={of} act={asked} close={close}>
          {asked === 'suspend' ? <strong>{w.suspend.willSleep(running)}</strong> : null}
        </Simple>
      ) : null}
    </div>
  )
}

function Simple({
  of,
  act,
  close,
  children,
}: {
  of: AccountDetail
  act: 'suspend' | 'unsuspend' | 'block' | 'unblock'
  close: () => void
  children: ReactNode
}) {
  const know = useKnow(of.id)
  const { title, go, why } = w[act]
  const paths = {
    suspend: '/v1/ops/accounts/{id}/suspend',
    unsuspend: '/v1/ops/accounts/{id}/unsuspend',
    block: '/v1/ops/accounts/{id}/block',
    unblock: '/v1/ops/accounts/{id}/unblock',
  } as const
  return (
    <Act
      name={`${act}:${of.id}`}
      title={title(plain(of.name))}
      go={go}
      danger={act === 'suspend' || act === 'block'}
      run={(reason) => must(api.POST(paths[act], { params: { path: { id: of.id } }, body: { reason } }))}
      done={(answer) => {
        know(answer)
        close()
      }}
      close={close}
    >
      <p>{why}</p>
      {children}
    </Act>
  )
}

function Look({ of, close }: { of: AccountDetail; close: () => void }) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  return (
    <Act
      name={`look:${of.id}`}
      title={w.look.title(plain(of.name))}
      go={w.look.go}
      run={(reason) =>
        must(api.POST('/v1/ops/accounts/{id}/impersonate', { params: { path: { id: of.id } }, body: { reason } }))
      }
      done={({ id }) => {
        look.begin(id)
        queries.clear()
        navigate('/')
      }}
      close={close}
    >
      <p>{w.look.why}</p>
    </Act>
  )
}

function OtherTier({ of, close }: { of: AccountDetail; close: () => void }) {
  const know = useKnow(of.id)
  const [tier, setTier] = useState<Tier>(TIERS.find((one) => one !== of.tier) ?? 'free')
  return (
    <Act
      name={`tier:${of.id}`}
      title={w.tier.title(plain(of.name))}
      go={w.tier.go}
      run={(reason) =>
        must(api.POST('/v1/ops/accounts/{id}/tier', { params: { path: { id: of.id } }, body: { tier, reason } }))
      }
      done={(answer) => {
        know(answer)
        close()
      }}
      close={close}
    >
      <p>{w.tier.why}</p>
      <Choice
        label={w.tier.to}
        value={tier}
        of={TIERS.filter((id) => id !== of.tier).map((id) => ({ id, text: ops.tenants.tiers[id] }))}
        onChange={setTier}
      />
    </Act>
  )
}

const LIMITS = [
  'running_max',
  'create_rate',
  'request_rate',
  'vcpus_max',
  'mem_mib_max',
  'disk_mib_max',
  'timeout_s_max',
  'vcpus_total_max',
  'mem_mib_total_max',
  'asleep_disk_mib_max',
  'asleep_days_max',
  'snapshots_max',
  'snapshot_mib_max',
  'concurrent_builds_max',
  'projects_max',
  'included_seconds',
  'month_seconds_max',
  'spend_cap_micros',
  'invocation_vcpus',
  'invocation_mem_mib',
  'invocation_disk_mib',
  'invocation_timeout_s',
] as const

/** For so long, in days; 0: until it is set again. */
const TERMS = ['0', '1', '7', '30', '90'] as const

export function SetLimit({ of }: { of: AccountDetail }) {
  const know = useKnow(of.id)
  const [asked, ask] = useState(false)
  const [name, setName] = useState<(typeof LIMITS)[number]>('running_max')
  const [project, setProject] = useState('')
  const [bound, setBound] = useState('')
  const [days, setDays] = useState<(typeof TERMS)[number]>('0')
  const whole = /^\d{1,15}$/.test(bound.trim())
  return (
    <>
      <Button acts onPress={() => ask(true)}>
        {w.limit.go}
      </Button>
      {asked ? (
        <Act
          name={`limit:${of.id}`}
          title={w.limit.title(plain(of.name))}
          go={w.limit.set}
          ready={whole}
          run={(reason) =>
            must(
              api.POST('/v1/ops/accounts/{id}/limits', {
                params: { path: { id: of.id } },
                body: {
                  name,
                  limit: Number.parseInt(bound, 10),
                  reason,
                  ...(project === '' ? {} : { project }),
                  ...(days === '0'
                    ? {}
                    : { until: new Date(Date.now() + Number.parseInt(days, 10) * 86_400_000).toISOString() }),
                },
              }),
            )
          }
          done={(answer) => {
            know(answer)
            ask(false)
            setBound('')
          }}
          close={() => ask(false)}
        >
          <Choice label={w.limit.name} value={name} of={LIMITS.map((id) => ({ id, text: id }))} onChange={setName} />
          <Choice
            label={w.limit.of}
            value={project}
            of={[
              { id: '', text: ops.tenant.ofAccount },
              ...of.projects.map(({ slug, name: called }) => ({ id: slug, text: plain(called) })),
            ]}
            onChange={setProject}
          />
          <Field
            label={w.limit.bound}
            hint={w.limit.boundHint}
            value={bound}
            onChange={setBound}
            inputMode="numeric"
            isInvalid={bound !== '' && !whole}
            isRequired
            mono
          />
          <Choice
            label={w.limit.until}
            value={days}
            of={TERMS.map((id) => ({ id, text: w.limit.terms[id] }))}
            onChange={setDays}
          />
        </Act>
      ) : null}
    </>
  )
}
