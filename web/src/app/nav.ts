// The pages that one goes to, as the navigation, Ctrl-K and the single keys have them.
import type { IconName } from '../parts/Icon'
import { words } from '../words'
import type { Project } from './project'
import { to } from './routes'

export type Place = {
  id: string
  text: string
  href: string
  icon: IconName
  section: 'main' | 'money' | 'project' | 'more'
  /** after g */
  key?: string
  /** it is in the bar of a telephone */
  bar?: boolean
  /** a page of its own, outside this app */
  outside?: boolean
}

export const SECTIONS: readonly { id: Place['section']; title: string }[] = [
  { id: 'main', title: '' },
  { id: 'money', title: words.nav.money },
  { id: 'project', title: words.nav.project },
  { id: 'more', title: '' },
]

export function places({ slug }: Project): Place[] {
  const w = words.nav
  return [
    {
      id: 'overview',
      text: w.overview,
      href: to.overview(slug),
      icon: 'overview',
      section: 'main',
      key: 'o',
      bar: true,
    },
    {
      id: 'sandboxes',
      text: w.sandboxes,
      href: to.sandboxes(slug),
      icon: 'sandboxes',
      section: 'main',
      key: 's',
      bar: true,
    },
    { id: 'keys', text: w.keys, href: to.keys(slug), icon: 'key', section: 'project', key: 'k', bar: true },
    { id: 'members', text: w.members, href: to.members(slug), icon: 'members', section: 'project' },
    { id: 'limits', text: w.limits, href: to.limits(slug), icon: 'limits', section: 'project', key: 'l' },
    { id: 'audit', text: w.audit, href: to.audit(slug), icon: 'audit', section: 'project' },
    { id: 'verify', text: w.verify, href: '/console/verify/', icon: 'verify', section: 'more', outside: true },
    { id: 'docs', text: w.docs, href: '/docs', icon: 'docs', section: 'more', outside: true },
  ]
}

/** Whether one is on it, or on what is below it. */
export function isHere(place: Place, path: string): boolean {
  return place.id === 'overview' ? path === place.href : path === place.href || path.startsWith(`${place.href}/`)
}
