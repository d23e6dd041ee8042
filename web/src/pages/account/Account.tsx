// The account itself: what it is called and how it stands, who is billed, its projects, and who is in all of it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Form } from 'react-aria-components'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { OwnAccount } from '../../live/types'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Facts } from '../../parts/Facts'
import { Field } from '../../parts/Field'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { Glyph } from '../../parts/StateWord'
import { words } from '../../words'
import { account as w } from '../../words/account'
import { clock, plain } from '../../words/format'
import { project as projectWords } from '../../words/project'
import { Owners } from './Owners'
import { Profile } from './Profile'
import { Projects } from './Projects'

export default function Account() {
  return (
    <OfAccount right="account.read">
      <Known />
    </OfAccount>
  )
}

export const accountKey = (id: string) => ['account', id] as const

function Known() {
  const project = useProject()
  const { account } = project
  const prefs = usePrefs()
  const [renaming, rename] = useState(false)
  const query = useQuery({
    queryKey: accountKey(account),
    queryFn: () => must(api.GET('/v1/accounts/{id}', { params: { path: { id: account } } })) as Promise<OwnAccount>,
  })
  const one = query.data
  if (one === undefined) {
    return query.error === null ? (
      <Bones heights={[28, 96, 240, 160]} />
    ) : (
      <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
    )
  }
  const good = one.standing.state === 'good'
  const f = w.facts
  return (
    <div className={parts.page}>
      <div className={parts.head}>
        <h1>{plain(one.name)}</h1>
        <Button isDisabled={!mayAccount(project, 'account.change')} onPress={() => rename(true)}>
          {w.rename}
        </Button>
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
          [
            f.standing,
            <span key="standing" className={`${parts.state} ${good ? parts.good : parts.fault} ${parts.sentence}`}>
              <Glyph look={good ? 'good' : 'fault'} />
              {w.standing[one.standing.state] ?? plain(one.standing.state)}
              {one.standing.why ? `: ${plain(one.standing.why)}` : ''}
            </span>,
          ],
          [f.plan, plain(one.tier)],
          [f.roles, one.roles.map((role) => projectWords.members.roles[role]).join(', ') || words.none],
          [f.since, clock(one.created_at, prefs)],
        ]}
      />
      <Profile of={one} />
      <Projects />
      <Owners />
      {renaming ? <Rename of={one} close={() => rename(false)} /> : null}
    </div>
  )
}

function Rename({ of, close }: { of: OwnAccount; close: () => void }) {
  const queries = useQueryClient()
  const [name, setName] = useState(of.name)
  const act = useMutation({
    mutationFn: () =>
      must(api.PATCH('/v1/accounts/{id}', { params: { path: { id: of.id } }, body: { name: name.trim() } })),
    onSuccess: () => {
      for (const queryKey of [accountKey(of.id), ['me']]) void queries.invalidateQueries({ queryKey })
      close()
    },
  })
  return <NameDialog title={w.renameTitle} name={name} setName={setName} act={act} close={close} />
}

/** One name, asked for. */
export function NameDialog({
  title,
  name,
  setName,
  act,
  close,
}: {
  title: string
  name: string
  setName: (name: string) => void
  act: { mutate: () => void; isPending: boolean; error: unknown }
  close: () => void
}) {
  return (
    <Dialog title={title} open onClose={close}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate()
        }}
      >
        <Field label={w.name} value={name} onChange={setName} maxLength={100} isRequired autoFocus autoComplete="off" />
        {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={close}>{words.cancel}</Button>
          <Button type="submit" kind="primary" acts isPending={act.isPending} isDisabled={name.trim() === ''}>
            {w.save}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}
