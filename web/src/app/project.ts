// Which project and account a page is of, and what its person may do there.
import { createContext, useContext } from 'react'
import type { Me } from '../live/types'
import { allows, type Right } from './rights'

export type Project = {
  slug: string
  name: string
  /** its id; empty where it is not told */
  account: string
  accountName: string
  /** in the project, by a role in the account, too */
  roles: readonly string[]
  /** in the account; none of who is a member of the project alone */
  accountRoles: readonly string[]
  me: Me
}

export const ProjectContext = createContext<Project | null>(null)

export function useProject(): Project {
  const project = useContext(ProjectContext)
  if (project === null) throw new Error('no project above this page')
  return project
}

export const looks = ({ me }: Project) => me.impersonation != null
export const may = (project: Project, right: Right) => allows(right, project.roles, looks(project))
export const mayAccount = (project: Project, right: Right) => allows(right, project.accountRoles, looks(project))
/** create, sleep, wake, kill */
export const mayAct = (project: Project) => may(project, 'sandbox.change')

const LAST = 'dormouse-project'

/** Which project one was in last, in this tab: so that a page of an account knows it after a reload. */
export const lastProject = {
  keep(slug: string): void {
    try {
      sessionStorage.setItem(LAST, slug)
    } catch {
      // a browser that keeps nothing: the account's first project it is
    }
  },
  get(): string | null {
    try {
      return sessionStorage.getItem(LAST)
    } catch {
      return null
    }
  },
}
