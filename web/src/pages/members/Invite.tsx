// A letter with a link that works once. Nobody is offered a role that has more than who invites.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Form } from 'react-aria-components'
import { useProject } from '../../app/project'
import { type Role, within } from '../../app/rights'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { useDraft } from '../../live/useDraft'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { plain } from '../../words/format'
import { project as words_ } from '../../words/project'
import { mayChange, ownRoles, rolesOf } from './Members'

const w = words_.members

export function Invite({ close }: { close: () => void }) {
  const project = useProject()
  const queries = useQueryClient()
  const [email, setEmail, forget] = useDraft(`invite:${project.slug}`)
  const [where, setWhere] = useState<'project' | 'account'>('project')
  const offered = rolesOf(where).filter((role) => within(role, ownRoles(project, where)))
  const [wanted, setRole] = useState<Role>('developer')
  const role = offered.includes(wanted) ? wanted : (offered[0] ?? 'viewer')
  const act = useMutation({
    mutationFn: () => {
      const body = { email: email.trim(), role }
      return where === 'account'
        ? must(api.POST('/v1/accounts/{id}/invitations', { params: { path: { id: project.account } }, body }))
        : must(api.POST('/v1/projects/{slug}/invitations', { params: { path: { slug: project.slug } }, body }))
    },
    onSuccess: () => {
      forget()
      void queries.invalidateQueries({ queryKey: ['invitations'] })
    },
  })
  if (act.data !== undefined) {
    return (
      <Dialog title={w.inviteTitle} open onClose={close}>
        <p role="status">{w.sent(plain(act.data.email ?? ''))}</p>
        <p className={parts.hint}>{w.sentLocal}</p>
        <div className={`${parts.row} ${parts.end}`}>
          <Button kind="primary" onPress={close}>
            {words.close}
          </Button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={w.inviteTitle} open onClose={close}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate()
        }}
      >
        <Field label={w.email} type="email" value={email} onChange={setEmail} isRequired autoFocus autoComplete="off" />
        {mayChange(project, 'account') ? (
          <Choice
            label={w.scope}
            value={where}
            of={[
              { id: 'project', text: `${w.ofProject}: ${plain(project.name)}` },
              { id: 'account', text: `${w.ofAccount}: ${plain(project.accountName)}` },
            ]}
            onChange={setWhere}
          />
        ) : null}
        <Choice
          label={w.role}
          value={role}
          of={offered.map((id) => ({ id, text: w.roles[id] }))}
          onChange={setRole}
          hint={w.roleDoes[role]}
        />
        {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={close}>{words.cancel}</Button>
          <Button type="submit" kind="primary" acts isPending={act.isPending} isDisabled={email.trim() === ''}>
            {w.send}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}
