// A page that one's role may not see: which roles may, and who has one of them here. No leak: members see each other anyway.
import { useQuery } from '@tanstack/react-query'
import { may, useProject } from '../app/project'
import { type Right, rolesWith } from '../app/rights'
import { members } from '../live/queries'
import { words } from '../words'
import { plain } from '../words/format'
import parts from './parts.module.css'

/** account: it is a right in the whole account. */
export function NoRight({ right, account = false }: { right: Right; account?: boolean }) {
  const project = useProject()
  const roles = rolesWith(right)
  const { data } = useQuery({ ...members(project.slug), enabled: may(project, 'member.read') })
  const whom = (data?.rows ?? [])
    .filter((m) => roles.some((role) => role === m.role) && (!account || m.of === 'account'))
    .map((m) => plain(m.name || m.email))
  return (
    <div className={`${parts.card} ${parts.empty}`}>
      <strong>{words.noRight.title}</strong>
      <p>{words.noRight.who(roles, account && project.accountName !== '' ? plain(project.accountName) : null)}</p>
      {whom.length === 0 ? null : <p>{words.noRight.ask(whom.slice(0, 5))}</p>}
    </div>
  )
}
