// Sandboxes of whatever tenant, as far as a filter leaves them; each can be ended, with a reason that its people read.
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { api, must } from '../../../live/api'
import type { SeenSandbox } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Copy } from '../../../parts/Copy'
import { type Column, List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { causeWord, StateWord } from '../../../parts/StateWord'
import { useNow } from '../../../parts/useNow'
import { words } from '../../../words'
import { age, mib, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from } from '../ops'
import { HostLink, TenantLink } from '../parts'

const w = ops.sandboxes

export type SeenFilter = {
  state?: SeenSandbox['state']
  account?: string
  project?: string
  worker?: number
  id?: string
}

export function SeenList({ filter, empty }: { filter: SeenFilter; empty?: ReactNode }) {
  const queries = useQueryClient()
  const now = useNow(5000)
  const [killed, kill] = useState<SeenSandbox | null>(null)
  const list = useRows<SeenSandbox>(
    ['ops', 'sandboxes', filter],
    (cursor) => must(api.GET('/v1/ops/sandboxes', { params: { query: { ...filter, ...from(cursor, 100) } } })),
    { every: 5000 },
  )
  const c = w.columns
  const columns: Column<SeenSandbox>[] = [
    {
      id: 'id',
      title: c.id,
      cell: (row) => (
        <span className={parts.value}>
          <span className={parts.mono}>{row.id}</span>
          <Copy text={row.id} label={words.box.copyId} onlyIcon />
        </span>
      ),
    },
    { id: 'state', title: c.state, cell: (row) => <StateWord state={row.state} whose={row.whose} /> },
    {
      id: 'tenant',
      title: c.tenant,
      wide: true,
      cell: (row) => (
        <>
          <TenantLink id={row.account} name={row.account_name} />{' '}
          <span className={`${parts.hint} ${parts.mono}`}>{plain(row.project)}</span>
        </>
      ),
    },
    { id: 'host', title: c.host, cell: (row) => <HostLink no={row.worker} name={row.worker_name} /> },
    { id: 'template', title: c.template, cell: (row) => plain(row.alias ?? row.template) },
    { id: 'size', title: c.size, cell: (row) => `${row.vcpus}c ${mib(row.mem_mib)}` },
    { id: 'age', title: c.age, end: true, cell: (row) => age(row.created_at, now) },
    {
      id: 'why',
      title: c.why,
      wide: true,
      cell: (row) =>
        row.cause === null ? null : (
          <>
            {causeWord(row.cause)}
            {row.detail === null || row.detail === '' ? null : <span className={parts.hint}> {plain(row.detail)}</span>}
          </>
        ),
    },
    {
      id: 'acts',
      title: c.acts,
      end: true,
      acts: true,
      cell: (row) =>
        row.state === 'ended' ? null : (
          <Button kind="quietDanger" acts isDisabled={row.state === 'ending'} onPress={() => kill(row)}>
            {w.kill}
          </Button>
        ),
    },
  ]
  return (
    <>
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={empty ?? <span className={parts.dim}>{w.empty}</span>}
        columns={columns.filter(({ id }) => filter.worker === undefined || id !== 'host')}
      />
      {killed === null ? null : (
        <Act
          name={`kill:${killed.id}`}
          title={w.killTitle(killed.id)}
          go={w.kill}
          danger
          run={(reason) =>
            must(api.DELETE('/v1/ops/sandboxes/{id}', { params: { path: { id: killed.id } }, body: { reason } }))
          }
          done={() => {
            kill(null)
            void queries.invalidateQueries({ queryKey: ['ops', 'sandboxes'] })
          }}
          close={() => kill(null)}
        >
          <p>{w.killLoses(plain(killed.account_name))}</p>
        </Act>
      )}
    </>
  )
}
