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
  ops: '/ops/*?',
} as const

const part = encodeURIComponent

export const to = {
  overview: (slug: string) => `/p/${part(slug)}`,
  sandboxes: (slug: string, query = '') => `/p/${part(slug)}/sandboxes${query}`,
  sandbox: (slug: string, id: string, tab?: string) =>
    `/p/${part(slug)}/sandboxes/${part(id)}${tab === undefined || tab === 'life' ? '' : `?tab=${part(tab)}`}`,
}
