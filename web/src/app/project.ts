// Which project a page is of, and what its person may do there.
import { createContext, useContext } from 'react'
import type { Me } from '../live/types'

export type Project = { slug: string; name: string; account: string; roles: readonly string[]; me: Me }

export const ProjectContext = createContext<Project | null>(null)

export function useProject(): Project {
  const project = useContext(ProjectContext)
  if (project === null) throw new Error('no project above this page')
  return project
}

const has = (project: Project, ...roles: string[]) =>
  project.me.impersonation == null && project.roles.some((role) => roles.includes(role))
/** create, sleep, wake, kill, keys */
export const mayAct = (project: Project) => has(project, 'developer', 'admin', 'owner')
/** bills; who looks as a tenant sees them, too */
export const maySeeMoney = (project: Project) => project.me.impersonation != null || project.roles.length > 0
