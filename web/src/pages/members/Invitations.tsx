// Who is invited and has not come yet: to this project, and to the whole account where one may see that.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Invitation } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { useWho } from '../../parts/useWho'
import { clock, plain } from '../../words/format'
import { project as words_ } from '../../words/project'
import { mayChange } from './Members'

const w = words_.members

type Row = Invitation & { of: 'account' | 'project' }

export function Invitations() {
  const project = useProject()
  const { slug, account } = project
  const prefs = usePrefs()
  const whoWord = useWho()
  const queries = useQueryClient()
  const here = useRows<Invitation>(['invitations', slug], (cursor) =>
    must(
      api.GET('/v1/projects/{slug}/invitations', {
        params: { path: { slug }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const all = useRows<Invitation>(
    ['invitations', account],
    (cursor) =>
      must(
        api.GET('/v1/accounts/{id}/invitations', {
          params: { path: { id: account }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { enabled: mayAccount(project, 'member.read') },
  )
  const withdraw = useMutation({
    mutationFn: ({ id, of }: Row) =>
      of === 'account'
        ? must(
            api.DELETE('/v1/accounts/{id}/invitations/{invitation}', {
              params: { path: { id: account, invitation: id } },
            }),
          )
        : must(
            api.DELETE('/v1/projects/{slug}/invitations/{invitation}', {
              params: { path: { slug, invitation: id } },
            }),
          ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['invitations'] }),
  })
  const rows = here.rows && [
    ...here.rows.map((row): Row => ({ ...row, of: 'project' })),
    ...(all.rows ?? []).map((row): Row => ({ ...row, of: 'account' })),
  ]
  const c = w.inviteColumns
  return (
    <section className={parts.block} aria-labelledby="invitations">
      <h2 id="invitations">{w.invitations}</h2>
      {withdraw.error === null ? null : <DenialCard fail={asFail(withdraw.error)} />}
      <List<Row>
        label={w.invitations}
        list={{ ...here, rows, more: here.more || all.more, loadMore: here.more ? here.loadMore : all.loadMore }}
        id={(row) => row.id}
        empty={<span className={parts.dim}>{w.noInvitations}</span>}
        columns={[
          { id: 'email', title: c.email, cell: (row) => <strong>{plain(row.email)}</strong> },
          { id: 'role', title: c.role, cell: (row) => w.roles[row.role] },
          { id: 'of', title: c.of, cell: (row) => (row.of === 'account' ? w.ofAccount : w.ofProject) },
          { id: 'by', title: c.by, cell: (row) => whoWord(row.made_by) },
          { id: 'ends', title: c.ends, cell: (row) => clock(row.expires_at, prefs) },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => (
              <Button
                kind="quietDanger"
                acts
                isDisabled={!mayChange(project, row.of) || withdraw.isPending}
                onPress={() => withdraw.mutate(row)}
              >
                {w.withdraw}
              </Button>
            ),
          },
        ]}
      />
    </section>
  )
}
