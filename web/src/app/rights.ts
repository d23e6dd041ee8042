// Who may do what, as the service's own table has it (tenants/who/rights.def; rights.test.ts holds this to it): of a role its
// first letter, and L for an operator who looks as a tenant. The service decides; this is so that a page can say it before.

export const RIGHTS = {
  'sandbox.read': 'VDAOL',
  'sandbox.create': 'DAO',
  'sandbox.change': 'DAO',
  'sandbox.kill': 'DAO',
  'sandbox.reach': 'DAO',
  'template.read': 'VDAOL',
  'template.change': 'DAO',
  'usage.read': 'VDBAOL',
  'limit.read': 'VDBAOL',
  'billing.read': 'BAOL',
  'billing.change': 'BAO',
  'key.read': 'DAOL',
  'key.change': 'DAO',
  'member.read': 'VDBAOL',
  'member.change': 'AO',
  'audit.read': 'AOL',
  'project.read': 'VDBAOL',
  'account.read': 'VDBAOL',
  'account.change': 'AO',
  'project.change': 'AO',
  'account.own': 'O',
} as const

export type Right = keyof typeof RIGHTS

/** Those that a key may have. */
export const KEY_RIGHTS: readonly Right[] = [
  'sandbox.read',
  'sandbox.create',
  'sandbox.change',
  'sandbox.kill',
  'template.read',
  'template.change',
  'usage.read',
  'limit.read',
  'billing.read',
  'project.read',
]

export const ROLES = ['viewer', 'developer', 'billing', 'admin', 'owner'] as const
export type Role = (typeof ROLES)[number]

const letter = (role: string) => role.charAt(0).toUpperCase()

/** looks: an operator looks as this tenant. */
export function allows(right: Right, roles: readonly string[], looks: boolean): boolean {
  return looks ? RIGHTS[right].includes('L') : roles.some((role) => RIGHTS[right].includes(letter(role)))
}

export function rolesWith(right: Right): Role[] {
  return ROLES.filter((role) => RIGHTS[right].includes(letter(role)))
}

/** Nobody gives, changes or takes away a role that has more than his own. */
export function within(role: Role, own: readonly string[]): boolean {
  return (
    Object.values(RIGHTS).every(
      (letters) => !letters.includes(letter(role)) || own.some((mine) => letters.includes(letter(mine))),
    ) &&
    (role !== 'owner' || own.includes('owner'))
  )
}
