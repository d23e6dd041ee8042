// Names for the ids by which the service says who did something.
import { useQuery } from '@tanstack/react-query'
import { may, useProject } from '../app/project'
import { members } from '../live/queries'
import { plain } from '../words/format'

/** person:ID is called as the member is, while he is one; everybody else as the service calls him. */
export function useWho(): (who: string) => string {
  const project = useProject()
  const { data } = useQuery({ ...members(project.slug), enabled: may(project, 'member.read') })
  const names = new Map(data?.rows.map((m) => [`person:${m.id}`, m.name || m.email]))
  return (who) => plain(names.get(who) ?? who.replace(':', ' '))
}
