// Who sees and does what: members of the project and of its account, and who is invited and has not come yet.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { may, mayAccount, type Project, useProject } from '../../app/project'
import { ROLES, type Role, rolesWith, within } from '../../app/rights'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Member } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { Confirm } from '../../parts/Confirm'
import { DenialCard } from '../../parts/DenialCard'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock, plain } from '../../words/format'
import { project as words_ } from '../../words/project'
import { Invitations } from './Invitations'
import { Invite } from './Invite'

const w = words_.members

/** Owner and billing are roles in an account alone. */
export const rolesOf = (where: 'account' | 'project'): Role[] =>
  ROLES.filter((role) => where === 'account' || (role !== 'owner' && role !== 'billing'))
/** Who may change a member of an account has to be somebody in the account. */
export const ownRoles = (project: Project, where: 'account' | 'project') =>
  where === 'account' ? project.accountRoles : project.roles
export const mayChange = (project: Project, where: 'account' | 'project') =>
  where === 'account' ? mayAccount(project, 'member.change') : may(project, 'member.change')

export default function Members() {
  const project = useProject()
  const { slug } = project
  const prefs = usePrefs()
  const [inviting, setInviting] = useState(false)
  const [removed, setRemoved] = useState<Member | null>(null)
  const change = mayChange(project, 'project')
  const me = project.me.user?.id
  const list = useRows<Member>(['memberlist', slug], (cursor) =>
    must(
      api.GET('/v1/projects/{slug}/members', {
        params: { path: { slug }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.title}</h1>
          <Button kind="primary" isDisabled={!change} onPress={() => setInviting(true)}>
            {w.invite}
          </Button>
        </div>
        <p className={parts.lead}>{change ? w.lead : words.noRight.act(rolesWith('member.change'))}</p>
      </div>
      <List
        label={w.title}
        list={list}
        id={(m) => `${m.of}${m.id}`}
        empty={<strong>{words.none}</strong>}
        columns={[
          {
            id: 'who',
            title: c.who,
            cell: (m) => (
              <>
                <strong>{plain(m.name)}</strong> <span className={parts.dim}>{plain(m.email)}</span>
                {m.id === me ? <span className={parts.tag}>{w.you}</span> : null}
                {m.confirmed ? null : <span className={parts.tag}>{w.unconfirmed}</span>}
              </>
            ),
          },
          { id: 'role', title: c.role, cell: (m) => <RoleOf member={m} /> },
          { id: 'of', title: c.of, cell: (m) => (m.of === 'account' ? w.ofAccount : w.ofProject) },
          {
            id: 'second',
            title: c.second,
            cell: (m) => (m.second_factor ? w.on : <span className={parts.dim}>{w.off}</span>),
          },
          { id: 'since', title: c.since, cell: (m) => clock(m.added_at, prefs) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (m) => (
              <Button
                kind="quietDanger"
                isDisabled={m.id !== me && !(mayChange(project, m.of) && within(m.role, ownRoles(project, m.of)))}
                onPress={() => setRemoved(m)}
              >
                {m.id === me ? w.leave : w.remove}
              </Button>
            ),
          },
        ]}
      />
      <Invitations />
      {inviting ? <Invite close={() => setInviting(false)} /> : null}
      {removed === null ? null : <Remove member={removed} self={removed.id === me} close={() => setRemoved(null)} />}
    </div>
  )
}

/** Members are known under two names: to this page, and to all that call somebody by his name. */
export function useMembersAnew(): () => void {
  const { slug } = useProject()
  const queries = useQueryClient()
  return () => {
    for (const kind of ['memberlist', 'members']) void queries.invalidateQueries({ queryKey: [kind, slug] })
  }
}

function RoleOf({ member }: { member: Member }) {
  const project = useProject()
  const anew = useMembersAnew()
  const own = ownRoles(project, member.of)
  const act = useMutation({
    mutationFn: (role: Role) =>
      member.of === 'account'
        ? must(
            api.PATCH('/v1/accounts/{id}/members/{person}', {
              params: { path: { id: project.account, person: member.id } },
              body: { role },
            }),
          )
        : must(
            api.PATCH('/v1/projects/{slug}/members/{person}', {
              params: { path: { slug: project.slug, person: member.id } },
              body: { role },
            }),
          ),
    onSettled: anew,
  })
  const able = mayChange(project, member.of) && within(member.role, own)
  return (
    <div className={parts.small}>
      {able ? (
        <Choice
          label={w.roleOf(plain(member.name || member.email))}
          hideLabel
          value={act.isPending ? act.variables : member.role}
          of={rolesOf(member.of)
            .filter((role) => within(role, own))
            .map((id) => ({ id, text: w.roles[id] }))}
          onChange={(role) => act.mutate(role)}
          disabled={act.isPending}
        />
      ) : (
        <span title={w.roleDoes[member.role]}>{w.roles[member.role]}</span>
      )}
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
    </div>
  )
}

function Remove({ member, self, close }: { member: Member; self: boolean; close: () => void }) {
  const project = useProject()
  const queries = useQueryClient()
  const anew = useMembersAnew()
  const [, navigate] = useLocation()
  const act = useMutation({
    mutationFn: () =>
      member.of === 'account'
        ? must(
            api.DELETE('/v1/accounts/{id}/members/{person}', {
              params: { path: { id: project.account, person: member.id } },
            }),
          )
        : must(
            api.DELETE('/v1/projects/{slug}/members/{person}', {
              params: { path: { slug: project.slug, person: member.id } },
            }),
          ),
    onSuccess: () => {
      close()
      if (!self) return anew()
      queries.clear()
      navigate('/')
    },
  })
  return (
    <Confirm
      title={self ? w.leaveTitle : w.removeTitle(plain(member.name || member.email))}
      go={self ? w.leave : w.remove}
      pending={act.isPending}
      fail={act.error === null ? null : asFail(act.error)}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{self ? w.leaveLoses : w.removeLoses}</p>
    </Confirm>
  )
}
