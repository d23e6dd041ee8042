// Who is in the account as a whole, and handing it over.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Member } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Confirm } from '../../parts/Confirm'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { account as words_ } from '../../words/account'
import { clock, plain } from '../../words/format'
import { project as projectWords } from '../../words/project'

const w = words_.owners
const m = projectWords.members

export function Owners() {
  const project = useProject()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [heir, setHeir] = useState<Member | null>(null)
  const owner = mayAccount(project, 'account.own')
  const me = project.me.user?.id
  const list = useRows<Member>(['account-members', project.account], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/members', {
        params: { path: { id: project.account }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const act = useMutation({
    mutationFn: (person: string) =>
      must(api.POST('/v1/accounts/{id}/transfer', { params: { path: { id: project.account } }, body: { person } })),
    onSuccess: () => {
      setHeir(null)
      void queries.invalidateQueries()
    },
  })
  const c = w.columns
  const called = (who: Member) => plain(who.name || who.email)
  return (
    <section className={parts.block} aria-labelledby="owners">
      <div className={parts.head}>
        <h2 id="owners">{w.title}</h2>
        <Link href={to.members(project.slug)}>{m.title}</Link>
      </div>
      <p className={parts.lead}>{w.lead}</p>
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={<strong>{w.empty}</strong>}
        columns={[
          {
            id: 'who',
            title: c.who,
            cell: (row) => (
              <>
                <strong>{plain(row.name)}</strong> <span className={parts.dim}>{plain(row.email)}</span>
                {row.id === me ? <span className={parts.tag}>{m.you}</span> : null}
              </>
            ),
          },
          { id: 'role', title: c.role, cell: (row) => <span title={m.roleDoes[row.role]}>{m.roles[row.role]}</span> },
          { id: 'second', title: c.second, cell: (row) => (row.second_factor ? m.on : m.off) },
          { id: 'since', title: c.since, cell: (row) => clock(row.added_at, prefs) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              row.id === me || row.role === 'owner' ? null : (
                <Button kind="quiet" isDisabled={!owner} onPress={() => setHeir(row)}>
                  {w.transfer}
                </Button>
              ),
          },
        ]}
      />
      {owner ? null : <p className={parts.hint}>{words.noRight.act(['owner'])}</p>}
      {heir === null ? null : (
        <Confirm
          title={w.transferTitle(called(heir))}
          go={w.transfer}
          pending={act.isPending}
          fail={act.error === null ? null : asFail(act.error)}
          onGo={() => act.mutate(heir.id)}
          onClose={() => {
            act.reset()
            setHeir(null)
          }}
        >
          <p>{w.transferLoses}</p>
        </Confirm>
      )}
    </section>
  )
}
