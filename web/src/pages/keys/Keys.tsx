// The project's API keys: who made them, when they were used, what they may; one is shown once, and revoked at once.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { may, useProject } from '../../app/project'
import { rolesWith } from '../../app/rights'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Key } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Confirm } from '../../parts/Confirm'
import { List } from '../../parts/List'
import { NoRight } from '../../parts/NoRight'
import parts from '../../parts/parts.module.css'
import { useNow } from '../../parts/useNow'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { age, clock, plain } from '../../words/format'
import { project as w } from '../../words/project'
import { ChangeKey } from './ChangeKey'
import { NewKey } from './NewKey'

export default function Keys() {
  const project = useProject()
  return may(project, 'key.read') ? <Known /> : <NoRight right="key.read" />
}

function Known() {
  const project = useProject()
  const { slug } = project
  const prefs = usePrefs()
  const now = useNow(5000)
  const whoWord = useWho()
  const [making, setMaking] = useState(false)
  const [changed, setChanged] = useState<Key | null>(null)
  const [revoked, setRevoked] = useState<Key | null>(null)
  const mayChange = may(project, 'key.change')
  const list = useRows<Key>(
    ['keys', slug],
    (cursor) =>
      must(
        api.GET('/v1/projects/{slug}/keys', {
          params: { path: { slug }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: 30_000 },
  )
  const c = w.keys.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.keys.title}</h1>
          <Button kind="primary" isDisabled={!mayChange} onPress={() => setMaking(true)}>
            {w.keys.make}
          </Button>
        </div>
        <p className={parts.lead}>{mayChange ? w.keys.lead : words.noRight.act(rolesWith('key.change'))}</p>
      </div>
      <List
        label={w.keys.title}
        list={list}
        id={(key) => key.id}
        empty={
          <>
            <strong>{w.keys.empty}</strong>
            <p>{w.keys.emptyCure}</p>
          </>
        }
        columns={[
          {
            id: 'name',
            title: c.name,
            cell: (key) => (
              <>
                <strong>{plain(key.name)}</strong>{' '}
                <Link href={to.sandboxes(slug, `?key=${encodeURIComponent(key.id)}`)} className={parts.hint}>
                  {w.keys.boxes}
                </Link>
              </>
            ),
          },
          { id: 'mask', title: c.mask, cell: (key) => <span className={parts.mono}>{key.mask}</span> },
          {
            id: 'rights',
            title: c.rights,
            cell: (key) =>
              key.all_rights ? (
                w.keys.allRights
              ) : (
                <span title={key.rights.map((right) => w.keys.right[right] ?? right).join(', ')}>
                  {w.keys.rights(key.rights.length)}
                </span>
              ),
          },
          {
            id: 'by',
            title: c.by,
            cell: (key) => (key.maker === null ? whoWord(key.made_by) : plain(key.maker.name || key.maker.email || '')),
          },
          { id: 'created', title: c.created, cell: (key) => clock(key.created_at, prefs) },
          {
            id: 'used',
            title: c.used,
            cell: (key) =>
              key.last_used_at === null ? (
                <span className={parts.dim}>{words.never}</span>
              ) : (
                <span title={clock(key.last_used_at, prefs)}>{words.ago(age(key.last_used_at, now))}</span>
              ),
          },
          {
            id: 'expires',
            title: c.expires,
            cell: (key) =>
              key.expires_at === null ? <span className={parts.dim}>{words.never}</span> : clock(key.expires_at, prefs),
          },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (key) => (
              <span className={`${parts.row} ${parts.acts}`}>
                <Button kind="quiet" isDisabled={!mayChange} onPress={() => setChanged(key)}>
                  {w.keys.change}
                </Button>
                <Button kind="quietDanger" isDisabled={!mayChange} onPress={() => setRevoked(key)}>
                  {w.keys.revoke}
                </Button>
              </span>
            ),
          },
        ]}
      />
      {making ? <NewKey close={() => setMaking(false)} /> : null}
      {changed === null ? null : <ChangeKey of={changed} close={() => setChanged(null)} />}
      {revoked === null ? null : <Revoke of={revoked} close={() => setRevoked(null)} />}
    </div>
  )
}

function Revoke({ of, close }: { of: Key; close: () => void }) {
  const { slug } = useProject()
  const queries = useQueryClient()
  const act = useMutation({
    mutationFn: () => must(api.DELETE('/v1/projects/{slug}/keys/{id}', { params: { path: { slug, id: of.id } } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['keys', slug] })
      close()
    },
  })
  return (
    <Confirm
      title={w.keys.revokeTitle(plain(of.name))}
      go={w.keys.revoke}
      pending={act.isPending}
      fail={act.error === null ? null : asFail(act.error)}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{w.keys.revokeLoses}</p>
    </Confirm>
  )
}
