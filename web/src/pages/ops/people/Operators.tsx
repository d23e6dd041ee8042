// Our own people: who may sign in, who is new, and one's own sessions. A one-time password is shown once and kept nowhere.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Operator, Session } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Copy } from '../../../parts/Copy'
import { DenialCard } from '../../../parts/DenialCard'
import { Dialog } from '../../../parts/Dialog'
import { Field } from '../../../parts/Field'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { project } from '../../../words/project'
import { Act } from '../Act'
import { from, useOps } from '../ops'
import { Section, Word } from '../parts'

const w = ops.people
const LOOKS: Record<Operator['state'], Look> = { active: 'good', new: 'change', disabled: 'ended' }
type Wish = 'disable' | 'enable' | 'reset'
type Told = { name: string; one_time_password: string }

export default function Operators() {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [adding, add] = useState(false)
  const [asked, ask] = useState<{ of: Operator; wish: Wish } | null>(null)
  const [told, tell] = useState<Told | null>(null)
  const list = useRows<Operator>(
    ['ops', 'operators'],
    (cursor) => must(api.GET('/v1/ops/operators', { params: { query: from(cursor, 100) } })),
    { every: 15_000 },
  )
  const done = (answer: unknown) => {
    add(false)
    ask(null)
    const said = answer as Partial<Told> | undefined
    if (said?.one_time_password !== undefined) tell(said as Told)
    void queries.invalidateQueries({ queryKey: ['ops', 'operators'] })
  }
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.title}</h1>
          <Button kind="primary" acts onPress={() => add(true)}>
            {w.add}
          </Button>
        </div>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={null}
        columns={[
          {
            id: 'who',
            title: c.who,
            cell: (row) => (
              <>
                <strong>{plain(row.name)}</strong> <span className={parts.dim}>{plain(row.email)}</span>
                {row.name === me.name ? <span className={parts.tag}>{project.members.you}</span> : null}
              </>
            ),
          },
          { id: 'state', title: c.state, cell: (row) => <Word look={LOOKS[row.state]}>{w.states[row.state]}</Word> },
          {
            id: 'second',
            title: c.second,
            cell: (row) => (row.second_factor ? project.members.on : project.members.off),
          },
          {
            id: 'seen',
            title: c.seen,
            cell: (row) => (row.seen_at === null ? words.never : clock(row.seen_at, prefs)),
          },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => (
              <span className={`${parts.row} ${parts.acts}`}>
                {row.name === me.name ? null : (
                  <Button kind="quiet" acts onPress={() => ask({ of: row, wish: 'reset' })}>
                    {w.wishes.reset.go}
                  </Button>
                )}
                <Button
                  kind={row.state === 'disabled' ? 'quiet' : 'quietDanger'}
                  acts
                  onPress={() => ask({ of: row, wish: row.state === 'disabled' ? 'enable' : 'disable' })}
                >
                  {w.wishes[row.state === 'disabled' ? 'enable' : 'disable'].go}
                </Button>
              </span>
            ),
          },
        ]}
      />
      <Sessions />
      {adding ? <Add done={done} close={() => add(false)} /> : null}
      {asked === null ? null : <Change of={asked.of} wish={asked.wish} done={done} close={() => ask(null)} />}
      {told === null ? null : (
        <Dialog title={w.toldTitle(plain(told.name))} open easy={false} onClose={() => tell(null)}>
          <p>{w.toldWhy}</p>
          <code className={parts.secret}>{told.one_time_password}</code>
          <div className={`${parts.row} ${parts.end}`}>
            <Copy text={told.one_time_password} />
            <Button kind="primary" onPress={() => tell(null)}>
              {project.keys.done}
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  )
}

function Add({ done, close }: { done: (answer: unknown) => void; close: () => void }) {
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const fits = /^[a-z0-9._-]{1,40}$/.test(name)
  return (
    <Act
      name="operator-add"
      title={w.addTitle}
      go={w.add}
      ready={fits && email.includes('@')}
      run={(reason) => must(api.POST('/v1/ops/operators', { body: { name, email: email.trim(), reason } }))}
      done={done}
      close={close}
    >
      <Field
        label={w.name}
        hint={w.nameHint}
        value={name}
        onChange={setName}
        isInvalid={name !== '' && !fits}
        isRequired
      />
      <Field label={words.sign.email} type="email" value={email} onChange={setEmail} isRequired />
    </Act>
  )
}

function Change({
  of,
  wish,
  done,
  close,
}: {
  of: Operator
  wish: Wish
  done: (answer: unknown) => void
  close: () => void
}) {
  const params = { path: { name: of.name } }
  const said = w.wishes[wish]
  const paths = {
    disable: '/v1/ops/operators/{name}/disable',
    enable: '/v1/ops/operators/{name}/enable',
    reset: '/v1/ops/operators/{name}/reset',
  } as const
  return (
    <Act
      name={`operator:${wish}:${of.name}`}
      title={said.title(plain(of.name))}
      go={said.go}
      danger={wish !== 'enable'}
      run={(reason) => must<unknown>(api.POST(paths[wish], { params, body: { reason } }))}
      done={done}
      close={close}
    >
      <p>{said.why}</p>
    </Act>
  )
}

function Sessions() {
  const prefs = usePrefs()
  const queries = useQueryClient()
  const key = ['ops', 'sessions']
  const list = useRows<Session>(key, (cursor) =>
    must(api.GET('/v1/ops/auth/sessions', { params: { query: from(cursor) } })),
  )
  const end = useMutation({
    mutationFn: (id: string) => must(api.DELETE('/v1/ops/auth/sessions/{id}', { params: { path: { id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: key }),
  })
  const c = w.sessionColumns
  return (
    <Section id="sessions" title={w.sessions}>
      {end.error === null ? null : <DenialCard fail={asFail(end.error)} />}
      <List
        label={w.sessions}
        list={list}
        id={(row) => row.id}
        empty={null}
        columns={[
          {
            id: 'agent',
            title: c.agent,
            wide: true,
            cell: (row) => (
              <>
                {plain(row.agent)} <span className={parts.dim}>{plain(row.address)}</span>
                {row.current ? <span className={parts.tag}>{w.thisOne}</span> : null}
              </>
            ),
          },
          { id: 'begun', title: c.begun, cell: (row) => clock(row.begun_at, prefs) },
          { id: 'used', title: c.used, cell: (row) => clock(row.used_at, prefs) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              row.current ? null : (
                <Button kind="quietDanger" acts isDisabled={end.isPending} onPress={() => end.mutate(row.id)}>
                  {w.endSession}
                </Button>
              ),
          },
        ]}
      />
    </Section>
  )
}
