// Every address of the console, below /console. Links are made here and nowhere else.

export const routes = {
  signIn: '/sign-in',
  signUp: '/sign-up',
  reset: '/reset',
  resetTo: '/reset/:token',
  confirm: '/confirm/:token',
  invite: '/invite/:token',
  cli: '/cli',
  overview: '/p/:slug',
  sandboxes: '/p/:slug/sandboxes',
  sandbox: '/p/:slug/sandboxes/:id',
  keys: '/p/:slug/keys',
  members: '/p/:slug/members',
  limits: '/p/:slug/limits',
  audit: '/p/:slug/audit',
  usage: '/a/:account/usage',
  calculator: '/a/:account/calculator',
  invoices: '/a/:account/invoices',
  invoice: '/a/:account/invoices/:number',
  statements: '/a/:account/statements',
  statement: '/a/:account/statements/:number',
  seconds: '/a/:account/statements/:number/:hash',
  plan: '/a/:account/plan',
  exports: '/a/:account/exports',
  check: '/a/:account/verify',
  ops: '/ops/*?',
} as const

const part = encodeURIComponent
const of = (kind: 'p' | 'a', id: string, page: string) => `/${kind}/${part(id)}/${page}`

export const to = {
  overview: (slug: string) => `/p/${part(slug)}`,
  sandboxes: (slug: string, query = '') => `${of('p', slug, 'sandboxes')}${query}`,
  sandbox: (slug: string, id: string, tab?: string) =>
    `${of('p', slug, 'sandboxes')}/${part(id)}${tab === undefined || tab === 'life' ? '' : `?tab=${part(tab)}`}`,
  keys: (slug: string) => of('p', slug, 'keys'),
  members: (slug: string) => of('p', slug, 'members'),
  limits: (slug: string) => of('p', slug, 'limits'),
  audit: (slug: string, query = '') => `${of('p', slug, 'audit')}${query}`,
  usage: (account: string, query = '') => `${of('a', account, 'usage')}${query}`,
  calculator: (account: string, query = '') => `${of('a', account, 'calculator')}${query}`,
  invoices: (account: string, query = '') => `${of('a', account, 'invoices')}${query}`,
  invoice: (account: string, number: string) => `${of('a', account, 'invoices')}/${part(number)}`,
  statements: (account: string) => of('a', account, 'statements'),
  statement: (account: string, number: number, query = '') => `${of('a', account, 'statements')}/${number}${query}`,
  seconds: (account: string, number: number, hash: string, page: number) =>
    `${of('a', account, 'statements')}/${number}/${part(hash)}?page=${page}`,
  plan: (account: string) => of('a', account, 'plan'),
  exports: (account: string) => of('a', account, 'exports'),
  check: (account: string, query = '') => `${of('a', account, 'verify')}${query}`,
}
