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
  section: string
  /** after g */
  key?: string
  /** it is in the bar of a telephone */
  bar?: boolean
  /** what is below it is not of it */
  begin?: boolean
  /** a page of its own, outside this app */
  outside?: boolean
}

export type Section = { id: string; title: string }

export const SECTIONS: readonly Section[] = [
  { id: 'main', title: '' },
  { id: 'money', title: words.nav.money },
  { id: 'project', title: words.nav.project },
  { id: 'more', title: '' },
]

export function places({ slug, account }: Project): Place[] {
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
      begin: true,
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
    { id: 'usage', text: w.usage, href: to.usage(account), icon: 'usage', section: 'money', key: 'u', bar: true },
    { id: 'invoices', text: w.invoices, href: to.invoices(account), icon: 'invoice', section: 'money', key: 'i' },
    { id: 'statements', text: w.statements, href: to.statements(account), icon: 'statement', section: 'money' },
    { id: 'plan', text: w.plan, href: to.plan(account), icon: 'plan', section: 'money' },
    { id: 'calculator', text: w.calculator, href: to.calculator(account), icon: 'calculator', section: 'money' },
    { id: 'exports', text: w.exports, href: to.exports(account), icon: 'exports', section: 'money' },
    { id: 'verify', text: w.verify, href: to.check(account), icon: 'verify', section: 'money' },
    { id: 'keys', text: w.keys, href: to.keys(slug), icon: 'key', section: 'project', key: 'k' },
    { id: 'members', text: w.members, href: to.members(slug), icon: 'members', section: 'project' },
    { id: 'limits', text: w.limits, href: to.limits(slug), icon: 'limits', section: 'project', key: 'l' },
    { id: 'audit', text: w.audit, href: to.audit(slug), icon: 'audit', section: 'project' },
    { id: 'account', text: w.account, href: to.account(account), icon: 'account', section: 'more' },
    { id: 'docs', text: w.docs, href: '/docs', icon: 'docs', section: 'more', outside: true },
  ]
}

/** Whether one is on it, or on what is below it; all is below a beginning. */
export function isHere(place: Place, path: string): boolean {
  return path === place.href || (place.begin !== true && path.startsWith(`${place.href}/`))
}
