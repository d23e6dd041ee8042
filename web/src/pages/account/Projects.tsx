// The account's projects: made, renamed, removed after a notice, and taken back until then.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Form } from 'react-aria-components'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { rolesWith } from '../../app/rights'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { OwnProject } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Confirm } from '../../parts/Confirm'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { account as words_ } from '../../words/account'
import { clock, mib, plain } from '../../words/format'
import { NameDialog } from './Account'

const w = words_.projects

function useAnew(): () => void {
  const { account } = useProject()
  const queries = useQueryClient()
  return () => {
    for (const queryKey of [['account-projects', account], ['me']]) void queries.invalidateQueries({ queryKey })
  }
}

export function Projects() {
  const project = useProject()
  const prefs = usePrefs()
  const anew = useAnew()
  const [making, make] = useState(false)
  const [renamed, rename] = useState<OwnProject | null>(null)
  const [removed, remove] = useState<OwnProject | null>(null)
  const able = mayAccount(project, 'project.change')
  const owner = mayAccount(project, 'account.own')
  const list = useRows<OwnProject>(['account-projects', project.account], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/projects', {
        params: { path: { id: project.account }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const restore = useMutation({
    mutationFn: (slug: string) => must(api.POST('/v1/projects/{slug}/restore', { params: { path: { slug } } })),
    onSettled: anew,
  })
  const c = w.columns
  return (
    <section className={parts.block} aria-labelledby="projects">
      <div className={parts.head}>
        <h2 id="projects">{w.title}</h2>
        <div className={parts.row}>
          {able ? null : <span className={parts.hint}>{words.noRight.act(rolesWith('project.change'))}</span>}
          <Button isDisabled={!able} onPress={() => make(true)}>
            {w.make}
          </Button>
        </div>
      </div>
      {restore.error === null ? null : <DenialCard fail={asFail(restore.error)} />}
      <List
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={<strong>{w.empty}</strong>}
        columns={[
          {
            id: 'name',
            title: c.name,
            cell: (row) => (
              <>
                <Link href={to.overview(row.slug)}>{plain(row.name)}</Link>{' '}
                <span className={`${parts.hint} ${parts.mono}`}>{row.slug}</span>
                {row.removal?.ends_at === undefined ? null : (
                  <p className={parts.error}>{w.removing(clock(row.removal.ends_at, prefs))}</p>
                )}
              </>
            ),
          },
          { id: 'region', title: c.region, cell: (row) => plain(row.region) },
          { id: 'running', title: c.running, end: true, cell: (row) => row.running.toLocaleString('en') },
          { id: 'asleep', title: c.asleep, end: true, cell: (row) => mib(row.asleep_mib) },
          { id: 'since', title: c.since, cell: (row) => clock(row.created_at, prefs) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => (
              <span className={`${parts.row} ${parts.acts}`}>
                <Button kind="quiet" isDisabled={!able} onPress={() => rename(row)}>
                  {w.rename}
                </Button>
                {row.removal === null ? (
                  <Button kind="quietDanger" isDisabled={!owner} onPress={() => remove(row)}>
                    {w.remove}
                  </Button>
                ) : (
                  <Button acts isDisabled={!owner || restore.isPending} onPress={() => restore.mutate(row.slug)}>
                    {w.restore}
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {making ? <Make close={() => make(false)} /> : null}
      {renamed === null ? null : <Rename of={renamed} close={() => rename(null)} />}
      {removed === null ? null : <Remove of={removed} close={() => remove(null)} />}
    </section>
  )
}

function Make({ close }: { close: () => void }) {
  const { account } = useProject()
  const anew = useAnew()
  const [name, setName] = useState('')
  const [slug, setSlug] = useState('')
  const fits = slug === '' || /^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$/.test(slug)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/accounts/{id}/projects', {
          params: { path: { id: account } },
          body: { name: name.trim(), ...(slug === '' ? {} : { slug }) },
        }),
      ),
    onSuccess: () => {
      anew()
      close()
    },
  })
  return (
    <Dialog title={w.makeTitle} open onClose={close}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate()
        }}
      >
        <Field
          label={words_.name}
          value={name}
          onChange={setName}
          maxLength={100}
          isRequired
          autoFocus
          autoComplete="off"
        />
        <Field label={w.slug} hint={w.slugHint} value={slug} onChange={setSlug} isInvalid={!fits} maxLength={50} mono />
        {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={close}>{words.cancel}</Button>
          <Button type="submit" kind="primary" acts isPending={act.isPending} isDisabled={name.trim() === '' || !fits}>
            {w.make}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}

function Rename({ of, close }: { of: OwnProject; close: () => void }) {
  const anew = useAnew()
  const [name, setName] = useState(of.name)
  const act = useMutation({
    mutationFn: () =>
      must(api.PATCH('/v1/projects/{slug}', { params: { path: { slug: of.slug } }, body: { name: name.trim() } })),
    onSuccess: () => {
      anew()
      close()
    },
  })
  return <NameDialog title={words_.renameTitle} name={name} setName={setName} act={act} close={close} />
}

function Remove({ of, close }: { of: OwnProject; close: () => void }) {
  const anew = useAnew()
  const [text, setText] = useState('')
  const act = useMutation({
    mutationFn: () =>
      must(api.DELETE('/v1/projects/{slug}', { params: { path: { slug: of.slug } }, body: { confirm: text.trim() } })),
    onSuccess: () => {
      anew()
      close()
    },
  })
  return (
    <Confirm
      title={w.removeTitle(plain(of.name))}
      go={w.remove}
      pending={act.isPending}
      fail={act.error === null ? null : asFail(act.error)}
      sure={text.trim() === of.slug}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{w.removeLoses}</p>
      <Field label={w.removeType(of.slug)} value={text} onChange={setText} autoComplete="off" autoFocus mono />
    </Confirm>
  )
}
