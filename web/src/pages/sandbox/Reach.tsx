// Who may reach into a sandbox does so while it runs; asleep it is offered to be woken, and what that costs is said.
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { may, mayAccount, useProject } from '../../app/project'
import { rolesWith } from '../../app/rights'
import { api, must } from '../../live/api'
import type { Sandbox } from '../../live/types'
import type { useAct } from '../../live/useAct'
import { Amount } from '../../parts/Amount'
import { Button } from '../../parts/Button'
import { Icon } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { inside as w } from '../../words/inside'

/** children stay mounted while it sleeps: a terminal keeps its screen. */
export function Reach({ box, act, children }: { box: Sandbox; act: ReturnType<typeof useAct>; children: ReactNode }) {
  const project = useProject()
  if (!may(project, 'sandbox.reach')) {
    return (
      <div className={`${parts.card} ${parts.empty}`}>
        <strong>{w.noRight}</strong>
        <p>{words.noRight.act(rolesWith('sandbox.reach'))}</p>
      </div>
    )
  }
  if (box.state === 'ended' || box.state === 'ending')
    return <p className={`${parts.card} ${parts.empty}`}>{w.ended}</p>
  return (
    <div className={parts.block}>
      {box.state === 'running' ? null : box.state === 'paused' ? (
        <div className={`${parts.card} ${parts.empty}`}>
          <strong>{w.asleep}</strong>
          <Costs box={box} />
          <Button
            kind="primary"
            acts
            isPending={act.isPending}
            onPress={() => act.mutate({ id: box.id, act: 'resume' })}
          >
            <Icon name="wake" />
            {w.wake}
          </Button>
        </div>
      ) : (
        <p className={`${parts.card} ${parts.empty}`}>{w.changing}</p>
      )}
      {children}
    </div>
  )
}

function Costs({ box }: { box: Sandbox }) {
  const project = useProject()
  const { account } = project
  const { vcpus = 1, memory_mib = 256 } = box.spec
  const { data } = useQuery({
    queryKey: ['hour', account, vcpus, memory_mib],
    queryFn: () =>
      must(
        api.POST('/v1/accounts/{id}/estimate', {
          params: { path: { id: account } },
          body: { vcpus, memory_mib, region: box.region },
        }),
      ),
    enabled: mayAccount(project, 'usage.read'),
    staleTime: 600_000,
  })
  if (data === undefined) return null
  const [before, after] = w.costs('|').split('|')
  return (
    <p>
      {before}
      <Amount value={data.hour.running} currency={data.currency} short />
      {after}
    </p>
  )
}
